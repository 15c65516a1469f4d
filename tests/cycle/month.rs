//! A month of nightly backups, with what befalls such a month.

use std::collections::HashSet;
use std::time::Duration;

use refpoint::fleet::{BackupReport, Kind, Outcome, Policy, PruneOrder, PruneReport, prune};
use refpoint::hyperv::{Consistency, Seen};
use refpoint::lab::Upset;
use refpoint::ledger::{self, Backup, StepKind};

use crate::support::{DB01, Yard, plan};

const DAY: Duration = Duration::from_secs(86_400);

/// The twelfth checkpoint fails.
const WORLD: &str = "[[user]]\nname = 'LAB\\operator'\n[[user]]\nname = 'LAB\\backup'\n\
    [[job]]\nmethod = \"CreateSnapshot\"\nskip = 11\ntimes = 1\nstate = 10\n";

fn night(number: u32) -> refpoint::fleet::BackupPlan {
    plan(&format!("night-{number:02}"))
}

async fn let_go(yard: &Yard) -> PruneReport {
    let policy = Policy { keep_last: 3, keep_for: DAY * 5 };
    let order = PruneOrder { what: None, policy, dry_run: false };
    yard.with(async |around| prune(around, &order).await).await.unwrap()
}

/// What must be so after each night, whatever befell it.
async fn is_in_order(yard: &Yard, foreign: &HashSet<String>, number: u32) {
    let (marks, checkpoints) = yard.there("db01").await;
    assert!(checkpoints.is_empty(), "night {number}: {checkpoints:?}");
    let there: HashSet<_> = marks.iter().map(|mark| mark.id().to_owned()).collect();
    assert!(foreign.is_subset(&there), "night {number}: points of others are touched");
    let ours: HashSet<_> = yard.ours().into_iter().map(|point| point.id).collect();
    assert!(ours.is_disjoint(foreign), "night {number}");
    let nobodys: Vec<_> = there.difference(&ours).filter(|id| !foreign.contains(*id)).collect();
    assert!(nobodys.is_empty(), "night {number}: {nobodys:?}");
    assert_eq!(yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap(), None, "night {number}");
}

/// Walks from each backup that ended well to the full one that it needs, by the ledger alone, and looks whether
/// everything is where the ledger says.
async fn restores(yard: &Yard) -> usize {
    let all = yard.ledger().backups_of(ledger::Kind::Vm, DB01).unwrap();
    let host = yard.host().await;
    let mut whole = 0;
    for backup in all.iter().filter(|backup| backup.outcome.as_deref() == Some("completed")) {
        let (mut at, mut chain) = (backup, Vec::new());
        loop {
            chain.push(at);
            let Some(base) = &at.new.base else { break };
            let before = all.iter().find(|other| other.point.as_deref() == Some(base));
            at = before.unwrap_or_else(|| panic!("nothing was written of {base}"));
            assert!(at.outcome.as_deref() == Some("completed") && at.id < backup.id);
        }
        for (place, link) in chain.iter().rev().enumerate() {
            let size = disk(&host, link).await;
            // The first of them holds everything, the others what has changed.
            assert_eq!(place == 0, size > 20 << 30, "{} {size}", link.new.directory);
        }
        whole += 1;
    }
    whole
}

async fn disk(host: &refpoint::hyperv::Host, backup: &Backup) -> u64 {
    let path = format!(r"{}\db01\db.vhdx", backup.new.directory);
    match host.file(&path).await.unwrap() {
        Seen::Known(Some(size)) => size,
        other => panic!("{path}: {other:?}"),
    }
}

/// Returns at which step a backup stands whose process was ended.
fn stage(yard: &Yard) -> Option<StepKind> {
    let open = yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap()?;
    let step = yard.ledger().steps(open.id).unwrap().pop();
    step.filter(|step| step.ended_at.is_none()).map(|step| step.new.kind)
}

/// Returns moments, in milliseconds, at which a night that goes well is at its steps: some of each.
async fn moments() -> Vec<u64> {
    let mut found: Vec<(StepKind, u64)> = Vec::new();
    for at in (100..9000).step_by(100) {
        let yard = Yard::new("");
        yard.backup_until(&night(1), Duration::from_millis(at)).await;
        found.extend(stage(&yard).map(|stage| (stage, at)));
    }
    // Of a long step not every moment is another.
    let few = |kind: StepKind| {
        let of_kind: Vec<_> = found.iter().filter(|(found, _)| *found == kind).map(|(_, at)| *at).collect();
        let every = (of_kind.len() / 3).max(1);
        of_kind.into_iter().step_by(every).take(3).collect::<Vec<_>>()
    };
    [StepKind::Checkpoint, StepKind::Export, StepKind::Convert].into_iter().flat_map(few).collect()
}

fn kind(report: &BackupReport) -> Option<Kind> {
    report.error.as_ref().map(|error| error.kind)
}

#[tokio::test(start_paused = true)]
async fn a_month_of_nights_ends_each_with_a_truthful_ledger_and_a_chain_that_restores() {
    let moments = moments().await;
    let yard = Yard::new(WORLD);
    let theirs = yard.host_of(r"LAB\backup").await;
    let (there, _) = yard.there("db01").await;
    let mut foreign: HashSet<_> = there.iter().map(|mark| mark.id().to_owned()).collect();
    let (mut completed, mut fulls, mut stages, mut removed) = (0, Vec::new(), HashSet::new(), 0);
    for number in 1..=31 {
        let owner = yard.owner(&theirs, "db01").await;
        // The other product goes on with its own points meanwhile.
        if number % 7 == 3 {
            theirs.create_mark(&owner, Consistency::Application, 2).await.unwrap();
            tokio::time::advance(Duration::from_secs(60)).await;
            let (now, _) = yard.there("db01").await;
            let ours: HashSet<_> = yard.ours().into_iter().map(|point| point.id).collect();
            foreign.extend(now.iter().map(|mark| mark.id().to_owned()).filter(|id| !ours.contains(id)));
        }
        match number {
            8 => {
                // It wipes a point that it has not made: our base.
                let base = yard.ours().remove(0).id;
                let (marks, _) = yard.there("db01").await;
                let mark = marks.into_iter().find(|mark| mark.id() == base).unwrap();
                theirs.destroy(&mark).await.unwrap();
                tokio::time::advance(Duration::from_secs(60)).await;
            }
            15 => merging(&yard, 32772),
            16 => merging(&yard, 2),
            _ => {}
        }
        let report = match number {
            // The program is ended in the midst of it, at each of its steps, and started again by its supervisor.
            18..=24 => {
                let at = moments[(number as usize - 18) * moments.len() / 7];
                let cut = yard.backup_until(&night(number), Duration::from_millis(at)).await;
                stages.extend(stage(&yard));
                match cut {
                    Some(report) => report,
                    None => {
                        tokio::time::advance(Duration::from_secs(20)).await;
                        yard.backup(&night(number)).await
                    }
                }
            }
            // Nobody starts it again: the next night does.
            26 | 28 => {
                let patience = if number == 26 { 3000 } else { 5000 };
                let cut = yard.backup_until(&night(number), Duration::from_millis(patience)).await;
                assert!(cut.is_none());
                tokio::time::advance(DAY).await;
                continue;
            }
            _ => yard.backup(&night(number)).await,
        };
        match number {
            12 => assert_eq!(
                (report.outcome, kind(&report)),
                (Outcome::Failed, Some(Kind::JobFailed)),
                "{report:#?}"
            ),
            15 => assert_eq!(
                (report.outcome, kind(&report)),
                (Outcome::Failed, Some(Kind::Busy)),
                "{report:#?}"
            ),
            _ => {
                assert_eq!(report.outcome, Outcome::Completed, "night {number}: {report:#?}");
                completed += 1;
                if report.base.is_none() {
                    fulls.push(number);
                    assert!(
                        report.warnings.iter().any(|warning| warning.contains("in full")),
                        "night {number}"
                    );
                }
                let told = report.warnings.iter().any(|warning| warning.contains("earlier backup"));
                assert_eq!(told, matches!(number, 27 | 29), "night {number}: {:?}", report.warnings);
            }
        }
        if number != 15 {
            let pruned = let_go(&yard).await;
            assert_eq!(pruned.failures().count(), 0, "night {number}: {pruned:#?}");
            removed +=
                pruned.owners.iter().flat_map(|owner| &owner.points).filter(|point| point.is_removed).count();
            is_in_order(&yard, &foreign, number).await;
            assert!(yard.ours().len() <= 8, "night {number}: {}", yard.ours().len());
        }
        tokio::time::advance(DAY).await;
    }
    assert_eq!(fulls, [1, 8], "all others were relative to the night before");
    assert_eq!(completed, 27);
    assert_eq!(stages, HashSet::from([StepKind::Checkpoint, StepKind::Export, StepKind::Convert]));
    assert!(removed > 15, "{removed}");
    assert!(restores(&yard).await >= completed);
    // No call was made twice: one checkpoint for each night that got so far.
    assert_eq!(yard.calls("CreateSnapshot"), 30);
}

/// What the host is doing with db01 from now on, as the second number of its status.
fn merging(yard: &Yard, status: u16) {
    let upset = Upset::MachineBusy { machine: "db01".to_owned(), status };
    yard.hosts.with_host(0, |host, now| host.upset(now, upset));
}

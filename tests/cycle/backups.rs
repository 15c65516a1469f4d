use std::collections::HashSet;
use std::time::Duration;

use refpoint::fleet::{BaseChoice, Kind, Merge, Outcome};
use refpoint::hyperv::{Consistency, Directory, Guid, Mark};
use refpoint::ledger;

use crate::support::{DB01, SHOP, Yard, plan, plan_of};

const STEPS: [&str; 4] =
    ["CreateSnapshot", "ExportSystemDefinition", "ConvertToReferencePoint", "DestroySnapshot"];

fn ids(marks: &[Mark]) -> Vec<String> {
    marks.iter().map(|mark| mark.id().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_backup_leaves_a_point_of_ours_and_no_checkpoint_and_the_next_is_relative_to_it() {
    let yard = Yard::new("");
    let (before, _) = yard.there("db01").await;
    let first = yard.backup(&plan("1")).await;
    assert_eq!((first.outcome, first.error.as_ref()), (Outcome::Completed, None), "{first:#?}");
    assert_eq!((first.base.as_ref(), first.merge, first.consistency.taken), (None, Merge::Done, Some(1)));
    let steps: Vec<_> = first.steps.iter().map(|step| (&*step.step, step.end.as_deref())).collect();
    assert_eq!(steps, [("checkpoint", Some("done")), ("export", Some("done")), ("convert", Some("done"))]);
    let files: Vec<_> = first.files.iter().map(|file| file.path.to_lowercase()).collect();
    assert!(files.contains(&r"d:\backup\1\db01\db.vhdx".to_owned()), "{files:?}");
    assert!(first.warnings.iter().any(|warning| warning.contains("in full")), "{first:#?}");
    let (after, checkpoints) = yard.there("db01").await;
    assert_eq!((after.len(), checkpoints.len()), (before.len() + 1, 0));
    let made = first.point.unwrap().id;
    assert_eq!(yard.ours().iter().map(|point| &*point.id).collect::<Vec<_>>(), [&*made]);
    let second = yard.backup(&plan("2")).await;
    assert_eq!((second.outcome, second.base.unwrap().id), (Outcome::Completed, made));
    assert!(second.warnings.is_empty(), "{:?}", second.warnings);
    let size = |files: &[refpoint::fleet::FileReport]| {
        files.iter().find(|file| file.path.ends_with(".vhdx")).unwrap().size
    };
    assert!(size(&second.files) < size(&first.files), "what has changed is less than all");
    assert_eq!(STEPS.map(|step| yard.calls(step)), [2, 2, 2, 0]);
    let written = yard.ledger().backups_of(ledger::Kind::Vm, DB01).unwrap();
    assert!(written.iter().all(|backup| backup.sound && backup.outcome.as_deref() == Some("completed")));
}

/// Whatever a process was at when it ended, the same command brings it to its end, and asks for nothing twice.
#[tokio::test(start_paused = true)]
async fn a_backup_that_was_cut_off_anywhere_is_taken_up_by_the_same_command() {
    let mut cut_off = 0;
    for patience in (0..9000).step_by(150) {
        let yard = Yard::new("");
        let (before, _) = yard.there("db01").await;
        let first = yard.backup_until(&plan("1"), Duration::from_millis(patience)).await;
        let again = match first {
            Some(first) => first,
            None => {
                cut_off += 1;
                yard.backup(&plan("1")).await
            }
        };
        assert_eq!(again.outcome, Outcome::Completed, "{patience}: {again:#?}");
        assert_eq!(STEPS.map(|step| yard.calls(step)), [1, 1, 1, 0], "{patience}");
        let (after, checkpoints) = yard.there("db01").await;
        assert_eq!((after.len(), checkpoints.len()), (before.len() + 1, 0), "{patience}");
        assert_eq!(ids(&after).last(), Some(&again.point.unwrap().id), "{patience}");
        assert_eq!(yard.ours().len(), 1, "{patience}");
        assert_eq!(yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap(), None);
    }
    assert!(cut_off > 30, "{cut_off}");
}

/// The next night, when the host shows no job of the last one any more, and the directory is another.
#[tokio::test(start_paused = true)]
async fn a_backup_that_was_cut_off_is_cleared_up_by_the_next_night_s() {
    for patience in (0..9000).step_by(300) {
        let yard = Yard::new("");
        let (before, _) = yard.there("db01").await;
        let first = yard.backup_until(&plan("1"), Duration::from_millis(patience)).await;
        tokio::time::advance(Duration::from_secs(86_400)).await;
        let next = yard.backup(&plan("2")).await;
        let (after, checkpoints) = yard.there("db01").await;
        let foreign = ids(&before);
        assert!(
            foreign.iter().all(|id| ids(&after).contains(id)),
            "{patience}: no point of others is touched"
        );
        if next.outcome == Outcome::Unknown {
            // What the host no longer tells nobody decides: it is said, and left alone.
            let error = next.error.unwrap();
            assert_eq!(error.kind, Kind::Unknown, "{patience}");
            assert!(error.hint.unwrap().contains("--our-checkpoint"), "{patience}");
            assert_eq!(checkpoints.len(), 1);
            let mut plan = plan("2");
            plan.our_checkpoint = Some(checkpoints[0].clone());
            let told = yard.backup(&plan).await;
            assert_eq!(told.outcome, Outcome::Completed, "{patience}: {told:#?}");
            assert!(yard.there("db01").await.1.is_empty());
            continue;
        }
        assert_eq!(next.outcome, Outcome::Completed, "{patience}: {next:#?}");
        assert!(checkpoints.is_empty(), "{patience}");
        assert!(first.is_some() || next.warnings.len() <= 3, "{patience}: {:?}", next.warnings);
        assert_eq!(yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap(), None, "{patience}");
    }
}

/// The export fails, and whoever tidies up behind it is ended.
#[tokio::test(start_paused = true)]
async fn a_removal_that_was_cut_off_is_finished_by_whoever_comes_next() {
    let mut stages = HashSet::new();
    for (patience, name) in (1400..4200).step_by(200).flat_map(|patience| [(patience, "1"), (patience, "2")])
    {
        let yard =
            Yard::new("[[job]]\nmethod = \"ExportSystemDefinition\"\ntimes = 1\nstate = 10\nends_at = 10\n");
        let (before, _) = yard.there("db01").await;
        let first = yard.backup_until(&plan("1"), Duration::from_millis(patience)).await;
        if first.is_none() {
            let open = yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap();
            let step = open.and_then(|open| yard.ledger().steps(open.id).unwrap().pop());
            match step.map(|step| step.new.kind) {
                // What is asked of the taking of checkpoints is asked above.
                Some(ledger::StepKind::Checkpoint) => continue,
                stage => stages.extend(stage),
            }
            tokio::time::advance(Duration::from_secs(if name == "1" { 30 } else { 3600 })).await;
            let next = yard.backup(&plan(name)).await;
            assert!(next.outcome.is_end(), "{patience} {name}: {next:#?}");
        }
        let (after, checkpoints) = yard.there("db01").await;
        assert!(checkpoints.is_empty(), "{patience} {name}");
        assert!(ids(&before).iter().all(|id| ids(&after).contains(id)));
        assert_eq!(yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap(), None, "{patience} {name}");
        let made = yard.ledger().backups_of(ledger::Kind::Vm, DB01).unwrap();
        assert_eq!(made.iter().filter(|backup| backup.sound).count(), yard.ours().len(), "{patience} {name}");
    }
    assert!(stages.contains(&ledger::StepKind::Remove), "{stages:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_looked_for_at_every_step() {
    for (method, calls) in [
        ("CreateSnapshot", [1, 1, 1, 0]),
        ("ExportSystemDefinition", [1; 4]),
        ("ConvertToReferencePoint", [1; 4]),
    ] {
        let fault =
            format!("[[fault]]\nwhat = \"lost-response\"\nwhen = {{ method = \"{method}\" }}\ntimes = 1\n");
        let yard = Yard::new(&fault);
        let report = yard.backup(&plan("1")).await;
        assert_eq!(report.outcome, Outcome::Completed, "{method}: {report:#?}");
        assert_eq!(STEPS[..3].iter().map(|step| yard.calls(step)).collect::<Vec<_>>(), calls[..3]);
        assert!(yard.there("db01").await.1.is_empty());
        // One that never arrived is sent again once that is proven.
        let fault = fault.replace("\"lost-response\"", "\"stall\"\nside = \"request\"");
        let yard = Yard::new(&fault);
        let report = yard.backup(&plan("1")).await;
        assert_eq!(report.outcome, Outcome::Completed, "{method}: {report:#?}");
        assert_eq!(report.steps.len(), 4, "{method}: {:#?}", report.steps);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_takes_our_checkpoint_away_and_nothing_else() {
    for (method, kind) in [
        ("CreateSnapshot", Kind::JobFailed),
        ("ExportSystemDefinition", Kind::JobFailed),
        ("ConvertToReferencePoint", Kind::JobFailed),
    ] {
        for how in ["state = 10", "return_value = 32768"] {
            let yard = Yard::new(&format!("[[job]]\nmethod = \"{method}\"\ntimes = 1\n{how}\n"));
            let (before, _) = yard.there("db01").await;
            let report = yard.backup(&plan("1")).await;
            let error = report.error.clone().unwrap();
            let refused = how.starts_with("return");
            assert_eq!(report.outcome, Outcome::Failed, "{method}: {report:#?}");
            assert_eq!(error.kind, if refused { Kind::Refused } else { kind }, "{method} {how}");
            assert_eq!((report.remains.len(), report.sound), (0, false));
            let (after, checkpoints) = yard.there("db01").await;
            assert_eq!((ids(&after), checkpoints), (ids(&before), Vec::new()), "{method} {how}");
            assert!(yard.ours().is_empty());
            let next = yard.backup(&plan("2")).await;
            assert_eq!(next.outcome, Outcome::Completed, "{method}: {next:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_cannot_be_removed_is_named_and_removed_the_next_time() {
    let yard = Yard::new(
        "[[job]]\nmethod = \"ExportSystemDefinition\"\ntimes = 1\nstate = 10\n\
         [[job]]\nmethod = \"DestroySnapshot\"\ntimes = 1\nstate = 10\n",
    );
    let report = yard.backup(&plan("1")).await;
    let (_, checkpoints) = yard.there("db01").await;
    assert_eq!(report.remains, [format!("checkpoint {}", checkpoints[0])], "{report:#?}");
    assert!(report.error.unwrap().message.contains("was not removed"));
    assert!(yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap().is_some());
    let next = yard.backup(&plan("2")).await;
    assert_eq!(next.outcome, Outcome::Completed, "{next:#?}");
    assert!(next.warnings.iter().any(|warning| warning.contains("earlier backup")), "{:?}", next.warnings);
    assert!(yard.there("db01").await.1.is_empty());
}

#[tokio::test(start_paused = true)]
async fn crash_consistent_data_is_taken_only_where_that_is_allowed_and_is_told() {
    for how in ["state = 10", "return_value = 32768", "return_value = 2"] {
        let scenario = format!("[[job]]\nmethod = \"CreateSnapshot\"\ntimes = 1\n{how}\n");
        let yard = Yard::new(&scenario);
        let refused = yard.backup(&plan("1")).await;
        assert_eq!((refused.outcome, refused.exit_code()), (Outcome::Failed, 7));
        let yard = Yard::new(&scenario);
        let mut plan = plan("1");
        plan.allow_crash_consistent = true;
        let taken = yard.backup(&plan).await;
        assert_eq!((taken.outcome, taken.exit_code()), (Outcome::CompletedWithWarnings, 3), "{taken:#?}");
        assert_eq!((taken.consistency.asked, taken.consistency.taken), (1, Some(2)));
        assert_eq!(taken.point.unwrap().consistency, Some(2));
        assert!(taken.sound && taken.warnings.iter().any(|warning| warning.contains("loss of power")));
    }
    // What is busy is no more ready without its applications.
    let yard = Yard::new("[[job]]\nmethod = \"CreateSnapshot\"\nreturn_value = 32774\n");
    let mut plan = plan("1");
    plan.allow_crash_consistent = true;
    let busy = yard.backup(&plan).await;
    assert_eq!((busy.outcome, busy.exit_code()), (Outcome::Failed, 9), "{busy:#?}");
    let asked = yard.log.all();
    let asked = asked.iter().filter(|line| line["method"] == "CreateSnapshot");
    assert!(asked.clone().count() > 1);
    assert!(
        asked.clone().all(|line| line["arguments"]["SnapshotSettings"].as_str().unwrap().contains(">1<"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_of_somebody_else_is_waited_for_and_never_touched() {
    let yard = Yard::new("[[user]]\nname = 'LAB\\operator'\n[[user]]\nname = 'LAB\\backup'\n");
    let host = yard.host_of(r"LAB\backup").await;
    let owner = yard.owner(&host, "db01").await;
    host.create_checkpoint(&owner, Consistency::Application).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let report = yard.backup(&plan("1")).await;
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind, error.exit_code), (Outcome::Failed, Kind::Busy, 9));
    assert!(error.message.contains("not ours"), "{error:?}");
    assert_eq!((yard.calls("CreateSnapshot"), yard.calls("DestroySnapshot")), (1, 0));
    assert!(yard.ledger().backups_of(ledger::Kind::Vm, DB01).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_base_that_is_gone_is_an_end_or_a_full_backup_as_was_chosen() {
    let yard = Yard::new("");
    let first = yard.backup(&plan("1")).await.point.unwrap();
    let host = yard.host().await;
    let (marks, _) = yard.there("db01").await;
    let base = marks.iter().find(|mark| mark.id() == first.id).unwrap();
    host.destroy(base).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let mut last = plan("2");
    last.base = BaseChoice::Last;
    let refused = yard.backup(&last).await;
    assert_eq!((refused.outcome, refused.exit_code()), (Outcome::Failed, 10), "{refused:#?}");
    assert!(refused.error.unwrap().message.contains("another product"));
    let full = yard.backup(&plan("2")).await;
    assert_eq!((full.outcome, full.base.as_ref()), (Outcome::Completed, None));
    assert!(full.warnings[0].contains("gone since"), "{:?}", full.warnings);
    let gone = yard.ledger().point(ledger::Kind::Vm, DB01, &first.id).unwrap().unwrap();
    assert!(gone.gone_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_no_longer_knows_the_changes_since_the_base_gets_a_full_backup_the_next_time() {
    let yard = Yard::new(
        "[[job]]\nmethod = \"ExportSystemDefinition\"\nskip = 1\ntimes = 1\nstate = 10\n\
         [[job.error]]\nhresult = 0xC03A0030\n",
    );
    let first = yard.backup(&plan("1")).await;
    assert!(first.sound);
    let broken = yard.backup(&plan("2")).await;
    assert_eq!(broken.outcome, Outcome::Failed, "{broken:#?}");
    assert!(broken.error.unwrap().hint.unwrap().contains("full one"));
    let next = yard.backup(&plan("3")).await;
    assert_eq!((next.outcome, next.base.as_ref()), (Outcome::Completed, None), "{next:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_does_not_end_makes_no_backup_worse_and_the_next_one_wait() {
    let yard = Yard::new("[speed]\nmerge = 360000\n");
    let report = yard.backup(&plan("1")).await;
    assert_eq!((report.outcome, report.merge), (Outcome::Completed, Merge::Pending), "{report:#?}");
    assert!(report.warnings.iter().any(|warning| warning.contains("merging")));
    let next = yard.backup(&plan("2")).await;
    let error = next.error.unwrap();
    assert_eq!((next.outcome, error.kind), (Outcome::Failed, Kind::Busy));
    assert_eq!(yard.calls("CreateSnapshot"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_backed_up_as_one() {
    let yard = Yard::new("");
    let first = yard.backup(&plan_of("shop", "1")).await;
    assert_eq!((first.outcome, &*first.kind), (Outcome::Completed, "group"), "{first:#?}");
    let made = first.point.unwrap().id;
    assert!(made.parse::<Guid>().is_ok());
    let second = yard.backup(&plan_of("shop", "2")).await;
    assert_eq!(
        (second.outcome, second.base.unwrap().id),
        (Outcome::Completed, made.clone()),
        "{:?}",
        second.error
    );
    let ours = yard.ledger().points_of(ledger::Kind::Group, SHOP).unwrap();
    assert_eq!(ours.len(), 2);
    let (marks, checkpoints) = yard.there("shop").await;
    assert!(checkpoints.is_empty() && marks.iter().any(|mark| mark.id() == made));
    assert_eq!(second.files.iter().filter(|file| file.path.ends_with(".vmcx")).count(), 2);
    for method in ["CreateSnapshot", "ExportSnapshot", "ConvertToReferencePoint"] {
        let yard = Yard::new(&format!("[[job]]\nmethod = \"{method}\"\ntimes = 1\nstate = 10\n"));
        let failed = yard.backup(&plan_of("shop", "1")).await;
        assert_eq!(failed.outcome, Outcome::Failed, "{method}: {failed:#?}");
        assert!(yard.there("shop").await.1.is_empty(), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_shares_a_disk_is_refused_with_what_that_means() {
    for (code, words) in
        [(2, "cluster service"), (1, "several of them at once"), (5, "owns it"), (32770, "at once")]
    {
        let yard = Yard::new(&format!("[[job]]\nmethod = \"CreateSnapshot\"\nreturn_value = {code}\n"));
        let error = yard.backup(&plan_of("shop", "1")).await.error.unwrap();
        assert!(error.hint.as_deref().unwrap_or_default().contains(words), "{code}: {error:?}");
        let machine = yard.backup(&plan("1")).await.error.unwrap();
        assert!(!machine.hint.unwrap_or_default().contains(words), "{code}: of one machine it means nothing");
    }
}

/// Each world of the questions that nobody has asked a real host.
#[tokio::test(start_paused = true)]
async fn a_backup_ends_well_in_every_world() {
    for questions in [
        "results = \"association\"",
        "results = \"parameter\"",
        "results = \"synchronous\"",
        "point_ids = \"point-alone\"",
        "point_ids = \"machine-and-point\"",
        "named_references_are_taken = false",
        "relative_base_paths = false",
        "gone = \"with-provider\"",
        "rct_exports = false",
        "collection_consistency = \"as-elsewhere\"",
        "existing = \"refuse-anything\"",
        "directory = \"parent-must-exist\"",
    ] {
        for owner in ["db01", "shop"] {
            let scenario = format!("[host]\ndirectories = ['D:\\backup']\n[questions]\n{questions}\n");
            let yard = Yard::new(&scenario);
            for name in ["1", "2"] {
                let report = yard.backup(&plan_of(owner, name)).await;
                assert_eq!(report.outcome, Outcome::Completed, "{questions} {owner} {name}: {report:#?}");
                assert_eq!(report.base.is_some(), name == "2", "{questions} {owner}");
            }
            assert!(yard.there(owner).await.1.is_empty());
        }
    }
    // Points without tracking identifiers mark nothing: each backup is a full one, and says so.
    let yard = Yard::new("[questions]\nnew_points_have_tracking_ids = false\n");
    for name in ["1", "2"] {
        let report = yard.backup(&plan(name)).await;
        assert_eq!((report.outcome, report.base.as_ref()), (Outcome::CompletedWithWarnings, None));
        assert!(!report.sound && report.warnings.iter().any(|warning| warning.contains("0 of 1")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_to_a_drive_that_the_host_does_not_have_takes_no_checkpoint() {
    let yard = Yard::new("");
    let mut plan = plan("1");
    plan.directory = Directory::parse(r"Q:\backup\1").unwrap();
    let report = yard.backup(&plan).await;
    let error = report.error.as_ref().unwrap();
    assert_eq!((report.outcome, error.kind, error.exit_code), (Outcome::Failed, Kind::NotFound, 10));
    assert!(error.message.contains("the host has no drive Q:"), "{error:?}");
    assert!(STEPS.iter().all(|method| yard.calls(method) == 0), "{report:#?}");
}

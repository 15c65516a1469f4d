//! Plans that do more than export.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use refpoint::fleet::{Ending, Kind, News, Outcome, RunReport, RunState, UnitReport};

use crate::support::{How, Yard};

/// Everything that can be done with a machine, and a group beside it.
const ALL: &str = r"
name = 'nightly'
[[prune]]
machines = ['*']
groups = ['*']
keep_last = 1
[[backup]]
machines = ['*']
base = 'last-or-none'
to = 'D:\backups\{vm}\{run}'
[[export]]
machines = ['*']
point = 'latest'
to = 'D:\exports\{vm}\{run}'
[[create]]
machines = ['*']
groups = ['*']
";

fn verbs(report: &RunReport, name: &str) -> Vec<String> {
    let of_it = report.units.iter().filter(|unit| unit.name == name);
    let mut of_it: Vec<&UnitReport> = of_it.collect();
    of_it.sort_by_key(|unit| unit.started_at);
    of_it.into_iter().map(|unit| unit.verb.clone()).collect()
}

fn one<'r>(report: &'r RunReport, name: &str, verb: &str) -> &'r UnitReport {
    report.units.iter().find(|unit| unit.name == name && unit.verb == verb).unwrap()
}

/// What each of a run's units must have left with its host, whatever came in between.
fn is_done_once(yard: &Yard, report: &RunReport, runs: usize) {
    for (what, counts) in [("exports", yard.exports()), ("backups", yard.backed_up())] {
        assert!(counts.values().all(|count| *count == 1), "{what} {counts:#?}");
    }
    let made: BTreeMap<_, _> = yard.made().into_iter().filter(|(_, count)| *count != runs).collect();
    assert!(made.is_empty(), "{made:#?}");
    for unit in &report.units {
        assert_eq!(unit.ending.as_ref().map(Ending::verb), Some(&*unit.verb), "{unit:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_machine_gets_a_point_its_export_its_backup_and_its_retention_in_this_order() {
    let yard = Yard::new(2, "");
    let told = yard.run(ALL).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Finished, Some(0)), "{report:#?}");
    // Of each host: two machines with all four, a group with two.
    assert_eq!(report.totals.units, 2 * (2 * 4 + 2), "{:#?}", report.units);
    for unit in report.units.iter().filter(|unit| unit.kind == "vm") {
        assert_eq!(verbs(report, &unit.name).len(), 8);
    }
    let of_first: Vec<_> = report.units.iter().filter(|unit| unit.host == "hv01").cloned().collect();
    let first = RunReport { units: of_first, ..report.clone() };
    assert_eq!(verbs(&first, "db01"), ["create", "export", "backup", "prune"]);
    let (made, exported) = (one(&first, "db01", "create"), one(&first, "db01", "export"));
    let made = &made.ending.as_ref().unwrap().point().unwrap().id;
    assert_eq!(*made, exported.export().unwrap().point.as_ref().unwrap().id, "what was made is exported");
    let backup = one(&first, "db01", "backup").ending.as_ref().unwrap().backup().unwrap().clone();
    assert!(backup.sound && backup.directory.starts_with(r"D:\backups\db01\nightly-"), "{backup:#?}");
    is_done_once(&yard, report, 1);
    assert_eq!((told.count("unit-started"), told.count("unit-finished")), (20, 20));
    let json = serde_json::to_value(&first).unwrap();
    for unit in json["units"].as_array().unwrap() {
        let verb = unit["verb"].as_str().unwrap();
        assert!(unit[verb]["outcome"] == "completed", "{unit}");
        assert_eq!(serde_json::from_value::<UnitReport>(unit.clone()).unwrap().verb, verb);
    }
}

#[tokio::test(start_paused = true)]
async fn night_after_night_only_what_is_needed_stays() {
    let yard = Yard::new(1, "");
    for night in 0..5 {
        let told = yard.run(ALL).await;
        assert_eq!(told.report().exit_code, Some(0), "{night} {:#?}", told.report());
        let backup = one(told.report(), "db01", "backup").ending.clone().unwrap();
        assert_eq!(backup.base().is_some(), night > 0, "{night}");
        is_done_once(&yard, told.report(), night + 1);
        tokio::time::advance(Duration::from_secs(86_400)).await;
    }
    let last = yard.report().await;
    let pruned = one(&last, "db01", "prune").ending.clone().unwrap();
    let points = &pruned.upkeep().unwrap().points;
    let kept = points.iter().filter(|point| point.fate == "keep").count();
    // The newest, the base of the next backup and of the next export, and what they were relative to themselves.
    assert!((2..=4).contains(&kept), "{points:#?}");
    assert!(points.iter().any(|point| point.is_removed), "{points:#?}");
    assert!(points.iter().all(|point| !point.why.is_empty()));
    let destroyed = yard.calls("DestroyReferencePoint");
    assert!(destroyed >= 4, "{destroyed}");
}

#[tokio::test(start_paused = true)]
async fn a_run_of_all_verbs_that_is_cut_off_again_and_again_does_each_thing_once() {
    let mut cuts = 0;
    for seed in 0..12_u64 {
        let yard = Yard::new(2, "");
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut patience = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            Some(Duration::from_millis(state % 9000))
        };
        let mut told = yard.run_with(ALL, How { patience: patience(), ..How::default() }).await;
        for _ in 0..40 {
            if told.report.as_ref().is_ok_and(|report| report.state == RunState::Finished) {
                break;
            }
            cuts += 1;
            told = yard.resume(How { patience: patience(), ..How::default() }).await;
        }
        let told = yard.resume(How::default()).await;
        let report = told.report();
        assert_eq!(report.state, RunState::Finished, "{seed} {report:#?}");
        assert_eq!(report.totals.completed, 20, "{seed} {report:#?}");
        is_done_once(&yard, report, 1);
        assert_eq!(yard.checkpoints().await, 0, "{seed}");
    }
    assert!(cuts > 25, "{cuts}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_make_nothing_be_done_twice_and_nothing_be_left_behind() {
    let mut well = 0;
    for seed in 0..8 {
        let yard = Yard::new(
            2,
            &format!(
                "[[fault]]\nwhat = 'lost-response'\nprobability = 0.03\nseed = {seed}\n[[fault]]\nwhat = 'cut'\nafter_bytes = 40\nprobability = 0.02\nseed = {seed}\n"
            ),
        );
        yard.run(ALL).await;
        for _ in 0..4 {
            yard.resume(How::default()).await;
        }
        let report = yard.report().await;
        for (what, counts) in [("exports", yard.exports()), ("backups", yard.backed_up())] {
            assert!(counts.values().all(|count| *count == 1), "{seed} {what} {counts:#?}");
        }
        assert!(yard.made().values().all(|count| *count == 1), "{seed} {:#?}", yard.made());
        well += report.totals.completed;
        let open = report.units.iter().filter(|unit| unit.outcome() != Some(Outcome::Completed)).count();
        assert!(open < 10, "{seed} {report:#?}");
    }
    assert!(well > 8 * 15, "{well}");
}

#[tokio::test(start_paused = true)]
async fn where_the_point_was_not_made_no_older_one_is_exported_in_its_place() {
    let yard = Yard::new(1, "");
    let plan = "name = 'points'\n[[create]]\nmachines = ['db01']\n[[export]]\nmachines = ['db01']\npoint = 'latest'\nto = 'D:\\exports\\{vm}\\{run}'\n";
    assert_eq!(yard.run(plan).await.report().exit_code, Some(0));
    let ill = Yard::new(1, "[[job]]\nmethod = 'CreateReferencePoint'\nskip = 1\nreturn_value = 32769\n");
    ill.run(plan).await;
    let told = ill.run(plan).await;
    let report = told.report();
    let (made, exported) = (one(report, "db01", "create"), one(report, "db01", "export"));
    assert_eq!((made.outcome(), exported.outcome()), (Some(Outcome::Failed), Some(Outcome::Failed)));
    assert_eq!(exported.error().unwrap().kind, Kind::NotFound, "{exported:#?}");
    assert_eq!(ill.calls("ExportReferencePoint"), 1, "that of the night before");
    // Whoever takes it up in a process of its own knows that, too.
    let told = ill.resume(How { retry_failed: true, ..How::default() }).await;
    assert_eq!(told.report().totals.failed, 2, "{:#?}", told.report());
    assert_eq!(ill.calls("ExportReferencePoint"), 1);
}

#[tokio::test(start_paused = true)]
async fn groups_are_backed_up_and_their_new_points_exported() {
    let yard = Yard::new(1, "");
    let plan = "name = 'groups'\n[[export]]\ngroups = ['*']\npoint = 'new'\nto = 'D:\\exports\\{vm}\\{run}'\n\
                [[backup]]\ngroups = ['*']\nto = 'D:\\backups\\{vm}\\{run}'\n";
    let told = yard.run(plan).await;
    let report = told.report();
    assert_eq!((report.exit_code, report.totals.completed), (Some(0), 2), "{report:#?}");
    assert!(report.units.iter().all(|unit| unit.kind == "group"));
    assert_eq!(yard.checkpoints().await, 0);
}

#[tokio::test(start_paused = true)]
async fn machines_that_would_be_backed_up_into_one_directory_are_refused_and_pruned_all_the_same() {
    let yard = Yard::new(
        1,
        "[[machine]]\nid = '00000001-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'twin'\n[[machine.disk]]\nfile = 'D:\\a.vhdx'\nsize = '20GiB'\n\
         [[machine]]\nid = '00000002-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'twin'\n[[machine.disk]]\nfile = 'D:\\b.vhdx'\nsize = '20GiB'\n",
    );
    let plan = "name = 'twins'\n[[backup]]\nmachines = ['twin']\nto = 'D:\\backups\\{vm}\\{run}'\n[[prune]]\nmachines = ['twin']\nkeep_last = 2\n";
    let report = yard.run(plan).await;
    let report = report.report();
    assert_eq!((report.totals.failed, report.totals.completed), (2, 2), "{report:#?}");
    let backups = report.units.iter().filter(|unit| unit.verb == "backup");
    assert!(backups.clone().all(|unit| unit.error().unwrap().message.contains("same directory")));
    assert_eq!((backups.count(), yard.calls("CreateSnapshot")), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_chain_the_host_has_lost_is_begun_again_in_full_in_the_same_night() {
    let plan = "name = 'nightly'\n[[backup]]\nmachines = ['db01']\nbase = 'last-or-none'\nto = 'D:\\backups\\{vm}\\{run}'\n";
    let yard = Yard::new(
        1,
        "[[job]]\nmethod = 'ExportSystemDefinition'\nskip = 1\ntimes = 1\nstate = 10\n\
         [[job.error]]\nhresult = 0xC03A0030\n",
    );
    assert_eq!(yard.run(plan).await.report().exit_code, Some(0));
    let told = yard.run(plan).await;
    let unit = one(told.report(), "db01", "backup");
    let backup = unit.ending.as_ref().unwrap().backup().unwrap();
    assert_eq!((backup.outcome, &backup.base), (Outcome::Completed, &None), "{backup:#?}");
    assert!(
        unit.directory.ends_with("-full") && unit.warnings().iter().any(|text| text.contains("all of it"))
    );
    assert_eq!(yard.checkpoints().await, 0);
    assert!(told.events.iter().any(|event| matches!(event.what, News::Retry { .. })));
    // The night after goes on from there.
    let told = yard.run(plan).await;
    assert!(one(told.report(), "db01", "backup").ending.as_ref().unwrap().base().is_some());
    // And where the plan wants none of that, it fails and says so.
    let yard = Yard::new(
        1,
        "[[job]]\nmethod = 'ExportSystemDefinition'\nskip = 1\ntimes = 1\nstate = 10\n\
         [[job.error]]\nhresult = 0xC03A0030\n",
    );
    let strict = format!("{plan}[retries]\nbroken_chain = 'fail'\n");
    yard.run(&strict).await;
    let told = yard.run(&strict).await;
    assert_eq!(one(told.report(), "db01", "backup").outcome(), Some(Outcome::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_drive_that_the_host_does_not_have_is_foreseen_for_all_that_would_be_written_there() {
    let yard = Yard::new(1, "");
    yard.run("name = 'points'\n[[create]]\nmachines = ['*']\n").await;
    for point in ["latest", "new"] {
        let plan = ALL.replace("D:", "Q:").replace("'latest'", &format!("'{point}'"));
        // With those that the run makes, and with those that are there.
        for plan in [plan.clone(), plan.split("[[create]]").next().unwrap().to_owned()] {
            for unit in &yard.foresee(&plan).await[0].units {
                let error = unit.error.as_ref().map(|error| (error.kind, &*error.message));
                let expected = (!unit.directory.is_empty()).then_some("the host has no drive Q:");
                assert_eq!(error, expected.map(|message| (Kind::NotFound, message)), "{unit:#?}");
            }
        }
    }
    let there = yard.foresee(ALL).await;
    assert!(there[0].units.iter().all(|unit| unit.error.is_none()), "{there:#?}");
    // Of what may not be seen nobody says that it is not there.
    let closed = "[[fault]]\nwhat = 'access-denied'\nwhen = { class = 'Win32_LogicalDisk' }\n";
    let hidden = Yard::new(1, closed).foresee(&ALL.replace("D:", "Q:")).await;
    assert!(!hidden[0].units.is_empty() && hidden[0].error.is_none(), "{hidden:#?}");
    assert!(hidden[0].units.iter().all(|unit| unit.error.is_none()), "{hidden:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_run_of_all_verbs_would_do_is_foreseen_without_asking_for_anything() {
    let yard = Yard::new(1, "");
    yard.run(ALL).await;
    yard.run(ALL).await;
    let before: HashSet<_> = ["CreateReferencePoint", "CreateSnapshot", "DestroyReferencePoint"]
        .map(|method| (method, yard.calls(method)))
        .into();
    let forecast = yard.foresee(ALL).await;
    let units = &forecast[0].units;
    let of = |verb: &str| units.iter().find(|unit| unit.name == "db01" && unit.verb == verb).unwrap();
    assert_eq!(units.len(), 10);
    assert!(of("create").point.starts_with("a new one (rct"), "{units:#?}");
    assert_eq!(of("export").point, "the one that the run makes before");
    assert!(of("backup").base.is_some() && of("backup").directory.starts_with(r"D:\backups\db01\"));
    assert!(of("prune").directory.is_empty());
    let after: HashSet<_> = ["CreateReferencePoint", "CreateSnapshot", "DestroyReferencePoint"]
        .map(|method| (method, yard.calls(method)))
        .into();
    assert_eq!(before, after);
}

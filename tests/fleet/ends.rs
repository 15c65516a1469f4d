use std::time::Duration;

use refpoint::fleet::{HostState, Kind, News, Outcome, Reason, RunPlan, RunState, Wish};

use crate::support::{How, Yard};

pub(crate) const NIGHTLY: &str = r"
name = 'nightly'
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\exports\{vm}\{date}'
";

#[tokio::test(start_paused = true)]
async fn every_machine_of_every_host_is_exported_once() {
    let yard = Yard::new(3, "");
    let told = yard.run(NIGHTLY).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Finished, Some(0)), "{report:#?}");
    assert_eq!((report.totals.hosts, report.totals.units), (3, 6));
    assert_eq!(report.totals.completed + report.totals.completed_with_warnings, 6, "{:#?}", report.totals);
    assert_eq!((yard.calls("ExportReferencePoint"), yard.calls("CreateReferencePoint")), (6, 6));
    assert_eq!((told.count("unit-started"), told.count("unit-finished")), (6, 6));
    assert_eq!((told.count("connected"), told.count("host-planned")), (3, 3), "one login a host");
    assert!(report.units.iter().all(|unit| unit.tries == 1));
    assert!(report.hosts.iter().all(|host| host.sealed == Some(true) && host.requests > 0));
}

#[tokio::test(start_paused = true)]
async fn the_next_night_is_relative_to_the_last() {
    let yard = Yard::new(1, "");
    yard.run(NIGHTLY).await;
    let told = yard.run(&NIGHTLY.replace("{date}", "{run}")).await;
    let bases: Vec<_> = told.report().units.iter().map(|unit| unit.export().unwrap().base.clone()).collect();
    assert!(bases.iter().all(Option::is_some), "{bases:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_down_costs_its_own_units_only() {
    let yard = Yard::new(3, "[[fault]]\nwhat = 'refuse-connect'\nwhen = { host = 'HV02' }\n");
    let told = yard.run(NIGHTLY).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Finished, Some(4)), "{:#?}", report.hosts);
    assert_eq!((report.totals.completed, report.totals.hosts_failed, report.totals.units), (4, 1, 4));
    assert_eq!(report.hosts[1].state, HostState::Failed);
    assert_eq!(report.hosts[1].error.as_ref().unwrap().kind, Kind::Unreachable);
    let tries = told.events.iter().filter(|event| matches!(event.what, News::Retry { .. })).count();
    assert_eq!(tries, 3, "it was tried again as often as the plan says");
    let resumed = yard.resume(How::default()).await;
    assert_eq!(
        (resumed.count("host-failed"), resumed.report().exit_code),
        (0, Some(4)),
        "there is nothing left to do"
    );
    let resumed = yard.resume(How { retry_failed: true, ..How::default() }).await;
    assert_eq!((resumed.count("host-failed"), resumed.count("unit-started")), (1, 0), "it is still down");
    assert_eq!(yard.calls("ExportReferencePoint"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_comes_back_is_worked_on_within_the_run() {
    let yard = Yard::new(2, "[[fault]]\nwhat = 'refuse-connect'\nwhen = { host = 'HV02' }\ntimes = 2\n");
    let told = yard.run(NIGHTLY).await;
    assert_eq!((told.report().exit_code, told.report().totals.completed), (Some(0), 4));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_the_plan_names_and_nobody_has_is_reported() {
    let yard = Yard::new(2, "");
    let told = yard.run(&NIGHTLY.replace("'*'", "'db01', 'dbO1', 'x*'")).await;
    let report = told.report();
    assert_eq!((&*report.missing, report.exit_code), (&["dbO1".to_owned()][..], Some(10)), "{report:#?}");
    assert_eq!(report.totals.completed, 2);
    assert_eq!(yard.report().await.exit_code, Some(10));
}

#[tokio::test(start_paused = true)]
async fn machines_that_would_be_written_to_one_directory_are_not_exported() {
    let twins = "[[machine]]\nid = '00000001-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'web01'\n[[machine.disk]]\nfile = 'D:\\a.vhdx'\nsize = '20GiB'\n\
                 [[machine]]\nid = '00000002-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'WEB01'\n[[machine.disk]]\nfile = 'D:\\b.vhdx'\nsize = '20GiB'\n";
    let yard = Yard::new(1, twins);
    let told = yard.run(NIGHTLY).await;
    let report = told.report();
    assert_eq!((report.totals.failed, report.exit_code), (2, Some(2)), "{report:#?}");
    assert!(report.units[0].error().unwrap().hint.as_ref().unwrap().contains("{id}"));
    assert_eq!(yard.calls("ExportReferencePoint") + yard.calls("CreateReferencePoint"), 0);
    let told = yard.run(&NIGHTLY.replace("{vm}", "{vm}-{id}")).await;
    assert_eq!(
        (told.report().totals.completed, told.report().exit_code),
        (2, Some(0)),
        "{:#?}",
        told.report()
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_fast_begins_nothing_more_and_leaves_its_jobs() {
    let plan =
        format!("{NIGHTLY}\n[stop]\nfail_fast = true\n[limits]\nspread = '40s'\n[retries]\ntransient = 0\n");
    let yard = Yard::new(4, "[[fault]]\nwhat = 'refuse-connect'\nwhen = { host = 'HV02' }\n");
    let told = yard.run(&plan).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Stopped, Some(4)), "{report:#?}");
    assert_eq!((report.totals.completed, report.totals.hosts_outstanding), (2, 2));
    assert_eq!(told.count("run-stopping"), 1);
    assert!(report.reason.as_ref().unwrap().contains("first failure"));
    let resumed = yard.resume(How::default()).await;
    assert_eq!(
        (resumed.report().totals.completed, resumed.report().exit_code),
        (6, Some(4)),
        "the rest is done"
    );
}

#[tokio::test(start_paused = true)]
async fn after_as_many_failures_as_the_plan_allows_nothing_more_is_begun() {
    let plan =
        format!("{NIGHTLY}\n[stop]\nmax_failures = 2\n[limits]\nspread = '80s'\n[retries]\ntransient = 0\n");
    let yard = Yard::new(
        8,
        "[[fault]]\nwhat = 'refuse-connect'\nwhen = { host = 'HV0[24]' }\n".replace("[24]", "?").as_str(),
    );
    let told = yard.run(&plan).await;
    let report = told.report();
    assert_eq!((report.state, report.totals.hosts_failed), (RunState::Stopped, 2), "{:#?}", report.totals);
    assert_eq!(report.totals.hosts_outstanding, 6);
}

#[tokio::test(start_paused = true)]
async fn when_the_window_closes_jobs_are_left_and_the_next_run_finds_them() {
    let yard = Yard::new(2, "[speed]\nexport = { seconds = 120 }\n");
    let how = How { closes: Some(Duration::from_secs(60)), ..How::default() };
    let told = yard.run_with(NIGHTLY, how).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Stopped, Some(8)), "{report:#?}");
    assert_eq!(report.totals.detached, 4);
    assert!(report.units.iter().all(|unit| unit.outcome() == Some(Outcome::Detached)));
    let resumed = yard.resume(How::default()).await;
    assert_eq!((resumed.report().state, resumed.report().exit_code), (RunState::Finished, Some(0)));
    assert_eq!(resumed.count("adopted"), 4);
    assert_eq!((resumed.report().resumed, resumed.report().totals.completed), (1, 4));
    assert!(yard.exports().values().all(|count| *count == 1), "{:#?}", yard.exports());
    assert_eq!(yard.calls("ExportReferencePoint"), 4);
}

#[tokio::test(start_paused = true)]
async fn whoever_interrupts_a_run_finds_the_rest_outstanding() {
    let yard = Yard::new(3, "");
    let plan = format!("{NIGHTLY}\n[limits]\ntotal = 1\n");
    let at_event = |event: &refpoint::fleet::Event, wishes: &tokio::sync::watch::Sender<Wish>| {
        if matches!(event.what, News::JobStarted { .. }) {
            wishes.send_replace(Wish::Detach(Reason::Interrupt));
        }
    };
    let told = yard.run_with(&plan, How { at_event: &at_event, ..How::default() }).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Stopped, Some(130)), "{:#?}", report.totals);
    assert_eq!((report.totals.detached, report.totals.outstanding), (1, 5));
    let resumed = yard.resume(How::default()).await;
    assert_eq!((resumed.report().exit_code, resumed.report().totals.completed), (Some(0), 6));
    assert!(yard.exports().values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_is_given_less_until_it_goes_well_again() {
    let yard = Yard::new(
        1,
        "[[machine]]\nid = '00000001-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'vm'\ncount = 8\n[[machine.disk]]\nfile = 'D:\\vm.vhdx'\nsize = '20GiB'\n\
         [[fault]]\nwhat = 'cut'\nafter_bytes = 40\nwhen = { operation = 'Enumerate', class = 'CIM_ConcreteJob' }\nskip = 2\ntimes = 12\n",
    );
    let plan = format!("{}\n[limits]\nhost = 8\nvolume = 8\n", NIGHTLY.replace("{vm}", "{vm}-{id}"));
    let told = yard.run(&plan).await;
    let limits = told.limits();
    assert!(limits.first().is_some_and(|first| *first == 4) && limits.last() > limits.first(), "{limits:?}");
    assert_eq!(
        (told.report().exit_code, told.report().totals.completed),
        (Some(0), 8),
        "{:#?}",
        told.report()
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_with_too_much_to_do_is_given_less() {
    let yard = Yard::new(
        1,
        "[[machine]]\nid = '00000001-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'vm'\ncount = 8\n[[machine.disk]]\nfile = 'D:\\vm.vhdx'\nsize = '20GiB'\n\
         [[fault]]\nwhat = 'quota'\nwhen = { method = 'CreateReferencePoint' }\ntimes = 12\n",
    );
    let plan = format!("{}\n[limits]\nhost = 8\nvolume = 8\n", NIGHTLY.replace("{vm}", "{vm}-{id}"));
    let told = yard.run(&plan).await;
    assert!(told.count("limit") >= 2, "{:#?}", told.report().totals);
    assert_eq!(
        (told.report().exit_code, told.report().totals.completed),
        (Some(0), 8),
        "{:#?}",
        told.report()
    );
    assert!(yard.exports().values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_worked_on_by_one_process_at_a_time() {
    let yard = Yard::new(1, "");
    let (one, other) = tokio::join!(yard.run(NIGHTLY), yard.run(NIGHTLY));
    let refused: Vec<_> = [&one, &other].into_iter().filter_map(|told| told.report.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].kind, refused[0].exit_code), (Kind::Ledger, 11));
    assert_eq!(yard.calls("ExportReferencePoint"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_is_looked_at_once_an_interval_however_many_jobs_it_has() {
    let yard = Yard::new(
        1,
        "[speed]\nexport = { seconds = 600 }\n[[machine]]\nid = '00000001-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'vm'\ncount = 5\n[[machine.disk]]\nfile = 'D:\\vm.vhdx'\nsize = '20GiB'\n",
    );
    let plan = format!("{}\n[limits]\nhost = 5\nvolume = 5\n", NIGHTLY.replace("{vm}", "{vm}-{id}"));
    yard.run(&plan).await;
    let looks = yard.log.all().iter().filter(|line| line["class"] == "CIM_ConcreteJob").count();
    // Ten minutes at five seconds are 120 looks; the first seconds are looked at more often.
    assert!((118..170).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_under_way_when_a_run_is_stopped_the_rest_is_done_later() {
    // While points are made, while a busy host is waited for, while exports run.
    let busy = "[[job]]\nmethod = 'ExportReferencePoint'\nreturn_value = 32774\ntimes = 3\n";
    for scenario in ["[speed]\ncreate_point = '6s'\n", busy, "", "[speed]\nexport = { seconds = 30 }\n"] {
        for millis in [0, 300, 1500, 2500, 4000, 7000, 12_000] {
            let yard = Yard::new(2, scenario);
            let how = How { closes: Some(Duration::from_millis(millis)), ..How::default() };
            let told = yard.run_with(NIGHTLY, how).await;
            let stopped = told.report();
            if stopped.state == RunState::Stopped {
                assert_eq!(stopped.exit_code, Some(8), "{scenario} {millis} {stopped:#?}");
            }
            assert_eq!(stopped.totals.failed, 0, "{scenario} {millis} {stopped:#?}");
            let told = yard.resume(How::default()).await;
            let report = told.report();
            assert_eq!(
                (report.state, report.exit_code),
                (RunState::Finished, Some(0)),
                "{scenario} {millis} {report:#?}"
            );
            assert_eq!(report.totals.completed, 4, "{scenario} {millis}");
            assert!(yard.exports().values().all(|count| *count == 1), "{:#?}", yard.exports());
            assert!(yard.made().values().all(|count| *count == 1), "{:#?}", yard.made());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_does_not_keep_a_run_from_being_stopped() {
    for method in ["CreateReferencePoint", "ExportReferencePoint"] {
        let yard = Yard::new(
            2,
            &format!(
                "[[fault]]\nwhat = 'stall'\nside = 'request'\nwhen = {{ host = 'HV01', method = '{method}' }}\n"
            ),
        );
        let began = tokio::time::Instant::now();
        let how = How { closes: Some(Duration::from_secs(20)), ..How::default() };
        let told = yard.run_with(NIGHTLY, how).await;
        assert!(began.elapsed() < Duration::from_secs(35), "{method} {:?}", began.elapsed());
        assert_eq!(told.report().state, RunState::Stopped, "{method} {:#?}", told.report());
        assert_eq!(told.report().totals.completed, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn one_host_by_two_names_is_worked_on_once() {
    let yard = Yard::new(1, "").with_alias();
    let told = yard.run(&NIGHTLY.replace("{vm}", "{host}-{vm}")).await;
    let report = told.report();
    assert_eq!((report.totals.completed, report.totals.hosts_failed), (2, 1), "{report:#?}");
    let error = report.hosts.iter().find_map(|host| host.error.as_ref()).unwrap();
    assert!(error.message.contains("twice") && error.kind == Kind::Usage, "{error:?}");
    assert_eq!(yard.calls("ExportReferencePoint"), 2);
}

#[tokio::test(start_paused = true)]
async fn who_takes_up_a_part_of_a_run_leaves_the_rest_as_it_is() {
    let yard = Yard::new(3, "");
    let plan = format!("{NIGHTLY}\n[limits]\nspread = '60s'\n");
    yard.run_with(&plan, How { closes: Some(Duration::from_secs(1)), ..How::default() }).await;
    let yard = yard.thin();
    let told = yard.resume(How::default()).await;
    let report = told.report();
    assert_eq!((report.state, report.exit_code), (RunState::Stopped, Some(1)), "{report:#?}");
    assert_eq!((report.totals.completed, report.totals.hosts_outstanding), (2, 2));
    let told = yard.whole().resume(How::default()).await;
    assert_eq!((told.report().state, told.report().totals.completed), (RunState::Finished, 6));
}

#[tokio::test(start_paused = true)]
async fn a_base_that_the_host_refuses_is_done_without_and_that_is_said() {
    let yard =
        Yard::new(1, "[[job]]\nmethod = 'ExportReferencePoint'\nskip = 2\nreturn_value = 32773\ntimes = 2\n");
    yard.run(NIGHTLY).await;
    let told = yard.run(&NIGHTLY.replace("{date}", "{run}")).await;
    let report = told.report();
    assert_eq!((report.totals.completed, report.exit_code), (2, Some(0)), "{report:#?}");
    for unit in &report.units {
        let export = unit.export().unwrap();
        assert_eq!(export.base, None);
        assert!(
            export.warnings.iter().any(|warning| warning.contains("all of it was exported")),
            "{export:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_as_a_share_takes_are_written_to_it_at_once_whichever_host_has_the_most() {
    let machines = "[[machine]]\nid = '00000001-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'vm'\ncount = 4\n\
                    [[machine.disk]]\nfile = 'D:\\vm.vhdx'\nsize = '20GiB'\n[speed]\nexport = { seconds = 20 }\n";
    let yard = Yard::new(4, machines);
    let plan = format!(
        "{}\n[limits]\nhost = 1\nshare = 3\n",
        NIGHTLY.replace(r"D:\exports\{vm}", r"\\nas1\hvexports\{host}\{vm}-{id}")
    );
    let running = std::sync::Mutex::new((0_usize, 0_usize));
    let at_event = |event: &refpoint::fleet::Event, _: &tokio::sync::watch::Sender<Wish>| {
        let mut running = running.lock().unwrap();
        match event.what {
            News::UnitStarted => running.0 += 1,
            News::UnitFinished { .. } => running.0 -= 1,
            _ => {}
        }
        running.1 = running.1.max(running.0);
    };
    let began = tokio::time::Instant::now();
    let told = yard.run_with(&plan, How { at_event: &at_event, ..How::default() }).await;
    assert_eq!(told.report().totals.completed, 16, "{:#?}", told.report().totals);
    assert_eq!(running.lock().unwrap().1, 3);
    // Sixteen of about 23 seconds, three at a time, with a little left over at the end.
    assert!(began.elapsed() < Duration::from_secs(180), "{:?}", began.elapsed());
}

/// With what stands there as a comment, too: whoever takes a `#` away finds no mistake of ours.
#[test]
fn the_example_of_a_plan_is_one() {
    let text = include_str!("../../examples/nightly.toml");
    assert_eq!(RunPlan::read(text).unwrap().name, "nightly");
    let is_said = |line: &str| {
        let word: String = line.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        line.starts_with('[') || !word.is_empty() && line[word.len()..].starts_with(" = ")
    };
    let all: Vec<_> = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|said| is_said(said)).unwrap_or(line))
        .collect();
    let plan = RunPlan::read(&all.join("\n")).unwrap();
    assert_eq!((plan.rules.len(), plan.stop.fail_fast, plan.stop.max_failures), (5, true, Some(10)));
    assert!(plan.window.is_some() && plan.notify.ping.is_some());
}

/// Every key of a plan stands on its page.
#[test]
fn the_page_on_runs_knows_every_key_of_a_plan() {
    let page = include_str!("../../docs/fleet.md");
    let unknown = |plan: &str| RunPlan::read(plan).unwrap_err().to_string();
    let export = "name = 'n'\n[[export]]\nmachines = ['*']\nto = 'D:\\e\\{run}\\{vm}'\n";
    let mut keys = 0;
    let to = "to = 'D:\\e\\{run}\\{vm}'\n";
    let tables = [
        "",
        "[limits]",
        "[retries]",
        "[stop]",
        "[window]",
        "[[export]]",
        "[[backup]]",
        "[[create]]",
        "[[prune]]",
    ];
    for table in tables {
        let said = match table {
            "" => unknown("no_such_key = 1\n"),
            verb if verb.starts_with("[[") => {
                let to = if ["[[export]]", "[[backup]]"].contains(&verb) { to } else { "" };
                unknown(&format!("name = 'n'\n{verb}\n{to}machines = ['*']\nno_such_key = 1\n"))
            }
            table => unknown(&format!("{export}{table}\nno_such_key = 1\n")),
        };
        let known = said.split_once("expected ").unwrap_or_else(|| panic!("{said}")).1;
        for key in known.split('`').skip(1).step_by(2) {
            assert!(page.contains(key), "{table} {key} does not stand there");
            keys += 1;
        }
    }
    assert!(keys >= 30, "{keys}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_another_refpoint_is_at_work_on_is_waited_for() {
    let yard = Yard::new(1, "");
    let held = yard.ledger().hold("making vm 7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44").unwrap();
    assert!(held.is_some());
    let held = std::sync::Mutex::new(held);
    let how = How {
        at_event: &|event, _| {
            if let News::Retry { kind, .. } = &event.what {
                assert_eq!(*kind, Some(Kind::InUse), "{event:?}");
                held.lock().unwrap().take();
            }
        },
        ..How::default()
    };
    let told = yard.run_with("name = 'points'\n[[create]]\nmachines = ['db01']\n", how).await;
    assert_eq!((told.report().exit_code, told.count("retry"), told.count("limit")), (Some(0), 1, 0));
    assert!(held.lock().unwrap().is_none());
}

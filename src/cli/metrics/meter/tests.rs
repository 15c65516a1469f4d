//! What stands in the file and on the endpoint, read by somebody else's parser too.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use refpoint::fleet::{Ending, Kind, News, Outcome, RunState, UnitState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::*;
use crate::cli::sample::{at, badly, begun, clock, event, export, failure, host, job, report, well};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("refpoint-meter-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn to_file(file: &Path) -> MetricsArgs {
    MetricsArgs { metrics_file: Some(file.to_owned()), ..MetricsArgs::default() }
}

async fn start(args: &MetricsArgs, plan: &str) -> Meter {
    Meter::start(args, &Subject { plan, before: None, scope: Scope::Whole }, clock).await
}

/// Waits, by a clock that only runs while nobody writes, until the file holds a text.
async fn until(file: &Path, text: &str) -> String {
    for _ in 0..1000 {
        if let Ok(page) = fs::read_to_string(file)
            && page.contains(text)
        {
            return page;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{text} is not there: {:?}", fs::read_to_string(file));
}

#[track_caller]
fn has(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|found| found == *line), "{line} is not there:\n{page}");
    }
}

/// Returns what another parser reads: one `name{label=value,…} value` a line.
fn read_by_prometheus(page: &str) -> String {
    const READ: &str = "\
import sys
from prometheus_client.parser import text_string_to_metric_families as read
for family in read(sys.stdin.buffer.read().decode()):
    assert family.documentation and family.type in ('gauge', 'counter'), family
    assert family.samples
    for s in family.samples:
        labels = ','.join(f'{k}={v!r}' for k, v in s.labels.items())
        print(f'{s.name}{{{labels}}} {s.value!r}')
";
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    let mut reader = Command::new(python)
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("tests/interop/install.sh installs it");
    std::io::Write::write_all(&mut reader.stdin.take().unwrap(), page.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{page}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_is_counted_while_it_goes() {
    let folder = folder("goes");
    let file = folder.join("nightly.prom");
    let mut args = to_file(&file);
    args.metrics_every = Some(Duration::from_millis(10));
    let meter = start(&args, "nightly").await;
    assert!(!file.exists());
    meter.hear(&begun(3));
    meter.hear(&event(1, "hv01", 0, News::HostPlanned { units: 4 }));
    meter.hear(&event(1, "hv02", 0, News::HostFailed { error: failure(Kind::Unreachable) }));
    meter.hear(&event(2, "hv01", 0, News::Limit { units: 2, cause: "busy".into() }));
    meter.hear(&event(3, "hv01", 1, News::UnitStarted));
    meter.hear(&event(4, "hv01", 1, News::JobStarted { job: job() }));
    meter.hear(&event(4, "hv01", 1, News::Progress { state: 4, percent: Some(3) }));
    meter.hear(&event(4, "hv01", 2, News::UnitStarted));
    meter.hear(&event(9, "hv01", 2, News::JobStarted { job: job() }));
    // Found again by whoever has told of it, and counted once.
    for unheard_of in [true, false] {
        meter.hear(&event(9, "hv01", 2, News::Adopted { job: job(), unheard_of }));
    }
    meter.hear(&event(300, "hv01", 1, News::Stalled { since: at(4) }));
    meter.hear(&event(
        301,
        "hv01",
        2,
        News::Retry { kind: Some(Kind::Busy), cause: "in use".into(), after: 1.0 },
    ));
    meter.hear(&event(
        302,
        "hv01",
        2,
        News::Retry { kind: None, cause: "connection to 10.0.0.1 lost".into(), after: 1.0 },
    ));
    meter.hear(&event(303, "hv01", 2, News::Warning { message: "x".into() }));
    meter.hear(&event(310, "hv01", 3, News::UnitStarted));
    let finished = export("hv01", Outcome::Completed, None);
    meter.hear(&event(320, "hv01", 3, News::UnitFinished { ending: Ending::Export(Box::new(finished)) }));
    let page = until(&file, "refpoint_run_units{plan=\"nightly\",state=\"completed\"} 1").await;
    has(
        &page,
        &[
            "refpoint_run_in_progress{plan=\"nightly\"} 1",
            "refpoint_run_units{plan=\"nightly\",state=\"outstanding\"} 1",
            "refpoint_run_units{plan=\"nightly\",state=\"running\"} 2",
            "refpoint_run_hosts{plan=\"nightly\",state=\"planned\"} 1",
            "refpoint_run_hosts{plan=\"nightly\",state=\"failed\"} 1",
            "refpoint_run_hosts{plan=\"nightly\",state=\"outstanding\"} 1",
            "refpoint_run_failures{plan=\"nightly\",of=\"host\",cause=\"unreachable\"} 1",
            "refpoint_run_jobs_running{plan=\"nightly\"} 2",
            "refpoint_run_jobs_stalled{plan=\"nightly\"} 1",
            "refpoint_run_jobs_started_total{plan=\"nightly\"} 2",
            "refpoint_run_oldest_progress_timestamp_seconds{plan=\"nightly\"} 1795000004",
            "refpoint_run_start_timestamp_seconds{plan=\"nightly\"} 1795000000",
            "refpoint_run_duration_seconds{plan=\"nightly\"} 1000",
            "refpoint_run_requests_total{plan=\"nightly\"} 7",
            "refpoint_run_sent_bytes_total{plan=\"nightly\"} 100",
            "refpoint_run_retries_total{plan=\"nightly\",cause=\"busy\"} 1",
            "refpoint_run_retries_total{plan=\"nightly\",cause=\"other\"} 1",
            "refpoint_run_warnings_total{plan=\"nightly\"} 1",
            "refpoint_host_up{plan=\"nightly\",host=\"hv02\"} 0",
            "refpoint_host_limit_units{plan=\"nightly\",host=\"hv01\"} 2",
            "refpoint_host_units_running{plan=\"nightly\",host=\"hv01\"} 2",
        ],
    );
    assert!(!page.contains("refpoint_last_run"), "no run has ended:\n{page}");
    let read = read_by_prometheus(&page);
    assert_eq!(read.lines().count(), page.lines().filter(|line| !line.starts_with('#')).count());
    // A job that moves again is no longer stalled.
    meter.hear(&event(400, "hv01", 1, News::Progress { state: 4, percent: Some(4) }));
    until(&file, "refpoint_run_jobs_stalled{plan=\"nightly\"} 0").await;
    assert_eq!(meter.finish(&well()).await, Vec::<String>::new());
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_next_morning_the_file_says_how_the_night_ended_and_when_all_was_last_well() {
    let folder = folder("morning");
    let file = folder.join("nightly.prom");
    let meter = start(&to_file(&file), "nightly").await;
    meter.hear(&begun(1));
    assert!(meter.finish(&well()).await.is_empty());
    has(
        &fs::read_to_string(&file).unwrap(),
        &[
            "refpoint_run_in_progress{plan=\"nightly\"} 0",
            "refpoint_run_duration_seconds{plan=\"nightly\"} 600",
            "refpoint_run_requests_total{plan=\"nightly\"} 9",
            "refpoint_last_run_success_timestamp_seconds{plan=\"nightly\"} 1795000600",
            "refpoint_last_run_end_timestamp_seconds{plan=\"nightly\"} 1795000600",
            "refpoint_last_run_duration_seconds{plan=\"nightly\"} 600",
            "refpoint_last_run_exit_code{plan=\"nightly\"} 0",
            "refpoint_host_last_success_timestamp_seconds{plan=\"nightly\",host=\"hv01\"} 1795000500",
        ],
    );
    // A night later: what was well the night before stays known while this one goes, and when it has failed.
    let meter = start(&to_file(&file), "nightly").await;
    let begins = News::RunStarted {
        run: "nightly-2".into(),
        plan: "nightly".into(),
        hosts: 2,
        units: 0,
        resumed: false,
    };
    meter.hear(&Event::of_run(at(86_400), begins));
    let page = until(&file, "refpoint_run_in_progress{plan=\"nightly\"} 1").await;
    has(&page, &["refpoint_last_run_exit_code{plan=\"nightly\"} 0"]);
    let mut bad = badly();
    (bad.started_at, bad.finished_at) = (at(86_400), Some(at(90_000)));
    assert!(meter.finish(&bad).await.is_empty());
    has(
        &fs::read_to_string(&file).unwrap(),
        &[
            "refpoint_last_run_success_timestamp_seconds{plan=\"nightly\"} 1795000600",
            "refpoint_last_run_end_timestamp_seconds{plan=\"nightly\"} 1795090000",
            "refpoint_last_run_exit_code{plan=\"nightly\"} 1",
            "refpoint_host_last_success_timestamp_seconds{plan=\"nightly\",host=\"hv01\"} 1795000500",
            "refpoint_host_units_failed{plan=\"nightly\",host=\"hv01\"} 1",
            "refpoint_run_failures{plan=\"nightly\",of=\"unit\",cause=\"job-failed\"} 1",
        ],
    );
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_is_no_success_and_is_counted_on_when_it_goes_on() {
    let folder = folder("stopped");
    let file = folder.join("nightly.prom");
    let meter = start(&to_file(&file), "nightly").await;
    meter.hear(&begun(1));
    let mut stopped = well();
    stopped.state = RunState::Stopped;
    stopped.exit_code = Some(0);
    let mut outstanding = stopped.units[0].clone();
    (outstanding.unit, outstanding.state, outstanding.ending) = (2, UnitState::Outstanding, None);
    stopped.units.push(outstanding);
    assert!(meter.finish(&stopped).await.is_empty());
    let page = fs::read_to_string(&file).unwrap();
    assert!(!page.contains("success_timestamp"), "{page}");
    has(&page, &["refpoint_run_units{plan=\"nightly\",state=\"outstanding\"} 1"]);
    let mut args = to_file(&file);
    args.metrics_every = Some(Duration::from_millis(10));
    let subject = Subject { plan: "nightly", before: Some(&stopped), scope: Scope::Whole };
    let meter = Meter::start(&args, &subject, clock).await;
    let resumed = News::RunStarted {
        run: "nightly-1".into(),
        plan: "nightly".into(),
        hosts: 1,
        units: 2,
        resumed: true,
    };
    meter.hear(&Event::of_run(at(2000), resumed));
    meter.hear(&event(2001, "hv01", 0, News::HostPlanned { units: 2 }));
    meter.hear(&event(2001, "hv01", 2, News::UnitStarted));
    let page = until(&file, "refpoint_run_units{plan=\"nightly\",state=\"running\"} 1").await;
    has(
        &page,
        &[
            "refpoint_run_units{plan=\"nightly\",state=\"completed\"} 1",
            "refpoint_run_units{plan=\"nightly\",state=\"outstanding\"} 0",
            "refpoint_run_start_timestamp_seconds{plan=\"nightly\"} 1795000000",
        ],
    );
    drop(meter);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_plan_that_is_done_is_no_plan_that_is_done() {
    let folder = folder("part");
    let file = folder.join("nightly.prom");
    assert!(start(&to_file(&file), "nightly").await.finish(&well()).await.is_empty());
    let part = |scope| Subject { plan: "nightly", before: None, scope };
    let mut later = report(vec![host("hv02", None)], Vec::new(), RunState::Finished);
    later.finished_at = Some(at(90_000));
    let hosts = |page: &str| page.matches("refpoint_host_last_success_timestamp_seconds{").count();
    let meter = Meter::start(&to_file(&file), &part(Scope::Part), clock).await;
    assert!(meter.finish(&later).await.is_empty());
    let page = fs::read_to_string(&file).unwrap();
    has(&page, &["refpoint_last_run_success_timestamp_seconds{plan=\"nightly\"} 1795000600"]);
    has(&page, &["refpoint_last_run_end_timestamp_seconds{plan=\"nightly\"} 1795090000"]);
    assert_eq!(hosts(&page), 2, "{page}");
    // The same hosts as a whole: the other one has left the inventory.
    let meter = Meter::start(&to_file(&file), &part(Scope::Whole), clock).await;
    assert!(meter.finish(&later).await.is_empty());
    let page = fs::read_to_string(&file).unwrap();
    has(&page, &["refpoint_last_run_success_timestamp_seconds{plan=\"nightly\"} 1795090000"]);
    assert_eq!(hosts(&page), 1, "{page}");
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_could_not_begin_is_known_the_next_morning() {
    let folder = folder("never");
    let file = folder.join("nightly.prom");
    assert!(start(&to_file(&file), "nightly").await.finish(&well()).await.is_empty());
    assert!(start(&to_file(&file), "nightly").await.fail(11).await.is_empty());
    let page = fs::read_to_string(&file).unwrap();
    let expected = [
        "refpoint_last_run_success_timestamp_seconds{plan=\"nightly\"} 1795000600",
        "refpoint_last_run_end_timestamp_seconds{plan=\"nightly\"} 1795001000",
        "refpoint_last_run_exit_code{plan=\"nightly\"} 11",
        "refpoint_host_last_success_timestamp_seconds{plan=\"nightly\",host=\"hv01\"} 1795000500",
    ];
    has(&page, &expected);
    assert!(!page.contains("refpoint_run_"), "there was none:\n{page}");
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn names_that_need_it_are_escaped_as_the_foreign_parser_reads_them() {
    let folder = folder("names");
    let file = folder.join("nightly.prom");
    let strange = "hv\"01\\ü\nx{}=,# \r\t";
    let meter = start(&to_file(&file), "näch\"tlich").await;
    meter.hear(&begun(1));
    meter.hear(&event(1, strange, 0, News::HostPlanned { units: 0 }));
    let ended = report(vec![host(strange, None)], Vec::new(), RunState::Finished);
    assert!(meter.finish(&ended).await.is_empty());
    let read = read_by_prometheus(&fs::read_to_string(&file).unwrap());
    // Python's quotes of the same name.
    let expected = r#"refpoint_host_up{plan='näch"tlich',host='hv"01\\ü\nx{}=,# \r\t'} 1"#;
    assert!(read.lines().any(|line| line == expected), "{read}");
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_is_told_once_and_fails_nothing() {
    let mut args = to_file(Path::new("/nonexistent/refpoint/nightly.prom"));
    args.metrics_every = Some(Duration::from_millis(1));
    let meter = start(&args, "nightly").await;
    meter.hear(&begun(1));
    let mut warnings = Vec::new();
    while warnings.is_empty() {
        sleep(Duration::from_millis(5)).await;
        warnings = meter.warnings();
    }
    sleep(Duration::from_secs(1)).await;
    warnings.extend(meter.finish(&well()).await);
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(
        warning.starts_with("cannot write the metrics to /nonexistent/refpoint/nightly.prom: "),
        "{warning}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_file_of_another_plan_is_told() {
    let folder = folder("other");
    let file = folder.join("nightly.prom");
    let meter = start(&to_file(&file), "weekly").await;
    assert!(meter.finish(&well()).await.is_empty());
    let meter = start(&to_file(&file), "nightly").await;
    let warnings = meter.warnings();
    assert!(warnings[0].contains("holds the metrics of the plan \"weekly\""), "{warnings:?}");
    fs::write(&file, [0xff, 0xfe, 0, b'\n', b'{', b'}']).unwrap();
    assert!(start(&to_file(&file), "nightly").await.warnings().is_empty());
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn of_too_many_hosts_there_are_sums_alone() {
    let args = MetricsArgs { metrics_listen: Some("127.0.0.1:0".parse().unwrap()), ..MetricsArgs::default() };
    let meter = start(&args, "nightly").await;
    meter.hear(&begun(page::MOST_HOSTS + 1));
    for number in 0..=page::MOST_HOSTS {
        meter.hear(&event(1, &format!("hv{number}"), 0, News::HostPlanned { units: 5 }));
    }
    let mut stream = tokio::net::TcpStream::connect(meter.address().unwrap()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    has(&answer.replace('\r', ""), &["refpoint_run_hosts{plan=\"nightly\",state=\"planned\"} 2001"]);
    assert!(!answer.contains("host=\""));
    assert!(meter.finish(&well()).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_had_is_a_warning_and_one_for_everybody_too() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let args = MetricsArgs { metrics_listen: Some(taken.local_addr().unwrap()), ..MetricsArgs::default() };
    let warnings = start(&args, "nightly").await.warnings();
    assert!(warnings.len() == 1 && warnings[0].starts_with("no metrics on 127.0.0.1:"), "{warnings:?}");
    let everybody = MetricsArgs { metrics_listen: Some("192.0.2.1:9".parse().unwrap()), ..args };
    let warnings = start(&everybody, "nightly").await.warnings();
    assert!(warnings[0].contains("whoever reaches 192.0.2.1:9 can read"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn the_file_is_written_no_more_often_than_asked() {
    let folder = folder("often");
    let file = folder.join("nightly.prom");
    let meter = start(&to_file(&file), "nightly").await;
    meter.hear(&begun(1));
    until(&file, "in_progress").await;
    fs::remove_file(&file).unwrap();
    for _ in 0..13 {
        meter.hear(&event(1, "hv01", 1, News::UnitStarted));
        sleep(Duration::from_secs(1)).await;
        assert!(!file.exists());
    }
    sleep(Duration::from_secs(3)).await;
    until(&file, "in_progress").await;
    assert!(meter.finish(&well()).await.is_empty());
    fs::remove_dir_all(folder).unwrap();
}

fn any_news() -> impl Strategy<Value = News> {
    let outcomes =
        [Outcome::Completed, Outcome::Failed, Outcome::Detached, Outcome::Unknown, Outcome::Cancelled];
    prop_oneof![
        (0_usize..5, 0_usize..9).prop_map(|(hosts, units)| News::RunStarted {
            run: "nightly-1".into(),
            plan: "nightly".into(),
            hosts,
            units,
            resumed: false
        }),
        (0_usize..5).prop_map(|units| News::HostPlanned { units }),
        Just(News::HostFailed { error: failure(Kind::Login) }),
        (1_usize..5).prop_map(|units| News::Limit { units, cause: "busy".into() }),
        Just(News::UnitStarted),
        Just(News::JobStarted { job: job() }),
        any::<bool>().prop_map(|unheard_of| News::Adopted { job: job(), unheard_of }),
        Just(News::Progress { state: 4, percent: None }),
        Just(News::Stalled { since: at(-5) }),
        "[a-zé ]{0,40}".prop_map(|cause| News::Retry { kind: None, cause, after: 1.0 }),
        prop::sample::select(outcomes.to_vec()).prop_map(|outcome| {
            let error = (outcome == Outcome::Failed).then_some(Kind::JobFailed);
            News::UnitFinished { ending: Ending::Export(Box::new(export("hv01", outcome, error))) }
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_heard_in_whatever_order_is_a_page_without_a_sample_twice(
        heard in prop::collection::vec(("[a-c]", 0_i64..4, any_news()), 0..60),
        is_over in any::<bool>(),
    ) {
        let mut figures = Figures::new("nightly", None);
        for (index, (host, number, news)) in heard.into_iter().enumerate() {
            figures.hear(&event(i64::try_from(index).unwrap(), &host, number, news));
        }
        if is_over {
            figures.finish(&badly(), Scope::Whole, clock());
        }
        let page = page::write(&figures, clock());
        let mut seen = std::collections::HashSet::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let sample = super::super::exposition::Sample::read(line).unwrap();
            prop_assert!(sample.value.is_finite() && sample.value >= 0.0, "{}", line);
            prop_assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{} is there twice", line);
        }
        // What is written is what is read the next night.
        let mut next = Figures::new("nightly", None);
        page::read(&page, &mut next);
        prop_assert_eq!(next.last, figures.last);
    }
}

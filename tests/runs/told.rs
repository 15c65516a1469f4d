//! What a run tells others while it goes and when it has ended: metrics, webhooks, watchers of timers.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, world};

const EXPORTS: &str = "
retries = { transient = 0 }
[[export]]
machines = ['vm1']
to = 'D:\\exports\\{run}\\{vm}'
";

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Somebody who is told: takes every request down, and says that it is well.
pub(crate) struct Listener {
    pub(crate) url: String,
    heard: mpsc::Receiver<Request>,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Listener {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, heard) = mpsc::channel();
        // It ends with the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, tell) = (stream.unwrap(), tell.clone());
                thread::spawn(move || answer(stream, &tell));
            }
        });
        Self { url, heard }
    }

    #[track_caller]
    pub(crate) fn next(&self) -> Request {
        self.heard.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    pub(crate) fn has_more(&self) -> bool {
        self.heard.try_recv().is_ok()
    }
}

/// Answers all requests of one connection.
fn answer(stream: TcpStream, tell: &mpsc::Sender<Request>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let _ = tell.send(Request { line: line.trim_end().to_owned(), headers, body });
        if writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// Checks a signature with a foreign HMAC.
#[track_caller]
fn is_signed(request: &Request) {
    let (time, signature) = request.header("x-refpoint-signature").split_once(",v1=").unwrap();
    let seconds = time.strip_prefix("t=").unwrap();
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("key:{KEY}"), "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(format!("{seconds}.{}", request.body).as_bytes()).unwrap();
    let output = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(output.split(' ').next(), Some(signature), "{request:?}");
}

fn notify(fleet: &Fleet, hook: &Listener, watcher: &Listener) -> String {
    let key = fleet.file("webhook.key");
    fs::write(&key, format!("{KEY}\n")).unwrap();
    let mut lines = String::new();
    write!(
        lines,
        "[[notify.webhook]]\nurl = '{}/hook'\nkey_file = '{}'\n\
         on = ['started', 'succeeded', 'warned', 'failed', 'stopped']\nreport = 'full'\n\
         [notify.ping]\nurl = '{}/ping'\nstyle = 'healthchecks'\n",
        hook.url,
        key.display(),
        watcher.url
    )
    .unwrap();
    lines
}

/// Returns the samples of a page of Prometheus, after a look whether it is one.
#[track_caller]
fn samples(page: &str) -> Vec<(&str, f64)> {
    assert!(page.ends_with('\n'), "{page}");
    let mut families = Vec::new();
    let mut samples = Vec::new();
    for line in page.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            families.push(family.split(' ').next().unwrap());
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(families.contains(&name.split('{').next().unwrap()), "{line}");
            samples.push((name, value.parse().unwrap()));
        }
    }
    samples
}

#[track_caller]
fn value(page: &str, name: &str) -> f64 {
    let samples = samples(page);
    let found = samples.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no {name} in\n{page}")).1
}

#[test]
fn a_run_that_goes_well_is_told_when_it_begins_and_when_it_ends() {
    let fleet = Fleet::new(2, &world(1, 0.3));
    let (hook, watcher) = (Listener::new(), Listener::new());
    let path = fleet.plan("nightly", &format!("{EXPORTS}{}", notify(&fleet, &hook, &watcher)));
    let file = fleet.file("nightly.prom");
    let run = fleet.command(&["run", &path, "--metrics-file", file.to_str().unwrap()]).run();
    assert_eq!(run.code, Some(0), "{run:?}");

    let (started, ended) = (hook.next(), hook.next());
    for (request, event) in [(&started, "started"), (&ended, "succeeded")] {
        assert_eq!((&*request.line, request.header("x-refpoint-event")), ("POST /hook HTTP/1.1", event));
        let body = request.json();
        assert_eq!((&body["schema"], &body["event"]), (&"refpoint.webhook/1".into(), &event.into()));
        assert_eq!(body["delivery"], request.header("x-refpoint-delivery"));
        is_signed(request);
    }
    let report = fleet.report(&[]);
    let told = ended.json();
    assert_eq!((&told["run"], &told["exit_code"]), (&report["run"], &0.into()));
    assert_eq!(told["totals"], report["totals"]);
    assert_eq!(told["report"]["units"], report["units"], "the whole report goes along");
    assert_eq!(started.json()["run"], report["run"]);
    let pings = [watcher.next(), watcher.next()];
    assert!(pings[0].line.ends_with(" /ping/start HTTP/1.1"), "{pings:?}");
    assert!(pings[1].line.ends_with(" /ping HTTP/1.1"), "{pings:?}");
    assert!(!hook.has_more() && !watcher.has_more());

    let page = fs::read_to_string(file).unwrap();
    for (name, wanted) in [
        ("refpoint_last_run_exit_code{plan=\"nightly\"}", 0.0),
        ("refpoint_run_in_progress{plan=\"nightly\"}", 0.0),
        ("refpoint_run_units{plan=\"nightly\",state=\"completed\"}", 2.0),
        ("refpoint_host_up{plan=\"nightly\",host=\"hv01\"}", 1.0),
    ] {
        assert!((value(&page, name) - wanted).abs() < 1e-9, "{name}\n{page}");
    }
    let success = value(&page, "refpoint_last_run_success_timestamp_seconds{plan=\"nightly\"}");
    let ended: jiff::Timestamp = report["finished_at"].as_str().unwrap().parse().unwrap();
    assert!((success - ended.as_second() as f64).abs() < 5.0, "{success} {ended}");
}

#[test]
fn a_run_that_fails_and_one_that_is_stopped_are_told_as_that() {
    let fleet = Fleet::new(2, &world(1, 6.0));
    fleet.say_of("hv02", "user = 'LAB\\nobody'");
    let (hook, watcher) = (Listener::new(), Listener::new());
    let path = fleet.plan("nightly", &format!("{EXPORTS}{}", notify(&fleet, &hook, &watcher)));
    let file = fleet.file("nightly.prom");
    let metrics = ["--metrics-file", file.to_str().unwrap()];
    let running = fleet.command(&[&["run", &path][..], &metrics].concat()).start();
    while fleet.exports().is_empty() {
        assert!(!running.ends_within(Duration::from_millis(20)), "it has ended too early");
    }
    running.signal("TERM");
    let run = running.end();
    assert_eq!(run.code, Some(143), "{run:?}");
    assert_eq!(hook.next().json()["event"], "started");
    let stopped = hook.next();
    is_signed(&stopped);
    let body = stopped.json();
    assert_eq!(
        (&body["event"], &body["state"], &body["exit_code"]),
        (&"stopped".into(), &"stopped".into(), &143.into()),
        "{body:#}"
    );
    assert_eq!(watcher.next().line.split(' ').nth(1), Some("/ping/start"));
    assert_eq!(watcher.next().line.split(' ').nth(1), Some("/ping/fail"));
    let page = fs::read_to_string(&file).unwrap();
    assert!((value(&page, "refpoint_last_run_exit_code{plan=\"nightly\"}") - 143.0).abs() < 1e-9, "{page}");

    let resumed = fleet.command(&[&["resume", "nightly"][..], &metrics].concat()).run();
    assert_eq!(resumed.code, Some(5), "{resumed:?}");
    let started = hook.next().json();
    assert_eq!((&started["event"], &started["resumed"]), (&"started".into(), &true.into()));
    let failed = hook.next().json();
    assert_eq!((&failed["event"], &failed["failures"][0]["kind"]), (&"failed".into(), &"login".into()));
    let page = fs::read_to_string(&file).unwrap();
    assert!((value(&page, "refpoint_last_run_exit_code{plan=\"nightly\"}") - 5.0).abs() < 1e-9, "{page}");
    assert!(
        (value(&page, "refpoint_run_failures{plan=\"nightly\",of=\"host\",cause=\"login\"}") - 1.0).abs()
            < 1e-9
    );
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 1);
}

#[test]
fn the_endpoint_answers_while_a_run_lasts() {
    let busy = "[[job]]\nmethod = 'ExportReferencePoint'\nreturn_value = 32774\ntimes = 1\n";
    let fleet = Fleet::new(1, &format!("{}{busy}", world(1, 3.0)));
    let path = fleet.plan("nightly", EXPORTS);
    let running = fleet.command(&["run", &path, "--metrics-listen", "127.0.0.1:0"]).start();
    let line = running.says("metrics: http://");
    let url = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let get = || {
        let mut stream = TcpStream::connect(&url).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, page) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        page.to_owned()
    };
    let began = Instant::now();
    let begun = "refpoint_run_jobs_started_total{plan=\"nightly\"}";
    let page = loop {
        let page = get();
        if samples(&page).iter().any(|(name, count)| *name == begun && *count > 0.5) {
            break page;
        }
        assert!(!running.ends_within(Duration::from_millis(50)) && began.elapsed() < Duration::from_secs(30));
    };
    assert!((value(&page, "refpoint_run_in_progress{plan=\"nightly\"}") - 1.0).abs() < 1e-9);
    // The first call came to nothing, and that is counted by its sort.
    let retries = "refpoint_run_retries_total{plan=\"nightly\",cause=\"busy\"}";
    assert!((value(&page, retries) - 1.0).abs() < 1e-9, "{page}");
    assert_eq!(running.end().code, Some(0));
    assert!(TcpStream::connect(&url).is_err(), "it has gone with the run");
}

/// A plan whose hosts cannot be found out is a night without exports: whoever is to hear of that hears of it.
#[test]
fn a_run_that_cannot_even_begin_is_told_too() {
    let fleet = Fleet::new(1, &world(1, 0.3));
    let (hook, watcher) = (Listener::new(), Listener::new());
    let path = fleet.plan("nightly", &format!("{EXPORTS}{}", notify(&fleet, &hook, &watcher)));
    fs::write(fleet.file("hosts.toml"), "hosts = 7\n").unwrap();
    let run = fleet.command(&["run", &path]).run();
    assert_eq!(run.code, Some(2), "{run:?}");
    let failed = hook.next();
    is_signed(&failed);
    let body = failed.json();
    assert_eq!(
        (&body["event"], &body["run"], &body["exit_code"]),
        (&"failed".into(), &Value::Null, &2.into())
    );
    assert!(body["error"]["message"].as_str().unwrap().contains("inventory"), "{body:#}");
    assert_eq!(watcher.next().line.split(' ').nth(1), Some("/ping/fail"));
    assert!(!hook.has_more() && !watcher.has_more());
}

/// Who does not listen costs a warning, and not the run.
#[test]
fn nobody_who_is_not_there_fails_a_run() {
    let fleet = Fleet::new(1, &world(1, 0.3));
    let plan = format!("{EXPORTS}[notify]\npatience = '1s'\n");
    let path = fleet.plan("nightly", &plan);
    let run = fleet.command(&["run", &path]).env("REFPOINT_NOTIFY_URL", "http://127.0.0.1:1/t0ken").run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("was not told: "), "{run:?}");
    assert!(!run.stderr.contains("t0ken"), "{run:?}");
}

#[test]
fn a_job_that_is_found_after_its_answer_was_lost_is_counted_once_and_by_one_process() {
    let lost = "[[fault]]\nwhat = 'lost-response'\nwhen = { method = 'ExportReferencePoint' }\ntimes = 1\n";
    let begun = "refpoint_run_jobs_started_total{plan=\"nightly\"}";
    let counted = |fleet: &Fleet, words: &[&str], moment: &str| {
        let file = fleet.file("nightly.prom");
        let metrics = ["--metrics-file", file.to_str().unwrap()];
        let run = fleet.command(&[words, &metrics].concat()).killed_at(moment).run();
        assert!(run.was_killed() || run.code == Some(0), "{run:?}");
        (!run.was_killed()).then(|| value(&fs::read_to_string(file).unwrap(), begun))
    };
    // Found by the process that had asked.
    let fleet = Fleet::new(1, &format!("{}{lost}", world(1, 0.3)));
    let path = fleet.plan("nightly", EXPORTS);
    assert_eq!(counted(&fleet, &["run", &path], ""), Some(1.0));
    // Found by one that goes on, when nobody had heard of it; known to it, when somebody had.
    for (moment, count) in
        [("ledger:Sent:after", 0.0), ("ledger:Answered:before", 1.0), ("ledger:Answered:after", 0.0)]
    {
        let fleet = Fleet::new(1, &world(1, 3.0));
        let path = fleet.plan("nightly", EXPORTS);
        assert_eq!(counted(&fleet, &["run", &path], moment), None);
        let asked = fleet.exports().len();
        // What was not asked is begun by the one that goes on, and counted by it.
        let count = if asked == 0 { 1.0 } else { count };
        assert_eq!(counted(&fleet, &["resume", "nightly"], ""), Some(count), "{moment}");
        assert_eq!(fleet.exports().len(), 1);
    }
}

//! Addresses of webhooks and watchers let their bearer in: they are used, and stand nowhere.

use std::fs;

use crate::fleet::{Fleet, world};
use crate::told::Listener;

const EXPORTS: &str = "
[[export]]
machines = ['*']
to = 'D:\\exports\\{run}\\{vm}'
";

/// What no file and no output may hold.
const CANARY: &str = "c4n4ry-7391";

fn notify(hook: &Listener, watcher: &Listener) -> String {
    format!(
        "# url = 'https://old.example/{CANARY}'\n[[notify.webhook]]\nurl = '{}/{CANARY}?key={CANARY}'\n\
         on = ['started', 'succeeded', 'warned', 'failed', 'stopped']\nreport = 'full'\n\
         [notify.ping]\nurl = '{}/{CANARY}'\nstart_url = '{}/{CANARY}/begun'\n",
        hook.url, watcher.url, watcher.url
    )
}

#[track_caller]
fn is_nowhere(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let found = text.find(CANARY).map(|at| text[..at].chars().rev().take(300).collect::<String>());
    let before = found.map(|text| text.chars().rev().collect::<String>());
    assert!(before.is_none(), "{what} holds the secret after {before:?}");
}

#[track_caller]
fn are_nowhere(fleet: &Fleet) {
    for suffix in ["", "-wal", "-shm"] {
        if let Ok(bytes) = fs::read(format!("{}{suffix}", fleet.ledger().display())) {
            is_nowhere(&format!("ledger.db{suffix}"), &bytes);
        }
    }
}

#[test]
fn no_address_stands_in_the_ledger_or_in_what_is_said_of_a_run_and_resume_still_uses_it() {
    let fleet = Fleet::new(1, &world(1, 0.5));
    let (hook, watcher) = (Listener::new(), Listener::new());
    let plan = fleet.plan("nightly", &format!("{EXPORTS}{}", notify(&hook, &watcher)));
    let killed = fleet.command(&["run", &plan, "-vvv", "-o", "jsonl"]).killed_at("ledger:Sent:after").run();
    assert!(killed.was_killed(), "{killed:?}");
    are_nowhere(&fleet);
    let resumed = fleet
        .command(&["resume", "nightly", "-vvv"])
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .run();
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    are_nowhere(&fleet);
    let lines: Vec<String> = (0..3).map(|_| hook.next().line).collect();
    assert!(lines.iter().all(|line| line.contains(CANARY)), "it was told: {lines:?}");
    // Of the killed process, and of the one that went on: begun, begun, done.
    let lines: Vec<String> = (0..3).map(|_| watcher.next().line).collect();
    assert!(lines.iter().all(|line| line.contains(CANARY)), "it was told: {lines:?}");
    for run in [&killed, &resumed] {
        is_nowhere("standard output", run.stdout.as_bytes());
        is_nowhere("standard error", run.stderr.as_bytes());
    }
    for form in ["table", "json", "jsonl", "yaml", "name", "junit", "html"] {
        let shown = fleet.command(&["report", "-o", form, "-vvv"]).run();
        is_nowhere(form, format!("{}{}", shown.stdout, shown.stderr).as_bytes());
    }
    for words in
        [&["status", "-o", "json"][..], &["status"], &["plan", &plan, "-vvv"], &["plan", &plan, "-o", "json"]]
    {
        let shown = fleet.command(words).run();
        is_nowhere(&format!("{words:?}"), format!("{}{}", shown.stdout, shown.stderr).as_bytes());
    }
}

#[test]
fn who_resumes_without_the_file_of_the_plan_is_told_that_nobody_else_is() {
    let fleet = Fleet::new(1, &world(1, 0.5));
    let (hook, watcher) = (Listener::new(), Listener::new());
    let plan = fleet.plan("nightly", &format!("{EXPORTS}{}", notify(&hook, &watcher)));
    assert!(fleet.command(&["run", &plan]).killed_at("ledger:Sent:after").run().was_killed());
    fs::remove_file(&plan).unwrap();
    let resumed = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(resumed.stderr.contains("those whom the plan names are not told"), "{resumed:?}");
    // A plan that tells nobody is not missed.
    let quiet = fleet.plan("quiet", EXPORTS);
    assert!(fleet.command(&["run", &quiet]).killed_at("ledger:Sent:after").run().was_killed());
    fs::remove_file(&quiet).unwrap();
    let resumed = fleet.command(&["resume", "quiet"]).run();
    assert!(resumed.code == Some(0) && !resumed.stderr.contains("not told"), "{resumed:?}");
}

#[test]
fn what_is_wrong_with_whom_a_plan_tells_is_said_before_the_night() {
    let fleet = Fleet::new(1, &world(1, 0.5));
    let hook = Listener::new();
    let short = fleet.file("short.key");
    fs::write(&short, "tooshort\n").unwrap();
    for (name, lines, says) in [
        (
            "no-address",
            format!("[[notify.webhook]]\nurl = 'hooks.example/{CANARY}'\n"),
            "the address of a webhook is none",
        ),
        (
            "no-file",
            "[notify.ping]\nurl_file = '/nowhere/ping'\n".to_owned(),
            "cannot read the address of a watcher",
        ),
        (
            "short-key",
            format!("[[notify.webhook]]\nurl = '{}/{CANARY}'\nkey_file = '{}'\n", hook.url, short.display()),
            "too short",
        ),
        (
            "no-authorities",
            format!("[[notify.webhook]]\nurl = 'https://a.example/{CANARY}'\nca = '/nowhere/ca.pem'\n"),
            "cannot use /nowhere/ca.pem",
        ),
    ] {
        let plan = fleet.plan(name, &format!("{EXPORTS}{lines}"));
        let table = fleet.command(&["plan", &plan]).run();
        assert_eq!(table.code, Some(2), "{name}: {table:?}");
        assert!(
            table.stdout.contains("will not be told") && table.stdout.contains(says),
            "{name}: {table:?}"
        );
        let json = fleet.command(&["plan", &plan, "-o", "json"]).run();
        let rows = json.json();
        let row = rows.as_array().unwrap().iter().find(|row| row["notify"].is_string()).unwrap().clone();
        assert_eq!(
            (&row["error"]["exit_code"], &row["error"]["kind"]),
            (&2.into(), &"usage".into()),
            "{row:#}"
        );
        for run in [&table, &json] {
            is_nowhere(name, format!("{}{}", run.stdout, run.stderr).as_bytes());
        }
    }
    // What only the service has is not missed, and the rest is looked at; inside the service it is.
    let lines = format!("[[notify.webhook]]\nurl = '{}/x'\nkey_credential = 'webhook-key'\n", hook.url);
    let plan = fleet.plan("credential", &format!("{EXPORTS}{lines}"));
    let outside = fleet.command(&["plan", &plan]).run();
    assert!(outside.code == Some(0) && outside.stderr.contains("webhook-key"), "{outside:?}");
    let folder = fleet.file("credentials");
    fs::create_dir(&folder).unwrap();
    let inside = fleet.command(&["plan", &plan]).env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap()).run();
    assert!(inside.code == Some(2) && inside.stdout.contains("no credential webhook-key"), "{inside:?}");
    assert!(!hook.has_more(), "nobody is told anything by a look");
}

//! Each fault of the scenario language alone: which value or error each kind of operation ends with, and
//! whether that is what the host has done.

use std::time::Duration;

use refpoint::cim::ObjectPath;
use refpoint::client::{Enumerate, Error, Session, Target, Through};
use refpoint::wsman::Opening;
use tokio::time::Instant;

use crate::support::{Meeting, NAMESPACE, POINT, agree, export, name, on_paused_clock, point};

/// A fault with what a reading ends with, a second page, and a call: where it strikes each time, and where it
/// strikes once. `=` is the right value; a number what the method returned.
struct Row {
    /// As it stands in the log.
    what: &'static str,
    more: &'static str,
    get: [&'static str; 2],
    pull: [&'static str; 2],
    invoke: [&'static str; 2],
}

/// Nothing comes of it.
const HARMLESS: [&str; 2] = ["=", "="];
const STARTED: [&str; 2] = ["4096", "4096"];

fn row(
    what: &'static str,
    more: &'static str,
    get: [&'static str; 2],
    pull: [&'static str; 2],
    invoke: [&'static str; 2],
) -> Row {
    Row { what, more, get, pull, invoke }
}

/// The same error each time, and for a call that nobody knows.
fn unknown(what: &'static str, more: &'static str, error: &'static str, invoke: &'static str) -> Row {
    row(what, more, [error; 2], [error; 2], [invoke; 2])
}

/// The same error each time, and it says that nothing was begun.
fn refused(what: &'static str, more: &'static str, error: &'static str) -> Row {
    row(what, more, [error; 2], [error; 2], [error; 2])
}

/// What may pass: a reading that meets it once is repeated; a page is not, and of a call nobody knows.
fn passing(what: &'static str, more: &'static str, error: &'static str, invoke: &'static str) -> Row {
    row(what, more, [error, "="], [error; 2], [invoke; 2])
}

/// What proves that nothing was begun, so that everything that meets it once is repeated.
fn repeated(what: &'static str, more: &'static str, error: &'static str) -> Row {
    row(what, more, [error, "="], [error, "="], [error, "4096"])
}

fn table() -> Vec<Row> {
    vec![
        passing("cut", "", "broken off", "unknown: broken off"),
        passing("cut", "after_bytes = 1", "broken off", "unknown: broken off"),
        passing("cut", "after_bytes = 700", "broken off", "unknown: broken off"),
        passing("lost-response", "", "broken off", "unknown: broken off"),
        passing("stall", "", "waiting for the first byte", "unknown: waiting for the first byte"),
        passing(
            "stall",
            "after_bytes = 5",
            "waiting for the first byte",
            "unknown: waiting for the first byte",
        ),
        passing("stall", "after_bytes = 700", "answer stalled", "unknown: answer stalled"),
        passing(
            "stall",
            "side = 'request'",
            "waiting for the first byte",
            "unknown: waiting for the first byte",
        ),
        // What stands outside the seal proves nothing: whoever is on the way could have said it.
        row("status", "status = 401", ["logged out", "="], ["logged out"; 2], ["unknown: logged out"; 2]),
        passing("status", "status = 503", "unavailable", "unknown: unavailable"),
        passing("status", "status = 503\nretry_after = 7", "unavailable", "unknown: unavailable"),
        passing("status", "status = 429", "unavailable", "unknown: unavailable"),
        passing("status", "status = 502", "unavailable", "unknown: unavailable"),
        unknown("status", "status = 500", "emptyfailure", "unknown: emptyfailure"),
        unknown("status", "status = 400", "badrequest", "unknown: badrequest"),
        // An answer without a word to a request for words.
        unknown("status", "status = 200", "clear", "unknown: clear"),
        unknown("status", "status = 403", "forbidden", "unknown: forbidden"),
        unknown("status", "status = 404", "notfound", "unknown: notfound"),
        unknown("status", "status = 407", "proxylogin", "unknown: proxylogin"),
        unknown("status", "status = 413", "toolarge", "unknown: toolarge"),
        unknown("status", "status = 415", "mediatype", "unknown: mediatype"),
        unknown("page", "", "not soap", "unknown: not soap"),
        passing("page", "status = 502", "unavailable", "unknown: unavailable"),
        unknown("page", "status = 403", "forbidden", "unknown: forbidden"),
        unknown("redirect", "location = 'https://elsewhere/wsman'", "redirect", "unknown: redirect"),
        repeated("quota", "", "QuotaLimit"),
        repeated("busy", "", "Concurrency"),
        row("timed-out", "", ["TimedOut", "="], ["TimedOut", "="], ["unknown: TimedOut"; 2]),
        refused("access-denied", "", "AccessDenied"),
        passing("internal-error", "", "InternalError", "unknown: InternalError"),
        row("slow", "seconds = 20", HARMLESS, HARMLESS, STARTED),
        passing("slow", "seconds = 100", "waiting for the first byte", "unknown: waiting for the first byte"),
        row("vanish-jobs", "", HARMLESS, HARMLESS, STARTED),
        row("restart-service", "", HARMLESS, HARMLESS, ["32777"; 2]),
        row("end-subscriptions", "", HARMLESS, HARMLESS, STARTED),
        row("busy", "machine = 'web01'", HARMLESS, HARMLESS, ["32775"; 2]),
        row("busy", "machine = 'web01'\nstatus = 32774", HARMLESS, HARMLESS, ["32774"; 2]),
        unknown("wrong-seal", "", "seal", "unknown: seal"),
        row("oversized-reply", "bytes = 200000", HARMLESS, HARMLESS, STARTED),
        // One byte more than the session of these tests is willing to read.
        unknown("oversized-reply", "bytes = 2000000", "too long", "unknown: too long"),
    ]
}

fn target(meeting: &Meeting) -> Target {
    Target { call_limit: LIMIT, ..meeting.target() }
}

const LIMIT: Duration = Duration::from_secs(600);

fn pages() -> Enumerate {
    Enumerate {
        opening: Opening::FirstPage { max_elements: Some(2) },
        ..Enumerate::new(ObjectPath::new(NAMESPACE, POINT))
    }
}

/// The readings that are sent as one request each, by the name of their operation.
const READINGS: [&str; 7] = [
    "Identify",
    "Get",
    "Enumerate",
    "Enumerate query",
    "Enumerate associators",
    "Enumerate references",
    "GetClass",
];

/// What is read, as text.
async fn read(session: &mut Session, reading: &str) -> Result<String, Error> {
    Ok(match reading {
        "Identify" => format!("{:?}", session.identify().await?),
        "Get" => format!("{:?}", session.get(&point()).await?),
        "GetClass" => format!("{:?}", session.class(None, POINT).await?),
        "Enumerate" => format!("{:?}", session.enumerate(POINT).instances().await?),
        "Enumerate query" => {
            let query = format!("SELECT * FROM {POINT} WHERE ReferencePointType = 2");
            format!("{:?}", session.query(query).instances().await?)
        }
        "Enumerate associators" => {
            let through = Through::to_class("Msvm_ComputerSystem");
            let around = session.associators(&point(), &through).references().await?;
            format!("{around:?} {:?}", session.get(&point()).await?)
        }
        "Enumerate references" => {
            format!("{:?}", session.references(&point(), &Through::default()).instances().await?)
        }
        "Pull" => format!("{:?}", session.list(pages()).instances().await?),
        other => panic!("{other}"),
    })
}

fn plain(reading: &str) -> String {
    on_paused_clock(async {
        let meeting = Meeting::new("");
        let mut session = meeting.session().await;
        let value = read(&mut session, reading).await.unwrap();
        assert!(value.len() > 100, "{reading}: {value}");
        value
    })
}

fn rule(row: &Row, operation: &str, often: &str) -> String {
    let Row { what, more, .. } = row;
    format!("[[fault]]\nwhat = '{what}'\n{more}\nwhen = {{ operation = '{operation}' }}\n{often}\n")
}

const OFTEN: [&str; 2] = ["", "times = 1"];

#[test]
fn what_is_read_through_each_fault_is_right_or_the_right_error() {
    let mut wrong = Vec::new();
    for reading in READINGS.into_iter().chain(["Pull"]) {
        let right = plain(reading);
        let operation = reading.split(' ').next().unwrap();
        for row in table() {
            let expected = if reading == "Pull" { row.pull } else { row.get };
            for (often, expected) in OFTEN.into_iter().zip(expected) {
                let rule = rule(&row, operation, often);
                on_paused_clock(async {
                    let meeting = Meeting::new(&rule);
                    let mut session = meeting.try_session(target(&meeting)).await.unwrap();
                    let began = Instant::now();
                    let seen = match read(&mut session, reading).await {
                        Ok(value) if value == right => "=".to_owned(),
                        Ok(value) => value,
                        Err(error) => name(&error),
                    };
                    if seen != expected {
                        wrong.push(format!("{reading}: {rule}ends with {seen} instead of {expected}"));
                        return;
                    }
                    // A listing is a call for each page.
                    assert!(began.elapsed() <= LIMIT, "{reading}: {rule}: {:?}", began.elapsed());
                    assert!(meeting.has_struck(row.what), "{reading}: {rule}");
                    // Whatever it was, the session is whole.
                    if !often.is_empty() {
                        assert_eq!(read(&mut session, reading).await.unwrap(), right, "{reading}: {rule}");
                    }
                });
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_said_of_a_call_through_each_fault_is_what_the_host_has_done() {
    let mut wrong = Vec::new();
    for row in table() {
        for (often, expected) in OFTEN.into_iter().zip(row.invoke) {
            let rule = rule(&row, "Invoke", often);
            on_paused_clock(async {
                let meeting = Meeting::new(&rule);
                let mut session = meeting.try_session(target(&meeting)).await.unwrap();
                let began = Instant::now();
                let said = session.invoke(&export(r"D:\exports\a")).await;
                assert!(began.elapsed() <= LIMIT, "{rule}: {:?}", began.elapsed());
                agree(&said, &meeting.invokes(), &meeting.exports(r"D:\exports\a"), &rule);
                let seen = match &said {
                    Ok(invoked) => invoked.code().unwrap().to_string(),
                    Err(error) => name(error),
                };
                if seen != expected {
                    wrong.push(format!("{rule}ends with {seen} instead of {expected}"));
                    return;
                }
                assert!(meeting.has_struck(row.what), "{rule}");
                let is_certain = said.as_ref().err().is_some_and(|error| !error.is_outcome_unknown());
                if is_certain && !often.is_empty() {
                    // What was not begun can be done.
                    let again = session.invoke(&export(r"D:\exports\a")).await;
                    assert_eq!(again.unwrap().code(), Some(4096), "{rule}");
                    assert_eq!(meeting.exports(r"D:\exports\a").len(), 1, "{rule}");
                }
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

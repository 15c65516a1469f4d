//! What is put, made and removed, through everything that can go wrong: never twice, and never said to be done or
//! not done where it is otherwise.

use refpoint::cim::{Instance, ObjectPath};
use refpoint::client::{Content, Error, Fragment, Invoke, Session};
use serde_json::Value as Json;

use crate::support::{Meeting, name, on_paused_clock};

fn class() -> ObjectPath {
    ObjectPath::new("root/cimv2", "Win32_Environment")
}

fn variable(name: &str) -> ObjectPath {
    class().with_key("Name", name).with_key("UserName", "<SYSTEM>")
}

fn said(name: &str) -> Instance {
    let mut said = Instance::new("Win32_Environment")
        .with("Name", name)
        .with("UserName", "<SYSTEM>")
        .with("VariableValue", "new");
    said.namespace = Some("root/cimv2".into());
    said
}

/// What is asked of the host, each thing once.
#[derive(Clone, Copy, Debug)]
enum Change {
    Put,
    PutPart,
    Create,
    Delete,
    Invoke,
}

impl Change {
    const ALL: [Self; 5] = [Self::Put, Self::PutPart, Self::Create, Self::Delete, Self::Invoke];

    fn operation(self) -> &'static str {
        match self {
            Self::Put | Self::PutPart => "Put",
            Self::Create => "Create",
            Self::Delete => "Delete",
            Self::Invoke => "Invoke",
        }
    }

    async fn ask(self, session: &mut Session) -> Result<(), Error> {
        match self {
            Self::Put => session.put(&variable("TEMP"), said("TEMP")).await.map(drop),
            Self::PutPart => {
                let part = Fragment::property("VariableValue");
                let content =
                    Content::Properties(Instance::new("Win32_Environment").with("VariableValue", "new"));
                session.put_part(&variable("TEMP"), part, content).await.map(drop)
            }
            Self::Create => session.create(Some("root/cimv2"), said("OWN")).await.map(drop),
            Self::Delete => session.delete(&variable("ComSpec")).await,
            Self::Invoke => {
                let call = Invoke::new(ObjectPath::new("root/cimv2", "StdRegProv"), "SetDWORDValue")
                    .with("hDefKey", "2147483650")
                    .with("sSubKeyName", "SOFTWARE")
                    .with("sValueName", "own")
                    .with("uValue", "1");
                session.invoke(&call).await.map(drop)
            }
        }
    }
}

/// Everything that can go wrong with one request, and whether it is then carried out.
const FAULTS: [&str; 24] = [
    "quota'",
    "busy'",
    "timed-out'",
    "access-denied'",
    "internal-error'",
    "status'\nstatus = 401",
    "status'\nstatus = 403",
    "status'\nstatus = 503",
    "status'\nstatus = 503\nretry_after = 1",
    "status'\nstatus = 500",
    "status'\nstatus = 200",
    "page'",
    "redirect'\nlocation = 'https://elsewhere/'",
    "stall'\nside = 'request'",
    "slow'\nseconds = 200",
    "restart-service'",
    "cut'",
    "cut'\nafter_bytes = 300",
    "cut'\nafter_bytes = 900",
    "lost-response'",
    "stall'",
    "stall'\nafter_bytes = 500",
    "wrong-seal'",
    "oversized-reply'\nbytes = 2000000",
];

fn carried_out(lines: &[Json], change: Change) -> usize {
    let is_it = |line: &&Json| line["operation"] == change.operation() && !line["return_value"].is_null();
    lines.iter().filter(is_it).count()
}

#[test]
fn nothing_is_changed_twice_and_nothing_is_said_that_is_not_so() {
    let (mut unknown, mut done, mut refused) = (0, 0, 0);
    for change in Change::ALL {
        for fault in FAULTS {
            on_paused_clock(async {
                let rule = format!(
                    "[[fault]]\nwhat = '{fault}\nwhen = {{ operation = '{}' }}\ntimes = 1\n",
                    change.operation()
                );
                let meeting = Meeting::new(&rule);
                let mut session = meeting.session().await;
                let said = change.ask(&mut session).await;
                assert!(meeting.has_struck(fault.split('\'').next().unwrap()), "{change:?} {fault}");
                let carried_out = carried_out(&meeting.lines(), change);
                let told = said.as_ref().map_or_else(name, |()| "done".to_owned());
                let case = format!("{change:?} {fault}: said {told}, carried out {carried_out} times");
                assert!(carried_out <= 1, "{case}");
                match said {
                    Ok(()) => {
                        assert_eq!(carried_out, 1, "{case}");
                        done += 1;
                    }
                    Err(Error::OutcomeUnknown { .. }) => unknown += 1,
                    Err(Error::ResultLost { .. }) => assert_eq!(carried_out, 1, "{case}"),
                    Err(_) => {
                        assert_eq!(carried_out, 0, "{case}");
                        refused += 1;
                    }
                }
            });
        }
    }
    // Whoever always says the same knows nothing. Of each change three faults prove that it was not begun, so that it
    // is asked again, and one that it was refused.
    assert_eq!((unknown, done, refused), (20 * 5, 3 * 5, 5));
}

/// Each request of a change is cut at each of its bytes, as far as it is sealed and heard: those that carry it out,
/// and those that do not.
#[test]
fn a_change_that_is_cut_at_any_byte_is_done_once_or_not_at_all() {
    for (side, step) in [("request", 97), ("reply", 61)] {
        for change in [Change::Put, Change::Create, Change::Delete] {
            let mut ends = [0, 0];
            for after in (0..2600).step_by(step) {
                on_paused_clock(async {
                    // Requests are counted with the legs of the login: the change is the third or later.
                    let when = match side {
                        "request" => "{ request = 3 }".to_owned(),
                        _ => format!("{{ operation = '{}' }}", change.operation()),
                    };
                    let rule = format!(
                        "[[fault]]\nwhat = 'cut'\nside = '{side}'\nafter_bytes = {after}\nwhen = {when}\ntimes = 1\n"
                    );
                    let meeting = Meeting::new(&rule);
                    let mut session = meeting.session().await;
                    let said = change.ask(&mut session).await;
                    let carried_out = carried_out(&meeting.lines(), change);
                    let told = said.as_ref().map_or_else(name, |()| "done".to_owned());
                    let case =
                        format!("{change:?} {side} {after}: said {told}, carried out {carried_out} times");
                    match said {
                        Ok(()) => assert_eq!(carried_out, 1, "{case}"),
                        Err(Error::OutcomeUnknown { .. }) => assert!(carried_out <= 1, "{case}"),
                        Err(_) => assert_eq!(carried_out, 0, "{case}"),
                    }
                    ends[carried_out] += 1;
                });
            }
            let [never, once] = ends;
            assert!(if side == "request" { never > 3 } else { once > 20 }, "{side} {change:?} {ends:?}");
        }
    }
}

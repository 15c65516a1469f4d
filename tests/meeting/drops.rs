//! Enumerations that nobody wants any more: nothing of them stays open on the host.

use refpoint::cim::ObjectPath;
use refpoint::client::{Enumerate, Retries, Session};
use refpoint::wsman::Opening;

use crate::support::{Meeting, NAMESPACE, POINT, after, faults_of, on_paused_clock, polled};

/// Where an enumeration of five objects, two on a page, is left.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// When the session's next call comes.
    NextCall,
    /// With the session closed.
    Closed,
    /// With the session dropped as well.
    Dropped,
}

const WAYS: [Leave; 3] = [Leave::NextCall, Leave::Closed, Leave::Dropped];

fn pages() -> Enumerate {
    Enumerate {
        opening: Opening::FirstPage { max_elements: Some(2) },
        ..Enumerate::new(ObjectPath::new(NAMESPACE, POINT))
    }
}

/// Takes so many items, then waits for the next page for so many polls; returns whether it waited to the end.
async fn list(session: &mut Session, items: usize, polls: usize) -> bool {
    let mut list = session.list(pages());
    for _ in 0..items {
        if list.next().await.is_none_or(|item| item.is_err()) {
            return true;
        }
    }
    polls > 0 && polled(list.next_page(), polls).await.is_some()
}

async fn leave(mut session: Session, way: Leave) {
    match way {
        Leave::NextCall => {
            _ = session.identify().await;
            // What was under way when it was dropped ends beside the call.
            after(60).await;
            drop(session);
        }
        Leave::Closed => _ = session.close().await,
        Leave::Dropped => drop(session),
    }
    // Long before it would expire by itself.
    after(100).await;
}

/// Returns the lines of answers that opened an enumeration, or went on with it, and never arrived.
fn lost(meeting: &Meeting) -> usize {
    let lost = ["cut", "lost-response", "stall", "wrong-seal", "oversized-reply"];
    let lines = meeting.lines();
    let is_lost = |line: &&serde_json::Value| {
        matches!(line["operation"].as_str(), Some("Enumerate" | "Pull"))
            && faults_of(line).iter().any(|fault| lost.contains(&fault.as_str()))
    };
    lines.iter().filter(is_lost).count()
}

#[test]
fn an_enumeration_leaves_nothing_wherever_it_is_left() {
    let mut opened = 0;
    for way in WAYS {
        for items in 0..=5 {
            for polls in 0.. {
                let (is_over, was_open) = on_paused_clock(async {
                    let mut meeting = Meeting::new("");
                    meeting.pipe = 700;
                    let mut session = meeting.session().await;
                    let is_over = list(&mut session, items, polls).await;
                    let was_open = meeting.open_contexts();
                    leave(session, way).await;
                    assert_eq!(meeting.open_contexts(), 0, "{way:?} after {items} items and {polls} polls");
                    (is_over, was_open)
                });
                opened += was_open;
                if is_over {
                    // Through every moment of waiting for a page.
                    assert!(polls > 2 || items % 2 == 1 || items == 5, "{items} {polls}");
                    break;
                }
                assert!(polls < 200);
            }
        }
    }
    assert!(opened > 50, "{opened}: something has to be open that could be left");
}

/// Faults once, and whether the client can know what is then open.
const FAULTS: [(&str, bool); 20] = [
    ("quota'", true),
    ("busy'", true),
    ("timed-out'", true),
    ("internal-error'", true),
    ("status'\nstatus = 401", true),
    ("status'\nstatus = 403", true),
    ("status'\nstatus = 503", true),
    ("status'\nstatus = 503\nretry_after = 1", true),
    ("status'\nstatus = 500", true),
    ("page'", true),
    ("redirect'\nlocation = 'https://elsewhere/'", true),
    ("stall'\nside = 'request'", true),
    ("slow'\nseconds = 20", true),
    ("restart-service'", true),
    ("cut'", false),
    ("cut'\nafter_bytes = 500", false),
    ("lost-response'", false),
    ("stall'", false),
    ("wrong-seal'", false),
    ("oversized-reply'\nbytes = 2000000", false),
];

#[test]
fn an_enumeration_leaves_nothing_through_faults_but_what_nobody_can_know_of() {
    let mut wrong = Vec::new();
    for (fault, is_known) in FAULTS {
        for operation in ["Enumerate", "Pull", "Release"] {
            for way in WAYS {
                let mut has_struck = false;
                for (items, polls) in
                    [(0, 2), (0, 6), (0, 40), (1, 0), (2, 0), (2, 3), (2, 8), (2, 40), (4, 40), (5, 40)]
                {
                    on_paused_clock(async {
                        let rule = format!(
                            "[[fault]]\nwhat = '{fault}\nwhen = {{ operation = '{operation}' }}\ntimes = 1\n"
                        );
                        let meeting = Meeting::new(&rule);
                        let mut target = meeting.target();
                        // As long as it takes, so that what is left is left by the fault.
                        target.retries = Retries { attempts: 10, ..Retries::default() };
                        let mut session = meeting.try_session(target).await.unwrap();
                        list(&mut session, items, polls).await;
                        leave(session, way).await;
                        let left = meeting.open_contexts();
                        has_struck |= meeting.has_struck(fault.split('\'').next().unwrap());
                        // What the host opened last is known to nobody but itself.
                        let allowed = if is_known { 0 } else { lost(&meeting) };
                        if left > allowed {
                            wrong.push(format!(
                                "{operation} {fault}: {left} open, {allowed} lost: {way:?} after {items} and {polls}"
                            ));
                        }
                    });
                }
                assert!(has_struck, "{operation} {fault} {way:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stays of an answer that was lost ends by itself, as the host says.
#[tokio::test(start_paused = true)]
async fn what_nobody_can_know_of_expires() {
    let rule = "[[fault]]\nwhat = 'lost-response'\nwhen = { operation = 'Pull' }\ntimes = 1";
    let meeting = Meeting::new(rule);
    let mut session = meeting.session().await;
    list(&mut session, 4, 1).await;
    session.close().await.unwrap();
    assert_eq!(meeting.open_contexts(), 1);
    after(300).await;
    meeting.session().await.identify().await.unwrap();
    assert_eq!(meeting.open_contexts(), 0);
}

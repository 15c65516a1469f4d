//! Subscriptions between a session and a simulated host: what is told, and what is left.

use std::time::Duration;

use refpoint::client::{Item, Session, Subscription};
use tokio::time::{Instant, timeout};

use crate::support::{Meeting, after, export, on_paused_clock, polled};

const JOBS: &str =
    "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'CIM_ConcreteJob'";

fn open(meeting: &Meeting) -> usize {
    meeting.hosts.with_host(0, |host, now| host.open_subscriptions(now))
}

async fn kinds(watch: &mut Subscription<'_>, count: usize) -> Vec<String> {
    let mut kinds = Vec::new();
    while kinds.len() < count {
        match watch.next().await.unwrap().unwrap() {
            Item::Object(event) => kinds.push(event.class.to_string()),
            other => panic!("{other:?}"),
        }
    }
    kinds
}

#[tokio::test(start_paused = true)]
async fn a_job_is_told_as_it_begins_and_goes_on() {
    let meeting = Meeting::new("");
    let mut watching = meeting.session().await;
    let mut watch = watching.watch(JOBS).await.unwrap();
    let mut other = meeting.session().await;
    other.invoke(&export(r"D:\exports\a")).await.unwrap();
    let began = Instant::now();
    let kinds = kinds(&mut watch, 3).await;
    assert_eq!(kinds[0], "__InstanceCreationEvent");
    assert!(kinds[1..].iter().all(|kind| kind == "__InstanceModificationEvent"), "{kinds:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "it is told when it happens, not when the time is up");
    watch.close().await.unwrap();
    assert_eq!(open(&meeting), 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_outlives_its_first_life_while_it_is_waited_for_and_no_longer() {
    let meeting = Meeting::new("");
    let mut session = meeting.session().await;
    let mut watch = session.watch(JOBS).await.unwrap();
    assert!(timeout(Duration::from_secs(7200), watch.next()).await.is_err());
    assert_eq!(open(&meeting), 1);
    let renewals = meeting.lines().iter().filter(|line| line["operation"] == "Renew").count();
    assert!((20..30).contains(&renewals), "{renewals}");
    // Nobody waits, and nobody says that it is over: as when the program is killed.
    std::mem::forget(watch);
    after(700).await;
    assert_eq!(open(&meeting), 0);
}

/// Watches until something has happened, and is stopped after so many polls.
async fn watch(session: &mut Session, polls: usize) -> Option<()> {
    let watching = async {
        let Ok(mut watch) = session.watch(JOBS).await else { return };
        _ = timeout(Duration::from_secs(90), watch.next()).await;
        _ = watch.close().await;
    };
    polled(watching, polls).await
}

#[test]
fn a_subscription_leaves_nothing_wherever_it_is_left() {
    let mut were_open = 0;
    for polls in 1.. {
        let (is_over, was_open) = on_paused_clock(async {
            let mut meeting = Meeting::new("");
            meeting.pipe = 700;
            let mut session = meeting.session().await;
            let is_over = watch(&mut session, polls).await.is_some();
            let was_open = open(&meeting);
            if polls % 2 == 0 {
                session.close().await.unwrap();
            } else {
                drop(session);
                after(20).await;
            }
            assert_eq!(open(&meeting), 0, "after {polls} polls");
            (is_over, was_open)
        });
        were_open += was_open;
        if is_over {
            break;
        }
        assert!(polls < 500);
    }
    assert!(were_open > 5, "{were_open}: something has to be open that could be left");
}

#[test]
fn a_subscription_leaves_nothing_through_faults_but_what_nobody_can_know_of() {
    for (fault, is_known) in [
        ("quota'", true),
        ("internal-error'", true),
        ("timed-out'", true),
        ("status'\nstatus = 401", true),
        ("status'\nstatus = 503", true),
        ("stall'\nside = 'request'", true),
        ("cut'", false),
        ("lost-response'", false),
        ("wrong-seal'", false),
        ("end-subscriptions'", true),
    ] {
        for operation in ["Subscribe", "Pull", "Unsubscribe", "Renew"] {
            on_paused_clock(async {
                let rule = format!(
                    "[[fault]]\nwhat = '{fault}\nwhen = {{ operation = '{operation}' }}\ntimes = 1\n"
                );
                let meeting = Meeting::new(&rule);
                let mut session = meeting.session().await;
                if let Ok(mut watch) = session.watch(JOBS).await {
                    _ = timeout(Duration::from_secs(1000), watch.next()).await;
                    _ = watch.close().await;
                }
                _ = session.close().await;
                assert!(meeting.has_struck(fault.split('\'').next().unwrap()), "{operation} {fault}");
                // The answer that was lost had the name of what it opened.
                let allowed = usize::from(!is_known && operation == "Subscribe");
                assert!(open(&meeting) <= allowed, "{operation} {fault}: {} open", open(&meeting));
                after(700).await;
                assert_eq!(open(&meeting), 0, "{operation} {fault}: it expires");
            });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_the_host_has_lost_is_an_error_and_no_silence() {
    let rule = "[[fault]]\nwhat = 'end-subscriptions'\nwhen = { operation = 'Pull' }\nskip = 1\ntimes = 1";
    let meeting = Meeting::new(rule);
    let mut session = meeting.session().await;
    let mut watch = session.watch(JOBS).await.unwrap();
    let error = timeout(Duration::from_secs(200), watch.next()).await.unwrap().unwrap().unwrap_err();
    assert!(error.is_context_gone(), "{error:?}");
    assert!(watch.next().await.is_none());
}

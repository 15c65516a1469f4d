//! Events that are pulled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use refpoint::wsman::{EndpointReference, Incoming, Item, Page, Request, Subscribed};

use crate::support::{Answer, Host, answer, machine, path, polled, refuse, settle, succeed, timed_out};

/// A host with events: each page is an event, or the word that nothing happened.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    subscriptions: usize,
    pulls: usize,
    context: usize,
    stale: usize,
    renewals: usize,
    /// Whether the host keeps silent rather than to say that nothing happened.
    is_quiet: bool,
}

impl Events {
    fn host(&self) -> Host {
        let events = self.clone();
        Host::new(move |incoming| events.serve(incoming))
    }

    fn serve(&self, incoming: &Incoming) -> Answer {
        let state = &mut *self.0.lock().unwrap();
        match &incoming.request {
            Request::Subscribe(subscribe) => {
                assert!(subscribe.expires.is_some(), "a subscription for ever");
                state.subscriptions += 1;
                let mut manager = EndpointReference::to(subscribe.resource.clone());
                manager.identifier = Some("uuid:5".into());
                let context = Some(state.context.to_string());
                answer(incoming, subscribe, Ok(&Subscribed { manager, expires: None, context }))
            }
            Request::Pull(pull) => {
                state.pulls += 1;
                state.stale += usize::from(pull.context != state.context.to_string());
                if state.is_quiet {
                    return Answer::Silence;
                }
                if !state.pulls.is_multiple_of(3) {
                    return refuse(incoming, &timed_out());
                }
                state.context += 1;
                // A heartbeat is an empty page.
                let items = match state.pulls % 2 {
                    0 => vec![Item::Object(machine(state.pulls))],
                    _ => Vec::new(),
                };
                let page = Page { items, context: Some(state.context.to_string()), expires: None };
                answer(incoming, pull, Ok(&page))
            }
            Request::Unsubscribe(unsubscribe) => {
                assert_eq!(unsubscribe.identifier.as_deref(), Some("uuid:5"));
                state.subscriptions -= 1;
                answer(incoming, unsubscribe, Ok(&()))
            }
            Request::Renew(renew) => {
                assert_eq!(renew.identifier.as_deref(), Some("uuid:5"));
                state.renewals += 1;
                answer(incoming, renew, Ok(&None))
            }
            _ => succeed(incoming),
        }
    }

    fn subscriptions(&self) -> usize {
        self.0.lock().unwrap().subscriptions
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_happening_is_no_error_and_no_end() {
    let events = Events::default();
    let host = events.host();
    let mut session = host.session().await;
    let mut watch = session.watch("SELECT * FROM __InstanceModificationEvent").await.unwrap();
    for pulls in [6, 12, 18] {
        let Item::Object(event) = watch.next().await.unwrap().unwrap() else { panic!("no object") };
        assert_eq!(event, machine(pulls));
    }
    watch.renew("PT5M".parse().unwrap()).await.unwrap();
    watch.close().await.unwrap();
    assert_eq!((events.subscriptions(), events.0.lock().unwrap().stale), (0, 0));
    session.get(&path()).await.unwrap();
    assert_eq!(host.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn whatever_moment_a_subscription_is_dropped_at_is_its_end_on_the_host() {
    for polls in 1.. {
        let events = Events::default();
        let host = events.host().in_pieces(300);
        let mut session = host.session().await;
        let finished = polled(
            async {
                let mut watch = session.watch("SELECT * FROM __InstanceModificationEvent").await.unwrap();
                watch.next().await.unwrap().unwrap();
            },
            polls,
        )
        .await;
        drop(session);
        settle().await;
        assert_eq!((events.subscriptions(), host.open_connections()), (0, 0), "after {polls} polls");
        if finished.is_some() {
            assert!(polls > 6);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_at_once_that_nothing_happened_is_not_asked_without_a_pause() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Subscribe(subscribe) => {
            let manager = EndpointReference::to(subscribe.resource.clone());
            let context = Some("only".to_owned());
            answer(incoming, subscribe, Ok(&Subscribed { manager, expires: None, context }))
        }
        Request::Unsubscribe(unsubscribe) => answer(incoming, unsubscribe, Ok(&())),
        _ => refuse(incoming, &timed_out()),
    });
    let mut session = host.session().await;
    let mut watch = session.watch("SELECT * FROM X").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(3600), watch.next()).await.is_err());
    let pulls = host.count(|request| matches!(request, Request::Pull(_)));
    assert!((100..2000).contains(&pulls), "{pulls} pulls in an hour");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_everything_ends_waiting_for_events() {
    let events = Events::default();
    events.0.lock().unwrap().is_quiet = true;
    let host = events.host();
    let mut session = host.session().await;
    session.set_deadline(Some(tokio::time::Instant::now() + Duration::from_secs(50)));
    let began = tokio::time::Instant::now();
    let mut watch = session.watch("SELECT * FROM X").await.unwrap();
    let error = watch.next().await.unwrap().unwrap_err();
    assert!(error.is_deadline(), "{error:?}");
    assert_eq!(began.elapsed().as_secs(), 50);
    assert!(watch.next().await.is_none());
    drop(watch);
    session.close().await.unwrap();
    assert_eq!(events.subscriptions(), 0, "no time is no reason to leave something behind");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_prolonged_while_nothing_happens_and_before_it_expires() {
    let host = Host::new(move |incoming| match &incoming.request {
        Request::Subscribe(subscribe) => {
            let mut manager = EndpointReference::to(subscribe.resource.clone());
            manager.identifier = Some("uuid:5".into());
            // Less than was asked for.
            let expires = Some("PT100S".parse().unwrap());
            answer(incoming, subscribe, Ok(&Subscribed { manager, expires, context: Some("c".to_owned()) }))
        }
        Request::Renew(renew) => answer(incoming, renew, Ok(&Some("PT100S".parse().unwrap()))),
        Request::Unsubscribe(unsubscribe) => answer(incoming, unsubscribe, Ok(&())),
        _ => {
            let patience = incoming.header.operation_timeout.unwrap().as_duration();
            assert!(patience <= Duration::from_secs(50), "the host would wait beyond the renewal");
            let Answer::Message(text) = refuse(incoming, &timed_out()) else { panic!() };
            Answer::Dripping(text, usize::MAX, patience)
        }
    });
    let mut session = host.session().await;
    let mut watch = session.watch("SELECT * FROM X").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1000), watch.next()).await.is_err());
    let renewals = host.count(|request| matches!(request, Request::Renew(_)));
    assert!((18..=21).contains(&renewals), "{renewals} renewals of 50 s in 1000 s");
    watch.close().await.unwrap();
    assert_eq!(host.count(|request| matches!(request, Request::Unsubscribe(_))), 1);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_an_event_that_may_never_come() {
    let events = Events::default();
    events.0.lock().unwrap().is_quiet = true;
    let host = events.host();
    let mut session = host.session().await;
    let mut watch = session.watch("SELECT * FROM X").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(5), watch.next()).await.is_err());
    let began = tokio::time::Instant::now();
    watch.close().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(events.subscriptions(), 0);
}

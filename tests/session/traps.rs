//! What could make a session look done without being done. Each counts what the host has heard.

use std::time::Duration;

use refpoint::client::{Error, TransportError};
use refpoint::wsman::Request;
use tokio::time::Instant;

use crate::support::{
    Answer, Host, Machines, answer, busy, call, impatient, invoked, message, path, polled, quota, refuse,
    settle, succeed, target, timed_out, too_large, unreportable,
};

type Loss = (&'static str, fn() -> Answer);

/// Every way to lose an answer after the host has carried out the call.
fn losses() -> Vec<Loss> {
    vec![
        ("closed", || Answer::Close),
        ("silent", || Answer::Silence),
        ("not HTTP", || Answer::Http("SSH-2.0-OpenSSH\r\n\r\n".into())),
        ("503", || Answer::Http("HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n".into())),
        ("500 without a word", || Answer::Http("HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n".into())),
        ("200 without a word", || Answer::Http("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n".into())),
        ("not SOAP", || Answer::Message("<html/>".into())),
        ("not XML", || Answer::Message("<s:Envelope".into())),
        ("cut", || {
            Answer::Http(
                "HTTP/1.1 200 \r\nContent-Type: text/xml\r\nContent-Length: 900\r\n\r\n<s:Env".into(),
            )
        }),
        ("another's", || Answer::Message(message(Some("uuid:another"), &call(), Ok(&invoked(0))))),
        ("nobody's", || Answer::Message(message(None, &call(), Ok(&invoked(0))))),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_invoke_whose_answer_is_lost_is_not_sent_again() {
    for (name, loss) in losses() {
        let host = Host::new(move |incoming| match incoming.request {
            Request::Invoke(_) => loss(),
            _ => succeed(incoming),
        });
        let mut session = host.session().await;
        let error = session.invoke(&call()).await.unwrap_err();
        assert!(error.is_outcome_unknown() && !error.is_retryable(), "{name}: {error:?}");
        assert_eq!(host.invokes(), 1, "{name}");
        // The session is as good as new.
        session.get(&path()).await.unwrap();
        assert_eq!(host.invokes(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invoke_that_may_have_begun_is_not_sent_again() {
    for fault in [timed_out(), too_large(), busy()] {
        let said = fault.clone();
        let host = Host::new(move |incoming| refuse(incoming, &said));
        let error = host.session().await.invoke(&call()).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
        assert_eq!((error.fault(), host.invokes()), (Some(&fault), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_invoke_that_was_carried_out_with_an_answer_too_long_is_neither_unknown_nor_sent_again() {
    let host = Host::new(|incoming| refuse(incoming, &unreportable()));
    let error = host.session().await.invoke(&call()).await.unwrap_err();
    assert!(error.is_result_lost() && !error.is_outcome_unknown() && !error.is_retryable(), "{error:?}");
    assert_eq!(host.invokes(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_invoke_that_was_turned_away_unread_is_sent_again_until_it_is_taken() {
    let mut refusals = 0;
    let host = Host::new(move |incoming| {
        refusals += 1;
        if refusals < 4 { refuse(incoming, &quota()) } else { succeed(incoming) }
    });
    let mut session = host.session().await;
    assert_eq!(session.invoke(&call()).await.unwrap().code(), Some(0));
    assert_eq!((host.invokes(), session.counters().retries, session.counters().quota_faults), (4, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn an_invoke_on_a_connection_that_was_closed_while_it_was_idle_is_sent_once() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Get(get) => {
            let content = refpoint::wsman::Content::Instance(crate::support::machine(1));
            Answer::AndClose(message(Some(&incoming.header.message_id), get, Ok(&content)))
        }
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    session.get(&path()).await.unwrap();
    settle().await;
    assert_eq!(session.invoke(&call()).await.unwrap().code(), Some(0));
    assert_eq!((host.invokes(), host.connections()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_context_is_used_and_each_item_comes_once() {
    for fits in [1, 3, 10, 100] {
        let machines = Machines::new(25, fits);
        let host = Host::new({
            let machines = machines.clone();
            move |incoming| machines.serve(incoming)
        });
        let mut session = host.session().await;
        let items = session.enumerate("Msvm_ComputerSystem").instances().await.unwrap();
        let numbers: Vec<_> = items.iter().map(crate::support::number).collect();
        assert_eq!(numbers, (0..25).collect::<Vec<_>>());
        assert_eq!((machines.stale(), machines.open(), host.releases()), (0, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_moment_an_enumeration_is_dropped_at_leaves_nothing_on_the_host() {
    let mut moments = 0;
    for polls in 1.. {
        let machines = Machines::new(12, 3);
        let host = Host::new({
            let machines = machines.clone();
            move |incoming| machines.serve(incoming)
        })
        .in_pieces(700);
        let mut session = host.session().await;
        let finished = polled(session.enumerate("Msvm_ComputerSystem").instances(), polls).await;
        settle().await;
        // What was dropped between two pages waits for the next call.
        session.get(&path()).await.unwrap();
        assert_eq!((machines.open(), machines.stale()), (0, 0), "after {polls} polls");
        drop(session);
        settle().await;
        assert_eq!(host.open_connections(), 0, "after {polls} polls");
        if finished.is_some() {
            break;
        }
        moments = polls;
    }
    assert!(moments > 12, "{moments} moments are too few to be all");
}

#[tokio::test(start_paused = true)]
async fn whatever_moment_a_session_is_dropped_at_leaves_nothing_on_the_host() {
    for polls in 1.. {
        let machines = Machines::new(12, 3);
        let host = Host::new({
            let machines = machines.clone();
            move |incoming| machines.serve(incoming)
        })
        .in_pieces(700);
        let mut session = host.session().await;
        let finished = polled(
            async move {
                let mut list = session.enumerate("Msvm_ComputerSystem");
                while let Some(item) = list.next().await {
                    item.unwrap();
                    tokio::task::yield_now().await;
                }
            },
            polls,
        )
        .await;
        settle().await;
        assert_eq!(
            (machines.open(), machines.stale(), host.open_connections()),
            (0, 0, 0),
            "after {polls} polls"
        );
        if finished.is_some() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_request_is_not_believed() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Get(get) => {
            let content = refpoint::wsman::Content::Instance(crate::support::machine(7));
            Answer::Message(message(Some("uuid:another"), get, Ok(&content)))
        }
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    let error = session.get(&path()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unrelated { related: Some(id), .. } if id == "uuid:another"),
        "{error:?}"
    );
    // Nor is anything else on that connection.
    session.delete(&path()).await.unwrap();
    assert_eq!(host.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_was_asked_for_by_another_request_is_not_believed_and_one_for_nobody_is() {
    let related = |relates_to: Option<&'static str>| {
        Host::new(move |_| {
            let identity = refpoint::wsman::Identity::default();
            Answer::Message(message(relates_to, &refpoint::wsman::Identify, Ok(&identity)))
        })
    };
    let error = related(Some("uuid:another")).session().await.identify().await.unwrap_err();
    assert!(matches!(error, Error::Unrelated { .. }), "{error:?}");
    related(None).session().await.identify().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_only_says_that_something_failed_leaves_the_outcome_of_a_method_unknown() {
    for code in [0x8004_1001, 0x8000_4005, 1726] {
        let fault = crate::support::fault("InternalError", code);
        let host = Host::new(move |incoming| refuse(incoming, &fault));
        let error = host.session().await.invoke(&call()).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{code:#x}: {error:?}");
        assert_eq!(host.invokes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_for_another_request_is_not_believed_and_one_for_nobody_is() {
    let related = |relates_to: Option<&'static str>| {
        Host::new(move |_| Answer::Message(message(relates_to, &call(), Err(&crate::support::not_found()))))
    };
    let error = related(Some("uuid:another")).session().await.get(&path()).await.unwrap_err();
    assert!(matches!(error, Error::Unrelated { .. }) && !error.is_not_found(), "{error:?}");
    let error = related(None).session().await.get(&path()).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn no_retry_and_no_pause_overruns_the_deadline() {
    let limit = Duration::from_secs(2);
    for fault in [quota(), busy(), timed_out()] {
        let host = Host::new(move |incoming| refuse(incoming, &fault));
        let mut target = impatient(limit);
        target.retries.attempts = 1000;
        let mut session = host.session_with(target).await.unwrap();
        let began = Instant::now();
        let error = session.get(&path()).await.unwrap_err();
        assert!(began.elapsed() <= limit, "{:?} {error:?}", began.elapsed());
        assert!(error.fault().is_some(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_never_fits_is_given_up() {
    let host = Host::new(|incoming| match incoming.request {
        Request::Enumerate(_) => refuse(incoming, &too_large()),
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    let error = list.next().await.unwrap().unwrap_err();
    assert!(error.fault().is_some_and(|fault| fault.is_too_large()), "{error:?}");
    assert!(list.next().await.is_none());
    drop(list);
    assert_eq!(host.count(|request| matches!(request, Request::Enumerate(_))), 6);
}

#[tokio::test(start_paused = true)]
async fn empty_pages_without_an_end_come_to_an_end() {
    let mut context = 0;
    let host = Host::new(move |incoming| {
        context += 1;
        let page = refpoint::wsman::Page { context: Some(context.to_string()), ..Default::default() };
        match &incoming.request {
            Request::Enumerate(enumerate) => answer(incoming, enumerate, Ok(&page)),
            Request::Pull(pull) => answer(incoming, pull, Ok(&page)),
            _ => succeed(incoming),
        }
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    let error = list.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Endless { pages: 32, .. }), "{error:?}");
    assert!(list.next().await.is_none());
    drop(list);
    session.close().await.unwrap();
    let released = host.seen().into_iter().filter_map(|incoming| match incoming.request {
        Request::Release(release) => Some(release.context),
        _ => None,
    });
    assert_eq!(released.collect::<Vec<_>>(), ["32"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_the_middle_is_an_error_and_no_end() {
    let machines = Machines::new(30, 10);
    let mut pulls = 0;
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            Request::Pull(_) => {
                pulls += 1;
                if pulls == 2 {
                    refuse(incoming, &crate::support::not_found())
                } else {
                    machines.serve(incoming)
                }
            }
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    let mut came = 0;
    let error = loop {
        match list.next().await.expect("no end before the error") {
            Ok(_) => came += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_not_found(), "{error:?}");
    assert_eq!(came, 20);
    assert!(list.next().await.is_none());
    drop(list);
    session.close().await.unwrap();
    assert_eq!((machines.open(), machines.stale()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_lost_is_not_passed_over() {
    let machines = Machines::new(30, 10);
    let mut pulls = 0;
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            Request::Pull(_) => {
                pulls += 1;
                let answer = machines.serve(incoming);
                if pulls == 1 { Answer::Close } else { answer }
            }
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    let error = session.enumerate("Msvm_ComputerSystem").instances().await.unwrap_err();
    assert!(matches!(crate::support::transport(&error), TransportError::FateUnknown { .. }), "{error:?}");
    assert!(!error.is_outcome_unknown(), "nothing was changed: {error:?}");
    assert_eq!(host.count(|request| matches!(request, Request::Pull(_))), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_is_not_tried_again() {
    let refused = || {
        Some("HTTP/1.1 401 \r\nWWW-Authenticate: Basic realm=\"WSMAN\"\r\nContent-Length: 0\r\n\r\n".into())
    };
    let host = Host::new(succeed).logging_in(vec![refused(); 9]);
    let error = host.session_with(target()).await.unwrap_err();
    assert!(error.is_login() && !error.is_retryable(), "{error:?}");
    assert_eq!(host.connections(), 1, "an account may be locked for this");
}

//! Futures that are dropped, and what becomes of what they were about.

use std::time::Duration;

use refpoint::client::{Content, Session};
use refpoint::wsman::Request;

use crate::support::{
    Answer, Host, Machines, call, machine, message, number, path, polled, quota, refuse, settle, succeed,
    target,
};

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_next_item_may_be_dropped_at_any_moment_without_losing_one() {
    for polls in 1..12 {
        let machines = Machines::new(20, 3);
        let host = Host::new({
            let machines = machines.clone();
            move |incoming| machines.serve(incoming)
        })
        .in_pieces(700);
        let mut session = host.session().await;
        let mut list = session.enumerate("Msvm_ComputerSystem");
        let mut came = Vec::new();
        loop {
            match polled(list.next_instance(), polls).await {
                Some(Some(instance)) => came.push(number(&instance.unwrap())),
                Some(None) => break,
                None => tokio::task::yield_now().await,
            }
        }
        assert!(came.into_iter().eq(0..20), "after {polls} polls each");
        assert_eq!((machines.stale(), host.connections()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_enumeration_that_is_dropped_while_a_page_is_under_way_does_not_hold_up_the_next_call() {
    let machines = Machines::new(20, 3);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            // It takes its time.
            Request::Enumerate(_) => match machines.serve(incoming) {
                Answer::Message(text) => Answer::Dripping(text, 1 << 20, Duration::from_secs(30)),
                other => other,
            },
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    assert!(tokio::time::timeout(Duration::from_secs(1), list.next()).await.is_err());
    drop(list);
    let began = tokio::time::Instant::now();
    session.get(&path()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(machines.open(), 1, "it is still on its way");
    // Whoever closes the session waits for the end of that as well.
    session.close().await.unwrap();
    assert_eq!((machines.open(), machines.stale(), host.releases()), (0, 0, 1));
    settle().await;
    assert_eq!(host.open_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_moment_leaves_the_session_whole() {
    for polls in 1.. {
        let host = Host::new(succeed).in_pieces(100);
        let mut session = host.session().await;
        let finished = polled(session.invoke(&call()), polls).await;
        session.get(&path()).await.unwrap();
        assert!(host.invokes() <= 1, "after {polls} polls");
        drop(session);
        settle().await;
        assert_eq!(host.open_connections(), 0);
        if finished.is_some() {
            assert!(polls > 4);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_over_is_ended_before_the_next_call_and_costs_it_no_more_than_seconds() {
    // A host that never answers a Release.
    let machines = Machines::new(20, 3);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            Request::Release(_) => Answer::Silence,
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    session.enumerate("Msvm_ComputerSystem").next().await.unwrap().unwrap();
    for _ in 0..5 {
        let began = tokio::time::Instant::now();
        session.get(&path()).await.unwrap();
        assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());
    }
    assert_eq!(host.releases(), 3, "not for ever");
}

#[tokio::test(start_paused = true)]
async fn an_enumeration_that_nobody_waits_for_any_more_is_not_tried_again() {
    // Every Pull is turned away, so that somebody who waited would wait for long.
    let machines = Machines::new(20, 3);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            Request::Pull(_) => refuse(incoming, &quota()),
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    list.next_page().await.unwrap().unwrap();
    _ = polled(list.next_page(), 6).await;
    drop(list);
    settle().await;
    assert_eq!(machines.open(), 0);
    let pulls = host.count(|request| matches!(request, Request::Pull(_)));
    assert!(pulls <= 2, "{pulls}");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_was_turned_away_is_said_again() {
    let machines = Machines::new(20, 3);
    let mut releases = 0;
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            Request::Release(_) => {
                releases += 1;
                if releases < 3 { refuse(incoming, &quota()) } else { machines.serve(incoming) }
            }
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    session.enumerate("Msvm_ComputerSystem").next().await.unwrap().unwrap();
    session.get(&path()).await.unwrap();
    assert_eq!((machines.open(), host.releases()), (1, 1), "a call is held up once");
    session.close().await.unwrap();
    assert_eq!((machines.open(), host.releases()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_tidies_up_does_not_forget_what_is_left_over() {
    for polls in 1.. {
        let machines = Machines::new(20, 3);
        let host = Host::new({
            let machines = machines.clone();
            move |incoming| machines.serve(incoming)
        })
        .in_pieces(100);
        let mut session = host.session().await;
        session.enumerate("Msvm_ComputerSystem").next().await.unwrap().unwrap();
        let finished = polled(session.get(&path()), polls).await;
        drop(session);
        settle().await;
        assert_eq!((machines.open(), host.open_connections()), (0, 0), "after {polls} polls");
        if finished.is_some() {
            assert!(polls > 8);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_dropped_is_finished_in_the_background() {
    for polls in 1..8 {
        let machines = Machines::new(20, 3);
        let host = Host::new({
            let machines = machines.clone();
            move |incoming| machines.serve(incoming)
        })
        .in_pieces(100);
        let mut session = host.session().await;
        session.enumerate("Msvm_ComputerSystem").next().await.unwrap().unwrap();
        _ = polled(session.close(), polls).await;
        settle().await;
        assert_eq!((machines.open(), host.open_connections()), (0, 0), "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn an_enumeration_that_nobody_waits_for_any_more_is_not_begun() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Get(get) => {
            let content = Content::Instance(machine(1));
            Answer::AndClose(message(Some(&incoming.header.message_id), get, Ok(&content)))
        }
        _ => succeed(incoming),
    });
    let mut target = target();
    target.random = || u128::MAX;
    let mut session = host.session_with(target).await.unwrap();
    session.get(&path()).await.unwrap();
    settle().await;
    // The connection is gone, and the pause before the next one is a tenth of a second.
    let mut list = session.enumerate("Msvm_ComputerSystem");
    assert!(tokio::time::timeout(Duration::from_millis(50), list.next()).await.is_err());
    drop(list);
    settle().await;
    assert_eq!(host.count(|request| matches!(request, Request::Enumerate(_))), 0);
}

#[test]
fn sessions_and_their_futures_move_between_threads() {
    fn is_send<T: Send>(_: impl FnOnce(&'static mut Session) -> T) {}
    is_send(|session| session.get(Box::leak(Box::new(path()))));
    is_send(|session| session.invoke(Box::leak(Box::new(call()))));
    is_send(|session| async { session.enumerate("X").next().await });
    is_send(|session| session.enumerate("X").instances());
    is_send(|session| async { session.watch("X").await?.next().await.transpose() });
    is_send(|session| async { std::mem::replace(session, unreachable()).close().await });
}

fn unreachable() -> Session {
    unreachable!("the futures are never polled")
}

#[tokio::test(start_paused = true)]
async fn what_is_left_over_survives_connections_that_close_before_it_is_said() {
    let machines = Machines::new(20, 1);
    let mut closing = 5;
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| {
            let answer = match incoming.request {
                Request::Enumerate(_) | Request::Pull(_) | Request::Release(_) => machines.serve(incoming),
                _ => succeed(incoming),
            };
            closing -= i32::from(closing > 0);
            match answer {
                Answer::Message(text) if closing > 0 => Answer::AndClose(text),
                answer => answer,
            }
        }
    });
    let mut session = host.session().await;
    assert!(session.enumerate("Msvm_ComputerSystem").next_instance().await.unwrap().is_ok());
    for _ in 0..3 {
        session.get(&path()).await.unwrap();
    }
    drop(session);
    settle().await;
    assert_eq!(machines.open(), 0);
}

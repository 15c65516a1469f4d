//! Futures that are dropped, and what becomes of what they were about.

use std::time::Duration;

use refpoint::wsman::Request;

use crate::support::{Answer, Host, Machines, call, number, path, polled, settle, succeed};

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
            Request::Pull(_) => crate::support::refuse(incoming, &crate::support::quota()),
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

//! Several sessions with one host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use refpoint::client::Pool;
use refpoint::wsman::Request;
use tokio::time::Instant;

use crate::support::{
    Answer, Host, Machines, impatient, machine, message, path, quota, refuse, settle, succeed, target,
};

/// A host whose every answer takes a second.
fn slow() -> Host {
    Host::new(|incoming| match &incoming.request {
        Request::Get(get) => {
            let content = refpoint::client::Content::Instance(machine(1));
            let text = message(Some(&incoming.header.message_id), get, Ok(&content));
            Answer::Dripping(text, usize::MAX, Duration::from_secs(1))
        }
        _ => succeed(incoming),
    })
}

async fn get_many(pool: &Pool, times: usize) {
    let asking = (0..times).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.session().await.unwrap().get(&path()).await.map(drop) })
    });
    for asked in asking.collect::<Vec<_>>() {
        _ = asked.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_requests_are_under_way_as_there_are_sessions() {
    let host = slow();
    let pool = Pool::with(target(), host.dial(), 4);
    let began = Instant::now();
    get_many(&pool, 20).await;
    assert_eq!((began.elapsed().as_secs(), host.connections(), host.most_open_connections()), (5, 4, 4));
    assert_eq!((pool.lent(), pool.counters().requests, pool.counters().logins), (0, 20, 4));
    pool.close().await.unwrap();
    settle().await;
    assert_eq!(host.open_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_with_too_much_to_do_gets_less_and_later_more_again() {
    let refusals = Arc::new(AtomicUsize::new(1));
    let left = refusals.clone();
    let host = Host::new(move |incoming| {
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
            Ok(_) => refuse(incoming, &quota()),
            Err(_) => succeed(incoming),
        }
    });
    let pool = Pool::with(target(), host.dial(), 8);
    get_many(&pool, 1).await;
    assert_eq!(pool.limit(), 4);
    refusals.store(1, Ordering::SeqCst);
    get_many(&pool, 1).await;
    assert_eq!(pool.limit(), 2);
    refusals.store(1, Ordering::SeqCst);
    get_many(&pool, 1).await;
    refusals.store(1, Ordering::SeqCst);
    get_many(&pool, 1).await;
    assert_eq!(pool.limit(), 1, "never none");
    get_many(&pool, 70).await;
    assert_eq!(pool.limit(), 3);
    get_many(&pool, 1000).await;
    assert_eq!(pool.limit(), 8, "never more than at first");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_given_back_is_not_waited_for_for_ever() {
    let host = slow();
    let pool = Pool::with(impatient(Duration::from_secs(30)), host.dial(), 1);
    let kept = pool.session().await.unwrap();
    let began = Instant::now();
    let error = pool.session().await.unwrap_err();
    assert!(error.is_deadline() && !error.is_outcome_unknown(), "{error:?}");
    assert_eq!(began.elapsed().as_secs(), 30);
    drop(kept);
    pool.session().await.unwrap();
    assert_eq!(host.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_session_that_is_dropped_takes_no_room() {
    let host = Host::new(succeed).logging_in(vec![None]);
    let pool = Pool::with(target(), host.dial(), 1);
    // The first login hangs.
    assert!(tokio::time::timeout(Duration::from_secs(1), pool.session()).await.is_err());
    assert_eq!(pool.lent(), 0);
    pool.session().await.unwrap().get(&path()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_with_something_left_over_is_not_kept_but_tidied_up() {
    let machines = Machines::new(20, 3);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| machines.serve(incoming)
    });
    let pool = Pool::with(target(), host.dial(), 2);
    pool.session().await.unwrap().enumerate("Msvm_ComputerSystem").next().await.unwrap().unwrap();
    settle().await;
    assert_eq!((machines.open(), host.open_connections()), (0, 0));
    // Whoever closes the pool need not wait longer than that takes.
    pool.session().await.unwrap().enumerate("Msvm_ComputerSystem").next().await.unwrap().unwrap();
    assert_eq!(machines.open(), 1);
    pool.close().await.unwrap();
    assert_eq!(machines.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_that_of_the_pool_and_not_of_each_session() {
    let host = Host::new(succeed);
    let mut target = target();
    target.deadline = Some(Duration::from_secs(60));
    let pool = Pool::with(target, host.dial(), 2);
    tokio::time::advance(Duration::from_secs(59)).await;
    let mut session = pool.session().await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(session.get(&path()).await.unwrap_err().is_deadline());
    assert!(pool.session().await.unwrap_err().is_deadline());
    assert_eq!(host.connections(), 1);
}

//! Several sessions with a host that has quotas.

use std::sync::Arc;
use std::time::Duration;

use refpoint::cim::ObjectPath;
use refpoint::client::{Enumerate, Error, Pool, Retries};
use refpoint::wsman::Opening;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Meeting, NAMESPACE, POINT, after, agree, export, name, point};

fn pages() -> Enumerate {
    Enumerate {
        opening: Opening::FirstPage { max_elements: Some(1) },
        ..Enumerate::new(ObjectPath::new(NAMESPACE, POINT))
    }
}

/// Listings of one user, each open for a while; returns how many points each brought.
async fn list(pool: &Pool, times: usize) -> Vec<Result<usize, Error>> {
    let mut tasks = JoinSet::new();
    for _ in 0..times {
        let pool = pool.clone();
        tasks.spawn(async move {
            let mut session = pool.session().await?;
            let mut list = session.list(pages());
            let mut came = 0;
            while let Some(page) = list.next_page().await {
                came += page?.len();
                // Somebody looks at each of them.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Ok(came)
        });
    }
    tasks.join_all().await
}

#[tokio::test(start_paused = true)]
async fn a_pool_finds_out_what_the_host_allows_and_everything_is_read() {
    let meeting = Meeting::new("[limits]\nmax_operations = 3");
    let mut target = meeting.target();
    target.retries = Retries { attempts: 12, ..Retries::default() };
    let pool = Pool::with(target, meeting.dial(), 12);
    let listed = list(&pool, 60).await;
    let wrong: Vec<_> = listed.iter().filter_map(|listed| listed.as_ref().err()).map(name).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(listed.into_iter().all(|listed| listed.unwrap() == 5));
    // The host did refuse, and what is lent came down to what it allows.
    assert!(meeting.has_struck("QuotaLimit") && pool.counters().quota_faults > 0);
    assert!(pool.limit() < 12, "{}", pool.limit());
    assert_eq!((pool.lent(), meeting.open_contexts()), (0, 0));
    let before = pool.counters().quota_faults;
    list(&pool, 20).await;
    let later = pool.counters().quota_faults - before;
    assert!(later * 3 < before, "{later} refusals after {before}");
    pool.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_quotas_nothing_is_held_back() {
    let meeting = Meeting::new("");
    let pool = Pool::with(meeting.target(), meeting.dial(), 6);
    let began = Instant::now();
    assert!(list(&pool, 12).await.into_iter().all(|listed| listed.unwrap() == 5));
    // Two at a time after each other, each two and a half seconds long.
    assert!(began.elapsed() < Duration::from_millis(5500), "{:?}", began.elapsed());
    assert_eq!((pool.limit(), meeting.dials(), pool.counters().quota_faults), (6, 6, 0));
}

/// Calls that meet a quota are made all the same, each once.
#[tokio::test(start_paused = true)]
async fn each_call_of_many_is_made_once_through_quotas_and_lost_answers() {
    let scenario = r"
        questions.parallel_exports = true
        [[fault]]
        what = 'quota'
        when = { operation = 'Invoke' }
        every = 3
        [[fault]]
        what = 'lost-response'
        when = { operation = 'Invoke' }
        skip = 4
        times = 5
        [[fault]]
        what = 'status'
        status = 401
        when = { operation = 'Invoke' }
        skip = 10
        times = 3";
    let meeting = Arc::new(Meeting::new(scenario));
    let pool = Pool::with(meeting.target(), meeting.dial(), 8);
    let mut tasks = JoinSet::new();
    for number in 0..40 {
        let pool = pool.clone();
        tasks.spawn(async move {
            let directory = format!(r"D:\exports\{number}");
            let said = match pool.session().await {
                Ok(mut session) => session.invoke(&export(&directory)).await,
                Err(error) => Err(error),
            };
            (directory, said)
        });
    }
    let said = tasks.join_all().await;
    let (mut started, mut unknown, mut done) = (0, 0, 0);
    for (directory, said) in said {
        let exports = meeting.exports(&directory);
        match &said {
            Ok(invoked) => {
                assert_eq!((invoked.code(), exports.len()), (Some(4096), 1), "{directory}");
                started += 1;
            }
            Err(error) if error.is_outcome_unknown() => {
                // Of these nobody knows: an answer that was lost may have been that of the quota.
                assert!(exports.len() <= 1, "{directory}: {error:?}");
                unknown += 1;
                done += exports.len();
            }
            Err(_) => agree(&said, &[], &exports, &directory),
        }
    }
    // Five whose answer was lost, and three that were answered by a 401 outside the seal.
    assert_eq!((unknown, started), (8, 32));
    let carried_out = meeting.invokes().into_iter().filter(|line| line["return_value"].is_u64()).count();
    assert_eq!(carried_out, started + done);
    assert!((1..=5).contains(&done), "{done} of five");
    for fault in ["quota", "lost-response", "status"] {
        assert!(meeting.has_struck(fault), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_dropped_in_mid_listing_leave_nothing() {
    let meeting = Meeting::new("[limits]\nmax_operations = 4");
    let pool = Pool::with(meeting.target(), meeting.dial(), 4);
    for round in 0..8 {
        let mut session = pool.session().await.unwrap();
        let mut list = session.list(pages());
        for _ in 0..=round % 4 {
            list.next_page().await.unwrap().unwrap();
        }
        assert_eq!(meeting.open_contexts(), 1);
        drop(list);
        drop(session);
        after(1).await;
        assert_eq!((meeting.open_contexts(), pool.lent()), (0, 0));
    }
    pool.session().await.unwrap().get(&point()).await.unwrap();
}

//! Nothing waits longer than it may.

use std::time::Duration;

use refpoint::client::{Dial, Session, TransportError};
use refpoint::wsman::{Content, Page, Request};
use tokio::time::Instant;

use crate::support::{
    Answer, Host, Machines, answer, call, http_answer, impatient, machine, message, path, succeed, target,
    transport,
};

const LIMIT: Duration = Duration::from_secs(40);

/// Returns how long something takes, which may not be longer than that.
async fn took<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let output = work.await;
    (output, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_waited_for_until_the_limit_of_the_call() {
    let host = Host::new(|_| Answer::Silence);
    let mut session = host.session_with(impatient(LIMIT)).await.unwrap();
    let (got, elapsed) = took(session.get(&path())).await;
    let error = got.unwrap_err();
    assert!(error.is_deadline() && error.is_timeout() && !error.is_outcome_unknown(), "{error:?}");
    assert_eq!(elapsed.as_secs(), LIMIT.as_secs());
    let (got, elapsed) = took(session.invoke(&call())).await;
    let error = got.unwrap_err();
    assert!(error.is_outcome_unknown() && error.is_deadline(), "{error:?}");
    assert_eq!(elapsed.as_secs(), LIMIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_given_the_time_of_the_operation_and_a_margin_twice_and_no_more() {
    let host = Host::new(|_| Answer::Silence);
    let mut target = target();
    (target.operation_timeout, target.margin) = (Duration::from_secs(20), Duration::from_secs(10));
    let mut session = host.session_with(target).await.unwrap();
    let (got, elapsed) = took(session.get(&path())).await;
    assert!(matches!(transport(&got.unwrap_err()), TransportError::TimedOut { .. }));
    assert_eq!((host.seen().len(), elapsed.as_secs()), (2, 60));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_drips_is_not_listened_to_for_ever() {
    // An octet every ten seconds: no pause between two of them is too long.
    let host = Host::new(|incoming| {
        let Request::Get(get) = &incoming.request else { return succeed(incoming) };
        let content = Content::Instance(machine(1));
        let text = message(Some(&incoming.header.message_id), get, Ok(&content));
        Answer::Dripping(text, 1, Duration::from_secs(10))
    });
    let mut session = host.session_with(impatient(LIMIT)).await.unwrap();
    let (got, elapsed) = took(session.get(&path())).await;
    assert!(got.unwrap_err().is_deadline());
    assert_eq!(elapsed.as_secs(), LIMIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_never_ends_is_given_up_at_the_limit() {
    let host = Host::new(succeed).logging_in(vec![None; 9]);
    let (got, elapsed) = took(host.session_with(impatient(LIMIT))).await;
    assert!(got.unwrap_err().is_deadline());
    assert_eq!(elapsed.as_secs(), LIMIT.as_secs());

    let dial = Dial::new(|_, _| std::future::pending());
    let (got, elapsed) = took(Session::with(impatient(LIMIT), dial)).await;
    assert!(got.unwrap_err().is_deadline());
    assert_eq!(elapsed.as_secs(), LIMIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_come_back_next_year_is_not_waited_for() {
    let host = Host::new(|_| http_answer(503, "Retry-After: 31536000\r\n"));
    let mut session = host.session().await;
    let (got, elapsed) = took(session.get(&path())).await;
    assert!(got.unwrap_err().is_busy());
    assert_eq!((host.seen().len(), elapsed), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_everything_ends_every_later_call_without_asking() {
    let host = Host::new(succeed);
    let mut target = target();
    target.deadline = Some(Duration::from_secs(90));
    let mut session = host.session_with(target).await.unwrap();
    session.get(&path()).await.unwrap();
    tokio::time::advance(Duration::from_secs(80)).await;
    session.get(&path()).await.unwrap();
    // The host is asked for no more time than there is.
    let asked = host.seen()[1].header.operation_timeout.unwrap().as_duration();
    assert!(asked <= Duration::from_secs(10), "{asked:?}");
    tokio::time::advance(Duration::from_secs(11)).await;
    let error = session.invoke(&call()).await.unwrap_err();
    assert!(error.is_deadline() && !error.is_outcome_unknown(), "{error:?}");
    assert_eq!(host.seen().len(), 2);
    session.set_deadline(None);
    session.get(&path()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_are_as_long_as_chance_has_it() {
    // Where chance is always the longest, five pauses are 0.1 + 0.2 + 0.4 + 0.8 + 1.6 seconds.
    for (random, millis) in [((|| u128::MAX) as fn() -> u128, 3100), (|| 0, 0)] {
        let host = Host::new(|incoming| crate::support::refuse(incoming, &crate::support::quota()));
        let mut target = target();
        target.random = random;
        let mut session = host.session_with(target).await.unwrap();
        let (got, elapsed) = took(session.get(&path())).await;
        assert!(got.unwrap_err().is_quota());
        assert!(elapsed.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(20), "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_one_call_however_often_it_has_to_be_asked_for() {
    // Neither pages that do not fit nor those that are empty begin the time anew.
    let empty = Page { context: Some("more".to_owned()), ..Page::default() };
    for is_empty in [false, true] {
        let (machines, empty) = (Machines::new(40_000, 1).strict(), empty.clone());
        let host = Host::new(move |incoming| {
            let answer = match &incoming.request {
                Request::Enumerate(enumerate) if is_empty => answer(incoming, enumerate, Ok(&empty)),
                Request::Pull(pull) if is_empty => answer(incoming, pull, Ok(&empty)),
                Request::Release(release) if is_empty => answer(incoming, release, Ok(&())),
                _ => machines.serve(incoming),
            };
            let Answer::Message(text) = answer else { panic!("a message") };
            Answer::Dripping(text, usize::MAX, Duration::from_secs(15))
        });
        let mut session = host.session_with(impatient(LIMIT)).await.unwrap();
        let (page, elapsed) = took(session.enumerate("Msvm_ComputerSystem").next_page()).await;
        let error = page.unwrap().unwrap_err();
        assert!(error.is_deadline(), "{error:?}");
        assert_eq!(
            (elapsed.as_secs(), host.count(|it| !matches!(it, Request::Release(_)))),
            (LIMIT.as_secs(), 3)
        );
    }
}

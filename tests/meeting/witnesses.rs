//! That the witnesses see: the log each call, the auditor each job, and both what went wrong.

use crate::support::{Meeting, agree, export, faults_of};

#[tokio::test(start_paused = true)]
async fn a_call_that_is_made_twice_is_seen_twice_by_the_log_and_by_the_host() {
    let meeting = Meeting::new("");
    let mut session = meeting.session().await;
    assert_eq!(session.invoke(&export(r"D:\exports\a")).await.unwrap().code(), Some(4096));
    assert_eq!((meeting.invokes().len(), meeting.exports(r"D:\exports\a").len()), (1, 1));
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert_eq!(session.invoke(&export(r"D:\exports\b")).await.unwrap().code(), Some(4096));
    assert_eq!((meeting.invokes().len(), meeting.exports(r"D:\exports\b").len()), (2, 1));
    assert_eq!(meeting.exports(r"D:\exports\c").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_judge_refuses_what_is_not_true() {
    let meeting = Meeting::new("");
    let mut session = meeting.session().await;
    let said = session.invoke(&export(r"D:\exports\a")).await;
    let (lines, jobs) = (meeting.invokes(), meeting.exports(r"D:\exports\a"));
    agree(&said, &lines, &jobs, "true");
    let refuses = |said: &Result<_, _>, lines: &[_], jobs: &[_]| {
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| agree(said, lines, jobs, "")));
        assert!(judged.is_err());
    };
    // Done, and the host knows nothing of it.
    refuses(&said, &[], &[]);
    refuses(&said, &lines, &[]);
    // Twice.
    let twice = [lines[0].clone(), lines[0].clone()];
    refuses(&said, &twice, &[jobs[0].clone(), jobs[0].clone()]);
    // Not done, and it is.
    let mut session = meeting.session().await;
    session.set_deadline(Some(tokio::time::Instant::now()));
    let not_begun = session.invoke(&export(r"D:\exports\a")).await;
    assert!(not_begun.as_ref().unwrap_err().is_deadline());
    agree(&not_begun, &[], &[], "true");
    refuses(&not_begun, &lines, &jobs);
}

#[tokio::test(start_paused = true)]
async fn the_log_says_of_a_call_that_was_refused_that_it_was_not_carried_out() {
    let meeting = Meeting::new("[[fault]]\nwhat = 'access-denied'\nwhen = { operation = 'Invoke' }");
    let mut session = meeting.session().await;
    let said = session.invoke(&export(r"D:\exports\a")).await;
    let lines = meeting.invokes();
    assert_eq!((lines.len(), &lines[0]["return_value"]), (1, &().into()));
    assert_eq!(faults_of(&lines[0]), ["AccessDenied", "access-denied"]);
    assert!(meeting.has_struck("access-denied") && !meeting.has_struck("quota"));
    agree(&said, &lines, &meeting.exports(r"D:\exports\a"), "refused");
}

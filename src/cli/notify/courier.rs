//! Bringing messages to one address, and trying again where that may help.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is there.
    Taken,
    /// It will not be taken, however often it is tried.
    Refused(String),
    /// It may be taken another time: not before that, if the other side says so.
    Later { why: String, after: Option<Duration> },
}

/// How often, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The pause after the first try; each one after it is twice as long.
    pub(super) first: Duration,
    /// The longest pause, and the longest that another side may ask for.
    pub(super) longest: Duration,
    /// How long it is tried in all.
    pub(super) whole: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            whole: Duration::from_secs(300),
        }
    }
}

/// What is wrong and has not been said yet.
pub(super) type Unsaid = Arc<Mutex<Vec<String>>>;

/// Brings messages, one after the other, until no more can come. `attempt` tries once.
///
/// A message that is still being tried when the next one comes has had its time: what counts is the newest. A try
/// that is under way is waited for, so that nothing old arrives after what is new.
pub(super) async fn bring<M>(
    mut messages: mpsc::Receiver<M>,
    pace: Pace,
    name: String,
    unsaid: Unsaid,
    mut attempt: impl AsyncFnMut(&M) -> Answer,
) {
    let say = |words: String| {
        unsaid.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{name} was not told: {words}"));
    };
    let mut next = messages.recv().await;
    while let Some(message) = next {
        next = match deliver(&message, &mut messages, pace, &mut attempt).await {
            Delivery::Done => messages.recv().await,
            Delivery::Failed(why) => {
                say(why);
                messages.recv().await
            }
            Delivery::Outdated(newer, why) => {
                say(why);
                Some(newer)
            }
        };
    }
}

enum Delivery<M> {
    Done,
    Failed(String),
    Outdated(M, String),
}

async fn deliver<M>(
    message: &M,
    messages: &mut mpsc::Receiver<M>,
    pace: Pace,
    attempt: &mut impl AsyncFnMut(&M) -> Answer,
) -> Delivery<M> {
    let end = Instant::now() + pace.whole;
    let mut pause = pace.first;
    let mut tries = 0_u32;
    loop {
        tries += 1;
        let (why, after) = match attempt(message).await {
            Answer::Taken => return Delivery::Done,
            Answer::Refused(why) => return Delivery::Failed(why),
            Answer::Later { why, after } => (tried(why, tries), after),
        };
        if let Some(after) = after.filter(|after| *after > pace.longest) {
            return Delivery::Failed(format!("{why}, and asks for {} s of patience", after.as_secs()));
        }
        let wait = pause.max(after.unwrap_or_default());
        if Instant::now() + wait >= end {
            return Delivery::Failed(why);
        }
        if let Some(newer) = wait_for_newer(wait, messages).await {
            return Delivery::Outdated(newer, why);
        }
        pause = (pause * 2).min(pace.longest);
    }
}

/// Waits, unless there is something newer to be told before.
async fn wait_for_newer<M>(wait: Duration, messages: &mut mpsc::Receiver<M>) -> Option<M> {
    let newer = async {
        match messages.recv().await {
            Some(newer) => newer,
            // Nothing more will come.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = sleep(wait) => None,
        newer = newer => Some(newer),
    }
}

fn tried(why: String, tries: u32) -> String {
    if tries == 1 { why } else { format!("{why} (tried {tries} times)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Answer {
        Answer::Later { why: "it answered 503".to_owned(), after: None }
    }

    /// Brings the messages, which are all there from the beginning, with a script of answers. Returns the tries,
    /// each with its second and its message, and what was said.
    async fn with(messages: &[&'static str], answers: &[Answer]) -> (Vec<(u64, &'static str)>, Vec<String>) {
        let (sender, receiver) = mpsc::channel(8);
        for message in messages {
            sender.try_send(*message).unwrap();
        }
        drop(sender);
        let (unsaid, start) = (Unsaid::default(), Instant::now());
        let mut tries = Vec::new();
        let mut answers = answers.iter();
        bring(
            receiver,
            Pace::default(),
            "https://a.example/…".into(),
            Arc::clone(&unsaid),
            async |message| {
                tries.push((start.elapsed().as_secs(), *message));
                answers.next().cloned().unwrap_or_else(later)
            },
        )
        .await;
        let said = unsaid.lock().unwrap().clone();
        (tries, said)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_is_sent_once() {
        let (tries, said) = with(&["a", "b"], &[Answer::Taken, Answer::Taken]).await;
        assert_eq!((tries, said), (vec![(0, "a"), (0, "b")], vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_taken_later_is_tried_at_a_growing_distance_until_its_time_is_over() {
        let (tries, said) = with(&["a"], &[]).await;
        let seconds: Vec<_> = tries.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        assert_eq!(said, ["https://a.example/… was not told: it answered 503 (tried 10 times)"]);
        let (tries, said) = with(&["a"], &[later(), later(), Answer::Taken]).await;
        assert_eq!((tries.len(), said.len()), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_tried_again() {
        let (tries, said) = with(&["a"], &[Answer::Refused("it answered 403".into())]).await;
        assert_eq!(tries.len(), 1);
        assert_eq!(said, ["https://a.example/… was not told: it answered 403"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_side_may_ask_for_a_pause_but_not_for_any() {
        let asks = |seconds| Answer::Later {
            why: "it answered 429".into(),
            after: Some(Duration::from_secs(seconds)),
        };
        let (tries, said) = with(&["a"], &[asks(40), asks(0), Answer::Taken]).await;
        assert_eq!((tries, said), (vec![(0, "a"), (40, "a"), (42, "a")], vec![]));
        let (tries, said) = with(&["a"], &[asks(3600)]).await;
        assert_eq!(tries.len(), 1);
        assert!(said[0].ends_with("it answered 429, and asks for 3600 s of patience"), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_newer_takes_the_place_of_what_is_still_being_tried() {
        let (tries, said) = with(&["a", "b"], &[later(), Answer::Taken]).await;
        assert_eq!(tries, [(0, "a"), (0, "b")]);
        assert_eq!(said.len(), 1);
    }
}

//! Who listens to a run and tells of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use refpoint::fleet::{Event, Failure, News, Notify, RunReport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::courier::{self, Pace, Unsaid};
use super::hook::Hook;
use super::payload::{Beginning, Breakdown, Message};
use super::ping::Watcher;
use crate::cli::metrics::Clock;
use crate::cli::ui::Ui;

/// Listens to a run and tells of it those whom its plan names.
///
/// Hearing an event takes a moment in memory alone; each address has a task of its own that sends.
pub(crate) struct Notifier {
    desks: Vec<Desk>,
    patience: Duration,
    unsaid: Unsaid,
    /// What was told of the beginning.
    beginning: Option<Beginning>,
}

/// Where messages for one address are handed in.
struct Desk {
    name: String,
    window: Window,
    task: JoinHandle<()>,
}

enum Window {
    Hook(Arc<Hook>, mpsc::Sender<super::hook::Letter>),
    Watcher(Arc<Watcher>, mpsc::Sender<super::ping::Sign>),
}

impl Notifier {
    /// Gets ready to tell those whom the plan names. Whoever cannot be told is warned of, and left out.
    pub(crate) fn start(plan: &Notify, clock: Clock, ui: &mut Ui) -> Self {
        Self::with(plan, Pace::default(), clock, ui)
    }

    fn with(plan: &Notify, pace: Pace, clock: Clock, ui: &mut Ui) -> Self {
        let (patience, unsaid) = (plan.patience, Unsaid::default());
        let mut notifier = Self { desks: Vec::new(), patience, unsaid, beginning: None };
        for hook in &plan.webhook {
            match Hook::new(hook, clock, ui) {
                Ok(hook) => notifier.add_hook(hook, pace),
                Err(error) => notifier.leave_out("a webhook", &error),
            }
        }
        if let Some(ping) = &plan.ping {
            match Watcher::new(ping, clock, ui) {
                Ok(watcher) => notifier.add_watcher(watcher, pace),
                Err(error) => notifier.leave_out("the watcher", &error),
            }
        }
        notifier
    }

    /// Takes in what has happened.
    pub(crate) fn hear(&mut self, event: &Event) {
        if let News::RunStarted { run, plan, hosts, units, resumed } = &event.what {
            let beginning = Beginning {
                at: event.at,
                run: run.clone(),
                plan: plan.clone(),
                hosts: *hosts,
                units: *units,
                is_resumed: *resumed,
            };
            self.beginning = Some(beginning.clone());
            self.tell(&Message::Begun(beginning));
        }
    }

    /// Returns what went wrong since this was last asked.
    pub(crate) fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.unsaid.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells how the run ended, and waits until all know, but no longer than the plan says. Returns what went
    /// wrong.
    pub(crate) async fn finish(self, report: &RunReport) -> Vec<String> {
        self.end(&Message::Over(Box::new(report.clone()))).await
    }

    /// Tells that there is no report, because the run of a plan could not begin or go on; waits as
    /// [`finish`](Self::finish) does.
    pub(crate) async fn fail(mut self, plan: &str, failure: &Failure) -> Vec<String> {
        let (plan, beginning, failure) = (plan.to_owned(), self.beginning.take(), failure.clone());
        self.end(&Message::Broken(Breakdown { plan, beginning, failure })).await
    }

    async fn end(mut self, message: &Message) -> Vec<String> {
        self.tell(message);
        let (end, unsaid) = (Instant::now() + self.patience, Arc::clone(&self.unsaid));
        // With their windows closed the tasks end when they are done.
        let desks: Vec<_> = self.desks.drain(..).map(|desk| (desk.name, desk.task)).collect();
        for (name, mut task) in desks {
            if timeout_at(end, &mut task).await.is_err() {
                task.abort();
                let words = format!("{name} was not told: it was not done within {:?}", self.patience);
                unsaid.lock().unwrap_or_else(PoisonError::into_inner).push(words);
            }
        }
        self.warnings()
    }

    fn tell(&self, message: &Message) {
        for desk in &self.desks {
            let is_handed_in = match &desk.window {
                Window::Hook(hook, sender) => {
                    hook.letter(message).is_none_or(|it| sender.try_send(it).is_ok())
                }
                Window::Watcher(watcher, sender) => {
                    watcher.sign(message).is_none_or(|it| sender.try_send(it).is_ok())
                }
            };
            if !is_handed_in {
                self.say(format!("{} was not told: too much is waiting for it", desk.name));
            }
        }
    }

    fn add_hook(&mut self, hook: Hook, pace: Pace) {
        self.warn_of_clear_text(hook.address().is_clear(), &hook.address().to_string());
        let (name, hook) = (format!("the webhook {}", hook.address()), Arc::new(hook));
        let (sender, letters) = mpsc::channel(MOST_WAITING);
        let (sending, unsaid) = (Arc::clone(&hook), Arc::clone(&self.unsaid));
        let bring = courier::bring(letters, pace, name.clone(), unsaid, async move |letter: &_| {
            sending.send(letter).await
        });
        self.desks.push(Desk { name, window: Window::Hook(hook, sender), task: tokio::spawn(bring) });
    }

    fn add_watcher(&mut self, watcher: Watcher, pace: Pace) {
        let address = watcher.address().map(ToString::to_string).unwrap_or_default();
        self.warn_of_clear_text(watcher.address().is_some_and(super::address::Address::is_clear), &address);
        let (name, watcher) = (format!("the watcher {address}"), Arc::new(watcher));
        let (sender, signs) = mpsc::channel(MOST_WAITING);
        let (sending, unsaid) = (Arc::clone(&watcher), Arc::clone(&self.unsaid));
        let bring =
            courier::bring(signs, pace, name.clone(), unsaid, async move |sign: &_| sending.send(sign).await);
        self.desks.push(Desk { name, window: Window::Watcher(watcher, sender), task: tokio::spawn(bring) });
    }

    fn warn_of_clear_text(&self, is_clear: bool, address: &str) {
        if is_clear {
            self.say(format!("everybody on the way to {address} can read what is sent there"));
        }
    }

    fn leave_out(&self, whom: &str, error: &crate::cli::error::Error) {
        self.say(format!("{whom} will not be told: {}", error.to_failure().message));
    }

    fn say(&self, words: String) {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }
}

/// A run begins and ends; more than this nobody has to hear.
const MOST_WAITING: usize = 4;

#[cfg(test)]
mod tests;

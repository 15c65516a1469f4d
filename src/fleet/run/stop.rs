use tokio::sync::watch;

use crate::fleet::follow::{Control, Reason, Wish};

/// Why nothing more is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Something failed, and the plan says that one is enough.
    FirstFailure,
    /// More failed than the plan allows.
    TooManyFailures,
    /// The window has closed.
    WindowClosed,
    /// The time that the plan gives a run is over.
    TimeIsOver,
    /// A person or the system wants it.
    Wished(Reason),
}

impl Stop {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::FirstFailure => "something failed, and the plan stops at the first failure",
            Self::TooManyFailures => "as many failed as the plan allows",
            Self::WindowClosed => "the window has closed",
            Self::TimeIsOver => "the time is over that the plan gives a run",
            Self::Wished(Reason::Terminate) => "ended by the system",
            Self::Wished(Reason::Interrupt) => "interrupted",
            Self::Wished(_) => "asked to leave",
        }
    }

    /// Returns the exit code that it is itself, apart from what failed.
    pub(super) fn exit_code(self) -> Option<u8> {
        match self {
            Self::FirstFailure | Self::TooManyFailures => None,
            Self::WindowClosed | Self::TimeIsOver => Some(8),
            Self::Wished(Reason::Terminate) => Some(143),
            Self::Wished(Reason::Interrupt) => Some(130),
            Self::Wished(_) => None,
        }
    }

    /// Returns what the units that are under way are told.
    fn wish(self) -> Wish {
        Wish::Detach(match self {
            Self::FirstFailure | Self::TooManyFailures => Reason::Asked,
            Self::WindowClosed | Self::TimeIsOver => Reason::TimeIsOver,
            Self::Wished(reason) => reason,
        })
    }
}

/// Ends a run before its end: once, and for one reason.
pub(super) struct Stopper {
    stop: watch::Sender<Option<Stop>>,
    wishes: watch::Sender<Wish>,
    control: Control,
}

impl Stopper {
    pub(super) fn new() -> Self {
        let (wishes, control) = Control::new();
        Self { stop: watch::channel(None).0, wishes, control }
    }

    /// Stops, unless that is done already. Returns whether it is news.
    pub(super) fn stop(&self, stop: Stop) -> bool {
        let is_news = self.stop.send_if_modified(|stopped| {
            let is_news = stopped.is_none();
            stopped.get_or_insert(stop);
            is_news
        });
        if is_news {
            self.wishes.send_replace(stop.wish());
        }
        is_news
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        *self.stop.borrow()
    }

    /// Returns what units listen to.
    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    /// Waits for something, unless the run is stopped first.
    pub(super) async fn unless<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let mut stopped = self.stop.subscribe();
        tokio::select! {
            biased;
            stop = stopped.wait_for(Option::is_some) => Err(match stop {
                Ok(stop) => (*stop).unwrap_or(Stop::Wished(Reason::Asked)),
                // The sender lives as long as we do.
                Err(_) => Stop::Wished(Reason::Asked),
            }),
            done = work => Ok(done),
        }
    }
}

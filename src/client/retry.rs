use std::time::Duration;

use tokio::time::Instant;

use super::Error;
use super::error::{Standing, advice};
use crate::transport;
use crate::wsman::Operation;
use crate::wsman::codes::Retry;

/// How often and after how long something is tried again.
///
/// What is tried again is no matter of policy: operations that may be repeated, and others where the host or
/// the connection proves that they were not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often a request is sent at most, the first time included.
    pub attempts: u32,
    /// The longest first pause. Each later one may be twice as long, and each is as long as chance has it
    /// (full jitter), so that a thousand clients that were turned away together do not come back together.
    pub first_pause: Duration,
    /// The longest pause of all.
    pub longest_pause: Duration,
}

impl Retries {
    /// Tries nothing again.
    pub const NONE: Self = Self { attempts: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO };
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 6, first_pause: Duration::from_millis(100), longest_pause: Duration::from_secs(15) }
    }
}

/// What sending an operation again would mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nothing more than sending it once.
    Repeatable,
    /// Doing it twice.
    Once,
    /// Losing a page: the host has gone on. But one that has said that its time was up has given none.
    Page,
    /// The same for events, where running out of time is the normal case and means that nothing happened; that is
    /// for whoever waits to know.
    Events,
    /// A connection and nothing else, for somebody who waits for it.
    Opening,
}

impl Manner {
    pub(super) fn of<O: Operation>() -> Self {
        if O::REPEATABLE { Self::Repeatable } else { Self::Once }
    }
}

/// Until when a call may go on, and how long that was when it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) end: Instant,
    pub(super) after: Duration,
}

impl Limit {
    pub(super) fn new(after: Duration) -> Self {
        let now = Instant::now();
        // As far away as the runtime can count, for durations that cannot be added.
        Self { end: now.checked_add(after).unwrap_or(now + FAR_AWAY), after }
    }

    /// Returns the earlier of two.
    pub(super) fn and(self, other: Option<Self>) -> Self {
        other.filter(|other| other.end < self.end).unwrap_or(self)
    }

    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}

const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 86_400);

/// How to go on after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    /// After how long.
    pub(super) pause: Duration,
    /// On a new connection.
    pub(super) anew: bool,
}

/// The attempts of one call.
#[derive(Debug)]
pub(super) struct Attempts {
    retries: Retries,
    random: fn() -> u128,
    manner: Manner,
    limit: Limit,
    made: u32,
    /// How often the host has said that its time was up, and how often it did not even say so.
    timeouts: u32,
    silences: u32,
    /// Whether the one repetition was made that some codes are worth.
    repeated: bool,
    began: Instant,
}

impl Attempts {
    pub(super) fn new(retries: Retries, random: fn() -> u128, manner: Manner, limit: Limit) -> Self {
        Self {
            retries,
            random,
            manner,
            limit,
            made: 0,
            timeouts: 0,
            silences: 0,
            repeated: false,
            began: Instant::now(),
        }
    }

    /// Takes note that an attempt begins; returns how many times the usual operation time-out it gets.
    pub(super) fn begin(&mut self) -> u32 {
        self.made += 1;
        self.began = Instant::now();
        match self.manner {
            Manner::Repeatable if self.timeouts > 0 => 2,
            _ => 1,
        }
    }

    /// Takes note that the connection has already repeated on a new login what can be repeated once.
    pub(super) fn repeated_below(&mut self) {
        self.repeated = true;
    }

    /// Says how to go on after an attempt that failed: `None` where it is the last word.
    pub(super) fn again(&mut self, error: &Error) -> Option<Again> {
        let again = match error {
            Error::Fault { source, .. } if source.is_timeout() => self.after_timeout(),
            Error::Fault { source, .. } if source.proves_not_started() => Some(self.backed_off()),
            Error::Fault { source, .. } if self.manner == Manner::Repeatable => match advice(source) {
                Retry::BackOff => Some(self.backed_off()),
                Retry::Once | Retry::RepeatableOnly => self.once().map(|()| self.backed_off()),
                Retry::Reauthenticate => self.once().map(|()| Again { anew: true, ..self.backed_off() }),
                _ => None,
            },
            Error::Transport { source, .. } => self.after_loss(source, error.standing()),
            _ => None,
        };
        let is_last = self.made >= self.retries.attempts;
        again.filter(|again| !is_last && again.pause < self.limit.left())
    }

    /// The host's time was up. It says nothing of a method; of anything else it says that there is no result.
    fn after_timeout(&mut self) -> Option<Again> {
        self.timeouts += 1;
        let is_too_soon = self.began.elapsed() < TOO_SOON;
        let pause = if is_too_soon { self.pause() } else { Duration::ZERO };
        let may = match self.manner {
            Manner::Repeatable => self.timeouts <= 1,
            Manner::Page => true,
            // Whoever waits for events asks again himself, and looks first what else is due.
            Manner::Once | Manner::Opening | Manner::Events => false,
        };
        may.then_some(Again { pause, anew: false })
    }

    fn after_loss(&mut self, error: &transport::Error, standing: Standing) -> Option<Again> {
        use transport::Error as E;
        let may = standing == Standing::NotBegun || self.manner == Manner::Repeatable;
        if !may {
            return None;
        }
        match error {
            // Once more, on a new login: an account that may not use WinRM hears the same.
            E::LoginExpired { .. } => self.once()?,
            _ if !error.is_retryable() => return None,
            // Somebody who has just come waits for the reason, not for the host.
            E::NotResolved { .. } | E::Unreachable { .. } | E::Proxy { .. } | E::TimedOut { .. }
                if self.manner == Manner::Opening =>
            {
                return None;
            }
            E::TimedOut { .. } if standing == Standing::Unknown => {
                self.silences += 1;
                if self.silences > 1 {
                    return None;
                }
            }
            _ => {}
        }
        let mut again = Again { anew: true, ..self.backed_off() };
        if let E::Answer(transport::Answer {
            problem: transport::Problem::Unavailable { retry_after: Some(after) },
            ..
        }) = error
        {
            again.pause = again.pause.max(*after);
        }
        Some(again)
    }

    fn once(&mut self) -> Option<()> {
        (!std::mem::replace(&mut self.repeated, true)).then_some(())
    }

    fn backed_off(&self) -> Again {
        Again { pause: self.pause(), anew: false }
    }

    fn pause(&self) -> Duration {
        let Retries { first_pause, longest_pause, .. } = self.retries;
        let doubled = 1_u32.checked_shl(self.made.saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = first_pause.saturating_mul(doubled).min(longest_pause);
        jitter(longest, self.random)
    }
}

/// Returns a time between nothing and that, as chance has it.
pub(super) fn jitter(longest: Duration, random: fn() -> u128) -> Duration {
    // The lower bits of a random UUID are all random.
    let share = (random() & u128::from(u32::MAX)) as f64 / f64::from(u32::MAX);
    longest.mul_f64(share)
}

/// An answer that its host has worked for cannot come sooner. Whoever says sooner that his time is up would
/// be asked without a pause.
const TOO_SOON: Duration = Duration::from_secs(1);

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Error, Fate, Phase, Timeouts};

/// How long an exchange still has, for each of its phases and as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    timeouts: Timeouts,
    end: Option<(Instant, Duration)>,
}

impl Patience {
    /// Bounds each phase, and nothing as a whole.
    pub(super) fn by_phase(timeouts: Timeouts) -> Self {
        Self { timeouts, end: None }
    }

    /// Bounds the whole as well, from now on.
    pub(super) fn in_total(timeouts: Timeouts) -> Self {
        let end = timeouts.total.and_then(|total| Some((Instant::now().checked_add(total)?, total)));
        Self { timeouts, end }
    }

    /// Waits, as long as this phase may take. The fate is that of the request, should the time be up.
    pub(super) async fn wait<F: Future>(
        &self,
        phase: Phase,
        fate: Fate,
        future: F,
    ) -> Result<F::Output, Error> {
        let after = self.of(phase);
        let phase_end = Instant::now().checked_add(after).map(|at| (at, after, phase));
        let total_end = self.end.map(|(at, total)| (at, total, Phase::Total));
        let Some((at, after, phase)) = phase_end.into_iter().chain(total_end).min_by_key(|(at, ..)| *at)
        else {
            return Ok(future.await);
        };
        timeout_at(at, future).await.map_err(|_| Error::TimedOut { phase, after, fate })
    }

    fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Connect => self.timeouts.connect,
            Phase::Login => self.timeouts.login,
            Phase::FirstByte => self.timeouts.first_byte,
            Phase::Send | Phase::Stall => self.timeouts.stall,
            Phase::Answer => self.timeouts.answer,
            Phase::Total => self.timeouts.total.unwrap_or(Duration::MAX),
        }
    }
}

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use super::report::Failure;
use crate::client::codes::Retry;
use crate::hyperv::Error;

/// Whether a host that has not begun may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It would say the same, or nobody knows whether it has begun.
    Never,
    /// What it said passes, and proves that nothing was begun.
    Proven,
    /// What it said passes, and does not itself prove it: to be asked again only where nothing is to be seen.
    WhereNothingIsSeen,
}

/// Reads an answer that is no beginning. A return value is read by the table of its own method: 5 of the
/// service of collections is the invalid state that is 32775 elsewhere.
///
/// | answer | again |
/// |---|---|
/// | 32774 in use, 32775 and 5 invalid state, 32777 not available, 32778 out of memory | proven: a method that has begun something returns 0 or 4096 |
/// | 32771 status unknown | where nothing is seen: who does not know the state may not know of a beginning |
/// | 32772 and 3 time-out | never: what timed out had begun |
/// | any other number | never: it would say the same |
/// | a quota or a busy service, where the fault or the connection proves that the call was not begun | proven |
pub(super) fn again(error: &Error) -> Again {
    match error {
        Error::Refused { meaning, .. } if meaning.retry() != Retry::BackOff => Again::Never,
        Error::Refused { code: STATUS_UNKNOWN, .. } => Again::WhereNothingIsSeen,
        Error::Refused { .. } => Again::Proven,
        Error::Client(error)
            if (error.is_quota() || error.is_busy())
                && !error.is_outcome_unknown()
                && !error.is_result_lost() =>
        {
            Again::Proven
        }
        _ => Again::Never,
    }
}

/// How often a host was asked that has not begun, and how long that may go on.
#[derive(Debug, Default)]
pub(super) struct Patience {
    tries: u32,
    since: Option<Instant>,
}

impl Patience {
    /// Takes note of one more try that came to nothing.
    pub(super) fn tried(&mut self) {
        self.tries += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    /// Returns how often it was tried.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns after how long to try again; `None` where there were enough tries, or there is no time. `whose`
    /// makes those who were turned away together come back one by one.
    pub(super) fn pause(&self, whose: &str, deadline: Option<Instant>) -> Option<Duration> {
        if self.tries >= MOST_TRIES {
            return None;
        }
        let now = Instant::now();
        let longest = FIRST.saturating_mul(1 << self.tries.saturating_sub(1));
        let pause = longest.mul_f64(0.5 + 0.5 * share(whose, self.tries));
        let end = self.since.unwrap_or(now) + LONGEST;
        let is_in_time = |end: Instant| now + pause < end;
        (is_in_time(end) && deadline.is_none_or(is_in_time)).then_some(pause)
    }

    /// Adds to a failure how often it was tried.
    pub(super) fn spent(&self, failure: Failure) -> Failure {
        if self.tries < 2 {
            return failure;
        }
        let message = format!("{}, tried {} times", failure.message, self.tries);
        failure.with_message(message)
    }
}

/// Returns a number between 0 and 1 that is the same for the same, and another for others.
fn share(whose: &str, tries: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (whose, tries).hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX)
}

/// Refused so often, a host will be busy for longer than anybody should wait for.
pub(super) const MOST_TRIES: u32 = 5;

/// Each pause is between the half and the whole of this, doubled with each try.
const FIRST: Duration = Duration::from_secs(3);

/// After so long no new try is begun.
const LONGEST: Duration = Duration::from_secs(120);

const STATUS_UNKNOWN: u32 = 32771;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperv::{METHOD, meaning};

    fn refused(service: &str, code: u32) -> Error {
        Error::Refused { method: METHOD, code, meaning: meaning(service, METHOD, code) }
    }

    #[test]
    fn each_return_value_is_read_by_the_table_of_its_service() {
        let machines = "Msvm_VirtualSystemReferencePointService";
        let groups = "Msvm_CollectionReferencePointService";
        for code in (1..=6).chain(4097..4100).chain(32768..=32780).chain([70000]) {
            let expected = match code {
                32774 | 32775 | 32777 | 32778 => Again::Proven,
                32771 => Again::WhereNothingIsSeen,
                _ => Again::Never,
            };
            let of_group = if code == 5 { Again::Proven } else { expected };
            assert_eq!(again(&refused(groups, code)), of_group, "{code}");
            if code > 6 {
                assert_eq!(again(&refused(machines, code)), expected, "{code}");
            }
        }
        assert_eq!(again(&Error::NoJob { method: METHOD }), Again::Never);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end_with_the_tries_the_deadline_and_the_time() {
        let mut patience = Patience::default();
        let mut pauses = Vec::new();
        patience.tried();
        while let Some(pause) = patience.pause("HV01 web01", None) {
            pauses.push(pause.as_secs_f64());
            tokio::time::advance(pause).await;
            patience.tried();
        }
        assert_eq!((pauses.len(), patience.tries()), (4, 5));
        for (pause, longest) in pauses.iter().zip([3.0, 6.0, 12.0, 24.0]) {
            assert!((longest / 2.0..=longest).contains(pause), "{pauses:?}");
        }
        let mut patience = Patience::default();
        patience.tried();
        assert!(patience.pause("x", Some(Instant::now() + Duration::from_secs(1))).is_none());
        assert!(patience.pause("x", Some(Instant::now() + Duration::from_secs(4))).is_some());
        // Tries that took long themselves.
        tokio::time::advance(LONGEST).await;
        assert!(patience.pause("x", None).is_none());
    }

    #[test]
    fn who_is_turned_away_together_comes_back_one_by_one() {
        let shares: Vec<_> = (0..100).map(|host| share(&format!("HV{host:02}"), 1)).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        let early = shares.iter().filter(|share| **share < 0.5).count();
        assert!((25..=75).contains(&early), "{early}");
        assert_eq!(share("HV01", 1).to_bits(), share("HV01", 1).to_bits());
    }
}

//! Where a unit stands: one word, one mark.

use refpoint::fleet::{Outcome, UnitReport, UnitState};

/// Where a unit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Standing {
    Unknown,
    Failed,
    Cancelled,
    Detached,
    Warnings,
    Running,
    Outstanding,
    Completed,
}

impl Standing {
    /// All of them, what needs a person first.
    pub(crate) const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Failed,
        Self::Cancelled,
        Self::Detached,
        Self::Warnings,
        Self::Running,
        Self::Outstanding,
        Self::Completed,
    ];

    /// Returns where that unit stands, counted as a run counts.
    pub(crate) fn of(unit: &UnitReport) -> Self {
        match (unit.state, unit.outcome()) {
            (UnitState::Outstanding, _) | (UnitState::Ended, None) => Self::Outstanding,
            (UnitState::Running, _) => Self::Running,
            (UnitState::Ended, Some(outcome)) => Self::of_outcome(outcome),
        }
    }

    /// Returns where a unit stands that ended so.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed,
            Outcome::CompletedWithWarnings => Self::Warnings,
            Outcome::Failed => Self::Failed,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Detached => Self::Detached,
            Outcome::Unknown => Self::Unknown,
        }
    }

    /// Returns its name, as reports in JSON have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => Outcome::Unknown.name(),
            Self::Failed => Outcome::Failed.name(),
            Self::Cancelled => Outcome::Cancelled.name(),
            Self::Detached => Outcome::Detached.name(),
            Self::Warnings => Outcome::CompletedWithWarnings.name(),
            Self::Running => "running",
            Self::Outstanding => "outstanding",
            Self::Completed => Outcome::Completed.name(),
        }
    }

    /// Returns what people call it, beside a number.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Detached => "left to their hosts",
            Self::Warnings => "with warnings",
            Self::Running => "under way",
            Self::Outstanding => "not begun",
            Self::Completed => "completed",
        }
    }

    /// Returns a mark that tells it from the others without any colour.
    pub(crate) fn mark(self) -> char {
        match self {
            Self::Unknown => '?',
            Self::Failed => '✕',
            Self::Cancelled => '⊘',
            Self::Detached => '↗',
            Self::Warnings => '!',
            Self::Running => '▶',
            Self::Outstanding => '·',
            Self::Completed => '✓',
        }
    }
}

/// How many units stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standings([usize; 8]);

impl Standings {
    /// Counts units.
    pub(crate) fn of(units: &[UnitReport]) -> Self {
        let mut counted = Self::default();
        units.iter().for_each(|unit| counted.add(Standing::of(unit)));
        counted
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, standing: Standing) {
        self.0[Self::place(standing)] += 1;
    }

    /// Returns how many stand there.
    pub(crate) fn count(&self, standing: Standing) -> usize {
        self.0[Self::place(standing)]
    }

    /// Returns how many there are.
    pub(crate) fn all(&self) -> usize {
        self.0.iter().sum()
    }

    /// Returns how many are no longer worked on, however they ended.
    pub(crate) fn ended(&self) -> usize {
        self.all() - self.count(Standing::Running) - self.count(Standing::Outstanding)
    }

    /// Returns `4900 completed, 12 with warnings, 37 failed`: what there is of each, the good news first.
    pub(crate) fn words(&self) -> String {
        let ends = Standing::ALL.iter().rev().filter(|standing| self.count(**standing) > 0);
        let words: Vec<String> =
            ends.map(|standing| format!("{} {}", self.count(*standing), standing.words())).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    }

    fn place(standing: Standing) -> usize {
        Standing::ALL.iter().position(|one| *one == standing).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use refpoint::fleet::RunReport;

    use super::super::runs::Runs;
    use super::*;

    #[test]
    fn units_are_counted_as_the_run_counts_them() {
        for report in
            [Runs::new(1).finished(200, 5), Runs::new(2).stopped(200, 5), Runs::new(3).running(200, 5)]
        {
            let counted = Standings::of(&report.units);
            let totals = RunReport::count(&report.hosts, &report.units);
            let expected = [
                (Standing::Unknown, totals.unknown),
                (Standing::Failed, totals.failed),
                (Standing::Cancelled, totals.cancelled),
                (Standing::Detached, totals.detached),
                (Standing::Warnings, totals.completed_with_warnings),
                (Standing::Running, totals.running),
                (Standing::Outstanding, totals.outstanding),
                (Standing::Completed, totals.completed),
            ];
            for (standing, count) in expected {
                assert_eq!(counted.count(standing), count, "{standing:?}");
            }
            assert_eq!(counted.all(), totals.units);
        }
    }

    #[test]
    fn no_two_standings_share_a_mark_or_a_name() {
        for one in Standing::ALL {
            let same = |other: &&Standing| other.mark() == one.mark() || other.name() == one.name();
            assert_eq!(Standing::ALL.iter().filter(same).count(), 1, "{one:?}");
        }
    }
}

//! What is known of a run that is under way, from its events alone.

use std::collections::HashMap;

use jiff::Timestamp;
use refpoint::fleet::{Event, News, RunReport};

use super::standing::{Standing, Standings};
use crate::cli::report::clock::seconds_between;

/// A run that is under way.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// What it is called.
    pub(crate) run: String,
    /// When this process took it up.
    pub(crate) since: Option<Timestamp>,
    /// How many hosts it has.
    pub(crate) hosts: usize,
    /// How many hosts could not be worked with.
    pub(crate) hosts_failed: usize,
    /// How many units have ended, and how.
    pub(crate) ended: Standings,
    /// Why nothing more is begun.
    pub(crate) stopping: Option<String>,
    /// Hosts on which something is under way.
    pub(crate) flights: HashMap<String, Flight>,
    /// How many units each host has that was looked at.
    planned: HashMap<String, usize>,
    /// Units that were known before, of hosts that were not named.
    unnamed: usize,
    /// How many units had ended when this process took it up.
    before: usize,
}

/// A host on which something is under way.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// Its units, by number and name.
    pub(crate) jobs: HashMap<(Option<i64>, String), Job>,
    /// How many of its units have ended since it was taken up.
    pub(crate) ended: usize,
    /// How many of those did not end well.
    pub(crate) ill: usize,
    /// How many units at once it is given, where that was said, and why.
    pub(crate) limit: Option<(usize, String)>,
    /// Since when it is looked at, where it has no units yet.
    looked_at: Option<Timestamp>,
}

/// A unit that is under way.
#[derive(Debug)]
pub(crate) struct Job {
    /// Since when.
    pub(crate) since: Timestamp,
    /// How far its job says it is.
    pub(crate) percent: Option<u16>,
    /// The number of its job's state.
    pub(crate) state: Option<u32>,
    /// When that last changed.
    pub(crate) moved: Timestamp,
    /// Whether it was said not to move.
    pub(crate) is_stalled: bool,
    /// What is tried again.
    pub(crate) retry: Option<String>,
}

impl Picture {
    /// Begins with what a run that is taken up again has come to.
    pub(crate) fn of(before: Option<&RunReport>) -> Self {
        let mut picture = Self::default();
        let Some(report) = before else { return picture };
        picture.hosts = report.hosts.len();
        for unit in &report.units {
            *picture.planned.entry(unit.host.clone()).or_default() += 1;
            let standing = Standing::of(unit);
            // The others are taken up again.
            if matches!(
                standing,
                Standing::Completed | Standing::Warnings | Standing::Failed | Standing::Cancelled
            ) {
                picture.ended.add(standing);
            }
        }
        picture.before = picture.ended.all();
        picture
    }

    /// Takes in one event.
    pub(crate) fn hear(&mut self, event: &Event) {
        self.since.get_or_insert(event.at);
        match &event.what {
            News::RunStarted { run, hosts, units, .. } => {
                self.run.clone_from(run);
                self.hosts = *hosts;
                let named: usize = self.planned.values().sum();
                self.unnamed = units.saturating_sub(named);
            }
            News::HostPlanned { units } => {
                self.planned.insert(event.host.clone(), *units);
                self.look_away(&event.host);
            }
            News::HostFailed { .. } => {
                self.hosts_failed += 1;
                self.look_away(&event.host);
            }
            News::Limit { units, cause } => {
                self.flight(&event.host).limit = Some((*units, cause.clone()));
            }
            News::Connected { .. } if event.unit.is_empty() => {
                self.flight(&event.host).looked_at = Some(event.at);
            }
            News::RunStopping { reason } => self.stopping = Some(reason.clone()),
            News::UnitStarted | News::Intent { .. } | News::Adopted { .. } | News::JobStarted { .. } => {
                self.job(event);
            }
            News::Progress { state, percent } => {
                let at = event.at;
                let job = self.job(event);
                if (job.state, job.percent) != (Some(*state), *percent) {
                    (job.state, job.percent, job.moved) = (Some(*state), *percent, at);
                    (job.is_stalled, job.retry) = (false, None);
                }
            }
            News::Stalled { .. } if !event.unit.is_empty() => self.job(event).is_stalled = true,
            News::Retry { cause, .. } if !event.unit.is_empty() => {
                self.job(event).retry = Some(cause.clone());
            }
            News::UnitFinished { ending } => {
                let standing = Standing::of_outcome(ending.outcome());
                self.ended.add(standing);
                let flight = self.flight(&event.host);
                flight.jobs.remove(&(event.number, event.unit.clone()));
                flight.ended += 1;
                flight.ill += usize::from(standing < Standing::Warnings);
            }
            _ => {}
        }
    }

    /// Returns how many units are known by now.
    pub(crate) fn units(&self) -> usize {
        (self.unnamed + self.planned.values().sum::<usize>()).max(self.ended.all() + self.at_work())
    }

    /// Returns how many units are under way.
    pub(crate) fn at_work(&self) -> usize {
        self.flights.values().map(|flight| flight.jobs.len()).sum()
    }

    /// Returns how many hosts have something under way.
    pub(crate) fn hosts_at_work(&self) -> usize {
        self.flights.values().filter(|flight| flight.is_at_work()).count()
    }

    /// Returns how many hosts have been looked at.
    pub(crate) fn hosts_planned(&self) -> usize {
        self.planned.len()
    }

    /// Returns how many hosts nobody has looked at yet: what there is to do on them is not known.
    pub(crate) fn hosts_left(&self) -> usize {
        self.hosts.saturating_sub(self.planned.len() + self.hosts_failed)
    }

    /// Returns how much of all that is known is done, in percent; a unit under way counts as far as its job is.
    pub(crate) fn percent(&self) -> Option<u16> {
        let units = self.units();
        // A hundred is said when all is done, and not before.
        let done = self.work_done();
        (units > 0).then(|| match done >= units * 100 {
            true => 100,
            false => u16::try_from(done / units).unwrap_or(99).min(99),
        })
    }

    /// Returns about how many seconds are left at the pace so far; nothing where that would be a guess.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> Option<u64> {
        let elapsed = seconds_between(self.since?, now);
        let done = self.work_done().checked_sub(self.before * 100)?;
        if elapsed < 30 || done < 100 || self.stopping.is_some() {
            return None;
        }
        // Hosts that nobody has looked at are taken to have as many units as the others.
        let planned: usize = self.planned.values().sum();
        let units = self.units() + planned * self.hosts_left() / self.planned.len().max(1);
        let left = u64::try_from((units * 100).saturating_sub(self.work_done())).ok()?;
        let at_this_pace = (elapsed * left).div_ceil(u64::try_from(done).ok()?);
        // The last job decides, however many others have ended by then.
        let jobs = self.flights.values().flat_map(|flight| flight.jobs.values());
        let longest = jobs.filter_map(|job| job.seconds_left(now)).max().unwrap_or_default();
        Some(at_this_pace.max(longest))
    }

    /// In hundredths of a unit.
    fn work_done(&self) -> usize {
        let jobs = self.flights.values().flat_map(|flight| flight.jobs.values());
        let under_way: usize = jobs.map(|job| usize::from(job.percent.unwrap_or_default().min(100))).sum();
        self.ended.all() * 100 + under_way
    }

    fn look_away(&mut self, host: &str) {
        if let Some(flight) = self.flights.get_mut(host) {
            flight.looked_at = None;
        }
    }

    fn flight(&mut self, host: &str) -> &mut Flight {
        if !self.flights.contains_key(host) {
            self.flights.insert(host.to_owned(), Flight::default());
        }
        self.flights.get_mut(host).expect("it was put there")
    }

    fn job(&mut self, event: &Event) -> &mut Job {
        let at = event.at;
        let jobs = &mut self.flight(&event.host).jobs;
        jobs.entry((event.number, event.unit.clone())).or_insert_with(|| Job {
            since: at,
            percent: None,
            state: None,
            moved: at,
            is_stalled: false,
            retry: None,
        })
    }
}

impl Flight {
    /// Says whether something is under way on it.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.jobs.is_empty() || self.looked_at.is_some()
    }

    /// Returns since when it has been at work on what it is at now.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.jobs.values().map(|job| job.since).min().or(self.looked_at)
    }
}

impl Job {
    /// Returns about how many seconds it needs, where its job has come far enough to say.
    fn seconds_left(&self, now: Timestamp) -> Option<u64> {
        let percent = u64::from(self.percent.filter(|percent| (5..=100).contains(percent))?);
        // Counted to where it was when it last moved: what stands still is not a matter of time.
        let took = seconds_between(self.since, self.moved);
        Some((took * (100 - percent) / percent).saturating_sub(seconds_between(self.moved, now)))
    }

    /// Returns for how many seconds it has stood still, where that is worth a word.
    pub(crate) fn still(&self, now: Timestamp) -> Option<u64> {
        let seconds = seconds_between(self.moved, now);
        (self.is_stalled || (self.state.is_some() && seconds >= STILL)).then_some(seconds)
    }
}

/// A job that has stood for so many seconds is shown as standing.
const STILL: u64 = 120;

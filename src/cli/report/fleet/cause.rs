//! What is not well in a run, by its cause: one next step for many units.

use std::collections::{HashMap, HashSet};

use refpoint::fleet::{Failure, HostReport, Kind, RunReport, RunState, UnitReport};

use super::standing::Standing;

/// Hosts and units that are not well for one and the same reason.
#[derive(Debug)]
pub(crate) struct Cause<'r> {
    /// How they stand.
    pub(crate) standing: Standing,
    /// What sort of failure, where there was one.
    pub(crate) kind: Option<Kind>,
    /// The number behind it.
    pub(crate) code: Option<u32>,
    /// What it is, in words.
    pub(crate) title: &'static str,
    /// What was said of the first of them.
    pub(crate) example: Option<String>,
    /// What to try next; none where each has a next step of its own.
    pub(crate) next: Option<String>,
    /// Hosts that could not be worked with: what there would have been to do on them is not known.
    pub(crate) hosts: Vec<&'r HostReport>,
    /// Units, host by host.
    pub(crate) units: Vec<&'r UnitReport>,
}

/// What makes two failures one cause: numbers and kinds, and what is advised; never what a host said.
type Key<'r> = (Standing, Option<Kind>, Option<u32>, Option<&'r str>);

impl<'r> Cause<'r> {
    /// Returns the causes of a run: what needs a person most comes first, and then what has hit most.
    pub(crate) fn all(report: &'r RunReport) -> Vec<Self> {
        let hosts = report.hosts.iter().filter_map(|host| Some((host, host.error.as_ref()?)));
        let hosts: Vec<(&HostReport, &Failure)> = hosts.collect();
        let is_ill = |unit: &&UnitReport| {
            !matches!(Standing::of(unit), Standing::Completed | Standing::Running | Standing::Outstanding)
        };
        let units: Vec<&UnitReport> = report.units.iter().filter(is_ill).collect();
        let scattered = scattered(
            hosts
                .iter()
                .map(|(_, error)| (Standing::Failed, *error))
                .chain(units.iter().filter_map(|unit| Some((Standing::of(unit), unit.error()?)))),
        );
        let key = |standing: Standing, error: Option<&'r Failure>| -> Key<'r> {
            let hint = error.and_then(|error| error.hint.as_deref());
            let (kind, code) = (error.map(|error| error.kind), error.and_then(|error| error.code));
            (standing, kind, code, hint.filter(|_| !scattered.contains(&(standing, kind, code))))
        };
        let mut causes: Vec<Self> = Vec::new();
        let mut known: HashMap<Key<'r>, usize> = HashMap::new();
        let mut at = |standing, error: Option<&'r Failure>, causes: &mut Vec<Self>| {
            let key = key(standing, error);
            *known.entry(key).or_insert_with(|| {
                causes.push(Self::new(key, error, report));
                causes.len() - 1
            })
        };
        for (host, error) in hosts {
            let at = at(Standing::Failed, Some(error), &mut causes);
            causes[at].hosts.push(host);
        }
        for unit in units {
            let at = at(Standing::of(unit), unit.error(), &mut causes);
            causes[at].units.push(unit);
        }
        causes.sort_by_key(|cause| (cause.standing, std::cmp::Reverse(cause.size())));
        causes
    }

    fn new((standing, kind, code, hint): Key<'r>, error: Option<&Failure>, report: &RunReport) -> Self {
        let is_own = error.is_some_and(|error| error.hint.is_some()) && hint.is_none();
        let next = match is_own {
            true => None,
            false => hint.map(str::to_owned).or_else(|| next_step(standing, report)),
        };
        let example = error.map(|error| error.message.clone());
        let title = title(standing, kind);
        Self { standing, kind, code, title, example, next, hosts: Vec::new(), units: Vec::new() }
    }

    /// Returns how many hosts and units there are in it.
    pub(crate) fn size(&self) -> usize {
        self.hosts.len() + self.units.len()
    }

    /// Returns `37 units on 12 hosts`, `9 hosts`, or both.
    pub(crate) fn reach(&self) -> String {
        let on: HashSet<&str> = self.units.iter().map(|unit| unit.host.as_str()).collect();
        let units = format!("{} on {}", counted(self.units.len(), "unit"), counted(on.len(), "host"));
        match (self.hosts.len(), self.units.len()) {
            (hosts, 0) => counted(hosts, "host"),
            (0, _) => units,
            (hosts, _) => format!("{} and {units}", counted(hosts, "host")),
        }
    }

    /// Returns what it is, with the number behind it.
    pub(crate) fn heading(&self) -> String {
        match self.code {
            Some(code) => format!("{} ({})", self.title, number(code)),
            None => self.title.to_owned(),
        }
    }
}

/// Returns the kinds of failure whose advice is another one for nearly each of them: a list of candidates, say.
fn scattered<'r>(
    failures: impl Iterator<Item = (Standing, &'r Failure)>,
) -> HashSet<(Standing, Option<Kind>, Option<u32>)> {
    let mut hints: HashMap<_, HashSet<Option<&str>>> = HashMap::new();
    for (standing, error) in failures {
        let key = (standing, Some(error.kind), error.code);
        hints.entry(key).or_default().insert(error.hint.as_deref());
    }
    hints.into_iter().filter(|(_, hints)| hints.len() > MOST_HINTS).map(|(key, _)| key).collect()
}

/// More pieces of advice than this for one kind of failure are not read one by one.
const MOST_HINTS: usize = 4;

/// Returns the number as people look it up: Windows' own in hexadecimal.
pub(crate) fn number(code: u32) -> String {
    if code > 0xFFFF { format!("0x{code:08X}") } else { code.to_string() }
}

/// Returns `1 unit`, `2 units`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Returns the command that goes on with a run, where there is something left and nobody is at work on it.
pub(crate) fn go_on(report: &RunReport) -> Option<String> {
    let totals = RunReport::count(&report.hosts, &report.units);
    let left =
        totals.outstanding + totals.running + totals.detached + totals.unknown + totals.hosts_outstanding;
    let is_idle = report.state != RunState::Running;
    (is_idle && left > 0).then(|| format!("refpoint fleet resume {}", word(&report.run)))
}

/// Returns a name as one word of a shell.
pub(crate) fn word(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:@%+/".contains(c);
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

fn next_step(standing: Standing, report: &RunReport) -> Option<String> {
    let resume = || format!("refpoint fleet resume {}", word(&report.run));
    match standing {
        Standing::Unknown => Some(format!(
            "do not ask a host again before it was looked at: {} looks for the job and the files",
            resume()
        )),
        Standing::Detached => Some(format!("the jobs may go on: {} follows them to their end", resume())),
        Standing::Cancelled => Some("run the plan again where they are still wanted".to_owned()),
        Standing::Warnings => Some("read what is said of each before you rely on it".to_owned()),
        _ => None,
    }
}

fn title(standing: Standing, kind: Option<Kind>) -> &'static str {
    match (standing, kind) {
        (Standing::Unknown, _) => "nobody knows whether it was done",
        (Standing::Cancelled, _) => "cancelled",
        (Standing::Detached, _) => "left to the host, whose job may go on",
        (Standing::Warnings, _) => "done, with warnings",
        (_, Some(kind)) => match kind {
            Kind::Usage => "cannot be asked for like this",
            Kind::Unreachable => "host not reached",
            Kind::Login => "login refused",
            Kind::Tls => "certificate not trusted",
            Kind::AccessDenied => "access denied",
            Kind::Refused => "refused by the host",
            Kind::Fault => "answered with a fault",
            Kind::JobFailed => "job failed on the host",
            Kind::Cancelled => "cancelled",
            Kind::Deadline => "time was over",
            Kind::Busy => "host busy or quota reached, retries spent",
            Kind::NotFound => "not found",
            Kind::Ambiguous => "more than one of that name",
            Kind::Ledger => "ledger or another file here",
            Kind::InUse => "another refpoint is at work on it",
            Kind::Unknown => "nobody knows whether it was done",
            Kind::Interrupted | Kind::Terminated => "interrupted",
            _ => "failed otherwise",
        },
        _ => "failed without a reason given",
    }
}

#[cfg(test)]
mod tests {
    use refpoint::fleet::{Ending, Outcome};

    use super::super::runs::{Runs, counted as summed, failure};
    use super::*;

    #[test]
    fn everything_that_is_not_well_stands_under_exactly_one_cause() {
        for seed in 0..20 {
            let report = Runs::new(seed).stopped(100, 5);
            let causes = Cause::all(&report);
            let totals = &report.totals;
            let ill = totals.unknown
                + totals.failed
                + totals.cancelled
                + totals.detached
                + totals.completed_with_warnings;
            assert_eq!(causes.iter().map(|cause| cause.units.len()).sum::<usize>(), ill);
            assert_eq!(causes.iter().map(|cause| cause.hosts.len()).sum::<usize>(), totals.hosts_failed);
            assert!(causes.is_sorted_by_key(|cause| cause.standing));
        }
    }

    #[test]
    fn what_a_host_says_makes_no_cause_and_what_is_advised_does() {
        let mut report = Runs::new(1).finished(20, 2);
        report.hosts.iter_mut().for_each(|host| host.error = None);
        let count = report.units.len();
        for (at, unit) in report.units.iter_mut().enumerate() {
            let Some(Ending::Export(export)) = &mut unit.ending else { continue };
            export.outcome = Outcome::Failed;
            let hint = if at % 2 == 0 { "this" } else { "that" };
            export.error = Some(failure(Kind::Fault, Some(0x8033_8012), &format!("at {at}"), Some(hint)));
        }
        let report = summed(report);
        let causes = Cause::all(&report);
        assert_eq!(causes.len(), 2);
        assert_eq!(causes.iter().map(|cause| cause.units.len()).sum::<usize>(), count);
        assert_eq!(causes[0].heading(), "answered with a fault (0x80338012)");
        assert_eq!((causes[0].next.as_deref(), causes[1].next.as_deref()), (Some("this"), Some("that")));
    }

    #[test]
    fn advice_of_its_own_for_each_does_not_make_a_cause_of_each() {
        let mut report = Runs::new(1).finished(20, 2);
        report.hosts.iter_mut().for_each(|host| host.error = None);
        for (at, unit) in report.units.iter_mut().enumerate() {
            let Some(Ending::Export(export)) = &mut unit.ending else { continue };
            export.outcome = Outcome::Failed;
            export.error =
                Some(failure(Kind::NotFound, None, "no machine", Some(&format!("there are a{at}, b{at}"))));
        }
        let report = summed(report);
        let causes = Cause::all(&report);
        assert_eq!((causes.len(), causes[0].next.as_deref()), (1, None));
    }

    #[test]
    fn a_run_is_gone_on_with_where_something_is_left_and_nobody_is_at_it() {
        let stopped = Runs::new(2).stopped(50, 4);
        assert_eq!(go_on(&stopped).as_deref(), Some("refpoint fleet resume nightly-20261121-020000"));
        assert_eq!(go_on(&Runs::new(2).running(50, 4)), None);
        let mut well = Runs::new(2).finished(50, 4);
        well.units.retain(|unit| unit.outcome() == Some(Outcome::Completed));
        assert_eq!(go_on(&summed(well)), None);
        assert_eq!(word("it's; rm -rf"), r"'it'\''s; rm -rf'");
    }
}

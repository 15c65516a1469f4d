//! A run while it is under way: a few lines that change on a terminal, lines of a log elsewhere, one JSON object a line
//! for programs.

use std::collections::{HashMap, HashSet};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use refpoint::fleet::{Ending, Event, Failure, Kind, News, Outcome, RunReport};

use super::cause::counted;
use super::picture::{Flight, Job, Picture};
use super::standing::{Standing, Standings};
use crate::cli::args::Format;
use crate::cli::report::clock::{clock, seconds_between};
use crate::cli::report::export::{bar_of, name};
use crate::cli::report::json;
use crate::cli::ui::{Row, Ui};

/// Shows what happens in a run, as [`hear`](Self::hear) tells it.
pub(crate) struct Live<'u> {
    ui: &'u mut Ui,
    format: Format,
    picture: Picture,
    journal: Journal,
    /// When a line of sums was last said.
    summed: Option<Timestamp>,
}

impl<'u> Live<'u> {
    /// Shows a run; `before` is what it had come to where it is taken up again.
    pub(crate) fn new(ui: &'u mut Ui, format: Format, before: Option<&RunReport>) -> Self {
        // What a program reads on the same terminal would stand among the lines that change.
        let is_live = ui.status_width().is_some() && !(format == Format::Jsonl && ui.is_terminal());
        let journal = Journal::new(is_live);
        Self { ui, format, picture: Picture::of(before), journal, summed: None }
    }

    /// Shows one event.
    pub(crate) fn hear(&mut self, event: &Event) {
        if self.format == Format::Jsonl {
            let line = json::compact(&serde_json::to_value(event).unwrap_or_default()) + "\n";
            // A reader that has gone is found out when the last line is written.
            let _ = self.ui.print(&line).and_then(|()| self.ui.flush());
        }
        self.picture.hear(event);
        match self.journal.line(event) {
            Some(Line::Note(text)) => self.ui.note(&text),
            Some(Line::Warning(text)) => self.ui.warn(&text),
            Some(Line::Failure(text)) => self.ui.lose(&text),
            None => {}
        }
        if matches!(event.what, News::RunFinished { .. }) {
            self.done();
        }
    }

    /// Time has gone by: once a second is often enough.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if self.journal.is_live {
            let (columns, rows) = self.ui.room();
            self.ui.rows(rows_of(&self.picture, now, columns, rows));
            return;
        }
        let since = *self.summed.get_or_insert(now);
        if seconds_between(since, now) >= EVERY {
            self.summed = Some(now);
            self.ui.note(&sums(&self.picture, now));
        }
    }

    /// Says something that a person has to know.
    pub(crate) fn warn(&mut self, text: &str) {
        self.ui.warn(text);
    }

    /// It is over, or others want the terminal.
    pub(crate) fn done(&mut self) {
        self.ui.rows(Vec::new());
    }
}

/// In a log, sums are said this often, in seconds.
const EVERY: u64 = 60;

/// What deserves a line of its own, that stays.
pub(crate) struct Journal {
    is_live: bool,
    hosts: usize,
    /// How often a cause was said.
    causes: HashMap<Said, usize>,
    warnings: HashSet<String>,
}

/// What makes two lines say the same.
type Said = (Option<Outcome>, Option<Kind>, Option<u32>);

/// A line that stays.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Note(String),
    Warning(String),
    Failure(String),
}

impl Journal {
    pub(crate) fn new(is_live: bool) -> Self {
        Self { is_live, hosts: 0, causes: HashMap::new(), warnings: HashSet::new() }
    }

    /// Returns what is said of an event. A thousand hosts make no wall of lines: what goes well is counted, a warning is
    /// said when its words are new, and on a terminal a cause only a few times, since the summary at the end names all.
    pub(crate) fn line(&mut self, event: &Event) -> Option<Line> {
        match &event.what {
            News::RunStarted { run, plan, hosts, units, resumed } => {
                self.hosts = *hosts;
                let begun = if *resumed { "taken up again" } else { "begins" };
                let known =
                    if *units > 0 { format!(", {} known", counted(*units, "unit")) } else { String::new() };
                Some(Line::Note(format!("{run} (plan {plan}) {begun}: {}{known}", counted(*hosts, "host"))))
            }
            News::HostPlanned { units } if self.hosts <= FEW && !self.is_live => {
                Some(Line::Note(format!("{}: {} to do", event.host, counted(*units, "unit"))))
            }
            News::HostFailed { error } => self.failure(&event.host, error),
            News::Limit { units, cause } if !self.is_live => {
                Some(Line::Note(format!("{}: {} at once: {cause}", event.host, counted(*units, "unit"))))
            }
            News::Stalled { since } if !self.is_live => {
                Some(Line::Warning(format!("{}: the job has not moved since {since:.0}", whose(event))))
            }
            News::Retry { cause, after, .. } if !self.is_live => {
                Some(Line::Note(format!("{}: {cause}; again in {after:.1}s", whose(event))))
            }
            News::Warning { message } => self.warning(event, message),
            News::UnitFinished { ending } => self.end(event, ending),
            News::RunStopping { reason } => {
                Some(Line::Warning(format!("stopping: {reason}; running jobs are left to their hosts")))
            }
            News::RunFinished { totals, exit_code } => {
                let ended = totals.completed + totals.completed_with_warnings;
                let units = counted(totals.units, "unit");
                Some(Line::Note(format!("over: {ended} of {units} done, exit code {exit_code}")))
            }
            _ => None,
        }
    }

    fn end(&mut self, event: &Event, ending: &Ending) -> Option<Line> {
        let whose = whose(event);
        match (ending.outcome(), ending.error()) {
            (Outcome::Completed, _) => None,
            // Its warnings were said.
            (Outcome::CompletedWithWarnings, _) => match ending.warnings().first() {
                Some(warning) => self.warning(event, warning),
                None => None,
            },
            (Outcome::Failed | Outcome::Unknown, Some(error)) => self.failure(&whose, error),
            (Outcome::Detached | Outcome::Cancelled, Some(error)) if error.kind == Kind::Deadline => {
                // The end of a window leaves many, and was said once.
                let text = format!("{whose}: {}: {}", ending.outcome().name(), error.message);
                (!self.is_live).then_some(Line::Note(text))
            }
            (outcome, error) => {
                let message = error.map(|error| format!(": {}", error.message)).unwrap_or_default();
                let words = format!("{}{message}", outcome.name());
                self.often(Some(outcome), error, &whose, &words).map(Line::Warning)
            }
        }
    }

    fn failure(&mut self, whose: &str, error: &Failure) -> Option<Line> {
        let said = self.often(None, Some(error), whose, &error.message)?;
        Some(Line::Failure(said))
    }

    /// Returns what is said, as long as it is not said too often.
    fn often(
        &mut self,
        outcome: Option<Outcome>,
        error: Option<&Failure>,
        whose: &str,
        words: &str,
    ) -> Option<String> {
        let cause = (outcome, error.map(|error| error.kind), error.and_then(|error| error.code));
        let said = self.causes.entry(cause).or_default();
        *said += 1;
        match (self.is_live, *said) {
            (false, _) | (true, ..=OFTEN) => Some(format!("{whose}: {words}")),
            (true, count) if count == OFTEN + 1 => {
                Some(format!("{whose}: the same; more of these are counted, and named at the end"))
            }
            _ => None,
        }
    }

    fn warning(&mut self, event: &Event, message: &str) -> Option<Line> {
        // What is said of a host, such as that it was trusted, is never one too many.
        let has_room = event.unit.is_empty() || self.warnings.len() < MOST_WARNINGS;
        let is_new = has_room && self.warnings.insert(message.to_owned());
        is_new.then(|| Line::Warning(format!("{}: {message}", whose(event))))
    }
}

/// A run of so many hosts may say a line of each.
const FEW: usize = 20;

/// On a terminal a cause is said so often.
const OFTEN: usize = 3;

/// Warnings of units that name what they are about are all different.
const MOST_WARNINGS: usize = 100;

/// Returns `host`, or `host unit`.
fn whose(event: &Event) -> String {
    if event.unit.is_empty() { event.host.clone() } else { format!("{} {}", event.host, event.unit) }
}

/// Returns a run in one line of a log.
pub(crate) fn sums(picture: &Picture, now: Timestamp) -> String {
    let mut parts = vec![format!("{} of {} ended", picture.ended.all(), units_of(picture))];
    parts.extend(ended_words(&picture.ended));
    parts.push(format!("{} under way on {}", picture.at_work(), counted(picture.hosts_at_work(), "host")));
    parts.extend(hosts_words(picture));
    parts.extend(left_words(picture, now));
    parts.join(", ")
}

/// Returns a run in lines that fit a terminal of that size: sums, and then hosts, those first that are slow or fail.
pub(crate) fn rows_of(picture: &Picture, now: Timestamp, columns: usize, rows: usize) -> Vec<Row> {
    let plain = |text: String| Row { style: Style::new(), text };
    let percent = picture.percent();
    let shown = percent.map(|percent| format!("{percent:>3} %")).unwrap_or_default();
    let width = columns.saturating_sub(50).clamp(8, 40);
    let bar = bar_of(percent.unwrap_or_default(), width);
    let elapsed = clock(picture.since.map_or(0, |since| seconds_between(since, now)));
    let left = left_words(picture, now).map(|left| format!("  {left}")).unwrap_or_default();
    let progress =
        format!("{bar} {shown}  {} of {}  {elapsed}{left}", picture.ended.all(), units_of(picture));
    // With room for hardly anything, that is what is shown.
    if rows < 8 {
        return vec![plain(progress)];
    }
    let mut lines = vec![Row { style: Style::new().bold(), text: picture.run.clone() }, plain(progress)];
    let mut counts = ended_words(&picture.ended);
    counts.insert(0, format!("{} under way", picture.at_work()));
    lines.push(plain(counts.join(", ")));
    let mut hosts =
        vec![format!("{} of {} looked at", picture.hosts_planned(), counted(picture.hosts, "host"))];
    hosts.push(format!("{} at work", picture.hosts_at_work()));
    if picture.hosts_failed > 0 {
        hosts.push(format!("{} failed", picture.hosts_failed));
    }
    lines.push(plain(hosts.join(", ")));
    if let Some(reason) = &picture.stopping {
        let style = AnsiColor::Yellow.on_default().bold();
        lines.push(Row { style, text: format!("stopping: {reason}; running jobs are left to their hosts") });
    }
    let room = (rows - lines.len() - 2).min(MOST_HOSTS);
    let mut flights: Vec<(&String, &Flight)> =
        picture.flights.iter().filter(|(_, flight)| flight.is_at_work()).collect();
    flights.sort_by_cached_key(|(host, flight)| {
        (urgency(flight, now), flight.since(), host.as_str().to_owned())
    });
    lines.extend(flights.iter().take(room).map(|(host, flight)| row(host, flight, now)));
    if let Some(more) = flights.len().checked_sub(room).filter(|more| *more > 0) {
        lines.push(plain(format!("  … and {}", counted(more, "more host"))));
    }
    lines
}

/// More hosts than these are not read, however tall the terminal is.
const MOST_HOSTS: usize = 40;

/// What a person should look at first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Stalled,
    Failing,
    Trying,
    Fine,
}

fn urgency(flight: &Flight, now: Timestamp) -> Urgency {
    let any = |is: &dyn Fn(&Job) -> bool| flight.jobs.values().any(is);
    match () {
        () if any(&|job| job.still(now).is_some()) => Urgency::Stalled,
        () if flight.ill > 0 => Urgency::Failing,
        () if any(&|job| job.retry.is_some()) => Urgency::Trying,
        () => Urgency::Fine,
    }
}

fn row(host: &str, flight: &Flight, now: Timestamp) -> Row {
    let urgency = urgency(flight, now);
    let (mark, style) = match urgency {
        Urgency::Stalled => ('~', AnsiColor::Yellow.on_default()),
        Urgency::Failing => ('!', AnsiColor::Red.on_default()),
        Urgency::Trying => ('+', AnsiColor::Cyan.on_default()),
        Urgency::Fine => (' ', Style::new()),
    };
    let elapsed = flight.since().map(|since| clock(seconds_between(since, now))).unwrap_or_default();
    let mut words = Vec::new();
    if flight.ended > 0 {
        words.push(format!("{} ended", flight.ended));
    }
    if flight.ill > 0 {
        words.push(format!("{} not well", flight.ill));
    }
    if let Some((units, cause)) = &flight.limit {
        words.push(format!("{units} at once ({cause})"));
    }
    let mut jobs: Vec<(&(Option<i64>, String), &Job)> = flight.jobs.iter().collect();
    jobs.sort_by_key(|(key, job)| (job.still(now).is_none(), job.since, *key));
    words.extend(jobs.iter().map(|((_, unit), job)| words_of(unit, job, now)));
    if jobs.is_empty() {
        words.push("is looked at".to_owned());
    }
    Row { style, text: format!("{mark} {host:<16} {elapsed:>7}  {}", words.join(", ")) }
}

fn words_of(unit: &str, job: &Job, now: Timestamp) -> String {
    let mut words = unit.to_owned();
    match (job.percent, job.state) {
        (Some(percent), _) => words.push_str(&format!(" {percent} %")),
        (None, Some(state)) => words.push_str(&format!(" {}", name(state))),
        (None, None) => {}
    }
    if let Some(seconds) = job.still(now) {
        words.push_str(&format!(" (unchanged for {})", clock(seconds)));
    } else if let Some(cause) = &job.retry {
        words.push_str(&format!(" (again after: {cause})"));
    }
    words
}

/// Returns how many units there are, as far as that is known.
fn units_of(picture: &Picture) -> String {
    let more = if picture.hosts_left() > 0 { " or more" } else { "" };
    format!("{}{more}", counted(picture.units(), "unit"))
}

fn ended_words(ended: &Standings) -> Vec<String> {
    let ends = Standing::ALL.iter().rev().filter(|standing| ended.count(**standing) > 0);
    ends.map(|standing| format!("{} {}", ended.count(*standing), standing.words())).collect()
}

fn hosts_words(picture: &Picture) -> Option<String> {
    let failed = picture.hosts_failed;
    (failed > 0).then(|| format!("{} failed", counted(failed, "host")))
}

fn left_words(picture: &Picture, now: Timestamp) -> Option<String> {
    picture.seconds_left(now).map(|left| format!("about {} left", clock(left)))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use refpoint::fleet::{HostState, JobReport};

    use super::super::runs::{Runs, failure};
    use super::*;
    use crate::cli::args::{Color, OutputArgs};

    /// Returns what a run tells of itself while it becomes that.
    fn events(report: &RunReport) -> Vec<Event> {
        let mut events = Vec::new();
        for host in &report.hosts {
            let Some(at) = host.started_at else { continue };
            let of_host = |what| Event::of_host(at, host.host.clone(), what);
            if let Some(error) = &host.error {
                events.push(of_host(News::HostFailed { error: error.clone() }));
            } else if host.state == HostState::Planned {
                let units = report.units.iter().filter(|unit| unit.host == host.host).count();
                events.push(of_host(News::HostPlanned { units }));
            }
        }
        for unit in &report.units {
            let Some(started) = unit.started_at else { continue };
            let tell =
                |at, what| Event::new(at, unit.host.clone(), unit.name.clone(), what).with_number(unit.unit);
            events.push(tell(started, News::UnitStarted));
            let end = unit.finished_at.unwrap_or(started + SignedDuration::from_secs(600));
            let whole = end.duration_since(started).as_secs();
            for step in 0..10_u16 {
                let at = started + SignedDuration::from_secs(whole * i64::from(step) / 10);
                events.push(tell(at, News::Progress { state: 4, percent: Some(step * 10) }));
            }
            if let (Some(at), Some(ending)) = (unit.finished_at, &unit.ending) {
                events.push(tell(at, News::UnitFinished { ending: ending.clone() }));
            }
        }
        events.sort_by_key(|event| event.at);
        let begins = News::RunStarted {
            run: report.run.clone(),
            plan: report.plan.clone(),
            hosts: report.hosts.len(),
            units: 0,
            resumed: false,
        };
        events.insert(0, Event::of_run(report.started_at, begins));
        events
    }

    fn picture(events: &[Event]) -> Picture {
        let mut picture = Picture::default();
        events.iter().for_each(|event| picture.hear(event));
        picture
    }

    #[test]
    fn when_all_is_told_the_sums_are_those_of_the_report() {
        let report = Runs::new(1).finished(200, 5);
        let events = events(&report);
        let picture = picture(&events);
        assert_eq!(picture.ended, Standings::of(&report.units));
        assert_eq!((picture.at_work(), picture.hosts_at_work(), picture.hosts_left()), (0, 0, 0));
        assert_eq!((picture.hosts_failed, picture.units()), (report.totals.hosts_failed, report.units.len()));
        assert_eq!(picture.percent(), Some(100));
    }

    #[test]
    fn a_hundred_percent_is_said_when_all_is_done_and_not_before() {
        let report = Runs::new(2).finished(100, 5);
        let events = events(&report);
        let mut picture = Picture::default();
        for event in &events {
            let ended = picture.ended.all();
            assert!(picture.percent() != Some(100) || ended == picture.units(), "{ended}");
            picture.hear(event);
        }
        assert_eq!(picture.percent(), Some(100));
    }

    #[test]
    fn the_time_that_is_left_is_about_right_and_never_a_guess() {
        let report = Runs::new(3).finished(1000, 5);
        let events = events(&report);
        let end = report.finished_at.unwrap();
        let half = report.started_at
            + (end - report.started_at)
                .total(jiff::Unit::Second)
                .map(|all| SignedDuration::from_secs_f64(all / 2.0))
                .unwrap();
        let mut picture = Picture::default();
        assert_eq!(picture.seconds_left(report.started_at), None);
        events.iter().take_while(|event| event.at <= half).for_each(|event| picture.hear(event));
        let left = picture.seconds_left(half).unwrap();
        let truly = seconds_between(half, end);
        assert!((truly / 2..truly * 2).contains(&left), "{left} of {truly}");
    }

    #[test]
    fn the_lines_fit_every_terminal() {
        let report = Runs::new(4).running(1000, 5);
        let events = events(&report);
        let picture = picture(&events);
        let now = events.last().unwrap().at;
        for (columns, rows) in [(20, 3), (40, 10), (80, 24), (200, 60), (500, 500), (1, 1)] {
            let lines = rows_of(&picture, now, columns, rows);
            assert!(lines.len() < rows.max(2), "{columns}x{rows}: {}", lines.len());
        }
        let lines = rows_of(&picture, now, 80, 24);
        assert!(
            lines[1].text.contains(" % ") && lines.last().unwrap().text.contains("more host"),
            "{lines:?}"
        );
    }

    #[test]
    fn what_stands_still_comes_first_and_then_what_fails() {
        let at = |seconds: i64| {
            "2026-11-21T02:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
        };
        let tell =
            |seconds, host: &str, unit: &str, what| Event::new(at(seconds), host.into(), unit.into(), what);
        let failed = Runs::new(1)
            .finished(40, 5)
            .units
            .into_iter()
            .find(|unit| unit.outcome() == Some(Outcome::Failed));
        let mut picture = Picture::default();
        for host in ["a-fine", "b-trying", "c-failing", "d-still"] {
            picture.hear(&tell(0, host, "vm", News::UnitStarted));
            picture.hear(&tell(1, host, "vm", News::Progress { state: 4, percent: Some(1) }));
        }
        for host in ["a-fine", "b-trying", "c-failing"] {
            picture.hear(&tell(290, host, "vm", News::Progress { state: 4, percent: Some(2) }));
        }
        picture.hear(&tell(
            291,
            "b-trying",
            "vm",
            News::Retry { kind: Some(Kind::Busy), cause: "busy".into(), after: 1.0 },
        ));
        let ending = failed.unwrap().ending.unwrap();
        picture.hear(&tell(291, "c-failing", "other", News::UnitFinished { ending }));
        let lines = rows_of(&picture, at(300), 120, 24);
        let hosts: Vec<&str> = lines[4..].iter().map(|row| row.text.as_str()).collect();
        assert_eq!(
            hosts,
            [
                "~ d-still             5:00  vm 1 % (unchanged for 4:59)",
                "! c-failing           5:00  1 ended, 1 not well, vm 2 %",
                "+ b-trying            5:00  vm 2 % (again after: busy)",
                "  a-fine              5:00  vm 2 %",
            ]
        );
    }

    #[test]
    fn two_machines_of_one_name_are_two() {
        let mut picture = Picture::default();
        let at = Timestamp::UNIX_EPOCH;
        for number in [1, 2] {
            picture.hear(&Event::new(at, "hv".into(), "web".into(), News::UnitStarted).with_number(number));
        }
        assert_eq!(picture.at_work(), 2);
    }

    #[test]
    fn a_run_that_is_taken_up_again_begins_where_it_was() {
        let before = Runs::new(6).stopped(100, 5);
        let mut picture = Picture::of(Some(&before));
        let begins = News::RunStarted {
            run: before.run.clone(),
            plan: before.plan.clone(),
            hosts: before.hosts.len(),
            units: before.units.len(),
            resumed: true,
        };
        picture.hear(&Event::of_run(before.started_at, begins));
        let totals = &before.totals;
        let stays = totals.completed + totals.completed_with_warnings + totals.failed + totals.cancelled;
        assert_eq!((picture.ended.all(), picture.units()), (stays, before.units.len()));
    }

    #[test]
    fn a_thousand_hosts_are_no_wall_of_lines() {
        let report = Runs::new(7).finished(1000, 5);
        let events = events(&report);
        let lines = |is_live| {
            let mut journal = Journal::new(is_live);
            events.iter().filter_map(|event| journal.line(event)).count()
        };
        let totals = &report.totals;
        let ill = totals.failed + totals.unknown + totals.cancelled + totals.detached + totals.hosts_failed;
        // One that the run begins, one for each that is not well, one for each new warning.
        assert!((ill + 1..=ill + 3).contains(&lines(false)), "{} for {ill}", lines(false));
        assert!(lines(true) < 40, "{}", lines(true));
    }

    #[test]
    fn the_lines_of_a_log_say_what_a_person_needs() {
        let at: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
        let mut journal = Journal::new(false);
        let begins =
            News::RunStarted { run: "r".into(), plan: "p".into(), hosts: 2, units: 0, resumed: false };
        let lost = failure(Kind::Unreachable, None, "no route to host", None);
        let told = [
            Event::of_run(at, begins),
            Event::of_host(at, "hv01".into(), News::HostPlanned { units: 1 }),
            Event::of_host(at, "hv02".into(), News::HostFailed { error: lost }),
            Event::of_host(at, "hv01".into(), News::Limit { units: 2, cause: "quota".into() }),
            Event::new(at, "hv01".into(), "web".into(), News::UnitStarted),
            Event::new(at, "hv01".into(), "web".into(), News::JobStarted { job: job() }),
            Event::of_run(at, News::RunStopping { reason: "the window has ended".into() }),
        ];
        let lines: Vec<Line> = told.iter().filter_map(|event| journal.line(event)).collect();
        let expected = [
            Line::Note("r (plan p) begins: 2 hosts".into()),
            Line::Note("hv01: 1 unit to do".into()),
            Line::Failure("hv02: no route to host".into()),
            Line::Note("hv01: 2 units at once: quota".into()),
            Line::Warning("stopping: the window has ended; running jobs are left to their hosts".into()),
        ];
        assert_eq!(lines, expected);
        let picture = picture(&told);
        assert_eq!(sums(&picture, at), "0 of 1 unit ended, 1 under way on 1 host, 1 host failed");
    }

    fn job() -> JobReport {
        let (class, id) = ("Msvm_X".to_owned(), "1".to_owned());
        let error_description = String::new();
        JobReport {
            class,
            id,
            state: Some(4),
            percent: Some(0),
            error_code: 0,
            error_description,
            errors: Vec::new(),
        }
    }

    /// `REFPOINT_LIVE=20 cargo test --bin refpoint -- a_run_to_look_at --nocapture` shows it, twenty seconds long.
    #[test]
    fn a_run_to_look_at() {
        let seconds: f64 = std::env::var("REFPOINT_LIVE").map_or(0.0, |seconds| seconds.parse().unwrap());
        let is_quiet = seconds == 0.0;
        let mut report = Runs::new(9).finished(if is_quiet { 50 } else { 400 }, 5);
        if is_quiet {
            // Nothing of it is to be said: whoever runs the tests does not look at it.
            report.units.retain(|unit| unit.outcome() == Some(Outcome::Completed));
            report.hosts.retain(|host| host.error.is_none());
        }
        let output = OutputArgs {
            form: None,
            output: None,
            verbose: 0,
            quiet: is_quiet,
            color: Color::Auto,
            no_pager: true,
        };
        let mut ui = Ui::new(&output);
        let mut live = Live::new(&mut ui, Format::Table, None);
        let events = events(&report);
        let whole = seconds_between(report.started_at, report.finished_at.unwrap());
        let mut next = report.started_at;
        for event in &events {
            while event.at >= next {
                live.tick(next);
                next += SignedDuration::from_secs(5);
                if !is_quiet {
                    std::thread::sleep(std::time::Duration::from_secs_f64(seconds * 5.0 / whole as f64));
                }
            }
            live.hear(event);
        }
        let (totals, exit_code) = (report.totals.clone(), 0);
        live.hear(&Event::of_run(next, News::RunFinished { totals, exit_code }));
        assert_eq!(live.picture.ended, Standings::of(&report.units));
    }
}

//! An export as a person follows it, and what he is left with.

use std::time::{Duration, Instant};

use refpoint::client::codes;
use refpoint::fleet::{Event, ExportPlan, News, Outcome, Preview, Reason, Report, Wish};
use refpoint::hyperv::PointType;
use tokio::sync::oneshot;
use unicode_width::UnicodeWidthStr;

use super::clock::clock;
use super::json;
use super::table::pairs;
use super::text::harmless;
use crate::cli::args::Format;
use crate::cli::ui::Ui;

/// Shows what happens: one line that changes on a terminal, a line for each change elsewhere, one JSON object a
/// line for programs.
pub(crate) struct Progress<'u> {
    ui: &'u mut Ui,
    format: Format,
    began: Instant,
    /// When the job began to show a percentage, and which: the rate is counted from there.
    pace: Option<(Instant, u16)>,
    /// What was last said in a line of its own.
    last: Option<(u32, Option<u16>)>,
    /// What was last heard, and when that changed.
    now: Option<(String, u32, Option<u16>, Instant)>,
    is_asking: bool,
}

impl<'u> Progress<'u> {
    pub(crate) fn new(ui: &'u mut Ui, format: Format) -> Self {
        let began = Instant::now();
        Self { ui, format, began, pace: None, last: None, now: None, is_asking: false }
    }

    /// Shows one event.
    pub(crate) fn hear(&mut self, event: &Event) {
        if self.format == Format::Jsonl {
            // A reader that has gone is found out when the last line is written.
            let _ = self.ui.print(&line(event)).and_then(|()| self.ui.flush());
        }
        match &event.what {
            News::Connected { scheme, sealed } => {
                let protection = if *sealed { ", messages encrypted by the login" } else { "" };
                self.ui.note(&format!("{}: logged in with {scheme}{protection}", event.host));
            }
            News::Intent { directory, point, base } => {
                let base = base.as_ref().map(|base| format!(", relative to {}", base.id)).unwrap_or_default();
                self.ui.note(&format!("{}: exporting {}{base} to {directory}", event.unit, point.id));
            }
            News::Adopted { job, .. } => {
                self.ui.note(&format!("{}: following job {}, begun before", event.unit, job.id))
            }
            News::JobStarted { job } => self.ui.note(&format!("{}: job {} has begun", event.unit, job.id)),
            News::Progress { state, percent } => self.progress(&event.unit, *state, *percent),
            News::Stalled { since } => {
                self.ui.warn(&format!("{}: the job has not moved since {since:.0}", event.unit));
            }
            News::Retry { cause, after, .. } => {
                self.ui.note(&format!("{}: {cause}; again in {after:.1}s", event.unit));
            }
            News::Warning { message } => self.ui.warn(&format!("{}: {message}", event.unit)),
            News::UnitFinished { .. } => self.done(),
            _ => {}
        }
    }

    /// Says whether there is somebody to ask.
    pub(crate) fn can_ask(&self) -> bool {
        self.ui.can_ask()
    }

    /// Asks what is to become of the job. The answer comes when it comes; nothing else is shown until then.
    pub(crate) fn ask(&mut self) -> oneshot::Receiver<Wish> {
        self.ui.status(None);
        self.ui.ask("detach and leave the job running, cancel it, or go on? [d/c/G] ");
        self.is_asking = true;
        let (sender, answer) = oneshot::channel();
        // A thread of its own: nobody waits for it when the job ends before the answer comes.
        std::thread::spawn(move || {
            let mut line = String::new();
            let wish = match std::io::stdin().read_line(&mut line) {
                Ok(1..) => match line.trim() {
                    "d" | "D" | "detach" => Wish::Detach(Reason::Interrupt),
                    "c" | "C" | "cancel" => Wish::Cancel,
                    _ => Wish::GoOn,
                },
                _ => Wish::Detach(Reason::Interrupt),
            };
            let _ = sender.send(wish);
        });
        answer
    }

    /// The question has been answered.
    pub(crate) fn answered(&mut self) {
        self.is_asking = false;
    }

    /// It is over, and what is shown from now on others show.
    pub(crate) fn done(&mut self) {
        if std::mem::take(&mut self.is_asking) {
            self.ui.note("");
        }
        self.now = None;
        self.ui.status(None);
    }

    /// Time has gone by.
    pub(crate) fn tick(&mut self) {
        let Some((unit, state, percent, since)) = &self.now else { return };
        let Some(width) = self.ui.status_width().filter(|_| !self.is_asking) else { return };
        let now = Instant::now();
        let bar = percent.map(bar).unwrap_or_default();
        let shown = percent.map(|percent| format!("{percent:>3} %")).unwrap_or_default();
        let elapsed = clock(now.duration_since(self.began).as_secs());
        let still = now.duration_since(*since);
        let rate = match still >= STILL {
            true => format!("unchanged for {}", clock(still.as_secs())),
            false => rate(self.pace, now, *percent),
        };
        let fields =
            [(&*harmless(unit), 0), (&bar, 5), (&shown, 1), (&name(*state), 2), (&elapsed, 4), (&rate, 3)];
        self.ui.status(Some(&fitted(fields, width)));
    }

    fn progress(&mut self, unit: &str, state: u32, percent: Option<u16>) {
        let now = Instant::now();
        if self.pace.is_none() {
            self.pace = percent.map(|percent| (now, percent));
        }
        self.now = Some((unit.to_owned(), state, percent, now));
        self.tick();
        if self.ui.status_width().is_none()
            && self.last.is_none_or(|last| is_worth_a_line(last, (state, percent)))
        {
            self.last = Some((state, percent));
            let shown = percent.map(|percent| format!("{percent} %")).unwrap_or_default();
            self.ui.note(&format!("{unit}: {} {shown}", name(state)));
        }
    }
}

/// Returns the fields beside each other, without those that there is no room for: the one with the highest number
/// goes first, the one with 0 never.
fn fitted<const N: usize>(mut fields: [(&str, u8); N], width: usize) -> String {
    loop {
        let shown = fields.iter().map(|(text, _)| *text).filter(|text| !text.is_empty());
        let line = shown.collect::<Vec<_>>().join("  ");
        let least = fields.iter_mut().filter(|(text, rank)| !text.is_empty() && *rank > 0);
        match least.max_by_key(|(_, rank)| *rank) {
            Some(least) if line.width() > width => least.0 = "",
            _ => return line,
        }
    }
}

pub(super) fn name(state: u32) -> String {
    codes::job_state(state).map_or_else(|| format!("state {state}"), |state| state.code.name.to_owned())
}

fn rate(pace: Option<(Instant, u16)>, now: Instant, percent: Option<u16>) -> String {
    let (Some((since, from)), Some(percent)) = (pace, percent) else { return String::new() };
    let seconds = now.duration_since(since).as_secs_f64();
    if seconds < 1.0 || percent <= from {
        return String::new();
    }
    let per_minute = f64::from(percent - from) * 60.0 / seconds;
    let left = Duration::from_secs_f64(f64::from(100 - percent.min(100)) / per_minute * 60.0);
    let per_minute = if per_minute < 10.0 { format!("{per_minute:.1}") } else { format!("{per_minute:.0}") };
    format!("{per_minute} %/min, about {} left", clock(left.as_secs() + 1))
}

/// In a log each ten percent and each state are enough.
fn is_worth_a_line(last: (u32, Option<u16>), now: (u32, Option<u16>)) -> bool {
    last.0 != now.0 || now.1.unwrap_or(0) / 10 != last.1.unwrap_or(0) / 10
}

fn bar(percent: u16) -> String {
    bar_of(percent, WIDTH)
}

pub(super) fn bar_of(percent: u16, width: usize) -> String {
    let full = usize::from(percent.min(100)) * width / 100;
    format!("[{}{}]", "#".repeat(full), ".".repeat(width - full))
}

const WIDTH: usize = 24;

/// A percentage that has stood for so long is shown as standing.
const STILL: Duration = Duration::from_secs(60);

/// Returns the line that programs read of an event.
pub(crate) fn line(event: &Event) -> String {
    json::compact(&serde_json::to_value(event).unwrap_or_default()) + "\n"
}

/// Returns what a person is left with.
pub(crate) fn receipt(report: &Report) -> String {
    let mut lines: Vec<(&str, String)> = vec![("Outcome", report.outcome.name().to_owned())];
    let named = report.machine.as_ref().map(|named| ("Machine", named));
    if let Some((kind, named)) = named.or(report.group.as_ref().map(|named| ("Group", named))) {
        lines.push((kind, format!("{} ({})", named.name, named.id)));
    }
    lines.push(("Host", report.host.clone()));
    if let Some(point) = &report.point {
        let kind = point.point_type.map(|number| PointType::of(number).name()).unwrap_or("unknown");
        lines.push(("Point", format!("{} ({kind})", point.id)));
    }
    // What it was to be relative to is known once its point is.
    if report.point.is_some() {
        let base = report.base.as_ref().map_or("nothing: all that the point has", |base| &base.id);
        lines.push(("Relative to", base.to_owned()));
    }
    lines.push(("Directory", report.directory.clone()));
    if let Some(job) = &report.job {
        let state = job.state.and_then(codes::job_state).map(|state| state.code.name);
        lines.push(("Job", format!("{} ({})", job.id, state.unwrap_or("not seen"))));
    }
    let seconds = report.finished_at.duration_since(report.started_at).as_secs();
    lines.push(("Took", clock(u64::try_from(seconds).unwrap_or_default())));
    let mut text = pairs(&lines, 0);
    let files = [
        ("Data", &report.receipt.log_files),
        ("Configuration", &report.receipt.config_files),
        ("State", &report.receipt.runtime_files),
        ("Guest state", &report.receipt.guest_state_files),
    ];
    let files: Vec<(&str, String)> =
        files.iter().flat_map(|(kind, files)| files.iter().map(|file| (*kind, file.clone()))).collect();
    if !files.is_empty() {
        text.push_str("Files on the host\n");
        text.push_str(&pairs(&files, 2));
    } else if matches!(report.outcome, Outcome::Completed | Outcome::CompletedWithWarnings) {
        text.push_str("The host names no files.\n");
    }
    text
}

/// Returns what would be asked of the host.
pub(crate) fn preview(preview: &Preview, plan: &ExportPlan) -> String {
    let base = preview.base.as_ref().map_or("nothing: all that the point has", |base| &base.id);
    let named = preview.machine.as_ref().or(preview.group.as_ref());
    let lines = [
        ("Would call", preview.method.clone()),
        ("Of", named.map(|named| format!("{} ({})", named.name, named.id)).unwrap_or_default()),
        ("Point", preview.point.id.clone()),
        ("Relative to", base.to_owned()),
        ("Directory", plan.directory.to_string()),
    ];
    format!("{}\n{}\n", pairs(&lines, 0), preview.envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_loses_whole_fields_and_the_name_last() {
        let bar = bar(42);
        let line = |unit: &str, width| {
            let fields = [
                (unit, 0),
                (&*bar, 5),
                (" 42 %", 1),
                ("running", 2),
                ("1:02:03", 4),
                ("unchanged for 12:00", 3),
            ];
            fitted(fields, width)
        };
        let whole = format!("db01  {bar}   42 %  running  1:02:03  unchanged for 12:00");
        for (width, shown) in [
            (78, &*whole),
            (77, "db01   42 %  running  1:02:03  unchanged for 12:00"),
            (59, "db01   42 %  running  1:02:03  unchanged for 12:00"),
            (49, "db01   42 %  running  unchanged for 12:00"),
            (40, "db01   42 %  running"),
            (19, "db01   42 %"),
            (10, "db01"),
            (1, "db01"),
        ] {
            assert_eq!(line("db01", width), shown, "{width}");
        }
        assert_eq!(line("日本語", 12), "日本語");
        assert_eq!(line("日本語", 13), "日本語   42 %");
    }
}

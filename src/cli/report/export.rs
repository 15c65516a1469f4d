//! An export as a person follows it, and what he is left with.

use std::time::Instant;

use refpoint::client::codes;
use refpoint::fleet::{Event, ExportPlan, News, Outcome, Preview, Reason, Report, Wish};
use refpoint::hyperv::PointType;

use super::json;
use super::table::pairs;
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
    last: Option<(u32, Option<u16>)>,
}

impl<'u> Progress<'u> {
    pub(crate) fn new(ui: &'u mut Ui, format: Format) -> Self {
        Self { ui, format, began: Instant::now(), pace: None, last: None }
    }

    /// Shows one event.
    pub(crate) fn hear(&mut self, event: &Event) {
        if self.format == Format::Jsonl {
            let line = json::compact(&serde_json::to_value(event).unwrap_or_default()) + "\n";
            // A reader that has gone is found out when the last line is written.
            let _ = self.ui.print(&line).and_then(|()| self.ui.flush());
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
            News::Adopted { job } => {
                self.ui.note(&format!("{}: following job {}, begun before", event.unit, job.id))
            }
            News::JobStarted { job } => self.ui.note(&format!("{}: job {} has begun", event.unit, job.id)),
            News::Progress { state, percent } => self.progress(&event.unit, *state, *percent),
            News::Stalled { since } => {
                self.ui.warn(&format!("{}: the job has not moved since {since:.0}", event.unit));
            }
            News::Retry { cause, after } => {
                self.ui.note(&format!("{}: {cause}; again in {after:.1}s", event.unit));
            }
            News::Warning { message } => self.ui.warn(&format!("{}: {message}", event.unit)),
            News::UnitFinished { .. } => self.ui.status(None),
            _ => {}
        }
    }

    /// Says whether there is somebody to ask.
    pub(crate) fn can_ask(&self) -> bool {
        self.ui.can_ask()
    }

    /// Asks what is to become of the job.
    pub(crate) fn ask(&mut self) -> Wish {
        self.ui.status(None);
        match self.ui.answer("leave the job running, cancel it, or go on? [l/c/G] ").as_deref() {
            Some("l" | "L" | "leave") => Wish::Detach(Reason::Interrupt),
            Some("c" | "C" | "cancel") => Wish::Cancel,
            Some(_) => Wish::GoOn,
            None => Wish::Detach(Reason::Interrupt),
        }
    }

    fn progress(&mut self, unit: &str, state: u32, percent: Option<u16>) {
        let name = codes::job_state(state)
            .map_or_else(|| format!("state {state}"), |state| state.code.name.to_owned());
        let now = Instant::now();
        let elapsed = now.duration_since(self.began).as_secs();
        let shown = percent.map(|percent| format!("{percent:>3} %")).unwrap_or_default();
        if self.ui.has_status() {
            let bar = percent.map(bar).unwrap_or_default();
            let rate = self.rate(now, percent);
            let time = format!("{}:{:02}", elapsed / 60, elapsed % 60);
            self.ui.status(Some(&format!("{unit}  {bar} {shown}  {name}  {time}  {rate}")));
        } else if self.last.is_none_or(|last| is_worth_a_line(last, (state, percent))) {
            self.last = Some((state, percent));
            self.ui.note(&format!("{unit}: {name} {}", shown.trim()));
        }
    }

    fn rate(&mut self, now: Instant, percent: Option<u16>) -> String {
        let Some(percent) = percent else { return String::new() };
        let (since, from) = *self.pace.get_or_insert((now, percent));
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds < 1.0 || percent <= from {
            return String::new();
        }
        let per_minute = f64::from(percent - from) * 60.0 / seconds;
        let left = f64::from(100 - percent.min(100)) / per_minute * 60.0;
        format!("{per_minute:.0} %/min, about {left:.0}s left")
    }
}

/// In a log each ten percent and each state are enough.
fn is_worth_a_line(last: (u32, Option<u16>), now: (u32, Option<u16>)) -> bool {
    last.0 != now.0 || now.1.unwrap_or(0) / 10 != last.1.unwrap_or(0) / 10
}

fn bar(percent: u16) -> String {
    let full = usize::from(percent.min(100)) * WIDTH / 100;
    format!("[{}{}]", "#".repeat(full), ".".repeat(WIDTH - full))
}

const WIDTH: usize = 24;

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
    let base = report.base.as_ref().map_or("nothing: all that the point has", |base| &base.id);
    lines.push(("Relative to", base.to_owned()));
    lines.push(("Directory", report.directory.clone()));
    if let Some(job) = &report.job {
        let state = job.state.and_then(codes::job_state).map(|state| state.code.name);
        lines.push(("Job", format!("{} ({})", job.id, state.unwrap_or("not seen"))));
    }
    let seconds = report.finished_at.duration_since(report.started_at).as_secs();
    lines.push(("Took", format!("{}:{:02}", seconds / 60, seconds % 60)));
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

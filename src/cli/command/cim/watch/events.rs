//! Events as they are shown.

use jiff::Timestamp;
use refpoint::cim::{Instance, Scalar, Value};

use crate::cli::args::Format;
use crate::cli::error::Error;
use crate::cli::report::records::{self, Records};
use crate::cli::report::{cell, table, text};
use crate::cli::ui::Ui;

/// Shows events one by one, each at once.
pub(super) struct Shown {
    format: Format,
    has_begun: bool,
    pub(super) count: u64,
}

impl Shown {
    pub(super) fn new(format: Format) -> Self {
        Self { format, has_begun: false, count: 0 }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, mut event: Instance, ui: &mut Ui) -> Result<(), Error> {
        self.count += 1;
        // No schema types it; a number is a number all the same.
        if let Some(created) = event.number("TIME_CREATED") {
            event.set("TIME_CREATED", created);
        }
        match self.format {
            Format::Table => self.line(&event, ui)?,
            Format::Name => {
                let target = object(&event, "TargetInstance").unwrap_or(&event);
                let name = records::path_of(target).map_or_else(
                    |_| {
                        let (name, rest) = called(target);
                        format!("{rest} {name}").trim_end().to_owned()
                    },
                    |path| path.to_string(),
                );
                ui.print(&format!("{}\n", text::harmless(&name)))?;
            }
            format => {
                let mut records = Records::going_on(ui, format, self.has_begun);
                records.push(event)?;
            }
        }
        self.has_begun = true;
        ui.flush()
    }

    /// Ends what has to be ended; returns how many there were.
    pub(super) fn finish(self, ui: &mut Ui) -> Result<u64, Error> {
        match (self.format, self.has_begun) {
            (Format::Json, true) => ui.print("]\n")?,
            (Format::Json | Format::Yaml, false) => ui.print("[]\n")?,
            _ => {}
        }
        Ok(self.count)
    }

    fn line(&self, event: &Instance, ui: &mut Ui) -> Result<(), Error> {
        if !self.has_begun {
            let bold = anstyle::Style::new().bold();
            ui.print(&format!("{bold}{:8}  {:8}  Object{bold:#}\n", "Time", "Event"))?;
        }
        let kind = match event.class.to_ascii_lowercase().as_str() {
            "__instancecreationevent" => "made",
            "__instancedeletionevent" => "gone",
            "__instancemodificationevent" => "changed",
            _ => event.class.as_str(),
        };
        let mut line = format!("{}  {kind:8}  ", clock(event));
        match object(event, "TargetInstance") {
            Some(target) => {
                let (name, rest) = called(target);
                let changes = object(event, "PreviousInstance").map(|previous| changes(previous, target));
                // What has changed is what is looked at: it must not be what a narrow terminal cuts.
                let parts = [Some(name), changes, Some(rest)];
                line.push_str(
                    &parts
                        .into_iter()
                        .flatten()
                        .filter(|part| !part.is_empty())
                        .collect::<Vec<_>>()
                        .join("  "),
                );
            }
            None => line.push_str(&plainly(event)),
        }
        let line = text::harmless(&line);
        let line = ui.width().map_or_else(|| line.to_string(), |width| table::cut(&line, width));
        ui.print(&format!("{}\n", line.trim_end()))
    }
}

/// Returns when an event was made, by the clock of who made it, in UTC.
fn clock(event: &Instance) -> String {
    const SINCE_1601: i64 = 11_644_473_600;
    let created = event.number("TIME_CREATED").and_then(|steps| i64::try_from(steps / 10_000_000).ok());
    let time = created.and_then(|seconds| Timestamp::from_second(seconds - SINCE_1601).ok());
    time.unwrap_or_else(Timestamp::now).strftime("%H:%M:%S").to_string()
}

/// Returns now as WMI counts: in steps of 100 ns since 1601.
pub(super) fn now() -> u64 {
    const SINCE_1601: i128 = 11_644_473_600 * 10_000_000;
    u64::try_from(Timestamp::now().as_nanosecond() / 100 + SINCE_1601).unwrap_or_default()
}

fn object<'e>(event: &'e Instance, name: &str) -> Option<&'e Instance> {
    match event.value(name)?.as_scalar()? {
        Scalar::Object(object) => Some(object),
        _ => None,
    }
}

/// Returns what people call an object, and what else tells it from others: its class and its identifier.
fn called(object: &Instance) -> (String, String) {
    let names = ["ElementName", "Name", "InstanceID", "DeviceID", "CollectionID", "Handle"];
    let filled = |name: &&str| object.text(name).filter(|text| !text.is_empty());
    let name = names.iter().find_map(filled);
    let id = object.text("InstanceID").filter(|id| Some(*id) != name);
    let rest = [Some(object.class.as_str()), id].into_iter().flatten().collect::<Vec<_>>().join(" ");
    (name.unwrap_or_default().to_owned(), rest)
}

/// Returns what differs: `JobState 4 (Running) → 7 (Completed)`.
fn changes(previous: &Instance, target: &Instance) -> String {
    let differs = |name: &str| {
        let (was, is) = (cell::property(previous, name), cell::property(target, name));
        let shown = |text: &str| if text.is_empty() { "null".to_owned() } else { text.to_owned() };
        (was != is).then(|| format!("{name} {} → {}", shown(&was), shown(&is)))
    };
    let names = target.properties().iter().map(|property| property.name.as_str());
    let spoken = names.filter(|name| !RESTLESS.iter().any(|restless| restless.eq_ignore_ascii_case(name)));
    let mut told: Vec<(usize, String)> =
        spoken.filter_map(|name| Some((rank(name), differs(name)?))).collect();
    told.sort_by_key(|(rank, _)| *rank);
    told.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

fn rank(name: &str) -> usize {
    let name = name.to_ascii_lowercase();
    match () {
        () if name.ends_with("state") => 0,
        () if name.contains("percent") || name.contains("error") => 1,
        () => 2,
    }
}

fn plainly(event: &Instance) -> String {
    let filled = event.properties().iter().filter(|property| !property.value.is_null());
    let spoken =
        filled.filter(|property| !["SECURITY_DESCRIPTOR", "TIME_CREATED"].contains(&property.name.as_str()));
    let one = |property: &refpoint::cim::Property| {
        let value: &Value = &property.value;
        format!("{}={}", property.name, cell::value(value, None))
    };
    spoken.map(one).collect::<Vec<_>>().join(" ")
}

/// What changes all the time, and says nothing by it.
const RESTLESS: &[&str] = &[
    "ElapsedTime",
    "OnTimeInMilliseconds",
    "TimeOfLastStateChange",
    "UntilTime",
    "LocalDateTime",
    "StatusDescriptions",
    "OperationalStatus",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_with_what_they_mean_and_the_restless_are_left_out() {
        let job = |state: u16, percent: u16, elapsed: &str| {
            Instance::new("Msvm_ConcreteJob")
                .with("ElapsedTime", elapsed)
                .with("PercentComplete", percent)
                .with("JobState", state)
                .with("InstanceID", "1")
        };
        let told = changes(&job(4, 50, "a"), &job(7, 100, "b"));
        assert_eq!(told, "JobState 4 (Running) → 7 (Completed), PercentComplete 50 → 100");
        let (name, rest) = called(&job(4, 1, "a").with("ElementName", "Export"));
        assert_eq!((name.as_str(), rest.as_str()), ("Export", "Msvm_ConcreteJob 1"));
        assert_eq!(called(&job(4, 1, "a")), ("1".to_owned(), "Msvm_ConcreteJob".to_owned()));
        assert_eq!(clock(&Instance::new("X").with("TIME_CREATED", 116_444_736_000_000_000_u64)), "00:00:00");
    }
}

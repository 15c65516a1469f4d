//! How the findings are shown: each as soon as it is known to a person, all together to a program.

use anstyle::{AnsiColor, Style};
use serde_json::{Value as Json, json};
use unicode_width::UnicodeWidthStr;

use super::finding::{Finding, Layer, Place, Status, exit_of};
use super::here;
use crate::cli::args::Format;
use crate::cli::error::Error;
use crate::cli::explain::readings;
use crate::cli::report::text::harmless;
use crate::cli::report::{json, yaml};
use crate::cli::ui::Ui;

/// Where the words of a finding begin.
const INDENT: usize = 18;
/// Longer lines are not read with ease, however wide the terminal is.
const WIDEST: usize = 120;

/// What everything is said about.
pub(super) struct Subject {
    pub(super) endpoint: String,
    pub(super) user: Option<String>,
    pub(super) started: String,
}

/// Shows the first line, before anything is known.
pub(super) fn begin(subject: &Subject, format: Format, ui: &mut Ui) -> Result<(), Error> {
    if format != Format::Table {
        return Ok(());
    }
    let bold = Style::new().bold();
    let user = subject.user.as_deref().map(|user| format!(" as {user}")).unwrap_or_default();
    let line = harmless(&format!("{}{user}", subject.endpoint)).into_owned();
    ui.print(&format!("{bold}{line}{bold:#}\n\n"))?;
    ui.flush()
}

/// Shows one finding. What is not reached is shown together, in the end.
pub(super) fn show(finding: &Finding, format: Format, ui: &mut Ui) -> Result<(), Error> {
    if format != Format::Table || finding.status == Status::NotReached {
        return Ok(());
    }
    ui.print(&lines(finding, ui.width()))?;
    ui.flush()
}

/// Shows what it comes to.
pub(super) fn end(subject: &Subject, findings: &[Finding], format: Format, ui: &mut Ui) -> Result<(), Error> {
    let value = || object(subject, findings);
    let text = match format {
        Format::Table => format!("{}\n{}", not_reached(findings, ui.width()), verdict(findings)),
        Format::Json if ui.is_terminal() => json::pretty(&value()) + "\n",
        Format::Json | Format::Jsonl => json::compact(&value()) + "\n",
        Format::Yaml => yaml::document(&value()),
        Format::Name => {
            let wrong = findings.iter().filter(|finding| finding.status >= Status::Warn);
            wrong.map(|finding| format!("{}\n", finding.layer.name())).collect()
        }
    };
    ui.print(&text)
}

fn object(subject: &Subject, findings: &[Finding]) -> Json {
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Pass);
    let failed = findings.iter().find(|finding| finding.status == Status::Fail);
    json!({
        "schema": "refpoint.doctor/1",
        "endpoint": subject.endpoint,
        "user": subject.user,
        "started_at": subject.started,
        "verdict": worst.max(Status::Pass).name(),
        "failed_layer": failed.map(|finding| finding.layer.name()),
        "exit_code": exit_of(findings).code(),
        "layers": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
    })
}

/// Returns the lines of what was not reached, with why.
fn not_reached(findings: &[Finding], terminal: Option<usize>) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.status == Status::NotReached) {
        match reasons.iter_mut().find(|(reason, _)| *reason == finding.seen) {
            Some((_, names)) => names.push(finding.layer.name()),
            None => reasons.push((&finding.seen, vec![finding.layer.name()])),
        }
    }
    let mut text = String::new();
    for (reason, names) in reasons {
        let dimmed = Style::new().dimmed();
        let head = format!("{dimmed} -    {:<width$}{dimmed:#}", "not reached", width = INDENT - 6);
        let reason = reason.strip_prefix("not reached, ").unwrap_or(reason);
        paragraph(&mut text, &head, &format!("{}: {reason}", names.join(", ")), room(terminal));
    }
    text
}

/// Returns how many columns there are for words; without a terminal any number.
fn room(terminal: Option<usize>) -> Option<usize> {
    terminal.map(|columns| columns.clamp(INDENT + 20, WIDEST) - INDENT)
}

/// Returns the lines of a finding: how it stands and its layer, what was seen, and what to do.
fn lines(finding: &Finding, terminal: Option<usize>) -> String {
    let (word, style) = match finding.status {
        Status::Pass => ("pass", AnsiColor::Green.on_default()),
        Status::Warn => ("WARN", AnsiColor::Yellow.on_default().bold()),
        Status::Fail => ("FAIL", AnsiColor::Red.on_default().bold()),
        Status::NotReached => (" -  ", Style::new().dimmed()),
    };
    let room = room(terminal);
    let mut text = String::new();
    let name = finding.layer.name();
    let head = format!("{style}{word}{style:#}  {name:<width$}", width = INDENT - 6);
    let is_said = |code: &&String| finding.seen.contains(code.trim_start_matches("HTTP "));
    let code = finding.code.as_ref().filter(|code| !is_said(code));
    let is_bare = |code: &str| code.bytes().all(|byte| byte.is_ascii_digit());
    let code = code.map(|code| match is_bare(code) {
        true => format!(" [error {code}]"),
        false => format!(" [{code}]"),
    });
    let code = code.unwrap_or_default();
    paragraph(&mut text, &head, &format!("{}{code}", finding.seen), room);
    if let Some(fix) = &finding.fix {
        let cyan = AnsiColor::Cyan.on_default();
        let head = format!("{:6}{cyan}{:<width$}{cyan:#}", "", "fix", width = INDENT - 6);
        paragraph(&mut text, &head, &fix.text, room);
        if let Some((place, command)) = &fix.command {
            // On a line of its own and whole, however long: it is there to be copied.
            let command = harmless(command);
            text.push_str(&format!("{:INDENT$}{} {command}\n", "", place.prompt()));
        }
    }
    let explained = finding.code.as_ref().filter(|code| finding.status == Status::Fail && is_explained(code));
    if let Some(code) = explained {
        let head = format!("{:6}{:<width$}", "", "more", width = INDENT - 6);
        paragraph(&mut text, &head, &format!("refpoint explain {code}"), None);
    }
    text
}

/// Says whether there is more to read about a code. A number without a prefix is one of several tables, and of this
/// machine's own too.
fn is_explained(code: &str) -> bool {
    code.starts_with("0x") && !readings(code).is_empty()
}

/// Writes words behind a head, and further lines below them.
fn paragraph(text: &mut String, head: &str, words: &str, room: Option<usize>) {
    let words = harmless(words);
    let mut line = String::new();
    let mut lines = Vec::new();
    for word in words.split(' ') {
        let is_full = room.is_some_and(|room| !line.is_empty() && line.width() + 1 + word.width() > room);
        if is_full {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    for (at, line) in lines.iter().enumerate() {
        match at {
            0 => text.push_str(&format!("{head}{line}\n")),
            _ => text.push_str(&format!("{:INDENT$}{line}\n", "")),
        }
    }
}

fn verdict(findings: &[Finding]) -> String {
    let named = |status| {
        let names = findings.iter().filter(|finding| finding.status == status);
        names.map(|finding| finding.layer.name()).collect::<Vec<_>>()
    };
    let (failed, warned) = (named(Status::Fail), named(Status::Warn));
    let missing = named(Status::NotReached).len();
    let mut parts = Vec::new();
    if !failed.is_empty() {
        parts.push(format!("{} failed ({})", failed.len(), failed.join(", ")));
    }
    if !warned.is_empty() {
        parts.push(format!("{} with a warning ({})", warned.len(), warned.join(", ")));
    }
    if missing > 0 {
        parts.push(format!("{missing} not reached"));
    }
    let code = exit_of(findings).code();
    match parts.is_empty() {
        true => format!("All {} layers pass.\n", findings.len()),
        false => format!("{}. Exit code {code}.\n", parts.join(", ")),
    }
}

/// Says which layer is being looked at, in a line that goes again.
pub(super) fn wait(layer: Layer, ui: &mut Ui) {
    ui.status(Some(&format!("  …   {}", layer.name())));
}

/// Explains where the commands are typed, where there are any.
pub(super) fn legend(findings: &[Finding], format: Format, ui: &mut Ui) -> Result<(), Error> {
    if format != Format::Table {
        return Ok(());
    }
    let mut places = Vec::new();
    for (place, _) in findings.iter().filter_map(|finding| finding.fix.as_ref()?.command.as_ref()) {
        if !places.contains(place) {
            places.push(*place);
        }
    }
    let here = format!("$ is {} on this machine", here::READER);
    let told = places.iter().map(|place| match place {
        Place::Host => "PS HOST> is PowerShell on the Hyper-V host, as an administrator",
        Place::Domain => "PS DC> is PowerShell on a domain controller",
        Place::FileServer => "PS FILESERVER> is PowerShell on the server of the share",
        Place::Here => here.as_str(),
    });
    let told: Vec<&str> = told.collect();
    if told.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    paragraph_plain(&mut text, &format!("{}.", told.join("; ")), ui.width().map(|width| width.min(WIDEST)));
    ui.print(&text)
}

fn paragraph_plain(text: &mut String, words: &str, room: Option<usize>) {
    let mut used = 0;
    for word in words.split(' ') {
        if used > 0 && room.is_some_and(|room| used + 1 + word.width() > room) {
            text.push('\n');
            used = 0;
        }
        if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += word.width();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::finding::Fix;
    use super::*;
    use crate::cli::exit::Exit;

    fn finding() -> Finding {
        let fix = Fix::new("Mend it with the help of somebody who knows how that is done")
            .on_host("Start-Service vmms");
        Finding::fail(
            Layer::Login,
            Exit::Login,
            "what was seen is told in more words than fit into one line",
            fix,
        )
        .coded(Some("HTTP 401".to_owned()))
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn words_stand_below_each_other_and_a_command_stays_whole() {
        let expected = "\
FAIL  login       what was seen is told in more
                  words than fit into one line
                  [HTTP 401]
      fix         Mend it with the help of
                  somebody who knows how that is
                  done
                  PS HOST> Start-Service vmms
";
        assert_eq!(plain(&lines(&finding(), Some(50))), expected);
        assert_eq!(plain(&lines(&finding(), None)).lines().count(), 3);
    }

    #[test]
    fn what_a_host_says_does_not_steer_the_terminal() {
        let finding = Finding::pass(Layer::Rights, "a\u{1b}[2Jb");
        assert!(!plain(&lines(&finding, Some(80))).contains('\u{1b}'));
    }

    #[test]
    fn the_last_line_says_what_it_comes_to() {
        let all = [Finding::pass(Layer::Name, "x"), Finding::pass(Layer::Tcp, "x")];
        assert_eq!(verdict(&all), "All 2 layers pass.\n");
        let some = [finding(), Finding::not_reached(Layer::Rights, "x")];
        assert_eq!(verdict(&some), "1 failed (login), 1 not reached. Exit code 5.\n");
    }

    #[test]
    fn the_object_has_the_shape_that_scripts_depend_on() {
        let subject = Subject { endpoint: "http://hv01:5985/wsman".into(), user: None, started: "t".into() };
        let value = object(&subject, &[Finding::pass(Layer::Name, "x"), finding()]);
        assert_eq!(value["schema"], "refpoint.doctor/1");
        assert_eq!((&value["verdict"], &value["exit_code"]), (&json!("fail"), &json!(5)));
        assert_eq!(value["failed_layer"], "login");
        let layer = &value["layers"][1];
        assert_eq!(layer["status"], "fail");
        assert_eq!(
            (&layer["fix"]["command"], &layer["fix"]["on"]),
            (&json!("Start-Service vmms"), &json!("host"))
        );
    }
}

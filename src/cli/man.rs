//! Manual pages, from the same words as `--help`.

use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use super::exit;

/// One page.
pub(crate) struct Page {
    /// The name of its file, `refpoint-cim-list.1`.
    pub(crate) file: String,
    pub(crate) text: Vec<u8>,
}

/// Returns a page for the program and one for each command, as of a date, `2026-11-21`.
pub(crate) fn pages(program: Command, date: &str) -> io::Result<Vec<Page>> {
    let mut program = program;
    program.build();
    let mut pages = Vec::new();
    let mut pending = vec![program];
    while let Some(command) = pending.pop() {
        pages.push(page(&command, date)?);
        pending.extend(command.get_subcommands().filter(|inner| !inner.is_hide_set()).cloned());
    }
    pages.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(pages)
}

impl Page {
    /// Writes it into a folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join(&self.file), &self.text)
    }
}

fn page(command: &Command, date: &str) -> io::Result<Page> {
    let version = concat!("refpoint ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).date(date).source(version).manual("refpoint manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    let is_group = command.get_subcommands().any(|inner| !inner.is_hide_set());
    if is_group {
        man.render_subcommands_section(&mut text)?;
    }
    let mut more = tidy(&String::from_utf8_lossy(&text));
    if let Some(examples) = examples(command) {
        more.push_str(&section("EXAMPLES", &examples));
    }
    more.push_str(&section("EXIT STATUS", exit::HELP.split_once('\n').map_or(exit::HELP, |(_, rows)| rows)));
    let variables = command.get_arguments().filter_map(|argument| Some((argument.get_env()?, argument)));
    let rows: Vec<String> = variables
        .map(|(name, argument)| {
            let long =
                argument.get_long().map_or_else(|| argument.get_id().to_string(), |long| format!("--{long}"));
            format!("{:<22} in the place of {long}", name.to_string_lossy())
        })
        .chain(ENVIRONMENT.iter().map(|(name, about)| format!("{name:<22} {about}")))
        .collect();
    more.push_str(&section("ENVIRONMENT", &rows.join("\n")));
    more.push_str(&section("FILES", FILES));
    more.push_str(&see_also(command));
    Ok(Page { file: man.get_filename(), text: more.into_bytes() })
}

/// Takes away breaks beside empty lines, which readers of manual pages complain about, and white space nobody sees;
/// and puts values that explain themselves into one line, where each had a paragraph.
fn tidy(text: &str) -> String {
    const BULLET: &str = ".IP \\(bu 2";
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let is_empty = |place: Option<usize>| place.and_then(|place| lines.get(place)) == Some(&"");
    let mut tidy = String::new();
    let mut place = 0;
    while let Some(line) = lines.get(place) {
        let list =
            lines.get(place + 1).filter(|next| **next == ".RS 14" && line.contains("Possible values:"));
        let length = list.and_then(|_| lines[place..].iter().position(|line| *line == ".RE"));
        if let Some(length) = length {
            let values: Vec<&str> =
                lines[place + 2..place + length].iter().copied().filter(|line| *line != BULLET).collect();
            if values.iter().all(|value| !value.contains(' ')) {
                tidy.push_str(&format!("{line} {}\n", values.join(", ")));
                place += length + 1;
                continue;
            }
        }
        if *line != ".br" || !(is_empty(place.checked_sub(1)) || is_empty(Some(place + 1))) {
            tidy.push_str(line);
            tidy.push('\n');
        }
        place += 1;
    }
    tidy
}

/// Returns what stands below `Examples:` at the end of the help.
fn examples(command: &Command) -> Option<String> {
    let help = command.get_after_long_help().or_else(|| command.get_after_help())?.to_string();
    let (_, rest) = help.split_once("Examples:\n")?;
    // The exit codes have a section of their own.
    let examples = rest.split("\n\nExit codes:").next().unwrap_or(rest);
    Some(examples.to_owned())
}

/// Returns a section whose lines stay as they are.
fn section(name: &str, lines: &str) -> String {
    let mut text = format!(".SH \"{name}\"\n.nf\n");
    // All of them begin with the same indentation, which is the page's to make.
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        text.push_str(&escaped(line.strip_prefix("  ").unwrap_or(line)));
        text.push('\n');
    }
    text + ".fi\n"
}

fn see_also(command: &Command) -> String {
    let own = name(command);
    let mut names = vec!["refpoint".to_owned(), "refpoint-explain".to_owned()];
    names.extend(own.rsplit_once('-').map(|(above, _)| above.to_owned()));
    names.retain(|name| *name != own);
    names.dedup();
    let bold = |name: &String| format!("\\fB{}\\fR(1)", escaped(name));
    format!(".SH \"SEE ALSO\"\n{}\n", names.iter().map(bold).collect::<Vec<_>>().join(", "))
}

fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// Writes a line so that nothing in it is an instruction, and a hyphen can be copied as one.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

/// What no argument stands for.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("REFPOINT_PASSWORD", "the password, where no argument says where it is"),
    ("REFPOINT_PAGER, PAGER", "what shows long tables on a terminal"),
    ("NO_COLOR", "no colours"),
    ("RUST_LOG", "what is said of what happens, in detail"),
];

const FILES: &str = "~/.config/refpoint/config.toml     profiles\n~/.local/state/refpoint/ledger.db  what was done and is owned";

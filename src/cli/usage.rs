//! Lines of usage, which clap does not wrap as it wraps the rest of help.

use std::ffi::OsString;

use anstream::adapter::strip_str;
use clap::{ColorChoice, Command};
use unicode_width::UnicodeWidthStr;

/// As wide as the narrowest terminal that help is made for.
const WIDTH: usize = 80;

/// Returns what `--color` says, for help and for what is wrong with arguments, which are shown before all arguments
/// are read.
pub(crate) fn colour(words: impl Iterator<Item = OsString>) -> ColorChoice {
    let words: Vec<OsString> = words.take_while(|word| word != "--").collect();
    let follows = |place: usize| words.get(place + 1).and_then(|word| word.to_str());
    let mut said = words.iter().enumerate().filter_map(|(place, word)| match word.to_str()? {
        "--color" => follows(place),
        word => word.strip_prefix("--color="),
    });
    match said.next_back() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Returns the commands, with usage that fits the terminal.
pub(crate) fn wrapped(mut program: Command) -> Command {
    program.build();
    wrap(program)
}

fn wrap(mut command: Command) -> Command {
    let usage = command.render_usage().ansi().to_string();
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    if let Some(lines) = lines(&usage) {
        command = command.override_usage(lines);
    }
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, wrap))
}

/// Returns a line of usage in several, without its heading; `None` where it fits.
fn lines(usage: &str) -> Option<String> {
    let (heading, words) = usage.split_once("refpoint")?;
    let indent = strip_str(heading).to_string().width();
    if strip_str(usage).to_string().width() <= WIDTH {
        return None;
    }
    let opened = heading.rfind("\u{1b}[").map_or("", |place| &heading[place..]);
    let mut lines = format!("{opened}refpoint");
    let mut column = indent + "refpoint".len();
    for word in words.trim_start().split(' ') {
        let width = strip_str(word).to_string().width();
        if column + 1 + width > WIDTH {
            lines.push_str(&format!("\n{:indent$}", ""));
            column = indent + width;
        } else {
            lines.push(' ');
            column += 1 + width;
        }
        lines.push_str(word);
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_as_the_last_word_on_them_says() {
        let of = |line: &str| colour(line.split(' ').map(OsString::from));
        assert_eq!(of("refpoint vm list --help"), ColorChoice::Auto);
        assert_eq!(of("refpoint --color never --help"), ColorChoice::Never);
        assert_eq!(of("refpoint --color never --color=always"), ColorChoice::Always);
        assert_eq!(of("refpoint explain -- --color never"), ColorChoice::Auto);
    }

    #[test]
    fn a_long_line_is_broken_between_its_words() {
        let short = "Usage: refpoint vm list [OPTIONS] <TARGET>";
        assert_eq!(lines(short), None);
        let long = format!("Usage: refpoint export {}<TARGET>", "[--option <X>] ".repeat(6));
        let found = lines(&long).unwrap();
        assert!(found.starts_with("refpoint export [--option <X>]"), "{found}");
        assert_eq!(found.lines().count(), 2);
        assert!(found.lines().all(|line| line.width() <= WIDTH));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&found)[..], words(&long)[1..]);
    }
}

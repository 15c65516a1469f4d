//! The one place that writes to the terminal: data to standard output, everything else to standard error.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use terminal_size::{Width, terminal_size_of};

use super::args::{Color, OutputArgs};
use super::error::{Error, Line};
use super::report::table::cut;
use super::report::text::harmless;

/// Standard output and standard error.
pub(crate) struct Ui {
    out: BufWriter<AutoStream<Stdout>>,
    errors: AutoStream<io::Stderr>,
    width: Option<usize>,
    is_quiet: bool,
    /// Whether a line on standard error can change where it stands.
    can_change: bool,
    status: String,
}

impl Ui {
    /// Returns the terminal as the arguments want it.
    pub(crate) fn new(args: &OutputArgs) -> Self {
        let choice = match args.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let is_terminal = io::stdout().is_terminal();
        // A terminal that does not know its size is taken for one of the usual size.
        let columns = terminal_size_of(io::stdout()).map_or(80, |(Width(columns), _)| usize::from(columns));
        Self {
            out: BufWriter::with_capacity(64 << 10, AutoStream::new(io::stdout(), choice)),
            errors: AutoStream::new(io::stderr(), choice),
            width: is_terminal.then_some(columns),
            is_quiet: args.quiet,
            can_change: io::stderr().is_terminal() && !args.quiet && args.verbose == 0,
            status: String::new(),
        }
    }

    /// Returns how many columns there are; `None` where a program reads, not a person.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Returns whether a person reads standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        self.width.is_some()
    }

    /// Writes data. It may wait in a buffer until [`flush`](Self::flush).
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        self.out.write_all(text.as_bytes()).map_err(Error::of_output)
    }

    /// Brings everything to its reader.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::of_output)
    }

    /// Returns how many columns a line has that changes where it stands; `None` where there is no such line.
    pub(crate) fn status_width(&self) -> Option<usize> {
        let columns =
            || terminal_size_of(io::stderr()).map_or(80, |(Width(columns), _)| usize::from(columns));
        self.can_change.then(|| columns().saturating_sub(1))
    }

    /// Shows how it goes, in a line that the next one takes the place of; or takes it away.
    pub(crate) fn status(&mut self, text: Option<&str>) {
        let Some(width) = self.status_width() else { return };
        let text = cut(&harmless(text.unwrap_or_default()), width);
        let _ = write!(self.errors, "\r\x1b[K{text}").and_then(|()| self.errors.flush());
        self.status = text;
    }

    /// Returns whether a person is there to be asked.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Says something that a person may want to know, unless he wants it quiet.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.is_quiet {
            self.say(Style::new(), "", text);
        }
    }

    /// Says something that a person has to know.
    pub(crate) fn warn(&mut self, text: &str) {
        self.say(AnsiColor::Yellow.on_default().bold(), "warning: ", text);
    }

    /// Asks something, whose answer is typed behind it.
    pub(crate) fn ask(&mut self, question: &str) {
        // If nobody sees the question, what he types is an answer all the same.
        let _ = write!(self.errors, "{}", harmless(question)).and_then(|()| self.errors.flush());
    }

    /// Says why a command has failed.
    pub(crate) fn fail(&mut self, error: &Error) {
        for line in error.lines() {
            match line {
                Line::Error(text) => self.say(AnsiColor::Red.on_default().bold(), "error: ", &text),
                Line::Cause(text) => self.say(Style::new(), "  caused by: ", &text),
                Line::Hint(text) => self.say(AnsiColor::Cyan.on_default().bold(), "hint: ", &text),
            }
        }
    }

    /// Writes a line to standard error. If nobody hears it, there is nobody to tell that either.
    fn say(&mut self, style: Style, label: &str, text: &str) {
        if !self.status.is_empty() {
            // What is said stands above the line that changes.
            let _ = write!(self.errors, "\r\x1b[K");
            self.status.clear();
        }
        let _ = writeln!(self.errors, "{style}{label}{style:#}{}", harmless(text));
    }
}

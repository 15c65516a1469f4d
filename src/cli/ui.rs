//! The one place that writes to the terminal: data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use terminal_size::{Height, Width, terminal_size_of};

use super::args::{Color, Form, OutputArgs};
use super::error::{Error, Line};
use super::exit::Exit;
use super::explain::of_kind;
use super::journal::{self, Priority};
use super::pager::{self, Out};
use super::report::table::cut;
use super::report::text::harmless;
use super::screen::Screen;

/// Standard output and standard error.
pub(crate) struct Ui {
    out: Out,
    errors: AutoStream<io::Stderr>,
    width: Option<usize>,
    is_quiet: bool,
    /// Whether lines on standard error can change where they stand.
    can_change: bool,
    screen: Screen,
    shown: Vec<Row>,
    /// What is to be said when the pager has left the terminal.
    unsaid: Vec<(Priority, Style, &'static str, String)>,
    /// Whether standard error goes to the journal, which asks of each line how much it matters.
    is_journal: bool,
    /// Whether an error has said what to ask about it.
    has_pointed: bool,
}

/// A line that changes where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// How it looks.
    pub(crate) style: Style,
    /// What it says.
    pub(crate) text: String,
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
        let size = terminal_size_of(io::stdout());
        let columns = size.map_or(80, |(Width(columns), _)| usize::from(columns));
        Self {
            out: Out::new(choice),
            unsaid: Vec::new(),
            errors: AutoStream::new(io::stderr(), choice),
            width: is_terminal.then_some(columns),
            is_quiet: args.quiet,
            can_change: io::stderr().is_terminal() && !is_dumb() && !args.quiet && args.verbose == 0,
            screen: Screen::default(),
            shown: Vec::new(),
            is_journal: journal::has_standard_error(),
            has_pointed: false,
        }
    }

    /// Has what a command prints go through a pager, where it is one for that and a person reads it.
    #[must_use]
    pub(crate) fn paged_for(mut self, command: &[&str], args: &OutputArgs) -> Self {
        let may_page = self.is_terminal() && !args.no_pager && args.form != Some(Form::Jsonl);
        if !may_page || !pager::is_for(command) {
            return self;
        }
        if let Some(pager) = pager::wanted(|name| std::env::var_os(name)) {
            let rows = terminal_size_of(io::stdout()).map_or(24, |(_, Height(rows))| usize::from(rows));
            self.out = self.out.paged(pager, rows);
        }
        self
    }

    /// Returns how many columns there are; `None` where a program reads, not a person.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Returns whether a person reads standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        self.width.is_some()
    }

    /// Writes how something ended that is not undone by nobody reading it.
    pub(crate) fn conclude(&mut self, text: &str) -> Result<(), Error> {
        match self.print(text).and_then(|()| self.flush()) {
            Err(error) if error.is_closed_pipe() => Ok(()),
            done => done,
        }
    }

    /// Writes data. It may wait in a buffer until [`flush`](Self::flush).
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        if self.out.would_page(text) {
            // The terminal is the pager's from now on.
            self.rows(Vec::new());
        }
        if let Some(pager) = self.out.write(text).map_err(Error::of_output)? {
            self.warn(&format!("the pager {pager} cannot be begun; REFPOINT_PAGER names another, or none"));
        }
        Ok(())
    }

    /// Brings to its reader what was printed so far.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::of_output)
    }

    /// Brings everything to its reader, and waits until he has looked at it.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let finished = self.out.finish().map_err(Error::of_output);
        for (priority, style, label, text) in std::mem::take(&mut self.unsaid) {
            self.say(priority, style, label, &text);
        }
        finished
    }

    /// Returns how many columns a line has that changes where it stands; `None` where there is no such line.
    pub(crate) fn status_width(&self) -> Option<usize> {
        let columns =
            || terminal_size_of(io::stderr()).map_or(80, |(Width(columns), _)| usize::from(columns));
        self.can_change.then(|| columns().saturating_sub(1))
    }

    /// Shows how it goes, in a line that the next one takes the place of; or takes it away.
    pub(crate) fn status(&mut self, text: Option<&str>) {
        let row = |text: &str| Row { style: Style::new(), text: text.to_owned() };
        self.rows(text.map(row).into_iter().collect());
    }

    /// Shows how it goes, in lines that the next ones take the place of; none take them away.
    pub(crate) fn rows(&mut self, rows: Vec<Row>) {
        if !self.can_change || self.out.has_pager() {
            return;
        }
        self.shown = rows;
        let text = self.drawn();
        self.act(&text);
    }

    /// Returns how many columns and lines standard error has room for.
    pub(crate) fn room(&self) -> (usize, usize) {
        // A terminal that does not know its size is taken for one of the usual size.
        let size = terminal_size_of(io::stderr());
        size.map_or((80, 24), |(Width(columns), Height(rows))| (usize::from(columns), usize::from(rows)))
    }

    /// Returns whether a person is there to be asked.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Says something that a person may want to know, unless he wants it quiet.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.is_quiet {
            self.say(Priority::Info, Style::new(), "", text);
        }
    }

    /// Says that something has not been done, where other things go on.
    pub(crate) fn lose(&mut self, text: &str) {
        self.say(Priority::Error, AnsiColor::Red.on_default().bold(), "failed: ", text);
    }

    /// Says something that a person has to know.
    pub(crate) fn warn(&mut self, text: &str) {
        self.say(Priority::Warning, AnsiColor::Yellow.on_default().bold(), "warning: ", text);
    }

    /// Asks something, whose answer is typed behind it.
    pub(crate) fn ask(&mut self, question: &str) {
        // If nobody sees the question, what he types is an answer all the same.
        let _ = write!(self.errors, "{}", harmless(question)).and_then(|()| self.errors.flush());
    }

    /// Says why a command has failed.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.has_pointed = true;
        for line in error.lines() {
            match line {
                Line::Error(text) => {
                    self.say(Priority::Error, AnsiColor::Red.on_default().bold(), "error: ", &text);
                }
                Line::Cause(text) => self.say(Priority::Error, Style::new(), "  caused by: ", &text),
                Line::Further(text) => self.say(Priority::Error, Style::new(), "    ", &text),
                Line::Hint(text) => {
                    self.say(Priority::Notice, AnsiColor::Cyan.on_default().bold(), "hint: ", &text);
                }
                Line::More(text) => self.say(Priority::Notice, Style::new(), "more: ", &text),
            }
        }
    }

    /// Says what to ask about how it ended, where no error has.
    pub(crate) fn point(&mut self, exit: Exit) {
        if !self.has_pointed {
            self.say(
                Priority::Notice,
                Style::new(),
                "more: ",
                &format!("refpoint explain {}", of_kind(exit)),
            );
        }
    }

    /// Writes a line to standard error. If nobody hears it, there is nobody to tell that either.
    fn say(&mut self, priority: Priority, style: Style, label: &'static str, text: &str) {
        if self.out.has_pager() {
            self.unsaid.push((priority, style, label, text.to_owned()));
            return;
        }
        // What is said stands above the lines that change.
        let (columns, _) = self.room();
        let erased = self.screen.erase(columns);
        self.act(&erased);
        let prefix = if self.is_journal { priority.prefix() } else { "" };
        let _ = writeln!(self.errors, "{prefix}{style}{label}{style:#}{}", harmless(text));
        if !self.shown.is_empty() {
            let text = self.drawn();
            self.act(&text);
        }
    }

    /// Returns what puts the lines that change where they belong.
    fn drawn(&mut self) -> String {
        let (columns, _) = self.room();
        let has_colours = self.errors.current_choice() != ColorChoice::Never;
        let line = |row: &Row| {
            let (style, text) = (row.style, cut(&harmless(&row.text), columns.saturating_sub(1)));
            if has_colours && style != Style::new() { format!("{style}{text}{style:#}") } else { text }
        };
        let lines: Vec<String> = self.shown.iter().map(line).collect();
        self.screen.draw(&lines, columns)
    }

    /// Moves the cursor: past what takes colours out, since a terminal without colours has a cursor all the same.
    fn act(&mut self, text: &str) {
        if !text.is_empty() {
            let mut errors = io::stderr().lock();
            let _ = errors.write_all(text.as_bytes()).and_then(|()| errors.flush());
        }
    }
}

/// Says whether the terminal calls itself one that cannot move its cursor.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|name| name == "dumb")
}

//! Lines at the bottom of a terminal that change where they stand.

use unicode_width::UnicodeWidthStr;

/// What stands there. It knows no terminal: it returns what is to be written to one.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// How many columns each line takes, from the top.
    drawn: Vec<usize>,
}

impl Screen {
    /// Returns whether nothing stands there.
    pub(crate) fn is_empty(&self) -> bool {
        self.drawn.is_empty()
    }

    /// Returns what puts these lines in the place of those that stand there. Each line is shorter than the terminal is
    /// wide, styles aside; what has not changed is written over with itself, so that nothing flickers.
    pub(crate) fn draw(&mut self, lines: &[String], columns: usize) -> String {
        if lines.is_empty() {
            return self.erase(columns);
        }
        let mut text = format!("{BEGIN}{}", self.to_top(columns));
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                text.push_str("\r\n");
            }
            text.push_str(line);
            text.push_str(CLEAR_LINE);
        }
        text.push_str(CLEAR_BELOW);
        text.push_str(END);
        self.drawn =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string().width()).collect();
        text
    }

    /// Returns what takes them away.
    pub(crate) fn erase(&mut self, columns: usize) -> String {
        if self.is_empty() {
            return String::new();
        }
        let text = format!("{}{CLEAR_BELOW}", self.to_top(columns));
        self.drawn.clear();
        text
    }

    /// Moves to the beginning of the first line, where the cursor stands behind the last one.
    fn to_top(&self, columns: usize) -> String {
        // A window that has become narrower shows a line in several rows.
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        match rows.saturating_sub(1) {
            0 => "\r".to_owned(),
            up => format!("\r\x1b[{up}A"),
        }
    }
}

const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// Terminals that know it show all that stands between at once; others pass it over.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

#[cfg(test)]
mod tests {
    use super::*;

    /// As much of a terminal as is asked of one.
    struct Terminal {
        rows: Vec<String>,
        at: (usize, usize),
    }

    impl Terminal {
        fn new() -> Self {
            Self { rows: vec![String::new()], at: (0, 0) }
        }

        fn write(&mut self, text: &str) {
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\r' => self.at.1 = 0,
                    '\n' => {
                        self.at.0 += 1;
                        self.rows.resize((self.at.0 + 1).max(self.rows.len()), String::new());
                    }
                    '\u{1b}' => {
                        let mut code = String::new();
                        while !code.ends_with(|c: char| c.is_ascii_alphabetic()) {
                            code.extend(chars.next());
                        }
                        self.obey(&code);
                    }
                    c => {
                        let row = &mut self.rows[self.at.0];
                        let mut cells: Vec<char> = row.chars().collect();
                        cells.resize((self.at.1 + 1).max(cells.len()), ' ');
                        cells[self.at.1] = c;
                        *row = cells.into_iter().collect();
                        self.at.1 += 1;
                    }
                }
            }
        }

        fn obey(&mut self, code: &str) {
            match code {
                "[K" => self.rows[self.at.0].truncate(self.at.1),
                "[J" => {
                    self.rows[self.at.0].truncate(self.at.1);
                    self.rows.truncate(self.at.0 + 1);
                }
                "[?2026h" | "[?2026l" => {}
                up => {
                    let rows = up.strip_prefix('[').and_then(|up| up.strip_suffix('A')).unwrap();
                    self.at.0 = self.at.0.checked_sub(rows.parse().unwrap()).expect("within the screen");
                }
            }
        }
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_take_the_place_of_lines_whether_they_are_more_or_fewer() {
        let (mut terminal, mut screen) = (Terminal::new(), Screen::default());
        terminal.write("before\r\n");
        for shown in
            [&["one", "two", "three"][..], &["a much longer one", "2"], &["x", "y", "z", "w"], &["end"]]
        {
            terminal.write(&screen.draw(&lines(shown), 80));
            assert_eq!(terminal.rows[1..], lines(shown));
        }
        terminal.write(&screen.erase(80));
        assert_eq!(terminal.rows, ["before", ""]);
        assert!(screen.is_empty() && screen.erase(80).is_empty());
    }

    #[test]
    fn a_line_that_a_narrower_window_shows_in_two_rows_is_counted_as_two() {
        let mut screen = Screen::default();
        let _ = screen.draw(&lines(&["x".repeat(70).as_str(), "short"]), 80);
        assert!(screen.erase(40).starts_with("\r\x1b[2A"));
    }
}

//! Tables, as wide as the terminal and no wider.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::text::harmless;

/// Rows under headings.
pub(crate) struct Table {
    widths: Vec<usize>,
    headings: Vec<String>,
}

impl Table {
    /// Returns a table whose columns fit these rows. Where there are more columns than the terminal has room
    /// for, the widest ones give; without a terminal nothing is cut.
    pub(crate) fn new<S: AsRef<str>>(headings: &[S], rows: &[Vec<String>], terminal: Option<usize>) -> Self {
        let headings: Vec<String> =
            headings.iter().map(|heading| harmless(heading.as_ref()).into_owned()).collect();
        let width_of = |(at, heading): (usize, &String)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| harmless(cell).width());
            cells.chain([heading.width()]).max().unwrap_or_default()
        };
        let mut widths: Vec<usize> = headings.iter().enumerate().map(width_of).collect();
        match terminal {
            Some(terminal) => shrink(&mut widths, terminal),
            None => widths.iter_mut().for_each(|width| *width = (*width).min(WIDEST)),
        }
        Self { widths, headings }
    }

    /// Returns the line of headings.
    pub(crate) fn heading(&self, terminal: Option<usize>) -> String {
        let bold = anstyle::Style::new().bold();
        let line = self.line(&self.headings, terminal);
        format!("{bold}{}{bold:#}\n", line.trim_end())
    }

    /// Returns the line of a row.
    pub(crate) fn row(&self, cells: &[String], terminal: Option<usize>) -> String {
        let mut line = self.line(cells, terminal);
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    fn line(&self, cells: &[String], terminal: Option<usize>) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(&self.widths).enumerate() {
            let cell = harmless(cell);
            let cell = if terminal.is_some() { cut(&cell, *width) } else { cell.into_owned() };
            line.push_str(&cell);
            if at + 1 < cells.len() {
                let padding = width.saturating_sub(cell.width()) + GAP;
                line.extend(std::iter::repeat_n(' ', padding));
            }
        }
        line
    }
}

/// Returns lines of a name and what belongs to it.
pub(crate) fn pairs<S: AsRef<str>>(pairs: &[(S, String)], indent: usize) -> String {
    let width = pairs.iter().map(|(name, _)| harmless(name.as_ref()).width()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in pairs {
        let name = harmless(name.as_ref());
        let value = harmless(value);
        let padding = width - name.width() + GAP;
        let line = format!("{:indent$}{name}{:padding$}{value}", "", "");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Takes from the widest columns until all fit, down to a width at which a cell still says something.
fn shrink(widths: &mut [usize], terminal: usize) {
    let room = terminal.saturating_sub(GAP * widths.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let Some(widest) =
            widths.iter_mut().max_by_key(|width| **width).filter(|widest| **widest > NARROWEST)
        else {
            return;
        };
        *widest -= 1;
    }
}

/// Returns a text of at most that width, with a mark where it was cut: words at their end; what has no spaces is
/// an identifier, whose end tells it from its neighbours, and is cut in its middle.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let tail = if text.contains(' ') { 0 } else { room / 2 };
    let start = taken(text.chars(), room - tail);
    let end: String = taken(text.chars().rev(), tail).chars().rev().collect();
    format!("{start}…{end}")
}

/// Returns the first characters that fit a width.
fn taken(text: impl Iterator<Item = char>, width: usize) -> String {
    let mut left = width;
    let fits = |c: &char| {
        let rest = left.checked_sub(c.width().unwrap_or_default());
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    text.take_while(fits).collect()
}

/// Columns between two columns.
const GAP: usize = 2;
/// A cell is not cut below this.
const NARROWEST: usize = 8;
/// Without a terminal one long cell does not push the rest out of sight.
const WIDEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![
            row(["web01", "2 (Enabled)", "x"]),
            row(["日本語のマシン", "3 (Disabled)", "a long text that goes on and on"]),
        ]
    }

    fn shown(terminal: Option<usize>) -> Vec<String> {
        let table = Table::new(&["Name", "State", "Notes"], &rows(), terminal);
        let heading = anstream::adapter::strip_str(&table.heading(terminal)).to_string();
        let lines = rows().iter().map(|row| table.row(row, terminal)).collect::<String>();
        format!("{heading}{lines}").lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_stand_below_each_other_in_any_script() {
        let expected = [
            "Name            State         Notes",
            "web01           2 (Enabled)   x",
            "日本語のマシン  3 (Disabled)  a long text that goes on and on",
        ];
        assert_eq!(shown(None), expected);
        assert_eq!(shown(Some(200)), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let lines = shown(Some(40));
        assert!(lines.iter().all(|line| line.width() <= 40), "{lines:?}");
        assert!(lines[2].ends_with('…') && lines[2].starts_with("日本語"), "{lines:?}");
    }

    #[test]
    fn an_identifier_that_is_cut_keeps_both_its_ends() {
        assert_eq!(cut(r"Microsoft:3F2C9A10\A0E4C1D7", 12), "Micros…4C1D7");
        assert_eq!(cut("Exporting Reference Point", 12), "Exporting R…");
        assert_eq!(cut("日本語のマシン", 9), "日本…シン");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn no_cell_reaches_the_terminal_as_a_command() {
        let rows = vec![vec!["a\u{1b}[2J\nb".to_owned()]];
        let table = Table::new(&["N\u{9b}"], &rows, Some(80));
        let text = table.heading(None)
            + &table.row(&rows[0], Some(80))
            + &pairs(&[("k\u{7}", "v\u{1b}c".into())], 0);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text, "N\\u{9b}\na\\u{1b}[2J\\nb\nk\\u{7}  v\\u{1b}c\n");
    }
}

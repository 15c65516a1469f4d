//! Lines that are no wider than the terminal.

use unicode_width::UnicodeWidthStr;

/// Returns the text with its wide lines broken between words; without a terminal, as it is.
pub(super) fn lines(text: String, terminal: Option<usize>) -> String {
    match terminal {
        Some(width) => text.lines().map(|line| fitted(line, width)).collect(),
        None => text,
    }
}

/// Returns the line, and goes on below itself where it is too wide.
fn fitted(line: &str, width: usize) -> String {
    let plain = anstream::adapter::strip_str(line).to_string();
    if plain.width() <= width {
        return format!("{line}\n");
    }
    let indent = " ".repeat(plain.len() - plain.trim_start().len() + 2);
    let (mut text, mut used) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let columns = anstream::adapter::strip_str(word).to_string().trim_end().width();
        if used + columns > width && used > indent.len() {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&indent);
            used = indent.len();
        }
        text.push_str(word);
        used += anstream::adapter::strip_str(word).to_string().width();
    }
    text + "\n"
}

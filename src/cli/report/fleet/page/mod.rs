//! What became of a run as a page for a browser: one file that asks nothing of anybody.
//!
//! The totals, the causes and (for browsers without scripts) a table of all units are HTML; timeline, filter, sorting
//! and details are made by the script from the data that stands in the page as JSON. No text of a host is ever markup:
//! it is escaped in the HTML, escaped in the data, and set as text by the script; and the page's own policy lets
//! nothing run or load but the one style and the one script, by their hashes.

mod data;
mod html;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refpoint::fleet::RunReport;
use sha2::{Digest, Sha256};

use super::cause::Cause;

/// Returns the page.
pub(crate) fn document(report: &RunReport) -> String {
    let causes = Cause::all(report);
    let title = format!("{}: {}", html::verdict(report).words, report.run);
    filled(
        include_str!("page.html"),
        &[
            ("style-hash", hash(STYLE)),
            ("script-hash", hash(SCRIPT)),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("title", html::escaped(&title)),
            ("style", STYLE.to_owned()),
            ("run", html::escaped(&report.run)),
            ("facts", html::facts(report)),
            ("totals", html::totals(report)),
            ("causes", html::causes(report, &causes)),
            ("table", html::table(report)),
            ("schema", html::escaped(&report.schema)),
            ("data", data::json(report, &causes)),
            ("script", SCRIPT.to_owned()),
        ],
    )
}

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

/// Returns the template with its `{{names}}` filled in. What is filled in is not looked at again.
fn filled(template: &str, parts: &[(&str, String)]) -> String {
    let mut text =
        String::with_capacity(template.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("each {{ of the template has its }}");
        let (_, part) =
            parts.iter().find(|(known, _)| *known == name).expect("each name of the template is filled");
        text.push_str(before);
        text.push_str(part);
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::super::runs::{HOSTILE, Runs, hostile};
    use super::*;

    #[test]
    fn no_text_of_a_host_is_markup_anywhere_in_the_page() {
        let page = document(&hostile());
        // What the page itself has, and nothing more.
        let plain = document(&Runs::new(3).finished(HOSTILE.len(), 2));
        for tag in ["<script", "</script", "<img", "<!--", "onerror=\""] {
            assert_eq!(page.matches(tag).count(), plain.matches(tag).count(), "{tag}");
        }
        for text in HOSTILE.iter().filter(|text| text.contains(['<', '&', '"'])) {
            assert!(!page.contains(text), "{text}");
        }
        assert!(!page.contains(['\u{2028}', '\u{2029}', '\u{202e}', '\u{1b}', '\u{0}', '\u{fffe}']));
        assert!(page.contains("日本語 🦊👩‍👩‍👧"));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        assert_eq!(filled("a{{x}}b{{y}}c", &[("x", "{{y}}".into()), ("y", "{{x}}".into())]), "a{{y}}b{{x}}c");
    }

    #[test]
    fn the_page_loads_nothing_and_its_policy_allows_nothing_else() {
        let page = document(&Runs::new(3).finished(20, 2));
        for word in ["http://", "https://", "src=", "url(", "@import", "unsafe-inline", "innerHTML ="] {
            // The name of SVG is a name, not an address.
            let found = page.replace("http://www.w3.org/2000/svg", "").contains(word);
            assert!(!found, "{word}");
        }
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        );
        assert!(page.contains(&policy));
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style") && !SCRIPT.contains("<!--"));
    }
}

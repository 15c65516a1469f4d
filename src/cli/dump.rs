//! `--dump`: what was said, for bug reports, without what nobody else may know.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use refpoint::client::{Credentials, Direction, Secret, Tap, Tapped};
use refpoint::xml;

use super::error::Error;
use super::exit::Exit;
use super::private;

/// A folder into which messages are written, one file each, in their order.
pub(crate) struct Dump {
    folder: PathBuf,
    password: Option<Secret<String>>,
    /// The highest number in the folder before: what was written stays, and what follows stands behind it.
    before: u64,
}

impl Dump {
    /// Makes the folder, which only its owner may read.
    pub(crate) fn new(folder: &Path, credentials: &Credentials) -> Result<Self, Error> {
        let unwritable = |error| {
            Error::new(Exit::LocalFiles, format!("cannot write to {}", folder.display())).because(error)
        };
        private::make_folder(folder).map_err(unwritable)?;
        let before = highest_number(folder).map_err(unwritable)?;
        let password = match credentials {
            Credentials::Password { password, .. } => Some(password.clone()),
            _ => None,
        };
        let dump = Self { folder: folder.to_owned(), password, before };
        // Found out before anything is asked of the host, not after.
        let probe = dump.folder.join(".refpoint");
        create(&probe).and_then(|_| std::fs::remove_file(&probe)).map_err(unwritable)?;
        Ok(dump)
    }

    /// Returns the tap that writes what it hears.
    pub(crate) fn into_tap(self) -> Tap {
        Tap::new(move |tapped| {
            if let Err(error) = self.write(tapped) {
                // The command itself has not failed.
                tracing::warn!(folder = %self.folder.display(), %error, "message not written");
            }
        })
    }

    fn write(&self, tapped: Tapped<'_>) -> io::Result<()> {
        let text = match xml::decode(tapped.body, None) {
            Ok(text) => without_secrets(&text, self.password.as_ref().map(|secret| secret.expose().as_str())),
            Err(error) => format!("({} bytes that are no text: {error})\n", tapped.body.len()),
        };
        let side = match tapped.direction {
            Direction::Sent => "request",
            Direction::Received => "response",
        };
        let number = self.before + tapped.number;
        let name = format!("{number:03}-{}.{side}.xml", file_name(tapped.operation));
        create(&self.folder.join(name))?.write_all(text.as_bytes())
    }
}

/// Returns the highest number that the name of a file in a folder begins with.
fn highest_number(folder: &Path) -> io::Result<u64> {
    let mut highest = 0;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits: String = name.to_string_lossy().chars().take_while(char::is_ascii_digit).collect();
        highest = highest.max(digits.parse().unwrap_or_default());
    }
    Ok(highest)
}

/// Makes a file that was not there and that only its owner may read.
fn create(path: &Path) -> io::Result<File> {
    private::options().write(true).create_new(true).open(path)
}

/// Returns the letters and digits of what was asked: `get-msvm_computersystem`.
fn file_name(operation: &str) -> String {
    let kept = operation
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' });
    kept.take(80).collect()
}

/// Returns a message in which the password does not stand, nor the content of any element whose name says that
/// it is a secret.
fn without_secrets(text: &str, password: Option<&str>) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let Some(end) = rest[start..].find('>').map(|end| start + end + 1) else { break };
        let (before, tag) = (&rest[..start], &rest[start..end]);
        push_text(before, &mut safe);
        safe.push_str(tag);
        rest = &rest[end..];
        if names_a_secret(tag) {
            // Whatever stands up to the end tag of the same name, elements and all.
            let name = element_name(tag);
            let closing = format!("</{name}");
            let until = rest.find(&closing).unwrap_or(rest.len());
            if until > 0 {
                safe.push_str(MASK);
            }
            rest = &rest[until..];
        }
    }
    push_text(rest, &mut safe);
    for spelled in password.into_iter().flat_map(spellings) {
        safe = safe.replace(&spelled, MASK);
    }
    safe
}

/// Settings travel as text with tags of its own: if one of them speaks of a secret, none of the text is shown.
fn push_text(text: &str, safe: &mut String) {
    let lower = text.to_ascii_lowercase();
    let holds_tags = lower.contains("&lt;") || lower.contains("&#60;") || lower.contains("&#x3c;");
    let is_secret = holds_tags && SECRETS.iter().any(|secret| lower.contains(secret));
    safe.push_str(if is_secret { MASK } else { text });
}

fn element_name(tag: &str) -> &str {
    let name = tag.trim_start_matches('<');
    name.split([' ', '\t', '\r', '\n', '>', '/']).next().unwrap_or_default()
}

/// Returns whether a start tag, or the name that it gives a selector or a property, speaks of a secret.
fn names_a_secret(tag: &str) -> bool {
    if tag.starts_with("</") || tag.starts_with("<?") || tag.starts_with("<!") || tag.ends_with("/>") {
        return false;
    }
    let name = element_name(tag);
    let local = name.rsplit(':').next().unwrap_or(name);
    let named = ["Name=\"", "NAME=\"", "Name='", "NAME='"].iter().find_map(|start| tag.split_once(start));
    let given = named.and_then(|(_, rest)| rest.split(['"', '\'']).next()).unwrap_or_default();
    [local, given].iter().any(|name| {
        let name = name.to_ascii_lowercase();
        SECRETS.iter().any(|secret| name.contains(secret))
    })
}

/// Returns a password as it may stand in XML: as it is, and with the references that the writers of both
/// sides use.
fn spellings(password: &str) -> Vec<String> {
    let named = password.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quoted = named.replace('"', "&quot;").replace('\'', "&apos;");
    let mut spellings = vec![password.to_owned(), named, quoted];
    spellings.retain(|spelled| !spelled.is_empty());
    spellings.dedup();
    spellings
}

const MASK: &str = "***";
/// Parts of names that no message shows the content of.
const SECRETS: [&str; 5] = ["password", "passphrase", "secret", "credential", "privatekey"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_left_in_a_message() {
        for (text, safe) in [
            ("<a><p:Password>x</p:Password><b>y</b></a>", "<a><p:Password>***</p:Password><b>y</b></a>"),
            (
                "<p:AdminPassword a='1'><v>x</v></p:AdminPassword>",
                "<p:AdminPassword a='1'>***</p:AdminPassword>",
            ),
            (
                r#"<w:Selector Name="UserSecret">x</w:Selector>"#,
                r#"<w:Selector Name="UserSecret">***</w:Selector>"#,
            ),
            (
                r#"<PROPERTY NAME="Password" TYPE="string"><VALUE>x</VALUE></PROPERTY>"#,
                r#"<PROPERTY NAME="Password" TYPE="string">***</PROPERTY>"#,
            ),
            ("<Password/><b>swordfish</b>", "<Password/><b>***</b>"),
            ("<Password></Password><b>y</b>", "<Password></Password><b>y</b>"),
            ("<b>say swordfish &amp; enter</b>", "<b>say *** &amp; enter</b>"),
            (
                "<p:Settings>&lt;PROPERTY NAME=\"AdminPassword\"&gt;x</p:Settings>",
                "<p:Settings>***</p:Settings>",
            ),
            ("<Password>never closed", "<Password>***"),
        ] {
            assert_eq!(without_secrets(text, Some("swordfish")), safe);
        }
        assert_eq!(without_secrets("<b>a&amp;b&lt;</b>", Some("a&b<")), "<b>***</b>");
        assert_eq!(file_name("Get Msvm_X/../?"), "get-msvm_x-----");
    }
}

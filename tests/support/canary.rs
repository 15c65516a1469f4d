//! Hears everything that is logged, and knows how a secret may be spelled.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

/// Writes down everything: events, spans, and what comes through `log`.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    text: Arc<Mutex<String>>,
}

impl Recorder {
    fn write(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{} {} ", metadata.target(), metadata.level()));
        record(&mut line);
        line.0.push('\n');
        self.text.lock().unwrap().push_str(&line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.write(span.metadata(), |line| span.record(line));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Recorder {
    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }
}

/// Fails if a secret, or a piece of one, stands in the text in any spelling.
pub(crate) fn assert_silent(text: &str, secrets: &[Vec<u8>]) {
    for secret in secrets {
        for piece in pieces(secret) {
            for form in forms(piece) {
                assert!(!text.contains(&form), "{form} is in the log");
            }
        }
    }
}

/// A long secret may be printed in part.
fn pieces(secret: &[u8]) -> Vec<&[u8]> {
    assert!(secret.len() >= 8, "too short to be told from chance");
    let (middle, last) = (secret.len() / 2, secret.len().saturating_sub(18));
    match secret.len() {
        ..=54 => vec![secret],
        _ => vec![&secret[..18], &secret[middle..middle + 18], &secret[last..]],
    }
}

/// As numbers, as text, and in base64 from whatever byte its groups begin with.
fn forms(secret: &[u8]) -> Vec<String> {
    let joined =
        |print: fn(&u8) -> String, between: &str| secret.iter().map(print).collect::<Vec<_>>().join(between);
    let hex = |byte: &u8| format!("{byte:02x}");
    let mut forms: Vec<_> = ["", " ", ":", ", "].iter().map(|between| joined(hex, between)).collect();
    forms.extend(forms.clone().into_iter().map(|hex| hex.to_uppercase()));
    forms.push(joined(|byte| format!("{byte:x}"), ", "));
    // As `Debug` writes bytes, and bytes that are mostly text.
    forms.push(joined(u8::to_string, ", "));
    forms.push(secret.escape_ascii().to_string());
    for skipped in 0..3 {
        let groups = &secret[skipped..];
        let groups = &groups[..groups.len() / 3 * 3];
        forms.extend([STANDARD.encode(groups), URL_SAFE.encode(groups)]);
    }
    forms.extend(String::from_utf8(secret.to_vec()));
    forms
}

//! No password, hash, key or token of a full login appears in what is logged, by us or by anybody below.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use refpoint::auth::Binding;
use refpoint::transport::{Connection, Endpoint, Method, Tls, Trust};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::support::{PASSWORD, Peer, Request, USER, ask, http, https, options, start};

/// Writes down everything: events, spans, and what comes through `log`.
#[derive(Clone, Default)]
struct Recorder {
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

/// Each secret in each form it could be printed in.
fn forms(secret: &[u8]) -> Vec<String> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let spaced: Vec<_> = secret.iter().map(|byte| byte.to_string()).collect();
    let base64 = STANDARD.encode(secret);
    let mut forms = vec![
        hex.to_uppercase(),
        hex,
        // As `Debug` writes bytes, and what a cut-off base64 begins with.
        spaced.join(", "),
        base64[..base64.len().min(24)].to_owned(),
        STANDARD.encode(format!("{USER}:{PASSWORD}")),
    ];
    forms.extend(String::from_utf8(secret.to_vec()));
    forms
}

fn tokens(seen: &[Request]) -> Vec<Vec<u8>> {
    let values = seen.iter().filter_map(|request| request.header("authorization"));
    let tokens = values.filter_map(|value| value.split_once(' ')).map(|(_, token)| token);
    tokens.map(|token| STANDARD.decode(token).unwrap()).collect()
}

#[test]
fn nothing_secret_is_logged_by_anybody() {
    let recorder = Recorder::default();
    // `log` is global: rustls speaks through it.
    tracing_log::LogTracer::init().unwrap();
    let guard = tracing::subscriber::set_default(recorder.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let hash = Md4::digest(utf16(PASSWORD)).to_vec();
    let mut key = Hmac::<Md5>::new_from_slice(&hash).unwrap();
    key.update(&utf16("MIALAB"));
    let mut secrets = vec![PASSWORD.into(), utf16(PASSWORD), hash, key.finalize().into_bytes().to_vec()];
    for method in [Method::Ntlm, Method::Negotiate, Method::Basic] {
        for tls in [false, true] {
            let seen = runtime.block_on(log_in(method, tls));
            secrets.extend(tokens(&seen));
        }
    }
    drop(guard);

    let text = recorder.text.lock().unwrap().clone();
    for expected in ["logged in", "login leg", "exchange", "rustls"] {
        assert!(text.contains(expected), "the recorder hears nothing of {expected:?}:\n{text}");
    }
    for secret in secrets {
        for form in forms(&secret) {
            assert!(!text.contains(&form), "{form} is in the log");
        }
    }
}

async fn log_in(method: Method, tls: bool) -> Vec<Request> {
    let mut options = options(method);
    options.login.allow_cleartext = true;
    options.tls = Tls::new(Trust::Anything);
    let (endpoint, peer): (Endpoint, _) = match tls {
        false => (http(), Peer::for_method(method)),
        true => (https(), Peer::behind_tls(method, Binding::Ignore)),
    };
    let seen = peer.seen.clone();
    let stream = if tls { crate::tls::start(peer) } else { start(peer) };
    let mut connection = Connection::over(stream, &endpoint, options).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
    drop(connection);
    let seen = seen.lock().unwrap().clone();
    assert!(tokens(&seen).iter().all(|token| !token.is_empty()));
    seen
}

//! No password, key, ticket or token of a Kerberos login appears in what is logged; the same for NTLM is in
//! tests/transport.

use std::path::PathBuf;
use std::sync::Arc;

use refpoint::auth::{Binding, Credentials, Mechanism, kerberos, negotiate};
use refpoint::transport::{Connection, Endpoint, Login, Method, Options, Tls, Trust};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;

use crate::kerberos::{directory, host_keytab, keytab, password, tickets};
use crate::realm::PASSWORD;
use crate::recorder::{Recorder, assert_silent};
use crate::support::{Peer, ask, start, tokens};

/// Reads the formats of MIT's library: big-endian numbers, and bytes behind their length.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn u16(&mut self) -> usize {
        u16::from_be_bytes(self.take(2).try_into().unwrap()).into()
    }

    fn u32(&mut self) -> usize {
        u32::from_be_bytes(self.take(4).try_into().unwrap()) as usize
    }

    fn data(&mut self) -> &'a [u8] {
        let length = self.u32();
        self.take(length)
    }

    fn principal(&mut self) {
        self.u32();
        for _ in 0..=self.u32() {
            self.data();
        }
    }

    /// Addresses or authorization data: a kind and bytes, so many times.
    fn kinds(&mut self) {
        for _ in 0..self.u32() {
            self.u16();
            self.data();
        }
    }
}

/// Returns the keys of a keytab, format 0x502.
fn keys_of_keytab(path: PathBuf) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let mut file = Cursor { rest: &bytes };
    assert_eq!(file.u16(), 0x502);
    let mut keys = Vec::new();
    while !file.rest.is_empty() {
        let mut entry = Cursor { rest: file.data() };
        for _ in 0..=entry.u16() {
            let length = entry.u16();
            entry.take(length);
        }
        // Kind of name, time, version, kind of key.
        entry.take(4 + 4 + 1 + 2);
        let length = entry.u16();
        keys.push(entry.take(length).to_vec());
    }
    keys
}

/// Returns session keys and tickets of a cache, format 0x504.
fn secrets_of_cache(path: PathBuf) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let mut file = Cursor { rest: &bytes };
    assert_eq!(file.u16(), 0x504);
    let length = file.u16();
    file.take(length);
    file.principal();
    let mut secrets = Vec::new();
    while !file.rest.is_empty() {
        file.principal();
        file.principal();
        file.u16();
        let key = file.data();
        // Four times, one mark, the flags.
        file.take(16 + 1 + 4);
        file.kinds();
        file.kinds();
        let (ticket, _second) = (file.data(), file.data());
        // Notes of the library's have neither key nor ticket of their own.
        if !key.is_empty() {
            secrets.extend([key.to_vec(), ticket.to_vec()]);
        }
    }
    secrets
}

pub(crate) fn acceptor(method: Method, tls: bool) -> Box<dyn Mechanism> {
    let acceptor = kerberos::Acceptor::new(host_keytab());
    let acceptor = if tls { acceptor.behind_tls(Binding::Ignore) } else { acceptor };
    match method {
        Method::Kerberos => Box::new(acceptor),
        _ => Box::new(negotiate::Acceptor::new(None, Some(acceptor))),
    }
}

/// Logs in and exchanges, and returns the tokens that were sent.
async fn log_in(method: Method, credentials: Credentials, tls: bool) -> Vec<Vec<u8>> {
    let peer = Peer::new(acceptor(method, tls));
    let seen = peer.seen.clone();
    let mut options = Options::new(Login::new(credentials).with(method));
    options.tls = Tls::new(Trust::Anything);
    let protocol = if tls { "https" } else { "http" };
    let endpoint: Endpoint = format!("{protocol}://{}", crate::HOST).parse().unwrap();
    let stream = if tls { start_behind_tls(peer) } else { start(peer) };
    let mut connection = Connection::over(stream, &endpoint, options).await.unwrap();
    assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, b"echo <s/>");
    let seen = seen.lock().unwrap().clone();
    tokens(&seen)
}

/// Starts a peer behind a certificate of its own.
fn start_behind_tls(peer: Peer) -> DuplexStream {
    let key = rcgen::generate_simple_self_signed([crate::HOST.to_owned()]).unwrap();
    let (certificate, key) =
        (key.cert.der().clone(), PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key.into()).unwrap();
    let (near, far) = duplex(64 << 10);
    tokio::spawn(async move {
        peer.serve(TlsAcceptor::from(Arc::new(config)).accept(far).await.unwrap()).await;
    });
    near
}

mod inside {
    use super::*;

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn nothing_secret_of_a_ticket_is_logged_by_anybody() {
        let recorder = Recorder::default();
        // For all threads: the library is asked on one where it may block.
        tracing_log::LogTracer::init().unwrap();
        tracing::subscriber::set_global_default(recorder.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let utf16 = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut secrets = vec![PASSWORD.into(), utf16];
        for method in [Method::Kerberos, Method::Negotiate] {
            for credentials in [tickets(), password(), keytab()] {
                for tls in [false, true] {
                    let tokens = runtime.block_on(log_in(method, credentials.clone(), tls));
                    assert_eq!(tokens.len(), 1);
                    secrets.extend(tokens);
                }
            }
        }
        let cache = secrets_of_cache(directory().join("cache"));
        assert!(cache.len() >= 4, "a ticket of the realm's and one of the host's, each with its key");
        // Where a login stands in our own hands, so does its ticket: what is searched for is what was used.
        let ticket = cache.last().unwrap();
        assert!(
            secrets.iter().any(|token| token.windows(64).any(|part| part == &ticket[ticket.len() - 64..]))
        );
        secrets.extend(cache);
        for name in ["host.keytab", "mia.keytab"] {
            let keys = keys_of_keytab(directory().join(name));
            assert!(keys.iter().all(|key| [16, 32].contains(&key.len())), "{name}");
            secrets.extend(keys);
        }

        let text = recorder.text();
        for expected in ["logged in", "login leg", "exchange", "rustls", "mechanism=Kerberos"] {
            assert!(text.contains(expected), "the recorder hears nothing of {expected:?}:\n{text}");
        }
        assert_silent(&text, &secrets);
    }
}

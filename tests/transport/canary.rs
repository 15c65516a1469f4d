//! No password, hash, key or token of a full login appears in what is logged, by us or by anybody below.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use rc4::{Rc4, StreamCipher};
use refpoint::auth::ntlm::{Flags, Message, Sealer, Side};
use refpoint::auth::spnego::NegToken;
use refpoint::auth::{Binding, Secret, sealed};
use refpoint::transport::{Connection, Endpoint, Error, Method, Tls, Trust};

use crate::recorder::{Recorder, assert_silent};
use crate::support::{
    PASSWORD, Peer, Request, USER, ask, connect, http, https, options, script, start, tokens,
};

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hmac_md5(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// Returns the keys of the session that this token set up, as the acceptor learns them: [MS-NLMP] 3.2.5.1.2
/// and 3.4.5.
fn session_keys(token: &[u8], response_key: &[u8]) -> Option<Vec<Vec<u8>>> {
    let inner = match NegToken::decode(token) {
        Ok(NegToken::Response(response)) => response.response_token?,
        _ => token.to_vec(),
    };
    let Ok(Message::Authenticate(message)) = Message::decode(&inner) else { return None };
    let base = hmac_md5(response_key, &message.nt_response[..16]);
    let mut exported = message.encrypted_session_key;
    assert_eq!(exported.len(), 16);
    Rc4::new_from_slice(&base).unwrap().apply_keystream(&mut exported);
    let mut keys = vec![base];
    for way in ["client-to-server", "server-to-client"] {
        for purpose in ["signing", "sealing"] {
            let magic = format!("session key to {way} {purpose} key magic constant\0");
            keys.push(Md5::digest([&exported, magic.as_bytes()].concat()).to_vec());
        }
    }
    keys.push(exported);
    Some(keys)
}

/// The key is the one that sealed this, and not just any.
fn assert_opens(key: &[u8], request: &Request) {
    let key = Secret::new(<[u8; 16]>::try_from(key).unwrap());
    let mut sealer = Sealer::new(&key, Flags::WANTED, Side::Server);
    let content_type = request.header("content-type").unwrap();
    let opened = sealed::open(&mut sealer, content_type, request.body.clone(), usize::MAX).unwrap();
    assert_eq!(opened.message, b"<s/>");
}

// In a process of its own: whether a line of code is heard is remembered for the whole process, and other tests,
// which listen to nothing, may just be passing it.
#[test]
fn nothing_secret_is_logged_by_anybody() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--ignored", "--exact", "canary::nothing_secret_is_logged"]);
    let output = alone.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(" 1 passed"), "{out}\n{err}");
}

#[test]
#[ignore = "run by nothing_secret_is_logged_by_anybody"]
fn nothing_secret_is_logged() {
    let recorder = Recorder::default();
    // `log` is global: rustls speaks through it.
    tracing_log::LogTracer::init().unwrap();
    let guard = tracing::subscriber::set_default(recorder.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hash = Md4::digest(utf16(PASSWORD)).to_vec();
    let key = hmac_md5(&hash, &utf16("MIALAB"));
    let both = format!("{USER}:{PASSWORD}").into_bytes();
    let mut secrets = vec![PASSWORD.into(), utf16(PASSWORD), hash, key.clone(), both];
    let mut sessions = 0;
    for method in [Method::Ntlm, Method::Negotiate, Method::Basic] {
        for tls in [false, true] {
            let seen = runtime.block_on(log_in(method, tls));
            for token in tokens(&seen) {
                if let Some(keys) = session_keys(&token, &key) {
                    sessions += 1;
                    if (method, tls) == (Method::Ntlm, false) {
                        assert_opens(keys.last().unwrap(), seen.last().unwrap());
                    }
                    secrets.extend(keys);
                }
                secrets.push(token);
            }
        }
    }
    drop(guard);
    assert_eq!(sessions, 4, "NTLM and SPNEGO, with TLS and without");

    let text = recorder.text();
    for expected in ["logged in", "login leg", "exchange", "rustls", "certificate not verified", "in clear"] {
        assert!(text.contains(expected), "the recorder hears nothing of {expected:?}:\n{text}");
    }
    assert_silent(&text, &secrets);
}

// Or the test above could not fail.
#[test]
fn a_secret_is_found_in_any_spelling() {
    let key: Vec<u8> = (0x10..0x20).map(|byte: u8| byte.wrapping_mul(11)).collect();
    for text in [
        format!("{key:?}"),
        format!("{key:02x?}"),
        format!("{key:x?}"),
        format!("before {} after", String::from_utf8_lossy(PASSWORD.as_bytes())),
        STANDARD.encode([b"x", &key[..]].concat()),
    ] {
        let secrets = [key.clone(), PASSWORD.into()];
        let found = std::panic::catch_unwind(|| assert_silent(&text, &secrets));
        assert!(found.is_err(), "{text}");
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

/// All that an error says, in whatever way it is asked.
fn said(error: &Error) -> String {
    let mut text = format!("{error:?} {error} {:?}", error.location());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause:?} {cause}"));
        source = cause.source();
    }
    text
}

/// Answers that repeat what they were sent, wherever there is room for it.
fn echoes(text: &str) -> Vec<String> {
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped: String = text.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let page = format!("<h1>no</h1> you said {text} or {percent} or {escaped} or {text}");
    let mut answers = vec![
        format!("302 x\r\nLocation: https://evil.test/{text}/x\r\nContent-Length: 0\r\n\r\n"),
        format!("302 x\r\nLocation: https://evil.test/?{escaped}\r\nContent-Length: 0\r\n\r\n"),
        format!("302 x\r\nLocation: https://{percent}@evil.test/\r\nContent-Length: 0\r\n\r\n"),
        format!("302 x\r\nLocation: https://evil.test/{percent}\r\nContent-Length: 0\r\n\r\n"),
        format!("401 x\r\nWWW-Authenticate: {text}\r\nContent-Length: 0\r\n\r\n"),
        format!("401 x\r\nWWW-Authenticate: Basic realm=\"{text}\"\r\nContent-Length: 0\r\n\r\n"),
        format!("401 {text}\r\nWWW-Authenticate: Negotiate {text}\r\nContent-Length: 0\r\n\r\n"),
        format!("200 x\r\nContent-Type: {text}\r\nContent-Length: 2\r\n\r\nno"),
        format!("200 x\r\nContent-Type: text/xml\r\nContent-Encoding: {text}\r\nContent-Length: 2\r\n\r\nno"),
        format!("200 x\r\n{text} x\r\nContent-Length: 0\r\n\r\n"),
    ];
    for status in [200, 400, 403, 404, 407, 500, 503] {
        let length = page.len();
        answers.push(format!(
            "{status} {text}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
        ));
    }
    answers.into_iter().map(|answer| format!("HTTP/1.1 {answer}")).collect()
}

#[test]
fn what_a_host_repeats_of_a_login_is_repeated_by_nobody() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--ignored", "--exact", "canary::what_a_host_repeats_of_a_login_is_not_repeated"]);
    let output = alone.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(" 1 passed"), "{out}\n{err}");
}

#[test]
#[ignore = "run by what_a_host_repeats_of_a_login_is_repeated_by_nobody"]
fn what_a_host_repeats_of_a_login_is_not_repeated() {
    let recorder = Recorder::default();
    tracing_log::LogTracer::init().unwrap();
    let guard = tracing::subscriber::set_default(recorder.clone());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let both = format!("{USER}:{PASSWORD}");
    let token = STANDARD.encode(&both);
    let mut options = options(Method::Basic);
    options.login.allow_cleartext = true;
    let mut errors = String::new();
    for echoed in [PASSWORD, &both, &token, token.trim_end_matches('='), &format!("Basic {token}")] {
        for answer in echoes(echoed) {
            let entered: &[u8] = b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n";
            for script_of in [&[answer.as_bytes()][..], &[entered, answer.as_bytes()]] {
                let error = runtime.block_on(async {
                    let stream = script(script_of, true);
                    let mut connection = Connection::over(stream, &http(), options.clone()).await?;
                    ask(&mut connection, "<s/>").await.map(|reply| panic!("{reply:?}"))
                });
                errors.push_str(&said(&error.unwrap_err()));
                errors.push('\n');
            }
        }
    }
    // A first token of NTLM, which is short.
    let peer = Peer::for_method(Method::Ntlm);
    let seen = peer.seen.clone();
    runtime.block_on(async { connect(Method::Ntlm, peer).await.unwrap() });
    let legs = tokens(&seen.lock().unwrap());
    let first = STANDARD.encode(&legs[0]);
    for answer in echoes(&first) {
        let error = runtime.block_on(async {
            Connection::over(
                script(&[answer.as_bytes()], true),
                &http(),
                crate::support::options(Method::Ntlm),
            )
            .await
        });
        errors.push_str(&said(&error.unwrap_err()));
    }
    drop(guard);

    let text = recorder.text();
    assert!(text.contains("exchange failed") && text.contains("login leg"), "{text}");
    let percent: String = PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped: String = PASSWORD.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let secrets = [PASSWORD.into(), both.into_bytes(), percent.into(), escaped.into(), legs[0].clone()];
    assert_silent(&text, &secrets);
    assert_silent(&errors, &secrets);
    assert!(errors.contains("something other than SOAP (text/html)"), "{errors}");
}

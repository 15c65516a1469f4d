//! Single steps to a host: what they see, and what they do not send.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use refpoint::auth::Scheme;
use refpoint::transport::{
    CertificateProblem, Endpoint, Error, Fingerprint, Method, Options, Problem, Tls, TlsError, Trust, look,
    reach, resolve, welcome,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::options;

fn trusting(trust: Trust) -> Options {
    Options { tls: Tls::new(trust), ..options(Method::Negotiate) }
}

/// Serves TLS once for each connection; returns where, the certificate, and what comes behind the handshakes.
async fn tls_server() -> (Endpoint, Vec<u8>, tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let der = made.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = config.with_no_client_auth().with_single_cert(vec![der.clone()], private).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, came) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut said = Vec::new();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read_to_end(&mut said).await;
            }
            let _ = heard.send(said);
        }
    });
    (format!("https://localhost:{port}").parse().unwrap(), der.to_vec(), came)
}

#[tokio::test]
async fn a_certificate_is_seen_whatever_is_wrong_with_it_and_nothing_is_sent_behind_the_handshake() {
    let (endpoint, der, mut came) = tls_server().await;
    let fingerprint = Fingerprint::of(&der);
    let other: Fingerprint = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let unknown =
        TlsError::Certificate { problem: CertificateProblem::UnknownIssuer, fingerprint: Some(fingerprint) };
    for (trust, refusal) in [
        (Trust::System, Some(unknown)),
        (Trust::Pin(fingerprint), None),
        (Trust::Pin(other), Some(TlsError::NotThePinned { expected: other, found: fingerprint })),
        (Trust::Anything, None),
    ] {
        let seen = look(&endpoint, &trusting(trust.clone())).await.unwrap();
        assert_eq!(seen.refusal, refusal, "{trust:?}");
        assert_eq!((seen.version.as_str(), &seen.chain), ("TLSv1.3", &vec![der.clone()]));
        assert!(!seen.asks);
        assert_eq!(came.recv().await.unwrap(), b"", "{trust:?}");
    }
}

/// Answers each request with that; returns where, and what was asked.
async fn server(answer: &'static str) -> (Endpoint, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") {
                let mut one = [0];
                if stream.read(&mut one).await.unwrap_or(0) == 0 {
                    break;
                }
                bytes.push(one[0]);
            }
            let _ = heard.send(String::from_utf8(bytes).unwrap());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://127.0.0.1:{port}").parse().unwrap(), asked)
}

#[tokio::test]
async fn a_service_is_asked_how_to_log_in_without_a_word_of_who_asks() {
    let answer = "HTTP/1.1 401 \r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos\r\n\
                  WWW-Authenticate: Basic realm=\"WSMAN\"\r\nContent-Length: 0\r\n\r\n";
    let (endpoint, mut asked) = server(answer).await;
    let found = welcome(&endpoint, &options(Method::Basic)).await.unwrap();
    assert_eq!(found.schemes, [Scheme::Negotiate, Scheme::Kerberos, Scheme::Basic]);
    assert_eq!(found.offered, "Negotiate, Kerberos, Basic");
    let request = asked.recv().await.unwrap();
    assert!(!request.to_lowercase().contains("authorization"), "{request}");
    assert!(request.contains("Content-Length: 0"), "{request}");
}

#[tokio::test]
async fn whoever_wants_no_login_is_no_winrm() {
    let (endpoint, _asked) = server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    let Err(Error::Answer(answer)) = welcome(&endpoint, &options(Method::Negotiate)).await else { panic!() };
    assert_eq!(answer.problem, Problem::NotFound);
    let (endpoint, _asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let Err(error) = welcome(&endpoint, &options(Method::Negotiate)).await else { panic!() };
    assert!(matches!(error, Error::Answer(_)) && error.was_not_sent(), "{error:?}");
}

#[tokio::test]
async fn addresses_are_looked_up_and_connected_to_one_by_one() {
    let addresses = resolve("127.0.0.1", 5985).await.unwrap();
    assert_eq!(addresses, ["127.0.0.1:5985".parse().unwrap()]);
    assert!(matches!(resolve("hv01.invalid", 1).await, Err(Error::NotResolved { .. })));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    reach(address, Duration::from_secs(10)).await.unwrap();
    drop(listener);
    let refused = reach(address, Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

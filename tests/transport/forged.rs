//! Somebody sits on the way: he lets a sealed request through, which the host carries out, and answers it
//! himself. Whatever he says is not under the seal, so that nothing may follow from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use refpoint::transport::{Answer, Connection, Endpoint, Error, Fate, Method, Problem};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{Peer, Request, Response, SOAP, ask, connect, options};

const SEALING: [Method; 2] = [Method::Ntlm, Method::Negotiate];

/// A host behind somebody who answers the first operation on its first socket with that.
async fn behind_a_forger(method: Method, forged: fn() -> Response) -> (Endpoint, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let executed = Arc::new(AtomicUsize::new(0));
    let count = executed.clone();
    tokio::spawn(async move {
        for evil in [true, false, false] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let count = count.clone();
            let operation = move |body: &[u8]| {
                count.fetch_add(1, Ordering::SeqCst);
                [b"echo ", body].concat()
            };
            let spoil = move |response| if evil { forged() } else { response };
            let mut peer = Peer::for_method(method).operation(operation).spoil(spoil);
            while let Some(request) = Request::read(&mut socket).await {
                socket.write_all(&peer.answer(&request).to_bytes()).await.unwrap();
            }
        }
    });
    (endpoint, executed)
}

fn forgotten() -> Response {
    Response::new(401).header("WWW-Authenticate", "Negotiate")
}

#[tokio::test]
async fn a_forged_401_does_not_make_us_ask_twice() {
    for method in SEALING {
        let (endpoint, executed) = behind_a_forger(method, forgotten).await;
        let mut connection = Connection::open(&endpoint, options(method)).await.unwrap();
        let error = ask(&mut connection, "<export/>").await.unwrap_err();
        assert!(matches!(&error, Error::LoginExpired { fate: Fate::Unknown, .. }), "{error:?}");
        assert!(!error.was_not_sent() && error.is_login() && !connection.is_usable());
        assert_eq!((executed.load(Ordering::SeqCst), connection.logins()), (1, 1), "{method:?}");
        // The next request is another one, and its login a new one.
        connection.reconnect().await.unwrap();
        assert_eq!(ask(&mut connection, "<other/>").await.unwrap().body, b"echo <other/>");
        assert_eq!((executed.load(Ordering::SeqCst), connection.logins()), (2, 2), "{method:?}");
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_after_a_401_on_a_new_login() {
    for method in SEALING {
        let (endpoint, executed) = behind_a_forger(method, forgotten).await;
        let mut connection = Connection::open(&endpoint, options(method)).await.unwrap();
        let reply = connection.exchange_repeatable("<get/>", SOAP).await.unwrap();
        assert_eq!(reply.body, b"echo <get/>");
        assert_eq!((executed.load(Ordering::SeqCst), connection.logins()), (2, 2), "{method:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_beside_the_seal_proves_that_nothing_was_done() {
    let later = || Problem::Unavailable { retry_after: None };
    let page = || Problem::NotSoap { content_type: "text/html".into(), excerpt: "no".into() };
    let moved = || Problem::Redirect { location: "http://evil.test/".into() };
    type Forged = fn() -> Response;
    let cases: [(u16, Forged, Problem, bool); 13] = [
        (200, || Response::new(200), Problem::Clear, false),
        (204, || Response::new(204), Problem::Clear, false),
        (200, || Response::new(200).body("text/html", "<h1>no</h1>"), page(), false),
        (302, || Response::new(302).header("Location", "http://evil.test/"), moved(), false),
        (400, || Response::new(400), Problem::BadRequest, false),
        (403, || Response::new(403).body("text/html", "<h1>no</h1>"), Problem::Forbidden, false),
        (404, || Response::new(404), Problem::NotFound, false),
        (407, || Response::new(407), Problem::ProxyLogin, false),
        (413, || Response::new(413), Problem::TooLarge, false),
        (415, || Response::new(415), Problem::MediaType, false),
        (500, || Response::new(500), Problem::EmptyFailure, false),
        (503, || Response::new(503), later(), true),
        (404, || Response::new(404).body(SOAP, "<s:Envelope/>"), Problem::Clear, false),
    ];
    for method in SEALING {
        for (status, forged, expected, retryable) in &cases {
            let forged = *forged;
            let peer = Peer::for_method(method).spoil(move |_| forged());
            let executed = peer.executed.clone();
            let mut connection = connect(method, peer).await.unwrap();
            let error = ask(&mut connection, "<export/>").await.unwrap_err();
            let Error::Answer(Answer { problem, fate, .. }) = &error else { panic!("{status}: {error:?}") };
            assert_eq!((problem, fate), (expected, &Fate::Unknown), "{status}");
            assert!(!error.was_not_sent() && error.is_retryable() == *retryable, "{status}");
            assert!(!connection.is_usable(), "{status}");
            assert_eq!(executed.load(Ordering::SeqCst), 1, "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beside_the_seal_is_heard_and_leaves_the_fate_unknown() {
    let peer = Peer::for_method(Method::Ntlm).spoil(|_| Response::new(503).header("Retry-After", "120"));
    let mut connection = connect(Method::Ntlm, peer).await.unwrap();
    let error = ask(&mut connection, "<export/>").await.unwrap_err();
    let Error::Answer(answer) = &error else { panic!("{error:?}") };
    assert_eq!(answer.problem, Problem::Unavailable { retry_after: Some(Duration::from_secs(120)) });
    assert_eq!(answer.fate, Fate::Unknown);
}

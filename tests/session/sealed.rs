//! A session on a connection whose bodies are sealed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use refpoint::cim::Catalog;
use refpoint::client::{Dial, Method, Session, Target, TransportError};
use refpoint::transport::Connection;
use refpoint::wsman::decode_request;
use refpoint::xml::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::peer::{Peer, Request, Response, http, options, start};
use crate::support::{Answer, call, machine, path, succeed};

/// Carries out what a sealed request asks for.
fn carry_out(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap();
    let incoming = decode_request(text, Catalog::bundled(), &Limits::default()).unwrap();
    match succeed(&incoming) {
        Answer::Message(text) => text.into_bytes(),
        _ => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_session_asks_and_hears_is_sealed() {
    for method in [Method::Ntlm, Method::Negotiate] {
        let dial = Dial::new(move |endpoint, options| async move {
            let peer = Peer::for_method(method).operation(carry_out);
            Connection::over(start(peer), &endpoint, options).await
        });
        let mut session = Session::with(Target::new(http(), options(method)), dial).await.unwrap();
        assert_eq!(session.get(&path()).await.unwrap(), machine(1));
        assert_eq!(session.invoke(&call()).await.unwrap().code(), Some(0));
        let logged_in = session.logged_in().unwrap();
        assert!(logged_in.is_sealed && logged_in.warnings.is_empty());
        assert_eq!(logged_in.report.chosen.to_string(), "NTLMv2");
    }
}

/// Starts a host behind somebody who lets each request through and answers those of the first socket with 401.
async fn behind_a_forger(method: Method) -> (Target, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let executed = Arc::new(AtomicUsize::new(0));
    let count = executed.clone();
    tokio::spawn(async move {
        let mut evil = true;
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let count = count.clone();
            let forged = || Response::new(401).header("WWW-Authenticate", "Negotiate");
            let mut peer = Peer::for_method(method)
                .operation(move |body| {
                    count.fetch_add(1, Ordering::SeqCst);
                    carry_out(body)
                })
                .spoil(move |response| if evil { forged() } else { response });
            evil = false;
            while let Some(request) = Request::read(&mut socket).await {
                socket.write_all(&peer.answer(&request).to_bytes()).await.unwrap();
            }
        }
    });
    (Target::new(endpoint, options(method)), executed)
}

#[tokio::test]
async fn a_forged_401_never_makes_a_method_run_twice() {
    for method in [Method::Ntlm, Method::Negotiate] {
        let (target, executed) = behind_a_forger(method).await;
        let mut session = Session::open(target).await.unwrap();
        let error = session.invoke(&call()).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
        assert!(matches!(error.transport(), Some(TransportError::LoginExpired { .. })), "{error:?}");
        assert_eq!((executed.load(Ordering::SeqCst), session.counters().logins), (1, 1));
        // The session goes on, on a new login.
        session.get(&path()).await.unwrap();
        assert_eq!((executed.load(Ordering::SeqCst), session.counters().logins), (2, 2));
    }
}

#[tokio::test]
async fn a_read_survives_a_401_that_nobody_proved() {
    let (target, _) = behind_a_forger(Method::Ntlm).await;
    let mut session = Session::open(target).await.unwrap();
    assert_eq!(session.get(&path()).await.unwrap(), machine(1));
    assert_eq!(session.counters().logins, 2);
}

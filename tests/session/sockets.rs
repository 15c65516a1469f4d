//! What only a connection shows that was made by the library itself, on loopback.

use std::sync::{Arc, Mutex};

use refpoint::client::{
    Credentials, Login, Method, Options, Session, Target, TransportError, identify_anonymously,
};
use refpoint::transport::{Answer, IDENTIFY, Problem};
use refpoint::wsman::{Identify, Identity, RequestHeader, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{call, message};

/// Answers every request on every connection with what a function says of its head and body; returns what came
/// in.
async fn listen(
    answer: impl Fn(&str, &str) -> String + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let (answer, written) = (Arc::new(answer), seen.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (answer, written) = (answer.clone(), written.clone());
            tokio::spawn(async move {
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).unwrap().to_lowercase();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
                    let mut body = vec![0; length.trim().parse().unwrap()];
                    stream.read_exact(&mut body).await.unwrap();
                    let body = String::from_utf8(body).unwrap();
                    let reply = answer(&head, &body);
                    written.lock().unwrap().push((head, body));
                    stream.write_all(reply.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, seen)
}

fn target(address: &str) -> Target {
    let mut login = Login::new(Credentials::password("mia", "Swordfish-7391")).with(Method::Basic);
    login.allow_cleartext = true;
    Target::new(format!("http://{address}").parse().unwrap(), Options::new(login))
}

fn status(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} \r\n{headers}Content-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn a_host_that_forgets_every_login_is_logged_in_to_twice_and_no_more() {
    let (address, seen) = listen(|_, body| match body.is_empty() {
        true => status(200, ""),
        false => status(401, "WWW-Authenticate: Basic realm=\"WSMAN\"\r\n"),
    })
    .await;
    let mut session = Session::open(target(&address)).await.unwrap();
    let error = session.invoke(&call()).await.unwrap_err();
    assert!(matches!(error.transport(), Some(TransportError::LoginExpired { .. })), "{error:?}");
    assert!(!error.is_outcome_unknown());
    let logins = seen.lock().unwrap().iter().filter(|(_, body)| body.is_empty()).count();
    assert_eq!((logins, session.counters().logins), (2, 2));
}

#[tokio::test]
async fn who_answers_there_can_be_asked_without_saying_who_asks() {
    let (address, seen) = listen(|_, _| {
        let identity =
            Identity { version: Some("OS: 0.0.0 SP: 0.0 Stack: 3.0".into()), ..Identity::default() };
        let text = message(None, &Identify, Ok(&identity));
        let head =
            format!("Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: {}", text.len());
        format!("HTTP/1.1 200 \r\n{head}\r\n\r\n{text}")
    })
    .await;
    let identity = identify_anonymously(&target(&address)).await.unwrap();
    assert_eq!(identity.version.as_deref(), Some("OS: 0.0.0 SP: 0.0 Stack: 3.0"));
    let seen = seen.lock().unwrap();
    let [(head, body)] = &seen[..] else { panic!("{seen:?}") };
    assert!(head.contains("\r\nwsmanidentify: unauthenticated\r\n"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
    assert_eq!(body, IDENTIFY);
}

#[tokio::test]
async fn a_host_that_wants_a_login_first_says_so() {
    let (address, _) = listen(|_, _| status(401, "WWW-Authenticate: Negotiate\r\n")).await;
    let error = identify_anonymously(&target(&address)).await.unwrap_err();
    let Some(TransportError::Answer(Answer { problem: Problem::LoginWanted { offered }, .. })) =
        error.transport()
    else {
        panic!("{error:?}")
    };
    assert_eq!(offered, "Negotiate");
    assert!(error.is_login() && !error.is_retryable());
}

#[tokio::test]
async fn nobody_on_a_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = Session::open(target(&address)).await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_login(), "{error:?}");
    assert!(identify_anonymously(&target(&address)).await.unwrap_err().is_unreachable());
}

#[test]
fn what_leaves_without_a_login_is_identify_and_nothing_else() {
    let header = RequestHeader::new("", "");
    assert_eq!(encode_request(&header, &Identify).unwrap(), IDENTIFY);
}

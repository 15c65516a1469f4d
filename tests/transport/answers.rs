//! What is not a reply, and what is one though it looks odd.

use std::time::Duration;

use refpoint::transport::{Answer, Connection, Error, Fate, Method, Problem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Peer, Request, Response, ask, connect, http, options, scripted};

async fn answered(raw: &str) -> Result<Vec<u8>, Error> {
    let mut connection = scripted(&[raw.as_bytes()], true).await.unwrap();
    ask(&mut connection, "<s/>").await.map(|reply| reply.body)
}

async fn problem(raw: &str) -> Answer {
    match answered(raw).await {
        Err(Error::Answer(answer)) => answer,
        other => panic!("{raw}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn odd_but_good_answers_are_replies() {
    for raw in [
        "HTTP/1.1 200 \r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: 4\r\n\r\n<r/>",
        "HTTP/1.1 200\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<r/>",
        "HTTP/1.1 200 Success\r\ncontent-type: Application/SOAP+XML\r\ncontent-length:4\r\n\r\n<r/>",
        "HTTP/1.1 500 x\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<r/>",
        "HTTP/1.1 400 x\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<r/>",
        "HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<r/>\r\n0\r\n\r\n",
        "HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nContent-Encoding: identity\r\nContent-Length: 4\r\n\r\n<r/>",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 x\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<r/>",
        "HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n<r/>",
    ] {
        assert_eq!(answered(raw).await.unwrap(), b"<r/>", "{raw}");
    }
    let trailers = "HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n\
        4\r\n<r/>\r\n0\r\nX: y\r\n";
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 \r\n\r\n\
        HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<r/>";
    assert_eq!(answered(&format!("{trailers}\r\n")).await.unwrap(), b"<r/>");
    assert_eq!(answered(early).await.unwrap(), b"<r/>");
    let endless = format!("{trailers}{}\r\n", "Y: zzzzzzzzzzzzzzzz\r\n".repeat(5000));
    let error = answered(&endless).await.unwrap_err();
    assert!(matches!(error, Error::Framing { fate: Fate::Unknown, .. }), "{error:?}");
    for raw in ["HTTP/1.1 204 \r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"] {
        assert_eq!(answered(raw).await.unwrap(), b"", "{raw}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_status_has_its_problem_and_its_fate() {
    let cases = [
        ("400 x", Problem::BadRequest, Fate::Unknown, false),
        ("403 x", Problem::Forbidden, Fate::NotSent, false),
        ("404 x", Problem::NotFound, Fate::NotSent, false),
        ("407 x", Problem::ProxyLogin, Fate::NotSent, false),
        ("413 x", Problem::TooLarge, Fate::NotSent, false),
        ("415 x", Problem::MediaType, Fate::NotSent, false),
        ("500 x", Problem::EmptyFailure, Fate::Unknown, false),
        ("502 x", Problem::Unavailable { retry_after: None }, Fate::Unknown, true),
        ("503 x", Problem::Unavailable { retry_after: None }, Fate::Unknown, true),
        ("418 x", Problem::Other, Fate::Unknown, false),
    ];
    for (status, expected, fate, retryable) in cases {
        let answer = problem(&format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!((&answer.problem, answer.fate), (&expected, fate), "{status}");
        assert_eq!(answer.is_retryable(), retryable, "{status}");
        assert_eq!(answer.hint().is_none(), matches!(expected, Problem::BadRequest | Problem::Other));
    }
    let busy = problem("HTTP/1.1 503 x\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(busy.problem, Problem::Unavailable { retry_after: Some(Duration::from_secs(120)) });
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_reported_and_not_followed() {
    let raw = "HTTP/1.1 307 x\r\nLocation: https://evil.test/wsman\r\nContent-Length: 0\r\n\r\n";
    let mut connection = scripted(&[raw.as_bytes()], true).await.unwrap();
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    assert_eq!(error.location(), Some("https://evil.test/wsman"));
    assert!(error.was_not_sent() && !error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_page_is_named_with_its_beginning_unless_it_may_repeat_the_password() {
    let page = "<html><body><h1>Blocked</h1>\x1b]0;x\x07 by policy</body></html>";
    let peer = Peer::for_method(Method::Negotiate).spoil(move |_| Response::new(200).body("text/html", page));
    let error = ask(&mut connect(Method::Negotiate, peer).await.unwrap(), "<s/>").await.unwrap_err();
    let Error::Answer(Answer { problem: Problem::NotSoap { content_type, excerpt }, fate, .. }) = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((content_type.as_str(), excerpt.as_str()), ("text/html", "Blocked ]0;x by policy"));
    assert_eq!(*fate, Fate::Unknown);
    let length = page.len();
    let raw = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}");
    let answer = problem(&raw).await;
    assert_eq!(answer.to_string(), "host answered 200 with something other than SOAP (text/html)");
    assert_eq!(answer.fate, Fate::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_page_instead_of_a_sealed_answer_is_a_page() {
    let peer = Peer::for_method(Method::Ntlm)
        .spoil(|_| Response::new(200).body("text/html", "<html>Welcome to the hotel</html>"));
    let mut connection = connect(Method::Ntlm, peer).await.unwrap();
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    let Error::Answer(Answer { problem: Problem::NotSoap { excerpt, .. }, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(excerpt, "Welcome to the hotel");
}

#[tokio::test(start_paused = true)]
async fn a_compressed_answer_is_refused() {
    let raw = "HTTP/1.1 200 x\r\nContent-Type: application/soap+xml\r\nContent-Encoding: gzip\r\n\
        Content-Length: 4\r\n\r\n\x1f\x0b\x08\x00";
    assert_eq!(problem(raw).await.problem, Problem::Encoded { encoding: "gzip".into() });
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_is_said_to_be_so() {
    for raw in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "HTTP/1.1 200 x\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 x\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<r/>\r\n0\r\n\r\n",
    ] {
        let error = answered(raw).await.unwrap_err();
        assert!(matches!(error, Error::Framing { fate: Fate::Unknown, .. }), "{raw}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_early_leaves_the_fate_unknown() {
    for raw in [
        "HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nContent-Length: 5\r\n\r\n<r/>",
        "HTTP/1.1 200 x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<r/>\r\n",
    ] {
        let error = answered(raw).await.unwrap_err();
        assert!(matches!(error, Error::FateUnknown { .. }), "{raw}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_the_request_was_read_is_heard() {
    let (near, mut far) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        let mut peer = Peer::for_method(Method::Ntlm);
        for _ in 0..2 {
            let request = Request::read(&mut far).await.unwrap();
            far.write_all(&peer.answer(&request).to_bytes()).await.unwrap();
        }
        // The head and a little of the body, then no more: the request is too large.
        far.read_exact(&mut [0; 1000]).await.unwrap();
        far.write_all(&Response::new(413).header("Connection", "close").to_bytes()).await.unwrap();
    });
    let mut connection = Connection::over(near, &http(), options(Method::Ntlm)).await.unwrap();
    let error = ask(&mut connection, &"x".repeat(1 << 20)).await.unwrap_err();
    assert!(matches!(&error, Error::Answer(answer) if answer.problem == Problem::TooLarge), "{error:?}");
}

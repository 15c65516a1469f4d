use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use refpoint::auth;
use refpoint::transport::{Connection, Error, Fate, Method, Phase, Problem, Timeouts};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::net::TcpListener;

use crate::support::{Peer, Request, SOAP, ask, connect, http, options, scripted, scripted_with, start};

#[tokio::test]
async fn five_thousand_sealed_requests_take_one_socket() {
    for method in [Method::Ntlm, Method::Negotiate] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let sockets = Arc::new(AtomicUsize::new(0));
        let counted = sockets.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(Peer::for_method(method).serve_with_hyper(socket));
            }
        });
        let mut connection = Connection::open(&endpoint, options(method)).await.unwrap();
        for number in 0..5_000 {
            let body = format!("<s>{number}</s>");
            assert_eq!(ask(&mut connection, &body).await.unwrap().body, format!("echo {body}").into_bytes());
        }
        assert_eq!((sockets.load(Ordering::SeqCst), connection.logins()), (1, 1));
    }
}

#[tokio::test]
async fn a_sealed_reply_of_fifty_megabytes_arrives_whole() {
    let size = 50 << 20;
    let peer = Peer::for_method(Method::Ntlm).operation(move |_| vec![b'x'; size]);
    let mut connection = connect(Method::Ntlm, peer).await.unwrap();
    let reply = ask(&mut connection, "<s/>").await.unwrap();
    assert!(reply.body.len() == size && reply.body.iter().all(|byte| *byte == b'x'));
}

#[tokio::test(start_paused = true)]
async fn each_flipped_bit_of_a_sealed_reply_is_noticed_and_ends_the_connection() {
    for method in [Method::Ntlm, Method::Negotiate] {
        // Headers of the parts, token, cipher text and boundary: every byte, one bit of each.
        for at in 0..260_usize {
            let is_case = Arc::new(AtomicBool::new(false));
            let noticed = is_case.clone();
            let peer = Peer::for_method(method).spoil(move |mut response| {
                let at = at % response.body.len();
                let before = response.body[at];
                response.body[at] ^= 1 << (at % 8);
                noticed.store(before.eq_ignore_ascii_case(&response.body[at]), Ordering::SeqCst);
                response
            });
            let executed = peer.executed.clone();
            let mut connection = connect(method, peer).await.unwrap();
            match ask(&mut connection, "<s/>").await {
                Err(error) => {
                    assert!(matches!(error, Error::Seal { fate: Fate::Unknown, .. }), "{at}: {error:?}");
                    assert!(matches!(ask(&mut connection, "<s/>").await, Err(Error::Unusable)), "{at}");
                    assert_eq!(executed.load(Ordering::SeqCst), 1);
                }
                // The case of letters in the labels of the parts is not under the seal.
                Ok(reply) => {
                    assert!(is_case.load(Ordering::SeqCst), "{at}");
                    assert_eq!(reply.body, b"echo <s/>", "{at}");
                    assert!(reply.content_type.eq_ignore_ascii_case(SOAP), "{at}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_played_twice_is_noticed() {
    let mut first = None;
    let peer = Peer::for_method(Method::Ntlm)
        .spoil(move |response| first.get_or_insert_with(|| response.clone()).clone());
    let mut connection = connect(Method::Ntlm, peer).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    assert!(matches!(error, Error::Seal { source: auth::Error::SealBroken { .. }, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clear_answer_to_a_sealed_request_is_refused() {
    for status in [200, 500] {
        let peer = Peer::for_method(Method::Ntlm).spoil(move |mut response| {
            response.status = status;
            response.headers.clear();
            response.body(SOAP, "<s:Envelope/>")
        });
        let mut connection = connect(Method::Ntlm, peer).await.unwrap();
        let error = ask(&mut connection, "<s/>").await.unwrap_err();
        assert!(matches!(&error, Error::Answer(answer) if answer.problem == Problem::Clear), "{error:?}");
        assert!(!connection.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_fault_is_a_reply_whatever_its_status() {
    let peer = Peer::for_method(Method::Ntlm).spoil(|mut response| {
        response.status = 500;
        response
    });
    let mut connection = connect(Method::Ntlm, peer).await.unwrap();
    assert_eq!(ask(&mut connection, "<s/>").await.unwrap().status, 500);
    assert_eq!(ask(&mut connection, "<s/>").await.unwrap().status, 500);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_exchange_ends_the_connection() {
    let mut connection = scripted(&[], false).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), ask(&mut connection, "<s/>")).await;
    assert!(dropped.is_err());
    assert!(!connection.is_usable());
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    assert!(matches!(error, Error::Unusable) && error.was_not_sent());
    assert!(connection.reconnect().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_while_idle_was_not_sent_to() {
    let mut connection = scripted(&[], true).await.unwrap();
    tokio::task::yield_now().await;
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_slow_or_stalls_times_out_with_the_fate_unknown() {
    let whole: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: text/xml\r\n\r\n<s/>";
    for cut in [0, 10, 30, whole.len() - 6] {
        let mut connection = scripted(&[&whole[..cut]], false).await.unwrap();
        let error = ask(&mut connection, "<s/>").await.unwrap_err();
        let Error::TimedOut { phase: Phase::FirstByte, after, fate } = error else { panic!("{error:?}") };
        assert_eq!((after, fate), (Timeouts::default().first_byte, Fate::Unknown));
    }
    let mut connection = scripted(&[&whole[..whole.len() - 1]], false).await.unwrap();
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::Stall, fate: Fate::Unknown, .. }), "{error:?}");
    assert!(!error.was_not_sent() && error.is_retryable() && !connection.is_usable());
}

/// A host that lets each of these bytes wait for a second.
async fn dripping(before: &'static [u8], dripped: &'static [u8]) -> Connection {
    let (near, mut far) = duplex(64 << 10);
    tokio::spawn(async move {
        let entered = b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n";
        for answer in [&entered[..], before] {
            Request::read(&mut far).await.unwrap();
            far.write_all(answer).await.unwrap();
        }
        for byte in dripped.iter().cycle() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if far.write_u8(*byte).await.is_err() {
                return;
            }
        }
    });
    let mut options = options(Method::Basic);
    options.login.allow_cleartext = true;
    Connection::over(near, &http(), options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_has_an_end() {
    let defaults = Timeouts::default();
    let body: &[u8] = b"HTTP/1.1 200 \r\nContent-Type: text/xml\r\nContent-Length: 9999\r\n\r\n<s>";
    let chunks: &[u8] = b"HTTP/1.1 200 \r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases: [(&[u8], &[u8], Phase, Duration); 4] = [
        (b"HTTP/1.1 200 \r\nX: ", b"y", Phase::FirstByte, defaults.first_byte),
        (b"", b"HTTP/1.1 100 \r\n\r\n", Phase::FirstByte, defaults.first_byte),
        (body, b"x", Phase::Answer, defaults.answer),
        (chunks, b"1\r\nx\r\n", Phase::Answer, defaults.answer),
    ];
    for (before, dripped, expected, patience) in cases {
        let mut connection = dripping(before, dripped).await;
        let started = tokio::time::Instant::now();
        let error = ask(&mut connection, "<s/>").await.unwrap_err();
        let Error::TimedOut { phase, after, fate } = error else { panic!("{error:?}") };
        assert_eq!((phase, after, fate), (expected, patience, Fate::Unknown));
        assert_eq!(started.elapsed().as_secs(), patience.as_secs());
        assert!(!connection.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_exchange_has_its_time() {
    let mut connection = scripted(&[], false).await.unwrap();
    let total = Duration::from_secs(5);
    connection.set_timeouts(Timeouts { total: Some(total), ..Timeouts::default() });
    let before = tokio::time::Instant::now();
    let error = ask(&mut connection, "<s/>").await.unwrap_err();
    assert!(
        matches!(error, Error::TimedOut { phase: Phase::Total, after, fate: Fate::Unknown } if after == total)
    );
    assert_eq!(before.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_the_limit_is_not_read() {
    let mut options = options(Method::Basic);
    options.login.allow_cleartext = true;
    options.limits.body = 100;
    let long =
        format!("HTTP/1.1 200 \r\nContent-Type: text/xml\r\nContent-Length: 101\r\n\r\n{}", "x".repeat(101));
    let chunk = format!("{:x}\r\n{}\r\n", 60, "x".repeat(60));
    let chunked = format!(
        "HTTP/1.1 200 \r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    for answer in [long, chunked] {
        let mut connection = scripted_with(&[answer.as_bytes()], false, options.clone()).await.unwrap();
        let error = ask(&mut connection, "<s/>").await.unwrap_err();
        assert!(
            matches!(error, Error::TooLong { what: "body", limit: 100, fate: Fate::Unknown }),
            "{error:?}"
        );
    }
    let padding = format!("X: {}\r\n", "y".repeat(1000)).repeat(200);
    let many = "X: y\r\n".repeat(65);
    for headers in [padding, many] {
        let answer = format!("HTTP/1.1 200 \r\n{headers}Content-Length: 0\r\n\r\n");
        let mut connection = scripted(&[answer.as_bytes()], false).await.unwrap();
        let error = ask(&mut connection, "<s/>").await.unwrap_err();
        assert!(matches!(error, Error::TooLong { what: "head", .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_just_the_limit_is_read() {
    let mut options = options(Method::Basic);
    options.login.allow_cleartext = true;
    options.limits.body = 100;
    let body = "x".repeat(100);
    let whole = format!("HTTP/1.1 200 \r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n{body}");
    let chunked = format!(
        "HTTP/1.1 200 \r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{body}\r\n0\r\n\r\n"
    );
    for answer in [whole, chunked] {
        let mut connection = scripted_with(&[answer.as_bytes()], false, options.clone()).await.unwrap();
        assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, body.as_bytes());
    }
    let headers = "X: y\r\n".repeat(63);
    let answer = format!("HTTP/1.1 200 \r\n{headers}Content-Length: 0\r\n\r\n");
    let mut connection = scripted_with(&[answer.as_bytes()], false, options).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_an_answer_that_says_close_nothing_is_sent() {
    let closing: &[u8] =
        b"HTTP/1.1 200 \r\nContent-Type: text/xml\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<r/>";
    for closes in [true, false] {
        let mut connection = scripted(&[closing], closes).await.unwrap();
        assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, b"<r/>");
        let error = ask(&mut connection, "<s/>").await.unwrap_err();
        assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_content_type_that_breaks_its_line_is_not_sent() {
    for method in [Method::Ntlm, Method::Basic] {
        let peer = Peer::for_method(method);
        let executed = peer.executed.clone();
        let mut options = options(method);
        options.login.allow_cleartext = true;
        let mut connection = Connection::over(start(peer), &http(), options).await.unwrap();
        let error = connection.exchange("<s/>", "text/xml\r\nX: y").await.unwrap_err();
        assert!(matches!(error, Error::Request(_)) && error.was_not_sent(), "{error:?}");
        assert_eq!(executed.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_certificate_of_a_client_is_not_for_http() {
    let peer = Peer::for_method(Method::Certificate);
    let error = Connection::over(start(peer), &http(), options(Method::Certificate)).await.unwrap_err();
    assert!(matches!(error, Error::LoginFailed { .. }), "{error:?}");
}

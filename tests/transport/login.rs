use refpoint::auth::{Chosen, Credentials, Scheme};
use refpoint::transport::{Connection, Error, Fate, Login, Method, Options, Phase, Problem, Warning};
use tokio::net::TcpListener;

use crate::support::{
    PASSWORD, Peer, Request, Response, SOAP, ask, connect, http, login, options, script, scripted, start,
};

#[tokio::test(start_paused = true)]
async fn each_method_logs_in_with_empty_bodies_and_exchanges() {
    for (method, chosen, sealed) in [
        (Method::Ntlm, Chosen::Ntlm, true),
        (Method::Negotiate, Chosen::Ntlm, true),
        (Method::Basic, Chosen::Basic, false),
    ] {
        let peer = Peer::for_method(method);
        let seen = peer.seen.clone();
        let mut options = options(method);
        options.login.allow_cleartext = true;
        let mut connection = Connection::over(start(peer), &http(), options).await.unwrap();
        assert_eq!((connection.report().chosen, connection.is_sealed()), (chosen, sealed));
        assert_eq!(connection.warnings().contains(&Warning::Cleartext), !sealed);
        for number in 0..3 {
            let reply = ask(&mut connection, &format!("<s>{number}</s>")).await.unwrap();
            assert_eq!(reply.body, format!("echo <s>{number}</s>").into_bytes());
            assert_eq!((reply.status, reply.charset()), (200, Some("UTF-8")));
        }
        let seen = seen.lock().unwrap();
        let (legs, exchanges) = seen.split_at(seen.len() - 3);
        for leg in legs {
            assert!(leg.body.is_empty());
            assert_eq!(leg.header("content-type"), Some("application/soap+xml;charset=UTF-8"));
            assert!(leg.header("authorization").is_some());
        }
        for exchange in exchanges {
            assert_eq!(exchange.header("authorization").is_some(), !sealed);
            assert_eq!(exchange.body.windows(3).any(|window| window == b"<s>"), !sealed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_stands_as_the_reference_wants_it() {
    let peer = Peer::for_method(Method::Ntlm);
    let seen = peer.seen.clone();
    let mut connection = connect(Method::Ntlm, peer).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
    for request in seen.lock().unwrap().iter() {
        assert!(request.head.starts_with("POST /wsman HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.header("host"), Some("hv01.lab.test:5985"));
        assert_eq!(request.header("user-agent"), Some(concat!("refpoint/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert_eq!(request.header("connection"), Some("Keep-Alive"));
        assert!(request.header("content-length").is_some());
        for absent in ["transfer-encoding", "expect", "soapaction"] {
            assert_eq!(request.header(absent), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_of_the_host_itself_logs_in_with_ntlm_inside_negotiate() {
    let peer = Peer::for_method(Method::Negotiate);
    let options = Options::new(Login::new(Credentials::password("mia", PASSWORD)));
    let mut connection = Connection::over(start(peer), &http(), options).await.unwrap();
    let report = connection.report();
    assert!(report.chosen == Chosen::Ntlm && report.negotiated && report.mutual && report.fallback.is_some());
    ask(&mut connection, "<s/>").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_refused_once() {
    for method in [Method::Ntlm, Method::Negotiate, Method::Basic] {
        let peer = Peer::for_method(method);
        let seen = peer.seen.clone();
        let mut credentials = Credentials::password(r"LAB\mia", "wrong");
        if method == Method::Negotiate {
            credentials = credentials.into_ntlm();
        }
        let mut options = Options::new(Login::new(credentials).with(method));
        options.login.allow_cleartext = true;
        let error = Connection::over(start(peer), &http(), options).await.unwrap_err();
        let Error::LoginRefused { tried, offered } = &error else { panic!("{error:?}") };
        assert_eq!((tried.len(), offered.as_str()), (1, "Negotiate, Basic"));
        assert!(error.is_login() && error.was_not_sent() && !error.is_retryable());
        assert!(seen.lock().unwrap().len() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_scheme_that_is_not_offered_is_named_with_those_that_are() {
    let only: &[u8] = b"HTTP/1.1 401 \r\nContent-Length: 0\r\n\
        WWW-Authenticate: Basic realm=\"WSMAN\", Digest realm=\"x\"\r\nWWW-Authenticate: CredSSP\r\n\r\n";
    for method in [Method::Ntlm, Method::Negotiate] {
        let stream = script(&[only], false);
        let error = Connection::over(stream, &http(), options(method)).await.unwrap_err();
        let Error::NotOffered { wanted, offered } = &error else { panic!("{error:?}") };
        assert_eq!((wanted[0], offered.as_str()), (Scheme::Negotiate, "Basic, Digest, CredSSP"));
        assert!(error.to_string().contains("Basic, Digest, CredSSP"));
    }
}

// Otherwise the password of a host's Administrator would be tried on the domain's.
#[tokio::test(start_paused = true)]
async fn a_local_account_is_not_tried_on_a_realm_where_kerberos_alone_is_offered() {
    let only: &[u8] = b"HTTP/1.1 401 \r\nContent-Length: 0\r\nWWW-Authenticate: Kerberos\r\n\r\n";
    for user in ["mia", r".\mia"] {
        let options = Options::new(Login::new(Credentials::password(user, PASSWORD)));
        let error = Connection::over(script(&[only], false), &http(), options).await.unwrap_err();
        let Error::NotOffered { wanted, offered } = &error else { panic!("{error:?}") };
        assert_eq!((wanted.as_slice(), offered.as_str()), (&[Scheme::Negotiate][..], "Kerberos"));
    }
}

#[tokio::test(start_paused = true)]
async fn offers_in_two_lines_or_in_one_are_the_same() {
    for offer in [
        "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos\r\n",
        "WWW-Authenticate: Negotiate, Kerberos\r\n",
    ] {
        let answer = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n{offer}\r\n");
        let stream = script(&[answer.as_bytes()], false);
        let error = Connection::over(stream, &http(), options(Method::Ntlm)).await.unwrap_err();
        let Error::LoginRefused { offered, .. } = &error else { panic!("{error:?}") };
        assert_eq!(offered, "Negotiate, Kerberos");
    }
}

#[tokio::test(start_paused = true)]
async fn basic_on_http_needs_a_word() {
    let peer = Peer::for_method(Method::Basic);
    let seen = peer.seen.clone();
    let error = connect(Method::Basic, peer).await.unwrap_err();
    assert!(matches!(error, Error::CleartextRefused(Scheme::Basic)) && error.is_login());
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_yes_too_early_is_not_believed() {
    let yes: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for method in [Method::Ntlm, Method::Negotiate] {
        let error = Connection::over(script(&[yes], false), &http(), options(method)).await.unwrap_err();
        assert!(matches!(error, Error::LoginFailed { .. }), "{error:?}");
    }
}

// Basic and certificates are proved by an answer that only the service gives; any web server says 200 to a POST.
#[tokio::test(start_paused = true)]
async fn a_page_is_no_welcome() {
    for status in ["200 OK", "400 Bad Request", "500 Oops"] {
        let page = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<h1>Hotel Wifi</h1>  "
        );
        let mut options = options(Method::Basic);
        options.login.allow_cleartext = true;
        let error = Connection::over(script(&[page.as_bytes()], false), &http(), options).await.unwrap_err();
        assert!(matches!(&error, Error::Answer(_)) && error.was_not_sent(), "{status}: {error:?}");
    }
    for method in [Method::Ntlm, Method::Negotiate] {
        let page = "HTTP/1.1 200 \r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nHotel";
        let error = Connection::over(script(&[page.as_bytes()], false), &http(), options(method)).await;
        let error = error.unwrap_err();
        assert!(
            matches!(&error, Error::Answer(answer) if matches!(answer.problem, Problem::NotSoap { .. })),
            "{error:?}"
        );
    }
    let fault = "HTTP/1.1 500 \r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<s/>";
    let mut options = options(Method::Basic);
    options.login.allow_cleartext = true;
    Connection::over(script(&[fault.as_bytes()], false), &http(), options).await.unwrap();
}

#[test]
fn the_password_is_dropped_where_ntlm_alone_is_asked_for() {
    let login = Login::new(Credentials::password(r"LAB\mia", PASSWORD)).with(Method::Ntlm);
    assert!(matches!(login.credentials, Credentials::Ntlm { .. }));
    let login = Login::new(Credentials::password(r"LAB\mia", PASSWORD)).with(Method::Negotiate);
    assert!(matches!(login.credentials, Credentials::Password { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_dot_at_the_end_of_a_name_is_not_part_of_the_service() {
    let peer = Peer::for_method(Method::Ntlm);
    let endpoint = "http://hv01.lab.test.".parse().unwrap();
    let connection = Connection::over(start(peer), &endpoint, options(Method::Ntlm)).await.unwrap();
    assert_eq!(connection.report().service.as_deref(), Some("HTTP/hv01.lab.test"));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_stops_asking_is_left() {
    let more: &[u8] = b"HTTP/1.1 401 \r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate AQID\r\n\r\n";
    let offer: &[u8] = b"HTTP/1.1 401 \r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate\r\n\r\n";
    for answer in [more, offer] {
        let stream = script(&[answer; 50], false);
        let error = Connection::over(stream, &http(), options(Method::Ntlm)).await.unwrap_err();
        assert!(error.is_login(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_times_out_in_each_phase() {
    let silent = Connection::over(script(&[], false), &http(), options(Method::Ntlm)).await.unwrap_err();
    // The first leg waits less long for a byte than the whole login does for its end.
    let Error::TimedOut { phase, fate, .. } = &silent else { panic!("{silent:?}") };
    assert_eq!((*phase, *fate), (Phase::Login, Fate::NotSent));
    assert!(silent.is_retryable());

    let (near, _far) = tokio::io::duplex(1 << 16);
    let https = crate::support::https();
    let error = Connection::over(near, &https, options(Method::Ntlm)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::Connect, fate: Fate::NotSent, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn http_errors_during_the_login_are_what_they_are_and_nothing_was_sent() {
    let not_found: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let stream = script(&[not_found], false);
    let error = Connection::over(stream, &http(), options(Method::Ntlm)).await.unwrap_err();
    let Error::Answer(answer) = &error else { panic!("{error:?}") };
    assert_eq!((answer.status, &answer.problem, answer.fate), (404, &Problem::NotFound, Fate::NotSent));

    let busy: &[u8] = b"HTTP/1.1 503 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let error = scripted_login(busy).await;
    assert!(error.is_retryable() && error.was_not_sent(), "{error:?}");
}

async fn scripted_login(answer: &[u8]) -> Error {
    Connection::over(script(&[answer], false), &http(), options(Method::Ntlm)).await.unwrap_err()
}

#[tokio::test]
async fn a_401_in_mid_life_logs_in_once_on_a_new_socket_and_sends_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    // The first socket forgets the login at its second operation; the next one keeps it.
    let server = tokio::spawn(async move {
        let mut sockets = 0;
        for forgets in [true, false] {
            let (mut socket, _) = listener.accept().await.unwrap();
            sockets += 1;
            let mut peer = Peer::for_method(Method::Ntlm);
            while let Some(request) = Request::read(&mut socket).await {
                let operations = peer.executed.load(std::sync::atomic::Ordering::SeqCst);
                let forgotten = forgets && operations == 1 && !request.body.is_empty();
                let response = match forgotten {
                    true => Response::new(401).header("WWW-Authenticate", "Negotiate"),
                    false => peer.answer(&request),
                };
                tokio::io::AsyncWriteExt::write_all(&mut socket, &response.to_bytes()).await.unwrap();
            }
        }
        sockets
    });
    let mut connection = Connection::open(&endpoint, options(Method::Ntlm)).await.unwrap();
    for text in ["one", "two", "three"] {
        let reply = connection.exchange_repeatable(text, SOAP).await.unwrap();
        assert_eq!(reply.body, format!("echo {text}").into_bytes());
    }
    assert_eq!(connection.logins(), 2);
    drop(connection);
    assert_eq!(server.await.unwrap(), 2);
}

#[tokio::test]
async fn a_host_that_forgets_each_login_is_asked_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut peer = Peer::for_method(Method::Ntlm);
            while let Some(request) = Request::read(&mut socket).await {
                let response = match request.body.is_empty() {
                    true => peer.answer(&request),
                    false => Response::new(401).header("WWW-Authenticate", "Negotiate"),
                };
                tokio::io::AsyncWriteExt::write_all(&mut socket, &response.to_bytes()).await.unwrap();
            }
        }
    });
    let mut connection = Connection::open(&endpoint, options(Method::Ntlm)).await.unwrap();
    let error = connection.exchange_repeatable("one", SOAP).await.unwrap_err();
    assert!(matches!(&error, Error::LoginExpired { offered, .. } if offered == "Negotiate"), "{error:?}");
    // A new login was tried already, and forgotten like the first; and nothing proves that the host said so.
    assert!(!error.was_not_sent() && error.is_login() && !error.is_retryable());
    assert_eq!(connection.logins(), 2);
    assert!(matches!(ask(&mut connection, "two").await, Err(Error::Unusable)));
    connection.reconnect().await.unwrap();
    assert!(connection.is_usable());
}

#[tokio::test]
async fn a_socket_closed_while_idle_is_mended_unasked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (close, mut closed) = tokio::sync::mpsc::channel::<()>(1);
    let (gone, mut is_gone) = tokio::sync::mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::select! {
            () = Peer::for_method(Method::Ntlm).serve(socket) => {}
            _ = closed.recv() => {}
        }
        gone.send(()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        Peer::for_method(Method::Ntlm).serve(socket).await;
    });
    let mut connection = Connection::open(&endpoint, options(Method::Ntlm)).await.unwrap();
    ask(&mut connection, "one").await.unwrap();
    close.send(()).await.unwrap();
    is_gone.recv().await.unwrap();
    assert_eq!(ask(&mut connection, "two").await.unwrap().body, b"echo two");
    assert_eq!(connection.logins(), 2);
}

#[tokio::test]
async fn nobody_there_and_no_such_name_are_different_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = format!("http://{address}").parse().unwrap();
    let error = Connection::open(&endpoint, options(Method::Ntlm)).await.unwrap_err();
    let Error::Unreachable { tried, .. } = &error else { panic!("{error:?}") };
    assert_eq!(tried[0].address, address);
    assert!(error.was_not_sent() && error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_login_and_its_errors_print_no_secret() {
    let options = options(Method::Basic);
    assert!(!format!("{options:?}").contains(PASSWORD));
    let connection = scripted(&[], false).await.unwrap();
    assert!(!format!("{connection:?} {:?}", login(Method::Ntlm)).contains(PASSWORD));
}

#[test]
fn futures_of_a_connection_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let endpoint = http();
    is_send(&Connection::open(&endpoint, options(Method::Ntlm)));
    fn exchange(connection: &mut Connection) -> impl Future + Send {
        ask(connection, "")
    }
    let _ = exchange;
}

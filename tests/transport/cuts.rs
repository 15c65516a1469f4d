//! A connection cut after each byte, in each direction, over login and exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use refpoint::auth::Binding;
use refpoint::transport::{Connection, Error, Fate, Method, Tls, TlsError, Trust};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::support::{Cut, Peer, ask, http, https, options, start};

/// How one conversation ended.
struct End {
    logged_in: bool,
    result: Result<(), Error>,
    executed: usize,
}

async fn converse(method: Method, tls: bool, read: usize, written: usize) -> End {
    let (endpoint, peer) = match tls {
        false => (http(), Peer::for_method(method)),
        true => (https(), Peer::behind_tls(method, Binding::Ignore)),
    };
    let executed = peer.executed.clone();
    let stream = if tls { crate::tls::start(peer) } else { start(peer) };
    let stream = Cut::new(stream, read, written);
    let executed = || executed.load(Ordering::SeqCst);
    let mut options = options(method);
    options.login.allow_cleartext = true;
    options.tls = Tls::new(Trust::Anything);
    match Connection::over(stream, &endpoint, options).await {
        Err(error) => End { logged_in: false, result: Err(error), executed: executed() },
        Ok(mut connection) => {
            let reply = ask(&mut connection, "<s>operation</s>").await;
            // What was sent before the cut is carried out all the same.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            let result = reply.map(|reply| assert_eq!(reply.body, b"echo <s>operation</s>"));
            End { logged_in: true, result, executed: executed() }
        }
    }
}

/// Cuts at each byte until the conversation gets through, and returns how many bytes that took.
async fn cut_everywhere(
    method: Method,
    tls: bool,
    at: impl Fn(usize) -> (usize, usize),
) -> (usize, [usize; 3]) {
    let mut ends = [0; 3];
    for bytes in 1.. {
        let (read, written) = at(bytes);
        let End { logged_in, result, executed } = converse(method, tls, read, written).await;
        let Err(error) = result else {
            assert_eq!(executed, 1);
            return (bytes, ends);
        };
        match (&error, logged_in) {
            (Error::NotSent { .. }, false) => ends[0] += 1,
            (Error::Tls { source: TlsError::Closed, fate: Fate::NotSent }, false) if tls => ends[0] += 1,
            (Error::NotSent { .. }, true) => ends[1] += 1,
            (Error::FateUnknown { .. }, true) => ends[2] += 1,
            _ => panic!("cut after {bytes}: {error:?}"),
        }
        // The promise: what is called not sent was not carried out.
        assert!(error.fate() == Fate::Unknown || executed == 0, "cut after {bytes}: {error:?}");
        assert_eq!(error.fate() == Fate::NotSent, !matches!(error, Error::FateUnknown { .. }));
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn a_cut_anywhere_in_what_we_send_ends_in_the_right_error() {
    for method in [Method::Ntlm, Method::Negotiate, Method::Basic] {
        let (bytes, [login, idle, exchange]) =
            cut_everywhere(method, false, |bytes| (usize::MAX, bytes)).await;
        println!(
            "{method:?}: {bytes} bytes out: {login} in the login, {idle} idle, {exchange} in the exchange"
        );
        assert!(login > 200 && exchange > 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_anywhere_in_what_we_receive_ends_in_the_right_error() {
    for method in [Method::Ntlm, Method::Negotiate, Method::Basic] {
        let (bytes, [login, idle, exchange]) =
            cut_everywhere(method, false, |bytes| (bytes, usize::MAX)).await;
        println!(
            "{method:?}: {bytes} bytes in: {login} in the login, {idle} idle, {exchange} in the exchange"
        );
        assert!(login > 20 && idle == 1 && exchange > 30);
    }
}

// The handshake is never twice of the same length, so that a byte more or less says nothing here.
#[tokio::test(start_paused = true)]
async fn a_cut_anywhere_under_tls_ends_in_the_right_error() {
    let (cuts, [login, _, exchange]) = cut_everywhere(Method::Ntlm, true, |cut| (usize::MAX, 3 * cut)).await;
    println!("{cuts} cuts of what goes out: {login} in the login, {exchange} in the exchange");
    assert!(login > 300 && exchange > 50);
    let (cuts, [login, _, exchange]) = cut_everywhere(Method::Ntlm, true, |cut| (3 * cut, usize::MAX)).await;
    println!("{cuts} cuts of what comes in: {login} in the login, {exchange} in the exchange");
    assert!(login > 300 && exchange > 30);
}

/// A host on loopback whose first socket breaks after so many bytes, and the later ones do not; a connection that
/// knows the way there asks it for one thing.
async fn dial(method: Method, read: usize, written: usize) -> (Result<u64, Error>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let executed = Arc::new(AtomicUsize::new(0));
    let count = executed.clone();
    let (stop, mut stopped) = oneshot::channel::<()>();
    let host = tokio::spawn(async move {
        let mut sockets = JoinSet::new();
        let mut cut = Some((read, written));
        loop {
            let socket = tokio::select! {
                accepted = listener.accept() => accepted.unwrap().0,
                _ = &mut stopped => break,
            };
            let (read, written) = cut.take().unwrap_or((usize::MAX, usize::MAX));
            let count = count.clone();
            let peer = Peer::for_method(method).operation(move |body| {
                count.fetch_add(1, Ordering::SeqCst);
                [b"echo ", body].concat()
            });
            sockets.spawn(peer.serve(Cut::new(socket, read, written)));
        }
        while let Some(served) = sockets.join_next().await {
            served.unwrap();
        }
    });
    let mut options = options(method);
    options.login.allow_cleartext = true;
    let result = match Connection::open(&endpoint, options).await {
        Err(error) => {
            assert!(error.was_not_sent(), "{error:?}");
            Err(error)
        }
        Ok(mut connection) => ask(&mut connection, "<export/>").await.map(|reply| {
            assert_eq!(reply.body, b"echo <export/>");
            connection.logins()
        }),
    };
    stop.send(()).unwrap();
    host.await.unwrap();
    (result, executed.load(Ordering::SeqCst))
}

#[tokio::test]
async fn nothing_is_carried_out_twice_wherever_a_dialed_connection_is_cut() {
    for method in [Method::Ntlm, Method::Negotiate, Method::Basic] {
        for in_what_we_send in [true, false] {
            let (mut not_sent, mut unknown, mut mended) = (0, 0, 0);
            for bytes in (1..).step_by(3) {
                let (read, written) = match in_what_we_send {
                    true => (bytes, usize::MAX),
                    false => (usize::MAX, bytes),
                };
                let (result, executed) = dial(method, read, written).await;
                match &result {
                    Ok(1) => {
                        assert_eq!(executed, 1);
                        break;
                    }
                    Ok(logins) => {
                        assert_eq!((*logins, executed), (2, 1), "{method:?}, {bytes}");
                        mended += 1;
                    }
                    Err(error) if error.was_not_sent() => {
                        assert_eq!(executed, 0, "{method:?}, {bytes}: {error:?}");
                        not_sent += 1;
                    }
                    Err(error) => {
                        assert!(executed <= 1, "{method:?}, {bytes}: {executed} times, {error:?}");
                        unknown += 1;
                    }
                }
            }
            println!("{method:?}: {not_sent} not sent, {unknown} unknown, {mended} mended");
            assert!(not_sent > 10 && unknown > 10);
        }
    }
}

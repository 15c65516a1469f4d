//! A Kerberos connection cut at every stage; the same for the other logins is in tests/transport.

use std::sync::atomic::Ordering;

use refpoint::transport::{Connection, Endpoint, Error, Fate, Login, Method, Options};

use crate::canary::acceptor;
use crate::kerberos::tickets;
use crate::support::{Cut, Peer, ask, start};

/// Cuts after so many bytes; says whether the login was over, how it ended, and what was carried out.
async fn converse(method: Method, read: usize, written: usize) -> (bool, Result<(), Error>, usize) {
    let peer = Peer::new(acceptor(method, false));
    let executed = peer.executed.clone();
    let stream = Cut::new(start(peer), read, written);
    let endpoint: Endpoint = format!("http://{}", crate::HOST).parse().unwrap();
    let options = Options::new(Login::new(tickets()).with(method));
    let (logged_in, result) = match Connection::over(stream, &endpoint, options).await {
        Err(error) => (false, Err(error)),
        Ok(mut connection) => {
            let reply = ask(&mut connection, "<s>operation</s>").await;
            // What was sent before the cut is carried out all the same.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            (true, reply.map(|reply| assert_eq!(reply.body, b"echo <s>operation</s>")))
        }
    };
    (logged_in, result, executed.load(Ordering::SeqCst))
}

async fn cut_everywhere(method: Method, at: impl Fn(usize) -> (usize, usize)) {
    let mut ends = [0; 3];
    for cut in 1.. {
        let (read, written) = at(cut);
        let (logged_in, result, executed) = converse(method, read, written).await;
        let Err(error) = result else {
            assert_eq!(executed, 1);
            break;
        };
        match (&error, logged_in) {
            (Error::NotSent { .. }, false) => ends[0] += 1,
            (Error::NotSent { .. }, true) => ends[1] += 1,
            (Error::FateUnknown { .. }, true) => ends[2] += 1,
            _ => panic!("{method:?}, {cut}: {error:?}"),
        }
        assert!(error.fate() == Fate::Unknown || executed == 0, "{method:?}, {cut}: {error:?}");
    }
    assert!(ends[0] > 20 && ends[2] > 20, "{method:?}: {ends:?} in the login, idle, in the exchange");
}

mod inside {
    use super::*;

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_cut_anywhere_ends_in_the_right_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for method in [Method::Kerberos, Method::Negotiate] {
            runtime.block_on(cut_everywhere(method, |cut| (usize::MAX, 11 * cut)));
            runtime.block_on(cut_everywhere(method, |cut| (11 * cut, usize::MAX)));
        }
    }
}

//! Logins and sealed messages over HTTP, to foreign servers and through foreign proxies.
//!
//! The client is the least one that can do it (`http_client`): what is tried here are the mechanisms, the
//! seals and the peers themselves.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use refpoint::auth::http::header_value;
use refpoint::auth::{
    Basic, ChannelBindings, Chosen, Credentials, Error, FileTime, Fresh, Mechanism, Protection, Report,
    Scheme, Step, Target, negotiate, ntlm, sealed,
};

use crate::HOST;
use crate::http_client::{Client, Tls, socks, tunnel};
use crate::http_peers::{Apache, PASSWORD, Socks, Tinyproxy, USER, WinrmServer};
use crate::peer::Failure;

const MODES: [&str; 4] = ["ntlm", "negotiate-ntlm", "gss-ntlm", "gss-negotiate"];

fn initiator(mode: &str, password: &str, target: Target) -> Box<dyn Mechanism> {
    let credentials = Credentials::password(USER, password);
    let fresh = Fresh::new(FileTime(133_700_000_000_000_000), *b"24 bytes that are random");
    match mode {
        "ntlm" | "gss-ntlm" => Box::new(ntlm::Initiator::new(&credentials, target, fresh).unwrap()),
        _ => {
            let initiator = negotiate::Initiator::new(&credentials, target, fresh).unwrap();
            Box::new(initiator.without_kerberos())
        }
    }
}

fn target() -> Target {
    Target::new(HOST, Protection::Seal)
}

fn log_in<S: Read + Write>(client: &mut Client<S>, mode: &str) -> Report {
    let mut initiator = initiator(mode, PASSWORD, target());
    client.log_in(&mut *initiator).unwrap_or_else(|error| panic!("{mode}: {error:?}"))
}

/// Asks for echoes of messages of that many bytes, all on one connection.
fn converse<S: Read + Write>(client: &mut Client<S>, mode: &str, sizes: impl IntoIterator<Item = usize>) {
    for (number, size) in (1..).zip(sizes) {
        let message: Vec<u8> = (0..size).map(|at| (at * 7 % 251) as u8).collect();
        let answer = client.ask(&message);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.attribute("request"), number.to_string(), "{mode}");
        assert_eq!(answer.attribute("mode"), mode);
        let hash: String = Sha256::digest(&message).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(answer.attribute("sha256"), hash, "{mode}: {size} bytes");
    }
}

const SIZES: [usize; 9] = [1, 15, 16, 17, 1000, 70_000, 3, 1_000_000, 2];

#[test]
fn sealed_requests_and_answers_go_over_a_connection_of_their_own() {
    for mode in MODES {
        let server = WinrmServer::start(&["--accept", mode]);
        for connection in 1..=3 {
            let mut client = Client::connect(server.address());
            let report = log_in(&mut client, mode);
            assert_eq!((report.chosen, report.negotiated), (Chosen::Ntlm, mode.contains("negotiate")));
            converse(&mut client, mode, SIZES.into_iter().chain(0..100));
            assert_eq!(client.ask(b"<last/>").attribute("connections"), connection.to_string());
        }
        assert_eq!(server.log(), "");
    }
}

#[test]
fn five_thousand_sealed_requests_use_one_connection() {
    let server = WinrmServer::start(&["--accept", "negotiate-ntlm"]);
    let mut client = Client::connect(server.address());
    log_in(&mut client, "negotiate-ntlm");
    converse(&mut client, "negotiate-ntlm", (0..4999).map(|number| number % 3000));
    let last = client.ask(b"<last/>");
    assert_eq!((last.attribute("connections"), last.attribute("request")), ("1".into(), "5000".into()));
}

#[test]
fn a_sealed_answer_of_50_megabytes_opens_and_the_next_one_too() {
    let server = WinrmServer::start(&["--accept", "ntlm", "--answer", "size:50000000"]);
    let mut client = Client::connect(server.address());
    log_in(&mut client, "ntlm");
    for _ in 0..2 {
        let answer = client.ask(b"<more/>");
        assert_eq!((answer.status, answer.body.len()), (200, 50_000_000));
        assert!(answer.body.ends_with(b"x</padding></s:Body></s:Envelope>"));
    }
}

#[test]
fn a_fault_is_sealed_like_any_answer() {
    let server = WinrmServer::start(&["--answer", "fault"]);
    let mut client = Client::connect(server.address());
    log_in(&mut client, "ntlm");
    for _ in 0..3 {
        let answer = client.ask(b"<forbidden/>");
        assert_eq!(answer.status, 500);
        assert!(String::from_utf8(answer.body).unwrap().contains("w:AccessDenied"));
    }
}

#[test]
fn the_server_offers_what_it_accepts_and_refuses_a_wrong_password() {
    let server =
        WinrmServer::start(&["--accept", "negotiate-ntlm", "--accept", "kerberos", "--accept", "basic"]);
    let mut client = Client::connect(server.address());
    let answer = client.post(&[], b"");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.offers().to_string(), "Negotiate, Kerberos, Basic");

    for mode in MODES {
        let server = WinrmServer::start(&["--accept", mode]);
        let mut client = Client::connect(server.address());
        let refused = client.log_in(&mut *initiator(mode, "wrong", target()));
        assert_eq!(refused.expect_err(mode).theirs(), "401 (Negotiate)");
        // The refusal ends the login, not the connection.
        log_in(&mut client, mode);
        converse(&mut client, mode, 0..10);
    }
}

#[test]
fn the_server_answers_nothing_that_is_not_sealed() {
    let server = WinrmServer::start(&["--accept", "ntlm", "--accept", "basic"]);
    let mut client = Client::connect(server.address());
    assert_eq!(client.ask(b"<early/>").status, 401);
    log_in(&mut client, "ntlm");
    let answer = client.post(&[("Content-Type", "application/soap+xml;charset=UTF-8")], b"<clear/>");
    assert_eq!((answer.status, answer.body.len()), (500, 0));
    // What came in clear has not touched the keys.
    converse(&mut client, "ntlm", 0..3);
    let mut other = Client::connect(server.address());
    let answer = other.post(&[("Authorization", "Basic bWlhOnBhc3N3b3Jk")], b"<clear/>");
    assert_eq!((answer.status, answer.body.len()), (500, 0));
    assert_eq!(server.log(), "401: not logged in\n500: a body in clear\n500: a body in clear\n");
}

#[test]
fn a_message_that_does_not_open_ends_the_connection() {
    for mode in MODES {
        let server = WinrmServer::start(&["--accept", mode]);
        let mut client = Client::connect(server.address());
        log_in(&mut client, mode);
        converse(&mut client, mode, 0..3);
        let mut sealed =
            sealed::seal(client.seal(), "application/soap+xml;charset=UTF-8", b"<a/>".to_vec()).unwrap();
        let last = sealed.body.len() - b"--Encrypted Boundary--\r\n".len() - 1;
        sealed.body[last] ^= 1;
        let answer = client.post(&[("Content-Type", &sealed.content_type)], &sealed.body);
        assert_eq!((answer.status, answer.body.len()), (500, 0), "{mode}");
        assert!(client.is_closed());
    }
}

#[test]
fn over_tls_the_login_is_bound_to_the_certificate() {
    for (kind, version) in [
        ("rsa-sha256", "1.2"),
        ("rsa-sha384", "1.3"),
        ("rsa-pss-sha512", "1.2"),
        ("ecdsa-sha256", "1.3"),
        ("ecdsa-sha384", "1.2"),
    ] {
        let arguments =
            ["--accept", "ntlm", "--accept", "negotiate-ntlm", "--tls", kind, "--tls-version", version];
        let server = WinrmServer::start(&arguments);
        assert!(server.url().starts_with("https://"));
        let bindings = ChannelBindings::tls_server_end_point(&server.certificate()).unwrap();
        let bound = Target { bindings: Some(bindings), ..Target::new(HOST, Protection::Tls) };
        for mode in ["ntlm", "negotiate-ntlm"] {
            let mut client = Client::over(Tls::connect(server.address()));
            let report = client.log_in(&mut *initiator(mode, PASSWORD, bound.clone())).unwrap();
            assert!(report.bound, "{kind} {mode}");
            converse(&mut client, mode, SIZES);
        }
        assert_eq!(server.log(), "");
    }
}

#[test]
fn over_tls_other_bindings_or_none_are_refused() {
    let server = WinrmServer::start(&["--tls", "ecdsa-sha256", "--bindings", "wrong"]);
    let bindings = ChannelBindings::tls_server_end_point(&server.certificate()).unwrap();
    for bindings in [Some(bindings), None] {
        let target = Target { bindings, ..Target::new(HOST, Protection::Tls) };
        let mut client = Client::over(Tls::connect(server.address()));
        let refused = client.log_in(&mut *initiator("ntlm", PASSWORD, target)).unwrap_err();
        assert_eq!(refused.theirs(), "401 (Negotiate)");
    }
    assert_eq!(server.log().matches("401: ntlm: BadBindingsError").count(), 2, "{}", server.log());
}

#[test]
fn basic_brings_its_proof_with_each_request() {
    let server = WinrmServer::start(&["--accept", "basic", "--basic", "mia:secret", "--allow-cleartext"]);
    let value = |password: &str| {
        let mut basic = Basic::in_clear(&Credentials::password("mia", password)).unwrap();
        let Step::Done { token, .. } = basic.step(None).unwrap() else { panic!("Basic is one token") };
        header_value(Scheme::Basic, token.as_ref())
    };
    let mut client = Client::connect(server.address());
    for number in ["1", "2"] {
        let answer = client.post(&[("Authorization", value("secret").expose())], b"<clear/>");
        assert_eq!((answer.status, answer.attribute("request")), (200, number.into()));
        assert_eq!(client.post(&[], b"<clear/>").status, 401);
        assert_eq!(client.post(&[("Authorization", value("wrong").expose())], b"<clear/>").status, 401);
    }
}

#[test]
fn a_second_ntlm_server_lets_us_in_over_http() {
    let apache = Apache::start();
    for mode in ["ntlm", "negotiate-ntlm"] {
        let mut client = Client::connect(apache.address());
        let report = log_in(&mut client, mode);
        assert_eq!((report.chosen, report.negotiated), (Chosen::Ntlm, mode != "ntlm"), "{}", apache.log());
        // The login is that of the connection.
        for _ in 0..3 {
            assert_eq!(client.post(&[], b"").status, 200);
        }
        let mut other = Client::connect(apache.address());
        let answer = other.post(&[], b"");
        assert!(answer.status == 401 && answer.offers().offers(Scheme::Negotiate));
        let refused = other.log_in(&mut *initiator(mode, "wrong", target())).expect_err(mode);
        assert!(matches!(refused, Failure::Theirs(_) | Failure::Ours(Error::Refused { .. })), "{refused:?}");
    }
}

#[test]
fn a_login_and_its_keys_go_through_an_http_proxy() {
    let server = WinrmServer::start(&["--accept", "negotiate-ntlm"]);
    let host = server.address().to_string();
    for (credentials, login) in [(None, None), (Some(("piet", "secret")), Some("Basic cGlldDpzZWNyZXQ="))] {
        let proxy = Tinyproxy::start(credentials);
        let stream = tunnel(proxy.address(), &host, login).expect("a tunnel");
        let mut client = Client::over(stream);
        log_in(&mut client, "negotiate-ntlm");
        converse(&mut client, "negotiate-ntlm", SIZES);
        assert!(proxy.log().contains(&format!("CONNECT {host}")), "{}", proxy.log());
        if credentials.is_some() {
            for login in [None, Some("Basic cGlldDp3cm9uZw==")] {
                let refused = tunnel(proxy.address(), &host, login).expect_err("no login");
                assert!([401, 407].contains(&refused.status), "{refused:?}");
            }
        }
    }
}

#[test]
fn a_login_and_its_keys_go_through_a_socks_proxy() {
    let server = WinrmServer::start(&["--accept", "negotiate-ntlm"]);
    let port = server.address().port();
    for credentials in [None, Some(("piet", "secret"))] {
        let proxy = Socks::start(credentials);
        // The proxy is given the name, and resolves it.
        let mut client =
            Client::over(socks(proxy.address(), "localhost", port, credentials).expect("a login"));
        log_in(&mut client, "negotiate-ntlm");
        converse(&mut client, "negotiate-ntlm", SIZES);
        assert!(proxy.log().contains(&format!("localhost:{port}")), "{}", proxy.log());
        if credentials.is_some() {
            assert!(socks(proxy.address(), "localhost", port, Some(("piet", "wrong"))).is_none());
            assert!(socks(proxy.address(), "localhost", port, None).is_none());
        }
    }
}

#[test]
fn the_server_ends_with_the_test_that_started_it() {
    assert!(WinrmServer::start(&[]).leave());
}

mod inside {
    use refpoint::auth::kerberos;

    use super::*;
    use crate::kerberos::server_environment;

    const MODES: [&str; 3] = ["kerberos", "negotiate-kerberos", "gss-negotiate"];

    fn initiator(mode: &str, target: Target) -> Box<dyn Mechanism> {
        let tickets = Credentials::Tickets { cache: None, principal: None };
        let fresh = Fresh::new(FileTime(133_700_000_000_000_000), *b"24 bytes that are random");
        match mode {
            "kerberos" => Box::new(kerberos::Initiator::new(&tickets, target).unwrap()),
            _ => Box::new(negotiate::Initiator::new(&tickets, target, fresh).unwrap()),
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn sealed_requests_and_answers_go_over_a_connection_of_their_own() {
        for mode in MODES {
            let server = WinrmServer::start_in(&["--accept", mode], &server_environment());
            for connection in 1..=2 {
                let mut client = Client::connect(server.address());
                let report = client.log_in(&mut *initiator(mode, target()));
                let report = report.unwrap_or_else(|error| panic!("{mode}: {error:?} {}", server.log()));
                assert!(report.chosen == Chosen::Kerberos && report.mutual, "{report:?}");
                converse(&mut client, mode, SIZES.into_iter().chain(0..100));
                assert_eq!(client.ask(b"<last/>").attribute("connections"), connection.to_string());
            }
            assert_eq!(server.log(), "");
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_sealed_answer_of_50_megabytes_opens_and_the_next_one_too() {
        let arguments = ["--accept", "kerberos", "--answer", "size:50000000"];
        let server = WinrmServer::start_in(&arguments, &server_environment());
        let mut client = Client::connect(server.address());
        client.log_in(&mut *initiator("kerberos", target())).unwrap();
        for _ in 0..2 {
            assert_eq!(client.ask(b"<more/>").body.len(), 50_000_000);
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn over_tls_the_login_is_bound_to_the_certificate() {
        for mode in MODES {
            for (held_against, accepted) in [("right", true), ("wrong", false)] {
                let arguments = ["--accept", mode, "--tls", "rsa-pss-sha512", "--bindings", held_against];
                let server = WinrmServer::start_in(&arguments, &server_environment());
                let bindings = ChannelBindings::tls_server_end_point(&server.certificate()).unwrap();
                let target = Target { bindings: Some(bindings), ..Target::new(HOST, Protection::Tls) };
                let mut client = Client::over(Tls::connect(server.address()));
                match client.log_in(&mut *initiator(mode, target)) {
                    Ok(report) => {
                        assert!(accepted && report.bound, "{mode}");
                        converse(&mut client, mode, SIZES);
                    }
                    Err(refused) => {
                        assert!(!accepted, "{mode}: {refused:?} {}", server.log());
                        refused.theirs();
                    }
                }
            }
        }
    }
}

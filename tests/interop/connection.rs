//! The transport's connections against foreign servers, through foreign proxies.

use std::future::Future;

use sha2::{Digest, Sha256};

use refpoint::auth::{Chosen, Credentials};
use refpoint::transport::{
    Connection, Endpoint, Error, Fingerprint, Limits, Login, Method, Options, Proxy, Tls, Trust,
};

use crate::HOST;
use crate::http_peers::{Apache, PASSWORD, Socks, Tinyproxy, USER, WinrmServer};

const SOAP: &str = "application/soap+xml;charset=UTF-8";

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

fn login(method: Method, password: &str) -> Login {
    Login {
        service_host: Some(HOST.into()),
        ..Login::new(Credentials::password(USER, password)).with(method)
    }
}

fn endpoint(server: &WinrmServer) -> Endpoint {
    format!("{}/wsman", server.url()).parse().unwrap()
}

/// Asks for echoes of messages of that many bytes.
async fn converse(connection: &mut Connection, sizes: impl IntoIterator<Item = usize>) {
    for size in sizes {
        let message: Vec<u8> = (0..size).map(|at| (at * 7 % 251) as u8).collect();
        let hash: String = Sha256::digest(&message).iter().map(|byte| format!("{byte:02x}")).collect();
        let reply = connection.exchange(message, SOAP).await.unwrap();
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(reply.status, 200);
        assert!(text.contains(&hash), "{size} bytes: {text}");
    }
}

async fn connections_seen(connection: &mut Connection) -> String {
    let reply = connection.exchange("<last/>", SOAP).await.unwrap();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let rest = text.split("connections=\"").nth(1).unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn sealed_exchanges_go_over_one_connection_to_a_server_of_others() {
    for (mode, method) in [("ntlm", Method::Ntlm), ("negotiate-ntlm", Method::Negotiate)] {
        let server = WinrmServer::start(&["--accept", mode]);
        wait(async {
            let options = Options::new(login(method, PASSWORD));
            let mut connection = Connection::open(&endpoint(&server), options).await.unwrap();
            assert!(connection.is_sealed());
            assert_eq!(connection.report().chosen, Chosen::Ntlm);
            let small = (1..5000).map(|number| number % 300);
            converse(&mut connection, small.chain([70_000, 1_000_000, 2])).await;
            assert_eq!(connections_seen(&mut connection).await, "1", "{mode}");
            assert_eq!(connection.logins(), 1);
        });
        assert_eq!(server.log(), "");
    }
}

#[test]
fn a_sealed_answer_of_50_megabytes_arrives_whole() {
    let server = WinrmServer::start(&["--accept", "negotiate-ntlm", "--answer", "size:50000000"]);
    wait(async {
        let options = Options::new(login(Method::Negotiate, PASSWORD));
        let mut connection = Connection::open(&endpoint(&server), options).await.unwrap();
        for _ in 0..2 {
            let reply = connection.exchange("<more/>", SOAP).await.unwrap();
            assert_eq!(reply.body.len(), 50_000_000);
        }
        let limits = Limits { body: 40_000_000, ..Limits::default() };
        let options = Options { limits, ..Options::new(login(Method::Negotiate, PASSWORD)) };
        let mut connection = Connection::open(&endpoint(&server), options).await.unwrap();
        let refused = connection.exchange("<more/>", SOAP).await.unwrap_err();
        assert!(matches!(refused, Error::TooLong { .. }), "{refused:?}");
        assert!(!connection.is_usable());
    });
}

#[test]
fn a_fault_is_a_reply_and_a_wrong_password_is_a_refused_login() {
    let server = WinrmServer::start(&["--answer", "fault"]);
    wait(async {
        let options = Options::new(login(Method::Ntlm, PASSWORD));
        let mut connection = Connection::open(&endpoint(&server), options).await.unwrap();
        let reply = connection.exchange("<forbidden/>", SOAP).await.unwrap();
        assert_eq!(reply.status, 500);
        assert!(String::from_utf8_lossy(&reply.body).contains("w:AccessDenied"));
        for method in [Method::Ntlm, Method::Negotiate] {
            let options = Options::new(login(method, "wrong"));
            let refused = Connection::open(&endpoint(&server), options).await.unwrap_err();
            assert!(refused.is_login() && refused.was_not_sent(), "{refused:?}");
        }
    });
}

#[test]
fn over_tls_a_pinned_certificate_binds_the_login() {
    for (kind, bindings, is_let_in) in
        [("rsa-pss-sha512", "right", true), ("ecdsa-sha384", "right", true), ("ecdsa-sha256", "wrong", false)]
    {
        let server =
            WinrmServer::start(&["--accept", "negotiate-ntlm", "--tls", kind, "--bindings", bindings]);
        let pin: String =
            Sha256::digest(server.certificate()).iter().map(|byte| format!("{byte:02x}")).collect();
        wait(async {
            let options = |pin: &str| Options {
                tls: Tls::new(Trust::Pin(format!("sha256:{pin}").parse().unwrap())),
                ..Options::new(login(Method::Negotiate, PASSWORD))
            };
            match Connection::open(&endpoint(&server), options(&pin)).await {
                Ok(mut connection) => {
                    assert!(is_let_in && connection.report().bound && !connection.is_sealed(), "{kind}");
                    converse(&mut connection, [1, 1000, 70_000]).await;
                }
                Err(refused) => assert!(!is_let_in && refused.is_login(), "{kind}: {refused:?}"),
            }
            let other = Connection::open(&endpoint(&server), options(&"0".repeat(64))).await.unwrap_err();
            assert!(other.is_tls(), "{other:?}");
        });
    }
}

#[test]
fn a_login_and_its_keys_go_through_real_proxies() {
    let server = WinrmServer::start(&["--accept", "negotiate-ntlm"]);
    let through = |proxy: String| Options {
        proxy: Some(Proxy::parse(&proxy).unwrap()),
        ..Options::new(login(Method::Negotiate, PASSWORD))
    };
    for credentials in [None, Some(("piet", "secret"))] {
        let user = credentials.map_or(String::new(), |(user, password)| format!("{user}:{password}@"));
        let (http, socks) = (Tinyproxy::start(credentials), Socks::start(credentials));
        wait(async {
            for url in
                [format!("http://{user}{}", http.address()), format!("socks5://{user}{}", socks.address())]
            {
                let mut connection = Connection::open(&endpoint(&server), through(url)).await.unwrap();
                converse(&mut connection, [1, 1000, 70_000]).await;
            }
            if credentials.is_some() {
                let wrong = |scheme: &str, address| through(format!("{scheme}://piet:wrong@{address}"));
                for options in [wrong("http", http.address()), wrong("socks5", socks.address())] {
                    let refused = Connection::open(&endpoint(&server), options).await.unwrap_err();
                    assert!(
                        matches!(refused, Error::Proxy { .. }),
                        "the proxy's refusal, not the host's: {refused:?}"
                    );
                    assert!(refused.was_not_sent());
                }
            }
        });
        let host = server.address();
        assert!(http.log().contains(&format!("CONNECT {host}")), "{}", http.log());
        assert!(socks.log().contains(&host.to_string()), "{}", socks.log());
    }
}

// It knows nothing of WinRM, and so of sealing: what comes after the login is not believed.
#[test]
fn a_second_ntlm_server_lets_a_connection_in_and_its_clear_answers_are_refused() {
    let apache = Apache::start();
    let endpoint: Endpoint = format!("http://{}/empty", apache.address()).parse().unwrap();
    wait(async {
        for method in [Method::Ntlm, Method::Negotiate] {
            let login = |password: &str| {
                let account = Credentials::password(USER, password).into_ntlm();
                Login { service_host: Some(HOST.into()), ..Login::new(account).with(method) }
            };
            let mut connection =
                Connection::open(&endpoint, Options::new(login(PASSWORD))).await.unwrap_or_else(|error| {
                    panic!("{method:?}: {error:?}\n{}", apache.log());
                });
            assert!(connection.is_sealed() && connection.report().chosen == Chosen::Ntlm);
            let refused = connection.exchange("<get/>", SOAP).await.unwrap_err();
            assert!(matches!(refused, Error::Answer(_)) && !refused.was_not_sent(), "{refused:?}");
            let refused = Connection::open(&endpoint, Options::new(login("wrong"))).await.unwrap_err();
            assert!(refused.is_login() && refused.was_not_sent(), "{refused:?}");
        }
    });
}

mod inside {
    use super::*;
    use refpoint::auth::Scheme;

    use crate::kerberos::{keytab, password, server_environment, tickets};

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_ticket_opens_a_sealed_connection() {
        for (mode, method) in [("kerberos", Method::Kerberos), ("negotiate-kerberos", Method::Negotiate)] {
            let server = WinrmServer::start_in(&["--accept", mode], &server_environment());
            wait(async {
                let tickets = Credentials::Tickets { cache: None, principal: None };
                let login = Login { service_host: Some(HOST.into()), ..Login::new(tickets).with(method) };
                let mut connection = Connection::open(&endpoint(&server), Options::new(login)).await.unwrap();
                assert_eq!(connection.report().chosen, Chosen::Kerberos);
                assert!(connection.is_sealed() && connection.report().mutual);
                converse(&mut connection, [1, 15, 16, 17, 1000, 70_000, 3]).await;
                assert_eq!(connections_seen(&mut connection).await, "1");
            });
            assert_eq!(server.log(), "");
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn five_thousand_sealed_requests_go_over_one_connection() {
        let server = WinrmServer::start_in(&["--accept", "negotiate-kerberos"], &server_environment());
        wait(async {
            let login = Login { service_host: Some(HOST.into()), ..Login::new(tickets()) };
            let mut connection = Connection::open(&endpoint(&server), Options::new(login)).await.unwrap();
            assert_eq!(connection.report().chosen, Chosen::Kerberos);
            converse(&mut connection, (0..5000).map(|number| 1 + number % 300)).await;
            assert_eq!(connections_seen(&mut connection).await, "1");
            assert_eq!(connection.logins(), 1);
        });
        assert_eq!(server.log(), "");
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn over_tls_a_ticket_is_bound_to_the_certificate() {
        for (mode, method) in [("kerberos", Method::Kerberos), ("negotiate-kerberos", Method::Negotiate)] {
            for (kind, bindings, is_let_in) in [
                ("rsa-pss-sha512", "right", true),
                ("ecdsa-sha384", "right", true),
                ("ecdsa-sha256", "wrong", false),
            ] {
                let arguments = ["--accept", mode, "--tls", kind, "--bindings", bindings];
                let server = WinrmServer::start_in(&arguments, &server_environment());
                wait(async {
                    let login =
                        Login { service_host: Some(HOST.into()), ..Login::new(tickets()).with(method) };
                    let pin = Fingerprint::of(&server.certificate());
                    let options = Options { tls: Tls::new(Trust::Pin(pin)), ..Options::new(login) };
                    match Connection::open(&endpoint(&server), options).await {
                        Ok(mut connection) => {
                            let report = connection.report();
                            assert_eq!(report.chosen, Chosen::Kerberos);
                            assert!(is_let_in && report.bound && report.mutual, "{mode}, {kind}");
                            assert!(!connection.is_sealed());
                            converse(&mut connection, [1, 1000, 70_000]).await;
                        }
                        Err(refused) => {
                            assert!(!is_let_in && refused.is_login(), "{mode}, {kind}: {refused:?}")
                        }
                    }
                });
            }
        }
    }

    // A host whose list of offers was cut to Kerberos alone.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn bare_kerberos_stands_in_where_negotiate_is_not_offered() {
        for credentials in [tickets(), password(), keytab()] {
            let server = WinrmServer::start_in(&["--accept", "kerberos"], &server_environment());
            wait(async {
                let login = Login { service_host: Some(HOST.into()), ..Login::new(credentials) };
                assert_eq!(login.method, Method::Negotiate);
                let mut connection = Connection::open(&endpoint(&server), Options::new(login)).await.unwrap();
                let report = connection.report();
                assert_eq!((report.chosen, report.negotiated), (Chosen::Kerberos, false));
                assert!(connection.is_sealed() && connection.report().mutual);
                converse(&mut connection, [1, 1000, 70_000]).await;
                // The offer was asked for on the connection that then logged in.
                assert_eq!(connections_seen(&mut connection).await, "1");
            });
            assert!(server.log().starts_with("401: nothing here accepts this Negotiate token"));
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn kerberos_alone_goes_inside_negotiate_and_never_becomes_ntlm() {
        let kerberos = |credentials| Login {
            service_host: Some(HOST.into()),
            ..Login::new(credentials).with(Method::Kerberos)
        };
        let server = WinrmServer::start_in(&["--accept", "negotiate-kerberos"], &server_environment());
        wait(async {
            let options = Options::new(kerberos(password()));
            let mut connection = Connection::open(&endpoint(&server), options).await.unwrap();
            assert_eq!(
                (connection.report().chosen, connection.report().negotiated),
                (Chosen::Kerberos, true)
            );
            converse(&mut connection, [1, 1000]).await;
        });
        let server = WinrmServer::start(&["--accept", "negotiate-ntlm"]);
        wait(async {
            let options = Options::new(kerberos(password()));
            let refused = Connection::open(&endpoint(&server), options).await.unwrap_err();
            assert!(refused.is_login() && refused.was_not_sent(), "{refused:?}");
        });
        assert!(!server.log().contains("NTLM"), "{}", server.log());
    }

    // No ticket for that name: what was tried, and the KDC's answer, reach whoever reads the error.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn without_a_ticket_bare_kerberos_says_which_names_were_tried() {
        let server = WinrmServer::start_in(&["--accept", "kerberos"], &server_environment());
        wait(async {
            let login = Login { service_host: Some("nobody.lab.test".into()), ..Login::new(password()) };
            let refused = Connection::open(&endpoint(&server), Options::new(login)).await.unwrap_err();
            let Error::LoginFailed { scheme: Scheme::Kerberos, source, .. } = &refused else {
                panic!("{refused:?}")
            };
            let text = source.to_string();
            for name in ["HTTP/nobody.lab.test", "WSMAN/nobody.lab.test", "HOST/nobody.lab.test"] {
                assert!(text.contains(name), "{text}");
            }
            assert!(text.contains("not found in Kerberos database"), "{text}");
        });
    }
}

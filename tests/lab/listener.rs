use std::net::SocketAddrV4;
use std::time::Duration;

use refpoint::auth::Credentials;
use refpoint::lab::{Listen, Server, StartError};
use refpoint::transport::{Connection, Endpoint, Fingerprint, Login, Method, Options, Tls, Trust};
use tokio::net::TcpStream;

use crate::support::{Client, Lab, PASSWORD, SOAP, USER, identify, ntlm, version};

fn any_port(address: &str) -> SocketAddrV4 {
    SocketAddrV4::new(address.parse().unwrap(), 0)
}

#[tokio::test]
async fn hosts_listen_on_consecutive_addresses_and_one_port() {
    let lab = Lab::new("");
    let server = Server::start(lab.hosts.clone(), Listen::http(any_port("127.1.7.1"))).await.unwrap();
    let port = server.http().unwrap().port();
    for (number, name) in ["HV01", "HV02", "HV03"].into_iter().enumerate() {
        let stream = TcpStream::connect((format!("127.1.7.{}", number + 1), port)).await.unwrap();
        let mut client = Client::new(stream);
        client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
        client.identify().await;
        assert_eq!(lab.log.all()[number]["host"], name);
    }
    assert!(TcpStream::connect(("127.1.7.4", port)).await.is_err());
    let line = format!(r"ready http://127.1.7.1:{port} hosts=3 user=LAB\operator password={PASSWORD}");
    assert_eq!(server.ready_line(), line);
    server.shutdown(Duration::from_secs(5)).await;
    assert!(TcpStream::connect(("127.1.7.1", port)).await.is_err());
}

#[tokio::test]
async fn our_own_connection_logs_in_over_tcp_and_tls() {
    let lab = Lab::new("[service]\nchannel_bindings = 'strict'\nbasic = true");
    let listen = Listen { http: Some(any_port("127.1.8.1")), https: Some(any_port("127.1.8.1")) };
    let server = Server::start(lab.hosts.clone(), listen).await.unwrap();
    let (http, https) = (server.http().unwrap(), server.https().unwrap());
    assert!(server.ready_line().ends_with(&format!(" tls=https://127.1.8.1:{}", https.port())));
    let fingerprint = Fingerprint::of(lab.hosts.certificate(0).unwrap());
    for (url, method, sealed) in [
        (format!("http://{http}"), Method::Ntlm, true),
        (format!("http://{http}"), Method::Negotiate, true),
        (format!("https://{https}"), Method::Ntlm, false),
        (format!("https://{https}"), Method::Negotiate, false),
        (format!("https://{https}"), Method::Basic, false),
    ] {
        let credentials = Credentials::password(USER, PASSWORD);
        let credentials = if method == Method::Basic { credentials } else { credentials.into_ntlm() };
        let mut options = Options::new(Login::new(credentials).with(method));
        options.tls = Tls::new(Trust::Pin(fingerprint));
        let endpoint: Endpoint = url.parse().unwrap();
        let mut connection = Connection::open(&endpoint, options).await.unwrap();
        assert_eq!(connection.is_sealed(), sealed, "{url} {method:?}");
        let reply = connection.exchange(identify(), SOAP).await.unwrap();
        assert!(
            version(std::str::from_utf8(&reply.body).unwrap()).starts_with("OS: 10.0"),
            "{url} {method:?}"
        );
    }
    assert_eq!(lab.log.all().len(), 5);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.1.9.2:0").unwrap();
    let address = SocketAddrV4::new("127.1.9.1".parse().unwrap(), taken.local_addr().unwrap().port());
    let refused = Server::start(Lab::new("").hosts, Listen::http(address)).await.unwrap_err();
    let StartError::Listen { address, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(address, taken.local_addr().unwrap());
}

#[tokio::test]
async fn a_host_that_always_refuses_is_not_there() {
    let lab = Lab::new("[[fault]]\nwhat = 'refuse-connect'\nwhen = { host = 'HV02' }");
    let server = Server::start(lab.hosts.clone(), Listen::http(any_port("127.1.10.1"))).await.unwrap();
    let port = server.http().unwrap().port();
    let refused = TcpStream::connect(("127.1.10.2", port)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(TcpStream::connect(("127.1.10.3", port)).await.is_ok());
}

#[tokio::test]
async fn a_shutdown_lets_what_is_being_answered_be_answered() {
    let lab = Lab::new("[[fault]]\nwhat = 'slow'\nseconds = 0.3");
    let server = Server::start(lab.hosts.clone(), Listen::http(any_port("127.1.11.1"))).await.unwrap();
    let connect = async || Client::new(TcpStream::connect(server.http().unwrap()).await.unwrap());
    let (mut busy, mut idle) = (connect().await, connect().await);
    busy.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
    idle.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
    let asking = tokio::spawn(async move {
        let version = busy.identify().await;
        (version, busy.is_closed().await)
    });
    lab.log.first().await;
    server.shutdown(Duration::from_secs(30)).await;
    assert!(idle.is_closed().await);
    let (version, is_closed) = asking.await.unwrap();
    assert!(version.starts_with("OS") && is_closed);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let lab = Lab::new("[[fault]]\nwhat = 'stall'");
    let server = Server::start(lab.hosts.clone(), Listen::http(any_port("127.1.12.1"))).await.unwrap();
    let mut client = Client::new(TcpStream::connect(server.http().unwrap()).await.unwrap());
    client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
    let asking = tokio::spawn(async move { client.ask_raw(&identify()).await });
    lab.log.first().await;
    server.shutdown(Duration::from_millis(50)).await;
    assert!(asking.await.unwrap().is_err());
}

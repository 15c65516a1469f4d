use std::sync::{Arc, Mutex};

use refpoint::transport::{Connection, Endpoint, Error, Method, Options, Proxy, ProxyError, Tls, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Peer, ask, options};

/// A host on loopback; its address is what proxies are asked for.
async fn host() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(Peer::for_method(Method::Ntlm).serve(socket));
        }
    });
    endpoint
}

type Heads = Arc<Mutex<Vec<String>>>;

/// Answers each CONNECT with this; if it is a success, carries bytes to `target`.
async fn http_proxy(answer: &'static str, target: String) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Heads::default();
    let seen = heads.clone();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        seen.lock().unwrap().push(String::from_utf8(head).unwrap());
        client.write_all(answer.as_bytes()).await.unwrap();
        if answer.starts_with("HTTP/1.1 200") {
            let mut server = TcpStream::connect(target).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    });
    (address, heads)
}

fn through(url: &str) -> Options {
    let mut options = options(Method::Ntlm);
    options.proxy = Some(Proxy::parse(url).unwrap());
    options
}

async fn refusal(url: &str) -> (Error, String) {
    let endpoint: Endpoint = "http://hv01.lab.test".parse().unwrap();
    let error = Connection::open(&endpoint, through(url)).await.unwrap_err();
    let printed = format!("{error:?} {error}");
    (error, printed)
}

#[tokio::test]
async fn connect_carries_a_login_and_its_exchanges() {
    let host = host().await;
    let (proxy, heads) =
        http_proxy("HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n", host.authority()).await;
    let options = through(&format!("http://mia:p%40ss@{proxy}"));
    let mut connection = Connection::open(&host, options).await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, b"echo <s/>");
    }
    let heads = heads.lock().unwrap();
    let authority = host.authority();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with(&format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n")));
    assert!(heads[0].contains("Proxy-Authorization: Basic bWlhOnBAc3M=\r\n"), "{}", heads[0]);
}

#[tokio::test]
async fn an_https_endpoint_goes_through_connect_too() {
    let (proxy, heads) = http_proxy("HTTP/1.1 502 Bad Gateway\r\n\r\n", String::new()).await;
    let endpoint: Endpoint = "https://hv01.lab.test".parse().unwrap();
    let mut options = through(&format!("http://{proxy}"));
    options.tls = Tls::new(Trust::Anything);
    let error = Connection::open(&endpoint, options).await.unwrap_err();
    assert!(matches!(&error, Error::Proxy { .. }) && error.is_retryable());
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT hv01.lab.test:5986 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn what_the_proxy_refuses_is_not_the_hosts() {
    let (proxy, _) = http_proxy(
        "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nProxy-Authenticate: NTLM\r\n\r\n",
        String::new(),
    )
    .await;
    let (error, printed) = refusal(&format!("http://mia:hush-hush@{proxy}")).await;
    let Error::Proxy { source: ProxyError::LoginRefused { offered, given: true }, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(offered, "Basic, NTLM");
    assert!(!error.is_login() && error.was_not_sent() && !error.is_retryable());
    assert!(!printed.contains("hush-hush") && !printed.contains("bWlh"));

    let (proxy, _) = http_proxy("HTTP/1.0 403 Not \x1b[1m here\r\n\r\n<html>", String::new()).await;
    let (error, printed) = refusal(&format!("http://{proxy}")).await;
    assert!(matches!(&error, Error::Proxy { source: ProxyError::Refused { status: 403, .. }, .. }));
    assert!(!error.is_retryable() && !printed.contains('\x1b'));
}

#[tokio::test]
async fn what_is_no_proxy_or_never_ends_is_left() {
    for (answer, long) in
        [("SSH-2.0-x\r\n\r\n", false), ("HTTP/1.1 2xx\r\n\r\n", false), ("HTTP/1.1 200 ", true)]
    {
        let answer: &'static str =
            if long { Box::leak((answer.to_owned() + &"x".repeat(20_000)).into()) } else { answer };
        let (proxy, _) = http_proxy(answer, "127.0.0.1:1".to_owned()).await;
        let (error, _) = refusal(&format!("http://{proxy}")).await;
        let Error::Proxy { source, .. } = error else { panic!("{error:?}") };
        assert!(matches!(source, ProxyError::NotAProxy | ProxyError::TooLong), "{source:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_the_host_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (error, _) = refusal(&format!("http://{address}")).await;
    assert!(matches!(&error, Error::Proxy { source: ProxyError::Unreachable(_), .. }));
    assert!(error.is_retryable());
}

/// A SOCKS5 proxy that wants this login, answers with this code, and notes what it was asked for.
async fn socks_proxy(login: Option<&'static str>, code: u8, target: String) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::<Mutex<Vec<u8>>>::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut methods = vec![0; 2];
        client.read_exact(&mut methods).await.unwrap();
        methods.resize(2 + usize::from(methods[1]), 0);
        client.read_exact(&mut methods[2..]).await.unwrap();
        if let Some(login) = login {
            if !methods[2..].contains(&2) {
                client.write_all(&[5, 0xff]).await.unwrap();
                return;
            }
            client.write_all(&[5, 2]).await.unwrap();
            let mut given = vec![0; login.len()];
            client.read_exact(&mut given).await.unwrap();
            let wrong = u8::from(given != login.as_bytes());
            client.write_all(&[1, wrong]).await.unwrap();
            if wrong != 0 {
                return;
            }
        } else {
            client.write_all(&[5, 0]).await.unwrap();
        }
        let mut request = vec![0; 5];
        client.read_exact(&mut request).await.unwrap();
        let rest = match request[3] {
            1 => 5,
            4 => 17,
            _ => usize::from(request[4]) + 2,
        };
        request.resize(5 + rest, 0);
        client.read_exact(&mut request[5..]).await.unwrap();
        *seen.lock().unwrap() = request;
        let mut answer = vec![5, code, 0, 3, 4];
        answer.extend_from_slice(b"here\x00\x50");
        client.write_all(&answer).await.unwrap();
        if code == 0 {
            let mut server = TcpStream::connect(target).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    });
    (address, asked)
}

#[tokio::test]
async fn socks5_carries_a_login_and_resolves_the_name_itself() {
    let target = host().await;
    let (proxy, asked) = socks_proxy(None, 0, target.authority()).await;
    let named: Endpoint = "http://no-such-name.invalid:5985".parse().unwrap();
    let mut connection = Connection::open(&named, through(&format!("socks5h://{proxy}"))).await.unwrap();
    assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, b"echo <s/>");
    let expected = [&[5, 1, 0, 3, 23][..], b"no-such-name.invalid:5985"].concat();
    assert_eq!(asked.lock().unwrap()[..4], expected[..4]);
    assert_eq!(asked.lock().unwrap()[5..25], *b"no-such-name.invalid");
    assert_eq!(asked.lock().unwrap()[25..], 5985_u16.to_be_bytes());

    let (proxy, asked) = socks_proxy(Some("\x01\x03mia\x04hush"), 0, target.authority()).await;
    let mut connection =
        Connection::open(&target, through(&format!("socks5://mia:hush@{proxy}"))).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
    assert_eq!(asked.lock().unwrap()[..8], [5, 1, 0, 1, 127, 0, 0, 1]);
}

#[tokio::test]
async fn socks5_refusals_have_their_names() {
    for (code, retryable) in [(1, true), (2, false), (5, true), (8, false), (99, false)] {
        let (proxy, _) = socks_proxy(None, code, String::new()).await;
        let (error, _) = refusal(&format!("socks5://{proxy}")).await;
        assert!(
            matches!(&error, Error::Proxy { source: ProxyError::Socks { code: found }, .. } if *found == code)
        );
        assert_eq!(error.is_retryable(), retryable, "{code}");
    }
    for url in ["socks5://", "socks5://mia:nope@"] {
        let (proxy, _) = socks_proxy(Some("\x01\x03mia\x04hush"), 0, String::new()).await;
        let (error, printed) = refusal(&format!("{url}{proxy}")).await;
        assert!(matches!(&error, Error::Proxy { source: ProxyError::LoginRefused { .. }, .. }), "{error:?}");
        assert!(!printed.contains("nope"));
    }
}

#[tokio::test]
async fn nothing_of_ours_adds_a_line_to_what_the_proxy_gets() {
    let (proxy, heads) = http_proxy("HTTP/1.1 200 Fine\r\n\r\n", String::new()).await;
    let mut options = through(&format!("http://{proxy}"));
    options.user_agent = "x\r\nProxy-Authorization: y".into();
    let endpoint: Endpoint = "http://hv01.lab.test".parse().unwrap();
    let error = Connection::open(&endpoint, options).await.unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error:?}");
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_exception_goes_past_the_proxy() {
    let host = host().await;
    let mut options = through("http://127.0.0.1:1");
    options.proxy = options.proxy.map(|proxy| proxy.except("127.0.0.1"));
    Connection::open(&host, options).await.unwrap();
}

//! `/metrics` over HTTP, for as long as the run lasts.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::exposition::MEDIA_TYPE;

/// Writes what is answered.
pub(super) type Page = Arc<dyn Fn() -> String + Send + Sync>;

/// A socket that answers; it ends when this is dropped.
pub(super) struct Endpoint {
    task: JoinHandle<()>,
    address: SocketAddr,
}

impl Endpoint {
    /// Listens there.
    pub(super) async fn listen(address: SocketAddr, page: Page) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { task: tokio::spawn(serve(listener, page)), address })
    }

    /// Returns where: the port may have been picked by the system.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // With the task go the connections.
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, page: Page) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => _ = connections.spawn(answer(stream, Arc::clone(&page), permit)),
            // The system has no more files to give, or the one who called has left.
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn answer(stream: TcpStream, page: Page, _permit: OwnedSemaphorePermit) {
    let service = service_fn(move |request| {
        let response = respond(&request, &page);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(LARGEST_HEAD).keep_alive(false);
    // Whoever sends garbage has an answer that says so, or none.
    let _ = timeout(LONGEST, http.serve_connection(TokioIo::new(stream), service)).await;
}

fn respond(request: &Request<Incoming>, page: &Page) -> Response<Full<Bytes>> {
    let is_asked_for = request.uri().path() == "/metrics";
    let (status, text) = match *request.method() {
        _ if !is_asked_for => (StatusCode::NOT_FOUND, "there is /metrics alone\n".to_owned()),
        Method::GET | Method::HEAD => (StatusCode::OK, page()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "it can be read alone\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// More at once wait for their turn.
const MOST_CONNECTIONS: usize = 16;

/// Whoever has not asked by then is not answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever has not read its answer by then reads no more of it.
const LONGEST: Duration = Duration::from_secs(20);

/// A request for this page has a short head.
const LARGEST_HEAD: usize = 16 << 10;

const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn endpoint() -> Endpoint {
        let page: Page = Arc::new(|| "a 1\n".to_owned());
        Endpoint::listen("127.0.0.1:0".parse().unwrap(), page).await.unwrap()
    }

    async fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        all(stream).await
    }

    /// Sends that and no more. A connection that is cut meanwhile is an answer too.
    async fn ask_only(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(request).await;
        let _ = stream.shutdown().await;
        all(stream).await
    }

    async fn all(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn it_is_read_with_get_and_head_and_nothing_else() {
        let endpoint = endpoint().await;
        for (request, status, headers, body) in [
            (
                "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                "200 OK",
                "content-type: text/plain; version=0.0.4",
                "a 1\n",
            ),
            ("GET /metrics?x=y HTTP/1.0\r\n\r\n", "200 OK", "content-length: 4", "a 1\n"),
            ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "content-length: 4", ""),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", "", "there is /metrics alone\n"),
            (
                "GET /metrics/../x HTTP/1.1\r\nHost: x\r\n\r\n",
                "404 Not Found",
                "",
                "there is /metrics alone\n",
            ),
            (
                "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                "405 Method",
                "allow: GET, HEAD",
                "it can be read alone\n",
            ),
        ] {
            let answer = ask(endpoint.address(), request.as_bytes()).await;
            let (head, text) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(status) && head.contains(headers), "{request}: {answer}");
            assert_eq!(text, body, "{request}");
        }
    }

    #[tokio::test]
    async fn garbage_and_endless_heads_end_their_connection_alone() {
        let endpoint = endpoint().await;
        let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 64 << 10]].concat();
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500));
        for garbage in [
            b"\x00\x01\x02\xff\r\n\r\n".as_slice(),
            b"\r\n\r\n\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /metrics HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"",
            &long,
            many.as_bytes(),
        ] {
            let answer = ask_only(endpoint.address(), garbage).await;
            assert!(!answer.contains("a 1\n"), "{answer}");
        }
        let answer = ask(endpoint.address(), b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.ends_with("a 1\n"), "{answer}");
    }

    #[tokio::test]
    async fn whoever_says_nothing_makes_room_for_others() {
        let endpoint = endpoint().await;
        let mut silent = Vec::new();
        for _ in 0..MOST_CONNECTIONS * 2 {
            silent.push(TcpStream::connect(endpoint.address()).await.unwrap());
        }
        tokio::time::pause();
        // The clock runs on while all wait: the silent ones are sent away before anybody else is.
        let answer = ask(endpoint.address(), b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.ends_with("a 1\n"), "{answer}");
    }

    #[tokio::test]
    async fn it_ends_with_the_run() {
        let endpoint = endpoint().await;
        let address = endpoint.address();
        drop(endpoint);
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}

//! Real HTTP, to servers that do what they are told.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use refpoint::fleet::{Kind, RunState};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::cli::args::{Color, OutputArgs};
use crate::cli::sample::{at, badly, begun, clock, failure, report, well};

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Asked {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that answers from a script, and 200 when that is over.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start(answers: &[&'static str]) -> Self {
        Self::over(answers, None).await
    }

    async fn over(answers: &[&'static str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, asked: Arc::default() };
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect::<VecDeque<_>>()));
        let own = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (own, answers, tls) = (own.clone(), Arc::clone(&answers), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => own.answer(stream, &answers).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => own.answer(stream, &answers).await,
                            Err(error) => own.note(Asked {
                                line: format!("no TLS: {error}"),
                                headers: BTreeMap::new(),
                                body: String::new(),
                            }),
                        },
                    }
                });
            }
        });
        server
    }

    async fn answer(
        self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        answers: &Mutex<VecDeque<&'static str>>,
    ) {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while bytes.len() < head + 4 + length {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
        }
        let body = String::from_utf8(bytes[head + 4..].to_vec()).unwrap();
        self.note(Asked { line, headers, body });
        let answer = answers.lock().unwrap().pop_front().unwrap_or("200 OK\r\n");
        if answer == HANG {
            std::future::pending::<()>().await;
        }
        let answer = format!("HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    async fn has_been_asked(&self) {
        while self.asked().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// In the place of an answer: none, ever.
const HANG: &str = "";

fn ui() -> Ui {
    Ui::new(&OutputArgs {
        output: None,
        form: None,
        verbose: 0,
        quiet: true,
        color: Color::Never,
        no_pager: true,
    })
}

fn notifier(plan: &str, server: &Server) -> Notifier {
    let plan = plan.replace("ADDRESS", &server.address.to_string());
    let pace = Pace { first: Duration::from_millis(1), ..Pace::default() };
    Notifier::with(&toml::from_str(&plan).unwrap(), pace, clock, &mut ui())
}

fn file(name: &str, text: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("refpoint-notify-{name}-{}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    file
}

/// Another implementation's verdict on a signature: the one that the documentation gives to receivers.
fn is_good(asked: &Asked, key: &str, now: i64) -> bool {
    let page = include_str!("../../../../docs/unattended.md");
    let check = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let program = format!(
        "{check}\nimport sys\nkey, header, body, now = sys.argv[1:]\n\
         sys.exit(not is_from_refpoint(key, header, body.encode(), float(now)))"
    );
    let header = &asked.headers["x-refpoint-signature"];
    let words = ["-c", &program, key, header, &asked.body, &now.to_string()];
    let output = Command::new("python3").args(words).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[tokio::test]
async fn a_webhook_hears_the_beginning_and_the_end_and_can_tell_who_speaks() {
    let server = Server::start(&[]).await;
    let key = file("key", "0123456789abcdef-the-key\nnot the key\n");
    let plan = format!(
        "[[webhook]]\nurl = 'http://ADDRESS/hooks/t0ken?x=y'\nkey_file = '{}'\n\
         on = ['started', 'succeeded', 'warned', 'failed', 'stopped']",
        key.display()
    );
    let mut notifier = notifier(&plan, &server);
    notifier.hear(&begun(3));
    let told = badly();
    assert_eq!(notifier.finish(&told).await, Vec::<String>::new());
    let [start, end] = server.asked().try_into().unwrap();
    assert_eq!(start.line, "POST /hooks/t0ken?x=y HTTP/1.1");
    for (asked, event) in [(&start, "started"), (&end, "failed")] {
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(asked.headers["x-refpoint-event"], event);
        assert!(asked.headers["user-agent"].starts_with("refpoint/"));
        assert_eq!(asked.json()["delivery"], asked.headers["x-refpoint-delivery"].as_str());
        let now = clock().as_second();
        assert!(is_good(asked, "0123456789abcdef-the-key", now));
        assert!(!is_good(asked, "0123456789abcdef-a-key", now), "another key");
        assert!(!is_good(asked, "0123456789abcdef-the-key", now + 301), "sent again later");
        let changed = Asked { body: asked.body.replace("nightly", "nightlx"), ..asked.clone() };
        assert!(!is_good(&changed, "0123456789abcdef-the-key", now), "another body");
    }
    assert_ne!(start.headers["x-refpoint-delivery"], end.headers["x-refpoint-delivery"]);
    let payload = start.json();
    assert_eq!(
        (
            &payload["schema"],
            &payload["event"],
            &payload["run"],
            &payload["plan"],
            &payload["totals"]["hosts"]
        ),
        (&json!("refpoint.webhook/1"), &json!("started"), &json!("nightly-1"), &json!("nightly"), &json!(3))
    );
    let payload = end.json();
    assert_eq!(
        (&payload["state"], &payload["exit_code"], &payload["duration_seconds"], &payload["report"]),
        (&json!("finished"), &json!(1), &json!(600.0), &Json::Null)
    );
    assert_eq!(payload["totals"], serde_json::to_value(&told.totals).unwrap());
    assert_eq!(
        payload["failures"],
        json!([
            {"kind": "job-failed", "code": null, "message": "for a test", "hint": null, "exit_code": 7,
             "hosts": 0, "units": 1, "examples": ["hv01/web01"]},
            {"kind": "unreachable", "code": null, "message": "for a test", "hint": null, "exit_code": 4,
             "hosts": 1, "units": 0, "examples": ["hv02"]},
        ])
    );
    std::fs::remove_file(key).unwrap();
}

#[tokio::test]
async fn a_run_without_a_report_is_told_too() {
    let locked = failure(Kind::Ledger);
    for has_begun in [false, true] {
        let server = Server::start(&[]).await;
        let plan =
            "[[webhook]]\nurl = 'http://ADDRESS/'\n[ping]\nurl = 'http://ADDRESS/id'\nstyle = 'exit-code'";
        let mut notifier = notifier(plan, &server);
        if has_begun {
            notifier.hear(&begun(2));
        }
        assert!(notifier.fail("nightly", &locked).await.is_empty());
        let asked = server.asked();
        let payload = asked.iter().find(|it| it.line.starts_with("POST / ")).unwrap().json();
        assert_eq!(
            (&payload["event"], &payload["plan"], &payload["exit_code"], &payload["error"]["kind"]),
            (&json!("failed"), &json!("nightly"), &json!(11), &json!("ledger"))
        );
        let (run, state) =
            if has_begun { (json!("nightly-1"), json!("stopped")) } else { (Json::Null, Json::Null) };
        assert_eq!((&payload["run"], &payload["state"]), (&run, &state));
        let ping = asked.iter().find(|it| it.line == "POST /id/11 HTTP/1.1").unwrap();
        let whom = if has_begun { "nightly-1" } else { "nightly" };
        assert_eq!(ping.body, format!("{whom} failed: for a test, exit code 11\n"));
    }
}

#[tokio::test]
async fn who_wants_all_of_the_report_gets_it_and_who_wants_no_signature_gets_none() {
    let server = Server::start(&[]).await;
    let mut notifier = notifier("[[webhook]]\nurl = 'http://ADDRESS/'\nreport = 'full'", &server);
    notifier.hear(&begun(1));
    assert!(notifier.finish(&well()).await.is_empty());
    let [end] = server.asked().try_into().unwrap();
    assert!(!end.headers.contains_key("x-refpoint-signature"));
    assert_eq!(end.headers["x-refpoint-event"], "succeeded");
    let whole: RunReport = serde_json::from_value(end.json()["report"].clone()).unwrap();
    assert_eq!(whole, well());
}

#[tokio::test]
async fn what_passes_is_tried_again_with_the_same_delivery() {
    let server = Server::start(&["503 No\r\n", "500 No\r\n", "429 No\r\nRetry-After: 0\r\n"]).await;
    let notifier = notifier("[[webhook]]\nurl = 'http://ADDRESS/'", &server);
    assert_eq!(notifier.finish(&well()).await, Vec::<String>::new());
    let deliveries: Vec<_> =
        server.asked().into_iter().map(|it| it.headers["x-refpoint-delivery"].clone()).collect();
    assert_eq!(deliveries.len(), 4);
    assert!(deliveries.iter().all(|delivery| *delivery == deliveries[0]));
}

#[tokio::test]
async fn what_is_refused_is_a_warning_that_shows_no_more_than_the_host() {
    let elsewhere = Server::start(&[]).await;
    let there: &'static str = format!("302 Found\r\nLocation: http://{}/\r\n", elsewhere.address).leak();
    for (answer, words) in [
        ("403 No t0ken\r\n", "it answered 403"),
        ("410 Gone\r\n", "it answered 410"),
        ("429 No\r\nRetry-After: 3600\r\n", "it answered 429, and asks for 3600 s of patience"),
        (there, "it answered 302, and redirects are not followed"),
    ] {
        let server = Server::start(&[answer]).await;
        let plan = "[[webhook]]\nurl = 'http://user:t0ken@ADDRESS/t0ken?t0ken'\n";
        let warnings = notifier(plan, &server).finish(&well()).await;
        let expected = format!("the webhook http://{}/… was not told: {words}", server.address);
        assert_eq!((warnings, server.asked().len()), (vec![expected], 1));
    }
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_never_answers_holds_the_run_for_its_patience_and_no_longer() {
    let server = Server::start(&[HANG; 100]).await;
    let plan =
        "patience = '25s'\n[[webhook]]\nurl = 'http://ADDRESS/t0ken'\n[ping]\nurl = 'http://ADDRESS/t0ken'";
    let mut notifier = notifier(plan, &server);
    let begin = Instant::now();
    notifier.hear(&begun(1));
    let warnings = notifier.finish(&well()).await;
    assert_eq!(begin.elapsed().as_secs(), 25);
    let not_done = warnings.iter().filter(|warning| warning.ends_with("it was not done within 25s"));
    assert_eq!(not_done.count(), 2, "{warnings:?}");
    assert!(!format!("{warnings:?}").contains("t0ken"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_tried_for_as_long_as_there_is_patience() {
    let gone = Server { address: ([127, 0, 0, 1], 1).into(), asked: Arc::default() };
    let begin = Instant::now();
    let warnings =
        notifier("patience = '5s'\n[[webhook]]\nurl = 'http://ADDRESS/t0ken'", &gone).finish(&well()).await;
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert_eq!(warnings.len(), 1);
}

#[tokio::test]
async fn whom_the_plan_describes_wrongly_is_left_out_and_the_others_are_told() {
    let server = Server::start(&[]).await;
    let short = file("short", "short");
    let plan = format!(
        "[[webhook]]\nurl = 't0ken'\n\
         [[webhook]]\nurl_file = '/nonexistent/url'\n\
         [[webhook]]\nurl = 'http://ADDRESS/t0ken'\nkey_file = '{}'\n\
         [[webhook]]\nurl = 'http://ADDRESS/t0ken'\nkey_credential = '../key'\n\
         [[webhook]]\nurl = 'https://ADDRESS/t0ken'\nca = '{}'\n\
         [[webhook]]\nurl = 'http://ADDRESS/t0ken'\nproxy = '\\u0000t0ken'\n\
         [[webhook]]\nurl = 'http://ADDRESS/'",
        short.display(),
        short.display()
    )
    .replace("'\\u0000t0ken'", "\"\\u0000t0ken\"");
    let notifier = notifier(&plan, &server);
    let warnings = notifier.warnings();
    assert_eq!(warnings.len(), 6, "{warnings:#?}");
    assert!(warnings.iter().all(|it| it.starts_with("a webhook will not be told: ")), "{warnings:#?}");
    assert!(!format!("{warnings:?}").contains("t0ken"), "{warnings:?}");
    assert!(notifier.finish(&well()).await.is_empty());
    assert_eq!(server.asked().len(), 1);
    std::fs::remove_file(short).unwrap();
}

#[tokio::test]
async fn watchers_are_asked_in_their_style() {
    let mut stopped = well();
    stopped.state = RunState::Stopped;
    let mut warned = well();
    warned.exit_code = Some(3);
    for (keys, told, lines) in [
        ("", well(), vec!["POST /id/start", "POST /id"]),
        ("", warned.clone(), vec!["POST /id/start", "POST /id"]),
        ("", badly(), vec!["POST /id/start", "POST /id/fail"]),
        ("", stopped.clone(), vec!["POST /id/start", "POST /id/fail"]),
        ("style = 'exit-code'", well(), vec!["POST /id/start", "POST /id/0"]),
        ("style = 'exit-code'", warned.clone(), vec!["POST /id/start", "POST /id/3"]),
        ("style = 'exit-code'", badly(), vec!["POST /id/start", "POST /id/1"]),
        ("style = 'exit-code'", stopped.clone(), vec!["POST /id/start", "POST /id/fail"]),
        ("style = 'plain'\nmethod = 'get'", well(), vec!["GET /id"]),
        ("style = 'plain'", badly(), vec![]),
        (
            "style = 'plain'\nfailure_url = 'http://ADDRESS/x?status=down'",
            badly(),
            vec!["POST /x?status=down"],
        ),
    ] {
        let server = Server::start(&[]).await;
        let mut notifier = notifier(&format!("[ping]\nurl = 'http://ADDRESS/id'\n{keys}"), &server);
        notifier.hear(&begun(1));
        assert_eq!(notifier.finish(&told).await, Vec::<String>::new());
        let lines: Vec<_> = lines.into_iter().map(|line| format!("{line} HTTP/1.1")).collect();
        assert_eq!(server.lines(), lines, "{keys}");
        let asked = server.asked();
        let has_words = asked.iter().all(|it| it.body.is_empty() == it.line.starts_with("GET"));
        assert!(has_words, "{asked:?}");
    }
}

#[tokio::test]
async fn a_watcher_is_told_in_words_what_failed() {
    let server = Server::start(&[]).await;
    let mut notifier = notifier("[ping]\nurl = 'http://ADDRESS/id'", &server);
    notifier.hear(&begun(2));
    assert!(notifier.finish(&badly()).await.is_empty());
    let bodies: Vec<_> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(
        bodies,
        [
            "nightly-1 begins: 2 hosts\n",
            "nightly-1 failed: 1 of 2 done, exit code 1\njob-failed: 0 hosts, 1 units (hv01/web01)\n\
             unreachable: 1 hosts, 0 units (hv02)\n"
        ]
    );
}

#[tokio::test]
async fn what_is_outdated_is_not_told_after_what_is_new() {
    let server = Server::start(&["503 No\r\nRetry-After: 30\r\n"]).await;
    let mut notifier = notifier("[ping]\nurl = 'http://ADDRESS/id'", &server);
    notifier.hear(&begun(1));
    server.has_been_asked().await;
    let warnings = notifier.finish(&well()).await;
    assert_eq!(server.lines(), ["POST /id/start HTTP/1.1", "POST /id HTTP/1.1"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[tokio::test]
async fn a_proxy_that_is_asked_for_is_used() {
    let proxy = Server::start(&[]).await;
    let plan = "[[webhook]]\nurl = 'http://a.invalid/x'\nproxy = 'http://user:t0ken@ADDRESS'";
    let notifier = notifier(plan, &proxy);
    assert_eq!(
        notifier.warnings(),
        ["everybody on the way to http://a.invalid/… can read what is sent there"]
    );
    assert!(notifier.finish(&well()).await.is_empty());
    let [asked] = proxy.asked().try_into().unwrap();
    assert_eq!(asked.line, "POST http://a.invalid/x HTTP/1.1");
    assert!(asked.headers["proxy-authorization"].starts_with("Basic "));
}

/// What the next test runs, with a proxy in the environment and a plan.
#[tokio::test]
#[ignore = "it is run by the_proxy_of_the_environment_is_used_where_the_plan_asks_for_it"]
async fn tell_with_the_environment_of_another_test() {
    let plan = toml::from_str(&std::env::var("REFPOINT_TEST_PLAN").unwrap()).unwrap();
    assert_eq!(Notifier::start(&plan, clock, &mut ui()).finish(&well()).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_used_where_the_plan_asks_for_it() {
    for (key, is_asked_for) in [("", false), ("proxy = 'env'", true)] {
        let (server, proxy) = (Server::start(&[]).await, Server::start(&[]).await);
        let plan = format!("[[webhook]]\nurl = 'http://{}/x'\n{key}", server.address);
        let mut own = Command::new(std::env::current_exe().unwrap());
        own.args([
            "--exact",
            "--ignored",
            concat!(module_path!(), "::tell_with_the_environment_of_another_test")
                .split_once("::")
                .unwrap()
                .1,
        ]);
        own.env("REFPOINT_TEST_PLAN", plan).env("http_proxy", format!("http://{}", proxy.address));
        own.env_remove("no_proxy").env_remove("NO_PROXY");
        let output = tokio::task::spawn_blocking(move || own.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        assert_eq!(
            (server.asked().len(), proxy.asked().len()),
            (usize::from(!is_asked_for), usize::from(is_asked_for))
        );
    }
}

/// Returns an authority, and TLS with a certificate of its for 127.0.0.1.
fn authority() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn over_tls(tls: TlsAcceptor, ca: &Path) -> (Vec<String>, Vec<String>) {
    let server = Server::over(&[], Some(tls)).await;
    let plan = format!("[[webhook]]\nurl = 'https://ADDRESS/t0ken'\nca = '{}'", ca.display());
    let warnings = notifier(&plan, &server).finish(&well()).await;
    server.has_been_asked().await;
    (server.lines(), warnings)
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_the_plan_says_so_and_no_other() {
    let ((pem, tls), (other, _)) = (authority(), authority());
    let (own, other) = (file("own.pem", &pem), file("other.pem", &other));
    let (lines, warnings) = over_tls(tls.clone(), &own).await;
    assert_eq!((lines, warnings), (vec!["POST /t0ken HTTP/1.1".to_owned()], vec![]));
    let (lines, warnings) = over_tls(tls.clone(), &other).await;
    assert!(lines.len() == 1 && lines[0].starts_with("no TLS: "), "once, and nothing was asked: {lines:?}");
    assert!(
        warnings[0].ends_with("invalid peer certificate: BadSignature; the key `ca` says whom to trust"),
        "{warnings:?}"
    );
    assert!(!warnings[0].contains("t0ken"));
    // Without the key it is the system that is asked, which does not know this authority.
    let server = Server::over(&[], Some(tls)).await;
    let warnings = notifier("[[webhook]]\nurl = 'https://ADDRESS/t0ken'", &server).finish(&well()).await;
    assert!(warnings[0].ends_with("UnknownIssuer; the key `ca` says whom to trust"), "{warnings:?}");
    assert!(warnings[0].contains("/… ") && !warnings[0].contains("t0ken"), "{warnings:?}");
    assert!(server.lines().iter().all(|line| line.starts_with("no TLS: ")), "{:?}", server.lines());
    std::fs::remove_file(own).unwrap();
    std::fs::remove_file(other).unwrap();
}

#[tokio::test]
async fn a_plan_that_names_nobody_costs_nothing() {
    let mut notifier = Notifier::start(&Notify::default(), clock, &mut ui());
    notifier.hear(&begun(1));
    let mut long = report(Vec::new(), Vec::new(), RunState::Finished);
    long.finished_at = Some(at(1));
    assert!(notifier.finish(&long).await.is_empty());
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_that_is_logged_shows_an_address_or_a_key() {
    let _ = tracing_log::LogTracer::init();
    let log = Log::default();
    let writer = log.clone();
    let listener = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _listening = tracing::subscriber::set_default(listener.finish());
    tracing::info!("it is heard");
    let ((pem, tls), key) = (authority(), file("canary-key", "t0ken-t0ken-t0ken"));
    let ca = file("canary-ca", &pem);
    let server = Server::over(&["503 No\r\n", "302 Found\r\nLocation: /t0ken\r\n"], Some(tls)).await;
    let plan = format!(
        "[[webhook]]\nurl = 'https://user:t0ken@ADDRESS/t0ken?t0ken'\nca = '{0}'\nkey_file = '{1}'\n\
         [ping]\nurl = 'https://ADDRESS/t0ken'\nca = '{0}'",
        ca.display(),
        key.display()
    );
    let mut notifier = notifier(&plan, &server);
    notifier.hear(&begun(1));
    let warnings = notifier.finish(&badly()).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("it is heard") && text.contains("127.0.0.1"), "the libraries are heard: {text}");
    assert!(!text.contains("t0ken") && !format!("{warnings:?}").contains("t0ken"), "{warnings:?} {text}");
    assert!(!text.contains("dXNlcjp0MGtlbg"), "user:t0ken in base64: {text}");
    std::fs::remove_file(ca).unwrap();
    std::fs::remove_file(key).unwrap();
}

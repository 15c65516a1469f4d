//! Each fault is what it says, seen by a client that looks at bytes, and comes exactly as often as it says.

use std::time::Duration;

use refpoint::auth::sealed;
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Client, Ended, Lab, PASSWORD, SOAP, USER, identify, ntlm, request, version};

/// What came of one attempt: a new connection, a login, one question.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The right answer, and after how many seconds.
    Fine(u64),
    /// A sealed SOAP fault.
    Fault,
    /// A bare answer in clear: status, one header that says more, and the beginning of the body.
    Bare(u16, Option<String>, String),
    /// The login was answered so.
    LoginBare(u16, Option<String>),
    /// The connection ended after so many bytes of the answer.
    Ended(usize),
    /// The connection ended during the login.
    LoginEnded,
    /// Nothing came within an hour.
    Silence,
    /// A sealed answer that does not open.
    SealBroken,
    /// The right answer, in so many bytes.
    Large(usize),
}

async fn attempt(lab: &Lab) -> Seen {
    let mut client = lab.connect();
    let start = Instant::now();
    let probe = client.post(&[], b"").await;
    match probe {
        Ok(answer) if answer.status == 401 => {}
        Ok(answer) => return Seen::LoginBare(answer.status, telling(&answer)),
        Err(_) => return Seen::LoginEnded,
    }
    // A leg that is answered with something else than a token ends the login here.
    let mut mechanism = ntlm(USER, PASSWORD);
    match timeout(Duration::from_secs(3600), login(&mut client, &mut *mechanism)).await {
        Ok(Ok(())) => {}
        Ok(Err(seen)) => return seen,
        Err(_) => return Seen::Silence,
    }
    let answer = match timeout(Duration::from_secs(3600), client.ask_raw(&identify())).await {
        Err(_) => return Seen::Silence,
        Ok(Err(Ended(bytes))) => return Seen::Ended(bytes.len()),
        Ok(Ok(answer)) => answer,
    };
    let content_type = answer.header("content-type").unwrap_or_default().to_owned();
    if !sealed::is_sealed(&content_type) {
        let start: String = String::from_utf8_lossy(&answer.body).chars().take(15).collect();
        return Seen::Bare(answer.status, telling(&answer), start);
    }
    let size = answer.body.len();
    let seal = client.seal.as_mut().unwrap();
    let Ok(opened) = sealed::open(&mut **seal, &content_type, answer.body, usize::MAX) else {
        return Seen::SealBroken;
    };
    let text = String::from_utf8(opened.message).unwrap();
    match answer.status {
        500 if text.contains(":Fault>") => Seen::Fault,
        200 if size > 100_000 && version(&text).starts_with("OS") => Seen::Large(text.len()),
        200 if version(&text).starts_with("OS") => Seen::Fine(start.elapsed().as_secs()),
        other => panic!("{other} {text}"),
    }
}

/// Logs in, unless a leg is answered in a way that no login knows.
async fn login<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    client: &mut Client<S>,
    mechanism: &mut dyn refpoint::auth::Mechanism,
) -> Result<(), Seen> {
    use refpoint::auth::http::{Offers, header_value};
    use refpoint::auth::{Scheme, Step};
    let mut step = mechanism.step(None).unwrap();
    loop {
        let (token, seal) = match step {
            Step::Send(token) => (token, None),
            Step::Done { token, seal, .. } => (token.unwrap(), seal),
        };
        let value = header_value(Scheme::Negotiate, Some(&token));
        let answer = client.post(&[("Authorization", value.expose())], b"").await;
        let answer = answer.map_err(|_| Seen::LoginEnded)?;
        let offers = Offers::parse(answer.headers("www-authenticate")).unwrap();
        match (answer.status, seal, offers.token(Scheme::Negotiate).unwrap()) {
            (200, Some(seal), None) => {
                client.seal = Some(seal);
                return Ok(());
            }
            (401, None, Some(token)) => step = mechanism.step(Some(token.as_bytes())).unwrap(),
            _ => return Err(Seen::LoginBare(answer.status, telling(&answer))),
        }
    }
}

fn telling(answer: &Answer) -> Option<String> {
    let headers = ["www-authenticate", "location", "retry-after"];
    headers.into_iter().find_map(|name| answer.header(name)).map(str::to_owned)
}

fn bare(status: u16, telling: Option<&str>) -> Seen {
    Seen::Bare(status, telling.map(str::to_owned), String::new())
}

/// Each fault with what is seen of it, and what the log says: nothing, where nothing was asked yet.
fn table() -> Vec<(&'static str, Seen, Option<&'static str>)> {
    vec![
        ("what = 'refuse-connect'", Seen::LoginEnded, None),
        ("what = 'cut'\nside = 'request'\nafter_bytes = 0\nwhen = { request = 1 }", Seen::LoginEnded, None),
        ("what = 'cut'\nside = 'request'\nafter_bytes = 40\nwhen = { request = 2 }", Seen::LoginEnded, None),
        ("what = 'cut'\nside = 'request'\nafter_bytes = 200\nwhen = { request = 4 }", Seen::Ended(0), None),
        ("what = 'cut'\nafter_bytes = 0", Seen::Ended(0), Some("cut")),
        ("what = 'cut'\nafter_bytes = 1", Seen::Ended(1), Some("cut")),
        ("what = 'cut'\nafter_bytes = 200", Seen::Ended(200), Some("cut")),
        ("what = 'cut'\nafter_bytes = 700", Seen::Ended(700), Some("cut")),
        ("what = 'cut'\nwhen = { request = 2, login = true }", Seen::LoginEnded, None),
        ("what = 'stall'", Seen::Silence, Some("stall")),
        ("what = 'stall'\nafter_bytes = 300", Seen::Silence, Some("stall")),
        ("what = 'stall'\nside = 'request'", Seen::Silence, Some("stall")),
        ("what = 'stall'\nwhen = { request = 2, login = true }", Seen::Silence, None),
        ("what = 'lost-response'", Seen::Ended(0), Some("lost-response")),
        ("what = 'status'\nstatus = 401", bare(401, Some("Negotiate")), Some("status")),
        ("what = 'status'\nstatus = 503", bare(503, None), Some("status")),
        ("what = 'status'\nstatus = 503\nretry_after = 7", bare(503, Some("7")), Some("status")),
        ("what = 'status'\nstatus = 500", bare(500, None), Some("status")),
        (
            "what = 'status'\nstatus = 503\nretry_after = 7\nwhen = { request = 2, login = true }",
            Seen::LoginBare(503, Some("7".into())),
            None,
        ),
        (
            "what = 'status'\nstatus = 401\nwhen = { request = 2, login = true }",
            Seen::LoginBare(401, Some("Negotiate".into())),
            None,
        ),
        (
            "what = 'page'\nstatus = 502\nhtml = '<h1>Bad gateway</h1>'",
            Seen::Bare(502, None, "<h1>Bad gateway".into()),
            Some("page"),
        ),
        ("what = 'page'", Seen::Bare(200, None, "<!DOCTYPE html>".into()), Some("page")),
        (
            "what = 'redirect'\nlocation = 'https://elsewhere/wsman'",
            bare(302, Some("https://elsewhere/wsman")),
            Some("redirect"),
        ),
        ("what = 'quota'", Seen::Fault, Some("quota")),
        ("what = 'busy'", Seen::Fault, Some("busy")),
        ("what = 'timed-out'", Seen::Fault, Some("timed-out")),
        ("what = 'access-denied'", Seen::Fault, Some("access-denied")),
        ("what = 'internal-error'", Seen::Fault, Some("internal-error")),
        ("what = 'slow'\nseconds = 90", Seen::Fine(90), Some("slow")),
        ("what = 'slow'\nseconds = 30\nwhen = { request = 3, login = true }", Seen::Fine(30), None),
        ("what = 'vanish-jobs'", Seen::Fine(0), Some("vanish-jobs")),
        ("what = 'restart-service'", Seen::Fine(0), Some("restart-service")),
        ("what = 'end-subscriptions'", Seen::Fine(0), Some("end-subscriptions")),
        ("what = 'busy'\nmachine = 'web01'", Seen::Fine(0), Some("busy")),
        ("what = 'wrong-seal'", Seen::SealBroken, Some("wrong-seal")),
        ("what = 'oversized-reply'\nbytes = 200000", Seen::Large(200_000), Some("oversized-reply")),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_what_it_says_and_comes_exactly_as_often() {
    for (what, expected, logged) in table() {
        for (often, harmed) in
            [("times = 2", [true, true, false]), ("skip = 1\ntimes = 1", [false, true, false])]
        {
            // Rules over the whole table: `when` stands behind it as an inline table.
            let lab = Lab::new(&format!("[[fault]]\n{what}\n{often}"));
            for (number, is_harmed) in harmed.into_iter().enumerate() {
                let before = lab.log.all().len();
                let seen = attempt(&lab).await;
                let case = format!("{what}, {often}: attempt {number}");
                let lines = lab.log.all().split_off(before);
                match is_harmed {
                    true => {
                        assert_eq!(seen, expected, "{case}");
                        assert_eq!(
                            lines.len(),
                            usize::from(logged.is_some() || matches!(seen, Seen::Fine(_))),
                            "{case}"
                        );
                        if let Some(logged) = logged {
                            let fault = lines[0]["fault"].as_str().unwrap();
                            assert!(fault.split("; ").any(|part| part == logged), "{case}: {fault}");
                        }
                    }
                    false => {
                        assert_eq!(seen, Seen::Fine(0), "{case}");
                        assert_eq!((lines.len(), &lines[0]["fault"]), (1, &().into()), "{case}");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_for_one_host_leaves_the_others_alone() {
    let lab = Lab::new("[[fault]]\nwhat = 'status'\nstatus = 503\nwhen = { host = 'HV02' }");
    for index in [0, 1, 2, 1] {
        let mut client = lab.connect_to(index);
        client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
        let answer = client.ask_raw(&identify()).await.unwrap();
        assert_eq!(answer.status, if index == 1 { 503 } else { 200 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_can_be_about_one_connection_one_request_and_a_time() {
    let lab = Lab::new(
        "[[fault]]\nwhat = 'status'\nstatus = 503\nwhen = { connection = 2, request = 4, after = 60 }",
    );
    for (number, late, expected) in [(1, 0, 200), (2, 60, 503), (3, 0, 200)] {
        tokio::time::advance(Duration::from_secs(late)).await;
        let mut client = lab.log_in().await;
        for request in 3..=5 {
            let answer = client.ask_raw(&identify()).await.unwrap();
            // Two legs go before the first question.
            let expected = if request == 4 { expected } else { 200 };
            assert_eq!(answer.status, expected, "connection {number}, request {request}");
            if answer.status == 200 {
                let content_type = answer.header("content-type").unwrap().to_owned();
                sealed::open(&mut **client.seal.as_mut().unwrap(), &content_type, answer.body, usize::MAX)
                    .unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_401_on_purpose_nobody_is_logged_in_any_more() {
    let lab = Lab::new("[[fault]]\nwhat = 'status'\nstatus = 401\ntimes = 1");
    let mut client = lab.log_in().await;
    for _ in 0..2 {
        assert_eq!(client.ask_raw(&identify()).await.unwrap().status, 401);
    }
    client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
    client.identify().await;
}

#[tokio::test(start_paused = true)]
async fn a_503_leaves_the_login_and_its_sequence_alone() {
    let lab = Lab::new("[[fault]]\nwhat = 'status'\nstatus = 503\ntimes = 1");
    let mut client = lab.log_in().await;
    assert_eq!(client.ask_raw(&identify()).await.unwrap().status, 503);
    client.identify().await;
    client.identify().await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_connection_ends_when_its_client_goes() {
    for fault in ["what = 'stall'", "what = 'stall'\nafter_bytes = 100", "what = 'stall'\nside = 'request'"] {
        let lab = Lab::new(&format!("[[fault]]\n{fault}"));
        let (stream, task) = lab.stream(0);
        let mut client = Client::new(stream);
        client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
        let sealed = sealed::seal(&mut **client.seal.as_mut().unwrap(), SOAP, identify().into()).unwrap();
        let head = [("Content-Type", sealed.content_type.as_str())];
        client.send(&request("POST", "/wsman", &head, &sealed.body)).await;
        lab.log.first().await;
        drop(client);
        timeout(Duration::from_secs(5), task).await.expect(fault).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_for_somebody_who_has_logged_in() {
    let lab = Lab::new("[[fault]]\nwhat = 'quota'\ntimes = 1");
    let anonymous = [("WSMANIDENTIFY", "unauthenticated"), ("Content-Type", SOAP)];
    let answer = lab.connect().post(&anonymous, identify().as_bytes()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(attempt(&lab).await, Seen::Fault);
    assert_eq!(attempt(&lab).await, Seen::Fine(0));
}

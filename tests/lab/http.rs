use crate::support::{Lab, PASSWORD, SOAP, USER, basic, identify, request, version};

const CLEAR: &str = "[service]\nbasic = true\nallow_unencrypted = true";

#[tokio::test(start_paused = true)]
async fn what_http_sys_refuses_is_refused_before_anybody_is_asked() {
    let lab = Lab::new("");
    let body = identify();
    for (method, path, expected) in [
        ("POST", "/", 404),
        ("POST", "/WSMAN", 404),
        ("POST", "/wsman/x", 404),
        ("POST", "/wsman-anon/identify", 404),
        ("GET", "/wsman", 405),
        ("PUT", "/wsman", 405),
        ("POST", "/wsman", 401),
        ("POST", "/wsman/", 401),
        ("POST", "/wsman?x=y", 401),
    ] {
        let mut client = lab.connect();
        client.send(&request(method, path, &[("Content-Type", SOAP)], body.as_bytes())).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (expected, 0), "{method} {path}");
    }
    let mut client = lab.connect();
    client.send(b"POST /wsman HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 411);
    let mut client = lab.connect();
    client.send(b"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 413, "without the body being waited for");
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn only_soap_is_taken_in_encodings_that_windows_knows() {
    let lab = Lab::new(CLEAR);
    let value = basic(USER, PASSWORD);
    for (content_type, expected) in [
        (SOAP, 200),
        ("application/soap+xml", 200),
        ("Application/SOAP+XML; Charset=\"utf-8\"", 200),
        ("application/soap+xml;charset=UTF-7", 415),
        ("text/xml;charset=UTF-8", 415),
        ("", 415),
        (
            "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"",
            415,
        ),
    ] {
        let headers = [("Authorization", value.as_str()), ("Content-Type", content_type)];
        let answer = lab.connect().post(&headers, identify().as_bytes()).await.unwrap();
        assert_eq!(answer.status, expected, "{content_type}");
    }
    let headers = [("Authorization", value.as_str()), ("Content-Type", SOAP)];
    assert_eq!(lab.connect().post(&headers, b"\xff").await.unwrap().status, 400);
}

#[tokio::test(start_paused = true)]
async fn utf_16_is_answered_in_utf_16() {
    let lab = Lab::new(CLEAR);
    let value = basic(USER, PASSWORD);
    let units = |order: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        mark.then_some(0xFEFF).into_iter().chain(identify().encode_utf16()).flat_map(order).collect()
    };
    for (body, order) in [
        (units(u16::to_le_bytes, true), u16::from_le_bytes as fn([u8; 2]) -> u16),
        (units(u16::to_le_bytes, false), u16::from_le_bytes),
        (units(u16::to_be_bytes, true), u16::from_be_bytes),
    ] {
        let headers =
            [("Authorization", value.as_str()), ("Content-Type", "application/soap+xml;charset=UTF-16")];
        let answer = lab.connect().post(&headers, &body).await.unwrap();
        assert_eq!(answer.header("content-type"), Some("application/soap+xml;charset=UTF-16"));
        let units: Vec<_> = answer.body.chunks(2).map(|pair| order([pair[0], pair[1]])).collect();
        let text = String::from_utf16(&units).unwrap();
        assert!(version(text.strip_prefix('\u{FEFF}').unwrap()).starts_with("OS: 10.0"));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_log_in_learns_that_there_is_a_service_and_nothing_else() {
    let lab = Lab::new("");
    let anonymous = [("WSMANIDENTIFY", "unauthenticated"), ("Content-Type", SOAP)];
    let answer = lab.connect().post(&anonymous, identify().as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(SOAP)));
    assert!(version(answer.text()).starts_with("OS: 0.0.0 SP: 0.0"));
    let line = &lab.log.all()[0];
    assert_eq!(
        (&line["operation"], &line["user"], &line["scheme"]),
        (&"Identify".into(), &().into(), &().into())
    );

    let get = crate::support::invoke();
    let mut client = lab.connect();
    assert_eq!(client.post(&anonymous, get.as_bytes()).await.unwrap().status, 401);
    assert_eq!(client.post(&anonymous, b"<nothing").await.unwrap().status, 401);
    assert_eq!(client.post(&anonymous[1..], identify().as_bytes()).await.unwrap().status, 401);
    let other = [("WSMANIDENTIFY", "authenticated"), ("Content-Type", SOAP)];
    assert_eq!(client.post(&other, identify().as_bytes()).await.unwrap().status, 401);
    assert_eq!(lab.log.all().len(), 1);

    let closed = Lab::new("[service]\nanonymous_identify = false");
    assert_eq!(closed.connect().post(&anonymous, identify().as_bytes()).await.unwrap().status, 401);
}

#[tokio::test(start_paused = true)]
async fn the_date_is_that_of_the_hosts_clock() {
    let lab = Lab::with("[[fault]]\nwhat = 'clock-skew'\nseconds = -3600\nwhen = { host = 1 }", |options| {
        options.started = Some(std::time::Duration::from_secs(784_111_777));
    });
    let date = async |index| {
        let answer = lab.connect_to(index).post(&[], b"").await.unwrap();
        answer.header("date").unwrap().to_owned()
    };
    assert_eq!(date(0).await, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(date(1).await, "Sun, 06 Nov 1994 07:49:37 GMT");
    tokio::time::advance(std::time::Duration::from_secs(23)).await;
    assert_eq!(date(0).await, "Sun, 06 Nov 1994 08:50:00 GMT");
}

use refpoint::auth::sealed;

use crate::support::{
    Ended, Lab, PASSWORD, SOAP, USER, basic, identify, invoke, ntlm, request, spnego, version,
};

const OFFERS: [&str; 1] = ["Negotiate"];

#[tokio::test(start_paused = true)]
async fn ntlm_bare_and_in_spnego_log_in_and_are_answered_sealed() {
    let lab = Lab::new("");
    for (name, mut mechanism) in [("NTLM", ntlm(USER, PASSWORD)), ("Negotiate/NTLM", spnego(USER, PASSWORD))]
    {
        let mut client = lab.connect();
        let entered = client.log_in(&mut *mechanism).await.unwrap();
        assert_eq!((entered.status, entered.body.len()), (200, 0), "{name}");
        // Several, so that sequence and key stream have to go on.
        for _ in 0..5 {
            assert!(client.identify().await.starts_with("OS: 10.0"), "{name}");
        }
        let line = lab.log.all().pop().unwrap();
        assert_eq!((&line["scheme"], &line["sealed"]), (&name.into(), &true.into()));
        assert_eq!((&line["user"], &line["host"]), (&USER.into(), &"HV01".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_accepts_any_password_would_be_none() {
    let lab = Lab::new("");
    for (user, password) in [
        (USER, ""),
        (USER, "swordfish-7391"),
        (USER, "Swordfish-739"),
        (r"LAB\nobody", PASSWORD),
        (r"OTHER\operator", PASSWORD),
        ("operator", PASSWORD),
        ("", ""),
    ] {
        for mut mechanism in [ntlm(user, password), spnego(user, password)] {
            let mut client = lab.connect();
            let refused = client.log_in(&mut *mechanism).await.unwrap_err();
            assert_eq!(refused.headers("www-authenticate"), OFFERS, "{user}");
            // The connection lives on, and is nobody's.
            let answer = client.post(&[("Content-Type", SOAP)], identify().as_bytes()).await.unwrap();
            assert_eq!((answer.status, answer.body.len()), (401, 0), "{user}");
            client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
            client.identify().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_belongs_to_its_connection() {
    let lab = Lab::new("");
    let (mut first, mut second) = (lab.log_in().await, lab.connect());
    // The other one's keys do not help where nobody is in.
    second.seal = first.seal.take();
    assert_eq!(second.ask_raw(&identify()).await.unwrap().status, 401);
    assert_eq!(lab.log.text(), "");
}

#[tokio::test(start_paused = true)]
async fn logins_side_by_side_do_not_disturb_each_other() {
    use refpoint::auth::http::{Offers, header_value};
    use refpoint::auth::{Scheme, Step};
    let lab = Lab::new("");
    let mut logins = Vec::new();
    for _ in 0..3 {
        let (mut client, mut mechanism) = (lab.connect(), ntlm(USER, PASSWORD));
        let Step::Send(token) = mechanism.step(None).unwrap() else { panic!("first") };
        let value = header_value(Scheme::Negotiate, Some(&token));
        let answer = client.post(&[("Authorization", value.expose())], b"").await.unwrap();
        let challenge = Offers::parse(answer.headers("www-authenticate")).unwrap();
        logins.push((client, mechanism, challenge.token(Scheme::Negotiate).unwrap().unwrap()));
    }
    let challenges: Vec<_> =
        logins.iter().map(|(_, _, challenge)| challenge.as_bytes()[24..32].to_vec()).collect();
    assert!(challenges[0] != challenges[1] && challenges[1] != challenges[2], "a challenge was used twice");
    let mut tokens = Vec::new();
    for (_, mechanism, challenge) in &mut logins {
        let Step::Done { token, seal, .. } = mechanism.step(Some(challenge.as_bytes())).unwrap() else {
            panic!("last")
        };
        tokens.push((token.unwrap(), seal));
    }
    // The third one's answer on the first one's connection is no login.
    let value = header_value(Scheme::Negotiate, Some(&tokens[2].0));
    let answer = logins[0].0.post(&[("Authorization", value.expose())], b"").await.unwrap();
    assert_eq!(answer.status, 401);
    for number in [1, 2] {
        let value = header_value(Scheme::Negotiate, Some(&tokens[number].0));
        let client = &mut logins[number].0;
        assert_eq!(client.post(&[("Authorization", value.expose())], b"").await.unwrap().status, 200);
        client.seal = tokens[number].1.take();
        client.identify().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_seal_that_does_not_hold_is_answered_with_nothing_and_ends_the_connection() {
    let lab = Lab::new("");
    let length = {
        let mut client = lab.log_in().await;
        sealed::seal(&mut **client.seal.as_mut().unwrap(), SOAP, identify().into()).unwrap().body.len()
    };
    // In the token, at both ends of the cipher text.
    for from_end in [25, 26, length / 2, length - 260, length - 245] {
        let mut client = lab.log_in().await;
        let mut sealed = sealed::seal(&mut **client.seal.as_mut().unwrap(), SOAP, identify().into()).unwrap();
        sealed.body[length - from_end] ^= 0x10;
        let answer = client.post(&[("Content-Type", &sealed.content_type)], &sealed.body).await.unwrap();
        assert!(matches!(answer.status, 500 | 400), "{from_end}: {}", answer.status);
        assert_eq!(answer.body, b"");
        assert!(client.is_closed().await);
    }
    assert_eq!(lab.log.text(), "", "nothing was carried out");
}

#[tokio::test(start_paused = true)]
async fn a_sealed_request_that_is_sent_twice_is_carried_out_once() {
    let lab = Lab::new("");
    let mut client = lab.log_in().await;
    let sealed = sealed::seal(&mut **client.seal.as_mut().unwrap(), SOAP, invoke().into()).unwrap();
    let headers = [("Content-Type", &*sealed.content_type)];
    assert_ne!(client.post(&headers, &sealed.body).await.unwrap().body, b"");
    let again = client.post(&headers, &sealed.body).await.unwrap();
    assert_eq!((again.status, again.body.len()), (500, 0));
    assert!(client.is_closed().await);
    assert_eq!(lab.log.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sealed_request_out_of_its_turn_is_refused() {
    let lab = Lab::new("");
    let mut client = lab.log_in().await;
    let seal = client.seal.as_mut().unwrap();
    let [_, second] = [(); 2].map(|()| sealed::seal(&mut **seal, SOAP, invoke().into()).unwrap());
    let answer = client.post(&[("Content-Type", &second.content_type)], &second.body).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (500, 0));
    assert_eq!(lab.log.text(), "");
}

#[tokio::test(start_paused = true)]
async fn a_body_in_clear_after_a_login_that_seals_is_refused_and_ends_the_connection() {
    let lab = Lab::new("[service]\nallow_unencrypted = true");
    let mut client = lab.log_in().await;
    let answer = client.post(&[("Content-Type", SOAP)], invoke().as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (500, 0));
    assert!(client.is_closed().await);
    assert_eq!(lab.log.text(), "");
}

#[tokio::test(start_paused = true)]
async fn a_sealed_body_may_come_with_the_last_leg() {
    use refpoint::auth::http::{Offers, header_value};
    use refpoint::auth::{Scheme, Step};
    let lab = Lab::new("");
    let (mut client, mut mechanism) = (lab.connect(), ntlm(USER, PASSWORD));
    let Step::Send(token) = mechanism.step(None).unwrap() else { panic!("first") };
    let value = header_value(Scheme::Negotiate, Some(&token));
    // What comes with an earlier leg is passed over.
    let answer =
        client.post(&[("Authorization", value.expose()), ("Content-Type", SOAP)], b"<x/>").await.unwrap();
    let challenge =
        Offers::parse(answer.headers("www-authenticate")).unwrap().token(Scheme::Negotiate).unwrap();
    let Step::Done { token, seal, .. } = mechanism.step(challenge.as_ref().map(|it| it.as_bytes())).unwrap()
    else {
        panic!("last")
    };
    let mut seal = seal.unwrap();
    let sealed = sealed::seal(&mut *seal, SOAP, identify().into()).unwrap();
    let value = header_value(Scheme::Negotiate, token.as_ref());
    let headers = [("Authorization", value.expose().as_str()), ("Content-Type", &sealed.content_type)];
    let answer = client.post(&headers, &sealed.body).await.unwrap();
    let content_type = answer.header("content-type").unwrap().to_owned();
    let opened = sealed::open(&mut *seal, &content_type, answer.body, usize::MAX).unwrap();
    assert!(version(std::str::from_utf8(&opened.message).unwrap()).starts_with("OS: 10.0"));
}

#[tokio::test(start_paused = true)]
async fn basic_is_only_taken_where_it_is_offered_and_clear_bodies_only_where_they_are_allowed() {
    let ask = async |scenario: &str, password: &str| {
        let lab = Lab::new(scenario);
        let mut client = lab.connect();
        let value = basic(USER, password);
        let headers = [("Authorization", value.as_str()), ("Content-Type", SOAP)];
        let answer = client.post(&headers, identify().as_bytes()).await.unwrap();
        // Basic proves itself with every request.
        if answer.status == 200 {
            let without = client.post(&[("Content-Type", SOAP)], identify().as_bytes()).await.unwrap();
            assert_eq!(without.status, 401);
        }
        (answer.status, answer.headers("www-authenticate").len(), lab.log.all().len())
    };
    let (basic, clear) = ("[service]\nbasic = true", "[service]\nbasic = true\nallow_unencrypted = true");
    assert_eq!(ask("", PASSWORD).await, (401, 1, 0));
    assert_eq!(ask("[service]\nallow_unencrypted = true", PASSWORD).await, (401, 1, 0));
    assert_eq!(ask(basic, PASSWORD).await, (500, 0, 0));
    assert_eq!(ask(basic, "wrong").await, (401, 2, 0));
    assert_eq!(ask(clear, "wrong").await, (401, 2, 0));
    assert_eq!(ask(clear, "").await, (401, 2, 0));
    assert_eq!(ask(clear, PASSWORD).await, (200, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_user_without_the_right_to_use_winrm_is_not_let_in() {
    let lab = Lab::new("[[user]]\nname = 'LAB\\operator'\n[[user]]\nname = 'LAB\\guest'\nrights = 'none'");
    for mut mechanism in [ntlm(r"LAB\guest", PASSWORD), spnego(r"LAB\guest", PASSWORD)] {
        let mut client = lab.connect();
        assert_eq!(client.log_in(&mut *mechanism).await.unwrap_err().headers("www-authenticate"), OFFERS);
        assert_eq!(client.post(&[], b"").await.unwrap().status, 401);
    }
}

#[tokio::test(start_paused = true)]
async fn each_user_has_his_own_password() {
    let lab = Lab::new("[[user]]\nname = 'LAB\\operator'\n[[user]]\nname = 'LAB\\mia'\npassword = 'hers'");
    assert!(lab.connect().log_in(&mut *ntlm(r"LAB\mia", "hers")).await.is_ok());
    assert!(lab.connect().log_in(&mut *ntlm(r"LAB\mia", PASSWORD)).await.is_err());
    assert!(lab.connect().log_in(&mut *ntlm(USER, "hers")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_login_is_answered_with_the_offers() {
    let lab = Lab::new("[service]\nbasic = true");
    let long = format!("Negotiate {}", "A".repeat(70_000));
    for value in [
        "",
        "Negotiate",
        "negotiate",
        "NTLM TlRMTVNTUAAB",
        "Negotiate %%%",
        "Negotiate AAAA",
        "Kerberos AAAA",
        "CredSSP AAAA",
        "Basic",
        "Basic AAAA",
        "Digest a=b",
        "Negotiate AAAA, Basic AAAA",
        &long,
    ] {
        let answer = lab.connect().post(&[("Authorization", value)], b"").await.unwrap();
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.headers("www-authenticate"), ["Negotiate", "Basic realm=\"WSMAN\""], "{value}");
        assert_eq!(answer.header("server"), Some("Microsoft-HTTPAPI/2.0"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_given_up_takes_the_login_with_it() {
    let lab = Lab::new("[[fault]]\nwhat = 'slow'\nseconds = 10\ntimes = 1");
    let (stream, task) = lab.stream(0);
    let mut client = crate::support::Client::new(stream);
    client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
    let sealed = sealed::seal(&mut **client.seal.as_mut().unwrap(), SOAP, invoke().into()).unwrap();
    client.send(&request("POST", "/wsman", &[("Content-Type", &sealed.content_type)], &sealed.body)).await;
    lab.log.first().await;
    drop(client);
    task.await.unwrap();
    assert_eq!(lab.log.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_pieces_or_not_at_all_harms_nobody() {
    let lab = Lab::new("");
    let mut client = lab.connect();
    client.send(b"POST /wsman HTTP/1.1\r\nContent-Le").await;
    drop(client);
    let mut client = lab.connect();
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    assert!(
        matches!(client.answer().await, Ok(answer) if answer.status == 400)
            || matches!(lab.connect().answer().await, Err(Ended(_)))
    );
    assert!(lab.log_in().await.identify().await.starts_with("OS"));
}

//! What is no WinRM host at all, or does not say so.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::hosts::{Lab, diagnosis, doctor};

/// Listens and answers each request with that, or never.
fn stranger(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            match answer {
                None => kept.push(stream),
                Some(answer) => {
                    let mut bytes = [0; 4096];
                    if stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                        let _ = stream.write_all(answer.as_bytes());
                    }
                }
            }
        }
    });
    format!("127.0.0.1:{port}")
}

#[test]
fn a_name_that_nobody_knows_and_a_port_on_which_nobody_listens_are_two_things() {
    let found = diagnosis(doctor("http://hv01.invalid", &[]));
    found.fails("name", 4, "hv01.invalid cannot be looked up");
    assert_eq!(found.that("not-reached").len(), 13);
    let found = diagnosis(doctor("http://127.0.0.1:1", &[]));
    found.fails("tcp", 4, "127.0.0.1:1 refuses connections");
    assert_eq!(found.layer("tcp")["fix"]["command"], "Enable-PSRemoting -Force");
}

#[test]
fn what_takes_connections_and_never_answers_is_told_within_the_deadline() {
    let silent = stranger(None);
    let found = diagnosis(doctor(&format!("http://{silent}"), &["--deadline", "1s"]));
    found.fails("winrm", 8, "the deadline of 1.0 s passed");
    let found = diagnosis(doctor(&format!("https://{silent}"), &["--deadline", "1s"]));
    found.fails("tls", 8, "the deadline of 1.0 s passed");
    // And without a deadline, in the time that such a layer has.
    thread::scope(|scope| {
        for (protocol, layer, says) in
            [("http", "winrm", "timed out"), ("https", "tls", "does not answer the TLS")]
        {
            let silent = &silent;
            scope.spawn(move || {
                diagnosis(doctor(&format!("{protocol}://{silent}"), &[])).fails(layer, 4, says);
            });
        }
    });
}

#[test]
fn http_on_the_port_of_tls_and_tls_on_that_of_http_are_told_apart() {
    let lab = Lab::new(1, "");
    let at = lab.https(0).replace("https", "http");
    let found = diagnosis(doctor(&at, &[]));
    found.fails("winrm", 4, "does not speak HTTP");
    assert!(found.layer("winrm")["fix"]["text"].as_str().unwrap().contains("https://"), "{:#}", found.value);
    let found = diagnosis(doctor(&lab.http(0).replace("http", "https"), &[]));
    found.fails("tls", 5, "does not speak TLS");
    assert!(found.layer("tls")["fix"]["text"].as_str().unwrap().contains("http://"), "{:#}", found.value);
}

#[test]
fn another_web_server_is_not_logged_in_to() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<h1>Hello there</h1>";
    let found = diagnosis(doctor(&format!("http://{}", stranger(Some(page))), &[]));
    found.fails("winrm", 7, "Hello there");
    assert_eq!(found.status("login"), "not-reached");
    let moved = "HTTP/1.1 302 Found\r\nLocation: https://portal.example/\r\nContent-Length: 0\r\n\r\n";
    diagnosis(doctor(&format!("http://{}", stranger(Some(moved))), &[])).fails(
        "winrm",
        7,
        "moved to https://portal.example/",
    );
    let greeting = "SSH-2.0-OpenSSH_9.6\r\n";
    diagnosis(doctor(&format!("http://{}", stranger(Some(greeting))), &[])).fails(
        "winrm",
        4,
        "does not speak HTTP",
    );
}

#[test]
fn a_path_that_is_not_there_and_one_without_a_login_are_told() {
    let lab = Lab::new(1, "");
    let found = diagnosis(doctor(&format!("{}/other", lab.http(0)), &[]));
    found.fails("winrm", 7, "404");
    let nothing = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    diagnosis(doctor(&format!("http://{}", stranger(Some(nothing))), &[])).fails(
        "schemes",
        5,
        "offers nothing",
    );
}

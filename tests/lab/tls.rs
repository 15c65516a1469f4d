use std::sync::Arc;

use refpoint::auth::ChannelBindings;
use refpoint::lab::{Certificate, Channel, Hosts, serve_stream};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Client, Lab, PASSWORD, SOAP, USER, bound_target, identify, ntlm_to, request, version};

/// Connects to the first host, in memory, trusting its certificate and nothing else.
async fn connect(hosts: &Arc<Hosts>) -> Client<TlsStream<DuplexStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(hosts.certificate(0).unwrap().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let (near, far) = duplex(64 << 10);
    tokio::spawn(serve_stream(hosts.clone(), 0, far, Channel::Https));
    let name = ServerName::try_from("hv01.lab.example").unwrap();
    Client::new(TlsConnector::from(Arc::new(config)).connect(name, near).await.unwrap())
}

#[tokio::test]
async fn bindings_are_looked_at_as_the_service_says() {
    for (hardening, right, wrong, none) in
        [("none", true, true, true), ("relaxed", true, false, true), ("strict", true, false, false)]
    {
        let lab = Lab::new(&format!("[service]\nchannel_bindings = '{hardening}'"));
        let ours = ChannelBindings::tls_server_end_point(lab.hosts.certificate(0).unwrap()).unwrap();
        let other = ChannelBindings::from_certificate_hash(&[7; 32]);
        for (bindings, expected) in [(Some(ours), right), (Some(other), wrong), (None, none)] {
            let mut client = connect(&lab.hosts).await;
            let entered = client.log_in(&mut *ntlm_to(USER, PASSWORD, bound_target(bindings.clone()))).await;
            assert_eq!(entered.is_ok(), expected, "{hardening} {bindings:?}");
            let answer = client.post(&[("Content-Type", SOAP)], identify().as_bytes()).await.unwrap();
            assert_eq!(answer.status, if expected { 200 } else { 401 });
        }
    }
}

#[tokio::test]
async fn the_last_leg_may_bring_the_question_over_tls() {
    use refpoint::auth::http::{Offers, header_value};
    use refpoint::auth::{Scheme, Step};
    let lab = Lab::new("");
    let mut client = connect(&lab.hosts).await;
    let mut mechanism = ntlm_to(USER, PASSWORD, bound_target(None));
    let Step::Send(token) = mechanism.step(None).unwrap() else { panic!("first") };
    let value = header_value(Scheme::Negotiate, Some(&token));
    let answer = client.post(&[("Authorization", value.expose())], b"").await.unwrap();
    let challenge =
        Offers::parse(answer.headers("www-authenticate")).unwrap().token(Scheme::Negotiate).unwrap();
    let Step::Done { token, .. } = mechanism.step(challenge.as_ref().map(|it| it.as_bytes())).unwrap() else {
        panic!("last")
    };
    let value = header_value(Scheme::Negotiate, token.as_ref());
    let headers = [("Authorization", value.expose().as_str()), ("Content-Type", SOAP)];
    client.send(&request("POST", "/wsman", &headers, identify().as_bytes())).await;
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(version(answer.text()).starts_with("OS: 10.0"));
    assert_eq!(lab.log.all()[0]["sealed"], false);
}

#[tokio::test]
async fn a_certificate_that_is_given_is_shown() {
    let names = ["hv01.lab.example".to_owned()];
    let given = Certificate::generate(&names, &[]).unwrap();
    let der = given.der().to_vec();
    let lab = Lab::with("", |options| options.certificate = Some(given));
    assert_eq!(lab.hosts.certificate(0).unwrap(), der);
    connect(&lab.hosts).await;
    let own = Lab::new("");
    assert_ne!(own.hosts.certificate(0).unwrap(), own.hosts.certificate(1).unwrap());
}

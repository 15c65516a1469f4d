use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use refpoint::auth::{Binding, ChannelBindings, Credentials, Secret};
use refpoint::transport::{
    CertificateProblem, Connection, Error, Fate, Fingerprint, Identity, Login, Method, Options, Tls,
    TlsError, Trust, Warning,
};
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, SupportedCipherSuite};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;

use crate::support::{Peer, Request, Response, ask, https, options};

const HOST: &str = "hv01.lab.test";

/// A certificate with its key, and what signed it.
pub(crate) struct Made {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
}

pub(crate) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Made {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    change(&mut params);
    let made = params.self_signed(&key).unwrap();
    Made { certificate: made.der().clone(), pem: made.pem(), key }
}

pub(crate) fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn lab_authority() -> CertificateParams {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.distinguished_name.push(DnType::CommonName, "Lab authority");
    authority(&mut root);
    root
}

/// A certificate that an authority signed; returns the authority too.
pub(crate) fn signed(change: impl FnOnce(&mut CertificateParams)) -> (Made, Made) {
    let root = lab_authority();
    let root_key = KeyPair::generate().unwrap();
    let root_made = root.self_signed(&root_key).unwrap();
    let (root_pem, root_der) = (root_made.pem(), root_made.der().clone());
    let issuer = Issuer::from_params(&root, &root_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    change(&mut params);
    let made = params.signed_by(&key, &issuer).unwrap();
    let leaf = Made { certificate: made.der().clone(), pem: made.pem(), key };
    (leaf, Made { certificate: root_der, pem: root_pem, key: root_key })
}

pub(crate) fn fingerprint(made: &Made) -> Fingerprint {
    Fingerprint::of(&made.certificate)
}

pub(crate) fn server(
    made: &Made,
    clients: Option<&Made>,
    version: &'static rustls::SupportedProtocolVersion,
) -> TlsAcceptor {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[version]);
    let builder = match clients {
        None => builder.unwrap().with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.certificate.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.unwrap().with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.key.serialize_der()));
    let mut config = builder.with_single_cert(vec![made.certificate.clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) fn serve(acceptor: TlsAcceptor, peer: Peer) -> DuplexStream {
    let (near, far) = duplex(64 << 10);
    tokio::spawn(async move {
        if let Ok(stream) = acceptor.accept(far).await {
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            peer.serve(stream).await;
        }
    });
    near
}

/// Starts a peer behind a certificate of its own.
pub(crate) fn start(peer: Peer) -> DuplexStream {
    serve(server(&self_signed(|_| {}), None, &rustls::version::TLS13), peer)
}

pub(crate) async fn open(made: &Made, trust: Trust) -> Result<Connection, Error> {
    let peer = Peer::behind_tls(Method::Ntlm, Binding::Ignore);
    let mut options = options(Method::Ntlm);
    options.tls = Tls::new(trust);
    Connection::over(serve(server(made, None, &rustls::version::TLS13), peer), &https(), options).await
}

pub(crate) async fn refused(made: &Made, trust: Trust) -> TlsError {
    match open(made, trust).await {
        Err(error @ Error::Tls { .. }) => {
            assert!(error.is_tls() && error.was_not_sent() && !error.is_retryable());
            let Error::Tls { source, .. } = error else { unreachable!() };
            source
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn problem(made: &Made, trust: Trust) -> CertificateProblem {
    match refused(made, trust).await {
        TlsError::Certificate { problem, fingerprint: Some(shown) } => {
            assert_eq!(shown, fingerprint(made));
            problem
        }
        other => panic!("{other:?}"),
    }
}

fn only(made: &Made) -> Trust {
    Trust::authorities(made.pem.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_pin_takes_this_certificate_whatever_it_says_of_itself() {
    for made in [
        self_signed(|_| {}),
        self_signed(authority),
        self_signed(|params| params.subject_alt_names.clear()),
        self_signed(|params| params.not_after = date_time_ymd(2001, 1, 1)),
    ] {
        let mut connection = open(&made, Trust::Pin(fingerprint(&made))).await.unwrap();
        assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, b"echo <s/>");
        assert_eq!(connection.certificate(), Some(&made.certificate[..]));
        assert!(!connection.is_sealed() && connection.warnings().is_empty());
    }
}

#[tokio::test]
async fn a_pin_takes_no_other_certificate() {
    let (made, other) = (self_signed(|_| {}), self_signed(|_| {}));
    let error = refused(&made, Trust::Pin(fingerprint(&other))).await;
    assert_eq!(error, TlsError::NotThePinned { expected: fingerprint(&other), found: fingerprint(&made) });
}

#[tokio::test]
async fn an_authority_of_ours_is_enough_and_no_other_is() {
    let (leaf, root) = signed(|_| {});
    let mut connection = open(&leaf, only(&root)).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
    let (_, stranger) = signed(|params| params.distinguished_name.push(DnType::CommonName, "x"));
    // The names are the same, the keys are not.
    assert!(matches!(refused(&leaf, only(&stranger)).await, TlsError::Certificate { .. }));
    assert_eq!(problem(&leaf, only(&self_signed(authority))).await, CertificateProblem::UnknownIssuer);
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_name() {
    let (expired, root) = signed(|params| params.not_after = date_time_ymd(2001, 1, 1));
    assert_eq!(problem(&expired, only(&root)).await, CertificateProblem::Expired);
    let (early, root) = signed(|params| params.not_before = date_time_ymd(2900, 1, 1));
    assert_eq!(problem(&early, only(&root)).await, CertificateProblem::NotYetValid);
    let (other, root) = signed(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("hv02.lab.test".try_into().unwrap())];
    });
    let CertificateProblem::WrongName { names } = problem(&other, only(&root)).await else { panic!() };
    assert!(names.iter().any(|name| name.contains("hv02.lab.test")), "{names:?}");
    // A name is for a terminal too.
    let (wild, root) = signed(|params| {
        let name = "hv02\x1b[31m.lab.test".try_into().unwrap();
        let names = std::iter::repeat_n(rcgen::SanType::DnsName(name), 500);
        params.subject_alt_names = names.collect();
    });
    let shown = problem(&wild, only(&root)).await.to_string();
    assert!(shown.contains("hv02 [31m.lab.test"), "{shown}");
    assert!(!shown.contains(char::is_control) && shown.len() < 1000, "{shown:?}");
    let own = self_signed(authority);
    assert_eq!(problem(&own, only(&own)).await, CertificateProblem::Authority);
}

#[tokio::test]
async fn anything_goes_where_anything_is_trusted_with_a_warning_each_time() {
    let made = self_signed(|params| params.not_after = date_time_ymd(2001, 1, 1));
    for _ in 0..2 {
        let connection = open(&made, Trust::Anything).await.unwrap();
        let fingerprint = fingerprint(&made);
        assert_eq!(connection.warnings(), [Warning::UnverifiedCertificate { fingerprint }]);
    }
}

#[tokio::test]
async fn logins_are_bound_to_the_channel() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for method in [Method::Ntlm, Method::Negotiate] {
            let (made, other) = (self_signed(|_| {}), self_signed(|_| {}));
            let bindings = |made: &Made| ChannelBindings::tls_server_end_point(&made.certificate).unwrap();
            let mut options = options(method);
            options.tls = Tls::new(Trust::Pin(fingerprint(&made)));

            let peer = Peer::behind_tls(method, Binding::Strict(bindings(&made)));
            let stream = serve(server(&made, None, version), peer);
            let mut connection = Connection::over(stream, &https(), options.clone()).await.unwrap();
            assert!(connection.report().bound);
            ask(&mut connection, "<s/>").await.unwrap();

            for binding in [Binding::Strict(bindings(&other)), Binding::Relaxed(bindings(&other))] {
                let stream = serve(server(&made, None, version), Peer::behind_tls(method, binding));
                let error = Connection::over(stream, &https(), options.clone()).await.unwrap_err();
                assert!(matches!(error, Error::LoginRefused { .. }), "{error:?}");
            }

            options.login.bind_channel = false;
            for (binding, enters) in
                [(Binding::Strict(bindings(&made)), false), (Binding::Relaxed(bindings(&other)), true)]
            {
                let stream = serve(server(&made, None, version), Peer::behind_tls(method, binding));
                let entered = Connection::over(stream, &https(), options.clone()).await;
                assert_eq!(entered.is_ok(), enters);
            }
        }
    }
}

fn with_certificate(made: &Made, identity: Option<Identity>) -> Options {
    let mut options = Options::new(Login::new(Credentials::Certificate));
    let tls = Tls::new(Trust::Pin(fingerprint(made)));
    options.tls = match identity {
        Some(identity) => tls.with_identity(identity),
        None => tls,
    };
    options
}

pub(crate) fn identity(made: &Made) -> Identity {
    Identity::from_pem(made.pem.as_bytes(), made.key.serialize_pem().as_bytes(), None).unwrap()
}

#[tokio::test]
async fn a_client_certificate_logs_in_where_it_is_asked_for_in_the_handshake() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let made = self_signed(|_| {});
        let (client, authority) = signed(|_| {});
        let peer = Peer::for_method(Method::Certificate);
        let seen = peer.seen.clone();
        let stream = serve(server(&made, Some(&authority), version), peer);
        let options = with_certificate(&made, Some(identity(&client)));
        let mut connection = Connection::over(stream, &https(), options).await.unwrap();
        ask(&mut connection, "<s/>").await.unwrap();
        for request in seen.lock().unwrap().iter() {
            let scheme = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";
            assert_eq!(request.header("authorization"), Some(scheme));
        }
    }
}

#[tokio::test]
async fn a_listener_that_does_not_ask_or_does_not_take_it_is_named() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let made = self_signed(|_| {});
        let (client, authority) = signed(|_| {});
        let peer = Peer::for_method(Method::Certificate);
        let stream = serve(server(&made, None, version), peer);
        let options = with_certificate(&made, Some(identity(&client)));
        let error = Connection::over(stream, &https(), options).await.unwrap_err();
        assert!(
            matches!(error, Error::Tls { source: TlsError::ClientCertificateNotAsked, fate: Fate::NotSent }),
            "{error:?}"
        );

        for wrong in [None, Some(identity(&self_signed(|_| {})))] {
            let peer = Peer::for_method(Method::Certificate);
            let stream = serve(server(&made, Some(&authority), version), peer);
            let error = Connection::over(stream, &https(), with_certificate(&made, wrong)).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Tls { source: TlsError::ClientCertificateRefused, fate: Fate::NotSent }
                ),
                "{error:?}"
            );
        }
    }
}

/// Answers so many requests, and then asks for a certificate where it is too late: in TLS 1.3 after the handshake,
/// unasked, which no library does; so the record is made by hand with the keys of the connection.
fn asking_late(made: &Made, answered: usize) -> DuplexStream {
    let provider = default_provider();
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap().with_no_client_auth();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.key.serialize_der()));
    let mut config = builder.with_single_cert(vec![made.certificate.clone()], key).unwrap();
    config.enable_secret_extraction = true;
    let (near, far) = duplex(64 << 10);
    tokio::spawn(async move {
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(far).await.unwrap();
        for _ in 0..answered {
            Request::read(&mut stream).await.unwrap();
            stream.write_all(&Response::new(200).to_bytes()).await.unwrap();
        }
        Request::read(&mut stream).await.unwrap();
        let (mut far, connection) = stream.into_inner();
        let Some(SupportedCipherSuite::Tls13(suite)) = connection.negotiated_cipher_suite() else { panic!() };
        let (number, secrets) = connection.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
        else {
            panic!()
        };
        // CertificateRequest, RFC 8446 section 4.3.2: a context, and one extension, the signature algorithms.
        let asked = [13, 0, 0, 12, 1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
        let message = OutboundPlainMessage {
            typ: ContentType::Handshake,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(&asked),
        };
        let record = suite.aead_alg.encrypter(key, iv).encrypt(message, number).unwrap();
        far.write_all(&record.encode()).await.unwrap();
        // Held open: what ends it is our refusal.
        let _ = far.read_to_end(&mut Vec::new()).await;
    });
    near
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asks_for_a_certificate_after_the_handshake_is_told_apart() {
    for (answered, expected) in [(0, Fate::NotSent), (1, Fate::Unknown)] {
        let made = self_signed(|_| {});
        let stream = asking_late(&made, answered);
        let mut options = options(Method::Basic);
        options.tls = Tls::new(Trust::Pin(fingerprint(&made)));
        let error = match Connection::over(stream, &https(), options).await {
            Ok(mut connection) => ask(&mut connection, "<s/>").await.unwrap_err(),
            Err(error) => error,
        };
        let Error::Tls { source, fate } = error else { panic!("{error:?}") };
        assert_eq!((source, fate), (TlsError::ClientCertificateLate, expected));
    }
}

#[tokio::test]
async fn what_does_not_speak_tls_is_said_to_be_so() {
    let (near, mut far) = duplex(64 << 10);
    tokio::spawn(async move {
        let mut hello = [0; 64];
        far.read_exact(&mut hello).await.unwrap();
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let error = Connection::over(near, &https(), options(Method::Ntlm)).await.unwrap_err();
    let Error::Tls { source, .. } = error else { panic!("{error:?}") };
    // Without a system store there is nothing to begin with; with one, this is what is found.
    assert!(matches!(source, TlsError::NotTls | TlsError::NoRoots { .. }), "{source:?}");

    let (near, far) = duplex(64 << 10);
    drop(far);
    let mut options = options(Method::Ntlm);
    options.tls = Tls::new(Trust::Anything);
    let error = Connection::over(near, &https(), options).await.unwrap_err();
    assert!(matches!(error, Error::Tls { source: TlsError::Closed, .. }), "{error:?}");
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_alone() {
    let certificate = include_bytes!("../data/certificates/client.pem");
    for key in [
        &include_bytes!("../data/certificates/client-aes256.key.pem")[..],
        &include_bytes!("../data/certificates/client-3des.key.pem")[..],
        &include_bytes!("../data/certificates/client-scrypt.key.pem")[..],
    ] {
        let open = |passphrase: Option<&str>| {
            let passphrase = passphrase.map(|text| Secret::new(text.to_owned()));
            Identity::from_pem(certificate, key, passphrase.as_ref())
        };
        assert!(open(Some("open sesame")).is_ok());
        assert_eq!(open(Some("wrong")).unwrap_err(), TlsError::PassphraseWrong);
        assert_eq!(open(None).unwrap_err(), TlsError::PassphraseMissing);
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, two) = (self_signed(|_| {}), self_signed(|_| {}));
    let mixed = Identity::from_pem(one.pem.as_bytes(), two.key.serialize_pem().as_bytes(), None);
    assert!(matches!(mixed, Err(TlsError::Unreadable { .. })));
}

// What the system trusts is read from the environment, which a process cannot change for itself: so the test is
// run once more, with a place for the authorities.
#[test]
fn the_systems_authorities_are_the_default_and_nothing_else_is_good_enough() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("authorities-{}.pem", std::process::id()));
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--ignored", "--exact", "tls::what_the_system_trusts_is_trusted_and_nothing_else"]);
    let output = alone.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(" 1 passed"), "{out}\n{err}");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
#[ignore = "run by the_systems_authorities_are_the_default_and_nothing_else_is_good_enough"]
async fn what_the_system_trusts_is_trusted_and_nothing_else() {
    let (leaf, root) = signed(|_| {});
    std::fs::write(std::env::var_os("SSL_CERT_FILE").unwrap(), &root.pem).unwrap();
    assert!(matches!(Trust::default(), Trust::System));
    let mut connection = open(&leaf, Trust::default()).await.unwrap();
    assert_eq!(ask(&mut connection, "<s/>").await.unwrap().body, b"echo <s/>");
    assert!(connection.warnings().is_empty());

    let authority = lab_authority();
    let issuer = Issuer::from_params(&authority, &root.key);
    let signed_as = |names: &[&str], change: fn(&mut CertificateParams)| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &issuer).unwrap();
        Made { certificate: made.der().clone(), pem: made.pem(), key }
    };
    open(&signed_as(&[HOST], |_| {}), Trust::System).await.unwrap();
    crate::first_use::beside_the_system(&leaf, &signed_as(&[HOST], |_| {})).await;
    let wrong_name = problem(&signed_as(&["hv02.lab.test"], |_| {}), Trust::System).await;
    assert!(matches!(wrong_name, CertificateProblem::WrongName { .. }), "{wrong_name:?}");
    let expired = signed_as(&[HOST], |params| params.not_after = date_time_ymd(2001, 1, 1));
    assert!(matches!(problem(&expired, Trust::System).await, CertificateProblem::Expired));
    // Of another authority, which calls itself the same.
    let (of_another, _) = signed(|_| {});
    let other = problem(&of_another, Trust::System).await;
    assert!(matches!(&other, CertificateProblem::Other(why) if why == "BadSignature"), "{other:?}");
    let own = problem(&self_signed(|_| {}), Trust::System).await;
    assert!(matches!(own, CertificateProblem::UnknownIssuer), "{own:?}");
}

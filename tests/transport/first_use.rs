//! Trust on first use, over TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use refpoint::auth::{Binding, ChannelBindings};
use refpoint::transport::{
    CertificateProblem, Connection, Endpoint, Error, HostPort, KnownHosts, KnownHostsError, Method, Tls,
    TlsError, Trust, Unknown,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio_rustls::TlsAcceptor;

use crate::support::{Peer, ask, https, options};
use crate::tls::{
    Made, authority, fingerprint, identity, open, problem, refused, self_signed, serve, server, signed,
};

/// A file that no other test has, and what is remembered in it.
struct Memory {
    folder: PathBuf,
}

impl Memory {
    fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("known-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self { folder }
    }

    fn hosts(&self) -> KnownHosts {
        KnownHosts::in_file(self.folder.join("known_hosts"), clock)
    }

    fn trust(&self, unknown: Unknown) -> Trust {
        Trust::Known { hosts: self.hosts(), unknown }
    }

    fn remember(&self, made: &Made) {
        self.hosts().remember(&HostPort::from(&https()), fingerprint(made)).unwrap();
    }

    fn fingerprints(&self) -> Vec<String> {
        self.hosts().list().unwrap().iter().map(|known| known.fingerprint.to_string()).collect()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_755_551)
}

#[tokio::test]
async fn a_host_is_trusted_on_first_use_where_that_is_asked_for_and_from_then_on() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for method in [Method::Ntlm, Method::Negotiate] {
            let memory = Memory::new("first");
            let made = self_signed(|_| {});
            assert_eq!(
                problem(&made, memory.trust(Unknown::Refuse)).await,
                CertificateProblem::UnknownIssuer
            );
            assert!(!memory.folder.exists());
            for unknown in [Unknown::Remember, Unknown::Refuse] {
                // The login is bound to the very certificate that is remembered.
                let bindings = ChannelBindings::tls_server_end_point(&made.certificate).unwrap();
                let peer = Peer::behind_tls(method, Binding::Strict(bindings));
                let hosts = memory.hosts();
                let mut options = options(method);
                options.tls = Tls::new(Trust::Known { hosts: hosts.clone(), unknown });
                let stream = serve(server(&made, None, version), peer);
                let mut connection = Connection::over(stream, &https(), options).await.unwrap();
                assert!(connection.report().bound);
                ask(&mut connection, "<s/>").await.unwrap();
                assert_eq!(hosts.news().len(), usize::from(unknown == Unknown::Remember));
                assert_eq!(memory.fingerprints(), [fingerprint(&made).to_string()]);
            }
        }
    }
}

#[tokio::test]
async fn another_certificate_of_a_known_host_is_a_stop_before_anything_is_said_to_it() {
    let memory = Memory::new("changed");
    let (old, new) = (self_signed(|_| {}), self_signed(|_| {}));
    memory.remember(&old);
    for unknown in [Unknown::Remember, Unknown::Refuse] {
        let peer = Peer::behind_tls(Method::Ntlm, Binding::Ignore);
        let seen = peer.seen.clone();
        let mut options = options(Method::Ntlm);
        options.tls = Tls::new(memory.trust(unknown));
        let stream = serve(server(&new, None, &rustls::version::TLS13), peer);
        let error = Connection::over(stream, &https(), options).await.unwrap_err();
        assert!(error.is_tls() && error.was_not_sent() && !error.is_retryable());
        let Error::Tls { source: TlsError::Changed { remembered, found, seen: when, file }, .. } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!((remembered.fingerprint, *found), (fingerprint(&old), fingerprint(&new)));
        assert_eq!((when.as_str(), file.as_path()), ("2025-11-21T20:05:51Z", memory.hosts().file()));
        assert!(seen.lock().unwrap().is_empty());
        assert_eq!(memory.fingerprints(), [fingerprint(&old).to_string()]);
    }
    // The same host on another port is another listener, of which nothing is known.
    let elsewhere: Endpoint = "https://hv01.lab.test:443".parse().unwrap();
    let mut options = options(Method::Ntlm);
    options.tls = Tls::new(memory.trust(Unknown::Remember));
    let peer = Peer::behind_tls(Method::Ntlm, Binding::Ignore);
    let stream = serve(server(&new, None, &rustls::version::TLS13), peer);
    Connection::over(stream, &elsewhere, options).await.unwrap();
    assert_eq!(memory.fingerprints().len(), 2);
}

#[tokio::test]
async fn what_nobody_signed_is_forgiven_and_nothing_else_is() {
    let other_name = || vec![rcgen::SanType::DnsName("hv02.lab.test".try_into().unwrap())];
    let (of_an_authority, _) = signed(|_| {});
    for good in [self_signed(|_| {}), self_signed(authority), of_an_authority] {
        let memory = Memory::new("good");
        open(&good, memory.trust(Unknown::Remember)).await.unwrap();
        open(&good, memory.trust(Unknown::Refuse)).await.unwrap();
    }
    let of_authority = |change: fn(&mut rcgen::CertificateParams)| signed(change).0;
    let client = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let expired = |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    let early = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(2900, 1, 1);
    let of_authority_elsewhere =
        signed(move |params: &mut rcgen::CertificateParams| params.subject_alt_names = other_name()).0;
    let bad = [
        (self_signed(expired), CertificateProblem::Expired),
        (of_authority(expired), CertificateProblem::Expired),
        (
            self_signed(|params| {
                authority(params);
                expired(params);
            }),
            CertificateProblem::Expired,
        ),
        (self_signed(early), CertificateProblem::NotYetValid),
        (self_signed(client), CertificateProblem::Purpose),
        (self_signed(|params| params.subject_alt_names = other_name()), wrong_name()),
        (
            self_signed(|params| {
                authority(params);
                params.subject_alt_names = other_name();
            }),
            wrong_name(),
        ),
        (of_authority_elsewhere, wrong_name()),
        (self_signed(|params| params.subject_alt_names = Vec::new()), wrong_name()),
    ];
    for (made, expected) in bad {
        let memory = Memory::new("bad");
        let alike = |found: &CertificateProblem| {
            let is_alike = std::mem::discriminant(found) == std::mem::discriminant(&expected);
            assert!(is_alike, "{found:?} instead of {expected:?}");
        };
        alike(&problem(&made, memory.trust(Unknown::Remember)).await);
        assert!(!memory.folder.exists(), "{expected:?}");
        // Also where it was in order when it was remembered.
        memory.remember(&made);
        for unknown in [Unknown::Remember, Unknown::Refuse] {
            alike(&problem(&made, memory.trust(unknown)).await);
        }
    }
}

fn wrong_name() -> CertificateProblem {
    CertificateProblem::WrongName { names: Vec::new() }
}

/// Shows a certificate, and signs with another key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Thief {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[tokio::test]
async fn a_certificate_whose_key_the_host_does_not_hold_is_not_remembered() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let memory = Memory::new("thief");
        let (shown, held) = (self_signed(|_| {}), self_signed(|_| {}));
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(held.key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        let thief = Thief(Arc::new(CertifiedKey::new(vec![shown.certificate.clone()], key)));
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let acceptor = TlsAcceptor::from(Arc::new(builder.with_cert_resolver(Arc::new(thief))));
        let mut options = options(Method::Ntlm);
        options.tls = Tls::new(memory.trust(Unknown::Remember));
        let stream = serve(acceptor, Peer::behind_tls(Method::Ntlm, Binding::Ignore));
        let error = Connection::over(stream, &https(), options).await.unwrap_err();
        assert!(error.is_tls(), "{error:?}");
        assert!(!memory.folder.exists());
    }
}

/// Takes client certificates, and looks at each whether the host was remembered by then.
#[derive(Debug)]
struct Clerk {
    inner: Arc<dyn ClientCertVerifier>,
    hosts: KnownHosts,
    known: Arc<AtomicUsize>,
    unknown: Arc<AtomicUsize>,
}

impl ClientCertVerifier for Clerk {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let is_known = self.hosts.list().is_ok_and(|known| !known.is_empty());
        if is_known { &self.known } else { &self.unknown }.fetch_add(1, Ordering::SeqCst);
        self.inner.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_only_to_a_host_that_is_remembered_by_then() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for is_writable in [true, false] {
            let memory = Memory::new("client");
            if !is_writable {
                std::fs::write(&memory.folder, "a file where a folder should be").unwrap();
            }
            let made = self_signed(|_| {});
            let (client, root) = signed(|_| {});
            let provider = Arc::new(default_provider());
            let mut roots = rustls::RootCertStore::empty();
            roots.add(root.certificate.clone()).unwrap();
            let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            let (known, unknown) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
            let clerk = Clerk {
                inner: inner.build().unwrap(),
                hosts: memory.hosts(),
                known: known.clone(),
                unknown: unknown.clone(),
            };
            let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.key.serialize_der()));
            let config = builder.unwrap().with_client_cert_verifier(Arc::new(clerk));
            let mut config = config.with_single_cert(vec![made.certificate.clone()], key).unwrap();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let stream = serve(TlsAcceptor::from(Arc::new(config)), Peer::for_method(Method::Certificate));
            let mut options = options(Method::Certificate);
            let trust = memory.trust(Unknown::Remember);
            options.tls = Tls::new(trust).with_identity(identity(&client));
            let opened = Connection::over(stream, &https(), options).await;
            let shown = (known.load(Ordering::SeqCst), unknown.load(Ordering::SeqCst));
            if is_writable {
                opened.unwrap();
                assert_eq!(shown, (1, 0));
            } else {
                let error = opened.unwrap_err();
                let Error::Tls { source: TlsError::KnownHosts(source), .. } = &error else {
                    panic!("{error:?}")
                };
                // A file where a folder should be cannot be looked into either.
                assert!(
                    matches!(source, KnownHostsError::Unwritable { .. } | KnownHostsError::Unreadable { .. }),
                    "{source}"
                );
                assert_eq!(shown, (0, 0));
                std::fs::remove_file(&memory.folder).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_or_written_lets_nobody_in() {
    let made = self_signed(|_| {});
    let memory = Memory::new("damaged");
    std::fs::create_dir_all(&memory.folder).unwrap();
    std::fs::write(memory.hosts().file(), "hv01.lab.test:5986\n").unwrap();
    for unknown in [Unknown::Remember, Unknown::Refuse] {
        let error = refused(&made, memory.trust(unknown)).await;
        assert!(matches!(error, TlsError::KnownHosts(KnownHostsError::Damaged { line: 1, .. })), "{error:?}");
    }
    std::fs::remove_file(memory.hosts().file()).unwrap();
    // It can be read, being absent, and not be written.
    std::fs::create_dir(memory.folder.join("known_hosts.new")).unwrap();
    let error = refused(&made, memory.trust(Unknown::Remember)).await;
    assert!(matches!(error, TlsError::KnownHosts(KnownHostsError::Unwritable { .. })), "{error:?}");
    assert!(memory.fingerprints().is_empty());
}

#[tokio::test]
async fn of_two_who_see_different_certificates_first_exactly_one_goes_on() {
    for _ in 0..20 {
        let memory = Memory::new("race");
        let (one, two) = (self_signed(|_| {}), self_signed(|_| {}));
        let trust = || memory.trust(Unknown::Remember);
        let (first, second) = tokio::join!(open(&one, trust()), open(&two, trust()));
        let winner = match (first, second) {
            (Ok(_), Err(Error::Tls { source: TlsError::Changed { .. }, .. })) => &one,
            (Err(Error::Tls { source: TlsError::Changed { .. }, .. }), Ok(_)) => &two,
            other => panic!("{other:?}"),
        };
        assert_eq!(memory.fingerprints(), [fingerprint(winner).to_string()]);
    }
}

/// Beside what the system trusts, which somebody has set for the process: `trusted` and `other` are of its authority.
pub(crate) async fn beside_the_system(trusted: &Made, other: &Made) {
    let memory = Memory::new("system");
    // What an authority vouches for needs no memory.
    open(trusted, memory.trust(Unknown::Remember)).await.unwrap();
    open(other, memory.trust(Unknown::Refuse)).await.unwrap();
    assert!(!memory.folder.exists());
    memory.remember(trusted);
    open(trusted, memory.trust(Unknown::Refuse)).await.unwrap();
    let error = refused(other, memory.trust(Unknown::Remember)).await;
    assert!(matches!(error, TlsError::Changed { .. }), "{error:?}");
}

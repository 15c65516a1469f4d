//! Certificates of every kind: what is wrong with one is told, and nobody logs in to it.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use refpoint::client::Fingerprint;
use refpoint::lab::Certificate;

use crate::hosts::{Diagnosis, Lab, diagnosis, doctor};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        Self::called(name, &format!("Lab CA {name}"))
    }

    fn called(name: &str, common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("doctor-{name}-{}.pem", std::process::id()));
        fs::write(&file, certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    /// Serves a host with a certificate of this authority.
    fn host(&self, change: impl FnOnce(&mut CertificateParams)) -> Lab {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "hv01");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2999, 1, 1);
        for last in 1..=99 {
            params.subject_alt_names.push(SanType::IpAddress([127, 21, last, 1].into()));
        }
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pem = Certificate::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
        Lab::with(1, "", Some(pem.unwrap()))
    }

    fn trusted(&self, lab: &Lab) -> Diagnosis {
        diagnosis(doctor(&lab.https(0), &["--ca", self.file.to_str().unwrap()]))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

#[test]
fn a_good_certificate_passes_and_the_login_is_bound_to_it() {
    let authority = Authority::new("good");
    let lab = authority.host(|_| {});
    let found = authority.trusted(&lab);
    found.passes();
    let facts = &found.layer("tls")["facts"];
    assert_eq!((&facts["version"], &facts["key"]), (&"TLSv1.3".into(), &"EC P-256".into()), "{facts:#}");
    assert_eq!((&facts["trusted"], &facts["channel_binding"]), (&true.into(), &true.into()));
    assert_eq!(found.layer("login")["facts"]["bound"], true);
    assert!(found.seen("login").contains("encrypted by TLS"));
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_and_nobody_logs_in() {
    let authority = Authority::new("wrong");
    let host = |change: fn(&mut CertificateParams)| authority.host(change);
    let fails = |found: &Diagnosis, says: &str| {
        found.fails("tls", 5, says);
        assert_eq!(found.status("login"), "not-reached");
    };
    let expired = host(|params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    fails(&authority.trusted(&expired), "the certificate expired on 2021-01-01");
    let early = host(|params| params.not_before = rcgen::date_time_ymd(2998, 1, 1));
    fails(&authority.trusted(&early), "valid from 2998-01-01");
    let other =
        host(|params| params.subject_alt_names = vec![SanType::DnsName("hv07.lab.test".try_into().unwrap())]);
    let found = authority.trusted(&other);
    fails(&found, "but for hv07.lab.test");
    assert!(found.layer("tls")["fix"]["command"].as_str().unwrap().contains("https://hv07.lab.test:"));
    let evil = host(|params| {
        params.subject_alt_names = vec![SanType::DnsName("x;reboot".try_into().unwrap())];
    });
    let found = authority.trusted(&evil);
    fails(&found, "but for x;reboot");
    assert!(!found.layer("tls")["fix"]["command"].as_str().unwrap().contains("reboot"), "{:#}", found.value);
    let good = host(|_| {});
    let stranger = Authority::new("stranger");
    fails(&stranger.trusted(&good), "signed by CN=Lab CA wrong, whom nobody here trusts");
    let impostor = Authority::called("impostor", "Lab CA wrong");
    fails(&impostor.trusted(&good), "the one of that name who is trusted did not");
    fails(&diagnosis(doctor(&good.https(0), &[])), "whom nobody here trusts");
    let other = format!("sha256:{}", "0".repeat(64));
    let found = diagnosis(doctor(&good.https(0), &["--pin", &other]));
    fails(&found, "the host shows another certificate than the pinned one");
}

#[test]
fn a_certificate_that_the_host_made_itself_is_pinned_as_it_is_told() {
    let lab = Lab::new(1, "[service]\nchannel_bindings = 'strict'");
    let found = diagnosis(doctor(&lab.https(0), &[]));
    found.fails("tls", 5, "signed its certificate itself");
    let pin = Fingerprint::of(lab.hosts.certificate(0).unwrap()).to_string();
    assert!(found.layer("tls")["fix"]["text"].as_str().unwrap().ends_with(&format!("--pin {pin}")));
    let found = diagnosis(doctor(&lab.https(0), &["--pin", &pin]));
    found.passes();
    assert_eq!(found.layer("login")["facts"]["bound"], true);
    let found = diagnosis(doctor(&lab.https(0), &["--insecure"]));
    found.warns("tls", "nobody checks whose certificate this is");
    // What is to be remembered is told before it is.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("doctor-known-{}", std::process::id()));
    let remembering = |words: &[&str]| {
        diagnosis(doctor(&lab.https(0), words).env("XDG_STATE_HOME", folder.to_str().unwrap()))
    };
    remembering(&["--trust-on-first-use"]).warns("tls", "it will be remembered");
    let found = remembering(&[]);
    found.passes();
    assert!(found.seen("tls").contains("; remembered since 20"), "{}", found.seen("tls"));
    let place = lab.https(0).replace("https://", "");
    let file = folder.join("refpoint/known_hosts");
    fs::write(&file, format!("{place} sha256:{} 2026-01-02T03:04:05Z\n", "a".repeat(64))).unwrap();
    let found = remembering(&[]);
    found.fails("tls", 5, "another certificate than the one that is remembered");
    let fix = found.layer("tls")["fix"]["text"].as_str().unwrap();
    assert!(fix.contains(&format!("refpoint trust remove {place} forgets")), "{fix}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn where_the_system_has_no_authorities_nobody_vouches_and_every_other_trust_works() {
    let authority = Authority::new("alone");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("doctor-alone-{}", std::process::id()));
    let looked = |lab: &Lab, words: &[&str]| {
        let program = doctor(&lab.https(0), words).env("XDG_STATE_HOME", folder.to_str().unwrap());
        diagnosis(program.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent"))
    };
    // What else is wrong with a certificate is no matter of who vouches for it.
    let expired = authority.host(|params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    looked(&expired, &["--trust-on-first-use"]).fails("tls", 5, "the certificate expired on 2021-01-01");
    let lab = authority.host(|_| {});
    let found = looked(&lab, &[]);
    found.fails("tls", 5, "certificates of the system cannot be loaded");
    let fix = found.layer("tls")["fix"]["text"].as_str().unwrap();
    assert!(fix.ends_with("--ca, --pin or --trust-on-first-use"), "{fix}");
    looked(&lab, &["--ca", authority.file.to_str().unwrap()]).passes();
    let pin = Fingerprint::of(lab.hosts.certificate(0).unwrap()).to_string();
    looked(&lab, &["--pin", &pin]).passes();
    looked(&lab, &["--trust-on-first-use"]).warns("tls", "it will be remembered");
    looked(&lab, &[]).passes();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_certificate_that_will_soon_expire_is_warned_of() {
    let authority = Authority::new("soon");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let days = i64::try_from(now.as_secs() / 86_400).unwrap() + 11;
    let day = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days);
    let (year, month, day) = (i32::from(day.year()), day.month().unsigned_abs(), day.day().unsigned_abs());
    let lab = authority.host(|params| params.not_after = rcgen::date_time_ymd(year, month, day));
    let found = authority.trusted(&lab);
    found.warns("tls", "the certificate expires in 10 days");
    assert_eq!(found.layer("tls")["facts"]["days_left"], 10);
}

#[test]
fn a_host_that_does_not_ask_for_the_certificate_that_is_to_log_in_is_told() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("doctor-client-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["mia".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert_file, certificate.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let (cert, key) = (cert_file.to_str().unwrap(), key_file.to_str().unwrap());
    let words = ["--insecure", "--auth", "certificate", "--cert", cert, "--key", key];
    let lab = Lab::new(1, "");
    let found = diagnosis(doctor(&lab.https(0), &words));
    found.fails("tls", 5, "does not ask for a client certificate");
    // And one that asks for it, and knows whose it is.
    let digits = Fingerprint::of(certificate.der()).to_string().replace("sha256:", "");
    let mapping = format!("[[service.certificates]]\nsha256 = '{digits}'\nuser = 'LAB\\operator'");
    let lab = Lab::new(1, &mapping);
    let found = diagnosis(doctor(&lab.https(0), &words));
    found.warns("tls", "--insecure");
    assert_eq!(found.layer("login")["facts"]["mechanism"], "certificate");
    fs::remove_dir_all(folder).unwrap();
}

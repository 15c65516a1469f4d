//! NTLM, bare and in SPNEGO, against pyspnego and gss-ntlmssp.

use std::path::PathBuf;

use refpoint::auth::{
    Account, Binding, ChannelBindings, Chosen, Credentials, Error, FileTime, Fresh, Protection, Target,
    negotiate, ntlm,
};

use crate::peer::{Failure, LoggedIn, Peer, converse};
use crate::{HOST, scratch};

const USER: &str = r"LAB\mia";
const PASSWORD: &str = "correct horse ä";

/// Starts an acceptor that knows one user.
fn peer(mode: &str, bindings: Option<&ChannelBindings>) -> Peer {
    let users = scratch("ntlm").join("users");
    std::fs::write(&users, format!("LAB:mia:{PASSWORD}\n")).unwrap();
    let environment: [(&str, PathBuf); 1] = [("NTLM_USER_FILE", users)];
    Peer::start(mode, bindings.map(ChannelBindings::application_data), &environment)
}

fn target(protection: Protection, bindings: Option<&ChannelBindings>) -> Target {
    Target { bindings: bindings.cloned(), ..Target::new(HOST, protection) }
}

fn fresh() -> Fresh {
    Fresh::new(FileTime(133_700_000_000_000_000), *b"24 bytes that are random")
}

fn log_in(
    mode: &str,
    credentials: &Credentials,
    target: Target,
    theirs: Option<&ChannelBindings>,
) -> (Peer, Result<LoggedIn, Failure>) {
    let mut peer = peer(mode, theirs);
    let result = match mode {
        "ntlm" | "gss-ntlm" => peer.log_in(&mut ntlm::Initiator::new(credentials, target, fresh()).unwrap()),
        _ => {
            let initiator = negotiate::Initiator::new(credentials, target, fresh()).unwrap();
            peer.log_in(&mut initiator.without_kerberos())
        }
    };
    (peer, result)
}

const MODES: [&str; 4] = ["ntlm", "negotiate-ntlm", "gss-ntlm", "gss-negotiate"];

#[test]
fn sealed_messages_go_both_ways() {
    for mode in MODES {
        for credentials in
            [Credentials::password(USER, PASSWORD), Credentials::password(USER, PASSWORD).into_ntlm()]
        {
            let (mut peer, result) = log_in(mode, &credentials, target(Protection::Seal, None), None);
            let (seal, report) = result.unwrap();
            assert_eq!((report.chosen, report.negotiated), (Chosen::Ntlm, mode.contains("negotiate")));
            assert_eq!(report.mutual, report.negotiated);
            converse(&mut peer, &mut *seal.unwrap());
        }
    }
}

#[test]
fn a_wrong_password_or_user_is_refused() {
    for mode in MODES {
        for (user, password) in [(USER, "wrong"), (r"LAB\bob", PASSWORD)] {
            let credentials = Credentials::password(user, password);
            let (_, result) = log_in(mode, &credentials, target(Protection::Seal, None), None);
            let text = result.expect_err(mode).theirs();
            assert!(!text.contains("available"), "{mode} {user}: {text}");
        }
    }
}

#[test]
fn the_domain_is_part_of_who_we_are() {
    // gss-ntlmssp finds the user in any domain; pyspnego does not.
    for mode in ["ntlm", "negotiate-ntlm"] {
        let credentials = Credentials::password("mia", PASSWORD);
        let (_, result) = log_in(mode, &credentials, target(Protection::Seal, None), None);
        result.expect_err(mode).theirs();
    }
}

#[test]
fn the_right_channel_is_accepted_and_a_wrong_one_refused() {
    let ours = ChannelBindings::from_certificate_hash(&[1; 32]);
    let other = ChannelBindings::from_certificate_hash(&[2; 48]);
    let credentials = Credentials::password(USER, PASSWORD);
    for mode in MODES {
        let (_, result) = log_in(mode, &credentials, target(Protection::Tls, Some(&ours)), Some(&ours));
        let (seal, report) = result.unwrap();
        assert!(seal.is_none() && report.bound);
        let (_, result) = log_in(mode, &credentials, target(Protection::Tls, Some(&other)), Some(&ours));
        let text = result.expect_err(mode).theirs();
        // gss-ntlmssp has no error of its own for it.
        assert!(text.contains("Bindings") || mode.starts_with("gss"), "{text}");
    }
}

#[test]
fn a_broken_message_ends_the_conversation_on_both_sides() {
    let credentials = Credentials::password(USER, PASSWORD);
    let (mut peer, result) = log_in("ntlm", &credentials, target(Protection::Seal, None), None);
    let mut seal = result.unwrap().0.unwrap();
    assert_eq!(peer.echo(&mut *seal, b"ab"), b"ba");
    let mut garbage = vec![7; 40];
    assert!(matches!(seal.unseal(&[1; 16], &mut garbage), Err(Error::SealBroken { .. })));
    assert_eq!(seal.seal(&mut b"more".to_vec()), Err(Error::SealPoisoned));
}

/// Our own acceptor, which knows the same user.
fn acceptor() -> ntlm::Acceptor {
    let names = ntlm::Names {
        computer: "HV01".into(),
        domain: "LAB".into(),
        dns_computer: HOST.into(),
        dns_domain: "lab.test".into(),
    };
    let accounts = |account: &Account| (account.user == "mia").then(|| ntlm::NtHash::of(PASSWORD));
    ntlm::Acceptor::new(names, accounts, *b"nonce123", FileTime(133_700_000_000_000_000))
}

const INITIATORS: [&str; 2] = ["ntlm", "negotiate-ntlm"];

#[test]
fn our_acceptor_understands_foreign_initiators() {
    for mode in INITIATORS {
        let mut peer = Peer::start_initiator(mode, USER, PASSWORD, None, &[]);
        let mut server = negotiate::Acceptor::new(Some(acceptor()), None);
        let (seal, report) =
            peer.be_accepted(&mut server).unwrap_or_else(|error| panic!("{mode}: {error:?}"));
        assert_eq!(report.account, Some(Account::parse(USER)));
        assert_eq!(report.service.as_deref(), Some("HTTP/hv01.lab.test"));
        assert_eq!(report.negotiated, mode != "ntlm");
        converse(&mut peer, &mut *seal.unwrap());
    }
}

#[test]
fn our_acceptor_refuses_foreign_initiators_with_the_wrong_password_or_channel() {
    let ours = ChannelBindings::from_certificate_hash(&[1; 32]);
    let other = ChannelBindings::from_certificate_hash(&[2; 32]);
    for mode in INITIATORS {
        let accept = |password: &str, bindings: Option<&ChannelBindings>| {
            let bindings = bindings.map(ChannelBindings::application_data);
            let mut peer = Peer::start_initiator(mode, USER, password, bindings, &[]);
            let acceptor = acceptor().behind_tls(Binding::Strict(ours.clone()));
            let mut server = negotiate::Acceptor::new(Some(acceptor), None);
            peer.be_accepted(&mut server).map(|(_, report)| report.bound).map_err(Failure::ours)
        };
        assert_eq!(accept(PASSWORD, Some(&ours)), Ok(true), "{mode}");
        assert_eq!(accept("wrong", Some(&ours)), Err(Error::LogonFailure), "{mode}");
        assert!(matches!(accept(PASSWORD, Some(&other)), Err(Error::Bindings(_))), "{mode}");
        assert_eq!(accept(PASSWORD, None), Err(Error::Bindings("missing")), "{mode}");
    }
}

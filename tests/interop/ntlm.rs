//! NTLM, bare and in SPNEGO, against pyspnego and gss-ntlmssp.

use std::path::PathBuf;

use refpoint::auth::{
    ChannelBindings, Chosen, Credentials, Error, FileTime, Fresh, Protection, Target, negotiate, ntlm,
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

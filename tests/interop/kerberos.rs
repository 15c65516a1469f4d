//! Kerberos, bare and in SPNEGO, against MIT's KDC, pyspnego and our own acceptor.
//!
//! The library reads its configuration from the environment, and a process cannot change its own safely: so
//! the test starts the realm and then this program again, in the right environment.

use std::path::PathBuf;
use std::process::Command;

use refpoint::auth::{
    Account, Binding, ChannelBindings, Chosen, Credentials, Error, FileTime, Fresh, Mechanism, Protection,
    Seal, Step, Target, kerberos, negotiate,
};

use crate::HOST;
use crate::peer::{Failure, LoggedIn, Peer, converse};
use crate::realm::{PASSWORD, REALM, Realm};

/// Where the realm's files are: set for the inner tests.
pub(crate) const DIRECTORY: &str = "REFPOINT_INTEROP_REALM";

#[test]
fn kerberos_against_a_real_realm() {
    let realm = Realm::start();
    let program = std::env::current_exe().unwrap();
    // What listens to the log is alone in its process: whether a line of code is heard is remembered for all of it.
    for tests in [&["::inside::", "--skip", "canary::"][..], &["canary::inside::"]] {
        let output = Command::new(&program)
            .args(["--ignored", "--test-threads", "2"])
            .args(tests)
            .envs(realm.environment())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        assert!(!out.contains(" 0 passed"), "no inner test ran:\n{out}");
    }
}

pub(crate) fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY).expect("run by kerberos_against_a_real_realm").into()
}

pub(crate) fn tickets() -> Credentials {
    Credentials::Tickets { cache: None, principal: None }
}

pub(crate) fn password() -> Credentials {
    Credentials::password("mia@lab.test", PASSWORD)
}

pub(crate) fn keytab() -> Credentials {
    Credentials::Keytab { path: directory().join("mia.keytab"), principal: format!("keeper@{REALM}") }
}

pub(crate) fn host_keytab() -> String {
    format!("FILE:{}", directory().join("host.keytab").display())
}

fn target() -> Target {
    Target::new(HOST, Protection::Seal)
}

fn initiator(mode: &str, credentials: &Credentials, target: Target) -> Box<dyn Mechanism> {
    let fresh = Fresh::new(FileTime(133_700_000_000_000_000), *b"24 bytes that are random");
    match mode {
        "kerberos" => Box::new(kerberos::Initiator::new(credentials, target).unwrap()),
        _ => Box::new(negotiate::Initiator::new(credentials, target, fresh).unwrap()),
    }
}

/// Where a foreign acceptor finds the realm and its keys.
pub(crate) fn server_environment() -> [(&'static str, PathBuf); 3] {
    [
        ("KRB5_CONFIG", directory().join("server.conf")),
        ("KRB5_KTNAME", directory().join("host.keytab")),
        ("KRB5RCACHENAME", PathBuf::from("none:")),
    ]
}

fn log_in_as(
    mode: &str,
    credentials: &Credentials,
    target: Target,
    theirs: Option<&ChannelBindings>,
) -> (Peer, Result<LoggedIn, Failure>) {
    let mut peer = Peer::start(mode, theirs.map(ChannelBindings::application_data), &server_environment());
    let result = peer.log_in(&mut *initiator(mode, credentials, target));
    (peer, result)
}

/// Our own acceptor and our initiator, in this process.
fn log_in_to_ourselves(
    client: &mut dyn Mechanism,
    server: &mut dyn Mechanism,
) -> Result<[LoggedIn; 2], Error> {
    let mut answer: Option<Vec<u8>> = None;
    let mut accepted = None;
    loop {
        match client.step(answer.as_deref())? {
            Step::Send(token) => match server.step(Some(token.as_bytes()))? {
                Step::Send(token) => answer = Some(token.as_bytes().to_vec()),
                Step::Done { token, seal, report } => {
                    answer = token.map(|token| token.as_bytes().to_vec());
                    accepted = Some((seal, report));
                }
            },
            Step::Done { token, seal, report } => {
                assert!(token.is_none());
                return Ok([(seal, report), accepted.expect("the server has finished")]);
            }
        }
    }
}

/// No token of this realm is longer.
const MOST_FLIPS: usize = 4096;

const MODES: [&str; 3] = ["kerberos", "negotiate-kerberos", "gss-negotiate"];

mod inside {
    use super::*;

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn sealed_messages_go_both_ways_with_each_kind_of_credentials() {
        for mode in MODES {
            for credentials in [tickets(), password(), keytab()] {
                let (mut peer, result) = log_in_as(mode, &credentials, target(), None);
                let (seal, report) = result.unwrap_or_else(|error| panic!("{mode}: {error:?}"));
                assert_eq!(report.chosen, Chosen::Kerberos);
                assert!(report.mutual && report.fallback.is_none());
                assert_eq!(report.service.as_deref(), Some("HTTP/hv01.lab.test"));
                // Of a cache, too, it is known whose tickets it holds.
                let user = report.account.map(|account| account.user.to_lowercase());
                let keeper = matches!(credentials, Credentials::Keytab { .. });
                let expected = if keeper { "keeper@lab.test" } else { "mia@lab.test" };
                assert_eq!(user.as_deref(), Some(expected), "{mode}");
                let mut seal = seal.unwrap();
                let name = if mode == "kerberos" { "Kerberos" } else { "SPNEGO" };
                assert!(seal.protocol().contains(name));
                converse(&mut peer, &mut *seal);
            }
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn the_right_channel_is_accepted_and_a_wrong_one_refused() {
        let ours = ChannelBindings::from_certificate_hash(&[1; 32]);
        let other = ChannelBindings::from_certificate_hash(&[2; 32]);
        let bound = |bindings: &ChannelBindings| Target {
            bindings: Some(bindings.clone()),
            ..Target::new(HOST, Protection::Tls)
        };
        for mode in MODES {
            let (_, result) = log_in_as(mode, &tickets(), bound(&ours), Some(&ours));
            let (seal, report) = result.unwrap_or_else(|error| panic!("{mode}: {error:?}"));
            assert!(seal.is_none() && report.bound);
            let (_, result) = log_in_as(mode, &tickets(), bound(&other), Some(&ours));
            result.expect_err(mode).theirs();
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn the_seal_has_the_layout_windows_uses() {
        let (_peer, result) = log_in_as("kerberos", &tickets(), target(), None);
        let mut seal = result.unwrap().0.unwrap();
        let mut message = vec![b'x'; 3240];
        let token = seal.seal(&mut message).unwrap();
        // Header, rotated trailer, confounder; flags "sealed" and "acceptor's subkey"; EC 0, RRC 28.
        assert_eq!((token.len(), message.len()), (60, 3240));
        assert_eq!(token[..8], [5, 4, 6, 0xff, 0, 0, 0, 28]);
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn the_names_are_tried_in_turn() {
        for (host, service) in [
            ("only-wsman.lab.test", "WSMAN/only-wsman.lab.test"),
            ("only-host.lab.test", "HOST/only-host.lab.test"),
        ] {
            let target = Target::new(host, Protection::Seal);
            let mut client = kerberos::Initiator::new(&tickets(), target).unwrap();
            let mut server = kerberos::Acceptor::new(host_keytab());
            let [(_, report), _] = log_in_to_ourselves(&mut client, &mut server).unwrap();
            assert_eq!(report.service.as_deref(), Some(service));
        }
    }

    // The configuration asks for names to be resolved backwards, and this address has another name.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_host_is_called_what_the_user_called_it() {
        for realm in [None, Some(REALM.to_owned())] {
            let target = Target { realm, ..Target::new("127.0.0.1", Protection::Seal) };
            let mut client = kerberos::Initiator::new(&tickets(), target).unwrap();
            let mut server = kerberos::Acceptor::new(host_keytab());
            let [(_, report), _] = log_in_to_ourselves(&mut client, &mut server).unwrap();
            assert_eq!(report.service.as_deref(), Some("HTTP/127.0.0.1"));
        }
    }

    // Most of a token is encrypted or signed. What is not (an option bit, a key version) may change, if the
    // login that follows is the same.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn flipped_bits_of_a_token_are_refused_or_change_nothing() {
        let (mut refused, mut tried, mut unexplained) = (0, 0, 0);
        for mode in ["kerberos", "negotiate"] {
            let mut flips = 1;
            for at in 0.. {
                if at == flips {
                    break;
                }
                let mut client = initiator(mode, &tickets(), target());
                let acceptor = kerberos::Acceptor::new(host_keytab());
                let mut server: Box<dyn Mechanism> = match mode {
                    "kerberos" => Box::new(acceptor),
                    _ => Box::new(negotiate::Acceptor::new(None, Some(acceptor))),
                };
                let Step::Send(token) = client.step(None).unwrap() else { panic!("first") };
                let mut bytes = token.as_bytes().to_vec();
                let bytes_sent = bytes.clone();
                // Each byte, one bit of it.
                flips = bytes.len().min(MOST_FLIPS);
                bytes[at] ^= 1 << (at % 8);
                tried += 1;
                let Ok(Step::Done { token, seal, .. }) = server.step(Some(&bytes)) else {
                    refused += 1;
                    continue;
                };
                let answer = token.unwrap();
                let Ok(Step::Done { seal: ours, .. }) = client.step(Some(answer.as_bytes())) else {
                    refused += 1;
                    continue;
                };
                let mut message = b"the same".to_vec();
                let token = ours.unwrap().seal(&mut message).unwrap();
                seal.unwrap().unseal(&token, &mut message).unwrap();
                assert_eq!(message, b"the same");
                // The names on the outside of the ticket are for whoever looks for the key.
                let is_name = |name: &str| {
                    let name = name.as_bytes();
                    let sent = bytes_sent.windows(name.len()).position(|window| window == name);
                    sent.is_some_and(|start| (start..start + name.len()).contains(&at))
                };
                if ![REALM, "HTTP", HOST].into_iter().any(is_name) {
                    println!("{mode}: byte {at}");
                    unexplained += 1;
                }
            }
        }
        // Options, the version of the key, and the like: a handful of bytes in each token.
        assert!(tried > 1000 && unexplained <= 2 * 12, "{unexplained} of {tried} flips changed nothing");
        assert!(refused > 0);
    }

    fn sealed(seal: &mut dyn Seal, text: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut message = text.to_vec();
        (seal.seal(&mut message).unwrap(), message)
    }

    /// Opens it, and says whether the seal holds; where it does not, that nothing comes out and nothing opens
    /// any more.
    fn opens(seal: &mut dyn Seal, (token, message): &(Vec<u8>, Vec<u8>), text: &[u8]) -> bool {
        let mut message = message.clone();
        match seal.unseal(token, &mut message) {
            Ok(()) => {
                assert_eq!(message, text);
                true
            }
            Err(error) => {
                assert!(matches!(error, Error::SealBroken { .. }), "{error:?}");
                assert!(message.is_empty());
                let poisoned = seal.unseal(token, &mut Vec::new());
                assert_eq!(poisoned, Err(Error::SealPoisoned));
                false
            }
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_sealed_message_that_is_repeated_left_out_or_turned_back_is_refused() {
        for mode in ["kerberos", "negotiate"] {
            let seals = || {
                let mut client = initiator(mode, &tickets(), target());
                let acceptor = kerberos::Acceptor::new(host_keytab());
                let mut server: Box<dyn Mechanism> = match mode {
                    "kerberos" => Box::new(acceptor),
                    _ => Box::new(negotiate::Acceptor::new(None, Some(acceptor))),
                };
                let [(ours, _), (theirs, _)] = log_in_to_ourselves(&mut *client, &mut *server).unwrap();
                (ours.unwrap(), theirs.unwrap())
            };
            // In order, both ways.
            let (mut ours, mut theirs) = seals();
            for _ in 0..3 {
                let message = sealed(&mut *ours, b"ask");
                assert!(opens(&mut *theirs, &message, b"ask"));
                let message = sealed(&mut *theirs, b"answer");
                assert!(opens(&mut *ours, &message, b"answer"));
            }
            // The same again.
            let message = sealed(&mut *ours, b"twice");
            assert!(opens(&mut *theirs, &message, b"twice"));
            assert!(!opens(&mut *theirs, &message, b"twice"), "{mode}: replay");
            // One left out.
            let (mut ours, mut theirs) = seals();
            let _lost = sealed(&mut *theirs, b"lost");
            let late = sealed(&mut *theirs, b"late");
            assert!(!opens(&mut *ours, &late, b"late"), "{mode}: gap");
            // Our own, turned back to us.
            let (mut ours, _theirs) = seals();
            let message = sealed(&mut *ours, b"ours");
            assert!(!opens(&mut *ours, &message, b"ours"), "{mode}: reflection");
            // That of another login of the same two.
            let ((mut ours, _), (_, mut theirs)) = (seals(), seals());
            let message = sealed(&mut *ours, b"other");
            assert!(!opens(&mut *theirs, &message, b"other"), "{mode}: another login");
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn each_flipped_bit_of_a_sealed_message_is_refused() {
        let mut flips = 1;
        let mut bit = 0;
        while bit < flips {
            let mut client = initiator("kerberos", &tickets(), target());
            let mut server = kerberos::Acceptor::new(host_keytab());
            let [(ours, _), (theirs, _)] = log_in_to_ourselves(&mut *client, &mut server).unwrap();
            let (mut token, mut message) = sealed(&mut *ours.unwrap(), b"<s/>");
            flips = (token.len() + message.len()) * 8;
            let length = token.len();
            match bit / 8 {
                at if at < length => token[at] ^= 1 << (bit % 8),
                at => message[at - length] ^= 1 << (bit % 8),
            }
            assert!(!opens(&mut *theirs.unwrap(), &(token, message), b"<s/>"), "bit {bit}");
            bit += 1;
        }
        assert!(flips > 400);
    }

    // They share one cache in memory, which the first of them fills.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn many_logins_with_one_keytab_do_not_disturb_each_other() {
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut client = kerberos::Initiator::new(&keytab(), target()).unwrap();
                    let mut server = kerberos::Acceptor::new(host_keytab());
                    let [_, (_, report)] = log_in_to_ourselves(&mut client, &mut server).unwrap();
                    assert_eq!(report.account, Some(Account::parse("keeper@LAB.TEST")));
                });
            }
        });
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn an_unknown_host_is_refused_with_every_name_and_answer() {
        let target = Target::new("nobody.lab.test", Protection::Seal);
        let refused = kerberos::Initiator::new(&tickets(), target).unwrap().step(None).unwrap_err();
        let Error::NoServiceTicket { attempts } = refused else { panic!("{refused:?}") };
        let names: Vec<_> = attempts.iter().map(|attempt| attempt.name.as_str()).collect();
        assert_eq!(names, ["HTTP/nobody.lab.test", "WSMAN/nobody.lab.test", "HOST/nobody.lab.test"]);
        for attempt in attempts {
            assert!(attempt.answer.contains("not found in Kerberos database"), "{}", attempt.answer);
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn success_without_the_servers_proof_is_refused() {
        for mode in ["kerberos", "negotiate"] {
            let mut client = initiator(mode, &tickets(), target());
            assert!(matches!(client.step(None), Ok(Step::Send(_))));
            assert!(client.step(None).is_err(), "{mode}");
            assert_eq!(client.step(None).unwrap_err(), Error::Over);
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_password_that_is_wrong_is_refused_by_the_kdc() {
        let credentials = Credentials::password("mia@lab.test", "wrong");
        let refused = kerberos::Initiator::new(&credentials, target()).unwrap().step(None).unwrap_err();
        let Error::PasswordRefused { origin, reason, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(origin, "the password of mia@LAB.TEST");
        assert!(!reason.is_empty());
    }

    // It would be wrong for NTLM too, and a second attempt that fails brings the account nearer to its lock.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_password_the_kdc_refuses_is_not_tried_with_ntlm() {
        for (user, password) in
            [("mia@lab.test", "wrong"), ("guarded@lab.test", "wrong"), ("locked@lab.test", PASSWORD)]
        {
            let credentials = Credentials::password(user, password);
            let refused = initiator("negotiate", &credentials, target()).step(None).unwrap_err();
            assert!(matches!(refused, Error::PasswordRefused { .. }), "{user}: {refused:?}");
        }
        // Somebody the realm does not know may still be known to the host.
        let stranger = Credentials::password("nobody@lab.test", PASSWORD);
        assert!(matches!(initiator("negotiate", &stranger, target()).step(None), Ok(Step::Send(_))));
        let refused = kerberos::Initiator::new(&stranger, target()).unwrap().step(None).unwrap_err();
        assert!(matches!(refused, Error::NoTickets { .. }), "{refused:?}");
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_netbios_domain_is_the_default_realm_or_none() {
        for (user, mine) in
            [(r"LAB\mia", true), (r"lab.test\mia", true), ("mia", true), (r"OTHER\mia", false)]
        {
            let credentials = Credentials::password(user, PASSWORD);
            let step = kerberos::Initiator::new(&credentials, target()).unwrap().step(None);
            match mine {
                true => assert!(matches!(step, Ok(Step::Send(_))), "{user}: {step:?}"),
                false => assert!(matches!(step, Err(Error::Unsuitable { .. })), "{user}: {step:?}"),
            }
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn without_a_ticket_ntlm_stands_in_and_the_report_says_why() {
        let target = Target::new("nobody.lab.test", Protection::Seal);
        let users = directory().join("users");
        std::fs::write(&users, format!(":mia@lab.test:{PASSWORD}\n")).unwrap();
        let mut peer = Peer::start("negotiate-ntlm", None, &[("NTLM_USER_FILE", users)]);
        let (seal, report) = peer.log_in(&mut *initiator("negotiate", &password(), target)).unwrap();
        assert_eq!(report.chosen, Chosen::Ntlm);
        assert!(
            matches!(report.fallback.as_deref(), Some(Error::NoServiceTicket { attempts }) if attempts.len() == 3)
        );
        converse(&mut peer, &mut *seal.unwrap());
    }

    // The client has a ticket, but the server knows NTLM only: it strikes Kerberos, and the list is signed.
    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn a_server_without_kerberos_gets_ntlm_under_signature() {
        let users = directory().join("users-of-ntlm-only");
        std::fs::write(&users, format!(":mia@lab.test:{PASSWORD}\n")).unwrap();
        let environment = [("NTLM_USER_FILE", users), ("KRB5_KTNAME", directory().join("no.keytab"))];
        let mut peer = Peer::start("gss-negotiate", None, &environment);
        let (seal, report) = peer.log_in(&mut *initiator("negotiate", &password(), target())).unwrap();
        assert_eq!(report.chosen, Chosen::Ntlm);
        assert_eq!(report.fallback.as_deref(), Some(&Error::Refused { mechanism: Some("Kerberos") }));
        assert!(report.mutual);
        converse(&mut peer, &mut *seal.unwrap());
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn our_acceptor_understands_foreign_initiators() {
        // The foreign one asks for a host-based name, which must not be resolved.
        let environment = [("KRB5_CONFIG", directory().join("server.conf"))];
        for mode in ["kerberos", "negotiate-kerberos"] {
            let acceptor = kerberos::Acceptor::new(host_keytab());
            let mut server: Box<dyn Mechanism> = match mode {
                "kerberos" => Box::new(acceptor),
                _ => Box::new(negotiate::Acceptor::new(None, Some(acceptor))),
            };
            let mut peer = Peer::start_initiator(mode, "mia@LAB.TEST", PASSWORD, None, &environment);
            let (seal, report) =
                peer.be_accepted(&mut *server).unwrap_or_else(|error| panic!("{mode}: {error:?}"));
            assert_eq!(report.account, Some(Account::parse("mia@LAB.TEST")));
            converse(&mut peer, &mut *seal.unwrap());
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn our_acceptor_understands_our_initiator() {
        let ours = ChannelBindings::from_certificate_hash(&[1; 32]);
        let other = ChannelBindings::from_certificate_hash(&[2; 32]);
        for mode in ["kerberos", "negotiate"] {
            let server = |binding: Option<Binding>| -> Box<dyn Mechanism> {
                let acceptor = kerberos::Acceptor::new(host_keytab());
                let acceptor = match binding {
                    Some(binding) => acceptor.behind_tls(binding),
                    None => acceptor,
                };
                match mode {
                    "kerberos" => Box::new(acceptor),
                    _ => Box::new(negotiate::Acceptor::new(None, Some(acceptor))),
                }
            };
            let mut client = initiator(mode, &password(), target());
            let [(client_seal, _), (server_seal, report)] =
                log_in_to_ourselves(&mut *client, &mut *server(None)).unwrap();
            assert_eq!(report.account, Some(Account::parse("mia@LAB.TEST")));
            let (mut client_seal, mut server_seal) = (client_seal.unwrap(), server_seal.unwrap());
            for bit in [None, Some(3), Some(200), Some(40 * 8)] {
                let mut message = b"forty bytes of message, more or less ...".to_vec();
                let mut token = client_seal.seal(&mut message).unwrap();
                if let Some(bit) = bit {
                    let all = token.len() * 8;
                    let (bytes, bit) = if bit < all { (&mut token, bit) } else { (&mut message, bit - all) };
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
                assert_eq!(server_seal.unseal(&token, &mut message).is_ok(), bit.is_none());
            }

            let bound = |bindings: &ChannelBindings| {
                let target =
                    Target { bindings: Some(bindings.clone()), ..Target::new(HOST, Protection::Tls) };
                initiator(mode, &password(), target)
            };
            let strict = || server(Some(Binding::Strict(ours.clone())));
            assert!(log_in_to_ourselves(&mut *bound(&ours), &mut *strict()).is_ok());
            assert!(log_in_to_ourselves(&mut *bound(&other), &mut *strict()).is_err());
            let mut unbound = initiator(mode, &password(), Target::new(HOST, Protection::Tls));
            assert!(log_in_to_ourselves(&mut *unbound, &mut *strict()).is_err());
        }
    }

    #[test]
    #[ignore = "run by kerberos_against_a_real_realm"]
    fn rc4_keys_are_used_only_where_they_are_asked_for() {
        let mut old = Target::new("old.lab.test", Protection::Seal);
        let mut client = kerberos::Initiator::new(&tickets(), old.clone()).unwrap();
        let refused = client.step(None).unwrap_err();
        assert!(matches!(refused, Error::NoServiceTicket { .. }), "{refused:?}");

        old.allow_rc4 = true;
        let environment = [
            ("KRB5_CONFIG", directory().join("old.conf")),
            ("KRB5_KTNAME", directory().join("host.keytab")),
            ("KRB5RCACHENAME", PathBuf::from("none:")),
        ];
        let mut peer = Peer::start("gss-negotiate", None, &environment);
        let (seal, _) = peer.log_in(&mut *initiator("negotiate", &tickets(), old)).unwrap();
        let mut seal = seal.unwrap();
        // RFC 4757 pads by one byte, which travels with the cipher text.
        let mut message = b"probe".to_vec();
        seal.seal(&mut message).unwrap();
        assert_eq!(message.len(), 6);
        let mut peer = Peer::start("gss-negotiate", None, &environment);
        let old = Target { allow_rc4: true, ..Target::new("old.lab.test", Protection::Seal) };
        let (seal, _) = peer.log_in(&mut *initiator("negotiate", &tickets(), old)).unwrap();
        converse(&mut peer, &mut *seal.unwrap());
    }
}

//! What must hold for any bytes that a server, a client or somebody between them may bring to a login:
//! one function per decoder.
//!
//! The fuzz targets of `fuzz/` and the replay of their corpora share these. None may panic on any input;
//! what decodes says the same when it is encoded and decoded again; and no bytes log anybody in who does
//! not know the password.

use std::fmt::Debug;

use refpoint::auth::http::{Offers, header_value, read_authorization};
use refpoint::auth::ntlm::{self, AvId, AvPairs, Message, NtHash, Sealer, Side};
use refpoint::auth::sealed::{self, Multipart};
use refpoint::auth::spnego::{NegToken, mech_list};
use refpoint::auth::{
    Account, Basic, BasicAcceptor, Certificate, ChannelBindings, Credentials, Error, FileTime, Fresh,
    Mechanism, Protection, Result, Scheme, Seal, Secret, Step, Target, negotiate,
};
use refpoint::transport::CertificateFacts;

/// An NTLM message, or a list of attribute pairs.
pub(crate) fn ntlm(bytes: &[u8]) {
    if let Ok(first) = Message::decode(bytes) {
        let ours = match &first {
            Message::Negotiate(message) => message.encode(),
            Message::Challenge(message) => message.encode(),
            Message::Authenticate(message) => message.encode(),
        };
        assert_same(&settled(first.clone()), &Message::decode(&ours).map(settled));
        if let Message::Challenge(challenge) = &first {
            pairs_are_sound(&challenge.target_info);
        }
        if let Message::Authenticate(message) = &first
            && let Ok(info) = message.client_info()
        {
            pairs_are_sound(&info);
        }
    }
    if let Ok(pairs) = AvPairs::decode(bytes) {
        pairs_are_sound(&pairs);
    }
}

/// A SPNEGO token.
pub(crate) fn spnego(bytes: &[u8]) {
    let Ok(first) = NegToken::decode(bytes) else { return };
    let ours = match &first {
        NegToken::Init(init) => {
            let list = mech_list(&init.mech_types);
            // What is signed is what was sent: DER has one spelling for it.
            assert!(bytes.windows(list.len()).any(|window| window == list), "{first:?}");
            init.encode()
        }
        NegToken::Response(response) => {
            let ours = response.encode();
            assert_eq!(ours, bytes, "{first:?} has one spelling");
            ours
        }
    };
    assert_same(&first, &NegToken::decode(&ours));
}

/// A sealed body: its content type, a line break, the body.
pub(crate) fn multipart(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(content_type) = std::str::from_utf8(&bytes[..end]) else { return };
    let body = &bytes[end + 1..];

    // Nobody without the keys has a message that opens, and after the first attempt none does.
    let mut sealer = Sealer::new(&Secret::new([7; 16]), ntlm::Flags::WANTED, Side::Client);
    assert!(sealed::open(&mut sealer, content_type, body.to_vec(), usize::MAX).is_err());

    let Ok(parts) = Multipart::parse(content_type, body) else { return };
    assert!(sealed::is_sealed(content_type) && !parts.parts.is_empty());
    let mut at = 0;
    for part in &parts.parts {
        assert!(part.range.start >= at + part.token.len() && part.range.end <= body.len(), "{parts:?}");
        assert_eq!(part.range.len(), part.length);
        at = part.range.end;
    }

    let length: usize = parts.parts.iter().map(|part| part.length).sum();
    for protocol in [sealed::SPNEGO, sealed::KERBEROS, sealed::CREDSSP] {
        let mut glass = Glass(protocol);
        let Ok(opened) = sealed::open(&mut glass, content_type, body.to_vec(), length) else { continue };
        assert_eq!(opened.message.len(), length);
        if length > 0 {
            assert!(sealed::open(&mut glass, content_type, body.to_vec(), length - 1).is_err());
        }
        let ours = sealed::seal(&mut glass, &opened.content_type, opened.message.clone());
        let ours = ours.expect("glass seals everything");
        let again = sealed::open(&mut glass, &ours.content_type, ours.body, length);
        assert!(again.is_ok_and(|again| again == opened), "{} {content_type}", opened.content_type);
    }
}

/// The `WWW-Authenticate` lines of an answer, or an `Authorization` line.
pub(crate) fn www_authenticate(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let credentials = Credentials::password("mia", "password");
    let basic = Basic::new(&credentials, Protection::Tls).expect("Basic takes a password");
    let _ = read_authorization(text, &basic);
    let _ = read_authorization(text, &Certificate);

    let Ok(offers) = Offers::parse(text.lines()) else { return };
    let _ = (offers.choose(&Scheme::PREFERENCE), offers.to_string(), format!("{offers:?}"));
    for scheme in [Scheme::Negotiate, Scheme::Kerberos, Scheme::Basic, Scheme::CredSsp, Scheme::Certificate] {
        let Ok(Some(token)) = offers.token(scheme) else { continue };
        assert!(offers.offers(scheme));
        let value = header_value(scheme, Some(&token));
        let again = Offers::parse([value.expose().as_str()]).and_then(|offers| offers.token(scheme));
        // A token of no bytes has a spelling ("=" at most), but not one that is told from no token.
        assert!(token.as_bytes().is_empty() || again == Ok(Some(token)), "{text:?}");
    }
    let spelled: Vec<String> = offers.challenges().iter().map(spelled).collect();
    let again = Offers::parse([spelled.join(", ").as_str()]);
    assert!(again.as_ref() == Ok(&offers), "{text:?} is {offers:?}, and {spelled:?} is {again:?}");
}

/// A server's certificate: what logins are bound to, and what a person is shown of it.
pub(crate) fn certificate(bytes: &[u8]) {
    if let Ok(facts) = CertificateFacts::read(bytes) {
        let shown = [&facts.subject, &facts.issuer, &facts.key, &facts.signature];
        for text in shown.into_iter().chain(&facts.names) {
            assert!(!text.chars().any(char::is_control), "{facts:?}");
        }
        let _ = (facts.is_weak(), format!("{facts:?}"));
    }
    let Ok(bindings) = ChannelBindings::tls_server_end_point(bytes) else { return };
    let hash = bindings.application_data().strip_prefix(b"tls-server-end-point:").expect("its prefix");
    assert!([28, 32, 48, 64].contains(&hash.len()), "{} bytes", hash.len());
}

/// A peer's side of a whole login: a byte that says who we are and what protects the bodies, then tokens,
/// each behind its length in two bytes. A length of 65535 stands for an answer without a token.
pub(crate) fn login(bytes: &[u8]) {
    let Some((&choice, mut rest)) = bytes.split_first() else { return };
    let protection = if choice & 0x80 == 0 { Protection::Seal } else { Protection::Tls };
    let mut ours = party(choice & 0x7f, protection);
    let starts = matches!(choice & 0x7f, 0 | 1);
    if starts && !matches!(ours.step(None), Ok(Step::Send(_))) {
        panic!("a login starts with a token");
    }
    for _ in 0..4 {
        let Some((length, tail)) = rest.split_first_chunk::<2>() else { return };
        let length = usize::from(u16::from_be_bytes(*length));
        let token = (length != usize::from(u16::MAX)).then(|| &tail[..length.min(tail.len())]);
        rest = &tail[token.map_or(0, <[u8]>::len)..];
        match ours.step(token) {
            Ok(Step::Send(token)) => assert!(!token.as_bytes().is_empty()),
            Ok(Step::Done { seal, report, .. }) => {
                let seals = choice & 0x7f <= 3 && protection == Protection::Seal;
                assert_eq!(seal.is_some(), seals, "{report:?}");
                if !starts {
                    let account = report.account.expect("an acceptor knows who came");
                    assert!(account.user.eq_ignore_ascii_case("mia"), "{account:?}");
                }
                return;
            }
            Err(_) => {
                // Basic has no state to lose: each request brings its own proof.
                let again = ours.step(token);
                assert!(choice & 0x7f > 3 || again.is_err(), "a login went on after its error");
                return;
            }
        }
    }
}

const PASSWORD: &str = "correct horse";
const NOW: FileTime = FileTime(133_700_000_000_000_000);

fn party(choice: u8, protection: Protection) -> Box<dyn Mechanism> {
    let credentials = Credentials::password(r"LAB\mia", PASSWORD);
    let target = Target::new("hv01.lab.test", protection);
    let fresh = Fresh::new(NOW, *b"24 bytes that are random");
    match choice {
        0 => Box::new(ntlm::Initiator::new(&credentials, target, fresh).expect("NTLM takes a password")),
        1 => {
            let initiator = negotiate::Initiator::new(&credentials, target, fresh);
            Box::new(initiator.expect("NTLM takes a password").without_kerberos())
        }
        2 => Box::new(ntlm_acceptor(protection)),
        3 => Box::new(negotiate::Acceptor::new(Some(ntlm_acceptor(protection)), None)),
        _ => Box::new(BasicAcceptor::new(|account, password| account.user == "mia" && password == PASSWORD)),
    }
}

fn ntlm_acceptor(protection: Protection) -> ntlm::Acceptor {
    let names = ntlm::Names {
        computer: "HV01".into(),
        domain: "LAB".into(),
        dns_computer: "hv01.lab.test".into(),
        dns_domain: "lab.test".into(),
    };
    let accounts = |account: &Account| account.user.eq_ignore_ascii_case("mia").then(|| NtHash::of(PASSWORD));
    let acceptor = ntlm::Acceptor::new(names, accounts, *b"nonce123", NOW);
    match protection {
        Protection::Seal => acceptor,
        Protection::Tls => acceptor.behind_tls(refpoint::auth::Binding::Ignore),
    }
}

/// A seal through which everything is seen, to look at the layout around it.
struct Glass(&'static str);

impl Seal for Glass {
    fn protocol(&self) -> &'static str {
        self.0
    }

    fn seal(&mut self, _message: &mut Vec<u8>) -> Result<Vec<u8>> {
        Ok(vec![0; 16])
    }

    fn unseal(&mut self, _token: &[u8], _message: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// A message as it is written: there is always room for a MIC.
fn settled(mut message: Message) -> Message {
    if let Message::Authenticate(message) = &mut message {
        message.mic.get_or_insert_default();
    }
    message
}

fn pairs_are_sound(pairs: &AvPairs) {
    assert_same(pairs, &AvPairs::decode(&pairs.encode()));
    let _ = (pairs.timestamp(), pairs.flags(), pairs.text(AvId::TARGET_NAME));
    let mut changed = pairs.clone();
    changed.set(AvId::CHANNEL_BINDINGS, vec![1; 16]);
    assert_eq!(changed.value(AvId::CHANNEL_BINDINGS), Some(&[1; 16][..]));
    changed.remove(AvId::CHANNEL_BINDINGS);
    assert_eq!(changed.value(AvId::CHANNEL_BINDINGS), None);
}

/// A challenge in our own spelling.
fn spelled(challenge: &refpoint::auth::http::Challenge) -> String {
    let parameters = challenge.parameters.iter().map(|(name, value)| {
        let value: String = value.chars().flat_map(|c| ['\\', c]).collect();
        format!("{name}=\"{value}\"")
    });
    match &challenge.token68 {
        Some(token) => format!("{} {token}", challenge.scheme),
        None if challenge.parameters.is_empty() => challenge.scheme.clone(),
        None => format!("{} {}", challenge.scheme, parameters.collect::<Vec<_>>().join(", ")),
    }
}

fn assert_same<T: Debug + PartialEq>(first: &T, second: &std::result::Result<T, Error>) {
    assert!(second.as_ref() == Ok(first), "{first:?} became {second:?}");
}

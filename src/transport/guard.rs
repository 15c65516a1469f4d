use bytes::Bytes;
use hyper::header::HeaderValue;

use super::answer::{Head, is_soap};
use super::sent::Sent;
use super::{Answer, Error, Fate, Protocol, Reply};
use crate::auth::{self, Scheme, Seal, sealed};

/// What protects the bodies of a connection after its login.
///
/// INVARIANT: on http it is `Sealed`, unless the login is Basic and clear text was allowed; [`Guard::new`] is
/// the only place where one is made, and a guard never changes its kind.
pub(super) enum Guard {
    /// The login's own seal.
    Sealed(Box<dyn Seal>),
    /// TLS below, or nothing where that was allowed. Logins that do not belong to the connection repeat
    /// themselves with each request.
    Open { authorization: Option<HeaderValue> },
}

/// A request as it goes out.
pub(super) struct Outgoing {
    pub(super) content_type: String,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) body: Bytes,
}

impl Guard {
    /// Takes what a login left behind.
    pub(super) fn new(
        protocol: Protocol,
        scheme: Scheme,
        seal: Option<Box<dyn Seal>>,
        authorization: HeaderValue,
        allow_cleartext: bool,
    ) -> Result<Self, auth::Error> {
        let authorization = (!scheme.binds_connection()).then_some(authorization);
        match (protocol, seal) {
            (_, Some(seal)) => Ok(Self::Sealed(seal)),
            (Protocol::Https, None) => Ok(Self::Open { authorization }),
            (Protocol::Http, None) if scheme == Scheme::Basic && allow_cleartext => {
                Ok(Self::Open { authorization })
            }
            (Protocol::Http, None) => Err(auth::Error::CannotSeal { missing: "a seal".into() }),
        }
    }

    /// Makes a request of a body.
    pub(super) fn close(&mut self, content_type: &str, body: Bytes) -> Result<Outgoing, Error> {
        // It stands in a header, or in a line of the sealed body.
        if HeaderValue::from_str(content_type).is_err() {
            return Err(Error::Request("content type holds a control character"));
        }
        match self {
            Self::Sealed(seal) => {
                let sealed = sealed::seal(&mut **seal, content_type, body.into())
                    .map_err(|source| Error::Seal { source, fate: Fate::NotSent })?;
                Ok(Outgoing {
                    content_type: sealed.content_type,
                    authorization: None,
                    body: sealed.body.into(),
                })
            }
            Self::Open { authorization } => Ok(Outgoing {
                content_type: content_type.to_owned(),
                authorization: authorization.clone(),
                body,
            }),
        }
    }

    /// Makes a reply of an answer, or says what it is instead.
    ///
    /// INVARIANT: on a sealed connection nothing but what comes through the seal is a reply, and nothing else
    /// proves that a request was not carried out: whoever answers in clear may have let it through.
    pub(super) fn open(&mut self, head: &Head, body: Vec<u8>, limit: usize) -> Result<Reply, Error> {
        let content_type = head.content_type();
        match self {
            Self::Sealed(seal) if is_sealed_reply(head, &body) => {
                let opened = sealed::open(&mut **seal, content_type, body, limit)
                    .map_err(|source| Error::Seal { source, fate: Fate::Unknown })?;
                let sealed::Opened { content_type, message: body } = opened;
                Ok(Reply { status: head.status, content_type, body })
            }
            Self::Sealed(_) => Err(beside_the_seal(head, &body)),
            Self::Open { .. } if head.status == 401 => {
                Err(Error::LoginExpired { offered: head.offered(), fate: Fate::NotSent })
            }
            Self::Open { authorization } => {
                let sent = Sent::of(authorization.as_ref());
                read_clear(head, body, &sent).map_err(Error::Answer)
            }
        }
    }
}

/// Says whether an answer is one for the seal to open.
fn is_sealed_reply(head: &Head, body: &[u8]) -> bool {
    let refused = head.status == 401 || head.encoding().is_some();
    !refused && !body.is_empty() && sealed::is_sealed(head.content_type())
}

/// Says what an answer is that is no reply, since it is not sealed.
fn beside_the_seal(head: &Head, body: &[u8]) -> Error {
    if head.status == 401 {
        return Error::LoginExpired { offered: head.offered(), fate: Fate::Unknown };
    }
    // Nothing that is sealed can be repeated by whoever cannot open it.
    let sent = Sent::default();
    let answer = match head.encoding() {
        Some(encoding) => Answer::encoded(head, encoding, &sent),
        // It would be a reply where there is no seal.
        None if is_soap(head.content_type()) && !body.is_empty() => Answer::clear(head),
        None if body.is_empty() && is_success(head) => Answer::clear(head),
        None => Answer::new(head, body, &sent),
    };
    Error::Answer(Answer { fate: Fate::Unknown, ..answer })
}

/// Reads an answer that nothing seals but what is below.
fn read_clear(head: &Head, body: Vec<u8>, sent: &Sent) -> Result<Reply, Answer> {
    let content_type = head.content_type();
    match head.encoding() {
        Some(encoding) => Err(Answer::encoded(head, encoding, sent)),
        None if body.is_empty() && is_success(head) => {
            Ok(Reply { status: head.status, content_type: String::new(), body })
        }
        None if !body.is_empty() && is_soap(content_type) => {
            Ok(Reply { status: head.status, content_type: content_type.to_owned(), body })
        }
        None => Err(Answer::new(head, &body, sent)),
    }
}

fn is_success(head: &Head) -> bool {
    (200..300).contains(&head.status)
}

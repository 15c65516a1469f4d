use bytes::Bytes;
use hyper::header::HeaderValue;

use super::answer::{Head, is_soap};
use super::{Answer, Error, Fate, Problem, Protocol, Reply};
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
    pub(super) fn open(&mut self, head: &Head, body: Vec<u8>, limit: usize) -> Result<Reply, Error> {
        if head.status == 401 {
            return Err(Error::LoginExpired { offered: head.offered() });
        }
        if let Some(encoding) = head.encoding() {
            return Err(Error::Answer(Answer::encoded(head, encoding)));
        }
        let content_type = head.content_type();
        let success = (200..300).contains(&head.status);
        if body.is_empty() && success {
            return Ok(Reply { status: head.status, content_type: String::new(), body });
        }
        match self {
            Self::Sealed(seal) if sealed::is_sealed(content_type) => {
                let opened = sealed::open(&mut **seal, content_type, body, limit)
                    .map_err(|source| Error::Seal { source, fate: Fate::Unknown })?;
                let sealed::Opened { content_type, message: body } = opened;
                Ok(Reply { status: head.status, content_type, body })
            }
            // Whoever answers in clear does not hold the keys of the login, whatever the answer says.
            Self::Sealed(_) if !body.is_empty() && (success || is_soap(content_type)) => {
                let answer = Answer::new(head, &body);
                match answer.problem {
                    Problem::NotSoap { .. } if !is_soap(content_type) => Err(Error::Answer(answer)),
                    _ => Err(Error::Answer(Answer::clear(head))),
                }
            }
            Self::Open { .. } if !body.is_empty() && is_soap(content_type) => {
                Ok(Reply { status: head.status, content_type: content_type.to_owned(), body })
            }
            _ => Err(Error::Answer(Answer::new(head, &body))),
        }
    }
}

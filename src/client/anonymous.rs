use super::retry::Limit;
use super::{Error, Target};
use crate::cim::Catalog;
use crate::transport;
use crate::wsman::{self, Identify, Identity, decode_reply};
use crate::xml::{Limits, decode};

/// Asks who answers there without logging in, in the way Windows knows.
///
/// Windows then leaves its version out; hosts that know no such way answer 401, which says at least that
/// somebody there wants a login ([`Error::is_login`]). Nothing about us leaves but our address.
pub async fn identify_anonymously(target: &Target) -> Result<Identity, Error> {
    let operation = || "anonymous Identify".to_owned();
    let limit = Limit::new(target.call_limit).and(target.deadline.map(Limit::new));
    let asked = transport::identify(&target.endpoint, &target.options);
    let reply = tokio::time::timeout_at(limit.end, asked).await.map_err(|_| Error::Deadline {
        operation: operation(),
        after: limit.after,
        fate: transport::Fate::Unknown,
    })?;
    let reply =
        reply.map_err(|source| Error::Transport { operation: operation(), source: Box::new(source) })?;
    read(&reply).map_err(|source| Error::Unreadable { operation: operation(), source: Box::new(source) })?
}

fn read(reply: &transport::Reply) -> Result<Result<Identity, Error>, wsman::Error> {
    let text = decode(&reply.body, reply.charset())?;
    let reply = decode_reply(&Identify, &text, Catalog::bundled(), &Limits::default())?;
    let operation = "anonymous Identify".to_owned();
    Ok(reply.result.map_err(|source| Error::Fault { operation, source }))
}

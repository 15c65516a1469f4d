use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::is_soap;
use super::dial::{self, Reached};
use super::login::SOAP;
use super::patience::Patience;
use super::sent::Sent;
use super::{Answer, Endpoint, Error, Fate, Options, Phase, Problem, Reply};

/// Asks who listens there, without a login ([MS-WSMV] 3.1.4.1.3, the header `WSMANIDENTIFY`).
///
/// It is the one message of ours that leaves in clear, and it is always the same: [`IDENTIFY`].
pub async fn identify(endpoint: &Endpoint, options: &Options) -> Result<Reply, Error> {
    let patience = Patience::in_total(options.timeouts);
    let reached = patience.wait(Phase::Connect, Fate::NotSent, dial::dial(endpoint, options)).await??;
    ask(reached, &patience).await
}

/// The same over a stream that somebody else made.
pub async fn identify_over<S>(stream: S, endpoint: &Endpoint, options: &Options) -> Result<Reply, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let patience = Patience::in_total(options.timeouts);
    let reached = dial::over(stream, endpoint, options);
    let reached = patience.wait(Phase::Connect, Fate::NotSent, reached).await??;
    ask(reached, &patience).await
}

async fn ask(reached: Reached, patience: &Patience) -> Result<Reply, Error> {
    let mut line = reached.line.without_login();
    let (head, body) = line.post(SOAP, None, Bytes::from_static(IDENTIFY.as_bytes()), patience).await?;
    let fate = Fate::NotSent;
    if head.status == 401 {
        let problem = Problem::LoginWanted { offered: head.offered() };
        return Err(Error::Answer(Answer { status: head.status, problem, fate }));
    }
    if let Some(encoding) = head.encoding() {
        return Err(Error::Answer(Answer::encoded(&head, encoding, &Sent::default())));
    }
    if body.is_empty() || !is_soap(head.content_type()) {
        return Err(Error::Answer(Answer::new(&head, &body, &Sent::default())));
    }
    Ok(Reply { status: head.status, content_type: head.content_type().to_owned(), body })
}

/// The message: it says nothing of who asks and nothing of what for.
pub const IDENTIFY: &str = concat!(
    r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>"#,
    r#"<wsmid:Identify xmlns:wsmid="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/>"#,
    "</s:Body></s:Envelope>"
);

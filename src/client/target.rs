use std::sync::Arc;
use std::time::Duration;

use super::{Retries, Tap};
use crate::cim::{Catalog, Name};
use crate::transport::{Endpoint, Options};

/// A host to ask: where it is, who asks, and how patiently.
///
/// ```
/// use refpoint::client::{Credentials, Login, Options, Target};
///
/// let login = Login::new(Credentials::password(r"LAB\operator", "secret"));
/// let mut target = Target::new("hv01".parse()?, Options::new(login));
/// assert_eq!(target.endpoint.to_string(), "http://hv01:5985/wsman");
/// target.namespace = "root/cimv2".into();
/// # Ok::<(), refpoint::client::EndpointError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Who logs in, and how the connection is made. Of its time-outs, those for an exchange are replaced by
    /// what follows from [`operation_timeout`](Self::operation_timeout) and the deadlines.
    pub options: Arc<Options>,
    /// The namespace of classes and paths that name none.
    pub namespace: Name,
    /// How long the host may work on one request. Hosts cut it to their own `MaxTimeoutms`, mostly a minute.
    pub operation_timeout: Duration,
    /// How much longer the connection waits for the first byte than the host may work: the answer of a host
    /// that has just run out of time must still find somebody who listens.
    pub margin: Duration,
    /// How long one call may take, with its login, its repetitions and the waiting between them. For an
    /// enumeration each page is a call; waiting for events is none.
    pub call_limit: Duration,
    /// How long everything together may take that a session does, counted from its opening.
    pub deadline: Option<Duration>,
    /// How many octets an answer may have. Hosts cut it to their own `MaxEnvelopeSizekb`, mostly 500 KiB, and
    /// refuse less than 8192.
    pub max_envelope_size: u32,
    /// The most items of a page. The envelope bounds it too, and what turns out not to fit is asked for in
    /// smaller pages.
    pub max_elements: u32,
    /// The language of texts; names within objects may be in the host's all the same.
    pub locale: Option<String>,
    /// What is tried again, how often and after how long.
    pub retries: Retries,
    /// The classes that type what arrives; without, the bundled ones.
    pub catalog: Option<Arc<Catalog>>,
    /// Who hears every message.
    pub tap: Option<Tap>,
    /// Where random bits come from, for message identifiers and the length of pauses.
    pub random: fn() -> u128,
}

impl Target {
    /// Returns the target with everything but place and login at its default.
    ///
    /// ```
    /// use std::time::Duration;
    /// use refpoint::client::{Credentials, Login, Options, Target};
    ///
    /// let login = Login::new(Credentials::password(r"CORP\backup", "secret"));
    /// let mut target = Target::new("https://hv01.corp.example".parse()?, Options::new(login));
    /// target.deadline = Some(Duration::from_secs(6 * 3600));
    /// assert_eq!(target.endpoint.port(), 5986);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(endpoint: Endpoint, options: impl Into<Arc<Options>>) -> Self {
        Self {
            endpoint,
            options: options.into(),
            namespace: "root/virtualization/v2".into(),
            operation_timeout: Duration::from_secs(60),
            margin: Duration::from_secs(15),
            call_limit: Duration::from_secs(300),
            deadline: None,
            max_envelope_size: 512_000,
            max_elements: crate::wsman::MOST_ITEMS,
            locale: Some("en-US".to_owned()),
            retries: Retries::default(),
            catalog: None,
            tap: None,
            random: || uuid::Uuid::new_v4().as_u128(),
        }
    }
}

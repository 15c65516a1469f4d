//! One simulated host. A stand-in: it identifies itself and carries out any method.

use std::sync::Arc;
use std::time::Duration;

use crate::cim::{Catalog, Value};
use crate::wsman::names::{ADDRESSING, WSMAN};
use crate::wsman::{
    Fault, FaultCode, Identify, Identity, Incoming, Invoked, ReplyHeader, Request, Style, Subcode,
    decode_request, encode_fault, encode_reply,
};
use crate::xml::Limits;

use super::Scenario;
use super::asked::Asked;

/// One simulated host.
pub struct Host {
    name: String,
    refusal: Option<Refusal>,
    upsets: Vec<Upset>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user, as the scenario spells him.
    pub user: String,
    /// What he may do.
    pub rights: Rights,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rights {
    /// Everything.
    #[default]
    Administrator,
    /// Nothing, not even to use WinRM.
    None,
}

impl Rights {
    /// Says whether WinRM lets this user in.
    pub fn may_use_winrm(self) -> bool {
        self == Self::Administrator
    }
}

/// What a host answers.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// As Windows writes it.
    pub envelope: String,
    /// 200, or 500 for a fault.
    pub status: u16,
    /// How long the host takes.
    pub delay: Duration,
    /// What the log says.
    pub entry: Entry,
}

/// What the log says of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The operation.
    pub operation: String,
    /// The class it concerns.
    pub class: String,
    /// The method.
    pub method: Option<String>,
    /// The keys of the object.
    pub keys: Vec<(String, String)>,
    /// What the method returned.
    pub return_value: Option<u32>,
    /// The subcode of the fault.
    pub fault: Option<String>,
    /// The identifier of the request.
    pub message_id: Option<String>,
}

/// What happens to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upset {
    /// The service starts anew.
    RestartService,
    /// All jobs are gone.
    VanishJobs,
    /// A machine is busy: methods on it return that status.
    MachineBusy {
        /// Its name.
        machine: String,
        /// The return value.
        status: u16,
    },
    /// The clock is wrong by so many seconds.
    ClockSkew(i64),
    /// The next request is refused.
    Refuse(Refusal),
}

/// Why the next request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A quota of WinRM's is used up.
    Quota,
    /// The host is too busy.
    Busy,
    /// The operation took too long.
    TimedOut,
    /// The user may not.
    AccessDenied,
    /// Something failed.
    InternalError,
}

impl Host {
    /// Makes a host of a fleet.
    pub fn new(_: Arc<Scenario>, index: usize) -> Self {
        Self { name: format!("HV{:02}", index + 1), refusal: None, upsets: Vec::new() }
    }

    /// Returns the NetBIOS name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Carries out what a request asks.
    pub fn handle(&mut self, _: Duration, _: &Caller, envelope: &str) -> Response {
        let incoming = match decode_request(envelope, Catalog::bundled(), &Limits::default()) {
            Ok(incoming) => incoming,
            Err(error) => {
                return refused(
                    &ReplyHeader::default(),
                    Entry::default(),
                    "InternalError",
                    error.to_string(),
                );
            }
        };
        let mut entry = Asked::of(&incoming).entry();
        let header = ReplyHeader { relates_to: entry.message_id.clone(), ..ReplyHeader::default() };
        if let Some(refusal) = self.refusal.take() {
            return refused(&header, entry, &format!("{refusal:?}"), "refused".to_owned());
        }
        match incoming {
            Incoming { request: Request::Identify(_), .. } => self.identify(&header, entry, "10.0.20348"),
            Incoming { request: Request::Invoke(invoke), .. } => {
                entry.return_value = Some(4096);
                let out = Invoked { return_value: Value::from(4096u32), out: Vec::new() };
                let envelope = encode_reply(&header, &invoke, Ok(&out), Style::WINDOWS).unwrap_or_default();
                Response { envelope, status: 200, delay: Duration::ZERO, entry }
            }
            _ => refused(&header, entry, "ActionNotSupported", "not here".to_owned()),
        }
    }

    /// Answers Identify to somebody who has not logged in.
    pub fn identify_anonymous(&self, _: Duration, envelope: &str) -> Response {
        match decode_request(envelope, Catalog::bundled(), &Limits::default()) {
            Ok(incoming @ Incoming { request: Request::Identify(_), .. }) => {
                let entry = Asked::of(&incoming).entry();
                self.identify(&ReplyHeader::default(), entry, "0.0.0")
            }
            _ => refused(&ReplyHeader::default(), Entry::default(), "AccessDenied", "no".to_owned()),
        }
    }

    /// Lets something happen to the host.
    pub fn upset(&mut self, _: Duration, upset: Upset) {
        match upset {
            Upset::Refuse(refusal) => self.refusal = Some(refusal),
            other => self.upsets.push(other),
        }
    }

    /// Returns how many enumerations are open.
    pub fn open_contexts(&self) -> usize {
        0
    }

    fn identify(&self, header: &ReplyHeader, entry: Entry, os: &str) -> Response {
        let identity = Identity {
            protocol_versions: vec![WSMAN.uri.to_owned()],
            vendor: Some("Microsoft Corporation".to_owned()),
            version: Some(format!("OS: {os} SP: 0.0 Stack: 3.0")),
            ..Identity::default()
        };
        let envelope = encode_reply(header, &Identify, Ok(&identity), Style::WINDOWS).unwrap_or_default();
        Response { envelope, status: 200, delay: Duration::ZERO, entry }
    }
}

fn refused(header: &ReplyHeader, mut entry: Entry, local: &str, reason: String) -> Response {
    let namespace = if local == "ActionNotSupported" { ADDRESSING } else { WSMAN };
    let fault = Fault::new(FaultCode::Sender, Subcode::new(namespace, local), reason);
    entry.fault = Some(local.to_owned());
    let envelope = encode_fault(header, &fault).unwrap_or_default();
    Response { envelope, status: 500, delay: Duration::ZERO, entry }
}

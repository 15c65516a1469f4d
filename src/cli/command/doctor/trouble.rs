//! What an error of the library means at two in the morning: the exit code, the number, and one thing to do.

use std::error::Error as StdError;

use refpoint::client::{Error as SessionError, Fault, TransportError, codes};
use refpoint::transport::{Answer, Phase, Problem};

use super::finding::{Finding, Fix, Layer};
use crate::cli::diagnosis;
use crate::cli::exit::Exit;

/// What went wrong when something was asked of a host.
pub(super) struct Trouble {
    pub(super) exit: Exit,
    pub(super) seen: String,
    pub(super) code: Option<String>,
    pub(super) fix: Fix,
}

impl Trouble {
    /// Returns what went wrong with an operation.
    pub(super) fn of_session(error: &SessionError) -> Self {
        let exit = diagnosis::kind(error);
        if let Some(fault) = error.fault() {
            let code = fault.numbers().next().map(hex);
            return Self { exit, seen: said(error, fault), code, fix: of_fault(error, fault) };
        }
        match error.transport() {
            Some(transport) => {
                let trouble = Self::of_transport(transport);
                let seen = format!("{}: {}", error.operation(), trouble.seen);
                Self { exit, seen, ..trouble }
            }
            None => Self {
                exit,
                seen: chain(error),
                code: None,
                fix: Fix::new(
                    "Keep what was said for a bug report: the same command with --dump DIR writes it down",
                ),
            },
        }
    }

    /// Returns what went wrong on the way.
    pub(super) fn of_transport(error: &TransportError) -> Self {
        let code = match error {
            TransportError::Answer(answer) => Some(format!("HTTP {}", answer.status)),
            TransportError::LoginExpired { .. } | TransportError::LoginRefused { .. } => {
                Some("HTTP 401".to_owned())
            }
            _ => None,
        };
        let exit = diagnosis::kind_of_transport(error);
        Self { exit, seen: chain(error), code, fix: of_transport(error) }
    }

    /// Returns it as a failure of that layer.
    pub(super) fn at(self, layer: Layer) -> Finding {
        Finding::fail(layer, self.exit, self.seen, self.fix).coded(self.code)
    }
}

/// Says whether the connection, and not the host's opinion, is to blame: then nothing more is asked.
pub(super) fn is_broken(error: &SessionError) -> bool {
    error.fault().is_none()
}

/// Returns the texts of an error and of what is below it, each once.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut said = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !said.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        said = next;
        cause = error.source();
    }
    text
}

/// Returns a number as Windows' tables have it.
pub(super) fn hex(number: u32) -> String {
    match number {
        0..=0xFFFF => number.to_string(),
        _ => format!("0x{number:08X}"),
    }
}

/// Returns what a fault says: what the tables know of its number, and the host's words where they know nothing.
fn said(error: &SessionError, fault: &Fault) -> String {
    match fault.numbers().find_map(codes::of_fault) {
        Some(entry) => {
            let number = entry.number.map(hex).unwrap_or_default();
            let symbol = if entry.symbol.is_empty() { entry.name } else { entry.symbol };
            format!(
                "{} was faulted: {} ({symbol}, {number})",
                error.operation(),
                entry.meaning.trim_end_matches('.')
            )
        }
        None => chain(error),
    }
}

fn of_fault(error: &SessionError, fault: &Fault) -> Fix {
    if fault.is_quota() {
        return Fix::new(
            "Find who uses the host with this account so much, and wait: operations that were left open end by \
             themselves after some minutes. These are the limits",
        )
        .on_host(r"Get-ChildItem WSMan:\localhost\Service | Where-Object Name -like 'Max*'");
    }
    if fault.is_access_denied() {
        return Fix::new(
            "Give the account the right that is missing: README.md says which two groups it needs",
        );
    }
    if fault.is_timeout() {
        return Fix::new(
            "The host did not get it done in the time that it was granted. Look what keeps it busy; a longer \
             --operation-timeout waits longer",
        )
        .on_host("Get-Process | Sort-Object CPU -Descending | Select-Object -First 10");
    }
    if error.is_busy() {
        return Fix::new("Wait a while and ask again: the host says that it has too much to do");
    }
    let advice =
        error.advice().map(capitalised).unwrap_or_else(|| "Look into the host's event log".to_owned());
    Fix::new(advice).on_host(EVENTS)
}

fn of_transport(error: &TransportError) -> Fix {
    match error {
        TransportError::Answer(answer) => of_answer(answer),
        TransportError::TimedOut { phase: Phase::Login, .. } => Fix::new(
            "Neither the host nor the KDC ended the login in time. Look whether the host can reach its domain \
             controllers",
        )
        .on_host("nltest /sc_verify:DOMAIN"),
        TransportError::TimedOut { .. } => Fix::new(
            "The host takes connections and does not answer. Look at its WinRM service and at what is between: a \
             restart of the service ends operations that hang",
        )
        .on_host("Restart-Service WinRM"),
        TransportError::NotSent { .. } | TransportError::FateUnknown { .. } | TransportError::Unusable => {
            Fix::new(
                "Something cuts the connection: the service was restarted, or a firewall or proxy in between ends \
                 it. The host's log says whether the service was",
            )
            .on_host(EVENTS)
        }
        TransportError::Seal { .. } => Fix::new(
            "What arrived is not what the host sealed. Take whatever changes HTTP on the way (inspection, a proxy, \
             an accelerator) out of it, or use https",
        ),
        TransportError::TooLong { .. } => Fix::new(
            "No answer of WinRM is that long. Look whether it is the host that answers, and at its limit, which is \
             500 by default",
        )
        .on_host(r"Get-Item WSMan:\localhost\MaxEnvelopeSizekb"),
        TransportError::Framing { .. } => Fix::new(
            "What answers there does not speak HTTP: if it is the https port, write https://HOST:PORT as TARGET",
        ),
        TransportError::LoginExpired { .. } => Fix::new(
            "Let the account use WinRM: it needs to be in Remote Management Users (or Administrators) of the host",
        ),
        TransportError::Proxy { .. } => {
            Fix::new("Mend the way to the proxy, or leave it out: without --proxy there is none")
        }
        TransportError::NotOffered { .. } => Fix::new("Choose with --auth among what the host offers"),
        TransportError::CleartextRefused(_) => Fix::new("Write https://HOST as TARGET, or use --auth negotiate"),
        _ => Fix::new("See what happens on the way in detail: the same command with -vv"),
    }
}

fn of_answer(answer: &Answer) -> Fix {
    match &answer.problem {
        Problem::Redirect { location } => Fix::new(format!(
            "If you trust that address, name it as TARGET: {location}. A login is not sent where a redirect leads"
        )),
        Problem::NotFound => Fix::new(
            "Look at the path, which is /wsman on WinRM, and at the port: this list shows where the host's WinRM \
             listens",
        )
        .on_host("winrm enumerate winrm/config/listener"),
        Problem::NotSoap { .. } | Problem::MediaType => Fix::new(
            "Something other than WinRM answers: a proxy, a portal, or another web server. Take it out of the way, \
             or name the port on which the host's WinRM listens",
        )
        .on_host("winrm enumerate winrm/config/listener"),
        Problem::Forbidden => Fix::new(
            "The host or a filter in between forbids it: look at the addresses that its WinRM listens to",
        )
        .on_host(r"Get-Item WSMan:\localhost\Service\IPv4Filter, WSMan:\localhost\Service\IPv6Filter"),
        Problem::ProxyLogin => Fix::new("A proxy stands in between: name it with --proxy env, with its login"),
        Problem::Unavailable { .. } => Fix::new(
            "WinRM is starting, stopping, or has too much to do: wait, and look at the service if it stays so",
        )
        .on_host("Get-Service WinRM, WinMgmt, vmms"),
        Problem::EmptyFailure => Fix::new(
            "The host could not read what it was sent: look whether something in between changes HTTP. If \
             nothing does, the host's log says more",
        )
        .on_host(EVENTS),
        Problem::Clear => Fix::new(
            "A clear answer to a sealed request: somebody in between answers in the host's place. Find him before \
             you log in there again",
        ),
        Problem::Encoded { .. } => Fix::new("Take what compresses HTTP on the way out of it"),
        Problem::TooLarge => Fix::new("Set the host's limit back to its default of 500 KB")
            .on_host(r"Set-Item WSMan:\localhost\MaxEnvelopeSizekb 500"),
        _ => Fix::new("Look whether it is WinRM that listens there").on_host("winrm enumerate winrm/config/listener"),
    }
}

/// Returns what a code table advises, as the beginning of a sentence.
fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// Says whether WMI has no such namespace.
pub(super) fn is_namespace_missing(error: &SessionError) -> bool {
    error.fault().is_some_and(|fault| fault.numbers().any(|number| number == WBEM_E_INVALID_NAMESPACE))
}

const WBEM_E_INVALID_NAMESPACE: u32 = 0x8004_100E;

/// What WinRM has written down lately.
const EVENTS: &str = "Get-WinEvent Microsoft-Windows-WinRM/Operational -MaxEvents 20";

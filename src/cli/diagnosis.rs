//! What a session's error means for whoever ran the command: the exit code, and what to try next.

use refpoint::auth::{Error as AuthError, KerberosTrouble, Scheme};
use refpoint::cim::Catalog;
use refpoint::client::{Error as SessionError, Fault, KnownHostsError, TlsError, TransportError};
use refpoint::transport::CertificateProblem;

use super::error::Error;
use super::exit::Exit;
use super::explain;
use super::folders;
use super::suggest;

/// Returns the error of a command that asked a host.
pub(crate) fn of_session(error: SessionError, host: &str) -> Error {
    let kind = kind(&error);
    let (hints, code) = (hints(&error), explain::of_session(&error).or_else(|| code_of_login(&error)));
    let error = Error::new(kind, format!("{host}: {error}")).because(Below(error)).explained_by(code);
    hints.into_iter().fold(error, Error::hint)
}

/// Adds which class may have been meant, where the one that was asked for is not there.
pub(crate) fn with_class(error: Error, class: &str) -> Error {
    let catalog = Catalog::bundled();
    if error.kind != Exit::NotFound || catalog.is_known(class) {
        return error;
    }
    match suggest::nearest(class, catalog.classes().map(|class| class.name.as_str())) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error,
    }
}

/// The same for a class that was looked for in a namespace: those of the system itself are in another than Hyper-V's.
pub(crate) fn with_class_in(error: Error, class: &str, namespace: &str) -> Error {
    let catalog = Catalog::bundled();
    let has = |prefix: &str| class.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    let declared = catalog.class(class).and_then(|class| class.namespace.as_deref());
    let is_of_system = declared.map_or(has("Win32_") || has("CIM_"), |namespace| namespace == SYSTEM);
    // A name that is near to one of Hyper-V's is more likely that.
    let is_near = || suggest::nearest(class, catalog.classes().map(|class| class.name.as_str())).is_some();
    match error.kind == Exit::NotFound && is_of_system && !namespace.eq_ignore_ascii_case(SYSTEM) {
        true if declared.is_some() || has("Win32_") || !is_near() => error
            .hint_instead(format!("classes of the system are in another namespace: --namespace {SYSTEM}")),
        _ => with_class(error, class),
    }
}

/// Where the classes of Windows itself are.
const SYSTEM: &str = "root/cimv2";

/// The causes below an error whose own text stands in the heading.
#[derive(Debug)]
struct Below(SessionError);

impl std::fmt::Display for Below {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Below {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

pub(crate) fn kind(error: &SessionError) -> Exit {
    match error {
        // First what nobody knows: no cause below it may make it look like something that is known.
        error if error.is_outcome_unknown() || error.is_result_lost() => Exit::OutcomeUnknown,
        error if error.is_deadline() => Exit::Deadline,
        SessionError::Transport { source, .. } => kind_of_transport(source),
        SessionError::Fault { source, .. } => kind_of_fault(source, error.is_busy()),
        SessionError::Unwritable { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

pub(crate) fn kind_of_transport(error: &TransportError) -> Exit {
    match error {
        TransportError::Tls { source: TlsError::KnownHosts(_), .. } => Exit::LocalFiles,
        error if error.is_login() || error.is_tls() => Exit::Login,
        TransportError::Seal { .. } => Exit::Login,
        TransportError::Answer(answer) if answer.is_retryable() => Exit::Busy,
        TransportError::Answer(answer) if answer.status == 403 => Exit::AccessDenied,
        TransportError::Answer(answer) if answer.status == 401 => Exit::Login,
        // Somebody answered, and not as a host that can do it.
        TransportError::Answer(_) => Exit::RemoteFailed,
        TransportError::Request(_) => Exit::Usage,
        _ => Exit::Unreachable,
    }
}

fn kind_of_fault(fault: &Fault, is_busy: bool) -> Exit {
    match fault {
        fault if fault.is_access_denied() => Exit::AccessDenied,
        fault if fault.is_not_found() || fault.is_class_missing() => Exit::NotFound,
        _ if is_busy => Exit::Busy,
        _ => Exit::RemoteFailed,
    }
}

fn hints(error: &SessionError) -> Vec<String> {
    let mut hints = Vec::new();
    if error.is_outcome_unknown() {
        hints.push("the host may have done it: look there before you ask again".to_owned());
    }
    hints.extend(error.advice().map(str::to_owned));
    if let Some(transport) = error.transport() {
        hints.extend(hint_of_transport(transport));
    }
    if error.is_deadline() {
        hints.push("a longer --deadline, or none, waits longer".to_owned());
    }
    hints
}

fn hint_of_transport(error: &TransportError) -> Option<String> {
    let text = match error {
        TransportError::NotResolved { .. } => {
            "is the name right, and does DNS know it? An address does as well"
        }
        TransportError::Unreachable { .. } => {
            "is the host up, is WinRM on (winrm quickconfig), and does a firewall let the port through?"
        }
        TransportError::LoginRefused { tried, .. } if tried.contains(&Scheme::Kerberos) => {
            "the host takes the ticket of nobody it has no account for, and none where clocks are more than five minutes \
             apart: refpoint doctor says how far they are"
        }
        TransportError::LoginRefused { .. } => {
            "check user and password; an account of the host's own is HOST\\user, one of a domain DOMAIN\\user or \
             user@REALM"
        }
        TransportError::LoginExpired { .. } => {
            "the account needs to be in Remote Management Users (or Administrators) on the host"
        }
        TransportError::NotOffered { .. } => "choose among what the host offers with --auth",
        TransportError::CleartextRefused(_) => {
            "use https, or --allow-cleartext where nobody else is on the network"
        }
        TransportError::LoginFailed { source, .. } => hint_of_login(source),
        TransportError::Tls { source, .. } => return hint_of_tls(source),
        TransportError::Answer(answer) => return answer.hint().map(str::to_owned),
        TransportError::Framing { .. } => {
            "what answers there does not speak HTTP as WinRM does: is it the port for https? Write https://HOST:PORT"
        }
        TransportError::TimedOut { .. } => {
            "is a firewall in between? A longer --operation-timeout waits longer"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// Returns what helps where the login failed on our side: of its cause, and not of what else it could have been.
fn hint_of_login(error: &AuthError) -> &'static str {
    match error {
        AuthError::PasswordRefused { .. } | AuthError::LogonFailure | AuthError::Refused { .. } => {
            "check user and password; an account of the host's own is HOST\\user, one of a domain DOMAIN\\user or \
             user@REALM"
        }
        error if is_skew(error) => {
            "set the clocks: Kerberos allows five minutes between this machine, the domain controller and the host; \
             refpoint doctor says how far the host's is from ours"
        }
        AuthError::LibraryMissing { .. } => "or use --auth ntlm, which needs no library, with --user",
        AuthError::NotMutual => "TARGET has to be the host's own name, and not that of somebody in between",
        error if matches!(error, AuthError::NoServiceTicket { .. }) || error.trouble().is_some() => {
            "Kerberos needs a ticket (klist shows them, kinit gets one) or --user, and the host's own name as TARGET"
        }
        AuthError::Unsuitable { needs: "https", .. } => "write https://HOST as TARGET",
        AuthError::Unsuitable { .. } => "say who logs in with --user, or choose another way with --auth",
        AuthError::CannotSeal { .. } => {
            "look at the host's policy Network security: Minimum session security for NTLM SSP, or use https"
        }
        AuthError::Bindings(_) => {
            "does something in between (inspection, a proxy) end TLS and begin it anew?"
        }
        AuthError::NoCommonMechanism | AuthError::NotOffered { .. } => {
            "choose another way to log in with --auth"
        }
        _ => "the same command with -vv shows each leg of the login",
    }
}

/// Says whether clocks are too far apart.
fn is_skew(error: &AuthError) -> bool {
    error.trouble() == Some(KerberosTrouble::ClockSkew)
}

/// Returns what to ask about a login that Kerberos ended.
fn code_of_login(error: &SessionError) -> Option<String> {
    match error.transport() {
        Some(TransportError::LoginFailed { source, .. }) if is_skew(source) => {
            Some("KRB5KRB_AP_ERR_SKEW".to_owned())
        }
        _ => None,
    }
}

pub(super) fn hint_of_tls(error: &TlsError) -> Option<String> {
    match error {
        TlsError::Certificate { fingerprint: Some(fingerprint), problem } => {
            let or_remember = match problem {
                CertificateProblem::UnknownIssuer | CertificateProblem::Authority => {
                    ", or remember it with --trust-on-first-use"
                }
                _ => "",
            };
            Some(format!(
                "compare it with the host's own, and then trust it with --pin {fingerprint}, or its issuer with \
                 --ca{or_remember}"
            ))
        }
        TlsError::Changed { remembered, .. } => Some(format!(
            "if the host's certificate was renewed, and the new one is the host's own: refpoint trust remove {}, then \
             --trust-on-first-use; if not, somebody stands in between",
            remembered.host
        )),
        TlsError::KnownHosts(KnownHostsError::Unreadable { .. } | KnownHostsError::Unwritable { .. }) => {
            let variable = folders::STATE_VARIABLES.0;
            Some(format!("{variable} names another folder; --pin and --ca do without the file"))
        }
        TlsError::KnownHosts(KnownHostsError::Damaged { .. }) => Some(
            "mend the line, or take it out: the certificate of its host is then one that was never seen"
                .to_owned(),
        ),
        TlsError::NoRoots { .. } => Some(
            "install the package ca-certificates, or say whom to trust with --ca, --pin or --trust-on-first-use"
                .to_owned(),
        ),
        TlsError::NotThePinned { .. } => Some(
            "if the host's certificate was renewed, pin the new one; if not, somebody stands in between"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_failed_is_hinted_at_by_its_cause() {
        let hint = |source| {
            let scheme = Scheme::Negotiate;
            hint_of_transport(&TransportError::LoginFailed { scheme, offered: String::new(), source })
                .unwrap()
        };
        let (origin, reason, trouble) = ("x".to_owned(), "y".to_owned(), KerberosTrouble::Other);
        let kerberos = [
            AuthError::NoTickets { origin: origin.clone(), reason: reason.clone(), trouble },
            AuthError::NoServiceTicket { attempts: Vec::new() },
        ];
        let others = [
            AuthError::PasswordRefused { origin, reason, trouble },
            AuthError::LogonFailure,
            AuthError::CannotSeal { missing: "sealing".to_owned() },
            AuthError::Unsuitable { mechanism: "NTLM", needs: "a password" },
            AuthError::NotVerified { what: "mechListMIC" },
            AuthError::Bindings("differ"),
        ];
        assert!(kerberos.into_iter().map(hint).all(|hint| hint.contains("ticket")));
        let others: Vec<String> = others.into_iter().map(hint).collect();
        assert!(others.iter().all(|hint| !hint.contains("ticket")), "{others:?}");
        assert!(others[0].starts_with("check user and password"), "{others:?}");
    }
}

//! The login: one attempt, and what it says of Kerberos, of the account, and of its right to use WinRM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use refpoint::auth::{Error as AuthError, KerberosTrouble};
use refpoint::client::{
    Chosen, Connection, Credentials, Dial, Error as SessionError, LoggedIn, Method, Protocol, Session,
    Target, TransportError, Warning,
};
use serde_json::json;

use super::account::{self, REMOTE_USERS};
use super::finding::{Blocks, Finding, Fix, Layer, Place, quoted};
use super::here;
use super::hyperv::{KERBEROS_ALLOWS, apart_in_words};
use super::trouble::{Trouble, chain};
use super::way::{millis, shown};
use crate::cli::exit::Exit;

/// An answer that takes longer than this is worth a word.
const SLOW: Duration = Duration::from_secs(4);

/// Logs in, once. Whatever is asked afterwards may need a new connection, and with it a new login; but once a host
/// has refused one, none is tried again: each attempt counts towards locking the account.
pub(super) async fn log_in(target: Target) -> Result<Session, SessionError> {
    let is_refused = Arc::new(AtomicBool::new(false));
    let dial = Dial::new(move |endpoint, options| {
        let is_refused = is_refused.clone();
        async move {
            if is_refused.load(Ordering::Relaxed) {
                return Err(TransportError::Unusable);
            }
            let opened = Connection::open(&endpoint, options).await;
            if opened.as_ref().is_err_and(TransportError::is_login) {
                is_refused.store(true, Ordering::Relaxed);
            }
            opened
        }
    });
    Session::with(target, dial).await
}

/// Says what became of Kerberos in the attempt, at a host whose clock is ahead of ours by so many seconds.
pub(super) fn kerberos(
    target: &Target,
    attempt: &Result<Session, SessionError>,
    ahead: Option<i64>,
) -> Finding {
    match attempt {
        Ok(session) => match session.logged_in() {
            Some(login) => of_login(target, &login, ahead),
            None => Finding::not_reached(Layer::Kerberos, "no login was made"),
        },
        Err(error) => match error.transport() {
            Some(TransportError::LoginFailed { source, .. }) if is_of_kerberos(source) => {
                failed(target, source, ahead).blocking(Blocks::Everything)
            }
            // A host that refuses a ticket for its time does not say so.
            Some(TransportError::LoginRefused { .. }) if is_skewed(ahead) => refused_by_clock(target, ahead),
            Some(TransportError::LoginRefused { .. }) if target.options.login.method == Method::Kerberos => {
                Finding::pass(Layer::Kerberos, "a ticket was got and shown to the host")
            }
            _ => Finding::not_reached(
                Layer::Kerberos,
                "the login ended before the host said whether it took a ticket or NTLM",
            ),
        },
    }
}

fn of_login(target: &Target, login: &LoggedIn, ahead: Option<i64>) -> Finding {
    let report = &login.report;
    match (report.chosen, &report.fallback) {
        (Chosen::Kerberos, _) => {
            let service = report.service.as_deref().unwrap_or("the host");
            let seen = format!("a ticket for {service} with {}; the host proved itself", origin(target));
            Finding::pass(Layer::Kerberos, seen).with(json!({"used": true, "service": report.service}))
        }
        (_, Some(error)) => {
            let facts = json!({"used": false, "reason": chain(&**error)});
            match is_set_up(error) {
                true => {
                    let finding = failed(target, error, ahead);
                    let seen = format!("NTLM stood in for Kerberos: {}", finding.seen);
                    let fix = finding.fix.unwrap_or_else(|| Fix::new("Mend Kerberos"));
                    Finding::warn(Layer::Kerberos, seen, fix).with(facts)
                }
                false => {
                    let seen = format!("not set up here, and not needed: NTLM logs in ({})", chain(&**error));
                    Finding::pass(Layer::Kerberos, seen).with(facts)
                }
            }
        }
        (_, None) => Finding::pass(Layer::Kerberos, "not used: NTLM logs in").with(json!({"used": false})),
    }
}

/// Says whether somebody meant Kerberos to work here, and it does not.
fn is_set_up(error: &AuthError) -> bool {
    use KerberosTrouble as T;
    let is_known = |trouble| !matches!(trouble, T::RealmUnknown | T::NoTickets | T::Other);
    match error {
        AuthError::NoServiceTicket { .. } => true,
        AuthError::Refused { .. } => true,
        other => other.trouble().is_some_and(is_known),
    }
}

fn is_of_kerberos(error: &AuthError) -> bool {
    error.trouble().is_some() || matches!(error, AuthError::LibraryMissing { .. } | AuthError::NotMutual)
}

/// Returns where tickets come from, in words.
fn origin(target: &Target) -> String {
    match &target.options.login.credentials {
        Credentials::Password { account, .. } => format!("the password of {account}"),
        Credentials::Keytab { path, principal } => format!("the key of {principal} in {}", path.display()),
        _ => "the ticket cache".to_owned(),
    }
}

/// Says whether a ticket is all that the login can have shown.
fn is_by_ticket(target: &Target) -> bool {
    let credentials = &target.options.login.credentials;
    target.options.login.method == Method::Kerberos
        || matches!(credentials, Credentials::Tickets { .. } | Credentials::Keytab { .. })
}

/// Says what a refusal means where clocks are too far apart: with a ticket that is why, with a password it may be.
fn refused_by_clock(target: &Target, ahead: Option<i64>) -> Finding {
    let seconds = ahead.unwrap_or_default();
    let apart = apart_in_words(seconds);
    let finding = match is_by_ticket(target) {
        true => {
            let seen = format!("the host takes no ticket: {apart}");
            Finding::fail(Layer::Kerberos, Exit::Login, seen, of_clocks()).blocking(Blocks::Everything)
        }
        false => Finding::warn(
            Layer::Kerberos,
            format!("{apart}: with a ticket that is why the host refuses the login"),
            of_clocks(),
        ),
    };
    finding.with(json!({"used": false, "trouble": "ClockSkew", "host_ahead_by_seconds": seconds}))
}

/// Says whether clocks are further apart than Kerberos lets them be.
fn is_skewed(ahead: Option<i64>) -> bool {
    ahead.is_some_and(|seconds| seconds.saturating_abs() > KERBEROS_ALLOWS)
}

fn failed(target: &Target, error: &AuthError, ahead: Option<i64>) -> Finding {
    use KerberosTrouble as T;
    let host = target.options.login.service_host.as_deref().unwrap_or(target.endpoint.host());
    let user = account::said(target).unwrap_or_else(|| "USER@REALM".to_owned());
    let trouble = error.trouble().unwrap_or_default();
    let fix = match (error, trouble) {
        (AuthError::LibraryMissing { package, .. }, _) => {
            here::library(package)
        }
        (AuthError::NotMutual, _) => Fix::new(
            "The host did not prove that it holds the service's key: somebody may stand in its place. Look which \
             account has the service name",
        )
        .at(Place::Domain, format!("setspn -Q HTTP/{host}")),
        (_, T::ClockSkew) => of_clocks(),
        (_, T::ServiceUnknown) if host.parse::<std::net::IpAddr>().is_ok() => {
            Fix::new("Use the host's full name as TARGET, or say it with --spn-host: Kerberos knows no addresses")
                .on_host("[System.Net.Dns]::GetHostEntry('').HostName")
        }
        (_, T::ServiceUnknown) => Fix::new(
            "Use the host's full name as the domain knows it, or say it with --spn-host. Which names it knows this \
             shows",
        )
        .at(Place::Domain, format!("setspn -L {}", host.split('.').next().unwrap_or(host))),
        (_, T::KdcUnreachable) => Fix::new(format!(
            "Let this machine reach a domain controller on port 88, TCP and UDP, and look at [realms] in {}",
            here::KERBEROS_CONFIG
        ))
        .here(here::TRACE),
        (_, T::RealmUnknown) => Fix::new(format!(
            "Name the realm: default_realm and [realms] in {}, or DNS records of _kerberos._udp; and the user as \
             user@REALM",
            here::KERBEROS_CONFIG
        ))
        .here(here::kerberos_config()),
        (_, T::TicketExpired) => Fix::new("Get a new ticket").here("kinit"),
        (_, T::NoKey) => Fix::new("Look which keys the keytab holds, and name one of them with --user").here(
            match &target.options.login.credentials {
                Credentials::Keytab { path, .. } => format!("klist -kte {}", path.display()),
                _ => "klist -kte".to_owned(),
            },
        ),
        (_, T::WrongPassword) => Fix::new(
            "The KDC does not take the password. It was tried once: more attempts may lock the account. Try it \
             yourself",
        )
        .here(format!("kinit {}", here::word(&user))),
        (_, T::AccountRevoked) => Fix::new("The account is locked, disabled or expired: look which, and unlock it")
            .at(Place::Domain, user_of_domain(&user)),
        (_, T::PasswordExpired) => {
            Fix::new("The password has expired: change it").here(format!("kpasswd {}", here::word(&user)))
        }
        (_, T::AccountUnknown) => Fix::new(
            "The realm knows no such account: name it as user@REALM, with the realm it belongs to",
        )
        .here(here::default_realm()),
        (_, T::Cipher) => Fix::new(
            "Give the host's account keys that are not RC4: it has them once its password was changed after AES was \
             allowed",
        )
        .at(Place::Domain, format!("Get-ADComputer {} -Properties msDS-SupportedEncryptionTypes", netbios(host))),
        _ if matches!(target.options.login.credentials, Credentials::Tickets { .. }) => {
            Fix::new("Get a ticket, or name a user with --user").here(here::TICKET)
        }
        _ => Fix::new("See what Kerberos does").here(here::TRACE),
    };
    let seen = match (trouble, ahead) {
        (T::ClockSkew, Some(seconds)) if is_skewed(ahead) => {
            format!("{}: {}", chain(error), apart_in_words(seconds))
        }
        (T::ClockSkew, Some(seconds)) => format!(
            "{}: {}, so it is the domain controller's that is another",
            chain(error),
            apart_in_words(seconds)
        ),
        _ => chain(error),
    };
    let mut facts = json!({"used": false, "trouble": format!("{trouble:?}")});
    if let (T::ClockSkew, Some(seconds)) = (trouble, ahead) {
        facts["host_ahead_by_seconds"] = seconds.into();
    }
    Finding::fail(Layer::Kerberos, Exit::Login, seen, fix).with(facts)
}

fn of_clocks() -> Fix {
    Fix::new(
        "Set the clocks: Kerberos allows five minutes between this machine, the domain controller and the host. Whether \
         ours is right this shows; where it is, a ticket from before it was set is of no use: kinit gets a new one",
    )
    .here(here::CLOCK)
}

fn netbios(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

fn user_of_domain(user: &str) -> String {
    let name = user.rsplit('\\').next().unwrap_or(user).split('@').next().unwrap_or(user);
    format!("Get-ADUser {} -Properties Enabled,LockedOut,PasswordExpired,AccountExpirationDate", quoted(name))
}

/// Says how the login went.
pub(super) fn login(target: &Target, attempt: &Result<Session, SessionError>) -> Finding {
    match attempt {
        Ok(session) => match session.logged_in() {
            Some(login) => entered(target, &login),
            None => Finding::not_reached(Layer::Login, "no login was made"),
        },
        Err(error) => refused(target, error),
    }
}

fn entered(target: &Target, login: &LoggedIn) -> Finding {
    let user = account::named(target);
    let protection = match (login.is_sealed, &login.certificate) {
        (true, _) => "each message is encrypted by the login",
        (false, Some(_)) if login.report.bound => {
            "messages are encrypted by TLS, and the login is bound to it"
        }
        (false, Some(_)) => "messages are encrypted by TLS",
        (false, None) => "messages are NOT encrypted",
    };
    let how = match login.report.negotiated {
        true => format!("{} in Negotiate", login.report.chosen),
        false => login.report.chosen.to_string(),
    };
    let facts = json!({
        "user": account::said(target), "mechanism": login.report.chosen.to_string(),
        "negotiated": login.report.negotiated, "sealed": login.is_sealed, "bound": login.report.bound,
    });
    let seen = format!("{user} is let in with {how}; {protection}");
    let is_clear = login.warnings.contains(&Warning::Cleartext);
    let finding = match is_clear {
        true => {
            let fix = Fix::new(format!("Write https://{} as TARGET", target.endpoint.host()));
            Finding::warn(Layer::Login, seen, fix)
        }
        false => Finding::pass(Layer::Login, seen),
    };
    finding.with(facts)
}

fn refused(target: &Target, error: &SessionError) -> Finding {
    let user = account::named(target);
    match error.transport() {
        Some(TransportError::LoginRefused { tried, .. }) => {
            let names: Vec<_> = tried.iter().map(|scheme| scheme.name()).collect();
            let between = match target.endpoint.protocol() {
                Protocol::Https => {
                    "; or TLS ends in between, and the host demands a login that is bound to its own certificate"
                }
                Protocol::Http => "",
            };
            let seen = format!(
                "the host refuses {user} with {} (401), and does not say why: the password is wrong, the account is \
                 locked, expired or disabled, or it may not log in from afar{between}. Tried once, and not again",
                names.join(", ")
            );
            let fix = Fix::new(
                "Its event 4625 says why, as Sub Status: 0xC000006A wrong password, 0xC0000064 no such user, \
                 0xC0000234 locked, 0xC0000071 password expired, 0xC0000072 disabled, 0xC000015B no network login, \
                 0xC000035B channel binding. No such event: the account lacks Remote Management Users",
            )
            .on_host(
                "Get-WinEvent -FilterHashtable @{LogName='Security';Id=4625} -MaxEvents 3 | Format-List TimeCreated, \
                 Message",
            );
            Finding::fail(Layer::Login, Exit::Login, seen, fix).coded(Some("HTTP 401".to_owned()))
        }
        Some(TransportError::LoginFailed { source: source @ AuthError::CannotSeal { .. }, .. }) => {
            let fix = Fix::new(
                "The host does not grant what it takes to encrypt messages: look at its policy Network security: \
                 Minimum session security for NTLM SSP, or use https",
            );
            Finding::fail(Layer::Login, Exit::Login, chain(source), fix)
        }
        Some(TransportError::LoginFailed { scheme, source, .. }) => {
            let seen = format!("the login with {scheme} ended on our side: {}", chain(source));
            let fix = Fix::new("See each leg of it: the same command with -vv");
            Finding::fail(Layer::Login, Exit::Login, seen, fix)
        }
        _ => Trouble::of_session(error).at(Layer::Login),
    }
}

/// Asks the first thing that takes a right: who answers.
pub(super) async fn rights(
    target: &Target,
    session: &mut Session,
    version: &mut Option<String>,
) -> Result<Finding, SessionError> {
    let user = account::named(target);
    let began = Instant::now();
    let identity = match session.identify().await {
        Ok(identity) => identity,
        Err(error) => {
            let is_shut_out = matches!(error.transport(), Some(TransportError::LoginExpired { .. }));
            if !error.is_access_denied() && !is_shut_out {
                return Err(error);
            }
            let trouble = Trouble::of_session(&error);
            let seen =
                format!("{user} has logged in, and WinRM does not let it do anything: {}", trouble.seen);
            let fix = Fix::new("Let the account use WinRM; it counts from its next login on")
                .on_host(account::join(target, REMOTE_USERS));
            return Ok(Finding::fail(Layer::Rights, Exit::AccessDenied, seen, fix).coded(trouble.code));
        }
    };
    let took = began.elapsed();
    let vendor = identity.vendor.as_deref().unwrap_or("somebody");
    let said = identity.version.as_deref().unwrap_or("no version");
    version.clone_from(&identity.version);
    let facts = json!({"vendor": identity.vendor, "version": identity.version, "milliseconds": millis(took)});
    let seen = format!("WinRM works for {user}: {vendor}, {said} ({})", shown(took));
    let finding = match took >= SLOW {
        true => {
            let fix = Fix::new("Look what keeps the host so busy: an export will be slow as well")
                .on_host("Get-Process | Sort-Object CPU -Descending | Select-Object -First 10");
            Finding::warn(Layer::Rights, format!("{seen}: that is slow"), fix)
        }
        false => Finding::pass(Layer::Rights, seen),
    };
    Ok(finding.with(facts))
}

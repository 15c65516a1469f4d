//! The way to a host, before anybody logs in: its name, TCP, TLS, what answers there, and the schemes it offers.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use refpoint::auth::Scheme;
use refpoint::client::{Credentials, Endpoint, Method, Protocol, Target, TlsError, TransportError, Trust};
use refpoint::transport::{
    self, CertificateFacts, CertificateProblem, Fate, HostPort, Phase, TlsLook, Unknown, Welcome,
};
use serde_json::json;

use super::finding::{Finding, Fix, Layer, quoted};
use super::here;
use super::trouble::Trouble;
use crate::cli::exit::Exit;

/// How long an address has to take a connection. A host in the same building takes a thousandth of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A certificate that has less time than this left is to be renewed now.
const SOON: i64 = 30;

const MOST_NAMES: usize = 4;

/// Looks up the name, all addresses of it.
pub(super) async fn name(target: &Target, addresses: &mut Vec<SocketAddr>) -> Finding {
    let proxy = target.options.proxy.as_ref().filter(|proxy| proxy.covers(&target.endpoint));
    let (host, port) = match proxy {
        Some(proxy) => (proxy.host(), proxy.port()),
        None => (target.endpoint.host(), target.endpoint.port()),
    };
    match transport::resolve(host, port).await {
        Ok(found) if found.is_empty() => Finding::fail(
            Layer::Name,
            Exit::Unreachable,
            format!("{host} is known and has no address"),
            Fix::new("Give the name an address in DNS, or use the address as TARGET"),
        ),
        Ok(found) => {
            *addresses = found;
            let list: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            let facts = json!({"host": host, "addresses": list, "proxy": proxy.map(ToString::to_string)});
            let seen = match (proxy, target.endpoint.address()) {
                (Some(proxy), _) => {
                    format!(
                        "the way leads through {proxy}, which is {}; it looks up the host",
                        list.join(", ")
                    )
                }
                (None, Some(_)) => format!("{host} is an address: nothing to look up"),
                (None, None) => format!("{host} is {}", list.join(" and ")),
            };
            Finding::pass(Layer::Name, seen).with(facts)
        }
        Err(error) => {
            let said = match &error {
                TransportError::NotResolved { source, .. } => source.to_string(),
                other => other.to_string(),
            };
            let fix = Fix::new(
                "Look at the spelling and at DNS: TARGET is the name that the host goes by there, best its full \
                 one; an address does as well, but not for Kerberos. This should print an address",
            )
            .here(here::addresses(host));
            let seen = format!("{host} cannot be looked up: {said}");
            Finding::fail(Layer::Name, Exit::Unreachable, seen, fix)
        }
    }
}

/// Connects to each address.
pub(super) async fn tcp(target: &Target, addresses: &[SocketAddr]) -> Finding {
    let patience = PATIENCE.min(target.options.timeouts.connect);
    let tries = addresses.iter().map(|address| {
        let address = *address;
        tokio::spawn(async move { (address, transport::reach(address, patience).await) })
    });
    let mut good = Vec::new();
    let mut bad = Vec::new();
    let mut facts = Vec::new();
    for task in tries.collect::<Vec<_>>() {
        let Ok((address, reached)) = task.await else { continue };
        match reached {
            Ok(took) => {
                facts.push(json!({"address": address.to_string(), "result": "accepted", "milliseconds": millis(took)}));
                good.push(format!("{address} ({})", shown(took)));
            }
            Err(error) => {
                let (word, text) = failure(&error, patience);
                facts.push(json!({"address": address.to_string(), "result": word, "milliseconds": null}));
                bad.push((word, address, format!("{address} {text}")));
            }
        }
    }
    let facts = json!({"addresses": facts});
    let failed: Vec<&str> = bad.iter().map(|(_, _, text)| text.as_str()).collect();
    let finding = match (good.is_empty(), bad.first()) {
        (false, None) => {
            Finding::pass(Layer::Tcp, format!("connections are accepted by {}", good.join(" and ")))
        }
        (false, Some((_, address, _))) => {
            let seen = format!("accepted by {}; but {}", good.join(" and "), failed.join("; "));
            let fix = Fix::new(
                "Take the address that does not answer out of DNS, or have WinRM listen on it: until then each \
                 connection may lose time on it",
            )
            .here(format!("{}  # has {}", here::addresses(target.endpoint.host()), address.ip()));
            Finding::warn(Layer::Tcp, seen, fix)
        }
        (true, Some((word, address, _))) => {
            let fix = unreachable(target, word, *address);
            Finding::fail(Layer::Tcp, Exit::Unreachable, failed.join("; "), fix)
        }
        (true, None) => Finding::fail(
            Layer::Tcp,
            Exit::Unreachable,
            "no address could be tried",
            Fix::new("Give the name an address in DNS"),
        ),
    };
    finding.with(facts)
}

fn failure(error: &io::Error, patience: Duration) -> (&'static str, String) {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ("refused", "refuses connections".to_owned()),
        io::ErrorKind::TimedOut => ("no-answer", format!("does not answer within {}", shown(patience))),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ("unreachable", format!("cannot be reached from here: {error}"))
        }
        _ => ("failed", format!("failed: {error}")),
    }
}

fn unreachable(target: &Target, word: &str, address: SocketAddr) -> Fix {
    let is_https = target.endpoint.protocol() == Protocol::Https;
    let port = target.endpoint.port();
    match word {
        "refused" if target.options.proxy.is_some() => {
            Fix::new("The proxy does not listen there: look at the address in --proxy")
        }
        "refused" if is_https => Fix::new(
            "Nothing listens on that port: WinRM has no https listener there until a certificate is bound to one",
        )
        .on_host("winrm quickconfig -transport:https"),
        "refused" => Fix::new("Nothing listens on that port: turn WinRM on").on_host("Enable-PSRemoting -Force"),
        "no-answer" if is_https => Fix::new(
            "The host is down, or a firewall drops what goes there. If it is up, let the port through",
        )
        .on_host(format!(
            "New-NetFirewallRule -Name WINRM-HTTPS-In -DisplayName 'WinRM over HTTPS' -Direction Inbound -Protocol \
             TCP -LocalPort {port} -Action Allow"
        )),
        "no-answer" => Fix::new(
            "The host is down, or a firewall drops what goes there. If it is up, let WinRM through the firewall",
        )
        .on_host("Enable-NetFirewallRule -Name 'WINRM-HTTP-In-TCP*'"),
        _ => Fix::new("There is no way to that network from here: look at routes and VPN")
            .here(here::route(address.ip())),
    }
}

/// Says what protects what is sent where there is no TLS.
pub(super) fn without_tls(target: &Target) -> Finding {
    if target.options.login.method == Method::Basic {
        let fix =
            Fix::new(format!("Write https://{} as TARGET, or use --auth negotiate", target.endpoint.host()));
        let seen = "http and Basic: the password and every message go over the network in clear";
        return Finding::warn(Layer::Tls, seen, fix).with(json!({"tls": false, "sealed": false}));
    }
    let seen = "http, where no TLS is needed: the login encrypts each message (Kerberos: AES, NTLM: 128-bit RC4), and \
                nothing is sent in clear";
    Finding::pass(Layer::Tls, seen).with(json!({"tls": false, "sealed": true}))
}

/// Looks at the certificate and everything about it, in a handshake after which nothing is sent.
pub(super) async fn tls(target: &Target) -> Finding {
    let look = match transport::look(&target.endpoint, &target.options).await {
        Ok(look) => look,
        Err(error) => return no_handshake(target, &error),
    };
    let Some(der) = look.chain.first() else {
        let fix = Fix::new("Bind a certificate to the listener").on_host(LISTENERS);
        return Finding::fail(Layer::Tls, Exit::Login, "the host shows no certificate", fix);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match CertificateFacts::read(der) {
        Ok(facts) => judge(target, &look, &facts, i64::try_from(now).unwrap_or(i64::MAX)),
        Err(error) => Finding::fail(
            Layer::Tls,
            Exit::Login,
            format!("the host's certificate cannot be read: {error}"),
            Fix::new("Make the host a new certificate, and bind it to the listener").on_host(LISTENERS),
        ),
    }
}

fn no_handshake(target: &Target, error: &TransportError) -> Finding {
    let host = target.endpoint.host();
    let (exit, seen, fix) = match error {
        TransportError::Tls { source: TlsError::NotTls, .. } => (
            Exit::Login,
            format!("what listens on port {} does not speak TLS", target.endpoint.port()),
            Fix::new(format!(
                "If it is the http listener, write http://{}:{} as TARGET: the login encrypts each message there. \
                 These are the listeners",
                host,
                target.endpoint.port()
            ))
            .on_host(LISTENERS),
        ),
        TransportError::Tls { source: TlsError::Closed, .. } | TransportError::NotSent { .. } => (
            Exit::Login,
            "the host closes the connection in the TLS handshake".to_owned(),
            Fix::new("Its listener has no certificate that it can use, or none at all: this shows which")
                .on_host(LISTENERS),
        ),
        TransportError::TimedOut { phase: Phase::Connect, after, .. } => (
            Exit::Unreachable,
            format!("the host takes the connection and does not answer the TLS handshake within {}", shown(*after)),
            Fix::new(
                "Something takes connections in the host's place, or its HTTP service hangs: look at what is \
                 between, then restart the service",
            )
            .on_host("Restart-Service WinRM"),
        ),
        TransportError::Tls { source, .. } => (
            Exit::Login,
            format!("no TLS with the host: {source}"),
            Fix::new(
                "The two sides have no version of TLS or no cipher in common: the host needs TLS 1.2 or 1.3, as \
                 Windows has it unless it was turned off",
            )
            .on_host("Get-TlsCipherSuite | Select-Object Name, Protocols"),
        ),
        other => return Trouble::of_transport(other).at(Layer::Tls),
    };
    Finding::fail(Layer::Tls, exit, seen, fix)
}

fn judge(target: &Target, look: &TlsLook, facts: &CertificateFacts, now: i64) -> Finding {
    let days_left = facts.not_after.saturating_sub(now).div_euclid(86_400);
    let json = json!({
        "tls": true, "version": look.version, "cipher": look.cipher, "subject": facts.subject,
        "issuer": facts.issuer, "names": facts.names, "not_before": date_time(facts.not_before),
        "not_after": date_time(facts.not_after), "days_left": days_left, "key": facts.key,
        "key_bits": facts.key_bits, "signature": facts.signature, "fingerprint": facts.fingerprint.to_string(),
        "chain_length": look.chain.len(), "trusted": look.refusal.is_none(),
        "asks_for_client_certificate": look.asks, "channel_binding": target.options.login.bind_channel,
    });
    let described = describe(target, look, facts, days_left);
    let finding = match &look.refusal {
        Some(TlsError::Certificate { problem: CertificateProblem::UnknownIssuer, .. })
            if remembers(target) =>
        {
            let cause =
                "nobody vouches for the certificate, and it will be remembered (--trust-on-first-use)";
            let fix = Fix::new(format!(
                "Compare its fingerprint with the host's own before you rely on it: {}",
                facts.fingerprint
            ));
            Finding::warn(Layer::Tls, format!("{cause}. {described}"), fix.on_host(FINGERPRINTS))
        }
        Some(refusal) => {
            let (cause, fix) = refused(target, refusal, facts, now);
            let is_ours = matches!(refusal, TlsError::KnownHosts(_));
            let exit = if is_ours { Exit::LocalFiles } else { Exit::Login };
            Finding::fail(Layer::Tls, exit, format!("{cause}. {described}"), fix)
        }
        None if target.options.login.method == Method::Certificate && !look.asks => Finding::fail(
            Layer::Tls,
            Exit::Login,
            format!("the host does not ask for a client certificate in the first handshake. {described}"),
            Fix::new("Bind its listener anew with clientcertnegotiation=enable")
                .on_host("netsh http show sslcert"),
        ),
        None => match doubts(target, facts, days_left) {
            Some((cause, fix)) => Finding::warn(Layer::Tls, format!("{cause}. {described}"), fix),
            None => Finding::pass(Layer::Tls, described),
        },
    };
    finding.with(json)
}

fn describe(target: &Target, look: &TlsLook, facts: &CertificateFacts, days_left: i64) -> String {
    let names = if facts.names.is_empty() { "no name".to_owned() } else { listed(&facts.names) };
    let issuer = if facts.is_self_issued { "itself" } else { &facts.issuer };
    let certificate = format!(
        "{}; certificate {} for {names}, signed by {issuer}, until {} ({days_left} days); {} {} bits, {}",
        look.version,
        facts.subject,
        date(facts.not_after),
        facts.key,
        facts.key_bits,
        facts.signature,
    );
    if look.refusal.is_some() {
        return certificate;
    }
    let trust = match target.options.tls.trust() {
        Trust::Anything => "trusted by nobody (--insecure)",
        Trust::Known { hosts, .. } => match hosts.find(&HostPort::from(&target.endpoint)) {
            Ok(Some(known)) => &format!("remembered since {}", known.first_seen_text()),
            // What is not remembered is good only by an authority.
            Ok(None) => "trusted by the system's authorities",
            Err(_) => "trusted by the system's authorities, or remembered",
        },
        Trust::System => "trusted by the system's authorities",
        Trust::Authorities(_) => "trusted by --ca",
        Trust::Pin(_) => "trusted by --pin",
    };
    let bound = match target.options.login.bind_channel {
        true => "logins are bound to it",
        false => "logins are NOT bound to it, as was asked for",
    };
    format!("{certificate}; {trust}; {bound}")
}

/// Returns what will go wrong, though nothing has yet.
fn doubts(target: &Target, facts: &CertificateFacts, days_left: i64) -> Option<(String, Fix)> {
    let renew = |text: &str| Fix::new(text).on_host(renewal(target));
    if days_left < 0 {
        let cause =
            format!("the certificate expired {} days ago, and is taken because it is pinned", -days_left);
        return Some((cause, renew("Renew it, bind the new one to the listener, and pin that")));
    }
    if matches!(target.options.tls.trust(), Trust::Anything) {
        let fix = Fix::new(format!(
            "Compare this fingerprint with the host's own, and use --pin {} in place of --insecure",
            facts.fingerprint
        ))
        .on_host(FINGERPRINTS);
        return Some(("nobody checks whose certificate this is (--insecure)".to_owned(), fix));
    }
    if days_left < SOON {
        let cause = format!("the certificate expires in {days_left} days, on {}", date(facts.not_after));
        return Some((cause, renew("Renew it before that, and bind the new one to the listener")));
    }
    if facts.is_weak() {
        let cause =
            format!("the certificate is weak ({} {} bits, {})", facts.key, facts.key_bits, facts.signature);
        return Some((
            cause,
            renew("Make one with 2048 bits or more and SHA-256, and bind it to the listener"),
        ));
    }
    None
}

/// Says whether a certificate that nobody vouches for is to be remembered and trusted.
fn remembers(target: &Target) -> bool {
    matches!(target.options.tls.trust(), Trust::Known { unknown: Unknown::Remember, .. })
}

fn refused(target: &Target, refusal: &TlsError, facts: &CertificateFacts, now: i64) -> (String, Fix) {
    let host = target.endpoint.host();
    let fingerprint = facts.fingerprint;
    let days = |seconds: i64| seconds.div_euclid(86_400);
    match refusal {
        TlsError::NotThePinned { expected, found } => (
            format!("the host shows another certificate than the pinned one: {found}, not {expected}"),
            Fix::new(
                "Stop, and compare it with the fingerprints on the host itself. If it is there, the certificate was \
                 renewed: pin the new one. If not, somebody stands in between",
            )
            .on_host(FINGERPRINTS),
        ),
        TlsError::Changed { remembered, found, .. } => (
            format!(
                "the host shows another certificate than the one that is remembered of it: {found}, not {}",
                remembered.fingerprint
            ),
            Fix::new(format!(
                "Stop, and compare it with the fingerprints on the host itself. If it is there, the certificate was \
                 renewed: refpoint trust remove {} forgets the old one. If not, somebody stands in between",
                remembered.host
            ))
            .on_host(FINGERPRINTS),
        ),
        TlsError::Certificate { problem, .. } => match problem {
            CertificateProblem::UnknownIssuer if facts.is_self_issued => (
                "the host signed its certificate itself, and nobody vouches for it".to_owned(),
                Fix::new(format!("If the host itself shows this fingerprint too, trust it: --pin {fingerprint}"))
                    .on_host(FINGERPRINTS),
            ),
            CertificateProblem::UnknownIssuer => (
                format!("the certificate is signed by {}, whom nobody here trusts", facts.issuer),
                Fix::new("Trust that authority: fetch its own certificate as PEM from whoever runs it")
                    .here(format!("refpoint doctor {} --ca authority.pem", target.endpoint)),
            ),
            CertificateProblem::WrongName { .. } => {
                let cause = format!("the certificate is not for {host}, but for {}", or_nobody(&facts.names));
                // A name that is none must not become part of a command.
                let is_name = |name: &&String| Endpoint::new(Protocol::Https, name).is_ok();
                let usable = facts.names.iter().find(is_name);
                match usable {
                    Some(name) => (
                        cause,
                        Fix::new("Use the name that stands in it as TARGET, or renew it with both names").here(
                            format!("refpoint doctor https://{name}:{}", target.endpoint.port()),
                        ),
                    ),
                    None => (cause, Fix::new("Renew it with the host's name in it").on_host(renewal(target))),
                }
            }
            CertificateProblem::Expired => (
                format!(
                    "the certificate expired on {}, {} days ago",
                    date(facts.not_after),
                    days(now.saturating_sub(facts.not_after))
                ),
                Fix::new("Renew it, and bind the new one to the listener").on_host(renewal(target)),
            ),
            CertificateProblem::NotYetValid => (
                format!("the certificate is valid from {} on, which is to come", date_time(facts.not_before)),
                Fix::new("Look at the clocks: one of the two is wrong").here(here::CLOCK),
            ),
            CertificateProblem::Authority => (
                "the certificate is that of an authority, which no client takes for a host's".to_owned(),
                Fix::new(format!("Make the host one of its own, or compare this one and use --pin {fingerprint}"))
                    .on_host(FINGERPRINTS),
            ),
            CertificateProblem::Other(reason) if reason == "BadSignature" => (
                format!(
                    "the certificate says that {} signed it, and the one of that name who is trusted did not",
                    facts.issuer
                ),
                Fix::new("The authority has a new key, or somebody uses its name: fetch its present certificate")
                    .here(format!("refpoint doctor {} --ca authority.pem", target.endpoint)),
            ),
            CertificateProblem::Revoked => (
                "the certificate was revoked".to_owned(),
                Fix::new("Ask whoever runs the authority why, and renew it").on_host(renewal(target)),
            ),
            CertificateProblem::Purpose => (
                "the certificate is not meant for servers".to_owned(),
                Fix::new("Renew it with the purpose Server Authentication").on_host(renewal(target)),
            ),
            other => (
                format!("the certificate {other}"),
                Fix::new("Make the host a new one, and bind it to the listener").on_host(renewal(target)),
            ),
        },
        TlsError::NoRoots { .. } => (
            refusal.to_string(),
            here::with_authorities(Fix::new(
                "Install the authorities that people trust, or say whom to trust with --ca, --pin or --trust-on-first-use",
            )),
        ),
        other => (
            other.to_string(),
            Fix::new("Look at what --ca, SSL_CERT_FILE or the system's certificates hold").here(here::TRUSTED),
        ),
    }
}

fn or_nobody(names: &[String]) -> String {
    if names.is_empty() { "nobody: no name stands in it".to_owned() } else { listed(names) }
}

/// Returns the first names, as many as help whoever reads them.
fn listed(names: &[String]) -> String {
    match names.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", names[..MOST_NAMES].join(", ")),
        None => names.join(", "),
    }
}

fn renewal(target: &Target) -> String {
    let name = target.endpoint.host();
    format!(r"New-SelfSignedCertificate -DnsName {} -CertStoreLocation Cert:\LocalMachine\My", quoted(name))
}

/// Asks without a login, and looks whether it is WinRM that answers.
pub(super) async fn winrm(target: &Target, welcome: &mut Option<Welcome>) -> Finding {
    match transport::welcome(&target.endpoint, &target.options).await {
        Ok(found) => {
            let seen = format!(
                "what answers at {} wants a login, as WinRM does (401 after {})",
                target.endpoint.path(),
                shown(found.took)
            );
            let facts = json!({"path": target.endpoint.path(), "milliseconds": millis(found.took)});
            *welcome = Some(found);
            Finding::pass(Layer::Winrm, seen).with(facts)
        }
        Err(TransportError::Framing { .. }) if target.endpoint.protocol() == Protocol::Http => Finding::fail(
            Layer::Winrm,
            Exit::Unreachable,
            format!(
                "what listens on port {} does not speak HTTP; a TLS listener does not",
                target.endpoint.port()
            ),
            Fix::new(format!(
                "If it is the https port, write it so as TARGET: https://{}",
                target.endpoint.authority()
            ))
            .here(format!("refpoint doctor https://{}", target.endpoint.authority())),
        ),
        Err(error) => {
            let error = match error {
                // It was not sent, and still it was not answered.
                TransportError::TimedOut { after, phase, .. } => {
                    TransportError::TimedOut { after, phase, fate: Fate::NotSent }
                }
                other => other,
            };
            Trouble::of_transport(&error).at(Layer::Winrm)
        }
    }
}

/// Holds what the host offers against what can be used.
pub(super) fn schemes(target: &Target, welcome: &Welcome) -> Finding {
    let wanted = wanted(target);
    let names = |schemes: &[Scheme]| schemes.iter().map(|scheme| scheme.name()).collect::<Vec<_>>();
    let usable: Vec<Scheme> =
        wanted.iter().copied().filter(|scheme| welcome.schemes.contains(scheme)).collect();
    let facts =
        json!({"offered": names(&welcome.schemes), "wanted": names(&wanted), "usable": names(&usable)});
    let offered = if welcome.offered.is_empty() { "nothing" } else { &welcome.offered };
    // A certificate is taken in TLS, and few hosts say so in a header.
    if usable.is_empty() && target.options.login.method != Method::Certificate {
        let seen = format!("the host offers {offered}, and not {}", names(&wanted).join(" or "));
        let fix = match welcome.schemes.contains(&Scheme::Negotiate) {
            true => Fix::new("Use --auth negotiate, which the host offers"),
            false => Fix::new("Have the service offer Negotiate again, as it does unless it was turned off")
                .on_host(r"Set-Item WSMan:\localhost\Service\Auth\Negotiate $true"),
        };
        return Finding::fail(Layer::Schemes, Exit::Login, seen, fix).with(facts);
    }
    let used = if usable.is_empty() { &wanted } else { &usable };
    let seen = format!("the host offers {offered}; {} will be used", names(used).join(", then "));
    Finding::pass(Layer::Schemes, seen).with(facts)
}

/// Returns the schemes that a login would try, in order.
fn wanted(target: &Target) -> Vec<Scheme> {
    let login = &target.options.login;
    match login.method {
        Method::Negotiate if kerberos_applies(target) => vec![Scheme::Negotiate, Scheme::Kerberos],
        Method::Negotiate | Method::Ntlm => vec![Scheme::Negotiate],
        Method::Kerberos => vec![Scheme::Kerberos, Scheme::Negotiate],
        Method::Basic => vec![Scheme::Basic],
        Method::Certificate => vec![Scheme::Certificate],
    }
}

/// Says whether a login may use Kerberos: with an account of the host's own it does not.
pub(super) fn kerberos_applies(target: &Target) -> bool {
    let login = &target.options.login;
    match (&login.credentials, login.method) {
        (_, Method::Kerberos) => true,
        (Credentials::Password { account, .. }, Method::Negotiate) => !account.is_local(),
        (Credentials::Tickets { .. } | Credentials::Keytab { .. }, Method::Negotiate) => true,
        _ => false,
    }
}

/// Returns a time as people say it.
pub(super) fn shown(took: Duration) -> String {
    match took.as_millis() {
        0 => "less than 1 ms".to_owned(),
        millis @ 1..1000 => format!("{millis} ms"),
        millis @ 1000..10_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} s", took.as_secs()),
    }
}

pub(super) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn date_time(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|at| at.to_string())
        .unwrap_or_else(|_| "out of the calendar".to_owned())
}

fn date(seconds: i64) -> String {
    date_time(seconds).split('T').next().unwrap_or_default().to_owned()
}

/// The listeners with their certificates.
const LISTENERS: &str = "winrm enumerate winrm/config/listener";

/// The fingerprints of the host's certificates, as they stand behind `sha256:`.
const FINGERPRINTS: &str = r"Get-ChildItem Cert:\LocalMachine\My | ForEach-Object { $_.GetCertHashString('SHA256') + ' ' + $_.Subject }";

#[cfg(test)]
mod tests {
    use refpoint::client::{Login, Options, Tls};

    use super::super::finding::Status;
    use super::*;

    fn target(trust: Trust) -> Target {
        let mut options = Options::new(Login::new(Credentials::password(r"LAB\mia", "x")));
        options.tls = Tls::new(trust);
        Target::new("https://hv01".parse().unwrap(), options)
    }

    fn certificate(days: i64) -> CertificateFacts {
        let mut params = rcgen::CertificateParams::new(vec!["hv01".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut facts = CertificateFacts::read(params.self_signed(&key).unwrap().der()).unwrap();
        facts.not_after = NOW + days * 86_400;
        facts
    }

    const NOW: i64 = 1_795_000_000;

    #[tokio::test]
    async fn an_address_that_refuses_is_a_warning_beside_one_that_accepts_and_a_failure_alone() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let bad = closed.local_addr().unwrap();
        drop(closed);
        let target = target(Trust::System);
        let found = tcp(&target, &[bad, good]).await;
        assert_eq!(found.status, Status::Warn);
        assert!(found.seen.contains(&format!("{bad} refuses connections")), "{}", found.seen);
        assert_eq!(found.facts["addresses"][0]["result"], "refused");
        assert_eq!(tcp(&target, &[good]).await.status, Status::Pass);
        let found = tcp(&target, &[bad]).await;
        assert_eq!((found.status, found.exit), (Status::Fail, Exit::Unreachable));
    }

    #[test]
    fn a_certificate_is_said_to_expire_a_month_before_it_does() {
        let target = target(Trust::System);
        for (days, is_soon) in [(400, false), (30, false), (29, true), (0, true)] {
            let doubt = doubts(&target, &certificate(days), days);
            assert_eq!(doubt.is_some(), is_soon, "{days}");
        }
        let (cause, _) = doubts(&target, &certificate(-3), -3).unwrap();
        assert!(cause.contains("expired 3 days ago"), "{cause}");
    }

    #[test]
    fn a_weak_key_and_a_trust_in_nobody_are_doubts() {
        let mut facts = certificate(400);
        facts.key = "RSA".to_owned();
        assert!(facts.key_bits < 2048);
        let (cause, _) = doubts(&target(Trust::System), &facts, 400).unwrap();
        assert!(cause.contains("weak"), "{cause}");
        let (_, fix) = doubts(&target(Trust::Anything), &certificate(400), 400).unwrap();
        assert!(fix.text.contains("--pin sha256:"), "{fix:?}");
    }

    #[test]
    fn an_account_of_the_host_does_not_ask_a_kdc() {
        for (user, method, applies) in [
            (r"LAB\mia", Method::Negotiate, true),
            ("mia", Method::Negotiate, false),
            (r".\mia", Method::Negotiate, false),
            ("mia@lab.test", Method::Kerberos, true),
            (r"LAB\mia", Method::Ntlm, false),
            (r"LAB\mia", Method::Basic, false),
        ] {
            let login = Login::new(Credentials::password(user, "x")).with(method);
            let target = Target::new("hv01".parse().unwrap(), Options::new(login));
            assert_eq!(kerberos_applies(&target), applies, "{user} {method:?}");
        }
    }

    #[test]
    fn what_the_host_does_not_offer_is_not_tried() {
        let login = Login::new(Credentials::password("mia", "x")).with(Method::Basic);
        let target = Target::new("https://hv01".parse().unwrap(), Options::new(login));
        assert_eq!(wanted(&target), [Scheme::Basic]);
    }
}

use std::sync::Arc;

use tracing::debug;

use super::super::{Caller, Hardening, HostSettings, Service};
use super::hosts::{Hosts, random};
use crate::auth::http::{Offers, read_authorization};
use crate::auth::ntlm::{self, Names};
use crate::auth::{
    BasicAcceptor, Binding, ChannelBindings, Chosen, Mechanism, Report, Scheme, Seal, Step, Token, kerberos,
    negotiate,
};

/// How far the login of one connection has come. It is never shared: each connection has its own challenge,
/// keys and sequence.
#[derive(Default)]
pub(super) enum Login {
    /// Nobody.
    #[default]
    Out,
    /// Between the legs.
    Running(Box<dyn Mechanism>),
    /// Somebody, until the connection ends.
    In(Entered),
}

/// Somebody who has proved who he is.
pub(super) struct Entered {
    pub(super) caller: Caller,
    /// What the log calls the way in.
    pub(super) way: &'static str,
    /// Present exactly where the login has to seal.
    pub(super) seal: Option<Box<dyn Seal>>,
}

/// What comes of one leg.
pub(super) enum Leg {
    Continue(Box<dyn Mechanism>, Token),
    /// `scheme` says for whom the last token is, and whether the login lasts.
    Entered(Scheme, Entered, Option<Token>),
    Refused,
}

/// The door of one host for one connection.
pub(super) struct Gate<'a> {
    pub(super) hosts: &'a Arc<Hosts>,
    pub(super) index: usize,
    pub(super) name: &'a str,
    /// The channel, where the connection is TLS.
    pub(super) bindings: Option<&'a ChannelBindings>,
}

/// Returns what the service offers, in Windows' order.
pub(super) fn offers(service: &Service) -> Vec<&'static str> {
    let has_keytab = service.keytab().is_some();
    let all = [
        (service.negotiate && (service.ntlm || has_keytab), "Negotiate"),
        (has_keytab, "Kerberos"),
        (service.basic, "Basic realm=\"WSMAN\""),
    ];
    all.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, offer)| offer).collect()
}

impl Gate<'_> {
    /// Takes the value of `Authorization`. A login that was there before is over, whatever comes.
    pub(super) async fn enter(&self, before: Login, value: &str) -> Leg {
        let Some(scheme) = scheme_of(value) else { return Leg::Refused };
        let running = match before {
            Login::Running(mechanism) if mechanism.scheme() == scheme => Some(mechanism),
            _ => self.mechanism(scheme),
        };
        let Some(mechanism) = running else { return Leg::Refused };
        let token = match read_authorization(value, &*mechanism) {
            Ok(Some(token)) => token,
            // Bare, it asks what there is: the offers say so.
            Ok(None) => return Leg::Refused,
            Err(error) => {
                debug!(host = self.name, %scheme, %error, "login token unreadable");
                return Leg::Refused;
            }
        };
        match self.step(mechanism, token).await {
            Some((mechanism, Ok(Step::Send(token)))) => Leg::Continue(mechanism, token),
            Some((_, Ok(Step::Done { token, seal, report }))) => self.admit(scheme, token, seal, &report),
            Some((_, Err(error))) => {
                debug!(host = self.name, %scheme, %error, "login refused");
                Leg::Refused
            }
            None => Leg::Refused,
        }
    }

    /// Kerberos reads files and may wait for them; everything else only computes.
    async fn step(
        &self,
        mut mechanism: Box<dyn Mechanism>,
        token: Token,
    ) -> Option<(Box<dyn Mechanism>, crate::auth::Result<Step>)> {
        let step = move || {
            let step = mechanism.step(Some(token.as_bytes()));
            (mechanism, step)
        };
        match self.service().keytab() {
            Some(_) => tokio::task::spawn_blocking(step).await.ok(),
            None => Some(step()),
        }
    }

    fn admit(
        &self,
        scheme: Scheme,
        token: Option<Token>,
        seal: Option<Box<dyn Seal>>,
        report: &Report,
    ) -> Leg {
        let account = report.account.as_ref();
        let caller = account.and_then(|account| self.hosts.accounts.caller(account, self.name));
        match caller {
            Some(caller) if caller.rights.may_use_winrm() => {
                Leg::Entered(scheme, Entered { caller, way: way(report), seal }, token)
            }
            _ => {
                debug!(host = self.name, %scheme, "user has no right to use WinRM");
                Leg::Refused
            }
        }
    }

    fn mechanism(&self, scheme: Scheme) -> Option<Box<dyn Mechanism>> {
        let service = self.service();
        match scheme {
            Scheme::Negotiate if service.negotiate => {
                let ntlm = if service.ntlm { Some(self.ntlm()?) } else { None };
                let kerberos = self.kerberos();
                let is_any = ntlm.is_some() || kerberos.is_some();
                is_any.then(|| Box::new(negotiate::Acceptor::new(ntlm, kerberos)) as Box<dyn Mechanism>)
            }
            Scheme::Kerberos => Some(Box::new(self.kerberos()?)),
            Scheme::Basic if service.basic => {
                let (accounts, name) = (self.hosts.accounts.clone(), self.name.to_owned());
                let check = BasicAcceptor::new(move |account, password| {
                    accounts.is_password(account, password, &name)
                });
                Some(Box::new(check))
            }
            _ => None,
        }
    }

    fn ntlm(&self) -> Option<ntlm::Acceptor> {
        let (accounts, name) = (self.hosts.accounts.clone(), self.name.to_owned());
        let HostSettings { domain, dns_domain, .. } = &self.hosts.scenario.host;
        let names = Names {
            computer: self.name.to_owned(),
            domain: domain.clone(),
            dns_computer: format!("{}.{dns_domain}", self.name.to_lowercase()),
            dns_domain: dns_domain.clone(),
        };
        let now = self.hosts.clock.file_time(self.hosts.skew(self.index));
        let acceptor =
            ntlm::Acceptor::new(names, move |account| accounts.hash(account, &name), random()?, now);
        Some(match self.binding() {
            Some(binding) => acceptor.behind_tls(binding),
            None => acceptor,
        })
    }

    fn kerberos(&self) -> Option<kerberos::Acceptor> {
        let acceptor = kerberos::Acceptor::new(self.service().keytab()?);
        Some(match self.binding() {
            Some(binding) => acceptor.behind_tls(binding),
            None => acceptor,
        })
    }

    fn binding(&self) -> Option<Binding> {
        let bindings = self.bindings?.clone();
        Some(match self.service().channel_bindings {
            Hardening::None => Binding::Ignore,
            Hardening::Relaxed => Binding::Relaxed(bindings),
            Hardening::Strict => Binding::Strict(bindings),
        })
    }

    fn service(&self) -> &Service {
        &self.hosts.scenario.service
    }
}

fn scheme_of(value: &str) -> Option<Scheme> {
    let offers = Offers::parse([value]).ok()?;
    let [challenge] = offers.challenges() else { return None };
    Scheme::from_name(&challenge.scheme)
}

fn way(report: &Report) -> &'static str {
    match (report.chosen, report.negotiated) {
        (Chosen::Basic, _) => "Basic",
        (Chosen::Certificate, _) => "Certificate",
        (Chosen::Ntlm, true) => "Negotiate/NTLM",
        (Chosen::Ntlm, false) => "NTLM",
        (Chosen::Kerberos, true) => "Negotiate/Kerberos",
        (Chosen::Kerberos, false) => "Kerberos",
    }
}

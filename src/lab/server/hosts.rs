use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tracing::error;

use super::super::certificate::Tls;
use super::super::fault::{Moment, Rules};
use super::super::{Certificate, CertificateError, Host, Log, Scenario, Upset};
use super::accounts::Accounts;
use super::clock::Clock;
use crate::auth::Secret;

/// What simulated hosts are made of. The scenario is all they need.
///
/// ```
/// use refpoint::lab::{Options, Scenario};
///
/// let mut options = Options::new(Scenario::default()).hosts(200);
/// options.password = Some("Swordfish-7391".to_owned().into());
/// ```
#[derive(Debug)]
pub struct Options {
    /// What they simulate.
    pub scenario: Arc<Scenario>,
    /// How many there are.
    pub hosts: usize,
    /// The password of the users to whom the scenario gives none; a random one otherwise.
    pub password: Option<Secret<String>>,
    /// Where each operation is written down.
    pub log: Option<Log>,
    /// The certificate of all of them; otherwise each makes its own when it is first needed.
    pub certificate: Option<Certificate>,
    /// The address of the first host, for its certificate.
    pub first_address: Ipv4Addr,
    /// The time of the start, since 1970; without, that of the scenario. From then on time is the runtime's.
    pub started: Option<Duration>,
    /// What the identifiers of new jobs, points and checkpoints follow from, where the scenario does not say: another
    /// number for each start, and no job is taken for one of another start.
    pub seed: Option<u64>,
}

impl Options {
    /// One host of a scenario.
    ///
    /// ```
    /// use refpoint::lab::{Options, Scenario};
    ///
    /// assert_eq!(Options::new(Scenario::default()).hosts, 1);
    /// ```
    pub fn new(scenario: impl Into<Arc<Scenario>>) -> Self {
        Self {
            scenario: scenario.into(),
            hosts: 1,
            password: None,
            log: None,
            certificate: None,
            first_address: Ipv4Addr::new(127, 1, 0, 1),
            started: None,
            seed: None,
        }
    }

    /// Returns the same for so many hosts.
    ///
    /// ```
    /// use refpoint::lab::{Options, Scenario};
    ///
    /// assert_eq!(Options::new(Scenario::default()).hosts(40).hosts, 40);
    /// ```
    #[must_use]
    pub fn hosts(mut self, hosts: usize) -> Self {
        self.hosts = hosts;
        self
    }
}

/// Simulated hosts. They are numbered from 0, and each is made when it is first touched.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use refpoint::lab::{Hosts, Options, Scenario};
///
/// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
/// assert_eq!((hosts.count(), hosts.name(2)), (3, "HV03".to_owned()));
/// # Ok(())
/// # }
/// ```
pub struct Hosts {
    pub(super) scenario: Arc<Scenario>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) rules: Rules,
    pub(super) log: Option<Log>,
    pub(super) clock: Clock,
    slots: Box<[Slot]>,
    password: Secret<String>,
    certificate: Option<Tls>,
    first_address: Ipv4Addr,
}

/// A place for a host: small as long as nobody touches it.
#[derive(Default)]
struct Slot {
    host: Mutex<Option<Box<Host>>>,
    connections: AtomicU64,
    /// By how many seconds its clock is wrong.
    skew: AtomicI64,
    tls: OnceLock<Box<Result<Tls, CertificateError>>>,
}

/// Why simulated hosts cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostsError {
    /// The scenario has no user, so that nobody could log in.
    #[error("the scenario has no user")]
    NoUser,
    /// The line that says what to log in with is cut at spaces.
    #[error("the password of {user} has white space in it, which the ready line cannot carry")]
    Password {
        /// Whose.
        user: String,
    },
    /// The system gives no random numbers.
    #[error("no random numbers from the system")]
    Random,
    /// The certificate that was given cannot be used.
    #[error("TLS")]
    Certificate(#[from] CertificateError),
}

impl Hosts {
    /// Makes places for hosts; call it within a runtime, whose clock is theirs.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// assert_eq!(hosts.user(), r"LAB\operator");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(options: Options) -> Result<Arc<Self>, HostsError> {
        let Options { mut scenario, hosts, password, log, certificate, first_address, started, seed } =
            options;
        if scenario.host.seed.is_none() && seed.is_some() {
            Arc::make_mut(&mut scenario).host.seed = seed;
        }
        if let Some(started) = started {
            Arc::make_mut(&mut scenario).start_at(started);
        }
        let started = &scenario.host.start;
        let seconds = Duration::from_secs(started.unix_seconds().try_into().unwrap_or_default());
        let started = seconds + Duration::from_nanos(started.subsecond_nanoseconds().into());
        let random = password.map_or_else(random_password, Ok)?;
        let first = scenario.users.first().ok_or(HostsError::NoUser)?;
        let password = first.password.as_ref().unwrap_or(&random).clone();
        if password.expose().contains(char::is_whitespace) {
            return Err(HostsError::Password { user: first.name.clone() });
        }
        let asks = !scenario.service.certificates.is_empty();
        Ok(Arc::new(Self {
            accounts: Arc::new(Accounts::of(&scenario, &random)),
            rules: Rules::new(&scenario.faults),
            log,
            clock: Clock::start(started),
            slots: (0..hosts).map(|_| Slot::default()).collect(),
            password,
            certificate: certificate.map(|certificate| certificate.channel(asks)).transpose()?,
            first_address,
            scenario,
        }))
    }

    /// Returns how many there are.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// assert_eq!(hosts.count(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// Returns the user that everybody is told of: the scenario's first.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// assert_eq!(hosts.user(), r"LAB\operator");
    /// # Ok(())
    /// # }
    /// ```
    pub fn user(&self) -> &str {
        self.scenario.users.first().map_or("", |user| &user.name)
    }

    /// Returns that user's password.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// assert!(!hosts.password().expose().is_empty(), "a random one, where none is given");
    /// # Ok(())
    /// # }
    /// ```
    pub fn password(&self) -> &Secret<String> {
        &self.password
    }

    /// Returns the NetBIOS name of a host.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// assert_eq!(hosts.name(0), "HV01");
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(&self, index: usize) -> String {
        self.scenario.host.name(index)
    }

    /// Returns the certificate (DER) with which a host speaks TLS.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// use refpoint::client::Fingerprint;
    ///
    /// let pin = Fingerprint::of(hosts.certificate(0)?);
    /// assert_ne!(pin, Fingerprint::of(hosts.certificate(1)?), "each has its own");
    /// # Ok(())
    /// # }
    /// ```
    pub fn certificate(&self, index: usize) -> Result<&[u8], CertificateError> {
        self.tls(index).map(|tls| &*tls.der)
    }

    /// Looks at a host, or changes it; `now` is the time since the start, when all of them are thought to have
    /// been made.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Options, Scenario};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()).hosts(3))?;
    /// use refpoint::lab::Upset;
    ///
    /// // Between two steps of a test the host's service starts anew, and forgets its jobs.
    /// hosts.with_host(0, |host, now| host.upset(now, Upset::RestartService));
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_host<T>(&self, index: usize, look: impl FnOnce(&mut Host, Duration) -> T) -> T {
        let mut place = self.slots[index].host.lock().unwrap_or_else(PoisonError::into_inner);
        let host = place.get_or_insert_with(|| Box::new(Host::new(self.scenario.clone(), index)));
        look(host, self.clock.elapsed())
    }

    /// The same for what must not take the other hosts with it: nothing where the host panicked.
    pub(super) fn try_with_host<T>(
        &self,
        index: usize,
        look: impl FnOnce(&mut Host, Duration) -> T,
    ) -> Option<T> {
        let looked = catch_unwind(AssertUnwindSafe(|| self.with_host(index, look)));
        looked.inspect_err(|_| error!(host = index, "the simulated host panicked")).ok()
    }

    pub(super) fn next_connection(&self, index: usize) -> u64 {
        self.slots[index].connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Says whether nobody should listen at a host.
    pub(super) fn refuses_always(&self, index: usize) -> bool {
        self.rules.know(Moment::Connect) && self.rules.refuse_always(index, &self.name(index))
    }

    pub(super) fn skew(&self, index: usize) -> i64 {
        self.slots[index].skew.load(Ordering::Relaxed)
    }

    pub(super) fn set_skew(&self, index: usize, seconds: i64) {
        self.slots[index].skew.store(seconds, Ordering::Relaxed);
        self.with_host(index, |host, now| host.upset(now, Upset::ClockSkew(seconds)));
    }

    /// Returns what a host needs to speak TLS.
    pub(super) fn tls(&self, index: usize) -> Result<&Tls, CertificateError> {
        if let Some(given) = &self.certificate {
            return Ok(given);
        }
        let own = self.slots[index].tls.get_or_init(|| Box::new(self.make_tls(index)));
        own.as_ref().as_ref().map_err(Clone::clone)
    }

    fn make_tls(&self, index: usize) -> Result<Tls, CertificateError> {
        let name = self.name(index).to_lowercase();
        let full = format!("{name}.{}", self.scenario.host.dns_domain);
        let addresses = [IpAddr::V4(nth(self.first_address, index)), Ipv4Addr::LOCALHOST.into()];
        Certificate::generate(&[full, name, "localhost".to_owned()], &addresses)?
            .channel(!self.scenario.service.certificates.is_empty())
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("count", &self.count())
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}

/// Returns the address so many behind another.
pub(super) fn nth(first: Ipv4Addr, index: usize) -> Ipv4Addr {
    u32::try_from(index).map_or(first, |index| Ipv4Addr::from_bits(first.to_bits().wrapping_add(index)))
}

pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).ok()?;
    Some(bytes)
}

/// 20 characters of 32: letters that are not mistaken for each other, in groups that can be read out.
fn random_password() -> Result<Secret<String>, HostsError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = random::<20>().ok_or(HostsError::Random)?;
    let mut password = String::with_capacity(24);
    for (number, byte) in bytes.iter().enumerate() {
        if number > 0 && number % 5 == 0 {
            password.push('-');
        }
        password.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_password_is_another_at_each_start_unless_one_is_given() {
        let password = |options: Options| Hosts::new(options).unwrap().password().expose().clone();
        let of_start = || password(Options::new(Scenario::default()));
        let (first, second) = (of_start(), of_start());
        assert_ne!(first, second);
        assert!(first.len() == 23 && !first.contains(char::is_whitespace), "{first}");
        let given = Some(Secret::new("swordfish".to_owned()));
        assert_eq!(password(Options { password: given, ..Options::new(Scenario::default()) }), "swordfish");
        let scenario = Scenario::read("[[user]]\nname = 'x'\npassword = 'from the scenario'").unwrap();
        let refused = Hosts::new(Options::new(scenario)).unwrap_err();
        assert_eq!(refused, HostsError::Password { user: "x".to_owned() });
    }

    #[tokio::test]
    async fn a_host_that_panics_takes_nothing_with_it() {
        let hosts = Hosts::new(Options::new(Scenario::default()).hosts(2)).unwrap();
        for index in [0, 1, 0] {
            assert_eq!(hosts.try_with_host(index, |_, _| panic!("on purpose")), None::<()>);
            assert_eq!(hosts.name(index), format!("HV0{}", index + 1));
        }
    }

    #[test]
    fn addresses_follow_each_other_across_a_byte() {
        let first = Ipv4Addr::new(127, 1, 0, 1);
        assert_eq!(nth(first, 0), first);
        assert_eq!(nth(first, 254), Ipv4Addr::new(127, 1, 0, 255));
        assert_eq!(nth(first, 1999), Ipv4Addr::new(127, 1, 7, 208));
    }
}

//! Faults on purpose: what goes wrong, when, and how often.
//!
//! A rule is a `[[fault]]` table of the scenario:
//!
//! ```
//! use refpoint::lab::Scenario;
//!
//! let scenario = Scenario::read(r#"
//! [[fault]]
//! what = "lost-response"                  # carried out, and not a byte of the answer arrives
//! when = { host = "HV0*", operation = "Invoke", method = "Export*" }
//! times = 1                               # the first on each host
//! "#)?;
//! assert_eq!(scenario.faults.len(), 1);
//! # Ok::<(), refpoint::lab::ScenarioError>(())
//! ```
//!
//! Each rule counts for each host apart, so that what happens on one host does not depend on what another
//! was asked in the meantime, and the same scenario goes wrong in the same way each time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::asked::Asked;
use super::scenario::Busy;

/// One rule.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rule {
    /// What goes wrong.
    pub what: Fault,
    /// On which occasions.
    pub when: When,
    /// On how many of them.
    pub often: Often,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// `refuse-connect`: nobody listens, or, where the rule is about some connections only, the connection is
    /// closed as soon as it is made.
    RefuseConnect,
    /// `clock-skew`, `seconds`: from the connection on, the host's clock is wrong by so much.
    ClockSkew(i64),
    /// `cut`, `side = "request"`, `after_bytes`: the connection ends when so many bytes of the request have
    /// been read. It is not carried out.
    CutRequest(usize),
    /// `cut`, `after_bytes`: the request is carried out, and the connection ends after so many bytes of the
    /// answer, its head included.
    CutReply(usize),
    /// `stall`, `side = "request"`: the request is read, not carried out and never answered.
    StallRequest,
    /// `stall`, `after_bytes`: the request is carried out, and after so many bytes of the answer nothing
    /// comes any more.
    StallReply(usize),
    /// `lost-response`: the request is carried out, then the connection ends without a byte of the answer.
    LostResponse,
    /// `status`, `status`, `retry_after`: a bare HTTP status in clear. 401 comes with the offers and is the
    /// end of the login.
    Status {
        /// The status.
        status: u16,
        /// Seconds after which one should ask again.
        retry_after: Option<u32>,
    },
    /// `page`, `status`, `html`: what a proxy or a portal answers in the host's place.
    Page {
        /// The status, 200 mostly.
        status: u16,
        /// The page.
        html: String,
    },
    /// `redirect`, `location`, `status`.
    Redirect {
        /// 302 mostly.
        status: u16,
        /// Where to.
        location: String,
    },
    /// `quota`: a quota of WinRM's is used up; nothing is carried out.
    Quota,
    /// `busy`: the host refuses work for now; or, with `machine` and `status`, from now on something goes on
    /// with that machine, and the methods on it return that value.
    Busy(Option<BusyMachine>),
    /// `timed-out`: the fault that Windows sends when the operation took longer than it was granted.
    TimedOut,
    /// `access-denied`: as a fault.
    AccessDenied,
    /// `internal-error`: as a fault.
    InternalError,
    /// `slow`, `seconds`: the answer comes so much later.
    Slow(Duration),
    /// `vanish-jobs`: all jobs of the host are gone, before the request is looked at.
    VanishJobs,
    /// `restart-service`: the host's service starts anew, before the request is looked at.
    RestartService,
    /// `end-subscriptions`: all subscriptions of the host are gone, before the request is looked at.
    EndSubscriptions,
    /// `wrong-seal`: one bit of the sealed answer is not as it was sealed.
    WrongSeal,
    /// `oversized-reply`, `bytes`: the answer is blown up with white space to so many bytes.
    OversizedReply(usize),
}

/// A machine on which nothing can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusyMachine {
    /// Its name or GUID.
    pub machine: String,
    /// What methods on it return: 32775, since it is not in a state for them, or 32774, since somebody uses it.
    pub status: u16,
}

/// On which occasions a rule applies; what is not said may be anything. Names are patterns with `*` and `?`,
/// whose letter case does not count.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// The host: its name, or its number counted from 0.
    pub host: Option<HostPattern>,
    /// The user that logged in, `DOMAIN\user`.
    pub user: Option<String>,
    /// `Get`, `Enumerate`, `Pull`, `Invoke` …
    pub operation: Option<String>,
    /// The class of the resource, or of the query.
    pub class: Option<String>,
    /// The method that is invoked.
    pub method: Option<String>,
    /// The number of the connection to the host, counted from 1.
    pub connection: Option<u64>,
    /// The number of the HTTP request on its connection, counted from 1, legs of the login included.
    pub request: Option<u64>,
    /// Only so many seconds after the lab has started.
    pub after: f64,
    /// On legs of the login instead of operations.
    pub login: bool,
}

/// The name of a host as a pattern, or its number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum HostPattern {
    /// The number, counted from 0.
    Index(usize),
    /// The pattern.
    Name(String),
}

/// On how many occasions, of those that [`When`] lets through, something goes wrong. All of them, if nothing
/// is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Often {
    /// So many pass unharmed first.
    pub skip: u64,
    /// Then only each so-manieth.
    pub every: Option<u64>,
    /// Then only with this probability.
    pub probability: Option<f64>,
    /// What the dice are thrown with.
    pub seed: u64,
    /// And no more than so many in all.
    pub times: Option<u64>,
}

impl Rule {
    /// Makes a rule that always applies.
    pub fn new(what: Fault) -> Self {
        Self { what, when: When::default(), often: Often::default() }
    }

    /// Returns the same rule for some occasions only.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Returns the same rule for so many occasions.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.often.times = Some(times);
        self
    }

    fn moment(&self) -> Moment {
        match self.what {
            Fault::RefuseConnect | Fault::ClockSkew(_) => Moment::Connect,
            Fault::CutRequest(_) => Moment::Request,
            _ if self.when.login => Moment::Login,
            _ => Moment::Operation,
        }
    }

    /// Says what in the rule can never be.
    fn check(&self) -> Result<(), String> {
        let When { user, operation, class, method, request, connection, after, login, .. } = &self.when;
        let name = self.what.name();
        let asks = [("user", user), ("operation", operation), ("class", class), ("method", method)];
        let asked = asks.iter().find(|(_, pattern)| pattern.is_some()).map(|(key, _)| *key);
        let too_early = matches!(self.moment(), Moment::Connect | Moment::Request | Moment::Login);
        if let (true, Some(key)) = (too_early, asked) {
            return Err(format!("{name}: `{key}` is not known yet when this happens"));
        }
        if self.moment() == Moment::Connect && (request.is_some() || *login) {
            return Err(format!("{name}: there is no request yet when this happens"));
        }
        if *login && !self.what.suits_login() {
            return Err(format!("{name}: not on a leg of the login"));
        }
        if *connection == Some(0) || *request == Some(0) {
            return Err(format!("{name}: connections and requests are counted from 1"));
        }
        if !after.is_finite() || *after < 0.0 {
            return Err(format!("{name}: `after` is no time"));
        }
        if self.often.every == Some(0) {
            return Err(format!("{name}: `every` is counted from 1"));
        }
        match self.often.probability {
            Some(probability) if !(0.0..=1.0).contains(&probability) => {
                Err(format!("{name}: `probability` is between 0 and 1"))
            }
            _ => Ok(()),
        }
    }

    fn applies(&self, moment: Moment, occasion: &Occasion<'_>) -> bool {
        let When { host, user, operation, class, method, connection, request, after, login: _ } = &self.when;
        let matches = |pattern: &Option<String>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| text.is_some_and(|text| is_like(text, pattern)))
        };
        let asked = occasion.asked;
        moment == self.moment()
            && host.as_ref().is_none_or(|host| host.is(occasion.host, occasion.name))
            && connection.is_none_or(|number| number == occasion.connection)
            && request.is_none_or(|number| number == occasion.request)
            && occasion.elapsed >= Duration::from_secs_f64(*after)
            && matches(user, occasion.user)
            && matches(operation, asked.map(|asked| asked.operation))
            && matches(class, asked.map(|asked| &*asked.class))
            && matches(method, asked.and_then(|asked| asked.method.as_deref()))
            && (occasion.sealed || self.what != Fault::WrongSeal)
            && (occasion.user.is_some() || !self.what.is_refusal())
    }
}

impl Fault {
    /// What a scenario and the log call all of them.
    pub const NAMES: [&str; 19] = [
        "refuse-connect",
        "clock-skew",
        "cut",
        "stall",
        "lost-response",
        "status",
        "page",
        "redirect",
        "quota",
        "busy",
        "timed-out",
        "access-denied",
        "internal-error",
        "slow",
        "vanish-jobs",
        "restart-service",
        "end-subscriptions",
        "wrong-seal",
        "oversized-reply",
    ];

    /// Returns what a scenario and the log call it.
    pub fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::RefuseConnect => 0,
            Self::ClockSkew(_) => 1,
            Self::CutRequest(_) | Self::CutReply(_) => 2,
            Self::StallRequest | Self::StallReply(_) => 3,
            Self::LostResponse => 4,
            Self::Status { .. } => 5,
            Self::Page { .. } => 6,
            Self::Redirect { .. } => 7,
            Self::Quota => 8,
            Self::Busy(_) => 9,
            Self::TimedOut => 10,
            Self::AccessDenied => 11,
            Self::InternalError => 12,
            Self::Slow(_) => 13,
            Self::VanishJobs => 14,
            Self::RestartService => 15,
            Self::EndSubscriptions => 16,
            Self::WrongSeal => 17,
            Self::OversizedReply(_) => 18,
        }]
    }

    /// Says whether nothing else can happen to the request: it is not carried out, or its answer is lost.
    fn is_final(&self) -> bool {
        matches!(
            self,
            Self::RefuseConnect
                | Self::CutRequest(_)
                | Self::CutReply(_)
                | Self::StallRequest
                | Self::StallReply(_)
                | Self::LostResponse
                | Self::Status { .. }
                | Self::Page { .. }
                | Self::Redirect { .. }
        )
    }

    /// Says whether the host itself is to refuse, which it does to those who have logged in.
    fn is_refusal(&self) -> bool {
        use Fault::{AccessDenied, Busy, InternalError, Quota, TimedOut};
        matches!(self, Quota | Busy(None) | TimedOut | AccessDenied | InternalError)
    }

    fn suits_login(&self) -> bool {
        self.is_final() || matches!(self, Self::Slow(_))
    }
}

impl BusyMachine {
    /// Returns what then goes on with it, as the second entry of its `OperationalStatus` says: an export is
    /// somebody else's use of it, a merge a state of its own.
    pub(super) fn goings_on(&self) -> u16 {
        match self.status {
            IN_USE => Busy::Exporting.number(),
            _ => Busy::Merging.number(),
        }
    }
}

impl HostPattern {
    fn is(&self, index: usize, name: &str) -> bool {
        match self {
            Self::Index(wanted) => *wanted == index,
            Self::Name(pattern) => is_like(name, pattern),
        }
    }
}

impl Often {
    /// Says whether this occasion is one of those, and counts it.
    fn counts(&self, count: &mut Count, host: usize) -> bool {
        count.occasions += 1;
        let Some(number) = count.occasions.checked_sub(self.skip).filter(|number| *number > 0) else {
            return false;
        };
        let is_due = self.every.is_none_or(|every| number % every == 0)
            && self.probability.is_none_or(|probability| dice(self.seed, host, number) < probability)
            && self.times.is_none_or(|times| count.fired < times);
        count.fired += u64::from(is_due);
        is_due
    }
}

/// When rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A connection has been made.
    Connect,
    /// The first byte of a request has come.
    Request,
    /// A leg of a login has been read.
    Login,
    /// An operation has been read and opened.
    Operation,
}

/// What is known when rules are asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Occasion<'a> {
    pub(super) host: usize,
    pub(super) name: &'a str,
    pub(super) connection: u64,
    pub(super) request: u64,
    pub(super) elapsed: Duration,
    pub(super) user: Option<&'a str>,
    pub(super) asked: Option<&'a Asked>,
    pub(super) sealed: bool,
}

/// All rules, and how often each has been met.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    counts: Mutex<HashMap<(usize, usize), Count>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    occasions: u64,
    fired: u64,
}

impl Rules {
    pub(super) fn new(rules: &[Rule]) -> Self {
        Self { rules: rules.to_vec(), counts: Mutex::default() }
    }

    /// Says whether anything can ever go wrong at such moments.
    pub(super) fn know(&self, moment: Moment) -> bool {
        self.rules.iter().any(|rule| rule.moment() == moment)
    }

    /// Says whether every connection to a host is refused, now and later.
    pub(super) fn refuse_always(&self, host: usize, name: &str) -> bool {
        self.rules.iter().any(|rule| {
            let anything = When { host: rule.when.host.clone(), ..When::default() };
            rule.what == Fault::RefuseConnect
                && rule.often == Often::default()
                && rule.when == anything
                && rule.when.host.as_ref().is_none_or(|pattern| pattern.is(host, name))
        })
    }

    /// Returns what goes wrong now, in the order of the rules, and counts it. Behind what ends a request no
    /// other rule is asked: a fault that nobody can see has not happened.
    pub(super) fn fire(&self, moment: Moment, occasion: &Occasion<'_>) -> Vec<Fault> {
        let mut fired = Vec::new();
        if self.rules.is_empty() {
            return fired;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, rule) in self.rules.iter().enumerate() {
            if !rule.applies(moment, occasion) {
                continue;
            }
            let count = counts.entry((number, occasion.host)).or_default();
            if rule.often.counts(count, occasion.host) {
                fired.push(rule.what.clone());
                if rule.what.is_final() {
                    break;
                }
            }
        }
        fired
    }
}

/// Throws a die that gives the same for the same arguments: a number from 0 up to 1.
fn dice(seed: u64, host: usize, number: u64) -> f64 {
    let mut mixed = seed ^ (host as u64).rotate_left(32);
    for part in [number, 0] {
        mixed = mixed.wrapping_add(part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
    }
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

/// Says whether a text is like a pattern with `*` and `?`.
fn is_like(text: &str, pattern: &str) -> bool {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    let (text, pattern) = (lower(text), lower(pattern));
    let (mut at, mut seen, mut star) = (0, 0, None);
    while at < text.len() {
        match pattern.get(seen) {
            Some('*') => {
                star = Some((seen, at));
                seen += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => (at, seen) = (at + 1, seen + 1),
            // The last star takes one character more.
            _ => match &mut star {
                Some((place, start)) => {
                    *start += 1;
                    (at, seen) = (*start, *place + 1);
                }
                None => return false,
            },
        }
    }
    pattern[seen..].iter().all(|c| *c == '*')
}

/// A rule as it stands in the scenario: all keys in one table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    what: String,
    #[serde(default)]
    when: When,
    #[serde(default)]
    skip: u64,
    every: Option<u64>,
    probability: Option<f64>,
    #[serde(default)]
    seed: u64,
    times: Option<u64>,
    after_bytes: Option<usize>,
    side: Option<Side>,
    status: Option<u16>,
    retry_after: Option<u32>,
    location: Option<String>,
    html: Option<String>,
    machine: Option<String>,
    seconds: Option<f64>,
    bytes: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Side {
    Request,
    Reply,
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(mut written: Written) -> Result<Self, String> {
        let what = written.take_fault()?;
        if let Some(key) = written.left_over() {
            return Err(format!("{}: `{key}` means nothing here", what.name()));
        }
        let Written { when, skip, every, probability, seed, times, .. } = written;
        let rule = Self { what, when, often: Often { skip, every, probability, seed, times } };
        rule.check().map(|()| rule)
    }
}

impl Written {
    fn take_fault(&mut self) -> Result<Fault, String> {
        let side = |written: &mut Self| written.side.take().unwrap_or(Side::Reply);
        Ok(match self.what.as_str() {
            "refuse-connect" => Fault::RefuseConnect,
            "clock-skew" => Fault::ClockSkew(self.take_seconds()? as i64),
            "cut" => match side(self) {
                Side::Request => Fault::CutRequest(self.after_bytes.take().unwrap_or_default()),
                Side::Reply => Fault::CutReply(self.after_bytes.take().unwrap_or_default()),
            },
            "stall" => match side(self) {
                Side::Request => Fault::StallRequest,
                Side::Reply => Fault::StallReply(self.after_bytes.take().unwrap_or_default()),
            },
            "lost-response" => Fault::LostResponse,
            "status" => {
                Fault::Status { status: self.take_status(None)?, retry_after: self.retry_after.take() }
            }
            "page" => Fault::Page {
                status: self.take_status(Some(200))?,
                html: self.html.take().unwrap_or_else(|| PAGE.to_owned()),
            },
            "redirect" => Fault::Redirect {
                status: self.take_status(Some(302))?,
                location: self.location.take().ok_or("redirect: `location` is missing")?,
            },
            "quota" => Fault::Quota,
            "busy" => Fault::Busy(self.take_busy_machine()?),
            "timed-out" => Fault::TimedOut,
            "access-denied" => Fault::AccessDenied,
            "internal-error" => Fault::InternalError,
            "slow" => {
                let seconds = Duration::try_from_secs_f64(self.take_seconds()?);
                Fault::Slow(seconds.map_err(|_| "slow: `seconds` is no time")?)
            }
            "vanish-jobs" => Fault::VanishJobs,
            "restart-service" => Fault::RestartService,
            "end-subscriptions" => Fault::EndSubscriptions,
            "wrong-seal" => Fault::WrongSeal,
            "oversized-reply" => Fault::OversizedReply(self.bytes.take().unwrap_or(OVERSIZED)),
            other => return Err(format!("there is no fault {other:?}")),
        })
    }

    fn take_seconds(&mut self) -> Result<f64, String> {
        let seconds = self.seconds.take().filter(|seconds| seconds.is_finite());
        seconds.ok_or_else(|| format!("{}: `seconds` is missing", self.what))
    }

    fn take_status(&mut self, usual: Option<u16>) -> Result<u16, String> {
        let status = self.status.take().or(usual).filter(|status| (200..600).contains(status));
        status.ok_or_else(|| format!("{}: `status` has to be one of HTTP's, from 200 on", self.what))
    }

    fn take_busy_machine(&mut self) -> Result<Option<BusyMachine>, String> {
        match (self.machine.take(), self.status.take()) {
            (None, None) => Ok(None),
            (Some(machine), None) => Ok(Some(BusyMachine { machine, status: INVALID_STATE })),
            (Some(machine), Some(status @ (IN_USE | INVALID_STATE))) => {
                Ok(Some(BusyMachine { machine, status }))
            }
            (Some(_), Some(_)) => Err("busy: methods on a busy machine return 32774 or 32775".to_owned()),
            (None, Some(_)) => Err("busy: `status` is that of a `machine`".to_owned()),
        }
    }

    /// Returns a key that the fault had no use for.
    fn left_over(&self) -> Option<&'static str> {
        let keys = [
            ("after_bytes", self.after_bytes.is_some()),
            ("side", self.side.is_some()),
            ("status", self.status.is_some()),
            ("retry_after", self.retry_after.is_some()),
            ("location", self.location.is_some()),
            ("html", self.html.is_some()),
            ("machine", self.machine.is_some()),
            ("seconds", self.seconds.is_some()),
            ("bytes", self.bytes.is_some()),
        ];
        keys.into_iter().find(|(_, is_there)| *is_there).map(|(key, _)| key)
    }
}

/// "System is in use."
const IN_USE: u16 = 32774;
/// "The method could not be executed in the current state."
const INVALID_STATE: u16 = 32775;

/// One byte more than a client should ever be willing to read.
const OVERSIZED: usize = (64 << 20) + 1;

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\
    <body><h1>Please sign in to the guest network</h1></body></html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<Rule, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    /// Which of these occasions, counted from 1, a rule picks on a host.
    fn picked(rule: &Rule, host: usize, occasions: u64) -> Vec<u64> {
        let rules = Rules::new(std::slice::from_ref(rule));
        let user = Some("mia");
        let occasion =
            Occasion { host, name: "HV01", connection: 1, request: 1, user, ..Occasion::default() };
        let fires = |_: &u64| !rules.fire(rule.moment(), &occasion).is_empty();
        (1..=occasions).filter(fires).collect()
    }

    #[test]
    fn every_fault_has_a_name_that_scenarios_know_and_a_row_in_the_documentation() {
        let page = include_str!("../../docs/faults.md");
        let rows = page.lines().skip_while(|line| !line.starts_with("| `what`")).skip(2);
        let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
        let mut documented: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        documented.sort_unstable();
        documented.dedup();
        let mut names = Fault::NAMES.to_vec();
        names.sort_unstable();
        assert_eq!(names, documented);
        for name in names {
            match rule(&format!("what = '{name}'")) {
                Ok(rule) => assert_eq!(rule.what.name(), name),
                // One that needs more keys.
                Err(error) => assert!(error.starts_with(name), "{error}"),
            }
        }
    }

    #[test]
    fn a_rule_fires_exactly_as_often_as_it_says() {
        for (often, expected) in [
            ("", vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ("times = 1", vec![1]),
            ("times = 3", vec![1, 2, 3]),
            ("times = 0", vec![]),
            ("skip = 2\ntimes = 2", vec![3, 4]),
            ("every = 3", vec![3, 6, 9]),
            ("every = 3\ntimes = 2", vec![3, 6]),
            ("skip = 1\nevery = 4", vec![5, 9]),
            ("probability = 0.0", vec![]),
            ("probability = 1.0\ntimes = 2", vec![1, 2]),
        ] {
            let rule = rule(&format!("what = 'quota'\n{often}")).unwrap();
            assert_eq!(picked(&rule, 0, 10), expected, "{often}");
        }
    }

    #[test]
    fn a_probability_is_met_and_the_same_dice_fall_the_same_way() {
        let half = rule("what = 'quota'\nprobability = 0.5\nseed = 7").unwrap();
        let first = picked(&half, 0, 1000);
        assert!((450..550).contains(&first.len()), "{}", first.len());
        assert_eq!(picked(&half, 0, 1000), first);
        assert_ne!(picked(&half, 1, 1000), first, "another host has its own dice");
        let other = rule("what = 'quota'\nprobability = 0.5\nseed = 8").unwrap();
        assert_ne!(picked(&other, 0, 1000), first);
    }

    #[test]
    fn each_host_is_counted_apart() {
        let rules = Rules::new(&[Rule::new(Fault::Quota).times(1)]);
        let on = |host| Occasion { host, name: "HV", user: Some("mia"), ..Occasion::default() };
        let fired = [0, 1, 0, 1, 1].map(|host| rules.fire(Moment::Operation, &on(host)).len());
        assert_eq!(fired, [1, 1, 0, 0, 0]);
    }

    #[test]
    fn a_rule_applies_to_the_occasions_it_names_and_to_no_other() {
        let asked = Asked {
            operation: "Invoke",
            class: "Msvm_VirtualSystemReferencePointService".to_owned(),
            method: Some("ExportReferencePoint".to_owned()),
            ..Asked::default()
        };
        let occasion = Occasion {
            host: 2,
            name: "HV03",
            connection: 4,
            request: 5,
            elapsed: Duration::from_secs(60),
            user: Some(r"LAB\operator"),
            asked: Some(&asked),
            sealed: true,
        };
        for (when, applies) in [
            ("", true),
            ("host = 'HV03'", true),
            ("host = 'hv0*'", true),
            ("host = 'HV1?'", false),
            ("host = 2", true),
            ("host = 3", false),
            (r"user = 'lab\*'", true),
            (r"user = 'operator'", false),
            ("operation = 'Invoke'", true),
            ("operation = 'Get'", false),
            ("class = 'Msvm_*Service'", true),
            ("class = 'Msvm_ComputerSystem'", false),
            ("method = 'Export*Point'", true),
            ("method = 'Export'", false),
            ("connection = 4, request = 5", true),
            ("connection = 4, request = 6", false),
            ("connection = 5", false),
            ("after = 60", true),
            ("after = 60.5", false),
            ("login = true", false),
        ] {
            let rule = rule(&format!("what = 'lost-response'\nwhen = {{ {when} }}")).unwrap();
            assert_eq!(rule.applies(Moment::Operation, &occasion), applies, "{when}");
        }
    }

    #[test]
    fn what_ends_a_request_hides_the_rules_behind_it_and_leaves_them_their_turn() {
        let rules = Rules::new(&[
            Rule::new(Fault::Slow(Duration::from_secs(1))),
            Rule::new(Fault::LostResponse).times(1),
            Rule::new(Fault::WrongSeal).times(1),
        ]);
        let occasion = Occasion { sealed: true, ..Occasion::default() };
        let names = || {
            let fired = rules.fire(Moment::Operation, &occasion);
            fired.iter().map(Fault::name).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["slow", "lost-response"]);
        assert_eq!(names(), ["slow", "wrong-seal"]);
        assert_eq!(names(), ["slow"]);
    }

    #[test]
    fn a_seal_that_is_not_there_cannot_be_wrong_and_is_not_counted() {
        let rules = Rules::new(&[Rule::new(Fault::WrongSeal).times(1)]);
        let open = Occasion::default();
        assert_eq!(rules.fire(Moment::Operation, &open), []);
        assert_eq!(rules.fire(Moment::Operation, &Occasion { sealed: true, ..open }), [Fault::WrongSeal]);
    }

    #[test]
    fn every_fault_is_read_as_it_is_meant() {
        for (text, expected) in [
            ("what = 'refuse-connect'", Fault::RefuseConnect),
            ("what = 'clock-skew'\nseconds = -400", Fault::ClockSkew(-400)),
            ("what = 'cut'\nafter_bytes = 10", Fault::CutReply(10)),
            ("what = 'cut'\nside = 'request'\nafter_bytes = 10", Fault::CutRequest(10)),
            ("what = 'stall'", Fault::StallReply(0)),
            ("what = 'stall'\nside = 'request'", Fault::StallRequest),
            ("what = 'lost-response'", Fault::LostResponse),
            ("what = 'status'\nstatus = 401", Fault::Status { status: 401, retry_after: None }),
            (
                "what = 'status'\nstatus = 503\nretry_after = 5",
                Fault::Status { status: 503, retry_after: Some(5) },
            ),
            ("what = 'page'\nhtml = 'no'", Fault::Page { status: 200, html: "no".to_owned() }),
            (
                "what = 'redirect'\nlocation = 'https://x/'",
                Fault::Redirect { status: 302, location: "https://x/".to_owned() },
            ),
            ("what = 'quota'", Fault::Quota),
            ("what = 'busy'", Fault::Busy(None)),
            (
                "what = 'busy'\nmachine = 'web01'",
                Fault::Busy(Some(BusyMachine { machine: "web01".to_owned(), status: 32775 })),
            ),
            ("what = 'timed-out'", Fault::TimedOut),
            ("what = 'access-denied'", Fault::AccessDenied),
            ("what = 'internal-error'", Fault::InternalError),
            ("what = 'slow'\nseconds = 1.5", Fault::Slow(Duration::from_millis(1500))),
            ("what = 'vanish-jobs'", Fault::VanishJobs),
            ("what = 'restart-service'", Fault::RestartService),
            ("what = 'end-subscriptions'", Fault::EndSubscriptions),
            ("what = 'wrong-seal'", Fault::WrongSeal),
            ("what = 'oversized-reply'\nbytes = 5", Fault::OversizedReply(5)),
        ] {
            assert_eq!(rule(text).unwrap(), Rule::new(expected), "{text}");
        }
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_in_words() {
        for (text, reason) in [
            ("what = 'flood'", "there is no fault \"flood\""),
            ("what = 'quota'\nstatus = 503", "quota: `status` means nothing here"),
            ("what = 'status'", "status: `status` has to be one of HTTP's, from 200 on"),
            ("what = 'status'\nstatus = 99", "status: `status` has to be one of HTTP's, from 200 on"),
            ("what = 'redirect'", "redirect: `location` is missing"),
            ("what = 'slow'", "slow: `seconds` is missing"),
            ("what = 'slow'\nseconds = -1.0", "slow: `seconds` is no time"),
            ("what = 'busy'\nstatus = 32775", "busy: `status` is that of a `machine`"),
            (
                "what = 'busy'\nmachine = 'web01'\nstatus = 32773",
                "busy: methods on a busy machine return 32774 or 32775",
            ),
            (
                "what = 'refuse-connect'\nwhen = { operation = 'Get' }",
                "refuse-connect: `operation` is not known yet when this happens",
            ),
            (
                "what = 'cut'\nside = 'request'\nwhen = { method = 'X' }",
                "cut: `method` is not known yet when this happens",
            ),
            (
                "what = 'clock-skew'\nseconds = 1\nwhen = { request = 1 }",
                "clock-skew: there is no request yet when this happens",
            ),
            ("what = 'quota'\nwhen = { login = true }", "quota: not on a leg of the login"),
            ("what = 'quota'\nevery = 0", "quota: `every` is counted from 1"),
            ("what = 'quota'\nprobability = 1.5", "quota: `probability` is between 0 and 1"),
            (
                "what = 'quota'\nwhen = { connection = 0 }",
                "quota: connections and requests are counted from 1",
            ),
            ("what = 'quota'\nwhen = { after = -1.0 }", "quota: `after` is no time"),
        ] {
            assert_eq!(rule(text), Err(reason.to_owned()), "{text}");
        }
        assert!(rule("what = 'quota'\nwehn = {}").unwrap_err().contains("unknown field `wehn`"));
        assert!(rule("what = 'quota'\nwhen = { hots = 1 }").unwrap_err().contains("unknown field `hots`"));
    }

    #[test]
    fn a_pattern_takes_any_characters_for_its_stars() {
        for (text, pattern, expected) in [
            ("HV01", "hv01", true),
            ("HV01", "*", true),
            ("", "*", true),
            ("", "?", false),
            ("HV01", "H*1", true),
            ("HV01", "H*2", false),
            ("aXbXc", "a*X?", true),
            ("HV011", "HV0?", false),
            ("HV01", "HV01*", true),
            ("abab", "*ab", true),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} {pattern}");
        }
    }
}

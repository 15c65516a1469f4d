//! Subscriptions that are open: what has happened on the host since their clients last asked.
//!
//! WMI looks at the objects of a class every so often (`WITHIN`) and calls what differs an event; so does this.
//! Nobody looks while nobody asks anything: what came and went in between has not been seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::cim::{DateTime, Instance, Name, Scalar, Value};
use crate::wsman::Item;

use super::lexicon::lexicon;
use super::refusal::Refusal;
use super::site::Site;
use super::store::Row;
use super::world::World;
use super::wql::{Condition, Select};

/// More objects are not watched.
const MOST_WATCHED: usize = 10_000;
/// More events are not kept for a client that does not come for them: then the subscription is over.
const MOST_WAITING: usize = 1_000;
/// How long a subscription lives that says nothing of it.
const LIFE: Duration = Duration::from_secs(600);
/// And the longest.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// However often a client wants it looked: a host has more to do.
const SHORTEST_WITHIN: Duration = Duration::from_millis(100);

/// A subscription that is open.
pub(super) struct Subscription {
    /// Whose it is.
    pub(super) user: String,
    /// The namespace it was made in.
    pub(super) namespace: Name,
    /// The name by which it is ended.
    pub(super) identifier: String,
    /// When it is dropped, unless somebody prolongs it before.
    pub(super) expires: Duration,
    select: Select,
    /// The class whose objects are watched.
    class: String,
    within: Duration,
    heartbeat: Option<Duration>,
    known: BTreeMap<String, Instance>,
    looked: Duration,
    waiting: VecDeque<Instance>,
    /// Since when each request that waits does so, by its identifier.
    pulls: Vec<(String, Duration)>,
    is_overrun: bool,
}

/// What a pull brings at a moment.
pub(super) enum Pulled {
    /// Events; none are the sign that the host is still there.
    Events(Vec<Item>),
    /// Nothing yet: it is worth asking again after so long.
    Nothing(Duration),
    /// Nothing in the time that the request allows.
    TimedOut,
}

impl Subscription {
    /// Makes the subscription that a query means; `identifier` is new.
    pub(super) fn new(
        user: &str,
        namespace: &str,
        select: Select,
        identifier: String,
    ) -> Result<Self, Refusal> {
        let kinds = ["__InstanceCreationEvent", "__InstanceDeletionEvent", "__InstanceModificationEvent"];
        let is_event = |class: &str| {
            class.eq_ignore_ascii_case("__InstanceOperationEvent")
                || kinds.iter().any(|kind| class.eq_ignore_ascii_case(kind))
        };
        if !is_event(&select.class) || !select.properties.is_empty() {
            return Err(Refusal::InvalidQuery);
        }
        let within = select.within.ok_or(Refusal::InvalidQuery)?;
        let class = select.condition.as_ref().and_then(watched).ok_or(Refusal::InvalidQuery)?.to_owned();
        Ok(Self {
            user: user.to_owned(),
            namespace: namespace.into(),
            identifier,
            expires: Duration::MAX,
            select,
            class,
            within: within.max(SHORTEST_WITHIN),
            heartbeat: None,
            known: BTreeMap::new(),
            looked: Duration::ZERO,
            waiting: VecDeque::new(),
            pulls: Vec::new(),
            is_overrun: false,
        })
    }

    /// Returns the class whose objects are watched.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    /// Checks that the condition asks for what the class has.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let is_known = |property: &str| {
            let inner = property.split_once('.').filter(|(outer, _)| {
                ["TargetInstance", "PreviousInstance"].iter().any(|known| outer.eq_ignore_ascii_case(known))
            });
            match inner {
                Some((_, name)) => {
                    name.eq_ignore_ascii_case("__CLASS") || lexicon().property(&self.class, name).is_some()
                }
                None => property.eq_ignore_ascii_case("TargetInstance"),
            }
        };
        match self.select.condition.iter().flat_map(Condition::properties).all(is_known) {
            true => Ok(()),
            false => Err(Refusal::InvalidQuery),
        }
    }

    /// Begins to watch: what stands there now is no event.
    pub(super) fn begin(
        &mut self,
        world: &World,
        site: Site<'_>,
        sees: &dyn Fn(Row) -> bool,
        life: Option<Duration>,
        heartbeat: Option<Duration>,
    ) -> Result<Duration, Refusal> {
        self.known = self.snapshot(world, site, sees).ok_or(Refusal::Quota)?;
        self.looked = site.now;
        self.heartbeat = heartbeat.filter(|every| !every.is_zero());
        Ok(self.prolong(site.now, life))
    }

    /// Prolongs it; returns for how long.
    pub(super) fn prolong(&mut self, now: Duration, life: Option<Duration>) -> Duration {
        let life = life.unwrap_or(LIFE).min(LONGEST_LIFE);
        self.expires = now + life;
        life
    }

    /// Looks what has happened, if it is time to.
    pub(super) fn look(&mut self, world: &World, site: Site<'_>, sees: &dyn Fn(Row) -> bool) {
        if site.now < self.looked + self.within || self.is_overrun {
            return;
        }
        self.looked = site.now;
        let Some(now) = self.snapshot(world, site, sees) else {
            self.is_overrun = true;
            return;
        };
        let before = std::mem::take(&mut self.known);
        for (path, instance) in &now {
            match before.get(path) {
                None => self.add("__InstanceCreationEvent", None, instance, site),
                Some(earlier) if earlier != instance => {
                    self.add("__InstanceModificationEvent", Some(earlier), instance, site);
                }
                Some(_) => {}
            }
        }
        for instance in before.iter().filter(|(path, _)| !now.contains_key(*path)).map(|(_, gone)| gone) {
            self.add("__InstanceDeletionEvent", None, instance, site);
        }
        self.known = now;
    }

    /// Returns whether more has happened than could be kept.
    pub(super) fn is_overrun(&self) -> bool {
        self.is_overrun
    }

    /// Answers a pull, or says when to ask again. `patience` is how long the request may take.
    pub(super) fn pull(&mut self, id: &str, now: Duration, patience: Duration, most: usize) -> Pulled {
        self.pulls.retain(|(_, since)| *since + LONGEST_LIFE > now);
        let since = match self.pulls.iter().find(|(known, _)| known == id) {
            Some((_, since)) => *since,
            None => {
                self.pulls.push((id.to_owned(), now));
                now
            }
        };
        let heartbeat = self.heartbeat.map(|every| since + every);
        let end = since + patience;
        let due = |moment: Duration| moment <= now;
        let answer = if !self.waiting.is_empty() {
            let count = self.waiting.len().min(most);
            Pulled::Events(self.waiting.drain(..count).map(Item::Object).collect())
        } else if heartbeat.is_some_and(due) && heartbeat < Some(end) {
            Pulled::Events(Vec::new())
        } else if due(end) {
            Pulled::TimedOut
        } else {
            let next = [Some(self.looked + self.within), heartbeat, Some(end)];
            let next = next.into_iter().flatten().filter(|moment| *moment > now).min();
            return Pulled::Nothing(next.map_or(SHORTEST_WITHIN, |moment| moment - now));
        };
        self.pulls.retain(|(known, _)| known != id);
        answer
    }

    /// Returns what stands there, by its paths; none where it is too much.
    fn snapshot(
        &self,
        world: &World,
        site: Site<'_>,
        sees: &dyn Fn(Row) -> bool,
    ) -> Option<BTreeMap<String, Instance>> {
        let mut found = BTreeMap::new();
        for row in world.rows_of(&self.class, true, site).into_iter().flatten().filter(|row| sees(*row)) {
            if found.len() == MOST_WATCHED {
                return None;
            }
            if let Some(instance) = world.render(row, site) {
                found.insert(world.path_of(&instance).to_string(), instance);
            }
        }
        Some(found)
    }

    fn add(&mut self, kind: &str, earlier: Option<&Instance>, now: &Instance, site: Site<'_>) {
        let is_wanted = self.select.class.eq_ignore_ascii_case(kind)
            || self.select.class.eq_ignore_ascii_case("__InstanceOperationEvent");
        if !is_wanted {
            return;
        }
        let object = |instance: &Instance| Value::One(Scalar::Object(Box::new(instance.clone())));
        let mut event = Instance::new(kind);
        event.namespace = Some(self.namespace.clone());
        if let Some(earlier) = earlier {
            event.set("PreviousInstance", object(earlier));
        }
        event.set("SECURITY_DESCRIPTOR", Value::Null);
        event.set("TIME_CREATED", file_time(site));
        event.set("TargetInstance", object(now));
        if self.select.condition.as_ref().and_then(|one| one.holds(&event, lexicon())) != Some(true) {
            return;
        }
        if self.waiting.len() == MOST_WAITING {
            self.is_overrun = true;
            return;
        }
        self.waiting.push_back(event);
    }
}

/// Returns the class that `TargetInstance ISA` names, where it is one of several conditions that all have to
/// hold.
fn watched(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::And(parts) => parts.iter().find_map(watched),
        Condition::Isa { property, class } if property.eq_ignore_ascii_case("TargetInstance") => Some(class),
        _ => None,
    }
}

/// Returns what the host's clock shows, in steps of 100 ns since 1601.
fn file_time(site: Site<'_>) -> u64 {
    let DateTime::Absolute(time) = site.time(site.now) else { return 0 };
    let since_1601 = time.unix_seconds().saturating_add(11_644_473_600);
    u64::try_from(since_1601).unwrap_or_default().saturating_mul(10_000_000)
}

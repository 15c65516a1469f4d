//! Polling: what differs between two looks at the objects of a class.

use std::collections::{BTreeMap, BTreeSet};

use refpoint::cim::{Instance, Scalar, Value};
use refpoint::client::{Enumerate, Error as SessionError, Session};

use super::query::{Event, Polled};
use crate::cli::schema::Schema;

/// The objects of a class, as they were when they were last looked at.
pub(super) struct Polling {
    polled: Polled,
    namespace: String,
    schema: Schema,
    keys: Vec<String>,
    known: Option<Seen>,
}

/// What one look has seen.
struct Seen {
    objects: BTreeMap<String, Instance>,
    /// Those for which the condition holds; all without one.
    matching: Option<BTreeSet<String>>,
}

/// Why a look has failed.
pub(super) enum Failure {
    Session(SessionError),
    /// More objects than are held in memory.
    TooMany,
    /// An object that cannot be told from others.
    NoKeys(String),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl Polling {
    /// Makes it; `keys` are those by which objects are known again.
    pub(super) fn new(polled: Polled, namespace: &str, schema: Schema, keys: Vec<String>) -> Self {
        Self { polled, namespace: namespace.to_owned(), schema, keys, known: None }
    }

    /// Looks; returns what has happened since the last look, which is nothing at the first.
    pub(super) async fn look(&mut self, session: &mut Session, now: u64) -> Result<Vec<Instance>, Failure> {
        let objects = self.snapshot(session).await?;
        let matching = match &self.polled.condition {
            None => None,
            Some(condition) => {
                let query = format!("SELECT * FROM {} WHERE {condition}", self.polled.class);
                Some(self.identities(session, &query).await?)
            }
        };
        let seen = Seen { objects, matching };
        let events = self.known.as_ref().map(|before| self.compare(before, &seen, now));
        self.known = Some(seen);
        Ok(events.unwrap_or_default())
    }

    fn compare(&self, before: &Seen, now: &Seen, at: u64) -> Vec<Instance> {
        let matches = |seen: &Seen, id: &str| seen.matching.as_ref().is_none_or(|some| some.contains(id));
        let mut events = Vec::new();
        for (id, object) in &now.objects {
            let (kind, earlier) = match before.objects.get(id) {
                None => (Event::Creation, None),
                Some(earlier) if earlier != object => (Event::Modification, Some(earlier)),
                Some(_) => continue,
            };
            if self.polled.event.wants(kind) && matches(now, id) {
                events.push(self.event(kind, earlier, object, at));
            }
        }
        for (id, object) in &before.objects {
            let is_gone = !now.objects.contains_key(id);
            if is_gone && self.polled.event.wants(Event::Deletion) && matches(before, id) {
                events.push(self.event(Event::Deletion, None, object, at));
            }
        }
        events
    }

    /// Returns an event in the shape in which hosts send them.
    fn event(&self, kind: Event, earlier: Option<&Instance>, object: &Instance, at: u64) -> Instance {
        let held = |object: &Instance| Value::One(Scalar::Object(Box::new(object.clone())));
        let mut event = Instance::new(kind.class());
        event.namespace = Some(self.namespace.as_str().into());
        if let Some(earlier) = earlier {
            event.set("PreviousInstance", held(earlier));
        }
        event.set("TIME_CREATED", at);
        event.set("TargetInstance", held(object));
        event
    }

    async fn snapshot(&self, session: &mut Session) -> Result<BTreeMap<String, Instance>, Failure> {
        let class = refpoint::cim::ObjectPath::new(self.namespace.as_str(), self.polled.class.as_str());
        let mut found = session.list(Enumerate::new(class));
        let mut objects = BTreeMap::new();
        while let Some(object) = found.next_instance().await {
            let object = self.schema.typed(object?);
            if objects.len() == MOST {
                return Err(Failure::TooMany);
            }
            objects.insert(self.identity(&object)?, object);
        }
        Ok(objects)
    }

    async fn identities(&self, session: &mut Session, query: &str) -> Result<BTreeSet<String>, Failure> {
        let mut found = session.list(Enumerate::query(&self.namespace, query));
        let mut identities = BTreeSet::new();
        while let Some(object) = found.next_instance().await {
            identities.insert(self.identity(&self.schema.typed(object?))?);
        }
        Ok(identities)
    }

    /// Returns what an object is known by: its class and its keys.
    fn identity(&self, object: &Instance) -> Result<String, Failure> {
        let mut identity = object.class.to_ascii_lowercase();
        for key in &self.keys {
            let value = object.value(key).and_then(Value::as_scalar);
            let text = match value {
                Some(Scalar::Reference(path)) => Some(path.to_string().into()),
                other => other.and_then(Scalar::to_text),
            };
            let text = text.ok_or_else(|| Failure::NoKeys(format!("{} has no {key}", object.class)))?;
            identity.push('\n');
            identity.push_str(&text);
        }
        Ok(identity)
    }
}

/// More objects are not compared.
const MOST: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn polling(query: &str) -> Polling {
        let polled = super::super::query::read(query).unwrap();
        Polling::new(polled, "root/x", Schema::bundled(), vec!["Id".to_owned()])
    }

    fn seen(polling: &Polling, objects: &[(&str, u32)], matching: Option<&[&str]>) -> Seen {
        let object = |(id, state): &(&str, u32)| Instance::new("X").with("Id", *id).with("State", *state);
        let id = |id: &&str| format!("x\n{id}");
        Seen {
            objects: objects
                .iter()
                .map(object)
                .map(|object| (polling.identity(&object).unwrap_or_default(), object))
                .collect(),
            matching: matching.map(|ids| ids.iter().map(id).collect()),
        }
    }

    fn told(events: &[Instance]) -> Vec<String> {
        let one = |event: &Instance| {
            let Some(Scalar::Object(target)) = event.value("TargetInstance").and_then(Value::as_scalar)
            else {
                panic!()
            };
            let kind = event.class.trim_start_matches("__Instance").trim_end_matches("Event");
            format!("{kind} {}={}", target.text("Id").unwrap(), target.number("State").unwrap())
        };
        events.iter().map(one).collect()
    }

    #[test]
    fn what_is_new_what_differs_and_what_is_gone_are_told_apart() {
        let polling = polling("SELECT * FROM X");
        let before = seen(&polling, &[("a", 1), ("b", 1), ("c", 1)], None);
        let now = seen(&polling, &[("a", 1), ("b", 2), ("d", 1)], None);
        assert_eq!(
            told(&polling.compare(&before, &now, 0)),
            ["Modification b=2", "Creation d=1", "Deletion c=1"]
        );
        assert!(polling.compare(&now, &now, 0).is_empty());
    }

    #[test]
    fn a_condition_is_about_what_an_object_has_become_or_was_at_its_end() {
        let query = "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'X' AND TargetInstance.State = 2";
        let polling = polling(query);
        let before = seen(&polling, &[("a", 1), ("b", 2), ("c", 2), ("d", 1)], Some(&["b", "c"]));
        let now = seen(&polling, &[("a", 2), ("b", 3)], Some(&["a"]));
        assert_eq!(told(&polling.compare(&before, &now, 0)), ["Modification a=2", "Deletion c=2"]);
    }

    #[test]
    fn an_object_without_its_keys_is_no_other_one() {
        let polling = polling("SELECT * FROM X");
        assert!(matches!(polling.identity(&Instance::new("X")), Err(Failure::NoKeys(_))));
    }
}

//! Which points are kept and which are let go, and why: a decision without a host and without a ledger.

use std::time::{Duration, SystemTime};

use crate::ledger::Point;

/// How long points are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// So many of the newest are.
    pub keep_last: usize,
    /// All are that were made, or adopted, so long ago or later.
    pub keep_for: Duration,
}

/// What depends on points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The newest export and the newest backup that the next may be relative to.
    pub newest: Vec<Link>,
    /// Whatever is under way: it has no recorded end, or a job of the host says that it is at work on it.
    pub under_way: Vec<Link>,
}

/// Something that has been made of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is, for people: `export to D:\exports\web01`.
    pub what: String,
    /// The point that it is of, or that it has left.
    pub point: Option<String>,
    /// The point that it is relative to.
    pub base: Option<String>,
}

/// What becomes of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It may go.
    LetGo,
}

impl Fate {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::LetGo => "let-go",
        }
    }
}

/// Decides what becomes of points that are ours, and says why. They are those of one machine or group, in whatever
/// order; they come back newest first.
///
/// What the next export or backup is relative to is kept whatever the policy says, and so is what the newest was
/// relative to, and whatever is in use. Without a point that is kept for one of these reasons the newest is kept: a
/// chain is never let go as a whole by getting old.
pub fn retain(
    points: Vec<Point>,
    chain: &Chain,
    policy: &Policy,
    now: SystemTime,
) -> Vec<(Point, Fate, String)> {
    let mut points = points;
    points.sort_by(|one, other| other.made_at.cmp(&one.made_at).then_with(|| one.id.cmp(&other.id)));
    let mut decided: Vec<(Point, Fate, String)> = Vec::with_capacity(points.len());
    for (place, point) in points.into_iter().enumerate() {
        let (fate, why) = match reason(&point, place, chain, policy, now) {
            Some(why) => (Fate::Keep, why),
            None => (Fate::LetGo, let_go(place, policy)),
        };
        decided.push((point, fate, why));
    }
    decided
}

/// Returns why a point is kept; the strongest reason there is.
fn reason(point: &Point, place: usize, chain: &Chain, policy: &Policy, now: SystemTime) -> Option<String> {
    if let Some(why) = need(&point.id, chain) {
        return Some(why);
    }
    if place == 0 && chain.newest.is_empty() {
        return Some("the newest, and nothing made of it has ended well".to_owned());
    }
    if place < policy.keep_last {
        return Some(match place {
            0 => "the newest".to_owned(),
            place => format!("number {} of the newest {}", place + 1, policy.keep_last),
        });
    }
    // A clock that was set back makes points of the future, which are certainly not old.
    let age = now.duration_since(point.made_at).unwrap_or_default();
    (!policy.keep_for.is_zero() && age <= policy.keep_for).then(|| format!("{} old", days(age)))
}

/// Returns why a point is needed, whatever the policy.
pub(super) fn need(id: &str, chain: &Chain) -> Option<String> {
    let is_it = |other: &Option<String>| other.as_deref().is_some_and(|other| is_same(other, id));
    if let Some(link) = chain.under_way.iter().find(|link| is_it(&link.point) || is_it(&link.base)) {
        return Some(format!("in use: {}", link.what));
    }
    if let Some(link) = chain.newest.iter().find(|link| is_it(&link.point)) {
        return Some(format!("what the next is relative to: {}", link.what));
    }
    if let Some(link) = chain.newest.iter().find(|link| is_it(&link.base)) {
        return Some(format!("base of the newest: {}", link.what));
    }
    None
}

fn let_go(place: usize, policy: &Policy) -> String {
    let mut why = format!("number {} of the newest", place + 1);
    if !policy.keep_for.is_zero() {
        why.push_str(&format!(", and older than {}", days(policy.keep_for)));
    }
    why
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn days(time: Duration) -> String {
    match time.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Kind, Origin, Subject};

    const DAY: Duration = Duration::from_secs(86_400);

    fn point(id: &str, day: u32) -> Point {
        Point {
            id: id.to_owned(),
            host: "HV01".to_owned(),
            subject: Subject { kind: Kind::Vm, id: "VM".to_owned(), name: "web01".to_owned() },
            point_type: Some(2),
            consistency: Some(1),
            disks: Vec::new(),
            origin: Origin::Made,
            made_at: UNIX_EPOCH + DAY * day,
            gone_at: None,
        }
    }

    fn link(point: Option<&str>, base: Option<&str>) -> Link {
        Link { what: "backup".to_owned(), point: point.map(str::to_owned), base: base.map(str::to_owned) }
    }

    fn kept(points: &[(&str, u32)], chain: &Chain, policy: Policy, today: u32) -> Vec<String> {
        let points = points.iter().map(|(id, day)| point(id, *day)).collect();
        let decided = retain(points, chain, &policy, UNIX_EPOCH + DAY * today);
        decided.into_iter().filter(|(_, fate, _)| *fate == Fate::Keep).map(|(point, ..)| point.id).collect()
    }

    #[test]
    fn number_and_age_each_keep_what_the_other_would_let_go() {
        let points = [("a", 1), ("b", 2), ("c", 3), ("d", 4)];
        let chain = Chain { newest: vec![link(Some("d"), None)], under_way: Vec::new() };
        let policy = |keep_last, days: u32| Policy { keep_last, keep_for: DAY * days };
        assert_eq!(kept(&points, &chain, policy(2, 0), 10), ["d", "c"]);
        assert_eq!(kept(&points, &chain, policy(0, 8), 10), ["d", "c", "b"]);
        assert_eq!(kept(&points, &chain, policy(3, 6), 10), ["d", "c", "b"]);
        assert_eq!(kept(&points, &chain, policy(0, 1), 10), ["d"]);
    }

    #[test]
    fn what_the_next_is_relative_to_its_base_and_what_is_in_use_are_kept_and_told() {
        let points = [("A", 1), ("B", 2), ("C", 3), ("D", 4), ("E", 5)];
        let chain =
            Chain { newest: vec![link(Some("c"), Some("b"))], under_way: vec![link(Some("x"), Some("a"))] };
        let all = points.iter().map(|(id, day)| point(id, *day)).collect();
        let decided = retain(all, &chain, &Policy::default(), UNIX_EPOCH + DAY * 900);
        let told: Vec<_> =
            decided.iter().map(|(point, fate, why)| (&*point.id, fate.name(), &**why)).collect();
        assert_eq!(
            told,
            [
                ("E", "let-go", "number 1 of the newest"),
                ("D", "let-go", "number 2 of the newest"),
                ("C", "keep", "what the next is relative to: backup"),
                ("B", "keep", "base of the newest: backup"),
                ("A", "keep", "in use: backup"),
            ]
        );
    }

    #[test]
    fn the_newest_stays_where_nothing_has_ended_well_yet() {
        assert_eq!(kept(&[("a", 1), ("b", 2)], &Chain::default(), Policy::default(), 99), ["b"]);
        assert!(kept(&[], &Chain::default(), Policy::default(), 99).is_empty());
    }

    fn chains() -> impl Strategy<Value = Chain> {
        let id = || proptest::option::of((0_u32..12).prop_map(|number| format!("p{number}")));
        let links = || {
            let link = (id(), id()).prop_map(|(point, base)| Link { what: "x".to_owned(), point, base });
            proptest::collection::vec(link, 0..3)
        };
        (links(), links()).prop_map(|(newest, under_way)| Chain { newest, under_way })
    }

    proptest! {
        #[test]
        fn whatever_the_policy_nothing_that_is_needed_is_let_go(
            days in proptest::collection::vec(0_u32..40, 0..12),
            chain in chains(),
            keep_last in 0_usize..6,
            keep_days in 0_u32..30,
            today in 0_u32..60,
        ) {
            let points: Vec<_> =
                days.iter().enumerate().map(|(number, day)| point(&format!("P{number}"), *day)).collect();
            let policy = Policy { keep_last, keep_for: DAY * keep_days };
            let now = UNIX_EPOCH + DAY * today;
            let decided = retain(points.clone(), &chain, &policy, now);
            // Each point is decided on once, and told why.
            let ids: HashSet<_> = decided.iter().map(|(point, ..)| point.id.clone()).collect();
            prop_assert_eq!((decided.len(), ids.len()), (points.len(), points.len()));
            prop_assert!(decided.iter().all(|(.., why)| !why.is_empty()));
            prop_assert!(decided.windows(2).all(|pair| pair[0].0.made_at >= pair[1].0.made_at));
            let needed: Vec<_> = chain.newest.iter().chain(&chain.under_way)
                .flat_map(|link| [&link.point, &link.base]).flatten().collect();
            for (place, (point, fate, _)) in decided.iter().enumerate() {
                let is_needed = needed.iter().any(|id| id.eq_ignore_ascii_case(&point.id));
                let age = now.duration_since(point.made_at).unwrap_or_default();
                let is_young = keep_days > 0 && age <= policy.keep_for;
                let is_last = place == 0 && chain.newest.is_empty();
                let stays = is_needed || place < keep_last || is_young || is_last;
                prop_assert_eq!(*fate == Fate::Keep, stays, "{}", point.id);
            }
            // Who keeps more lets go of nothing that who keeps less would keep.
            let more = Policy { keep_last: keep_last + 1, keep_for: policy.keep_for + DAY };
            for ((_, less, _), (_, more, _)) in decided.iter().zip(retain(points, &chain, &more, now)) {
                prop_assert!(*less == Fate::LetGo || more == Fate::Keep);
            }
        }
    }
}

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::notify::Notify;
use super::rule::{
    BACKUP, CREATE, EXPORT, PRUNE, Rule, WrittenBackup, WrittenCreate, WrittenExport, WrittenPrune,
};
use super::window::Window;

/// What is to be done where: a plan for a run over many hosts, as a file says it.
///
/// ```
/// use refpoint::fleet::RunPlan;
///
/// let plan = RunPlan::read(
///     r"
///     name = 'nightly'
///
///     [limits]
///     host = 4
///
///     [[export]]
///     hosts = 'hyperv:!lab'
///     machines = ['web*', 'db01']
///     to = 'D:\exports\{vm}\{date}'
///     base = 'last-or-none'
///     ",
/// )?;
/// assert_eq!((plan.name.as_str(), plan.limits.host, plan.rules.len()), ("nightly", 4, 1));
/// # Ok::<(), refpoint::fleet::PlanError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// What it is called; runs are named after it.
    pub name: String,
    /// Where its hosts stand, as inventories are named on the command line; files are meant relative to the plan's.
    pub inventories: Vec<String>,
    /// How much at once.
    pub limits: Limits,
    /// How often again.
    pub retries: Retries,
    /// When nothing more is begun.
    pub stop: Stop,
    /// The hours in which it may work.
    pub window: Option<Window>,
    /// Who is told of it.
    pub notify: Notify,
    /// What is done, in the order in which it is done with one machine: what is exported, made, backed up, let go of.
    pub rules: Vec<Rule>,
}

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It does not read as one. The text says where.
    #[error("{0}")]
    Text(String),
    /// A rule makes no sense.
    #[error("{verb} rule {number}: {problem}")]
    Rule {
        /// Of what.
        verb: &'static str,
        /// Which of these, counted from one.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Something else makes no sense.
    #[error("{0}")]
    Sense(String),
}

impl PlanError {
    /// The line itself is not quoted: it may hold an address that lets its bearer in.
    fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let message = without_text(error.message());
        Self::Text(match line {
            Some(line) => format!("line {line}: {message}"),
            None => message,
        })
    }
}

/// Takes the text out that a message says to be of the wrong type: it may be an address, too.
fn without_text(message: &str) -> String {
    let hidden = ["invalid type: string", "invalid value: string"].into_iter().find_map(|what| {
        let (before, after) = message.split_once(what)?;
        let (_, expected) = after.rsplit_once("\", expected ")?;
        Some(format!("{before}{what}, expected {expected}"))
    });
    hidden.unwrap_or_else(|| message.to_owned())
}

/// How much at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Units at once, in all.
    pub total: usize,
    /// Units at once on one host, at most: a host that has enough gets fewer.
    pub host: usize,
    /// Units at once that write to one volume of one host.
    pub volume: usize,
    /// Units at once that write to one share, from whatever hosts.
    pub share: usize,
    /// Logins at once.
    pub logins: usize,
    /// Over how long the hosts' beginnings are spread.
    #[serde(deserialize_with = "duration")]
    pub spread: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 256, host: 4, volume: 4, share: 16, logins: 64, spread: Duration::ZERO }
    }
}

/// How often what failed for a passing cause is tried again. What a host may have begun is never begun again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// How often a host that is not reached, or a unit that lost it.
    pub transient: u32,
    /// How often a unit whose machine or host is busy.
    pub busy: u32,
    /// How long before the first; each next is twice as long.
    #[serde(deserialize_with = "duration")]
    pub pause: Duration,
    /// The longest pause.
    #[serde(deserialize_with = "duration")]
    pub longest: Duration,
    /// What is done where the base of an export is gone or does not fit any more.
    pub broken_chain: BrokenChain,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            transient: 3,
            busy: 5,
            pause: Duration::from_secs(15),
            longest: Duration::from_secs(600),
            broken_chain: BrokenChain::Full,
        }
    }
}

/// What is done where an export cannot be relative to its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokenChain {
    /// All is exported, and that is reported.
    Full,
    /// It fails.
    Fail,
}

/// When nothing more is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// After the first unit or host that failed.
    pub fail_fast: bool,
    /// After so many.
    pub max_failures: Option<usize>,
    /// After so long.
    #[serde(deserialize_with = "maybe_duration")]
    pub after: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default, deserialize_with = "one_or_several")]
    inventory: Vec<String>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    retries: Retries,
    #[serde(default)]
    stop: Stop,
    #[serde(default)]
    window: Option<Window>,
    #[serde(default)]
    notify: Notify,
    #[serde(default)]
    export: Vec<WrittenExport>,
    #[serde(default)]
    create: Vec<WrittenCreate>,
    #[serde(default)]
    backup: Vec<WrittenBackup>,
    #[serde(default)]
    prune: Vec<WrittenPrune>,
}

impl RunPlan {
    /// Reads a plan.
    ///
    /// ```
    /// use refpoint::fleet::RunPlan;
    ///
    /// let plan = RunPlan::read(r"
    ///     name = 'nightly'
    ///     [[export]]
    ///     machines = ['web*']
    ///     to = 'D:\exports\{run}\{vm}'
    /// ")?;
    /// assert_eq!(plan.limits.host, 4);
    ///
    /// // What makes no sense is refused, with its line.
    /// assert!(RunPlan::read("name = 'nightly'\nexprot = []").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(text: &str) -> Result<Self, PlanError> {
        let file: File = toml::from_str(text).map_err(|error| PlanError::of_toml(&error, text))?;
        let sense = |text: &str| Err(PlanError::Sense(text.to_owned()));
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if file.name.is_empty() || !file.name.chars().all(is_plain) {
            return sense("name: letters, digits, - _ and . only, since runs and files are named after it");
        }
        let Limits { total, host, volume, share, logins, .. } = file.limits;
        if [total, host, volume, share, logins].contains(&0) {
            return sense("limits: with none at once nothing would ever be done");
        }
        if file.stop.max_failures == Some(0) {
            return sense(
                "stop: max_failures = 0 would stop before anything has begun; fail_fast stops after one",
            );
        }
        let mut rules = Vec::new();
        // Units are written down with the place of their rule: exports come first, as they always have.
        take(&mut rules, EXPORT, file.export, WrittenExport::read)?;
        take(&mut rules, CREATE, file.create, WrittenCreate::read)?;
        take(&mut rules, BACKUP, file.backup, WrittenBackup::read)?;
        take(&mut rules, PRUNE, file.prune, WrittenPrune::read)?;
        if rules.is_empty() {
            return sense(
                "there is nothing to do: the plan has no [[export]], [[create]], [[backup]] or [[prune]]",
            );
        }
        Ok(Self {
            name: file.name,
            inventories: file.inventory,
            limits: file.limits,
            retries: file.retries,
            stop: file.stop,
            window: file.window,
            notify: file.notify,
            rules,
        })
    }

    /// Returns a plan as the ledger keeps it: what is done, and nothing that lets its bearer in. Whom it tells of runs
    /// is left out, since addresses do, and so are comments.
    ///
    /// ```
    /// use refpoint::fleet::RunPlan;
    ///
    /// let text = r"
    ///     name = 'nightly'
    ///     [[export]]
    ///     machines = ['web*']
    ///     to = 'D:\exports\{run}\{vm}'
    ///     [notify.ping]
    ///     url = 'https://watcher.example/t0ken'
    /// ";
    /// let kept = RunPlan::keepsake(text)?;
    /// assert!(!kept.contains("t0ken"));
    /// assert_eq!(RunPlan::read(&kept)?.rules, RunPlan::read(text)?.rules);
    /// # Ok::<(), refpoint::fleet::PlanError>(())
    /// ```
    pub fn keepsake(text: &str) -> Result<String, PlanError> {
        let mut table: toml::Table = text.parse().map_err(|error| PlanError::of_toml(&error, text))?;
        table.remove("notify");
        Ok(table.to_string())
    }

    /// Returns what people call the rule at that place: its verb, and which of these it is, counted from one.
    ///
    /// ```
    /// use refpoint::fleet::RunPlan;
    ///
    /// let plan = RunPlan::read(r"
    ///     name = 'nightly'
    ///     [[export]]
    ///     machines = ['web*']
    ///     to = 'D:\exports\{run}\{vm}'
    /// ")?;
    /// assert_eq!(plan.name_of(0), "export rule 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name_of(&self, place: u32) -> String {
        let Some(rule) = self.rules.get(place as usize) else { return format!("rule {place}") };
        let verb = rule.deed.verb();
        let number =
            self.rules.iter().take(place as usize + 1).filter(|rule| rule.deed.verb() == verb).count();
        format!("{verb} rule {number}")
    }
}

fn take<W>(
    rules: &mut Vec<Rule>,
    verb: &'static str,
    written: Vec<W>,
    read: fn(W) -> Result<Rule, String>,
) -> Result<(), PlanError> {
    for (number, written) in (1..).zip(written) {
        rules.push(read(written).map_err(|problem| PlanError::Rule { verb, number, problem })?);
    }
    Ok(())
}

/// `90s`, `15m`, `6h`, `1h30m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let unusable = || format!("{text:?} is no time: write 90s, 15m, 6h, 1h30m or 2d");
    let mut sum = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(unusable());
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(unusable)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(unusable()),
        };
        let number: u64 = number.parse().map_err(|_| unusable())?;
        let part = number.checked_mul(seconds).map(Duration::from_secs);
        sum = part.and_then(|part| sum.checked_add(part)).ok_or_else(unusable)?;
        rest = after;
    }
    Ok(sum)
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Inventories {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Inventories::deserialize(deserializer)? {
        Inventories::One(one) => vec![one],
        Inventories::Several(several) => several,
    })
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn maybe_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::rule::{CreateRule, Deed, PointPolicy};
    use super::*;
    use crate::fleet::make::Sort;
    use crate::fleet::plan::BaseChoice;
    use crate::hyperv::Consistency;

    fn rule(lines: &str) -> Result<RunPlan, PlanError> {
        RunPlan::read(&format!("name = 'n'\n[[export]]\n{lines}"))
    }

    #[test]
    fn what_is_left_out_has_a_sensible_value() {
        let plan = rule("machines = ['*']\nto = 'D:\\e\\{vm}\\{date}'").unwrap();
        assert_eq!(plan.limits, Limits::default());
        assert_eq!(plan.retries, Retries::default());
        assert_eq!(plan.rules[0].hosts, "all");
        let Deed::Export(export) = &plan.rules[0].deed else { panic!("{plan:?}") };
        let new = CreateRule { consistency: Consistency::Application, sort: Sort::Auto };
        assert_eq!((&export.point, &export.base), (&PointPolicy::New(new), &BaseChoice::None));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let to = r"to = 'D:\e\{vm}\{date}'";
        for (lines, words) in [
            (to.to_owned(), "neither machines nor groups"),
            (format!("machines = ['a']\npoint = 'newest'\n{to}"), "new, latest or only"),
            (format!("groups = ['a']\ntype = 'rct'\n{to}"), "point = \"new\""),
            (format!("machines = ['a']\npoint = 'only'\ntype = 'rct'\n{to}"), "point = \"new\""),
            (format!("machines = ['a']\nbase = 'newest'\n{to}"), "last-or-none"),
            (format!("machines = ['a']\nmachine = 'b'\n{to}"), "unknown field `machine`"),
            (format!("machines = ['']\n{to}"), "empty name"),
            ("machines = ['a']\nto = 'D:/e/{vm}/{date}'".to_owned(), "forward slashes"),
        ] {
            let error = rule(&lines).unwrap_err().to_string();
            assert!(error.contains(words), "{lines}\n{error}");
        }
        for (text, words) in [
            ("name = 'n'", "nothing to do"),
            ("name = 'a b'\n[[export]]\nmachines=['a']\nto='D:\\\\{vm}\\\\{run}'", "letters"),
            ("name = 'n'\nlimit = 4", "unknown field `limit`"),
            ("name = 'n'\n[limits]\nspread = '5 minutes'", "is no time"),
            ("name = 'n'\n[limits]\nspread = 300", "string"),
        ] {
            let error = RunPlan::read(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}\n{error}");
        }
    }

    #[test]
    fn rules_of_each_verb_are_read_with_what_is_theirs_and_nothing_else() {
        let to = r"to = 'D:\b\{vm}\{date}'";
        let plan = RunPlan::read(&format!(
            "name = 'n'\n[[prune]]\nmachines = ['*']\nkeep_last = 3\nkeep_days = 7\n\
             [[backup]]\nmachines = ['a']\nbase = 'last-or-none'\nallow_crash_consistent = true\n{to}\n\
             [[backup]]\ngroups = ['g']\nwait_for_merge = true\n{to}\n\
             [[create]]\ngroups = ['g']\ntype = 'log'\nconsistency = 'crash'\n"
        ))
        .unwrap();
        let names: Vec<_> = (0..5).map(|place| plan.name_of(place)).collect();
        assert_eq!(names, ["create rule 1", "backup rule 1", "backup rule 2", "prune rule 1", "rule 4"]);
        let Deed::Backup(backup) = &plan.rules[1].deed else { panic!("{plan:?}") };
        assert_eq!(
            (&backup.base, backup.allow_crash_consistent, backup.wait_for_merge),
            (&BaseChoice::LastOrNone, true, false)
        );
        let Deed::Create(create) = plan.rules[0].deed else { panic!("{plan:?}") };
        assert_eq!(create, CreateRule { consistency: Consistency::Crash, sort: Sort::Log });
        let Deed::Prune(policy) = plan.rules[3].deed else { panic!("{plan:?}") };
        assert_eq!((policy.keep_last, policy.keep_for), (3, Duration::from_secs(7 * 86_400)));
        for (lines, words) in [
            ("[[prune]]\nmachines = ['*']".to_owned(), "prune rule 1: nothing says what is to be kept"),
            ("[[prune]]\nmachines = ['*']\nkeep_last = 0".to_owned(), "what is to be kept"),
            (format!("[[prune]]\nmachines = ['*']\nkeep_last = 1\n{to}"), "unknown field `to`"),
            ("[[create]]\nmachines = ['a']\nbase = 'last'".to_owned(), "unknown field `base`"),
            ("[[backup]]\nmachines = ['a']".to_owned(), "missing field `to`"),
            (format!("[[backup]]\nmachines = ['a']\npoint = 'new'\n{to}"), "unknown field `point`"),
            (format!("[[backup]]\n{to}"), "backup rule 1: it names neither"),
        ] {
            let error = RunPlan::read(&format!("name = 'n'\n{lines}")).unwrap_err().to_string();
            assert!(error.contains(words), "{lines}\n{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_text() {
        let error = RunPlan::read("name = 'n'\n\n[notify]\nwebhook = 'https://hooks.example/t0ken'\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("line 4: ") && !error.contains("t0ken"), "{error}");
        let error = RunPlan::read("name = \n").unwrap_err().to_string();
        assert!(error.starts_with("line 1: "), "{error}");
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172_800), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "5", "m", "5 m", "-5m", "5mm", "1.5h", "99999999999999999999d", "9999999999999999999d"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}

//! The rules of a plan: what is done with which machines and groups of which hosts.

use std::time::Duration;

use serde::Deserialize;

use super::template::{Template, TemplateError};
use crate::fleet::make::Sort;
use crate::fleet::plan::{BaseChoice, PointChoice};
use crate::fleet::retain::Policy;
use crate::hyperv::{Consistency, Selector};

/// What is done with which machines and groups of which hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which hosts, as a pattern of the inventory.
    pub hosts: String,
    /// Which machines.
    pub machines: Vec<Selector>,
    /// Which groups of machines.
    pub groups: Vec<Selector>,
    /// Which machines and groups not.
    pub except: Vec<Selector>,
    /// What is done with them.
    pub deed: Deed,
}

/// What is done with a machine or group.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A point of it is exported.
    Export(ExportRule),
    /// A point of it is made.
    Create(CreateRule),
    /// It is backed up: checkpoint, export, conversion to a point.
    Backup(BackupRule),
    /// Points of it that are ours, and that nobody needs, are let go of.
    Prune(Policy),
}

impl Deed {
    /// Returns what plans and reports call it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Export(_) => EXPORT,
            Self::Create(_) => CREATE,
            Self::Backup(_) => BACKUP,
            Self::Prune(_) => PRUNE,
        }
    }

    /// Returns where the host is to write, where it is to.
    pub fn to(&self) -> Option<&Template> {
        match self {
            Self::Export(rule) => Some(&rule.to),
            Self::Backup(rule) => Some(&rule.to),
            Self::Create(_) | Self::Prune(_) => None,
        }
    }
}

/// Which point is exported, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRule {
    /// Which point.
    pub point: PointPolicy,
    /// Relative to which.
    pub base: BaseChoice,
    /// Where to.
    pub to: Template,
}

/// Which point is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointPolicy {
    /// One that is made for it.
    New(CreateRule),
    /// One that is there: the newest of ours, or the only one.
    There(PointChoice),
}

/// What sort of point is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateRule {
    /// How consistent.
    pub consistency: Consistency,
    /// Of which type.
    pub sort: Sort,
}

/// How something is backed up.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupRule {
    /// Relative to which point.
    pub base: BaseChoice,
    /// Where to.
    pub to: Template,
    /// How consistent.
    pub consistency: Consistency,
    /// Whether data as after a loss of power will do where the applications' own cannot be had.
    pub allow_crash_consistent: bool,
    /// Whether to wait until the disks are merged behind the checkpoint.
    pub wait_for_merge: bool,
}

/// In which order what is done with one machine or group is done: what was made is exported in the same run, and what
/// nobody needs any more goes last.
pub(super) fn rank(verb: &str) -> usize {
    [CREATE, EXPORT, BACKUP, PRUNE].iter().position(|known| *known == verb).unwrap_or(usize::MAX)
}

/// What units are called by what is done with them.
pub(super) const EXPORT: &str = "export";
pub(super) const CREATE: &str = "create";
pub(super) const BACKUP: &str = "backup";
pub(super) const PRUNE: &str = "prune";

/// `[[export]]`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenExport {
    #[serde(default = "all")]
    hosts: String,
    #[serde(default)]
    machines: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    point: Option<String>,
    consistency: Option<String>,
    #[serde(rename = "type")]
    sort: Option<String>,
    base: Option<String>,
    to: String,
}

/// `[[create]]`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCreate {
    #[serde(default = "all")]
    hosts: String,
    #[serde(default)]
    machines: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    consistency: Option<String>,
    #[serde(rename = "type")]
    sort: Option<String>,
}

/// `[[backup]]`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenBackup {
    #[serde(default = "all")]
    hosts: String,
    #[serde(default)]
    machines: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    base: Option<String>,
    consistency: Option<String>,
    #[serde(default)]
    allow_crash_consistent: bool,
    #[serde(default)]
    wait_for_merge: bool,
    to: String,
}

/// `[[prune]]`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenPrune {
    #[serde(default = "all")]
    hosts: String,
    #[serde(default)]
    machines: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    keep_last: Option<usize>,
    keep_days: Option<u32>,
}

fn all() -> String {
    "all".to_owned()
}

/// What all rules have.
struct Meant {
    hosts: String,
    machines: Vec<String>,
    groups: Vec<String>,
    except: Vec<String>,
}

impl Meant {
    fn into_rule(self, deed: Deed) -> Result<Rule, String> {
        let Self { hosts, machines, groups, except } = self;
        if machines.is_empty() && groups.is_empty() {
            return Err("it names neither machines nor groups; machines = [\"*\"] is all machines".to_owned());
        }
        if [&machines, &groups, &except].into_iter().flatten().any(String::is_empty) {
            return Err("an empty name names nothing".to_owned());
        }
        let selectors = |texts: &[String]| texts.iter().map(|text| Selector::parse(text)).collect::<Vec<_>>();
        Ok(Rule {
            hosts,
            machines: selectors(&machines),
            groups: selectors(&groups),
            except: selectors(&except),
            deed,
        })
    }
}

impl WrittenExport {
    pub(super) fn read(self) -> Result<Rule, String> {
        let Self { hosts, machines, groups, except, point, consistency, sort, base, to } = self;
        let default = if groups.is_empty() { "new" } else { "latest" };
        let point = match point.as_deref().unwrap_or(default) {
            "new" => PointPolicy::New(CreateRule { consistency: level(consistency)?, sort: sort_of(sort)? }),
            _ if consistency.is_some() || sort.is_some() => {
                return Err("consistency and type are of points that are made: point = \"new\"".to_owned());
            }
            "latest" => PointPolicy::There(PointChoice::Latest),
            "only" => PointPolicy::There(PointChoice::Only),
            other => return Err(format!("point {other:?}: new, latest or only")),
        };
        let deed = Deed::Export(ExportRule { point, base: relative_to(base)?, to: template(&to)? });
        Meant { hosts, machines, groups, except }.into_rule(deed)
    }
}

impl WrittenCreate {
    pub(super) fn read(self) -> Result<Rule, String> {
        let Self { hosts, machines, groups, except, consistency, sort } = self;
        let deed = Deed::Create(CreateRule { consistency: level(consistency)?, sort: sort_of(sort)? });
        Meant { hosts, machines, groups, except }.into_rule(deed)
    }
}

impl WrittenBackup {
    pub(super) fn read(self) -> Result<Rule, String> {
        let Self { hosts, machines, groups, except, base, consistency, .. } = self;
        let consistency = level(consistency)?;
        if consistency == Consistency::Crash && self.allow_crash_consistent {
            return Err(
                "consistency = \"crash\" asks for nothing that allow_crash_consistent could allow less"
                    .to_owned(),
            );
        }
        let deed = Deed::Backup(BackupRule {
            base: relative_to(base)?,
            to: template(&self.to)?,
            consistency,
            allow_crash_consistent: self.allow_crash_consistent,
            wait_for_merge: self.wait_for_merge,
        });
        Meant { hosts, machines, groups, except }.into_rule(deed)
    }
}

impl WrittenPrune {
    pub(super) fn read(self) -> Result<Rule, String> {
        let Self { hosts, machines, groups, except, keep_last, keep_days } = self;
        let keep_for = Duration::from_secs(u64::from(keep_days.unwrap_or_default()) * 86_400);
        let policy = Policy { keep_last: keep_last.unwrap_or_default(), keep_for };
        if policy.keep_last == 0 && policy.keep_for.is_zero() {
            return Err("nothing says what is to be kept: say keep_last, keep_days, or both".to_owned());
        }
        Meant { hosts, machines, groups, except }.into_rule(Deed::Prune(policy))
    }
}

fn level(text: Option<String>) -> Result<Consistency, String> {
    match text.as_deref() {
        None | Some("application") => Ok(Consistency::Application),
        Some("crash") => Ok(Consistency::Crash),
        Some(other) => Err(format!("consistency {other:?}: application or crash")),
    }
}

fn sort_of(text: Option<String>) -> Result<Sort, String> {
    match text.as_deref() {
        None | Some("auto" | "rct") => Ok(Sort::Auto),
        Some("log") => Ok(Sort::Log),
        Some(other) => Err(format!("type {other:?}: auto, rct or log")),
    }
}

fn relative_to(text: Option<String>) -> Result<BaseChoice, String> {
    match text.as_deref() {
        None | Some("none") => Ok(BaseChoice::None),
        Some("last") => Ok(BaseChoice::Last),
        Some("last-or-none") => Ok(BaseChoice::LastOrNone),
        Some(other) => Err(format!("base {other:?}: none, last or last-or-none")),
    }
}

fn template(text: &str) -> Result<Template, String> {
    Template::parse(text).map_err(|error: TemplateError| error.to_string())
}

//! From what a person asked for to what is asked of the host.

use super::keeper::Keeper;
use super::plan::{BaseChoice, DiskChoice, ExportPlan, PointChoice, Wanted};
use super::report::{Failure, Kind};
use crate::hyperv::{
    Candidate, Collection, Error, ExportRequest, Exported, Group, Guid, Host, Machine, Point, PointType,
};
use crate::ledger;

/// What an export will be, and what a person should know of it before it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// What will be asked of the host.
    pub request: ExportRequest,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Finds everything that a plan names, on the host and in the ledger.
pub async fn resolve(host: &Host, keeper: &Keeper, plan: &ExportPlan) -> Result<Resolved, Failure> {
    let mut warnings = Vec::new();
    let what = match &plan.what {
        Wanted::Machine(selector) => {
            let machine = host.machine(selector).await.map_err(failed)?;
            machine_export(host, keeper, plan, machine, &mut warnings).await?
        }
        Wanted::Group(selector) => {
            let group = host.group(selector).await.map_err(failed)?;
            group_export(host, keeper, plan, group, &mut warnings).await?
        }
    };
    let settings = plan.settings.as_deref().map(|text| ExportRequest::check_settings(&what, text));
    let settings = settings.transpose().map_err(|error| {
        let failure = Failure::from(&error);
        Failure { kind: Kind::Usage, exit_code: Kind::Usage.exit_code(), ..failure }
    })?;
    Ok(Resolved { request: ExportRequest { what, directory: plan.directory.clone(), settings }, warnings })
}

async fn machine_export(
    host: &Host,
    keeper: &Keeper,
    plan: &ExportPlan,
    machine: Machine,
    warnings: &mut Vec<String>,
) -> Result<Exported, Failure> {
    let points = host.points(&machine).await.map_err(failed)?;
    let name = |point: &Point| Candidate {
        id: point.id.clone(),
        name: format!("{} point", point.point_type.name()),
    };
    let shelf = Shelf {
        kind: ledger::Kind::Vm,
        subject: &machine.id,
        owner: &machine.name,
        points: points.iter().map(|point| (point.id.as_str(), name(point))).collect(),
    };
    let is_named = |id: &str, text: &str| points.iter().any(|point| point.id == id && point.is_named(text));
    let chosen = shelf.choose(host, keeper, &plan.point, is_named).await?;
    let base = shelf.base(host, keeper, &plan.base, &chosen, is_named, warnings).await?;
    let take = |id: &str| points.iter().find(|point| point.id == id).cloned();
    let Some(point) = take(&chosen) else {
        return Err(lost(&chosen));
    };
    let mut base = base.as_deref().and_then(take);
    if let Some(older) = &base
        && let Some(reason) = unfit(&point, older)
    {
        match plan.base {
            BaseChoice::LastOrNone => {
                warnings.push(format!("exporting without a base: {reason}"));
                base = None;
            }
            _ => {
                let failure = Failure::new(Kind::Usage, format!("the base does not fit: {reason}"));
                return Err(failure.with_hint("export without a base, or with --base last-or-none"));
            }
        }
    }
    if !point.is_whole() {
        let (disks, tracking) = (point.disks.len(), point.tracking.len());
        let message = format!(
            "reference point {} is damaged: {disks} disks, {tracking} tracking identifiers",
            point.id
        );
        return Err(Failure::new(Kind::Refused, message).with_hint("make a new point and export that"));
    }
    let disks = machine_disks(&point, &plan.disks)?;
    Ok(Exported::Machine { machine, point, base, disks })
}

async fn group_export(
    host: &Host,
    keeper: &Keeper,
    plan: &ExportPlan,
    group: Group,
    warnings: &mut Vec<String>,
) -> Result<Exported, Failure> {
    let collections = host.collections(&group).await.map_err(failed)?;
    let name = |points: &Collection| Candidate { id: points.id.clone(), name: points.name.clone() };
    let shelf = Shelf {
        kind: ledger::Kind::Group,
        subject: &group.id,
        owner: &group.name,
        points: collections.iter().map(|points| (points.id.as_str(), name(points))).collect(),
    };
    let is_named =
        |id: &str, text: &str| collections.iter().any(|points| points.id == id && points.is_named(text));
    let chosen = shelf.choose(host, keeper, &plan.point, is_named).await?;
    let base = shelf.base(host, keeper, &plan.base, &chosen, is_named, warnings).await?;
    let take = |id: &str| collections.iter().find(|points| points.id == id).cloned();
    let Some(points) = take(&chosen) else {
        return Err(lost(&chosen));
    };
    let disks = group_disks(host, &group, &plan.disks).await?;
    Ok(Exported::Group { group, points, base: base.as_deref().and_then(take), disks })
}

/// The points of one machine or group, to choose from.
struct Shelf<'a> {
    kind: ledger::Kind,
    subject: &'a Guid,
    owner: &'a str,
    points: Vec<(&'a str, Candidate)>,
}

impl Shelf<'_> {
    async fn choose(
        &self,
        host: &Host,
        keeper: &Keeper,
        choice: &PointChoice,
        is_named: impl Fn(&str, &str) -> bool,
    ) -> Result<String, Failure> {
        match choice {
            PointChoice::Named(text) => match self.named(text, &is_named) {
                Some(id) => Ok(id),
                None => Err(self.not_found(host, text, "reference point").await),
            },
            PointChoice::Only => match &*self.points {
                [(id, _)] => Ok((*id).to_owned()),
                [] => Err(self.not_found(host, "only", "reference point").await),
                _ => Err(self.ambiguous(host, "only").await),
            },
            PointChoice::Latest => {
                let (kind, subject) = (self.kind, self.subject.to_string());
                let ours =
                    keeper.with(move |ledger| ledger.points_of(kind, &subject)).await.map_err(unkept)?;
                let mut here = ours.iter().filter_map(|point| self.named(&point.id, &is_named));
                match here.next() {
                    Some(id) => Ok(id),
                    None => {
                        let message = format!(
                            "the ledger knows of no reference point of {} that is still there, and hosts do not \
                             say which is the newest",
                            self.owner
                        );
                        let failure = Failure::new(Kind::NotFound, message);
                        Err(failure.with_hint(self.choices("say which by its identifier, or adopt one:")))
                    }
                }
            }
        }
    }

    async fn base(
        &self,
        host: &Host,
        keeper: &Keeper,
        choice: &BaseChoice,
        point: &str,
        is_named: impl Fn(&str, &str) -> bool,
        warnings: &mut Vec<String>,
    ) -> Result<Option<String>, Failure> {
        let base = match choice {
            BaseChoice::None => None,
            BaseChoice::Named(text) => match self.named(text, &is_named) {
                Some(id) => Some(id),
                None => return Err(self.not_found(host, text, "base reference point").await),
            },
            BaseChoice::Last | BaseChoice::LastOrNone => {
                let (kind, subject) = (self.kind, self.subject.to_string());
                let last =
                    keeper.with(move |ledger| ledger.last_sound(kind, &subject)).await.map_err(unkept)?;
                let missing = match &last {
                    None => format!("the ledger knows of no export of {} that ended well", self.owner),
                    Some(export) => match self.named(&export.point, &is_named) {
                        Some(id) if id != point => return Ok(Some(id)),
                        Some(_) => format!("reference point {point} is itself what was exported last"),
                        None => format!(
                            "reference point {}, exported last, is no longer on the host",
                            export.point
                        ),
                    },
                };
                if *choice == BaseChoice::Last {
                    let failure = Failure::new(Kind::NotFound, format!("no base: {missing}"));
                    return Err(failure.with_hint("export without a base, or with --base last-or-none"));
                }
                warnings.push(format!("exporting without a base: {missing}"));
                None
            }
        };
        if base.as_deref() == Some(point) {
            let failure = Failure::new(Kind::Usage, "a reference point cannot be its own base");
            return Err(failure.with_hint(self.choices("there are")));
        }
        Ok(base)
    }

    fn named(&self, text: &str, is_named: impl Fn(&str, &str) -> bool) -> Option<String> {
        self.points.iter().map(|(id, _)| *id).find(|id| is_named(id, text)).map(str::to_owned)
    }

    fn choices(&self, words: &str) -> String {
        let ids = self.points.iter().map(|(_, point)| format!("{} ({})", point.id, point.name));
        format_choices(self.owner, words, ids)
    }

    async fn not_found(&self, host: &Host, text: &str, kind: &'static str) -> Failure {
        let candidates = self.points.iter().map(|(_, candidate)| candidate.clone()).collect();
        let host = host.name().await.unwrap_or_default();
        (&Error::NotFound { kind, name: text.to_owned(), host, candidates }).into()
    }

    async fn ambiguous(&self, host: &Host, text: &str) -> Failure {
        let candidates = self.points.iter().map(|(_, candidate)| candidate.clone()).collect();
        let host = host.name().await.unwrap_or_default();
        (&Error::Ambiguous { kind: "reference point", name: text.to_owned(), host, candidates }).into()
    }
}

/// Says which points there are to choose from.
pub(super) fn choices<'p>(owner: &str, ids: impl Iterator<Item = &'p str>) -> String {
    format_choices(owner, "there are", ids.map(str::to_owned))
}

fn format_choices(owner: &str, words: &str, ids: impl Iterator<Item = String>) -> String {
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() {
        return format!("{owner} has no reference points: refpoint point create makes one");
    }
    format!("{words} {}", ids.join(", "))
}

/// Says why an export of `point` cannot be relative to `base`.
fn unfit(point: &Point, base: &Point) -> Option<String> {
    if point.point_type != base.point_type {
        return Some(format!(
            "{} is a {} point and {} a {} point",
            base.id,
            base.point_type.name(),
            point.id,
            point.point_type.name()
        ));
    }
    if base.point_type == PointType::Log && !(base.has_data && point.has_data) {
        return Some("the log of one of the two points has been removed".to_owned());
    }
    let missing: Vec<_> = point.disks_missing_in(base).collect();
    match &*missing {
        [] => None,
        missing => Some(format!("{} does not cover {}", base.id, missing.join(", "))),
    }
}

fn machine_disks(point: &Point, chosen: &[DiskChoice]) -> Result<Vec<String>, Failure> {
    let find = |choice: &DiskChoice| {
        let known = point.disks.iter().find(|disk| disk.eq_ignore_ascii_case(&choice.disk));
        known.cloned().ok_or_else(|| {
            let message = format!("reference point {} does not cover disk {:?}", point.id, choice.disk);
            Failure::new(Kind::NotFound, message).with_hint(format!("it covers {}", point.disks.join(", ")))
        })
    };
    chosen.iter().map(find).collect()
}

async fn group_disks(
    host: &Host,
    group: &Group,
    chosen: &[DiskChoice],
) -> Result<Vec<(Guid, Vec<String>)>, Failure> {
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let members = host.members(group).await.map_err(failed)?;
    let mut disks: Vec<(Guid, Vec<String>)> = Vec::new();
    for choice in chosen {
        let selector = choice.machine.as_ref();
        let mut meant =
            members.iter().filter(|member| selector.is_some_and(|s| s.matches(&member.id, &member.name)));
        let (Some(machine), None) = (meant.next(), meant.next()) else {
            let wanted = selector.map(ToString::to_string).unwrap_or_default();
            let names: Vec<_> =
                members.iter().map(|member| format!("{} ({})", member.name, member.id)).collect();
            let message = format!("no single machine {wanted:?} in group {}", group.name);
            let failure = Failure::new(Kind::NotFound, message);
            return Err(failure.with_hint(format!("its machines are {}", names.join(", "))));
        };
        match disks.iter_mut().find(|(id, _)| *id == machine.id) {
            Some((_, of_machine)) => of_machine.push(choice.disk.clone()),
            None => disks.push((machine.id.clone(), vec![choice.disk.clone()])),
        }
    }
    Ok(disks)
}

fn failed(error: Error) -> Failure {
    (&error).into()
}

fn unkept(error: ledger::Error) -> Failure {
    (&error).into()
}

fn lost(id: &str) -> Failure {
    Failure::new(Kind::NotFound, format!("reference point {id} has just gone"))
}

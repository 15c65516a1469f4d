//! From what a person asked for to what is asked of the host.

use super::keeper::Keeper;
use super::plan::{BaseChoice, DiskChoice, ExportPlan, PointChoice, Wanted};
use super::report::{Failure, Kind};
use crate::hyperv::{
    COLLECTION_SETTINGS, Candidate, Collection, Error, ExportRequest, Exported, Group, Guid, Host, Instance,
    Machine, POINT_SETTINGS, Point, PointType, base_of, machines_of,
};
use crate::ledger::{self, Newest, Origin};

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
    let class = match &plan.what {
        Wanted::Machine(_) => POINT_SETTINGS,
        Wanted::Group(_) => COLLECTION_SETTINGS,
    };
    let settings = plan.settings.as_deref().map(|text| ExportRequest::check_settings(class, text));
    let settings = settings.transpose().map_err(of_settings)?;
    let settings = settings.as_ref();
    let what = match &plan.what {
        Wanted::Machine(selector) => {
            let machine = host.machine(selector).await.map_err(failed)?;
            machine_export(host, keeper, plan, settings, machine, &mut warnings).await?
        }
        Wanted::Group(selector) => {
            let group = host.group(selector).await.map_err(failed)?;
            group_export(host, keeper, plan, settings, group, &mut warnings).await?
        }
    };
    let settings = settings.cloned();
    Ok(Resolved { request: ExportRequest { what, directory: plan.directory.clone(), settings }, warnings })
}

/// Returns what is meant as the base: settings that a person wrote say it themselves.
fn base_choice(plan: &ExportPlan, settings: Option<&Instance>) -> Result<BaseChoice, Failure> {
    let Some(settings) = settings else { return Ok(plan.base.clone()) };
    let base = base_of(settings).map_err(of_settings)?;
    Ok(base.map_or(BaseChoice::None, BaseChoice::Named))
}

async fn machine_export(
    host: &Host,
    keeper: &Keeper,
    plan: &ExportPlan,
    settings: Option<&Instance>,
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
    let chosen = shelf.choose(host, keeper, &plan.point, is_named, warnings).await?;
    let choice = base_choice(plan, settings)?;
    let base = shelf.base(host, keeper, &choice, &chosen, is_named, warnings).await?;
    let take = |id: &str| points.iter().find(|point| point.id == id).cloned();
    let Some(point) = take(&chosen) else {
        return Err(lost(&chosen));
    };
    whole(&point)?;
    let disks = match settings {
        Some(settings) => settings.texts("DisksToExport").map(str::to_owned).collect(),
        None => machine_disks(&point, &plan.disks)?,
    };
    let base = fitting(base.as_deref().and_then(take), &choice, warnings, |older| {
        unfit(&point, older, &disks).or_else(|| damage(older))
    })?;
    Ok(Exported::Machine { machine, point, base, disks })
}

/// Returns the base if the export can be relative to it; what to do if not the choice says.
fn fitting<T>(
    base: Option<T>,
    choice: &BaseChoice,
    warnings: &mut Vec<String>,
    unfit: impl Fn(&T) -> Option<String>,
) -> Result<Option<T>, Failure> {
    let Some(reason) = base.as_ref().and_then(unfit) else { return Ok(base) };
    if *choice == BaseChoice::LastOrNone {
        warnings.push(format!("exporting without a base: {reason}"));
        return Ok(None);
    }
    let failure = Failure::new(Kind::Usage, format!("the base does not fit: {reason}"));
    Err(failure.with_hint("export without a base, or with --base last-or-none"))
}

fn whole(point: &Point) -> Result<(), Failure> {
    match damage(point) {
        None => Ok(()),
        Some(damage) => {
            Err(Failure::new(Kind::Refused, damage).with_hint("make a new point and export that"))
        }
    }
}

fn damage(point: &Point) -> Option<String> {
    let (disks, tracking) = (point.disks.len(), point.tracking.len());
    (!point.is_whole()).then(|| {
        format!("reference point {} is damaged: {disks} disks, {tracking} tracking identifiers", point.id)
    })
}

async fn group_export(
    host: &Host,
    keeper: &Keeper,
    plan: &ExportPlan,
    settings: Option<&Instance>,
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
    let chosen = shelf.choose(host, keeper, &plan.point, is_named, warnings).await?;
    let choice = base_choice(plan, settings)?;
    let base = shelf.base(host, keeper, &choice, &chosen, is_named, warnings).await?;
    let take = |id: &str| collections.iter().find(|points| points.id == id).cloned();
    let Some(points) = take(&chosen) else {
        return Err(lost(&chosen));
    };
    let held = host.collected(&points).await.map_err(failed)?;
    held.iter().try_for_each(whole)?;
    let disks = match settings {
        Some(settings) => machines_of(settings).map_err(of_settings)?,
        None => group_disks(host, &group, &held, &plan.disks).await?,
    };
    let base = match base.as_deref().and_then(take) {
        None => None,
        Some(older) => {
            let older_held = host.collected(&older).await.map_err(failed)?;
            fitting(Some(older), &choice, warnings, |older| {
                unfit_collection((&points, &held), (older, &older_held), &disks)
            })?
        }
    };
    Ok(Exported::Group { group, points, base, disks, held })
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
        warnings: &mut Vec<String>,
    ) -> Result<String, Failure> {
        match choice {
            PointChoice::Named(text) => match self.named(text, &is_named) {
                Some(id) => Ok(id),
                None => Err(self.not_found(host, text, "reference point").await),
            },
            PointChoice::Only => match &*self.points {
                [(id, _)] => Ok((*id).to_owned()),
                [] => Err(self.not_found(host, "only", "reference point").await),
                several => {
                    let message =
                        format!("{} has {} reference points, not only one", self.owner, several.len());
                    Err(Failure::new(Kind::Ambiguous, message)
                        .with_hint(self.choices("say which by its identifier:")))
                }
            },
            PointChoice::Latest => {
                let (kind, subject) = (self.kind, self.subject.to_string());
                let ours =
                    keeper.with(move |ledger| ledger.points_of(kind, &subject)).await.map_err(unkept)?;
                let here = |point: &ledger::Point| self.named(&point.id, &is_named);
                match Newest::of(ours.iter().filter(|point| here(point).is_some())) {
                    Newest::Point(point) => {
                        let id = here(point).unwrap_or_else(|| point.id.clone());
                        let newest = ours.iter().find(|point| point.origin == Origin::Made);
                        if let Some(newest) = newest.filter(|newest| here(newest).is_none()) {
                            warnings.push(format!(
                                "reference point {}, the newest of ours, is no longer on the host: {id} is the \
                                 newest that is",
                                newest.id
                            ));
                        }
                        Ok(id)
                    }
                    Newest::OneOf(points) => {
                        let message = format!(
                            "which reference point of {} is the newest cannot be told: when one was made that was \
                             adopted nobody knows",
                            self.owner
                        );
                        let ids = points.iter().map(|point| point.id.clone());
                        let hint = format_choices(self.owner, "say which by its identifier:", ids);
                        Err(Failure::new(Kind::Ambiguous, message).with_hint(hint))
                    }
                    Newest::Nothing => {
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

/// Says why an export of `point`, or of these of its disks, cannot be relative to `base`.
fn unfit(point: &Point, base: &Point, disks: &[String]) -> Option<String> {
    if let Some(reason) = unlike((&point.id, point.point_type), (&base.id, base.point_type)) {
        return Some(reason);
    }
    if base.point_type == PointType::Log && !(base.has_data && point.has_data) {
        return Some(LOG_REMOVED.to_owned());
    }
    let wanted = if disks.is_empty() { &*point.disks } else { disks };
    let missing: Vec<_> =
        wanted.iter().filter(|disk| base.disk(disk).is_none()).map(String::as_str).collect();
    match &*missing {
        [] => None,
        missing => Some(format!("{} does not cover {}", base.id, missing.join(", "))),
    }
}

/// The same for collections, each with the points it holds: a machine that is not in the base has nothing
/// there to be relative to.
fn unfit_collection(
    (points, held): (&Collection, &[Point]),
    (base, base_held): (&Collection, &[Point]),
    disks: &[(Guid, Vec<String>)],
) -> Option<String> {
    if let Some(reason) = unlike((&points.id, points.point_type), (&base.id, base.point_type)) {
        return Some(reason);
    }
    if base.point_type == PointType::Log && !(base.has_log && points.has_log) {
        return Some(LOG_REMOVED.to_owned());
    }
    held.iter().find_map(|point| {
        let Some(older) = base_held.iter().find(|older| older.machine == point.machine) else {
            return Some(format!("{} holds no point of machine {}", base.id, point.machine));
        };
        let of_machine = disks.iter().find(|(machine, _)| *machine == point.machine);
        unfit(point, older, of_machine.map_or(&[], |(_, disks)| disks)).or_else(|| damage(older))
    })
}

fn unlike((point, of): (&str, PointType), (base, base_of): (&str, PointType)) -> Option<String> {
    (of != base_of).then(|| format!("{base} is a {} point and {point} a {} point", base_of.name(), of.name()))
}

fn machine_disks(point: &Point, chosen: &[DiskChoice]) -> Result<Vec<String>, Failure> {
    let mut disks = Vec::new();
    for choice in chosen {
        let disk = covered(point, &choice.disk)?;
        if !disks.contains(&disk) {
            disks.push(disk);
        }
    }
    Ok(disks)
}

fn covered(point: &Point, disk: &str) -> Result<String, Failure> {
    point.disk(disk).map(str::to_owned).ok_or_else(|| {
        let message = format!("reference point {} does not cover disk {disk:?}", point.id);
        Failure::new(Kind::NotFound, message).with_hint(format!("it covers {}", point.disks.join(", ")))
    })
}

async fn group_disks(
    host: &Host,
    group: &Group,
    held: &[Point],
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
        let Some(point) = held.iter().find(|point| point.machine == machine.id) else {
            let message = format!("the collection holds no point of {} ({})", machine.name, machine.id);
            return Err(Failure::new(Kind::NotFound, message).with_hint("it came to the group later"));
        };
        let disk = covered(point, &choice.disk)?;
        match disks.iter_mut().find(|(id, _)| *id == machine.id) {
            Some((_, of_machine)) if of_machine.contains(&disk) => {}
            Some((_, of_machine)) => of_machine.push(disk),
            None => disks.push((machine.id.clone(), vec![disk])),
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

/// Settings that cannot be sent are the caller's, whatever is wrong with them.
fn of_settings(error: Error) -> Failure {
    let failure = Failure::from(&error);
    Failure { kind: Kind::Usage, exit_code: Kind::Usage.exit_code(), ..failure }
}

const LOG_REMOVED: &str = "the log of one of the two points has been removed";

fn lost(id: &str) -> Failure {
    Failure::new(Kind::NotFound, format!("reference point {id} has just gone"))
}

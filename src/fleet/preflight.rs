//! What is looked at before a host is asked to export.

use super::report::{Failure, Kind};
use crate::hyperv::{
    Contents, Directory, Error, ExportRequest, Exported, Guid, Host, Job, Machine, Place, PointType, Seen,
    Selector,
};

/// Refuses what would fail or harm, and returns what a person should know of the rest.
pub(super) async fn preflight(host: &Host, request: &ExportRequest) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    of_the_point(&request.what, &mut warnings);
    let machines = machines(host, &request.what).await?;
    for machine in &machines {
        idle(machine)?;
        if machine.replication > PRIMARY {
            warnings.push(format!("{} is a replica here, and another host has the original", machine.name));
        }
    }
    alone(host, request, &machines, &mut warnings).await?;
    directory(host, request, &mut warnings).await?;
    Ok(warnings)
}

fn of_the_point(what: &Exported, warnings: &mut Vec<String>) {
    let (point_type, has_data) = match what {
        Exported::Machine { point, .. } => (point.point_type, point.has_data),
        Exported::Group { points, .. } => (points.point_type, points.has_log),
    };
    match point_type {
        PointType::Rct => warnings.push(
            "this is an RCT point, a mark without data: whether hosts export such points, and what they write \
             then, is documented nowhere. If this one refuses, the way that is known to work is a recovery \
             checkpoint, exported with ExportSystemDefinition and then converted to a reference point"
                .to_owned(),
        ),
        PointType::Log if !has_data => warnings.push(
            "the log of this point has been removed: the host may have nothing to export".to_owned(),
        ),
        PointType::Log => {}
        PointType::Other(number) => {
            warnings.push(format!("this point is of type {number}, which nobody has documented"));
        }
    }
}

async fn machines(host: &Host, what: &Exported) -> Result<Vec<Machine>, Failure> {
    match what {
        // What it was busy with when it was found may be over.
        Exported::Machine { machine, .. } if machine.busy.is_some() => {
            Ok(vec![host.machine(&Selector::Id(machine.id.clone())).await.map_err(failed)?])
        }
        Exported::Machine { machine, .. } => Ok(vec![machine.clone()]),
        Exported::Group { group, .. } => host.members(group).await.map_err(failed),
    }
}

fn idle(machine: &Machine) -> Result<(), Failure> {
    match machine.busy.filter(|busy| busy.is_in_the_way()) {
        None => Ok(()),
        Some(busy) => {
            let message = format!("the host is {} {}", busy.name(), machine.name);
            Err(Failure::new(Kind::Busy, message)
                .with_hint("wait for its end: refpoint job list shows the host's jobs"))
        }
    }
}

/// Another export of the machine, or into the directory, would end badly for one of the two.
async fn alone(
    host: &Host,
    request: &ExportRequest,
    machines: &[Machine],
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    let jobs = host.jobs().await.map_err(failed)?;
    let in_the_way = |job: &&Job| {
        let Some(facts) = job.export.as_ref().filter(|_| !job.is_over()) else {
            return false;
        };
        let takes_part = |machine: &Machine| facts.machines.contains(&machine.id);
        facts.subject.as_ref() == Some(request.what.subject())
            || machines.iter().any(takes_part)
            || request.directory.is_same(&facts.directory)
    };
    let is_silent = |job: &&Job| !job.is_over() && job.is_silent_export();
    if let Some(job) = jobs.iter().find(is_silent) {
        warnings
            .push(format!("job {} exports a reference point too, and does not say of which machine", job.id));
    }
    match jobs.iter().find(in_the_way) {
        None => Ok(()),
        Some(job) => {
            let directory = job.export.as_ref().map(|facts| &*facts.directory).unwrap_or_default();
            let message = format!("job {} of {} is exporting to {directory}", job.id, job.owner);
            Err(Failure::new(Kind::Busy, message)
                .with_hint(format!("wait for its end: refpoint job wait HOST {}", job.id)))
        }
    }
}

async fn directory(host: &Host, request: &ExportRequest, warnings: &mut Vec<String>) -> Result<(), Failure> {
    let directory = &request.directory;
    if directory.is_verbatim() {
        warnings.push(r"the directory begins with \\?\, which Hyper-V may not take".to_owned());
    }
    if let Place::Share { server, share } = directory.place() {
        warnings.push(format!(
            "\\\\{server}\\{share} was not checked. The host writes there with its computer account, which needs \
             full control of the share and of the folder; it may ask for yours as well. A NAS outside the \
             domain knows no computer accounts: export to a drive of the host and copy from there"
        ));
        return Ok(());
    }
    match host.contents(directory).await.map_err(failed)? {
        Seen::Hidden(why) => warnings.push(format!("the directory was not checked: {why}")),
        Seen::Known(Contents::Empty) => {}
        Seen::Known(Contents::Missing { parent_exists }) => {
            if !parent_exists {
                on_a_drive(host, directory).await?;
            }
            let also = if parent_exists { "" } else { ", nor is the folder it is to be in" };
            warnings.push(format!(
                "{directory} is not there yet{also}: whether Hyper-V makes it is documented nowhere"
            ));
        }
        Seen::Known(Contents::Something) => {
            let message = format!("{directory} on the host is not empty");
            return Err(Failure::new(Kind::Usage, message).with_hint("give each export a fresh directory"));
        }
    }
    match host.free_space(directory).await.map_err(failed)? {
        Seen::Known(free) if free < TOO_LITTLE => {
            let message = format!("the volume of {directory} has {free} octets left");
            Err(Failure::new(Kind::Refused, message).with_hint("make room on the host, or export elsewhere"))
        }
        Seen::Known(free) => {
            if let Some(needed) = full_size(host, &request.what).await?.filter(|needed| *needed > free) {
                warnings.push(format!(
                    "the volume of {directory} has {free} octets left, and the disks together have {needed}"
                ));
            }
            Ok(())
        }
        Seen::Hidden(why) => {
            warnings.push(format!("free space was not checked: {why}"));
            Ok(())
        }
    }
}

/// Refuses a directory on a drive that the host is seen not to have. What may not be seen counts as there.
pub(super) async fn on_a_drive(host: &Host, directory: &Directory) -> Result<(), Failure> {
    let Place::Drive(letter) = directory.place() else { return Ok(()) };
    match host.has_drive(directory).await.map_err(failed)? {
        Seen::Known(true) | Seen::Hidden(_) => Ok(()),
        Seen::Known(false) => {
            let failure = Failure::new(Kind::NotFound, format!("the host has no drive {letter}:"));
            Err(failure.with_hint("name a directory on a drive that the host has"))
        }
    }
}

/// Returns the size of the machine's disks, where it can be seen: what an export without a base may need.
async fn full_size(host: &Host, what: &Exported) -> Result<Option<u64>, Failure> {
    let Exported::Machine { machine, base: None, .. } = what else {
        return Ok(None);
    };
    let mut total = 0_u64;
    for file in host.disk_files(&machine.id).await.map_err(failed)? {
        match host.file(&file).await.map_err(failed)? {
            Seen::Known(Some(size)) => total = total.saturating_add(size),
            Seen::Known(None) | Seen::Hidden(_) => return Ok(None),
        }
    }
    Ok(Some(total))
}

/// Says whether a machine is being exported now, by the host's word.
pub(super) async fn is_exporting(host: &Host, machine: &Guid) -> Result<bool, Error> {
    let found = host.machines(&Selector::Id(machine.clone())).await?;
    Ok(found.iter().any(|machine| machine.busy == Some(crate::hyperv::Busy::Exporting)))
}

fn failed(error: Error) -> Failure {
    (&error).into()
}

/// `ReplicationMode`: 1 is the original, what is above it are replicas.
const PRIMARY: u16 = 1;

/// Less than this holds not even the configuration.
const TOO_LITTLE: u64 = 16 << 20;

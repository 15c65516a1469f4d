//! What is behind WinRM: the namespace, the role and its version, machines, services, the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refpoint::cim::{Instance, ObjectPath};
use refpoint::client::{Enumerate, Error as SessionError, Mode, Session, Target};
use serde_json::json;

use super::account::{self, HYPERV_ADMINISTRATORS};
use super::finding::{Blocks, Finding, Fix, Layer};
use super::trouble::{Trouble, is_broken, is_namespace_missing};
use crate::cli::exit::Exit;

/// What Windows says of itself.
pub(super) const CIMV2: &str = "root/cimv2";
/// Where Hyper-V was before Windows Server 2012.
const OLD: &str = "root/virtualization";
/// The first build that has reference points: Windows Server 2016.
const BUILD_2016: u32 = 14393;
/// Clocks further apart than this are worth a word.
const APART: i64 = 60;
/// What Kerberos allows.
pub(super) const KERBEROS_ALLOWS: i64 = 300;

/// What is known of the host beside its findings: several layers speak of the same things.
#[derive(Default)]
pub(super) struct Known {
    /// What Identify said.
    pub(super) version: Option<String>,
    vmms: Option<Result<Vec<Instance>, SessionError>>,
    sees_machines: bool,
}

fn query(namespace: &str, wql: &str) -> Enumerate {
    Enumerate::query(namespace, wql)
}

/// Looks whether there is a service `vmms`, and how it stands.
async fn look_at_vmms(session: &mut Session, known: &mut Known) {
    if known.vmms.is_none() {
        let wql = "SELECT Name, State, StartMode, Started FROM Win32_Service WHERE Name = 'vmms'";
        known.vmms = Some(session.list(query(CIMV2, wql)).instances().await);
    }
}

/// Looks whether the namespace is there, and may be looked into.
pub(super) async fn namespace(target: &Target, session: &mut Session, known: &mut Known) -> Finding {
    let namespace = target.namespace.as_str().to_owned();
    let user = account::named(target);
    let management = "SELECT Name FROM Msvm_VirtualSystemManagementService";
    let looked = session.list(query(&namespace, management)).instances().await;
    let facts = |exists: bool| json!({"namespace": namespace, "exists": exists});
    let error = match looked {
        Ok(_) => return Finding::pass(Layer::Namespace, format!("{namespace} is there")).with(facts(true)),
        Err(error) => error,
    };
    let trouble = Trouble::of_session(&error);
    if is_broken(&error) {
        return trouble.at(Layer::Namespace);
    }
    if is_namespace_missing(&error) {
        let old = session.list(query(OLD, management)).instances().await;
        let is_old =
            old.map_or_else(|error| !is_namespace_missing(&error) && error.fault().is_some(), |_| true);
        let (seen, fix) = match is_old {
            true => (
                format!("there is no {namespace}, but {OLD}: this is Windows Server 2008 R2 or older"),
                Fix::new("Reference points came with Windows Server 2016: name a host of that version or a later one")
                    .on_host("(Get-CimInstance Win32_OperatingSystem).Caption"),
            ),
            false => (
                format!("there is no {namespace}: the role Hyper-V is not installed, or this is not the host meant"),
                Fix::new(
                    "Name the host that runs the machines (of a cluster the node, not the cluster); or install the \
                     role there, which restarts it",
                )
                .on_host("Get-WindowsFeature Hyper-V"),
            ),
        };
        return Finding::fail(Layer::Namespace, Exit::NotFound, seen, fix)
            .coded(trouble.code)
            .blocking(Blocks::HyperV)
            .with(facts(false));
    }
    if error.is_access_denied() {
        let seen = format!("WMI does not let {user} into {namespace}: {}", trouble.seen);
        let fix = Fix::new(format!(
            "Make it a Hyper-V administrator; where that is not enough, give it Enable Account and Remote Enable \
             on {} (wmimgmt.msc, Properties, Security). It counts from the next login on",
            namespace.replace('/', r"\")
        ))
        .on_host(hyperv_administrator(target));
        return Finding::fail(Layer::Namespace, Exit::AccessDenied, seen, fix)
            .coded(trouble.code)
            .blocking(Blocks::HyperV)
            .with(facts(true));
    }
    if error.is_quota() || error.is_busy() || error.is_timeout() {
        return trouble.at(Layer::Namespace);
    }
    // The provider lives in the service's process: where that does not run, this is no failure of its own.
    look_at_vmms(session, known).await;
    if matches!(&known.vmms, Some(Ok(rows)) if rows.first().is_some_and(|row| state(row) != "Running")) {
        let seen = format!(
            "{namespace} is there; what is behind it does not answer, since its service does not run"
        );
        return Finding::pass(Layer::Namespace, seen).with(facts(true));
    }
    trouble.at(Layer::Namespace).blocking(Blocks::HyperV).with(facts(true))
}

fn hyperv_administrator(target: &Target) -> String {
    account::join(target, HYPERV_ADMINISTRATORS)
}

fn state(service: &Instance) -> &str {
    service.text("State").unwrap_or_default()
}

/// Looks at the role's service and at the version of Windows.
pub(super) async fn role(session: &mut Session, known: &mut Known) -> Finding {
    look_at_vmms(session, known).await;
    let services = match known.vmms.take() {
        Some(Ok(services)) => services,
        Some(Err(error)) => return unseen(Layer::Role, &error, known),
        None => Vec::new(),
    };
    let system = "SELECT Caption, Version, BuildNumber, CSName FROM Win32_OperatingSystem";
    let system = match session.list(query(CIMV2, system)).instances().await {
        Ok(rows) => rows.into_iter().next(),
        Err(error) => return unseen(Layer::Role, &error, known),
    };
    let property = |name: &str| system.as_ref().and_then(|system| system.text(name)).map(str::to_owned);
    let build = property("BuildNumber").and_then(|build| build.parse::<u32>().ok());
    let caption = property("Caption").unwrap_or_else(|| "Windows".to_owned());
    let windows =
        format!("{caption}, build {}", build.map_or("not said".to_owned(), |build| build.to_string()));
    let name = property("CSName");
    let vmms = services.first();
    let facts = json!({
        "windows": caption, "build": build, "name": name,
        "vmms": vmms.map(|vmms| json!({"state": state(vmms), "start_mode": vmms.text("StartMode")})),
    });
    let fails =
        |exit, seen: String, fix| Finding::fail(Layer::Role, exit, seen, fix).blocking(Blocks::HyperV);
    let finding = match (vmms.map(state), build) {
        (None, _) => fails(
            Exit::NotFound,
            format!("there is no service vmms: Hyper-V is not installed ({windows})"),
            Fix::new("Name the host that runs the machines; or install the role there, which restarts it")
                .on_host("Install-WindowsFeature Hyper-V -IncludeManagementTools -Restart"),
        ),
        (Some("Start Pending"), _) => fails(
            Exit::RemoteFailed,
            format!("the service vmms is just starting ({windows}); jobs of before are forgotten"),
            Fix::new("Wait a minute, and look again").on_host("Get-Service vmms"),
        ),
        (Some(state), _) if state != "Running" => fails(
            Exit::RemoteFailed,
            format!("the service vmms, which is Hyper-V's management, is not running: {state} ({windows})"),
            Fix::new("Start it; the log Microsoft-Windows-Hyper-V-VMMS-Admin says why it was not running")
                .on_host("Start-Service vmms"),
        ),
        (Some(_), Some(build)) if build < BUILD_2016 => fails(
            Exit::RemoteFailed,
            format!("{windows}: reference points came with build {BUILD_2016}, Windows Server 2016"),
            Fix::new(
                "Export from a host with Windows Server 2016 or later; this one has to be upgraded first",
            ),
        ),
        (Some(_), _) => Finding::pass(
            Layer::Role,
            format!("Hyper-V runs on {}: {windows}", name.as_deref().unwrap_or("the host")),
        ),
    };
    finding.with(facts)
}

/// Says that what stands in `root/cimv2` cannot be looked at, which an export does without.
fn unseen(layer: Layer, error: &SessionError, known: &Known) -> Finding {
    let trouble = Trouble::of_session(error);
    if is_broken(error) {
        return trouble.at(layer);
    }
    if !error.is_access_denied() {
        return trouble.at(layer).blocking(Blocks::Nothing);
    }
    if layer == Layer::Clock {
        return Finding::not_reached(layer, "not reached, because root/cimv2 may not be looked into");
    }
    let version =
        known.version.as_deref().map(|version| format!(" (WinRM says {version})")).unwrap_or_default();
    let seen = format!(
        "the account may not look into root/cimv2{version}: exports go on without, but are not checked"
    );
    let fix = Fix::new(
        "Give it Enable Account and Remote Enable on root\\cimv2: in this window under Properties, Security. Then \
         drives, files and the clock can be seen",
    )
    .on_host("wmimgmt.msc");
    Finding::warn(layer, seen, fix).coded(trouble.code)
}

/// Looks whether the account sees any machine. Who has no right to see them gets no fault, but an empty list.
pub(super) async fn machines(target: &Target, session: &mut Session, known: &mut Known) -> Finding {
    let wql = "SELECT Name, ElementName, EnabledState, OperationalStatus FROM Msvm_ComputerSystem";
    let rows = match session.list(query(target.namespace.as_str(), wql)).instances().await {
        Ok(rows) => rows,
        Err(error) => return denied_or(Layer::Machines, target, &error),
    };
    let is_machine = |row: &&Instance| row.text("Name").is_some_and(is_guid);
    let machines: Vec<&Instance> = rows.iter().filter(is_machine).collect();
    let busy = machines.iter().filter(|row| operations(row) > 1).count();
    let names: Vec<&str> = machines.iter().filter_map(|row| row.text("ElementName")).take(5).collect();
    let sees_host = rows.len() > machines.len();
    let facts = json!({"machines": machines.len(), "busy": busy, "sees_host": sees_host});
    known.sees_machines = !machines.is_empty();
    if machines.is_empty() {
        let user = account::named(target);
        let itself = if sees_host { "" } else { ", not even the host itself" };
        let seen = format!(
            "no machine is shown{itself}. Either there is none, or {user} may not see them: Hyper-V then shows an \
             empty list and no error"
        );
        let fix = Fix::new(
            "If there are machines, make it a Hyper-V administrator; it counts from its next login on",
        )
        .on_host(hyperv_administrator(target));
        return Finding::warn(Layer::Machines, seen, fix).with(facts);
    }
    let more = if machines.len() > names.len() { " …" } else { "" };
    let at_work = match busy {
        0 => String::new(),
        1 => "; one is busy now (merging, exporting or the like)".to_owned(),
        several => format!("; {several} are busy now (merging, exporting or the like)"),
    };
    let noun = if machines.len() == 1 { "machine" } else { "machines" };
    let seen = format!("{} {noun}: {}{more}{at_work}", machines.len(), names.join(", "));
    Finding::pass(Layer::Machines, seen).with(facts)
}

fn operations(machine: &Instance) -> usize {
    machine.value("OperationalStatus").map_or(0, |value| value.scalars().count())
}

fn is_guid(text: &str) -> bool {
    text.parse::<refpoint::hyperv::Guid>().is_ok()
}

fn denied_or(layer: Layer, target: &Target, error: &SessionError) -> Finding {
    let trouble = Trouble::of_session(error);
    if is_broken(error) {
        return trouble.at(layer);
    }
    if error.is_access_denied() {
        let fix = Fix::new("Make it a Hyper-V administrator; it counts from its next login on")
            .on_host(hyperv_administrator(target));
        return Finding::fail(layer, Exit::AccessDenied, trouble.seen, fix)
            .coded(trouble.code)
            .blocking(Blocks::Nothing);
    }
    trouble.at(layer).blocking(Blocks::Nothing)
}

/// Looks whether the services are there that make and export points.
pub(super) async fn services(target: &Target, session: &mut Session, known: &Known) -> Finding {
    let classes = ["Msvm_VirtualSystemReferencePointService", "Msvm_CollectionReferencePointService"];
    let mut missing = Vec::new();
    for class in classes {
        let mut request = Enumerate::new(ObjectPath::new(target.namespace.as_str(), class));
        request.mode = Mode::Reference;
        match session.list(request).references().await {
            Ok(paths) if !paths.is_empty() => {}
            Ok(_) => missing.push((class, "has no instance")),
            Err(error) if error.is_class_missing() || error.is_not_found() => {
                missing.push((class, "is not known to the host"));
            }
            Err(error) => return denied_or(Layer::Services, target, &error),
        }
    }
    let facts = json!({
        "point_service": missing.iter().all(|(class, _)| *class != classes[0]),
        "collection_service": missing.iter().all(|(class, _)| *class != classes[1]),
    });
    let user = account::named(target);
    let list: Vec<String> = missing.iter().map(|(class, why)| format!("{class} {why}")).collect();
    let finding = match missing.is_empty() {
        true => Finding::pass(Layer::Services, "points of machines and of groups can be exported: both services are there"),
        false if !known.sees_machines && missing.iter().all(|(_, why)| *why == "has no instance") => Finding::warn(
            Layer::Services,
            format!("{}, perhaps because {user} may not see it", list.join("; ")),
            Fix::new("Make it a Hyper-V administrator; it counts from its next login on")
                .on_host(hyperv_administrator(target)),
        ),
        false => Finding::fail(
            Layer::Services,
            Exit::NotFound,
            format!("{}: reference points cannot be exported here", list.join("; ")),
            Fix::new("Export from a host with Windows Server 2016 or later; if this is one, its WMI classes can be \
                      registered anew")
                .on_host(r"mofcomp $env:windir\System32\WindowsVirtualization.V2.mof"),
        )
        .blocking(Blocks::Nothing),
    };
    finding.with(facts)
}

/// Holds the host's clock against ours.
pub(super) async fn clock(session: &mut Session, known: &Known) -> Finding {
    let before = SystemTime::now();
    let wql = "SELECT LocalDateTime FROM Win32_OperatingSystem";
    let rows = match session.list(query(CIMV2, wql)).instances().await {
        Ok(rows) => rows,
        Err(error) => return unseen(Layer::Clock, &error, known),
    };
    let took = before.elapsed().unwrap_or_default();
    let theirs = rows.first().and_then(|row| row.datetime("LocalDateTime")?.as_timestamp());
    let ours = (before + took / 2).duration_since(UNIX_EPOCH).unwrap_or_default();
    match theirs {
        Some(theirs) => apart(theirs.unix_seconds(), ours, took),
        None => Finding::pass(Layer::Clock, "the host does not tell its time"),
    }
}

fn apart(theirs: i64, ours: Duration, took: Duration) -> Finding {
    let ours = i64::try_from(ours.as_secs()).unwrap_or(i64::MAX);
    let seconds = theirs.saturating_sub(ours);
    let facts = json!({"host_ahead_by_seconds": seconds});
    // What the question itself took cannot be told from a clock that is wrong.
    let certain = seconds.abs() - i64::try_from(took.as_secs()).unwrap_or(0);
    let seen = apart_in_words(seconds);
    let finding = match certain {
        ..=APART => Finding::pass(Layer::Clock, seen),
        _ => {
            let limit = match certain > KERBEROS_ALLOWS {
                true => "more than the five minutes that Kerberos allows",
                false => "beyond five minutes Kerberos stops",
            };
            let fix = Fix::new(
                "Find out which of the two is wrong (timedatectl tells it of ours), and set it: times in \
                                reports and of points are the host's",
            )
            .on_host("w32tm /query /status; w32tm /resync");
            Finding::warn(Layer::Clock, format!("{seen}: {limit}"), fix)
        }
    };
    finding.with(facts)
}

/// Says how far the host's clock is from ours, which it is ahead of by so many seconds.
pub(super) fn apart_in_words(seconds: i64) -> String {
    let said = match seconds {
        -1..=1 => "the same as ours, to the second".to_owned(),
        2.. => format!("{} ahead of ours", span(seconds)),
        _ => format!("{} behind ours", span(seconds.saturating_neg())),
    };
    format!("the host's clock is {said}")
}

/// Returns how many seconds one moment is after another; less than none where it is before.
pub(super) fn seconds_after(one: SystemTime, other: SystemTime) -> i64 {
    let whole = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    match one.duration_since(other) {
        Ok(after) => whole(after),
        Err(before) => whole(before.duration()).saturating_neg(),
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds.saturating_add(1800)) / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn clocks_are_compared_with_what_the_question_took_in_mind() {
        let now = Duration::from_secs(1_795_000_000);
        let status = |theirs: i64, took| apart(1_795_000_000 + theirs, now, Duration::from_secs(took)).status;
        assert_eq!(status(0, 0), Status::Pass);
        assert_eq!(status(60, 0), Status::Pass);
        assert_eq!(status(61, 0), Status::Warn);
        assert_eq!(status(-61, 0), Status::Warn);
        assert_eq!(status(65, 10), Status::Pass);
        let far = apart(1_795_000_000 - 4000, now, Duration::ZERO);
        assert!(far.seen.contains("67 min behind ours: more than the five minutes"), "{}", far.seen);
    }
}

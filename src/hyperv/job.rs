use std::time::Duration;

use super::{Directory, Error, Guid, Receipt, is_same_disk};
use crate::cim::{Instance, ObjectPath, Timestamp, Value};
use crate::client::codes::{Treatment, job_outcome, job_state};

/// One look at a job: numbers decide, texts are in the host's language and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its class, as the host says: exports have classes of their own, and older hosts none.
    pub class: String,
    /// `InstanceID`.
    pub id: String,
    /// `JobState`.
    pub state: u32,
    /// `PercentComplete`; 100 is no end.
    pub percent: Option<u16>,
    /// `ErrorCode`; 4294967295 where there is one that is no number.
    pub error_code: u32,
    /// `ErrorDescription`, or the summary where there is no more.
    pub error_description: String,
    /// `JobStatus`, a sentence.
    pub status: String,
    /// `Owner`: who called.
    pub owner: String,
    /// `StartTime`.
    pub started: Option<Timestamp>,
    /// `ElapsedTime`.
    pub elapsed: Option<Duration>,
    /// `Cancellable`: advice, not a promise.
    pub cancellable: Option<bool>,
    /// `JobType`, of classes that have it.
    pub job_type: Option<u16>,
    /// What it exports, where it is an export and says so.
    pub export: Option<ExportFacts>,
}

/// What an export job says of its export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFacts {
    /// The machine, or the group.
    pub subject: Option<Guid>,
    /// The machines that take part in the export of a group.
    pub machines: Vec<Guid>,
    /// The point or the collection of points.
    pub point: String,
    /// The one it is relative to.
    pub base: Option<String>,
    /// Where the host writes.
    pub directory: String,
    /// What has been written; complete at the end.
    pub receipt: Receipt,
}

/// Classes of jobs that export a reference point, of a machine and of a group.
pub const EXPORT_JOBS: [&str; 2] =
    ["Msvm_VirtualSystemReferencePointExportJob", "Msvm_CollectionReferencePointExportJob"];

/// What is read of a job, of whatever class: about half of what hosts say of one.
pub(super) const JOB_PROPERTIES: [&str; 27] = [
    "InstanceID",
    "JobState",
    "PercentComplete",
    "ErrorCode",
    "ErrorDescription",
    "ErrorSummaryDescription",
    "JobStatus",
    "Owner",
    "StartTime",
    "ElapsedTime",
    "Cancellable",
    "JobType",
    "VirtualMachineId",
    "ReferencePointId",
    "BaseReferencePointId",
    "CollectionId",
    "ReferencePointGroupId",
    "BaseReferencePointGroupId",
    "ExportDirectory",
    "ExportedDisks",
    "ExportedLogFilePaths",
    "ExportedConfigFilePath",
    "ExportedConfigFilePaths",
    "ExportedRuntimeFilePath",
    "ExportedRuntimeFilePaths",
    "ExportedGuestStateFilePath",
    "ExportedGuestStateFilePaths",
];

impl Job {
    /// Reads a job of any class.
    pub fn read(instance: &Instance) -> Result<Self, Error> {
        let number = |name| instance.number(name).and_then(|number| u16::try_from(number).ok());
        let text = |name| instance.text(name).unwrap_or_default().to_owned();
        let description = Some(text("ErrorDescription")).filter(|text| !text.is_empty());
        Ok(Self {
            class: instance.class.as_str().to_owned(),
            id: instance.require_text("InstanceID")?.to_owned(),
            state: u32::try_from(instance.require_number("JobState")?).unwrap_or(u32::MAX),
            percent: number("PercentComplete"),
            error_code: error_code(instance),
            error_description: description.unwrap_or_else(|| text("ErrorSummaryDescription")),
            status: text("JobStatus"),
            owner: text("Owner"),
            started: instance.datetime("StartTime").and_then(|time| time.as_timestamp()),
            elapsed: instance
                .datetime("ElapsedTime")
                .and_then(|time| time.as_interval())
                .map(|i| i.as_duration()),
            cancellable: instance.boolean("Cancellable"),
            job_type: number("JobType"),
            export: ExportFacts::read(instance),
        })
    }

    /// Returns its path.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        ObjectPath::new(namespace, &*self.class).with_key("InstanceID", &*self.id)
    }

    /// Says whether it is what stands at a path. Of many that are compared nearly all have another identifier.
    pub fn is_at(&self, path: &ObjectPath, namespace: &str) -> bool {
        let may_be = path.key_text("InstanceID").is_some_and(|id| id.eq_ignore_ascii_case(&self.id));
        may_be && self.path(namespace).is_same_object(path)
    }

    /// Returns what state and error code say together.
    pub fn treatment(&self) -> Treatment {
        job_outcome(self.state, self.error_code)
    }

    /// Says whether it has ended.
    pub fn is_over(&self) -> bool {
        self.treatment().is_terminal()
    }

    /// Says whether it is an export that does not say of what, or not in full: older hosts have no class for exports,
    /// only the job types 203 (of a machine) and 206 (of a group).
    pub fn is_silent_export(&self) -> bool {
        match &self.export {
            Some(facts) => facts.subject.is_none() || facts.point.is_empty() || facts.directory.is_empty(),
            None => matches!(self.job_type, Some(203 | 206)),
        }
    }

    /// Returns the identifier, as far as there is one, of what cannot be read as a job and may be one that exports.
    pub(super) fn unreadable_export(instance: &Instance) -> Option<String> {
        let is_of_exports = EXPORT_JOBS.iter().any(|class| instance.class == **class);
        let may_export = match instance.number("JobType") {
            Some(job_type) => matches!(job_type, 203 | 206),
            None => instance.class == *"Msvm_ConcreteJob",
        };
        (is_of_exports || may_export).then(|| instance.text("InstanceID").unwrap_or_default().to_owned())
    }

    /// Returns the name of its state, `state-14` where nobody documented it.
    pub fn state_name(&self) -> String {
        job_state(self.state)
            .map_or_else(|| format!("state-{}", self.state), |state| state.code.name.to_owned())
    }
}

/// Reads `ErrorCode`. Without one nothing went wrong; one that cannot be read says that something did.
fn error_code(instance: &Instance) -> u32 {
    match instance.value("ErrorCode") {
        None | Some(Value::Null) => 0,
        Some(code) => code.as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(u32::MAX),
    }
}

impl ExportFacts {
    fn read(instance: &Instance) -> Option<Self> {
        let text = |name| instance.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let (subject, point, base) = if instance.class == *EXPORT_JOBS[0] {
            ("VirtualMachineId", "ReferencePointId", "BaseReferencePointId")
        } else if instance.class == *EXPORT_JOBS[1] {
            ("CollectionId", "ReferencePointGroupId", "BaseReferencePointGroupId")
        } else {
            return None;
        };
        Some(Self {
            subject: text(subject).and_then(|text| text.parse().ok()),
            machines: instance.texts("VirtualMachineId").filter_map(|text| text.parse().ok()).collect(),
            point: text(point).unwrap_or_default(),
            base: text(base),
            directory: text("ExportDirectory").unwrap_or_default(),
            receipt: Receipt::read(instance),
        })
    }

    /// Says whether this may be relative to that. A host that names no base may not tell of bases at all.
    pub fn may_be_relative_to(&self, base: Option<&str>) -> bool {
        match (&self.base, base) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(base)) => {
                ours.eq_ignore_ascii_case(base)
                    || Guid::last_in(ours).is_some_and(|guid| Some(guid) == Guid::last_in(base))
            }
        }
    }

    /// Says whether these disks may have been chosen for it, as [`Exported::chosen_disks`](super::Exported) says
    /// them: whatever it has exported by now is among them. Of identifiers in a form that is not documented
    /// nothing is concluded.
    pub fn may_have_disks(&self, chosen: &[String]) -> bool {
        let fits = |disk: &str| {
            let is_in = |machine: &str| disk.to_uppercase().contains(&machine.to_uppercase());
            let of_its_machine = chosen.iter().filter_map(|choice| match choice.split_once(':') {
                Some((machine, chosen)) if machine.parse::<Guid>().is_ok() => {
                    is_in(machine).then_some(chosen)
                }
                _ => Some(choice.as_str()),
            });
            // The machines of a group of which no disk was chosen are exported whole.
            let mut of_its_machine = of_its_machine.peekable();
            of_its_machine.peek().is_none() || of_its_machine.any(|chosen| is_same_disk(chosen, disk))
        };
        let is_documented = |disk: &str| disk.to_lowercase().starts_with("microsoft:");
        chosen.is_empty() || self.receipt.disks.iter().all(|disk| !is_documented(&disk.id) || fits(&disk.id))
    }

    /// Says whether this is the export of that point of that machine or group into that directory.
    pub fn is_of(&self, subject: &Guid, point: &str, directory: &Directory) -> bool {
        self.is_of_point(subject, point) && directory.is_same(&self.directory)
    }

    /// Says whether this is the export of that point of that machine or group. Points are compared by the GUID
    /// within, since their documented form here is the bare GUID and not the identifier.
    pub fn is_of_point(&self, subject: &Guid, point: &str) -> bool {
        let same_point = self.point.eq_ignore_ascii_case(point)
            || Guid::last_in(&self.point).is_some_and(|guid| Some(guid) == Guid::last_in(point));
        self.subject.as_ref() == Some(subject) && same_point
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{Catalog, Type};

    const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
    const POINT: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";

    fn job(state: u16, code: u16) -> Instance {
        Instance::new(EXPORT_JOBS[0])
            .with("InstanceID", "C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415")
            .with("JobState", state)
            .with("ErrorCode", code)
            .with("PercentComplete", 100u16)
            .with("VirtualMachineId", WEB01.to_lowercase())
            .with("ReferencePointId", POINT)
            .with("ExportDirectory", r"D:\Exports\web01\")
    }

    /// What is not asked for cannot be read: a look at all jobs must not miss what a look at one sees.
    #[test]
    fn all_that_is_read_of_a_job_is_among_what_is_kept_of_one() {
        let catalog = Catalog::bundled();
        let jobs: Vec<_> =
            catalog.classes().filter(|class| catalog.is_a(&class.name, "CIM_ConcreteJob")).collect();
        assert!(EXPORT_JOBS.iter().all(|name| jobs.iter().any(|class| class.name == **name)));
        for class in jobs {
            let (mut whole, mut kept) =
                (Instance::new(class.name.clone()), Instance::new(class.name.clone()));
            for property in catalog.properties(&class.name) {
                let text = match property.ty {
                    Type::DateTime if *property.name == *"ElapsedTime" => "00000000000130.000000:000",
                    Type::DateTime => "20260101020304.000000+000",
                    Type::Boolean => "TRUE",
                    Type::String if property.name.ends_with("Id") && property.name.starts_with('V') => WEB01,
                    Type::String if property.name.starts_with("CollectionId") => WEB01,
                    Type::String => property.name.as_str(),
                    _ => "7",
                };
                let Ok(value) = Value::parse(property.ty, property.is_array, [text]) else { continue };
                whole.set(property.name.clone(), value.clone());
                if JOB_PROPERTIES.iter().any(|name| property.name == **name) {
                    kept.set(property.name.clone(), value);
                }
            }
            assert!(kept.properties().len() < whole.properties().len());
            assert_eq!(Job::read(&kept).unwrap(), Job::read(&whole).unwrap(), "{}", class.name);
            // The description comes first: without it the summary is read.
            for instance in [&mut whole, &mut kept] {
                instance.set("ErrorDescription", "");
            }
            assert_eq!(Job::read(&kept).unwrap(), Job::read(&whole).unwrap(), "{}", class.name);
            assert_eq!(Job::unreadable_export(&kept), Job::unreadable_export(&whole));
        }
    }

    #[test]
    fn states_and_error_code_decide_and_percent_does_not() {
        for (state, code, treatment) in [
            (2, 0, Treatment::Pending),
            (4, 0, Treatment::Running),
            (5, 0, Treatment::Running),
            (7, 0, Treatment::Succeeded),
            (7, 32768, Treatment::Failed),
            (8, 0, Treatment::Cancelled),
            (9, 0, Treatment::Cancelled),
            (10, 0, Treatment::Failed),
            (32768, 0, Treatment::SucceededWithWarnings),
            (14, 0, Treatment::Unknown),
        ] {
            let read = Job::read(&job(state, code)).unwrap();
            assert_eq!(read.treatment(), treatment, "{state} {code}");
            assert_eq!(read.is_over(), treatment.is_terminal());
        }
        assert_eq!(Job::read(&job(14, 0)).unwrap().state_name(), "state-14");
    }

    /// What says that something went wrong, and not what, must not look as if nothing had.
    #[test]
    fn an_error_code_that_cannot_be_read_is_a_failure_and_none_is_none() {
        let read = |code: Option<Value>| {
            let mut job = job(7, 0);
            job.set("ErrorCode", code.unwrap_or(Value::Null));
            let job = Job::read(&job).unwrap();
            (job.error_code, job.treatment())
        };
        assert_eq!(read(None), (0, Treatment::Succeeded));
        assert_eq!(read(Some(0u16.into())), (0, Treatment::Succeeded));
        assert_eq!(read(Some("0".into())), (0, Treatment::Succeeded));
        assert_eq!(read(Some(32768u16.into())), (32768, Treatment::Failed));
        for unreadable in ["-1", "4294967296", "1.5", "failed", ""] {
            assert_eq!(read(Some(unreadable.into())), (u32::MAX, Treatment::Failed), "{unreadable:?}");
        }
        let without = Instance::new(EXPORT_JOBS[0]).with("InstanceID", "x").with("JobState", 7u16);
        assert_eq!(Job::read(&without).unwrap().treatment(), Treatment::Succeeded);
    }

    #[test]
    fn a_job_without_a_state_is_no_job() {
        assert!(Job::read(&Instance::new(EXPORT_JOBS[0]).with("InstanceID", "x")).is_err());
    }

    #[test]
    fn an_export_is_recognised_by_machine_point_and_directory_together() {
        let facts = Job::read(&job(4, 0)).unwrap().export.unwrap();
        let web01: Guid = WEB01.parse().unwrap();
        let directory = Directory::parse(r"d:\exports\WEB01").unwrap();
        let point = format!(r"Microsoft:{WEB01}\{POINT}");
        assert!(facts.is_of(&web01, &point, &directory));
        assert!(facts.is_of(&web01, &format!("Microsoft:{POINT}"), &directory));
        assert!(!facts.is_of(&POINT.parse().unwrap(), &point, &directory));
        assert!(!facts.is_of(&web01, &format!("Microsoft:{WEB01}"), &directory));
        assert!(!facts.is_of(&web01, &point, &Directory::parse(r"D:\exports\web02").unwrap()));
    }

    #[test]
    fn a_job_that_is_relative_to_something_else_is_another() {
        let facts = |base: &str| {
            let mut job = job(4, 0);
            job.set("BaseReferencePointId", base);
            Job::read(&job).unwrap().export.unwrap()
        };
        let base = format!(r"Microsoft:{WEB01}\{POINT}");
        assert!(facts(POINT).may_be_relative_to(Some(&base)));
        assert!(!facts(POINT).may_be_relative_to(None));
        assert!(!facts(POINT).may_be_relative_to(Some(WEB01)));
        assert!(facts("").may_be_relative_to(None) && facts("").may_be_relative_to(Some(&base)));
    }

    #[test]
    fn a_job_that_exports_other_disks_is_another() {
        let other = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44";
        let disk = |machine: &str, place: u8| format!(r"Microsoft:{machine}\C5A1E7B2\0\{place}\L");
        let facts = |disks: &[String]| {
            let mut job = job(4, 0);
            job.set("ExportedDisks", disks.to_vec());
            Job::read(&job).unwrap().export.unwrap()
        };
        let both = facts(&[disk(WEB01, 0), disk(WEB01, 1)]);
        assert!(both.may_have_disks(&[]) && facts(&[]).may_have_disks(&[disk(WEB01, 0)]));
        assert!(both.may_have_disks(&[disk(WEB01, 1).replace(r"\L", r"\D"), disk(WEB01, 0).to_lowercase()]));
        assert!(!both.may_have_disks(&[disk(WEB01, 0)]));
        assert!(facts(&["D:\\os.vhdx".to_owned()]).may_have_disks(&[disk(WEB01, 0)]));
        // Of a group.
        let of = |machine: &str, place: u8| format!("{machine}:{}", disk(machine, place));
        assert!(both.may_have_disks(&[of(other, 0)]));
        assert!(both.may_have_disks(&[of(WEB01, 0), of(WEB01, 1), of(other, 0)]));
        assert!(!both.may_have_disks(&[of(other, 0), of(WEB01, 0)]));
    }

    #[test]
    fn an_export_that_does_not_say_all_of_what_it_is_is_silent() {
        let read = |job: &Instance| Job::read(job).unwrap().is_silent_export();
        assert!(!read(&job(4, 0)));
        for name in ["VirtualMachineId", "ReferencePointId", "ExportDirectory"] {
            let mut half = job(4, 0);
            half.set(name, Value::Null);
            assert!(read(&half), "{name}");
        }
        let other = |job_type: u16| {
            let job = Instance::new("Msvm_ConcreteJob").with("InstanceID", "x").with("JobState", 4u16);
            read(&job.with("JobType", job_type))
        };
        assert!(other(203) && other(206) && !other(1));
    }

    #[test]
    fn a_job_that_cannot_be_read_may_be_one_that_exports() {
        let of = |class: &str| Instance::new(class).with("InstanceID", "x");
        let found = |instance: Instance| Job::unreadable_export(&instance);
        assert_eq!(found(of(EXPORT_JOBS[1])).as_deref(), Some("x"));
        assert_eq!(found(of("Msvm_ConcreteJob")).as_deref(), Some("x"));
        assert_eq!(found(of("Msvm_ConcreteJob").with("JobType", 203u16)).as_deref(), Some("x"));
        assert_eq!(found(Instance::new(EXPORT_JOBS[0])).as_deref(), Some(""));
        assert_eq!(found(of("Msvm_ConcreteJob").with("JobType", 1u16)), None);
        assert_eq!(found(of("Msvm_StorageJob")), None);
    }

    #[test]
    fn a_job_of_another_class_exports_nothing_that_could_be_recognised() {
        let mut other = job(4, 0);
        other.class = "Msvm_ConcreteJob".into();
        assert_eq!(Job::read(&other).unwrap().export, None);
    }
}

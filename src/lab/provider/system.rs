//! The host and its machines as Hyper-V shows them, their settings and disks, and the services.

use crate::cim::{DateTime, Value, embedded};

use super::super::draft::Draft;
use super::super::scenario::DiskKind;
use super::super::site::{BUILD_2025, Site, class_path, never};
use super::super::store::{Object, Service};
use super::super::text::Text;
use super::super::world::{Checkpoint, Machine, World};
use super::job::{JobKind, NewJob, Work};
use super::{Call, Code, Returned};

impl World {
    pub(in crate::lab) fn draft_host(&self, site: Site<'_>) -> Draft {
        let mut draft = Draft::of("Msvm_ComputerSystem");
        draft
            .set("Caption", site.text(Text::HostSystem))
            .set("Description", site.text(Text::HostDescription))
            .set("ElementName", site.name)
            .set("Name", site.name)
            .set("CreationClassName", "Msvm_ComputerSystem")
            .set("EnabledState", 2_u16)
            .set("EnabledDefault", 2_u16)
            .set("RequestedState", 12_u16)
            .set("HealthState", 5_u16)
            .set("OperationalStatus", vec![2_u16])
            .set("StatusDescriptions", vec![site.text(Text::Fine)])
            .set("Status", "OK")
            .set("NumberOfNumaNodes", 1_u16)
            .set("ResetCapability", 1_u16)
            .set("TimeOfLastStateChange", site.start());
        draft
    }

    pub(in crate::lab) fn draft_machine(&self, at: usize, site: Site<'_>) -> Draft {
        let machine = &self.machines[at];
        let busy = self.busy(at, site.now);
        let is_on = matches!(machine.state, 2 | 9 | 4 | 10);
        let status = if busy.is_some() { vec![11_u16] } else { vec![2] };
        let first = site.text(if busy.is_some() { Text::InService } else { Text::Fine });
        let second = busy.map(|status| site.text(busy_text(status)));
        let mut draft = Draft::of("Msvm_ComputerSystem");
        draft
            .set("Caption", site.text(Text::Machine))
            .set("Description", site.text(Text::MachineDescription))
            .set("ElementName", machine.name.as_str())
            .set("Name", machine.id.as_str())
            .set("CreationClassName", "Msvm_ComputerSystem")
            .set("InstallDate", machine.created.map_or_else(|| site.start(), DateTime::Absolute))
            .set("EnabledState", machine.state)
            .set("EnabledDefault", 2_u16)
            .set("RequestedState", 5_u16)
            .set("HealthState", 5_u16)
            .set("OperationalStatus", status.into_iter().chain(busy).collect::<Vec<_>>())
            .set("StatusDescriptions", [first].into_iter().chain(second).collect::<Vec<_>>())
            .set("Status", "OK")
            .set("NumberOfNumaNodes", 1_u16)
            .set("ResetCapability", 1_u16)
            .set("EnhancedSessionModeState", 6_u16)
            .set("ReplicationState", 0_u16)
            .set("ReplicationHealth", 0_u16)
            .set("ReplicationMode", 0_u16)
            .set("FailedOverReplicationType", 0_u16)
            .set("LastReplicationType", 0_u16)
            .set("LastReplicationTime", never())
            .set("LastApplicationConsistentReplicationTime", never())
            .set("TimeOfLastConfigurationChange", site.start())
            .set("TimeOfLastStateChange", site.time(machine.state_since))
            .set("TransitioningToState", Value::Null)
            .set("OnTimeInMilliseconds", 0_u64);
        if is_on {
            let on = u64::try_from((site.now.saturating_sub(machine.state_since)).as_millis()).unwrap_or(0);
            draft
                .set("OnTimeInMilliseconds", on + 86_400_000)
                .set("ProcessID", 4000 + u32::try_from(at).unwrap_or(0) * 4)
                .set("HwThreadsPerCoreRealized", 1_u32);
        }
        draft
    }

    pub(in crate::lab) fn draft_settings(&self, at: usize, site: Site<'_>) -> Draft {
        let machine = &self.machines[at];
        let mut draft = Draft::of("Msvm_VirtualSystemSettingData");
        describe_settings(&mut draft, machine, site);
        draft
            .set("InstanceID", format!("Microsoft:{}", machine.id))
            .set("Caption", site.text(Text::Settings))
            .set("Description", site.text(Text::Settings))
            .set("ElementName", machine.name.as_str())
            .set("VirtualSystemType", "Microsoft:Hyper-V:System:Realized")
            .set("CreationTime", machine.created.map_or_else(|| site.start(), DateTime::Absolute));
        draft
    }

    pub(super) fn draft_checkpoint_settings(&self, checkpoint: &Checkpoint, site: Site<'_>) -> Draft {
        let machine = &self.machines[checkpoint.machine];
        let mut draft = Draft::of("Msvm_VirtualSystemSettingData");
        describe_settings(&mut draft, machine, site);
        let kind = match checkpoint.is_recovery {
            true => "Microsoft:Hyper-V:Snapshot:Recovery",
            false => "Microsoft:Hyper-V:Snapshot:Realized",
        };
        draft
            .set("InstanceID", format!("Microsoft:{}", checkpoint.guid))
            .set("Caption", site.text(Text::CheckpointSettings))
            .set("Description", site.text(Text::CheckpointSettings))
            .set("ElementName", checkpoint.name.as_str())
            .set("VirtualSystemType", kind)
            .set("CreationTime", site.time(checkpoint.created))
            .set("IsAutomaticSnapshot", false);
        draft
    }

    pub(in crate::lab) fn draft_disk(&self, at: usize, disk: usize, site: Site<'_>) -> Draft {
        let machine = &self.machines[at];
        let is_on_checkpoint = self.checkpoints.values().any(|checkpoint| checkpoint.machine == at);
        let disk = &machine.disks[disk];
        // While a checkpoint hangs on it, the machine writes to a difference.
        let file = match disk.file.rsplit_once('.') {
            Some((stem, _)) if is_on_checkpoint && disk.kind == DiskKind::Vhdx => {
                format!("{stem}_{}.avhdx", machine.id)
            }
            _ => disk.file.clone(),
        };
        let slot = class_path("Msvm_ResourceAllocationSettingData")
            .on_host(site.name)
            .with_key("InstanceID", slot_id(&disk.id));
        let mut draft = Draft::of("Msvm_StorageAllocationSettingData");
        draft
            .set("InstanceID", disk.id.as_str())
            .set("Caption", site.text(Text::HardDisk))
            .set("Description", site.text(Text::HardDisk))
            .set("ElementName", site.text(Text::HardDisk))
            .set("ResourceType", 31_u16)
            .set("ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk")
            .set("PoolID", "")
            .set("ConsumerVisibility", 3_u16)
            .set("HostResource", vec![file])
            .set("AllocationUnits", "count")
            .set("VirtualQuantity", 1_u64)
            .set("VirtualQuantityUnits", "count")
            .set("Limit", 1_u64)
            .set("Reservation", 1_u64)
            .set("Weight", 100_u32)
            .set("AutomaticAllocation", true)
            .set("AutomaticDeallocation", true)
            .set("Parent", slot.to_string())
            .set("PersistentReservationsSupported", disk.kind == DiskKind::VhdSet)
            .set("IgnoreFlushes", false)
            .set("CachingMode", 2_u16);
        draft
    }

    pub(in crate::lab) fn draft_slot(&self, at: usize, disk: usize, site: Site<'_>) -> Draft {
        let disk = &self.machines[at].disks[disk];
        let mut draft = Draft::of("Msvm_ResourceAllocationSettingData");
        draft
            .set("InstanceID", slot_id(&disk.id))
            .set("Caption", site.text(Text::DiskDrive))
            .set("Description", site.text(Text::DiskDrive))
            .set("ElementName", site.text(Text::DiskDrive))
            .set("ResourceType", 17_u16)
            .set("ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive")
            .set("AddressOnParent", disk.location.to_string());
        draft
    }

    pub(in crate::lab) fn draft_merge_switch(&self, at: usize) -> Draft {
        let machine = &self.machines[at];
        let mut draft = Draft::of("Msvm_DiskMergeSettingData");
        draft
            .set("InstanceID", format!("Microsoft:{}\\merge", machine.id))
            .set("ElementName", machine.name.as_str())
            .set("EnabledState", u32::from(!machine.merge_disabled));
        draft
    }

    pub(in crate::lab) fn draft_service(&self, service: Service, site: Site<'_>) -> Draft {
        let mut draft = Draft::of(service.class());
        draft
            .set("CreationClassName", service.class())
            .set("Name", service.name(&site.questions().service_names))
            .set("SystemCreationClassName", "Msvm_ComputerSystem")
            .set("SystemName", site.name)
            .set("Caption", site.text(Text::Service))
            .set("Description", site.text(Text::Service))
            .set("ElementName", site.text(Text::Service))
            .set("Started", self.restarting.is_none())
            .set("EnabledState", 2_u16)
            .set("EnabledDefault", 2_u16)
            .set("RequestedState", 12_u16)
            .set("HealthState", 5_u16)
            .set("OperationalStatus", vec![2_u16])
            .set("StatusDescriptions", vec![site.text(Text::Fine)])
            .set("Status", "OK")
            .set("StartMode", "Automatic");
        draft
    }

    pub(super) fn invoke_management_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "ExportSystemDefinition" => self.export_machine(call),
            "ModifyDiskMergeSettings" => self.modify_merging(call),
            "FormatError" => {
                let texts = call.arguments.value("Errors").scalars();
                let read = |text: &str| embedded::read(text).map_err(|_| Code::InvalidParameter);
                let messages = texts
                    .filter_map(|text| text.as_str())
                    .map(|text| read(text).map(|error| error.text("Message").unwrap_or_default().to_owned()));
                let messages: Vec<String> = messages.collect::<Result<_, _>>()?;
                Ok(Returned::done().with("ErrorMessage", messages.join("\r\n\r\n")))
            }
            // Machines are neither made nor destroyed here.
            _ => Err(Code::NotSupported),
        }
    }

    fn modify_merging(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let settings = call.settings("SettingData", "Msvm_DiskMergeSettingData")?;
        let settings = settings.ok_or(Code::InvalidParameter)?;
        let id = settings.text("InstanceID").ok_or(Code::InvalidParameter)?;
        let is_it =
            |machine: &&mut Machine| id.eq_ignore_ascii_case(&format!("Microsoft:{}\\merge", machine.id));
        let machine = self.machines.iter_mut().find(is_it).ok_or(Code::InvalidParameter)?;
        machine.merge_disabled = match settings.number("EnabledState") {
            Some(0) => true,
            Some(1) => false,
            _ => return Err(Code::InvalidParameter),
        };
        Ok(Returned::done())
    }

    /// `RequestStateChange` of a machine.
    pub(super) fn invoke_machine(&mut self, machine: usize, call: &Call<'_>) -> Result<Returned, Code> {
        if call.method.name != "RequestStateChange" {
            return Err(Code::NotSupported);
        }
        self.require_idle(machine, call.site)?;
        // One change after the other: the second would begin from a state that is not there yet.
        self.require_free(&[Object::Machine(machine)], false).map_err(|_| Code::InvalidState)?;
        let state = match call.arguments.number("RequestedState") {
            Some(2 | 10 | 11) => 2,
            Some(3 | 4) => 3,
            Some(6) => 6,
            Some(9) => 9,
            _ => return Err(Code::InvalidParameter),
        };
        if self.machines[machine].state == state && state != 2 {
            return Err(Code::InvalidState);
        }
        let takes = call.site.scenario.speed.machine;
        let mut new = NewJob::new(JobKind::ChangeState, takes, Work::ChangeState { machine, state });
        new.held = vec![Object::Machine(machine)];
        new.affected = vec![Object::Machine(machine)];
        Ok(self.start(call, Service::Management, new))
    }
}

fn describe_settings(draft: &mut Draft, machine: &Machine, site: Site<'_>) {
    let directory = machine.disks.first().and_then(|disk| disk.file.rsplit_once('\\'));
    let directory = directory.map_or(r"C:\ProgramData\Microsoft\Windows\Hyper-V", |(directory, _)| directory);
    draft
        .set("VirtualSystemIdentifier", machine.id.as_str())
        .set("VirtualSystemSubType", format!("Microsoft:Hyper-V:SubType:{}", machine.generation))
        .set("Version", machine.version.as_str())
        .set("UserSnapshotType", 3_u16)
        .set("IncrementalBackupEnabled", machine.incremental_backup)
        .set("ConfigurationID", machine.id.as_str())
        .set("ConfigurationDataRoot", directory)
        .set("ConfigurationFile", format!("Virtual Machines\\{}.vmcx", machine.id))
        .set("SnapshotDataRoot", directory)
        .set("SuspendDataRoot", directory)
        .set("SwapFileDataRoot", directory)
        .set("AutomaticStartupAction", 3_u16)
        .set("AutomaticShutdownAction", 3_u16)
        .set("AutomaticRecoveryAction", 3_u16)
        .set("AutomaticSnapshotsEnabled", false)
        .set("IsSaved", machine.state == 6)
        .set("SecureBootEnabled", machine.generation == 2)
        .set("Architecture", if site.build() >= BUILD_2025 { "x64" } else { "" })
        .set("GuestStateFile", format!("Virtual Machines\\{}.vmgs", machine.id))
        .set("GuestStateDataRoot", directory);
}

/// Returns the `InstanceID` of the slot that a disk is in.
fn slot_id(disk: &str) -> String {
    format!("{}D", disk.strip_suffix('L').unwrap_or(disk))
}

fn busy_text(status: u16) -> Text {
    match status {
        32768 => Text::CreatingCheckpoint,
        32769 => Text::ApplyingCheckpoint,
        32770 => Text::DeletingCheckpoint,
        32771 => Text::WaitingToStart,
        32772 => Text::Merging,
        32773 => Text::Exporting,
        32774 => Text::Migrating,
        _ => Text::Degraded,
    }
}

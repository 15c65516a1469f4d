//! Making and destroying: points, collections, checkpoints, groups; and what has changed on a disk.

use crate::cim::{Instance, ObjectPath, Value};
use crate::wsman::Invoke;

use super::super::Scenario;
use super::{
    DB_FIRST, DB_LOG, DB01, FIRST, Rehearsal, SECOND, SHOP, SHOP_FIRST, WEB01, collection, create_point,
    export, machine, path, point, service, text,
};

fn points(lab: &mut Rehearsal) -> usize {
    lab.class("Msvm_VirtualSystemReferencePoint").len()
}

/// Returns what the rows of a job say that it made.
fn made(lab: &mut Rehearsal, job: &ObjectPath) -> Vec<ObjectPath> {
    let rows = lab.class("Msvm_AffectedJobElement");
    let of_job = rows.iter().filter(|row| row.path("AffectingElement").unwrap().is_same_object(job));
    let made = of_job.filter(|row| row.numbers("ElementEffects").any(|effect| effect == 5));
    made.map(|row| row.path("AffectedElement").unwrap().clone()).collect()
}

fn destroy(point: ObjectPath) -> Invoke {
    Invoke::new(service("Msvm_VirtualSystemReferencePointService"), "DestroyReferencePoint")
        .with("AffectedReferencePoint", point)
}

fn checkpoint(kind: u16) -> Invoke {
    let settings = Instance::new("Msvm_VirtualSystemSnapshotSettingData")
        .with("ConsistencyLevel", 2_u8)
        .with("IgnoreNonSnapshottableDisks", true);
    Invoke::new(service("Msvm_VirtualSystemSnapshotService"), "CreateSnapshot")
        .with("AffectedSystem", machine(WEB01))
        .with("SnapshotSettings", text(&settings))
        .with("SnapshotType", kind)
}

fn convert(checkpoint: ObjectPath) -> Invoke {
    Invoke::new(service("Msvm_VirtualSystemSnapshotService"), "ConvertToReferencePoint")
        .with("AffectedSnapshot", checkpoint)
        .with("ReferencePointSettings", Value::Null)
}

#[test]
fn a_new_point_is_there_when_its_job_has_ended_and_the_job_tells_which() {
    let mut lab = Rehearsal::of(Scenario::default());
    let invoked = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
    assert_eq!(invoked.value("ResultingReferencePoint"), Some(&Value::Null), "as real hosts have it");
    let job = invoked.path("Job").unwrap().clone();
    lab.wait(0.5);
    assert_eq!((points(&mut lab), made(&mut lab, &job).len()), (5, 0), "not before its end");
    lab.wait(0.5);
    let new = made(&mut lab, &job).remove(0);
    let shown = lab.get(&new).unwrap();
    assert_eq!((shown.number("ReferencePointType"), shown.number("ConsistencyLevel")), (Some(2), Some(1)));
    assert!(shown.texts("ResilientChangeTrackingIdentifiers").all(|id| id.ends_with(":00000003")));
    let by_association = lab.query(&format!(
        "ASSOCIATORS OF {{{}}} WHERE AssocClass = Msvm_ReferencePointOfVirtualSystem",
        machine(WEB01)
    ));
    assert!(by_association.unwrap().contains(&shown));
    let log = lab.job(&create_point(machine(WEB01), 1));
    lab.wait(1.0);
    let log = made(&mut lab, &log).remove(0);
    let shown = lab.get(&log).unwrap();
    assert_eq!(
        (shown.number("ReferencePointType"), shown.boolean("HasAssociatedData")),
        (Some(1), Some(true))
    );
    assert_eq!(shown.value("ResilientChangeTrackingIdentifiers"), None);
    assert_eq!(lab.finish(&destroy(new.clone())).number("JobState"), Some(7));
    assert!(lab.get(&new).unwrap_err().is_not_found());
    assert_eq!(lab.code(&destroy(new)), 32773);
}

#[test]
fn how_a_result_is_learnt_is_a_question() {
    let mut lab = Rehearsal::read("[questions]\nresults = 'parameter'");
    let invoked = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
    let promised = invoked.path("ResultingReferencePoint").unwrap().clone();
    assert!(lab.get(&promised).unwrap_err().is_not_found());
    lab.wait(1.0);
    lab.get(&promised).unwrap();
    let mut lab = Rehearsal::read("[questions]\nresults = 'synchronous'");
    let invoked = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
    assert_eq!((invoked.code(), invoked.value("Job")), (Some(0), Some(&Value::Null)));
    lab.get(invoked.path("ResultingReferencePoint").unwrap()).unwrap();
    assert!(lab.class("CIM_ConcreteJob").is_empty());
    for (is_enabled, is_needed, code) in [(true, true, 4096), (false, true, 5), (false, false, 4096)] {
        let mut lab = Rehearsal::read(&format!(
            "[[machine]]\nid = '{WEB01}'\nname = 'x'\nincremental_backup = {is_enabled}\n\
             [questions]\nneeds_incremental_backup = {is_needed}"
        ));
        assert_eq!(lab.code(&create_point(machine(WEB01), 2)), code, "{is_enabled} {is_needed}");
    }
    let mut lab = Rehearsal::read("[[job]]\nwithout_reference = true");
    let invoked = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
    assert_eq!((invoked.code(), invoked.value("Job")), (Some(4096), Some(&Value::Null)));
}

#[test]
fn disks_that_cannot_be_tracked_make_no_points() {
    let machine_of = |kind: &str| {
        format!(
            "[[machine]]\nid = '{WEB01}'\nname = 'x'\n[[machine.disk]]\nfile = 'D:\\x.vhd'\nsize = 1\nkind = '{kind}'"
        )
    };
    for (kind, code) in [("vhd", 1), ("pass-through", 1), ("vhdx", 4096)] {
        assert_eq!(Rehearsal::read(&machine_of(kind)).code(&create_point(machine(WEB01), 2)), code, "{kind}");
    }
}

#[test]
fn only_a_log_can_be_dropped_and_only_once() {
    let drop_log = |point| {
        Invoke::new(service("Msvm_VirtualSystemReferencePointService"), "RemoveAssociatedData")
            .with("AffectedReferencePoint", point)
    };
    let mut lab = Rehearsal::of(Scenario::default());
    assert_eq!(lab.code(&drop_log(point(WEB01, FIRST))), 32770);
    assert_eq!(lab.finish(&drop_log(point(DB01, DB_LOG))).number("JobType"), Some(204));
    assert_eq!(lab.get(&point(DB01, DB_LOG)).unwrap().boolean("HasAssociatedData"), Some(false));
    assert_eq!(lab.code(&drop_log(point(DB01, DB_LOG))), 32775);
    assert_eq!(lab.code(&export(point(DB01, DB_LOG), r"D:\x")), 32775, "its data is gone");
}

#[test]
fn a_checkpoint_becomes_a_point_and_its_disks_merge() {
    let mut lab = Rehearsal::of(Scenario::default());
    assert_eq!(lab.code(&checkpoint(77)), 4);
    let job = lab.job(&checkpoint(32768));
    lab.wait(1.0);
    let recovery = made(&mut lab, &job).remove(0);
    let shown = lab.get(&recovery).unwrap();
    assert_eq!(shown.text("VirtualSystemType"), Some("Microsoft:Hyper-V:Snapshot:Recovery"));
    assert_eq!(shown.text("VirtualSystemIdentifier"), Some(WEB01));
    let disks = lab.class("Msvm_StorageAllocationSettingData");
    let on_difference =
        disks.iter().filter(|disk| disk.texts("HostResource").any(|file| file.ends_with(".avhdx")));
    assert_eq!(on_difference.count(), 2);
    assert_eq!(lab.code(&checkpoint(32768)), 5, "one is pending");
    assert_eq!(lab.code(&create_point(machine(WEB01), 2)), 5);
    assert_eq!(lab.code(&convert(machine(WEB01))), 6);
    let job = lab.job(&convert(recovery.clone()));
    lab.wait(1.0);
    assert!(lab.get(&recovery).unwrap_err().is_not_found());
    let new = made(&mut lab, &job).remove(0);
    assert_eq!(lab.get(&new).unwrap().number("ConsistencyLevel"), Some(2), "that of the checkpoint");
    let statuses = |lab: &mut Rehearsal| {
        lab.get(&machine(WEB01)).unwrap().numbers("OperationalStatus").collect::<Vec<_>>()
    };
    assert_eq!(statuses(&mut lab), [11, 32772]);
    assert_eq!(lab.code(&create_point(machine(WEB01), 2)), 5, "merging");
    lab.wait(2.0);
    assert_eq!(statuses(&mut lab), [2]);
    let job = lab.job(&checkpoint(2));
    lab.wait(1.0);
    let standard = made(&mut lab, &job).remove(0);
    assert_eq!(lab.code(&convert(standard.clone())), 5, "not taken for a backup");
    let destroy = Invoke::new(service("Msvm_VirtualSystemSnapshotService"), "DestroySnapshot")
        .with("AffectedSnapshot", standard.clone());
    assert_eq!(lab.finish(&destroy).number("JobType"), Some(72));
    assert!(lab.get(&standard).unwrap_err().is_not_found());
}

#[test]
fn a_checkpoint_is_exported_with_a_point_as_its_base() {
    let mut lab = Rehearsal::of(Scenario::default());
    let job = lab.job(&checkpoint(32768));
    lab.wait(1.0);
    let recovery = made(&mut lab, &job).remove(0).on_host("HV01").to_string();
    let settings = Instance::new("Msvm_VirtualSystemExportSettingData")
        .with("CopySnapshotConfiguration", 3_u8)
        .with("CopyVmStorage", false)
        .with("CreateVmExportSubdirectory", true)
        .with("SnapshotVirtualSystem", recovery)
        .with("DifferentialBackupBase", point(WEB01, SECOND).on_host("HV01").to_string());
    let call = |settings: &Instance| {
        Invoke::new(service("Msvm_VirtualSystemManagementService"), "ExportSystemDefinition")
            .with("ComputerSystem", machine(WEB01))
            .with("ExportDirectory", r"D:\backup")
            .with("ExportSettingData", text(settings))
    };
    for bad in [
        settings.clone().with("CopySnapshotConfiguration", 1_u8),
        settings.clone().with("SnapshotVirtualSystem", ""),
        settings.clone().with("DifferentialBackupBase", point(DB01, DB_FIRST).to_string()),
    ] {
        assert_eq!(lab.code(&call(&bad)), 32773);
    }
    let job = lab.finish(&call(&settings));
    assert_eq!(
        (&*job.class, job.number("JobType"), job.number("JobState")),
        ("Msvm_ConcreteJob", Some(62), Some(7))
    );
    let files = lab.all(&crate::wsman::Enumerate::query(
        "root/cimv2",
        "SELECT * FROM CIM_DataFile WHERE Name LIKE 'd:\\\\backup\\\\web01\\\\%'",
    ));
    assert_eq!(files.unwrap().len(), 3, "configuration, runtime and guest state, but no storage");
    // Such an export stops merging until somebody switches it on again.
    let switch = |lab: &mut Rehearsal| {
        let switches = lab.class("Msvm_DiskMergeSettingData");
        switches.into_iter().find(|it| it.text("ElementName") == Some("web01")).unwrap()
    };
    let off = switch(&mut lab);
    assert_eq!(off.number("EnabledState"), Some(0));
    let on = Instance::new("Msvm_DiskMergeSettingData")
        .with("InstanceID", off.text("InstanceID").unwrap())
        .with("EnabledState", 1_u32);
    let modify = Invoke::new(service("Msvm_VirtualSystemManagementService"), "ModifyDiskMergeSettings")
        .with("SettingData", text(&on));
    assert_eq!(lab.code(&modify), 0);
    assert_eq!(switch(&mut lab).number("EnabledState"), Some(1));
}

#[test]
fn a_group_gets_points_of_all_its_machines_at_once() {
    let call = |method: &str| Invoke::new(service("Msvm_CollectionReferencePointService"), method);
    let group = || path("Msvm_VirtualSystemCollection").with_key("CollectionID", SHOP);
    let mut lab = Rehearsal::of(Scenario::default());
    let create = call("CreateReferencePoint").with("Collection", group()).with("ReferencePointType", 2_u16);
    let job = lab.job(&create);
    lab.wait(1.0);
    let new = made(&mut lab, &job).remove(0);
    let shown = lab.get(&new).unwrap();
    assert_eq!(shown.number("ConsistencyLevel"), Some(2), "the class counts the other way round");
    let members = lab.query(&format!(
        "ASSOCIATORS OF {{{}}} WHERE AssocClass = Msvm_CollectedReferencePoints",
        new.clone().in_microsoft_form()
    ));
    assert_eq!((members.unwrap().len(), points(&mut lab)), (2, 7));
    let destroy = call("DestroyReferencePoint").with("AffectedReferencePointCollection", new.clone());
    assert_eq!(lab.finish(&destroy).number("JobType"), Some(208));
    assert!(lab.get(&new).unwrap_err().is_not_found());
    assert_eq!(points(&mut lab), 5, "its points went with it");
    let drop = call("RemoveAssociatedData").with("AffectedReferencePointCollection", collection(SHOP_FIRST));
    assert_eq!(lab.code(&drop), 1);
    let bad = call("CreateReferencePoint").with("Collection", group()).with("ReferencePointType", 3_u16);
    assert_eq!(lab.code(&bad), 4);

    let snapshots = |method: &str| Invoke::new(service("Msvm_CollectionSnapshotService"), method);
    let take = snapshots("CreateSnapshot").with("Collection", group()).with("SnapshotType", 2_u16);
    let job = lab.job(&take);
    lab.wait(1.0);
    let taken = made(&mut lab, &job).remove(0);
    assert_eq!(lab.class("Msvm_CollectedSnapshots").len(), 2);
    let export = snapshots("ExportSnapshot")
        .with("SnapshotCollection", taken.clone())
        .with("ExportDirectory", r"D:\group")
        .with("ExportSettingData", text(&Instance::new("Msvm_CollectionSnapshotExportSettingData")));
    assert_eq!(lab.finish(&export).number("JobState"), Some(7));
    let convert = snapshots("ConvertToReferencePoint").with("AffectedSnapshotCollection", taken.clone());
    let job = lab.job(&convert);
    lab.wait(1.0);
    assert_eq!(made(&mut lab, &job)[0].class, "Msvm_ReferencePointCollection");
    assert!(lab.get(&taken).unwrap_err().is_not_found());
    assert!(lab.class("Msvm_SnapshotCollection").is_empty());
    assert_eq!(points(&mut lab), 7);
}

#[test]
fn groups_are_made_filled_renamed_and_destroyed() {
    let call = |method: &str| Invoke::new(service("Msvm_CollectionManagementService"), method);
    let mut lab = Rehearsal::of(Scenario::default());
    let define = call("DefineCollection").with("Name", "new").with("Type", 0_u16);
    let nonsense = define.clone().with("Id", "no-guid");
    assert_eq!(lab.code(&nonsense), 32773);
    let group = lab.invoke(&define).unwrap().path("DefinedCollection").unwrap().clone();
    let add = call("AddMember").with("Member", machine(WEB01)).with("Collection", group.clone());
    assert_eq!((lab.code(&add), lab.code(&add)), (0, 32774));
    assert_eq!(lab.class("Msvm_CollectedVirtualSystems").len(), 3);
    let rename = call("RenameCollection").with("Collection", group.clone()).with("NewName", "newer");
    assert_eq!(lab.code(&rename), 0);
    assert_eq!(lab.get(&group).unwrap().text("ElementName"), Some("newer"));
    let remove = call("RemoveMember").with("Member", machine(WEB01)).with("Collection", group.clone());
    assert_eq!((lab.code(&remove), lab.code(&remove)), (0, 32779));
    let destroy = |group| call("DestroyCollection").with("Collection", group);
    assert_eq!(lab.code(&destroy(group.clone())), 0);
    assert!(lab.get(&group).unwrap_err().is_not_found());
    let shop = path("Msvm_VirtualSystemCollection").with_key("CollectionID", SHOP);
    assert_eq!(lab.code(&destroy(shop)), 32775, "it has collections of points");
}

#[test]
fn changes_of_a_disk_come_in_pieces_that_add_up() {
    let mut lab = Rehearsal::of(Scenario::default());
    let tracking = lab.get(&point(WEB01, FIRST)).unwrap();
    let tracking = tracking.texts("ResilientChangeTrackingIdentifiers").next().unwrap().to_owned();
    let size = 40_u64 << 30;
    let call = |path: &str, limit: &str, offset: u64, length: u64| {
        Invoke::new(service("Msvm_ImageManagementService"), "GetVirtualDiskChanges")
            .with("Path", path)
            .with("LimitId", limit)
            .with("ByteOffset", offset)
            .with("ByteLength", length)
    };
    let disk = r"D:\VMs\web01\os.vhdx";
    let (mut offset, mut changed, mut calls, mut end) = (0, 0, 0, 0);
    while offset < size {
        let answer = lab.invoke(&call(disk, &tracking, offset, size - offset)).unwrap();
        let numbers = |name: &str| -> Vec<u64> {
            answer.value(name).unwrap().scalars().filter_map(|it| it.as_u64()).collect()
        };
        for (start, length) in numbers("ChangedByteOffsets").into_iter().zip(numbers("ChangedByteLengths")) {
            assert!(start >= end && start + length <= size);
            (end, changed) = (start + length, changed + length);
        }
        offset += answer.value("ProcessedByteLength").unwrap().as_u64().unwrap();
        calls += 1;
    }
    assert_eq!((offset, changed >> 20), (size, 300 - 300 * 1024 / 64 % 1000 * 64 / 1024));
    assert!(calls > 1);
    assert_eq!(lab.code(&call(r"D:\none.vhdx", &tracking, 0, 1)), 32779);
    assert_eq!(lab.code(&call(disk, "rctX:none", 0, 1)), 32773);
    assert_eq!(lab.code(&call(disk, &tracking, 1, size)), 32773);
}

#[test]
fn metadata_comes_back_from_the_files_of_an_export() {
    let import = |config: &str, runtime: &str| {
        Invoke::new(service("Msvm_VirtualSystemReferencePointService"), "ImportReferencePointMetadata")
            .with("AffectedSystem", machine(WEB01))
            .with("ConfigFilePath", config)
            .with("RuntimeStateFilePath", runtime)
    };
    let mut lab = Rehearsal::of(Scenario::default());
    let receipt = lab.finish(&export(point(WEB01, FIRST), r"D:\exports"));
    let config = receipt.text("ExportedConfigFilePath").unwrap().to_owned();
    let runtime = receipt.text("ExportedRuntimeFilePath").unwrap().to_owned();
    lab.finish(&destroy(point(WEB01, FIRST)));
    assert!(lab.get(&point(WEB01, FIRST)).unwrap_err().is_not_found());
    assert_eq!(lab.finish(&import(&config, &runtime)).number("JobType"), Some(209));
    lab.get(&point(WEB01, FIRST)).expect("back again");
    assert_eq!(lab.code(&import(r"D:\none.vmcx", &runtime)), 32779);
    assert_eq!(lab.code(&import("none.vmcx", &runtime)), 32773);
    let mut old = Rehearsal::read("[host]\nbuild = 14393");
    assert_eq!(old.invoke(&import(&config, &runtime)).unwrap_err().wsman_code(), Some(0x8033_8001));
}

//! Exports of points and collections: receipts, files, bases, and what is refused.

use crate::cim::{Instance, ObjectPath, Value};
use crate::wsman::{Enumerate, Invoke};

use super::super::Upset;
use super::{
    DB_FIRST, DB_LOG, DB01, FIRST, Rehearsal, SECOND, SHOP, SHOP_FIRST, SHOP_SECOND, WEB01, collection,
    create_point, export, export_settings, export_with, machine, path, point, service, text,
};

const OS_DISK: &str =
    r"Microsoft:3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91\C5A1E7B2-4D39-4E8B-9F20-6A7D1B3C5E02\0\0\L";
const DATA_DISK: &str =
    r"Microsoft:3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91\C5A1E7B2-4D39-4E8B-9F20-6A7D1B3C5E02\0\1\L";

fn files(lab: &mut Rehearsal, directory: &str) -> Vec<(String, u64)> {
    let literal = crate::cim::wql_literal(&format!("{directory}%"));
    let query = format!("SELECT * FROM CIM_DataFile WHERE Name LIKE {literal}");
    let found = lab.all(&Enumerate::query("root/cimv2", query)).unwrap();
    let mut found: Vec<_> = found
        .iter()
        .map(|file| (file.text("Name").unwrap().to_owned(), file.number("FileSize").unwrap()))
        .collect();
    found.sort();
    found
}

fn free(lab: &mut Rehearsal) -> u64 {
    let drive = ObjectPath::new("root/cimv2", "Win32_LogicalDisk").with_key("DeviceID", "D:");
    lab.get(&drive).unwrap().number("FreeSpace").unwrap()
}

#[test]
fn a_full_export_writes_what_its_receipt_says() {
    let mut lab = Rehearsal::of(Default::default());
    let before = free(&mut lab);
    let reference = lab.job(&export(point(WEB01, FIRST), r"D:\exports\web01"));
    let running = lab.get(&reference).unwrap();
    assert_eq!(running.text("ExportDirectory"), Some(r"D:\exports\web01"));
    assert_eq!(running.text("VirtualMachineId"), Some(WEB01));
    assert_eq!(running.text("ReferencePointId"), Some(FIRST));
    assert_eq!(running.value("ExportedConfigFilePath"), Some(&Value::Null), "nothing is written yet");
    assert_eq!(running.value("ExportedDisks"), None);
    lab.wait(2.0);
    assert_eq!(files(&mut lab, r"d:\exports\web01\os")[0].1, 9 << 30, "half of it at half the time");
    lab.wait(2.0);
    let job = lab.get(&reference).unwrap();
    assert_eq!(job.value("BaseReferencePointId"), Some(&Value::Null));
    assert_eq!(job.texts("ExportedDisks").collect::<Vec<_>>(), [OS_DISK, DATA_DISK]);
    let logs: Vec<_> = job.texts("ExportedLogFilePaths").map(str::to_owned).collect();
    assert_eq!(logs, [r"D:\exports\web01\os.vhdx", r"D:\exports\web01\data.vhdx"]);
    let one = |name: &str| job.text(name).unwrap().to_owned();
    let config = one("ExportedConfigFilePath");
    assert_eq!(config, format!(r"D:\exports\web01\Virtual Machines\{WEB01}.vmcx"));
    let mut named = logs;
    named.extend([config, one("ExportedRuntimeFilePath"), one("ExportedGuestStateFilePath")]);
    let mut named: Vec<_> = named.iter().map(|path| path.to_lowercase()).collect();
    named.sort();
    let written = files(&mut lab, r"d:\exports\web01");
    assert_eq!(written.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), named);
    let bytes: u64 = written.iter().map(|(_, size)| size).sum();
    assert!(bytes > 79 << 30);
    assert_eq!(before - free(&mut lab), bytes);
    let directory = ObjectPath::new("root/cimv2", "Win32_Directory").with_key("Name", r"D:\Exports\web01");
    assert_eq!(lab.get(&directory).unwrap().text("Name"), Some(r"d:\exports\web01"));
}

#[test]
fn an_incremental_export_names_its_base_and_writes_less() {
    let mut lab = Rehearsal::of(Default::default());
    let settings = export_settings(Some(&point(WEB01, FIRST)), &[DATA_DISK]);
    let job = lab.finish(&export_with(point(WEB01, SECOND), r"D:\exports\inc", text(&settings)));
    assert_eq!(job.text("BaseReferencePointId"), Some(FIRST));
    assert_eq!(job.texts("ExportedDisks").collect::<Vec<_>>(), [DATA_DISK]);
    let written = files(&mut lab, r"d:\exports\inc");
    let data = written.iter().find(|(path, _)| path.ends_with("data.vhdx")).unwrap();
    assert_eq!(data.1, 1200 << 20);
    assert!(!written.iter().any(|(path, _)| path.ends_with("os.vhdx")));
}

#[test]
fn what_makes_no_sense_is_an_invalid_parameter() {
    let mut lab = Rehearsal::of(Default::default());
    let second = || point(WEB01, SECOND);
    let with = |settings: Instance| export_with(second(), r"D:\x", text(&settings));
    for (what, call) in [
        ("a relative directory", export(second(), "exports")),
        ("a directory of one drive's current one", export(second(), "D:exports")),
        ("a directory of Linux", export(second(), "/srv/exports")),
        ("no directory", export(second(), "")),
        ("an unknown point", export(point(WEB01, DB_FIRST), r"D:\x")),
        ("an unknown base", with(export_settings(Some(&point(WEB01, SHOP)), &[]))),
        ("the base of another machine", with(export_settings(Some(&point(DB01, DB_FIRST)), &[]))),
        ("itself as the base", with(export_settings(Some(&second()), &[]))),
        ("the machine as the base", with(export_settings(Some(&machine(WEB01)), &[]))),
        ("an unknown disk", with(export_settings(None, &[r"Microsoft:X\Y\0\0\L"]))),
        ("no XML", export_with(second(), r"D:\x", "BaseReferencePoint=1")),
        ("half of the XML", export_with(second(), r"D:\x", "<INSTANCE CLASSNAME=")),
        (
            "a property nobody has",
            export_with(
                second(),
                r"D:\x",
                r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY NAME="Base" TYPE="string"><VALUE>x</VALUE></PROPERTY></INSTANCE>"#,
            ),
        ),
        (
            "one disk that is no array",
            export_with(
                second(),
                r"D:\x",
                format!(
                    r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY NAME="DisksToExport" TYPE="string"><VALUE>{OS_DISK}</VALUE></PROPERTY></INSTANCE>"#
                ),
            ),
        ),
        ("a disk twice", with(export_settings(None, &[OS_DISK, OS_DISK]))),
        ("a stream of a file", export(second(), r"D:\a:b")),
        ("a device", export(second(), r"D:\CON")),
        ("a device with an extension", export(second(), r"D:\a\nul.txt")),
        ("a disk of the host", export(second(), r"\\.\PhysicalDrive0")),
        ("an empty step", export(second(), r"D:\\a\\b")),
        ("a long path", export(second(), &format!(r"D:\{}", r"a\".repeat(200)))),
    ] {
        assert_eq!(lab.code(&call), 32773, "{what}");
        assert!(lab.class("CIM_ConcreteJob").is_empty(), "{what}");
    }
}

#[test]
fn a_base_has_to_be_tracked_the_same_way() {
    let mut lab = Rehearsal::of(Default::default());
    let settings = export_settings(Some(&point(DB01, DB_LOG)), &[]);
    assert_eq!(lab.code(&export_with(point(DB01, DB_FIRST), r"D:\x", text(&settings))), 32773);
    let settings = export_settings(Some(&point(DB01, DB_FIRST)), &[]);
    assert_eq!(lab.code(&export_with(point(DB01, DB_LOG), r"D:\x", text(&settings))), 32773);
}

#[test]
fn settings_of_another_class_and_objects_of_another_class_are_an_incorrect_type() {
    let mut lab = Rehearsal::of(Default::default());
    let other = Instance::new("Msvm_VirtualSystemReferencePointSettingData").with("ConsistencyLevel", 1_u8);
    assert_eq!(lab.code(&export_with(point(WEB01, SECOND), r"D:\x", text(&other))), 32776);
    assert_eq!(lab.code(&export(machine(WEB01), r"D:\x")), 32776);
    let create = create_point(point(WEB01, FIRST), 2);
    assert_eq!(lab.code(&create), 6, "creating has the other family of numbers");
}

#[test]
fn a_busy_machine_is_in_use_or_in_an_invalid_state() {
    let mut lab = Rehearsal::of(Default::default());
    lab.job(&export(point(WEB01, FIRST), r"D:\exports\1"));
    assert_eq!(lab.code(&export(point(WEB01, SECOND), r"D:\exports\2")), 32774);
    assert_eq!(lab.code(&export(point(DB01, DB_FIRST), r"D:\exports\3")), 4096, "another machine is free");
    let shown = lab.get(&machine(WEB01)).unwrap();
    assert_eq!(shown.numbers("OperationalStatus").collect::<Vec<_>>(), [11, 32773]);
    lab.wait(10.0);
    let shown = lab.get(&machine(WEB01)).unwrap();
    assert_eq!(shown.numbers("OperationalStatus").collect::<Vec<_>>(), [2]);
    for (status, code) in [(32772, 32775), (32774, 32775), (32768, 32774), (2, 4096)] {
        lab.host.upset(lab.now, Upset::MachineBusy { machine: "web01".to_owned(), status });
        let directory = format!(r"D:\exports\busy{status}");
        assert_eq!(lab.code(&export(point(WEB01, SECOND), &directory)), code, "{status}");
    }
}

#[test]
fn where_nothing_can_be_written_the_job_fails_with_the_number_of_windows() {
    let scenario = r#"
        [questions]
        directory = "must-exist"
        [host]
        directories = ['D:\there']
        [[host.drive]]
        letter = "D"
        size = "1TiB"
        free = "40GiB"
        [[host.share]]
        path = '\\nas1\closed'
        access = "denied"
        [[host.share]]
        path = '\\nas1\hops'
        access = "no-credentials"
    "#;
    for (directory, hresult, written) in [
        (r"D:\missing", "0x80070003", 0),
        (r"E:\there", "0x80070003", 0),
        (r"\\nas1\closed\a", "0x80070005", 0),
        (r"\\nas1\hops\a", "0x8009030E", 0),
        (r"\\nowhere\share", "0x80070035", 0),
        (r"D:\there", "0x80070070", 5),
    ] {
        let mut lab = Rehearsal::read(scenario);
        let job = lab.finish(&export(point(WEB01, FIRST), directory));
        assert_eq!(job.number("JobState"), Some(10), "{directory}");
        assert!(job.text("ErrorDescription").unwrap().contains(hresult), "{directory}");
        assert_eq!(files(&mut lab, r"d:\there").len(), written, "{directory}");
    }
}

#[test]
fn a_second_export_into_one_directory_finds_its_files_there() {
    let mut lab = Rehearsal::of(Default::default());
    assert_eq!(lab.finish(&export(point(WEB01, FIRST), r"D:\exports")).number("JobState"), Some(7));
    let again = lab.finish(&export(point(WEB01, SECOND), r"D:\exports\"));
    assert_eq!(again.number("JobState"), Some(10));
    assert!(again.text("ErrorDescription").unwrap().contains("0x80070050"));
    assert_eq!(again.text("ExportDirectory"), Some(r"D:\exports\"));
    let other = lab.finish(&export(point(DB01, DB_FIRST), r"D:\exports"));
    assert_eq!(other.number("JobState"), Some(7), "another machine has other files");
    let mut lab = Rehearsal::read("[questions]\nexisting = 'overwrite'");
    for point in [point(WEB01, FIRST), point(WEB01, SECOND)] {
        assert_eq!(lab.finish(&export(point, r"D:\exports")).number("JobState"), Some(7));
    }
    let mut lab = Rehearsal::read("[questions]\nexisting = 'refuse-anything'");
    assert_eq!(lab.finish(&export(point(WEB01, FIRST), r"D:\exports")).number("JobState"), Some(7));
    assert_eq!(lab.finish(&export(point(DB01, DB_FIRST), r"D:\exports")).number("JobState"), Some(10));
}

#[test]
fn the_open_questions_have_two_answers() {
    let full = || export(point(WEB01, FIRST), r"D:\exports\web01");
    let cases = [
        ("rct_exports = false", full(), 32770),
        ("rct_exports = false", export(point(DB01, DB_LOG), r"D:\exports\db01"), 4096),
        ("export_without_base = false", full(), 32773),
        ("no_disks_mean_all = false", full(), 32773),
        ("settings_may_be_empty = false", export_with(point(WEB01, FIRST), r"D:\x", Value::Null), 32773),
        ("settings_may_be_empty = true", export_with(point(WEB01, FIRST), r"D:\x", Value::Null), 4096),
        ("settings_may_be_empty = true", export_with(point(WEB01, FIRST), r"D:\x", ""), 4096),
        ("create_numbers = 'log-0-rct-1'", create_point(machine(WEB01), 2), 4),
        ("create_numbers = 'log-0-rct-1'", create_point(machine(WEB01), 1), 4096),
        ("create_numbers = 'log-1-rct-2'", create_point(machine(WEB01), 0), 4),
        ("most_points = 2", create_point(machine(WEB01), 2), 2),
        ("most_points = 3", create_point(machine(WEB01), 2), 4096),
    ];
    for (question, call, code) in cases {
        let mut lab = Rehearsal::read(&format!("[questions]\n{question}"));
        assert_eq!(lab.code(&call), code, "{question}");
    }
    let relative = point(WEB01, FIRST).to_string();
    let settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData")
        .with("BaseReferencePoint", relative.replace('\\', "/").replace("//", r"\\"));
    for (answer, code) in [(true, 4096), (false, 32773)] {
        let mut lab = Rehearsal::read(&format!("[questions]\nrelative_base_paths = {answer}"));
        assert_eq!(lab.code(&export_with(point(WEB01, SECOND), r"D:\x", text(&settings))), code);
    }
    let mut lab = Rehearsal::read("[questions]\nexport_job_class = { named = 'Msvm_FutureExportJob' }");
    let job = lab.job(&full());
    assert_eq!(job.class, "Msvm_FutureExportJob");
    lab.wait(10.0);
    assert_eq!(lab.get(&job).unwrap().text("ReferencePointId"), Some(FIRST));
    assert_eq!(lab.class("CIM_ConcreteJob").len(), 1);
    lab.wait(1000.0);
    assert!(lab.get(&job).unwrap_err().is_not_found());
    let mut lab = Rehearsal::read("[questions]\nparallel_exports = true");
    for directory in [r"D:\exports\1", r"D:\exports\2"] {
        assert_eq!(lab.code(&export(point(WEB01, FIRST), directory)), 4096);
    }
}

#[test]
fn a_collection_is_exported_with_all_its_machines_or_with_some() {
    let call = |directory: &str, settings: &Instance| {
        Invoke::new(service("Msvm_CollectionReferencePointService"), "ExportReferencePoint")
            .with("ReferencePointCollection", collection(SHOP_SECOND))
            .with("ExportDirectory", directory)
            .with("ExportSettingData", text(settings))
    };
    let class = "Msvm_CollectionReferencePointExportSettingData";
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.finish(&call(r"\\nas1\hvexports\shop", &Instance::new(class)));
    assert_eq!(job.class, "Msvm_CollectionReferencePointExportJob");
    assert_eq!(job.number("JobState"), Some(7), "{job:?}");
    assert_eq!(
        (job.text("CollectionId"), job.text("ReferencePointGroupId")),
        (Some(SHOP), Some(SHOP_SECOND))
    );
    assert_eq!(job.texts("VirtualMachineId").collect::<Vec<_>>(), [WEB01, DB01]);
    for (list, count) in [
        ("ExportedDisks", 3),
        ("ExportedLogFilePaths", 3),
        ("ExportedConfigFilePaths", 2),
        ("ExportedRuntimeFilePaths", 2),
        ("ExportedGuestStateFilePaths", 2),
    ] {
        assert_eq!(job.texts(list).count(), count, "{list}");
    }
    let one = Instance::new("Msvm_VirtualMachineToDisks")
        .with("VirtualMachineId", WEB01)
        .with("DisksToExport", vec![OS_DISK]);
    let some = Instance::new(class)
        .with("BaseReferencePointCollection", collection(SHOP_FIRST).on_host("HV01").to_string())
        .with("VirtualMachinesToDisksToExport", vec![one.clone()]);
    let job = lab.finish(&call(r"D:\exports\shop", &some));
    assert_eq!(job.text("BaseReferencePointGroupId"), Some(SHOP_FIRST));
    assert_eq!(job.texts("ExportedDisks").collect::<Vec<_>>(), [OS_DISK]);
    for bad in [
        some.clone().with("BaseReferencePointCollection", collection(SHOP_SECOND).to_string()),
        some.clone().with("VirtualMachinesToDisksToExport", vec![one.with("VirtualMachineId", SHOP)]),
        some.with("VirtualMachinesToDisksToExport", vec!["<nothing"]),
    ] {
        assert_eq!(lab.code(&call(r"D:\exports\shop2", &bad)), 32773);
    }
    let single = call(r"D:\x", &Instance::new("Msvm_VirtualSystemReferencePointExportSettingData"));
    assert_eq!(lab.code(&single), 32776);
}

#[test]
fn rules_of_the_scenario_decide_for_whom_and_how_often() {
    let mut lab = Rehearsal::read(
        r#"
        [[job]]
        machine = "shop"
        method = "ExportReferencePoint"
        return_value = 32778
        [[job]]
        machine = "web01"
        skip = 1
        times = 1
        return_value = 32771
        [[job]]
        machine = "db01"
        host = "HV02"
        return_value = 32768
        "#,
    );
    let of = |machine, id, directory: &str| export(point(machine, id), directory);
    assert_eq!(lab.code(&of(WEB01, FIRST, r"D:\1")), 4096);
    lab.wait(10.0);
    assert_eq!(lab.code(&of(WEB01, FIRST, r"D:\2")), 32771);
    assert_eq!(lab.code(&of(WEB01, FIRST, r"D:\3")), 4096);
    assert_eq!(lab.code(&of(DB01, DB_FIRST, r"D:\4")), 4096, "that is another host's");
    let group = Invoke::new(service("Msvm_CollectionReferencePointService"), "ExportReferencePoint")
        .with("ReferencePointCollection", collection(SHOP_FIRST))
        .with("ExportDirectory", r"D:\5");
    assert_eq!(lab.code(&group), 32778);
}

#[test]
fn old_hosts_have_no_export_jobs_or_no_points_at_all() {
    let mut lab = Rehearsal::read("[host]\nbuild = 14393");
    let job = lab.finish(&export(point(WEB01, FIRST), r"D:\exports"));
    assert_eq!(
        (&*job.class, job.number("JobType"), job.number("JobState")),
        ("Msvm_ConcreteJob", Some(203), Some(7))
    );
    assert!(files(&mut lab, r"d:\exports").iter().all(|(path, _)| !path.ends_with(".vmgs")));
    let fault = lab.ask(&Enumerate::new(path("Msvm_VirtualSystemReferencePointExportJob"))).unwrap_err();
    assert!(fault.is_class_missing());
    let mut lab = Rehearsal::read("[host]\nbuild = 9600");
    for class in ["Msvm_VirtualSystemReferencePoint", "Msvm_CollectionReferencePointService"] {
        assert!(lab.ask(&Enumerate::new(path(class))).unwrap_err().is_class_missing(), "{class}");
    }
    assert!(lab.invoke(&export(point(WEB01, FIRST), r"D:\x")).unwrap_err().is_class_missing());
    assert_eq!(lab.class("Msvm_ComputerSystem").len(), 3);
    let services = lab.class("CIM_Service");
    assert!(!services.iter().any(|service| service.class.contains("ReferencePoint")));
}

#[test]
fn a_share_may_be_spelled_as_long_paths_are() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.finish(&export(point(WEB01, FIRST), r"\\?\UNC\nas1\hvexports\x"));
    assert_eq!(job.number("JobState"), Some(7), "{job:?}");
    let again = lab.finish(&export(point(WEB01, FIRST), r"\\nas1\hvexports\x"));
    assert_eq!(again.number("JobState"), Some(10), "it is the same place");
    let closed = lab.finish(&export(point(WEB01, FIRST), r"\\?\UNC\nas1\closed\x"));
    assert!(closed.text("ErrorDescription").unwrap().contains("0x80070005"));
}

#[test]
fn whether_settings_may_name_characters_is_a_question() {
    let with = |reference: &str| {
        format!(
            r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY NAME="Caption" TYPE="string"><VALUE>a {reference} b</VALUE></PROPERTY></INSTANCE>"#
        )
    };
    for (answer, reference, code) in
        [(true, "&amp;", 4096), (true, "&lt;", 4096), (false, "&amp;", 32773), (false, "&#38;", 4096)]
    {
        let mut lab = Rehearsal::read(&format!("[questions]\nnamed_references_are_taken = {answer}"));
        let call = export_with(point(WEB01, FIRST), r"D:\x", with(reference));
        assert_eq!(lab.code(&call), code, "{reference}");
    }
    let machine = Instance::new("Msvm_VirtualMachineToDisks").with("VirtualMachineId", WEB01);
    let settings = Instance::new("Msvm_CollectionReferencePointExportSettingData")
        .with("VirtualMachinesToDisksToExport", vec![text(&machine)]);
    let escaped = text(&settings).replace("&#60;", "&lt;").replace("&#38;", "&amp;");
    let call = Invoke::new(service("Msvm_CollectionReferencePointService"), "ExportReferencePoint")
        .with("ReferencePointCollection", collection(SHOP_SECOND))
        .with("ExportDirectory", r"D:\x")
        .with("ExportSettingData", escaped);
    assert_eq!(Rehearsal::of(Default::default()).code(&call), 4096);
}

#[test]
fn the_other_answers_about_disks_and_rows_are_given_as_well() {
    let unknown = export_settings(None, &[r"Microsoft:X\Y\0\0\L", DATA_DISK]);
    let mut lab = Rehearsal::read("[questions]\nunknown_disks_are_refused = false");
    let job = lab.finish(&export_with(point(WEB01, FIRST), r"D:\x", text(&unknown)));
    assert_eq!(job.texts("ExportedDisks").collect::<Vec<_>>(), [DATA_DISK], "the other is passed over");

    let mut lab = Rehearsal::read("[questions]\nfiles_in_order_of_disks = false");
    let job = lab.finish(&export(point(WEB01, FIRST), r"D:\x"));
    assert_eq!(job.texts("ExportedDisks").collect::<Vec<_>>(), [OS_DISK, DATA_DISK]);
    let logs: Vec<_> = job.texts("ExportedLogFilePaths").collect();
    assert_eq!(logs, [r"D:\x\data.vhdx", r"D:\x\os.vhdx"]);

    for answer in [false, true] {
        let mut lab = Rehearsal::read(&format!("[questions]\nexport_jobs_are_associated = {answer}"));
        lab.job(&export(point(WEB01, FIRST), r"D:\x"));
        assert_eq!(lab.class("Msvm_AffectedJobElement").len(), usize::from(answer));
        assert_eq!(lab.class("Msvm_OwningJobElement").len(), usize::from(answer));
    }
}

#[test]
fn the_other_answers_about_identifiers_and_numbers_are_given_as_well() {
    for (build, answer, with_machine) in [
        (20348, "of-build", true),
        (26100, "of-build", false),
        (26100, "machine-and-point", true),
        (20348, "point-alone", false),
    ] {
        let toml = format!("[host]\nbuild = {build}\n[questions]\npoint_ids = '{answer}'");
        let mut lab = Rehearsal::read(&toml);
        let id =
            if with_machine { format!(r"Microsoft:{WEB01}\{FIRST}") } else { format!("Microsoft:{FIRST}") };
        let path = path("Msvm_VirtualSystemReferencePoint")
            .with_key("InstanceID", id)
            .with_key("VirtualSystemIdentifier", WEB01);
        assert!(lab.get(&path).is_ok(), "{build} {answer}");
    }
    for (answer, number) in [("as-documented", 2), ("as-elsewhere", 1)] {
        let mut lab = Rehearsal::read(&format!("[questions]\ncollection_consistency = '{answer}'"));
        let shown = lab.get(&collection(SHOP_FIRST)).unwrap();
        assert_eq!(shown.number("ConsistencyLevel"), Some(number), "{answer}: made with the applications");
    }
    for (answer, count) in [(true, 2), (false, 0)] {
        let mut lab = Rehearsal::read(&format!(
            "[questions]\nresults = 'synchronous'\nnew_points_have_tracking_ids = {answer}"
        ));
        let made = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
        let made = lab.get(made.path("ResultingReferencePoint").unwrap()).unwrap();
        assert_eq!(made.texts("ResilientChangeTrackingIdentifiers").count(), count);
    }
    let mut lab = Rehearsal::read("[questions.service_names]\npoint = 'vsrpsvc'");
    let services = lab.class("Msvm_VirtualSystemReferencePointService");
    assert_eq!(services[0].text("Name"), Some("vsrpsvc"));
    let mut create = create_point(machine(WEB01), 2);
    create.resource = service("Msvm_VirtualSystemReferencePointService").with_key("Name", "vsrpsvc");
    assert_eq!(lab.code(&create), 4096);
}

#[test]
fn the_other_answers_about_receipts_and_directories_are_given_as_well() {
    for (answer, disks) in [("at-end", 0), ("at-start", 2)] {
        let mut lab = Rehearsal::read(&format!("[questions]\nreceipt = '{answer}'"));
        let job = lab.job(&export(point(WEB01, FIRST), r"D:\x"));
        assert_eq!(lab.get(&job).unwrap().texts("ExportedDisks").count(), disks, "{answer}");
    }
    for (answer, made, below) in [("made", 7, 7), ("parent-must-exist", 7, 10), ("must-exist", 10, 10)] {
        let toml = format!("[questions]\ndirectory = '{answer}'\n[host]\ndirectories = ['D:\\there']");
        for (directory, state) in [(r"D:\there", 7), (r"D:\there\one", made), (r"D:\other\two", below)] {
            let mut lab = Rehearsal::read(&toml);
            let job = lab.finish(&export(point(WEB01, FIRST), directory));
            assert_eq!(job.number("JobState"), Some(state), "{answer} {directory}");
        }
    }
}

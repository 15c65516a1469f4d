//! `refpoint cim describe`: the bundled schema, offline.

use serde_json::json;

use crate::program::refpoint;

#[test]
fn a_class_is_told_whole_in_any_letter_case() {
    let class = refpoint(["cim", "describe", "msvm_concretejob", "-o", "json"]).run().json();
    assert_eq!(class["class"], "Msvm_ConcreteJob");
    assert_eq!(class["namespace"], "root/virtualization/v2");
    let property = |name: &str| {
        let properties = class["properties"].as_array().unwrap();
        properties
            .iter()
            .find(|property| property["name"] == name)
            .unwrap_or_else(|| panic!("{name}"))
            .clone()
    };
    assert_eq!(property("InstanceID")["key"], true);
    let state = property("JobState");
    assert!(
        state["values"].as_array().unwrap().contains(&json!({"value": 7, "meaning": "Completed"})),
        "{state}"
    );
    let methods = class["methods"].as_array().unwrap();
    let cancel = methods.iter().find(|method| method["name"] == "RequestStateChange").unwrap();
    let busy = cancel["returns"]["values"].as_array().unwrap().iter().find(|row| row["value"] == 4099);
    assert!(busy.is_some(), "{cancel}");
}

#[test]
fn every_method_of_the_main_job_tells_all_its_return_values() {
    let class =
        refpoint(["cim", "describe", "Msvm_VirtualSystemReferencePointService", "-o", "json"]).run().json();
    let methods = class["methods"].as_array().unwrap();
    let export = methods.iter().find(|method| method["name"] == "ExportReferencePoint").unwrap();
    let numbers: Vec<u64> = export["returns"]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["value"].as_u64().unwrap())
        .collect();
    for documented in [0, 4096].into_iter().chain(32768..=32778) {
        assert!(numbers.contains(&documented), "{documented} in {numbers:?}");
    }
    let parameters: Vec<_> = export["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(parameters, ["ReferencePoint", "ExportDirectory", "ExportSettingData", "Job"]);
}

#[test]
fn a_small_class_is_a_small_page() {
    refpoint(["cim", "describe", "Msvm_ReferencePointOfVirtualSystem"]).run().is(
        0,
        "Msvm_ReferencePointOfVirtualSystem\n  is a CIM_Dependency\n  in root/virtualization/v2\n  association\n\
         A machine and one of its reference points. The page speaks of Msvm_VirtualSystem, a class that does not \
         exist.\n\nKeys\n  Antecedent  ref Msvm_ComputerSystem\n              The machine.\n  \
         Dependent   ref Msvm_VirtualSystemReferencePoint\n              The point.\n",
        "",
    );
}

#[test]
fn a_misspelled_class_is_not_found_and_the_right_one_is_named() {
    refpoint(["cim", "describe", "Msvm_ComputerSytem", "-o", "json"]).run().is(
        10,
        "",
        "error: class Msvm_ComputerSytem is not in the bundled schema\nhint: did you mean Msvm_ComputerSystem?\n\
         hint: a host may know it: refpoint cim describe TARGET Msvm_ComputerSytem --schema host\n",
    );
    refpoint(["cim", "describe", "Win32_Process"]).run().is(
        10,
        "",
        "error: class Win32_Process is not in the bundled schema\n\
         hint: a host may know it: refpoint cim describe TARGET Win32_Process --schema host\n",
    );
}

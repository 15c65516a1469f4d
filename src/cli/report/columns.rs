//! Which properties of instances become the columns of a table.

use refpoint::cim::{Catalog, Instance, Name};

use super::cell;

/// What people look for in the instances of a class and of those that are derived from it.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "Msvm_ComputerSystem",
        &["ElementName", "Name", "EnabledState", "HealthState", "OperationalStatus", "InstallDate"],
    ),
    (
        "Msvm_VirtualSystemReferencePoint",
        &["InstanceID", "VirtualSystemIdentifier", "ReferencePointType", "ConsistencyLevel"],
    ),
    (
        "CIM_ConcreteJob",
        &[
            "InstanceID",
            "JobState",
            "PercentComplete",
            "ErrorCode",
            "ElementName",
            "StartTime",
            "ElapsedTime",
        ],
    ),
    ("CIM_Collection", &["ElementName", "CollectionID", "VirtualSystemCollectionId", "ReferencePointType"]),
    ("CIM_Service", &["ElementName", "Name", "Started", "EnabledState"]),
];

/// Said of every object, and told by nobody apart.
const DULL: &[&str] = &[
    "CreationClassName",
    "SystemCreationClassName",
    "SystemName",
    "Caption",
    "Description",
    "Status",
    "OtherEnabledState",
    "RequestedState",
    "EnabledDefault",
    "TransitioningToState",
    "AvailableRequestedStates",
    "StatusDescriptions",
];

/// What tells instances of many classes apart.
const COMMON: &[&str] = &["ElementName", "Name", "InstanceID", "DeviceID"];

/// More columns are not read by anybody.
const MOST: usize = 6;

/// Returns the columns for instances of which these are the first. What a query has selected is shown as it
/// was selected; of what else there is, no more than a terminal of so many columns has room for: of classes that
/// are known, so much that what is shown can still be told apart.
pub(crate) fn choose(sample: &[Instance], selected: Option<&[String]>, width: Option<usize>) -> Vec<Name> {
    if let Some(selected) = selected {
        return selected.iter().map(|name| Name::from(name.as_str())).collect();
    }
    let Some(first) = sample.first() else { return Vec::new() };
    let is_filled = |name: &str| {
        sample.iter().any(|instance| {
            instance.value(name).is_some_and(|value| value.scalars().any(|one| one.as_str() != Some("")))
        })
    };
    let catalog = Catalog::bundled();
    let is_mixed = sample.iter().any(|instance| instance.class != first.class);
    // The class stands in front then.
    let width = width.map(|width| if is_mixed { width.saturating_sub(TELLING + 2) } else { width });
    let filled = |names: &[&str]| {
        let mut names = names.iter().copied().filter(|name| is_filled(name)).map(Name::from).collect();
        if let Some(width) = width {
            fit(&mut names, sample, width, TELLING);
        }
        names
    };
    let are_all = |class: &str| sample.iter().all(|instance| catalog.is_a(&instance.class, class));
    if let Some((_, known)) = KNOWN.iter().find(|(class, _)| are_all(class)) {
        return filled(known);
    }
    if is_mixed {
        return filled(COMMON);
    }
    let spoken = |name: &Name| is_filled(name) && !DULL.iter().any(|dull| *name == **dull);
    let mut names: Vec<Name> =
        first.properties().iter().map(|property| property.name.clone()).filter(spoken).collect();
    let is_key = |name: &Name| catalog.property(&first.class, name).is_some_and(|property| property.is_key);
    names.sort_by_key(|name| (rank(name, is_key(name), sample), length(name, sample) / 16));
    names.truncate(MOST);
    if names.is_empty() {
        names = first
            .properties()
            .iter()
            .map(|property| property.name.clone())
            .filter(|name| is_filled(name))
            .take(MOST)
            .collect();
    }
    if let Some(width) = width {
        fit(&mut names, sample, width, LONG);
    }
    names
}

/// Returns how early people look for a property of a class that nobody knows: what it is called, what it is, how
/// it is, and then what is small.
fn rank(name: &Name, is_key: bool, sample: &[Instance]) -> usize {
    let folded = name.to_ascii_lowercase();
    let is = |names: &[&str]| names.contains(&folded.as_str());
    let has = |parts: &[&str]| parts.iter().any(|part| folded.ends_with(part));
    match () {
        () if is(&["elementname", "name"]) => 0,
        () if is(&["displayname", "friendlyname"]) => 1,
        () if is_key || is(&["instanceid", "deviceid", "id"]) => 2,
        () if is(&["state", "status", "enabledstate", "jobstate", "started"]) => 3,
        () if has(&["state", "status"]) || folded.starts_with("is") => 4,
        // Texts that are read, and not looked at.
        () if length(name, sample) > LONG || folded.contains("description") => 8,
        () if has(&["name", "id", "caption", "label"]) => 5,
        () if has(&["size", "space", "type", "version", "count", "speed", "mode", "percent", "value"]) => 6,
        () => 7,
    }
}

/// Returns how long the values of a property are at most.
fn length(name: &Name, sample: &[Instance]) -> usize {
    let of = |instance: &Instance| cell::property(instance, name).chars().count();
    sample.iter().take(SEEN).map(of).max().unwrap_or_default()
}

/// Leaves away the last columns that the terminal has no room for, where none needs more than `longest`: two always
/// stay, and give of their width.
fn fit(names: &mut Vec<Name>, sample: &[Instance], width: usize, longest: usize) {
    let of = |name: &Name| length(name, sample).max(name.len()).min(longest) + 2;
    let mut taken = 0;
    let room = |name: &Name| {
        taken += of(name);
        taken <= width + 2
    };
    let fitting = names.iter().map(room).take_while(|fits| *fits).count();
    names.truncate(fitting.max(2));
}

/// Longer values are no columns of their own choice.
const LONG: usize = 40;
/// Of an identifier so much is enough to tell it from its neighbours.
const TELLING: usize = 16;
/// So many instances tell how long values are.
const SEEN: usize = 20;

/// Returns the properties that a WQL query selects by name; `None` for all.
pub(crate) fn selected(query: &str) -> Option<Vec<String>> {
    let rest = query.trim_start();
    let (verb, rest) = rest.split_at_checked("select ".len())?;
    if !verb.trim_end().eq_ignore_ascii_case("select") {
        return None;
    }
    let end = rest.to_ascii_lowercase().find(" from ")?;
    let names: Vec<String> = rest[..end].split(',').map(|name| name.trim().to_owned()).collect();
    let are_names =
        names.iter().all(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    are_names.then_some(names)
}

#[cfg(test)]
mod tests {
    use refpoint::cim::Value;

    use super::*;

    #[test]
    fn known_classes_show_what_people_look_for_and_unknown_ones_what_tells_apart() {
        let job = Instance::new("Msvm_VirtualSystemReferencePointExportJob")
            .with("Caption", "x")
            .with("JobState", 7_u16)
            .with("InstanceID", "1")
            .with("StartTime", Value::Null);
        assert_eq!(choose(&[job], None, None), ["InstanceID", "JobState"].map(Name::from));
        let thing = Instance::new("Win32_Thing")
            .with("Caption", "x")
            .with("Size", 7_u64)
            .with("Name", "a")
            .with("Notes", "");
        assert_eq!(choose(std::slice::from_ref(&thing), None, None), ["Name", "Size"].map(Name::from));
        let mixed = [thing.clone(), Instance::new("Win32_Other").with("DeviceID", "C:")];
        assert_eq!(choose(&mixed, None, None), ["Name", "DeviceID"].map(Name::from));
        assert_eq!(choose(&[thing], Some(&["Size".into()]), None), ["Size"].map(Name::from));
        assert_eq!(
            choose(&[Instance::new("X").with("Caption", "x")], None, None),
            ["Caption"].map(Name::from)
        );
        assert!(choose(&[], None, None).is_empty());
    }

    #[test]
    fn the_names_that_a_query_selects_are_its_columns() {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(selected("SELECT Name, State FROM X WHERE a = ' from '"), names(&["Name", "State"]));
        assert_eq!(selected("select Name from X"), names(&["Name"]));
        for other in ["SELECT * FROM X", "ASSOCIATORS OF {X}", "selectü", "", "SELECT a"] {
            assert_eq!(selected(other), None, "{other}");
        }
    }

    #[test]
    fn of_a_class_that_nobody_knows_names_and_states_come_first_and_no_more_than_fits() {
        let service = Instance::new("Win32_Unknown")
            .with("AcceptPause", false)
            .with("Caption", "x")
            .with("Description", "something that takes a whole line to be explained to whoever reads it")
            .with("DisplayName", "Windows Update")
            .with("ExitCode", 0_u32)
            .with("Name", "wuauserv")
            .with("PathName", r"C:\Windows\system32\svchost.exe -k netsvcs -p -s wuauserv")
            .with("ProcessId", 4_u32)
            .with("State", "Running");
        let names = |width| {
            choose(std::slice::from_ref(&service), None, width)
                .iter()
                .map(Name::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(None)[..4], ["Name", "DisplayName", "State", "ProcessId"]);
        assert!(
            !names(None).iter().any(|name| name == "Description" || name == "PathName"),
            "{:?}",
            names(None)
        );
        assert_eq!(names(Some(45)), ["Name", "DisplayName", "State", "ProcessId"]);
        assert_eq!(names(Some(30)), ["Name", "DisplayName"]);
    }
}

//! Which properties of instances become the columns of a table.

use refpoint::cim::{Catalog, Instance, Name};

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

/// What is looked at first where nobody knows the class.
const FIRST: &[&str] =
    &["ElementName", "Name", "DisplayName", "InstanceID", "DeviceID", "State", "EnabledState", "JobState"];

/// What tells instances of many classes apart.
const COMMON: &[&str] = &["ElementName", "Name", "InstanceID", "DeviceID"];

/// More columns are not read by anybody.
const MOST: usize = 6;

/// Returns the columns for instances of which these are the first. What a query has selected is shown as it
/// was selected.
pub(crate) fn choose(sample: &[Instance], selected: Option<&[String]>) -> Vec<Name> {
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
    let filled =
        |names: &[&str]| names.iter().copied().filter(|name| is_filled(name)).map(Name::from).collect();
    let are_all = |class: &str| sample.iter().all(|instance| catalog.is_a(&instance.class, class));
    if let Some((_, known)) = KNOWN.iter().find(|(class, _)| are_all(class)) {
        return filled(known);
    }
    if sample.iter().any(|instance| instance.class != first.class) {
        return filled(COMMON);
    }
    let spoken = |name: &Name| is_filled(name) && !DULL.iter().any(|dull| *name == **dull);
    let mut names: Vec<Name> =
        first.properties().iter().map(|property| property.name.clone()).filter(spoken).collect();
    let is_key = |name: &Name| catalog.property(&first.class, name).is_some_and(|property| property.is_key);
    let rank = |name: &Name| match FIRST.iter().position(|first| *name == **first) {
        Some(at) => at,
        None if is_key(name) => FIRST.len(),
        None => FIRST.len() + 1,
    };
    names.sort_by_key(rank);
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
    names
}

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
        assert_eq!(choose(&[job], None), ["InstanceID", "JobState"].map(Name::from));
        let thing = Instance::new("Win32_Thing")
            .with("Caption", "x")
            .with("Size", 7_u64)
            .with("Name", "a")
            .with("Notes", "");
        assert_eq!(choose(std::slice::from_ref(&thing), None), ["Name", "Size"].map(Name::from));
        let mixed = [thing.clone(), Instance::new("Win32_Other").with("DeviceID", "C:")];
        assert_eq!(choose(&mixed, None), ["Name", "DeviceID"].map(Name::from));
        assert_eq!(choose(&[thing], Some(&["Size".into()])), ["Size"].map(Name::from));
        assert_eq!(choose(&[Instance::new("X").with("Caption", "x")], None), ["Caption"].map(Name::from));
        assert!(choose(&[], None).is_empty());
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
}

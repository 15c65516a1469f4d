//! "Did you mean".

/// Returns the name that was most likely meant: near in spelling, or the only one that holds the word.
pub(crate) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let folded = word.to_lowercase();
    let names: Vec<&str> = names.collect();
    let likeness = |name: &&str| strsim::jaro_winkler(&folded, &name.to_lowercase());
    let best = names.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let mut holders = names.iter().copied().filter(|name| name.to_lowercase().contains(&folded));
    let only = holders.next().filter(|_| holders.next().is_none() && folded.len() >= SHORTEST);
    // Names of this field share long beginnings, so that only near ones are alike enough.
    only.or_else(|| best.filter(|name| likeness(name) > ALIKE))
}

/// A shorter word is held by too much.
const SHORTEST: usize = 4;
/// From here on a name is alike.
const ALIKE: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] =
        ["Msvm_ComputerSystem", "Msvm_ConcreteJob", "Msvm_VirtualSystemReferencePoint", "CIM_ConcreteJob"];

    #[test]
    fn a_misspelled_name_finds_the_one_that_was_meant() {
        for (word, name) in [
            ("Msvm_ComputerSytem", Some("Msvm_ComputerSystem")),
            ("msvm_computersystems", Some("Msvm_ComputerSystem")),
            ("ReferencePoint", Some("Msvm_VirtualSystemReferencePoint")),
            ("Msvm_ConcretJob", Some("Msvm_ConcreteJob")),
            ("Win32_Process", None),
            ("", None),
            ("m", None),
        ] {
            assert_eq!(nearest(word, NAMES.into_iter()), name, "{word}");
        }
    }
}

//! What somebody asks about, and every reading that it has.

use refpoint::cim::{Catalog, ReturnFamily};
use refpoint::wsman::codes::{self, Meaning, Table};

use super::own;
use super::reading::{Family, Reading};
use crate::cli::suggest;

/// Returns every reading of what somebody asks about: a number, a symbol, a name; behind a family or a method,
/// with a colon or a space between, those of that family or method alone.
pub(crate) fn readings(text: &str) -> Vec<Reading> {
    let text = tidy(text);
    let plain = plain(&text);
    if !plain.is_empty() {
        return plain;
    }
    // From the right, since a subcode and a class's name may hold a colon or a space themselves.
    let mut places: Vec<usize> = text.rmatch_indices([':', ' ', '=']).map(|(place, _)| place).collect();
    places.dedup();
    for place in places {
        let (before, code) = (text[..place].trim(), text[place + 1..].trim());
        let found = qualified(before.trim_end_matches([':', '=']), code);
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Returns everything that can be asked about by name.
pub(crate) fn vocabulary() -> Vec<Reading> {
    own::readings().chain(codes::entries().map(|entry| Reading::of_entry(&entry))).collect()
}

/// Returns Windows' codes as the HRESULTs that hosts make of them, with their names.
pub(crate) fn hresults() -> impl Iterator<Item = (u32, &'static str)> {
    const FACILITY_WIN32: u32 = 0x8007_0000;
    let of_windows = codes::entries().filter(|entry| entry.table == Table::Win32);
    of_windows.filter_map(|entry| {
        let number = entry.number.filter(|number| *number <= 0xFFFF)?;
        Some((FACILITY_WIN32 | number, entry.name))
    })
}

/// Returns every code of a family or of a method; of nothing, every code there is.
pub(crate) fn belonging(before: &str) -> Vec<Reading> {
    let mut rows = vocabulary();
    if before.is_empty() {
        return rows;
    }
    let families = Family::named(before);
    if !families.is_empty() {
        rows.retain(|row| families.contains(&row.family));
        return rows;
    }
    let methods = method_families(before);
    let of_method = |row: &Reading| {
        let of = |(_, family): &(String, ReturnFamily)| match row.family {
            Family::Table(table) => tables(*family).contains(&table),
            _ => false,
        };
        methods.iter().any(of)
    };
    let mut numbers: Vec<u32> =
        rows.iter().filter(|row| of_method(row)).filter_map(|row| row.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().flat_map(|number| qualified(before, &number.to_string())).collect()
}

/// Returns what may have been meant where nothing is known: names alike, numbers nearby.
pub(crate) fn near(text: &str) -> Vec<String> {
    let text = tidy(text);
    let (before, code) = text.rsplit_once([':', ' ']).unwrap_or(("", &text));
    let is_known =
        before.is_empty() || !Family::named(before).is_empty() || !method_families(before).is_empty();
    if let Some(number) = number(code).filter(|_| is_known) {
        let method = method_families(before);
        let tables = method.iter().flat_map(|(_, family)| tables(*family)).copied().collect::<Vec<_>>();
        let families = Family::named(before);
        let mut rows: Vec<Reading> = vocabulary();
        rows.retain(|row| {
            let is_asked = match row.family {
                Family::Table(table) if !tables.is_empty() => tables.contains(&table),
                family => families.is_empty() || families.contains(&family),
            };
            // What shares the upper half comes from the same component.
            is_asked && row.number.is_some_and(|other| other >> 16 == number >> 16)
        });
        rows.sort_by_key(|row| row.number.map(|other| other.abs_diff(number)));
        rows.dedup_by_key(|row| row.number);
        return rows
            .iter()
            .take(NEAR)
            .filter_map(|row| Some(format!("{} ({})", row.shown_number()?, row.name)))
            .collect();
    }
    let rows = vocabulary();
    let synonyms = codes::synonyms().iter().map(|synonym| synonym.symbol);
    let names: Vec<&str> = rows
        .iter()
        .flat_map(|row| [row.symbol, row.name])
        .chain(synonyms)
        .filter(|name| !name.is_empty())
        .collect();
    let catalog = Catalog::bundled();
    let methods: Vec<&str> =
        catalog.classes().flat_map(|class| &class.methods).map(|method| method.name.as_str()).collect();
    let word = if before.is_empty() { code } else { before };
    let alike = suggest::nearest(&text, names.iter().copied())
        .or_else(|| suggest::nearest(word, methods.iter().copied()))
        .or_else(|| suggest::nearest(word, Family::all().iter().map(|family| family.name())));
    alike.map(str::to_owned).into_iter().collect()
}

/// More are no help.
const NEAR: usize = 3;

/// Takes away what surrounds a code where it is copied from: `ExportReferencePoint returned 32775 (invalid-state)`.
fn tidy(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', ',', ';']);
    let text = match text.rsplit_once(" (") {
        Some((before, rest)) if rest.ends_with(')') => before,
        _ => text,
    };
    let is_filling = |word: &&str| {
        !["returned", "answered", "code", "value", "hresult", "number"].contains(&&*word.to_lowercase())
    };
    let words: Vec<&str> = text.split_whitespace().filter(is_filling).collect();
    words.join(" ")
}

fn plain(text: &str) -> Vec<Reading> {
    let number = number(text);
    let is_meant = |reading: &Reading| match reading.number {
        Some(own) if number.is_some() => number == Some(own),
        _ => reading.name == text.to_lowercase().replace(['_', ' '], "-"),
    };
    let mut found: Vec<Reading> = own::readings().filter(is_meant).collect();
    let synonym = codes::synonym(text);
    found.extend(codes::search(text).iter().map(|entry| Reading { synonym, ..Reading::of_entry(entry) }));
    found
}

fn qualified(before: &str, code: &str) -> Vec<Reading> {
    let families = Family::named(before);
    if !families.is_empty() {
        let mut found = plain(code);
        found.retain(|reading| families.contains(&reading.family));
        return found;
    }
    let mut found: Vec<Reading> = Vec::new();
    for (method, family) in method_families(before) {
        for entry in codes::search(code) {
            let Some(number) = entry.number.filter(|_| tables(family).contains(&entry.table)) else {
                continue;
            };
            let Meaning::Listed(listed) = codes::return_value(family, number) else { continue };
            if listed.meaning != entry.meaning {
                continue;
            }
            let reading = Reading::of_entry(&entry);
            match found
                .iter_mut()
                .find(|known| known.family == reading.family && known.number == reading.number)
            {
                Some(known) if known.methods.contains(&method) => {}
                Some(known) => known.methods.push(method.clone()),
                None => found.push(Reading { methods: vec![method.clone()], ..reading }),
            }
        }
    }
    found
}

/// Returns the methods of a name, or of a class and a name, each as `Class.Method` with the family it answers in.
fn method_families(name: &str) -> Vec<(String, ReturnFamily)> {
    let (class, name) = match name.rsplit_once(['.', ':', ' ', '/']) {
        Some((class, name)) => (Some(class.trim()), name),
        None => (None, name),
    };
    let catalog = Catalog::bundled();
    let is_asked = |own: &str| class.is_none_or(|class| class.eq_ignore_ascii_case(own));
    let classes = catalog.classes().filter(|class| is_asked(class.name.as_str()));
    let methods = classes.flat_map(|class| class.methods.iter().map(move |method| (class, method)));
    methods
        .filter(|(_, method)| method.name.eq_ignore_ascii_case(name))
        .map(|(class, method)| (format!("{}.{}", class.name, method.name), method.family))
        .collect()
}

fn tables(family: ReturnFamily) -> &'static [Table] {
    match family {
        ReturnFamily::Hyperv => &[Table::ReturnValueHyperv],
        ReturnFamily::HypervDmtf | ReturnFamily::HypervAny => {
            &[Table::ReturnValueHyperv, Table::ReturnValueDmtf]
        }
        ReturnFamily::ConcreteJob => &[Table::ReturnValueHyperv, Table::ReturnValueJob],
        _ => &[],
    }
}

/// Reads a number as people write it.
fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let bare =
        Some(text).filter(|text| text.len() == 8 && text.bytes().any(|byte| byte.is_ascii_alphabetic()));
    let hexadecimal = |digits: &str| {
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let signed = || text.parse::<i32>().ok().map(i32::cast_unsigned);
    digits.or(bare).and_then(hexadecimal).or_else(|| text.parse().ok()).or_else(signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, &'static str)> {
        readings(text).iter().map(|reading| (reading.family.name(), reading.name)).collect()
    }

    #[test]
    fn a_number_alone_has_every_reading_of_the_tables_and_ours() {
        assert_eq!(
            found("5"),
            [
                ("exit", "login"),
                ("return-value-dmtf", "invalid-state"),
                ("return-value-job", "invalid-parameter"),
                ("job-state", "suspended"),
                ("cim-status", "invalid-class"),
                ("win32", "access-denied"),
            ]
        );
        assert_eq!(found("0x5"), found("5"));
    }

    #[test]
    fn a_method_says_which_reading_is_meant() {
        assert_eq!(found("ExportReferencePoint:32775"), [("return-value-hyperv", "invalid-state")]);
        assert_eq!(found("RequestStateChange 4099"), [("return-value-job", "busy")]);
        assert_eq!(
            found("exportreferencepoint returned 32775 (invalid-state)"),
            found("ExportReferencePoint:32775")
        );
        // One of the two services has the small numbers, the other has not.
        let found = readings("DestroyReferencePoint:5");
        let methods: Vec<_> = found.iter().map(|reading| reading.methods.clone()).collect();
        assert_eq!(methods, [["Msvm_CollectionReferencePointService.DestroyReferencePoint"]]);
        assert!(readings("Msvm_VirtualSystemReferencePointService.DestroyReferencePoint:5").is_empty());
        let both = readings("DestroyReferencePoint:32775");
        assert_eq!(both.iter().map(|reading| reading.methods.len()).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_family_says_which_reading_is_meant() {
        assert_eq!(found("job:10"), [("job-state", "exception")]);
        assert_eq!(found("job state 10"), [("job-state", "exception")]);
        assert_eq!(found("state 10"), [("job-state", "exception")]);
        assert_eq!(found("exit 12"), [("exit", "unknown")]);
        assert_eq!(found("exit code 12"), [("exit", "unknown")]);
        assert_eq!(found("outcome:unknown"), [("outcome", "unknown")]);
        assert_eq!(found("win32:5"), [("win32", "access-denied")]);
        assert_eq!(found("return value 32775"), [("return-value-hyperv", "invalid-state")]);
    }

    #[test]
    fn every_code_is_found_by_what_points_to_it_and_by_nothing_less() {
        for reading in vocabulary() {
            let found = readings(&reading.pointer());
            assert!(found.contains(&reading), "{} does not find {reading:?}", reading.pointer());
            let is_alone = found.len() == 1 || reading.number.is_none();
            assert!(is_alone, "{}: {found:?}", reading.pointer());
        }
    }

    #[test]
    fn what_nobody_knows_has_neighbours() {
        assert!(readings("0x80338FFF").is_empty());
        assert_eq!(near("WBEM_E_ACCES_DENIED"), ["WBEM_E_ACCESS_DENIED"]);
        assert_eq!(near("ExportReferencePiont:5"), ["ExportReferencePoint"]);
        assert_eq!(near("ExportReferencePoint:32780").len(), 3);
        assert!(near("ExportReferencePoint:32780")[0].starts_with("32779 "));
        assert!(
            near("0x80338028")[0].starts_with("0x80338027 ")
                || near("0x80338028")[0].starts_with("0x80338029 ")
        );
    }
}

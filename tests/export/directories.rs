use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use refpoint::hyperv::Directory;
use refpoint::ledger::{Claimed, Intent, Kind, Ledger, Subject};

use crate::support::Yard;

/// Spells a directory in another way, or names another one.
fn spelled() -> impl Strategy<Value = String> {
    let root = prop_oneof![
        Just("D:"),
        Just("d:"),
        Just(r"\\?\D:"),
        Just(r"\\nas1\hv"),
        Just(r"\\NAS1\HV"),
        Just(r"\\?\UNC\nas1\hv"),
        Just(r"\\?\unc\Nas1\hv"),
        Just(r"\\?\Volume{3f2c9a10-6b7e-4c55-9e1d-0a4b8c7d2e91}"),
    ];
    let step = prop_oneof![Just("web01"), Just("WEB01"), Just("Žluť"), Just("žluť"), Just("web02")];
    (root, step, any::<bool>())
        .prop_map(|(root, step, ends)| format!(r"{root}\{step}{}", if ends { r"\" } else { "" }))
}

proptest! {
    // Each case waits for the disk several times.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What Windows takes for one directory is one in the ledger, however it is spelled: otherwise the second
    /// spelling would begin a second export.
    #[test]
    fn the_ledger_knows_one_directory_where_windows_does(one in spelled(), other in spelled()) {
        let yard = Yard::new("");
        let mut ledger: Ledger = yard.ledger();
        let intent = |directory: &str| Intent {
            host: "HV01".to_owned(),
            subject: Subject { kind: Kind::Vm, id: "3F2C9A10".to_owned(), name: "web01".to_owned() },
            point: "Microsoft:3F2C9A10".to_owned(),
            base: None,
            disks: Vec::new(),
            directory: directory.to_owned(),
            details: String::new(),
        };
        drop(ledger.claim(&intent(&one), UNIX_EPOCH).unwrap().into_claim());
        let is_found = matches!(ledger.claim(&intent(&other), UNIX_EPOCH).unwrap(), Claimed::Found(..));
        prop_assert_eq!(is_found, Directory::parse(&one).unwrap().is_same(&other), "{} {}", one, other);
    }
}

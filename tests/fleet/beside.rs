//! Where what is done again is written: never to where another machine's files are.

use refpoint::fleet::Outcome;

use crate::support::{How, Yard};

/// Two machines, of which the second is called what the first and a suffix make.
fn twins(suffix: &str, more: &str) -> String {
    let machine = |number: u32, name: &str| {
        format!(
            "[[machine]]\nid = '{number:08X}-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = '{name}'\n\
             [[machine.disk]]\nfile = 'D:\\VMs\\{name}.vhdx'\nsize = '20GiB'\n"
        )
    };
    machine(1, "db01") + &machine(2, &format!("DB01{suffix}")) + more
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_tried_again_keeps_out_of_the_directory_of_a_machine_with_that_name() {
    let failing = "[[job]]\nmethod = 'ExportReferencePoint'\nmachine = 'db01'\ntimes = 1\nstate = 10\n";
    let yard = Yard::new(1, &twins("-2", failing));
    let plan = "name = 'nightly'\n[[export]]\nmachines = ['*']\nto = 'D:\\exports\\{run}\\{vm}'\n";
    assert_eq!(yard.run(plan).await.report().totals.failed, 1);
    let told = yard.resume(How { retry_failed: true, ..How::default() }).await;
    let report = told.report();
    let of = |name: &str| report.units.iter().find(|unit| unit.name == name).unwrap();
    assert_eq!(of("db01").outcome(), Some(Outcome::Completed), "{report:#?}");
    assert!(of("db01").directory.ends_with("db01-3"), "{report:#?}");
    assert!(of("DB01-2").directory.ends_with("DB01-2"), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_backup_in_place_of_a_broken_one_keeps_out_of_the_directory_of_a_machine_with_that_name() {
    let lost = "[[job]]\nmethod = 'ExportSystemDefinition'\nmachine = 'db01'\nskip = 1\ntimes = 1\nstate = 10\n\
                [[job.error]]\nhresult = 0xC03A0030\n";
    let yard = Yard::new(1, &twins("-full", lost));
    let plan = "name = 'nightly'\n[[backup]]\nmachines = ['*']\nbase = 'last-or-none'\nto = 'D:\\backups\\{run}\\{vm}'\n";
    assert_eq!(yard.run(plan).await.report().exit_code, Some(0));
    let told = yard.run(plan).await;
    let report = told.report();
    assert_eq!(report.totals.completed, 2, "{report:#?}");
    let db01 = report.units.iter().find(|unit| unit.name == "db01").unwrap();
    assert!(db01.directory.ends_with("db01-full-2"), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_directory_in_two_spellings_is_one() {
    let yard = Yard::new(1, "");
    let plan = "name = 'nightly'\n[[export]]\nmachines = ['db01']\nto = 'D:\\x\\{run}\\{vm}'\n\
                [[export]]\nmachines = ['web01']\nto = '\\\\?\\d:\\X\\{run}\\{vm}'\n\
                [[export]]\nmachines = ['db01']\nto = '\\\\?\\d:\\X\\{run}\\{vm}'\n";
    let report = yard.run(plan).await;
    let report = report.report();
    assert_eq!((report.totals.failed, report.totals.completed), (2, 1), "{report:#?}");
    assert_eq!(yard.calls("ExportReferencePoint"), 1);
}

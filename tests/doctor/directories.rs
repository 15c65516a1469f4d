//! The directory of an export.

use crate::hosts::{Lab, diagnosis, doctor};

#[test]
fn the_form_is_checked_even_where_nobody_answers() {
    let found = diagnosis(doctor("http://127.0.0.1:1", &["--to", "/srv/exports"]));
    found.fails("tcp", 4, "refuses connections");
    assert_eq!(found.status("directory"), "fail");
    let found = diagnosis(doctor("http://127.0.0.1:1", &["--to", r"D:\exports"]));
    assert_eq!(found.status("directory"), "not-reached");
}

#[test]
fn what_can_be_seen_of_a_directory_is_told() {
    let lab = Lab::new(1, "[host]\ndirectories = ['D:\\exports\\fresh']");
    let at = |directory: &str| diagnosis(doctor(&lab.http(0), &["--to", directory]));
    at("D:/exports/web01").fails("directory", 2, "forward slashes");
    at(r"D:\exports\fresh").passes();
    let found = at(r"D:\exports\other");
    found.warns("directory", "is not there");
    assert_eq!(
        found.layer("directory")["fix"]["command"],
        r"New-Item -ItemType Directory 'D:\exports\other'"
    );
    at(r"D:\exports").warns("directory", "is not empty");
    for absent in [r"E:\exports\web01", r"E:\exports"] {
        let found = at(absent);
        found.fails("directory", 10, "the host has no drive E:");
        assert_eq!(found.layer("directory")["fix"]["command"], "Get-Volume");
    }
    let found = at(r"\\nas1\hvexports\web01");
    found.warns("directory", "computer account");
    let command = found.layer("directory")["fix"]["command"].as_str().unwrap();
    assert!(
        command.contains("Grant-SmbShareAccess -Name 'hvexports'") && command.contains("HV01$"),
        "{command}"
    );
    assert_eq!(found.layer("directory")["fix"]["on"], "file-server");
}

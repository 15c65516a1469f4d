//! Exports that never begin, and why, before anything is asked that changes a host.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use refpoint::ledger::Ledger;

use crate::lab::Lab;
use crate::snapshot::{compare, tell};

/// Machines of one name, a busy one, one without points, and one with two.
const WORLD: &str = r#"
[[user]]
name = 'LAB\operator'
password = "Swordfish-7391"
[[user]]
name = 'LAB\reader'
password = "Swordfish-7391"
rights = { winrm = true, namespace = true, hyper_v = false }
[[user]]
name = 'LAB\guest'
password = "Swordfish-7391"
rights = { winrm = true, namespace = false, hyper_v = false }
[[user]]
name = 'LAB\nobody'
password = "Swordfish-7391"
rights = "none"
[[machine]]
id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "vm1"
[[machine.disk]]
file = 'D:\VMs\vm1\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "vm1"
type = "log"
[[point]]
id = "B0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "vm1"
type = "log"
[[machine]]
id = "4F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "twin"
[[machine]]
id = "5F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "twin"
[[machine]]
id = "6F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "bare"
[[machine]]
id = "7F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "merging"
busy = "merging"
[[machine.disk]]
file = 'D:\VMs\merging\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "C0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "merging"
type = "log"
[host]
directories = ['D:\exports', 'D:\full\something']
[[host.drive]]
letter = "D"
size = "1TiB"
free = "1TiB"
[[host.drive]]
letter = "E"
size = "1TiB"
free = "1MiB"
"#;

#[test]
fn each_refusal_says_why_and_what_to_do_and_asks_nothing_of_the_host() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let files = lab.folder().join("files");
    fs::create_dir(&files).unwrap();
    let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
    fs::write(
        file("damaged.db"),
        "this was a ledger once, and then something else was written over it\n".repeat(90),
    )
    .unwrap();
    let locked = Ledger::open(file("locked.db")).unwrap();
    drop(locked);
    let lock = rusqlite::Connection::open(file("locked.db")).unwrap();
    lock.execute_batch("pragma locking_mode = exclusive; begin exclusive").unwrap();
    let closed = TcpListener::bind("127.1.250.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    let vm1 = ["--vm", "vm1"];
    let to = ["--to", r"D:\exports\x"];
    let both = [["--point", "only"], to].concat();
    let first = [["--point", "A0E4C1D7"], to].concat();
    // What is told, the words, the user and password, the ledger, the target, the exit code.
    type Case<'c> = (&'c str, Vec<&'c str>, &'c str, &'c str, String, Option<&'c str>, i32);
    let good = r"LAB\operator";
    let secret = "Swordfish-7391";
    let ledger = || file("ledger.db");
    let cases: Vec<Case<'_>> = vec![
        ("no such machine", [&["--vm", "vm9"], &*both].concat(), good, secret, ledger(), None, 10),
        ("two machines of that name", [&["--vm", "twin"], &*both].concat(), good, secret, ledger(), None, 10),
        ("no such group", [&["--group", "shop"], &*both].concat(), good, secret, ledger(), None, 10),
        ("no such point", [&vm1, &*first].concat(), good, secret, ledger(), None, 10),
        ("not the only point", [&vm1, &*both].concat(), good, secret, ledger(), None, 10),
        ("no point at all", [&["--vm", "bare"], &*both].concat(), good, secret, ledger(), None, 10),
        (
            "no latest in the ledger",
            [&vm1[..], &["--point", "latest"], &to].concat(),
            good,
            secret,
            ledger(),
            None,
            10,
        ),
        ("busy", [&["--vm", "merging"], &*both].concat(), good, secret, ledger(), None, 9),
        (
            "a directory that is not empty",
            [&["--vm", "vm1", "--point", "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"][..], &["--to", r"D:\full"]]
                .concat(),
            good,
            secret,
            ledger(),
            None,
            2,
        ),
        // A host shows such a user nothing, and does not say why.
        ("no rights on Hyper-V", [&vm1, &*both].concat(), r"LAB\reader", secret, ledger(), None, 10),
        ("no rights on the namespace", [&vm1, &*both].concat(), r"LAB\guest", secret, ledger(), None, 6),
        // Windows answers as to a wrong password.
        ("no rights on WinRM", [&vm1, &*both].concat(), r"LAB\nobody", secret, ledger(), None, 5),
        ("a wrong password", [&vm1, &*both].concat(), good, "wrong", ledger(), None, 5),
        ("nobody there", [&vm1, &*both].concat(), good, secret, ledger(), Some(&nobody), 4),
        ("a damaged ledger", [&vm1, &*both].concat(), good, secret, file("damaged.db"), None, 11),
        ("a locked ledger", [&vm1, &*both].concat(), good, secret, file("locked.db"), None, 11),
        (
            "a ledger where none can be",
            [&vm1, &*both].concat(),
            good,
            secret,
            "/proc/no/ledger.db".to_owned(),
            None,
            11,
        ),
        (
            "a directory of Unix",
            [&vm1[..], &["--point", "only", "--to", "/srv/exports"]].concat(),
            good,
            secret,
            ledger(),
            None,
            2,
        ),
        ("neither machine nor group", both.clone(), good, secret, ledger(), None, 2),
    ];
    let texts: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = cases
            .iter()
            .map(|(title, words, user, password, ledger, target, code)| {
                let url = target.map_or_else(|| at.url(), str::to_owned);
                scope.spawn(move || {
                    let mut text = format!("# {title}\n");
                    for format in [&[][..], &["-o", "json"]] {
                        let all =
                            [&["export", &*url, "--user", *user, "--deadline", "50s"], &words[..], format]
                                .concat();
                        let run = crate::program::refpoint(&all)
                            .env("REFPOINT_PASSWORD", password)
                            .env("REFPOINT_LEDGER", ledger)
                            .run();
                        assert_eq!(run.code, Some(*code), "{title}: {run:?}");
                        text += &tell(&format!("export HOST {} {}", words.join(" "), format.join(" ")), &run);
                    }
                    text
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let folder = files.to_str().unwrap();
    let text = texts.join("\n").replace(folder, "{folder}").replace(&nobody, "{nobody}");
    let port = nobody.rsplit(':').next().unwrap();
    compare("refusals", &text.replace(&format!(":{port}"), ":{port}"));
    assert_eq!(at.calls("ExportReferencePoint"), 0);
    drop(lock);
    assert!(fs::metadata(file("ledger.db")).unwrap().permissions().mode() & 0o077 == 0);
}

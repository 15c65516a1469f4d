//! The packages, on a system that has nothing of this project: installed, used, removed.
//!
//! The system is Debian's smallest, unpacked into a folder below `target` and entered with `chroot`, with a network of
//! its own in which there is nothing but its loopback. Needs root, or `sudo`.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what fails here fails the test")]

mod system;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use system::{System, said};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Builds all packages once, around the program of this build.
fn packages() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        let _ = std::fs::remove_dir_all(&out);
        let mut build = Command::new(Path::new(ROOT).join("packaging/build"));
        build.args(["--binary", env!("CARGO_BIN_EXE_refpoint"), "--out"]).arg(&out);
        said(&mut build);
        out
    })
}

fn package(ending: &str) -> PathBuf {
    let found = std::fs::read_dir(packages()).unwrap().map(|entry| entry.unwrap().path());
    let mut found = found.filter(|path| path.to_str().unwrap().ends_with(ending));
    let one = found.next().unwrap_or_else(|| panic!("there is no {ending}"));
    assert!(found.next().is_none());
    one
}

/// The files of a package, as somebody else lists them.
fn files(list: &str) -> BTreeSet<String> {
    list.lines().map(|line| line.trim_start_matches('.').trim_end_matches('/').to_owned()).collect()
}

/// What whoever installs a package looks for.
const EXPECTED: [&str; 12] = [
    "/usr/bin/refpoint",
    "/usr/share/man/man1/refpoint.1.gz",
    "/usr/share/man/man1/refpoint-fleet-run.1.gz",
    "/usr/share/bash-completion/completions/refpoint",
    "/usr/share/fish/vendor_completions.d/refpoint.fish",
    "/usr/lib/systemd/system/refpoint-fleet@.service",
    "/usr/lib/systemd/system/refpoint-fleet@.timer",
    "/usr/lib/sysusers.d/refpoint.conf",
    "/usr/share/doc/refpoint/examples/nightly.toml",
    "/usr/share/doc/refpoint/examples/rehearsal/calm.toml",
    "/usr/share/doc/refpoint/docs/rehearsing.md",
    "/etc/refpoint",
];

#[test]
fn the_deb_is_installed_used_and_removed_on_a_system_that_has_nothing_of_this_project() {
    let system = System::new();
    system.copy(&package(".deb"), "/root/refpoint.deb");
    assert_eq!(system.run("command -v refpoint cargo || echo nothing").trim(), "nothing");
    let before = files(&system.run("find /etc /usr /var -xdev"));

    // What it needs is there, or it would not be configured.
    system.run("dpkg --install /root/refpoint.deb");
    let listed = files(&system.run("dpkg --listfiles refpoint"));
    for file in EXPECTED {
        assert!(listed.contains(file), "{file}: {listed:#?}");
        assert!(system.has(file), "{file}");
    }
    assert_eq!(system.run("dpkg --verify refpoint").trim(), "");
    assert_eq!(system.run("stat --format '%a %U %G' /etc/refpoint").trim(), "750 root refpoint");
    assert!(system.run("getent passwd refpoint").contains("/var/lib/refpoint"));
    assert!(system.run("refpoint --version").starts_with("refpoint "));
    assert!(
        system
            .run("bash -c 'source /usr/share/bash-completion/completions/refpoint; complete -p refpoint'")
            .contains("refpoint")
    );
    assert!(system.run("zcat /usr/share/man/man1/refpoint-export.1.gz").contains(".SH"));

    // The first hour of a new user, from the README: the demonstration, a host that is ill, mended, and an export.
    assert!(system.run("refpoint demo 2>&1").contains("completed"));
    let ill = system.serve("[host]\nhyper_v = 'stopped'\n");
    let (code, told) = ill.try_run("refpoint doctor $HOST --user \"$USER\"");
    assert_eq!(code, 7, "{told}");
    assert!(told.contains("vmms"), "{told}");
    drop(ill);
    let well = system.serve("");
    let (code, told) = well.try_run("refpoint doctor $HOST --user \"$USER\"");
    assert!([0, 3].contains(&code), "{code} {told}");
    let (code, told) = well
        .try_run("refpoint export $HOST --user \"$USER\" --vm web01 --point A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3 --to 'D:\\exports\\web01'");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("completed"), "{told}");
    // As the units do it: as a user of its own, with a ledger in its place.
    system.run("install -d -o refpoint -g refpoint -m 700 /var/lib/refpoint");
    system.run("cp /usr/share/doc/refpoint/examples/nightly.toml /etc/refpoint/nightly.toml");
    let (code, told) = well.try_run(
        "HOME=/var/lib/refpoint REFPOINT_LEDGER=/var/lib/refpoint/ledger.db setpriv --reuid refpoint --regid refpoint --clear-groups \
         refpoint fleet run /etc/refpoint/nightly.toml -i $HOST, --user \"$USER\" --ignore-window",
    );
    assert_eq!(code, 0, "{told}");
    drop(well);

    // What a person and the ledger have written stays; all else goes.
    system.run("dpkg --remove refpoint");
    assert!(!system.has("/usr/bin/refpoint") && system.has("/etc/refpoint/nightly.toml"));
    let purged = system.run("dpkg --purge refpoint 2>&1");
    assert!(purged.contains("/var/lib/refpoint is kept"), "{purged}");
    assert!(system.has("/var/lib/refpoint/ledger.db"));
    let after = files(&system.run("find /etc /usr /var -xdev"));
    let is_ours = |file: &&String| file.contains("refpoint") && !before.contains(*file);
    let left: Vec<_> = after.iter().filter(is_ours).collect();
    let kept = ["/etc/refpoint", "/var/lib/refpoint"];
    assert!(left.iter().all(|file| kept.iter().any(|kept| file.starts_with(kept))), "{left:#?}");
}

#[test]
fn the_rpm_has_the_same_files_and_leaves_nothing_behind() {
    let rpm = package(".rpm");
    let list = said(Command::new("rpm").args(["--query", "--list", "--package"]).arg(&rpm));
    let listed = files(&list);
    for file in EXPECTED {
        assert!(listed.contains(file), "{file}: {listed:#?}");
    }
    let deb = said(
        Command::new("sh")
            .arg("-c")
            .arg(format!("dpkg-deb --fsys-tarfile '{}' | tar --list", package(".deb").display())),
    );
    let program = |files: &BTreeSet<String>| -> BTreeSet<String> {
        files.iter().filter(|file| file.contains("/man/") || file.contains("/systemd/")).cloned().collect()
    };
    let (of_rpm, of_deb) = (program(&listed), program(&files(&deb)));
    let missing: Vec<_> =
        of_deb.iter().filter(|file| !of_rpm.contains(*file) && file.contains('.')).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let needs = said(Command::new("rpm").args(["--query", "--requires", "--package"]).arg(&rpm));
    assert!(needs.contains("libc.so.6") && needs.contains("/bin/sh"), "{needs}");
    let scripts = said(Command::new("rpm").args(["--query", "--scripts", "--package"]).arg(&rpm));
    assert!(scripts.contains("useradd --system") && !scripts.contains("rm -"), "{scripts}");

    // Its own tool unpacks it into a system in which there is nothing, finds it whole, and removes it.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rpm-root");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let root = folder.to_str().unwrap();
    said(system::as_root("rpm").args(["--root", root, "--initdb"]));
    // Here are neither its shell nor its libraries, nor groups: owners are looked at by name above.
    let install = ["--install", "--nodeps", "--noscripts", "--nosignature", "--excludeartifacts"];
    said(system::as_root("rpm").args(["--root", root]).args(install).arg(&rpm));
    let version = said(Command::new(folder.join("usr/bin/refpoint")).arg("--version"));
    assert!(version.starts_with("refpoint "), "{version}");
    said(system::as_root("rpm").args(["--root", root, "--erase", "--nodeps", "--noscripts", "refpoint"]));
    assert!(!folder.join("usr/bin/refpoint").exists() && !folder.join("etc/refpoint").exists());
    said(system::as_root("rm").args(["-rf", root]));
}

#[test]
fn the_archive_runs_where_it_is_unpacked() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archive");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    said(
        Command::new("tar")
            .arg("--extract")
            .arg("--file")
            .arg(package(".tar.gz"))
            .arg("--directory")
            .arg(&folder),
    );
    let top = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let demo = said(Command::new(top.join("bin/refpoint")).arg("demo").env_clear());
    assert!(demo.contains("completed"), "{demo}");
    assert!(top.join("share/man/man1/refpoint.1.gz").exists() && top.join("LICENSE-MIT").exists());
}

/// The program leaves it to the caller to make it small; whoever packs it does.
#[test]
fn what_debian_says_of_its_packages_is_well_but_for_who_answers_for_it() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "none", "--allow-root"]).arg(package(".deb"));
    let told = said(&mut lintian);
    let bad: Vec<_> = told.lines().filter(|line| line.starts_with("E:")).collect();
    assert!(bad.iter().all(|line| line.contains("bogus-mail-host")), "{told}");
}

/// Real systemd reads the units where the package puts them, beside those of the system, and looks for what they start.
#[test]
fn systemd_finds_the_units_of_the_package_and_all_that_they_start() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unpacked");
    let _ = std::fs::remove_dir_all(&root);
    said(Command::new("dpkg-deb").arg("--extract").arg(package(".deb")).arg(&root));
    let units = root.join("usr/lib/systemd/system");
    said(Command::new("cp").args(["--recursive", "--no-clobber", "/usr/lib/systemd/system/."]).arg(&units));
    std::fs::create_dir_all(root.join("bin")).unwrap();
    said(Command::new("cp").args(["--dereference", "/bin/sh"]).arg(root.join("bin/sh")));
    let verify = || {
        let mut verify = Command::new("systemd-analyze");
        verify.arg("verify").arg(format!("--root={}", root.display()));
        for unit in ["fleet@nightly.timer", "fleet@nightly.service", "fleet-resume@nightly.service"] {
            verify.arg(format!("refpoint-{unit}"));
        }
        let output = verify.output().unwrap();
        let lines = String::from_utf8_lossy(&output.stderr).into_owned();
        // Of the system's own units there is no program in that folder, and nobody asks for them.
        lines.lines().filter(|line| line.contains("refpoint")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(verify(), [""; 0]);
    // It would say so.
    std::fs::remove_file(root.join("usr/bin/refpoint")).unwrap();
    let said = verify().join("\n");
    assert!(said.contains("/usr/bin/refpoint is not executable"), "{said}");
    std::fs::remove_dir_all(root).unwrap();
}

//! The services, and the page about them: what it says is done, in a folder that stands for the root of a machine.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use refpoint::fleet::{Moment, Notify, PingStyle};
use serde::Deserialize;

#[cfg(feature = "cli")]
use crate::readme::simulated::Simulated;

const SERVICES: [&str; 2] = ["refpoint-fleet@.service", "refpoint-fleet-resume@.service"];

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(tree().join("docs/unattended.md")).unwrap()
}

/// Returns the blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1).map(|block| block.split("```").next().unwrap_or_default());
    blocks.map(str::to_owned).collect()
}

fn folder(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unattended-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(command: &str) -> Output {
    Command::new("sh").arg("-c").arg(command).current_dir(tree()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Puts the units there, changed, with a program that is there.
fn units(folder: &Path, change: impl Fn(String) -> String) {
    for entry in std::fs::read_dir(tree().join("packaging/systemd")).unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let text = change(text.replace("/usr/bin/refpoint", "/usr/bin/true"));
        std::fs::write(folder.join(entry.file_name()), text).unwrap();
    }
}

fn verify(folder: &Path) -> Output {
    run(&format!(
        "cd '{}' && systemd-analyze verify ./refpoint-fleet@nightly.timer ./refpoint-fleet@nightly.service \
         ./refpoint-fleet-resume@nightly.service",
        folder.display()
    ))
}

/// Returns what becomes of a command on a machine whose root is that folder, and that systemd does not run.
#[cfg(feature = "cli")]
fn on_a_machine(command: &str, root: &Path) -> String {
    let root = root.display();
    let mut command = command.to_owned();
    for folder in ["etc", "var", "root"] {
        command = command.replace(&format!(" /{folder}/"), &format!(" {root}/{folder}/"));
    }
    let (program, words) = command.split_once(' ').unwrap_or((&command, ""));
    match program {
        "install" => command,
        "refpoint" => format!("{} {words}", env!("CARGO_BIN_EXE_refpoint")),
        "systemctl" => match words.split_once(' ') {
            Some(("enable", units)) => {
                format!("systemctl --root='{root}' enable {}", units.replace("--now ", ""))
            }
            // Nobody is there who would start it: it is looked up, whether it could be, and done what it would do.
            Some(("start", unit)) => {
                let (does, ledger) = (of_service(unit), format!("{root}/var/lib/refpoint/ledger.db"));
                let does = does.replace(" /etc/", &format!(" {root}/etc/"));
                format!(
                    "cd '{root}/etc/systemd/system' && systemd-analyze verify ./{unit} && REFPOINT_LEDGER='{ledger}' {does}"
                )
            }
            _ => panic!("{command} is run by no test"),
        },
        "systemd-sysusers" => format!("systemd-sysusers --root='{root}'"),
        "journalctl" => {
            format!("mkdir -p '{root}/journal' && journalctl --directory='{root}/journal' {words}")
        }
        _ => panic!("{command} is run by no test"),
    }
}

/// Returns what a service of that name does, by a program that is there.
#[cfg(feature = "cli")]
fn of_service(unit: &str) -> String {
    let (name, instance) = unit.trim_end_matches(".service").split_once('@').unwrap();
    let file = tree().join(format!("packaging/systemd/{name}@.service"));
    let text = std::fs::read_to_string(file).unwrap();
    let does = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    does.replace("/usr/bin/refpoint", env!("CARGO_BIN_EXE_refpoint")).replace("%i", instance)
}

/// Puts a simulated host into the inventory of the machine, and its password where systemd hands it out.
#[cfg(feature = "cli")]
fn with_a_host(host: &Simulated, root: &Path) -> PathBuf {
    let (address, port) = host.target.trim_start_matches("http://").split_once(':').unwrap();
    let hosts =
        format!("[host.hv01]\naddress = '{address}'\nport = {port}\nuser = 'LAB\\operator'\nauth = 'ntlm'\n");
    std::fs::write(root.join("etc/refpoint/inventory.toml"), hosts).unwrap();
    let credentials = root.join("run/credentials");
    for folder in [&credentials, &root.join("root")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(credentials.join("refpoint-password"), format!("{}\n", host.password)).unwrap();
    credentials
}

#[cfg(feature = "cli")]
#[test]
fn every_command_of_the_page_is_done() {
    let (root, host) = (folder("root"), Simulated::start());
    let (mut done, mut credentials) = (0, None);
    for command in blocks(&page(), "sh").iter().flat_map(|block| block.lines()) {
        if command.starts_with("systemctl start") {
            units(&root.join("etc/systemd/system"), |text| text);
        }
        if command.starts_with("refpoint fleet plan") {
            credentials = Some(with_a_host(&host, &root));
        }
        let here = on_a_machine(command, &root);
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(&here)
            .current_dir(tree())
            .envs(credentials.iter().map(|folder| ("CREDENTIALS_DIRECTORY", folder)));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{here}: {}", stderr(&output));
        done += 1;
    }
    assert!(done >= 13, "{done}");
    let night = std::fs::read_to_string(root.join("root/nightly.html")).unwrap();
    assert!(night.contains("All 2 units done"), "the run of the service is on the page");
    // At the next start of the machine there is nothing to take up.
    let resume = of_service("refpoint-fleet-resume@nightly.service");
    let ledger = root.join("var/lib/refpoint/ledger.db");
    for (resume, said) in
        [(resume.clone(), "is over"), (resume.replace("nightly", "weekly"), "the ledger has no run")]
    {
        let output = run(&format!("REFPOINT_LEDGER='{}' {resume}", ledger.display()));
        assert!(output.status.success() && stderr(&output).contains(said), "{resume}: {}", stderr(&output));
        assert!(stderr(&output).contains("there is nothing to take up"), "{}", stderr(&output));
    }
    let etc = root.join("etc");
    let mode = |file: &str| std::fs::metadata(etc.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("refpoint/nightly.password"), mode("refpoint/nightly.env")), (0o600, 0o644));
    assert!(
        std::fs::read_to_string(etc.join("passwd")).unwrap().contains("\nrefpoint:")
            || std::fs::read_to_string(etc.join("passwd")).unwrap().starts_with("refpoint:")
    );
    for wanted in [
        "timers.target.wants/refpoint-fleet@nightly.timer",
        "multi-user.target.wants/refpoint-fleet-resume@nightly.service",
    ] {
        assert!(etc.join("systemd/system").join(wanted).symlink_metadata().is_ok(), "{wanted}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let here = folder("verify");
    units(&here, |text| text);
    let output = verify(&here);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    // It would say so.
    units(&here, |text| text.replace("KillMode=mixed", "KillMode=mixt").replace("Persistent=", "Persitent="));
    let said = stderr(&verify(&here));
    assert!(said.contains("KillMode") || said.contains("kill mode"), "{said}");
    assert!(said.contains("Persitent"), "{said}");
    std::fs::remove_dir_all(here).unwrap();
}

#[test]
fn a_service_can_do_little_but_what_it_is_for() {
    let here = folder("security");
    units(&here, |text| text);
    let exposure = |unit: &str| {
        let file = here.join(unit);
        run(&format!("systemd-analyze security --offline=true --threshold=20 '{}'", file.display()))
    };
    for unit in SERVICES {
        let output = exposure(unit);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    units(&here, |text| text.replace("ProtectSystem=strict", "").replace("SystemCallFilter", "#"));
    assert!(!exposure(SERVICES[0]).status.success(), "the figure counts");
    std::fs::remove_dir_all(here).unwrap();
}

#[test]
fn both_services_have_the_same_credential_ledger_and_walls() {
    let texts =
        SERVICES.map(|unit| std::fs::read_to_string(tree().join("packaging/systemd").join(unit)).unwrap());
    for text in &texts {
        assert!(text.contains("\nLoadCredential=refpoint-password:/etc/refpoint/%i.password\n"));
        assert!(text.contains("\nEnvironment=REFPOINT_LEDGER=%S/refpoint/ledger.db\n"));
        assert!(text.contains("\nSuccessExitStatus=3\n"));
    }
    let walls = texts.map(|text| {
        let walls = text.split("# Nothing on this machine").nth(1).unwrap().to_owned();
        walls.split("\n[Install]").next().unwrap().trim().to_owned()
    });
    assert_eq!(walls[0], walls[1]);
}

#[test]
fn only_a_run_that_was_killed_is_taken_up_again() {
    let text = std::fs::read_to_string(tree().join("packaging/systemd").join(SERVICES[1])).unwrap();
    let condition =
        text.lines().find_map(|line| line.strip_prefix("ExecCondition=")).unwrap().replace("$$", "$");
    for (result, is_taken_up) in [
        (Some("exit-code"), false),
        (Some("signal"), true),
        (Some("oom-kill"), true),
        (Some("core-dump"), true),
        (None, true),
    ] {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(&condition).env_remove("MONITOR_SERVICE_RESULT");
        if let Some(result) = result {
            shell.env("MONITOR_SERVICE_RESULT", result);
        }
        assert_eq!(shell.status().unwrap().success(), is_taken_up, "{result:?}");
    }
}

#[test]
fn the_plan_of_the_page_is_understood() {
    #[derive(Deserialize)]
    struct Plan {
        notify: Notify,
    }
    let text = blocks(&page(), "toml").concat();
    let read = |text: &str| toml::from_str::<Plan>(text).unwrap().notify;
    let notify = read(&text);
    assert_eq!(notify.webhook[0].on, [Moment::Warned, Moment::Failed, Moment::Stopped]);
    assert_eq!(notify.ping.unwrap().style, PingStyle::Healthchecks);
    // What stands there as a comment is understood, too.
    let all = text.replace("\n# start_url, success_url, failure_url", "\n#").replace("\n# ", "\n");
    let notify = read(&all);
    assert!(notify.webhook[0].ca.is_some() && notify.webhook[0].proxy.is_some());
}

#[test]
fn the_page_knows_every_metric_and_no_other() {
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names = words.filter(|word| word.starts_with("refpoint_") && !word.ends_with('_'));
        names.map(str::to_owned).collect()
    };
    let mut written = names(&std::fs::read_to_string(tree().join("src/cli/metrics/page.rs")).unwrap());
    assert!(written.remove("refpoint_build_info") && written.len() > 20);
    assert_eq!(names(&page()), written);
}

#[test]
fn a_receiver_that_does_as_the_page_says_believes_refpoint_alone() {
    let check = blocks(&page(), "python").concat();
    let (key, body) = ("0123456789abcdef", r#"{"event":"failed"}"#);
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("key:{key}"), "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(format!("1000.{body}").as_bytes()).unwrap();
    let output = openssl.wait_with_output().unwrap().stdout;
    let good = String::from_utf8(output).unwrap().split(' ').next().unwrap().to_owned();
    let cases = format!(
        "{check}\n\
         ask = lambda key, signature, body, now: is_from_refpoint(key, signature, body.encode(), now)\n\
         assert ask('{key}', 't=1000,v1={good}', '{body}', 1300)\n\
         assert ask('{key}', 'v0=x,t=1000,v1={good}', '{body}', 1000)\n\
         assert not ask('{key}', 't=1000,v1={good}', '{body}', 1301)\n\
         assert not ask('{key}', 't=1000,v1={good}', '{body} ', 1000)\n\
         assert not ask('{key}x', 't=1000,v1={good}', '{body}', 1000)\n\
         assert not ask('{key}', 't=1001,v1={good}', '{body}', 1000)\n\
         for garbage in ['', 't=,v1=', 'v1={good}', 't=x,v1={good}', 't=1000', 'ü', 't=1000,v1=ü']:\n    \
         assert not ask('{key}', garbage, '{body}', 1000), garbage\n"
    );
    let output = Command::new("python3").args(["-c", &cases]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

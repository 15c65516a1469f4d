//! Completions in the shells themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime};

use refpoint::ledger::{Claimed, Intent, Kind, Ledger, Subject};

use crate::program::{BINARY, refpoint};
use crate::terminal::Terminal;

/// A home with profiles, an inventory and a ledger.
struct Home {
    folder: PathBuf,
}

impl Home {
    fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("home-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join(".config/refpoint")).unwrap();
        fs::create_dir_all(folder.join(".local/state/refpoint")).unwrap();
        let profiles =
            "[profile.production]\ninventory = ['prod-a,prod-b,']\n[profile.\"pilot\"]\nuser = 'x'\n";
        fs::write(folder.join(".config/refpoint/config.toml"), profiles).unwrap();
        fs::write(folder.join("hosts.toml"), "hosts = ['hv[01-03].example', 'db.example']\n").unwrap();
        let remembered = format!("remembered.example:5986 sha256:{} 2026-11-21T02:00:00Z\n", "0a".repeat(32));
        fs::write(folder.join(".local/state/refpoint/known_hosts"), remembered).unwrap();
        let mut ledger = Ledger::open(folder.join(".local/state/refpoint/ledger.db")).unwrap();
        let intent = Intent {
            host: "HVLEDGER".to_owned(),
            subject: Subject {
                kind: Kind::Vm,
                id: "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91".to_owned(),
                name: "web01".to_owned(),
            },
            point: "Microsoft:A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3".to_owned(),
            base: None,
            disks: Vec::new(),
            directory: r"D:\exports\web01".to_owned(),
            details: String::new(),
        };
        let Claimed::Fresh(claim) = ledger.claim(&intent, SystemTime::UNIX_EPOCH).unwrap() else { panic!() };
        // The host calls itself HVLEDGER, and was asked as this.
        let event = r#"{"schema": "refpoint.event/1", "host": "hv09.example", "event": "unit-started"}"#;
        ledger.note(&claim, SystemTime::UNIX_EPOCH, event).unwrap();
        Self { folder }
    }

    fn path(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// Runs a command where the program is found by its name.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let bin = Path::new(BINARY).parent().unwrap().to_str().unwrap();
        command.env_clear().env("HOME", &self.folder).env("PATH", format!("{bin}:/usr/bin:/bin"));
        command.env("REFPOINT_INVENTORY", self.folder.join("hosts.toml")).current_dir(&self.folder);
        command
    }

    /// Has the program propose what may follow, as a shell has it.
    fn proposed(&self, words: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        let mut command = self.command(BINARY);
        command.env("REFPOINT_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        command.envs(variables.iter().copied()).args(["--", "refpoint"]).args(words);
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn script(shell: &str) -> String {
    let run = refpoint(["completions", shell]).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.stdout
}

#[test]
fn what_may_follow_is_known_without_a_host() {
    let home = Home::new("known");
    for (words, expected) in [
        (&["vm", "list", "hv"][..], &["hv01.example", "hv02.example", "hv03.example", "hv09.example"][..]),
        (&["vm", "list", "d"], &["db.example"]),
        (&["vm", "list", "-i", "x"], &[]),
        (&["export", "hv01.example", "--vm", ""], &["web01"]),
        (&["cim", "describe", "msvm_conc"], &["Msvm_ConcreteJob"]),
        (&["cim", "list", "hv01.example", "Msvm_Conc"], &["Msvm_ConcreteJob"]),
        (&["explain", "WBEM_E_ACC"], &["WBEM_E_ACCESS_DENIED"]),
        // Numbers once one is begun; of a family or a method its own alone.
        (
            &["explain", "3277"],
            &["32770", "32771", "32772", "32773", "32774", "32775", "32776", "32777", "32778", "32779"],
        ),
        (&["explain", "0x80338029"], &["0x80338029"]),
        (&["explain", "0x8007000"], &["0x80070002", "0x80070003", "0x80070005", "0x80070008", "0x8007000E"]),
        (&["explain", "exit:1"], &["exit:1", "exit:10", "exit:11", "exit:12", "exit:130", "exit:143"]),
        (&["explain", "exit", "12"], &["12"]),
        (&["explain", "job:1"], &["job:10", "job:11", "job:12"]),
        (
            &["explain", "ExportReferencePoint:3277"],
            &[
                "ExportReferencePoint:32770",
                "ExportReferencePoint:32771",
                "ExportReferencePoint:32772",
                "ExportReferencePoint:32773",
                "ExportReferencePoint:32774",
                "ExportReferencePoint:32775",
                "ExportReferencePoint:32776",
                "ExportReferencePoint:32777",
                "ExportReferencePoint:32778",
                "ExportReferencePoint:32779",
            ],
        ),
        (&["explain", "nothing:1"], &[]),
        // So bash divides the word.
        (&["explain", "exit", ":", "12"], &["12"]),
        (&["explain", "job", ":", "1"], &["10", "11", "12"]),
        (&["explain", "--list", "job-sta"], &["job-state", "job-started"]),
        (&["vm", "list", "--auth", "ker"], &["kerberos"]),
        (&["fleet", "sta"], &["status"]),
    ] {
        assert_eq!(home.proposed(words, &[]), expected, "{words:?}");
    }
    // A name that only the host, or only the inventory, has for it leads nowhere.
    assert!(home.proposed(&["vm", "list", "HVL"], &[]).is_empty());
    fs::write(home.folder.join("aliases.toml"), "hosts = ['alias']\n[host.alias]\naddress = '192.0.2.7'\n")
        .unwrap();
    let aliases = home.folder.join("aliases.toml");
    let variables = [("REFPOINT_INVENTORY", aliases.to_str().unwrap())];
    let of = |start: &str| home.proposed(&["vm", "list", start], &variables);
    assert_eq!((of("192"), of("ali")), (vec!["192.0.2.7".to_owned()], Vec::new()));
    // What the line itself says counts before the environment.
    assert!(home.proposed(&["export", "--ledger", "/nonexistent", "hv", "--vm", ""], &[]).is_empty());
    // The profile's inventory, where nobody says another.
    let profile = [("REFPOINT_PROFILE", "production"), ("REFPOINT_INVENTORY", "")];
    assert_eq!(home.proposed(&["vm", "list", "prod"], &profile), ["prod-a", "prod-b"]);
}

/// Whoever presses Tab sees what there is, or nothing; no complaint stands in the line that is being typed.
#[test]
fn hosts_whose_certificates_are_remembered_are_proposed() {
    let home = Home::new("remembered");
    for words in [&["trust", "remove", "rem"], &["vm", "list", "rem"]] {
        assert_eq!(home.proposed(words, &[]), ["remembered.example"], "{words:?}");
    }
}

#[test]
fn what_cannot_be_read_is_not_proposed_and_nobody_waits_for_it() {
    let home = Home::new("broken");
    fs::write(home.folder.join(".config/refpoint/config.toml"), "[profile.production\n[[[").unwrap();
    fs::write(home.folder.join("hosts.toml"), "hosts = [[[").unwrap();
    fs::write(home.folder.join(".local/state/refpoint/ledger.db"), "no database").unwrap();
    assert!(home.proposed(&["vm", "list", "h"], &[]).is_empty());
    // A pipe without a writer never ends.
    let pipe = home.folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let began = Instant::now();
    let found = home.proposed(&["vm", "list", "h"], &[("REFPOINT_INVENTORY", pipe.to_str().unwrap())]);
    assert!(found.is_empty() && began.elapsed() < Duration::from_secs(10), "{found:?} {:?}", began.elapsed());
}

fn lines(output: Output) -> Vec<String> {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The return values that begin so.
const NUMBERS: &[&str] =
    &["32770", "32771", "32772", "32773", "32774", "32775", "32776", "32777", "32778", "32779"];

/// Bash calls the function that the script registers, as for Tab, and `complete -p` says which.
#[test]
fn bash_completes_commands_options_hosts_and_classes() {
    let home = Home::new("bash");
    fs::write(home.folder.join("script"), script("bash")).unwrap();
    let asked = r#"
source ./script
words=($1)
[ "${1: -1}" = " " ] && words+=("")
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
function=$(complete -p refpoint | sed 's/.*-F \([^ ]*\) .*/\1/')
"$function" refpoint "${words[COMP_CWORD]}" "${words[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    for (line, expected) in [
        ("refpoint ex", &["export", "explain"][..]),
        ("refpoint vm list hv", &["hv01.example", "hv02.example", "hv03.example", "hv09.example"]),
        ("refpoint vm list hv01.example --col", &["--color"]),
        ("refpoint cim describe Msvm_Conc", &["Msvm_ConcreteJob"]),
        ("refpoint completions ", &["bash", "zsh", "fish"]),
        ("refpoint explain 3277", NUMBERS),
        ("refpoint explain exit : 14", &["143"]),
    ] {
        let output = home.command("bash").args(["--norc", "-c", asked, "bash", line]).output().unwrap();
        let found = lines(output);
        let found: Vec<&str> = found
            .iter()
            .map(String::as_str)
            .filter(|it| !it.starts_with('-') || line.contains("--"))
            .collect();
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn fish_completes_commands_options_hosts_and_classes() {
    let home = Home::new("fish");
    fs::create_dir_all(home.folder.join(".config/fish/completions")).unwrap();
    fs::write(home.folder.join(".config/fish/completions/refpoint.fish"), script("fish")).unwrap();
    for (line, expected) in [
        ("refpoint ex", &["export", "explain"][..]),
        ("refpoint vm list hv", &["hv01.example", "hv02.example", "hv03.example", "hv09.example"]),
        ("refpoint vm list hv01.example --col", &["--color"]),
        ("refpoint cim describe Msvm_Conc", &["Msvm_ConcreteJob"]),
        ("refpoint completions ", &["bash", "zsh", "fish"]),
        ("refpoint explain 3277", NUMBERS),
        ("refpoint explain exit:14", &["exit:143"]),
    ] {
        let mut fish = home.command("fish");
        let output = fish.args(["-c", "complete -C $argv[1]", line]).output();
        let found = lines(output.expect("tests/interop/install.sh installs it"));
        // Behind a tab stands a word about it.
        let found: Vec<&str> = found.iter().filter_map(|it| it.split('\t').next()).collect();
        let found: Vec<&str> =
            found.into_iter().filter(|it| !it.starts_with('-') || line.contains("--")).collect();
        assert_eq!(found, expected, "{line}");
    }
}

/// Zsh completes only where somebody types: on a terminal.
#[test]
fn zsh_completes_commands_hosts_and_classes() {
    let home = Home::new("zsh");
    fs::create_dir_all(home.folder.join("functions")).unwrap();
    fs::write(home.folder.join("functions/_refpoint"), script("zsh")).unwrap();
    let settings = "fpath=(~/functions $fpath)\nautoload -Uz compinit && compinit -u\nPS1='READY '\n\
                    unsetopt beep\nsetopt no_list_ambiguous\nbindkey '^I' complete-word\n";
    fs::write(home.folder.join(".zshrc"), settings).unwrap();
    for (typed, expected) in [
        ("refpoint expl\t", "refpoint explain"),
        ("refpoint vm list db\t", "refpoint vm list db.example"),
        ("refpoint cim describe Msvm_Conc\t", "refpoint cim describe Msvm_ConcreteJob"),
        ("refpoint vm list --no-pa\t", "refpoint vm list --no-pager"),
        ("refpoint explain 0x8033802\t9\t", "refpoint explain 0x80338029"),
        ("refpoint explain exit:14\t", "refpoint explain exit:143"),
    ] {
        let inventory = home.folder.join("hosts.toml");
        let bin = Path::new(BINARY).parent().unwrap().to_str().unwrap();
        let path = format!("{bin}:/usr/bin:/bin");
        let line = format!(
            "cd {0} && HOME={0} PATH={path} REFPOINT_INVENTORY={1} exec zsh -i",
            home.path(),
            inventory.display()
        );
        let mut terminal = Terminal::new((200, 50), &line, []);
        terminal.shows("READY ");
        terminal.types(typed);
        // What is shown moves the cursor; what would be run does not.
        terminal.types("\u{1}print -r -- '<\u{5}>'\n");
        terminal.shows(&format!("<{expected}>\r\n"));
        terminal.types("exit\n");
        drop(terminal.ends());
    }
}

#[test]
fn a_script_holds_nothing_of_where_it_was_made() {
    for shell in ["bash", "zsh", "fish"] {
        let script = script(shell);
        assert!(!script.contains(env!("CARGO_MANIFEST_DIR")) && !script.contains("target/debug"), "{script}");
        assert!(script.contains("REFPOINT_COMPLETE") && script.contains("refpoint"), "{script}");
    }
}

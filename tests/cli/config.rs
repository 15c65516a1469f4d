//! Profiles, and where settings come from.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::host::{Answer, CLEAR, Host, PASSWORD, machine};
use crate::program::{Refpoint, Run, folder, refpoint};

/// A home with a file of profiles.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, text: &str) -> Self {
        let home = Self(folder(name));
        fs::create_dir(home.0.join("refpoint")).unwrap();
        home.write(text, 0o600);
        fs::write(home.0.join("refpoint/password"), format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(home.0.join("refpoint/password"), fs::Permissions::from_mode(0o600)).unwrap();
        home
    }

    fn file(&self) -> String {
        self.0.join("refpoint/config.toml").into_os_string().into_string().unwrap()
    }

    fn write(&self, text: &str, mode: u32) {
        fs::write(self.file(), text).unwrap();
        fs::set_permissions(self.file(), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refpoint(&self, words: &[&str]) -> Refpoint {
        let here = self.0.to_str().unwrap();
        refpoint(words).env("XDG_CONFIG_HOME", here).env("XDG_STATE_HOME", here)
    }

    fn explain(&self, words: &[&str]) -> Json {
        let all: Vec<_> = ["config", "explain", "-o", "json"].iter().chain(words).copied().collect();
        self.refpoint(&all).run().json()
    }
}

/// Returns what counts, who says it, and what it comes before.
fn of<'j>(explained: &'j Json, name: &str) -> (&'j Json, String, Vec<&'j Json>) {
    let setting = &explained["settings"][name];
    let origin = &setting["origin"];
    let name = origin["name"].as_str().unwrap_or_default();
    let line = origin["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
    let others = setting["overridden"].as_array().unwrap().iter().map(|other| &other["value"]).collect();
    (&setting["value"], format!("{} {name}{line}", origin["kind"].as_str().unwrap()), others)
}

fn host() -> Host {
    Host::new(|_| Answer::Instance(machine("web01", 2)))
}

/// How the name of the machine begins.
const NAME: &str = r"root\virtualization\v2:Msvm_ComputerSystem.";
const OBJECT: &str = r#"Msvm_ComputerSystem.Name="0A-web01""#;

fn get(home: &Home, host: &Host, more: &[&str]) -> Refpoint {
    let target = host.target();
    let words: Vec<_> =
        ["cim", "get", &target, OBJECT, "--allow-cleartext"].iter().chain(more).copied().collect();
    home.refpoint(&words)
}

#[track_caller]
fn is_in(run: &Run, stdout: &str) {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), CLEAR));
    assert!(run.stdout.starts_with(stdout), "{}", run.stdout);
}

const PROFILES: &str = r#"
default_profile = "basic"
[defaults]
output = "name"
[profile.basic]
user = "operator"
auth = "basic"
password_file = "password"
[profile.wrong]
user = "operator"
auth = "basic"
password_command = "echo wrong"
output = "json"
"#;

#[test]
fn a_profile_logs_in_and_everything_nearer_counts_more() {
    let host = host();
    let home = Home::new("profiles", PROFILES);
    is_in(&get(&home, &host, &[]).run(), NAME);
    is_in(&get(&home, &host, &["-o", "json"]).run(), "{");
    assert_eq!(get(&home, &host, &["--profile", "wrong"]).run().code, Some(5));
    assert_eq!(get(&home, &host, &[]).env("REFPOINT_PROFILE", "wrong").run().code, Some(5));
    is_in(&get(&home, &host, &["--profile", "basic"]).env("REFPOINT_PROFILE", "wrong").run(), NAME);
    is_in(&get(&home, &host, &[]).env("REFPOINT_PROFILE", "").run(), NAME);
    // The environment, and an argument before it.
    let wrong = || get(&home, &host, &["--profile", "wrong"]);
    is_in(&wrong().env("REFPOINT_PASSWORD", PASSWORD).run(), "{");
    assert_eq!(get(&home, &host, &[]).env("REFPOINT_PASSWORD", "wrong").run().code, Some(5));
    let password = home.0.join("refpoint/password");
    let argument = get(&home, &host, &["--password-file", password.to_str().unwrap(), "--profile", "wrong"]);
    is_in(&argument.env("REFPOINT_PASSWORD", "wrong").run(), "{");
}

#[test]
fn a_password_of_a_profile_is_its_user_s_alone() {
    let host = host();
    let home = Home::new("another-user", PROFILES);
    for run in [
        get(&home, &host, &["--user", "somebody"]).run(),
        get(&home, &host, &[]).env("REFPOINT_USER", "somebody").run(),
    ] {
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains("no password of somebody"), "{}", run.stderr);
    }
    is_in(&get(&home, &host, &["--user", "operator"]).env("REFPOINT_PASSWORD", PASSWORD).run(), NAME);
    // Where a table names nobody, whoever logs in is meant.
    home.write("[defaults]\nauth = \"basic\"\npassword_file = \"password\"\noutput = \"name\"\n", 0o600);
    is_in(&get(&home, &host, &["--user", "operator"]).run(), NAME);
    assert!(host.heard().len() == 2);
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let text = "default_profile = 'one'\n[defaults]\nuser = 'd'\ndeadline = '1h'\ninsecure = true\n\
                [profile.one]\nuser = 'p'\nauth = 'kerberos'\nscheme = 'https'\nkeytab = '~/k'\n\
                operation_timeout = 7\npin = 'sha256:0000000000000000000000000000000000000000000000000000000000000000'\n";
    let home = Home::new("origins", text);
    let all = home.explain(&["hv01"]);
    assert_eq!(all["endpoint"], "https://hv01:5986/wsman");
    assert_eq!((&all["config"], &all["profile"]), (&json!(home.file()), &json!("one")));
    assert_eq!(of(&all, "user"), (&json!("p"), "profile one:7".into(), vec![&json!("d")]));
    assert_eq!(of(&all, "deadline"), (&json!("3600s"), "profile defaults:4".into(), vec![]));
    assert_eq!(of(&all, "keytab"), (&json!("/nonexistent/k"), "profile one:10".into(), vec![]));
    assert_eq!(of(&all, "operation_timeout"), (&json!("7s"), "profile one:11".into(), vec![]));
    assert_eq!(of(&all, "scheme"), (&json!("https"), "profile one:9".into(), vec![]));
    assert_eq!(of(&all, "namespace"), (&json!("root/virtualization/v2"), "default ".into(), vec![]));
    let pin = json!({"pin": format!("sha256:{}", "0".repeat(64))});
    assert_eq!(of(&all, "trust"), (&pin, "profile one:12".into(), vec![&json!({"insecure": true})]));
    assert_eq!(of(&all, "profile"), (&json!("one"), "profile :1".into(), vec![]));

    let words = ["config", "explain", "hv01:15986", "--user", "f", "--trust-on-first-use", "-o", "json"];
    let said = home.refpoint(&words).env("REFPOINT_USER", "e").env("REFPOINT_AUTH", "ntlm");
    let said = said.env("REFPOINT_PASSWORD", "Swordfish").env("REFPOINT_LEDGER", "/l").run();
    assert!(!said.stdout.contains("Swordfish"));
    let said = said.json();
    assert_eq!(of(&said, "user"), (&json!("f"), "flag --user".into(), vec![&json!("p"), &json!("d")]));
    assert_eq!(
        of(&said, "auth"),
        (&json!("ntlm"), "environment REFPOINT_AUTH".into(), vec![&json!("kerberos")])
    );
    assert_eq!(of(&said, "password"), (&json!("(set)"), "environment REFPOINT_PASSWORD".into(), vec![]));
    // Who proves himself with a password has no use for a key.
    assert_eq!(of(&said, "keytab"), (&Json::Null, "default ".into(), vec![&json!("/nonexistent/k")]));
    assert_eq!(of(&said, "trust"), (&pin, "profile one:12".into(), vec![&json!({"insecure": true})]));
    assert_eq!(of(&said, "trust_on_first_use").1, "flag --trust-on-first-use");
    assert_eq!(of(&said, "ledger"), (&json!("/l"), "environment REFPOINT_LEDGER".into(), vec![]));
    assert_eq!(of(&said, "output").1, "flag --output");
    assert_eq!(of(&said, "port"), (&json!(15986), "argument TARGET".into(), vec![]));

    // Another table than the one that is chosen takes nothing from it.
    let none = home.explain(&["hv01", "--insecure"]);
    assert_eq!(
        of(&none, "trust"),
        (&json!({"insecure": true}), "flag --insecure".into(), vec![&pin, &json!({"insecure": true})])
    );
    let http = home.explain(&["http://hv01"]);
    assert_eq!(of(&http, "trust"), (&Json::Null, "default ".into(), vec![]));
    let table = home.refpoint(&["config", "explain", "hv01"]).run();
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    let user = table.stdout.lines().find(|line| line.starts_with("user ")).unwrap();
    let words: Vec<_> = user.split_whitespace().collect();
    let place = format!("{}:7", home.file());
    assert_eq!(&words[..5], ["user", "p", &place, "(profile", "one)"], "{user}");
    let names = home.refpoint(&["config", "explain", "-o", "name"]).run();
    assert_eq!(names.stdout.lines().next(), Some("auth"));
}

#[test]
fn an_inventory_comes_between_the_environment_and_the_profile() {
    let text =
        "[defaults]\nuser = 'p'\nspn_service = 'HOST'\ndeadline = '1h'\nscheme = 'https'\nport = 15986\n";
    let home = Home::new("between", text);
    let hosts = home.0.join("hosts.toml");
    let hosts = hosts.to_str().unwrap();
    fs::write(hosts, "[defaults]\nauth = 'ntlm'\nuser = 'i'\n[group.g]\nhosts = ['a', 'b']\n[host.b]\nuser = 'b'\nport = 5985\n")
        .unwrap();
    let all = home.explain(&["-i", hosts]);
    let [a, b] = all.as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!((&a["host"], &b["host"]), (&json!("a"), &json!("b")));
    assert_eq!(
        (&a["endpoint"], &b["endpoint"]),
        (&json!("https://a:15986/wsman"), &json!("http://b:5985/wsman"))
    );
    assert_eq!(of(a, "user"), (&json!("i"), "inventory group all:3".into(), vec![&json!("p")]));
    assert_eq!(of(b, "user"), (&json!("b"), "inventory host b:7".into(), vec![&json!("p")]));
    assert_eq!(of(b, "spn_service"), (&json!("HOST"), "profile defaults:3".into(), vec![]));
    assert_eq!(of(b, "port"), (&json!(5985), "inventory host b:8".into(), vec![&json!(15986)]));
    assert_eq!(of(a, "port"), (&json!(15986), "profile defaults:6".into(), vec![]));
    let words = ["config", "explain", "b", "-i", hosts, "-o", "json"];
    let one = home.refpoint(&words).env("REFPOINT_USER", "e").run().json();
    assert_eq!(
        of(&one, "user"),
        (&json!("e"), "environment REFPOINT_USER".into(), vec![&json!("b"), &json!("p")])
    );
    let run = home.refpoint(&["config", "explain", "c", "-i", hosts]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(10), ""));
    // A profile may name the inventories, where nobody nearer does.
    home.write("[defaults]\ninventory = ['../hosts.toml', 'c,']\n", 0o600);
    let fleet = |words: &[&str]| {
        let all: Vec<_> = ["fleet", "inventory", "-o", "name"].iter().chain(words).copied().collect();
        home.refpoint(&all)
    };
    fleet(&[]).run().is(0, "c\na\nb\n", "");
    fleet(&[]).env("REFPOINT_INVENTORY", "d,").run().is(0, "d\n", "");
    fleet(&["-i", "e,"]).env("REFPOINT_INVENTORY", "d,").run().is(0, "e\n", "");
}

#[test]
fn a_slip_in_the_file_is_found_with_its_place_whoever_uses_the_profile() {
    let home = Home::new("slips", "");
    let file = home.file();
    for (text, place, says) in [
        ("[profile.x]\nusr = 'x'", "2:1", "\"usr\" is no setting\nhint: did you mean user?\n"),
        (
            "[profile.x]\n  operation-timeout = 1",
            "2:3",
            "\"operation-timeout\" is no setting\nhint: did you mean operation_timeout?\n",
        ),
        (
            "[defaults]\npassword = 'Swordfish'",
            "2:1",
            "password: a password does not belong in this file\nhint: use password_file",
        ),
        ("[defaults]\ntarget = 'x'", "2:1", "target: which host is meant is said with each command\n"),
        ("[defaults]\nallow_cleartext = true", "2:1", "allow_cleartext: that a password may go"),
        ("[defaults]\nproxy = 'http://u:Swordfish@p'", "2:9", "proxy: a proxy's password does not belong"),
        ("[defaults]\nuser = 5", "2:8", "user: a text is expected\n"),
        ("[defaults]\nuser = \"CORP\\backup\"", "2:8", "user: it holds a control character"),
        (
            "[defaults]\nauth = 'keberos'",
            "2:8",
            "auth: \"keberos\" is none of negotiate, kerberos, ntlm, basic, certificate\n",
        ),
        ("[defaults]\noutput = 'junit'", "2:10", "output: junit is a form of fleet report alone"),
        ("[defaults]\ndeadline = '5'", "2:12", "deadline: \"5\" is no length of time"),
        ("[defaults]\nport = 0", "2:8", "port: a port from 1 to 65535 is expected\n"),
        ("[defaults]\npin = 'sha256:0'", "2:7", "pin: it is no sha256:HEX\n"),
        ("[defaults]\ninventory = [1]", "2:13", "inventory: a text or a list of texts is expected\n"),
        ("[defaults]\npassword_command = \"a 'b\"", "2:20", "password_command: a quote or a backslash"),
        ("[defaults]\nca = 'a'\ntrust_on_first_use = true", "3:1", "trust_on_first_use beside ca\n"),
        ("[defaults]\nkeytab = 'a'\npassword_file = 'b'", "3:1", "password_file beside keytab\n"),
        ("[defaults]\ncert = 'a'", "2", "cert needs key in the same table\n"),
        ("user = 'x'", "1:1", "\"user\" is no table of this file\nhint: settings stand below [defaults]"),
        ("[profiles.x]", "1:2", "\"profiles\" is no table of this file\nhint: did you mean profile?\n"),
        ("[profile]\nx = 1", "2:5", "a table is expected\n"),
        ("default_profile = 1", "1:19", "the name of a profile is expected\n"),
        ("[defaults]\nuser = ", "2:8", ""),
    ] {
        home.write(text, 0o600);
        for words in [&["config", "explain"][..], &["vm", "list", "hv01"], &["trust", "list"]] {
            let run = home.refpoint(words).run();
            assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{text}");
            let begin = format!("error: {file}:{place}: {says}");
            assert!(run.stderr.starts_with(&begin), "{begin}{}", run.stderr);
            assert!(!run.stderr.contains("Swordfish"), "{}", run.stderr);
        }
        // Who tries the program, or wants a better file, is not kept from it.
        assert_eq!(home.refpoint(&["lab", "serve", "--hosts", "0"]).run().stderr.matches(&file).count(), 0);
    }
}

#[test]
fn a_profile_that_is_not_there_is_said_to_be_so() {
    let home = Home::new("missing", "[profile.production]\n[profile.lab]\n");
    let file = home.file();
    let run = |name: &str| home.refpoint(&["trust", "list", "--profile", name]).run();
    run("producton").is(
        2,
        "",
        &format!("error: no profile \"producton\" in {file}\nhint: did you mean production?\n"),
    );
    run("x").is(2, "", &format!("error: no profile \"x\" in {file}\nhint: it has lab, production\n"));
    home.write("default_profile = 'x'", 0o600);
    assert_eq!(home.refpoint(&["trust", "list"]).run().code, Some(2));
    fs::remove_file(&file).unwrap();
    let says = format!(
        "error: no profile \"x\": there is no {file}\nhint: refpoint config init writes one to begin with\n"
    );
    run("x").is(2, "", &says);
    assert_eq!(home.refpoint(&["trust", "list"]).run().code, Some(0));
}

#[test]
fn others_who_may_read_or_write_what_names_secrets_are_warned_of() {
    let home = Home::new("modes", "");
    let said = |text: &str, mode: u32| {
        home.write(text, mode);
        home.refpoint(&["trust", "list", "-q"]).run().stderr
    };
    let (harmless, secret) = ("[profile.x]\nuser = 'a'\n", "[profile.x]\nkeytab = 'a'\n");
    let warning = |may: &str, mode: &str| {
        format!("warning: others may {may} {} (mode {mode}): chmod 600 it\n", home.file())
    };
    assert_eq!(said(harmless, 0o644), "");
    assert_eq!(said(harmless, 0o664), warning("write", "664"));
    assert_eq!(said(secret, 0o600), "");
    assert_eq!(said(secret, 0o640), warning("read", "640"));
    assert_eq!(said("[defaults]\npassword_command = 'a'", 0o606), warning("write", "606"));
}

#[test]
fn a_file_to_begin_with_is_written_once_and_whole() {
    let home = folder("init");
    let here = home.to_str().unwrap();
    let init = |more: &[&str]| {
        let words: Vec<_> = ["config", "init"].iter().chain(more).copied().collect();
        refpoint(words).env("HOME", here).run()
    };
    let file = home.join(".config/refpoint/config.toml");
    let line = format!("{}\n", file.display());
    init(&[]).is(0, &line, "");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
    fs::write(&file, "mine = ").unwrap();
    let says = format!(
        "error: {} is there already\nhint: --force writes over it; refpoint config explain shows what it says\n",
        file.display()
    );
    init(&[]).is(2, "", &says);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine = ");
    init(&["--force"]).is(0, &line, "");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(refpoint(["config", "explain"]).env("HOME", here).run().code, Some(0));
    // A relative XDG_CONFIG_HOME is none.
    let elsewhere = refpoint(["config", "init"]).env("HOME", here).env("XDG_CONFIG_HOME", "tests").run();
    assert_eq!(elsewhere.code, Some(2));
    assert_eq!(refpoint(["config", "init"]).env("HOME", "").run().code, Some(2));
    assert_eq!(refpoint(["config", "init"]).env("HOME", "/dev/null").run().code, Some(11));
}

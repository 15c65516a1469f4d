//! Certificates that are remembered, by the program.

use std::fs;
use std::io::{Write, copy};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use serde_json::json;

use crate::lab::Lab;
use crate::program::{Refpoint, Run, folder, refpoint, wait};

fn state(name: &str) -> String {
    folder(name).into_os_string().into_string().unwrap()
}

fn identify(lab: &Lab, state: &str, more: &[&str]) -> Run {
    let words: Vec<_> = ["identify", lab.field("tls")].iter().chain(more).copied().collect();
    lab.refpoint(&words).env("XDG_STATE_HOME", state).run()
}

fn trust(state: &str, words: &[&str]) -> Refpoint {
    refpoint(["trust"].iter().chain(words)).env("XDG_STATE_HOME", state)
}

fn known(state: &str) -> serde_json::Value {
    trust(state, &["list", "-o", "json"]).run().json()
}

/// Returns `host:port` of a lab's TLS.
fn place(lab: &Lab) -> String {
    lab.field("tls").trim_start_matches("https://").trim_end_matches("/wsman").to_owned()
}

#[test]
fn a_host_is_trusted_on_first_use_and_another_certificate_is_a_stop() {
    let state = state("first-use");
    let lab = Lab::start(&["--tls", "127.1.0.1:0"]);
    let place = place(&lab);
    let refused = identify(&lab, &state, &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(5), ""));
    assert!(refused.stderr.contains("or remember it with --trust-on-first-use"), "{}", refused.stderr);
    assert!(!Path::new(&state).join("refpoint").exists());

    let first = identify(&lab, &state, &["--trust-on-first-use", "-o", "json"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    // The login is bound to the certificate that is remembered.
    let shown: serde_json::Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(shown["login"]["bound"], true);
    let [host] = known(&state).as_array().unwrap().clone().try_into().unwrap();
    let old = host["fingerprint"].as_str().unwrap();
    assert_eq!(
        first.stderr,
        format!(
            "warning: certificate of {place} trusted on first use ({old}): compare it with the host's own\n"
        )
    );
    assert_eq!(host["host"], "127.1.0.1");
    let file = Path::new(&state).join("refpoint/known_hosts");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // From now on it needs no word, and nothing is said about it.
    for more in [&[][..], &["--trust-on-first-use"]] {
        let run = identify(&lab, &state, more);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{more:?}");
    }
    drop(lab);

    // The same place with another certificate.
    let other = Lab::start(&["--tls", &place]);
    let before = fs::read(&file).unwrap();
    for more in [&[][..], &["--trust-on-first-use"]] {
        let run = identify(&other, &state, more);
        assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""), "{more:?}");
        let since = host["first_seen"].as_str().unwrap();
        let says = [
            &format!("certificate of {place} has changed: seen 20"),
            &format!("remembered since {since} {old}"),
            &format!("refpoint trust remove {place}"),
            "somebody stands in between",
        ];
        assert!(says.iter().all(|text| run.stderr.contains(*text)), "{}", run.stderr);
        assert_eq!(run.stderr.matches("sha256:").count(), 2, "{}", run.stderr);
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    // What is said by name counts more than what is remembered.
    let seen = trust(&state, &["add", other.field("tls")]).run();
    assert_eq!((seen.code, seen.stdout.as_str()), (Some(2), ""));
    let new = seen.stderr.split(' ').find(|word| word.starts_with("sha256:")).unwrap().trim_end_matches(',');
    assert_eq!(identify(&other, &state, &["--pin", new]).code, Some(0));
    assert_eq!(identify(&other, &state, &["--pin", new, "--trust-on-first-use"]).code, Some(0));
    assert_eq!(identify(&other, &state, &["--pin", old, "--trust-on-first-use"]).code, Some(5));
    assert_eq!(identify(&other, &state, &["--insecure"]).code, Some(0));
    assert_eq!(identify(&other, &state, &["--insecure", "--trust-on-first-use"]).code, Some(2));
    // The command of the hint is good as it stands.
    let removed = trust(&state, &["remove", &place]).run();
    assert_eq!((removed.code, removed.stderr), (Some(0), format!("forgotten: {place}\n")));
    assert!(removed.stdout.contains(old), "{}", removed.stdout);
    assert_eq!(identify(&other, &state, &[]).code, Some(5));
    assert_eq!(identify(&other, &state, &["--trust-on-first-use"]).code, Some(0));
    assert_eq!(known(&state)[0]["fingerprint"], new);
}

#[test]
fn what_is_remembered_is_listed_and_forgotten_by_host_or_port() {
    let state = state("trust-list");
    trust(&state, &["list"]).run().is(0, "", "no certificate is remembered\n");
    assert_eq!(known(&state), json!([]));
    let run = trust(&state, &["remove", "hv01"]).run();
    run.is(10, "", "error: no certificate of hv01 is remembered\nhint: refpoint trust list shows what is\n");
    assert!(!Path::new(&state).join("refpoint").exists());
    let file = Path::new(&state).join("refpoint/known_hosts");
    let (one, two) = ("a".repeat(64), "b".repeat(64));
    fs::create_dir(Path::new(&state).join("refpoint")).unwrap();
    let line = |place: &str, digits: &str| format!("{place} sha256:{digits} 2026-01-02T03:04:05Z\n");
    let text = line("hv01:5986", &one) + &line("hv01:443", &two) + &line("[fe80::1]:5986", &two);
    fs::write(&file, &text).unwrap();
    assert_eq!(
        known(&state)[2],
        json!({"host": "fe80::1", "port": 5986, "fingerprint": format!("sha256:{two}"), "first_seen": "2026-01-02T03:04:05Z"})
    );
    let names = trust(&state, &["list", "-o", "name"]).run();
    names.is(0, "hv01:5986\nhv01:443\n[fe80::1]:5986\n", "");
    let near = trust(&state, &["remove", "hv01:5985"]).run();
    near.is(10, "", "error: no certificate of hv01:5985 is remembered\nhint: did you mean hv01:5986?\n");
    let gone = trust(&state, &["remove", "https://HV01.", "-o", "name"]).run();
    gone.is(0, "hv01:5986\n", "forgotten: hv01:5986\n");
    trust(&state, &["remove", "hv01", "-o", "name"]).run().is(0, "hv01:443\n", "forgotten: hv01:443\n");
    trust(&state, &["remove", "[fe80::1]", "-q", "-o", "name"]).run().is(0, "[fe80::1]:5986\n", "");
    // One line that makes no sense, and none counts.
    fs::write(&file, text.replacen("sha256:", "sha1:", 1)).unwrap();
    let damaged = format!("{}:1: it is no HOST:PORT sha256:HEX TIME", file.display());
    let run = trust(&state, &["list"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(11), ""));
    assert!(run.stderr.contains(&damaged) && run.stderr.contains("hint: mend the line"), "{}", run.stderr);
    let lab = Lab::start(&["--tls", "127.1.0.1:0"]);
    let run = identify(&lab, &state, &["--trust-on-first-use"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(11), ""));
    assert!(run.stderr.contains(&damaged) && run.stderr.contains("hint: mend the line"), "{}", run.stderr);
}

#[test]
fn a_certificate_that_was_compared_is_added_and_no_other() {
    let state = state("trust-add");
    let lab = Lab::start(&["--tls", "127.1.0.1:0"]);
    let place = place(&lab);
    let run = trust(&state, &["add", &place]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    let fingerprint = run.stderr.split(' ').find(|word| word.starts_with("sha256:")).unwrap();
    let fingerprint = fingerprint.trim_end_matches(',').to_owned();
    let other = format!("sha256:{}", "0".repeat(64));
    let run = trust(&state, &["add", &place, "--fingerprint", &other]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
    assert_eq!(known(&state), json!([]));
    for _ in 0..2 {
        let run = trust(&state, &["add", &place, "--fingerprint", &fingerprint, "-q", "-o", "name"]).run();
        run.is(0, &format!("{place}\n"), "");
    }
    assert_eq!(identify(&lab, &state, &[]).code, Some(0));
    drop(lab);
    let _other = Lab::start(&["--tls", &place]);
    let run = trust(&state, &["add", &place]).run();
    let new = run.stderr.split(' ').find(|word| word.starts_with("sha256:")).unwrap().trim_end_matches(',');
    let run = trust(&state, &["add", &place, "--fingerprint", new]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
    assert!(run.stderr.contains(&format!("refpoint trust remove {place}")), "{}", run.stderr);
}

/// Hands its connections to two hosts in turns: what stands in between may well look like that.
fn in_turns(hosts: [String; 2]) -> String {
    let listener = TcpListener::bind("127.1.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for (stream, host) in listener.incoming().zip(hosts.iter().cycle()) {
            let (near, far) = (stream.unwrap(), TcpStream::connect(host).unwrap());
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                thread::spawn(move || {
                    // Whoever goes away is gone.
                    let _ = copy(&mut from, &mut to).and_then(|_| to.flush());
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    place
}

#[test]
fn of_two_processes_that_see_different_certificates_first_exactly_one_goes_on() {
    let state = state("first-race");
    let labs = [Lab::start(&["--tls", "127.1.0.1:0"]), Lab::start(&["--tls", "127.1.0.1:0"])];
    for _ in 0..3 {
        let place = in_turns([place(&labs[0]), place(&labs[1])]);
        let url = format!("https://{place}");
        let start = || {
            let words = ["identify", &url, "--anonymous", "--trust-on-first-use"];
            refpoint(words).env("XDG_STATE_HOME", &state).start()
        };
        let both = [start(), start()];
        let mut runs = both.map(wait);
        runs.sort_by_key(|run| run.code);
        let [won, lost] = runs;
        assert_eq!((won.code, lost.code), (Some(0), Some(5)), "{won:?} {lost:?}");
        assert!(won.stderr.contains("trusted on first use"), "{}", won.stderr);
        assert!(lost.stderr.contains("has changed") && lost.stdout.is_empty(), "{}", lost.stderr);
        trust(&state, &["remove", &place, "-q"]).run();
    }
}

#[test]
fn an_inventory_or_a_profile_may_ask_for_it_and_a_fleet_remembers_each_host() {
    let here = folder("first-fleet");
    let state = here.to_str().unwrap();
    let lab = Lab::start(&["--hosts", "3", "--tls", "127.1.0.1:0"]);
    let port = place(&lab).rsplit(':').next().unwrap().to_owned();
    let write = |name: &str, text: &str| {
        fs::write(here.join(name), text).unwrap();
        here.join(name).into_os_string().into_string().unwrap()
    };
    let hosts = "[group.lab]\nhosts = [\"127.1.0.1\", \"127.1.0.2\", \"127.1.0.3\"]\n";
    let how = format!("port = {port}\nscheme = \"https\"\n");
    let asking = write("asking.toml", &format!("{hosts}{how}trust_on_first_use = true\n"));
    let silent = write("silent.toml", &format!("{hosts}{how}"));
    let plan = write(
        "plan.toml",
        "name = \"x\"\n[[export]]\nhosts = \"lab\"\nmachines = [\"*\"]\npoint = \"latest\"\nto = 'D:\\x\\{run}\\{vm}'\n",
    );
    let profile = write("config.toml", "");
    fs::create_dir(here.join("refpoint")).unwrap();
    fs::rename(profile, here.join("refpoint/config.toml")).unwrap();
    let fleet = |inventory: &str| {
        let run = lab.refpoint(&["fleet", "plan", &plan, "-i", inventory, "-o", "json"]);
        run.env("XDG_STATE_HOME", state).env("XDG_CONFIG_HOME", state).run()
    };
    let refused = fleet(&silent);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert_eq!(known(state), json!([]));
    let run = fleet(&asking);
    assert_ne!(run.code, Some(5), "{}", run.stderr);
    assert_eq!(run.stderr.matches("trusted on first use").count(), 3, "{}", run.stderr);
    assert_eq!(known(state).as_array().unwrap().len(), 3);
    let run = fleet(&silent);
    assert!(run.code != Some(5) && !run.stderr.contains("trusted"), "{}", run.stderr);
    for host in ["127.1.0.1", "127.1.0.2", "127.1.0.3"] {
        assert_eq!(trust(state, &["remove", host, "-q"]).run().code, Some(0));
    }
    fs::write(here.join("refpoint/config.toml"), "[defaults]\ntrust_on_first_use = true\n").unwrap();
    fs::set_permissions(here.join("refpoint/config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    let run = fleet(&silent);
    assert_eq!(run.stderr.matches("trusted on first use").count(), 3, "{}", run.stderr);
}

/// A fleet of three hosts, the settings of all of which are these, and a plan that lets go of nothing.
fn fleet_of(lab: &Lab, name: &str, how: &str) -> (std::path::PathBuf, String, String) {
    let here = folder(name);
    let port = place(lab).rsplit(':').next().unwrap().to_owned();
    let hosts = "[group.lab]\nhosts = [\"127.1.0.1\", \"127.1.0.2\", \"127.1.0.3\"]\n";
    let (inventory, plan) = (here.join("hosts.toml"), here.join("plan.toml"));
    fs::write(&inventory, format!("{hosts}port = {port}\nscheme = \"https\"\n{how} = true\n")).unwrap();
    fs::write(&plan, "name = \"x\"\n[[prune]]\nhosts = \"lab\"\nmachines = [\"*\"]\nkeep_last = 9\n")
        .unwrap();
    let text = |path: std::path::PathBuf| path.into_os_string().into_string().unwrap();
    (here, text(inventory), text(plan))
}

/// Returns where in the lines of a run's events a host is warned of so, and where it is connected.
fn warned_and_connected(run: &Run, host: &str, words: &str) -> (Option<usize>, Option<usize>) {
    let lines = run.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_host: Vec<_> = lines.enumerate().filter(|(_, event)| event["host"] == host).collect();
    let find = |is: &dyn Fn(&serde_json::Value) -> bool| {
        of_host.iter().find(|(_, event)| is(event)).map(|(place, _)| *place)
    };
    let is_warning = |event: &serde_json::Value| {
        event["event"] == "warning" && event["message"].as_str().unwrap().contains(words)
    };
    (find(&is_warning), find(&|event| event["event"] == "connected"))
}

#[test]
fn a_fleet_whose_certificates_are_not_verified_says_so_of_each_host() {
    let lab = Lab::start(&["--hosts", "3", "--tls", "127.1.0.1:0"]);
    let (here, inventory, plan) = fleet_of(&lab, "insecure-fleet", "insecure");
    let fleet = |words: &[&str]| {
        let words = [&["fleet"], words, &[&*plan, "-i", &*inventory]].concat();
        lab.refpoint(&words).env("XDG_STATE_HOME", here.to_str().unwrap()).run()
    };
    for words in [&["plan"][..], &["run", "-o", "jsonl"]] {
        let run = fleet(words);
        assert_eq!(run.code, Some(0), "{run:?}");
        for host in ["127.1.0.1", "127.1.0.2", "127.1.0.3"] {
            let said = format!("warning: {host}: certificate not verified (sha256:");
            assert_eq!(run.stderr.matches(&said).count(), 1, "{}", run.stderr);
            if words[0] == "run" {
                let (warned, connected) = warned_and_connected(&run, host, "not verified");
                assert!(warned.zip(connected).is_some(), "{}", run.stdout);
            }
        }
    }
}

#[test]
fn a_run_says_whom_it_trusts_on_first_use_before_it_asks_the_host_for_anything() {
    let lab = Lab::start(&["--hosts", "3", "--tls", "127.1.0.1:0"]);
    let (here, inventory, plan) = fleet_of(&lab, "first-run", "trust_on_first_use");
    let run = lab.refpoint(&["fleet", "run", &plan, "-i", &inventory, "-o", "jsonl"]);
    let run = run.env("XDG_STATE_HOME", here.to_str().unwrap()).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stderr.matches("trusted on first use").count(), 3, "{}", run.stderr);
    for host in ["127.1.0.1", "127.1.0.2", "127.1.0.3"] {
        let (warned, connected) = warned_and_connected(&run, host, "trusted on first use");
        assert!(warned.is_some() && warned < connected, "{warned:?} {connected:?} {}", run.stdout);
    }
}

#[test]
fn what_is_no_regular_file_or_longer_than_any_remembers_nothing() {
    let state = state("trust-endless");
    let file = Path::new(&state).join("refpoint/known_hosts");
    fs::create_dir(Path::new(&state).join("refpoint")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    let run = trust(&state, &["list"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(11), ""), "{}", run.stderr);
    assert!(run.stderr.contains("known_hosts: it is no regular file"), "{}", run.stderr);
    fs::remove_file(&file).unwrap();
    // It has no octet on the disk.
    fs::File::create(&file).unwrap().set_len((16 << 20) + 1).unwrap();
    let run = trust(&state, &["list"]).run();
    assert_eq!(run.code, Some(11), "{}", run.stderr);
    assert!(run.stderr.contains("known_hosts: it is longer than 16 MiB"), "{}", run.stderr);
    fs::remove_file(&file).unwrap();
}

#[test]
fn where_the_system_has_no_authorities_it_is_told_how_else_to_trust() {
    let state = state("trust-alone");
    let lab = Lab::start(&["--tls", "127.1.0.1:0"]);
    let identify = |more: &[&str]| {
        let words: Vec<_> = ["identify", lab.field("tls")].iter().chain(more).copied().collect();
        let alone = lab.refpoint(&words).env("XDG_STATE_HOME", &state);
        alone.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent").run()
    };
    let run = identify(&[]);
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let hint = "hint: install the package ca-certificates, or say whom to trust with --ca, --pin or --trust-on-first-use";
    assert!(run.stderr.contains(hint), "{}", run.stderr);
    assert_eq!(identify(&["--trust-on-first-use"]).code, Some(0));
}

//! Passwords: where they come from, and where they must never stand.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use refpoint::wsman::{Invoked, Request};

use crate::host::{Answer, CLEAR, Host, PASSWORD, machine};
use crate::program::{Run, folder, refpoint, wait};

const LOGIN: [&str; 5] = ["--auth", "basic", "--allow-cleartext", "--user", "operator"];
const OBJECT: &str = r#"Msvm_ComputerSystem.Name="0A-web01""#;

fn host() -> Host {
    Host::new(|incoming| match &incoming.request {
        Request::Get(_) => Answer::Instance(machine(PASSWORD, 2).with("AdminPassword", "hunter2-deep")),
        Request::Invoke(_) => Answer::Invoked(Invoked { return_value: 0_u32.into(), out: Vec::new() }),
        other => panic!("{other:?}"),
    })
}

fn get<'a>(host: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["cim", "get", host, OBJECT, "-o", "name"].iter().chain(&LOGIN).chain(more).copied().collect()
}

#[track_caller]
fn is_in(run: &Run) {
    assert_eq!((run.code, run.stdout.lines().count(), run.stderr.as_str()), (Some(0), 1, CLEAR));
}

fn file(folder: &Path, content: &[u8], mode: u32) -> String {
    let file = folder.join("password");
    let _ = fs::remove_file(&file);
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file.into_os_string().into_string().unwrap()
}

#[test]
fn a_password_is_a_credential_of_the_service_where_nothing_else_says_it() {
    let host = host();
    let target = host.target();
    let here = folder("credentials");
    let (path, elsewhere) = (here.join("refpoint-password"), here.join("elsewhere"));
    fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    // As systemd leaves it to a user: what looks like the group's is the mask of an access list.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    let folder = here.to_str().unwrap();
    is_in(&refpoint(get(&target, &[])).env("CREDENTIALS_DIRECTORY", folder).run());
    let wrong =
        refpoint(get(&target, &[])).env("CREDENTIALS_DIRECTORY", folder).env("REFPOINT_PASSWORD", "wrong");
    assert_eq!(wrong.run().code, Some(5));
    fs::write(&path, "wrong\n").unwrap();
    fs::write(&elsewhere, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    let named = get(&target, &["--password-file", elsewhere.to_str().unwrap()]);
    is_in(&refpoint(named).env("CREDENTIALS_DIRECTORY", folder).run());
    fs::write(&path, "\n").unwrap();
    let run = refpoint(get(&target, &[])).env("CREDENTIALS_DIRECTORY", folder).run();
    let says = "error: password from the credential refpoint-password is empty\n\
                more: refpoint explain exit:2\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(2), says));
    for without in ["/nonexistent", "tests", ""] {
        let run = refpoint(get(&target, &[])).env("CREDENTIALS_DIRECTORY", without).run();
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.starts_with("error: no password of operator, and"), "{}", run.stderr);
    }
}

#[test]
fn a_password_comes_from_a_file_standard_input_a_command_or_the_environment() {
    let host = host();
    let target = host.target();
    let here = folder("passwords");
    let line = format!("{PASSWORD}\n");
    let path = file(&here, line.as_bytes(), 0o600);
    is_in(&refpoint(get(&target, &["--password-file", &path])).run());
    is_in(&refpoint(get(&target, &["--password-stdin"])).stdin(line.clone()).run());
    is_in(&refpoint(get(&target, &["--password-stdin"])).stdin(format!("{PASSWORD}\r\nmore\n")).run());
    let command = format!("cat '{path}' /etc/hostname");
    is_in(&refpoint(get(&target, &["--password-command", &command])).run());
    is_in(&refpoint(get(&target, &[])).env("REFPOINT_PASSWORD", PASSWORD).run());
    // What is said on the command line outranks the environment.
    let wrong = refpoint(get(&target, &["--password-file", &path])).env("REFPOINT_PASSWORD", "wrong").run();
    is_in(&wrong);
    let mut words = get(&target, &[]);
    words.retain(|word| !["--user", "operator", "--auth", "basic"].contains(word));
    let run = refpoint(words).env("REFPOINT_USER", "operator").env("REFPOINT_AUTH", "basic");
    is_in(&run.env("REFPOINT_PASSWORD", PASSWORD).run());
}

#[test]
fn a_password_that_is_none_is_refused_without_a_word_to_the_host() {
    let host = host();
    let target = host.target();
    let here = folder("no-passwords");
    let long =
        file(&folder("long-password"), &[b"swordfish-1\n".as_slice(), &[b'x'; 64 << 10]].concat(), 0o600);
    let holed = file(&folder("holed-password"), b"swordfish-1\0\n", 0o600);
    let empty = file(&here, b"\n", 0o600);
    for (more, said) in [
        (&["--password-file", "/no/such/file"][..], "error: cannot read the password from /no/such/file\n"),
        (&["--password-file", empty.as_str()], "is empty\n"),
        (
            &["--password-command", "sh -c 'echo swordfish-1; exit 3'"],
            "error: password command failed\nhint: it ended with exit status: 3\n",
        ),
        (
            &["--password-command", "echo 'swordfish-1"],
            "error: password command failed\nhint: a quote or a backslash in it has no end\n",
        ),
        (&["--password-command", " "], "error: password command failed\nhint: there is no command in it\n"),
        (&["--password-command", "/no/such/command; echo swordfish-1"], "error: password command failed\n"),
        (
            &["--password-command", "echo swordfish-1 | cat"],
            "error: password command failed\nhint: no shell runs it, and ; | & < > mean nothing: sh -c '…' has one run it\n",
        ),
        (&["--password-file", "/dev/zero"], "error: password from /dev/zero: it is no regular file\n"),
        (&["--password-file", "/"], "error: password from /: it is no regular file\n"),
        (&["--password-file", long.as_str()], "is longer than 64 KiB\n"),
        (&["--password-file", holed.as_str()], "holds a NUL byte\n"),
        (&["--password-command", "true"], "error: password from the password command is empty\n"),
        (
            &["--password-command", r"printf '\377\n'"],
            "error: password from the password command is not UTF-8\n",
        ),
    ] {
        let run = refpoint(get(&target, more)).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{more:?}");
        assert!(run.stderr.contains(said) && !run.stderr.contains("swordfish-1"), "{}", run.stderr);
    }
    assert!(host.heard().is_empty());
}

#[test]
fn a_password_that_does_not_come_is_waited_for_until_the_deadline() {
    let host = host();
    let target = host.target();
    let here = folder("late-password");
    let mark = here.join("mark");
    let pipe = here.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody closes the pipe that it writes into, and it has a child of its own.
    let sleeper = format!("sh -c 'echo $$ >{}; sleep 1000 & wait'", mark.display());
    let closer = "sh -c 'exec >&-; exec sleep 1000'";
    for more in [
        &["--password-command", sleeper.as_str()][..],
        &["--password-command", closer],
        &["--password-stdin"],
        &["--password-file", pipe.to_str().unwrap()],
    ] {
        let mut words = get(&target, more);
        words.extend(["--deadline", "1s"]);
        let mut child = refpoint(words).start();
        let stdin = child.stdin.take();
        wait(child).is(
            8,
            "",
            "error: the deadline has passed before the password was there\n\
             hint: a longer --deadline, or none, waits longer\n\
             more: refpoint explain exit:8\n",
        );
        drop(stdin);
    }
    assert!(host.heard().is_empty());
    // Nothing of the command is left behind: its group is empty but for what waits to be buried.
    let group = fs::read_to_string(mark).unwrap().trim().to_owned();
    while is_anybody_in(&group) {
        std::thread::yield_now();
    }
}

/// Says whether a process of that group is still at work.
fn is_anybody_in(group: &str) -> bool {
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let behind_the_name = stat.rsplit_once(") ")?.1.to_owned();
        let mut fields = behind_the_name.split(' ');
        Some((fields.next()?.to_owned(), fields.nth(1)?.to_owned()))
    });
    stats.into_iter().any(|(state, of)| of == group && state != "Z")
}

#[test]
fn a_password_that_comes_in_time_is_used_under_a_deadline() {
    let host = host();
    let target = host.target();
    let command = format!("echo '{PASSWORD}'");
    is_in(&refpoint(get(&target, &["--password-command", &command, "--deadline", "1m"])).run());
    let stdin = refpoint(get(&target, &["--password-stdin", "--deadline", "1m"]));
    is_in(&stdin.stdin(format!("{PASSWORD}\n")).run());
}

#[test]
fn the_passphrase_of_a_client_key_comes_from_a_file() {
    // Nobody listens there: a key that opens gets as far as that.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let here = folder("passphrase");
    let run = |passphrase: &[u8]| {
        let file = file(&here, passphrase, 0o600);
        let certificate = ["--cert", "tests/data/certificates/client.pem"];
        let key = ["--key", "tests/data/certificates/client-aes256.key.pem", "--key-passphrase-file", &file];
        let words = ["cim", "get", &target, OBJECT, "--auth", "certificate"];
        refpoint(words.iter().chain(&certificate).chain(&key)).run()
    };
    let right = run(b"open sesame\n");
    assert_eq!(right.code, Some(4), "{}", right.stderr);
    let wrong = run(b"hidden-1\n");
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("passphrase") && !wrong.stderr.contains("hidden-1"), "{}", wrong.stderr);
    assert!(run(b"").stderr.contains("passphrase from"), "{}", run(b"").stderr);
}

#[test]
fn a_file_that_others_may_read_is_pointed_out() {
    let host = host();
    let here = folder("open-password");
    let path = file(&here, PASSWORD.as_bytes(), 0o644);
    let run = refpoint(get(&host.target(), &["--password-file", &path])).run();
    assert_eq!(run.code, Some(0));
    let warning = format!("warning: others may read {path} (mode 644): chmod 600 it\n");
    assert_eq!(run.stderr, format!("{warning}{CLEAR}"));
}

#[test]
fn where_nobody_can_type_there_is_no_prompt_and_no_waiting() {
    let target = "http://127.0.0.1:9";
    // Standard input is a pipe that stays open: whoever reads from it waits for ever.
    let mut child = refpoint(get(target, &[])).start();
    let stdin = child.stdin.take();
    wait(child).is(
        2,
        "",
        "error: no password of operator, and standard input is no terminal to ask on\n\
         hint: use --password-file, --password-stdin, --password-command or REFPOINT_PASSWORD\n\
         hint: without --user the default Kerberos ticket cache is used\n",
    );
    drop(stdin);
}

/// On a terminal of its own, made by `script`.
#[test]
fn on_a_terminal_it_asks_and_shows_nothing_of_the_answer() {
    let host = host();
    let program = env!("CARGO_BIN_EXE_refpoint");
    let words =
        get(&host.target(), &[]).into_iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--flush", "--command", &format!("{program} {words}"), "/dev/null"]);
    script.env_clear().env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh").env("TERM", "dumb");
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut screen = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    let prompt = b"Password of operator: ";
    // Once the question stands there, the echo may still be on for a moment: the program turns it off before it
    // reads, and a terminal echoes what comes, not what is read. So the test waits until the echo is off.
    while !screen.windows(prompt.len()).any(|window| window == prompt) {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&screen));
        screen.push(byte[0]);
    }
    wait_until_echo_is_off(child.id());
    child.stdin.as_mut().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    stdout.read_to_end(&mut screen).unwrap();
    let status = child.wait().unwrap();
    let screen = String::from_utf8_lossy(&screen);
    assert!(status.success(), "{screen}");
    assert!(screen.contains(r"Msvm_ComputerSystem.Name="), "{screen}");
    assert!(!screen.contains("sword<") && !screen.contains("fish"), "{screen}");
}

/// Waits until the program that `script` has started reads with the echo of its terminal off.
fn wait_until_echo_is_off(script: u32) {
    loop {
        let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
        let shell = children.split_whitespace().next().expect("script has a child").to_owned();
        let terminal = format!("/proc/{shell}/fd/0");
        let stty = Command::new("stty").args(["-F", &terminal, "-a"]).output().unwrap();
        if String::from_utf8_lossy(&stty.stdout).contains("-echo ") {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_login_in_the_address_of_a_host_is_refused_and_not_repeated() {
    for words in [
        &["vm", "list", "http://u:hunter2@hv01"][..],
        &["identify", "u:hunter2@hv01"],
        &["vm", "list", "hv01", "http://u:hunter2@hv01"],
        &["trust", "remove", "http://u:hunter2@hv01"],
        &["fleet", "inventory", "-i", "http://u:hunter2@hv01,"],
    ] {
        let run = refpoint(words.iter().copied()).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{words:?} {run:?}");
        assert!(!run.stderr.contains("hunter2"), "{words:?} {}", run.stderr);
    }
    for text in ["hosts = [\"http://u:hunter2@hv01\"]\n", "[host.a]\naddress = \"u:hunter2@hv01\"\n"] {
        let file = std::env::temp_dir().join(format!("refpoint-address-{}.toml", std::process::id()));
        fs::write(&file, text).unwrap();
        let run = refpoint(["fleet", "inventory", "-i", file.to_str().unwrap()]).run();
        fs::remove_file(&file).unwrap();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{text} {run:?}");
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
}

#[test]
fn no_secret_stands_in_a_log_however_much_is_said() {
    let host = host();
    let target = host.target();
    for filter in [None, Some("trace")] {
        let program = refpoint(get(&target, &["-vvv"])).env("REFPOINT_PASSWORD", PASSWORD);
        let run = match filter {
            Some(filter) => program.env("RUST_LOG", filter).run(),
            None => program.run(),
        };
        assert_eq!(run.code, Some(0));
        assert!(run.stderr.lines().count() > 3, "it says something: {}", run.stderr);
        for secret in [PASSWORD, "sword<", "fish>", "b3BlcmF0b3I6", "hunter2"] {
            assert!(!run.stderr.contains(secret), "{secret} in {}", run.stderr);
        }
    }
}

#[test]
fn a_dump_holds_each_message_and_no_secret_for_nobody_but_its_owner() {
    let host = host();
    let here = folder("dump").join("deep");
    let dump = here.to_str().unwrap();
    let run = refpoint(get(&host.target(), &["--dump", dump])).env("REFPOINT_PASSWORD", PASSWORD).run();
    is_in(&run);
    let settings =
        r#"Settings:={"class": "X", "properties": {"UserPassword": "hunter2-embedded", "Of": "a"}}"#;
    let call = [
        "cim",
        "invoke",
        &host.target(),
        "My_Class.Name=1",
        "Set",
        "Password=hunter2",
        settings,
        "--dump",
        dump,
    ];
    let run = refpoint(call.into_iter().chain(LOGIN)).env("REFPOINT_PASSWORD", PASSWORD).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fs::metadata(&here).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files: Vec<_> = fs::read_dir(&here).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "001-get-msvm_computersystem.request.xml",
            "001-get-msvm_computersystem.response.xml",
            "002-my_class-set.request.xml",
            "002-my_class-set.response.xml",
        ]
    );
    for file in &files {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(file).unwrap();
        for secret in ["sword&lt;", "sword<", "fish", "hunter2"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        // It is still a message, for whoever gets the report.
        let message = refpoint(["cim".as_ref(), "decode".as_ref(), file.as_os_str()]).run().json();
        assert_eq!(
            message.get("request").is_some(),
            file.to_str().unwrap().contains(".request."),
            "{message}"
        );
    }
    let dumped = fs::read_to_string(&files[1]).unwrap();
    assert!(dumped.contains("EnabledState") && dumped.contains("***"), "{dumped}");
}

#[test]
fn a_dump_that_cannot_be_written_is_an_error_before_anything_is_asked() {
    let host = host();
    let run =
        refpoint(get(&host.target(), &["--dump", "/proc/no-such"])).env("REFPOINT_PASSWORD", PASSWORD).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(11), ""));
    assert!(run.stderr.contains("error: cannot write to /proc/no-such\n"), "{}", run.stderr);
    assert!(host.heard().is_empty());
}

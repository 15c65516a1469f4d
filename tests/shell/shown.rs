//! Help, and what every command shows, on terminals of two widths and in a pipe, compared to the letter.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use unicode_width::UnicodeWidthStr;

use crate::lab::{At, Lab};
use crate::program::{BINARY, refpoint};
use crate::scenarios::{EXEMPT, PLAN, SCENARIOS, Scenario, WORLD};
use crate::snapshot::compare;
use crate::terminal::{Terminal, plain};
use crate::walk;

/// High enough that nothing scrolls.
const ROWS: usize = 500;
const WIDTHS: [usize; 2] = [80, 200];

/// Fails where a line is wider than the terminal, whose own wrapping would tear it apart. Identifiers and paths are
/// there to be copied, and stay whole.
#[track_caller]
fn assert_narrow(text: &str, columns: usize, what: &str) {
    for line in text.lines() {
        let is_whole = line.split(' ').any(|word| word.width() > columns / 2);
        assert!(line.width() <= columns || is_whole, "{what}: {} columns of {columns}: {line}", line.width());
    }
}

fn help(path: &[String], columns: usize) -> String {
    let line = format!("exec {BINARY} {} --help", path.join(" "));
    let screen = Terminal::new((columns, ROWS), &line, []).ends();
    let text = screen.text();
    assert_eq!(screen.code, Some(0), "{path:?}: {text}");
    assert_narrow(&text, columns, &format!("help of {path:?}"));
    text
}

#[test]
fn the_help_of_every_command_fits_the_terminal() {
    for columns in WIDTHS {
        let pages = thread::scope(|scope| {
            let half = walk::all().len().div_ceil(2);
            let halves: Vec<_> = walk::all()
                .chunks(half)
                .map(|paths| {
                    scope.spawn(move || paths.iter().map(|path| help(path, columns)).collect::<Vec<_>>())
                })
                .collect();
            halves.into_iter().flat_map(|half| half.join().unwrap()).collect::<Vec<_>>()
        });
        let mut all = String::new();
        for (path, page) in walk::all().iter().zip(pages) {
            all.push_str(&format!("# refpoint {}\n{page}\n\n", path.join(" ")));
        }
        compare(&format!("help-{columns}"), &all);
    }
}

/// In a pipe help has the same words, and no colours; on a terminal it has colours, unless `NO_COLOR` says no.
#[test]
fn help_in_a_pipe_is_the_same_without_colours() {
    for path in walk::all() {
        let output = Command::new(BINARY).args(path).arg("--help").env_clear().output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains('\u{1b}'), "{path:?}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&text), words(&help(path, 80)), "{path:?}");
    }
    let line = format!("exec {BINARY} --help");
    assert!(Terminal::new((80, ROWS), &line, []).ends().has_colours());
    let no_colour = [(OsStr::new("NO_COLOR"), OsStr::new("1"))];
    assert!(!Terminal::new((80, ROWS), &line, no_colour).ends().has_colours());
}

#[test]
fn every_command_has_a_line_that_does_well_and_one_that_fails() {
    let leaves: BTreeSet<String> = walk::leaves().into_iter().collect();
    let named = SCENARIOS.iter().map(|scenario| scenario.command).chain(EXEMPT.iter().map(|(name, _)| *name));
    for name in named {
        assert!(leaves.contains(name), "{name} is no command");
    }
    for leaf in &leaves {
        let is_exempt =
            |what: &str| EXEMPT.iter().any(|(name, reason)| name == leaf && reason.starts_with(what));
        let of = |is_well: bool| SCENARIOS.iter().any(|it| it.command == leaf && (it.code == 0) == is_well);
        assert!(
            of(true) || is_exempt("well: "),
            "tests/shell/scenarios.rs has no line that does {leaf} well"
        );
        assert!(
            of(false) || is_exempt("fails: "),
            "tests/shell/scenarios.rs has no line of a {leaf} that fails"
        );
    }
}

/// Where a line runs.
#[derive(Clone, Copy)]
enum Place {
    Terminal(usize),
    Pipe,
}

/// Runs all lines in a place, on a host and with a ledger of their own; returns what each showed.
fn run(place: Place, lab: &Lab) -> String {
    let at = lab.at(1);
    let sealed = format!("https://{}", lab.field("tls=https://").trim_end_matches("/wsman"));
    let folder = at.file("folder");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("plan.toml"), PLAN).unwrap();
    let inventory = format!("hosts = [\"{}\"]\n", at.url().trim_start_matches("http://"));
    fs::write(folder.join("hosts.toml"), inventory).unwrap();
    let ledger = at.ledger();
    let variables = [
        ("REFPOINT_PASSWORD", "Swordfish-7391"),
        ("REFPOINT_LEDGER", ledger.to_str().unwrap()),
        ("REFPOINT_PAGER", ""),
        ("XDG_CONFIG_HOME", folder.to_str().unwrap()),
        ("XDG_STATE_HOME", folder.to_str().unwrap()),
    ];
    let fingerprint = fingerprint(at, &sealed);
    let (mut all, mut otherwise) = (String::new(), Vec::new());
    for scenario in SCENARIOS {
        let line = scenario
            .line
            .replace("HOST", &format!("{} --user 'LAB\\operator'", at.url()))
            .replace("LINK", &at.url())
            .replace("FINGERPRINT", &fingerprint)
            .replace("SEALED", &sealed)
            .replace("FOLDER", folder.to_str().unwrap());
        let user =
            if line.contains("fleet run") || line.contains("fleet plan") || line.contains("fleet resume") {
                " --user 'LAB\\operator'"
            } else {
                ""
            };
        let line = format!("{BINARY} {line}{user}");
        let (shown, said, code) = match place {
            Place::Terminal(columns) => on_terminal(columns, &line, scenario, &variables, at),
            Place::Pipe => in_pipe(&line, &variables),
        };
        if code != Some(scenario.code) {
            otherwise
                .push(format!("{code:?} instead of {}: {}\n{shown}{said}", scenario.code, scenario.line));
        }
        // A script is not for reading.
        if let Place::Terminal(columns) = place
            && scenario.command != "completions"
        {
            assert_narrow(&shown, columns, scenario.line);
        }
        let text =
            format!("$ refpoint {}\n--- exit {}\n{shown}--- stderr\n{said}\n", scenario.line, scenario.code);
        all.push_str(&masked(&text, folder.to_str().unwrap()));
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
    all
}

/// Returns what names the certificate of a host: whoever is to remember it is told.
fn fingerprint(at: At<'_>, sealed: &str) -> String {
    let run = refpoint(["trust", "add", sealed]).env("XDG_STATE_HOME", at.file("none").to_str().unwrap());
    let said = run.run().stderr;
    let word = said.split([' ', ',']).find(|word| word.starts_with("sha256:"));
    word.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// With data on a terminal, and what else is said in a file: lines that change where they stand are looked at by
/// other tests.
fn on_terminal(
    columns: usize,
    line: &str,
    scenario: &Scenario,
    variables: &[(&str, &str)],
    at: At<'_>,
) -> (String, String, Option<i32>) {
    let said = at.file("said");
    let line = format!("exec {line} 2>{}", said.display());
    let variables = variables.iter().map(|(name, value)| (OsStr::new(*name), OsStr::new(*value)));
    let screen = Terminal::new((columns, ROWS), &line, variables).ends();
    let said = fs::read_to_string(said).unwrap();
    assert!(!said.contains('\u{1b}'), "{}: {said}", scenario.line);
    (screen.text(), said, screen.code)
}

fn in_pipe(line: &str, variables: &[(&str, &str)]) -> (String, String, Option<i32>) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {line}")]).env_clear().envs(variables.iter().copied());
    command.env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent").current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (shown, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!shown.contains('\u{1b}') && !said.contains('\u{1b}'), "{line}: {shown}{said}");
    assert_eq!((plain(&shown), plain(&said)), (shown.clone(), said.clone()));
    (shown, said, output.status.code())
}

/// Replaces what differs from run to run by as many characters: what stands where stays to be seen.
fn masked(text: &str, folder: &str) -> String {
    // The ledger and what else a host has of its own stand beside its folder.
    let (beside, _) = folder.rsplit_once('/').unwrap();
    let mut text = text.replace(folder, "FOLDER").replace(beside, "BESIDE");
    // A column is as wide as the folder's name is long, which differs.
    while text.starts_with("$ refpoint config explain") && text.contains("   ") {
        text = text.replace("   ", "  ");
    }
    // Of a point's name that was cut the end is left, which differs at each start of the host.
    let begin = "Microsoft…";
    let is_end = |part: &str| part.len() >= 9 && part[..9].bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<String> = text
        .split(begin)
        .enumerate()
        .map(|(place, part)| match place > 0 && is_end(part) && !WORLD.contains(&part[..9]) {
            true => format!("XXXXXXXXX{}", &part[9..]),
            false => part.to_owned(),
        })
        .collect();
    text = parts.join(begin);
    let mut masked = String::new();
    let is_id = |c: char| c.is_ascii_hexdigit() || c == '-' || c == '…';
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !is_id(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        let is_after_word = masked.ends_with(|c: char| c.is_alphanumeric());
        let is_guid = word.len() == 36 && word.matches('-').count() == 4;
        let is_digest = word.len() == 64;
        let is_cut = word.contains('…') && word.len() > 8;
        if !is_after_word
            && (is_guid || is_digest || is_cut)
            && !WORLD.contains(word)
            && !word.starts_with("00000000")
        {
            masked.extend(word.chars().map(|c| if c == '-' || c == '…' { c } else { 'X' }));
            rest = &rest[length..];
            // A time that was cut goes on with its minutes.
            let length = rest
                .find(|c: char| !is_cut || !(c.is_ascii_digit() || ":Z".contains(c)))
                .unwrap_or(rest.len());
            masked.extend(rest[..length].chars().map(|c| if c == ':' { c } else { 'X' }));
            rest = &rest[length..];
        } else if let Some(address) = rest.strip_prefix("127.1.").or_else(|| rest.strip_prefix("127.0.0.")) {
            let digits =
                address.bytes().take_while(|byte| byte.is_ascii_digit() || b".:".contains(byte)).count();
            let length = address[..digits].trim_end_matches(['.', ':']).len();
            let prefix = rest.len() - address.len();
            masked.push_str(&"H".repeat(prefix + length));
            rest = &rest[prefix + length..];
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    let lines = masked.lines().filter(|line| !is_on_its_way(line)).map(still).collect::<Vec<_>>();
    lines.join("\n") + "\n"
}

/// Says whether a line tells of a job on its way: how many there are depends on the machine.
fn is_on_its_way(line: &str) -> bool {
    let states = ["new", "starting", "running"];
    line.split_once(": ").is_some_and(|(_, state)| {
        states.iter().any(|name| {
            state
                .strip_prefix(name)
                .is_some_and(|rest| rest.trim_end_matches('%').trim().parse::<u16>().is_ok())
        })
    })
}

/// Replaces times, and how long something took, by as many characters.
fn still(line: &str) -> String {
    const PATTERNS: [&str; 4] = ["dddd-dd-ddTdd:dd:dd", "nightly-dddddddd-dddd", " d:dd ", "dd:dd:dd  "];
    let mut text = line.to_owned();
    for pattern in PATTERNS {
        let fits = |found: &[u8]| {
            let same =
                |(kind, byte): (u8, u8)| if kind == b'd' { byte.is_ascii_digit() } else { kind == byte };
            pattern.bytes().zip(found.iter().copied()).all(same)
        };
        while let Some(place) = text.as_bytes().windows(pattern.len()).position(fits) {
            text.replace_range(place..place + pattern.len(), pattern);
        }
    }
    // A path that was cut does not show the folder's name whole.
    if let Some((before, rest)) = text.split_once("ledger  ").filter(|(before, _)| before.is_empty()) {
        let (_, source) = rest.split_once("  ").unwrap_or(("", rest));
        text = format!("{before}ledger  …  {source}");
    }
    // How long a host took to answer, and what its clock showed then.
    if let Some(before) = text.strip_suffix(" ms)") {
        let before = before.trim_end_matches(|c: char| c.is_ascii_digit());
        text = format!("{}… ms)", before.strip_suffix("less than ").unwrap_or(before));
    }
    if text.starts_with("pass  clock") {
        text = "pass  clock  …".to_owned();
    }
    // How long a machine has been on.
    if text.contains("OnTimeInMilliseconds") {
        text = text.replace(|c: char| c.is_ascii_digit(), "d");
    }
    // The length of the second column differs with what else a command shows.
    match text.split_once("Took ") {
        Some((before, took)) if before.trim().is_empty() && took.trim().starts_with("0:") => {
            format!("{before}Took …")
        }
        _ => text,
    }
}

#[test]
fn every_command_shows_the_same_as_when_it_was_last_read() {
    // The first host of each: only it has the identifiers as they stand in the scenario.
    let labs = [(); 3].map(|()| Lab::serving(1, WORLD, &["--tls", "127.1.0.1:0"]));
    let places = [(Place::Terminal(80), "80"), (Place::Terminal(200), "200"), (Place::Pipe, "piped")];
    let shown = thread::scope(|scope| {
        let runs: Vec<_> = labs
            .iter()
            .zip(places)
            .map(|(lab, (place, name))| (name, scope.spawn(move || run(place, lab))))
            .collect();
        runs.into_iter().map(|(name, run)| (name, run.join().unwrap())).collect::<Vec<_>>()
    });
    for (name, text) in shown {
        compare(&format!("shown-{name}"), &text);
    }
}

//! What a run left behind, as a text that is the same at each run, and its comparison with the one that was read
//! and committed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::Run;

/// Compares a text with the one that is kept under that name.
#[track_caller]
pub(crate) fn compare(name: &str, text: &str) {
    // Each binary of tests has its own.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(env!("CARGO_CRATE_NAME"));
    let path = folder.join("snapshots").join(format!("{name}.txt"));
    if std::env::var_os("REFPOINT_SNAPSHOTS").is_some_and(|what| what == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept != text {
        let line = kept.lines().zip(text.lines()).position(|(one, other)| one != other);
        let line = line.unwrap_or(kept.lines().count().min(text.lines().count()));
        let show =
            |text: &str| text.lines().skip(line.saturating_sub(3)).take(12).collect::<Vec<_>>().join("\n");
        panic!("{name}, line {}:\n--- kept\n{}\n--- found\n{}", line + 1, show(&kept), show(text));
    }
}

/// Writes a run down: the words, how it ended, and both of what it said.
pub(crate) fn tell(words: &str, run: &Run) -> String {
    let code = run.code.map_or_else(|| format!("signal {:?}", run.signal), |code| code.to_string());
    let stdout = match serde_json::from_str::<Value>(&run.stdout) {
        Ok(mut value) if value.is_object() => {
            still(&mut value);
            serde_json::to_string_pretty(&value).unwrap() + "\n"
        }
        _ => run.stdout.clone(),
    };
    let text = format!("$ {words}\n--- exit {code}\n--- stdout\n{stdout}--- stderr\n{}\n", run.stderr);
    plain(&text)
}

/// Counts differ with the speed of the machine, and so does how far a job is that nobody has seen end well.
fn still(value: &mut Value) {
    let is_open = ["detached", "unknown", "cancelled"].iter().any(|name| value["outcome"] == **name);
    if let Some(job) = value.get_mut("job").filter(|job| is_open && job.is_object()) {
        job["percent"] = Value::String("…".to_owned());
        let state = &mut job["state"];
        if state.as_u64().is_none_or(|state| state < 5) {
            *state = Value::String("…".to_owned());
        }
    }
    for count in ["requests", "bytes_sent", "bytes_received"] {
        if let Some(found) = value.get_mut(count) {
            assert!(found.is_u64(), "{count}: {found}");
            *found = Value::String("…".to_owned());
        }
    }
}

/// Replaces what differs from run to run: identifiers in the order of their appearance, times, addresses, and the
/// lines that tell of a job on its way.
fn plain(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !is_on_its_way(line)) {
        let mut plain = String::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let length = if let Some(guid) = rest.get(..36).filter(|text| is_guid(text)) {
                let place = known.iter().position(|other| *other == guid.to_uppercase());
                let place = place.unwrap_or_else(|| {
                    known.push(guid.to_uppercase());
                    known.len() - 1
                });
                plain.push_str(&format!("{{id {}}}", place + 1));
                36
            } else if let Some(length) = time(rest) {
                plain.push_str("{time}");
                length
            } else if let Some(address) = rest.strip_prefix("127.1.") {
                plain.push_str("{host}");
                let digits =
                    address.bytes().take_while(|byte| byte.is_ascii_digit() || b".:".contains(byte)).count();
                // A colon or a full stop behind it is the sentence's.
                6 + address[..digits].trim_end_matches([':', '.']).len()
            } else {
                plain.push(first);
                first.len_utf8()
            };
            rest = &rest[length..];
        }
        for state in ["new", "starting", "running", "not seen"] {
            if plain.starts_with("Job ") {
                plain = plain.replace(&format!("({state})"), "(…)");
            }
        }
        // How far it was when it was stopped.
        for state in [": shutting-down ", ": terminated "] {
            if let Some((before, _)) = plain.split_once(state).filter(|(_, percent)| percent.len() < 5) {
                plain = format!("{before}{state}… %");
            }
        }
        // How long each waits is as chance has it.
        if let Some((before, _)) = plain.split_once("; again in ") {
            plain = format!("{before}; again in …");
        }
        if let Some((took, time)) = plain.split_once("Took ") {
            assert!(time.trim().starts_with("0:"), "{plain}");
            plain = format!("{took}Took …");
        }
        lines.push(plain);
    }
    lines.join("\n") + "\n"
}

fn is_on_its_way(line: &str) -> bool {
    let Some((_, state)) = line.split_once(": ") else { return false };
    ["new", "starting", "running"].iter().any(|name| {
        state.strip_prefix(name).is_some_and(|rest| rest.trim_end_matches('%').trim().parse::<u16>().is_ok())
    })
}

fn is_guid(text: &str) -> bool {
    text.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Returns the length of a time in RFC 3339 at the beginning of a text.
fn time(text: &str) -> Option<usize> {
    let pattern = b"dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = bytes.len() > pattern.len()
        && pattern.iter().zip(bytes).all(|(kind, byte)| match kind {
            b'd' => byte.is_ascii_digit(),
            kind => kind == byte,
        });
    let end = bytes.iter().position(|byte| *byte == b'Z').filter(|end| fits && *end < 32)?;
    Some(end + 1)
}

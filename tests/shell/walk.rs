//! Every command there is, as help lists them.

use std::sync::OnceLock;

use crate::program::refpoint;

/// Returns the words of every command, groups of commands included, the program itself first.
pub(crate) fn all() -> &'static [Vec<String>] {
    static ALL: OnceLock<Vec<Vec<String>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut found = Vec::new();
        let mut pending: Vec<Vec<String>> = vec![Vec::new()];
        while let Some(path) = pending.pop() {
            let inner = below(&path);
            pending.extend(inner.into_iter().rev().map(|name| [&path[..], &[name]].concat()));
            found.push(path);
        }
        assert!(found.len() > 20, "{found:?}");
        found
    })
}

/// Returns the commands that do something, `cim list`.
pub(crate) fn leaves() -> Vec<String> {
    let is_leaf =
        |path: &&Vec<String>| !all().iter().any(|other| other.len() > path.len() && other.starts_with(path));
    all().iter().filter(is_leaf).map(|path| path.join(" ")).collect()
}

fn below(path: &[String]) -> Vec<String> {
    let help = refpoint(path.iter().map(String::as_str).chain(["--help"])).run().stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    // A description that goes on in the next line is indented further.
    let names = lines.filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

//! Inventories made up: INI and YAML, with groups, children, ranges, ports, variables of every type, and files of
//! variables beside them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// An inventory of one or several sources.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Paths below the folder of the case, with what is in them.
    pub(crate) files: Vec<(String, String)>,
    /// What `-i` names, in its order.
    pub(crate) sources: Vec<String>,
    /// Patterns to ask for.
    pub(crate) limits: Vec<String>,
}

pub(crate) fn layouts() -> impl Strategy<Value = Layout> {
    let source = prop_oneof![ini().prop_map(|text| ("ini", text)), yaml().prop_map(|text| ("yml", text))];
    let beside = vec((beside_path(), yaml_variables("")), 0..6);
    (vec((source, any::<bool>(), beside), 1..3), vec(limit(), 4)).prop_map(|(sources, limits)| {
        let mut layout = Layout { files: Vec::new(), sources: Vec::new(), limits };
        for (at, ((kind, text), is_folder, beside)) in sources.into_iter().enumerate() {
            let extension = if kind == "yml" { ".yml" } else { "" };
            layout.files.push((format!("s{at}/hosts{extension}"), text));
            // A name may be spelled in several ways, and the first that is there counts: one is enough here.
            let mut stems: Vec<String> = Vec::new();
            for (path, text) in beside {
                let stem = path.split(['.', '/']).take(2).collect::<Vec<_>>().join("/");
                if !stems.contains(&stem) {
                    stems.push(stem);
                    layout.files.push((format!("s{at}/{path}"), text));
                }
            }
            layout.sources.push(if is_folder { format!("s{at}") } else { format!("s{at}/hosts{extension}") });
        }
        layout
    })
}

fn group() -> impl Strategy<Value = usize> {
    0..7usize
}

fn host() -> impl Strategy<Value = String> {
    let names = select(vec![
        "h1",
        "h2.example",
        "h03",
        "h[01:03]",
        "h[1:9:4]",
        "n[a:c]x",
        "r[1:2]n[1:2]",
        "10.0.0.[1:2]",
        "x_y-z",
    ]);
    (names, prop_oneof![4 => Just(""), 1 => Just(":5985"), 1 => Just(":5986")])
        .prop_map(|(name, port)| format!("{name}{port}"))
}

/// A host of a group. It may be called like a group, which without one of its own would be a tangle that Ansible
/// takes apart in the order of its memory.
fn member() -> impl Strategy<Value = String> {
    prop_oneof![8 => host(), 1 => Just("g3".to_owned())]
}

fn variable() -> impl Strategy<Value = String> {
    select(vec![
        "v0",
        "v1",
        "v2",
        "v3",
        "ansible_host",
        "ansible_port",
        "ansible_user",
        "ansible_winrm_transport",
        "ansible_winrm_scheme",
        "some-name",
    ])
    .prop_map(str::to_owned)
}

/// A text as it may stand behind `=`.
fn ini_value() -> impl Strategy<Value = String> {
    let known = select(vec![
        "5",
        "-5",
        "+5",
        "--5",
        "0",
        "007",
        "1_000",
        "0x1f",
        "0o17",
        "0b11",
        "1.5",
        "1.",
        ".5",
        "1e3",
        "-1.5e-2",
        "True",
        "False",
        "true",
        "None",
        "none",
        "yes",
        "",
        "'text'",
        "\"text\"",
        "'a' 'b'",
        "'it''s'",
        r"'a\tb\x41'",
        "[1, 'a', None]",
        "[]",
        "(1, 2)",
        "(1)",
        "()",
        "1, 2",
        "{'a': 1, 'b': {'c': [True]}}",
        "{}",
        "5 # five",
        "'a' # b",
        r"LAB\mia",
        "a=b",
        "2024-01-31",
        "1.2.3.4",
        "99999999999999999999999",
        "kerberos,ntlm",
        "[1",
        "'a",
        "r'a\\b'",
        "- 5",
        "1+2",
        "[1,]",
        "[,]",
        "é",
        "'é'",
        "u'x'",
        "'''a'b'''",
        "f'x'",
        "0_0",
        "1__0",
        "00",
        "1e",
        "(1,)",
        "nan",
        "{1: 2, None: 3}",
    ]);
    let any = "[a-zA-Z0-9_.,:/\\\\\"'#\\[\\]()=+ -]{0,10}";
    prop_oneof![
        3 => known.prop_map(str::to_owned),
        1 => any.prop_filter("values that Ansible cannot list", |text| is_listable(text)).prop_map(|text| text.trim().to_owned()),
    ]
}

/// Complex numbers and bytes are no JSON, or become other texts.
fn is_listable(text: &str) -> bool {
    let folded = text.to_ascii_lowercase();
    !folded.contains('j') && !folded.contains("b'") && !folded.contains("b\"") && !folded.contains("...")
}

/// A text as it may stand on the line of a host, behind `=`.
fn word(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\"'\"'"))
}

/// The line of a host, with variables.
fn line(host: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (host, vec((variable(), ini_value(), any::<bool>()), 0..3)).prop_map(|(host, variables)| {
        let mut line = host;
        for (name, value, is_raw) in variables {
            let is_plain = !value.contains([' ', '#', '\'', '"', '\\', '\t']);
            let value = if is_raw && is_plain { value } else { word(&value) };
            line.push_str(&format!(" {name}={value}"));
        }
        line
    })
}

fn ini() -> impl Strategy<Value = String> {
    let section = prop_oneof![
        3 => (group(), vec(line(member()), 0..4)).prop_map(|(group, lines)| (format!("[g{group}]"), lines)),
        2 => (group(), vec((variable(), ini_value()), 0..4)).prop_map(|(group, variables)| {
            let lines = variables.into_iter().map(|(name, value)| format!("{name} = {value}"));
            (format!("[g{group}:vars]  # of a group"), lines.collect())
        }),
        1 => vec((variable(), ini_value()), 0..3).prop_map(|variables| {
            ("[all:vars]".to_owned(), variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
        }),
        2 => (group(), vec(group(), 0..3)).prop_map(|(parent, children)| {
            let below = children.into_iter().filter(|child| *child > parent);
            (format!("[g{parent}:children]"), below.map(|child| format!("g{child}")).collect())
        }),
        1 => (group(), 0..20i32).prop_map(|(group, priority)| {
            (format!("[g{group}:vars]"), vec![format!("ansible_group_priority={priority}")])
        }),
    ];
    (vec(line(host()), 0..3), vec(section, 0..8)).prop_map(|(ungrouped, sections)| {
        let mut text = "# made up\n".to_owned();
        ungrouped.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        for (heading, lines) in sections {
            text.push_str(&format!("{heading}\n; of it\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
        // Every group is declared somewhere, or Ansible refuses it.
        (0..7).for_each(|group| text.push_str(&format!("[g{group}]\n")));
        text
    })
}

/// A value as it may stand behind a colon, on one line.
fn yaml_value() -> impl Strategy<Value = String> {
    let known = select(vec![
        "5",
        "-5",
        "+5",
        "0",
        "0777",
        "089",
        "0x1F",
        "0b101",
        "1_000",
        "1:30",
        "1.5",
        "1.",
        ".5",
        "1e3",
        "1.0e+3",
        "yes",
        "No",
        "on",
        "Off",
        "true",
        "FALSE",
        "y",
        "~",
        "null",
        "",
        "'5'",
        "\"a\\tb\"",
        "text",
        "two words",
        "it's",
        "'it''s'",
        "[1, a, [b]]",
        "[]",
        "{a: 1, b: {c: [d]}}",
        "{}",
        "!!str 5",
        "!!int '5'",
        "!!float 5",
        "!unsafe text",
        "2001-12-14",
        "1.2.3.4",
        "kerberos,ntlm",
        "LAB\\mia",
        "'é'",
        "99999999999999999999999",
        "a#b",
        "a # comment",
        "0o17",
        "1_",
        "-.5",
        "+1.5",
    ]);
    let any = "[a-zA-Z0-9_.+]{1,8}".prop_filter("numbers without digits, and exponents", |text| {
        !matches!(text.to_ascii_lowercase().as_str(), "0b_" | "0x_" | ".inf" | ".nan") && !text.ends_with('_')
    });
    let quoted = "[ -~éß]{0,8}"
        .prop_filter("templates", |text| !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)))
        .prop_map(|text| serde_json::to_string(&text).unwrap());
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any, 1 => quoted]
}

/// Lines of variables, indented.
fn yaml_variables(indentation: &'static str) -> impl Strategy<Value = String> {
    vec((variable(), yaml_value()), 0..4).prop_map(move |variables| {
        let lines = variables.into_iter().map(|(name, value)| format!("{indentation}{name}: {value}\n"));
        lines.collect()
    })
}

fn yaml() -> impl Strategy<Value = String> {
    let hosts = vec((host(), yaml_variables("            ")), 0..4);
    let members = vec((member(), yaml_variables("            ")), 0..4);
    let group = (group(), members, vec(group(), 0..3), yaml_variables("        "), 0..3i32);
    (vec(group, 0..6), hosts, yaml_variables("    ")).prop_map(|(groups, ungrouped, all)| {
        let mut text = format!("all:\n  vars:\n{all}  hosts:\n");
        let host = |(host, variables): &(String, String), indentation: &str| {
            let variables = variables.replace("            ", &format!("{indentation}  "));
            format!("{indentation}\"{host}\":\n{variables}")
        };
        ungrouped.iter().for_each(|line| text.push_str(&host(line, "    ")));
        text.push_str("  children:\n");
        for (name, hosts, children, variables, priority) in groups {
            text.push_str(&format!("    g{name}:\n      hosts:\n"));
            hosts.iter().for_each(|line| text.push_str(&host(line, "        ")));
            text.push_str(&format!("      vars:\n{variables}"));
            if priority > 0 {
                text.push_str(&format!("        ansible_group_priority: {priority}\n"));
            }
            text.push_str("      children:\n");
            let below = children.into_iter().filter(|child| *child > name);
            below.for_each(|child| text.push_str(&format!("        g{child}:\n")));
        }
        text
    })
}

fn beside_path() -> impl Strategy<Value = String> {
    let group = prop_oneof![
        2 => group().prop_map(|group| format!("group_vars/g{group}")),
        1 => Just("group_vars/all".to_owned()),
        1 => Just("group_vars/ungrouped".to_owned()),
    ];
    let host =
        select(vec!["host_vars/h1", "host_vars/h01", "host_vars/h03", "host_vars/10.0.0.1", "host_vars/nax"]);
    let name = prop_oneof![group, host.prop_map(str::to_owned)];
    (name, select(vec!["", ".yml", ".yaml", "/b.yml", "/a", "/deeper/c.yaml", "/.hidden.yml", "/d.txt"]))
        .prop_map(|(name, end)| {
            // Without an extension a file is found only where the name has none of its own.
            format!("{name}{end}")
        })
}

fn limit() -> impl Strategy<Value = String> {
    let word = select(vec![
        "all",
        "g0",
        "g1",
        "g2",
        "g3",
        "h1",
        "h*",
        "h0?",
        "h[0-9]*",
        "*.example",
        "g[0-2]",
        "g1[0]",
        "all[1:3]",
        "all[0]",
        "h*[0:1]",
        "~h0[12]",
        "~g[34]",
        "nobody",
        "ungrouped",
        "10.0.0.*",
        "all[2:]",
    ]);
    let signed = (select(vec!["", "", "!", "&"]), word).prop_map(|(sign, word)| format!("{sign}{word}"));
    (vec(signed, 1..4), any::<bool>())
        .prop_map(|(words, is_colon)| words.join(if is_colon && words.len() > 1 { ":" } else { "," }))
}

//! Patterns of hosts.

use std::collections::BTreeMap;

use refpoint::fleet::inventory::{Error, Files, Inventory, Limit, Source};

fn files() -> Files {
    let hosts = "jump\n[web]\nhv[01:05]\n[db]\nhv05\nhv06\n[site:children]\nweb\ndb\n";
    Files::Memory(BTreeMap::from([
        ("hosts".into(), hosts.into()),
        ("failed.retry".into(), "hv02\n  hv06  \n\n!hv06\n".into()),
    ]))
}

fn left(pattern: &str) -> Result<(String, Vec<String>), Error> {
    let files = files();
    let inventory = Inventory::read(&[Source::parse("hosts", &files)], &files)?;
    let (hosts, unmatched) = inventory.limited(&Limit::parse(pattern, &files)?)?;
    Ok((hosts.iter().map(|host| &*host.name).collect::<Vec<_>>().join(" "), unmatched))
}

#[test]
fn a_limit_leaves_what_ansible_would() {
    for (pattern, hosts) in [
        ("all", "jump hv01 hv02 hv03 hv04 hv05 hv06"),
        ("web", "hv01 hv02 hv03 hv04 hv05"),
        ("web:&db", "hv05"),
        ("site,!web", "hv06"),
        ("!web", "jump hv06"),
        ("&db", "hv05 hv06"),
        // Exclusions come last, wherever they stand.
        ("!hv01,web", "hv02 hv03 hv04 hv05"),
        ("hv06,hv01", "hv01 hv06"),
        ("hv0[1-2]*", "hv01 hv02"),
        // At the end brackets count among what is before them, and there is no hv0.
        ("hv0[1-2]", ""),
        ("*6", "hv06"),
        ("w*", "hv01 hv02 hv03 hv04 hv05"),
        ("~hv0(1|6)$", "hv01 hv06"),
        ("~v01", ""),
        ("~.*v01", "hv01"),
        ("web[0]", "hv01"),
        ("web[-1]", "hv05"),
        ("web[1:2]", "hv02 hv03"),
        ("web[3:]", "hv04 hv05"),
        ("web[0:2]:db[1]", "hv01 hv02 hv03 hv06"),
        ("@failed.retry", "hv02"),
        ("ungrouped", "jump"),
    ] {
        match left(pattern) {
            Ok((left, unmatched)) => {
                assert_eq!((left.as_str(), unmatched.as_slice()), (hosts, &[][..]), "{pattern}")
            }
            Err(Error::NoMatch(_)) => assert_eq!(hosts, "", "{pattern}"),
            Err(error) => panic!("{pattern}: {error}"),
        }
    }
}

#[test]
fn a_word_that_matches_nothing_is_told_and_a_limit_that_leaves_nobody_is_an_error() {
    assert_eq!(left("hv01,hv99,!nobody").unwrap().1, ["hv99", "nobody"]);
    for pattern in ["hv99", "web:&nobody", "web:!web", "localhost"] {
        assert!(matches!(left(pattern), Err(Error::NoMatch(text)) if text == pattern), "{pattern}");
    }
    for pattern in ["web[5]", "web[-6]", "~(", "!"] {
        assert!(matches!(left(pattern), Err(Error::Pattern { .. })), "{pattern}");
    }
    assert!(matches!(left("@nowhere"), Err(Error::Read { .. })));
}

//! Points as the program lists and shows them.

use serde_json::Value;

use crate::lab::{At, Lab};

fn json(at: At<'_>, words: &[&str], more: &[&str]) -> Value {
    let run = at.keeping(words, &[more, &["-o", "json"]].concat()).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json()
}

/// How often the host was asked for something by a query, pages not counted.
fn questions(at: At<'_>) -> usize {
    at.asked().iter().filter(|line| line["operation"] == "Enumerate").count()
}

#[test]
fn points_of_however_many_machines_are_asked_for_at_once() {
    let mut world = String::new();
    for number in 0..20 {
        world += &format!(
            "[[machine]]\nid = \"3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E{number:02}\"\nname = \"vm{number}\"\n\
             [[machine.disk]]\nfile = 'D:\\VMs\\{number}\\os.vhdx'\nsize = \"1GiB\"\n\
             [[point]]\nid = \"A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2{number:02}\"\nmachine = \"vm{number}\"\n"
        );
    }
    // Whose machine is not there.
    world += "[[instances]]\nclass = \"Msvm_VirtualSystemReferencePoint\"\ncount = 2\n";
    let lab = Lab::new(1, &world);
    let at = lab.at(1);
    let adopted = json(at, &["point", "adopt"], &["--vm", "vm7", "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A207"]);
    let before = questions(at);
    let all = json(at, &["point", "list"], &[]);
    assert!(questions(at) - before <= 4, "{:#?}", at.asked());
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 22);
    let orphans: Vec<_> = all.iter().filter(|point| point["machine"]["name"].is_null()).collect();
    assert_eq!(orphans.len(), 2, "{orphans:#?}");
    for point in all.iter().filter(|point| !point["machine"]["name"].is_null()) {
        let number = point["machine"]["name"].as_str().unwrap().strip_prefix("vm").unwrap();
        assert!(point["machine"]["id"].as_str().unwrap().ends_with(&format!("2E{number:0>2}")), "{point}");
        let ours = if number == "7" { "adopted".into() } else { Value::Null };
        assert_eq!(point["ours"], ours, "{point}");
    }
    let before = questions(at);
    let some = json(at, &["point", "list"], &["--vm", "vm1?"]);
    assert_eq!((some.as_array().unwrap().len(), questions(at) - before), (10, 2));
    let one = json(at, &["point", "list"], &["--vm", "vm7"]);
    assert_eq!(one[0]["id"], adopted["id"]);
    // Whose point it is is one question, too.
    let before = questions(at);
    let shown = json(at, &["point", "show"], &["A0E4C1D7-2F58-4B93-8C16-7D5E90B1A207"]);
    assert_eq!((&shown["machine"]["name"], questions(at) - before), (&"vm7".into(), 2), "{shown}");
}

#[test]
fn a_collection_of_a_group_is_shown_with_the_points_it_holds() {
    let lab = Lab::new(1, "");
    let at = lab.at(1);
    let listed = json(at, &["point", "list"], &["--group", "shop"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    for collection in listed {
        let id = collection["id"].as_str().unwrap();
        let shown = json(at, &["point", "show"], &["--group", "shop", id]);
        assert_eq!(shown, json(at, &["point", "show"], &[id]));
        assert_eq!((&shown["kind"], &shown["group"]), (&"group".into(), &collection["group"]));
        let held: Vec<_> = shown["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| point["machine"].as_str().unwrap())
            .collect();
        assert_eq!(held.len(), 2);
        assert!(held.iter().all(|machine| machine.contains("6B7E-4C55") || machine.contains("91C3-4F0A")));
        let run = at.keeping(&["point", "show"], &["--group", "shop", id]).run();
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.stdout.lines().filter(|line| line.starts_with("Point ")).count(), 2, "{run:?}");
        assert!(run.stdout.contains("Group        shop ("), "{run:?}");
    }
    for more in [&["--group", "shop"][..], &[], &["--vm", "web01"]] {
        let run = at.keeping(&["point", "show"], &[&["0A0A0A0A-0000-0000-0000-000000000000"], more].concat());
        let run = run.run();
        assert_eq!(run.code, Some(10), "{run:?}");
        assert!(run.stderr.contains("hint: "), "{run:?}");
    }
}

//! What the commands of `cim` ask of a host, to the letter.

use refpoint::wsman::{Filter, Incoming, Mode, Opening, Request};

use crate::host::{Answer, CLEAR, Host, enumerate, machine, page};

/// Returns a host whose lists have no end.
fn endless() -> Host {
    Host::new(|incoming| match &incoming.request {
        Request::Enumerate(_) | Request::Pull(_) => {
            page(&[machine("a", 2), machine("b", 3)], Some("more"), Mode::Object)
        }
        Request::Release(_) => Answer::Nothing,
        other => panic!("{other:?}"),
    })
}

fn count(host: &Host, is_it: fn(&Request) -> bool) -> usize {
    host.heard().iter().filter(|incoming| is_it(&incoming.request)).count()
}

#[test]
fn a_limit_ends_the_list_on_the_host_and_asks_for_no_page_too_many() {
    for (limit, pulls) in [("1", 0), ("2", 0), ("3", 1), ("5", 2)] {
        for command in ["list", "query"] {
            let host = endless();
            let what =
                if command == "list" { "Msvm_ComputerSystem" } else { "SELECT * FROM Msvm_ComputerSystem" };
            let run = host.refpoint(&["cim", command], &[what, "--limit", limit, "-o", "jsonl"]).run();
            assert_eq!((run.code, run.stdout.lines().count().to_string()), (Some(0), limit.to_owned()));
            assert_eq!(count(&host, |request| matches!(request, Request::Pull(_))), pulls, "{limit}");
            assert_eq!(count(&host, |request| matches!(request, Request::Release(_))), 1, "{limit}");
            let opening = enumerate(&host.heard()[0]).opening;
            assert_eq!(opening, Opening::FirstPage { max_elements: Some(limit.parse().unwrap()) });
        }
    }
    let run = endless().refpoint(&["cim", "list"], &["X", "--limit", "0"]).run();
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn a_selection_is_made_by_the_host_and_is_what_the_table_shows() {
    let host = endless();
    let arguments = ["Msvm_ComputerSystem", "--select", "EnabledState,ElementName", "--limit", "2"];
    host.refpoint(&["cim", "list"], &arguments).run().is(
        0,
        "EnabledState  ElementName\n2 (Running)   a\n3 (Off)       b\n",
        CLEAR,
    );
    let request = enumerate(&host.heard()[0]).clone();
    assert_eq!(
        request.filter,
        Some(Filter::Wql("SELECT EnabledState, ElementName FROM Msvm_ComputerSystem".to_owned()))
    );
    // Of what cannot be asked of the host the rest is left out here.
    let host = endless();
    let query =
        ["SELECT * FROM Msvm_ComputerSystem", "--select", "elementname", "--limit", "1", "-o", "jsonl"];
    let run = host.refpoint(&["cim", "query"], &query).run();
    assert!(run.stdout.contains(r#""properties":{"ElementName":"a"}"#), "{}", run.stdout);
    let odd = ["X", "--select", "a b"];
    assert_eq!(endless().refpoint(&["cim", "list"], &odd).run().code, Some(2));
}

#[test]
fn a_property_that_a_known_class_does_not_have_is_refused_with_the_one_that_was_meant() {
    for flag in ["--select", "--columns"] {
        let host = endless();
        host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", flag, "ElementName,Nmae"]).run().is(
            2,
            "",
            "error: Msvm_ComputerSystem has no Nmae\n\
             hint: did you mean Name?\n\
             hint: --schema host asks the host, where its Windows is newer\n",
        );
        assert!(host.heard().is_empty());
        // Of the classes of the system only what is needed is declared.
        for class in ["Win32_Service", "X"] {
            let run = endless().refpoint(&["cim", "list"], &[class, flag, "State", "--limit", "1"]).run();
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
    }
}

#[test]
fn the_columns_of_a_table_can_be_chosen() {
    let arguments = ["Msvm_ComputerSystem", "--columns", "Name,EnabledState", "--limit", "1"];
    endless().refpoint(&["cim", "list"], &arguments).run().is(
        0,
        "Name  EnabledState\n0A-a  2 (Running)\n",
        CLEAR,
    );
}

#[test]
fn neighbours_are_asked_for_by_every_restriction_and_associations_by_theirs() {
    let object = r#"Msvm_ConcreteJob.InstanceID="1""#;
    let asked = |words: &[&str]| {
        let host = endless();
        let words = [&[object, "--limit", "1"], words].concat();
        assert_eq!(host.refpoint(&["cim", "associators"], &words).run().code, Some(0));
        match &enumerate(&host.heard()[0]).filter {
            Some(Filter::Wql(query)) => query.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        asked(&["--via", "A", "--result", "B", "--role", "C", "--result-role", "D"]),
        r#"ASSOCIATORS OF {Msvm_ConcreteJob.InstanceID="1"} WHERE AssocClass=A ResultClass=B Role=C ResultRole=D"#
    );
    assert_eq!(
        asked(&["--references", "--via", "A", "--role", "C"]),
        r#"REFERENCES OF {Msvm_ConcreteJob.InstanceID="1"} WHERE ResultClass=A Role=C"#
    );
    let host = endless();
    let odd = host.refpoint(&["cim", "associators"], &[object, "--via", "A} WHERE"]).run();
    assert_eq!((odd.code, host.heard().len()), (Some(2), 0), "{}", odd.stderr);
}

fn resource(incoming: &Incoming) -> (String, Vec<String>) {
    let path = match &incoming.request {
        Request::Get(get) => &get.resource,
        Request::Enumerate(enumerate) => &enumerate.resource,
        other => panic!("{other:?}"),
    };
    let selectors = path.selectors().map(|(name, value)| format!("{name}={}", value.text()));
    (path.resource_uri().into_owned(), selectors.collect())
}

#[test]
fn every_namespace_has_its_resource_and_what_is_no_class_has_none() {
    const BASE: &str = "http://schemas.microsoft.com/wbem/wsman/1";
    let host = || {
        Host::new(|incoming| match &incoming.request {
            Request::Get(_) => Answer::Instance(machine("a", 2)),
            _ => page(&[machine("a", 2)], None, Mode::Object),
        })
    };
    for (command, words, uri, selectors) in [
        (
            "get",
            &["Win32_X", "Name=a", "--namespace", "root/cimv2"][..],
            "wmi/root/cimv2/Win32_X",
            &["Name=a"][..],
        ),
        ("get", &[r"root\StandardCimv2:MSFT_X.A=1,B=2"], "wmi/root/StandardCimv2/MSFT_X", &["A=1", "B=2"]),
        ("get", &["Unknown_Singleton"], "wmi/root/virtualization/v2/Unknown_Singleton", &[]),
        ("get", &["--resource-uri", "winrm/config"], "config", &[]),
        (
            "get",
            &["Address=*", "Transport=HTTP", "--resource-uri", "winrm/config/listener"],
            "config/listener",
            &["Address=*", "Transport=HTTP"],
        ),
        ("list", &["MSFT_X", "--namespace", "root/StandardCimv2"], "wmi/root/StandardCimv2/MSFT_X", &[]),
        ("list", &["--resource-uri", "winrm/config/listener"], "config/listener", &[]),
    ] {
        let host = host();
        let run = host.refpoint(&["cim", command], words).run();
        assert_eq!(run.code, Some(0), "{words:?}: {}", run.stderr);
        let (asked, said) = resource(&host.heard()[0]);
        assert_eq!(
            (asked, said.iter().map(String::as_str).collect()),
            (format!("{BASE}/{uri}"), selectors.to_vec())
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    let job = r#"Msvm_ConcreteJob.InstanceID="1""#;
    for (words, complaint) in [
        (
            &["cim", "invoke", "Msvm_VirtualSystemReferencePointService", "ExportReferencePoint", "Job=x"][..],
            "gives Job, it does not take it",
        ),
        (&["cim", "invoke", job, "RequestStateChange", "RequestedState=Explode"], "it may be 2 Start"),
        (&["cim", "invoke", job, "RequestStateChang"], "did you mean RequestStateChange?"),
        (&["cim", "put", "Msvm_ConcreteJob", "InstanceID=1", "--set", "JobStat=1"], "did you mean JobState?"),
        (&["cim", "put", "Msvm_ConcreteJob", "InstanceID=1", "--set", "JobState=70000"], "from 0 to 65535"),
        (&["cim", "create", "Msvm_ConcreteJob", "JobStat=1"], "did you mean JobState?"),
        (&["cim", "delete", "Msvm_ConcreteJob", "InstanceID=1"], "nobody is there to be asked"),
        (&["cim", "get", "--resource-uri", "config"], "is no resource URI"),
        (&["cim", "watch", "SELECT a FROM X", "--poll", "1s"], "cannot be polled"),
        (&["cim", "watch", "SELECT * FROM X GROUP BY a"], "cannot be polled"),
    ] {
        let host = Host::new(|_| panic!("it is asked"));
        let run = host.refpoint(&words[..2], &words[2..]).run();
        assert_eq!(run.code, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(complaint), "{words:?}: {}", run.stderr);
        assert!(host.heard().is_empty());
    }
}

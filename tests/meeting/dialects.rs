//! However a host spells its answers, they say the same.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use refpoint::cim::{Class, Instance, ObjectPath};
use refpoint::client::{Content, Direction, Enumerate, Fragment, Identity, Invoked, Item, Mode, Through};
use refpoint::lab::{Dialect, Encoding, Like, Prefixes};

use crate::support::{
    MACHINE, Meeting, NAMESPACE, POINT, SERVICE, Way, export, machine, on_paused_clock, point,
};

/// What a session reads of a host.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    identity: Identity,
    machine: Instance,
    part: Content,
    enumerated: Vec<Instance>,
    /// In pages of two.
    paged: Vec<Instance>,
    queried: Vec<Instance>,
    projected: Vec<Instance>,
    both: Vec<Item>,
    associators: Vec<Instance>,
    references: Vec<Instance>,
    classes: Vec<Class>,
    /// A point that does not exist, as fault: its subcode, numbers and words.
    missing: String,
    started: Invoked,
    /// The job at once, half-way, and at its end.
    job: [Instance; 3],
    /// The same call while the first is under way.
    refused: Invoked,
}

async fn read(meeting: &Meeting) -> Values {
    let mut target = meeting.target();
    target.max_elements = 100;
    let mut session = meeting.try_session(target).await.unwrap();
    let identity = session.identify().await.unwrap();
    let machine_read = session.get(&machine()).await.unwrap();
    let part = session.get_part(&machine(), Fragment::property("ElementName")).await.unwrap();
    let enumerated = session.enumerate("Msvm_ComputerSystem").instances().await.unwrap();
    let pages = Enumerate {
        opening: refpoint::wsman::Opening::FirstPage { max_elements: Some(2) },
        ..Enumerate::new(ObjectPath::new(NAMESPACE, POINT))
    };
    let paged = session.list(pages).instances().await.unwrap();
    let queried = session
        .query("SELECT * FROM Msvm_StorageAllocationSettingData WHERE HostResource IS NOT NULL")
        .instances()
        .await
        .unwrap();
    let projected = session
        .query(format!("SELECT Name, EnabledState FROM Msvm_ComputerSystem WHERE Name = '{MACHINE}'"))
        .instances()
        .await
        .unwrap();
    let both =
        Enumerate { mode: Mode::ObjectAndReference, ..Enumerate::new(ObjectPath::new(NAMESPACE, POINT)) };
    let both = session.list(both).next_page().await.unwrap().unwrap();
    let associators = session.associators(&point(), &Through::default()).instances().await.unwrap();
    let references = session.references(&machine(), &Through::default()).instances().await.unwrap();
    let mut classes = Vec::new();
    for class in [POINT, SERVICE, "Msvm_ConcreteJob"] {
        classes.push(session.class(None, class).await.unwrap());
    }
    let missing = ObjectPath::new(NAMESPACE, POINT)
        .with_key("InstanceID", "Microsoft:none")
        .with_key("VirtualSystemIdentifier", MACHINE);
    let missing = session.get(&missing).await.unwrap_err();
    assert!(missing.is_not_found(), "{missing:?}");
    let missing = format!("{:?}", missing.fault().unwrap());
    let started = session.invoke(&export(r"D:\exports\a")).await.unwrap();
    assert_eq!(started.code(), Some(4096));
    let refused = session.invoke(&export(r"D:\exports\b")).await.unwrap();
    let reference = started.path("Job").unwrap().clone();
    let at_once = session.get(&reference).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let half_way = session.get(&reference).await.unwrap();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let ended = session.get(&reference).await.unwrap();
    session.close().await.unwrap();
    Values {
        identity,
        machine: machine_read,
        part,
        enumerated,
        paged,
        queried,
        projected,
        both,
        associators,
        references,
        classes,
        missing,
        started,
        job: [at_once, half_way, ended],
        refused,
    }
}

/// Returns the answers as they came, in their order.
fn answers(meeting: &Meeting) -> Vec<Vec<u8>> {
    let heard = meeting.heard.lock().unwrap();
    heard
        .iter()
        .filter(|(direction, _)| *direction == Direction::Received)
        .map(|(_, body)| body.clone())
        .collect()
}

/// What is read, and in which bytes.
fn meet(way: Way, dialect: &Dialect) -> (Values, Vec<Vec<u8>>, String) {
    on_paused_clock(async {
        let meeting = Meeting::with(way, "", |scenario| scenario.dialect = dialect.clone());
        let values = read(&meeting).await;
        let wire = String::from_utf8_lossy(&meeting.wire.lock().unwrap()).to_lowercase();
        (values, answers(&meeting), wire)
    })
}

#[test]
fn what_is_read_has_something_in_it() {
    let (values, answers, _) = meet(Way::Ntlm, &Dialect::default());
    assert_eq!((values.enumerated.len(), values.paged.len(), values.both.len()), (3, 5, 5));
    assert_eq!((values.projected.len(), values.projected[0].number("EnabledState")), (1, Some(2)));
    assert!(values.queried.len() >= 3 && !values.associators.is_empty() && values.references.len() > 3);
    let states: Vec<_> = values.job.iter().map(|job| job.number("JobState")).collect();
    assert_eq!((states[0] < states[2], states[2]), (true, Some(7)), "{states:?}");
    assert!(values.job[2].texts("ExportedLogFilePaths").count() > 0);
    assert_ne!(values.refused.code(), Some(4096));
    assert!(values.classes.iter().all(|class| !class.properties.is_empty()));
    assert!(answers.len() > 15);
    let again = meet(Way::Ntlm, &Dialect::default());
    assert_eq!((again.0, again.1), (values, answers), "each run is the same");
}

fn one(change: impl FnOnce(&mut Dialect)) -> Dialect {
    let mut dialect = Dialect::default();
    change(&mut dialect);
    dialect
}

/// Each habit alone, with what is seen of it in the bytes and not without it.
fn habits() -> Vec<(Dialect, &'static str)> {
    vec![
        (one(|it| it.prefixes = Some(Prefixes::Omi)), "<SOAP-ENV:Envelope"),
        (one(|it| it.prefixes = Some(Prefixes::Numbered)), "<ns1:Envelope"),
        (one(|it| it.reversed_attributes = true), "<PROPERTY TYPE=\"string\" NAME=\"InstanceID\""),
        (one(|it| it.white_space = true), "\n  <s:Body>"),
        (one(|it| it.declaration = true), "<?xml "),
        (one(|it| it.extra_headers = true), "urn:example:unheard-of"),
        (one(|it| it.numeric_nil = true), "xsi:nil=\"1\""),
        (one(|it| it.capital_booleans = true), ">TRUE<"),
        (one(|it| it.bare_datetimes = true), "Time>2026-11-20T10:00:00"),
        (one(|it| it.wrapped_references = true), "<p:Job><a:EndpointReference"),
        (one(|it| it.untyped = true), ""),
        (one(|it| it.like = Like::Omi), "ExportReferencePoint xmlns"),
        (one(|it| it.byte_order_mark = true), "\u{FEFF}"),
        (one(|it| it.encoding = Some(Encoding::Utf16Le)), "<\0s\0:\0E\0"),
        (one(|it| it.encoding = Some(Encoding::Utf16Be)), "\0<\0s\0:\0E"),
    ]
}

#[test]
fn each_habit_is_seen_in_the_bytes_and_not_in_the_values() {
    let (values, plain, wire) = meet(Way::Ntlm, &Dialect::default());
    assert!(!wire.contains("transfer-encoding"));
    let has = |answers: &[Vec<u8>], sign: &str| {
        answers.iter().any(|answer| answer.windows(sign.len()).any(|window| window == sign.as_bytes()))
    };
    for (dialect, sign) in habits() {
        let (read, spelled, _) = meet(Way::Ntlm, &dialect);
        assert_eq!(read, values, "{dialect:?}");
        // The same answers, each in that spelling, and nothing else.
        let expected: Vec<_> =
            plain.iter().map(|answer| dialect.respell(std::str::from_utf8(answer).unwrap())).collect();
        assert!(spelled == expected, "{dialect:?}");
        assert_ne!(spelled, plain, "{dialect:?}");
        if !sign.is_empty() {
            assert!(has(&spelled, sign) && !has(&plain, sign), "{dialect:?}: {sign:?}");
        }
    }
    let (_, untyped, _) = meet(Way::Ntlm, &one(|it| it.untyped = true));
    let typed =
        |answers: &[Vec<u8>]| answers.iter().filter(|answer| has(&[answer.to_vec()], "_Type\"")).count();
    assert!(typed(&untyped) < typed(&plain));
    let (read, _, wire) = meet(Way::Ntlm, &one(|it| it.chunked = true));
    assert!(wire.contains("transfer-encoding: chunked"));
    assert_eq!(read, values);
}

#[test]
fn each_way_in_reads_the_same() {
    let (values, ..) = meet(Way::Ntlm, &Dialect::default());
    let mut seen = BTreeMap::new();
    for way in Way::ALL {
        let meeting = on_paused_clock(async {
            let meeting = Meeting::by(way, "");
            let read = read(&meeting).await;
            assert_eq!(read, values, "{way:?}");
            meeting
        });
        for line in meeting.lines() {
            let scheme = line["scheme"].as_str().unwrap().to_owned();
            seen.insert((scheme, line["sealed"].as_bool().unwrap()), way);
        }
    }
    let ways: Vec<_> = seen.keys().map(|(scheme, sealed)| (scheme.as_str(), *sealed)).collect();
    assert_eq!(
        ways,
        [("Basic", false), ("NTLM", true), ("Negotiate/NTLM", false), ("Negotiate/NTLM", true)],
        "over TLS nothing is sealed twice"
    );
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    let prefixes = option::of(select(&[Prefixes::Windows, Prefixes::Omi, Prefixes::Numbered][..]));
    let encoding = option::of(select(&[Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be][..]));
    let like = select(&[Like::Windows, Like::Omi][..]);
    (like, prefixes, encoding, any::<[bool; 11]>()).prop_map(|(like, prefixes, encoding, flags)| {
        let [
            reversed_attributes,
            white_space,
            declaration,
            extra_headers,
            numeric_nil,
            capital_booleans,
            bare_datetimes,
            wrapped_references,
            untyped,
            byte_order_mark,
            chunked,
        ] = flags;
        Dialect {
            like,
            prefixes,
            reversed_attributes,
            white_space,
            declaration,
            extra_headers,
            numeric_nil,
            capital_booleans,
            bare_datetimes,
            wrapped_references,
            untyped,
            encoding,
            byte_order_mark,
            chunked,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_dialect_and_by_any_way_the_same_is_read(
        dialect in any_dialect(),
        way in select(&Way::ALL[..]),
    ) {
        let (values, plain, _) = meet(way, &Dialect::default());
        let (read, spelled, wire) = meet(way, &dialect);
        prop_assert_eq!(&read, &values);
        let expected: Vec<_> =
            plain.iter().map(|answer| dialect.respell(std::str::from_utf8(answer).unwrap())).collect();
        prop_assert!(spelled == expected, "the dialect was not applied");
        prop_assert!(way.is_tls() || wire.contains("transfer-encoding: chunked") == dialect.chunked);
    }
}

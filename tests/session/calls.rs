//! What calls say, and what comes back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use refpoint::cim::{Catalog, Class, Instance, ObjectPath};
use refpoint::client::{Content, Direction, Enumerate, Fragment, Item, Mode, Tap, Through, TransportError};
use refpoint::wsman::{EndpointReference, Filter, Identity, Opening, Page, Request};

use crate::support::{
    Answer, Host, Machines, answer, call, http_answer, machine, not_found, path, quota, refuse, succeed,
    target, timed_out, transport, without_retries,
};

#[tokio::test(start_paused = true)]
async fn each_operation_asks_for_what_it_is_named_for() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Identify(identify) => {
            let identity = Identity { vendor: Some("Microsoft Corporation".into()), ..Identity::default() };
            Answer::Message(crate::support::message(None, identify, Ok(&identity)))
        }
        Request::Put(put) => answer(incoming, put, Ok(&Some(Content::Instance(machine(2))))),
        Request::Create(create) => answer(incoming, create, Ok(&EndpointReference::to(path()))),
        Request::GetClass(get) => answer(incoming, get, Ok(&Class::new("Msvm_ComputerSystem"))),
        Request::Get(get) if get.fragment.is_some() => answer(incoming, get, Ok(&Content::Text("x".into()))),
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    assert_eq!(session.identify().await.unwrap().vendor.as_deref(), Some("Microsoft Corporation"));
    assert_eq!(session.get(&path()).await.unwrap(), machine(1));
    let part = session.get_part(&path(), Fragment::text("Name")).await.unwrap();
    assert_eq!(part, Content::Text("x".into()));
    assert_eq!(session.put(&path(), machine(2)).await.unwrap(), Some(machine(2)));
    let made = session.create(Some("root/cimv2"), machine(3)).await.unwrap();
    assert!(made.path.unwrap().is_same_object(&path()));
    session.delete(&path()).await.unwrap();
    assert_eq!(session.class(None, "Msvm_ComputerSystem").await.unwrap().name, "Msvm_ComputerSystem");
    assert_eq!(session.invoke(&call()).await.unwrap().code(), Some(0));

    let resources: Vec<_> = host.seen().into_iter().map(|incoming| resource(&incoming.request)).collect();
    let wmi = "http://schemas.microsoft.com/wbem/wsman/1/wmi";
    let machines = format!("{wmi}/root/virtualization/v2/Msvm_ComputerSystem");
    assert_eq!(
        resources,
        [
            String::new(),
            machines.clone(),
            machines.clone(),
            machines.clone(),
            format!("{wmi}/root/cimv2/Msvm_ComputerSystem"),
            machines,
            "root/virtualization/v2:Msvm_ComputerSystem".into(),
            format!("{wmi}/root/virtualization/v2/Msvm_VirtualSystemReferencePointService"),
        ]
    );
    let counters = session.counters();
    assert_eq!((counters.requests, counters.logins, counters.retries), (8, 1, 0));
    assert!(counters.bytes_sent > 8 * 300 && counters.bytes_received > 8 * 100, "{counters:?}");
}

fn resource(request: &Request) -> String {
    match request {
        Request::Identify(_) => String::new(),
        Request::Get(get) => get.resource.resource_uri().into_owned(),
        Request::Put(put) => put.resource.resource_uri().into_owned(),
        Request::Create(create) => create.resource.resource_uri().into_owned(),
        Request::Delete(delete) => delete.resource.resource_uri().into_owned(),
        Request::GetClass(get) => format!("{}:{}", get.namespace, get.class),
        Request::Invoke(call) => call.resource.resource_uri().into_owned(),
        other => panic!("unexpected {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_says_who_it_is_how_long_it_has_and_how_large_its_answer_may_be() {
    let host = Host::new(succeed);
    let mut session = host.session().await;
    for _ in 0..3 {
        session.get(&path()).await.unwrap();
    }
    let headers: Vec<_> = host.seen().into_iter().map(|incoming| incoming.header).collect();
    for header in &headers {
        assert_eq!(header.to, "http://hv01.lab.test:5985/wsman");
        assert_eq!(header.operation_timeout.unwrap().as_duration(), Duration::from_secs(60));
        assert_eq!(header.max_envelope_size, Some(512_000));
        assert_eq!(header.locale.as_deref(), Some("en-US"));
        let id = header.message_id.strip_prefix("uuid:").unwrap();
        assert!(
            id.len() == 36 && id.chars().all(|c| c == '-' || c.is_ascii_digit() || c.is_ascii_uppercase())
        );
    }
    assert!(headers[0].message_id != headers[1].message_id && headers[1].message_id != headers[2].message_id);
}

#[tokio::test(start_paused = true)]
async fn what_names_no_namespace_is_in_the_targets_and_what_names_one_is_in_its_own() {
    let host = Host::new(succeed);
    let mut target = target();
    target.namespace = "root/other".into();
    let mut session = host.session_with(target).await.unwrap();
    let mut nowhere = path();
    nowhere.namespace = None;
    session.get(&nowhere).await.unwrap();
    session.get(&path()).await.unwrap();
    let dmtf = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ComputerSystem";
    session.get(&ObjectPath::from_resource(dmtf, vec![("Name".into(), "x".into())])).await.unwrap();
    let asked = host.seen().into_iter().map(|incoming| match incoming.request {
        Request::Get(get) => (get.resource.namespace.unwrap().to_string(), get.resource.class.to_string()),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [
            ("root/other".to_owned(), "Msvm_ComputerSystem".to_owned()),
            ("root/virtualization/v2".to_owned(), "Msvm_ComputerSystem".to_owned()),
            ("root/other".to_owned(), "CIM_ComputerSystem".to_owned()),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn neighbours_are_a_query_in_the_namespace_of_the_object() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Enumerate(enumerate) => answer(incoming, enumerate, Ok(&Page::default())),
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    let mut elsewhere = path();
    elsewhere.namespace = Some("root/elsewhere".into());
    let through = Through::to_class("CIM_ConcreteJob");
    assert_eq!(session.associators(&elsewhere, &through).instances().await.unwrap(), []);
    assert_eq!(session.references(&path(), &Through::default()).instances().await.unwrap(), []);
    let asked = host.seen().into_iter().map(|incoming| match incoming.request {
        Request::Enumerate(Enumerate { resource, filter: Some(Filter::Wql(query)), .. }) => (resource, query),
        other => panic!("{other:?}"),
    });
    let asked: Vec<_> = asked.map(|(path, query)| (path.resource_uri().into_owned(), query)).collect();
    let wmi = "http://schemas.microsoft.com/wbem/wsman/1/wmi";
    let object = r#"{Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="vm1"}"#;
    assert_eq!(
        asked,
        [
            (
                format!("{wmi}/root/elsewhere/*"),
                format!("ASSOCIATORS OF {object} WHERE ResultClass=CIM_ConcreteJob")
            ),
            (format!("{wmi}/root/virtualization/v2/*"), format!("REFERENCES OF {object}")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn references_are_listed_as_paths() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Enumerate(enumerate) => {
            assert_eq!(enumerate.mode, Mode::Reference);
            let items = vec![Item::Reference(EndpointReference::to(path()))];
            answer(incoming, enumerate, Ok(&Page { items, ..Page::default() }))
        }
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    let mut request = Enumerate::new(ObjectPath::new("root/virtualization/v2", "Msvm_ComputerSystem"));
    request.mode = Mode::Reference;
    let paths = session.list(request).references().await.unwrap();
    assert!(paths.len() == 1 && paths[0].is_same_object(&path()), "{paths:?}");
}

#[tokio::test(start_paused = true)]
async fn a_get_is_asked_again_after_whatever_lost_its_answer() {
    let losses: Vec<fn() -> Answer> =
        vec![|| Answer::Close, || Answer::Silence, || http_answer(503, "Retry-After: 7\r\n"), || {
            http_answer(429, "")
        }];
    for loss in losses {
        let mut times = 0;
        let host = Host::new(move |incoming| {
            times += 1;
            if times == 1 { loss() } else { succeed(incoming) }
        });
        let mut session = host.session().await;
        assert_eq!(session.get(&path()).await.unwrap(), machine(1));
        assert_eq!((host.seen().len(), host.connections(), session.counters().retries), (2, 2, 1));
        let [first, second] = &host.seen()[..] else { panic!("two requests") };
        assert!(
            first.header.message_id != second.header.message_id,
            "each request has an identifier of its own"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_when_to_come_back_is_left_alone_until_then() {
    let mut times = 0;
    let host = Host::new(move |incoming| {
        times += 1;
        if times == 1 { http_answer(503, "Retry-After: 7\r\n") } else { succeed(incoming) }
    });
    let mut session = host.session().await;
    let began = tokio::time::Instant::now();
    session.get(&path()).await.unwrap();
    assert!((7..8).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_get_whose_time_ran_out_is_asked_once_more_with_more_time() {
    let mut times = 0;
    let host = Host::new(move |incoming| {
        times += 1;
        if times == 1 { refuse(incoming, &timed_out()) } else { succeed(incoming) }
    });
    host.session().await.get(&path()).await.unwrap();
    let times: Vec<_> =
        host.seen().iter().map(|it| it.header.operation_timeout.unwrap().as_duration().as_secs()).collect();
    assert_eq!(times, [60, 120]);

    let host = Host::new(|incoming| refuse(incoming, &timed_out()));
    let error = host.session().await.get(&path()).await.unwrap_err();
    assert!(error.is_timeout() && !error.is_outcome_unknown(), "{error:?}");
    assert_eq!(host.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_host_is_asked_again_as_often_as_the_policy_says_and_no_more() {
    let host = Host::new(|incoming| refuse(incoming, &quota()));
    let mut session = host.session().await;
    let error = session.get(&path()).await.unwrap_err();
    assert!(error.is_quota() && error.is_busy() && error.is_retryable(), "{error:?}");
    assert_eq!((host.seen().len(), session.counters().quota_faults), (6, 6));

    let host = Host::new(|incoming| refuse(incoming, &quota()));
    let mut session = host.session_with(without_retries()).await.unwrap();
    let error = session.invoke(&call()).await.unwrap_err();
    assert!(error.is_quota() && !error.is_outcome_unknown(), "turned away is not unknown: {error:?}");
    assert_eq!(host.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_and_what_is_not_allowed_is_asked_once() {
    let host = Host::new(|incoming| refuse(incoming, &not_found()));
    let mut session = host.session().await;
    let error = session.get(&path()).await.unwrap_err();
    assert!(error.is_not_found() && !error.is_retryable() && error.operation() == "Get Msvm_ComputerSystem");
    let error = session.invoke(&call()).await.unwrap_err();
    assert!(error.is_not_found() && !error.is_outcome_unknown(), "{error:?}");
    assert_eq!(error.operation(), "Msvm_VirtualSystemReferencePointService.ExportReferencePoint");
    assert_eq!(host.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_the_host_forgot_is_made_once_more_and_then_not_again() {
    let forgotten = || http_answer(401, "WWW-Authenticate: Basic realm=\"WSMAN\"\r\n");
    let mut times = 0;
    let host = Host::new(move |incoming| {
        times += 1;
        if times == 1 { forgotten() } else { succeed(incoming) }
    });
    let mut session = host.session().await;
    // Not even read: a method may be sent again.
    session.invoke(&call()).await.unwrap();
    assert_eq!((host.connections(), session.counters().logins), (2, 2));

    let host = Host::new(move |_| forgotten());
    let error = host.session().await.invoke(&call()).await.unwrap_err();
    assert!(
        matches!(transport(&error), TransportError::LoginExpired { .. }) && error.is_login(),
        "{error:?}"
    );
    assert_eq!(host.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_there_is_not_waited_for_when_a_session_is_opened() {
    let dial = refpoint::client::Dial::new(|endpoint, _| async move {
        let host = endpoint.authority();
        Err(TransportError::Unreachable { host, tried: Vec::new() })
    });
    let began = tokio::time::Instant::now();
    let error = refpoint::client::Session::with(target(), dial).await.unwrap_err();
    assert!(error.is_unreachable() && error.is_retryable(), "{error:?}");
    assert!(began.elapsed().is_zero());
    assert_eq!(error.operation(), "Connect to hv01.lab.test:5985");
}

#[tokio::test(start_paused = true)]
async fn a_session_says_how_it_is_logged_in() {
    let host = Host::new(succeed);
    let session = host.session().await;
    let logged_in = session.logged_in().unwrap();
    assert!(!logged_in.is_sealed);
    assert_eq!(logged_in.warnings, [refpoint::client::Warning::Cleartext]);
    assert!(!format!("{session:?} {:?}", session.target()).contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_can_be_looked_at_between_two_pages_of_machines() {
    let machines = Machines::new(4, 2);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| machines.serve(incoming)
    });
    let mut session = host.session().await;
    let names = session.query("SELECT * FROM Msvm_ComputerSystem").instances().await.unwrap();
    for name in names {
        session.get(&path().with_key("Number", name.text("Name").unwrap())).await.unwrap();
    }
    assert_eq!(host.seen().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn every_message_can_be_heard_and_no_password() {
    type Heard = (u64, Direction, String, String);
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let written = heard.clone();
    let mut target = target();
    target.tap = Some(Tap::new(move |tapped| {
        let body = String::from_utf8(tapped.body.to_vec()).unwrap();
        written.lock().unwrap().push((tapped.number, tapped.direction, tapped.operation.to_owned(), body));
    }));
    let host = Host::new(succeed);
    let mut session = host.session_with(target).await.unwrap();
    session.get(&path()).await.unwrap();
    session.invoke(&call()).await.unwrap();
    let heard = heard.lock().unwrap();
    let directions: Vec<_> = heard.iter().map(|(number, direction, ..)| (*number, *direction)).collect();
    use Direction::{Received, Sent};
    assert_eq!(directions, [(1, Sent), (1, Received), (2, Sent), (2, Received)]);
    assert!(heard[0].2 == "Get Msvm_ComputerSystem" && heard[1].3.contains("vm1"));
    assert!(heard.iter().all(|(.., body)| !body.contains("secret") && !body.contains("Authorization")));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_puts_no_items_beside_a_new_context_is_pulled_at_once() {
    let machines = Machines::new(4, 2);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match &incoming.request {
            Request::Enumerate(enumerate) => {
                let mut bare = incoming.clone();
                let opening = Opening::FirstPage { max_elements: Some(0) };
                bare.request = Request::Enumerate(Enumerate { opening, ..enumerate.clone() });
                machines.serve(&bare)
            }
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    let began = tokio::time::Instant::now();
    assert_eq!(session.enumerate("Msvm_ComputerSystem").instances().await.unwrap().len(), 4);
    assert!(began.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn classes_of_ones_own_type_what_arrives() {
    let own = "class My_Machine { [Key] string Name; uint16 State; };";
    let catalog = Catalog::from_mof(Catalog::bundled_mof().chain([own])).unwrap();
    let host = Host::new(|incoming| match &incoming.request {
        Request::Get(get) => {
            let machine = Instance::new("My_Machine").with("Name", "1").with("State", "2");
            answer(incoming, get, Ok(&Content::Instance(machine)))
        }
        _ => succeed(incoming),
    });
    let mut target = target();
    target.catalog = Some(Arc::new(catalog));
    let mut session = host.session_with(target).await.unwrap();
    let path = ObjectPath::new("root/mine", "My_Machine").with_key("Name", "1");
    let machine = session.get(&path).await.unwrap();
    assert_eq!((machine.text("Name"), machine.number("State")), (Some("1"), Some(2)));
    assert_eq!(machine.value("State"), Some(&2_u16.into()));
}

//! Faults that reach into the host's world: what was carried out, and what was not.

use refpoint::auth::sealed;
use refpoint::cim::ObjectPath;
use refpoint::wsman::{Content, Fault, Get};
use tokio::io::DuplexStream;

use crate::support::{Client, Lab, NAMESPACE, PASSWORD, SOAP, USER, envelope, ntlm, request};

const EXPORT_JOB: &str = "Msvm_VirtualSystemReferencePointExportJob";

/// Asks for an export and gives up at once, unless it is answered.
async fn try_export(lab: &Lab) {
    let mut client = lab.log_in().await;
    let export = client.export(r"D:\exports\a").await;
    let text = envelope(&export);
    let a_second = std::time::Duration::from_secs(1);
    let _ = tokio::time::timeout(a_second, client.ask_raw(&text)).await;
}

async fn jobs(lab: &Lab) -> usize {
    lab.log_in().await.objects(EXPORT_JOB).await.len()
}

fn invokes(lab: &Lab) -> Vec<serde_json::Value> {
    lab.log.all().into_iter().filter(|line| line["operation"] == "Invoke").collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_carried_out_is_carried_out_once_although_its_answer_is_lost() {
    for what in [
        "lost-response'",
        "cut'\nafter_bytes = 200",
        "stall'",
        "wrong-seal'",
        "oversized-reply'\nbytes = 9000",
    ] {
        let lab = Lab::new(&format!("[[fault]]\nwhat = '{what}\nwhen = {{ operation = 'Invoke' }}"));
        try_export(&lab).await;
        assert_eq!(jobs(&lab).await, 1, "{what}");
        let lines = invokes(&lab);
        assert_eq!(lines.len(), 1, "{what}");
        assert_eq!(lines[0]["return_value"], 4096, "{what}");
        assert!(what.starts_with(lines[0]["fault"].as_str().unwrap()), "{what}: {}", lines[0]["fault"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_on_purpose_is_not_carried_out() {
    for what in [
        "stall'\nside = 'request'",
        "status'\nstatus = 503",
        "status'\nstatus = 401",
        "page'",
        "redirect'\nlocation = 'https://elsewhere/'",
        "quota'",
        "busy'",
        "timed-out'",
        "access-denied'",
        "internal-error'",
    ] {
        let lab = Lab::new(&format!("[[fault]]\nwhat = '{what}\nwhen = {{ operation = 'Invoke' }}"));
        try_export(&lab).await;
        assert_eq!(jobs(&lab).await, 0, "{what}");
        let lines = invokes(&lab);
        assert_eq!((lines.len(), &lines[0]["return_value"]), (1, &().into()), "{what}");
        assert_eq!(lines[0]["method"], "ExportReferencePoint", "{what}");
        assert!(lines[0]["fault"].is_string(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_cut_is_not_carried_out_and_was_not_asked() {
    let lab = Lab::new(
        "[[fault]]\nwhat = 'cut'\nside = 'request'\nafter_bytes = 900\nwhen = { connection = 2, request = 3 }",
    );
    let text = envelope(&lab.log_in().await.export(r"D:\exports\a").await);
    let mut client = lab.log_in().await;
    assert!(client.ask_raw(&text).await.is_err());
    assert_eq!((jobs(&lab).await, invokes(&lab).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_windows_own_faults() {
    for (what, is_it) in [
        ("quota", Fault::is_quota as fn(&Fault) -> bool),
        ("timed-out", Fault::is_timeout),
        ("access-denied", Fault::is_access_denied),
        ("busy", Fault::proves_not_started),
    ] {
        let lab =
            Lab::new(&format!("[[fault]]\nwhat = '{what}'\nwhen = {{ operation = 'Invoke' }}\ntimes = 1"));
        let mut client = lab.log_in().await;
        let export = client.export(r"D:\exports\a").await;
        let fault = client.operate(&export).await.unwrap_err();
        assert!(is_it(&fault), "{what}: {fault:?}");
        assert_eq!(client.operate(&export).await.unwrap().code(), Some(4096), "{what}");
    }
}

async fn started(lab: &Lab) -> (Client<DuplexStream>, Get) {
    let mut client = lab.log_in().await;
    let export = client.export(r"D:\exports\a").await;
    let reply = client.operate(&export).await.unwrap();
    assert_eq!(reply.code(), Some(4096));
    let job = reply.path("Job").unwrap().clone();
    (client, Get::new(job))
}

#[tokio::test(start_paused = true)]
async fn vanished_jobs_are_not_found_any_more() {
    let lab = Lab::new("[[fault]]\nwhat = 'vanish-jobs'\nwhen = { operation = 'Get' }\nskip = 1\ntimes = 1");
    let (mut client, get) = started(&lab).await;
    assert!(client.operate(&get).await.is_ok());
    assert!(client.operate(&get).await.unwrap_err().is_not_found());
}

#[tokio::test(start_paused = true)]
async fn a_busy_machine_starts_nothing() {
    let lab = Lab::new("[[fault]]\nwhat = 'busy'\nmachine = 'web01'\ntimes = 1");
    let mut client = lab.log_in().await;
    let export = client.export(r"D:\exports\a").await;
    assert_eq!(client.operate(&export).await.unwrap().code(), Some(32775));
    assert_eq!(jobs(&lab).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_does_not_make_the_export_later() {
    let lab = Lab::new("[[fault]]\nwhat = 'slow'\nseconds = 60\nwhen = { operation = 'Invoke' }");
    let (mut client, get) = started(&lab).await;
    // The job has run to its end while the answer was on its way.
    let Content::Instance(job) = client.operate(&get).await.unwrap() else { panic!("a job") };
    assert_eq!(job.value("JobState").unwrap().as_u64(), Some(7));
}

#[tokio::test(start_paused = true)]
async fn one_request_after_another_leaves_no_enumeration_open() {
    let lab = Lab::new("");
    let mut client = lab.log_in().await;
    assert!(!client.objects("Msvm_ComputerSystem").await.is_empty());
    assert_eq!(lab.hosts.with_host(0, |host, _| host.open_contexts()), 0);
    assert_eq!(client.objects("Msvm_VirtualSystemReferencePoint").await.len(), 5);
    // A body of nobody's who is in is answered with a fault, not with silence.
    let sealed = sealed::seal(&mut **client.seal.as_mut().unwrap(), SOAP, b"<nothing".to_vec()).unwrap();
    client.send(&request("POST", "/wsman", &[("Content-Type", &sealed.content_type)], &sealed.body)).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, sealed::is_sealed(answer.header("content-type").unwrap())), (500, true));
}

#[tokio::test(start_paused = true)]
async fn each_host_is_a_computer_system_of_its_own_name() {
    let lab = Lab::new("");
    for (index, name) in ["HV01", "HV02"].into_iter().enumerate() {
        let mut client = lab.connect_to(index);
        client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
        let path = ObjectPath::new(NAMESPACE, "Msvm_ComputerSystem")
            .with_key("CreationClassName", "Msvm_ComputerSystem")
            .with_key("Name", name);
        let Content::Instance(host) = client.operate(&Get::new(path)).await.unwrap() else {
            panic!("a host")
        };
        assert_eq!(host.value("ElementName").unwrap().as_str(), Some(name));
    }
}

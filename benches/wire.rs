//! How fast the wire is read and written, beside the floor that the tokenizer alone sets.
//!
//! `cargo bench --bench wire`. The allocations of decoding are counted and printed first.

use std::hint::black_box;
use std::sync::atomic::Ordering;

#[expect(dead_code, reason = "the bench of streams asks for bytes")]
#[path = "support/counting.rs"]
mod counting;

use counting::{ALLOCATIONS, Counting};
use criterion::{Criterion, Throughput, criterion_group};
use refpoint::cim::{Catalog, Instance, ObjectPath, Value, embedded};
use refpoint::wsman::{
    Enumerate, Invoke, Item, Page, ReplyHeader, RequestHeader, Style, decode_reply, encode_reply,
    encode_request,
};
use refpoint::xml::{Limits, Node, Reader};

const INSTANCES: usize = 10_000;
const NAMESPACE: &str = "root/virtualization/v2";

#[global_allocator]
static ALLOCATOR: Counting<false> = Counting;

/// An export job as a host shows it while it runs: 33 properties of every kind.
fn job(number: usize) -> Instance {
    let id = format!("5A9A9CFF-0000-4000-8000-{number:012X}");
    let mut job = Instance::new("Msvm_VirtualSystemReferencePointExportJob");
    job.namespace = Some(NAMESPACE.into());
    let began = "2026-11-20T10:00:00Z".parse::<refpoint::cim::DateTime>().expect("a date");
    let elapsed = "P0DT0H3M12.40011S".parse::<refpoint::cim::DateTime>().expect("an interval");
    for (name, text) in [
        ("Caption", "エクスポート ジョブ"),
        ("Description", "Exporting a reference point"),
        ("ElementName", "Exporting a reference point"),
        ("ErrorDescription", ""),
        ("ErrorSummaryDescription", ""),
        ("ExportDirectory", r"D:\exports\web01\20261120T100000Z"),
        ("InstanceID", &id),
        ("JobStatus", "Job is running"),
        ("Name", "Msvm_VirtualSystemReferencePointExportJob & more"),
        ("Owner", r"CORP\svc-export"),
        ("ReferencePointId", "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"),
        ("Status", "OK"),
        ("VirtualMachineId", "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"),
    ] {
        job.set(name, text);
    }
    for (name, number) in [("JobState", 4_u16), ("PercentComplete", 37), ("ErrorCode", 0), ("HealthState", 5)]
    {
        job.set(name, number);
    }
    job.set("JobRunTimes", 1_u32);
    job.set("Priority", 0_u32);
    job.set("OperationalStatus", vec![2_u16]);
    job.set("Cancellable", true);
    job.set("DeleteOnCompletion", false);
    for name in ["StartTime", "TimeSubmitted", "TimeOfLastStateChange"] {
        job.set(name, began);
    }
    job.set("ElapsedTime", elapsed);
    for name in [
        "BaseReferencePointId",
        "ExportedConfigFilePath",
        "ExportedRuntimeFilePath",
        "ExportedGuestStateFilePath",
        "CommunicationStatus",
        "UntilTime",
        "RunDay",
    ] {
        job.set(name, Value::Null);
    }
    assert_eq!(job.properties().len(), 33);
    job
}

fn page() -> (refpoint::wsman::Pull, String) {
    let jobs = (0..INSTANCES).map(|number| Item::Object(job(number))).collect();
    let page = Page { items: jobs, context: Some("uuid:1".into()), expires: None };
    let resource = ObjectPath::new(NAMESPACE, "CIM_ConcreteJob");
    let pull = Enumerate::new(resource).pull("uuid:0");
    let text = encode_reply(&ReplyHeader::default(), &pull, Ok(&page), Style::WINDOWS).expect("a page");
    (pull, text)
}

/// An export call with its settings.
fn export_call() -> (RequestHeader, Invoke) {
    let path = |class: &str| ObjectPath::new(NAMESPACE, class);
    let service = path("Msvm_VirtualSystemReferencePointService")
        .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService")
        .with_key("Name", "vmms")
        .with_key("SystemCreationClassName", "Msvm_ComputerSystem")
        .with_key("SystemName", "HV01");
    let point = |id: &str| {
        path("Msvm_VirtualSystemReferencePoint")
            .with_key("InstanceID", format!(r"Microsoft:3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91\{id}"))
            .with_key("VirtualSystemIdentifier", "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91")
    };
    let base = point("A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3").on_host("HV01");
    let settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData")
        .with("BaseReferencePoint", base.to_string())
        .with("DisksToExport", vec![r"Microsoft:3F2C\0\0\L", r"Microsoft:3F2C\0\1\L"]);
    let call = Invoke::new(service, "ExportReferencePoint")
        .with("ReferencePoint", point("B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"))
        .with("ExportDirectory", r"D:\exports\web01")
        .with("ExportSettingData", embedded::write(&settings).expect("settings"));
    let mut header =
        RequestHeader::new("http://hv01:5985/wsman", "uuid:9D4B2C7E-0B0E-4F0B-9E0C-5E3C6A1D2F10");
    header.max_envelope_size = Some(512_000);
    header.locale = Some("en-US".into());
    (header, call)
}

fn walk(text: &str) -> usize {
    let mut reader = Reader::new(text, &Limits::default()).expect("within limits");
    reader.root().expect("a root");
    let (mut open, mut nodes) = (1, 0);
    while open > 0 {
        nodes += 1;
        match reader.node().expect("well-formed") {
            Node::Element(_) => open += 1,
            Node::End => open -= 1,
            Node::Text(_) => {}
        }
    }
    nodes
}

fn decoding(c: &mut Criterion) {
    let catalog = Catalog::bundled();
    let (pull, text) = page();
    let decode =
        || decode_reply(&pull, &text, catalog, &Limits::default()).expect("a page").result.expect("no fault");
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let decoded = decode();
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let properties: usize = decoded.instances().map(|instance| instance.properties().len()).sum();
    assert_eq!(properties, INSTANCES * 33);
    announce(&format!(
        "page: {} bytes, {INSTANCES} instances, {properties} properties, {allocated} allocations, {:.3} a property",
        text.len(),
        allocated as f64 / properties as f64
    ));
    drop(decoded);

    let mut group = c.benchmark_group("pull page of 10,000 instances");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    group.bench_function("floor: quick-xml events", |b| {
        b.iter(|| {
            let mut reader = quick_xml::Reader::from_str(black_box(&text));
            let mut events = 0_usize;
            while !matches!(reader.read_event().expect("well-formed"), quick_xml::events::Event::Eof) {
                events += 1;
            }
            events
        });
    });
    group.bench_function("our reader", |b| b.iter(|| walk(black_box(&text))));
    group.bench_function("into owned instances", |b| b.iter(decode));
    group.finish();
}

fn encoding(c: &mut Criterion) {
    let (header, call) = export_call();
    c.bench_function("encode an ExportReferencePoint call", |b| {
        b.iter(|| encode_request(black_box(&header), black_box(&call)).expect("a call"));
    });
    c.bench_function("build an ExportReferencePoint call with its settings", |b| b.iter(export_call));
}

fn schemas(c: &mut Criterion) {
    let texts: Vec<_> = Catalog::bundled_mof().collect();
    c.bench_function("load all schemas", |b| {
        b.iter(|| Catalog::from_mof(black_box(&texts).iter().copied()).expect("the schemas"));
    });
}

#[expect(clippy::print_stdout, reason = "a figure that criterion does not measure")]
fn announce(line: &str) {
    println!("{line}");
}

criterion_group!(benches, decoding, encoding, schemas);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}

//! Shows what an export says on the wire: the SOAP of an `ExportReferencePoint` call, and what a host's
//! answers to it mean.
//!
//! ```sh
//! cargo run --example export_call
//! ```

use std::error::Error;

use refpoint::cim::{Catalog, Instance, ObjectPath, embedded};
use refpoint::wsman::{
    Invoke, Invoked, ReplyHeader, RequestHeader, Style, codes, decode_reply, encode_reply, encode_request,
};
use refpoint::xml::Limits;

#[expect(clippy::print_stdout, reason = "an example shows")]
fn main() -> Result<(), Box<dyn Error>> {
    let call = export(r"D:\exports\web01\20261120T100000Z")?;
    let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:9D4B2C7E-0B0E-4F0B-9E0C-5E3C6A1D2F10");
    println!("The call:\n\n{}\n", encode_request(&header, &call)?);
    println!("What a host may answer:\n");
    for number in [0_u32, 4096, 32769, 32775] {
        let answer = answer(&call, number)?;
        let reply = decode_reply(&call, &answer, Catalog::bundled(), &Limits::default())?.result?;
        let method = Catalog::bundled().method(&call.resource.class, &call.method).ok_or("not bundled")?;
        let meaning = codes::return_value(method.family, reply.code().ok_or("no return value")?);
        println!("{meaning}: {}", meaning.meaning());
        if let Some(job) = reply.path("Job") {
            println!("    to be followed at {job}");
        }
    }
    Ok(())
}

/// Returns the call that exports one reference point relative to another.
fn export(directory: &str) -> Result<Invoke, Box<dyn Error>> {
    let class = |name: &str| ObjectPath::new("root/virtualization/v2", name);
    let machine = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
    let point = |id: &str| {
        class("Msvm_VirtualSystemReferencePoint")
            .with_key("InstanceID", format!(r"Microsoft:{machine}\{id}"))
            .with_key("VirtualSystemIdentifier", machine)
    };
    let base = point("A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3").on_host("HV01");
    let settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData")
        .with("BaseReferencePoint", base.to_string());
    let service = class("Msvm_VirtualSystemReferencePointService")
        .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService");
    Ok(Invoke::new(service, "ExportReferencePoint")
        .with("ReferencePoint", point("B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"))
        .with("ExportDirectory", directory)
        .with("ExportSettingData", embedded::write(&settings)?))
}

/// Returns what a host would send, written by the side of the library that plays hosts.
fn answer(call: &Invoke, number: u32) -> Result<String, Box<dyn Error>> {
    let mut reply = Invoked { return_value: number.into(), out: Vec::new() };
    if number == codes::JOB_STARTED {
        let job = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePointExportJob")
            .with_key("InstanceID", "C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415");
        reply.out.push(("Job".into(), job.into()));
    }
    Ok(encode_reply(&ReplyHeader::default(), call, Ok(&reply), Style::WINDOWS)?)
}

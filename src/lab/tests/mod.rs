//! What a simulated host must not get away with.
//!
//! It would look done, and be of no use, if: a job never changed, or changed with the clock of the machine it runs
//! on; methods took anything; associations went one way only; `WHERE` were passed over; a second page began at the
//! first item again; an object that is gone were still found, or one of another host; the receipt named files that
//! are not there; a failed export said 7; a language changed a number; one selector were enough where two are keys;
//! two hosts were the same one; everything were copied to be enumerated; only our own encoder were understood.
//! Each of these has its test here, and was there before what it tests.

mod conflicts;
mod events;
mod exports;
mod jobs;
mod objects;
mod plain;
mod points;
mod queries;
mod refusals;
mod scenarios;
mod witnesses;

use std::sync::Arc;
use std::time::Duration;

use crate::cim::{Catalog, Instance, ObjectPath, Value, embedded};
use crate::wsman::{
    Content, Enumerate, Fault, Get, Invoke, Invoked, Operation, Page, RequestHeader, decode_reply,
    encode_request,
};

use super::{Caller, Host, Response, Rights, Scenario};

pub(super) const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
pub(super) const DB01: &str = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44";
pub(super) const FIRST: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";
pub(super) const SECOND: &str = "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304";
pub(super) const DB_FIRST: &str = "C2060E1F-417A-4DB5-AE38-9F70B2D3C415";
pub(super) const DB_LOG: &str = "E4282031-639C-4FD7-8059-B192D4F5E637";
pub(super) const SHOP: &str = "5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293";
pub(super) const SHOP_FIRST: &str = "6E1D9C8B-2F30-4B4C-9D5E-AF6071829304";
pub(super) const SHOP_SECOND: &str = "7F2EAD9C-3041-4C5D-8E6F-B07182930415";

/// A host, a clock and somebody who asks.
pub(super) struct Rehearsal {
    pub(super) host: Host,
    pub(super) now: Duration,
    pub(super) caller: Caller,
    pub(super) header: RequestHeader,
    count: u32,
}

impl Rehearsal {
    pub(super) fn of(scenario: Scenario) -> Self {
        Self::on(Arc::new(scenario), 0)
    }

    pub(super) fn on(scenario: Arc<Scenario>, index: usize) -> Self {
        Self {
            host: Host::new(scenario, index),
            now: Duration::ZERO,
            caller: Caller { user: r"LAB\operator".to_owned(), rights: Rights::ADMINISTRATOR },
            header: RequestHeader::new("http://hv01:5985/wsman", ""),
            count: 0,
        }
    }

    pub(super) fn read(toml: &str) -> Self {
        Self::of(Scenario::read(toml).unwrap_or_else(|error| panic!("{error}")))
    }

    pub(super) fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    pub(super) fn text<O: Operation>(&mut self, operation: &O) -> Response {
        self.count += 1;
        self.header.message_id = format!("uuid:{:08}-0000-4000-8000-000000000000", self.count);
        let request = encode_request(&self.header, operation).expect("a request");
        self.host.handle(self.now, &self.caller, &request)
    }

    /// Asks, and reads the answer with the decoder of the client; a second parser looks at it as well.
    pub(super) fn ask<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Box<Fault>> {
        let response = self.text(operation);
        roxmltree::Document::parse(&response.envelope).expect("well-formed");
        let reply = decode_reply(operation, &response.envelope, Catalog::bundled(), &Default::default());
        let reply = reply.unwrap_or_else(|error| panic!("{error}: {}", response.envelope));
        // Identify has no identifier, and what is too large is not read.
        if operation.head().action.is_some() && response.entry.message_id.is_some() {
            assert_eq!(reply.header.relates_to.as_deref(), Some(&*self.header.message_id));
        }
        assert_eq!(response.status, if reply.result.is_ok() { 200 } else { 500 });
        assert_eq!(response.entry.fault.is_some(), reply.result.is_err());
        reply.result
    }

    pub(super) fn get(&mut self, path: &ObjectPath) -> Result<Instance, Box<Fault>> {
        match self.ask(&Get::new(path.clone()))? {
            Content::Instance(instance) => Ok(instance),
            other => panic!("{other:?}"),
        }
    }

    /// Returns all instances of a class or a query.
    pub(super) fn all(&mut self, operation: &Enumerate) -> Result<Vec<Instance>, Box<Fault>> {
        Ok(self.pages(operation)?.iter().flat_map(Page::instances).cloned().collect())
    }

    pub(super) fn pages(&mut self, operation: &Enumerate) -> Result<Vec<Page>, Box<Fault>> {
        let mut pages = vec![self.ask(operation)?];
        while let Some(context) = pages.last().and_then(|page| page.context.clone()) {
            let page = self.ask(&operation.pull(context))?;
            pages.push(page);
        }
        Ok(pages)
    }

    pub(super) fn class(&mut self, class: &str) -> Vec<Instance> {
        self.all(&Enumerate::new(path(class))).unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub(super) fn query(&mut self, wql: &str) -> Result<Vec<Instance>, Box<Fault>> {
        self.all(&Enumerate::query("root/virtualization/v2", wql))
    }

    pub(super) fn invoke(&mut self, call: &Invoke) -> Result<Invoked, Box<Fault>> {
        self.ask(call)
    }

    /// Calls a method and returns its number.
    pub(super) fn code(&mut self, call: &Invoke) -> u32 {
        self.invoke(call).unwrap_or_else(|fault| panic!("{fault}")).code().expect("a number")
    }

    /// Calls a method that has to start a job, and returns where that is.
    pub(super) fn job(&mut self, call: &Invoke) -> ObjectPath {
        let invoked = self.invoke(call).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(invoked.code(), Some(4096), "{invoked:?}");
        invoked.path("Job").expect("a job").clone()
    }

    /// Calls a method, waits for its job, and returns how that ended.
    pub(super) fn finish(&mut self, call: &Invoke) -> Instance {
        let job = self.job(call);
        self.wait(60.0);
        self.get(&job).unwrap_or_else(|fault| panic!("{fault}"))
    }
}

pub(super) fn path(class: &str) -> ObjectPath {
    ObjectPath::new("root/virtualization/v2", class)
}

pub(super) fn machine(id: &str) -> ObjectPath {
    path("Msvm_ComputerSystem").with_key("CreationClassName", "Msvm_ComputerSystem").with_key("Name", id)
}

pub(super) fn point(machine: &str, id: &str) -> ObjectPath {
    path("Msvm_VirtualSystemReferencePoint")
        .with_key("InstanceID", format!("Microsoft:{machine}\\{id}"))
        .with_key("VirtualSystemIdentifier", machine)
}

pub(super) fn collection(id: &str) -> ObjectPath {
    path("Msvm_ReferencePointCollection")
        .with_key("CollectionID", id)
        .with_key("VirtualSystemCollectionId", SHOP)
}

pub(super) fn service(class: &str) -> ObjectPath {
    path(class).with_key("CreationClassName", class)
}

pub(super) fn export_settings(base: Option<&ObjectPath>, disks: &[&str]) -> Instance {
    let mut settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData");
    if let Some(base) = base {
        settings.set("BaseReferencePoint", base.clone().on_host("HV01").to_string());
    }
    if !disks.is_empty() {
        settings.set("DisksToExport", disks.iter().map(|disk| (*disk).to_owned()).collect::<Vec<String>>());
    }
    settings
}

pub(super) fn export_with(point: ObjectPath, directory: &str, settings: impl Into<Value>) -> Invoke {
    Invoke::new(service("Msvm_VirtualSystemReferencePointService"), "ExportReferencePoint")
        .with("ReferencePoint", point)
        .with("ExportDirectory", directory)
        .with("ExportSettingData", settings)
}

pub(super) fn export(point: ObjectPath, directory: &str) -> Invoke {
    export_with(point, directory, text(&export_settings(None, &[])))
}

pub(super) fn create_point(machine: ObjectPath, kind: u16) -> Invoke {
    let settings =
        Instance::new("Msvm_VirtualSystemReferencePointSettingData").with("ConsistencyLevel", 1_u8);
    Invoke::new(service("Msvm_VirtualSystemReferencePointService"), "CreateReferencePoint")
        .with("AffectedSystem", machine)
        .with("ReferencePointSettings", text(&settings))
        .with("ReferencePointType", kind)
}

pub(super) fn text(instance: &Instance) -> String {
    embedded::write(instance).expect("CIM-XML text")
}

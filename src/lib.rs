//! refpoint talks WS-Management to Hyper-V hosts, from Linux, without PowerShell, an agent or COM: it
//! exports their reference points and tells the truth about how the exports ended.
//!
//! This page is the map of the house. Every arrow points down; `tests/it/layering.rs` fails on one that
//! points up.
//!
//! ```text
//!  words     ┌──────────────────────────────────────────────┐
//!            │ bin     main.rs, cli/: arguments in, tables, │   knows the names below that are public,
//!            │         JSON and an exit code out            │   and prints
//!            └───────┬──────────────────────────────────────┘
//!  ═ crate wall ═════╪═════════════════════════════════════════
//!  many      ┌───────▼──────────────────────┐  ┌────────────────┐
//!            │ fleet  exports, begun once   ├──► ledger  what   │   what we did and what we own,
//!            │ and followed to their end    │  │ is certain     │   on disk before it counts
//!            └───────┬──────────────────────┘  └────────────────┘
//!  domain    ┌───────▼──────────────────────┐
//!            │ hyperv  machines, groups,    │                       Hyper-V in its own words
//!            │ points, exports, jobs        │
//!            └───────┬──────────────────────┘
//!  session   ┌───────▼──────────────────────┐  ┌────────────────┐
//!            │ client  identify, get,       │  │ lab  a Hyper-V │   client: one host, one request at a
//!            │ enumerate, query, invoke …:  │  │ host that is   │   time; nothing twice that must not be
//!            │ once, in time, tidied up     │  │ not there: a   │
//!            └───────┬──────────────┬───────┘  │ world, a       │   lab: an envelope in, an envelope out;
//!  socket    ┌───────▼───────────┐  │   byte   │ scenario, what │   scenarios in TOML; its own sockets
//!            │ transport  TLS,   │  │  stream  │ it refuses     │
//!            │ proxy, log in,    ◄──┼──────────►                │   transport: one connection, one login,
//!            │ exchange          │  │          │                │   one exchange at a time
//!            └───────┬───────────┘  │          └──┬─────────┬───┘
//!  ══════════════════╪══ async above ═ values below╪═════════╪═══
//!  login     ┌───────▼───────────┐  │             │         │
//!            │ auth  token in,   ◄──┼─────────────┘         │       who we are, without a socket
//!            │ token out; a seal │  │                       │
//!            └───────────────────┘  │                       │
//!  message   ┌──────────────────────▼───────────────────────▼──┐
//!            │ wsman   an operation ⇄ its envelope, a fault,     │   what can be asked, answered, refused
//!            │         and what its numbers mean                 │
//!            └───────┬──────────────────────────────┬────────────┘
//!  model     ┌───────▼──────────────────────┐       │
//!            │ cim     values, instances,   │       │           what a host says of its objects
//!            │         paths, classes       │◄── schemas/*.mof
//!            └───────┬──────────────────────┘       │
//!  text      ┌───────▼──────────────────────────────▼───────┐
//!            │ xml     one cursor, one writer               │   nothing ill-formed in or out
//!            └──────────────────────────────────────────────┘
//! ```
//!
//! | room | in one line |
//! |---|---|
//! | [`xml`] | one namespace-aware reader, a cursor over the text, and one writer |
//! | [`cim`] | CIM values, instances, object paths, class schemas; MOF, CIM-XML text, datetimes |
//! | [`auth`] | proving who we are: Basic, NTLM, Negotiate, Kerberos, both sides; sealing of messages; channel bindings |
//! | [`transport`] | one socket to one host: connect, proxy, TLS, HTTP/1.1, log in, exchange sealed bodies |
//! | [`client`] | one session with one host: asking, repeating what may be repeated, time-outs, pages, tidying up; a pool of sessions |
//! | [`lab`] | a host that is not there: the server's side of everything here, with scenarios, faults and dialects |
//! | [`hyperv`] | Hyper-V in its own words: machines, groups, points, exports, jobs, files |
//! | [`ledger`] | what we did and what we own, durable: exports by stage, points with the time they were made |
//! | [`fleet`] | exports and backups: find, look, write down, ask, follow, check; what a run before this one began. Inventories, plans, runs over many hosts |
//! | [`wsman`] | SOAP, WS-Addressing, Transfer, Enumeration, Eventing and WS-Management messages as values, both directions; code tables |
//!
//! Only `transport`, on its connections `client` and what is above it, `ledger` on its file, and `lab` on its
//! sockets do input and output (and Kerberos asks the system's GSSAPI). Everywhere else it is text or tokens in,
//! values out, and the other way round; time, identifiers and randomness are arguments.
//!
//! # Where to change what
//!
//! | to … | go to |
//! |---|---|
//! | teach it a class, or correct one | `schemas/CLASS.mof`; nothing else |
//! | add an operation | a file in `wsman/` in the shape of `enumerate.rs`, and a variant of `wsman::Request` |
//! | log in another way | a file in `auth/` that implements `auth::Mechanism`, in the shape of `auth/ntlm/` |
//! | ask for it in a session | a method of `client/session.rs`, three lines: `caller().call(&operation)` is the one door |
//! | try something again, or no longer | `client/retry.rs` for when, `client/error.rs` (`standing`) for what is known of the request |
//! | have the simulated host do something | a file in `lab/provider/`; a switch for it in `lab/scenario/questions.rs` where nobody knows |
//! | find or call something of Hyper-V's | `hyperv/host.rs`; a view of an object in a file of its own, in the shape of `machine.rs` |
//! | write something down before it counts | `ledger/store.rs`, and its table in `ledger/schema.rs` |
//! | refuse or warn before an export | `fleet/preflight.rs` |
//! | let a plan say more | `fleet/run/plan.rs`, a key, or `rule.rs` for what is done; a row of `docs/fleet.md` and a line of `examples/nightly.toml` |
//! | let a plan do something else | `fleet/run/rule.rs`, a `Deed`; `act.rs` does it, `ending.rs` says how it ended, `foresee.rs` what it would do |
//! | decide which points are kept | `fleet/retain.rs`, without a host; `prune.rs` carries it out |
//! | begin, retry, stop or take up units of a run otherwise | `fleet/run/engine.rs` for hosts, `unit.rs` for units, `stop.rs` for ends |
//! | have a run do less or more at once | `fleet/run/governor.rs` |
//! | say more of what became of a run | `fleet/run/report.rs`; `cli/report/fleet/` shows it |
//! | understand another variable of an inventory | `fleet/inventory/settings.rs`, a row of `KEYS` and a field; a row of `docs/inventory.md` |
//! | let a profile say more | `cli/config/key.rs`, a row; `profile.rs`; a line of `example.rs` and of `docs/configuration.md` |
//! | decide when a certificate is remembered | `transport/tls/first_use.rs`; the file is `known.rs` |
//! | decide what a lost answer means | `fleet/unit.rs`, `look_for` and `proof`; of a backup's steps `fleet/backup/step.rs`, `evidence` |
//! | change the order of a backup's steps | `fleet/backup/work.rs`, `next`: it follows from the ledger alone |
//! | explain a number | `wsman/codes/`, one row |
//! | accept another spelling of a value | `cim/value.rs` for texts, `wsman/instance.rs` for XML |
//! | refuse another kind of bad document | `xml/read.rs`, and a row of its hostile table |
//! | add a command | a file in `cli/command/` in the shape of `cim/get.rs`, and a variant in `cli/args.rs` |
//! | count something of a run for Prometheus | `cli/metrics/figures.rs` for the fold, `page.rs` for its name; `docs/unattended.md` lists it |
//! | tell somebody else of a run, or otherwise | `fleet/run/notify.rs` for the words of the plan, `cli/notify/` for the sending |
//! | give a failure another exit code or hint | `cli/diagnosis.rs` |
//! | do something as another system does it | `unix.rs` and `windows.rs` in `cli/runtime/` and `cli/secret/`; `cli/private.rs` for modes, `cli/folders.rs`, `cli/command/doctor/here.rs` for its commands, `auth/gssapi.rs` for its Kerberos; `docs/elsewhere.md` |
//! | have `doctor` look at something more | a file in `cli/command/doctor/`, a variant of its `Layer`; a row of `docs/doctor.md` |
//!
//! # One call, from words to wire and back
//!
//! ```
//! use refpoint::cim::{Catalog, Instance, ObjectPath, embedded};
//! use refpoint::wsman::{Invoke, RequestHeader, decode_reply, encode_request};
//! use refpoint::xml::Limits;
//!
//! let class = |name: &str| ObjectPath::new("root/virtualization/v2", name);
//! let service = class("Msvm_VirtualSystemReferencePointService")
//!     .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService");
//! let point = class("Msvm_VirtualSystemReferencePoint")
//!     .with_key("InstanceID", r"Microsoft:3F2C9A10\A0E4C1D7")
//!     .with_key("VirtualSystemIdentifier", "3F2C9A10");
//! let settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData");
//! let call = Invoke::new(service, "ExportReferencePoint")
//!     .with("ReferencePoint", point)
//!     .with("ExportDirectory", r"D:\exports\web01")
//!     .with("ExportSettingData", embedded::write(&settings)?);
//! let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:9D4B2C7E-0B0E-4F0B-9E0C-5E3C6A1D2F10");
//! let request = encode_request(&header, &call)?;
//! assert!(request.contains("<p:ExportReferencePoint_INPUT"));
//!
//! # let ns = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_VirtualSystemReferencePointService";
//! # let answer = format!(r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><p:ExportReferencePoint_OUTPUT xmlns:p="{ns}"><p:ReturnValue>32775</p:ReturnValue></p:ExportReferencePoint_OUTPUT></s:Body></s:Envelope>"#);
//! let reply = decode_reply(&call, &answer, Catalog::bundled(), &Limits::default())?;
//! let code = reply.result?.code().expect("a number");
//! let family = Catalog::bundled().method("Msvm_VirtualSystemReferencePointService", "ExportReferencePoint");
//! let meaning = refpoint::wsman::codes::return_value(family.expect("bundled").family, code);
//! assert_eq!(meaning.name(), "invalid-state");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod auth;
pub mod cim;
pub mod client;
pub mod fleet;
pub mod hyperv;
pub mod lab;
pub mod ledger;
pub mod transport;
pub mod wsman;
pub mod xml;

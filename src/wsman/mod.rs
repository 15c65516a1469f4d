//! WS-Management messages as values, in both directions.
//!
//! This room knows SOAP 1.2, WS-Addressing 2004/08, WS-Transfer, WS-Enumeration, WS-Eventing, WS-Management
//! and its CIM binding ([DSP0226], [DSP0227], [DSP0230]) with Microsoft's additions ([MS-WSMV]). It
//! deliberately does not know sockets, logins, time or retries, nor what any class means: it turns an
//! [`Operation`] into text and text into what was answered, and the other way round for the simulated host.
//!
//! * [`Operation`]: [`Identify`], [`Get`], [`Put`], [`Create`], [`Delete`], [`Enumerate`], [`Pull`],
//!   [`Release`], [`Invoke`], [`Subscribe`], [`Renew`], [`Unsubscribe`], [`GetClass`].
//! * The client: [`encode_request`], then [`decode_reply`]. The host: [`decode_request`], then
//!   [`encode_reply`] or [`encode_fault`].
//! * [`Fault`]: why not; [`codes`]: what its numbers mean and what to do about them.
//! * [`Error`]: what a message should have held, and where.
//!
//! [DSP0226]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0226_1.2.0.pdf
//! [DSP0227]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0227_1.2.0.pdf
//! [DSP0230]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0230_1.1.0.pdf
//! [MS-WSMV]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv/

mod addressing;
pub mod codes;
mod enumerate;
mod envelope;
mod error;
mod eventing;
mod fault;
mod filter;
mod fragment;
mod identify;
mod instance;
mod invoke;
pub mod names;
mod operation;
mod request;
mod schema;
mod transfer;

pub use addressing::EndpointReference;
pub use enumerate::{Enumerate, Item, MOST_ITEMS, Mode, Opening, Page, Polymorphism, Pull, Release};
pub use envelope::{
    Incoming, MessageOption, Reply, ReplyHeader, RequestHeader, decode_reply, decode_request, encode_fault,
    encode_reply, encode_request,
};
pub use error::Error;
pub use eventing::{Renew, Subscribe, Subscribed, Unsubscribe};
pub use fault::{Fault, FaultCode, ProviderFault, Subcode, WsmanFault};
pub use filter::{AssociationFilter, Filter, Neighbours};
pub use fragment::Fragment;
pub use identify::{Identify, Identity};
pub use instance::{Decoder, Style, write_instance};
pub use invoke::{Invoke, Invoked};
pub use operation::{Head, Operation};
pub use request::{Irregularity, Request};
pub use schema::GetClass;
pub use transfer::{Content, Create, Delete, Get, Put};

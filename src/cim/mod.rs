//! The CIM model: values, instances, object paths and class schemas, and its two textual spellings.
//!
//! This room knows what a CIM value is ([DSP0004]), how WMI writes paths and datetimes, MOF (how our
//! `schemas/` declare classes) and CIM-XML text (how Hyper-V wants instances inside string parameters,
//! [DSP0201]). It deliberately does not know how WS-Management puts values on the wire: that is
//! `wsman`'s `instance` file. So one model has three spellings, which live apart.
//!
//! * [`Value`], [`Scalar`], [`Type`]: every CIM type and its arrays; null is not empty.
//! * [`DateTime`]: points in time and intervals, in every spelling hosts use.
//! * [`Instance`], [`ObjectPath`]: what an object says, and where it is.
//! * [`Class`], [`Catalog`]: what classes declare; the bundled ones are parsed once.
//! * [`wql_literal`]: a text as a value in a query.
//! * [`embedded`]: CIM-XML instances as text; [`mof`]: class declarations as text.
//!
//! Names are compared without regard to ASCII case everywhere ([`Name`]), as WMI does.
//!
//! [DSP0004]: https://www.dmtf.org/standards/published_documents/DSP0004_2.8.0.pdf
//! [DSP0201]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0201_2.4.0.pdf

mod catalog;
mod class;
mod datetime;
pub mod embedded;
mod error;
mod instance;
pub mod mof;
mod name;
mod path;
mod value;
mod wql;

pub use catalog::{Catalog, ClassShape};
pub use class::{Class, Method, Parameter, PropertyDeclaration, ReturnFamily, ValueMap, ValueRange};
pub use datetime::{DateTime, Interval, Timestamp};
pub use error::Error;
pub use instance::{Instance, Property};
pub use name::Name;
pub use path::{Key, ObjectPath};
pub use value::{Scalar, Type, Value};
pub use wql::wql_literal;

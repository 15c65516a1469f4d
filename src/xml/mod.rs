//! XML text, read and written with namespaces, and nothing above it.
//!
//! This room knows well-formedness ([XML 1.0] 5th edition), namespaces ([XML Names]) and the two
//! encodings WinRM speaks. It deliberately does not know SOAP, CIM or any schema, and it has no tree:
//! a [`Reader`] is a cursor over text that somebody else owns, a [`Writer`] is a `String` that cannot
//! become ill-formed.
//!
//! quick-xml finds the tokens. It leaves a good deal unchecked (ends of documents, prefixes, forbidden
//! characters, document types …); everything it leaves is checked here, because what arrives comes from
//! a host that may be broken or hostile.
//!
//! * [`decode`]: bytes and a charset to text.
//! * [`Reader`]: descend with [`Reader::child`], take [`Reader::text`], or [`Reader::skip`].
//! * [`Writer`]: [`Writer::start`], [`Writer::text`], [`Writer::end`], then [`Writer::finish`].
//! * [`Namespace`], [`Name`]: names are compared by URI and local name, never by prefix.
//! * [`Error`]: what is wrong and at which byte.
//!
//! [XML 1.0]: https://www.w3.org/TR/xml/
//! [XML Names]: https://www.w3.org/TR/xml-names/

mod encoding;
mod error;
mod name;
mod read;
mod write;

pub use encoding::{Charset, decode};
pub use error::{Error, Problem};
pub use name::{Name, Namespace, XML, is_ncname};
pub use read::{Attribute, Content, Element, Limits, Node, Reader};
pub use write::{EscapeStyle, WriteError, Writer};

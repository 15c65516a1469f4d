//! SPNEGO, [RFC 4178] and [MS-SPNG]: which mechanism, and proof that nobody meddled with the choice.
//!
//! **Knows**: offering and choosing mechanisms, carrying their tokens, signing the list of them both ways,
//! and standing NTLM in for Kerberos.
//!
//! **Deliberately does not know**: how the mechanisms work inside; they are asked for tokens, and for a
//! signature when they have finished.

mod acceptor;
mod initiator;
mod keys;

pub use acceptor::Acceptor;
pub use initiator::Initiator;

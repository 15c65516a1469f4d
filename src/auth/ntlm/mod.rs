//! NTLMv2, [MS-NLMP]: three messages, a key, and the sealing that follows from it.
//!
//! **Knows**: the messages both ways, the NTLMv2 response, key exchange, the MIC, the rules for the
//! attribute pairs (timestamp, flags, target name, channel bindings), signing and sealing, and both
//! sides of the login.
//!
//! **Deliberately does not know**: NTLMv1 and LM. A response in their form is refused, and none is ever
//! computed; the "LM response" field holds zeros or the LMv2 response.

mod acceptor;
mod crypto;
mod initiator;
mod messages;
mod seal;

pub(super) use acceptor::Accepted;
pub use acceptor::{Acceptor, Names};
pub use crypto::{NtHash, ResponseKey};
pub(super) use initiator::Answer;
pub use initiator::Initiator;
pub use messages::{Authenticate, AvId, AvPairs, Challenge, Flags, Message, Negotiate};
pub use seal::{Sealer, Side};

/// What every NTLM message starts with.
pub(super) const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

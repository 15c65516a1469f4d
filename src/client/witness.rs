use std::fmt;
use std::sync::Arc;

/// Somebody who sees the messages of a session in clear: before they are sealed, and after they were opened.
///
/// They hold no login, but whatever objects and parameters hold; who writes them down has to take secrets out.
/// It is called while the session waits, and so should not take long.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(Seen<'_>) + Send + Sync>);

/// A message that a [`Witness`] sees.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// What is asked, `Get Msvm_ComputerSystem`.
    pub operation: &'a str,
    /// Who speaks.
    pub side: Side,
    /// The message, as it is on the wire inside its seal: XML in UTF-8 or UTF-16.
    pub body: &'a [u8],
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We ask.
    Request,
    /// The host answers.
    Reply,
}

impl Witness {
    /// Returns the witness that calls a function for each message, in their order.
    pub fn new(see: impl Fn(Seen<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    pub(super) fn see(&self, operation: &str, side: Side, body: &[u8]) {
        (self.0)(Seen { operation, side, body });
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

/// Bodies are shown by their length only.
impl fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen({} {:?}, {} bytes)", self.operation, self.side, self.body.len())
    }
}

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::transport::{Connection, Endpoint, Error, Options};

/// How a session comes to a connection that is logged in: [`Connection::open`], unless a simulated host or a
/// test brings its own.
///
/// A session dials whenever it has no connection it can use, so it may dial more than once.
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn(Endpoint, Arc<Options>) -> Dialing + Send + Sync>);

type Dialing = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

impl Dial {
    /// Wraps a function that connects and logs in.
    pub fn new<F, Fut>(dial: F) -> Self
    where
        F: Fn(Endpoint, Arc<Options>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Connection, Error>> + Send + 'static,
    {
        Self(Arc::new(move |endpoint, options| Box::pin(dial(endpoint, options))))
    }

    pub(super) fn dial(&self, endpoint: &Endpoint, options: &Arc<Options>) -> Dialing {
        (self.0)(endpoint.clone(), options.clone())
    }
}

/// Dials the endpoint itself.
impl Default for Dial {
    fn default() -> Self {
        Self::new(|endpoint, options| async move { Connection::open(&endpoint, options).await })
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

use std::sync::{Arc, Mutex, PoisonError};

use crate::ledger::{Error, Ledger};

/// The ledger, for tasks that must not block: each use of it is a thread's work, and is waited for.
#[derive(Clone, Debug)]
pub struct Keeper {
    ledger: Arc<Mutex<Ledger>>,
}

impl Keeper {
    /// Keeps a ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger: Arc::new(Mutex::new(ledger)) }
    }

    /// Returns once the work is done, and what it wrote is on disk.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let ledger = self.ledger.clone();
        let done = tokio::task::spawn_blocking(move || {
            // A panic in between leaves the database as it was: its transaction is rolled back.
            work(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await {
            Ok(done) => done,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            // The runtime is being shut down: nobody is left to hear of it.
            Err(_) => std::future::pending().await,
        }
    }
}

use std::sync::atomic::{AtomicU64, Ordering};

/// What a session has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests that began to leave, repetitions and the tidying up included; logins are not requests.
    pub requests: u64,
    /// Octets of their messages, before they are sealed.
    pub bytes_sent: u64,
    /// Octets of the messages that answered.
    pub bytes_received: u64,
    /// How often it has logged in.
    pub logins: u64,
    /// How often a request was tried again.
    pub retries: u64,
    /// How often the host said that too much is going on already.
    pub quota_faults: u64,
}

impl Counters {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            bytes_sent: self.bytes_sent + other.bytes_sent,
            bytes_received: self.bytes_received + other.bytes_received,
            logins: self.logins + other.logins,
            retries: self.retries + other.retries,
            quota_faults: self.quota_faults + other.quota_faults,
        }
    }
}

/// The same while it happens: background tasks count too.
#[derive(Debug, Default)]
pub(super) struct Counting {
    requests: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    logins: AtomicU64,
    retries: AtomicU64,
    quota_faults: AtomicU64,
}

impl Counting {
    /// Returns the number of the request.
    pub(super) fn sent(&self, bytes: usize) -> u64 {
        add(&self.bytes_sent, bytes as u64);
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn received(&self, bytes: usize) {
        add(&self.bytes_received, bytes as u64);
    }

    pub(super) fn logged_in(&self, times: u64) {
        add(&self.logins, times);
    }

    pub(super) fn tried_again(&self) {
        add(&self.retries, 1);
    }

    pub(super) fn met_a_quota(&self) {
        add(&self.quota_faults, 1);
    }

    pub(super) fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            requests: read(&self.requests),
            bytes_sent: read(&self.bytes_sent),
            bytes_received: read(&self.bytes_received),
            logins: read(&self.logins),
            retries: read(&self.retries),
            quota_faults: read(&self.quota_faults),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

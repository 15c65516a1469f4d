use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::caller::Shared;
use super::retry::Limit;
use super::{Counters, Dial, Error, Session, Target};
use crate::transport::Fate;

/// Several sessions with one host, for callers who want several requests under way at once.
///
/// It opens a session when one is wanted and none is idle, up to its [`limit`](Self::limit). A host that says
/// that too much is going on halves what the pool lends at once; for every few dozen requests that go well it
/// lends one more again. A host counts all clients of one account together: others may take the room. The
/// target's deadline is counted from the making of the pool.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    target: Arc<Target>,
    dial: Dial,
    deadline: Option<Limit>,
    most: usize,
    state: Mutex<State>,
    room: Notify,
}

struct State {
    idle: Vec<Session>,
    /// How many are lent.
    lent: usize,
    /// How many may be lent now.
    limit: usize,
    /// How many requests have gone well since the limit last changed.
    good: u64,
    /// What sessions have done that are no more.
    past: Counters,
    /// What is left of those of them that still tidy up.
    tidying: Vec<Arc<Shared>>,
}

impl Pool {
    /// Returns a pool of a few sessions. Nothing is opened yet.
    pub fn new(target: impl Into<Arc<Target>>) -> Self {
        Self::with(target, Dial::default(), USUAL)
    }

    /// Returns a pool of at most so many sessions, each connected by other means.
    pub fn with(target: impl Into<Arc<Target>>, dial: Dial, most: usize) -> Self {
        let most = most.clamp(1, MOST);
        let state = State {
            idle: Vec::new(),
            lent: 0,
            limit: most,
            good: 0,
            past: Counters::default(),
            tidying: Vec::new(),
        };
        let (target, state) = (target.into(), Mutex::new(state));
        let deadline = target.deadline.map(Limit::new);
        Self(Arc::new(Inner { target, dial, deadline, most, state, room: Notify::new() }))
    }

    /// Returns a session as soon as there is room for one; it goes back when it is dropped.
    pub async fn session(&self) -> Result<Lent, Error> {
        let limit = Limit::new(self.0.target.call_limit).and(self.0.deadline);
        let place = timeout_at(limit.end, self.0.place()).await.map_err(|_| Error::Deadline {
            operation: format!("Wait for a session with {}", self.0.target.endpoint.authority()),
            after: limit.after,
            fate: Fate::NotSent,
        })?;
        place.fill().await
    }

    /// Returns how many sessions may be lent at once for now.
    pub fn limit(&self) -> usize {
        self.0.state().limit
    }

    /// Returns how many sessions are lent.
    pub fn lent(&self) -> usize {
        self.0.state().lent
    }

    /// Returns what its sessions have done so far; those that are lent are counted when they come back.
    pub fn counters(&self) -> Counters {
        let state = self.0.state();
        state.idle.iter().map(Session::counters).fold(state.past, Counters::plus)
    }

    /// Ends what is still open on the host and all connections that are not lent.
    pub async fn close(self) -> Result<(), Error> {
        let (idle, tidying) = {
            let mut state = self.0.state();
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.tidying))
        };
        let mut result = Ok(());
        for session in idle {
            result = session.close().await.and(result);
        }
        let limit = Limit::new(self.0.target.call_limit).and(self.0.deadline);
        for session in tidying {
            session.finished(limit).await;
        }
        result
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Pool")
            .field("endpoint", &self.0.target.endpoint.to_string())
            .field("lent", &state.lent)
            .field("limit", &state.limit)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room.
    async fn place(self: &Arc<Self>) -> Place {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // From here on a place that becomes free is heard of.
            room.as_mut().enable();
            {
                let mut state = self.state();
                if state.lent < state.limit {
                    state.lent += 1;
                    let session = state.idle.pop();
                    let before = session.as_ref().map(Session::counters).unwrap_or_default();
                    return Place { pool: self.clone(), session, before };
                }
            }
            room.await;
        }
    }

    /// Takes back a place, with its session if it had one.
    fn take_back(&self, session: Option<Session>, before: Counters) {
        let mut state = self.state();
        state.lent -= 1;
        if let Some(session) = session {
            let now = session.counters();
            state.learn(now.quota_faults - before.quota_faults, now.requests - before.requests, self.most);
            // One that has something to tidy up does so when it is dropped, rather than when it is lent again.
            if state.lent + state.idle.len() < state.limit && !session.has_left_over() {
                state.idle.push(session);
            } else {
                state.past = state.past.plus(now);
                state.tidying.retain(|session| !session.is_finished());
                state.tidying.push(session.into_shared());
            }
        }
        drop(state);
        // Room for several may have come up at once.
        self.room.notify_waiters();
    }
}

impl State {
    fn learn(&mut self, quota_faults: u64, requests: u64, most: usize) {
        if quota_faults > 0 {
            self.limit = (self.limit / 2).max(1);
            self.good = 0;
            return;
        }
        self.good += requests;
        if self.good >= GOOD && self.limit < most {
            self.limit += 1;
            self.good = 0;
        }
    }
}

/// Room for one session, which is free again when it is dropped.
struct Place {
    pool: Arc<Inner>,
    session: Option<Session>,
    /// What the session had done before it was lent.
    before: Counters,
}

impl Place {
    async fn fill(mut self) -> Result<Lent, Error> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let Inner { target, dial, deadline, .. } = &*self.pool;
                Session::until(target.clone(), dial.clone(), *deadline).await?
            }
        };
        self.session = Some(session);
        Ok(Lent(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.take_back(self.session.take(), self.before);
    }
}

/// A session that is lent by a [`Pool`], and goes back to it when it is dropped.
pub struct Lent(Place);

impl Deref for Lent {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.session.as_ref().expect("filled before it is lent")
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&**self).finish()
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Session {
        self.0.session.as_mut().expect("filled before it is lent")
    }
}

/// What most hosts take from one client without noticing.
const USUAL: usize = 4;
/// More connections than one client should have with a host.
const MOST: usize = 64;
/// How many requests must go well before one session more is lent.
const GOOD: u64 = 32;

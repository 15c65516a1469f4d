use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, debug, debug_span};

use super::counters::Counting;
use super::error::Standing;
use super::retry::{Attempts, Limit, Manner, jitter};
use super::session::LoggedIn;
use super::{Dial, Error, Target};
use crate::cim::{Catalog, ObjectPath};
use crate::transport::{self, Connection, Fate, Phase, Timeouts};
use crate::wsman::{self, Operation, Release, RequestHeader, Unsubscribe, decode_reply, encode_request};
use crate::xml::{Limits, decode};

/// What all the connections of one session share, the present one and those that still tidy up.
pub(super) struct Shared {
    pub(super) target: Arc<Target>,
    dial: Dial,
    deadline: Mutex<Option<Limit>>,
    pub(super) counting: Counting,
    logged_in: Mutex<Option<LoggedIn>>,
    background: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    pub(super) fn new(target: Arc<Target>, dial: Dial, deadline: Option<Limit>) -> Arc<Self> {
        Arc::new(Self {
            target,
            dial,
            deadline: Mutex::new(deadline),
            counting: Counting::default(),
            logged_in: Mutex::default(),
            background: Mutex::default(),
        })
    }

    pub(super) fn set_deadline(&self, end: Option<Instant>) {
        let limit = end.map(|end| Limit { end, after: end.saturating_duration_since(Instant::now()) });
        *lock(&self.deadline) = limit;
    }

    /// Returns until when a call may go on that begins now.
    pub(super) fn limit(&self, call: Duration) -> Limit {
        Limit::new(call).and(*lock(&self.deadline))
    }

    pub(super) fn logged_in(&self) -> Option<LoggedIn> {
        lock(&self.logged_in).clone()
    }

    /// Lets somebody finish what its owner no longer waits for, if there is a runtime to do so.
    pub(super) fn finish_in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut background = lock(&self.background);
        background.retain(|task| !task.is_finished());
        background.push(runtime.spawn(work));
    }

    /// Returns whether nothing is being finished in the background.
    pub(super) fn is_finished(&self) -> bool {
        lock(&self.background).iter().all(JoinHandle::is_finished)
    }

    /// Waits for what is finished in the background.
    pub(super) async fn finished(&self, limit: Limit) {
        let background = std::mem::take(&mut *lock(&self.background));
        for task in background {
            // A task that panicked has nothing left to wait for.
            _ = timeout_at(limit.end, task).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is still open on the host and nobody wants any more.
#[derive(Debug)]
pub(super) struct LeftOver {
    ending: Ending,
    tries: u32,
}

#[derive(Clone, Debug)]
enum Ending {
    Release(Release),
    Unsubscribe(Unsubscribe),
}

impl From<Release> for LeftOver {
    fn from(release: Release) -> Self {
        Self { ending: Ending::Release(release), tries: 0 }
    }
}

impl From<Unsubscribe> for LeftOver {
    fn from(unsubscribe: Unsubscribe) -> Self {
        Self { ending: Ending::Unsubscribe(unsubscribe), tries: 0 }
    }
}

/// The one door to the host: a connection, and what has to be said on it before anything else.
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    connection: Option<Connection>,
    left_over: Vec<LeftOver>,
    /// Whether the connection itself has logged in anew for the last request.
    logged_in_again: bool,
    /// The longest that one request may take, where that is less than usual.
    pub(super) most_patience: Option<Duration>,
    /// Set when nobody waits any more: what is under way is finished, and nothing is tried again.
    pub(super) abandoned: Arc<AtomicBool>,
}

impl Caller {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            connection: None,
            left_over: Vec::new(),
            logged_in_again: false,
            most_patience: None,
            abandoned: Arc::default(),
        }
    }

    /// Connects and logs in, so that the first call need not.
    pub(super) async fn open(&mut self) -> Result<(), Error> {
        let limit = self.shared.limit(self.shared.target.call_limit);
        let operation = format!("Connect to {}", self.shared.target.endpoint.authority());
        let mut attempts = self.attempts(Manner::Opening, limit);
        loop {
            attempts.begin();
            let Err(error) = self.connect(&operation, limit).await else { return Ok(()) };
            self.wait_or_fail(&mut attempts, error, Manner::Opening).await?;
        }
    }

    /// Asks for one operation, as often as it may be asked.
    pub(super) async fn call<O: Operation + Sync>(&mut self, operation: &O) -> Result<O::Reply, Error> {
        self.call_as(operation, Manner::of::<O>()).await
    }

    pub(super) async fn call_as<O: Operation + Sync>(
        &mut self,
        operation: &O,
        manner: Manner,
    ) -> Result<O::Reply, Error> {
        let call_limit = match manner {
            // Nobody knows when something will happen.
            Manner::Events => Duration::MAX,
            _ => self.shared.target.call_limit,
        };
        self.call_until(operation, manner, self.shared.limit(call_limit)).await
    }

    /// The same for one of several calls that have a limit together.
    pub(super) async fn call_until<O: Operation + Sync>(
        &mut self,
        operation: &O,
        manner: Manner,
        limit: Limit,
    ) -> Result<O::Reply, Error> {
        let asked = label(operation);
        let host = self.shared.target.endpoint.host().to_owned();
        let span = debug_span!("call", host, operation = asked);
        // Boxed: whoever has thousands of hosts to ask waits in what a call needs only while it is under way.
        Box::pin(self.persist(operation, manner, limit, asked).instrument(span)).await
    }

    async fn persist<O: Operation + Sync>(
        &mut self,
        operation: &O,
        manner: Manner,
        limit: Limit,
        asked: String,
    ) -> Result<O::Reply, Error> {
        let mut attempts = self.attempts(manner, limit);
        loop {
            let stretch = attempts.begin();
            let began = Instant::now();
            let result = self.attempt(operation, &asked, limit, stretch).await;
            let elapsed = began.elapsed();
            match result {
                Ok(reply) => {
                    debug!(?elapsed, "answered");
                    return Ok(reply);
                }
                Err(error) => {
                    log_failure(&error, elapsed);
                    self.wait_or_fail(&mut attempts, error, manner).await?;
                }
            }
        }
    }

    fn attempts(&self, manner: Manner, limit: Limit) -> Attempts {
        let target = &self.shared.target;
        Attempts::new(target.retries, target.random, manner, limit)
    }

    /// Waits until it may be tried again, or says the last word.
    async fn wait_or_fail(
        &mut self,
        attempts: &mut Attempts,
        error: Error,
        manner: Manner,
    ) -> Result<(), Error> {
        if error.is_quota() {
            self.shared.counting.met_a_quota();
        }
        if std::mem::take(&mut self.logged_in_again) {
            attempts.repeated_below();
        }
        let again = attempts.again(&error);
        let Some(again) = again.filter(|_| !self.is_abandoned()) else {
            return Err(if manner == Manner::Once { error.settled() } else { error });
        };
        if again.anew {
            self.connection = None;
        }
        debug!(pause = ?again.pause, "trying again");
        self.shared.counting.tried_again();
        sleep(again.pause).await;
        Ok(())
    }

    /// Connects if need be, tidies up what is left over, sends the request once, and reads the answer.
    async fn attempt<O: Operation + Sync>(
        &mut self,
        operation: &O,
        asked: &str,
        limit: Limit,
        stretch: u32,
    ) -> Result<O::Reply, Error> {
        self.connect(asked, limit).await?;
        if !self.left_over.is_empty() {
            self.tidy_up(limit).await;
            self.connect(asked, limit).await?;
        }
        if self.is_abandoned() {
            // Nothing is begun for nobody; this error has nobody to read it.
            let source = Box::new(transport::Error::Unusable);
            return Err(Error::Transport { operation: asked.to_owned(), source });
        }
        let patience = self.shared.target.operation_timeout.saturating_mul(stretch);
        let patience = self.most_patience.map_or(patience, |most| patience.min(most));
        self.exchange(operation, asked, limit, patience).await
    }

    /// Makes sure that there is a connection to send on.
    async fn connect(&mut self, asked: &str, limit: Limit) -> Result<(), Error> {
        let over =
            || Error::Deadline { operation: asked.to_owned(), after: limit.after, fate: Fate::NotSent };
        if limit.is_over() {
            return Err(over());
        }
        if self.connection.as_ref().is_some_and(Connection::is_usable) {
            return Ok(());
        }
        self.connection = None;
        let target = &self.shared.target;
        let dialed = timeout_at(limit.end, self.shared.dial.dial(&target.endpoint, &target.options));
        let connection = dialed
            .await
            .map_err(|_| over())?
            .map_err(|source| Error::Transport { operation: asked.to_owned(), source: Box::new(source) })?;
        self.shared.counting.logged_in(1);
        *lock(&self.shared.logged_in) = Some(LoggedIn::of(&connection));
        self.connection = Some(connection);
        Ok(())
    }

    /// Sends one request, once, and reads its answer.
    async fn exchange<O: Operation + Sync>(
        &mut self,
        operation: &O,
        asked: &str,
        limit: Limit,
        patience: Duration,
    ) -> Result<O::Reply, Error> {
        let patience = patience.min(limit.left()).max(SHORTEST_OPERATION);
        let header = self.header(patience);
        let is_identify = operation.head().action.is_none();
        let unreadable = |source| Error::Unreadable { operation: asked.to_owned(), source: Box::new(source) };
        let request = encode_request(&header, operation)
            .map_err(|source| Error::Unwritable { operation: asked.to_owned(), source: Box::new(source) })?;
        let reply = self.send(request, Manner::of::<O>(), asked, limit, patience).await?;
        let text = decode(&reply.body, reply.charset()).map_err(wsman::Error::from).map_err(unreadable)?;
        let catalog = self.shared.target.catalog.as_deref().unwrap_or_else(|| Catalog::bundled());
        let reply = decode_reply(operation, &text, catalog, &Limits::default());
        let reply = reply.map_err(unreadable)?;
        // An element with nothing in it says as much as none.
        let related = reply.header.relates_to.filter(|related| !related.is_empty());
        let is_ours = match &related {
            Some(related) => *related == header.message_id,
            // A host that could not read the request cannot say which one it was.
            None => is_identify || reply.result.is_err(),
        };
        if !is_ours {
            // Whatever is on this connection, it is not in step with us.
            self.connection = None;
            return Err(Error::Unrelated { operation: asked.to_owned(), related });
        }
        reply.result.map_err(|source| Error::Fault { operation: asked.to_owned(), source })
    }

    /// Returns the message that would be sent for an operation.
    pub(super) fn written<O: Operation>(&self, operation: &O) -> Result<String, Error> {
        self.shared.target.envelope_of(operation)
    }

    fn header(&self, patience: Duration) -> RequestHeader {
        self.shared.target.header(patience)
    }

    async fn send(
        &mut self,
        request: String,
        manner: Manner,
        asked: &str,
        limit: Limit,
        patience: Duration,
    ) -> Result<transport::Reply, Error> {
        let target = &self.shared.target;
        let lost = |source| Error::Transport { operation: asked.to_owned(), source: Box::new(source) };
        let Some(connection) = &mut self.connection else { return Err(lost(transport::Error::Unusable)) };
        let first_byte = patience.saturating_add(target.margin);
        let total = Some(limit.left());
        connection.set_timeouts(Timeouts { first_byte, total, ..target.options.timeouts });
        let logins = connection.logins();
        let number = self.shared.counting.sent(request.len());
        if let Some(tap) = &target.tap {
            tap.sent(number, asked, request.as_bytes());
        }
        let reply = match manner {
            Manner::Repeatable => connection.exchange_repeatable(request, SOAP).await,
            _ => connection.exchange(request, SOAP).await,
        };
        let logins = connection.logins() - logins;
        self.logged_in_again = logins > 0;
        if logins > 0 {
            self.shared.counting.logged_in(logins);
            *lock(&self.shared.logged_in) = Some(LoggedIn::of(connection));
        }
        match reply {
            Ok(reply) => {
                self.shared.counting.received(reply.body.len());
                if let Some(tap) = &target.tap {
                    tap.received(number, asked, &reply.body);
                }
                Ok(reply)
            }
            Err(error) => {
                self.connection = None;
                Err(match error {
                    transport::Error::TimedOut { phase: Phase::Total, fate, .. } => {
                        Error::Deadline { operation: asked.to_owned(), after: limit.after, fate }
                    }
                    error => lost(error),
                })
            }
        }
    }

    /// Remembers what is to be ended on the host before anything else is asked.
    pub(super) fn leave(&mut self, left_over: impl Into<LeftOver>) {
        self.left_over.push(left_over.into());
    }

    pub(super) fn has_left_over(&self) -> bool {
        !self.left_over.is_empty()
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Ends what is left over, as far as the connection holds. A host that says no has nothing more to end;
    /// where it has had no time, or the connection broke, the rest waits for the next time, a few times.
    async fn tidy_up(&mut self, limit: Limit) {
        let limit = Limit::new(TIDYING).and(Some(limit));
        while let Some(left_over) = self.left_over.last_mut() {
            let usable = self.connection.as_ref().is_some_and(Connection::is_usable);
            if !usable || limit.is_over() {
                return;
            }
            // It stays in the list until it has ended, and is counted before it is said: whoever waits may
            // stop waiting, and one that makes the host hang must not come up for ever.
            left_over.tries += 1;
            let is_last = left_over.tries >= MOST_TRIES;
            let ended = match left_over.ending.clone() {
                Ending::Release(release) => self.exchange(&release, "Release", limit, TIDYING).await,
                Ending::Unsubscribe(unsubscribe) => {
                    self.exchange(&unsubscribe, "Unsubscribe", limit, TIDYING).await
                }
            };
            let error = ended.err().filter(|error| error.standing() != Standing::Refused);
            match (&error, self.left_over.last_mut()) {
                // The connection was closed while nobody looked: it has not been said.
                (Some(error), Some(left_over)) if error.standing() == Standing::NotBegun => {
                    left_over.tries -= 1;
                }
                (Some(_), _) if !is_last => {}
                _ => _ = self.left_over.pop(),
            }
            if let Some(error) = error {
                debug!(%error, "something is left over on the host");
                return;
            }
        }
    }

    /// Ends what is left over while nobody waits, so that there is time for each try.
    ///
    /// What cannot be ended expires: there is nobody to tell.
    pub(super) async fn finish_alone(&mut self) {
        _ = self.finish(Limit::new(TIDYING * MOST_TRIES)).await;
    }

    /// Ends what is left over, on a new connection if there is none.
    async fn finish(&mut self, limit: Limit) -> Result<(), Error> {
        while self.has_left_over() {
            self.connect("Release", limit).await?;
            self.tidy_up(limit).await;
            if self.has_left_over() {
                sleep(jitter(BREATH, self.shared.target.random)).await;
            }
        }
        Ok(())
    }

    /// Ends what is left over, and waits for what is finished in the background. The first has a few seconds,
    /// whatever the deadline of the session: that there was no time is the last reason to leave something
    /// behind.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        let finished = self.finish(Limit::new(TIDYING)).await;
        let limit = self.shared.limit(self.shared.target.call_limit);
        self.shared.finished(limit).await;
        finished
    }
}

fn log_failure(error: &Error, elapsed: Duration) {
    let why = std::error::Error::source(error).map(tracing::field::display);
    debug!(?elapsed, %error, why, "failed");
}

/// Returns what is asked, in words: `Get Msvm_ComputerSystem`, `Msvm_X.ExportReferencePoint`.
pub(super) fn label<O: Operation>(operation: &O) -> String {
    let head = operation.head();
    let Some(action) = &head.action else { return "Identify".to_owned() };
    let verb = action.rsplit('/').next().unwrap_or(action);
    // A class is read at a resource of its own, which names it in a selector.
    let class = |path: &ObjectPath| match path.key_text("ClassName").filter(|_| path.class == "*") {
        Some(class) => format!("class {class}"),
        None => path.class.to_string(),
    };
    match head.resource.as_deref() {
        Some(resource) if action.starts_with(&*resource.resource_uri()) => {
            format!("{}.{verb}", resource.class)
        }
        Some(resource) => format!("{verb} {}", class(resource)),
        None => verb.to_owned(),
    }
}

const SOAP: &str = "application/soap+xml;charset=UTF-8";
/// Hosts take no shorter operation time-out.
const SHORTEST_OPERATION: Duration = Duration::from_millis(500);
/// How long tidying up may hold up the call before which it is done.
const TIDYING: Duration = Duration::from_secs(5);
/// A pause before it is tried again at once.
const BREATH: Duration = Duration::from_millis(500);
/// How often one thing is tried to be tidied up.
const MOST_TRIES: u32 = 3;

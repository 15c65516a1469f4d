use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::caller::Caller;
use super::flight::Flight;
use super::retry::{Manner, jitter};
use super::{Error, Session};
use crate::cim::{DateTime, Interval};
use crate::wsman::{Fault, Item, Renew, Subscribe, Subscribed, Unsubscribe};

/// Events of a host, which are pulled as they happen.
///
/// Waiting for an event has no limit but the session's deadline: that nothing happens is no error. The futures
/// of [`next`](Self::next) may be dropped without losing an event that has arrived. While it is waited for, the
/// subscription is prolonged in time. Dropped it is ended on the host, as an [`Enumeration`](super::Enumeration)
/// is, but at once: a request that waits there for an event is given up, and its connection with it.
pub struct Subscription<'s> {
    session: &'s mut Session,
    /// Away while a pull is under way.
    watch: Option<Watch>,
    flight: Option<Flight<Landed>>,
    items: std::vec::IntoIter<Item>,
    expires: Option<DateTime>,
    /// How it is ended; none when that has been said.
    ending: Option<Unsubscribe>,
}

type Landed = (Watch, Result<Vec<Item>, Error>);

/// A subscription as the host knows it.
struct Watch {
    request: Subscribe,
    /// The newest context; none when the host has ended it.
    context: Option<String>,
    ending: Unsubscribe,
    /// What the host was asked for, and how long it has granted at last.
    life: Interval,
    granted: Duration,
    /// When it has to be prolonged.
    due: Instant,
    /// How often in a row the host has said at once that its time was up.
    early: u32,
}

impl<'s> Subscription<'s> {
    pub(super) async fn open(session: &'s mut Session, mut request: Subscribe) -> Result<Self, Error> {
        let life = *request.expires.get_or_insert(Interval::new(LIFE));
        let flight = Flight::new(
            session.take_caller(),
            |mut caller| async move {
                let subscribed = caller.call(&request).await.map(|subscribed| (request, subscribed));
                (caller, subscribed)
            },
            |subscribed| subscribed.ok().map(|(request, subscribed)| ending(&request, &subscribed).into()),
        );
        let (caller, subscribed) = flight.await;
        session.put_caller(caller);
        let (request, Subscribed { manager, expires, context }) = subscribed?;
        let ending = ending(&request, &Subscribed { manager, expires, context: None });
        let granted = granted(expires, life);
        let (early, due) = (0, Instant::now() + granted / 2);
        let watch = Watch { request, context, ending: ending.clone(), life, granted, due, early };
        let items = Vec::new().into_iter();
        Ok(Self { session, watch: Some(watch), flight: None, items, expires, ending: Some(ending) })
    }

    /// Returns until when or for how long the host keeps it, as the host says.
    pub fn expires(&self) -> Option<DateTime> {
        self.expires
    }

    /// Returns the next event, `None` when the host has ended the subscription.
    pub async fn next(&mut self) -> Option<Result<Item, Error>> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(Ok(item));
            }
            match self.fetch().await? {
                Ok(items) => self.items = items.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Prolongs it from now on by so much. Nobody has to: waiting does.
    pub async fn renew(&mut self, life: Interval) -> Result<(), Error> {
        if let Some(flight) = &mut self.flight {
            let (caller, (watch, items)) = flight.await;
            self.flight = None;
            self.session.put_caller(caller);
            self.watch = Some(watch);
            let waiting = std::mem::take(&mut self.items);
            self.items = waiting.chain(items?).collect::<Vec<_>>().into_iter();
        }
        let Some(watch) = &mut self.watch else { return Ok(()) };
        watch.life = life;
        let expires = watch.renew(self.session.caller()).await?;
        self.expires = expires.or(self.expires);
        Ok(())
    }

    /// Ends it on the host.
    pub async fn close(mut self) -> Result<(), Error> {
        self.leave();
        self.session.caller().close().await
    }

    async fn fetch(&mut self) -> Option<Result<Vec<Item>, Error>> {
        let flight = match &mut self.flight {
            Some(flight) => flight,
            none => {
                let mut watch = self.watch.take_if(|watch| watch.context.is_some())?;
                none.insert(Flight::new(
                    self.session.take_caller(),
                    |mut caller| async move {
                        let items = watch.pull(&mut caller).await;
                        (caller, (watch, items))
                    },
                    // Ended by the subscription itself, which outlives it.
                    |_| None,
                ))
            }
        };
        let (caller, (mut watch, items)) = flight.await;
        self.flight = None;
        self.session.put_caller(caller);
        if items.is_err() {
            watch.context = None;
        }
        self.watch = Some(watch);
        match items {
            Ok(items) if items.is_empty() => None,
            items => Some(items),
        }
    }

    fn leave(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.give_up();
        }
        self.watch = None;
        if let Some(ending) = self.ending.take() {
            self.session.caller().leave(ending);
        }
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Watch {
    /// Waits for events: empty only when the host has ended the subscription. Heartbeats are empty pages.
    async fn pull(&mut self, caller: &mut Caller) -> Result<Vec<Item>, Error> {
        while let Some(context) = self.context.clone() {
            if self.due <= Instant::now() {
                match self.renew(caller).await {
                    Ok(_) => {}
                    // Some hosts do not prolong: it goes on for as long as it lives.
                    Err(error) if error.fault().is_some() => self.due = Instant::now() + self.granted / 2,
                    Err(error) => return Err(error),
                }
            }
            let asked = Instant::now();
            let mut pull = self.request.pull(context);
            pull.max_elements = Some(caller.shared.target.max_elements);
            // The host must not still be waiting when it is time to prolong it.
            caller.most_patience = Some(self.due - asked);
            let page = caller.call_as(&pull, Manner::Events).await;
            caller.most_patience = None;
            match page {
                Ok(page) => {
                    self.context = page.context;
                    if !page.items.is_empty() {
                        self.early = 0;
                        return Ok(page.items);
                    }
                }
                Err(error) if error.fault().is_some_and(Fault::is_timeout) => {}
                Err(error) => return Err(error),
            }
            self.breathe(asked, caller.shared.target.random).await;
        }
        Ok(Vec::new())
    }

    /// Waits a while where the host has said at once that nothing has happened, longer each time.
    async fn breathe(&mut self, asked: Instant, random: fn() -> u128) {
        if asked.elapsed() >= TOO_SOON {
            self.early = 0;
            return;
        }
        self.early = self.early.saturating_add(1);
        let doubled = 1_u32.checked_shl(self.early).unwrap_or(u32::MAX);
        let longest = BREATH.saturating_mul(doubled).min(LONGEST_BREATH);
        sleep(jitter(longest, random)).await;
    }

    async fn renew(&mut self, caller: &mut Caller) -> Result<Option<DateTime>, Error> {
        let Unsubscribe { resource, identifier } = self.ending.clone();
        let renew = Renew { resource, identifier, expires: Some(self.life) };
        let expires = caller.call(&renew).await?;
        self.granted = granted(expires, self.life);
        self.due = Instant::now() + self.granted / 2;
        Ok(expires)
    }
}

/// Returns how long the host keeps a subscription: what it says, where it says a length of time. A point in time
/// is one of the host's clock.
fn granted(expires: Option<DateTime>, asked: Interval) -> Duration {
    let said = expires.and_then(DateTime::as_interval).unwrap_or(asked).as_duration();
    said.min(asked.as_duration()).max(SHORTEST_LIFE)
}

/// Returns how a subscription is ended.
fn ending(request: &Subscribe, subscribed: &Subscribed) -> Unsubscribe {
    let manager = &subscribed.manager;
    let resource = manager.path.clone().unwrap_or_else(|| request.resource.clone());
    Unsubscribe { resource, identifier: manager.identifier.clone() }
}

/// How long a subscription lives that says nothing of it.
const LIFE: Duration = Duration::from_secs(600);
/// It makes no sense to ask for less: prolonging it takes time as well.
const SHORTEST_LIFE: Duration = Duration::from_secs(4);
/// An answer that came sooner was not waited for.
const TOO_SOON: Duration = Duration::from_secs(1);
/// A pause after an answer without events that came at once, and the longest.
const BREATH: Duration = Duration::from_millis(250);
const LONGEST_BREATH: Duration = Duration::from_secs(15);

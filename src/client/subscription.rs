use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::caller::Caller;
use super::flight::Flight;
use super::retry::{Manner, jitter};
use super::{Error, Session};
use crate::cim::{DateTime, Interval};
use crate::wsman::{Item, Renew, Subscribe, Subscribed, Unsubscribe};

/// Events of a host, which are pulled as they happen.
///
/// Waiting for an event has no limit but the session's deadline: that nothing happens is no error. The futures
/// of [`next`](Self::next) may be dropped without losing an event that has arrived. Dropped it is ended on the
/// host, as an [`Enumeration`](super::Enumeration) is.
pub struct Subscription<'s> {
    session: &'s mut Session,
    /// Away while a pull is under way.
    watch: Option<Watch>,
    flight: Option<Flight<Landed>>,
    items: std::vec::IntoIter<Item>,
    expires: Option<DateTime>,
}

type Landed = (Watch, Result<Vec<Item>, Error>);

/// A subscription as the host knows it.
struct Watch {
    request: Subscribe,
    /// The newest context; none when the host has ended it.
    context: Option<String>,
    ending: Unsubscribe,
}

impl<'s> Subscription<'s> {
    pub(super) async fn open(session: &'s mut Session, mut request: Subscribe) -> Result<Self, Error> {
        request.expires.get_or_insert(Interval::new(LIFE));
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
        let watch = Watch { request, context, ending };
        Ok(Self { session, watch: Some(watch), flight: None, items: Vec::new().into_iter(), expires })
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

    /// Prolongs it.
    pub async fn renew(&mut self, life: Interval) -> Result<(), Error> {
        if let Some(flight) = &mut self.flight {
            let (caller, (watch, items)) = flight.await;
            self.flight = None;
            self.session.put_caller(caller);
            self.watch = Some(watch);
            let waiting = std::mem::take(&mut self.items);
            self.items = waiting.chain(items?).collect::<Vec<_>>().into_iter();
        }
        let Some(watch) = &self.watch else { return Ok(()) };
        let Unsubscribe { resource, identifier } = watch.ending.clone();
        let renew = Renew { resource, identifier, expires: Some(life) };
        let expires = self.session.caller().call(&renew).await?;
        self.expires = expires.or(self.expires);
        Ok(())
    }

    /// Ends it on the host.
    pub async fn close(mut self) -> Result<(), Error> {
        // A pull that waits for an event may wait for ever: it is finished in the background.
        drop(self.flight.take());
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
                    |(watch, _)| Some(watch.ending.into()),
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
        if let Some(watch) = self.watch.take() {
            self.session.caller().leave(watch.ending);
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
        while let Some(context) = &self.context {
            let asked = Instant::now();
            let mut pull = self.request.pull(context.as_str());
            pull.max_elements = Some(caller.shared.target.max_elements);
            let page = caller.call_as(&pull, Manner::Events).await?;
            self.context = page.context;
            if !page.items.is_empty() {
                return Ok(page.items);
            }
            if asked.elapsed() < BREATH {
                sleep(jitter(BREATH, caller.shared.target.random)).await;
            }
        }
        Ok(Vec::new())
    }
}

/// Returns how a subscription is ended.
fn ending(request: &Subscribe, subscribed: &Subscribed) -> Unsubscribe {
    let manager = &subscribed.manager;
    let resource = manager.path.clone().unwrap_or_else(|| request.resource.clone());
    Unsubscribe { resource, identifier: manager.identifier.clone() }
}

/// How long a subscription lives that says nothing of it.
const LIFE: Duration = Duration::from_secs(600);
/// A pause after a page without events that came at once.
const BREATH: Duration = Duration::from_millis(500);

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::caller::{Caller, LeftOver, label};
use super::flight::Flight;
use super::page_size::PageSize;
use super::retry::{Limit, Manner, jitter};
use super::{Error, Session};
use crate::cim::{Instance, ObjectPath};
use crate::wsman::{Enumerate, Item, Opening};

/// The objects of an enumeration, asked for a page at a time.
///
/// Nothing is asked before [`next`](Self::next) or [`next_page`](Self::next_page) is. Their futures may be
/// dropped: the next one goes on where the last one was, and nothing is lost. After an error it is at its end.
///
/// Dropped before its end it is ended on the host as well: before the session's next call, or at once in the
/// background where a page is under way. [`close`](Self::close) does so while one waits.
pub struct Enumeration<'s> {
    session: &'s mut Session,
    /// Away while a page is under way.
    listing: Option<Listing>,
    flight: Option<Flight<Landed>>,
    items: std::vec::IntoIter<Item>,
}

type Landed = (Listing, Result<Vec<Item>, Error>);

/// How far an enumeration has come.
struct Listing {
    request: Enumerate,
    has_begun: bool,
    /// The newest context; none at the end, nor before the beginning.
    context: Option<String>,
    size: PageSize,
    empty_pages: u32,
}

impl<'s> Enumeration<'s> {
    pub(super) fn new(session: &'s mut Session, request: Enumerate) -> Self {
        let most = match request.opening {
            Opening::FirstPage { max_elements: Some(most) } => most.min(session.target().max_elements),
            _ => session.target().max_elements,
        };
        let listing =
            Listing { request, has_begun: false, context: None, size: PageSize::new(most), empty_pages: 0 };
        Self { session, listing: Some(listing), flight: None, items: Vec::new().into_iter() }
    }

    /// Returns the next item, `None` at the end.
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

    /// Returns the next object, `None` at the end. References alone are passed over: for those there is
    /// [`next_reference`](Self::next_reference).
    pub async fn next_instance(&mut self) -> Option<Result<Instance, Error>> {
        loop {
            match self.next().await? {
                Ok(
                    Item::Object(instance)
                    | Item::Projection(instance)
                    | Item::ObjectAndReference(instance, _),
                ) => {
                    return Some(Ok(instance));
                }
                Ok(Item::Reference(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Returns the next reference, `None` at the end. Objects without one are passed over.
    pub async fn next_reference(&mut self) -> Option<Result<ObjectPath, Error>> {
        loop {
            match self.next().await? {
                Ok(Item::Reference(reference) | Item::ObjectAndReference(_, reference)) => {
                    if let Some(path) = reference.path {
                        return Some(Ok(path));
                    }
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Returns the next items, a page of them as the host has sent it, `None` at the end.
    pub async fn next_page(&mut self) -> Option<Result<Vec<Item>, Error>> {
        let rest: Vec<Item> = std::mem::take(&mut self.items).collect();
        if rest.is_empty() { self.fetch().await } else { Some(Ok(rest)) }
    }

    /// Returns all objects that are left, in memory at once.
    pub async fn instances(mut self) -> Result<Vec<Instance>, Error> {
        let mut instances = Vec::new();
        while let Some(instance) = self.next_instance().await {
            instances.push(instance?);
        }
        Ok(instances)
    }

    /// Returns all references that are left, in memory at once.
    pub async fn references(mut self) -> Result<Vec<ObjectPath>, Error> {
        let mut paths = Vec::new();
        while let Some(path) = self.next_reference().await {
            paths.push(path?);
        }
        Ok(paths)
    }

    /// Ends it on the host, if it has not come to its end.
    pub async fn close(mut self) -> Result<(), Error> {
        if self.flight.is_some() {
            _ = self.fetch().await;
        }
        self.leave();
        self.session.caller().close().await
    }

    /// Returns a page that is not empty.
    async fn fetch(&mut self) -> Option<Result<Vec<Item>, Error>> {
        let flight = match &mut self.flight {
            Some(flight) => flight,
            none => {
                let mut listing = self.listing.take()?;
                if listing.is_over() {
                    self.listing = Some(listing);
                    return None;
                }
                let caller = self.session.take_caller();
                none.insert(Flight::new(
                    caller,
                    |mut caller| async move {
                        let page = listing.next_page(&mut caller).await;
                        (caller, (listing, page))
                    },
                    |(listing, _)| listing.left_over(),
                ))
            }
        };
        // Kept while it is waited for: whoever drops this wait can come back to it.
        let (caller, (mut listing, page)) = flight.await;
        self.flight = None;
        self.session.put_caller(caller);
        if page.is_err() {
            if let Some(left_over) = listing.take_left_over() {
                self.session.caller().leave(left_over);
            }
            listing.has_begun = true;
        }
        self.listing = Some(listing);
        match page {
            Ok(items) if items.is_empty() => None,
            page => Some(page),
        }
    }

    fn leave(&mut self) {
        if let Some(left_over) = self.listing.as_mut().and_then(Listing::take_left_over) {
            self.session.caller().leave(left_over);
        }
    }
}

impl Drop for Enumeration<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Listing {
    fn is_over(&self) -> bool {
        self.has_begun && self.context.is_none()
    }

    fn left_over(mut self) -> Option<LeftOver> {
        self.take_left_over()
    }

    fn take_left_over(&mut self) -> Option<LeftOver> {
        let context = self.context.take()?;
        Some(self.request.release(context).into())
    }

    /// Asks for pages until one holds something: empty only at the end. However many requests that takes, it
    /// is one call for whoever waits.
    async fn next_page(&mut self, caller: &mut Caller) -> Result<Vec<Item>, Error> {
        let limit = caller.shared.limit(caller.shared.target.call_limit);
        loop {
            let asked = Instant::now();
            let items = self.fitting_page(caller, limit).await?;
            if !items.is_empty() || self.is_over() {
                self.empty_pages = 0;
                return Ok(items);
            }
            self.empty_pages += 1;
            if self.empty_pages >= MOST_EMPTY_PAGES {
                return Err(Error::Endless { operation: label(&self.request), pages: self.empty_pages });
            }
            // The first may well be empty: not every host puts items beside a new context.
            if self.empty_pages > 1 && asked.elapsed() < BREATH {
                sleep(jitter(BREATH, caller.shared.target.random).min(limit.left())).await;
            }
        }
    }

    /// Asks for one page, smaller each time that it does not fit its envelope.
    async fn fitting_page(&mut self, caller: &mut Caller, limit: Limit) -> Result<Vec<Item>, Error> {
        loop {
            match self.page(caller, limit).await {
                Ok(items) => {
                    self.size.grow();
                    return Ok(items);
                }
                Err(Error::Fault { source, .. }) if source.is_too_large() && self.size.shrink() => {}
                Err(error) => {
                    if error.is_context_gone() {
                        self.context = None;
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn page(&mut self, caller: &mut Caller, limit: Limit) -> Result<Vec<Item>, Error> {
        let max_elements = Some(self.size.now());
        let page = match &self.context {
            None => {
                if matches!(self.request.opening, Opening::FirstPage { .. }) {
                    self.request.opening = Opening::FirstPage { max_elements };
                }
                caller.call_until(&self.request, Manner::of::<Enumerate>(), limit).await?
            }
            Some(context) => {
                let mut pull = self.request.pull(context.as_str());
                pull.max_elements = max_elements;
                caller.call_until(&pull, Manner::Page, limit).await?
            }
        };
        self.has_begun = true;
        self.context = page.context;
        Ok(page.items)
    }
}

/// More empty pages in a row than a host has reason to send.
const MOST_EMPTY_PAGES: u32 = 32;
/// A pause after an empty page that came at once.
const BREATH: Duration = Duration::from_millis(500);

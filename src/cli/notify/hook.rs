//! A webhook: JSON, signed, to an address.

use bytes::Bytes;
use refpoint::client::Secret;
use refpoint::fleet::{Extent, Hidden, Moment, Webhook};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Request};
use uuid::Uuid;

use super::address::Address;
use super::client::{self, Way};
use super::courier::Answer;
use super::payload::Message;
use super::signature;
use crate::cli::error::Error;
use crate::cli::metrics::Clock;
use crate::cli::secret;
use crate::cli::ui::Ui;

/// A webhook, with everything that sending takes.
pub(super) struct Hook {
    address: Address,
    key: Option<Secret<String>>,
    on: Vec<Moment>,
    extent: Extent,
    client: Client,
    clock: Clock,
}

/// One message to one webhook, the same in every try.
pub(super) struct Letter {
    moment: Moment,
    delivery: String,
    body: Bytes,
}

impl Hook {
    /// Looks up what the plan says of it.
    pub(super) fn new(hook: &Webhook, clock: Clock, ui: &mut Ui) -> Result<Self, Error> {
        let address = Address::parse(&secret::of_plan(&hook.url, "address of a webhook", ui)?, "a webhook")?;
        let key = hook.key.as_ref().map(|key| secret::of_plan(key, "key of a webhook", ui)).transpose()?;
        if key.as_ref().is_some_and(|key| key.expose().len() < signature::SHORTEST_KEY) {
            return Err(Error::usage(format!("the key for {address} is too short"))
                .hint(format!("it needs {} characters: openssl rand -hex 32", signature::SHORTEST_KEY)));
        }
        let proxy = proxy(hook.proxy.as_ref(), ui)?;
        let way = Way { ca: hook.ca.as_deref(), proxy: proxy.as_ref(), timeout: hook.timeout };
        let client = client::new(&address, &way)?;
        Ok(Self { address, key, on: hook.on.clone(), extent: hook.report, client, clock })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Returns what it is to hear of this; nothing, where it does not want to.
    pub(super) fn letter(&self, message: &Message) -> Option<Letter> {
        let moment = message.moment();
        if !self.on.contains(&moment) {
            return None;
        }
        let delivery = Uuid::new_v4().to_string();
        let body = message.body(&delivery, (self.clock)(), self.extent).into();
        Some(Letter { moment, delivery, body })
    }

    /// Tries once.
    pub(super) async fn send(&self, letter: &Letter) -> Answer {
        match self.request(letter) {
            Ok(request) => client::read(self.client.execute(request).await, (self.clock)()),
            Err(error) => Answer::Refused(error.without_url().to_string()),
        }
    }

    /// Each try is signed anew: the time under the signature is that of the try.
    fn request(&self, letter: &Letter) -> reqwest::Result<Request> {
        let mut request = self
            .client
            .post(self.address.url())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("x-refpoint-event", letter.moment.name())
            .header("x-refpoint-delivery", &letter.delivery);
        if let Some(key) = &self.key {
            let signed = signature::sign(key.expose(), (self.clock)().as_second(), &letter.body);
            request = request.header(signature::HEADER, signed);
        }
        request.body(letter.body.clone()).build()
    }
}

/// Returns the address of a proxy, where one is asked for.
pub(super) fn proxy(proxy: Option<&Hidden>, ui: &mut Ui) -> Result<Option<Secret<String>>, Error> {
    proxy.map(|proxy| secret::of_plan(proxy, "address of a proxy", ui)).transpose()
}

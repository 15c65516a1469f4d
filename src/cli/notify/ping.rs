//! A sign of life, for a watcher that raises an alarm where it hears nothing.

use refpoint::fleet::{self, Hidden, Moment, PingMethod, PingStyle};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Request};

use super::address::Address;
use super::client::{self, Way};
use super::courier::Answer;
use super::hook::proxy;
use super::payload::Message;
use crate::cli::error::Error;
use crate::cli::metrics::Clock;
use crate::cli::secret;
use crate::cli::ui::Ui;

/// A watcher, with everything that asking takes.
pub(super) struct Watcher {
    url: Option<Address>,
    style: PingStyle,
    start: Option<Address>,
    success: Option<Address>,
    failure: Option<Address>,
    method: PingMethod,
    client: Client,
    clock: Clock,
}

/// One sign of life.
pub(super) struct Sign {
    address: Address,
    words: String,
}

impl Watcher {
    /// Looks up what the plan says of it.
    pub(super) fn new(ping: &fleet::Ping, clock: Clock, ui: &mut Ui) -> Result<Self, Error> {
        let mut address = |hidden: &Option<Hidden>| -> Result<Option<Address>, Error> {
            let Some(hidden) = hidden else { return Ok(None) };
            let text = secret::of_plan(hidden, "address of a watcher", ui)?;
            Address::parse(&text, "a watcher").map(Some)
        };
        let url = address(&ping.url)?;
        let (start, success, failure) =
            (address(&ping.start)?, address(&ping.success)?, address(&ping.failure)?);
        let Some(any) = [&url, &start, &success, &failure].into_iter().flatten().next() else {
            return Err(Error::usage("a watcher without an address"));
        };
        let proxy = proxy(ping.proxy.as_ref(), ui)?;
        let way = Way { ca: ping.ca.as_deref(), proxy: proxy.as_ref(), timeout: ping.timeout };
        let client = client::new(any, &way)?;
        Ok(Self { url, style: ping.style, start, success, failure, method: ping.method, client, clock })
    }

    /// Returns an address of it, to call it by.
    pub(super) fn address(&self) -> Option<&Address> {
        [&self.url, &self.success, &self.failure, &self.start].into_iter().flatten().next()
    }

    /// Returns what is asked there; nothing, where it does not want to hear of this.
    pub(super) fn sign(&self, message: &Message) -> Option<Sign> {
        Some(Sign { address: self.address_for(message)?, words: message.words() })
    }

    fn address_for(&self, message: &Message) -> Option<Address> {
        let moment = message.moment();
        let other = match moment {
            Moment::Started => &self.start,
            Moment::Succeeded | Moment::Warned => &self.success,
            Moment::Failed | Moment::Stopped => &self.failure,
        };
        if other.is_some() {
            return other.clone();
        }
        let url = self.url.as_ref()?;
        let is_well = matches!(moment, Moment::Succeeded | Moment::Warned);
        match (self.style, message) {
            (PingStyle::Plain, _) => is_well.then(|| url.clone()),
            (_, Message::Begun(_)) => Some(url.with("start")),
            (PingStyle::Healthchecks, _) if is_well => Some(url.clone()),
            (PingStyle::ExitCode, _) => match message.exit_code() {
                // A run that is not over is not well, whatever its process ended with.
                Some(code) if code != 0 || is_well => Some(url.with(&code.to_string())),
                _ => Some(url.with("fail")),
            },
            (PingStyle::Healthchecks, _) => Some(url.with("fail")),
        }
    }

    /// Tries once.
    pub(super) async fn send(&self, sign: &Sign) -> Answer {
        match self.request(sign) {
            Ok(request) => client::read(self.client.execute(request).await, (self.clock)()),
            Err(error) => Answer::Refused(error.without_url().to_string()),
        }
    }

    fn request(&self, sign: &Sign) -> reqwest::Result<Request> {
        let url = sign.address.url();
        match self.method {
            PingMethod::Get => self.client.get(url).build(),
            PingMethod::Post => self
                .client
                .post(url)
                .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
                .body(sign.words.clone())
                .build(),
        }
    }
}

//! Who is to be told how a run goes: the table `[notify]` of a plan. The sending is the program's.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::client::Secret;

/// Who is told when a run begins and ends.
///
/// Addresses may let their bearer in. What is wrong with a plan is therefore to be shown as the message and the line
/// of its error: the error itself quotes the line.
///
/// ```
/// use refpoint::fleet::{Moment, Notify, PingStyle};
///
/// let notify: Notify = toml::from_str(
///     r#"
///     patience = "30s"
///
///     [[webhook]]
///     url = "https://chat.example/hooks/refpoint"
///     key_credential = "webhook-key"
///     on = ["failed", "stopped"]
///
///     [ping]
///     url_file = "/etc/refpoint/nightly.ping"
///     style = "exit-code"
///     "#,
/// )?;
/// assert_eq!(notify.webhook[0].on, [Moment::Failed, Moment::Stopped]);
/// assert_eq!(notify.ping.unwrap().style, PingStyle::ExitCode);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Whom to send JSON to, signed.
    pub webhook: Vec<Webhook>,
    /// Which watcher of timers to tell that we are alive.
    pub ping: Option<Ping>,
    /// How long the end of a run may wait for those who are to hear of it: `"30s"`.
    #[serde(deserialize_with = "duration")]
    pub patience: Duration,
}

impl Notify {
    /// Says whether nobody is told.
    ///
    /// ```
    /// assert!(refpoint::fleet::Notify::default().is_nobody());
    /// ```
    pub fn is_nobody(&self) -> bool {
        self.webhook.is_empty() && self.ping.is_none()
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self { webhook: Vec::new(), ping: None, patience: PATIENCE }
    }
}

/// An address that is sent JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WebhookDraft")]
#[non_exhaustive]
pub struct Webhook {
    /// Where.
    pub url: Hidden,
    /// What the messages are signed with; without, they are not.
    pub key: Option<Hidden>,
    /// When.
    pub on: Vec<Moment>,
    /// How much of the run it is told.
    pub report: Extent,
    /// The only authorities, in PEM, that may have signed its certificate; without, those of the system.
    pub ca: Option<PathBuf>,
    /// The way there: the address of a proxy, or `env` for that of the environment; without, straight.
    pub proxy: Option<Hidden>,
    /// How long one try may take.
    pub timeout: Duration,
}

impl Webhook {
    /// Returns one that is told how runs end.
    pub fn new(url: Hidden) -> Self {
        Self {
            url,
            key: None,
            on: ENDS.to_vec(),
            report: Extent::default(),
            ca: None,
            proxy: None,
            timeout: TIMEOUT,
        }
    }
}

/// A watcher of timers: one that raises an alarm where it hears nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "PingDraft")]
#[non_exhaustive]
pub struct Ping {
    /// Where it listens; what is asked there follows from the style.
    pub url: Option<Hidden>,
    /// How addresses are made of the one.
    pub style: PingStyle,
    /// Another address for the start.
    pub start: Option<Hidden>,
    /// Another address for runs that ended well.
    pub success: Option<Hidden>,
    /// Another address for runs that did not.
    pub failure: Option<Hidden>,
    /// Whether a few words go along.
    pub method: PingMethod,
    /// The only authorities, in PEM, that may have signed its certificate; without, those of the system.
    pub ca: Option<PathBuf>,
    /// The way there: the address of a proxy, or `env` for that of the environment; without, straight.
    pub proxy: Option<Hidden>,
    /// How long one try may take.
    pub timeout: Duration,
}

impl Ping {
    /// Returns one in the manner of healthchecks.io.
    pub fn new(url: Hidden) -> Self {
        Self {
            url: Some(url),
            style: PingStyle::default(),
            start: None,
            success: None,
            failure: None,
            method: PingMethod::default(),
            ca: None,
            proxy: None,
            timeout: TIMEOUT,
        }
    }
}

/// Something that lets its bearer in, or tells where it is kept. It shows itself nowhere.
#[derive(Clone, Debug)]
pub enum Hidden {
    /// As it stands in the plan.
    Given(Secret<String>),
    /// The first line of a file.
    File(PathBuf),
    /// The first line of a credential of the service that runs this (`$CREDENTIALS_DIRECTORY/NAME`).
    Credential(String),
}

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A run begins, or is taken up again.
    Started,
    /// All is done.
    Succeeded,
    /// All is done, with something to look at.
    Warned,
    /// Something is not done.
    Failed,
    /// It was stopped before it was over: `fleet resume` goes on.
    Stopped,
}

impl Moment {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// How much of a run is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Its sums, and the failures by cause.
    #[default]
    Summary,
    /// Every host and unit too.
    Full,
}

/// What is asked of a watcher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PingStyle {
    /// `URL/start`, `URL` and `URL/fail`.
    #[default]
    Healthchecks,
    /// `URL/start`, and `URL/0` … with the exit code.
    ExitCode,
    /// `URL` where a run ended well, and nothing otherwise.
    Plain,
}

/// How a watcher is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PingMethod {
    /// With a few words of how it went.
    #[default]
    Post,
    /// With nothing but the address.
    Get,
}

/// A webhook, before its keys have been looked at together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookDraft {
    url: Option<Text>,
    url_file: Option<PathBuf>,
    url_credential: Option<String>,
    key_file: Option<PathBuf>,
    key_credential: Option<String>,
    #[serde(default = "ends")]
    on: Vec<Moment>,
    #[serde(default)]
    report: Extent,
    ca: Option<PathBuf>,
    proxy: Option<Text>,
    #[serde(default = "timeout", deserialize_with = "duration")]
    timeout: Duration,
}

impl TryFrom<WebhookDraft> for Webhook {
    type Error = Refused;

    fn try_from(draft: WebhookDraft) -> Result<Self, Refused> {
        let url = one_of("url", draft.url, draft.url_file, draft.url_credential)?;
        Ok(Self {
            url: url.ok_or(Refused::Nowhere)?,
            key: one_of("key", None, draft.key_file, draft.key_credential)?,
            on: if draft.on.is_empty() { return Err(Refused::Never) } else { draft.on },
            report: draft.report,
            ca: draft.ca,
            proxy: draft.proxy.map(Text::hidden),
            timeout: draft.timeout,
        })
    }
}

/// A ping, before its keys have been looked at together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PingDraft {
    url: Option<Text>,
    url_file: Option<PathBuf>,
    url_credential: Option<String>,
    style: Option<PingStyle>,
    start_url: Option<Text>,
    success_url: Option<Text>,
    failure_url: Option<Text>,
    #[serde(default)]
    method: PingMethod,
    ca: Option<PathBuf>,
    proxy: Option<Text>,
    #[serde(default = "timeout", deserialize_with = "duration")]
    timeout: Duration,
}

impl TryFrom<PingDraft> for Ping {
    type Error = Refused;

    fn try_from(draft: PingDraft) -> Result<Self, Refused> {
        let url = one_of("url", draft.url, draft.url_file, draft.url_credential)?;
        let others = [&draft.start_url, &draft.success_url, &draft.failure_url];
        if url.is_none() && others.iter().all(|other| other.is_none()) {
            return Err(Refused::Nowhere);
        }
        if url.is_none() && draft.style.is_some() {
            return Err(Refused::StyleOfNothing);
        }
        Ok(Self {
            url,
            style: draft.style.unwrap_or_default(),
            start: draft.start_url.map(Text::hidden),
            success: draft.success_url.map(Text::hidden),
            failure: draft.failure_url.map(Text::hidden),
            method: draft.method,
            ca: draft.ca,
            proxy: draft.proxy.map(Text::hidden),
            timeout: draft.timeout,
        })
    }
}

/// Why a table makes no sense. None of it shows a value.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it says nowhere to send to: url, url_file or url_credential does")]
    Nowhere,
    #[error("{0}, {0}_file and {0}_credential say the same: write one of them")]
    Twice(&'static str),
    #[error("a style makes addresses of url, and there is none")]
    StyleOfNothing,
    #[error("on = [] would send nothing, ever")]
    Never,
}

fn one_of(
    name: &'static str,
    given: Option<Text>,
    file: Option<PathBuf>,
    credential: Option<String>,
) -> Result<Option<Hidden>, Refused> {
    let ways = [given.map(Text::hidden), file.map(Hidden::File), credential.map(Hidden::Credential)];
    let mut ways = ways.into_iter().flatten();
    match (ways.next(), ways.next()) {
        (way, None) => Ok(way),
        _ => Err(Refused::Twice(name)),
    }
}

/// A text of which nobody knows whether it lets its bearer in.
struct Text(Secret<String>);

impl Text {
    fn hidden(self) -> Hidden {
        Hidden::Given(self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What is wrong with the text must not be said with the text in it.
        let text = String::deserialize(deserializer).map_err(|_| de::Error::custom("expected a text"))?;
        Ok(Self(Secret::new(text)))
    }
}

/// Reads `"500ms"`, `"10s"`, `"2m"`, or seconds as a number.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Length;
    impl Visitor<'_> for Length {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a length of time between 1ms and 1h, like \"10s\" or \"2m\"")
        }

        fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
            let length = u64::try_from(seconds).ok().map(Duration::from_secs).filter(is_sensible);
            length.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(seconds), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            let length = || {
                let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
                let unit = match unit {
                    "ms" => Duration::from_millis(1),
                    "s" => Duration::from_secs(1),
                    "m" => Duration::from_secs(60),
                    "h" => Duration::from_secs(3600),
                    _ => return None,
                };
                unit.checked_mul(number.parse().ok()?).filter(is_sensible)
            };
            length().ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Length)
}

fn is_sensible(length: &Duration) -> bool {
    !length.is_zero() && *length <= Duration::from_secs(3600)
}

fn ends() -> Vec<Moment> {
    ENDS.to_vec()
}

fn timeout() -> Duration {
    TIMEOUT
}

/// What a webhook is told that does not say what it wants.
const ENDS: &[Moment] = &[Moment::Succeeded, Moment::Warned, Moment::Failed, Moment::Stopped];

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end of a run waits.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Notify, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_without_it_tells_nobody() {
        let notify = read("").unwrap();
        assert!(notify.webhook.is_empty() && notify.ping.is_none());
        assert_eq!(notify.patience, Duration::from_secs(30));
    }

    #[test]
    fn what_is_not_said_of_a_webhook_has_a_default() {
        let notify = read("[[webhook]]\nurl = 'https://a.example/x'").unwrap();
        let hook = &notify.webhook[0];
        assert_eq!((hook.on.len(), hook.report, hook.timeout.as_secs()), (4, Extent::Summary, 10));
        assert!(!hook.on.contains(&Moment::Started) && hook.key.is_none());
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused_with_its_line_and_without_its_secrets() {
        for (text, words) in [
            ("[[webhook]]\nreport = 'full'", "it says nowhere to send to"),
            ("[[webhook]]\nurl = 'https://t0ken'\nurl_file = 'x'", "url, url_file and url_credential"),
            ("[[webhook]]\nurl_file = 'x'\nkey_file = 'x'\nkey_credential = 'x'", "key, key_file and"),
            ("[[webhook]]\nurl_file = 'x'\nkey = 't0ken'", "unknown field `key`"),
            ("[[webhook]]\nurl_file = 'x'\non = ['done']", "unknown variant `done`"),
            ("[[webhook]]\nurl_file = 'x'\non = []", "would send nothing"),
            ("[[webhook]]\nurl_file = 'x'\ntimeout = '10'", "like \"10s\""),
            ("[[webhook]]\nurl_file = 'x'\ntimeout = '0s'", "like \"10s\""),
            ("[[webhook]]\nurl_file = 'x'\ntimeout = '99999999999h'", "like \"10s\""),
            ("[[webhook]]\nurl_file = 'x'\ntimeout = -1", "like \"10s\""),
            ("[ping]\nmethod = 'get'", "it says nowhere to send to"),
            ("[ping]\nstyle = 'plain'\nsuccess_url = 'x'", "there is none"),
            ("[ping]\nurl = 'x'\nfail = 'x'", "unknown field `fail`"),
            ("patience = '2 weeks'", "like \"10s\""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words) && error.contains("line "), "{text}: {error}");
        }
    }

    #[test]
    fn the_message_of_an_error_shows_no_address() {
        for text in [
            "[[webhook]]\nurl = ['https://t0ken']",
            "[[webhook]]\nurl = 'https://t0ken'\nurl_file = 'x'",
            "[[webhook]]\nurl_file = 'x'\nkey = 't0ken'",
            "[ping]\nurl = 'https://t0ken'\nproxy = { t0ken = 1 }",
            "[ping]\nurl = 'https://t0ken",
        ] {
            let error = toml::from_str::<Notify>(text).unwrap_err();
            assert!(!error.message().contains("t0ken") && error.span().is_some(), "{}", error.message());
        }
    }

    #[test]
    fn no_debug_text_shows_an_address() {
        let text = "[[webhook]]\nurl = 'https://a.example/t0ken'\nproxy = 'http://u:t0ken@p'\n\
                    [ping]\nurl = 'https://b.example/t0ken'\nstart_url = 'https://b.example/t0ken'";
        let shown = format!("{:?}", read(text).unwrap());
        assert!(!shown.contains("t0ken") && !shown.contains("example"), "{shown}");
    }
}

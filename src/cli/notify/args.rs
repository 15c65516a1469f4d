//! Whom to tell, beside those that the plan names.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use refpoint::client::Secret;
use refpoint::fleet::{Hidden, Moment, Notify, Ping, Webhook};

/// Whom to tell, beside those that the plan names.
///
/// An address often lets its bearer in, and everybody on the machine can read the arguments of a program: the
/// environment and the plan keep it to themselves.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Notification")]
pub(crate) struct NotifyArgs {
    /// Send JSON to this address when the run begins and ends; better as REFPOINT_NOTIFY_URL, which others cannot see
    #[arg(long, value_name = "URL", env = "REFPOINT_NOTIFY_URL", hide_env_values = true)]
    notify_url: Option<Bearer>,
    /// Sign what is sent to --notify-url with the key in the first line of this file
    #[arg(long, value_name = "FILE", requires = "notify_url")]
    notify_key_file: Option<PathBuf>,
    /// Give this watcher of timers (healthchecks.io and the like) a sign of life when the run begins and ends; better
    /// as REFPOINT_PING_URL, which others cannot see
    #[arg(long, value_name = "URL", env = "REFPOINT_PING_URL", hide_env_values = true)]
    ping_url: Option<Bearer>,
}

impl NotifyArgs {
    /// Returns whom to tell in all. The argument takes the place of the plan's watcher, of which there is one.
    pub(crate) fn join(&self, mut plan: Notify) -> Notify {
        if let Some(Bearer(url)) = &self.notify_url {
            let mut hook = Webhook::new(Hidden::Given(url.clone()));
            hook.key = self.notify_key_file.clone().map(Hidden::File);
            hook.on.insert(0, Moment::Started);
            plan.webhook.push(hook);
        }
        if let Some(Bearer(url)) = &self.ping_url {
            plan.ping = Some(Ping::new(Hidden::Given(url.clone())));
        }
        plan
    }
}

/// An address that nobody else is to see. What is wrong with it is found later, where it is not quoted.
#[derive(Clone, Debug)]
struct Bearer(Secret<String>);

impl FromStr for Bearer {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Secret::new(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        notify: NotifyArgs,
    }

    #[test]
    fn arguments_come_beside_the_plan_and_show_no_address() {
        let words =
            ["x", "--notify-url", "https://a.example/t0ken", "--ping-url", "t0ken", "--notify-key-file", "k"];
        let words = Words::parse_from(words);
        assert!(!format!("{words:?}").contains("t0ken"), "{words:?}");
        let notify = words.notify.join(Notify::default());
        assert_eq!((notify.webhook.len(), notify.webhook[0].on.len()), (1, 5));
        assert!(notify.ping.is_some() && matches!(&notify.webhook[0].key, Some(Hidden::File(_))));
        let none = NotifyArgs::default().join(Notify::default());
        assert!(none.webhook.is_empty() && none.ping.is_none());
    }
}

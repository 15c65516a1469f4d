//! `refpoint doctor`: layer by layer from a name to an export, with a cause and one thing to do about each.
//!
//! Nothing is changed anywhere: no method is called. Layers are looked at in their order, and what lies behind one
//! that has failed is not reached. `finding` is what comes of a layer, `here` names commands of
//! this machine; `way`, `login`, `quotas`, `hyperv` and
//! `directory` look at them; `trouble` says what an error means; `view` shows it all.

mod account;
mod directory;
mod finding;
mod here;
mod hyperv;
mod login;
mod quotas;
mod trouble;
mod view;
mod way;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use refpoint::client::{Error as SessionError, Options, Protocol, Retries, Session, Target};
use refpoint::transport::Welcome;
use tokio::time::{Instant, timeout_at};

use self::finding::{Blocks, Finding, Fix, Layer, Status, exit_of};
use self::hyperv::Known;
use self::view::Subject;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Find out what is in the way of an export, from the name to the rights, and what to do about it
///
/// Nothing is changed: no method is called, and a password is tried once. It ends with the code of the first layer
/// that fails, or with 3 where there are warnings only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint doctor hv01 --user 'CORP\\backup'\n  \
                        refpoint doctor https://hv01.corp.example --user backup@CORP.EXAMPLE --to 'D:\\exports\\web01' \
                        --json")]
pub(crate) struct Args {
    /// Look at this directory of the host too, as export --to has it
    #[arg(long, value_name = "DIR")]
    to: Option<String>,
    /// The same as -o json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let target = args.connection.target(Who::User, ui)?;
    let format = output.output.unwrap_or(if args.json { Format::Json } else { Format::Table });
    let subject = Subject {
        endpoint: target.endpoint.to_string(),
        user: account::said(&target),
        started: Timestamp::now().to_string(),
    };
    runtime::wait(async {
        let length = args.connection.deadline();
        let deadline = Deadline::after(target.deadline).moment();
        let mut examination = Examination::new(target, args.to.clone());
        view::begin(&subject, format, ui)?;
        for layer in examination.plan() {
            view::wait(layer, ui);
            let finding = examination.look_at(layer, deadline, length.unwrap_or_default()).await;
            ui.status(None);
            view::show(&finding, format, ui)?;
            examination.found.push(finding);
        }
        examination.close(deadline).await;
        view::end(&subject, &examination.found, format, ui)?;
        view::legend(&examination.found, format, ui)?;
        Ok(exit_of(&examination.found))
    })
}

/// A host being looked at.
struct Examination {
    target: Target,
    to: Option<String>,
    found: Vec<Finding>,
    addresses: Vec<SocketAddr>,
    welcome: Option<Welcome>,
    /// By how many seconds the host's clock is ahead of ours, by what it says to everybody.
    ahead: Option<i64>,
    attempt: Option<Result<Session, SessionError>>,
    /// The fault of a quota, met with before quotas were looked at.
    quota: Option<SessionError>,
    known: Known,
}

impl Examination {
    fn new(mut target: Target, to: Option<String>) -> Self {
        // One attempt shows more than the sixth: what passes by itself is to be seen as well.
        target.retries = Retries::NONE;
        // It is counted here, over everything.
        target.deadline = None;
        target.operation_timeout = target.operation_timeout.min(LONGEST_OPERATION);
        target.margin = MARGIN;
        let mut options = Options::clone(&target.options);
        options.timeouts.connect = options.timeouts.connect.min(way::PATIENCE);
        options.timeouts.first_byte = options.timeouts.first_byte.min(SILENCE);
        options.timeouts.total = Some(SILENCE);
        target.options = Arc::new(options);
        Self {
            target,
            to,
            found: Vec::new(),
            addresses: Vec::new(),
            welcome: None,
            ahead: None,
            attempt: None,
            quota: None,
            known: Known::default(),
        }
    }

    /// Returns the layers that there are for this target, in order.
    fn plan(&self) -> Vec<Layer> {
        use Layer as L;
        let all = [
            L::Name,
            L::Tcp,
            L::Tls,
            L::Winrm,
            L::Schemes,
            L::Kerberos,
            L::Login,
            L::Rights,
            L::Quotas,
            L::Namespace,
            L::Role,
            L::Machines,
            L::Services,
            L::Clock,
            L::Directory,
        ];
        let applies = |layer: &Layer| match layer {
            L::Kerberos => way::kerberos_applies(&self.target),
            L::Directory => self.to.is_some(),
            _ => true,
        };
        all.into_iter().filter(applies).collect()
    }

    /// Returns the layer that keeps this one from being reached.
    fn in_the_way(&self, layer: Layer) -> Option<Layer> {
        let blocks = |finding: &&Finding| {
            finding.status == Status::Fail
                && match finding.blocks {
                    Blocks::Nothing => false,
                    Blocks::HyperV => layer.is_of_hyperv(),
                    Blocks::Everything => true,
                }
        };
        self.found.iter().find(blocks).map(|finding| finding.layer)
    }

    /// Looks at a layer, for as long as there is time.
    async fn look_at(&mut self, layer: Layer, deadline: Option<Instant>, length: Duration) -> Finding {
        if layer == Layer::Directory
            && let Some(Err(finding)) = self.to.as_deref().map(directory::form)
        {
            return *finding;
        }
        if let Some(other) = self.in_the_way(layer) {
            return Finding::not_reached(layer, format!("not reached, because of {}", other.name()));
        }
        let Some(deadline) = deadline else { return self.examine(layer).await };
        match timeout_at(deadline, self.examine(layer)).await {
            Ok(finding) => finding,
            Err(_) => {
                let seen = format!("the deadline of {} passed while this was looked at", way::shown(length));
                let fix = Fix::new(
                    "Give it more time with a longer --deadline, or none: each layer has its own limits",
                );
                Finding::fail(layer, Exit::Deadline, seen, fix)
            }
        }
    }

    async fn examine(&mut self, layer: Layer) -> Finding {
        let target = &self.target;
        match layer {
            Layer::Name => way::name(target, &mut self.addresses).await,
            Layer::Tcp => way::tcp(target, &self.addresses).await,
            Layer::Tls if target.endpoint.protocol() == Protocol::Http => way::without_tls(target),
            Layer::Tls => way::tls(target).await,
            Layer::Winrm => {
                let finding = way::winrm(target, &mut self.welcome).await;
                let date = self.welcome.as_ref().and_then(|welcome| welcome.date);
                self.ahead = date.map(|date| hyperv::seconds_after(date, SystemTime::now()));
                finding
            }
            Layer::Schemes => match &self.welcome {
                Some(welcome) => way::schemes(target, welcome),
                None => Finding::not_reached(layer, "not reached"),
            },
            Layer::Kerberos => {
                let ahead = self.ahead;
                login::kerberos(&target.clone(), self.attempt().await, ahead)
            }
            Layer::Login => login::login(&target.clone(), self.attempt().await),
            behind => self.ask(behind).await,
        }
    }

    /// Returns the one attempt to log in.
    async fn attempt(&mut self) -> &Result<Session, SessionError> {
        if self.attempt.is_none() {
            self.attempt = Some(login::log_in(self.target.clone()).await);
        }
        self.attempt.as_ref().expect("made by the lines above")
    }

    /// Looks at a layer behind the login.
    async fn ask(&mut self, layer: Layer) -> Finding {
        let Self { target, known, attempt, quota, to, .. } = self;
        let session = match attempt.take() {
            Some(Ok(session)) => session,
            other => {
                *attempt = other;
                return Finding::not_reached(layer, "not reached");
            }
        };
        if layer == Layer::Directory {
            return match to.as_deref().map(directory::form) {
                Some(Ok(directory)) => directory::look(&directory, session).await,
                Some(Err(finding)) => *finding,
                None => Finding::not_reached(layer, "not asked for"),
            };
        }
        let session = match attempt.insert(Ok(session)) {
            Ok(session) => session,
            Err(_) => return Finding::not_reached(layer, "not reached"),
        };
        match layer {
            Layer::Rights => match login::rights(target, session, &mut known.version).await {
                Ok(finding) => finding,
                Err(error) if error.is_quota() => {
                    *quota = Some(error);
                    Finding::pass(layer, "the host answers this account, though with the fault of a quota")
                }
                Err(error) => trouble::Trouble::of_session(&error).at(layer),
            },
            Layer::Quotas => quotas::quotas(session, quota.take()).await,
            Layer::Namespace => hyperv::namespace(target, session, known).await,
            Layer::Role => hyperv::role(session, known).await,
            Layer::Machines => hyperv::machines(target, session, known).await,
            Layer::Services => hyperv::services(target, session, known).await,
            _ => hyperv::clock(session, known).await,
        }
    }

    /// Says goodbye, for a moment.
    async fn close(&mut self, deadline: Option<Instant>) {
        if let Some(Ok(session)) = self.attempt.take() {
            let longest = Instant::now() + GOODBYE;
            let end = deadline.map_or(longest, |deadline| deadline.min(longest));
            // What is still open on the host ends by itself.
            let _ = timeout_at(end, session.close()).await;
        }
    }
}

/// A question of this command takes a host the fraction of a second.
const LONGEST_OPERATION: Duration = Duration::from_secs(20);
const MARGIN: Duration = Duration::from_secs(5);
/// Who says nothing for so long before the login has nothing to say.
const SILENCE: Duration = Duration::from_secs(15);
const GOODBYE: Duration = Duration::from_secs(1);

//! `refpoint cim watch`: events as they happen.

mod events;
mod poll;
mod query;

use std::time::Duration;

use refpoint::cim::{Catalog, Interval};
use refpoint::client::{Error as SessionError, Fault, Item, Session, Subscribe};
use tokio::time::{Instant, sleep, sleep_until};

use self::events::Shown;
use self::poll::{Failure, Polling};
use self::query::Polled;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::runtime::Deadline;
use crate::cli::schema::{Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, duration, runtime};

/// Show events as they happen, until Ctrl-C
///
/// The host is asked to keep the events of a query (a pull subscription, which is ended at the end, and which the host
/// drops by itself within five minutes if this program is killed). Where it keeps none, or where the query is for
/// objects, they are looked at every so often: what comes and goes between two looks is not seen then, and of several
/// changes only their sum.
///
/// After a lost connection it goes on, says so, and ends with exit code 3: events may have been missed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        refpoint cim watch hv01 \"SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE TargetInstance \
                        ISA 'CIM_ConcreteJob'\"\n  \
                        refpoint cim watch hv01 \"SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA \
                        'Win32_Process'\" --namespace root/cimv2 --count 1 -o jsonl\n  \
                        refpoint cim watch hv01 \"SELECT * FROM Msvm_ComputerSystem\" --poll 10s --for 1h")]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The query: for events, WITHIN so many seconds, or for the objects whose changes are of interest
    query: String,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after so long
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    time: Option<Duration>,
    /// Do not subscribe: look every so often
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
    /// When polling, know objects again by these properties; for classes whose keys nobody knows
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    keys: Vec<String>,
    #[command(flatten)]
    schema: SchemaArgs,
}

/// How watching goes on.
enum Next {
    /// Nothing more is wanted.
    Enough,
    /// The host does not keep events.
    Poll(Box<Fault>),
    /// The subscription is over without having been ended.
    Lost(String),
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let polled = query::read(&args.query);
    let must_poll = args.poll.is_some() || !query::is_for_events(&args.query);
    if must_poll && let Err(reason) = &polled {
        return Err(cannot_poll(reason));
    }
    let target = args.connection.target(Who::User, ui)?;
    runtime::follow(Deadline::NONE, async |signals| {
        let end = args.time.map(|time| Instant::now() + time);
        let over = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let mut session = tokio::select! {
            session = args.connection.open(target, ui) => session?,
            signal = signals.next() => return Err(signal),
        };
        let shown = Shown::new(output.output.unwrap_or(Format::Table));
        let mut watch = Watch { args, polled, ui, shown, has_gap: false };
        let done = tokio::select! {
            done = watch.run(&mut session, must_poll) => done,
            () = over => Ok(()),
            signal = signals.next() => Err(signal),
        };
        // What is open on the host is ended before anything else, whoever wants this program to end.
        let closed = session.close().await;
        watch.end(done, closed.err())
    })
}

struct Watch<'w> {
    args: &'w Args,
    polled: Result<Polled, String>,
    ui: &'w mut Ui,
    shown: Shown,
    has_gap: bool,
}

impl Watch<'_> {
    async fn run(&mut self, session: &mut Session, must_poll: bool) -> Result<(), Error> {
        if must_poll {
            return self.poll(session).await;
        }
        let mut pause = FIRST_PAUSE;
        let mut is_first = true;
        loop {
            let before = self.shown.count;
            let next = self.subscribe(session, is_first).await?;
            if self.shown.count > before {
                pause = FIRST_PAUSE;
            }
            match next {
                Next::Enough => return Ok(()),
                Next::Poll(fault) => match &self.polled {
                    Ok(_) => {
                        self.ui
                            .note(&format!("{}: the host keeps no events ({fault}): polling", self.host()));
                        return self.poll(session).await;
                    }
                    Err(reason) => {
                        let error = Error::new(Exit::RemoteFailed, format!("{}: {fault}", self.host()));
                        return Err(error.hint(format!("and it cannot be polled: {reason}")));
                    }
                },
                Next::Lost(why) => {
                    self.has_gap = true;
                    self.ui.warn(&format!("{}: {why}: subscribing again; events may be missed", self.host()));
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            is_first = false;
        }
    }

    /// Shows the events of one subscription, until it is over.
    async fn subscribe(&mut self, session: &mut Session, is_first: bool) -> Result<Next, Error> {
        let mut request = Subscribe::query(&self.args.connection.namespace(), self.args.query.as_str());
        request.heartbeats = Some(Interval::new(HEARTBEAT));
        request.expires = Some(Interval::new(LIFE));
        let mut events = match session.subscribe(request).await {
            Ok(events) => events,
            Err(error) => return self.failed(error, is_first),
        };
        self.ui.note(if is_first { "waiting for events; Ctrl-C ends it" } else { "subscribed again" });
        loop {
            match events.next().await {
                None => return Ok(Next::Lost("the host has ended the subscription".to_owned())),
                Some(Ok(
                    Item::Object(event) | Item::Projection(event) | Item::ObjectAndReference(event, _),
                )) => {
                    self.shown.show(event, self.ui)?;
                    if self.is_enough() {
                        return Ok(Next::Enough);
                    }
                }
                Some(Ok(Item::Reference(_))) => {}
                Some(Err(error)) => return self.failed(error, false),
            }
        }
    }

    /// Says what a failure means for watching.
    fn failed(&self, error: SessionError, is_first: bool) -> Result<Next, Error> {
        if let Some(fault) = error.fault().filter(|fault| keeps_no_events(fault)) {
            return Ok(Next::Poll(Box::new(fault.clone())));
        }
        let is_over = error.is_deadline() || error.is_login() || error.is_access_denied() || error.is_tls();
        // What nobody could be told at the beginning is the user's to know; later it is an interruption.
        let is_lost =
            error.is_context_gone() || error.transport().is_some() || error.is_busy() || error.is_timeout();
        let is_lost = is_lost || error.is_outcome_unknown() || error.is_result_lost();
        if !is_over && is_lost && !is_first {
            return Ok(Next::Lost(error.to_string()));
        }
        let failure = diagnosis::of_session(error, &self.host());
        Err(
            match query::is_for_events(&self.args.query)
                && !self.args.query.to_ascii_uppercase().contains("WITHIN")
            {
                true => failure.hint("event queries need WITHIN and a number of seconds"),
                false => failure,
            },
        )
    }

    async fn poll(&mut self, session: &mut Session) -> Result<(), Error> {
        let polled = self.polled.clone().map_err(|reason| cannot_poll(&reason))?;
        let namespace = self.args.connection.namespace();
        let (schema, keys) = self.known(session, &namespace, &polled.class).await?;
        let every = self.args.poll.or(polled.within).unwrap_or(EVERY).max(SHORTEST_EVERY);
        let class = polled.class.clone();
        let mut polling = Polling::new(polled, &namespace, schema, keys);
        self.ui.note(&format!(
            "looking at {class} every {every:?}; what comes and goes in between is not seen; Ctrl-C ends it"
        ));
        let mut has_looked = false;
        let mut has_failed = false;
        loop {
            let begun = Instant::now();
            match polling.look(session, events::now()).await {
                Ok(events) => {
                    if std::mem::take(&mut has_failed) {
                        self.ui.note("the host answers again");
                    }
                    has_looked = true;
                    for event in events {
                        self.shown.show(event, self.ui)?;
                        if self.is_enough() {
                            return Ok(());
                        }
                    }
                }
                Err(Failure::Session(error)) => {
                    let why = error.to_string();
                    match self.failed(error, !has_looked)? {
                        Next::Lost(_) if has_failed => {}
                        _ => {
                            self.has_gap = true;
                            self.ui.warn(&format!(
                                "{}: {why}: looking again; events may be missed",
                                self.host()
                            ));
                        }
                    }
                    has_failed = true;
                }
                Err(Failure::TooMany) => {
                    return Err(Error::new(
                        Exit::Failed,
                        format!("there are too many of {class} to compare them"),
                    )
                    .hint("a subscription has the host compare them"));
                }
                Err(Failure::NoKeys(what)) => {
                    return Err(Error::new(Exit::Failed, format!("objects cannot be known again: {what}"))
                        .hint("--keys NAME,… says by what"));
                }
            }
            sleep_until(begun + every).await;
        }
    }

    /// Returns by what objects are known again.
    async fn known(
        &self,
        session: &mut Session,
        namespace: &str,
        class: &str,
    ) -> Result<(Schema, Vec<String>), Error> {
        let is_bundled = Catalog::bundled().is_known(class);
        let schema = match self.args.schema.schema {
            Source::Bundled if is_bundled || !self.args.keys.is_empty() => Schema::bundled(),
            // Nobody here knows the keys, so the host is asked.
            _ => {
                let told = Schema::of_host(session, namespace, class, &self.host()).await;
                told.map_err(|error| error.hint("--keys NAME,… says by what objects are known again"))?
            }
        };
        if !self.args.keys.is_empty() {
            return Ok((schema, self.args.keys.clone()));
        }
        let keys: Vec<String> = schema.catalog(class).keys(class).map(|key| key.name.to_string()).collect();
        match keys.is_empty() {
            true => {
                Err(Error::usage(format!("nobody knows the keys of {class}")).hint("--keys NAME,… says them"))
            }
            false => Ok((schema, keys)),
        }
    }

    fn is_enough(&self) -> bool {
        self.args.count.is_some_and(|most| self.shown.count >= most)
    }

    fn host(&self) -> String {
        self.args.connection.host()
    }

    /// Ends what is shown, and says how it ended.
    fn end(self, done: Result<(), Error>, left_over: Option<SessionError>) -> Result<Exit, Error> {
        let count = self.shown.finish(self.ui)?;
        if let Some(error) = left_over {
            self.ui.warn(&format!("the subscription may stay on the host for some minutes: {error}"));
        }
        done?;
        if count == 0 {
            self.ui.note("nothing has happened");
        }
        Ok(if self.has_gap { Exit::Warnings } else { Exit::Done })
    }
}

/// Returns whether a fault says that the host does not keep events of this kind for anybody.
fn keeps_no_events(fault: &Fault) -> bool {
    const LOCALS: [&str; 5] = [
        "UnsupportedFeature",
        "ActionNotSupported",
        "DeliveryModeRequestedUnavailable",
        "EventSourceUnableToProcess",
        "FilteringRequestedUnavailable",
    ];
    fault.subcode.as_ref().is_some_and(|subcode| LOCALS.contains(&subcode.local.as_str()))
}

fn cannot_poll(reason: &str) -> Error {
    Error::usage(format!("this query cannot be polled: {reason}")).hint(
        "SELECT * FROM CLASS, or FROM __InstanceModificationEvent WITHIN 5 WHERE TargetInstance ISA 'CLASS'",
    )
}

/// How often the host says that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long it keeps a subscription of which it hears nothing more.
const LIFE: Duration = Duration::from_secs(300);
/// How often is looked where nobody says.
const EVERY: Duration = Duration::from_secs(5);
/// A host has more to do.
const SHORTEST_EVERY: Duration = Duration::from_millis(100);
/// Pauses before one subscribes again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

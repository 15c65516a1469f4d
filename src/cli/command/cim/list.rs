//! `refpoint cim list`, `query` and `associators`: many instances, as they arrive.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use refpoint::cim::ObjectPath;
use refpoint::client::{Enumerate, Enumeration, Item, Mode, Session, Through};

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::columns;
use crate::cli::report::records::Records;
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, object, runtime};

/// List the instances of a class, those of its subclasses included
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint cim list hv01 Msvm_ComputerSystem\n  \
                        refpoint cim list hv01 CIM_ConcreteJob -o jsonl\n  \
                        refpoint cim list hv01 Win32_Volume --namespace root/cimv2")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The class
    class: String,
}

/// List the instances that a WQL query selects
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint cim query hv01 \"SELECT Name, EnabledState FROM Msvm_ComputerSystem WHERE \
                        ElementName LIKE 'web%'\""
)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The query
    wql: String,
}

/// List the instances that are associated with an object
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint cim associators hv01 Msvm_ConcreteJob InstanceID=BAFEF97B-… --via \
                        Msvm_AffectedJobElement\n  \
                        refpoint cim associators hv01 'Msvm_ConcreteJob.InstanceID=\"BAFEF97B-…\"' --result \
                        Msvm_ComputerSystem"
)]
pub(crate) struct AssociatorsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The object: CLASS key=value…, or its path in one word
    #[arg(required = true, value_name = "PATH")]
    path: Vec<String>,
    /// Only through associations of this class
    #[arg(long, value_name = "CLASS")]
    via: Option<String>,
    /// Only instances of this class
    #[arg(long, value_name = "CLASS")]
    result: Option<String>,
    /// Only where the object has this role in the association
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// What is listed.
enum Question {
    Enumerate(Box<Enumerate>),
    Associators(ObjectPath, Through),
}

/// Runs `cim list`.
pub(crate) fn list(args: &ListArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let class = object::parse_path(&args.class, &args.connection.namespace())?;
    if !class.keys.is_empty() {
        return Err(Error::usage("a class has no keys")
            .hint(format!("for one object: refpoint cim get … '{}'", args.class)));
    }
    let question = Question::Enumerate(Box::new(Enumerate::new(class)));
    let listed = ask(question, &args.connection, None, output, ui);
    listed.map_err(|error| diagnosis::with_class(error, &args.class))
}

/// Runs `cim query`.
pub(crate) fn query(args: &QueryArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let question = Enumerate::query(&args.connection.namespace(), args.wql.as_str());
    let selected = columns::selected(&args.wql);
    ask(Question::Enumerate(Box::new(question)), &args.connection, selected, output, ui)
}

/// Runs `cim associators`.
pub(crate) fn associators(args: &AssociatorsArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let path = object::parse(&args.path, &args.connection.namespace())?;
    let name = |text: &Option<String>| text.as_deref().map(Into::into);
    let through = Through {
        association_class: name(&args.via),
        result_class: name(&args.result),
        role: name(&args.role),
        ..Through::default()
    };
    ask(Question::Associators(path, through), &args.connection, None, output, ui)
}

fn ask(
    question: Question,
    connection: &ConnectionArgs,
    selected: Option<Vec<String>>,
    output: &OutputArgs,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    let target = connection.target(Who::User, ui)?;
    runtime::wait(async {
        let mut session = connection.open(target, ui).await?;
        let found = begin(&mut session, question, format);
        let count = print(found, Records::new(ui, format, selected), connection).await?;
        if count == 0 && format == Format::Table {
            ui.note("nothing found");
        }
        Ok(Exit::Done)
    })
}

fn begin(session: &mut Session, question: Question, format: Format) -> Enumeration<'_> {
    match question {
        // Names are the host's own, and need no object to be sent.
        Question::Enumerate(request) if format == Format::Name => {
            session.list(Enumerate { mode: Mode::Reference, ..*request })
        }
        Question::Enumerate(request) => session.list(*request),
        Question::Associators(path, through) => session.associators(&path, &through),
    }
}

/// Prints what is found as it is found.
async fn print(
    mut found: Enumeration<'_>,
    mut records: Records<'_>,
    connection: &ConnectionArgs,
) -> Result<usize, Error> {
    loop {
        let next = ready_or(found.next(), || records.catch_up()).await?;
        match next {
            None => return records.finish(),
            Some(Err(error)) => {
                // What came before the failure is shown before the failure is.
                records.catch_up()?;
                return Err(diagnosis::of_session(error, &connection.host()));
            }
            Some(Ok(Item::Reference(reference))) => {
                reference.path.iter().try_for_each(|path| records.name(path))?
            }
            Some(Ok(
                Item::Object(mut instance)
                | Item::Projection(mut instance)
                | Item::ObjectAndReference(mut instance, _),
            )) => {
                // What a projection leaves out is what was asked.
                instance.namespace.get_or_insert_with(|| connection.namespace().into());
                records.push(instance)?;
            }
        }
    }
}

/// Waits for something; where it does not come at once, does something else first.
async fn ready_or<T>(
    next: impl Future<Output = T>,
    meanwhile: impl FnOnce() -> Result<(), Error>,
) -> Result<T, Error> {
    let mut next = pin!(next);
    let mut meanwhile = Some(meanwhile);
    poll_fn(|context| match next.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => match meanwhile.take().map_or(Ok(()), |meanwhile| meanwhile()) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        },
    })
    .await
}

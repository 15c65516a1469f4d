//! `refpoint cim list`, `query` and `associators`: many instances, as they arrive.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use refpoint::cim::{Instance, ObjectPath};
use refpoint::client::{Enumerate, Enumeration, Item, Mode, Opening, Session, Through};

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::columns;
use crate::cli::report::records::Records;
use crate::cli::resource::ResourceArgs;
use crate::cli::schema::{Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{argument, diagnosis, object, runtime};

/// List the instances of a class, those of its subclasses included
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint cim list hv01 Msvm_ComputerSystem\n  \
                        refpoint cim list hv01 CIM_ConcreteJob -o jsonl --limit 10\n  \
                        refpoint cim list hv01 Win32_Volume --namespace root/cimv2 --select Name,FreeSpace\n  \
                        refpoint cim list hv01 --resource-uri winrm/config/listener")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The class
    #[arg(required_unless_present = "resource_uri", conflicts_with = "resource_uri")]
    class: Option<String>,
    #[command(flatten)]
    resource: ResourceArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

/// List the instances that a WQL query selects
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint cim query hv01 \"SELECT Name, EnabledState FROM Msvm_ComputerSystem WHERE \
                        ElementName LIKE 'web%'\"\n  \
                        refpoint cim query hv01 \"SELECT * FROM Win32_Service\" --namespace root/cimv2 --limit 5"
)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The query
    wql: String,
    #[command(flatten)]
    shown: ShownArgs,
}

/// List the instances that are associated with an object
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint cim associators hv01 Msvm_ConcreteJob InstanceID=BAFEF97B-… --via \
                        Msvm_AffectedJobElement\n  \
                        refpoint cim associators hv01 'Msvm_ConcreteJob.InstanceID=\"BAFEF97B-…\"' --result \
                        Msvm_ComputerSystem\n  \
                        refpoint cim associators hv01 Msvm_ComputerSystem CreationClassName=Msvm_ComputerSystem \
                        Name=3F2C… --references"
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
    /// Only instances that have this role in the association
    #[arg(long, value_name = "ROLE")]
    result_role: Option<String>,
    /// The associations themselves, instead of what they lead to
    #[arg(long, conflicts_with_all = ["result", "result_role"])]
    references: bool,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What of the instances is shown, and of how many.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is shown")]
struct ShownArgs {
    /// Only these properties; the host sends no others, where it can
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    select: Vec<String>,
    /// Stop after so many, and tell the host to stop as well
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Show these properties as the columns of the table
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    columns: Vec<String>,
}

/// What is listed.
enum Question {
    Enumerate(Box<Enumerate>),
    Associators(ObjectPath, Through),
    References(ObjectPath, Through),
}

/// A question, and how what it brings is shown.
struct Listing<'l> {
    question: Question,
    connection: &'l ConnectionArgs,
    shown: &'l ShownArgs,
    /// The properties that the question itself names.
    selected: Option<Vec<String>>,
    /// The class of which the host is asked what it is.
    schema: Option<ObjectPath>,
}

/// Runs `cim list`.
pub(crate) fn list(args: &ListArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let namespace = args.connection.namespace();
    let (class, is_class) = match (&args.class, args.resource.path()?) {
        (_, Some(resource)) => (resource, false),
        (Some(class), None) => (object::parse_path(class, &namespace)?, true),
        (None, None) => return Err(Error::usage("which class?")),
    };
    if !class.keys.is_empty() {
        return Err(
            Error::usage("a class has no keys").hint(format!("for one object: refpoint cim get … '{class}'"))
        );
    }
    let named = class.class.to_string();
    let place = class.namespace.as_deref().unwrap_or(&namespace).to_owned();
    let select = &args.shown.select;
    select.iter().try_for_each(|name| checked(name))?;
    if is_class && args.schema.schema == Source::Bundled {
        refuse_slips(&named, select.iter().chain(&args.shown.columns))?;
    }
    let schema = (is_class && args.schema.schema == Source::Host).then(|| class.clone());
    // The host leaves out what nobody wants, where it can be told so.
    let is_selection = is_class && !select.is_empty() && output.output != Some(Format::Name);
    let request = match is_selection {
        true => {
            checked(&named)?;
            Enumerate::query(&place, format!("SELECT {} FROM {named}", select.join(", ")))
        }
        false => Enumerate::new(class),
    };
    let selected = is_selection.then(|| select.clone());
    let question = Question::Enumerate(Box::new(request));
    let listing = Listing { question, connection: &args.connection, shown: &args.shown, selected, schema };
    let listed = listing.ask(output, ui);
    listed.map_err(|error| diagnosis::with_class_in(error, &named, &place))
}

/// Runs `cim query`.
pub(crate) fn query(args: &QueryArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let question = Enumerate::query(&args.connection.namespace(), args.wql.as_str());
    let selected = columns::selected(&args.wql);
    let question = Question::Enumerate(Box::new(question));
    let (connection, shown) = (&args.connection, &args.shown);
    Listing { question, connection, shown, selected, schema: None }.ask(output, ui)
}

/// Runs `cim associators`.
pub(crate) fn associators(args: &AssociatorsArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let path = object::parse(&args.path, &args.connection.namespace())?;
    let name = |text: &Option<String>| text.as_deref().map(Into::into);
    for text in [&args.via, &args.result, &args.role, &args.result_role].into_iter().flatten() {
        checked(text)?;
    }
    let through = Through {
        association_class: name(&args.via),
        result_class: name(&args.result),
        role: name(&args.role),
        result_role: name(&args.result_role),
    };
    let question = match args.references {
        true => Question::References(path, through),
        false => Question::Associators(path, through),
    };
    let (connection, shown) = (&args.connection, &args.shown);
    Listing { question, connection, shown, selected: None, schema: None }.ask(output, ui)
}

/// Refuses what no machine of Hyper-V's has. Only its own classes are known whole, and what is derived from one has all
/// that the schema says of that.
fn refuse_slips<'n>(class: &str, names: impl Iterator<Item = &'n String>) -> Result<(), Error> {
    let schema = Schema::bundled();
    if !class.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("Msvm_")) || !schema.is_known(class) {
        return Ok(());
    }
    let catalog = schema.catalog(class);
    let is_known = |name: &String| {
        // What WMI says of every object begins so.
        name.starts_with("__")
            || catalog.property(class, name).is_some()
            || catalog.subclasses(class).any(|below| catalog.property(&below.name, name).is_some())
    };
    for name in names {
        if !is_known(name) {
            return Err(argument::unknown_property(&schema, class, name)
                .hint("--schema host asks the host, where its Windows is newer"));
        }
    }
    Ok(())
}

/// Refuses what is no name: it becomes part of a query.
fn checked(name: &str) -> Result<(), Error> {
    match !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        true => Ok(()),
        false => Err(Error::usage(format!("{name:?} is no name"))),
    }
}

impl Listing<'_> {
    fn ask(self, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
        let format = output.output.unwrap_or(Format::Table);
        let target = self.connection.target(Who::User, ui)?;
        runtime::wait(async {
            let mut session = self.connection.open(target, ui).await?;
            let schema = match &self.schema {
                Some(class) => {
                    let namespace = class.namespace.as_deref().unwrap_or_default();
                    let host = self.connection.host();
                    let schema = Schema::of_host(&mut session, namespace, &class.class, &host).await?;
                    let is_slip = |name: &&String| schema.property(&class.class, name).is_none();
                    if let Some(name) = self.shown.select.iter().find(is_slip) {
                        return Err(argument::unknown_property(&schema, &class.class, name));
                    }
                    schema
                }
                None => Schema::bundled(),
            };
            let select = Some(self.shown.select.clone()).filter(|names| !names.is_empty());
            let columns = Some(self.shown.columns.clone()).filter(|names| !names.is_empty());
            let columns = columns.or_else(|| select.clone()).or(self.selected);
            let mut printing = Printing {
                records: Records::new(ui, format, columns),
                namespace: self.connection.namespace(),
                host: self.connection.host(),
                schema,
                select,
                limit: self.shown.limit,
            };
            let found = begin(&mut session, self.question, format, self.shown.limit);
            printing.run(found).await?;
            let count = printing.records.finish()?;
            if count == 0 && format == Format::Table {
                ui.note("nothing found");
            }
            Ok(Exit::Done)
        })
    }
}

fn begin(session: &mut Session, question: Question, format: Format, limit: Option<u32>) -> Enumeration<'_> {
    match question {
        Question::Enumerate(mut request) => {
            // Names are the host's own, and need no object to be sent.
            if format == Format::Name {
                request.mode = Mode::Reference;
            }
            if let (Some(limit), Opening::FirstPage { max_elements }) = (limit, &mut request.opening) {
                *max_elements = Some(max_elements.map_or(limit, |most| most.min(limit)));
            }
            session.list(*request)
        }
        Question::Associators(path, through) => session.associators(&path, &through),
        Question::References(path, through) => session.references(&path, &through),
    }
}

/// Prints what is found as it is found.
struct Printing<'p> {
    records: Records<'p>,
    namespace: String,
    host: String,
    schema: Schema,
    select: Option<Vec<String>>,
    limit: Option<u32>,
}

impl Printing<'_> {
    async fn run(&mut self, mut found: Enumeration<'_>) -> Result<(), Error> {
        let mut left = self.limit;
        while left != Some(0) {
            let records = &mut self.records;
            match ready_or(found.next(), || records.catch_up()).await? {
                None => return Ok(()),
                Some(Err(error)) => {
                    // What came before the failure is shown before the failure is.
                    self.records.catch_up()?;
                    return Err(diagnosis::of_session(error, &self.host));
                }
                Some(Ok(Item::Reference(reference))) => {
                    reference.path.iter().try_for_each(|path| self.records.name(path))?;
                }
                Some(Ok(
                    Item::Object(instance)
                    | Item::Projection(instance)
                    | Item::ObjectAndReference(instance, _),
                )) => self.push(instance)?,
            }
            left = left.map(|left| left - 1);
        }
        self.records.catch_up()?;
        // What is left of it the host need not keep. That it cannot be told so is no failure of the list.
        _ = found.close().await;
        Ok(())
    }

    fn push(&mut self, instance: Instance) -> Result<(), Error> {
        let mut instance = self.schema.typed(instance);
        if let Some(names) = &self.select {
            instance = project(&instance, names);
        }
        // What a projection leaves out is what was asked.
        instance.namespace.get_or_insert_with(|| self.namespace.as_str().into());
        self.records.push(instance)
    }
}

/// Returns an instance with these properties alone.
fn project(instance: &Instance, names: &[String]) -> Instance {
    let mut projected = Instance::new(instance.class.clone());
    projected.namespace.clone_from(&instance.namespace);
    for wanted in names {
        if let Some(held) = instance.properties().iter().find(|held| held.name == *wanted.as_str()) {
            projected.set(held.name.clone(), held.value.clone());
        }
    }
    projected
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

//! `refpoint fleet report`: what became of a run, unit by unit.

use std::io::Read;
use std::path::{Path, PathBuf};

use refpoint::fleet::{RunReport, report_of};

use super::run::find;
use crate::cli::args::{Form, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::{LedgerArgs, clock};
use crate::cli::report::fleet::{junit, page, units};
use crate::cli::report::{json, text, yaml};
use crate::cli::runtime;
use crate::cli::ui::Ui;

/// Show what became of a run, unit by unit: as a table, JSON, YAML, JUnit's XML, or a page for a browser
///
/// A page needs nothing but its own file: no server, no network, no other file. Print it with -o html and give it to
/// whoever wants to know.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint fleet report\n  \
                        refpoint fleet report nightly -o html > run.html\n  \
                        refpoint fleet report --from run.json -o junit > run.xml")]
pub(crate) struct Args {
    #[command(flatten)]
    which: WhichArgs,
}

/// Which run, and where it stands.
#[derive(Debug, clap::Args)]
pub(super) struct WhichArgs {
    /// The run, or the plan of which the newest is meant [default: the newest run]
    #[arg(value_name = "RUN", conflicts_with = "from")]
    run: Option<String>,
    /// Read what became of the run from this file, as fleet report -o json has printed it; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "ledger")]
    from: Option<PathBuf>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl WhichArgs {
    /// Returns what became of it.
    pub(super) fn read(&self) -> Result<RunReport, Error> {
        if let Some(file) = &self.from {
            return saved(file);
        }
        let path = self.ledger.path()?;
        if !path.exists() {
            // Whoever only asks makes no file.
            return Err(Error::new(
                Exit::NotFound,
                format!("there is no ledger {}: nothing was run", path.display()),
            )
            .hint("--ledger FILE names another one"));
        }
        let keeper = self.ledger.open()?;
        runtime::block(async {
            let run = find(&keeper, self.run.as_deref()).await?;
            report_of(&keeper, Some(&run.name), clock()).await.map_err(Error::of_failure)
        })
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    show(&args.which.read()?, output.form.unwrap_or(Form::Table), ui)
}

/// Prints what became of a run.
pub(crate) fn show(report: &RunReport, form: Form, ui: &mut Ui) -> Result<Exit, Error> {
    let value = || serde_json::to_value(report).unwrap_or_default();
    let printed = match form {
        Form::Table => units::table(report, ui.width()),
        Form::Json if ui.is_terminal() => json::pretty(&value()) + "\n",
        Form::Json => json::compact(&value()) + "\n",
        Form::Jsonl => units::lines(report),
        Form::Yaml => yaml::document(&value()),
        Form::Name => units::names(report),
        Form::Junit => junit::document(report),
        Form::Html => page::document(report),
    };
    ui.print(&printed)?;
    Ok(Exit::Done)
}

/// Reads what was printed with `-o json`.
fn saved(path: &Path) -> Result<RunReport, Error> {
    let unreadable =
        |error| Error::new(Exit::LocalFiles, format!("cannot read {}", path.display())).because(error);
    let mut bytes = Vec::new();
    match path == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map_err(unreadable)?,
        false => {
            std::fs::File::open(path).and_then(|mut it| it.read_to_end(&mut bytes)).map_err(unreadable)?
        }
    };
    let report: RunReport = serde_json::from_slice(&bytes).map_err(|error| {
        Error::usage(format!("{} is not what became of a run", path.display()))
            .because(error)
            .hint("refpoint fleet report -o json prints what is read here")
    })?;
    if report.schema != RunReport::SCHEMA {
        let found = text::harmless(&report.schema).into_owned();
        let known = RunReport::SCHEMA;
        return Err(Error::usage(format!("{} has the schema {found:?}, not {known:?}", path.display()))
            .hint("use the release of refpoint that wrote it, or a later one"));
    }
    Ok(report)
}

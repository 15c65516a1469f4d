//! `refpoint man`: manual pages.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::man;
use crate::cli::ui::Ui;

/// Write a manual page for every command into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint man /usr/local/share/man/man1\n  \
                        refpoint man /tmp/pages && man /tmp/pages/refpoint-export.1")]
pub(crate) struct Args {
    /// The folder, which is made where it is not there
    dir: PathBuf,
}

/// Returns the date of the pages: today, or that of the source where a build is to be the same at each run.
fn date() -> String {
    let source = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let source = source.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    source.unwrap_or_else(jiff::Timestamp::now).strftime("%Y-%m-%d").to_string()
}

/// Runs the command.
pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, Error> {
    let unwritable = |source| {
        Error::new(Exit::LocalFiles, format!("cannot write manual pages to {}", args.dir.display()))
            .because(source)
    };
    let pages = man::pages(Cli::command(), &date()).map_err(unwritable)?;
    std::fs::create_dir_all(&args.dir).map_err(unwritable)?;
    for page in &pages {
        page.write(&args.dir).map_err(unwritable)?;
    }
    ui.note(&format!("the manual pages are in {}", args.dir.display()));
    Ok(Exit::Done)
}

//! `refpoint completions`: what has a shell complete our words.

use crate::cli::complete::{self, Shell};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Print what has a shell complete commands, options, hosts, machines, profiles, classes and codes
///
/// Hosts come from the inventory (REFPOINT_INVENTORY, -i, the profile's) and from the ledger; no host is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint completions bash > /etc/bash_completion.d/refpoint\n  \
                        refpoint completions zsh > /usr/local/share/zsh/site-functions/_refpoint\n  \
                        refpoint completions fish > ~/.config/fish/completions/refpoint.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, Error> {
    ui.print(&complete::script(args.shell))?;
    Ok(Exit::Done)
}

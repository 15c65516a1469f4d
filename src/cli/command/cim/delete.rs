//! `refpoint cim delete`: one object, once.

use refpoint::wsman::Delete;
use serde_json::json;

use super::intent::{Body, Intent, Sent, confirm, print_of};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{text, value};
use crate::cli::resource::{ObjectArgs, name_of};
use crate::cli::schema::Schema;
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, runtime};

/// Remove one object
///
/// It is sent once. Exit code 12 says that nobody knows whether the host has done it. Hyper-V's own objects are
/// removed by the methods of its services, not so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        refpoint cim delete hv01 --namespace root/cimv2 Win32_Environment Name=TEMP2 'UserName=<SYSTEM>'\n  \
                        refpoint cim delete hv01 'root/cimv2:Win32_Environment.Name=\"TEMP2\",UserName=\"<SYSTEM>\"' --yes\n  \
                        refpoint cim delete hv01 --resource-uri winrm/config/listener Address=* Transport=HTTPS --dry-run")]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    object: ObjectArgs,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Show what would be sent, and send nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let path = args.object.path(&args.connection.namespace(), &Schema::bundled())?;
    let host = args.connection.host();
    if args.dry_run {
        let target = args.connection.target(Who::Nobody, ui)?;
        let envelope = target.envelope_of(&Delete::new(path.clone()));
        let envelope = &envelope.map_err(|error| diagnosis::of_session(error, &host))?;
        let intent = Intent { operation: "Delete", host: &host, path: &path, body: Body::Nothing, envelope };
        return intent.show(output, ui);
    }
    if !args.yes {
        confirm(&format!("remove {} on {host}?", name_of(&path)), ui)?;
    }
    let target = args.connection.target(Who::User, ui)?;
    let sent = Sent::default();
    let done = runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        sent.begin();
        let deleted = session.delete(&path).await;
        deleted.map_err(|error| diagnosis::with_class(diagnosis::of_session(error, &host), &path.class))?;
        sent.end();
        let format = output.output.unwrap_or(Format::Table);
        let shown = match format {
            Format::Table => format!("removed {}\n", text::harmless(&name_of(&path))),
            _ => print_of(&json!({ "removed": value::reference(&path) }), format, &name_of(&path), ui),
        };
        ui.conclude(&shown)?;
        Ok(Exit::Done)
    });
    sent.explain(done, "the removal")
}

//! `refpoint identify`: who answers there.

use refpoint::client::{Identity, LoggedIn, identify_anonymously};
use serde_json::json;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{json, table, yaml};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, message, runtime};

/// Ask who answers at a host: maker, version, protocol, and how the login went
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint identify hv01 --user 'LAB\\operator'\n  \
                        refpoint identify https://hv01 --anonymous -o json")]
pub(crate) struct Args {
    /// Ask without logging in; Windows then does not tell its version
    #[arg(long)]
    anonymous: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let who = if args.anonymous { Who::Nobody } else { Who::User };
    let target = args.connection.target(who, ui)?;
    let endpoint = target.endpoint.to_string();
    runtime::wait(async {
        let of_session = |error| diagnosis::of_session(error, &args.connection.host());
        let (identity, login) = match who {
            Who::Nobody => (identify_anonymously(&target).await.map_err(of_session)?, None),
            Who::User => {
                let mut session = args.connection.open(target, ui).await?;
                let identity = session.identify().await.map_err(of_session)?;
                (identity, session.logged_in())
            }
        };
        show(&endpoint, &identity, login.as_ref(), output.output.unwrap_or(Format::Table), ui)
    })
}

fn show(
    endpoint: &str,
    identity: &Identity,
    login: Option<&LoggedIn>,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let mut value = message::identity(identity);
    value["endpoint"] = endpoint.into();
    value["login"] = login.map_or(serde_json::Value::Null, |login| {
        json!({"mechanism": login.report.chosen.to_string(), "sealed": login.is_sealed, "bound": login.report.bound})
    });
    let text = match format {
        Format::Table => table::pairs(&lines(endpoint, identity, login), 0),
        Format::Json if ui.is_terminal() => json::pretty(&value) + "\n",
        Format::Json | Format::Jsonl => json::compact(&value) + "\n",
        Format::Yaml => yaml::document(&value),
        Format::Name => format!("{endpoint}\n"),
    };
    ui.print(&text)?;
    Ok(Exit::Done)
}

fn lines(endpoint: &str, identity: &Identity, login: Option<&LoggedIn>) -> Vec<(&'static str, String)> {
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "not said".to_owned());
    let mut lines = vec![
        ("Endpoint", endpoint.to_owned()),
        ("Vendor", or_nothing(&identity.vendor)),
        ("Version", or_nothing(&identity.version)),
        ("Protocol", identity.protocol_versions.join(", ")),
    ];
    if let Some(login) = login {
        let protection = match (login.is_sealed, &login.certificate) {
            (true, _) => "messages encrypted by the login",
            (false, Some(_)) => "messages encrypted by TLS",
            (false, None) => "messages NOT encrypted",
        };
        lines.push(("Login", format!("{}, {protection}", login.report.chosen)));
    }
    lines
}

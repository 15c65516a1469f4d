//! `refpoint trust`: certificates that are remembered.

use std::sync::Arc;

use refpoint::client::{
    Fingerprint, HostPort, KnownHost, KnownHostsError, Options, Protocol, Remembered, Tls, TlsError, Trust,
    certificate_of,
};
use serde_json::{Value as Json, json};

use crate::cli::args::{Format, OutputArgs};
use crate::cli::config;
use crate::cli::connection::{MeansArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::report::list::List;
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, known, runtime, suggest};

/// See and change which certificates are remembered of hosts
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Add(AddArgs),
    Remove(RemoveArgs),
}

/// List the hosts whose certificates are remembered, and since when
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint trust list\n  refpoint trust list -o json\n\n\
                        docs/configuration.md says when a certificate is remembered, and what for")]
pub(crate) struct ListArgs {}

/// Ask a host for its certificate, and remember it once somebody has compared it
///
/// On a terminal it asks; elsewhere --fingerprint says which one it has to be. Nobody logs in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint trust add hv01\n  \
                        refpoint trust add https://hv01:15986 --fingerprint sha256:3B0C…")]
pub(crate) struct AddArgs {
    /// The host: HOST, HOST:PORT, or https://HOST[:PORT]
    #[arg(value_name = "TARGET")]
    target: Place,
    /// Remember it only if it is this one
    #[arg(long, value_name = "sha256:HEX")]
    fingerprint: Option<Fingerprint>,
}

/// Forget the certificate of a host: the next one is a new one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint trust remove hv01:5986\n  refpoint trust remove hv01")]
pub(crate) struct RemoveArgs {
    /// The host, and the port unless all of them are meant
    #[arg(value_name = "HOST[:PORT]")]
    host: Place,
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    match command {
        Command::List(_) => {
            let hosts = known::hosts_or_else()?.list().map_err(unusable)?;
            show(&hosts, format, "no certificate is remembered", ui)
        }
        Command::Add(args) => add(args, format, ui),
        Command::Remove(args) => remove(args, format, ui),
    }
}

fn show(hosts: &[KnownHost], format: Format, nothing: &str, ui: &mut Ui) -> Result<Exit, Error> {
    let mut list = List::new(&["Host", "Certificate", "First seen"]);
    for known in hosts {
        let (host, fingerprint) = (known.host.to_string(), known.fingerprint.to_string());
        let first_seen = known.first_seen_text();
        list.push(&host, [&*host, &fingerprint, &first_seen], value(known));
    }
    list.show(format, nothing, ui)
}

fn value(known: &KnownHost) -> Json {
    json!({
        "host": known.host.host(),
        "port": known.host.port(),
        "fingerprint": known.fingerprint.to_string(),
        "first_seen": known.first_seen_text(),
    })
}

fn remove(args: &RemoveArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let hosts = known::hosts_or_else()?;
    let Place { endpoint, has_scheme, has_port, .. } = &args.host;
    let port = (*has_port || *has_scheme).then(|| endpoint.port());
    let gone = hosts.remove(endpoint.host(), port).map_err(unusable)?;
    if gone.is_empty() {
        let known = hosts.list().map_err(unusable)?;
        let names: Vec<String> = known.iter().map(|known| known.host.to_string()).collect();
        let said = port.map_or_else(
            || endpoint.host().to_owned(),
            |port| HostPort::new(endpoint.host(), port).to_string(),
        );
        let error = Error::new(Exit::NotFound, format!("no certificate of {said} is remembered"));
        return Err(match suggest::nearest(&said, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("refpoint trust list shows what is"),
        });
    }
    gone.iter().for_each(|known| ui.note(&format!("forgotten: {}", known.host)));
    show(&gone, format, "", ui)
}

fn add(args: &AddArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let hosts = known::hosts_or_else()?;
    // Who talks of certificates means https.
    let endpoint = args.target.endpoint_as(Protocol::Https, config::profile())?;
    if endpoint.protocol() == Protocol::Http {
        return Err(Error::usage(format!("{endpoint} has no certificate"))
            .hint(format!("write https://{}", endpoint.host())));
    }
    let mut target = MeansArgs::default().target(&endpoint, Who::Nobody, ui)?;
    let tls = Tls::new(Trust::Anything);
    target.options = Arc::new(Options { tls, ..(*target.options).clone() });
    let certificate = runtime::block(async {
        let shown = certificate_of(&target).await;
        shown.map_err(|error| diagnosis::of_session(error, endpoint.host()))
    })?;
    let found = Fingerprint::of(&certificate.unwrap_or_default());
    let host = HostPort::from(&endpoint);
    agree(args, &host, found, ui)?;
    match hosts.remember(&host, found).map_err(unusable)? {
        Remembered::Now(known) => {
            // It was asked for: nobody has to be told.
            let _ = hosts.news();
            show(&[known], format, "", ui)
        }
        Remembered::Before(known) if known.fingerprint == found => {
            ui.note("it was remembered already");
            show(&[known], format, "", ui)
        }
        Remembered::Before(known) => Err(Error::new(
            Exit::Login,
            format!("another certificate of {host} is remembered since {}", known.first_seen_text()),
        )
        .hint(format!("it is {}, and the host shows {found}", known.fingerprint))
        .hint(format!("if it was renewed: refpoint trust remove {host}"))),
    }
}

/// Returns once somebody has compared the certificate with the host's own.
fn agree(args: &AddArgs, host: &HostPort, found: Fingerprint, ui: &mut Ui) -> Result<(), Error> {
    if let Some(expected) = args.fingerprint {
        return match expected == found {
            true => Ok(()),
            false => Err(Error::new(Exit::Login, format!("{host} shows {found}, and not {expected}"))
                .hint("if that is not the host's own, somebody stands in between")),
        };
    }
    if !ui.can_ask() {
        return Err(Error::usage(format!("{host} shows {found}, and nobody is there to be asked"))
            .hint("compare it with the host's own, and say it with --fingerprint"));
    }
    ui.ask(&format!("{host} shows {found}\nRemember it? Type yes: "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match read.is_ok() && answer.trim().eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => Err(Error::new(Exit::Login, "not remembered")),
    }
}

fn unusable(error: KnownHostsError) -> Error {
    let hint = diagnosis::hint_of_tls(&TlsError::KnownHosts(error.clone()));
    let error = Error::new(Exit::LocalFiles, "cannot use the certificates of known hosts").because(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

//! What the library says of itself, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::args::{Color, OutputArgs};
use super::journal;

/// Begins to listen: to little, to more with -v, or to what RUST_LOG names.
pub(crate) fn begin(args: &OutputArgs) {
    let level = match (args.quiet, args.verbose) {
        // What the library warns of, the program says itself, and with its name for it.
        (true, _) | (_, 0) => "error,refpoint::cli=warn",
        (_, 1) => "warn,refpoint=info",
        (_, 2) => "warn,refpoint=debug",
        _ => "info,refpoint=trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let is_coloured = match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    let listener = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_coloured);
    if journal::has_standard_error() {
        // The journal knows the time, and the level from the priority.
        listener.without_time().with_level(false).with_writer(journal::Lines).init();
    } else {
        listener.with_writer(io::stderr).init();
    }
}

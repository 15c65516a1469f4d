//! Where the numbers of a run go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::duration;

/// Where the numbers of a run go.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsArgs {
    /// Keep the run's numbers in this file, for the textfile collector of Prometheus' node_exporter; each plan needs
    /// a file of its own, named *.prom
    #[arg(long, value_name = "FILE", env = "REFPOINT_METRICS_FILE", hide_env_values = true)]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Write the file at most this often [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "metrics_file")]
    pub(crate) metrics_every: Option<Duration>,
    /// Answer http://ADDRESS:PORT/metrics while the run lasts; whoever reaches it can read it, so 127.0.0.1 is a good
    /// address
    #[arg(long, value_name = "ADDRESS:PORT", env = "REFPOINT_METRICS_LISTEN", hide_env_values = true)]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

impl MetricsArgs {
    /// Returns how often the file is written.
    pub(super) fn every(&self) -> Duration {
        self.metrics_every.unwrap_or(EVERY)
    }
}

/// As often as Prometheus looks by default.
const EVERY: Duration = Duration::from_secs(15);

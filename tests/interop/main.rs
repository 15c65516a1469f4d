//! Foreign acceptors and initiators on this machine, and ours against them.
//!
//! `tests/interop/install.sh` installs them. A peer that is missing fails the test: a skipped witness is none.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what fails here fails the test")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

mod canary;
mod connection;
mod cuts;
mod http;
mod http_client;
mod http_peers;
mod kerberos;
mod kerberos_page;
mod lab;
mod lab_curl;
mod lab_doctor;
mod lab_kerberos;
mod lab_pypsrp;
mod ntlm;
mod peer;
mod realm;
#[path = "../support/canary.rs"]
mod recorder;
#[expect(dead_code, reason = "the tests of the transport use more of it")]
#[path = "../transport/support.rs"]
mod support;

/// The name everybody here calls the acceptor. It resolves nowhere: nothing may look it up.
pub(crate) const HOST: &str = "hv01.lab.test";

/// Makes a directory of its own for a test, under the build's.
pub(crate) fn scratch(name: &str) -> PathBuf {
    scratch_in(Path::new(env!("CARGO_TARGET_TMPDIR")), name)
}

/// Makes a directory of its own for a test, in another place.
pub(crate) fn scratch_in(place: &Path, name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = place.join(format!("interop-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

//! The simulated hosts, listening, for clients that nobody here wrote.

use std::io::Write;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refpoint::lab::{Hosts, Listen, Log, Options, Scenario, Server};
use tokio::runtime::Runtime;

use crate::scratch;

pub(crate) const USER: &str = r"LAB\operator";
pub(crate) const PASSWORD: &str = "Swordfish-7391!";

/// One simulated host that listens for http and https, until it is dropped.
pub(crate) struct Lab {
    server: Option<Server>,
    runtime: Runtime,
    log: Lines,
    directory: PathBuf,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lab {
    /// Starts it; [`USER`] gets in with [`PASSWORD`] unless the scenario says otherwise.
    pub(crate) fn start(scenario: &str) -> Self {
        let user = format!("[[user]]\nname = '{USER}'\npassword = '{PASSWORD}'\n");
        let scenario =
            if scenario.contains("[[user]]") { scenario.to_owned() } else { format!("{user}{scenario}") };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let log = Lines::default();
        let mut options = Options::new(Scenario::read(&scenario).unwrap());
        options.log = Some(Log::new(log.clone()));
        options.started = Some(SystemTime::UNIX_EPOCH.elapsed().unwrap());
        let server = runtime.block_on(async {
            let any = Some(SocketAddrV4::new([127, 0, 0, 1].into(), 0));
            Server::start(Hosts::new(options).unwrap(), Listen { http: any, https: any }).await.unwrap()
        });
        let directory = scratch("lab");
        let base64 = STANDARD.encode(server.hosts().certificate(0).unwrap());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        std::fs::write(directory.join("host.pem"), pem).unwrap();
        Self { server: Some(server), runtime, log, directory }
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.server.as_ref().unwrap().http().unwrap())
    }

    pub(crate) fn https(&self) -> String {
        format!("https://{}", self.server.as_ref().unwrap().https().unwrap())
    }

    /// Returns where the certificate stands as PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("host.pem")
    }

    /// Returns a place for the files of a test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns the lines of the log.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let bytes = self.log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs `lab_clients.py` with these arguments behind the URL.
    pub(crate) fn client(
        &self,
        client: &str,
        url: &str,
        arguments: &[&str],
        environment: &[(&str, PathBuf)],
    ) -> Result<serde_json::Value, serde_json::Value> {
        self.client_with(PASSWORD, client, url, arguments, environment)
    }

    /// The same with another password.
    pub(crate) fn client_with(
        &self,
        password: &str,
        client: &str,
        url: &str,
        arguments: &[&str],
        environment: &[(&str, PathBuf)],
    ) -> Result<serde_json::Value, serde_json::Value> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(root.join(".venv/bin/python"));
        command.arg("-B").arg(root.join("tests/interop/lab_clients.py")).arg(client).arg(url).args(arguments);
        command.env("REFPOINT_INTEROP_PASSWORD", password);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let Output { status, stdout, stderr } = command.output().expect("run tests/interop/install.sh first");
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        let read = serde_json::from_str(out.trim()).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"));
        if status.success() { Ok(read) } else { Err(read) }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown(Duration::ZERO));
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

//! Foreign programs that speak HTTP and SOCKS on loopback, gone with their values.
//!
//! Each `start` returns when the program listens. What a program has to say about its clients is in its log.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{scratch, scratch_in};

/// The user every NTLM peer here knows, with the password.
pub(crate) const USER: &str = r"LAB\mia";
pub(crate) const PASSWORD: &str = "correct horse ä";

/// `tests/interop/winrm_server.py`, running.
pub(crate) struct WinrmServer {
    process: Process,
    input: Option<ChildStdin>,
    url: String,
    directory: Directory,
}

impl WinrmServer {
    /// Starts it with arguments of its `--help`, except `--certificate`. It knows [`USER`].
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(arguments, &[])
    }

    /// Starts it with more environment, as Kerberos needs.
    pub(crate) fn start_in(arguments: &[&str], environment: &[(&str, PathBuf)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = Directory(scratch("winrm-server"));
        let mut command = Command::new(root.join(".venv/bin/python"));
        command.arg("-B").arg(root.join("tests/interop/winrm_server.py")).args(arguments);
        command.arg("--certificate").arg(directory.join("certificate.pem"));
        command.env("NTLM_USER_FILE", users(&directory));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(directory.join("log")).unwrap());
        let mut process = Process::spawn(command);

        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let input = process.0.stdin.take();
        let url = line.trim_end().strip_prefix("ready ").map(str::to_owned);
        let url = url.unwrap_or_else(|| panic!("the server does not start: {}", directory.log()));
        Self { process, input, url, directory }
    }

    /// Returns `http://127.0.0.1:PORT`, or the same with https.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, address) = self.url.split_once("://").unwrap();
        address.parse().unwrap()
    }

    /// Returns where the certificate stands as PEM, if the server speaks TLS.
    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.directory.join("certificate.pem")
    }

    /// Returns the certificate as DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let text = fs::read_to_string(self.certificate_file()).expect("the server was started with --tls");
        let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        STANDARD.decode(base64).unwrap()
    }

    /// Returns why requests were refused, a line for each.
    pub(crate) fn log(&self) -> String {
        self.directory.log()
    }

    /// Lets the server end by itself, as when the test is gone.
    pub(crate) fn leave(mut self) -> bool {
        drop(self.input.take());
        self.process.0.wait().unwrap().success()
    }
}

/// Apache with mod_auth_gssapi and gss-ntlmssp: an NTLM login for each connection, and no sealing.
pub(crate) struct Apache {
    _process: Process,
    address: SocketAddr,
    directory: Directory,
}

impl Apache {
    /// Starts it; behind a login as [`USER`], a POST to `/wsman` is answered with 200, and one to `/empty` without
    /// a page.
    pub(crate) fn start() -> Self {
        // Started by root it serves as somebody else, who may have no path to the build's directory.
        let directory = Directory(scratch_in(&std::env::temp_dir(), "apache"));
        fs::create_dir(directory.join("root")).unwrap();
        fs::write(directory.join("root/wsman"), "in\n").unwrap();
        fs::write(directory.join("root/empty"), "").unwrap();
        let users = users(&directory);
        let (process, address) = on_a_free_port(|port| {
            fs::write(directory.join("apache.conf"), apache_configuration(&directory.0, port)).unwrap();
            let mut command = Command::new("/usr/sbin/apache2");
            command.arg("-X").arg("-f").arg(directory.join("apache.conf"));
            command.env("NTLM_USER_FILE", &users);
            command.stdout(Stdio::null()).stderr(File::create(directory.join("stderr")).unwrap());
            command
        });
        Self { _process: process, address, directory }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn log(&self) -> String {
        self.directory.log()
    }
}

/// tinyproxy: an HTTP proxy that connects to anywhere.
pub(crate) struct Tinyproxy {
    _process: Process,
    address: SocketAddr,
    directory: Directory,
}

impl Tinyproxy {
    /// Starts it, open to all or to that user and password.
    pub(crate) fn start(credentials: Option<(&str, &str)>) -> Self {
        let directory = Directory(scratch("tinyproxy"));
        let login = credentials.map(|(user, password)| format!("BasicAuth {user} {password}\n"));
        let (process, address) = on_a_free_port(|port| {
            let configuration = format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nLogLevel Connect\n\
                 LogFile \"{}\"\n{}",
                directory.join("log").display(),
                login.as_deref().unwrap_or_default()
            );
            fs::write(directory.join("tinyproxy.conf"), configuration).unwrap();
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(directory.join("tinyproxy.conf"));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        });
        Self { _process: process, address, directory }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what it was asked for: `Request (file descriptor 4): CONNECT host:port HTTP/1.1`.
    pub(crate) fn log(&self) -> String {
        self.directory.log()
    }
}

/// microsocks: a SOCKS5 proxy that connects to anywhere.
pub(crate) struct Socks {
    _process: Process,
    address: SocketAddr,
    directory: Directory,
}

impl Socks {
    /// Starts it, open to all or to that user and password.
    pub(crate) fn start(credentials: Option<(&str, &str)>) -> Self {
        let directory = Directory(scratch("socks"));
        let (process, address) = on_a_free_port(|port| {
            let mut command = Command::new("microsocks");
            command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
            if let Some((user, password)) = credentials {
                command.args(["-u", user, "-P", password]);
            }
            command.stdout(Stdio::null()).stderr(File::create(directory.join("log")).unwrap());
            command
        });
        Self { _process: process, address, directory }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where it has connected to: `client[4] 127.0.0.1: connected to host:port`.
    pub(crate) fn log(&self) -> String {
        self.directory.log()
    }
}

/// A directory that goes with its value, unless the test fails and somebody will want to look at it.
struct Directory(PathBuf);

impl Directory {
    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A child that ends with its value.
struct Process(Child);

impl Process {
    fn spawn(mut command: Command) -> Self {
        let program = command.get_program().to_owned();
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| {
            panic!("{}: {error}; run tests/interop/install.sh first", program.display())
        }))
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program that cannot choose a port itself, and waits until it listens. Between the choice and the
/// program somebody else may take the port; then another one is tried.
fn on_a_free_port(command: impl Fn(u16) -> Command) -> (Process, SocketAddr) {
    for _ in 0..5 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut process = Process::spawn(command(port));
        let patience = Instant::now() + Duration::from_secs(20);
        while !process.has_ended() && Instant::now() < patience {
            if TcpStream::connect(address).is_ok() {
                return (process, address);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    panic!("{:?} never listens", command(0));
}

/// Writes the file in which pyspnego and gss-ntlmssp look up [`USER`].
fn users(directory: &Directory) -> PathBuf {
    let path = directory.join("users");
    let (domain, user) = USER.split_once('\\').unwrap();
    fs::write(&path, format!("{domain}:{user}:{PASSWORD}\n")).unwrap();
    path
}

fn apache_configuration(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    let modules = ["mpm_worker", "authn_core", "authz_core", "authz_user", "auth_gssapi"];
    let modules =
        modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    format!(
        "ServerRoot {directory}\nServerName hv01.lab.test\nListen 127.0.0.1:{port}\nPidFile {directory}/pid\n\
         DefaultRuntimeDir {directory}\nMutex pthread\nErrorLog {directory}/log\nLogLevel info\n\
         User www-data\nGroup www-data\nKeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n\
         {}\
         DocumentRoot {directory}/root\n\
         <Directory {directory}/root>\n AuthType GSSAPI\n AuthName lab\n GssapiConnectionBound On\n \
         GssapiSSLonly Off\n GssapiAllowedMech ntlmssp\n Require valid-user\n</Directory>\n",
        modules.concat()
    )
}

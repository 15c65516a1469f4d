//! MIT's KDC with a realm of its own, on loopback, gone with the value.

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{HOST, scratch};

pub(crate) const REALM: &str = "LAB.TEST";
pub(crate) const PASSWORD: &str = "correct horse ä";

/// A running KDC.
pub(crate) struct Realm {
    directory: PathBuf,
    kdc: Child,
}

impl Realm {
    /// Makes the realm: the user `mia`, and hosts that have their services under one name or another.
    pub(crate) fn start() -> Self {
        let directory = scratch("realm");
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(directory.join("krb5.conf"), client_configuration(port)).unwrap();
        fs::write(directory.join("server.conf"), server_configuration(port)).unwrap();
        fs::write(directory.join("old.conf"), old_configuration(port)).unwrap();
        fs::write(directory.join("kdc.conf"), kdc_configuration(&directory, port)).unwrap();

        run(&directory, "kdb5_util", &["create", "-s", "-r", REALM, "-P", "master"]);
        let keytab = directory.join("host.keytab");
        let user_keytab = directory.join("mia.keytab");
        admin(&directory, &format!("addprinc -pw \"{PASSWORD}\" mia"));
        admin(&directory, &format!("addprinc -pw \"{PASSWORD}\" keeper"));
        admin(&directory, &format!("addprinc +requires_preauth -pw \"{PASSWORD}\" guarded"));
        admin(&directory, &format!("addprinc -allow_tix -pw \"{PASSWORD}\" locked"));
        // One whose password simulated hosts take as well.
        admin(&directory, &format!("addprinc -pw \"{}\" both", crate::lab::PASSWORD));
        for service in [
            format!("HTTP/{HOST}"),
            "HTTP/127.0.0.1".into(),
            "WSMAN/only-wsman.lab.test".into(),
            "HOST/only-host.lab.test".into(),
        ] {
            admin(&directory, &format!("addprinc -randkey {service}"));
            admin(&directory, &format!("ktadd -k {} {service}", keytab.display()));
        }
        admin(&directory, "addprinc -randkey -e arcfour-hmac:normal HTTP/old.lab.test");
        admin(&directory, "setstr HTTP/old.lab.test session_enctypes arcfour-hmac");
        admin(&directory, &format!("ktadd -k {} -e arcfour-hmac:normal HTTP/old.lab.test", keytab.display()));
        admin(&directory, &format!("ktadd -norandkey -k {} keeper", user_keytab.display()));

        let kdc = command(&directory, "krb5kdc")
            .args(["-n", "-r", REALM])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let kdc = kdc.expect("krb5kdc starts; run tests/interop/install.sh first");
        let realm = Self { directory, kdc };
        realm.wait_until_it_answers();
        realm
    }

    /// Returns the environment in which the client's library finds the realm, with a ticket for `mia`.
    pub(crate) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("KRB5_CONFIG", self.directory.join("krb5.conf")),
            ("KRB5CCNAME", self.directory.join("cache")),
            ("KRB5RCACHENAME", PathBuf::from("none:")),
            (crate::kerberos::DIRECTORY, self.directory.clone()),
        ]
    }

    fn wait_until_it_answers(&self) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !self.kinit() {
            assert!(Instant::now() < patience, "the KDC does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn kinit(&self) -> bool {
        let mut kinit = command(&self.directory, "kinit");
        kinit.arg("-c").arg(self.directory.join("cache")).arg("mia");
        kinit.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = kinit.spawn().expect("kinit starts; run tests/interop/install.sh first");
        let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes());
        child.wait().unwrap().success()
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ = self.kdc.kill();
        let _ = self.kdc.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn admin(directory: &Path, query: &str) {
    run(directory, "kadmin.local", &["-r", REALM, "-q", query]);
}

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let output = command(directory, program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; run tests/interop/install.sh first"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// The daemons live where users have no path to.
fn command(directory: &Path, program: &str) -> Command {
    let places = ["/usr/sbin", "/usr/bin", "/sbin", "/usr/lib/mit/sbin"];
    let path = places.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists());
    let mut command = Command::new(path.unwrap_or_else(|| program.into()));
    command.env("KRB5_CONFIG", directory.join("krb5.conf"));
    command.env("KRB5_KDC_PROFILE", directory.join("kdc.conf"));
    command
}

/// What a user's machine has: names are resolved forwards and backwards, as is the library's default.
fn client_configuration(port: u16) -> String {
    configuration(port, "dns_canonicalize_hostname = true\n rdns = true\n")
}

/// The acceptor asks the library for a host-based name, which nothing resolves.
fn server_configuration(port: u16) -> String {
    configuration(port, "dns_canonicalize_hostname = false\n rdns = false\n")
}

/// A server that has not learnt a new cipher since 2003.
fn old_configuration(port: u16) -> String {
    configuration(port, "permitted_enctypes = arcfour-hmac\n")
}

fn configuration(port: u16, resolution: &str) -> String {
    format!(
        "[libdefaults]\n default_realm = {REALM}\n {resolution} dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         allow_weak_crypto = true\n allow_rc4 = true\n\
         [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
    )
}

fn kdc_configuration(directory: &Path, port: u16) -> String {
    let at = |name: &str| directory.join(name).display().to_string();
    format!(
        "[libdefaults]\n allow_weak_crypto = true\n allow_rc4 = true\n\
         [kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n {REALM} = {{\n  database_name = {}\n  key_stash_file = {}\n  acl_file = {}\n \
         supported_enctypes = aes256-cts:normal aes128-cts:normal arcfour-hmac:normal\n }}\n\
         [logging]\n kdc = FILE:{}\n",
        at("principal"),
        at("stash"),
        at("acl"),
        at("kdc.log"),
    )
}

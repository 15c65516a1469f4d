//! The commands of the machine that the program runs on, as people there type them: in a shell, or in PowerShell on
//! Windows.

use std::net::IpAddr;

use super::finding::Fix;
#[cfg(windows)]
use super::finding::quoted;

/// What reads a command.
#[cfg(not(windows))]
pub(super) const READER: &str = "a shell";
#[cfg(windows)]
pub(super) const READER: &str = "PowerShell";

/// Returns a word as it is read back there.
#[cfg(not(windows))]
pub(super) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns a word as it is read back there.
#[cfg(windows)]
pub(super) fn word(text: &str) -> String {
    quoted(text)
}

/// Returns what prints the addresses of a name.
pub(super) fn addresses(host: &str) -> String {
    if cfg!(windows) {
        format!("Resolve-DnsName {}", word(host))
    } else if cfg!(target_vendor = "apple") {
        format!("dscacheutil -q host -a name {host}")
    } else {
        format!("getent ahosts {host}")
    }
}

/// Returns what prints the way to an address.
pub(super) fn route(address: IpAddr) -> String {
    if cfg!(windows) {
        format!("Find-NetRoute -RemoteIPAddress {address}")
    } else if cfg!(target_vendor = "apple") {
        format!("route -n get {address}")
    } else {
        format!("ip route get {address}")
    }
}

/// Says whether the clock is right.
pub(super) const CLOCK: &str = if cfg!(windows) {
    "w32tm /query /status"
} else if cfg!(target_vendor = "apple") {
    "sntp time.apple.com"
} else {
    "timedatectl"
};

/// Prints whom the system trusts.
pub(super) const TRUSTED: &str = if cfg!(windows) {
    r"Get-ChildItem Cert:\LocalMachine\Root"
} else if cfg!(target_vendor = "apple") {
    "security find-certificate -a /System/Library/Keychains/SystemRootCertificates.keychain /Library/Keychains/System.keychain"
} else {
    "ls -l /etc/ssl/certs"
};

/// Where the Kerberos library has its configuration.
pub(super) const KERBEROS_CONFIG: &str =
    if cfg!(windows) { r"C:\ProgramData\MIT\Kerberos5\krb5.ini" } else { "/etc/krb5.conf" };

/// Prints that configuration.
pub(super) fn kerberos_config() -> String {
    format!("{} {KERBEROS_CONFIG}", if cfg!(windows) { "Get-Content" } else { "cat" })
}

/// Prints the realm of whoever names none.
pub(super) fn default_realm() -> String {
    let find = if cfg!(windows) { "Select-String" } else { "grep" };
    format!("{find} default_realm {KERBEROS_CONFIG}")
}

/// Asks for a ticket and tells what happens meanwhile.
pub(super) const TRACE: &str =
    if cfg!(windows) { "$env:KRB5_TRACE = 'trace.txt'; kinit" } else { "KRB5_TRACE=/dev/stderr kinit" };

/// Asks for a ticket and shows it.
pub(super) const TICKET: &str = if cfg!(windows) { "kinit; klist" } else { "kinit && klist" };

/// Returns how the Kerberos library comes onto the machine.
pub(super) fn library(package: &str) -> Fix {
    if cfg!(windows) {
        Fix::new(format!("Install {package}, or log in without it: --auth ntlm with --user"))
    } else if cfg!(target_vendor = "apple") {
        Fix::new(format!("Install {package}: the system's own Kerberos is another one"))
            .here("brew install krb5")
    } else {
        Fix::new("Install the system's Kerberos library").here(format!("apt install {package}"))
    }
}

/// Adds how the authorities that people trust come onto the machine, where they are a package.
pub(super) fn with_authorities(fix: Fix) -> Fix {
    if cfg!(any(windows, target_vendor = "apple")) { fix } else { fix.here("apt install ca-certificates") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_does_not_end_a_word() {
        let read = if cfg!(windows) { "'o''neil'" } else { r"'o'\''neil'" };
        assert_eq!(word("o'neil"), read);
    }
}

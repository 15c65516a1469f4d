use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::super::Endpoint;
use super::Fingerprint;

/// The certificates of hosts as they were when they were first seen, in a file.
///
/// One line a host: `HOST:PORT sha256:HEX TIME`. A line that is none of these makes the whole file one that is not
/// trusted: a promise that cannot be read is no reason to go on without it. Whoever changes the file holds a lock
/// beside it (`.lock`), writes anew and renames, so that any number of processes may use one file.
///
/// Clones share what [`news`](Self::news) returns.
///
/// ```
/// use std::time::SystemTime;
/// use refpoint::transport::{KnownHosts, Tls, Trust, Unknown};
///
/// let hosts = KnownHosts::in_file("/var/lib/backup/known_hosts", SystemTime::now);
/// let tls = Tls::new(Trust::Known { hosts: hosts.clone(), unknown: Unknown::Remember });
/// // With connections made so, the ones that were trusted on first use are to be told to somebody:
/// for known in hosts.news() {
///     println!("{} {}", known.host, known.fingerprint);
/// }
/// # drop(tls);
/// ```
#[derive(Clone)]
pub struct KnownHosts {
    file: Arc<Path>,
    clock: fn() -> SystemTime,
    news: Arc<Mutex<Vec<KnownHost>>>,
}

/// A host with the certificate that is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHost {
    /// The host and its port, as it stands in the file.
    pub host: HostPort,
    /// The certificate.
    pub fingerprint: Fingerprint,
    /// When it was first seen, to the second.
    pub first_seen: SystemTime,
}

/// A host and its port in the one spelling that counts: small letters, no dot at the end, IPv6 in brackets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

/// Why what is remembered of hosts cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnownHostsError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// The file, its lock or its folder cannot be written.
    #[error("cannot write {}: {reason}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// A line is none that was written there.
    #[error("{}:{line}: {problem}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Somebody else holds the lock.
    #[error("{} is held by another process", file.display())]
    Locked {
        /// The lock.
        file: PathBuf,
    },
}

/// Reads a file that is one: a device or a pipe has no end, and what is longer than any such file is none of ours.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = Vec::new();
    File::open(file)?.take(LONGEST + 1).read_to_end(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(io::Error::other("it is longer than 16 MiB")),
        false => Ok(text),
    }
}

/// More than a hundred thousand hosts take.
const LONGEST: u64 = 16 << 20;

/// Whether a certificate was remembered now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Now.
    Now(KnownHost),
    /// Before, or at the same time by somebody else: perhaps another certificate.
    Before(KnownHost),
}

impl KnownHosts {
    /// Remembers in that file, which need not be there yet; the clock says when a host was first seen.
    pub fn in_file(file: impl AsRef<Path>, clock: fn() -> SystemTime) -> Self {
        Self { file: file.as_ref().into(), clock, news: Arc::default() }
    }

    /// Returns the file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns all hosts, in the order of the file.
    pub fn list(&self) -> Result<Vec<KnownHost>, KnownHostsError> {
        let text = match read(&self.file) {
            Ok(text) => text,
            // Where there can be no file, nothing was ever remembered.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => {
                return Err(KnownHostsError::Unreadable {
                    file: self.file.to_path_buf(),
                    reason: error.to_string(),
                });
            }
        };
        let mut known: Vec<KnownHost> = Vec::new();
        let mut places = std::collections::HashSet::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let damaged =
                |problem| KnownHostsError::Damaged { file: self.file.to_path_buf(), line: number, problem };
            let line = std::str::from_utf8(line).map_err(|_| damaged("it is not UTF-8"))?.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let host = KnownHost::parse(line).ok_or_else(|| damaged(NO_LINE))?;
            if !places.insert(host.host.clone()) {
                return Err(damaged("the host stands there twice: which of the two counts?"));
            }
            known.push(host);
        }
        Ok(known)
    }

    /// Returns what is remembered of a host.
    pub fn find(&self, host: &HostPort) -> Result<Option<KnownHost>, KnownHostsError> {
        Ok(self.list()?.into_iter().find(|known| known.host == *host))
    }

    /// Remembers a certificate, unless one is remembered of the host already. It is on the disk when this returns.
    ///
    /// Of two that remember at the same time one is first; the other gets what the first has remembered.
    pub fn remember(&self, host: &HostPort, fingerprint: Fingerprint) -> Result<Remembered, KnownHostsError> {
        let _lock = self.lock()?;
        let mut known = self.list()?;
        if let Some(before) = known.iter().find(|known| known.host == *host) {
            return Ok(Remembered::Before(before.clone()));
        }
        let new = KnownHost { host: host.clone(), fingerprint, first_seen: (self.clock)() };
        known.push(new.clone());
        self.save(&known)?;
        self.news.lock().unwrap_or_else(PoisonError::into_inner).push(new.clone());
        Ok(Remembered::Now(new))
    }

    /// Forgets a host on one port, or on all of them; returns what was forgotten.
    pub fn remove(&self, host: &str, port: Option<u16>) -> Result<Vec<KnownHost>, KnownHostsError> {
        if self.list()?.is_empty() {
            // Nothing to forget leaves nothing behind, not even a lock.
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        let name = canonical(host);
        let is_meant =
            |known: &KnownHost| known.host.host == name && port.is_none_or(|port| known.host.port == port);
        let (gone, left): (Vec<_>, Vec<_>) = self.list()?.into_iter().partition(is_meant);
        if !gone.is_empty() {
            self.save(&left)?;
        }
        Ok(gone)
    }

    /// Returns the hosts that were remembered since this was last asked of this value or of a clone of it: whoever
    /// trusts on first use has to be told whom.
    pub fn news(&self) -> Vec<KnownHost> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the time.
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    fn lock(&self) -> Result<File, KnownHostsError> {
        let path = beside(&self.file, ".lock");
        let unwritable =
            |error: io::Error| KnownHostsError::Unwritable { file: path.clone(), reason: error.to_string() };
        if let Some(folder) = self.file.parent() {
            create_folder(folder).map_err(unwritable)?;
        }
        let file = private().create(true).truncate(false).write(true).open(&path).map_err(unwritable)?;
        // It is held for one small file. Asked for again and again instead of waited for: a process that was
        // stopped while it held it must not hold us too.
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(unwritable(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                    return Err(KnownHostsError::Locked { file: path });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }

    /// Puts these hosts in the place of the file: written beside it, brought to the disk, renamed. The lock is held.
    fn save(&self, known: &[KnownHost]) -> Result<(), KnownHostsError> {
        let new = beside(&self.file, ".new");
        let mut text = HEAD.to_owned();
        known.iter().for_each(|host| text.push_str(&format!("{host}\n")));
        let written = || -> io::Result<()> {
            let mut file = private().create(true).truncate(true).write(true).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &self.file)?;
            #[cfg(unix)]
            if let Some(folder) = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        written().map_err(|error| KnownHostsError::Unwritable {
            file: self.file.to_path_buf(),
            reason: error.to_string(),
        })
    }
}

impl fmt::Debug for KnownHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KnownHosts").field(&self.file).finish()
    }
}

impl KnownHost {
    /// Returns when it was first seen, in RFC 3339.
    pub fn first_seen_text(&self) -> String {
        timestamp(self.first_seen)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (place, fingerprint, time) = (words.next()?, words.next()?, words.next()?);
        let (host, port) = place.rsplit_once(':')?;
        let host = HostPort::new(host, port.parse().ok().filter(|port| *port != 0)?);
        let time: jiff::Timestamp = time.parse().ok()?;
        let is_whole = words.next().is_none() && host.to_string() == place;
        let known = Self { host, fingerprint: fingerprint.parse().ok()?, first_seen: time.into() };
        is_whole.then_some(known)
    }
}

impl fmt::Display for KnownHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.host, self.fingerprint, self.first_seen_text())
    }
}

impl HostPort {
    /// Returns the one of a host, an IPv6 address with or without brackets.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: canonical(host), port }
    }

    /// Returns the host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<&Endpoint> for HostPort {
    fn from(endpoint: &Endpoint) -> Self {
        Self::new(endpoint.host(), endpoint.port())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Returns a time as it is shown, to the second.
pub(super) fn timestamp(time: SystemTime) -> String {
    let shown = jiff::Timestamp::try_from(time).ok();
    let shown = shown.and_then(|time| jiff::Timestamp::from_second(time.as_second()).ok());
    shown.map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |time| time.to_string())
}

fn canonical(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // Two links of one machine may know different hosts by the same address: its zone counts.
    let (address, zone) = host.split_at(host.find('%').unwrap_or(host.len()));
    match address.parse::<Ipv6Addr>() {
        Ok(address) => format!("{address}{zone}"),
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Returns how files are opened that are their owner's business alone.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are for systems that have them"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match folder.as_os_str().is_empty() {
        true => Ok(()),
        false => builder.recursive(true).create(folder),
    }
}

const HEAD: &str = "# Certificates that refpoint trusted when it first saw them: host, SHA-256, time.\n\
                    # refpoint trust remove HOST forgets one.\n";
const NO_LINE: &str = "it is no HOST:PORT sha256:HEX TIME";
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("refpoint-known-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_763_755_551_250)
    }

    fn of(text: &str) -> Fingerprint {
        Fingerprint::of(text.as_bytes())
    }

    #[test]
    fn what_is_remembered_is_found_in_every_spelling_until_it_is_removed() {
        let folder = folder("spelling");
        let known = KnownHosts::in_file(folder.join("deep/known_hosts"), clock);
        assert_eq!(known.list(), Ok(Vec::new()));
        assert_eq!(known.remove("hv01", None), Ok(Vec::new()));
        assert!(!folder.exists());
        let host = HostPort::new("HV01.Lab.Test.", 5986);
        assert!(matches!(known.remember(&host, of("a")), Ok(Remembered::Now(_))));
        let Ok(Remembered::Before(before)) = known.remember(&host, of("b")) else { panic!() };
        assert_eq!((before.fingerprint, before.first_seen_text()), (of("a"), "2025-11-21T20:05:51Z".into()));
        known.remember(&HostPort::new("[FE80:0::1%eth0]", 5986), of("c")).unwrap();
        known.remember(&HostPort::new("hv01.lab.test", 443), of("d")).unwrap();
        let text = std::fs::read_to_string(known.file()).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines[0].starts_with("hv01.lab.test:5986 sha256:"), "{text}");
        assert!(lines[1].starts_with("[fe80::1%eth0]:5986 sha256:"), "{text}");
        let again = KnownHosts::in_file(known.file(), clock);
        let found = again.find(&HostPort::new("hv01.LAB.test", 5986)).unwrap().unwrap();
        assert_eq!((found.fingerprint, known.news().len(), known.news().len()), (of("a"), 3, 0));
        assert_eq!(again.find(&HostPort::new("hv01.lab.test", 5985)), Ok(None));
        assert!(again.find(&HostPort::new("fe80::1%eth0", 5986)).unwrap().is_some());
        assert_eq!(again.find(&HostPort::new("fe80::1%eth1", 5986)), Ok(None));
        assert_eq!(again.remove("hv01.lab.test", Some(443)).unwrap().len(), 1);
        assert_eq!(again.remove("HV01.lab.test", None).unwrap(), [found]);
        assert_eq!(again.remove("HV01.lab.test", None).unwrap(), []);
        assert_eq!(again.list().unwrap().len(), 1);
        #[cfg(unix)]
        for (file, mode) in [("deep", 0o700), ("deep/known_hosts", 0o600), ("deep/known_hosts.lock", 0o600)] {
            let facts = std::fs::metadata(folder.join(file)).unwrap();
            let found = std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o777;
            assert_eq!(found, mode, "{file}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_line_that_makes_no_sense_is_no_reason_to_go_on_without_it() {
        let folder = folder("damaged");
        create_folder(&folder).unwrap();
        let known = KnownHosts::in_file(folder.join("known_hosts"), clock);
        let good = format!("hv01:5986 {} 2025-11-21T20:05:51Z", of("a"));
        for (bad, line) in [
            (good.replace("hv01", "HV01"), 2),
            (good.replace(":5986", ""), 2),
            (good.replace("sha256:", "sha1:"), 2),
            (format!("{good} more"), 2),
            (good.replace("2025-11-21T20:05:51Z", "yesterday"), 2),
            (format!("{good}\n{good}"), 3),
        ] {
            std::fs::write(known.file(), format!("# comment\n{bad}\n")).unwrap();
            let error = known.find(&HostPort::new("other", 5986)).unwrap_err();
            assert!(
                matches!(error, KnownHostsError::Damaged { line: found, .. } if found == line),
                "{error}"
            );
            // And nothing is written over it.
            assert_eq!(known.remember(&HostPort::new("other", 1), of("x")), Err(error.clone()));
            assert_eq!(known.remove("hv01", None), Err(error));
        }
        std::fs::write(known.file(), format!("\r\n{good}\r\n\n")).unwrap();
        assert_eq!(known.list().unwrap().len(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn of_many_that_remember_at_once_none_is_lost_and_of_one_host_one_wins() {
        let folder = folder("race");
        let file = folder.join("known_hosts");
        let winners: Vec<_> = thread::scope(|scope| {
            let remember = |number: u16| {
                let file = &file;
                scope.spawn(move || {
                    let known = KnownHosts::in_file(file, clock);
                    known.remember(&HostPort::new("own", number + 1), of("own")).unwrap();
                    known.remember(&HostPort::new("same", 5986), of(&number.to_string())).unwrap()
                })
            };
            let threads: Vec<_> = (0..16).map(remember).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let first: Vec<_> = winners.iter().filter(|it| matches!(it, Remembered::Now(_))).collect();
        let [Remembered::Now(winner)] = first.as_slice() else { panic!("{first:?}") };
        for other in &winners {
            let (Remembered::Now(seen) | Remembered::Before(seen)) = other;
            assert_eq!(seen.fingerprint, winner.fingerprint);
        }
        assert_eq!(KnownHosts::in_file(&file, clock).list().unwrap().len(), 17);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

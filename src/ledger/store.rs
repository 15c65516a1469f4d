use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, TransactionBehavior, params};

use super::claim::{Claim, Claimed};
use super::error::Error;
use super::export::{self, End, Export, Intent, Kind, Stage, directory_key, fold};
use super::point::{self, Point};
use super::schema::{check, prepare};
use super::time::to_stored;

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits before it looks again, where the database does not wait by itself.
const BREATH: Duration = Duration::from_millis(20);

/// The durable record of what was done and what is owned.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = Folder::new();
/// use refpoint::ledger::Ledger;
///
/// let path = folder.0.join("ledger.db");
/// drop(Ledger::open(&path)?);
/// // What is not over yet, on whatever host.
/// assert!(Ledger::open(&path)?.open_exports(None)?.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
    observer: Option<Observer>,
    /// What is to be done once what is written together is on disk.
    together: Option<Afterwards>,
}

/// What waits for a transaction to be on disk.
#[derive(Default)]
struct Afterwards {
    told: Vec<Write>,
    untidy: Vec<PathBuf>,
}

type Observer = Box<dyn Fn(Write, bool) + Send>;

/// A write that an observer hears of, once before and once after it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the function of its name")]
pub enum Write {
    Claim,
    Sent,
    NotStarted,
    Answered,
    Ended,
    Event,
    Point,
    PointGone,
    Run,
    Host,
    Unit,
    Making,
    Backup,
    Step,
    StepAnswered,
    StepEnded,
    BackupEnded,
}

impl Ledger {
    /// Opens a ledger, or begins one. Waits ten seconds for another process that is writing.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = Folder::new();
    /// use refpoint::ledger::Ledger;
    ///
    /// let ledger = Ledger::open(folder.0.join("ledger.db"))?;
    /// assert!(ledger.path().ends_with("ledger.db"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        make_file(&path)?;
        patiently(|| {
            let mut ledger = Self::connect(&path, Connection::open_with_flags(&path, flags(READ_WRITE)))?;
            prepare(&mut ledger.connection, &path)?;
            Ok(ledger)
        })
    }

    /// Opens a ledger to look into it, for which it need not be writable. Where there is none, none is begun, and
    /// nothing is in it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = Folder::new();
    /// use refpoint::ledger::Ledger;
    ///
    /// let nothing = Ledger::open_to_read(folder.0.join("nowhere.db"))?;
    /// assert!(nothing.open_exports(None)?.is_empty());
    /// assert!(!nothing.path().exists(), "none was begun");
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_to_read(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        match File::open(&path).and_then(|file| file.metadata()) {
            Ok(file) if file.len() > 0 || !file.is_file() => {}
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(Error::Open { path, source }),
            _ => {
                let mut ledger = Self::connect(&path, Connection::open_in_memory())?;
                prepare(&mut ledger.connection, &path)?;
                return Ok(ledger);
            }
        }
        patiently(|| {
            let look = |connection| {
                let ledger = Self::connect(&path, connection)?;
                check(&ledger.connection, &path)?;
                Ok(ledger)
            };
            let looked = look(Connection::open_with_flags(&path, flags(READ_ONLY)));
            match looked {
                // To share a ledger with a writer the database makes files beside it. Where it may not, and no
                // writer has, the file is all that there is.
                Err(Error::Unwritable { .. }) if !beside(&path, "-wal").exists() => {
                    look(Connection::open_with_flags(unchanging(&path), flags(READ_ONLY | BY_URI)))
                }
                looked => looked,
            }
        })
    }

    fn connect(path: &Path, connection: rusqlite::Result<Connection>) -> Result<Self, Error> {
        let connection = connection.map_err(|error| Error::of(error, path))?;
        connection.busy_timeout(PATIENCE).map_err(|error| Error::of(error, path))?;
        Ok(Self { path: path.to_owned(), connection, observer: None, together: None })
    }

    /// Tells `observer` of each write, with `false` before it and `true` when it is on disk. For tests that
    /// end the process at every such moment.
    pub fn observe(&mut self, observer: impl Fn(Write, bool) + Send + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// Returns where it lies.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = Folder::new();
    /// use refpoint::ledger::Ledger;
    ///
    /// let path = folder.0.join("ledger.db");
    /// assert_eq!(Ledger::open(&path)?.path(), path);
    /// # Ok(())
    /// # }
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an intent down, or finds the same export begun before and not ended, and takes hold of it.
    ///
    /// The same is: the same host, subject, point and directory. Whatever else is on its way into that
    /// directory is [`Error::DirectoryTaken`], or [`Error::BackupOpen`].
    pub fn claim(&mut self, intent: &Intent, at: SystemTime) -> Result<Claimed, Error> {
        let locks = self.locks();
        let path = self.path.clone();
        let opened = |source| Error::Open { path: path.clone(), source };
        self.write(Write::Claim, |transaction| {
            let open = open_in(transaction, &intent.host, &intent.directory)?;
            let Some(export) = open else {
                let key = directory_key(&intent.host, &intent.directory);
                if let Some(backup) = super::backup::open_in(transaction, &key)? {
                    return Err(Error::BackupOpen { backup: Box::new(backup) }.into());
                }
                let id = insert(transaction, intent, at)?;
                let Some(claim) = Claim::take(&locks, id).map_err(opened)? else {
                    // A process that lost its row to a rollback may still hold the number.
                    let export = Box::new(read(transaction, id)?.ok_or(Failure::Rows)?);
                    return Err(Error::Claimed { export }.into());
                };
                return Ok(Claimed::Fresh(claim));
            };
            let same = export.host == fold_host(&intent.host)
                && export.subject.kind == intent.subject.kind
                && fold(&export.subject.id) == fold(&intent.subject.id)
                && fold(&export.point) == fold(&intent.point);
            let export = Box::new(export);
            if !same {
                return Err(Error::DirectoryTaken { export }.into());
            }
            match Claim::take(&locks, export.id).map_err(opened)? {
                Some(claim) => Ok(Claimed::Found(claim, export)),
                None => Err(Error::Claimed { export }.into()),
            }
        })
    }

    /// Takes hold of an export that has no recorded end, by its number.
    pub fn reclaim(&mut self, id: i64) -> Result<Option<(Claim, Export)>, Error> {
        let Some(export) = self.export(id)?.filter(|export| export.stage != Stage::Ended) else {
            return Ok(None);
        };
        let opened = |source| Error::Open { path: self.path.clone(), source };
        let claim = Claim::take(&self.locks(), id).map_err(opened)?;
        let Some(claim) = claim else {
            return Err(Error::Claimed { export: Box::new(export) });
        };
        // Whoever held it may have written its end between the two looks.
        Ok(self.export(id)?.filter(|export| export.stage != Stage::Ended).map(|export| (claim, export)))
    }

    /// Writes down that the host is about to be asked, and by what a restart of its service will be told.
    pub fn sent(&mut self, claim: &Claim, at: SystemTime, witness: Option<&str>) -> Result<(), Error> {
        self.advance(
            Write::Sent,
            "update export set stage = 'sent', sent_at = ?2, witness = ?3 where id = ?1 and stage = 'intended'",
            params![claim.export, to_stored(at), witness],
        )
    }

    /// Writes down that what was sent is proven not to have been carried out: its answer is lost and there is
    /// proof, or the answer is a refusal.
    pub fn not_started(&mut self, claim: &Claim) -> Result<(), Error> {
        self.advance(
            Write::NotStarted,
            "update export set stage = 'intended', sent_at = null, witness = null, answered_at = null, \
             return_value = null where id = ?1 and (stage = 'sent' or stage = 'answered' and job is null \
             and return_value is not null and return_value not in (0, 4096))",
            params![claim.export],
        )
    }

    /// Writes down what the host answered, or the job that was found to be ours.
    pub fn answered(
        &mut self,
        claim: &Claim,
        at: SystemTime,
        return_value: Option<u32>,
        job: Option<&str>,
    ) -> Result<(), Error> {
        self.advance(
            Write::Answered,
            "update export set stage = 'answered', answered_at = ?2, return_value = ?3, job = ?4 \
             where id = ?1 and stage in ('sent', 'answered')",
            params![claim.export, to_stored(at), return_value, job],
        )
    }

    /// Writes down how it ended. From then on the same command begins anew.
    pub fn ended(&mut self, claim: &Claim, at: SystemTime, end: &End<'_>) -> Result<(), Error> {
        self.advance(
            Write::Ended,
            "update export set stage = 'ended', ended_at = ?2, outcome = ?3, sound = ?4, receipt = ?5 \
             where id = ?1 and stage <> 'ended'",
            params![claim.export, to_stored(at), end.outcome, end.sound, end.receipt],
        )?;
        match &mut self.together {
            // Somebody else may take a file that is gone: not before the end is on disk.
            Some(afterwards) => afterwards.untidy.push(claim.file().to_owned()),
            None => claim.tidy(),
        }
        Ok(())
    }

    /// Does several things and brings them to disk together, which takes no longer than one of them. Each still
    /// stands or falls by itself; where the whole cannot be brought to disk, nothing of it was written.
    pub fn together(&mut self, work: impl FnOnce(&mut Self)) -> Result<(), Error> {
        debug_assert!(self.together.is_none(), "within each other nothing is on disk when it says so");
        self.connection.execute_batch("begin immediate").map_err(|error| self.refused(error))?;
        self.together = Some(Afterwards::default());
        work(self);
        let afterwards = self.together.take().unwrap_or_default();
        // A disk that is full may have ended the transaction by itself.
        let committed = match self.connection.is_autocommit() {
            true => {
                Err(Error::Lost { path: self.path.clone(), why: "the disk is full or failing".to_owned() })
            }
            false => self.connection.execute_batch("commit").map_err(|error| self.refused(error)),
        };
        if committed.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("rollback");
        }
        committed?;
        afterwards.told.into_iter().for_each(|write| self.tell(write, true));
        // A file that stays behind harms nobody.
        afterwards.untidy.iter().for_each(|file| drop(std::fs::remove_file(file)));
        Ok(())
    }

    /// Writes down something that happened to an export, for its history.
    pub fn note(&mut self, claim: &Claim, at: SystemTime, event: &str) -> Result<(), Error> {
        self.advance(
            Write::Event,
            "insert into event (export, at, event) values (?1, ?2, ?3)",
            params![claim.export, to_stored(at), event],
        )
    }

    /// Returns the history of an export, oldest first.
    pub fn notes(&self, export: i64) -> Result<Vec<(SystemTime, String)>, Error> {
        self.rows("select at, event from event where export = ?1 order by id", params![export], |row| {
            Ok((super::time::from_stored(row.get(0)?), row.get(1)?))
        })
    }

    /// Returns one export.
    pub fn export(&self, id: i64) -> Result<Option<Export>, Error> {
        read(&self.connection, id).map_err(|error| self.refused(error))
    }

    /// Returns the exports without a recorded end, of one host or of all, oldest first.
    pub fn open_exports(&self, host: Option<&str>) -> Result<Vec<Export>, Error> {
        let sql = format!(
            "select {} from export where ended_at is null and (?1 is null or host = ?1) order by id",
            export::COLUMNS
        );
        self.rows(&sql, params![host.map(fold_host)], Export::read)
    }

    /// Returns the exports of a machine or group, newest first.
    pub fn exports_of(&self, kind: Kind, subject: &str) -> Result<Vec<Export>, Error> {
        let sql = format!(
            "select {} from export where kind = ?1 and subject = ?2 order by id desc",
            export::COLUMNS
        );
        self.rows(&sql, params![kind, fold_id(subject)], Export::read)
    }

    /// Returns the exports of a host that became a job, newest first.
    pub fn exports_with_jobs(&self, host: &str) -> Result<Vec<Export>, Error> {
        let sql = format!(
            "select {} from export where host = ?1 and job is not null order by id desc",
            export::COLUMNS
        );
        self.rows(&sql, params![fold_host(host)], Export::read)
    }

    /// Returns the newest export of a machine or group that ended so that the next may be relative to it.
    pub fn last_sound(&self, kind: Kind, subject: &str) -> Result<Option<Export>, Error> {
        let sql = format!(
            "select {} from export where kind = ?1 and subject = ?2 and sound = 1 and ended_at is not null \
             order by ended_at desc, id desc limit 1",
            export::COLUMNS
        );
        Ok(self.rows(&sql, params![kind, fold_id(subject)], Export::read)?.pop())
    }

    /// Writes down a point that is ours. One that was gone is there again.
    pub fn own(&mut self, point: &Point) -> Result<(), Error> {
        self.advance(
            Write::Point,
            "insert into point (kind, id_key, subject, id, host, subject_name, type, consistency, disks, origin, \
             made_at, gone_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
             on conflict (kind, subject, id_key) do update set host = excluded.host, \
             subject_name = excluded.subject_name, type = excluded.type, consistency = excluded.consistency, \
             disks = excluded.disks, gone_at = excluded.gone_at",
            params![
                point.subject.kind,
                fold(&point.id),
                fold_id(&point.subject.id),
                point.id,
                fold_host(&point.host),
                point.subject.name,
                point.point_type,
                point.consistency,
                point.stored_disks(),
                point.origin,
                to_stored(point.made_at),
                point.gone_at.map(to_stored),
            ],
        )
    }

    /// Writes down that a point is gone from its host. Of one that was never ours there is nothing to say.
    pub fn gone(&mut self, kind: Kind, subject: &str, point: &str, at: SystemTime) -> Result<(), Error> {
        self.write(Write::PointGone, |transaction| {
            transaction.execute(
                "update point set gone_at = coalesce(gone_at, ?4) where kind = ?1 and subject = ?2 and id_key = ?3",
                params![kind, fold_id(subject), fold(point), to_stored(at)],
            )?;
            Ok(())
        })
    }

    /// Returns the points of a machine or group that are ours and not known to be gone, those first that were made
    /// or adopted last. Which is the newest [`Newest`](super::Newest) says.
    pub fn points_of(&self, kind: Kind, subject: &str) -> Result<Vec<Point>, Error> {
        let sql = format!(
            "select {} from point where kind = ?1 and subject = ?2 and gone_at is null \
             order by made_at desc, rowid desc",
            point::COLUMNS
        );
        self.rows(&sql, params![kind, fold_id(subject)], Point::read)
    }

    /// Returns one point of ours, gone or not.
    pub fn point(&self, kind: Kind, subject: &str, id: &str) -> Result<Option<Point>, Error> {
        let sql =
            format!("select {} from point where kind = ?1 and subject = ?2 and id_key = ?3", point::COLUMNS);
        Ok(self.rows(&sql, params![kind, fold_id(subject), fold(id)], Point::read)?.pop())
    }

    pub(super) fn locks(&self) -> PathBuf {
        beside(&self.path, ".claims")
    }

    fn refused(&self, error: rusqlite::Error) -> Error {
        Error::of(error, &self.path)
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let collect = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare(sql)?.query_map(params, read)?.collect()
        };
        collect().map_err(|error| self.refused(error))
    }

    /// One statement that must find its row: a stage that does not follow from the one before is a mistake of
    /// the caller, and must not look as if it were written.
    pub(super) fn advance(&mut self, write: Write, sql: &str, params: impl Params) -> Result<(), Error> {
        self.write(write, |transaction| match transaction.execute(sql, params)? {
            0 => Err(Failure::Rows),
            _ => Ok(()),
        })
    }

    pub(super) fn write<T>(
        &mut self,
        write: Write,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        self.tell(write, false);
        let path = &self.path;
        let refused = |error| Error::of(error, path);
        let failed = |failure| match failure {
            Failure::Database(error) => Error::of(error, path),
            Failure::Ledger(error) => *error,
            Failure::Rows => Error::of(rusqlite::Error::QueryReturnedNoRows, path),
        };
        if let Some(afterwards) = &mut self.together {
            let savepoint = self.connection.savepoint().map_err(refused)?;
            let done = work(&savepoint).map_err(failed)?;
            savepoint.commit().map_err(refused)?;
            afterwards.told.push(write);
            return Ok(done);
        }
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refused)?;
        let done = work(&transaction).map_err(failed)?;
        transaction.commit().map_err(refused)?;
        self.tell(write, true);
        Ok(done)
    }

    /// What was just written is not there.
    pub(super) fn missing(&self) -> Error {
        self.refused(rusqlite::Error::QueryReturnedNoRows)
    }

    fn tell(&self, write: Write, done: bool) {
        if let Some(observer) = &self.observer {
            observer(write, done);
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why a transaction is not committed.
pub(super) enum Failure {
    Database(rusqlite::Error),
    Ledger(Box<Error>),
    /// A statement that changes one row found none.
    Rows,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ledger(Box::new(error))
    }
}

fn read(connection: &Connection, id: i64) -> rusqlite::Result<Option<Export>> {
    let sql = format!("select {} from export where id = ?1", export::COLUMNS);
    connection.query_row(&sql, params![id], Export::read).optional()
}

fn open_in(connection: &Connection, host: &str, directory: &str) -> rusqlite::Result<Option<Export>> {
    let sql = format!("select {} from export where directory_key = ?1 and ended_at is null", export::COLUMNS);
    connection.query_row(&sql, params![directory_key(host, directory)], Export::read).optional()
}

fn insert(transaction: &Connection, intent: &Intent, at: SystemTime) -> rusqlite::Result<i64> {
    transaction.execute(
        "insert into export (host, kind, subject, subject_name, point, point_key, base, directory, directory_key, \
         details, disks, stage, intended_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'intended', ?12)",
        params![
            fold_host(&intent.host),
            intent.subject.kind,
            fold_id(&intent.subject.id),
            intent.subject.name,
            intent.point,
            fold(&intent.point),
            intent.base,
            intent.directory,
            directory_key(&intent.host, &intent.directory),
            intent.details,
            intent.disks.join("\n"),
            to_stored(at),
        ],
    )?;
    Ok(transaction.last_insert_rowid())
}

/// Computer names are written in capitals, as Windows does.
pub(super) fn fold_host(host: &str) -> String {
    host.to_uppercase()
}

/// GUIDs are written in capitals, as Hyper-V does.
pub(super) fn fold_id(id: &str) -> String {
    id.to_uppercase()
}

/// Tries something again while another process has the ledger. The database does not wait by itself while a new
/// file is turned into a ledger, or is looked through after a crash.
fn patiently(open: impl Fn() -> Result<Ledger, Error>) -> Result<Ledger, Error> {
    let began = Instant::now();
    loop {
        match open() {
            Err(Error::Locked { .. }) if began.elapsed() < PATIENCE => std::thread::sleep(BREATH),
            opened => return opened,
        }
    }
}

const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY;
const READ_WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;
const BY_URI: OpenFlags = OpenFlags::SQLITE_OPEN_URI;

fn flags(how: OpenFlags) -> OpenFlags {
    how | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Returns the URI of a file that nobody changes while it is read.
fn unchanging(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = path.as_os_str().as_encoded_bytes();
    let mut uri = "file://".to_owned();
    if cfg!(windows) && !path.starts_with(br"\") {
        // A drive stands behind the authority, of which there is none; a share begins with strokes of its own.
        uri.push('/');
    }
    for byte in path {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Makes folder and file, readable by their owner alone: they tell what there is to steal and where.
fn make_file(path: &Path) -> Result<(), Error> {
    let opened = |source| Error::Open { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(opened)?;
    }
    // A file that may only be read is refused here: the database would open it, and leave files of the same mode
    // beside it that are in the way once it may be written again.
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(opened)?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Origin, Subject};

    pub(in crate::ledger) struct Folder(PathBuf);

    impl Folder {
        pub(in crate::ledger) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("refpoint-ledger-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(in crate::ledger) fn ledger(&self) -> Ledger {
            Ledger::open(self.file()).unwrap()
        }

        fn file(&self) -> PathBuf {
            self.0.join("ledger.db")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    pub(in crate::ledger) fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_000_000 + seconds)
    }

    fn intent() -> Intent {
        Intent {
            host: "hv01".to_owned(),
            subject: web01(),
            point: r"Microsoft:3F2C9A10\A0E4C1D7".to_owned(),
            base: None,
            disks: vec![r"Microsoft:3F2C9A10\0\0\L".to_owned(), r"Microsoft:3F2C9A10\0\1\L".to_owned()],
            directory: r"D:\exports\web01".to_owned(),
            details: "{}".to_owned(),
        }
    }

    fn web01() -> Subject {
        Subject { kind: Kind::Vm, id: "3F2C9A10".to_owned(), name: "web01".to_owned() }
    }

    fn found(claimed: Claimed) -> (Claim, Export) {
        match claimed {
            Claimed::Found(claim, export) => (claim, *export),
            Claimed::Fresh(claim) => panic!("{claim:?} is fresh"),
        }
    }

    fn fresh(claimed: Claimed) -> Claim {
        match claimed {
            Claimed::Fresh(claim) => claim,
            Claimed::Found(_, export) => panic!("{export:?} was there"),
        }
    }

    #[test]
    fn each_stage_is_found_again_by_the_next_process() {
        let folder = Folder::new("stages");
        let end = End { outcome: "completed", sound: true, receipt: Some("{}") };
        type Deed<'a> = &'a dyn Fn(&mut Ledger, &Claim);
        let deeds: [(Stage, Deed<'_>); 3] = [
            (Stage::Sent, &|ledger, claim| ledger.sent(claim, at(1), Some("vmms 812")).unwrap()),
            (Stage::Answered, &|ledger, claim| {
                ledger.answered(claim, at(2), Some(4096), Some("X.InstanceID=\"1\"")).unwrap();
            }),
            (Stage::Ended, &|ledger, claim| ledger.ended(claim, at(3), &end).unwrap()),
        ];
        let claim = fresh(folder.ledger().claim(&intent(), at(0)).unwrap());
        let id = claim.export();
        drop(claim);
        let mut stage = Stage::Intended;
        for (next, deed) in deeds {
            let mut ledger = folder.ledger();
            let (claim, export) = found(ledger.claim(&intent(), at(9)).unwrap());
            assert_eq!((export.id, export.stage), (id, stage));
            deed(&mut ledger, &claim);
            stage = next;
        }
        let export = folder.ledger().export(id).unwrap().unwrap();
        assert_eq!(
            (export.intended_at, export.sent_at, export.answered_at, export.ended_at),
            (at(0), Some(at(1)), Some(at(2)), Some(at(3)))
        );
        assert_eq!((export.return_value, export.job.as_deref()), (Some(4096), Some("X.InstanceID=\"1\"")));
        assert_eq!((export.outcome.as_deref(), export.sound), (Some("completed"), true));
        assert_eq!(export.witness.as_deref(), Some("vmms 812"));
        assert_eq!(export.disks, intent().disks);
    }

    #[test]
    fn exports_are_found_by_their_hosts_jobs() {
        let folder = Folder::new("jobs");
        let mut ledger = folder.ledger();
        for (host, job) in
            [("hv01", Some("J=1")), ("hv01", None), ("hv02", Some("J=2")), ("HV01", Some("J=3"))]
        {
            let claim = ledger.claim(&Intent { host: host.to_owned(), ..intent() }, at(0)).unwrap();
            let claim = claim.into_claim();
            ledger.sent(&claim, at(1), None).unwrap();
            ledger.answered(&claim, at(2), Some(4096), job).unwrap();
            ledger.ended(&claim, at(3), &End { outcome: "failed", sound: false, receipt: None }).unwrap();
        }
        let jobs =
            |host| ledger.exports_with_jobs(host).unwrap().into_iter().map(|export| export.job.unwrap());
        assert_eq!(jobs("Hv01").collect::<Vec<_>>(), ["J=3", "J=1"]);
        assert_eq!(jobs("hv02").collect::<Vec<_>>(), ["J=2"]);
        assert_eq!(jobs("hv03").count(), 0);
    }

    #[test]
    fn after_a_recorded_end_the_same_begins_anew() {
        let folder = Folder::new("anew");
        let mut ledger = folder.ledger();
        let first = fresh(ledger.claim(&intent(), at(0)).unwrap());
        ledger.ended(&first, at(1), &End { outcome: "failed", sound: false, receipt: None }).unwrap();
        let second = fresh(ledger.claim(&intent(), at(2)).unwrap());
        assert_ne!(first.export(), second.export());
    }

    #[test]
    fn a_claim_is_held_by_one_process_and_free_when_it_is_gone() {
        let folder = Folder::new("held");
        let (mut one, mut other) = (folder.ledger(), folder.ledger());
        let claim = one.claim(&intent(), at(0)).unwrap().into_claim();
        assert!(matches!(other.claim(&intent(), at(1)), Err(Error::Claimed { .. })));
        assert!(matches!(other.reclaim(claim.export()), Err(Error::Claimed { .. })));
        let id = claim.export();
        drop(claim);
        drop(found(other.claim(&intent(), at(1)).unwrap()));
        let (claim, export) = one.reclaim(id).unwrap().unwrap();
        assert_eq!(export.stage, Stage::Intended);
        one.ended(&claim, at(2), &End { outcome: "failed", sound: false, receipt: None }).unwrap();
        assert!(one.reclaim(id).unwrap().is_none());
    }

    #[test]
    fn one_directory_takes_one_export_however_it_is_spelled() {
        let folder = Folder::new("directory");
        let mut ledger = folder.ledger();
        drop(ledger.claim(&intent(), at(0)).unwrap());
        let with = |change: &dyn Fn(&mut Intent)| {
            let mut intent = intent();
            change(&mut intent);
            intent
        };
        for same in [
            with(&|intent| intent.directory = r"d:\EXPORTS\web01\".to_owned()),
            with(&|intent| intent.directory = r"\\?\D:\exports\web01".to_owned()),
            with(&|intent| intent.host = "HV01".to_owned()),
            with(&|intent| intent.subject.id = "3f2c9a10".to_owned()),
            with(&|intent| intent.point = intent.point.to_lowercase()),
            with(&|intent| intent.subject.name = "renamed".to_owned()),
        ] {
            drop(found(ledger.claim(&same, at(1)).unwrap()));
        }
        for other in [
            with(&|intent| intent.point = "another".to_owned()),
            with(&|intent| intent.subject.id = "7B1D04E2".to_owned()),
            with(&|intent| intent.subject.kind = Kind::Group),
        ] {
            assert!(matches!(ledger.claim(&other, at(1)), Err(Error::DirectoryTaken { .. })), "{other:?}");
        }
        for free in [
            with(&|intent| intent.directory = r"D:\exports\web01\2".to_owned()),
            with(&|intent| intent.host = "hv02".to_owned()),
        ] {
            drop(fresh(ledger.claim(&free, at(1)).unwrap()));
        }
        assert_eq!(ledger.open_exports(Some("Hv01")).unwrap().len(), 2);
        assert_eq!(ledger.open_exports(None).unwrap().len(), 3);
    }

    /// A share is one, whichever host writes there; what a host calls by its own name is its own.
    #[test]
    fn one_directory_of_a_share_takes_one_export_of_all_hosts() {
        let folder = Folder::new("share");
        let mut ledger = folder.ledger();
        let to = |host: &str, directory: &str| Intent {
            host: host.to_owned(),
            directory: directory.to_owned(),
            ..intent()
        };
        drop(fresh(ledger.claim(&to("HV01", r"\\nas1\hv\web01"), at(0)).unwrap()));
        drop(found(ledger.claim(&to("hv01", r"\\?\UNC\NAS1\hv\web01\"), at(1)).unwrap()));
        for spelling in [r"\\nas1\hv\web01", r"\\?\unc\nas1\HV\web01"] {
            // Also the same point of the same machine, which may have moved: nobody followed the first to its end.
            let error = ledger.claim(&to("HV02", spelling), at(1)).unwrap_err();
            assert!(matches!(error, Error::DirectoryTaken { .. }), "{error}");
            assert!(error.to_string().contains("HV01"), "{error}");
        }
        for own in
            [r"\\localhost\hv\web01", r"\\127.0.0.1\hv\web01", r"\\?\Volume{3f2c9a10}\hv", r"D:\hv\web01"]
        {
            drop(fresh(ledger.claim(&to("HV01", own), at(2)).unwrap()));
            drop(fresh(ledger.claim(&to("HV02", own), at(2)).unwrap()));
        }
    }

    #[test]
    fn a_stage_that_does_not_follow_is_not_written() {
        let folder = Folder::new("order");
        let mut ledger = folder.ledger();
        let end = End { outcome: "failed", sound: false, receipt: None };
        let claim = fresh(ledger.claim(&intent(), at(0)).unwrap());
        assert!(ledger.answered(&claim, at(1), Some(0), None).is_err());
        assert!(ledger.not_started(&claim).is_err());
        ledger.sent(&claim, at(1), None).unwrap();
        assert!(ledger.sent(&claim, at(2), None).is_err());
        ledger.not_started(&claim).unwrap();
        // A refusal began nothing.
        ledger.sent(&claim, at(2), Some("vmms 812")).unwrap();
        ledger.answered(&claim, at(2), Some(32774), None).unwrap();
        ledger.not_started(&claim).unwrap();
        let export = ledger.export(claim.export()).unwrap().unwrap();
        assert_eq!((export.stage, export.sent_at, export.answered_at), (Stage::Intended, None, None));
        assert_eq!((export.return_value, export.witness), (None, None));
        ledger.sent(&claim, at(3), None).unwrap();
        for (code, job) in [(Some(4096), None), (None, Some("X")), (Some(32774), Some("X")), (None, None)] {
            ledger.answered(&claim, at(4), code, job).unwrap();
            assert!(ledger.not_started(&claim).is_err(), "{code:?} {job:?}");
        }
        ledger.answered(&claim, at(4), Some(0), None).unwrap();
        assert!(ledger.not_started(&claim).is_err());
        assert!(ledger.sent(&claim, at(5), None).is_err());
        ledger.ended(&claim, at(6), &end).unwrap();
        assert!(ledger.ended(&claim, at(7), &end).is_err());
        let export = ledger.export(claim.export()).unwrap().unwrap();
        assert_eq!((export.sent_at, export.ended_at), (Some(at(3)), Some(at(6))));
    }

    #[test]
    fn the_newest_sound_export_is_the_last() {
        let folder = Folder::new("last");
        let mut ledger = folder.ledger();
        assert_eq!(ledger.last_sound(Kind::Vm, "3F2C9A10").unwrap(), None);
        for (second, point, sound) in [(10, "a", true), (20, "b", true), (30, "c", false)] {
            let claim = ledger.claim(&Intent { point: point.to_owned(), ..intent() }, at(second)).unwrap();
            let outcome = if sound { "completed" } else { "failed" };
            let end = End { outcome, sound, receipt: None };
            ledger.ended(&claim.into_claim(), at(second + 1), &end).unwrap();
        }
        assert_eq!(ledger.last_sound(Kind::Vm, "3f2c9a10").unwrap().unwrap().point, "b");
        assert_eq!(ledger.last_sound(Kind::Group, "3f2c9a10").unwrap(), None);
        let all = ledger.exports_of(Kind::Vm, "3f2c9a10").unwrap();
        assert_eq!(all.iter().map(|export| &*export.point).collect::<Vec<_>>(), ["c", "b", "a"]);
    }

    #[test]
    fn points_are_newest_first_by_our_own_time() {
        let folder = Folder::new("points");
        let mut ledger = folder.ledger();
        let point = |id: &str, made: u64| Point {
            id: id.to_owned(),
            host: "HV01".to_owned(),
            subject: web01(),
            point_type: Some(2),
            consistency: Some(1),
            disks: vec![r"Microsoft:3F2C9A10\0\0\L".to_owned(), r"Microsoft:3F2C9A10\0\1\L".to_owned()],
            origin: Origin::Made,
            made_at: at(made),
            gone_at: None,
        };
        for (id, made) in [("old", 1), ("new", 3), ("middle", 2)] {
            ledger.own(&point(id, made)).unwrap();
        }
        let ids = |ledger: &Ledger| {
            let points = ledger.points_of(Kind::Vm, "3f2c9a10").unwrap();
            points.into_iter().map(|point| point.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&ledger), ["new", "middle", "old"]);
        assert_eq!(ledger.point(Kind::Vm, "3F2C9A10", "NEW").unwrap().unwrap(), point("new", 3));
        ledger.gone(Kind::Vm, "3F2C9A10", "NEW", at(9)).unwrap();
        ledger.gone(Kind::Vm, "3F2C9A10", "never ours", at(9)).unwrap();
        assert_eq!(ids(&ledger), ["middle", "old"]);
        assert_eq!(ledger.point(Kind::Vm, "3F2C9A10", "new").unwrap().unwrap().gone_at, Some(at(9)));
        // Its time stays the one that was written first.
        ledger.own(&Point { origin: Origin::Adopted, ..point("new", 0) }).unwrap();
        assert_eq!(ids(&ledger), ["new", "middle", "old"]);
        assert_eq!(ledger.point(Kind::Vm, "3F2C9A10", "new").unwrap().unwrap().origin, Origin::Made);
    }

    #[test]
    fn what_is_no_ledger_is_said_to_be_damaged_and_left_as_it_is() {
        let folder = Folder::new("damage");
        let write = |bytes: &[u8]| std::fs::write(folder.file(), bytes).unwrap();
        write(b"this is a text file that somebody named ledger.db, longer than the header of a database");
        assert!(matches!(Ledger::open(folder.file()), Err(Error::Damaged { .. })));
        assert!(std::fs::read(folder.file()).unwrap().starts_with(b"this is"));
        write(b"");
        Connection::open(folder.file()).unwrap().execute_batch("create table theirs (a)").unwrap();
        assert!(matches!(Ledger::open(folder.file()), Err(Error::Damaged { .. })));
        std::fs::remove_file(folder.file()).unwrap();
        let ledger = folder.ledger();
        ledger.connection.pragma_update(None, "user_version", 7).unwrap();
        drop(ledger);
        assert!(matches!(Ledger::open(folder.file()), Err(Error::Later { found: 7, .. })));
    }

    #[test]
    fn half_a_page_that_is_missing_is_found_when_the_ledger_is_opened() {
        let folder = Folder::new("half");
        let mut ledger = folder.ledger();
        // The last page holds the steps of backups, of which there are none: zeros are as good there.
        drop(ledger.claim(&intent(), at(1)).unwrap());
        drop(ledger);
        assert!(Ledger::open(folder.file()).is_ok());
        let bytes = std::fs::read(folder.file()).unwrap();
        std::fs::write(folder.file(), &bytes[..bytes.len() - 2048]).unwrap();
        let whole: String = Connection::open(folder.file())
            .unwrap()
            .query_row("pragma quick_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(whole, "ok");
        assert!(matches!(Ledger::open(folder.file()), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_page_that_went_bad_is_found_when_the_ledger_is_opened() {
        let folder = Folder::new("page");
        let mut ledger = folder.ledger();
        for number in 0..50 {
            let directory = format!(r"D:\exports\{number}");
            drop(ledger.claim(&Intent { directory, ..intent() }, at(number)).unwrap());
        }
        drop(ledger);
        let mut bytes = std::fs::read(folder.file()).unwrap();
        let last = bytes.len() - 4096;
        bytes[last..last + 2048].fill(0xA5);
        std::fs::write(folder.file(), bytes).unwrap();
        let error = Ledger::open(folder.file()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_the_stage_as_it_was() {
        let folder = Folder::new("full");
        let mut ledger = folder.ledger();
        let claim = fresh(ledger.claim(&intent(), at(0)).unwrap());
        let pages: i64 = ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let witness = "x".repeat(100_000);
        let error = ledger.sent(&claim, at(1), Some(&witness)).unwrap_err();
        assert!(matches!(error, Error::Unwritable { .. }), "{error}");
        assert_eq!(ledger.export(claim.export()).unwrap().unwrap().stage, Stage::Intended);
    }

    #[test]
    fn what_is_written_together_stands_or_falls_by_itself_and_is_on_disk_when_it_is_told() {
        let folder = Folder::new("together");
        let mut ledger = folder.ledger();
        let (sender, heard) = std::sync::mpsc::channel();
        let file = folder.file();
        ledger.observe(move |write, done| {
            // What is told as done another process can read.
            let seen = Ledger::open(&file).unwrap().open_exports(None).unwrap().len();
            sender.send((write, done, seen)).unwrap();
        });
        let other = Intent { directory: r"D:\exports\web02".to_owned(), ..intent() };
        let mut claims = Vec::new();
        ledger
            .together(|ledger| {
                claims.push(fresh(ledger.claim(&intent(), at(0)).unwrap()));
                assert!(ledger.sent(&claims[0], at(1), None).is_ok());
                assert!(ledger.sent(&claims[0], at(2), None).is_err());
                claims.push(fresh(ledger.claim(&other, at(3)).unwrap()));
                ledger
                    .ended(&claims[1], at(4), &End { outcome: "failed", sound: false, receipt: None })
                    .unwrap();
            })
            .unwrap();
        let done: Vec<_> = heard.try_iter().filter(|(_, done, _)| *done).collect();
        let told = |write| (write, true, 1);
        assert_eq!(done, [told(Write::Claim), told(Write::Sent), told(Write::Claim), told(Write::Ended)]);
        assert_eq!(ledger.export(claims[0].export()).unwrap().unwrap().sent_at, Some(at(1)));
        let files: Vec<_> = claims.iter().map(|claim| claim.file().to_owned()).collect();
        // Where a file that is open cannot go, it goes with the claim.
        drop(claims.pop());
        assert!(!files[1].exists() && files[0].exists());
    }

    #[test]
    fn what_cannot_be_brought_to_disk_together_was_not_written() {
        let folder = Folder::new("together-full");
        let mut ledger = folder.ledger();
        let claim = fresh(ledger.claim(&intent(), at(0)).unwrap());
        let pages: i64 = ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let witness = "x".repeat(100_000);
        let other = Intent { directory: r"D:\exports\web02".to_owned(), ..intent() };
        let done = ledger.together(|ledger| {
            let _ = ledger.claim(&other, at(1));
            assert!(ledger.sent(&claim, at(1), Some(&witness)).is_err());
        });
        // Whether the whole is lost with the one is the database's choice: what counts is that it says so.
        let found = folder.ledger().open_exports(None).unwrap().len();
        assert_eq!(found, if done.is_ok() { 2 } else { 1 });
        ledger.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        ledger.sent(&claim, at(2), None).unwrap();
    }

    #[test]
    fn a_writer_that_does_not_let_go_is_reported_as_a_lock() {
        let folder = Folder::new("locked");
        let mut ledger = folder.ledger();
        ledger.connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(folder.file()).unwrap();
        other.execute_batch("begin immediate").unwrap();
        let error = ledger.claim(&intent(), at(0)).unwrap_err();
        assert!(error.is_locked(), "{error}");
        other.execute_batch("commit").unwrap();
        drop(fresh(ledger.claim(&intent(), at(0)).unwrap()));
    }

    #[test]
    fn many_may_begin_a_ledger_at_once() {
        let folder = Folder::new("begin");
        for round in 0..20 {
            let file = folder.0.join(format!("{round}.db"));
            let gate = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        gate.wait();
                        Ledger::open(&file).unwrap();
                    });
                }
            });
        }
    }

    #[test]
    fn an_observer_hears_of_every_write_before_and_after() {
        let folder = Folder::new("observer");
        let mut ledger = folder.ledger();
        let (sender, heard) = std::sync::mpsc::channel();
        ledger.observe(move |write, done| sender.send((write, done)).unwrap());
        let claim = fresh(ledger.claim(&intent(), at(0)).unwrap());
        ledger.sent(&claim, at(1), None).unwrap();
        ledger.note(&claim, at(1), "{}").unwrap();
        assert!(ledger.sent(&claim, at(2), None).is_err());
        let heard: Vec<_> = heard.try_iter().collect();
        let both = |write| [(write, false), (write, true)];
        let expected =
            [&both(Write::Claim)[..], &both(Write::Sent), &both(Write::Event), &[(Write::Sent, false)]];
        assert_eq!(heard, expected.concat());
        assert_eq!(ledger.notes(claim.export()).unwrap(), [(at(1), "{}".to_owned())]);
    }

    #[test]
    fn who_looks_into_a_ledger_sees_what_is_in_it_and_writes_nothing() {
        let folder = Folder::new("look");
        let mut writer = folder.ledger();
        let mut reader = Ledger::open_to_read(folder.file()).unwrap();
        drop(writer.claim(&intent(), at(0)).unwrap());
        assert_eq!(reader.open_exports(None).unwrap().len(), 1);
        let other = Intent { directory: r"E:\".to_owned(), ..intent() };
        assert!(matches!(reader.claim(&other, at(1)), Err(Error::Unwritable { .. })));
        assert_eq!(writer.open_exports(None).unwrap().len(), 1);
        drop(writer);
        assert_eq!(Ledger::open_to_read(folder.file()).unwrap().open_exports(None).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_nobody_changes_is_found_whatever_it_is_called() {
        let folder = Folder::new("unchanging #1%41 é");
        let mut ledger = folder.ledger();
        fresh(ledger.claim(&intent(), at(0)).unwrap());
        // The last one to close it leaves one file.
        drop(ledger);
        let found =
            Connection::open_with_flags(unchanging(&folder.file()), flags(READ_ONLY | BY_URI)).unwrap();
        let count = |table: &Connection| table.query_row("select count(*) from export", [], |row| row.get(0));
        assert_eq!(count(&found), Ok(1));
    }

    #[test]
    fn where_there_is_no_ledger_nothing_is_in_it_and_none_is_made() {
        let folder = Folder::new("none");
        std::fs::create_dir_all(&folder.0).unwrap();
        let look = || Ledger::open_to_read(folder.file());
        assert_eq!(look().unwrap().open_exports(None).unwrap(), []);
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
        std::fs::write(folder.file(), "").unwrap();
        assert_eq!(look().unwrap().open_exports(None).unwrap(), []);
        assert_eq!(std::fs::metadata(folder.file()).unwrap().len(), 0);
        std::fs::write(
            folder.file(),
            "no ledger, but a text that is longer than the header of a database, which has a hundred",
        )
        .unwrap();
        assert!(matches!(look(), Err(Error::Damaged { .. })));
        std::fs::remove_file(folder.file()).unwrap();
        std::fs::create_dir(folder.file()).unwrap();
        assert!(matches!(look(), Err(Error::Open { .. } | Error::Unwritable { .. })), "{:?}", look());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_but_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("mode");
        let path = folder.0.join("state/refpoint/ledger.db");
        drop(Ledger::open(&path).unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    proptest! {
        // Each case waits for the disk several times.
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever text a host or a person gives comes back as it was.
        #[test]
        fn any_text_comes_back(name in "\\PC*", directory in "\\PC*", receipt in "\\PC*") {
            let folder = Folder::new("text");
            let mut ledger = folder.ledger();
            let mut intent = intent();
            intent.subject.name = name.clone();
            intent.directory = directory.clone();
            let claim = ledger.claim(&intent, at(0)).unwrap().into_claim();
            ledger.sent(&claim, at(1), Some(&receipt)).unwrap();
            ledger.ended(&claim, at(2), &End { outcome: &receipt, sound: false, receipt: Some(&receipt) }).unwrap();
            drop(ledger);
            let export = folder.ledger().export(claim.export()).unwrap().unwrap();
            prop_assert_eq!((export.subject.name, export.directory), (name, directory));
            prop_assert_eq!((export.receipt, export.witness), (Some(receipt.clone()), Some(receipt)));
        }
    }
}

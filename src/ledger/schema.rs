use std::path::Path;

use rusqlite::Connection;

use super::error::Error;

/// The format that this release writes.
const FORMAT: i64 = 1;

/// Tells our files from any other SQLite database: "rfpt".
const APPLICATION: i64 = 0x7266_7074;

/// Column names are the words of [`super::Export`] and [`super::Point`]. Times are microseconds since 1970, UTC.
/// Keys that Windows compares without regard to case are stored folded beside the text as it was given; that of a
/// directory begins with its host where it is the host's own.
const TABLES: &str = "
create table export (
    id            integer primary key,
    host          text    not null,
    kind          text    not null check (kind in ('vm', 'group')),
    subject       text    not null,
    subject_name  text    not null,
    point         text    not null,
    point_key     text    not null,
    base          text,
    disks         text    not null,
    directory     text    not null,
    directory_key text    not null,
    details       text    not null,
    stage         text    not null check (stage in ('intended', 'sent', 'answered', 'ended')),
    intended_at   integer not null,
    sent_at       integer,
    answered_at   integer,
    ended_at      integer,
    witness       text,
    return_value  integer,
    job           text,
    outcome       text,
    sound         integer not null default 0,
    receipt       text
) strict;
-- One directory is filled by one export at a time, whoever asks for it.
create unique index export_open on export (directory_key) where ended_at is null;
create index export_subject on export (subject, ended_at);
create table point (
    kind          text    not null check (kind in ('vm', 'group')),
    id_key        text    not null,
    subject       text    not null,
    id            text    not null,
    host          text    not null,
    subject_name  text    not null,
    type          integer,
    consistency   integer,
    disks         text    not null,
    origin        text    not null check (origin in ('made', 'adopted')),
    made_at       integer not null,
    gone_at       integer,
    primary key (kind, subject, id_key)
) strict;
create table event (
    id            integer primary key,
    export        integer not null references export (id),
    at            integer not null,
    event         text    not null
) strict;
create index event_export on event (export);
create table making (
    id            integer primary key,
    kind          text    not null check (kind in ('vm', 'group')),
    subject       text    not null,
    subject_name  text    not null,
    host          text    not null,
    purpose       text    not null,
    before        text    not null,
    at            integer not null,
    job           text,
    point         text,
    ended_at      integer
) strict;
-- One point is made of one machine at a time: of two, nobody could tell which is whose.
create unique index making_open on making (kind, subject) where ended_at is null;
create index making_purpose on making (purpose);
create table run (
    id            integer primary key,
    name          text    not null unique,
    plan          text    not null,
    text          text    not null,
    details       text    not null,
    started_at    integer not null,
    finished_at   integer,
    is_over       integer not null default 0,
    reason        text,
    resumed       integer not null default 0,
    exit_code     integer
) strict;
create index run_plan on run (plan);
create table run_host (
    run           integer not null references run (id),
    host          text    not null,
    stage         text    not null check (stage in ('outstanding', 'failed', 'planned')),
    details       text,
    started_at    integer,
    finished_at   integer,
    unique (run, host)
) strict;
create table unit (
    id            integer primary key,
    run           integer not null,
    host          text    not null,
    kind          text    not null check (kind in ('vm', 'group')),
    subject       text    not null,
    subject_name  text    not null,
    verb          text    not null,
    rule          integer not null,
    directory     text    not null,
    stage         text    not null check (stage in ('outstanding', 'running', 'ended')),
    tries         integer not null default 0,
    outcome       text,
    report        text,
    started_at    integer,
    finished_at   integer,
    foreign key (run, host) references run_host (run, host)
) strict;
create index unit_host on unit (run, host);
";

/// Makes the tables in a new file, and checks that an old one is ours, whole and not from the future.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let refused = |error| Error::of(error, path);
    connection.pragma_update(None, "journal_mode", "wal").map_err(refused)?;
    connection.pragma_update(None, "synchronous", "full").map_err(refused)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(refused)?;
    let version = |connection: &Connection| version(connection, path);
    if version(connection)? == (0, 0) {
        let transaction = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(refused)?;
        // Another process may have been first.
        if version(&transaction)? == (0, 0) {
            let tables: i64 = transaction
                .query_row("select count(*) from sqlite_schema", [], |row| row.get(0))
                .map_err(refused)?;
            if tables > 0 {
                let what = "it is a database of something else".to_owned();
                return Err(Error::Damaged { path: path.to_owned(), what });
            }
            transaction.execute_batch(TABLES).map_err(refused)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(refused)?;
            transaction.pragma_update(None, "user_version", FORMAT).map_err(refused)?;
        }
        transaction.commit().map_err(refused)?;
    }
    check(connection, path)?;
    // A file that was begun before there were backups, or warnings of points, has no tables for them: nothing else
    // changes.
    let later = [super::backup::TABLES, super::making::TABLES].concat();
    connection.execute_batch(&later).map_err(refused)
}

fn version(connection: &Connection, path: &Path) -> Result<(i64, i64), Error> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let version = || Ok((pragma("application_id")?, pragma("user_version")?));
    version().map_err(|error| Error::of(error, path))
}

/// Checks that a file is ours, whole and not from the future.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    match version(connection, path)? {
        (APPLICATION, FORMAT) => whole(connection, path),
        (APPLICATION, found) if found > FORMAT => {
            Err(Error::Later { path: path.to_owned(), found, known: FORMAT })
        }
        _ => {
            let what = "it is a database of something else".to_owned();
            Err(Error::Damaged { path: path.to_owned(), what })
        }
    }
}

/// Looks at every page: what is written here decides whether something is asked of a host a second time, so a
/// page that went bad must be found before, not when it happens to be read.
fn whole(connection: &Connection, path: &Path) -> Result<(), Error> {
    let found: String = connection
        .query_row("pragma quick_check(1)", [], |row| row.get(0))
        .map_err(|error| Error::of(error, path))?;
    match &*found {
        "ok" => complete(connection, path),
        _ => Err(Error::Damaged { path: path.to_owned(), what: found }),
    }
}

/// Checks that no part of the last page is missing: SQLite reads zeros there, and what is in them may be as good as
/// any other.
fn complete(connection: &Connection, path: &Path) -> Result<(), Error> {
    // Of a symbolic link, the file that it leads to: the log is beside that one.
    let Some(file) = connection.path().filter(|file| !file.is_empty()) else { return Ok(()) };
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    // In this order: what the file does not have yet is in the log, until nothing is.
    let pages = pragma("page_count").map_err(|error| Error::of(error, path))?;
    let size = pragma("page_size").map_err(|error| Error::of(error, path))?;
    let length = |file: &str| std::fs::metadata(file).map(|it| i64::try_from(it.len()).unwrap_or(i64::MAX));
    let has_log = length(&format!("{file}-wal")).is_ok_and(|length| length > 0);
    let is_short = length(file).is_ok_and(|length| length < pages.saturating_mul(size));
    if is_short && !has_log {
        let what = "a part of its last page is missing".to_owned();
        return Err(Error::Damaged { path: path.to_owned(), what });
    }
    Ok(())
}

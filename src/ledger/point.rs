use std::time::SystemTime;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};

use super::export::Subject;
use super::time::from_stored;

/// A reference point, or a collection of them, that is ours. Hosts keep no time with a point; this is where
/// *latest* comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its identifier, as the host spells it.
    pub id: String,
    /// The host it was last seen on.
    pub host: String,
    /// The machine or the group it belongs to.
    pub subject: Subject,
    /// The type's number, as the host says it.
    pub point_type: Option<u16>,
    /// The consistency level's number, as the host says it.
    pub consistency: Option<u16>,
    /// The disks it covers.
    pub disks: Vec<String>,
    /// How it became ours.
    pub origin: Origin,
    /// When it was made. Of one that somebody else made, when it was adopted: that it was there by then is all that
    /// is known of its age.
    pub made_at: SystemTime,
    /// When it was found to be gone from the host.
    pub gone_at: Option<SystemTime>,
}

/// How a point became ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// We had it made.
    Made,
    /// Somebody else made it, and a person told us to treat it as ours.
    Adopted,
}

/// The columns that [`Point::read`] reads, in its order.
pub(super) const COLUMNS: &str =
    "id, host, kind, subject, subject_name, type, consistency, disks, origin, made_at, gone_at";

/// Which of some points is the newest, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newest<'p> {
    /// There are none.
    Nothing,
    /// This one.
    Point(&'p Point),
    /// One of these, and nobody can tell which.
    OneOf(Vec<&'p Point>),
}

impl<'p> Newest<'p> {
    /// Returns the newest of points that are in the order of [`Ledger::points_of`](super::Ledger::points_of).
    ///
    /// One that was adopted is older than one that was made after that; it may be newer than any that was made
    /// before.
    pub fn of(points: impl IntoIterator<Item = &'p Point>) -> Self {
        let mut candidates = Vec::new();
        for point in points {
            candidates.push(point);
            if point.origin == Origin::Made {
                break;
            }
        }
        match &*candidates {
            [] => Self::Nothing,
            [point] => Self::Point(point),
            _ => Self::OneOf(candidates),
        }
    }
}

impl Point {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let disks: String = row.get(7)?;
        Ok(Self {
            id: row.get(0)?,
            host: row.get(1)?,
            subject: Subject { kind: row.get(2)?, id: row.get(3)?, name: row.get(4)? },
            point_type: row.get(5)?,
            consistency: row.get(6)?,
            disks: disks.lines().map(str::to_owned).collect(),
            origin: row.get(8)?,
            made_at: from_stored(row.get(9)?),
            gone_at: row.get::<_, Option<i64>>(10)?.map(from_stored),
        })
    }

    /// The disks' identifiers hold no line ends: they are made of GUIDs and numbers.
    pub(super) fn stored_disks(&self) -> String {
        self.disks.join("\n")
    }
}

impl FromSql for Origin {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "made" => Ok(Self::Made),
            "adopted" => Ok(Self::Adopted),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

impl ToSql for Origin {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Made => "made",
            Self::Adopted => "adopted",
        }))
    }
}

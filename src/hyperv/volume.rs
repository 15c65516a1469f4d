//! What can be seen of a host's drives, through `root/cimv2`, by whoever may read it. Shares cannot be seen:
//! a login does not go on to another machine.

use super::{Directory, Error, Host, Place};
use crate::cim::{Instance, wql_literal};
use crate::client;

/// What is in a directory of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// It is not there.
    Missing {
        /// Whether the directory above it is.
        parent_exists: bool,
    },
    /// It is there and empty.
    Empty,
    /// There is something in it.
    Something,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it is, as the host spells it.
    pub path: String,
    /// How long it is.
    pub size: u64,
}

/// What could be learnt of something that not everybody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// This is it.
    Known(T),
    /// It cannot be seen, and why.
    Hidden(String),
}

impl<T> Seen<T> {
    /// Returns it, where it could be seen.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Hidden(_) => None,
        }
    }
}

impl Host {
    /// Looks into a directory.
    pub async fn contents(&self, directory: &Directory) -> Result<Seen<Contents>, Error> {
        let Some((drive, path)) = on_drive(directory) else {
            return Ok(Seen::Hidden(NOT_A_DRIVE.to_owned()));
        };
        let looked = async {
            if !self.is_directory(&drive, &path).await? {
                let parent = path.rsplit_once('\\').map_or("", |(parent, _)| parent);
                let parent_exists = self.is_directory(&drive, parent).await?;
                return Ok(Contents::Missing { parent_exists });
            }
            for class in ["CIM_DataFile", "Win32_Directory"] {
                let within = format!("{path}\\");
                let wql = format!(
                    "SELECT Name FROM {class} WHERE Drive = {} AND Path = {}",
                    wql_literal(&drive),
                    wql_literal(&within)
                );
                if !self.in_namespace(CIMV2, wql).await?.is_empty() {
                    return Ok(Contents::Something);
                }
            }
            Ok(Contents::Empty)
        };
        seen(looked.await)
    }

    /// Says whether the host has the drive that a directory is on.
    pub async fn has_drive(&self, directory: &Directory) -> Result<Seen<bool>, Error> {
        match on_drive(directory) {
            Some((drive, _)) => seen(self.is_directory(&drive, "").await),
            None => Ok(Seen::Hidden(NOT_A_DRIVE.to_owned())),
        }
    }

    /// Returns how many octets are free where a directory is.
    pub async fn free_space(&self, directory: &Directory) -> Result<Seen<u64>, Error> {
        let Some((drive, path)) = on_drive(directory) else {
            return Ok(Seen::Hidden(NOT_A_DRIVE.to_owned()));
        };
        if is_on_cluster_volume(&path) {
            return Ok(Seen::Hidden(format!("a cluster volume has its own space, not that of {drive}")));
        }
        let wql = format!("SELECT FreeSpace FROM Win32_LogicalDisk WHERE DeviceID = {}", wql_literal(&drive));
        let free = |rows: Vec<Instance>| rows.first().and_then(|row| row.number("FreeSpace"));
        match seen(self.in_namespace(CIMV2, wql).await.map(free))? {
            Seen::Known(Some(free)) => Ok(Seen::Known(free)),
            Seen::Known(None) => Ok(Seen::Hidden(format!("the host has no drive {drive}"))),
            Seen::Hidden(why) => Ok(Seen::Hidden(why)),
        }
    }

    /// Returns the files below a directory, as deep as exports write.
    pub async fn files_below(&self, directory: &Directory) -> Result<Seen<Vec<Written>>, Error> {
        let Some((drive, path)) = on_drive(directory) else {
            return Ok(Seen::Hidden(NOT_A_DRIVE.to_owned()));
        };
        // Each folder by its own name: a pattern would have Windows look at the whole drive.
        let looked = async {
            let (mut files, mut folders) = (Vec::new(), vec![(path, 0)]);
            while let Some((path, depth)) = folders.pop() {
                let rows = |columns: &str, class: &str| {
                    format!(
                        "SELECT {columns} FROM {class} WHERE Drive = {} AND Path = {}",
                        wql_literal(&drive),
                        wql_literal(&format!("{path}\\"))
                    )
                };
                for row in self.in_namespace(CIMV2, rows("Name, FileSize", "CIM_DataFile")).await? {
                    let path = row.require_text("Name")?.to_owned();
                    files.push(Written { path, size: row.number("FileSize").unwrap_or(0) });
                }
                if depth == DEEPEST {
                    continue;
                }
                for row in self.in_namespace(CIMV2, rows("Name", "Win32_Directory")).await? {
                    folders
                        .extend(row.require_text("Name")?.get(2..).map(|path| (path.to_owned(), depth + 1)));
                }
            }
            files.sort_by(|one, other| one.path.cmp(&other.path));
            Ok(files)
        };
        seen(looked.await)
    }

    /// Says whether a file is there, and how long it is.
    pub async fn file(&self, path: &str) -> Result<Seen<Option<u64>>, Error> {
        if !matches!(Directory::parse(path).map(|path| path.place()), Ok(Place::Drive(_))) {
            return Ok(Seen::Hidden(NOT_A_DRIVE.to_owned()));
        }
        let bare = path.strip_prefix(r"\\?\").unwrap_or(path);
        let wql = format!("SELECT Name, FileSize FROM CIM_DataFile WHERE Name = {}", wql_literal(bare));
        let size = |rows: Vec<Instance>| rows.first().map(|row| row.number("FileSize").unwrap_or(0));
        seen(self.in_namespace(CIMV2, wql).await.map(size))
    }

    /// Returns what tells one run of the host's management service from the next: jobs do not outlive it.
    pub async fn service_run(&self) -> Result<Seen<String>, Error> {
        let service = "SELECT ProcessId FROM Win32_Service WHERE Name = 'vmms'".to_owned();
        let system = "SELECT LastBootUpTime FROM Win32_OperatingSystem".to_owned();
        let run = async {
            let services = self.in_namespace(CIMV2, service).await?;
            let process = services.first().and_then(|row| row.number("ProcessId")).filter(|id| *id != 0);
            let systems = self.in_namespace(CIMV2, system).await?;
            let boot = systems.first().and_then(|row| row.datetime("LastBootUpTime")?.as_timestamp());
            Ok(process.zip(boot).map(|(process, boot)| format!("vmms {process} since {}", boot.to_dmtf())))
        };
        match seen(run.await)? {
            Seen::Known(Some(run)) => Ok(Seen::Known(run)),
            Seen::Known(None) => Ok(Seen::Hidden("the host does not list its service vmms".to_owned())),
            Seen::Hidden(why) => Ok(Seen::Hidden(why)),
        }
    }

    async fn is_directory(&self, drive: &str, path: &str) -> Result<bool, Error> {
        if path.is_empty() {
            let wql =
                format!("SELECT DeviceID FROM Win32_LogicalDisk WHERE DeviceID = {}", wql_literal(drive));
            return Ok(!self.in_namespace(CIMV2, wql).await?.is_empty());
        }
        let name = format!("{drive}{path}");
        let wql = format!("SELECT Name FROM Win32_Directory WHERE Name = {}", wql_literal(&name));
        Ok(!self.in_namespace(CIMV2, wql).await?.is_empty())
    }
}

/// Returns drive and path, `D:` and `\exports\web01`; the root's path is empty.
fn on_drive(directory: &Directory) -> Option<(String, String)> {
    let Place::Drive(letter) = directory.place() else {
        return None;
    };
    let text = directory.as_str();
    let path = text.strip_prefix(r"\\?\").unwrap_or(text).get(2..)?.trim_end_matches('\\');
    Some((format!("{letter}:"), path.to_owned()))
}

/// Cluster volumes are folders of the system drive and have space of their own.
fn is_on_cluster_volume(path: &str) -> bool {
    path.split('\\').nth(1).is_some_and(|step| step.eq_ignore_ascii_case("ClusterStorage"))
}

/// What may not be seen is no failure: whoever may export need not be allowed to look at files.
fn seen<T>(looked: Result<T, Error>) -> Result<Seen<T>, Error> {
    match looked {
        Ok(value) => Ok(Seen::Known(value)),
        Err(Error::Client(error)) if is_hidden(&error) => Ok(Seen::Hidden(error.to_string())),
        Err(error) => Err(error),
    }
}

fn is_hidden(error: &client::Error) -> bool {
    error.is_access_denied() || error.is_class_missing() || error.is_not_found()
}

/// `DIR\machine\Virtual Machines\…` and one more.
const DEEPEST: u8 = 3;

const CIMV2: &str = "root/cimv2";
const NOT_A_DRIVE: &str = "only drives of the host can be looked at";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drives_can_be_looked_at() {
        let split = |text: &str| on_drive(&Directory::parse(text).unwrap());
        assert_eq!(split(r"d:\exports\web01\"), Some(("D:".to_owned(), r"\exports\web01".to_owned())));
        assert_eq!(split(r"\\?\D:\exports"), Some(("D:".to_owned(), r"\exports".to_owned())));
        assert_eq!(split(r"D:\"), Some(("D:".to_owned(), String::new())));
        assert_eq!(split(r"\\nas1\hv\x"), None);
        assert!(
            is_on_cluster_volume(r"\clusterstorage\Volume1\x") && !is_on_cluster_volume(r"\x\ClusterStorage")
        );
    }
}

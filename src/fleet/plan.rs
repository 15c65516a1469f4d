use std::time::Duration;

use crate::hyperv::{Directory, Selector};

/// One export as a person asks for it.
///
/// ```
/// use refpoint::fleet::{BaseChoice, ExportPlan, PointChoice, Wanted};
/// use refpoint::hyperv::{Directory, Selector};
///
/// let web01 = Wanted::Machine(Selector::parse("web01"));
/// let mut plan = ExportPlan::new(web01, PointChoice::Latest, Directory::parse(r"D:\exports\web01\0400")?);
/// plan.base = BaseChoice::LastOrNone;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ExportPlan {
    /// The machine or the group.
    pub what: Wanted,
    /// Which of its points.
    pub point: PointChoice,
    /// Relative to which.
    pub base: BaseChoice,
    /// Where the host is to write.
    pub directory: Directory,
    /// Which disks; all where there are none.
    pub disks: Vec<DiskChoice>,
    /// The settings as CIM-XML, in place of those that follow from base and disks.
    pub settings: Option<String>,
    /// Whether an earlier try whose fate nobody knows stands in the way no longer.
    pub retry_unknown: bool,
    /// Whether to go as soon as the job has begun.
    pub detach: bool,
    /// How often to look at the job; adaptive where it is not said.
    pub poll: Option<Duration>,
}

impl ExportPlan {
    /// Returns the plan of a whole export, relative to nothing, followed to its end.
    ///
    /// ```
    /// use refpoint::fleet::{BaseChoice, ExportPlan, PointChoice, Wanted};
    /// use refpoint::hyperv::{Directory, Selector};
    ///
    /// let shop = Wanted::Group(Selector::parse("shop"));
    /// let plan = ExportPlan::new(shop, PointChoice::Only, Directory::parse(r"\\nas1\hv\shop")?);
    /// assert_eq!(plan.base, BaseChoice::None);
    /// assert!(Directory::parse("/srv/exports").is_err(), "it is the host that writes");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(what: Wanted, point: PointChoice, directory: Directory) -> Self {
        Self {
            what,
            point,
            base: BaseChoice::None,
            directory,
            disks: Vec::new(),
            settings: None,
            retry_unknown: false,
            detach: false,
            poll: None,
        }
    }
}

/// What is to be exported.
///
/// ```
/// use refpoint::fleet::Wanted;
/// use refpoint::hyperv::Selector;
///
/// assert_eq!(Wanted::Machine(Selector::parse("web01")).name(), "web01");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One machine.
    Machine(Selector),
    /// A group.
    Group(Selector),
}

impl Wanted {
    /// Returns the name that was given.
    ///
    /// ```
    /// use refpoint::fleet::Wanted;
    /// use refpoint::hyperv::Selector;
    ///
    /// assert_eq!(Wanted::Group(Selector::parse("shop")).name(), "shop");
    /// ```
    pub fn name(&self) -> String {
        match self {
            Self::Machine(selector) | Self::Group(selector) => selector.to_string(),
        }
    }
}

/// Which point is to be exported.
///
/// ```
/// use refpoint::fleet::PointChoice;
///
/// assert_eq!(PointChoice::parse("only"), PointChoice::Only);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointChoice {
    /// The newest of ours, by the ledger: hosts keep no time with points. Refused where one was adopted since, which
    /// may be newer.
    Latest,
    /// The only one that there is.
    Only,
    /// The one with this identifier or GUID.
    Named(String),
}

impl PointChoice {
    /// Reads what a person wrote.
    ///
    /// ```
    /// use refpoint::fleet::PointChoice;
    ///
    /// let id = "E4282031-639C-4FD7-8059-B192D4F5E637";
    /// assert_eq!(PointChoice::parse("latest"), PointChoice::Latest);
    /// assert_eq!(PointChoice::parse(id), PointChoice::Named(id.to_owned()));
    /// ```
    pub fn parse(text: &str) -> Self {
        match text {
            "latest" => Self::Latest,
            "only" => Self::Only,
            other => Self::Named(other.to_owned()),
        }
    }
}

/// What an export is relative to.
///
/// ```
/// use refpoint::fleet::BaseChoice;
///
/// assert_eq!(BaseChoice::parse("last-or-none"), BaseChoice::LastOrNone);
/// assert_eq!(BaseChoice::default(), BaseChoice::None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BaseChoice {
    /// Nothing.
    #[default]
    None,
    /// The point of the last export that ended well, by the ledger.
    Last,
    /// The same, and nothing where there is no such point, which is reported.
    LastOrNone,
    /// The one with this identifier or GUID.
    Named(String),
}

impl BaseChoice {
    /// Reads what a person wrote.
    ///
    /// ```
    /// use refpoint::fleet::BaseChoice;
    ///
    /// assert_eq!(BaseChoice::parse("last"), BaseChoice::Last);
    /// ```
    pub fn parse(text: &str) -> Self {
        match text {
            "none" => Self::None,
            "last" => Self::Last,
            "last-or-none" => Self::LastOrNone,
            other => Self::Named(other.to_owned()),
        }
    }
}

/// A disk to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskChoice {
    /// The machine of a group; its name may not hold a colon, its GUID never does.
    pub machine: Option<Selector>,
    /// The disk's identifier.
    pub disk: String,
}

impl DiskChoice {
    /// Reads the disk of a machine.
    pub fn of_machine(text: &str) -> Self {
        Self { machine: None, disk: text.to_owned() }
    }

    /// Reads the disk of a member of a group, `VM:ID`, split at the first colon.
    pub fn of_group(text: &str) -> Option<Self> {
        let (machine, disk) = text.split_once(':')?;
        Some(Self { machine: Some(Selector::parse(machine)), disk: disk.to_owned() })
    }
}

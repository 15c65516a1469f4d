use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::export::{COLLECTION_SERVICE, POINT_SERVICE};
use super::group::{COLLECTION, GROUP};
use super::job::JOB_PROPERTIES;
use super::machine::CLASS as MACHINE;
use super::point::CLASS as POINT;
use super::{
    Candidate, Collection, Error, ExportRequest, Group, Guid, Job, METHOD, Machine, Point, Selector,
};
use crate::cim::{Catalog, Instance, Key, ObjectPath, ReturnFamily, Value, embedded, wql_literal};
use crate::client::{self, Counters, Enumerate, Invoke, Invoked, LoggedIn, Mode, Session, codes};

/// A Hyper-V host that we are logged in to. Whatever is asked of it takes turns on one session.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let host = host().await?;
/// use refpoint::hyperv::Selector;
///
/// let machine = host.machine(&Selector::parse("web01")).await?;
/// for point in host.points(&machine).await? {
///     println!("{} of {}: {}", point.id, machine.name, point.point_type.name());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Host {
    session: Mutex<Session>,
    namespace: String,
    operation_timeout: Duration,
    user: Option<String>,
    known: Mutex<Known>,
    seen: Mutex<Option<Attempt>>,
    look_took: AtomicU64,
}

/// The last look at all jobs: when it began, and what came of it.
type Attempt = (Instant, Result<Arc<Jobs>, Arc<Error>>);

/// The jobs of a host as one look has shown them.
#[derive(Clone, Debug, PartialEq)]
pub struct Jobs {
    /// When the look began: what the host began later it need not show.
    pub at: Instant,
    /// The jobs, of whatever class, as whoever follows one keeps it.
    pub all: Vec<Arc<Job>>,
}

/// The jobs of a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobList {
    /// Those that can be read.
    pub jobs: Vec<Job>,
    /// The identifiers of those that cannot, and may be exports; empty where one does not even have that.
    pub unreadable: Vec<String>,
}

/// What does not change while we are logged in.
#[derive(Default)]
struct Known {
    name: Option<String>,
    services: HashMap<&'static str, ObjectPath>,
}

/// What a method that may begin a job has done.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It is done, and there is no job.
    Done,
    /// A job does it.
    Job(ObjectPath),
}

/// One error of a job, from its `Msvm_Error` where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// The sentence, in the host's language.
    pub message: String,
    /// `MessageID`.
    pub message_id: String,
    /// `ErrorSource`.
    pub source: String,
    /// The text that was read.
    pub raw: String,
}

impl Host {
    /// A host on the other side of a session.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::hyperv::Host;
    ///
    /// let host = Host::new(session().await?);
    /// assert_eq!(host.name().await?, "HV01");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(session: Session) -> Self {
        let namespace = session.target().namespace.as_str().to_owned();
        let operation_timeout = session.target().operation_timeout;
        let user = session.target().options.login.credentials.user().map(str::to_owned);
        Self {
            session: Mutex::new(session),
            namespace,
            operation_timeout,
            user,
            known: Mutex::default(),
            seen: Mutex::default(),
            look_took: AtomicU64::new(0),
        }
    }

    /// Returns the session, for whatever else is to be asked.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// let identity = host.session().await.identify().await?;
    /// assert!(identity.vendor.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().await
    }

    /// Returns the namespace that it works in.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert_eq!(host.namespace(), "root/virtualization/v2");
    /// # Ok(())
    /// # }
    /// ```
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns how long the host may work on one request.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert_eq!(host.operation_timeout().as_secs(), 60);
    /// # Ok(())
    /// # }
    /// ```
    pub fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    /// Returns who logs in, where the credentials say so; of a cache of tickets that is known after the first login.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert_eq!(host.user().await.as_deref(), Some("operator"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn user(&self) -> Option<String> {
        if self.user.is_some() {
            return self.user.clone();
        }
        Some(self.logged_in().await?.report.account?.user)
    }

    /// Returns what the login agreed on.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert!(host.logged_in().await.is_some_and(|login| login.is_sealed));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn logged_in(&self) -> Option<LoggedIn> {
        self.session.lock().await.logged_in()
    }

    /// Returns what has been asked so far.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// host.name().await?;
    /// assert_eq!(host.counters().await.requests, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn counters(&self) -> Counters {
        self.session.lock().await.counters()
    }

    /// Ends the session.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// host.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(self) -> Result<(), client::Error> {
        self.session.into_inner().close().await
    }

    /// Returns the host's own name, in capitals: what it calls itself, not what we called it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert_eq!(host.name().await?, "HV01");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn name(&self) -> Result<String, Error> {
        if let Some(name) = &self.known.lock().await.name {
            return Ok(name.clone());
        }
        let wql = format!("SELECT Name FROM {MACHINE}");
        let rows = self.session.lock().await.query(wql).instances().await?;
        let names = no_guids(rows.iter().filter_map(|row| row.text("Name")));
        let name = match &*names {
            [] => Err(Error::Unexpected { what: NOT_LISTED.to_owned() }),
            [name] => Ok(name.clone()),
            // The ledger knows the host by this name, so it must not depend on the order of rows.
            several => {
                let service = self.service(POINT_SERVICE).await?;
                own_name(several, &service.key_text("SystemName").unwrap_or_default())
            }
        }?;
        self.known.lock().await.name = Some(name.clone());
        Ok(name)
    }

    /// Returns the path of a service, of which there is one. Its name is nowhere published, so it is asked for,
    /// once.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// let service = host.service("Msvm_VirtualSystemReferencePointService").await?;
    /// assert_eq!(service.class, "Msvm_VirtualSystemReferencePointService");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn service(&self, class: &'static str) -> Result<ObjectPath, Error> {
        if let Some(path) = self.known.lock().await.services.get(class) {
            return Ok(path.clone());
        }
        let mut request = Enumerate::new(ObjectPath::new(&*self.namespace, class));
        request.mode = Mode::Reference;
        let found = self.session.lock().await.list(request).references().await;
        let path = match found {
            Ok(paths) => paths.into_iter().next(),
            Err(error) if error.is_class_missing() || error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let Some(path) = path else {
            return Err(Error::NoService { host: self.known_name().await, class });
        };
        let mut known = self.known.lock().await;
        known.services.insert(class, path.clone());
        Ok(path)
    }

    /// Returns the machines that are meant, in the order in which the host lists them; none is no error.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// let databases = host.machines(&Selector::parse("db*")).await?;
    /// assert_eq!(databases.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["db01"]);
    /// assert!(host.machines(&Selector::parse("nobody*")).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn machines(&self, selector: &Selector) -> Result<Vec<Machine>, Error> {
        let rows = match selector {
            Selector::Id(id) => self.one(&Machine::path_of(id, &self.namespace)).await?,
            Selector::Name(name) => {
                self.rows(MACHINE, &format!("ElementName = {}", wql_literal(name))).await?
            }
            Selector::Glob(_) => self.all(MACHINE).await?,
        };
        let machines: Result<Vec<_>, _> = rows.iter().map(Machine::read).collect();
        let machines = machines?.into_iter().flatten();
        Ok(machines.filter(|machine| selector.matches(&machine.id, &machine.name)).collect())
    }

    /// Returns the one machine that is meant.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// let machine = host.machine(&Selector::parse("web01")).await?;
    /// assert_eq!(machine.state_name(), "running");
    /// // Two that could be meant are an error too: nothing is guessed.
    /// assert!(host.machine(&Selector::parse("*0*")).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn machine(&self, selector: &Selector) -> Result<Machine, Error> {
        let found = self.machines(selector).await?;
        let candidate =
            |machine: &Machine| Candidate { id: machine.id.to_string(), name: machine.name.clone() };
        match one_of(found) {
            Ok(machine) => Ok(machine),
            Err(found) if found.is_empty() => {
                let all = self.machines(&Selector::Glob("*".to_owned())).await?;
                Err(self.none("machine", selector, all.iter().map(candidate).collect()).await)
            }
            Err(found) => Err(self.several("machine", selector, found.iter().map(candidate).collect()).await),
        }
    }

    /// Returns the groups that are meant; none is no error.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// assert_eq!(host.groups(&Selector::parse("*")).await?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn groups(&self, selector: &Selector) -> Result<Vec<Group>, Error> {
        let rows = match selector {
            Selector::Id(id) => {
                self.rows(GROUP, &format!("CollectionID = {}", wql_literal(id.as_str()))).await?
            }
            Selector::Name(name) => self.rows(GROUP, &format!("ElementName = {}", wql_literal(name))).await?,
            Selector::Glob(_) => self.all(GROUP).await?,
        };
        let groups: Result<Vec<_>, _> = rows.iter().map(Group::read).collect();
        Ok(groups?.into_iter().filter(|group| selector.matches(&group.id, &group.name)).collect())
    }

    /// Returns the one group that is meant.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// assert_eq!(host.group(&Selector::parse("shop")).await?.name, "shop");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn group(&self, selector: &Selector) -> Result<Group, Error> {
        let found = self.groups(selector).await?;
        let candidate = |group: &Group| Candidate { id: group.id.to_string(), name: group.name.clone() };
        match one_of(found) {
            Ok(group) => Ok(group),
            Err(found) if found.is_empty() => {
                let all = self.groups(&Selector::Glob("*".to_owned())).await?;
                Err(self.none("group", selector, all.iter().map(candidate).collect()).await)
            }
            Err(found) => Err(self.several("group", selector, found.iter().map(candidate).collect()).await),
        }
    }

    /// Returns the machines of a group.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// let shop = host.group(&Selector::parse("shop")).await?;
    /// assert_eq!(host.members(&shop).await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn members(&self, group: &Group) -> Result<Vec<Machine>, Error> {
        let through = client::Through {
            association_class: Some("Msvm_CollectedVirtualSystems".into()),
            result_class: Some(MACHINE.into()),
            ..client::Through::default()
        };
        let path = group.path(&self.namespace);
        let rows = self.session.lock().await.associators(&path, &through).instances().await?;
        let machines: Result<Vec<_>, _> = rows.iter().map(Machine::read).collect();
        Ok(machines?.into_iter().flatten().collect())
    }

    /// Returns the points of a machine. They come in no order that means anything.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// let machine = host.machine(&Selector::parse("db01")).await?;
    /// let points = host.points(&machine).await?;
    /// assert_eq!(points.len(), 3);
    /// assert!(points.iter().any(|point| point.is_named("E4282031-639C-4FD7-8059-B192D4F5E637")));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn points(&self, machine: &Machine) -> Result<Vec<Point>, Error> {
        let condition = format!("VirtualSystemIdentifier = {}", wql_literal(machine.id.as_str()));
        let rows = self.rows(POINT, &condition).await?;
        let points: Result<Vec<_>, _> = rows.iter().map(Point::read).collect();
        Ok(points?.into_iter().filter(|point| point.machine == machine.id).collect())
    }

    /// Returns the points of all machines, in one question.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert_eq!(host.all_points().await?.len(), 5);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn all_points(&self) -> Result<Vec<Point>, Error> {
        self.all(POINT).await?.iter().map(Point::read).collect()
    }

    /// Returns the files behind the disks of a machine, as it is now.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// let machine = host.machine(&Selector::parse("db01")).await?;
    /// assert_eq!(host.disk_files(&machine.id).await?, [r"D:\VMs\db01\db.vhdx"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn disk_files(&self, machine: &Guid) -> Result<Vec<String>, Error> {
        let disks = format!("Microsoft:{machine}%");
        let condition = format!("ResourceType = 31 AND InstanceID LIKE {}", wql_literal(&disks));
        let rows = self.rows("Msvm_StorageAllocationSettingData", &condition).await?;
        Ok(rows.iter().filter_map(|row| row.texts("HostResource").next().map(str::to_owned)).collect())
    }

    /// Returns the collections of points of a group.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::Selector;
    ///
    /// let shop = host.group(&Selector::parse("shop")).await?;
    /// assert_eq!(host.collections(&shop).await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn collections(&self, group: &Group) -> Result<Vec<Collection>, Error> {
        let condition = format!("VirtualSystemCollectionId = {}", wql_literal(group.id.as_str()));
        let rows = self.rows(COLLECTION, &condition).await?;
        let collections: Result<Vec<_>, _> = rows.iter().map(Collection::read).collect();
        Ok(collections?.into_iter().filter(|collection| collection.group == group.id).collect())
    }

    /// Returns the collections of points of all groups, in one question.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert_eq!(host.all_collections().await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn all_collections(&self) -> Result<Vec<Collection>, Error> {
        self.all(COLLECTION).await?.iter().map(Collection::read).collect()
    }

    /// Returns the points that a collection is of.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// let collections = host.all_collections().await?;
    /// assert_eq!(host.collected(&collections[0]).await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn collected(&self, collection: &Collection) -> Result<Vec<Point>, Error> {
        let through = client::Through {
            association_class: Some("Msvm_CollectedReferencePoints".into()),
            result_class: Some(POINT.into()),
            ..client::Through::default()
        };
        let path = collection.path(&self.namespace);
        let rows = self.session.lock().await.associators(&path, &through).instances().await?;
        rows.iter().map(Point::read).collect()
    }

    /// Returns the call of an export, ready to be sent or shown.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::{Directory, ExportRequest, Exported, Selector};
    ///
    /// let machine = host.machine(&Selector::parse("db01")).await?;
    /// let mut points = host.points(&machine).await?;
    /// points.retain(|point| point.is_named("E4282031-639C-4FD7-8059-B192D4F5E637"));
    /// let point = points.remove(0);
    /// let request = ExportRequest {
    ///     what: Exported::Machine { machine, point, base: None, disks: Vec::new() },
    ///     directory: Directory::parse(r"D:\exports\db01")?,
    ///     settings: None,
    /// };
    /// let call = host.export_call(&request).await?;
    /// assert_eq!(call.method, "ExportReferencePoint");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn export_call(&self, request: &ExportRequest) -> Result<Invoke, Error> {
        let service = self.service(request.what.service()).await?;
        let host = self.name().await?;
        request.call(service, &host, &self.namespace)
    }

    /// Returns the message that a call would be.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::{Directory, ExportRequest, Exported, Selector};
    ///
    /// let machine = host.machine(&Selector::parse("db01")).await?;
    /// let mut points = host.points(&machine).await?;
    /// points.retain(|point| point.is_named("E4282031-639C-4FD7-8059-B192D4F5E637"));
    /// let point = points.remove(0);
    /// let request = ExportRequest {
    ///     what: Exported::Machine { machine, point, base: None, disks: Vec::new() },
    ///     directory: Directory::parse(r"D:\exports\db01")?,
    ///     settings: None,
    /// };
    /// let call = host.export_call(&request).await?;
    /// assert!(host.envelope_of(&call).await?.contains("ExportReferencePoint_INPUT"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn envelope_of(&self, call: &Invoke) -> Result<String, Error> {
        Ok(self.session.lock().await.envelope_of(call)?)
    }

    /// Sends the call of an export, once.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::hyperv::{Begun, Directory, ExportRequest, Exported, Selector};
    ///
    /// let machine = host.machine(&Selector::parse("db01")).await?;
    /// let mut points = host.points(&machine).await?;
    /// points.retain(|point| point.is_named("E4282031-639C-4FD7-8059-B192D4F5E637"));
    /// let point = points.remove(0);
    /// let request = ExportRequest {
    ///     what: Exported::Machine { machine, point, base: None, disks: Vec::new() },
    ///     directory: Directory::parse(r"D:\exports\db01")?,
    ///     settings: None,
    /// };
    /// let call = host.export_call(&request).await?;
    /// assert!(matches!(host.export(&request, &call).await?, Begun::Job(_)));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn export(&self, request: &ExportRequest, call: &Invoke) -> Result<Begun, Error> {
        let invoked = self.session.lock().await.invoke(call).await?;
        begun(request.what.service(), METHOD, &invoked)
    }

    /// Returns all jobs of the host, of whatever class.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// assert!(host.jobs().await?.is_empty(), "none is running");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn jobs(&self) -> Result<Vec<Job>, Error> {
        Ok(self.job_list().await?.jobs)
    }

    /// Returns all jobs of the host, and which of those that cannot be read may be exports. One that makes no sense
    /// must not hide the others, nor be taken for none.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// let list = host.job_list().await?;
    /// assert!(list.jobs.is_empty() && list.unreadable.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn job_list(&self) -> Result<JobList, Error> {
        let mut request = Enumerate::new(ObjectPath::new(&*self.namespace, "CIM_ConcreteJob"));
        request.only = Some(&JOB_PROPERTIES);
        let rows = self.session.lock().await.list(request).instances().await?;
        let mut list = JobList::default();
        for row in &rows {
            match Job::read(row) {
                Ok(job) => list.jobs.push(job),
                Err(_) => list.unreadable.extend(Job::unreadable_export(row)),
            }
        }
        Ok(list)
    }

    /// Returns the jobs as a look has shown them that began after that moment. Whoever waits for the same look
    /// shares it, and its failure: that following costs one request an interval for a host, however many of its
    /// jobs are followed.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// let now = tokio::time::Instant::now();
    /// let jobs = host.jobs_since(now).await?;
    /// assert!(jobs.at >= now && jobs.all.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn jobs_since(&self, moment: Instant) -> Result<Arc<Jobs>, Arc<Error>> {
        let mut seen = self.seen.lock().await;
        if let Some((at, found)) = &*seen
            && *at > moment
        {
            return found.clone();
        }
        let at = Instant::now();
        // Boxed: of all who wait for a look one takes it.
        let found = Box::pin(self.jobs()).await;
        let found = found.map(|all| Arc::new(Jobs { at, all: all.into_iter().map(Arc::new).collect() }));
        let found = found.map_err(Arc::new);
        let took = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.look_took.store(took, Ordering::Relaxed);
        *seen = Some((at, found.clone()));
        found
    }

    /// Returns how long the last look at all jobs took.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// host.jobs_since(tokio::time::Instant::now()).await?;
    /// assert!(host.last_look_took().as_secs() < 60);
    /// # Ok(())
    /// # }
    /// ```
    pub fn last_look_took(&self) -> Duration {
        Duration::from_millis(self.look_took.load(Ordering::Relaxed))
    }

    /// Takes one look at a job; `None` where the host no longer has it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::client::Invoke;
    ///
    /// let pause = Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16);
    /// let answer = host.session().await.invoke(&pause).await?;
    /// let path = answer.path("Job").expect("a job does it").clone();
    /// let job = host.job(&path).await?.expect("it is still there");
    /// assert!(!job.is_over());
    ///
    /// tokio::time::advance(std::time::Duration::from_secs(3600)).await;
    /// assert_eq!(host.job(&path).await?, None, "hosts forget a job five minutes after its end");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn job(&self, path: &ObjectPath) -> Result<Option<Job>, Error> {
        let found = self.session.lock().await.get(path).await;
        match found {
            Ok(instance) => Ok(Some(Job::read(&instance)?)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns why a job failed: all its errors, or the first, or nothing where it has none to tell.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::client::Invoke;
    ///
    /// let pause = Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16);
    /// let answer = host.session().await.invoke(&pause).await?;
    /// let path = answer.path("Job").expect("a job does it").clone();
    /// assert!(host.job_errors(&path).await?.is_empty(), "it has not failed");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn job_errors(&self, path: &ObjectPath) -> Result<Vec<JobError>, Error> {
        let mut session = self.session.lock().await;
        for (method, parameter) in [("GetErrorEx", "Errors"), ("GetError", "Error")] {
            let invoked = match session.invoke(&Invoke::new(path.clone(), method)).await {
                Ok(invoked) => invoked,
                // Older classes have the one and not the other.
                Err(error) if error.fault().is_some() => continue,
                Err(error) => return Err(error.into()),
            };
            let texts = invoked.value(parameter).into_iter().flat_map(Value::scalars);
            let errors: Vec<_> = texts
                .filter_map(|text| text.as_str())
                .filter(|text| !text.is_empty())
                .map(JobError::read)
                .collect();
            if !errors.is_empty() {
                return Ok(errors);
            }
        }
        Ok(Vec::new())
    }

    /// Asks a job to end: cleanly, or at once, which may leave files behind.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let host = host().await?;
    /// use refpoint::client::Invoke;
    ///
    /// let pause = Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16);
    /// let answer = host.session().await.invoke(&pause).await?;
    /// let path = answer.path("Job").expect("a job does it").clone();
    /// // Not every job lets itself be stopped, and the host says so.
    /// match host.cancel(&path, false).await {
    ///     Ok(()) => {}
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn cancel(&self, path: &ObjectPath, at_once: bool) -> Result<(), Error> {
        let requested: u16 = if at_once { 5 } else { 4 };
        let call = Invoke::new(path.clone(), CANCEL)
            .with("RequestedState", requested)
            .with("TimeoutPeriod", Value::Null);
        let invoked = self.session.lock().await.invoke(&call).await?;
        let code = invoked.code().ok_or_else(|| no_number(CANCEL))?;
        match code {
            0 | 4096 => Ok(()),
            code => Err(refused(&path.class, CANCEL, code)),
        }
    }

    pub(super) async fn in_namespace(&self, namespace: &str, wql: String) -> Result<Vec<Instance>, Error> {
        let request = Enumerate::query(namespace, wql);
        Ok(self.session.lock().await.list(request).instances().await?)
    }

    async fn rows(&self, class: &str, condition: &str) -> Result<Vec<Instance>, Error> {
        let wql = format!("SELECT * FROM {class} WHERE {condition}");
        Ok(self.session.lock().await.query(wql).instances().await?)
    }

    async fn all(&self, class: &str) -> Result<Vec<Instance>, Error> {
        Ok(self.session.lock().await.query(format!("SELECT * FROM {class}")).instances().await?)
    }

    async fn one(&self, path: &ObjectPath) -> Result<Vec<Instance>, Error> {
        match self.session.lock().await.get(path).await {
            Ok(instance) => Ok(vec![instance]),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The host's own name where it is known, else what we call it: errors ask nothing more of the host.
    async fn known_name(&self) -> String {
        match &self.known.lock().await.name {
            Some(name) => name.clone(),
            None => self.session.lock().await.target().endpoint.host().to_owned(),
        }
    }

    async fn none(&self, kind: &'static str, selector: &Selector, candidates: Vec<Candidate>) -> Error {
        Error::NotFound { kind, name: selector.to_string(), host: self.known_name().await, candidates }
    }

    async fn several(&self, kind: &'static str, selector: &Selector, candidates: Vec<Candidate>) -> Error {
        Error::Ambiguous { kind, name: selector.to_string(), host: self.known_name().await, candidates }
    }
}

impl JobError {
    fn read(text: &str) -> Self {
        let raw = text.to_owned();
        // What cannot be read is shown as it is: an error is never lost because of its form.
        let Ok(error) = embedded::read_declared(text, Catalog::bundled()) else {
            return Self { message: raw.clone(), message_id: String::new(), source: String::new(), raw };
        };
        let said = |name| error.text(name).unwrap_or_default().to_owned();
        Self { message: said("Message"), message_id: said("MessageID"), source: said("ErrorSource"), raw }
    }
}

/// Reads what a method that may begin a job has answered.
pub(super) fn begun(class: &str, method: &'static str, invoked: &Invoked) -> Result<Begun, Error> {
    match invoked.code().ok_or_else(|| no_number(method))? {
        0 => Ok(Begun::Done),
        4096 => match invoked.path("Job") {
            Some(job)
                if job.keys.iter().any(|(_, key)| matches!(key, Key::Text(text) if !text.is_empty())) =>
            {
                Ok(Begun::Job(job.clone()))
            }
            _ => Err(Error::NoJob { method }),
        },
        code => Err(refused(class, method, code)),
    }
}

/// Returns what a return value of a method means.
///
/// ```
/// let service = "Msvm_VirtualSystemReferencePointService";
/// let meaning = refpoint::hyperv::meaning(service, "ExportReferencePoint", 32775);
/// assert_eq!(meaning.name(), "invalid-state");
/// ```
pub fn meaning(class: &str, method: &str, code: u32) -> codes::Meaning {
    let family =
        Catalog::bundled().method(class, method).map_or(ReturnFamily::Unlisted, |method| method.family);
    codes::return_value(family, code)
}

/// Returns what to try after a job has failed. The number closest to the cause counts: one of Windows' own,
/// which hosts write into their sentences, `(0x80070070)`, whatever language those are in; else the job's
/// error code, which is one of the return values; else what its state alone says.
pub fn advice<'t>(job: &'t Job, errors: &'t [JobError]) -> &'static str {
    let texts = errors.iter().flat_map(|error| [&*error.message, &*error.message_id]);
    let numbers = texts.chain([&*job.error_description]).flat_map(numbers_in);
    let of_text = numbers.filter(|number| *number != 0).find_map(codes::of_fault).map(|entry| entry.advice);
    let of_code = || match codes::return_value(ReturnFamily::Hyperv, job.error_code) {
        codes::Meaning::Listed(code) if !matches!(code.number, 0 | 4096) => Some(code.advice),
        _ => None,
    };
    let of_state = || codes::job_state(FAILED).map(|state| state.code.advice);
    of_text.or_else(of_code).or_else(of_state).unwrap_or_default()
}

/// Returns the numbers that are written `0x80070070` in a text.
fn numbers_in(text: &str) -> impl Iterator<Item = u32> {
    text.match_indices("0x").filter_map(|(at, _)| {
        let digits = text.get(at + 2..at + 10)?;
        let ends = !text[at + 10..].starts_with(|next: char| next.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| ends)
    })
}

/// `JobState`: it ended with an error.
const FAILED: u32 = 10;

/// Returns the names that are not those of machines, each once, in capitals.
fn no_guids<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut names: Vec<_> =
        names.filter(|name| name.parse::<Guid>().is_err()).map(str::to_uppercase).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns which of several names is the host's own: that of the system its services run on.
fn own_name(names: &[String], system: &str) -> Result<String, Error> {
    names.iter().find(|name| name.eq_ignore_ascii_case(system)).cloned().ok_or_else(|| Error::Unexpected {
        what: format!("which of {} is the host's own name it does not say", names.join(", ")),
    })
}

fn refused(class: &str, method: &'static str, code: u32) -> Error {
    Error::Refused { method, code, meaning: meaning(class, method, code) }
}

fn no_number(method: &str) -> Error {
    Error::Unexpected { what: format!("{method} answered without a return value") }
}

fn one_of<T>(mut found: Vec<T>) -> Result<T, Vec<T>> {
    match found.pop() {
        Some(only) if found.is_empty() => Ok(only),
        Some(last) => {
            found.push(last);
            Err(found)
        }
        None => Err(found),
    }
}

const NOT_LISTED: &str =
    "the host does not list itself among its computer systems: no Hyper-V role, or no right to see it";

const CANCEL: &str = "RequestStateChange";

/// The services that this needs of a host, in the order in which a missing one is best reported.
pub const SERVICES: [&str; 2] = [POINT_SERVICE, COLLECTION_SERVICE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_name_does_not_depend_on_the_order_of_rows() {
        let machine = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
        let one = no_guids([machine, "hv01", "OLD-NAME", "HV01"].into_iter());
        let other = no_guids(["OLD-NAME", "HV01", machine].into_iter());
        assert_eq!(one, ["HV01", "OLD-NAME"]);
        assert_eq!(one, other);
        assert_eq!(own_name(&one, "hv01").unwrap(), "HV01");
        assert!(own_name(&one, "HV02").unwrap_err().to_string().contains("HV01, OLD-NAME"));
    }

    #[test]
    fn numbers_of_windows_are_found_in_sentences() {
        let numbers = |text| numbers_in(text).collect::<Vec<_>>();
        assert_eq!(numbers("ディスク (0x80070070)、0x80070005."), [0x8007_0070, 0x8007_0005]);
        assert!(numbers("0x8007007 0x800700701 0x 0xé0070070 80070070").is_empty());
    }
}

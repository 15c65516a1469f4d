use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::caller::{Caller, Shared};
use super::retry::Limit;
use super::{Counters, Dial, Enumeration, Error, Subscription, Target, Through};
use crate::auth::Report;
use crate::cim::{Class, Instance, Name, ObjectPath};
use crate::transport::{Connection, Warning};
use crate::wsman::{
    Content, Create, Delete, EndpointReference, Enumerate, Fragment, Get, GetClass, Identify, Identity,
    Invoke, Invoked, Put, Subscribe,
};

/// A session with one host: one connection, one request at a time.
///
/// The connection is made by [`open`](Self::open), and anew whenever it was lost. Each call ends within
/// [`Target::call_limit`]. What an enumeration or subscription leaves open on the host is ended before the
/// next call, by [`close`](Self::close), or in the background when the session is dropped.
///
/// ```no_run
/// use refpoint::client::{Credentials, Error, Login, Options, Session, Target};
///
/// # async fn list() -> Result<(), Error> {
/// let login = Login::new(Credentials::password(r"LAB\operator", "secret"));
/// let target = Target::new("hv01".parse().expect("a host name"), Options::new(login));
/// let mut session = Session::open(target).await?;
/// let mut machines = session.query("SELECT * FROM Msvm_ComputerSystem");
/// while let Some(machine) = machines.next_instance().await {
///     let name = machine?.text("ElementName").map(str::to_owned);
///     // …
/// }
/// # Ok(()) }
/// ```
pub struct Session {
    shared: Arc<Shared>,
    /// Away while an enumeration or subscription is under way.
    caller: Option<Box<Caller>>,
}

impl Session {
    /// Connects to a host and logs in.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::client::{Credentials, Login, Options, Session, Target};
    /// use refpoint::lab::{self, Hosts, Listen, Scenario, Server};
    ///
    /// let hosts = Hosts::new(lab::Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts.clone(), Listen::http("127.0.0.1:0".parse()?)).await?;
    /// let address = server.http().expect("it listens for http");
    ///
    /// let login = Login::new(Credentials::password(hosts.user(), hosts.password().expose()));
    /// let target = Target::new(format!("http://{address}").parse()?, Options::new(login));
    /// let session = Session::open(target).await?;
    /// assert!(session.logged_in().is_some_and(|login| login.is_sealed));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(target: impl Into<Arc<Target>>) -> Result<Self, Error> {
        Self::with(target, Dial::default()).await
    }

    /// Connects and logs in by other means.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::client::{Connection, Dial, Session};
    /// use refpoint::lab::{self, Channel, Hosts, Scenario, serve_stream};
    ///
    /// let mut options = lab::Options::new(Scenario::default());
    /// options.password = Some("Swordfish-7391".to_owned().into());
    /// let hosts = Hosts::new(options)?;
    /// let in_memory = Dial::new(move |endpoint, options| {
    ///     let hosts = hosts.clone();
    ///     async move {
    ///         let (near, far) = tokio::io::duplex(64 << 10);
    ///         tokio::spawn(serve_stream(hosts, 0, far, Channel::Http));
    ///         Connection::over(near, &endpoint, options).await
    ///     }
    /// });
    /// let mut session = Session::with(target(), in_memory).await?;
    /// assert!(session.identify().await?.vendor.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn with(target: impl Into<Arc<Target>>, dial: Dial) -> Result<Self, Error> {
        let target = target.into();
        let deadline = target.deadline.map(Limit::new);
        Self::until(target, dial, deadline).await
    }

    /// The same with a deadline that is counted from another moment.
    pub(super) async fn until(
        target: Arc<Target>,
        dial: Dial,
        deadline: Option<Limit>,
    ) -> Result<Self, Error> {
        let shared = Shared::new(target, dial, deadline);
        let mut session = Self { shared, caller: None };
        session.caller().open().await?;
        Ok(session)
    }

    /// Asks who answers there. Everybody who may log in may ask this.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// let identity = session.identify().await?;
    /// assert_eq!(identity.vendor.as_deref(), Some("Microsoft Corporation"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn identify(&mut self) -> Result<Identity, Error> {
        self.caller().call(&Identify).await
    }

    /// Reads an object. All its keys have to be named.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::cim::ObjectPath;
    ///
    /// let machine = |id: &str| {
    ///     ObjectPath::new("root/virtualization/v2", "Msvm_ComputerSystem")
    ///         .with_key("CreationClassName", "Msvm_ComputerSystem")
    ///         .with_key("Name", id)
    /// };
    /// let web01 = session.get(&machine("3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91")).await?;
    /// assert_eq!(web01.text("ElementName"), Some("web01"));
    ///
    /// let gone = session.get(&machine("00000000-0000-0000-0000-000000000000")).await.unwrap_err();
    /// assert!(gone.is_not_found());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get(&mut self, path: &ObjectPath) -> Result<Instance, Error> {
        let get = Get::new(self.located(path));
        match self.caller().call(&get).await? {
            Content::Instance(instance) | Content::Properties(instance) => Ok(instance),
            Content::Text(_) => Err(unexpected(&get, "a part of one", "an object")),
        }
    }

    /// Reads a part of an object.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::client::{Content, Fragment};
    ///
    /// let name = session.get_part(&web01(), Fragment::text("ElementName")).await?;
    /// assert_eq!(name, Content::Text("web01".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_part(&mut self, path: &ObjectPath, part: Fragment) -> Result<Content, Error> {
        let get = Get { resource: self.located(path), fragment: Some(part) };
        self.caller().call(&get).await
    }

    /// Changes an object; returns what it has become, where the host says so.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::cim::Instance;
    ///
    /// // Hyper-V's own objects are changed by methods; a host refuses this, and says so.
    /// let renamed = Instance::new("Msvm_ComputerSystem").with("ElementName", "web02");
    /// let refused = session.put(&web01(), renamed).await.unwrap_err();
    /// assert!(refused.fault().is_some() && !refused.is_outcome_unknown());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn put(&mut self, path: &ObjectPath, instance: Instance) -> Result<Option<Instance>, Error> {
        let content = Content::Instance(instance);
        let put = Put { resource: self.located(path), fragment: None, content };
        let become_ = self.caller().call(&put).await?;
        Ok(become_.and_then(|content| match content {
            Content::Instance(instance) | Content::Properties(instance) => Some(instance),
            Content::Text(_) => None,
        }))
    }

    /// Changes a part of an object, and nothing else of it; returns what the part has become, where the host
    /// says so.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::cim::ObjectPath;
    /// use refpoint::client::{Content, Fragment};
    ///
    /// let variable = ObjectPath::new("root/cimv2", "Win32_Environment")
    ///     .with_key("Name", "TEMP")
    ///     .with_key("UserName", "<SYSTEM>");
    /// let value = Content::Text(r"D:\temp".to_owned());
    /// session.put_part(&variable, Fragment::text("VariableValue"), value).await?;
    /// assert_eq!(session.get(&variable).await?.text("VariableValue"), Some(r"D:\temp"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn put_part(
        &mut self,
        path: &ObjectPath,
        part: Fragment,
        content: Content,
    ) -> Result<Option<Content>, Error> {
        let put = Put { resource: self.located(path), fragment: Some(part), content };
        self.caller().call(&put).await
    }

    /// Makes an object at a resource: that of its class, or one that is no class at all.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::cim::{Instance, ObjectPath};
    ///
    /// let class = ObjectPath::new("root/cimv2", "Win32_Environment");
    /// let variable = Instance::new("Win32_Environment")
    ///     .with("Name", "BACKUP")
    ///     .with("UserName", "<SYSTEM>")
    ///     .with("VariableValue", "on");
    /// let made = session.create_at(&class, variable).await?;
    /// assert!(made.path.is_some_and(|path| path.class == "Win32_Environment"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_at(
        &mut self,
        resource: &ObjectPath,
        instance: Instance,
    ) -> Result<EndpointReference, Error> {
        let resource = self.located(resource);
        let create = Create { resource, fragment: None, content: Content::Instance(instance) };
        self.caller().call(&create).await
    }

    /// Makes an object of the instance's class, in a namespace; returns the reference to it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::cim::Instance;
    ///
    /// // Points are made by a method, not so; a host refuses it, and nothing was begun.
    /// let point = Instance::new("Msvm_VirtualSystemReferencePoint").with("InstanceID", "mine");
    /// let refused = session.create(None, point).await.unwrap_err();
    /// assert!(refused.fault().is_some() && !refused.is_outcome_unknown());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(
        &mut self,
        namespace: Option<&str>,
        instance: Instance,
    ) -> Result<EndpointReference, Error> {
        let namespace = self.namespace(namespace);
        let resource = ObjectPath::new(namespace, instance.class.clone());
        self.create_at(&resource, instance).await
    }

    /// Removes an object.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// let refused = session.delete(&web01()).await.unwrap_err();
    /// assert!(refused.fault().is_some() && !refused.is_outcome_unknown());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete(&mut self, path: &ObjectPath) -> Result<(), Error> {
        let delete = Delete::new(self.located(path));
        self.caller().call(&delete).await
    }

    /// Calls a method. It is sent once; whether it succeeded its return value says.
    ///
    /// [`Error::OutcomeUnknown`] means that the host may have begun, and [`Error::ResultLost`] that it has
    /// carried it out. [`Error::Fault`] is the host's word that it refused or failed; after any other error it
    /// has not begun.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::client::Invoke;
    ///
    /// let pause = Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16);
    /// let answer = session.invoke(&pause).await?;
    /// // 4096: a job does it, and the answer says which.
    /// assert_eq!(answer.code(), Some(4096));
    /// assert!(answer.path("Job").is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn invoke(&mut self, call: &Invoke) -> Result<Invoked, Error> {
        let call = Invoke { resource: self.located(&call.resource), ..call.clone() };
        self.caller().call(&call).await
    }

    /// Returns the message that [`invoke`](Self::invoke) would send now, without sending it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::client::Invoke;
    ///
    /// let pause = Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16);
    /// assert!(session.envelope_of(&pause)?.contains("RequestStateChange_INPUT"));
    /// assert_eq!(session.counters().requests, 0, "nothing was sent");
    /// # Ok(())
    /// # }
    /// ```
    pub fn envelope_of(&self, call: &Invoke) -> Result<String, Error> {
        let call = Invoke { resource: self.located(&call.resource), ..call.clone() };
        Caller::new(self.shared.clone()).written(&call)
    }

    /// Reads what the host says a class is.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// let class = session.class(None, "Msvm_VirtualSystemReferencePoint").await?;
    /// assert!(class.properties.iter().any(|property| property.name == "ReferencePointType"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn class(&mut self, namespace: Option<&str>, class: &str) -> Result<Class, Error> {
        let get = GetClass { namespace: self.namespace(namespace), class: class.into() };
        self.caller().call(&get).await
    }

    /// Returns all objects of a class, those of its subclasses included.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// let machines = session.enumerate("Msvm_ComputerSystem").instances().await?;
    /// // The host is one of them.
    /// assert_eq!(machines.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enumerate(&mut self, class: &str) -> Enumeration<'_> {
        let class = ObjectPath::new(self.target().namespace.clone(), class);
        self.list(Enumerate::new(class))
    }

    /// Returns the objects that a WQL query selects, in the target's namespace.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// let wql = "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'web01'";
    /// let mut machines = session.query(wql);
    /// while let Some(machine) = machines.next_instance().await {
    ///     assert_eq!(machine?.number("EnabledState"), Some(2));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&mut self, wql: impl Into<String>) -> Enumeration<'_> {
        let namespace = self.target().namespace.clone();
        self.list(Enumerate::query(&namespace, wql))
    }

    /// Returns the objects that are associated with an object.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::client::Through;
    ///
    /// let points = Through::to_class("Msvm_VirtualSystemReferencePoint");
    /// let points = session.associators(&web01(), &points).instances().await?;
    /// assert_eq!(points.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn associators(&mut self, object: &ObjectPath, through: &Through) -> Enumeration<'_> {
        let query = Enumerate::query(&self.namespace_of(object), through.associators(object));
        self.list(query)
    }

    /// Returns the association objects that refer to an object.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::client::Through;
    ///
    /// let associations = session.references(&web01(), &Through::default()).instances().await?;
    /// assert!(associations.iter().any(|it| it.class == "Msvm_ReferencePointOfVirtualSystem"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn references(&mut self, object: &ObjectPath, through: &Through) -> Enumeration<'_> {
        let query = Enumerate::query(&self.namespace_of(object), through.references(object));
        self.list(query)
    }

    /// Returns what an enumeration brings that was put together by hand: of references, of another namespace,
    /// with an association filter. Its maximum of elements holds where it is smaller than the target's.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use refpoint::cim::ObjectPath;
    /// use refpoint::client::{Enumerate, Mode};
    ///
    /// // Paths alone, and of another namespace than the target's.
    /// let mut drives = Enumerate::new(ObjectPath::new("root/cimv2", "Win32_LogicalDisk"));
    /// drives.mode = Mode::Reference;
    /// let paths = session.list(drives).references().await?;
    /// assert_eq!(paths.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn list(&mut self, mut request: Enumerate) -> Enumeration<'_> {
        request.resource = self.located(&request.resource);
        Enumeration::new(self, request)
    }

    /// Subscribes to the events that a WQL query selects, in the target's namespace; they are pulled.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dial = dial(refpoint::lab::Scenario::default())?;
    /// # let mut session = Session::with(target(), dial.clone()).await?;
    /// use refpoint::client::{Invoke, Item, Session};
    ///
    /// let wql = "SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE TargetInstance ISA 'Msvm_ComputerSystem'";
    /// let mut events = session.watch(wql).await?;
    /// // Meanwhile somebody else pauses a machine.
    /// let mut other = Session::with(target(), dial).await?;
    /// other.invoke(&Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16)).await?;
    /// let event = events.next().await.expect("there is one")?;
    /// assert!(matches!(event, Item::Object(event) if event.value("TargetInstance").is_some()));
    /// events.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn watch(&mut self, wql: impl Into<String>) -> Result<Subscription<'_>, Error> {
        let namespace = self.target().namespace.clone();
        self.subscribe(Subscribe::query(&namespace, wql)).await
    }

    /// Subscribes to events. What does not say when it expires expires after ten minutes: nothing stays on a
    /// host for ever.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dial = dial(refpoint::lab::Scenario::default())?;
    /// # let mut session = Session::with(target(), dial.clone()).await?;
    /// use refpoint::client::{Invoke, Item, Session, Subscribe};
    ///
    /// let wql = "SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE TargetInstance ISA 'Msvm_ComputerSystem'";
    /// let request = Subscribe::query("root/virtualization/v2", wql);
    /// let mut events = session.subscribe(request).await?;
    /// // Meanwhile somebody else pauses a machine.
    /// let mut other = Session::with(target(), dial).await?;
    /// other.invoke(&Invoke::new(web01(), "RequestStateChange").with("RequestedState", 9_u16)).await?;
    /// let event = events.next().await.expect("there is one")?;
    /// assert!(matches!(event, Item::Object(event) if event.value("TargetInstance").is_some()));
    /// events.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn subscribe(&mut self, mut request: Subscribe) -> Result<Subscription<'_>, Error> {
        request.resource = self.located(&request.resource);
        Subscription::open(self, request).await
    }

    /// Ends everything that is still open on the host, and the connection.
    ///
    /// What is under way in the background is waited for, within the limit of a call; ending the rest has a few
    /// seconds, even after the deadline. An error says that something could not be ended; the
    /// host ends it when it expires.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// session.enumerate("Msvm_ComputerSystem").next_instance().await;
    /// session.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(mut self) -> Result<(), Error> {
        self.caller().close().await
    }

    /// Returns what was asked for.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// assert_eq!(session.target().endpoint.host(), "hv01");
    /// # Ok(())
    /// # }
    /// ```
    pub fn target(&self) -> &Target {
        &self.shared.target
    }

    /// Returns what the last login agreed on.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// let login = session.logged_in().expect("a session is logged in");
    /// assert!(login.is_sealed, "over http every message is encrypted");
    /// # Ok(())
    /// # }
    /// ```
    pub fn logged_in(&self) -> Option<LoggedIn> {
        self.shared.logged_in()
    }

    /// Returns what it has done so far.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// session.identify().await?;
    /// assert_eq!(session.counters().requests, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn counters(&self) -> Counters {
        self.shared.counting.read()
    }

    /// Sets when everything must be over, in place of what [`Target::deadline`] said.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut session = session().await?;
    /// use std::time::Duration;
    /// use tokio::time::{Instant, advance};
    ///
    /// session.set_deadline(Some(Instant::now() + Duration::from_secs(60)));
    /// advance(Duration::from_secs(61)).await;
    /// assert!(session.identify().await.unwrap_err().is_deadline());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_deadline(&mut self, end: Option<Instant>) {
        self.shared.set_deadline(end);
    }

    pub(super) fn caller(&mut self) -> &mut Caller {
        let shared = &self.shared;
        self.caller.get_or_insert_with(|| Box::new(Caller::new(shared.clone())))
    }

    pub(super) fn take_caller(&mut self) -> Box<Caller> {
        self.caller();
        self.caller.take().expect("made by the line above")
    }

    pub(super) fn put_caller(&mut self, caller: Box<Caller>) {
        self.caller = Some(caller);
    }

    /// Returns whether something is still open on the host that nobody wants any more.
    pub(super) fn has_left_over(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.has_left_over())
    }

    /// Ends it as dropping it does; returns what knows when it has tidied up.
    pub(super) fn into_shared(self) -> Arc<Shared> {
        self.shared.clone()
    }

    fn namespace(&self, said: Option<&str>) -> Name {
        said.map_or_else(|| self.target().namespace.clone(), Name::from)
    }

    fn namespace_of(&self, path: &ObjectPath) -> Name {
        path.namespace.clone().unwrap_or_else(|| self.target().namespace.clone())
    }

    /// Returns the path with the target's namespace where it says none. One that was read from a resource
    /// URI keeps it: it says where it is.
    fn located(&self, path: &ObjectPath) -> ObjectPath {
        let mut path = path.clone();
        if path.namespace.is_none() && path.is_cim() {
            path.namespace = Some(self.target().namespace.clone());
        }
        path
    }
}

impl Drop for Session {
    /// Ends in the background what is still open on the host.
    fn drop(&mut self) {
        let Some(mut caller) = self.caller.take().filter(|caller| caller.has_left_over()) else { return };
        self.shared.finish_in_background(async move {
            caller.finish_alone().await;
        });
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("endpoint", &self.target().endpoint.to_string())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

/// What a login agreed on. Nothing in it is secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The mechanism, and what it can say.
    pub report: Report,
    /// Whether bodies are sealed by the login; on https TLS does so.
    pub is_sealed: bool,
    /// The host's certificate (DER), on https.
    pub certificate: Option<Vec<u8>>,
    /// What the user should be told.
    pub warnings: Vec<Warning>,
}

impl LoggedIn {
    pub(super) fn of(connection: &Connection) -> Self {
        Self {
            report: connection.report().clone(),
            is_sealed: connection.is_sealed(),
            certificate: connection.certificate().map(<[u8]>::to_vec),
            warnings: connection.warnings().to_vec(),
        }
    }
}

fn unexpected(get: &Get, found: &str, expected: &str) -> Error {
    let source =
        crate::wsman::Error::Unexpected { expected: expected.to_owned(), found: found.to_owned(), offset: 0 };
    Error::Unreadable { operation: super::caller::label(get), source: Box::new(source) }
}

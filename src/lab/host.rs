//! One simulated host: text of a request in, text of an answer out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cim::{ClassShape, DateTime, Instance, Interval, Name, ObjectPath, Scalar, Type, Value};
use crate::wsman::names::{ANONYMOUS, WSMAN, delivery};
use crate::wsman::{
    Content, Create, Delete, EndpointReference, Enumerate, Filter, Fragment, Get, GetClass, Identity,
    Incoming, Invoke, Invoked, Irregularity, Neighbours, Opening, Operation, Page, Polymorphism, Pull, Put,
    Release, Renew, ReplyHeader, Request, RequestHeader, Style, Subscribe, Subscribed, Unsubscribe,
    decode_request, encode_fault, encode_reply,
};

use super::config;
use super::enumeration::Enumeration;
use super::lexicon::lexicon;
use super::provider::{Arguments, Call};
use super::refusal::Refusal;
use super::response::{Caller, Entry, Response, Upset};
use super::scenario::{Gone, JobClass, Role, Scenario};
use super::site::{CIMV2, Identifiers, OLD_VIRTUALIZATION, STANDARD_CIMV2, Site, VIRTUALIZATION};
use super::store::{Object, Row, Service, Span, has_class, has_method};
use super::subscription::{Pulled, Subscription};
use super::world::{Serial, World};
use super::wql::{self, Neighbourhood, Query};

/// One simulated host of a fleet.
///
/// It is pure: the same requests at the same times bring the same answers. Until it is first asked, it is little
/// more than its name; then it makes the world of its scenario.
pub struct Host {
    scenario: Arc<Scenario>,
    index: usize,
    name: Arc<str>,
    world: Option<Box<World>>,
    contexts: HashMap<String, Enumeration>,
    /// By the context that their next pull needs.
    subscriptions: HashMap<String, Subscription>,
    identifiers: Identifiers,
    refusals: Vec<Refusal>,
    skew: i64,
}

/// A request on its way to its answer.
struct Exchange<'e> {
    caller: &'e Caller,
    site: Site<'e>,
    /// How many octets the answer may have.
    limit: usize,
    header: ReplyHeader,
    entry: Entry,
    delay: Duration,
    /// When it is worth asking the same again, where nothing has happened yet.
    again: Option<Duration>,
    /// How long the operation may take.
    patience: Duration,
}

impl Host {
    /// Makes a host; its name and its GUIDs follow from its place in the fleet.
    pub fn new(scenario: Arc<Scenario>, index: usize) -> Self {
        let name = scenario.host.name(index).into();
        let identifiers = Identifiers::new(index ^ 1 << 40, scenario.host.seed);
        Self {
            scenario,
            index,
            name,
            world: None,
            contexts: HashMap::new(),
            subscriptions: HashMap::new(),
            identifiers,
            refusals: Vec::new(),
            skew: 0,
        }
    }

    /// Returns the NetBIOS name, `HV01`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the full name, `hv01.lab.example`.
    pub fn fqdn(&self) -> String {
        self.scenario.host.fqdn(self.index)
    }

    /// Returns how many enumerations are open.
    pub fn open_contexts(&self) -> usize {
        self.contexts.len()
    }

    /// Returns how many subscriptions are open at a moment.
    pub fn open_subscriptions(&self, now: Duration) -> usize {
        self.subscriptions.values().filter(|subscription| subscription.expires > now).count()
    }

    /// Lets something happen to the host.
    pub fn upset(&mut self, now: Duration, upset: Upset) {
        match upset {
            Upset::ClockSkew(seconds) => self.skew = seconds,
            Upset::Refuse(refusal) => self.refusals.push(refusal),
            Upset::VanishJobs => self.with_world(now, |world, _| {
                world.jobs.values_mut().for_each(|job| job.hidden = true);
            }),
            Upset::RestartService => self.with_world(now, |world, site| {
                world.drop_jobs(site.now);
                world.restarts += 1;
                world.restarting = Some(site.now + site.scenario.speed.restart);
            }),
            Upset::EndSubscriptions => self.subscriptions.clear(),
            Upset::PointGone(id) => self.with_world(now, |world, _| {
                let found = world.points.iter().find(|(_, point)| point.id == id).map(|(serial, _)| *serial);
                found.into_iter().for_each(|serial| world.delete_point(serial));
            }),
            Upset::MachineBusy { machine, status } => self.with_world(now, |world, _| {
                let named = |name: &str, id: &str| name == machine || id.eq_ignore_ascii_case(&machine);
                for found in world.machines.iter_mut().filter(|found| named(&found.name, &found.id)) {
                    found.busy = Some(status).filter(|status| *status > 2);
                }
            }),
        }
    }

    /// Answers Identify to somebody who has not logged in: who made the service, not which one it is.
    pub fn identify_anonymous(&self, _now: Duration, envelope: &str) -> Response {
        let nobody = Caller { user: String::new(), rights: super::Rights::NONE };
        let mut exchange = Exchange {
            caller: &nobody,
            site: self.site(Duration::ZERO, &self.scenario, &self.name),
            limit: usize::MAX,
            header: ReplyHeader::default(),
            entry: Entry::default(),
            delay: Duration::ZERO,
            again: None,
            patience: Duration::ZERO,
        };
        let incoming = decode_request(envelope, lexicon(), &Default::default());
        match incoming {
            Ok(Incoming { header, request: Request::Identify(operation), .. }) => {
                exchange.entry = entry(&header, &Request::Identify(operation));
                let envelope = exchange.reply(&operation, &identity("0.0.0"), false);
                exchange.respond(envelope)
            }
            _ => exchange.respond(Err(Refusal::AccessDenied)),
        }
    }

    /// Carries out what a request asks. `now` is the time since the host was made.
    pub fn handle(&mut self, now: Duration, caller: &Caller, envelope: &str) -> Response {
        let (scenario, name) = (Arc::clone(&self.scenario), Arc::clone(&self.name));
        let site = self.site(now, &scenario, &name);
        let message_id = format!("uuid:{}", self.identifiers.guid());
        let language = Some(scenario.host.locale.tag().to_owned());
        let header = ReplyHeader { message_id: Some(message_id), language, ..ReplyHeader::default() };
        let limit = usize::try_from(scenario.limits.max_envelope_size).unwrap_or(usize::MAX);
        let mut exchange = Exchange {
            caller,
            site,
            limit,
            header,
            entry: Entry::default(),
            delay: Duration::ZERO,
            again: None,
            patience: Duration::ZERO,
        };
        if envelope.len() > limit {
            return exchange.respond(Err(Refusal::RequestTooLarge));
        }
        match decode_request(envelope, lexicon(), &Default::default()) {
            Ok(incoming) => {
                exchange.receive(&incoming);
                let most = most_time(&incoming.header, &scenario);
                exchange.patience = most;
                let answer = self.answer(&mut exchange, incoming);
                exchange.respond_within(most, answer)
            }
            Err(error) => exchange.respond(Err(Refusal::from(&error))),
        }
    }

    fn site<'h>(&self, now: Duration, scenario: &'h Scenario, name: &'h str) -> Site<'h> {
        Site { scenario, index: self.index, name, now, skew: self.skew }
    }

    /// Brings the world to a moment and works on it.
    fn with_world(&mut self, now: Duration, work: impl FnOnce(&mut World, Site<'_>)) {
        let (scenario, name) = (Arc::clone(&self.scenario), Arc::clone(&self.name));
        let site = self.site(now, &scenario, &name);
        let world = self.world.get_or_insert_with(|| Box::new(World::new(site)));
        world.advance(site);
        work(world, site);
    }

    fn answer(&mut self, exchange: &mut Exchange<'_>, incoming: Incoming) -> Result<String, Refusal> {
        exchange.check(&incoming)?;
        if !self.refusals.is_empty() {
            return Err(self.refusals.remove(0));
        }
        if !exchange.caller.rights.winrm {
            return Err(Refusal::AccessDenied);
        }
        let site = exchange.site;
        let world = self.world.get_or_insert_with(|| Box::new(World::new(site)));
        world.advance(site);
        self.contexts.retain(|_, context| context.expires > site.now);
        let open = self.contexts.values().filter(|context| context.user == exchange.caller.user).count();
        self.look(exchange);
        let continues = matches!(
            incoming.request,
            Request::Pull(_)
                | Request::Release(_)
                | Request::Identify(_)
                | Request::Renew(_)
                | Request::Unsubscribe(_)
        );
        if !continues && open >= site.scenario.limits.max_operations {
            return Err(Refusal::Quota);
        }
        match incoming.request {
            Request::Identify(operation) => {
                exchange.reply(&operation, &identity(&os_version(site.build())), false)
            }
            Request::Get(operation) => {
                let content = self.get(exchange, &operation)?;
                exchange.reply(&operation, &content, false)
            }
            Request::GetClass(operation) => {
                let class = class_of(exchange, &operation)?;
                exchange.reply(&operation, &class, false)
            }
            Request::Enumerate(operation) => self.enumerate(exchange, operation),
            Request::Pull(operation) => self.pull(exchange, operation),
            Request::Release(operation) => self.release(exchange, &operation),
            Request::Invoke(operation) => self.invoke(exchange, &operation),
            Request::Put(operation) => self.put(exchange, &operation),
            Request::Delete(operation) => self.delete(exchange, &operation),
            Request::Create(operation) => self.create(exchange, &operation),
            Request::Subscribe(operation) => self.subscribe(exchange, &operation),
            Request::Renew(operation) => self.renew(exchange, &operation),
            Request::Unsubscribe(operation) => self.unsubscribe(exchange, &operation),
            _ => Err(Refusal::UnknownAction),
        }
    }

    fn world(&self) -> &World {
        self.world.as_deref().expect("made before anything is answered")
    }

    fn world_mut(&mut self) -> &mut World {
        self.world.as_deref_mut().expect("made before anything is answered")
    }

    fn get(&self, exchange: &Exchange<'_>, operation: &Get) -> Result<Content, Refusal> {
        if config::is_config(&operation.resource) {
            exchange.may_configure()?;
            return match operation.fragment {
                None => self.world().config.get(&operation.resource).map(Content::Instance),
                Some(_) => Err(Refusal::Fragment),
            };
        }
        let instance = self.instance(exchange, &operation.resource)?;
        let Some(fragment) = &operation.fragment else {
            return Ok(Content::Instance(instance));
        };
        part_of(&instance, fragment)
    }

    /// Returns the instance that a resource with all its keys names.
    fn instance(&self, exchange: &Exchange<'_>, resource: &ObjectPath) -> Result<Instance, Refusal> {
        let (site, world) = (exchange.site, self.world());
        let shape = exchange.shape(resource)?;
        if resource.class == "Win32_OperatingSystem" && resource.keys.is_empty() {
            return world.render(Row::Object(Object::OperatingSystem), site).ok_or(Refusal::NotFound);
        }
        let gone = match site.questions().gone {
            Gone::Plain => Refusal::NotFound,
            Gone::WithProvider => Refusal::NotFoundByProvider,
        };
        if resource.keys.is_empty() {
            return Err(Refusal::KeysMissing);
        }
        require_keys_of(shape, resource)?;
        let has_all = shape.keys().all(|key| resource.key(&key.name).is_some());
        let row = Row::Object(world.find(resource, site).filter(|_| has_all).ok_or(gone)?);
        if !exchange.sees(row) {
            return Err(gone);
        }
        world.render(row, site).ok_or(gone)
    }

    /// Returns the number of an object that is no more than its properties. Hyper-V's are changed by methods,
    /// never by themselves.
    fn plain(&self, exchange: &Exchange<'_>, resource: &ObjectPath) -> Result<Serial, Refusal> {
        self.instance(exchange, resource)?;
        match self.world().find(resource, exchange.site) {
            Some(Object::Plain(serial)) => Ok(serial),
            _ => Err(Refusal::NotCapable),
        }
    }

    fn put(&mut self, exchange: &mut Exchange<'_>, operation: &Put) -> Result<String, Refusal> {
        if config::is_config(&operation.resource) {
            exchange.may_configure()?;
            let (None, Content::Instance(said)) = (&operation.fragment, &operation.content) else {
                return Err(Refusal::Fragment);
            };
            let changed = self.world_mut().config.put(&operation.resource, said)?;
            exchange.entry.return_value = Some(0);
            return exchange.reply(operation, &Some(Content::Instance(changed)), true);
        }
        let serial = self.plain(exchange, &operation.resource)?;
        let (said, part) = match (&operation.fragment, &operation.content) {
            (None, Content::Instance(said)) if said.class == operation.resource.class => (said.clone(), None),
            (None, _) => return Err(Refusal::Schema),
            (Some(part), content) => (said_of(&operation.resource.class, part, content)?, Some(part)),
        };
        let changed = self.world_mut().change_plain(serial, &said)?;
        exchange.entry.return_value = Some(0);
        let content = match part {
            None => Content::Instance(changed),
            Some(part) => part_of(&changed, part)?,
        };
        exchange.reply(operation, &Some(content), true)
    }

    fn create(&mut self, exchange: &mut Exchange<'_>, operation: &Create) -> Result<String, Refusal> {
        if config::is_config(&operation.resource) {
            exchange.may_configure()?;
            let (None, Content::Instance(said)) = (&operation.fragment, &operation.content) else {
                return Err(Refusal::Fragment);
            };
            let made = self.world_mut().config.create(&operation.resource, said)?;
            exchange.entry.return_value = Some(0);
            return exchange.reply(operation, &EndpointReference::to(made), true);
        }
        let namespace = exchange.namespace(&operation.resource)?;
        let shape = exchange.shape(&operation.resource)?;
        if !operation.resource.keys.is_empty() {
            return Err(Refusal::UnexpectedKey);
        }
        let (None, Content::Instance(said)) = (&operation.fragment, &operation.content) else {
            return Err(Refusal::Fragment);
        };
        if said.class != *shape.name() {
            return Err(Refusal::Schema);
        }
        let made = self.world_mut().make_plain(said, namespace)?;
        exchange.entry.return_value = Some(0);
        let reference = EndpointReference::to(self.world().path_of(&made));
        exchange.reply(operation, &reference, true)
    }

    fn delete(&mut self, exchange: &mut Exchange<'_>, operation: &Delete) -> Result<String, Refusal> {
        if operation.fragment.is_some() {
            return Err(Refusal::Fragment);
        }
        if config::is_config(&operation.resource) {
            exchange.may_configure()?;
            self.world_mut().config.delete(&operation.resource)?;
            exchange.entry.return_value = Some(0);
            return exchange.reply(operation, &(), true);
        }
        let serial = self.plain(exchange, &operation.resource)?;
        self.world_mut().remove_plain(serial)?;
        exchange.entry.return_value = Some(0);
        exchange.reply(operation, &(), true)
    }

    fn enumerate(&mut self, exchange: &mut Exchange<'_>, operation: Enumerate) -> Result<String, Refusal> {
        let site = exchange.site;
        if let Opening::FirstPage { max_elements: Some(0) } = operation.opening {
            return Err(Refusal::NoElements);
        }
        if config::is_config(&operation.resource) {
            exchange.may_configure()?;
            let page = Page { items: self.world().config.list(&operation)?, ..Page::default() };
            return exchange.reply(&operation, &page, false);
        }
        let mut enumeration = self.open(exchange, &operation)?;
        enumeration.patience = match operation.expires {
            Some(asked) => asked.as_duration().min(site.scenario.limits.enumeration_timeout),
            None => site.scenario.limits.enumeration_timeout,
        };
        match operation.opening {
            Opening::FirstPage { max_elements } => {
                let most = max_elements.unwrap_or(1);
                self.page(exchange, &operation, enumeration, most, None, None)
            }
            Opening::Context => {
                let context = self.keep(exchange, enumeration);
                let page = Page { context: Some(context), ..Page::default() };
                exchange.reply(&operation, &page, false)
            }
        }
    }

    /// Opens the enumeration that a request means.
    fn open(&self, exchange: &Exchange<'_>, operation: &Enumerate) -> Result<Enumeration, Refusal> {
        let (site, world) = (exchange.site, self.world());
        let user = &exchange.caller.user;
        let resource = &operation.resource;
        let namespace = exchange.namespace(resource)?;
        if !resource.keys.is_empty() {
            return Err(Refusal::KeysOnEnumeration);
        }
        let new = |spans| Enumeration::new(user, namespace.into(), operation.mode, spans);
        match &operation.filter {
            None => {
                let shape = exchange.shape(resource)?;
                let polymorphism = operation.polymorphism.filter(|_| site.questions().polymorphism_counts);
                let rows = world.rows_of(shape.name(), polymorphism != Some(Polymorphism::None), site);
                Ok(match polymorphism {
                    Some(Polymorphism::ExcludeSubclassProperties) => new(rows).shown_as(shape.name()),
                    _ => new(rows),
                })
            }
            Some(Filter::Wql(_)) if resource.class != "*" => Err(Refusal::WqlOnClass),
            Some(Filter::Wql(text)) => match wql::parse(text).map_err(|_| Refusal::InvalidQuery)? {
                Query::Select(select) if select.within.is_some() => Err(Refusal::InvalidQuery),
                Query::Select(select) => {
                    let shape = exchange.class(namespace, &select.class)?;
                    let is_known = |name: &String| {
                        name.eq_ignore_ascii_case("__CLASS") || shape.property(name).is_some()
                    };
                    if !select.properties.iter().all(is_known) {
                        return Err(Refusal::InvalidQuery);
                    }
                    if let Some(condition) = &select.condition {
                        condition.check(shape).map_err(|_| Refusal::InvalidQuery)?;
                    }
                    Ok(new(world.rows_of(shape.name(), true, site)).selecting(select, text))
                }
                Query::Neighbourhood(around) => {
                    let rows = self.neighbours(exchange, namespace, &around)?;
                    Ok(new(vec![Span::Rows(rows.into_iter())]).with_keys_only(around.keys_only))
                }
            },
            Some(Filter::Association(filter)) => {
                let text = |name: &Option<Name>| name.as_ref().map(Name::to_string);
                let around = Neighbourhood {
                    object: filter.object.clone(),
                    references: filter.wanted == Neighbours::Associations,
                    association: text(&filter.association_class),
                    result: text(&filter.result_class),
                    role: text(&filter.role),
                    result_role: text(&filter.result_role),
                    keys_only: false,
                };
                let rows = self.neighbours(exchange, namespace, &around)?;
                Ok(new(vec![Span::Rows(rows.into_iter())]))
            }
            Some(_) => Err(Refusal::FilterDialect),
        }
    }

    /// Returns what is around an object.
    fn neighbours(
        &self,
        exchange: &Exchange<'_>,
        namespace: &'static str,
        around: &Neighbourhood,
    ) -> Result<Vec<Row>, Refusal> {
        let (site, world) = (exchange.site, self.world());
        for class in
            [Some(around.object.class.as_str()), around.association.as_deref(), around.result.as_deref()]
        {
            if let Some(class) = class.filter(|class| !exchange.is_job_class(class)) {
                exchange.class(namespace, class)?;
            }
        }
        let object = world.find(&around.object, site).filter(|object| exchange.sees(Row::Object(*object)));
        let object = object.ok_or(Refusal::NotFoundByProvider)?;
        let is_a = |class: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| super::store::is_a(class, wanted))
        };
        let has = |role: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(role))
        };
        let association = if around.references { &around.result } else { &around.association };
        let mut rows = Vec::new();
        for link in world.links(site, &|class| is_a(class, association)) {
            for (mine, theirs) in [(0, 1), (1, 0)] {
                let (role, end) = link.ends[mine];
                let (result_role, other) = link.ends[theirs];
                if end != object || !has(role, &around.role) || !has(result_role, &around.result_role) {
                    continue;
                }
                let row = if around.references { Row::Link(link) } else { Row::Object(other) };
                let wanted = || world.class_of(other).is_some_and(|class| is_a(&class, &around.result));
                if (around.references || wanted()) && !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    fn pull(&mut self, exchange: &mut Exchange<'_>, operation: Pull) -> Result<String, Refusal> {
        let namespace = exchange.namespace(&operation.resource)?;
        if operation.max_elements == Some(0) {
            return Err(Refusal::NoElements);
        }
        if self.subscriptions.contains_key(&operation.context) {
            return self.pull_events(exchange, operation);
        }
        let context = self.contexts.get(&operation.context).ok_or(Refusal::Context)?;
        if context.user != exchange.caller.user {
            return Err(Refusal::OtherUser);
        }
        if context.namespace != namespace {
            return Err(Refusal::OtherResource);
        }
        let enumeration = self.contexts.remove(&operation.context).ok_or(Refusal::Context)?;
        let most = operation.max_elements.unwrap_or(1);
        let refill = operation.context.clone();
        self.page(exchange, &operation, enumeration, most, operation.max_characters, Some(refill))
    }

    /// Drops the subscriptions that nobody has prolonged, and looks for the others what has happened.
    fn look(&mut self, exchange: &Exchange<'_>) {
        let site = exchange.site;
        self.subscriptions.retain(|_, subscription| subscription.expires > site.now);
        let world = self.world.as_deref().expect("made before anything is answered");
        // Whoever subscribed may see what he may see; rights do not change while a host runs.
        let caller = exchange.caller;
        for subscription in self.subscriptions.values_mut().filter(|one| one.user == caller.user) {
            subscription.look(world, site, &|row| sees(caller, row));
        }
        self.subscriptions.retain(|_, subscription| !subscription.is_overrun());
    }

    fn subscribe(&mut self, exchange: &mut Exchange<'_>, operation: &Subscribe) -> Result<String, Refusal> {
        let site = exchange.site;
        let namespace = exchange.namespace(&operation.resource)?;
        if !site.questions().subscriptions {
            return Err(Refusal::EventsNotSupported);
        }
        if operation.mode != delivery::PULL {
            return Err(Refusal::DeliveryMode);
        }
        if operation.locale.is_none() {
            return Err(Refusal::DeliveryLocale);
        }
        let text = match &operation.filter {
            Some(Filter::Wql(text)) => text,
            Some(_) => return Err(Refusal::FilterDialect),
            None => return Err(Refusal::InvalidQuery),
        };
        if operation.resource.class != "*" {
            return Err(Refusal::WqlOnClass);
        }
        let Query::Select(select) = wql::parse(text).map_err(|_| Refusal::InvalidQuery)? else {
            return Err(Refusal::InvalidQuery);
        };
        let user = &exchange.caller.user;
        if self.subscriptions.values().filter(|open| open.user == *user).count()
            >= site.scenario.limits.max_subscriptions
        {
            return Err(Refusal::Quota);
        }
        let identifier = format!("uuid:{}", self.identifiers.guid());
        let mut subscription = Subscription::new(user, namespace, select, identifier.clone())?;
        exchange.class(namespace, subscription.class())?;
        subscription.check()?;
        let world = self.world.as_deref().expect("made before anything is answered");
        let caller = exchange.caller;
        let life = operation.expires.map(Interval::as_duration);
        let heartbeat = operation.heartbeats.map(Interval::as_duration);
        let life = subscription.begin(world, site, &|row| sees(caller, row), life, heartbeat)?;
        let context = format!("uuid:{}", self.identifiers.guid());
        let mut manager = EndpointReference::to(operation.resource.clone());
        manager.identifier = Some(identifier);
        let expires = Some(DateTime::Interval(Interval::new(life)));
        let subscribed = Subscribed { manager, expires, context: Some(context.clone()) };
        self.subscriptions.insert(context, subscription);
        exchange.reply(operation, &subscribed, true)
    }

    fn renew(&mut self, exchange: &mut Exchange<'_>, operation: &Renew) -> Result<String, Refusal> {
        let now = exchange.site.now;
        let context = self.subscribed(exchange, operation.identifier.as_deref())?;
        let subscription = self.subscriptions.get_mut(&context).ok_or(Refusal::Subscription)?;
        let life = subscription.prolong(now, operation.expires.map(Interval::as_duration));
        exchange.reply(operation, &Some(DateTime::Interval(Interval::new(life))), true)
    }

    fn unsubscribe(
        &mut self,
        exchange: &mut Exchange<'_>,
        operation: &Unsubscribe,
    ) -> Result<String, Refusal> {
        let context = self.subscribed(exchange, operation.identifier.as_deref())?;
        self.subscriptions.remove(&context);
        exchange.reply(operation, &(), true)
    }

    /// Returns the context of the subscription of a name.
    fn subscribed(&self, exchange: &Exchange<'_>, identifier: Option<&str>) -> Result<String, Refusal> {
        let mut open = self.subscriptions.iter();
        let found = open.find(|(_, subscription)| Some(&*subscription.identifier) == identifier);
        let (context, subscription) = found.ok_or(Refusal::Subscription)?;
        match subscription.user == exchange.caller.user {
            true => Ok(context.clone()),
            false => Err(Refusal::OtherUser),
        }
    }

    fn pull_events(&mut self, exchange: &mut Exchange<'_>, operation: Pull) -> Result<String, Refusal> {
        let namespace = exchange.namespace(&operation.resource)?;
        let (now, patience) = (exchange.site.now, exchange.patience);
        let subscription = self.subscriptions.get_mut(&operation.context).ok_or(Refusal::Context)?;
        if subscription.user != exchange.caller.user {
            return Err(Refusal::OtherUser);
        }
        if subscription.namespace != *namespace {
            return Err(Refusal::OtherResource);
        }
        let id = exchange.entry.message_id.clone().unwrap_or_default();
        let most = operation.max_elements.unwrap_or(1).min(exchange.site.scenario.limits.max_batch_items);
        let patience = operation.max_time.map_or(patience, |most| most.as_duration().min(patience));
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(EVENTS_ON_A_PAGE);
        match subscription.pull(&id, now, patience, most) {
            Pulled::Events(items) => {
                let page = Page { items, context: Some(operation.context.clone()), expires: None };
                exchange.reply(&operation, &page, true)
            }
            Pulled::Nothing(pause) => {
                exchange.again = Some(pause);
                Err(Refusal::TimedOut)
            }
            Pulled::TimedOut => Err(Refusal::TimedOut),
        }
    }

    fn release(&mut self, exchange: &mut Exchange<'_>, operation: &Release) -> Result<String, Refusal> {
        let context = self.contexts.get(&operation.context).ok_or(Refusal::Context)?;
        if context.user != exchange.caller.user {
            return Err(Refusal::OtherUser);
        }
        self.contexts.remove(&operation.context);
        exchange.reply(operation, &(), false)
    }

    /// Answers with the next page of an enumeration, as large as it may be, and keeps what is left: under a new
    /// context, or under the one it was pulled by where the page does not fit.
    fn page<O: Operation<Reply = Page>>(
        &mut self,
        exchange: &mut Exchange<'_>,
        operation: &O,
        mut enumeration: Enumeration,
        most: u32,
        characters: Option<u64>,
        pulled_by: Option<String>,
    ) -> Result<String, Refusal> {
        let site = exchange.site;
        let world = self.world.as_deref().expect("made before anything is answered");
        let most = most.min(site.scenario.limits.max_batch_items).min(crate::wsman::MOST_ITEMS);
        let limit = characters.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let limit = limit.min(exchange.limit);
        let caller = exchange.caller;
        let sees = |row| sees(caller, row);
        let room = limit.saturating_sub(1500);
        let items = enumeration.take(world, site, &sees, usize::try_from(most).unwrap_or(usize::MAX), room);
        let has_ended = enumeration.has_ended(world, site, &sees);
        let next = format!("uuid:{}", self.identifiers.guid());
        let mut page = Page { items, context: (!has_ended).then(|| next.clone()), expires: None };
        loop {
            let envelope = exchange.reply_of_any_size(operation, &page)?;
            if envelope.len() <= limit {
                if page.context.is_some() {
                    enumeration.expires = site.now + enumeration.patience;
                    self.contexts.insert(next, enumeration);
                }
                return Ok(envelope);
            }
            let count = page.items.len();
            if count <= 1 {
                // A larger envelope may still bring it.
                if let Some(context) = pulled_by {
                    enumeration.put_back(page.items.into_iter());
                    enumeration.expires = site.now + enumeration.patience;
                    self.contexts.insert(context, enumeration);
                }
                return Err(Refusal::AnswerTooLarge);
            }
            let keep = (count * limit / envelope.len() * 9 / 10).clamp(1, count - 1);
            enumeration.put_back(page.items.split_off(keep).into_iter());
            page.context = Some(next.clone());
        }
    }

    /// Keeps an enumeration under a new context.
    fn keep(&mut self, exchange: &Exchange<'_>, mut enumeration: Enumeration) -> String {
        let context = format!("uuid:{}", self.identifiers.guid());
        enumeration.expires = exchange.site.now + enumeration.patience;
        self.contexts.insert(context.clone(), enumeration);
        context
    }

    fn invoke(&mut self, exchange: &mut Exchange<'_>, operation: &Invoke) -> Result<String, Refusal> {
        let site = exchange.site;
        let shape = exchange.shape(&operation.resource)?;
        let method = shape.method(&operation.method).ok_or(Refusal::UnknownMethod)?;
        if !has_method(site.scenario, &method.name) {
            return Err(Refusal::UnknownMethod);
        }
        let object = self.called(exchange, &operation.resource, shape)?;
        for (name, value) in &operation.arguments {
            let declared = method.parameters.iter().find(|it| it.name == *name && it.is_input);
            let declared = declared.ok_or(Refusal::ParameterName)?;
            check_argument(value, declared.ty, declared.is_array)?;
        }
        let scenario = Arc::clone(&self.scenario);
        let world = self.world.as_deref_mut().expect("made before anything is answered");
        let arguments = Arguments(&operation.arguments);
        let rule = match object {
            Object::Job(_) => None,
            _ => world.rule(&scenario, site, &method.name, &world.concerned(arguments, object, site)),
        };
        let rule = rule.map(|at| &scenario.jobs[at]);
        let call = Call { site, caller: exchange.caller, object, method, arguments, rule };
        let returned = world.invoke(&call)?;
        exchange.entry.return_value = Some(returned.code);
        exchange.delay = returned.delay;
        let outputs = method.parameters.iter().filter(|parameter| parameter.is_output);
        let out = outputs.map(|parameter| {
            let said = returned.out.iter().find(|(name, _)| parameter.name == *name);
            (parameter.name.clone(), said.map_or(Value::Null, |(_, value)| value.clone()))
        });
        let invoked = Invoked { return_value: returned.code.into(), out: out.collect() };
        exchange.reply(operation, &invoked, true)
    }

    /// Returns the object whose method is called. Services take any of their keys, but one of them.
    fn called(
        &self,
        exchange: &Exchange<'_>,
        resource: &ObjectPath,
        shape: ClassShape<'_>,
    ) -> Result<Object, Refusal> {
        let site = exchange.site;
        if *shape.name() == "StdRegProv" {
            // Its methods are static.
            return if resource.keys.is_empty() { Ok(Object::Registry) } else { Err(Refusal::UnexpectedKey) };
        }
        let Some(service) = Service::ALL.into_iter().find(|one| resource.class == one.class()) else {
            let instance = self.instance(exchange, resource)?;
            return self.world().find(&self.world().path_of(&instance), site).ok_or(Refusal::NotFound);
        };
        if resource.keys.is_empty() {
            return Err(match service {
                Service::Management => Refusal::MethodParameters,
                _ => Refusal::InternalError,
            });
        }
        require_keys_of(shape, resource)?;
        let own = self.world().path(Object::Service(service), site).ok_or(Refusal::NotFound)?;
        let is_own = |(name, key): &(Name, crate::cim::Key)| {
            own.key_text(name).is_some_and(|value| value.eq_ignore_ascii_case(&key.text()))
        };
        match resource.keys.iter().all(is_own) {
            true => Ok(Object::Service(service)),
            false => Err(Refusal::NotFound),
        }
    }
}

impl World {
    /// Returns the place of the first rule of the scenario that fits a call, and counts that it did.
    fn rule(
        &mut self,
        scenario: &Scenario,
        site: Site<'_>,
        method: &str,
        concerned: &[String],
    ) -> Option<usize> {
        let same = |wanted: &Option<String>, said: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(said))
        };
        for (at, rule) in scenario.jobs.iter().enumerate() {
            let fits = same(&rule.host, site.name)
                && same(&rule.method, method)
                && rule
                    .machine
                    .as_ref()
                    .is_none_or(|_| concerned.iter().any(|name| same(&rule.machine, name)));
            if !fits {
                continue;
            }
            let number = self.fitted[at];
            self.fitted[at] += 1;
            let is_over = rule.times.is_some_and(|times| number >= rule.skip.saturating_add(times));
            if number >= rule.skip && !is_over {
                return Some(at);
            }
        }
        None
    }

    fn class_of(&self, object: Object) -> Option<String> {
        let class = match object {
            Object::Host | Object::Machine(_) => "Msvm_ComputerSystem",
            Object::Settings(_) | Object::Checkpoint(_) => "Msvm_VirtualSystemSettingData",
            Object::Disk(..) => "Msvm_StorageAllocationSettingData",
            Object::Slot(..) => "Msvm_ResourceAllocationSettingData",
            Object::Point(_) => "Msvm_VirtualSystemReferencePoint",
            Object::PointCollection(_) => "Msvm_ReferencePointCollection",
            Object::CheckpointCollection(_) => "Msvm_SnapshotCollection",
            Object::Group(serial) => match self.groups.get(&serial)?.groups {
                None => "Msvm_VirtualSystemCollection",
                Some(_) => "Msvm_ManagementCollection",
            },
            Object::Service(service) => service.class(),
            Object::Job(serial) => return self.jobs.get(&serial).map(|job| job.class.clone()),
            _ => return None,
        };
        Some(class.to_owned())
    }
}

impl Exchange<'_> {
    /// Notes what the request says of itself.
    fn receive(&mut self, incoming: &Incoming) {
        let header = &incoming.header;
        self.entry = entry(header, &incoming.request);
        self.header.relates_to = Some(header.message_id.clone()).filter(|id| !id.is_empty());
        self.header.operation_id.clone_from(&header.operation_id);
        self.header.sequence_id = header.operation_id.as_ref().map(|_| 1);
        self.header.activity_id.clone_from(&header.activity_id);
        if let Some(asked) = header.max_envelope_size {
            self.limit = self.limit.min(usize::try_from(asked).unwrap_or(usize::MAX));
        }
    }

    /// Refuses what the headers may not say, whatever is asked.
    fn check(&mut self, incoming: &Incoming) -> Result<(), Refusal> {
        if !incoming.not_understood.is_empty() {
            self.header.not_understood.clone_from(&incoming.not_understood);
            return Err(Refusal::NotUnderstood);
        }
        if incoming.header.max_envelope_size.is_some_and(|size| size < 8192) {
            // A fault has to be told all the same.
            self.limit = 8192;
            return Err(Refusal::EnvelopeTooSmall);
        }
        let elsewhere = [&incoming.reply_to, &incoming.fault_to];
        if elsewhere.into_iter().flatten().any(|address| address != ANONYMOUS) {
            return Err(Refusal::AddressingMode);
        }
        if incoming.header.options.iter().any(|option| option.must_comply) {
            return Err(Refusal::Options);
        }
        let is_certain = |found: &&Irregularity| !matches!(found, Irregularity::InputNamespace { .. });
        let first = incoming.irregularities.iter().find(is_certain).or(incoming.irregularities.first());
        first.map_or(Ok(()), |irregularity| Err(Refusal::from(irregularity)))
    }

    /// Returns the namespace of a resource, if the host has it and the caller may look into it.
    fn namespace(&self, resource: &ObjectPath) -> Result<&'static str, Refusal> {
        let uri = resource.resource_uri();
        let uri = uri.to_ascii_lowercase();
        let is_dmtf = uri.starts_with("http://schemas.dmtf.org/wbem/wscim/1/");
        if !is_dmtf && !uri.starts_with("http://schemas.microsoft.com/wbem/wsman/1/wmi/") {
            return Err(Refusal::NotFound);
        }
        let is_of_dmtf = resource.class == "*" || resource.class.to_ascii_lowercase().starts_with("cim_");
        if is_dmtf && !is_of_dmtf {
            return Err(Refusal::NotOfDmtf);
        }
        let named = resource.namespace.as_ref().ok_or(Refusal::InvalidNamespace)?;
        self.known_namespace(named)
    }

    fn known_namespace(&self, named: &Name) -> Result<&'static str, Refusal> {
        let role = self.site.scenario.host.hyper_v;
        let of_role = match role {
            Role::Running | Role::Stopped => Some(VIRTUALIZATION),
            Role::Old => Some(OLD_VIRTUALIZATION),
            Role::Absent => None,
        };
        let known = of_role.into_iter().chain([CIMV2, STANDARD_CIMV2]).find(|known| *named == *known);
        let known = known.ok_or(Refusal::InvalidNamespace)?;
        match self.caller.rights.namespace {
            // The provider lives in the process of the management service.
            true if role == Role::Stopped && known == VIRTUALIZATION => Err(Refusal::ProviderFailure),
            true => Ok(known),
            false => Err(Refusal::NamespaceDenied),
        }
    }

    /// The service's own settings only administrators may read.
    fn may_configure(&self) -> Result<(), Refusal> {
        match self.caller.rights == super::Rights::ADMINISTRATOR {
            true => Ok(()),
            false => Err(Refusal::AccessDenied),
        }
    }

    /// Returns the shape of the class of a resource.
    fn shape(&self, resource: &ObjectPath) -> Result<ClassShape<'static>, Refusal> {
        let namespace = self.namespace(resource)?;
        if self.is_job_class(&resource.class) {
            let export_job = "Msvm_VirtualSystemReferencePointExportJob";
            return lexicon().shape(export_job).ok_or(Refusal::InvalidClass);
        }
        self.class(namespace, &resource.class)
    }

    fn class(&self, namespace: &str, class: &str) -> Result<ClassShape<'static>, Refusal> {
        let shape = lexicon().shape(class).ok_or(Refusal::InvalidClass)?;
        let is_there = shape.class().namespace.as_ref().is_some_and(|declared| *declared == *namespace);
        match is_there && has_class(self.site.scenario, shape.name()) {
            true => Ok(shape),
            false => Err(Refusal::InvalidClass),
        }
    }

    /// Returns whether a class is one that the scenario gives to jobs and no schema knows.
    fn is_job_class(&self, class: &str) -> bool {
        let scenario = self.site.scenario;
        let of_questions = match &scenario.questions.export_job_class {
            JobClass::Named(named) => Some(named),
            _ => None,
        };
        let of_rules = scenario.jobs.iter().filter_map(|rule| rule.class.as_ref());
        !lexicon().is_known(class)
            && of_rules.chain(of_questions).any(|named| named.eq_ignore_ascii_case(class))
    }

    fn sees(&self, row: Row) -> bool {
        sees(self.caller, row)
    }

    /// Returns the text of an answer, if it is not too long.
    fn reply<O: Operation>(
        &mut self,
        operation: &O,
        reply: &O::Reply,
        was_carried_out: bool,
    ) -> Result<String, Refusal> {
        let envelope = self.reply_of_any_size(operation, reply)?;
        match envelope.len() <= self.limit {
            true => Ok(envelope),
            false if was_carried_out => Err(Refusal::Unreportable),
            false => Err(Refusal::AnswerTooLarge),
        }
    }

    fn reply_of_any_size<O: Operation>(
        &mut self,
        operation: &O,
        reply: &O::Reply,
    ) -> Result<String, Refusal> {
        self.header.action = operation.head().action.map(|action| format!("{action}Response"));
        encode_reply(&self.header, operation, Ok(reply), Style::WINDOWS).map_err(|_| Refusal::InternalError)
    }

    fn respond(mut self, answer: Result<String, Refusal>) -> Response {
        let (envelope, status) = match answer {
            Ok(envelope) => (envelope, 200),
            Err(refusal) => {
                self.entry.fault = Some(refusal.local());
                self.header.action = Some(refusal.action());
                let host = &self.site.scenario.host;
                let fault = refusal.fault(&host.fqdn(self.site.index), host.locale);
                (encode_fault(&self.header, &fault).unwrap_or_default(), 500)
            }
        };
        Response { envelope, status, delay: self.delay, again: self.again, entry: self.entry }
    }

    /// Answers, but no later than the request allows: then the operation goes on unseen.
    fn respond_within(mut self, most: Duration, answer: Result<String, Refusal>) -> Response {
        if self.delay > most {
            self.delay = most;
            return self.respond(Err(Refusal::TimedOut));
        }
        self.respond(answer)
    }
}

/// Returns whether Hyper-V shows a row to a caller. Who has no rights gets no fault, but fewer rows.
fn sees(caller: &Caller, row: Row) -> bool {
    let is_open = |object| {
        matches!(
            object,
            Object::Host
                | Object::Service(_)
                | Object::OperatingSystem
                | Object::ManagementProcess
                | Object::Drive(_)
                | Object::Volume(_)
                | Object::File(_)
                | Object::Plain(_)
                | Object::Registry
        )
    };
    caller.rights.hyper_v
        || match row {
            Row::Object(object) => is_open(object),
            Row::Link(link) => link.ends.iter().all(|(_, object)| is_open(*object)),
        }
}

/// Refuses selectors that are no keys of the class.
fn require_keys_of(shape: ClassShape<'_>, resource: &ObjectPath) -> Result<(), Refusal> {
    let is_key = |name: &Name| shape.keys().any(|key| key.name == *name);
    match resource.keys.iter().all(|(name, _)| is_key(name)) {
        true => Ok(()),
        false => Err(Refusal::UnexpectedKey),
    }
}

/// Refuses what the schema of a parameter does not have.
fn check_argument(value: &Value, ty: Type, is_array: bool) -> Result<(), Refusal> {
    if matches!(value, Value::Many(_)) && !is_array {
        return Err(Refusal::Schema);
    }
    for scalar in value.scalars() {
        match (ty, scalar.ty()) {
            // The decoder takes the text of a path for a reference; no schema does.
            (Type::Reference, Type::Reference) if !scalar.as_path().is_some_and(is_from_wire) => {
                return Err(Refusal::Schema);
            }
            (declared, said) if declared == said => {}
            // An instance as elements where its text is due, text where a reference is.
            (_, Type::Object | Type::Reference) | (Type::Reference | Type::Object, _) => {
                return Err(Refusal::Schema);
            }
            _ => return Err(Refusal::ParameterType),
        }
    }
    Ok(())
}

/// Events are long: an envelope holds the object as it is and as it was.
const EVENTS_ON_A_PAGE: usize = 20;

/// Returns a part of an instance.
fn part_of(instance: &Instance, part: &Fragment) -> Result<Content, Refusal> {
    let (name, is_text) = property_of(part);
    let declared = lexicon().property(&instance.class, name).ok_or(Refusal::Fragment)?;
    let value = instance.value(name).cloned().unwrap_or_default();
    if is_text {
        let texts: Vec<_> = value.scalars().filter_map(Scalar::to_text).collect();
        return Ok(Content::Text(texts.concat()));
    }
    Ok(Content::Properties(Instance::new(instance.class.clone()).with(declared.name.clone(), value)))
}

/// Returns the property that a fragment is about, and whether it is its text alone.
fn property_of(part: &Fragment) -> (&str, bool) {
    match part.expression.strip_suffix("/text()") {
        Some(name) => (name, true),
        None => (&part.expression, false),
    }
}

/// Returns what the body of a request about a part says of the object.
fn said_of(class: &Name, part: &Fragment, content: &Content) -> Result<Instance, Refusal> {
    let (name, is_text) = property_of(part);
    let declared = lexicon().property(class, name).ok_or(Refusal::Fragment)?;
    let value = match content {
        Content::Text(text) if is_text => {
            Value::parse(declared.ty, declared.is_array, [&**text]).map_err(|_| Refusal::Schema)?
        }
        Content::Properties(said) if !is_text => said.value(name).cloned().ok_or(Refusal::Schema)?,
        _ => return Err(Refusal::Schema),
    };
    Ok(Instance::new(class.clone()).with(declared.name.clone(), value))
}

/// Returns whether a path was read from a resource URI, which it then remembers.
fn is_from_wire(path: &ObjectPath) -> bool {
    matches!(path.resource_uri(), std::borrow::Cow::Borrowed(_))
}

/// Returns a class with everything that it inherits, as WMI shows it.
fn class_of(exchange: &Exchange<'_>, operation: &GetClass) -> Result<crate::cim::Class, Refusal> {
    let namespace = exchange.known_namespace(&operation.namespace)?;
    let shape = exchange.class(namespace, &operation.class)?;
    let mut class = shape.class().clone();
    class.properties = shape.properties().cloned().collect();
    class.methods =
        shape.methods().filter(|it| has_method(exchange.site.scenario, &it.name)).cloned().collect();
    Ok(class)
}

/// Returns how long an operation may take.
fn most_time(header: &RequestHeader, scenario: &Scenario) -> Duration {
    let most = scenario.limits.max_timeout;
    header.operation_timeout.map_or(most, |asked| asked.as_duration().min(most))
}

fn os_version(build: u32) -> String {
    match build {
        0..10240 => format!("6.3.{build}"),
        _ => format!("10.0.{build}"),
    }
}

fn identity(os: &str) -> Identity {
    Identity {
        protocol_versions: vec![WSMAN.uri.to_owned()],
        vendor: Some("Microsoft Corporation".to_owned()),
        version: Some(format!("OS: {os} SP: 0.0 Stack: 3.0")),
        ..Identity::default()
    }
}

/// Returns what the log says of a request.
fn entry(header: &RequestHeader, request: &Request) -> Entry {
    let (operation, resource) = match request {
        Request::Identify(_) => ("Identify", None),
        Request::Get(it) => ("Get", Some(&it.resource)),
        Request::GetClass(_) => ("GetClass", None),
        Request::Put(it) => ("Put", Some(&it.resource)),
        Request::Create(it) => ("Create", Some(&it.resource)),
        Request::Delete(it) => ("Delete", Some(&it.resource)),
        Request::Enumerate(it) => ("Enumerate", Some(&it.resource)),
        Request::Pull(it) => ("Pull", Some(&it.resource)),
        Request::Release(it) => ("Release", Some(&it.resource)),
        Request::Subscribe(it) => ("Subscribe", Some(&it.resource)),
        Request::Renew(it) => ("Renew", Some(&it.resource)),
        Request::Unsubscribe(it) => ("Unsubscribe", Some(&it.resource)),
        Request::Invoke(it) => ("Invoke", Some(&it.resource)),
        Request::Unknown { resource, .. } => ("Unknown", Some(resource)),
    };
    let mut class = resource.map(|resource| resource.class.to_string()).unwrap_or_default();
    if let Request::GetClass(it) = request {
        class = it.class.to_string();
    }
    let keys = resource.into_iter().flat_map(|resource| &resource.keys);
    Entry {
        operation: operation.to_owned(),
        class,
        method: match request {
            Request::Invoke(it) => Some(it.method.to_string()),
            _ => None,
        },
        keys: keys.map(|(name, key)| (name.to_string(), key.text().into_owned())).collect(),
        arguments: match request {
            Request::Invoke(it) => super::asked::arguments(it),
            _ => Vec::new(),
        },
        return_value: None,
        fault: None,
        message_id: Some(header.message_id.clone()).filter(|id| !id.is_empty()),
    }
}

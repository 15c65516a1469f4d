//! Calls: what a method is given, what it returns, and which file carries it out.

use std::time::Duration;

use crate::cim::{Instance, Method, Name, ObjectPath, ReturnFamily, Scalar, Type, Value, embedded};

use super::super::lexicon::lexicon;
use super::super::refusal::Refusal;
use super::super::response::Caller;
use super::super::scenario::{JobRule, Questions};
use super::super::site::Site;
use super::super::store::{Object, Service, is_a};
use super::super::world::World;

/// A call of a method.
pub(in crate::lab) struct Call<'c> {
    pub(in crate::lab) site: Site<'c>,
    pub(in crate::lab) caller: &'c Caller,
    /// The object whose method it is.
    pub(in crate::lab) object: Object,
    pub(in crate::lab) method: &'c Method,
    pub(in crate::lab) arguments: Arguments<'c>,
    /// The rule of the scenario that fits it.
    pub(in crate::lab) rule: Option<&'c JobRule>,
}

/// The arguments of a call.
#[derive(Clone, Copy)]
pub(in crate::lab) struct Arguments<'c>(pub(in crate::lab) &'c [(Name, Value)]);

/// What a method returned.
#[derive(Debug, Default)]
pub(in crate::lab) struct Returned {
    pub(in crate::lab) code: u32,
    pub(in crate::lab) out: Vec<(&'static str, Value)>,
    /// How long the host takes before it says so.
    pub(in crate::lab) delay: Duration,
}

/// How a call ends without having started anything, whatever number the method has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab) enum Code {
    AccessDenied,
    NotSupported,
    InvalidParameter,
    InUse,
    InvalidState,
    IncorrectType,
    NotAvailable,
    FileNotFound,
    /// It was tried, and failed.
    Failed,
    /// A number as it is.
    Number(u32),
}

impl Code {
    /// Returns the number that a family of methods has for it.
    pub(in crate::lab) fn number(self, family: ReturnFamily) -> u32 {
        let is_dmtf = family == ReturnFamily::HypervDmtf;
        match self {
            Self::Number(number) => number,
            Self::NotSupported if is_dmtf => 1,
            Self::InvalidParameter if is_dmtf => 4,
            Self::InvalidState if is_dmtf => 5,
            Self::IncorrectType if is_dmtf => 6,
            Self::Failed if is_dmtf => 2,
            Self::Failed => 32768,
            Self::AccessDenied => 32769,
            Self::NotSupported => 32770,
            Self::InvalidParameter => 32773,
            Self::InUse => 32774,
            Self::InvalidState => 32775,
            Self::IncorrectType => 32776,
            Self::NotAvailable => 32777,
            Self::FileNotFound => 32779,
        }
    }
}

impl<'c> Arguments<'c> {
    pub(in crate::lab) fn value(self, name: &str) -> &'c Value {
        const NULL: &Value = &Value::Null;
        self.0.iter().find(|(argument, _)| *argument == name).map_or(NULL, |(_, value)| value)
    }

    pub(in crate::lab) fn text(self, name: &str) -> Option<&'c str> {
        self.value(name).as_str()
    }

    pub(in crate::lab) fn number(self, name: &str) -> Option<u64> {
        self.value(name).as_u64()
    }

    pub(in crate::lab) fn path(self, name: &str) -> Result<&'c ObjectPath, Code> {
        self.value(name).as_path().ok_or(Code::InvalidParameter)
    }
}

impl Returned {
    /// Returns what a method says that is done already.
    pub(in crate::lab) fn done() -> Self {
        Self::default()
    }

    pub(in crate::lab) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.out.push((name, value.into()));
        self
    }
}

impl Call<'_> {
    /// Returns the object that an argument refers to, if it is of the kind the method asks for.
    pub(in crate::lab) fn object_of(&self, world: &World, name: &str, class: &str) -> Result<Object, Code> {
        let path = self.arguments.path(name)?;
        if !is_a(&path.class, class) {
            return Err(Code::IncorrectType);
        }
        world.find(path, self.site).ok_or(Code::InvalidParameter)
    }

    /// Returns the settings that an argument holds as CIM-XML text: nothing where it is null or empty.
    pub(in crate::lab) fn settings(&self, name: &str, class: &str) -> Result<Option<Instance>, Code> {
        match self.arguments.text(name) {
            None | Some("") => Ok(None),
            Some(text) => read_settings(text, class, self.site.questions()).map(Some),
        }
    }
}

/// Reads CIM-XML text as hosts do: XML Schema datetimes are not taken. Whether named references to characters
/// are is a question.
pub(in crate::lab) fn read_settings(
    text: &str,
    class: &str,
    questions: &Questions,
) -> Result<Instance, Code> {
    if !questions.named_references_are_taken && has_named_references(text) {
        return Err(Code::InvalidParameter);
    }
    let instance = embedded::read(text).map_err(|_| Code::InvalidParameter)?;
    if !is_a(&instance.class, class) {
        return Err(Code::IncorrectType);
    }
    let shape = lexicon().shape(&instance.class).ok_or(Code::IncorrectType)?;
    for property in instance.properties() {
        let (_, declared) = shape.property(&property.name).ok_or(Code::InvalidParameter)?;
        let is_array = matches!(property.value, Value::Many(_));
        if !property.value.is_null() && is_array != declared.is_array {
            return Err(Code::InvalidParameter);
        }
        if property.value.scalars().any(|scalar| !fits(scalar, declared.ty)) {
            return Err(Code::InvalidParameter);
        }
    }
    // The reader takes any spelling of a datetime, the host one.
    let times = text.match_indices("TYPE=\"datetime\"").map(|(at, _)| &text[at..]);
    for value in times.filter_map(|rest| rest.split_once("<VALUE>")).map(|(_, value)| value) {
        if value.trim_start().starts_with('P') || value.get(4..5) == Some("-") {
            return Err(Code::Number(32768));
        }
    }
    Ok(instance)
}

/// A value has to say the declared type; a host does not guess at it.
fn fits(scalar: &Scalar, ty: Type) -> bool {
    scalar.ty() == ty || (matches!(ty, Type::Object) && scalar.ty() == Type::String)
}

/// Returns whether a text has `&amp;` or `&lt;`, which one host has refused where it took `&#38;` and `&#60;`.
fn has_named_references(text: &str) -> bool {
    text.match_indices('&').any(|(at, _)| !text[at + 1..].starts_with('#'))
}

impl World {
    /// Carries out a call whose arguments have been checked against the method's declaration.
    pub(in crate::lab) fn invoke(&mut self, call: &Call<'_>) -> Result<Returned, Refusal> {
        if call.object == Object::Registry {
            return Ok(self.registry.invoke(&call.method.name, call.arguments));
        }
        let delay = call.rule.and_then(|rule| rule.delay.max(rule.begins_after)).unwrap_or_default();
        if let Some(fault) = call.rule.and_then(|rule| rule.fault) {
            return Err(fault);
        }
        let rights = call.caller.rights;
        let outcome = match call.rule.and_then(|rule| rule.return_value) {
            _ if !rights.hyper_v => Err(Code::AccessDenied),
            _ if self.restarting.is_some() => Err(Code::NotAvailable),
            Some(number) if number != 0 && number != 4096 => Err(Code::Number(number)),
            // With 0 the work is done before the answer, and without a job that anybody could see.
            _ => self.dispatch(call),
        };
        let mut returned = outcome
            .unwrap_or_else(|code| Returned { code: code.number(call.method.family), ..Returned::default() });
        returned.delay += delay;
        Ok(returned)
    }

    fn dispatch(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match call.object {
            Object::Service(Service::Point) => self.invoke_point_service(call),
            Object::Service(Service::CollectionPoint) => self.invoke_collection_point_service(call),
            Object::Service(Service::Checkpoint) => self.invoke_checkpoint_service(call),
            Object::Service(Service::CollectionCheckpoint) => self.invoke_collection_checkpoint_service(call),
            Object::Service(Service::Management) => self.invoke_management_service(call),
            Object::Service(Service::CollectionManagement) => self.invoke_group_service(call),
            Object::Service(Service::Image) => self.invoke_image_service(call),
            Object::Job(serial) => self.invoke_job(serial, call),
            Object::Machine(machine) => self.invoke_machine(machine, call),
            _ => Err(Code::NotSupported),
        }
    }

    /// Returns the names and GUIDs of what a call concerns, which rules of the scenario go by.
    pub(in crate::lab) fn concerned(
        &self,
        arguments: Arguments<'_>,
        object: Object,
        site: Site<'_>,
    ) -> Vec<String> {
        let referred = arguments.0.iter().filter_map(|(_, value)| self.find(value.as_path()?, site));
        let mut names = Vec::new();
        for object in referred.chain([object]) {
            let machines: Vec<usize> = match object {
                Object::Machine(at) | Object::Settings(at) | Object::Disk(at, _) => vec![at],
                Object::Point(serial) => vec![self.points[&serial].machine],
                Object::Checkpoint(serial) => vec![self.checkpoints[&serial].machine],
                Object::Group(serial) => self.group_names(serial, &mut names),
                Object::PointCollection(serial) => {
                    self.group_names(self.collections[&serial].group, &mut names)
                }
                Object::CheckpointCollection(serial) => {
                    self.group_names(self.checkpoint_collections[&serial].group, &mut names)
                }
                _ => Vec::new(),
            };
            for machine in machines.into_iter().map(|at| &self.machines[at]) {
                names.extend([machine.name.clone(), machine.id.clone()]);
            }
        }
        names
    }

    fn group_names(&self, serial: u32, names: &mut Vec<String>) -> Vec<usize> {
        let Some(group) = self.groups.get(&serial) else { return Vec::new() };
        names.extend([group.name.clone(), group.id.clone()]);
        group.members.clone()
    }

    /// Refuses what another job holds: what is going away is in an invalid state, everything else is in use.
    /// Readers do not mind each other.
    pub(in crate::lab) fn require_free(&self, objects: &[Object], is_read: bool) -> Result<(), Code> {
        for object in objects {
            let mut holders = self.jobs.values().filter(|job| job.is_at_work() && job.held.contains(object));
            let Some(holder) = holders.find(|job| !(is_read && job.reads())) else { continue };
            let is_going = holder.destroys() && !matches!(object, Object::Group(_));
            return Err(if is_going { Code::InvalidState } else { Code::InUse });
        }
        Ok(())
    }

    /// Refuses work on a machine with which something else goes on.
    pub(in crate::lab) fn require_idle(&self, machine: usize, site: Site<'_>) -> Result<(), Code> {
        match self.busy(machine, site.now) {
            Some(32773) if site.questions().parallel_exports => Ok(()),
            // A checkpoint being taken or an export: somebody else is at work.
            Some(32768 | 32769 | 32773) => Err(Code::InUse),
            // Deleting, merging, migrating, waiting: the machine is not in a state for it.
            Some(_) => Err(Code::InvalidState),
            None => Ok(()),
        }
    }
}

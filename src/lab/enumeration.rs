//! Enumerations that are open: what is still to come of each, and how much of it fits a page.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cim::{Instance, Name};
use crate::wsman::{EndpointReference, Item, Mode, Style, write_instance};
use crate::xml::Writer;

use super::lexicon::lexicon;
use super::site::Site;
use super::store::{Row, Span};
use super::world::World;
use super::wql::Select;

/// How many rows one request looks at, where its query is of the usual length. Others wait for the host meanwhile, so it is a moment's work; where none
/// of them is wanted, the page is empty and the context goes on.
const MOST_ROWS: usize = 10_000;

/// An enumeration that is open.
pub(super) struct Enumeration {
    /// Whose it is.
    pub(super) user: String,
    /// The namespace it was opened in.
    pub(super) namespace: Name,
    /// When it is dropped, unless somebody pulls it before.
    pub(super) expires: Duration,
    /// How long it is kept after each pull.
    pub(super) patience: Duration,
    mode: Mode,
    spans: VecDeque<Span>,
    /// Items that were rendered and did not fit.
    waiting: VecDeque<Item>,
    selection: Option<Select>,
    keys_only: bool,
    /// The class as whose objects all are shown.
    shown_as: Option<Name>,
    /// How long an item is, on the average of those that were measured.
    length: usize,
    /// How many rows a request may look at.
    most_rows: usize,
    /// How many rows this request may still look at.
    rows_left: usize,
}

impl Enumeration {
    pub(super) fn new(user: &str, namespace: Name, mode: Mode, spans: Vec<Span>) -> Self {
        Self {
            user: user.to_owned(),
            namespace,
            expires: Duration::MAX,
            patience: Duration::MAX,
            mode,
            spans: spans.into(),
            waiting: VecDeque::new(),
            selection: None,
            keys_only: false,
            shown_as: None,
            length: 0,
            most_rows: MOST_ROWS,
            rows_left: MOST_ROWS,
        }
    }

    /// Restricts it to what a query selects. The longer the text of the query, the longer it takes to look at a row.
    pub(super) fn selecting(mut self, select: Select, text: &str) -> Self {
        self.most_rows = MOST_ROWS / (1 + text.len() / 1024);
        self.selection = Some(select);
        self
    }

    /// Restricts its items to their keys.
    pub(super) fn with_keys_only(mut self, keys_only: bool) -> Self {
        self.keys_only = keys_only;
        self
    }

    /// Shows objects of derived classes as objects of a class.
    pub(super) fn shown_as(mut self, class: &Name) -> Self {
        self.shown_as = Some(class.clone());
        self
    }

    /// Returns whether nothing is left. What could not be looked at yet is left.
    pub(super) fn has_ended(&mut self, world: &World, site: Site<'_>, sees: &dyn Fn(Row) -> bool) -> bool {
        if self.waiting.is_empty() {
            let next = self.render_next(world, site, sees);
            self.waiting.extend(next);
        }
        self.waiting.is_empty() && self.spans.is_empty()
    }

    /// Returns as many items as are allowed and seem to fit into a number of bytes; one if there is any.
    pub(super) fn take(
        &mut self,
        world: &World,
        site: Site<'_>,
        sees: &dyn Fn(Row) -> bool,
        most: usize,
        room: usize,
    ) -> Vec<Item> {
        self.rows_left = self.most_rows;
        let mut items = Vec::new();
        while items.len() < most {
            let next = self.waiting.pop_front().or_else(|| self.render_next(world, site, sees));
            let Some(item) = next else { break };
            if items.len().is_power_of_two() || items.is_empty() {
                // A few are measured, the others are taken to be alike.
                self.length = self.length.max(length_of(&item));
            }
            items.push(item);
            if (items.len() + 1) * self.length > room {
                break;
            }
        }
        items
    }

    /// Takes back items that did not fit after all; they come next.
    pub(super) fn put_back(&mut self, items: impl DoubleEndedIterator<Item = Item>) {
        for item in items.rev() {
            self.waiting.push_front(item);
        }
    }

    fn render_next(&mut self, world: &World, site: Site<'_>, sees: &dyn Fn(Row) -> bool) -> Option<Item> {
        loop {
            let row = loop {
                let span = self.spans.front_mut()?;
                // Only where there is a row is one too many: what has ended is told at once.
                match (span.size_hint().0, self.rows_left) {
                    (0, _) => _ = self.spans.pop_front(),
                    (_, 0) => return None,
                    _ => break span.next()?,
                }
            };
            self.rows_left -= 1;
            if !sees(row) {
                continue;
            }
            // What has gone since the enumeration began is passed over.
            let Some(instance) = world.render(row, site) else { continue };
            if let Some(item) = self.item(instance, world) {
                return Some(item);
            }
        }
    }

    /// Returns the item that an instance makes; none where it is not wanted.
    fn item(&self, instance: Instance, world: &World) -> Option<Item> {
        if let Some(condition) = self.selection.as_ref().and_then(|select| select.condition.as_ref())
            && condition.holds(&instance, lexicon()) != Some(true)
        {
            return None;
        }
        let reference = |instance: &Instance| EndpointReference::to(world.path_of(instance));
        Some(match self.mode {
            Mode::Reference => Item::Reference(reference(&instance)),
            Mode::ObjectAndReference => {
                let reference = reference(&instance);
                Item::ObjectAndReference(instance, reference)
            }
            Mode::Object => match self.selection.as_ref().map(|select| &*select.properties) {
                Some(properties @ [_, ..]) => Item::Projection(project(&instance, properties)),
                _ if self.keys_only => {
                    let path = world.path_of(&instance);
                    let keys: Vec<_> = path.keys.iter().map(|(name, _)| name.to_string()).collect();
                    Item::Object(project(&instance, &keys))
                }
                _ => Item::Object(match &self.shown_as {
                    Some(class) => as_object_of(class, &instance),
                    None => instance,
                }),
            },
        })
    }
}

/// Returns an instance with some of its properties, in the order in which they were asked for.
fn project(instance: &Instance, properties: &[String]) -> Instance {
    let shape = lexicon().shape(&instance.class);
    let mut projected = Instance::new(instance.class.clone());
    projected.namespace.clone_from(&instance.namespace);
    for name in properties {
        let declared = shape.and_then(|shape| shape.property(name));
        let declared = declared.map_or_else(|| Name::from(name.as_str()), |(_, found)| found.name.clone());
        let value = match name.eq_ignore_ascii_case("__CLASS") {
            true => instance.class.as_str().into(),
            false => instance.value(name).cloned().unwrap_or_default(),
        };
        projected.set(declared, value);
    }
    projected
}

/// Returns an instance as an object of one of its superclasses.
fn as_object_of(class: &Name, instance: &Instance) -> Instance {
    let names: Vec<_> = lexicon().properties(class).map(|property| property.name.to_string()).collect();
    let mut shown = project(instance, &names);
    shown.class = class.clone();
    shown
}

/// Returns about how many bytes an item takes in a message.
fn length_of(item: &Item) -> usize {
    let instance = |instance: &Instance| {
        let mut writer = Writer::new();
        write_instance(instance, Style::WINDOWS, &mut writer);
        writer.finish().map_or(0, |text| text.len())
    };
    match item {
        Item::Object(object) | Item::Projection(object) => instance(object),
        Item::Reference(_) => 1000,
        Item::ObjectAndReference(object, _) => instance(object) + 1000,
    }
}

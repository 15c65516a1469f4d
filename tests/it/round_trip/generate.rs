//! Arbitrary messages: whatever a caller may put into one, in the form in which the wire gives it back.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use refpoint::cim::{
    Catalog, Class, DateTime, Instance, Interval, Key, Method, Name, ObjectPath, Parameter,
    PropertyDeclaration, ReturnFamily, Scalar, Timestamp, Type, Value, ValueMap, ValueRange, embedded,
};
use refpoint::wsman::{
    AssociationFilter, Content, Create, Delete, EndpointReference, Enumerate, Fault, FaultCode, Filter,
    Fragment, Get, GetClass, Identify, Identity, Invoke, Invoked, Item, MessageOption, Mode, Neighbours,
    Opening, Page, Polymorphism, ProviderFault, Pull, Put, Release, Renew, ReplyHeader, Request,
    RequestHeader, Style, Subcode, Subscribe, Subscribed, Unsubscribe, WsmanFault, names,
};

/// The bundled classes and one that has every type, as property, as parameter and as array of each.
pub(super) fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let sources = Catalog::bundled_mof().chain([EVERY_TYPE]);
        Catalog::from_mof(sources).unwrap_or_else(|error| panic!("{error}"))
    });
    &CATALOG
}

/// The prefix of resource URIs that hold the namespace: Microsoft's form.
const WMI_PREFIX: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";

const EVERY_TYPE: &str = r#"
#pragma namespace ("root/virtualization/v2")
class Trip_EveryType {
    [Key] string Id;
    boolean b; uint8 u8; uint16 u16; uint32 u32; uint64 u64; sint8 s8; sint16 s16; sint32 s32; sint64 s64;
    real32 r32; real64 r64; char16 c; string s; datetime t; object o; Trip_EveryType REF r;
    boolean bs[]; uint8 u8s[]; uint16 u16s[]; uint32 u32s[]; uint64 u64s[]; sint8 s8s[]; sint16 s16s[];
    sint32 s32s[]; sint64 s64s[]; real32 r32s[]; real64 r64s[]; char16 cs[]; string ss[]; datetime ts[];
    object os[];
    sint64 Scalars(
        [In, Out] boolean b, [In, Out] uint8 u8, [In, Out] uint16 u16, [In, Out] uint32 u32,
        [In, Out] uint64 u64, [In, Out] sint8 s8, [In, Out] sint16 s16, [In, Out] sint32 s32,
        [In, Out] sint64 s64, [In, Out] real32 r32, [In, Out] real64 r64, [In, Out] char16 c,
        [In, Out] string s, [In, Out] datetime t, [In, Out] object o, [In, Out] Trip_EveryType REF r);
    string Arrays(
        [In, Out] boolean bs[], [In, Out] uint8 u8s[], [In, Out] uint16 u16s[], [In, Out] uint32 u32s[],
        [In, Out] uint64 u64s[], [In, Out] sint8 s8s[], [In, Out] sint16 s16s[], [In, Out] sint32 s32s[],
        [In, Out] sint64 s64s[], [In, Out] real32 r32s[], [In, Out] real64 r64s[], [In, Out] char16 cs[],
        [In, Out] string ss[], [In, Out] datetime ts[], [In, Out] object os[],
        [In, Out] Trip_EveryType REF rs[]);
};
"#;

// ---- texts and names ----

/// A text that is hard to carry in XML.
pub(super) fn text() -> BoxedStrategy<String> {
    let hard = select(vec![
        "<",
        ">",
        "&",
        "\"",
        "'",
        "]]>",
        "\r",
        "\n",
        "\t",
        " ",
        "\u{A0}",
        "\u{85}",
        "\u{2028}",
        "\u{FFFD}",
        "&amp;",
        "<![CDATA[",
        "<!--",
        "日本語",
        "🎌",
        "TRUE",
        "0",
    ]);
    let piece = prop_oneof![hard.prop_map(str::to_owned), "[ -~]{1,6}", "[A-Za-z0-9\\\\:.-]{1,12}"];
    vec(piece, 0..5).prop_map(|pieces| pieces.concat()).boxed()
}

/// A text for a place whose surrounding white space means nothing.
pub(super) fn line() -> BoxedStrategy<String> {
    text().prop_map(|text| text.trim().to_owned()).boxed()
}

fn name() -> BoxedStrategy<String> {
    prop_oneof![
        6 => "[A-Za-z_][A-Za-z0-9_]{0,9}",
        1 => "[A-Za-z_][A-Za-z0-9_.-]{0,9}",
        // Names of the protocol mean nothing in a class.
        1 => select(vec!["Größe", "名前", "EndOfSequence", "Fault", "Items", "Item", "Address", "Datetime", "Body",
            "XmlFragment", "EndpointReference", "SelectorSet"]).prop_map(str::to_owned),
    ].boxed()
}

fn namespace() -> BoxedStrategy<Name> {
    prop_oneof![Just("root/virtualization/v2".to_owned()), "[Rr]oot(/[a-zA-Z0-9]{1,5}){0,3}"]
        .prop_map(Name::from)
        .boxed()
}

/// The class of a message: mostly one that the catalogue knows.
fn class() -> BoxedStrategy<Name> {
    prop_oneof![
        4 => known_class(),
        2 => Just(Name::from("Trip_EveryType")),
        1 => name().prop_map(Name::from),
        1 => Just(Name::from("Msvm_FutureExportJob")),
    ]
    .boxed()
}

fn known_class() -> BoxedStrategy<Name> {
    select(catalog().classes().map(|class| class.name.clone()).collect::<Vec<_>>()).boxed()
}

/// Pairs without those whose name was there before, in any letter case.
fn once<T>(pairs: Vec<(Name, T)>) -> Vec<(Name, T)> {
    let mut kept: Vec<(Name, T)> = Vec::new();
    for (name, value) in pairs {
        if kept.iter().all(|(earlier, _)| *earlier != name) {
            kept.push((name, value));
        }
    }
    kept
}

// ---- paths ----

/// A path as it is read from the wire: with a resource URI, and keys that are texts or references.
pub(super) fn path() -> BoxedStrategy<ObjectPath> {
    path_to(class().boxed(), 2)
}

fn path_to(class: BoxedStrategy<Name>, deeper: usize) -> BoxedStrategy<ObjectPath> {
    let uri = (0..8_u8, namespace(), class).prop_map(|(form, namespace, class)| match form {
        0 | 1 => (format!("{}{class}", names::DMTF_PREFIX), Some(namespace)),
        2 => (format!("{}{class}", names::DMTF_PREFIX), None),
        3 => (format!("http://schemas.microsoft.com/wbem/wsman/1/config/{class}"), None),
        _ => (format!("{}{namespace}/{class}", WMI_PREFIX), None),
    });
    (uri, keys(deeper))
        .prop_map(|((uri, namespace), keys)| {
            let namespace =
                namespace.map(|namespace| (names::CIM_NAMESPACE.into(), namespace.as_str().into()));
            ObjectPath::from_resource(&uri, namespace.into_iter().chain(keys).collect())
        })
        .boxed()
}

fn keys(deeper: usize) -> BoxedStrategy<Vec<(Name, Key)>> {
    let plain = text().prop_map(Key::Text);
    let key = match deeper {
        0 => plain.boxed(),
        _ => prop_oneof![6 => plain, 1 => path_to(class().boxed(), deeper - 1).prop_map(Key::from)].boxed(),
    };
    let name = prop_oneof![
        select(vec!["InstanceID", "VirtualSystemIdentifier", "Name", "CreationClassName"])
            .prop_map(str::to_owned),
        text().prop_filter("selects the namespace", |name| !name.eq_ignore_ascii_case(names::CIM_NAMESPACE)),
    ];
    vec((name.prop_map(Name::from), key), 0..4).prop_map(once).boxed()
}

pub(super) fn reference() -> BoxedStrategy<EndpointReference> {
    (prop_oneof![Just(names::ANONYMOUS.to_owned()), line()], option::of(path()), option::of(line()))
        .prop_map(|(address, path, identifier)| EndpointReference { address, path, identifier })
        .boxed()
}

// ---- values ----

pub(super) fn datetime() -> BoxedStrategy<DateTime> {
    let nanoseconds =
        prop_oneof![Just(0), (0..1000_u32).prop_map(|millis| millis * 1_000_000), 0..1_000_000_000_u32];
    let absolute = (-62_135_596_800_i64..253_402_300_800, nanoseconds, prop_oneof![Just(0), -840..=840_i16])
        .prop_filter_map("beyond the years 1 to 9999", |(seconds, nanoseconds, offset)| {
            Timestamp::new(seconds, nanoseconds, offset).map(DateTime::Absolute)
        });
    prop_oneof![absolute, exact_interval().prop_map(DateTime::Interval)].boxed()
}

fn exact_interval() -> BoxedStrategy<Interval> {
    (prop_oneof![0..1_000_000_u64, any::<u64>()], prop_oneof![Just(0), 0..1_000_000_000_u32])
        .prop_map(|(seconds, nanoseconds)| Interval::new(Duration::new(seconds, nanoseconds)))
        .boxed()
}

/// An interval as headers carry it, which end at milliseconds.
fn interval() -> BoxedStrategy<Interval> {
    (prop_oneof![0..4_000_u64, any::<u64>()], 0..1000_u32)
        .prop_map(|(seconds, millis)| Interval::new(Duration::new(seconds, millis * 1_000_000)))
        .boxed()
}

fn scalar(ty: Type, deeper: usize) -> BoxedStrategy<Scalar> {
    match ty {
        Type::Boolean => any::<bool>().prop_map(Scalar::Boolean).boxed(),
        Type::Uint8 => any::<u8>().prop_map(Scalar::Uint8).boxed(),
        Type::Uint16 => any::<u16>().prop_map(Scalar::Uint16).boxed(),
        Type::Uint32 => any::<u32>().prop_map(Scalar::Uint32).boxed(),
        Type::Uint64 => any::<u64>().prop_map(Scalar::Uint64).boxed(),
        Type::Sint8 => any::<i8>().prop_map(Scalar::Sint8).boxed(),
        Type::Sint16 => any::<i16>().prop_map(Scalar::Sint16).boxed(),
        Type::Sint32 => any::<i32>().prop_map(Scalar::Sint32).boxed(),
        Type::Sint64 => any::<i64>().prop_map(Scalar::Sint64).boxed(),
        Type::Real32 => prop::num::f32::ANY.prop_map(Scalar::Real32).boxed(),
        Type::Real64 => prop::num::f64::ANY.prop_map(Scalar::Real64).boxed(),
        Type::Char16 => any::<u16>().prop_map(Scalar::Char16).boxed(),
        Type::String if deeper > 0 => {
            let inner = instance(deeper - 1)
                .prop_filter_map("no CIM-XML text can carry it", |instance| embedded::write(&instance).ok());
            prop_oneof![8 => text(), 1 => inner].prop_map(Scalar::String).boxed()
        }
        Type::String => text().prop_map(Scalar::String).boxed(),
        Type::DateTime => datetime().prop_map(Scalar::DateTime).boxed(),
        Type::Reference => path().prop_map(Scalar::from).boxed(),
        Type::Object if deeper > 0 => instance(deeper - 1).prop_map(Scalar::from).boxed(),
        Type::Object => class().prop_map(|class| Instance::new(class).into()).boxed(),
    }
}

/// A value for a place that is declared to hold this; Windows puts no null into an array.
fn value(ty: Type, is_array: bool, deeper: usize) -> BoxedStrategy<Value> {
    let some = match is_array {
        false => scalar(ty, deeper).prop_map(Value::One).boxed(),
        true => vec(scalar(ty, deeper), 0..4)
            .prop_map(|items| Value::Many(items.into_iter().map(Some).collect()))
            .boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 6 => some].boxed()
}

/// A value for a place that nothing declares.
fn any_value(deeper: usize) -> BoxedStrategy<Value> {
    (select(Type::ALL.to_vec()), any::<bool>())
        .prop_flat_map(move |(ty, is_array)| value(ty, is_array, deeper))
        .boxed()
}

/// Members: some of those that are declared, in any order, and perhaps some that are not.
fn members(declared: Vec<(Name, Type, bool)>, deeper: usize) -> BoxedStrategy<Vec<(Name, Value)>> {
    let most = declared.len().min(7);
    let known = subsequence(declared, 0..=most).prop_shuffle().prop_flat_map(move |members| {
        let member = |(name, ty, is_array)| (Just(name), value(ty, is_array, deeper));
        members.into_iter().map(member).collect::<Vec<_>>()
    });
    let unknown = prop_oneof![
        2 => Just(Vec::new()),
        1 => vec((undeclared(), any_value(deeper)), 1..4),
    ];
    (known, unknown).prop_map(|(known, unknown)| once([known, unknown].concat())).boxed()
}

/// The name of a member that no class and no method declares.
fn undeclared() -> BoxedStrategy<Name> {
    static DECLARED: LazyLock<HashSet<Name>> = LazyLock::new(|| {
        let properties = catalog().classes().flat_map(|class| &class.properties);
        let methods = catalog().classes().flat_map(|class| &class.methods);
        let parameters =
            methods.flat_map(|method| &method.parameters).map(|parameter| parameter.name.clone());
        properties.map(|property| property.name.clone()).chain(parameters).collect()
    });
    name().prop_map(Name::from).prop_filter("is declared", |name| !DECLARED.contains(name)).boxed()
}

pub(super) fn instance(deeper: usize) -> BoxedStrategy<Instance> {
    class().prop_flat_map(move |class| instance_of(class, None, deeper)).boxed()
}

/// An instance of a class; if the catalogue does not know it, with properties of the one that is expected.
pub(super) fn instance_of(class: Name, expected: Option<&str>, deeper: usize) -> BoxedStrategy<Instance> {
    let shape = catalog().shape(&class).or_else(|| catalog().shape(expected?));
    let declared = shape.into_iter().flat_map(|shape| shape.properties());
    let declared = declared.map(|property| (property.name.clone(), property.ty, property.is_array)).collect();
    (option::of(namespace()), members(declared, deeper))
        .prop_map(move |(namespace, members)| {
            let mut instance = Instance::new(class.clone());
            instance.namespace = namespace;
            members.into_iter().for_each(|(name, value)| instance.set(name, value));
            instance
        })
        .boxed()
}

pub(super) fn content(class: &Name) -> BoxedStrategy<Content> {
    let whole = prop_oneof![
        3 => instance_of(class.clone(), None, 1),
        1 => instance(1),
        1 => instance_of("Msvm_FutureExportJob".into(), Some(class), 1),
    ];
    prop_oneof![
        3 => whole.prop_map(Content::Instance),
        2 => instance_of(class.clone(), None, 1).prop_map(Content::Properties),
        1 => text().prop_map(Content::Text),
    ]
    .boxed()
}

// ---- requests ----

pub(super) fn header() -> BoxedStrategy<RequestHeader> {
    let option = (text(), text(), option::of(text()), any::<bool>())
        .prop_map(|(name, value, ty, must_comply)| MessageOption { name, value, ty, must_comply });
    let languages = (option::of(text()), option::of(text()));
    let ids = (option::of(line()), option::of(line()), option::of(line()), option::of(line()));
    let numbers = (option::of(interval()), option::of(any::<u32>()), option::of(any::<u64>()), any::<bool>());
    ((line(), line()), languages, ids, numbers, vec(option, 0..3))
        .prop_map(|((to, message_id), languages, ids, numbers, options)| {
            let (locale, data_locale) = languages;
            let (session_id, operation_id, activity_id, machine_id) = ids;
            let (operation_timeout, max_envelope_size, sequence_id, wants_total) = numbers;
            RequestHeader {
                to,
                message_id,
                operation_timeout,
                max_envelope_size,
                locale,
                data_locale,
                session_id,
                operation_id,
                sequence_id,
                activity_id,
                machine_id,
                wants_total,
                options,
            }
        })
        .boxed()
}

pub(super) fn request() -> BoxedStrategy<Request> {
    prop_oneof![
        1 => Just(Request::Identify(Identify)),
        2 => (path(), option::of(fragment())).prop_map(|(resource, fragment)| Request::Get(Get { resource, fragment })),
        1 => get_class().prop_map(Request::GetClass),
        3 => target().prop_map(|(resource, fragment, content)| Request::Put(Put { resource, fragment, content })),
        3 => target().prop_map(|(resource, fragment, content)| {
            Request::Create(Create { resource, fragment, content })
        }),
        1 => (path(), option::of(fragment()))
            .prop_map(|(resource, fragment)| Request::Delete(Delete { resource, fragment })),
        4 => enumerate().prop_map(Request::Enumerate),
        2 => pull().prop_map(Request::Pull),
        1 => (path(), text()).prop_map(|(resource, context)| Request::Release(Release { resource, context })),
        2 => subscribe().prop_map(Request::Subscribe),
        1 => renew().prop_map(Request::Renew),
        1 => unsubscribe().prop_map(Request::Unsubscribe),
        6 => invoke().prop_map(Request::Invoke),
    ].boxed()
}

fn fragment() -> BoxedStrategy<Fragment> {
    prop_oneof![
        name().prop_map(|name| Fragment::property(&name)),
        name().prop_map(|name| Fragment::text(&name)),
        (text(), line()).prop_map(|(dialect, expression)| Fragment { dialect, expression }),
    ]
    .boxed()
}

fn target() -> BoxedStrategy<(ObjectPath, Option<Fragment>, Content)> {
    path()
        .prop_flat_map(|resource| {
            let content = content(&resource.class);
            (Just(resource), option::of(fragment()), content)
        })
        .boxed()
}

pub(super) fn get_class() -> BoxedStrategy<GetClass> {
    (namespace(), class()).prop_map(|(namespace, class)| GetClass { namespace, class }).boxed()
}

fn filter() -> BoxedStrategy<Filter> {
    let part = || option::of(name().prop_map(Name::from));
    let association = (path(), any::<bool>(), part(), part(), part(), part()).prop_map(
        |(object, objects, association_class, role, result_class, result_role)| {
            let wanted = if objects { Neighbours::Objects } else { Neighbours::Associations };
            AssociationFilter { object, wanted, association_class, role, result_class, result_role }
        },
    );
    let dialect = prop_oneof![Just(names::dialect::XPATH.to_owned()), "urn:[a-z]{1,5}"];
    prop_oneof![
        wql().prop_map(Filter::Wql),
        keys(1).prop_map(Filter::Selectors),
        association.prop_map(Filter::Association),
        (dialect, text()).prop_map(|(dialect, text)| Filter::Other { dialect, text }),
    ]
    .boxed()
}

fn wql() -> BoxedStrategy<String> {
    prop_oneof![text(), class().prop_map(|class| format!("SELECT * FROM {class} WHERE Name='<a> & \\'b\\''"))]
        .boxed()
}

pub(super) fn enumerate() -> BoxedStrategy<Enumerate> {
    let opening = prop_oneof![
        Just(Opening::Context),
        option::of(any::<u32>()).prop_map(|max_elements| Opening::FirstPage { max_elements }),
    ];
    let mode = select(vec![Mode::Object, Mode::Reference, Mode::ObjectAndReference]);
    let resource = prop_oneof![
        path(),
        namespace().prop_map(|namespace| {
            ObjectPath::from_resource(&format!("{}{namespace}/*", WMI_PREFIX), Vec::new())
        })
    ];
    let polymorphism = option::of(select(vec![
        Polymorphism::IncludeSubclassProperties,
        Polymorphism::ExcludeSubclassProperties,
        Polymorphism::None,
    ]));
    (resource, opening, mode, option::of(filter()), option::of(interval()), polymorphism)
        .prop_map(|(resource, opening, mode, filter, expires, polymorphism)| Enumerate {
            resource,
            opening,
            mode,
            filter,
            expires,
            polymorphism,
            only: None,
        })
        .boxed()
}

/// A Pull; which class its enumeration expects is not on the wire.
pub(super) fn pull() -> BoxedStrategy<Pull> {
    let most = (option::of(any::<u32>()), option::of(interval()), option::of(any::<u64>()));
    (path(), text(), most)
        .prop_map(|(resource, context, (max_elements, max_time, max_characters))| Pull {
            resource,
            context,
            max_elements,
            max_time,
            max_characters,
            expected: None,
            only: None,
        })
        .boxed()
}

pub(super) fn subscribe() -> BoxedStrategy<Subscribe> {
    let mode = prop_oneof![Just(names::delivery::PULL.to_owned()), text()];
    let delivery = (mode, option::of(interval()), option::of(text()), option::of(line()));
    (path(), delivery, option::of(interval()), option::of(filter()))
        .prop_map(|(resource, (mode, heartbeats, locale, encoding), expires, filter)| Subscribe {
            resource,
            mode,
            heartbeats,
            locale,
            encoding,
            expires,
            filter,
        })
        .boxed()
}

pub(super) fn renew() -> BoxedStrategy<Renew> {
    (path(), option::of(line()), option::of(interval()))
        .prop_map(|(resource, identifier, expires)| Renew { resource, identifier, expires })
        .boxed()
}

pub(super) fn unsubscribe() -> BoxedStrategy<Unsubscribe> {
    (path(), option::of(line()))
        .prop_map(|(resource, identifier)| Unsubscribe { resource, identifier })
        .boxed()
}

/// The call of a method: mostly one that is declared, with arguments of the declared types.
pub(super) fn invoke() -> BoxedStrategy<Invoke> {
    method()
        .prop_flat_map(|(class, method)| {
            let declared = parameters(&class, &method, |parameter| parameter.is_input);
            (path_to(Just(class).boxed(), 1), Just(method), members(declared, 1))
                .prop_map(|(resource, method, arguments)| Invoke { resource, method, arguments })
        })
        .boxed()
}

fn method() -> BoxedStrategy<(Name, Name)> {
    let own =
        |class: &'static Class| class.methods.iter().map(|method| (class.name.clone(), method.name.clone()));
    let declared: Vec<_> = catalog().classes().flat_map(own).collect();
    let every = ["Scalars", "Arrays"].map(|method| (Name::from("Trip_EveryType"), Name::from(method)));
    prop_oneof![3 => select(declared), 3 => select(every.to_vec()), 1 => (class(), name().prop_map(Name::from))].boxed()
}

fn parameters(class: &str, method: &str, is_wanted: fn(&Parameter) -> bool) -> Vec<(Name, Type, bool)> {
    let method = catalog().method(class, method).into_iter();
    let wanted = method.flat_map(|method| &method.parameters).filter(|parameter| is_wanted(parameter));
    wanted.map(|parameter| (parameter.name.clone(), parameter.ty, parameter.is_array)).collect()
}

// ---- replies ----

pub(super) fn reply_header() -> BoxedStrategy<ReplyHeader> {
    let ids = (option::of(line()), option::of(line()), option::of(line()), option::of(line()));
    let numbers = (option::of(any::<u64>()), option::of(any::<u64>()));
    let space = select(vec![names::WSMAN.uri, names::WSMV.uri, "urn:headers"]).prop_map(str::to_owned);
    ((option::of(line()), option::of(text())), ids, numbers, vec((space, name()), 0..2))
        .prop_map(|((action, language), ids, (sequence_id, total), not_understood)| {
            let (message_id, relates_to, operation_id, activity_id) = ids;
            ReplyHeader {
                action,
                message_id,
                relates_to,
                language,
                operation_id,
                sequence_id,
                activity_id,
                total,
                not_understood,
            }
        })
        .boxed()
}

pub(super) fn style() -> BoxedStrategy<Style> {
    let mixed = any::<[bool; 4]>().prop_map(|[bare_datetimes, capital_booleans, typed, sorted]| Style {
        bare_datetimes,
        capital_booleans,
        typed,
        sorted,
    });
    prop_oneof![Just(Style::WINDOWS), Just(Style::OMI), mixed].boxed()
}

/// A page that answers an enumeration which asked for a class.
pub(super) fn page(expected: Option<Name>) -> BoxedStrategy<Page> {
    // Pages mostly hold one class, and its instances differ in what they say.
    let object = match expected.clone() {
        Some(class) => prop_oneof![
            4 => instance_of(class.clone(), None, 1),
            1 => instance_of("Msvm_FutureExportJob".into(), Some(&class), 1),
            1 => instance(1),
        ]
        .boxed(),
        None => instance(1),
    };
    let row = instance_of(expected.unwrap_or_else(|| "".into()), None, 1);
    let both = (object.clone(), reference())
        .prop_map(|(object, reference)| Item::ObjectAndReference(object, reference));
    let item = prop_oneof![
        4 => object.prop_map(Item::Object),
        2 => row.prop_map(Item::Projection),
        1 => reference().prop_map(Item::Reference),
        1 => both,
    ];
    (vec(item, 0..5), option::of(text()), option::of(datetime()))
        .prop_map(|(items, context, expires)| Page { items, context, expires })
        .boxed()
}

/// A call and its result.
pub(super) fn invoked() -> BoxedStrategy<(Invoke, Invoked)> {
    invoke()
        .prop_flat_map(|call| {
            let declared = parameters(&call.resource.class, &call.method, |parameter| parameter.is_output);
            let returns = catalog()
                .method(&call.resource.class, &call.method)
                .map_or(Type::Uint32, |method| method.returns);
            let result = (value(returns, false, 0), members(declared, 1))
                .prop_map(|(return_value, out)| Invoked { return_value, out });
            (Just(call), result)
        })
        .boxed()
}

pub(super) fn subscribed() -> BoxedStrategy<Subscribed> {
    (reference(), option::of(datetime()), option::of(text()))
        .prop_map(|(manager, expires, context)| Subscribed { manager, expires, context })
        .boxed()
}

pub(super) fn identity() -> BoxedStrategy<Identity> {
    let known = ["ProtocolVersion", "ProductVendor", "ProductVersion", "SecurityProfiles"];
    let other = name().prop_filter("has a field", move |name| !known.contains(&name.as_str()));
    (vec(line(), 0..3), option::of(line()), option::of(line()), vec(line(), 0..3), vec((other, line()), 0..3))
        .prop_map(|(protocol_versions, vendor, version, security_profiles, others)| Identity {
            protocol_versions,
            vendor,
            version,
            security_profiles,
            others,
        })
        .boxed()
}

/// A class declaration as CIM-XML can say it.
pub(super) fn declaration() -> BoxedStrategy<Class> {
    let about = (name(), option::of(name()), option::of(text()), any::<[bool; 4]>());
    (about, vec(property(), 0..5), vec(method_declaration(), 0..3))
        .prop_map(|(about, properties, methods)| {
            let (name, superclass, description, flags) = about;
            let [is_association, is_abstract, is_singleton, is_embedded_only] = flags;
            Class {
                superclass: superclass.map(Name::from),
                description,
                is_association,
                is_abstract,
                is_singleton,
                is_embedded_only,
                properties,
                methods,
                ..Class::new(name)
            }
        })
        .boxed()
}

fn property() -> BoxedStrategy<PropertyDeclaration> {
    declared_type()
        .prop_flat_map(|(ty, is_array)| {
            // CIM has no properties that are arrays of references, and no defaults for references and objects.
            let is_array = is_array && ty != Type::Reference;
            let default = match ty {
                Type::Reference | Type::Object => Just(None).boxed(),
                _ => option::of(value(ty, is_array, 0).prop_filter("says nothing", |value| !value.is_null()))
                    .boxed(),
            };
            let about = (name(), any::<bool>(), option::of(name()), value_map(ty), option::of(text()));
            (about, default).prop_map(move |((name, is_key, class, values, description), default)| {
                PropertyDeclaration {
                    name: name.into(),
                    ty,
                    is_array,
                    is_key,
                    class: class.map(Name::from),
                    values,
                    default,
                    description,
                }
            })
        })
        .boxed()
}

fn declared_type() -> BoxedStrategy<(Type, bool)> {
    (select(Type::ALL.to_vec()), any::<bool>()).boxed()
}

/// What the texts of strings and the numbers of integers mean.
fn value_map(ty: Type) -> BoxedStrategy<ValueMap> {
    let number = || prop_oneof![0..100_i64, any::<i64>()];
    let number = prop_oneof![
        number().prop_map(ValueRange::Exactly),
        (option::of(number()), option::of(number())).prop_map(|(from, to)| ValueRange::Between(from, to)),
    ];
    let range = prop_oneof![text().prop_map(ValueRange::Text), number]
        .prop_map(move |range| ValueRange::parse(ty, &range.to_string()).unwrap_or(ValueRange::Exactly(0)));
    match ValueRange::parse(ty, "0") {
        None => Just(ValueMap::default()).boxed(),
        Some(_) => vec((range, text()), 0..4).prop_map(ValueMap).boxed(),
    }
}

fn method_declaration() -> BoxedStrategy<Method> {
    let parameter = declared_type().prop_flat_map(|(ty, is_array)| {
        let about = (name(), option::of(name()), value_map(ty), option::of(text()));
        (1..4_u8, about).prop_map(move |(direction, (name, class, values, description))| Parameter {
            name: name.into(),
            ty,
            is_array,
            // Whose direction is not said is taken for both, so both or one is what there is.
            is_input: direction & 1 != 0,
            is_output: direction & 2 != 0,
            class: class.map(Name::from),
            values,
            description,
        })
    });
    let returns = select(Type::ALL.to_vec());
    (name(), returns, select(ReturnFamily::ALL.to_vec()), vec(parameter, 0..4), option::of(text()))
        .prop_map(|(name, returns, family, parameters, description)| Method {
            name: name.into(),
            returns,
            family,
            parameters,
            description,
        })
        .boxed()
}

// ---- faults ----

pub(super) fn fault() -> BoxedStrategy<Fault> {
    let code = prop_oneof![
        select(vec![
            FaultCode::Sender,
            FaultCode::Receiver,
            FaultCode::MustUnderstand,
            FaultCode::VersionMismatch,
            FaultCode::DataEncodingUnknown,
        ]),
        "X[a-z]{1,5}".prop_map(FaultCode::Other),
    ];
    let space = select(vec![
        names::WSMAN.uri,
        names::ADDRESSING.uri,
        names::ENUMERATION.uri,
        names::EVENTING.uri,
        names::TRANSFER.uri,
        names::BINDING.uri,
        "urn:vendor",
    ]);
    let known =
        select(vec!["TimedOut", "AccessDenied", "QuotaLimit", "InternalError", "DestinationUnreachable"]);
    let subcode = (space, prop_oneof![known.prop_map(str::to_owned), name()])
        .prop_map(|(namespace, local)| Subcode { namespace: namespace.to_owned(), local });
    let detail = prop_oneof![
        "[A-Z][a-z]{1,5}"
            .prop_map(|local| format!("http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/{local}")),
        line(),
    ];
    (code, option::of(subcode), line(), option::of(detail), option::of(wsman_fault(4)), option::of(error()))
        .prop_map(|(code, subcode, reason, detail_uri, wsman, cim)| Fault {
            code,
            subcode,
            reason,
            detail_uri,
            wsman,
            cim,
        })
        .boxed()
}

fn wsman_fault(deeper: usize) -> BoxedStrategy<WsmanFault> {
    let provider = match deeper {
        0 => Just(None).boxed(),
        _ => option::weighted(0.8, provider_fault(deeper - 1)).boxed(),
    };
    let code = prop_oneof![1..=u32::MAX, select(vec![5, 0x8033_8000, 0x8033_8029, 0x8033_81A6, 0x8004_1003])];
    (option::of(code), option::of(text()), line(), provider)
        .prop_map(|(code, machine, message, provider)| WsmanFault {
            code,
            machine,
            message,
            provider: provider.map(Box::new),
        })
        .boxed()
}

fn provider_fault(deeper: usize) -> BoxedStrategy<ProviderFault> {
    let extended = instance_of("__ExtendedStatus".into(), None, 0);
    let instance = prop_oneof![2 => error(), 1 => extended];
    let about = (option::of(text()), option::of(text()), option::of(text()), line());
    (about, option::of(wsman_fault(deeper)), option::weighted(0.3, instance))
        .prop_map(|(about, inner, instance)| {
            let (provider, id, path, message) = about;
            ProviderFault { provider, id, path, message, inner, instance }
        })
        .boxed()
}

/// An instance that describes an error. Such are written in the DMTF's namespace of classes, where no CIM
/// namespace stands.
fn error() -> BoxedStrategy<Instance> {
    let class = select(vec!["MSFT_WmiError", "OMI_Error", "Vendor_Error"]);
    class
        .prop_flat_map(|class| instance_of(class.into(), None, 0))
        .prop_map(|mut instance| {
            instance.namespace = None;
            instance
        })
        .boxed()
}

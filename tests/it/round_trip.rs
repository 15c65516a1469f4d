//! Every message comes back as it was sent, in both directions, in any spelling; and no bytes do harm.
//!
//! What the wire cannot say is left out of the comparison by [`told`], which states each case: an empty
//! array is no element; where no class or method declares a type there are texts; Windows sorts properties.
//! What a caller builds is put into the wire's own terms by [`generate`]: selectors are texts, paths know the
//! URI they stand in, headers hold milliseconds. [`respell`] knows the freedom that senders have.

use std::fmt::Debug;

use proptest::prelude::*;
use refpoint::cim::{Class, Key, Name, ObjectPath, Value};
use refpoint::wsman::{
    Content, Create, Delete, Enumerate, Error, Fault, Get, GetClass, Identify, Incoming, Invoke, Opening,
    Operation, Page, Pull, Put, Release, Renew, Reply, ReplyHeader, Request, RequestHeader, Style, Subscribe,
    Unsubscribe, decode_reply, decode_request, encode_fault, encode_reply, encode_request,
};
use refpoint::xml::{self, Limits};

use generate::catalog;
use respell::{Dice, damaged, encoded, respelled};

mod composed;
mod generate;
mod respell;
mod told;

const NAMESPACE: &str = "root/virtualization/v2";

/// Compares by what is shown, in which no number is unlike itself and names keep their letter case.
#[track_caller]
fn assert_same(sent: &impl Debug, read: &impl Debug, text: &str) {
    let (sent, read) = (format!("{sent:?}"), format!("{read:?}"));
    assert!(sent == read, "\n  sent: {sent}\n  text: {text}\n  read: {read}");
}

fn send(header: &RequestHeader, request: &Request) -> String {
    let text = match request {
        Request::Identify(operation) => encode_request(header, operation),
        Request::Get(operation) => encode_request(header, operation),
        Request::GetClass(operation) => encode_request(header, operation),
        Request::Put(operation) => encode_request(header, operation),
        Request::Create(operation) => encode_request(header, operation),
        Request::Delete(operation) => encode_request(header, operation),
        Request::Enumerate(operation) => encode_request(header, operation),
        Request::Pull(operation) => encode_request(header, operation),
        Request::Release(operation) => encode_request(header, operation),
        Request::Subscribe(operation) => encode_request(header, operation),
        Request::Renew(operation) => encode_request(header, operation),
        Request::Unsubscribe(operation) => encode_request(header, operation),
        Request::Invoke(operation) => encode_request(header, operation),
        other => panic!("{other:?} is not sent here"),
    };
    text.unwrap_or_else(|error| panic!("{error:?} in {request:?}"))
}

fn hear(text: &str) -> Incoming {
    decode_request(text, catalog(), &Limits::default()).unwrap_or_else(|error| panic!("{error:?} in {text}"))
}

fn answer<O: Operation>(
    header: &ReplyHeader,
    operation: &O,
    result: Result<&O::Reply, &Fault>,
    style: Style,
) -> String {
    encode_reply(header, operation, result, style).unwrap_or_else(|error| panic!("{error:?}"))
}

fn read<O: Operation>(operation: &O, text: &str) -> Reply<O::Reply> {
    decode_reply(operation, text, catalog(), &Limits::default())
        .unwrap_or_else(|error| panic!("{error:?} in {text}"))
}

/// Checks that an answer is read as what the wire tells of it: as it is written, and in another spelling.
#[track_caller]
fn answers<O: Operation>(operation: &O, sent: &O::Reply, told: &O::Reply, (header, style, seed): &Setting)
where
    O::Reply: Debug,
{
    let text = answer(header, operation, Ok(sent), *style);
    let reply = read(operation, &text);
    assert_same(header, &reply.header, &text);
    assert_same(told, &reply.result.unwrap(), &text);
    let others = [respelled(&text, &mut Dice(*seed)), in_dialect(&text, &mut Dice(*seed))];
    for text in others {
        let reply = read(operation, &text);
        assert_same(header, &reply.header, &text);
        assert_same(told, &reply.result.unwrap(), &text);
    }
}

/// Returns the text as the simulated host says it in one of its dialects.
fn in_dialect(text: &str, dice: &mut Dice) -> String {
    let dialect = respell::dialect(dice);
    let bytes = dialect.respell(text);
    // A marked text needs no name of its encoding.
    let said = xml::decode(&bytes, None).unwrap_or_else(|error| panic!("{error} in {dialect:?} of {text}"));
    assert!(roxmltree::Document::parse(&said).is_ok(), "no other parser reads {said}");
    said.into_owned()
}

/// What does not depend on the operation: headers, style, and the choices of another spelling.
type Setting = (ReplyHeader, Style, u64);

fn setting() -> BoxedStrategy<Setting> {
    (generate::reply_header(), generate::style(), any::<u64>()).boxed()
}

fn any_resource() -> ObjectPath {
    ObjectPath::new(NAMESPACE, "Msvm_ComputerSystem")
}

// ---- requests ----

proptest! {
    #![proptest_config(ProptestConfig::with_cases(220))]

    #[test]
    fn a_host_reads_what_a_client_asks(header in generate::header(), request in generate::request()) {
        let text = send(&header, &request);
        assert_same(&told::incoming(&header, &request), &hear(&text), &text);
    }

    #[test]
    fn a_host_reads_a_request_in_any_spelling(
        header in generate::header(),
        request in generate::request(),
        seed in any::<u64>(),
    ) {
        let dice = &mut Dice(seed);
        let text = respelled(&send(&header, &request), dice);
        prop_assert!(roxmltree::Document::parse(&text).is_ok(), "no other parser reads {text}");
        let bytes = encoded(&text, dice);
        let heard = hear(&xml::decode(&bytes, Some("utf-8")).unwrap());
        assert_same(&told::incoming(&header, &request), &heard, &text);
    }

    #[test]
    fn a_call_holds_every_type_and_its_arrays(call in generate::invoke()) {
        let request = Request::Invoke(call);
        let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:1");
        let text = send(&header, &request);
        assert_same(&told::incoming(&header, &request), &hear(&text), &text);
    }

    #[test]
    fn a_path_that_a_caller_built_names_the_same_object_on_the_other_side(
        number in any::<i64>(),
        flag in any::<bool>(),
        text in generate::text(),
        inner in generate::path(),
    ) {
        let resource = any_resource()
            .with_key("Number", Key::Integer(number.into()))
            .with_key("Flag", Key::Boolean(flag))
            .with_key("Text", text)
            .with_key("Inner", inner)
            .on_host("HV01");
        let text = encode_request(&RequestHeader::new("", ""), &Get::new(resource.clone())).unwrap();
        let Request::Get(get) = hear(&text).request else { panic!("{text}") };
        prop_assert!(get.resource.is_same_object(&resource), "{text}");
        // Hosts, numbers and booleans are not on the wire, and the URI that was used is remembered.
        prop_assert_eq!(&get.resource.host, &None);
        prop_assert_eq!(get.resource.keys[0].1.clone(), Key::Text(number.to_string()));
        prop_assert_eq!(get.resource.keys[1].1.clone(), Key::Text(flag.to_string()));
        let again = encode_request(&RequestHeader::new("", ""), &Get::new(get.resource.clone())).unwrap();
        prop_assert_eq!(again, text);
    }
}

#[test]
fn an_argument_that_is_null_is_said_and_one_that_is_empty_is_not() {
    let call = Invoke::new(any_resource(), "RequestStateChange")
        .with("RequestedState", Value::Null)
        .with("Empty", Value::Many(Vec::new()))
        .with("TimeoutPeriod", Value::Null);
    let text = encode_request(&RequestHeader::new("", ""), &call).unwrap();
    let Request::Invoke(heard) = hear(&text).request else { panic!("{text}") };
    let nulls = ["RequestedState", "TimeoutPeriod"].map(|name| (Name::from(name), Value::Null));
    assert_eq!(heard.arguments, nulls);
}

#[test]
fn an_interval_in_a_header_ends_at_milliseconds() {
    let mut header = RequestHeader::new("", "");
    header.operation_timeout = "PT1.2345678S".parse().ok();
    let text = encode_request(&header, &Get::new(any_resource())).unwrap();
    assert_eq!(hear(&text).header.operation_timeout, "PT1.234S".parse().ok());
}

// ---- replies ----

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_identity_comes_back(identity in generate::identity(), setting in setting()) {
        answers(&Identify, &identity, &identity, &setting);
    }

    #[test]
    fn an_object_and_a_part_of_one_come_back_typed_by_the_class_that_was_asked_for(
        (resource, content) in generate::path().prop_flat_map(|resource| {
            let content = generate::content(&resource.class);
            (Just(resource), content)
        }),
        setting in setting(),
    ) {
        let told = told::content(&content, &resource.class, setting.1);
        answers(&Get::new(resource.clone()), &content, &told, &setting);
        let put = Put { resource, fragment: None, content: Content::Text(String::new()) };
        answers(&put, &Some(content), &Some(told), &setting);
        answers(&put, &None, &None, &setting);
    }

    #[test]
    fn the_reference_to_what_was_created_comes_back(
        resource in generate::path(),
        reference in generate::reference(),
        setting in setting(),
    ) {
        let create = Create { resource, fragment: None, content: Content::Text(String::new()) };
        answers(&create, &reference, &reference, &setting);
    }

    #[test]
    fn the_first_page_of_an_enumeration_comes_back(
        (enumerate, page) in generate::enumerate().prop_flat_map(|enumerate| {
            let page = generate::page(enumerate.expected());
            (Just(enumerate), page)
        }),
        setting in setting(),
    ) {
        let told = told::first_page(&page, enumerate.opening, enumerate.expected().as_deref(), setting.1);
        answers(&enumerate, &page, &told, &setting);
    }

    #[test]
    fn every_further_page_comes_back(
        (pull, page) in generate::enumerate().prop_flat_map(|enumerate| {
            let page = generate::page(enumerate.expected());
            (Just(enumerate.pull("context")), page)
        }),
        setting in setting(),
    ) {
        let told = told::page(&page, pull.expected.as_deref(), setting.1);
        answers(&pull, &page, &told, &setting);
    }

    #[test]
    fn a_page_of_which_nobody_knows_the_enumeration_is_typed_by_its_resource(
        (pull, page) in generate::pull().prop_flat_map(|pull| {
            let page = generate::page(Some(pull.resource.class.clone()));
            (Just(pull), page)
        }),
        setting in setting(),
    ) {
        let told = told::page(&page, Some(&pull.resource.class), setting.1);
        answers(&pull, &page, &told, &setting);
    }

    #[test]
    fn a_result_and_its_out_parameters_come_back(
        (call, result) in generate::invoked(),
        setting in setting(),
    ) {
        answers(&call, &result, &told::invoked(&call, &result, setting.1), &setting);
    }

    #[test]
    fn a_subscription_comes_back(
        subscribe in generate::subscribe(),
        subscribed in generate::subscribed(),
        setting in setting(),
    ) {
        answers(&subscribe, &subscribed, &subscribed, &setting);
    }

    #[test]
    fn the_new_end_of_a_subscription_comes_back(
        renew in generate::renew(),
        expires in prop::option::of(generate::datetime()),
        setting in setting(),
    ) {
        answers(&renew, &expires, &expires, &setting);
    }

    #[test]
    fn an_answer_that_says_nothing_is_read_as_that(
        resource in generate::path(),
        unsubscribe in generate::unsubscribe(),
        setting in setting(),
    ) {
        answers(&Release { resource: resource.clone(), context: String::new() }, &(), &(), &setting);
        answers(&Delete::new(resource), &(), &(), &setting);
        answers(&unsubscribe, &(), &(), &setting);
    }

    #[test]
    fn a_class_comes_back(
        get_class in generate::get_class(),
        class in generate::declaration(),
        setting in setting(),
    ) {
        // The namespace is that of the question.
        let told = Class { namespace: Some(get_class.namespace.clone()), ..class.clone() };
        answers(&get_class, &class, &told, &setting);
    }

    #[test]
    fn a_fault_comes_back_whatever_it_answers(
        fault in generate::fault(),
        call in generate::invoke(),
        (header, style, seed) in setting(),
    ) {
        let told = told::fault(&fault);
        let text = answer(&header, &call, Err(&fault), style);
        prop_assert_eq!(&text, &encode_fault(&header, &fault).unwrap());
        for text in [respelled(&text, &mut Dice(seed)), in_dialect(&text, &mut Dice(seed)), text] {
            let reply = read(&call, &text);
            assert_same(&header, &reply.header, &text);
            assert_same(&Some(&told), &reply.result.err().as_deref(), &text);
            assert_same(&Some(&told), &read(&Identify, &text).result.err().as_deref(), &text);
        }
    }
}

#[test]
fn an_enumeration_that_begins_with_a_context_alone_says_when_it_expires() {
    let begin = Enumerate { opening: Opening::Context, ..Enumerate::new(any_resource()) };
    let expires = "PT60S".parse().ok();
    let page = Page { context: Some("uuid:1".to_owned()), expires, ..Page::default() };
    answers(&begin, &page, &page, &(ReplyHeader::default(), Style::WINDOWS, 3));
}

#[test]
fn every_bundled_class_comes_back() {
    for class in catalog().classes() {
        let namespace = class.namespace.clone().unwrap_or_else(|| NAMESPACE.into());
        let get_class = GetClass { namespace: namespace.clone(), class: class.name.clone() };
        let told = Class { namespace: Some(namespace), ..class.clone() };
        answers(&get_class, class, &told, &(ReplyHeader::default(), Style::WINDOWS, 7));
    }
}

// ---- bytes ----

/// Reads a text as a request, and as the answer to each operation; shows what came of it.
fn decode_everything(text: &str) -> usize {
    fn outcome<T: Debug>(result: Result<T, Error>) -> usize {
        match result {
            Ok(value) => format!("{value:?}").len().min(1),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                0
            }
        }
    }
    fn reply<O: Operation>(operation: &O, text: &str) -> usize
    where
        O::Reply: Debug,
    {
        let reply = decode_reply(operation, text, catalog(), &Limits::default());
        if let Ok(Reply { result: Err(fault), .. }) = &reply {
            assert!(!fault.to_string().is_empty());
            let _ = (fault.is_access_denied(), fault.is_not_found(), fault.is_timeout(), fault.is_quota());
            let _ = (fault.is_context_gone(), fault.is_too_large(), fault.was_carried_out());
            let _ = fault.proves_not_started();
        }
        outcome(reply)
    }
    let every = ObjectPath::new(NAMESPACE, "Trip_EveryType");
    let content = Content::Text(String::new());
    let enumerate = Enumerate::new(every.clone());
    let query = Enumerate::query(NAMESPACE, "SELECT * FROM Msvm_ComputerSystem");
    let (resource, identifier) = (every.clone(), None);
    outcome(decode_request(text, catalog(), &Limits::default()))
        + reply(&Identify, text)
        + reply(&Get::new(every.clone()), text)
        + reply(&GetClass { namespace: NAMESPACE.into(), class: "X".into() }, text)
        + reply(&Put { resource: every.clone(), fragment: None, content: content.clone() }, text)
        + reply(&Create { resource: every.clone(), fragment: None, content }, text)
        + reply(&Delete::new(every.clone()), text)
        + reply(&Enumerate { opening: Opening::Context, ..enumerate.clone() }, text)
        + reply(&enumerate, text)
        + reply(&enumerate.pull(""), text)
        + reply(&query.pull(""), text)
        + reply(&query.release(""), text)
        + reply(&Subscribe::query(NAMESPACE, "SELECT * FROM X"), text)
        + reply(&Renew { resource: resource.clone(), identifier: None, expires: None }, text)
        + reply(&Unsubscribe { resource, identifier }, text)
        + ["Scalars", "Arrays", "Unknown"]
            .map(|method| reply(&Invoke::new(every.clone(), method), text))
            .iter()
            .sum::<usize>()
}

/// The text of some answer.
fn any_answer() -> BoxedStrategy<String> {
    let operation = generate::enumerate().prop_flat_map(|enumerate| {
        let page = generate::page(enumerate.expected());
        (Just(enumerate), page)
    });
    let header = || generate::reply_header();
    prop_oneof![
        2 => (header(), operation, generate::style()).prop_map(|(header, (enumerate, page), style)| {
            answer(&header, &enumerate.pull(""), Ok::<&Page, _>(&page), style)
        }),
        2 => (header(), generate::invoked(), generate::style()).prop_map(|(header, (call, result), style)| {
            answer(&header, &call, Ok(&result), style)
        }),
        2 => (header(), generate::fault()).prop_map(|(header, fault)| encode_fault(&header, &fault).unwrap()),
        1 => (header(), generate::declaration(), generate::get_class()).prop_map(|(header, class, get_class)| {
            answer(&header, &get_class, Ok(&class), Style::WINDOWS)
        }),
        1 => (header(), generate::identity()).prop_map(|(header, identity)| {
            answer(&header, &Identify, Ok(&identity), Style::WINDOWS)
        }),
        1 => (header(), generate::subscribe(), generate::subscribed()).prop_map(|(header, subscribe, subscribed)| {
            answer(&header, &subscribe, Ok(&subscribed), Style::WINDOWS)
        }),
    ].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = xml::decode(&bytes, None) {
            decode_everything(&text);
        }
    }

    #[test]
    fn no_heap_of_tags_makes_a_decoder_panic(
        heap in r#"(</?(s:(Envelope|Header|Body|Fault|Code|Value|Detail)|n:(Pull|PullResponse|Items)|w:(Selector|SelectorSet|Item|Filter|XmlFragment)|a:(Action|Address|EndpointReference|ReferenceParameters)|f:WSManFault|CLASS)( Name="a"| xsi:nil="1"| Code="-1")?/?>|PT1S|a:b){0,16}"#,
    ) {
        let open = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
            xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
            xmlns:n='http://schemas.xmlsoap.org/ws/2004/09/enumeration' \
            xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' \
            xmlns:f='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault' \
            xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>";
        decode_everything(&heap);
        decode_everything(&format!("{open}{heap}</s:Envelope>"));
        decode_everything(&format!("{open}<s:Body>{heap}</s:Body></s:Envelope>"));
    }

    #[test]
    fn no_damage_to_a_request_makes_a_decoder_panic(
        header in generate::header(),
        request in generate::request(),
        seed in any::<u64>(),
    ) {
        if let Ok(text) = xml::decode(&damaged(&send(&header, &request), &mut Dice(seed)), None) {
            decode_everything(&text);
        }
    }

    #[test]
    fn no_damage_to_an_answer_makes_a_decoder_panic(text in any_answer(), seed in any::<u64>()) {
        if let Ok(text) = xml::decode(&damaged(&text, &mut Dice(seed)), None) {
            decode_everything(&text);
        }
    }
}

/// Damage that no decoder survives would prove nothing about what comes behind the first mistake.
#[test]
fn much_of_what_is_damaged_can_still_be_read() {
    let page = Page { items: Vec::new(), context: Some("c".to_owned()), expires: None };
    let pull: Pull = Enumerate::new(any_resource()).pull("c");
    let text = answer(&ReplyHeader::default(), &pull, Ok(&page), Style::WINDOWS);
    let survivors = (0..400_u64).filter(|seed| {
        let damaged = damaged(&text, &mut Dice(*seed));
        xml::decode(&damaged, None).is_ok_and(|text| decode_everything(&text) > 0)
    });
    assert!(survivors.count() > 40);
}

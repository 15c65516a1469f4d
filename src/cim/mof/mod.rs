//! MOF: class declarations as text ([DSP0004] annex A), read and written.
//!
//! This is the subset that `schemas/` uses: classes, `#pragma namespace`, properties, arrays, defaults,
//! references, methods and their parameters. Instances, qualifier declarations, aliases, other pragmas
//! and character literals are refused; qualifiers that mean nothing to [`Class`](super::Class) are read and
//! dropped.
//!
//! | qualifier | of | becomes |
//! |---|---|---|
//! | `Description("…")` | everything | `description` |
//! | `Association`, `Abstract`, `Singleton`, `EmbeddedOnly` | classes | `is_association` … |
//! | `Key` | properties | `is_key` |
//! | `In`, `Out`; `In` when neither is there | parameters | `is_input`, `is_output` |
//! | `ValueMap{…}` with `Values{…}` | properties, parameters | `values` |
//! | `EmbeddedInstance("…")` | string and object properties, parameters | `class` |
//! | `ReturnFamily("…")`; `unlisted` when it is not there | methods | `family` |
//!
//! `Singleton`, `EmbeddedOnly` and `ReturnFamily` are ours. As in WMI, a parameter with `Out` alone is no
//! input, and `object REF` refers to an instance of any class.
//!
//! [DSP0004]: https://www.dmtf.org/standards/published_documents/DSP0004_2.8.0.pdf

mod read;
mod write;

pub use read::read;
pub(in crate::cim) use read::{Declaration, MAX_CLASSES, MAX_MEMBERS, declarations};
pub use write::write;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::cim::{
        Catalog, Class, DateTime, Error, Interval, Method, Name, ObjectPath, Parameter, PropertyDeclaration,
        ReturnFamily, Scalar, Timestamp, Type, Value, ValueMap, ValueRange,
    };

    #[test]
    fn a_class_reads_as_everything_it_says() {
        let text = r#"
            // A line, /* and no comment in it.
            #pragma namespace ("\\\\.\\root\\virtualization\\v2")
            /* A block
               of two lines. */
            [Association, Abstract(TRUE), Singleton : ToSubclass DisableOverride, EmbeddedOnly,
             Version("1.0"), UUID("{X}") : ToInstance, Description("One " "text "
                "of three, \"quoted\" \\ \t\x41\x00e9.")]
            class Msvm_X : CIM_Y
            {
                [key, Override("Id"), MaxLen(256)] string Id = "x";
                [ValueMap{"0", "1..5", "..", "-7..-1", "9..", "0x10"},
                 Values{"none", "few", "rest", "debt", "many", "hex"}] sint16 Numbers[8] = {-1, 0x1F, 101b, 017, +3};
                [ValueMap {"a..b"}, Values {"a text"}] String Kind = NULL;
                CIM_Y REF Other;
                object REF Any;
                datetime REF;
                real64 Ratio = -1.5e-3;
                boolean Is = True, Not;
            };"#;
        let error = read(text).unwrap_err();
        assert_eq!(error.to_string(), "line 19: expected \";\", found \",\"");
        let classes = read(&text.replace("True, Not", "True")).unwrap();
        let [class] = classes.as_slice() else { panic!("{classes:?}") };
        assert_eq!(class.name.as_str(), "Msvm_X");
        assert_eq!(class.superclass.as_deref(), Some("CIM_Y"));
        assert_eq!(class.namespace.as_deref(), Some("root/virtualization/v2"));
        assert_eq!(class.description.as_deref(), Some("One text of three, \"quoted\" \\ \tA\u{e9}."));
        assert!(class.is_association && class.is_abstract && class.is_singleton && class.is_embedded_only);
        let [id, numbers, kind, other, any, named_ref, ratio, is] = class.properties.as_slice() else {
            panic!("{:?}", class.properties)
        };
        assert!(id.is_key && !numbers.is_key);
        assert_eq!(id.default, Some(Value::from("x")));
        assert_eq!((numbers.ty, numbers.is_array), (Type::Sint16, true));
        assert_eq!(numbers.default, Some(Value::from(vec![-1_i16, 31, 5, 15, 3])));
        assert_eq!(numbers.values.meaning(0), Some("none"));
        assert_eq!(numbers.values.meaning(3), Some("few"));
        assert_eq!(numbers.values.meaning(16), Some("hex"));
        assert_eq!(numbers.values.0[2].0, ValueRange::Between(None, None));
        assert_eq!(numbers.values.0[3].0, ValueRange::Between(Some(-7), Some(-1)));
        assert_eq!(numbers.values.0[4].0, ValueRange::Between(Some(9), None));
        assert_eq!(kind.values.meaning_of_text("a..b"), Some("a text"));
        assert_eq!(kind.default, Some(Value::Null));
        assert_eq!((other.ty, other.class.as_deref()), (Type::Reference, Some("CIM_Y")));
        assert_eq!((any.ty, &any.class), (Type::Reference, &None));
        assert_eq!((named_ref.name.as_str(), named_ref.ty), ("REF", Type::DateTime));
        assert_eq!(ratio.default, Some(Value::from(-0.0015_f64)));
        assert_eq!(is.default, Some(Value::from(true)));
    }

    #[test]
    fn methods_read_with_directions_classes_and_families() {
        let text = r#"class X {
            [ReturnFamily("hyperv"), Description("Does it.")] uint32 Do(
                string Bare,
                [Out] CIM_Job REF Job,
                [In, Out] uint8 Both[],
                [In(false)] uint8 Neither,
                [EmbeddedInstance("CIM_Error")] string Errors[]);
            boolean Quiet();
        };"#;
        let class = read(text).unwrap().remove(0);
        let [method, quiet] = class.methods.as_slice() else { panic!("{class:?}") };
        assert_eq!((method.returns, method.family), (Type::Uint32, ReturnFamily::Hyperv));
        assert_eq!(method.description.as_deref(), Some("Does it."));
        let directions: Vec<_> =
            method.parameters.iter().map(|parameter| (parameter.is_input, parameter.is_output)).collect();
        let expected = [(true, false), (false, true), (true, true), (false, false), (true, false)];
        assert_eq!(directions, expected);
        assert_eq!(method.parameters[1].class.as_deref(), Some("CIM_Job"));
        assert_eq!(method.parameters[4].class.as_deref(), Some("CIM_Error"));
        assert!(method.parameters[4].is_array);
        assert_eq!((quiet.returns, quiet.family), (Type::Boolean, ReturnFamily::Unlisted));
        assert!(quiet.parameters.is_empty());
    }

    #[test]
    fn a_namespace_holds_until_the_next_one() {
        let text = r#"class A {}; #pragma namespace ("root/b") class B {}; class C {};
                      #pragma namespace ("root/d") class D {};"#;
        let namespaces: Vec<_> = read(text).unwrap().into_iter().map(|class| class.namespace).collect();
        assert_eq!(namespaces, [None, Some("root/b".into()), Some("root/b".into()), Some("root/d".into())]);
    }

    #[test]
    fn malformed_text_is_refused_at_its_line_with_what_was_expected() {
        for (text, line, problem) in [
            ("class", 1, r#"expected the name of the class, found the end"#),
            ("\n\nclass X {}", 3, r#"expected ";", found the end"#),
            ("class X\n{", 2, r#"expected a declaration, found the end"#),
            ("class X : { };", 1, r#"expected the name of the superclass, found "{""#),
            ("instance of X { };", 1, r#"expected "class", found "instance""#),
            ("class X { string A\n};", 2, r#"expected ";", found "}""#),
            ("class X {\n unit32 A; };", 2, r#"expected a type, found "unit32""#),
            ("class X { reference A; };", 1, r#"expected a type, found "reference""#),
            ("class X { CIM_Y REF; };", 1, r#"expected a type, found "CIM_Y""#),
            ("class X { string ; };", 1, r#"expected a name, found ";""#),
            ("class X { string A[; };", 1, r#"expected "]", found ";""#),
            ("class X { [Key string A; };", 1, r#"expected "]", found "string""#),
            ("class X { [Key,] string A; };", 1, r#"expected a qualifier, found "]""#),
            ("class X { [] string A; };", 1, r#"expected a qualifier, found "]""#),
            ("class X { [Key, Max(3), KEY] string A; };", 1, "qualifier KEY is given twice"),
            ("class X { [Key(3)] string A; };", 1, "qualifier Key is TRUE or FALSE"),
            ("class X {\n[Description] string A; };", 2, "qualifier Description is one text in parentheses"),
            (
                "class X { [Description(\n7)] string A; };",
                1,
                "qualifier Description is one text in parentheses",
            ),
            ("class X { [ValueMap(\"1\")] uint8 A; };", 1, "qualifier ValueMap is a list of texts in braces"),
            ("class X { [ValueMap{\n1}] uint8 A; };", 2, r#"expected a text, found "1""#),
            ("class X {\n[ValueMap{\"1\"}]\nuint8 A; };", 2, "ValueMap without Values"),
            ("class X {\n[Values{\"1\"}]\nuint8 A; };", 2, "Values without ValueMap"),
            (
                "class X {\n[ValueMap{\"1\", \"2\"}, Values{\"one\"}] uint8 A; };",
                2,
                "ValueMap has 2 entries, Values has 1",
            ),
            (
                "class X { [ValueMap{\"1\",\n\"256\"}, Values{\"a\", \"b\"}] uint8 A; };",
                2,
                r#"expected values of type uint8, found the text "256""#,
            ),
            (
                "class X { [ValueMap{\"5..1\"}, Values{\"a\"}] uint8 A; };",
                1,
                r#"expected values of type uint8, found the text "5..1""#,
            ),
            (
                "class X { [ValueMap{\"one\"}, Values{\"a\"}] uint8 A; };",
                1,
                r#"expected values of type uint8, found the text "one""#,
            ),
            (
                "class X { [ValueMap{\"1\"}, Values{\"a\"}] boolean A; };",
                1,
                r#"expected values of type boolean, found the text "1""#,
            ),
            (
                "class X { [EmbeddedInstance(\"Y\")] uint8 A; };",
                1,
                "qualifier EmbeddedInstance names a class and belongs to a string",
            ),
            (
                "class X { [EmbeddedInstance] string A; };",
                1,
                "qualifier EmbeddedInstance names a class and belongs to a string",
            ),
            (
                "class X { [ReturnFamily(\"hyper-v\")] uint32 M(); };",
                1,
                "qualifier ReturnFamily is one of hyperv, hyperv-dmtf, concrete-job, hyperv-any, unlisted",
            ),
            ("class X {\n string A;\n uint8 a; };", 3, "property a is declared twice"),
            ("class X {\n uint8 M();\n uint8 m(); };", 3, "method m is declared twice"),
            ("class X { uint8 M(string A,\n string a); };", 2, "parameter a is declared twice"),
            ("class X {};\nclass x {};", 2, "class x is declared twice"),
            ("class X { uint8 M(string A,); };", 1, r#"expected a declaration, found ")""#),
            ("class X { uint8 M(string A) };", 1, r#"expected ";", found "}""#),
            ("class X { CIM_Y REF M(); };", 1, "the return value of a method refers to no class"),
            ("class X { uint8 A = 256; };", 1, r#"expected a value of type uint8, found "256""#),
            ("class X { uint8 A = -1; };", 1, r#"expected a value of type uint8, found "-1""#),
            ("class X { uint8 A = 1.5; };", 1, r#"expected a value of type uint8, found "1.5""#),
            ("class X { uint8 A = 08; };", 1, r#"expected a value of type uint8, found "08""#),
            ("class X { uint8 A = 12abc; };", 1, r#"expected a value of type uint8, found "12abc""#),
            ("class X { uint8 A = 0x-1; };", 1, r#"expected a value of type uint8, found "0x""#),
            ("class X { uint8 A = \"1\"; };", 1, r#"expected a value of type uint8, found the text "1""#),
            ("class X { string A = 1; };", 1, r#"expected a value of type string, found "1""#),
            ("class X { boolean A = 1; };", 1, r#"expected a value of type boolean, found "1""#),
            ("class X { uint8 A = FALSE; };", 1, r#"expected a value of type uint8, found FALSE"#),
            ("class X { real32 A = 1e999; };", 1, r#"expected a value of type real32, found "1e999""#),
            (
                "class X { datetime A = \"now\"; };",
                1,
                r#"expected a value of type datetime, found the text "now""#,
            ),
            ("class X { uint8 A = ; };", 1, r#"expected a value, found ";""#),
            ("class X { uint8 A = yes; };", 1, r#"expected a value, found "yes""#),
            ("class X { uint8 A = {1}; };", 1, r#"expected a value, found "{""#),
            ("class X { uint8 A[] = 1; };", 1, "the default of an array stands in braces"),
            ("class X { uint8 A[] = {1, {2}}; };", 1, r#"expected a value, found "{""#),
            ("class X {\nstring A = \"x;\n};", 2, "expected a quote that ends the text on its line"),
            ("class X { string A = \"x", 1, "expected a quote that ends the text on its line"),
            ("class X {\nstring A = \"\\q\"; };", 2, r"\q is no escape"),
            ("class X { string A = \"\\xD800\"; };", 1, r"\xD800 is no character"),
            ("class X { string A = \"\\xg\"; };", 1, r"\x is no character"),
            ("class X { string A = \"\\", 1, "expected an escape after the backslash, found the end"),
            ("\n/* \n", 2, "this comment has no end"),
            ("/*/ class X {};", 1, "this comment has no end"),
            ("#pragma locale (\"en\")", 1, r#"expected "namespace", found "locale""#),
            ("#include \"x\"", 1, r#"expected "pragma", found "include""#),
            ("#pragma namespace (root)", 1, r#"expected the namespace in quotes, found "root""#),
            (r#"#pragma namespace ("\\\\.\\")"#, 1, "the namespace is empty"),
            ("#pragma namespace (\"/\")", 1, "the namespace is empty"),
            ("class X {}; \u{0}", 1, r#"expected "class", found "\0""#),
            ("// only a comment\r\n@", 2, r#"expected "class", found "@""#),
        ] {
            let expected = Error::Mof { line, problem: problem.to_owned() };
            assert_eq!(read(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_empty_text_declares_nothing() {
        for text in ["", "\u{FEFF}", " \r\n\t", "// x", "/**/"] {
            assert_eq!(read(text), Ok(vec![]), "{text:?}");
        }
    }

    #[test]
    fn more_than_the_limits_is_refused() {
        let error = |text: String| read(&text).unwrap_err().to_string();
        assert_eq!(error(" ".repeat(read::MAX_BYTES + 1)), "more than 1048576 bytes of MOF");
        assert!(read(&" ".repeat(read::MAX_BYTES)).is_ok());
        let classes = (0..=MAX_CLASSES).map(|n| format!("class C{n} {{}};")).collect();
        assert_eq!(error(classes), "more than 4096 classes");
        let properties: String = (0..=MAX_MEMBERS).map(|n| format!("uint8 P{n};")).collect();
        let too_many = "more than 1024 members of a class or parameters of a method";
        assert_eq!(error(format!("class X {{ {properties} }};")), too_many);
        let qualifiers: Vec<_> = (0..=MAX_MEMBERS).map(|n| format!("Q{n}")).collect();
        assert_eq!(error(format!("[{}] class X {{}};", qualifiers.join(","))), "more than 1024 qualifiers");
    }

    #[test]
    fn the_written_text_has_the_layout_of_the_schemas() {
        let text = r#"#pragma namespace ("root/virtualization/v2")

[Singleton, Description("A \"service\".")]
class Msvm_X : CIM_Y
{
    [Key, Description("C:\\x")]
    string Name;

    [ValueMap{"0", "1..", "..-1"},
     Values{"none", "some", "debt"}]
    sint8 Level[] = {0, NULL, -1};

    datetime Time = "00000000000500.000000:000";

    real64 Ratio = 1.0e300;

    [ReturnFamily("hyperv")]
    uint32 Do(
        [In, EmbeddedInstance("Msvm_Z"), Description("Text.")]
        string Setting,
        [In, Out]
        CIM_Job REF Job);

    [ReturnFamily("unlisted")]
    boolean Stop();
};
"#;
        assert_eq!(write(&read(text).unwrap()[0]), text);
        assert_eq!(write(&Class::new("X")), "class X\n{\n};\n");
    }

    #[test]
    fn what_mof_cannot_say_is_written_as_null() {
        let mut class = read("class X { real32 A = 1.0; };").unwrap().remove(0);
        for default in
            [Value::from(f32::INFINITY), Value::from(f32::NAN), Value::from(crate::cim::Instance::new("Y"))]
        {
            class.properties[0].default = Some(default);
            let again = read(&write(&class)).unwrap().remove(0);
            assert_eq!(again.properties[0].default, Some(Value::Null));
        }
    }

    #[test]
    fn every_class_of_the_schemas_survives_its_text() {
        for class in Catalog::bundled().classes() {
            let again = read(&write(class)).unwrap();
            assert_eq!(format!("{again:?}"), format!("[{class:?}]"));
        }
    }

    proptest! {
        #[test]
        fn any_class_survives_its_text(class in any_class()) {
            let text = write(&class);
            let again = read(&text).map_err(|error| TestCaseError::fail(format!("{error} in\n{text}")))?;
            // Names are compared without their letter case, their text is not.
            prop_assert_eq!(format!("{:?}", again), format!("[{class:?}]"), "{}", text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), soup in soup()) {
            let _ = read(&text);
            let _ = read(&soup);
            let _ = read(&format!("class X {{ {soup}"));
            let _ = read(&format!("class X {{ [A{soup}"));
        }

        #[test]
        fn no_damage_to_a_schema_makes_the_reader_panic(
            place in any::<prop::sample::Index>(),
            (from, to) in any::<(prop::sample::Index, prop::sample::Index)>(),
            patch in soup(),
        ) {
            let texts: Vec<_> = Catalog::bundled_mof().collect();
            let text = place.get(&texts);
            let (from, to) = (from.index(text.len()), to.index(text.len()));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 40));
            if let (Some(head), Some(tail)) = (text.get(..from), text.get(to..)) {
                for damaged in [format!("{head}{patch}{tail}"), head.to_owned(), format!("{head}{tail}")] {
                    if let Ok(classes) = read(&damaged) {
                        let again: Vec<_> = classes.iter().map(|class| read(&write(class)).unwrap().remove(0)).collect();
                        prop_assert_eq!(again, classes);
                    }
                    let _ = Catalog::from_mof([damaged.as_str()]);
                }
            }
        }
    }

    /// Pieces of MOF in no order.
    fn soup() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "class",
            "X",
            "Y",
            ":",
            "{",
            "}",
            ";",
            "[",
            "]",
            "(",
            ")",
            ",",
            "=",
            "#pragma namespace",
            "REF",
            "\"",
            "\"text\"",
            "\"\\",
            "\\x4",
            "string",
            "uint8",
            "object",
            "Key",
            "In",
            "Out",
            "ValueMap{\"1\"}",
            "Values{\"1\"}",
            "NULL",
            "TRUE",
            "-",
            "0x",
            "1e",
            "1e+5",
            "..",
            "0b",
            "//",
            "/*",
            "*/",
            "\n",
            "é",
            "🎌",
            "\u{0}",
            "EmbeddedInstance(\"X\")",
            "ReturnFamily(\"hyperv\")",
            "Description",
            "99999999999999999999",
        ];
        prop::collection::vec((select(PIECES), select(&["", " "][..])), 0..40)
            .prop_map(|parts| parts.into_iter().flat_map(|(piece, blank)| [piece, blank]).collect())
    }

    fn any_name() -> impl Strategy<Value = Name> {
        prop_oneof![
            "[A-Za-z_][A-Za-z0-9_]{0,9}",
            "[a-zé日_]{1,4}",
            select(vec!["REF", "class", "string", "NULL"]).prop_map(str::to_owned)
        ]
        .prop_map(Name::from)
    }

    fn any_referable() -> impl Strategy<Value = Option<Name>> {
        prop::option::of(any_name().prop_filter("object is any class", |name| *name != *"object"))
    }

    fn any_text() -> impl Strategy<Value = String> {
        let special = select(
            "\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}\u{85}\u{2028}xnA0 /*;é🎌".chars().collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![3 => special, 1 => any::<char>()], 0..10)
            .prop_map(|chars| chars.into_iter().collect())
    }

    fn any_type() -> impl Strategy<Value = Type> {
        select(&Type::ALL[..])
    }

    fn any_datetime() -> impl Strategy<Value = DateTime> {
        let timestamp = (-60_000_000_000_i64..250_000_000_000, 0..1_000_000_000_u32, -840..=840_i16)
            .prop_map(|(seconds, nanoseconds, offset)| {
                DateTime::Absolute(Timestamp::new(seconds, nanoseconds, offset).unwrap())
            });
        let interval = (any::<u32>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| {
            let seconds = u64::from(seconds) * 10_000;
            DateTime::Interval(Interval::new(std::time::Duration::new(seconds, nanoseconds)))
        });
        prop_oneof![timestamp, interval]
    }

    fn any_scalar(ty: Type) -> BoxedStrategy<Option<Scalar>> {
        let scalar = match ty {
            Type::Boolean => any::<bool>().prop_map(Scalar::from).boxed(),
            Type::Uint8 => any::<u8>().prop_map(Scalar::from).boxed(),
            Type::Uint16 => any::<u16>().prop_map(Scalar::from).boxed(),
            Type::Uint32 => any::<u32>().prop_map(Scalar::from).boxed(),
            Type::Uint64 => any::<u64>().prop_map(Scalar::from).boxed(),
            Type::Sint8 => any::<i8>().prop_map(Scalar::from).boxed(),
            Type::Sint16 => any::<i16>().prop_map(Scalar::from).boxed(),
            Type::Sint32 => any::<i32>().prop_map(Scalar::from).boxed(),
            Type::Sint64 => any::<i64>().prop_map(Scalar::from).boxed(),
            Type::Real32 => prop::num::f32::NORMAL.prop_map(Scalar::from).boxed(),
            Type::Real64 => (prop::num::f64::NORMAL | prop::num::f64::ZERO).prop_map(Scalar::from).boxed(),
            Type::Char16 => any::<u16>().prop_map(Scalar::Char16).boxed(),
            Type::String => any_text().prop_map(Scalar::from).boxed(),
            Type::DateTime => any_datetime().prop_map(Scalar::from).boxed(),
            Type::Reference => any_text()
                .prop_map(|key| Scalar::from(ObjectPath::new("root/x", "X").with_key("K", key)))
                .boxed(),
            Type::Object => return Just(None).boxed(),
        };
        prop::option::weighted(0.9, scalar).boxed()
    }

    fn any_default(ty: Type, is_array: bool) -> BoxedStrategy<Option<Value>> {
        let value = match is_array {
            true => prop_oneof![
                1 => Just(Value::Null),
                5 => prop::collection::vec(any_scalar(ty), 0..3).prop_map(Value::Many),
            ]
            .boxed(),
            false => any_scalar(ty).prop_map(|scalar| scalar.map_or(Value::Null, Value::One)).boxed(),
        };
        prop::option::of(value).boxed()
    }

    /// Numbers that a type holds and that a [`ValueRange`] holds.
    fn any_number(ty: Type) -> impl Strategy<Value = i64> {
        any_scalar(ty).prop_map(|scalar| scalar.and_then(|scalar| scalar.as_i64()).unwrap_or(7))
    }

    fn any_values(ty: Type) -> BoxedStrategy<ValueMap> {
        let range = match ty {
            Type::String => any_text().prop_map(ValueRange::Text).boxed(),
            _ if ty.is_integer() => prop_oneof![
                any_number(ty).prop_map(ValueRange::Exactly),
                prop::option::of(any_number(ty)).prop_map(|from| ValueRange::Between(from, None)),
                prop::option::of(any_number(ty)).prop_map(|to| ValueRange::Between(None, to)),
                (any_number(ty), any_number(ty))
                    .prop_map(|(a, b)| ValueRange::Between(Some(a.min(b)), Some(a.max(b)))),
            ]
            .boxed(),
            _ => return Just(ValueMap::default()).boxed(),
        };
        prop::collection::vec((range, any_text()), 0..4).prop_map(ValueMap).boxed()
    }

    fn any_class_of(ty: Type) -> BoxedStrategy<Option<Name>> {
        match ty {
            Type::Reference => any_referable().boxed(),
            Type::String | Type::Object => {
                prop::option::of(prop_oneof![any_name(), any_text().prop_map(Name::from)]).boxed()
            }
            _ => Just(None).boxed(),
        }
    }

    fn any_property() -> impl Strategy<Value = PropertyDeclaration> {
        (any_type(), any::<bool>()).prop_flat_map(|(ty, is_array)| {
            let description = prop::option::of(any_text());
            let parts = (
                any_name(),
                any::<bool>(),
                any_class_of(ty),
                any_values(ty),
                any_default(ty, is_array),
                description,
            );
            parts.prop_map(move |(name, is_key, class, values, default, description)| PropertyDeclaration {
                name,
                ty,
                is_array,
                is_key,
                class,
                values,
                default,
                description,
            })
        })
    }

    fn any_parameter() -> impl Strategy<Value = Parameter> {
        any_type().prop_flat_map(|ty| {
            let flags = any::<(bool, bool, bool)>();
            let parts = (any_name(), flags, any_class_of(ty), any_values(ty), prop::option::of(any_text()));
            parts.prop_map(move |(name, flags, class, values, description)| Parameter {
                name,
                ty,
                is_array: flags.0,
                is_input: flags.1,
                is_output: flags.2,
                class,
                values,
                description,
            })
        })
    }

    fn any_method() -> impl Strategy<Value = Method> {
        let parameters = prop::collection::vec(any_parameter(), 0..4);
        let family = select(&ReturnFamily::ALL[..]);
        let parts = (any_name(), any_type(), family, parameters, prop::option::of(any_text()));
        parts.prop_map(|(name, returns, family, parameters, description)| Method {
            name,
            returns,
            family,
            parameters: without_repetition(parameters, |parameter| &parameter.name),
            description,
        })
    }

    fn any_class() -> impl Strategy<Value = Class> {
        let names =
            (any_name(), prop::option::of(any_name()), prop::option::of("[a-zA-Zé\"][a-z/é\" ]{0,9}[a-z2]"));
        let flags = any::<(bool, bool, bool, bool)>();
        let properties = prop::collection::vec(any_property(), 0..5);
        let methods = prop::collection::vec(any_method(), 0..3);
        let parts = (names, flags, prop::option::of(any_text()), properties, methods);
        parts.prop_map(|((name, superclass, namespace), flags, description, properties, methods)| Class {
            name,
            superclass,
            namespace: namespace.map(Name::from),
            description,
            is_association: flags.0,
            is_abstract: flags.1,
            is_singleton: flags.2,
            is_embedded_only: flags.3,
            properties: without_repetition(properties, |property| &property.name),
            methods: without_repetition(methods, |method| &method.name),
        })
    }

    fn without_repetition<T>(items: Vec<T>, name: impl Fn(&T) -> &Name) -> Vec<T> {
        let mut kept: Vec<T> = Vec::new();
        for item in items {
            if kept.iter().all(|other| name(other) != name(&item)) {
                kept.push(item);
            }
        }
        kept
    }
}

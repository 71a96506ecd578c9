use super::*;
use crate::yaml;

#[test]
fn scalars_have_the_types_that_go_gives_them() {
    for (text, expect) in [
        ("5", Typed::Integer(5)),
        ("-5", Typed::Integer(-5)),
        ("+5", Typed::Integer(5)),
        ("1_000", Typed::Integer(1000)),
        ("0x1F", Typed::Integer(31)),
        ("0o17", Typed::Integer(15)),
        ("017", Typed::Integer(15)),
        ("0b101", Typed::Integer(5)),
        ("08", Typed::Float(8.0)),
        ("18446744073709551615", Typed::Integer(18_446_744_073_709_551_615)),
        ("-9223372036854775808", Typed::Integer(i128::from(i64::MIN))),
        ("18446744073709551616", Typed::Float(18_446_744_073_709_551_616.0)),
        ("1e3", Typed::Float(1000.0)),
        (".5", Typed::Float(0.5)),
        ("5.", Typed::Float(5.0)),
        ("-0.9", Typed::Float(-0.9)),
        (".inf", Typed::Float(f64::INFINITY)),
        ("\"5\"", Typed::Text("5")),
        ("5s", Typed::Text("5s")),
        ("-", Typed::List),
        ("yes", Typed::Text("yes")),
        ("True", Typed::Boolean(true)),
        ("~", Typed::Null),
        ("", Typed::Null),
        ("1.2.3", Typed::Text("1.2.3")),
        ("{}", Typed::Map),
    ] {
        let root = yaml::parse(text).map_err(|errors| errors[0].to_string()).unwrap().root;
        assert_eq!(typed(&root), expect, "{text:?}");
    }
}

#[test]
fn durations_are_those_of_go() {
    for (text, nanos) in [
        ("30s", Some(30_000_000_000)),
        ("1m30s", Some(90_000_000_000)),
        ("1.5h", Some(5_400_000_000_000)),
        (".5s", Some(500_000_000)),
        ("1.s", Some(1_000_000_000)),
        ("-5s", Some(-5_000_000_000)),
        ("+5s", Some(5_000_000_000)),
        ("0", Some(0)),
        ("-0", Some(0)),
        ("1µs", Some(1_000)),
        ("1μs", Some(1_000)),
        ("0.9ns", Some(0)),
        ("1h1m1s1ms1us1ns", Some(3_661_001_001_001)),
        ("9223372036854775807ns", Some(i64::MAX)),
        ("-9223372036854775808ns", Some(i64::MIN)),
        ("9223372036854775808ns", None),
        ("2562048h", None),
        ("5", None),
        ("", None),
        ("-", None),
        ("s", None),
        (".s", None),
        ("5 s", None),
        ("5S", None),
        ("5d", None),
        ("1..5s", None),
        ("soon", None),
    ] {
        assert_eq!(duration(text), nanos, "{text:?}");
    }
}

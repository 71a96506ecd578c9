use expect_test::expect;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;

fn decode(json: &str) -> ExportTraceServiceRequest {
    let bytes = json_to_protobuf(json.as_bytes()).unwrap();
    ExportTraceServiceRequest::decode(&*bytes).unwrap()
}

fn in_span(members: &str) -> String {
    format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{{members}}}]}}]}}]}}"#)
}

fn span(members: &str) -> Span {
    decode(&in_span(members)).resource_spans[0].scope_spans[0].spans[0].clone()
}

fn value(json: &str) -> Option<Value> {
    let span = span(&format!(r#""attributes": [{{"key": "k", "value": {json}}}]"#));
    span.attributes[0].value.clone().unwrap().value
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

const FULL: &str = r#"{"resourceSpans": [{
"resource": {
        "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}],
        "droppedAttributesCount": 1,
        "entityRefs": [{"schemaUrl": "s", "type": "service", "idKeys": ["a", ""], "descriptionKeys": ["b"]}]
    },
    "schemaUrl": "https://opentelemetry.io/schemas/1.21.0",
    "scopeSpans": [{
        "scope": {"name": "n", "version": "v", "attributes": [{"key": "k", "value": {"intValue": "5"}}], "droppedAttributesCount": 2},
        "schemaUrl": "scope's",
        "spans": [{
            "traceId": "4BF92F3577B34DA6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "parentSpanId": "",
            "traceState": "ot=th:8", "flags": 257, "name": "predict", "kind": 2,
            "startTimeUnixNano": "1760000000000000001", "endTimeUnixNano": 1760000000000000002,
            "attributes": [{"key": "a", "value": {"boolValue": false}}, {"key": "b"}],
            "droppedAttributesCount": 3, "droppedEventsCount": 4, "droppedLinksCount": 5,
            "events": [{"timeUnixNano": "7", "name": "e", "attributes": [{"key": "x", "value": {"stringValue": ""}}], "droppedAttributesCount": 6}],
            "links": [{"traceId": "00000000000000000000000000000001", "spanId": "0000000000000002", "traceState": "t", "attributes": [], "droppedAttributesCount": 7, "flags": 769}],
            "status": {"code": 2, "message": "boom"}
        }]
    }]
}]}"#;

#[test]
fn every_member_has_its_place() {
    let span = Span {
        trace_id: b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36".into(),
        span_id: b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7".into(),
        trace_state: "ot=th:8".into(),
        parent_span_id: Vec::new(),
        flags: 257,
        name: "predict".into(),
        kind: 2,
        start_time_unix_nano: 1_760_000_000_000_000_001,
        end_time_unix_nano: 1_760_000_000_000_000_002,
        attributes: vec![
            attribute("a", Value::BoolValue(false)),
            KeyValue { key: "b".into(), ..KeyValue::default() },
        ],
        dropped_attributes_count: 3,
        events: vec![Event {
            time_unix_nano: 7,
            name: "e".into(),
            attributes: vec![attribute("x", Value::StringValue(String::new()))],
            dropped_attributes_count: 6,
        }],
        dropped_events_count: 4,
        links: vec![Link {
            trace_id: 1u128.to_be_bytes().into(),
            span_id: 2u64.to_be_bytes().into(),
            trace_state: "t".into(),
            attributes: Vec::new(),
            dropped_attributes_count: 7,
            flags: 769,
        }],
        dropped_links_count: 5,
        status: Some(Status { message: "boom".into(), code: 2 }),
    };
    let scope = InstrumentationScope {
        name: "n".into(),
        version: "v".into(),
        attributes: vec![attribute("k", Value::IntValue(5))],
        dropped_attributes_count: 2,
    };
    let resource = Resource {
        attributes: vec![attribute("service.name", Value::StringValue("shop".into()))],
        dropped_attributes_count: 1,
        entity_refs: vec![EntityRef {
            schema_url: "s".into(),
            r#type: "service".into(),
            id_keys: vec!["a".into(), String::new()],
            description_keys: vec!["b".into()],
        }],
    };
    let expected = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope),
            spans: vec![span],
            schema_url: "scope's".into(),
        }],
        schema_url: "https://opentelemetry.io/schemas/1.21.0".into(),
    };
    assert_eq!(decode(FULL).resource_spans, [expected]);
}

#[test]
fn a_value_is_of_its_kind() {
    let cases = [
        (r#"{"stringValue": ""}"#, Value::StringValue(String::new())),
        (r#"{"boolValue": true}"#, Value::BoolValue(true)),
        (r#"{"intValue": "-9223372036854775808"}"#, Value::IntValue(i64::MIN)),
        (r#"{"intValue": 42}"#, Value::IntValue(42)),
        (r#"{"intValue": 42.0}"#, Value::IntValue(42)),
        (r#"{"intValue": "1e3"}"#, Value::IntValue(1000)),
        (r#"{"doubleValue": 3}"#, Value::DoubleValue(3.0)),
        (r#"{"doubleValue": "0.25"}"#, Value::DoubleValue(0.25)),
        (r#"{"doubleValue": "Infinity"}"#, Value::DoubleValue(f64::INFINITY)),
        (r#"{"doubleValue": "-Infinity"}"#, Value::DoubleValue(f64::NEG_INFINITY)),
        (r#"{"bytesValue": "+/8="}"#, Value::BytesValue(vec![0xfb, 0xff])),
        (r#"{"bytesValue": "-_8"}"#, Value::BytesValue(vec![0xfb, 0xff])),
        (r#"{"arrayValue": {}}"#, Value::ArrayValue(ArrayValue::default())),
        (
            r#"{"arrayValue": {"values": [{"intValue": 1}, {}, {"arrayValue": {"values": []}}]}}"#,
            Value::ArrayValue(ArrayValue {
                values: vec![
                    AnyValue { value: Some(Value::IntValue(1)) },
                    AnyValue { value: None },
                    AnyValue { value: Some(Value::ArrayValue(ArrayValue::default())) },
                ],
            }),
        ),
        (
            r#"{"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": false}}]}}"#,
            Value::KvlistValue(KeyValueList {
                values: vec![attribute("a", Value::BoolValue(false))],
            }),
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(value(json), Some(expected), "{json}");
    }
    let Some(Value::DoubleValue(nan)) = value(r#"{"doubleValue": "NaN"}"#) else {
        panic!("expected a double")
    };
    assert!(nan.is_nan());
    assert_eq!(value("{}"), None);
}

#[test]
fn enums_have_numbers_and_names() {
    let kind = |json: &str| span(&format!(r#""kind": {json}"#)).kind;
    assert_eq!([kind("3"), kind(r#""SPAN_KIND_CLIENT""#), kind("77"), kind("-1")], [3, 3, 77, -1]);
    let code = |json: &str| span(&format!(r#""status": {{"code": {json}}}"#)).status.unwrap().code;
    assert_eq!([code("1"), code(r#""STATUS_CODE_ERROR""#), code("null")], [1, 2, 0]);
}

#[test]
fn what_is_unknown_or_null_is_passed_over() {
    let expected = Span { name: "n".into(), ..Span::default() };
    assert_eq!(span(r#""name": "n", "kind": null, "span_id": 1, "future": {"a": [1]}"#), expected);
    assert_eq!(decode("{}"), ExportTraceServiceRequest::default());
    assert_eq!(decode(r#"{"resourceSpans": null, "x": 1}"#), ExportTraceServiceRequest::default());
}

#[test]
fn ids_of_a_wrong_length_are_left_to_the_scan() {
    assert_eq!(span(r#""traceId": "0102""#).trace_id, [1, 2]);
}

#[test]
fn an_error_names_the_path() {
    let in_value =
        |value: &str| in_span(&format!(r#""attributes": [{{"key": "k", "value": {value}}}]"#));
    let long = "x".repeat(100);
    let cases = [
        String::new(),
        "[]".into(),
        r#"{"resourceSpans": {}}"#.into(),
        r#"{"resourceSpans": [1]}"#.into(),
        in_span(r#""traceId": "4bf92g""#),
        in_span(r#""traceId": "4bf""#),
        in_span(r#""startTimeUnixNano": "-1""#),
        in_span(r#""startTimeUnixNano": 1.5"#),
        in_span(r#""flags": 4294967296"#),
        in_span(r#""kind": "CLIENT""#),
        in_span(r#""status": {"code": 4294967296}"#),
        in_span(r#""name": ["n"]"#),
        in_span(&format!(r#""events": [{{}}, {{"timeUnixNano": "{long}"}}]"#)),
        in_value(r#"{"doubleValue": "nan"}"#),
        in_value(r#"{"intValue": "9223372036854775808"}"#),
        in_value(r#"{"boolValue": "true"}"#),
        in_value(r#"{"bytesValue": "?"}"#),
        in_value(r#"{"arrayValue": {"values": [{}, 1]}}"#),
    ];
    let errors: String = cases
        .map(|json| json_to_protobuf(json.as_bytes()).unwrap_err().to_string() + "\n")
        .concat();
    expect![[r#"
        not OTLP/JSON: EOF while parsing a value at line 1 column 0
        not OTLP/JSON: the whole: expected an object, got []
        not OTLP/JSON: resourceSpans: expected an array, got {}
        not OTLP/JSON: resourceSpans[0]: expected an object, got 1
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].traceId: expected an id in hex digits, got "4bf92g"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].traceId: expected an id in hex digits, got "4bf"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano: expected an integer from 0 to 2^64-1, as a number or a string, got "-1"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano: expected an integer from 0 to 2^64-1, as a number or a string, got 1.5
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].flags: expected an integer from 0 to 2^32-1, got 4294967296
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].kind: expected a span kind, as 0 to 5 or SPAN_KIND_…, got "CLIENT"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].status.code: expected a status code, as 0 to 2 or STATUS_CODE_…, got 4294967296
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].name: expected a string, got ["n"]
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].events[1].timeUnixNano: expected an integer from 0 to 2^64-1, as a number or a string, got "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.doubleValue: expected a number, or "NaN", "Infinity" or "-Infinity" as a string, got "nan"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.intValue: expected an integer from -2^63 to 2^63-1, as a number or a string, got "9223372036854775808"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.boolValue: expected true or false, got "true"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.bytesValue: expected bytes in base64, got "?"
        not OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.arrayValue.values[1]: expected an object, got 1
    "#]].assert_eq(&errors);
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| {
        let open = r#"{"arrayValue": {"values": ["#.repeat(levels);
        let close = "]}}".repeat(levels);
        in_span(&format!(r#""attributes": [{{"key": "k", "value": {open}{close}}}]"#))
    };
    assert!(json_to_protobuf(nested(30).as_bytes()).is_ok());
    let error = json_to_protobuf(nested(60).as_bytes()).unwrap_err();
    assert!(matches!(error, JsonError::Syntax { .. }), "{error}");
}

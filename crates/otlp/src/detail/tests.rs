use expect_test::{Expect, expect};

use super::*;
use crate::json_to_protobuf;

/// Checks how a value is shown.
fn check_value(json: &str, expected: &Expect) {
    let request = format!(
        r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{"attributes": [{{"key": "k", "value": {json}}}]}}]}}]}}]}}"#
    );
    let request = json_to_protobuf(request.as_bytes()).unwrap();
    let spans = read_spans(&request).unwrap();
    expected.assert_eq(&spans[0].attributes[0].1);
}

#[test]
fn values_are_shown_as_people_write_them() {
    check_value("{}", &expect!["null"]);
    check_value(r#"{"stringValue": "a \"b\""}"#, &expect![[r#"a "b""#]]);
    check_value(r#"{"boolValue": false}"#, &expect!["false"]);
    check_value(r#"{"intValue": "-7"}"#, &expect!["-7"]);
    check_value(r#"{"doubleValue": 1}"#, &expect!["1.0"]);
    check_value(r#"{"doubleValue": "NaN"}"#, &expect!["NaN"]);
    check_value(r#"{"bytesValue": "AP8="}"#, &expect!["00ff"]);
    check_value(
        r#"{"arrayValue": {"values": [{"stringValue": "a \"b\""}, {}, {"intValue": 1}]}}"#,
        &expect![[r#"["a \"b\"", null, 1]"#]],
    );
    check_value(
        r#"{"kvlistValue": {"values": [
            {"key": "x", "value": {"arrayValue": {}}},
            {"key": "y", "value": {"doubleValue": 0.5}}
        ]}}"#,
        &expect![[r#"{"x": [], "y": 0.5}"#]],
    );
    let deep = r#"{"arrayValue": {"values": ["#.repeat(20) + "{}" + &"]}}".repeat(20);
    check_value(&deep, &expect!["[[[[[[[[[[[[[[[[…]]]]]]]]]]]]]]]]"]);
}

#[test]
fn a_span_comes_with_its_context() {
    let request = br#"{"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{
            "scope": {"name": "library"},
            "spans": [
                {"traceId": "00000000000000000000000000000001", "spanId": "0000000000000002",
                 "parentSpanId": "0000000000000003", "name": "predict", "kind": 2,
                 "startTimeUnixNano": 10, "endTimeUnixNano": 30,
                 "status": {"code": 2, "message": "boom"},
                 "events": [{"timeUnixNano": 20, "name": "retry",
                             "attributes": [{"key": "n", "value": {"intValue": 1}}]}]},
                {"traceId": "0001"}
            ]
        }]
    }]}"#;
    let request = json_to_protobuf(request).unwrap();
    let spans = read_spans(&request).unwrap();
    let common =
        DetailedSpan { service: "shop".into(), scope: "library".into(), ..DetailedSpan::default() };
    let first = DetailedSpan {
        name: "predict".into(),
        trace_id: "00000000000000000000000000000001".parse().ok(),
        span_id: "0000000000000002".parse().ok(),
        parent_span_id: "0000000000000003".parse().ok(),
        kind: 2,
        start: UnixNano(10),
        end: UnixNano(30),
        status: StatusCode::ERROR,
        status_message: "boom".into(),
        events: vec![DetailedEvent {
            time: UnixNano(20),
            name: "retry".into(),
            attributes: vec![("n".into(), "1".into())],
        }],
        ..common.clone()
    };
    assert_eq!(spans, [first, common]);
}

#[test]
fn an_unreadable_list_does_not_hide_the_span() {
    // An array of one item whose length lies.
    let value = Value::Array(&[0x0a, 9, 1]);
    expect!["[(unreadable)]"].assert_eq(&display(value));
    let value = Value::Map(&[0x0a, 3, 0x0a, 1, b'k', 0x0a, 9]);
    expect![[r#"{"k": null(unreadable)}"#]].assert_eq(&display(value));
}

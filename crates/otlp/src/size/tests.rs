//! Messages as bytes or JSON, and how long the Collector would write them.

use tailsift_trace::{Interest, SpanSize};

use super::*;
use crate::{Scanner, json_to_protobuf};

fn sizes(payload: &[u8]) -> Vec<SpanSize> {
    let mut interest = Interest::default();
    interest.ask_for_sizes();
    Scanner::new(interest).scan(payload).unwrap().sizes
}

/// A trace ID, a span ID and a status are written whatever is in them.
const IDS: &str = r#""traceId": "5cea76d84aa8267304deffbf18a47763", "spanId": "94478c847e029717""#;

/// A span of these members beside its IDs, which take 18 and 10 bytes; parent and status take 2.
#[track_caller]
fn span(members: &str, beside: u32) {
    let json =
        format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{{IDS}{members}}}]}}]}}]}}"#);
    let payload = json_to_protobuf(json.as_bytes()).unwrap();
    assert_eq!(sizes(&payload)[0].span_bytes, 18 + 10 + 2 + 2 + beside, "{members}");
}

#[test]
fn spans_are_counted_by_field() {
    span("", 0);
    span(r#", "name": "op", "kind": 2"#, 4 + 2);
    span(r#", "startTimeUnixNano": "1", "endTimeUnixNano": "0""#, 9);
    span(r#", "parentSpanId": "94478c847e029717", "traceState": "a=b""#, 8 + 5);
    span(r#", "status": {"code": 2, "message": "no"}"#, 2 + 4);
    span(r#", "flags": 257, "droppedAttributesCount": 300, "droppedLinksCount": 1"#, 6 + 3 + 2);
    span(r#", "attributes": [{"key": "k", "value": {"stringValue": ""}}]"#, 2 + 3 + 2 + 2);
    span(r#", "attributes": [{"key": "k"}]"#, 2 + 3 + 2);
    span(r#", "attributes": [{"key": "k", "value": {"intValue": "-1"}}]"#, 2 + 3 + 2 + 11);
    span(r#", "attributes": [{"key": "k", "value": {"boolValue": false}}]"#, 2 + 3 + 2 + 2);
    span(r#", "attributes": [{"key": "k", "value": {"doubleValue": 0}}]"#, 2 + 3 + 2 + 9);
    span(
        r#", "attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"intValue": "1"}, {}]}}}]"#,
        2 + 3 + 2 + 2 + (2 + 2) + 2,
    );
    span(
        r#", "attributes": [{"key": "k", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"bytesValue": "AAA="}}]}}}]"#,
        2 + 3 + 2 + 2 + (2 + 3 + 2 + 4),
    );
    span(r#", "events": [{"timeUnixNano": "5", "name": "e"}, {}]"#, 2 + 9 + 3 + 2);
    span(&format!(r#", "links": [{{{IDS}, "flags": 1}}, {{}}]"#), 2 + 18 + 10 + 5 + 2 + 2 + 2);
}

#[test]
fn headers_are_counted_and_numbered() {
    let json = format!(
        r#"{{"resourceSpans": [
            {{"resource": {{"attributes": [{{"key": "k", "value": {{"intValue": "1"}}}}]}}, "schemaUrl": "u",
              "scopeSpans": [
                {{"scope": {{"name": "lib", "version": "1"}}, "schemaUrl": "u", "spans": [{{{IDS}}}, {{{IDS}}}]}},
                {{"scope": {{"name": "none"}}}},
                {{"spans": [{{{IDS}}}]}}
            ]}},
            {{"scopeSpans": [{{"spans": [{{{IDS}}}]}}]}}
        ]}}"#
    );
    let payload = json_to_protobuf(json.as_bytes()).unwrap();
    let headers = sizes(&payload).into_iter().map(|size| {
        let SpanSize { resource, scope, resource_bytes, scope_bytes, .. } = size;
        (resource, scope, resource_bytes, scope_bytes)
    });
    let expect = [(0, 0, 9, 8), (0, 0, 9, 8), (0, 1, 9, 0), (1, 2, 0, 0)];
    assert_eq!(headers.collect::<Vec<_>>(), expect);
}

/// Spans of two traces in turn come apart, each with its own size.
#[test]
fn sizes_go_where_their_spans_go() {
    let span = |trace: u8, name: &str| {
        format!(r#"{{"traceId": "{:032x}", "name": "{name}"}}"#, u32::from(trace))
    };
    let spans = [span(1, ""), span(2, "bb"), span(1, "ccc"), span(2, "dddd")].join(",");
    let json = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{spans}]}}]}}]}}"#);
    let payload = json_to_protobuf(json.as_bytes()).unwrap();
    let bytes: Vec<_> = sizes(&payload).iter().map(|size| size.span_bytes - 24).collect();
    assert_eq!(bytes, [0, 5, 4, 6]);
    assert!(Scanner::default().scan(&payload).unwrap().sizes.is_empty());
}

#[test]
fn what_the_collector_would_not_write_costs_nothing() {
    let of = |bytes: &[u8]| of_span(Cursor::new(bytes).unwrap());
    assert_eq!(of(&[]), 8);
    // Zeros, an unknown field, and an earlier name.
    assert_eq!(of(&[0x30, 0, 0x50, 0, 0xba, 0x06, 1, 7, 0x2a, 3, 1, 2, 3, 0x2a, 1, 9]), 8 + 3);
    // A parent of zeros is none; a long count is cut to 32 bits; two statuses merge.
    assert_eq!(of(&[0x22, 8, 0, 0, 0, 0, 0, 0, 0, 0]), 8);
    assert_eq!(of(&[0x50, 0x80, 0x80, 0x80, 0x80, 0x10]), 8);
    assert_eq!(of(&[0x7a, 2, 0x18, 1, 0x7a, 3, 0x12, 1, 7]), 8 + 2 + 3);
    assert_eq!(of_resource(Cursor::new(&[0x10, 0]).unwrap()), 0);
    assert_eq!(of_scope(Cursor::new(&[0x0a, 0, 0x20, 0]).unwrap()), 0);
}

#[test]
fn what_breaks_the_encoding_counts_as_it_came() {
    for bytes in [&[0x5a, 2, 0x12, 9][..], &[0x4a, 3, 0x12, 1, 0x0a], &[0x6a, 1, 0xff]] {
        assert_eq!(of_span(Cursor::new(bytes).unwrap()), bytes.len() as u32, "{bytes:?}");
    }
    // Values within values without end are no way to exhaust the stack.
    let mut deep = Vec::new();
    for _ in 0..100_000 {
        let mut outer = vec![0x2a];
        let list = [&[0x0a][..], &length(deep.len()), &deep].concat();
        outer.extend(length(list.len()));
        outer.extend(list);
        deep = outer;
        if deep.len() > 1 << 16 {
            break;
        }
    }
    let attribute = [&[0x12][..], &length(deep.len()), &deep].concat();
    let span = [&[0x4a][..], &length(attribute.len()), &attribute].concat();
    assert_eq!(of_span(Cursor::new(&span).unwrap()) as usize, 8 + span.len());
}

fn length(mut content: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while content >= 0x80 {
        bytes.push(content as u8 | 0x80);
        content >>= 7;
    }
    bytes.push(content as u8);
    bytes
}

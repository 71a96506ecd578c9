use expect_test::expect;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::fields::{key_value, log, process, span as field, span_ref, time};
use super::*;
use crate::writer::Writer;

const TRACE: [u8; 16] = *b"0123456789abcdef";

fn span(rest: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(field::TRACE_ID, &TRACE);
    out.bytes(field::SPAN_ID, b"76543210");
    rest(&mut out);
    out.into_bytes()
}

fn text_tag(out: &mut Writer, field: u32, key: &str, text: &str) {
    out.nested(field, |out| {
        out.bytes(key_value::KEY, key.as_bytes());
        out.bytes(key_value::TEXT, text.as_bytes());
    });
}

fn other_tag(out: &mut Writer, key: &str, kind: u64, field: u32, value: u64) {
    out.nested(field::TAGS, |out| {
        out.bytes(key_value::KEY, key.as_bytes());
        out.varint(key_value::TYPE, kind);
        out.varint(field, value);
    });
}

fn converted(span: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(&*jaeger_to_protobuf(span).unwrap()).unwrap()
}

fn status(tags: &[(&str, &str)], is_error: bool) -> (i32, String, usize) {
    let bytes = span(|out| {
        tags.iter().for_each(|(key, text)| text_tag(out, field::TAGS, key, text));
        if is_error {
            other_tag(out, "error", 1, key_value::BOOL, 1);
        }
    });
    let request = converted(&bytes);
    let span = request.resource_spans[0].scope_spans[0].spans[0].clone();
    let status = span.status.unwrap_or_default();
    (status.code, status.message, span.attributes.len())
}

#[test]
fn where_the_status_comes_from() {
    let code = |code| ("otel.status_code", code);
    let why = ("otel.status_description", "why");
    let http = |code| ("http.status_code", code);
    let cases: [(&[_], _, _); 12] = [
        (&[], false, (0, "", 0)),
        (&[], true, (2, "", 0)),
        (&[code("OK"), why], true, (2, "why", 0)),
        (&[("http.status_message", "m")], true, (2, "m", 1)),
        (&[code("ok"), why], false, (1, "why", 0)),
        (&[code("Error")], false, (2, "", 0)),
        (&[code("?")], false, (0, "", 0)),
        (&[("error", "true")], false, (0, "", 1)),
        (&[http("500"), ("http.status_message", "m")], false, (2, "m", 2)),
        (&[http("404"), ("span.kind", "server")], false, (0, "", 1)),
        (&[http("404"), ("span.kind", "client")], false, (2, "", 1)),
        (&[http("204")], false, (0, "", 1)),
    ];
    for (tags, is_error, (code, message, left)) in cases {
        assert_eq!(status(tags, is_error), (code, message.to_owned(), left), "{tags:?}");
    }
}

fn reference(out: &mut Writer, trace: &[u8], span: &[u8], kind: u64) {
    out.nested(field::REFERENCES, |out| {
        out.bytes(span_ref::TRACE_ID, trace);
        out.bytes(span_ref::SPAN_ID, span);
        out.varint(span_ref::REF_TYPE, kind);
    });
}

#[test]
fn parents_and_links() {
    let request = converted(&span(|out| {
        reference(out, b"another another!", b"elsewher", 0);
        reference(out, &TRACE, b"follows!", 1);
        reference(out, &TRACE, b"child_of", 0);
    }));
    let span_of = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span_of.parent_span_id, b"child_of");
    let ids: Vec<_> = span_of.links.iter().map(|link| &*link.span_id).collect();
    assert_eq!(ids, [b"elsewher", b"follows!"]);
    let request = converted(&span(|out| reference(out, &TRACE, b"follows!", 1)));
    let span_of = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((&*span_of.parent_span_id, span_of.links.len()), (&b"follows!"[..], 1));
}

#[test]
fn the_rest_of_a_span() {
    let request = converted(&span(|out| {
        out.bytes(field::TRACE_ID, b"89abcdef");
        out.bytes(field::OPERATION_NAME, b"predict");
        out.varint(field::FLAGS, 3);
        out.nested(field::START_TIME, |out| {
            out.varint(time::SECONDS, 1);
            out.varint(time::NANOS, 5);
        });
        out.nested(field::DURATION, |out| out.varint(time::NANOS, 7));
        text_tag(out, field::TAGS, "otel.scope.name", "lib");
        text_tag(out, field::TAGS, "otel.scope.version", "1");
        text_tag(out, field::TAGS, "w3c.tracestate", "a=b");
        other_tag(out, "odd", 9, key_value::INT, 1);
        out.nested(field::LOGS, |out| {
            text_tag(out, log::FIELDS, "event", "cache.miss");
            text_tag(out, log::FIELDS, "k", "v");
        });
        out.nested(field::PROCESS, |out| {
            out.bytes(process::SERVICE_NAME, b"shop");
            text_tag(out, process::TAGS, "hostname", "h");
            text_tag(out, process::TAGS, "jaeger.version", "Go-2");
        });
    }));
    let json = |value: &_| format!("{value:?}\n");
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let scope = request.resource_spans[0].scope_spans[0].scope.as_ref().unwrap();
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    let attributes = resource.attributes.iter().chain(&span.attributes);
    let attributes = attributes.chain(&span.events[0].attributes);
    let mut shown: String =
        attributes.map(|pair| format!("{} {}", pair.key, json(&pair.value))).collect();
    shown += &format!("{} {} {:?}\n", scope.name, scope.version, span.trace_id);
    shown += &format!("{} {} {}\n", span.start_time_unix_nano, span.end_time_unix_nano, span.flags);
    shown += &format!("{} {} {}\n", span.name, span.trace_state, span.events[0].name);
    expect![[r#"
        service.name Some(AnyValue { value: Some(StringValue("shop")) })
        host.name Some(AnyValue { value: Some(StringValue("h")) })
        opencensus.exporterversion Some(AnyValue { value: Some(StringValue("Jaeger-Go-2")) })
        odd Some(AnyValue { value: Some(StringValue("<Unknown Jaeger TagType \"9\">")) })
        k Some(AnyValue { value: Some(StringValue("v")) })
        lib 1 [0, 0, 0, 0, 0, 0, 0, 0, 56, 57, 97, 98, 99, 100, 101, 102]
        1000000005 1000000012 1
        predict a=b cache.miss
    "#]]
    .assert_eq(&shown);
}

#[test]
fn an_error_names_the_byte() {
    let time = |field, seconds: i64, nanos: u64| {
        span(|out| {
            out.nested(field, |out| {
                out.varint(time::SECONDS, seconds as u64);
                out.varint(time::NANOS, nanos);
            });
        })
    };
    let cases = [
        vec![0x0a, 3, 1, 2, 3],
        span(|out| out.bytes(field::SPAN_ID, b"short")),
        span(|out| out.varint(field::OPERATION_NAME & !7, 1)),
        b"[{\"traceId\"".to_vec(),
        time(field::START_TIME, 0, 1_000_000_000),
        time(field::START_TIME, i64::MAX, 0),
        time(field::DURATION, 1, -1i64 as u64),
        time(field::DURATION, i64::MAX / 1_000_000_000 + 1, 0),
    ];
    let errors: String =
        cases.map(|bytes| jaeger_to_protobuf(&bytes).unwrap_err().to_string() + "\n").concat();
    expect![[r#"
        not a Jaeger span: byte 1: expected a trace ID of 8 or 16 bytes, got 3; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 29: expected a span ID of 8 bytes, got 5; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 29: expected field 3 in its own wire type, got wire type 0; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 1: expected field 11 in its own wire type, got wire type 3; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 30: expected a time of the years 1 to 9999 with 0 to 999999999 ns, got 0 s and 1000000000 ns; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 30: expected a time of the years 1 to 9999 with 0 to 999999999 ns, got 9223372036854775807 s and 0 ns; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 30: expected a duration of at most 292 years, seconds and ns of one sign, got 1 s and -1 ns; check that the producer writes jaeger_proto, one model.Span a record
        not a Jaeger span: byte 30: expected a duration of at most 292 years, seconds and ns of one sign, got 9223372037 s and 0 ns; check that the producer writes jaeger_proto, one model.Span a record
    "#]].assert_eq(&errors);
}

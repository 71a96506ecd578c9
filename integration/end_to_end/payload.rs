//! Requests made by hand.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use crate::rig::{Record, now_ms};

/// A span's start: any time will do.
const START_NANOS: u64 = 1_750_000_000_000_000_000;

/// A span of the trace whose ID is `trace` sixteen times.
pub(crate) fn span(trace: u8, number: u8) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![number.max(1); 8],
        name: format!("step {number}"),
        start_time_unix_nano: START_NANOS,
        end_time_unix_nano: START_NANOS + 1_000_000,
        ..Span::default()
    }
}

/// The same with status ERROR.
pub(crate) fn failed(trace: u8, number: u8) -> Span {
    let status = Status { code: StatusCode::Error.into(), ..Status::default() };
    Span { status: Some(status), ..span(trace, number) }
}

/// A failed span with an attribute of so many bytes, which do not compress well.
pub(crate) fn large(trace: u8, number: u8, bytes: usize) -> Span {
    let mut state = u32::from(number) + 1;
    let letters = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 90)
    });
    let prompt = attribute("prompt", letters.take(bytes).collect());
    Span { attributes: vec![prompt], ..failed(trace, number) }
}

/// A request of one resource that holds these spans.
pub(crate) fn request(spans: Vec<Span>) -> Vec<u8> {
    let resource = Resource {
        attributes: vec![attribute("service.name", "model-server".to_owned())],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// A record of partition 0, written just now.
pub(crate) fn record(key: &str, value: Option<Vec<u8>>) -> Record {
    Record {
        key: Some(key.as_bytes().to_vec()),
        value,
        partition: 0,
        timestamp_ms: now_ms(),
        headers: vec![("origin".to_owned(), key.as_bytes().to_vec())],
    }
}

fn attribute(key: &str, text: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(text)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

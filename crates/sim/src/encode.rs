//! A tiny OTLP encoder: just enough fields that scans, policies and splits have something to do.
//!
//! Field numbers are those of opentelemetry-proto 1.x (`trace.proto`, `common.proto`,
//! `resource.proto`).

use crate::input::Span;

/// Encodes an `ExportTraceServiceRequest` with one `ResourceSpans` per run of spans of one service.
pub(crate) fn request<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Vec<u8> {
    let spans: Vec<&Span> = spans.into_iter().collect();
    let mut out = Vec::new();
    for run in spans.chunk_by(|a, b| a.service == b.service) {
        let mut resource = Vec::new();
        text_attribute(&mut resource, 1, "service.name", run[0].service);
        let mut scope_spans = Vec::new();
        let mut scope = Vec::new();
        bytes_field(&mut scope, 1, run[0].scope().as_bytes());
        bytes_field(&mut scope_spans, 1, &scope);
        for span in run {
            bytes_field(&mut scope_spans, 2, &span.encoded);
        }
        let mut resource_spans = Vec::new();
        bytes_field(&mut resource_spans, 1, &resource);
        bytes_field(&mut resource_spans, 2, &scope_spans);
        bytes_field(&mut out, 1, &resource_spans);
    }
    out
}

/// Encodes a `Span`, and `padding` bytes of attribute in it.
pub(crate) fn span(span: &Span, padding: usize) -> Vec<u8> {
    let mut out = Vec::new();
    bytes_field(&mut out, 1, &span.trace_id.0);
    bytes_field(&mut out, 2, &span.span_id.0);
    if let Some(parent) = span.parent {
        bytes_field(&mut out, 4, &parent.0);
    }
    bytes_field(&mut out, 5, span.name.as_bytes());
    varint_field(&mut out, 6, span.kind);
    fixed64_field(&mut out, 7, span.start_ns);
    fixed64_field(&mut out, 8, span.end_ns);
    if let Some(confidence) = span.confidence {
        let mut value = Vec::new();
        fixed64_field(&mut value, 4, confidence.to_bits());
        attribute(&mut out, 9, "prediction_confidence", &value);
    }
    if padding > 0 {
        text_attribute(&mut out, 9, "prompt", &"x".repeat(padding));
    }
    if span.error {
        let mut status = Vec::new();
        varint_field(&mut status, 3, 2);
        bytes_field(&mut out, 15, &status);
    }
    out
}

fn text_attribute(out: &mut Vec<u8>, field: u64, key: &str, text: &str) {
    let mut value = Vec::new();
    bytes_field(&mut value, 1, text.as_bytes());
    attribute(out, field, key, &value);
}

fn attribute(out: &mut Vec<u8>, field: u64, key: &str, value: &[u8]) {
    let mut pair = Vec::new();
    bytes_field(&mut pair, 1, key.as_bytes());
    bytes_field(&mut pair, 2, value);
    bytes_field(out, field, &pair);
}

fn bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint_field(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn fixed64_field(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

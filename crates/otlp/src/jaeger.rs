//! Jaeger's spans (`model.proto`), turned into OTLP as the OpenTelemetry Collector turns them.

mod fields;
mod read;

use crate::JaegerError;
use crate::convert::{Attributes, ERROR, Link, OK, Request, Scope, Span, Text, UNSET, Value};
use crate::wire::Cursor;
use read::{Read, Reference};

const NO_SERVICE: &[u8] = b"OTLPResourceNoServiceName";
const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
const CONSUMER: u64 = 5;
const HTTP_STATUS: &str = "http.status_code";
const SAMPLED: u64 = 1;

/// Turns one Jaeger span with its process (encoding `jaeger_proto`) into an OTLP request.
///
/// # Errors
/// If the bytes are no protobuf, a known field has another type, an id another length, or a time
/// or duration is out of protobuf's bounds.
pub fn jaeger_to_protobuf(span: &[u8]) -> Result<Vec<u8>, JaegerError> {
    let mut read = read::span(Cursor::new(span)?)?;
    let resource = resource(read.process.take());
    let parent = parent(&read);
    let mut span = Span {
        trace_id: read.trace_id,
        span_id: read.span_id,
        parent_span_id: parent,
        flags: u32::from(read.flags & SAMPLED != 0),
        name: read.name.into(),
        start: nanos(read.start),
        end: nanos(read.start + i128::from(read.duration)),
        written: read.events,
        ..Span::default()
    };
    for reference in &read.references {
        if reference.span_id != parent || !reference.is_child_of() {
            span.add_link(&link(reference));
        }
    }
    let mut tags = read.tags;
    tags.settle();
    if let Some(kind) = tags.take("span.kind") {
        span.kind = kind_of(&kind.into_text());
    }
    (span.status, span.status_message) = take_status(&mut tags, span.kind);
    span.trace_state = take_text(&mut tags, "w3c.tracestate").unwrap_or_default();
    span.attributes = tags;
    let mut request = Request::default();
    let scope = Scope { name: read.scope_name.into(), version: read.scope_version.into() };
    request.add(&resource, &scope, &span);
    Ok(request.into_bytes())
}

fn resource(process: Option<read::Process<'_>>) -> Attributes<'_> {
    let mut attributes = Attributes::default();
    let Some(process) = process.filter(|process| process.service != NO_SERVICE) else {
        return attributes;
    };
    if !process.service.is_empty() {
        attributes.push_text("service.name", process.service);
    }
    attributes.append(process.tags);
    attributes.settle();
    attributes.rename("hostname", "host.name");
    if attributes.get("opencensus.exporterversion").is_none()
        && let Some(version) = take_text(&mut attributes, "jaeger.version")
    {
        let version = [b"Jaeger-", &*version].concat();
        attributes.push_text("opencensus.exporterversion", version);
    }
    attributes
}

/// The first parent of the same trace: one that is waited for comes before one that is not.
fn parent(read: &Read<'_>) -> [u8; 8] {
    let mut same = read.references.iter().filter(|reference| reference.trace_id == read.trace_id);
    let child_of = same.clone().find(|reference| reference.is_child_of());
    let parent = child_of.or_else(|| same.find(|reference| reference.is_follows_from()));
    parent.map_or([0; 8], |parent| parent.span_id)
}

fn link(reference: &Reference) -> Link<'static> {
    let kind = if reference.is_child_of() { "child_of" } else { "follows_from" };
    let mut link =
        Link { trace_id: reference.trace_id, span_id: reference.span_id, ..Link::default() };
    link.attributes.push_text("opentracing.ref_type", kind.as_bytes());
    link
}

fn kind_of(tag: &[u8]) -> u64 {
    match tag {
        b"internal" => INTERNAL,
        b"server" => SERVER,
        b"client" => CLIENT,
        b"producer" => PRODUCER,
        b"consumer" => CONSUMER,
        _ => 0,
    }
}

/// The status and its message: of the tag `error`, else of `otel.status_code`, else of HTTP.
fn take_status<'p>(tags: &mut Attributes<'p>, kind: u64) -> (u64, Text<'p>) {
    const DESCRIPTION: &str = "otel.status_description";
    let mut found = None;
    if tags.get("error") == Some(&Value::Bool(true)) {
        tags.take("error");
        let message = take_text(tags, DESCRIPTION).unwrap_or_else(|| http_message(tags));
        found = Some((ERROR, message));
    }
    if let Some(code) = take_text(tags, "otel.status_code") {
        found = found.or_else(|| {
            let code = match () {
                () if code.eq_ignore_ascii_case(b"ok") => OK,
                () if code.eq_ignore_ascii_case(b"error") => ERROR,
                () => UNSET,
            };
            Some((code, take_text(tags, DESCRIPTION).unwrap_or_default()))
        });
    } else if found.is_none() && is_http_failure(tags.get(HTTP_STATUS), kind) {
        found = Some((ERROR, http_message(tags)));
    }
    found.unwrap_or_default()
}

fn http_message<'p>(tags: &Attributes<'p>) -> Text<'p> {
    tags.get("http.status_message").cloned().map(Value::into_text).unwrap_or_default()
}

fn is_http_failure(code: Option<&Value<'_>>, kind: u64) -> bool {
    let code = match code {
        Some(Value::Int(code)) => Some(*code),
        Some(Value::Text(text)) => str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        Some(Value::Bool(_) | Value::Double(_) | Value::Bytes(_) | Value::Json(_)) | None => None,
    };
    match code {
        None => false,
        Some(400..=499) if kind == SERVER => false,
        // The Collector counts 399 among the failures.
        Some(code) => !(100..399).contains(&code),
    }
}

fn take_text<'p>(tags: &mut Attributes<'p>, key: &str) -> Option<Text<'p>> {
    tags.take(key).map(Value::into_text)
}

/// What OTLP can say of a time.
fn nanos(time: i128) -> u64 {
    u64::try_from(time.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

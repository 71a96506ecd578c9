//! Spans for people: owned, complete, and rendered.

use tailsift_trace::{SpanId, StatusCode, TraceId, UnixNano, Value};

use crate::ScanError;
use crate::attribute::{Pair, merge_any_value};
use crate::fields::{
    event, list, request, resource, resource_spans, scope, scope_spans, span, status,
};
use crate::wire::Cursor;

/// Lists within lists that are rendered; deeper ones show as `…`.
const RENDER_DEPTH_MAX: usize = 16;

/// A span with its context, for display. Texts that are no UTF-8 hold `U+FFFD` where they break.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetailedSpan {
    /// The resource's `service.name`; empty if it has none.
    pub service: String,
    /// The name of its scope; empty if it has none.
    pub scope: String,
    /// `name`.
    pub name: String,
    /// `trace_id`; `None` if it is not 16 bytes, or all zeros.
    pub trace_id: Option<TraceId>,
    /// `span_id`; `None` if it is not 8 bytes, or all zeros.
    pub span_id: Option<SpanId>,
    /// `parent_span_id`; `None` on a root.
    pub parent_span_id: Option<SpanId>,
    /// `kind`, as in [`tailsift_trace::Span::kind`].
    pub kind: i32,
    /// `start_time_unix_nano`.
    pub start: UnixNano,
    /// `end_time_unix_nano`.
    pub end: UnixNano,
    /// `status.code`.
    pub status: StatusCode,
    /// `status.message`.
    pub status_message: String,
    /// Its attributes in wire order, repeated keys included. Texts are as they are, lists as in
    /// JSON, bytes in hex.
    pub attributes: Vec<(String, String)>,
    /// Its events in wire order.
    pub events: Vec<DetailedEvent>,
}

/// An event of a span, for display.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetailedEvent {
    /// `time_unix_nano`.
    pub time: UnixNano,
    /// `name`.
    pub name: String,
    /// Its attributes, as a span's.
    pub attributes: Vec<(String, String)>,
}

/// Reads every span of a request, in wire order.
///
/// Unlike the scan it decodes everything that it shows, allocates freely, and gives spans with an
/// unusable trace ID too.
///
/// # Errors
/// At the first breach of the encoding.
pub fn read_spans(request: &[u8]) -> Result<Vec<DetailedSpan>, ScanError> {
    let mut spans = Vec::new();
    let mut fields = Cursor::new(request)?;
    while !fields.is_empty() {
        match fields.key()? {
            request::RESOURCE_SPANS => read_resource_spans(fields.message()?, &mut spans)?,
            other => fields.skip_unknown(other, request::KNOWN)?,
        }
    }
    Ok(spans)
}

fn read_resource_spans(
    mut fields: Cursor<'_>,
    spans: &mut Vec<DetailedSpan>,
) -> Result<(), ScanError> {
    let first = spans.len();
    let mut service = String::new();
    while !fields.is_empty() {
        match fields.key()? {
            resource_spans::RESOURCE => read_service(fields.message()?, &mut service)?,
            resource_spans::SCOPE_SPANS => read_scope_spans(fields.message()?, spans)?,
            resource_spans::SCHEMA_URL => drop(fields.delimited()?),
            other => fields.skip_unknown(other, resource_spans::KNOWN)?,
        }
    }
    for span in &mut spans[first..] {
        span.service.clone_from(&service);
    }
    Ok(())
}

fn read_service(mut fields: Cursor<'_>, service: &mut String) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            resource::ATTRIBUTES => {
                let pair = Pair::read(fields.message()?)?;
                if pair.key == b"service.name" {
                    *service = display(pair.value()?);
                }
            }
            resource::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
            resource::ENTITY_REFS => drop(fields.delimited()?),
            other => fields.skip_unknown(other, resource::KNOWN)?,
        }
    }
    Ok(())
}

fn read_scope_spans(
    mut fields: Cursor<'_>,
    spans: &mut Vec<DetailedSpan>,
) -> Result<(), ScanError> {
    let first = spans.len();
    let mut name = String::new();
    while !fields.is_empty() {
        match fields.key()? {
            scope_spans::SCOPE => read_scope_name(fields.message()?, &mut name)?,
            scope_spans::SPANS => spans.push(read_span(fields.message()?)?),
            scope_spans::SCHEMA_URL => drop(fields.delimited()?),
            other => fields.skip_unknown(other, scope_spans::KNOWN)?,
        }
    }
    for span in &mut spans[first..] {
        span.scope.clone_from(&name);
    }
    Ok(())
}

fn read_scope_name(mut fields: Cursor<'_>, name: &mut String) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            scope::NAME => *name = text(fields.delimited()?),
            scope::VERSION | scope::ATTRIBUTES => drop(fields.delimited()?),
            scope::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
            other => fields.skip_unknown(other, scope::KNOWN)?,
        }
    }
    Ok(())
}

fn read_span(mut fields: Cursor<'_>) -> Result<DetailedSpan, ScanError> {
    let mut detail = DetailedSpan::default();
    while !fields.is_empty() {
        match fields.key()? {
            span::TRACE_ID => detail.trace_id = TraceId::from_wire(fields.delimited()?),
            span::SPAN_ID => detail.span_id = SpanId::from_wire(fields.delimited()?),
            span::PARENT_SPAN_ID => detail.parent_span_id = SpanId::from_wire(fields.delimited()?),
            span::NAME => detail.name = text(fields.delimited()?),
            span::KIND => detail.kind = fields.varint()? as i32,
            span::START_TIME => detail.start = UnixNano(fields.fixed64()?),
            span::END_TIME => detail.end = UnixNano(fields.fixed64()?),
            span::ATTRIBUTES => detail.attributes.push(read_attribute(fields.message()?)?),
            span::EVENTS => detail.events.push(read_event(fields.message()?)?),
            span::STATUS => read_status(fields.message()?, &mut detail)?,
            other => span::skip(&mut fields, other)?,
        }
    }
    Ok(detail)
}

fn read_status(mut fields: Cursor<'_>, detail: &mut DetailedSpan) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            status::CODE => detail.status = StatusCode(fields.varint()? as i32),
            status::MESSAGE => detail.status_message = text(fields.delimited()?),
            other => fields.skip_unknown(other, status::KNOWN)?,
        }
    }
    Ok(())
}

fn read_event(mut fields: Cursor<'_>) -> Result<DetailedEvent, ScanError> {
    let mut detail = DetailedEvent::default();
    while !fields.is_empty() {
        match fields.key()? {
            event::TIME => detail.time = UnixNano(fields.fixed64()?),
            event::NAME => detail.name = text(fields.delimited()?),
            event::ATTRIBUTES => detail.attributes.push(read_attribute(fields.message()?)?),
            event::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
            other => fields.skip_unknown(other, event::KNOWN)?,
        }
    }
    Ok(detail)
}

fn read_attribute(message: Cursor<'_>) -> Result<(String, String), ScanError> {
    let pair = Pair::read(message)?;
    Ok((text(pair.key), display(pair.value()?)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn display(value: Value<'_>) -> String {
    if let Value::Text(bytes) = value {
        return text(bytes);
    }
    let mut out = String::new();
    render(value, 0, &mut out);
    out
}

fn render(value: Value<'_>, depth: usize, out: &mut String) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Text(bytes) => out.push_str(&quoted(bytes)),
        Value::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Double(value) => out.push_str(&format!("{value:?}")),
        Value::Bytes(bytes) => out.extend(bytes.iter().map(|byte| format!("{byte:02x}"))),
        Value::Array(_) | Value::Map(_) if depth == RENDER_DEPTH_MAX => out.push('…'),
        Value::Array(bytes) => render_list(bytes, ['[', ']'], out, |item, out| {
            let mut value = Value::Empty;
            merge_any_value(item, &mut value)?;
            render(value, depth + 1, out);
            Ok(())
        }),
        Value::Map(bytes) => render_list(bytes, ['{', '}'], out, |item, out| {
            let pair = Pair::read(item)?;
            let value = pair.value()?;
            out.push_str(&quoted(pair.key));
            out.push_str(": ");
            render(value, depth + 1, out);
            Ok(())
        }),
    }
}

/// Renders what can be read of a list; the place of a breach is marked, as the span is still worth
/// showing.
fn render_list<'p>(
    bytes: &'p [u8],
    [open, close]: [char; 2],
    out: &mut String,
    mut render_item: impl FnMut(Cursor<'p>, &mut String) -> Result<(), ScanError>,
) {
    let mut render_items = |out: &mut String| {
        let mut fields = Cursor::new(bytes)?;
        let mut first = true;
        while !fields.is_empty() {
            match fields.key()? {
                list::VALUES => {
                    let item = fields.message()?;
                    if !std::mem::take(&mut first) {
                        out.push_str(", ");
                    }
                    render_item(item, out)?;
                }
                other => fields.skip_unknown(other, list::KNOWN)?,
            }
        }
        Ok::<_, ScanError>(())
    };
    out.push(open);
    if render_items(out).is_err() {
        out.push_str("(unreadable)");
    }
    out.push(close);
}

fn quoted(bytes: &[u8]) -> String {
    serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string()
}

#[cfg(test)]
mod tests;

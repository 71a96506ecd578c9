//! The messages of OTLP, member by member.

use super::node::Node;
use crate::JsonError;
use crate::fields::{
    any_value, entity_ref, event, key_value, link, list, request, resource, resource_spans, scope,
    scope_spans, span, status,
};
use crate::writer::Writer;

type Written = Result<(), JsonError>;

const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

pub(super) fn write_request(node: Node<'_>, out: &mut Writer) -> Written {
    node.expect_object()?;
    messages(node, "resourceSpans", request::RESOURCE_SPANS, out, write_resource_spans)
}

fn write_resource_spans(node: Node<'_>, out: &mut Writer) -> Written {
    message(node, "resource", resource_spans::RESOURCE, out, write_resource)?;
    messages(node, "scopeSpans", resource_spans::SCOPE_SPANS, out, write_scope_spans)?;
    text(node, "schemaUrl", resource_spans::SCHEMA_URL, out)
}

fn write_resource(node: Node<'_>, out: &mut Writer) -> Written {
    messages(node, "attributes", resource::ATTRIBUTES, out, write_key_value)?;
    count(node, "droppedAttributesCount", resource::DROPPED_ATTRIBUTES_COUNT, out)?;
    messages(node, "entityRefs", resource::ENTITY_REFS, out, write_entity_ref)
}

fn write_entity_ref(node: Node<'_>, out: &mut Writer) -> Written {
    text(node, "schemaUrl", entity_ref::SCHEMA_URL, out)?;
    text(node, "type", entity_ref::TYPE, out)?;
    texts(node, "idKeys", entity_ref::ID_KEYS, out)?;
    texts(node, "descriptionKeys", entity_ref::DESCRIPTION_KEYS, out)
}

fn write_scope_spans(node: Node<'_>, out: &mut Writer) -> Written {
    message(node, "scope", scope_spans::SCOPE, out, write_scope)?;
    messages(node, "spans", scope_spans::SPANS, out, write_span)?;
    text(node, "schemaUrl", scope_spans::SCHEMA_URL, out)
}

fn write_scope(node: Node<'_>, out: &mut Writer) -> Written {
    text(node, "name", scope::NAME, out)?;
    text(node, "version", scope::VERSION, out)?;
    messages(node, "attributes", scope::ATTRIBUTES, out, write_key_value)?;
    count(node, "droppedAttributesCount", scope::DROPPED_ATTRIBUTES_COUNT, out)
}

fn write_span(node: Node<'_>, out: &mut Writer) -> Written {
    id(node, "traceId", span::TRACE_ID, out)?;
    id(node, "spanId", span::SPAN_ID, out)?;
    text(node, "traceState", span::TRACE_STATE, out)?;
    id(node, "parentSpanId", span::PARENT_SPAN_ID, out)?;
    text(node, "name", span::NAME, out)?;
    if let Some(kind) = node.member("kind") {
        let number = kind.enumeration(&SPAN_KINDS, "a span kind, as 0 to 5 or SPAN_KIND_…")?;
        varint(span::KIND, i64::from(number) as u64, out);
    }
    time(node, "startTimeUnixNano", span::START_TIME, out)?;
    time(node, "endTimeUnixNano", span::END_TIME, out)?;
    messages(node, "attributes", span::ATTRIBUTES, out, write_key_value)?;
    count(node, "droppedAttributesCount", span::DROPPED_ATTRIBUTES_COUNT, out)?;
    messages(node, "events", span::EVENTS, out, write_event)?;
    count(node, "droppedEventsCount", span::DROPPED_EVENTS_COUNT, out)?;
    messages(node, "links", span::LINKS, out, write_link)?;
    count(node, "droppedLinksCount", span::DROPPED_LINKS_COUNT, out)?;
    message(node, "status", span::STATUS, out, write_status)?;
    flags(node, span::FLAGS, out)
}

fn write_event(node: Node<'_>, out: &mut Writer) -> Written {
    time(node, "timeUnixNano", event::TIME, out)?;
    text(node, "name", event::NAME, out)?;
    messages(node, "attributes", event::ATTRIBUTES, out, write_key_value)?;
    count(node, "droppedAttributesCount", event::DROPPED_ATTRIBUTES_COUNT, out)
}

fn write_link(node: Node<'_>, out: &mut Writer) -> Written {
    id(node, "traceId", link::TRACE_ID, out)?;
    id(node, "spanId", link::SPAN_ID, out)?;
    text(node, "traceState", link::TRACE_STATE, out)?;
    messages(node, "attributes", link::ATTRIBUTES, out, write_key_value)?;
    count(node, "droppedAttributesCount", link::DROPPED_ATTRIBUTES_COUNT, out)?;
    flags(node, link::FLAGS, out)
}

fn write_status(node: Node<'_>, out: &mut Writer) -> Written {
    text(node, "message", status::MESSAGE, out)?;
    if let Some(code) = node.member("code") {
        let number =
            code.enumeration(&STATUS_CODES, "a status code, as 0 to 2 or STATUS_CODE_…")?;
        varint(status::CODE, i64::from(number) as u64, out);
    }
    Ok(())
}

fn write_key_value(node: Node<'_>, out: &mut Writer) -> Written {
    text(node, "key", key_value::KEY, out)?;
    message(node, "value", key_value::VALUE, out, write_any_value)
}

/// Members of the `oneof` are written even if they hold the default: that one is set says which
/// kind of value it is. Of several, the last in the order of field numbers counts.
fn write_any_value(node: Node<'_>, out: &mut Writer) -> Written {
    if let Some(value) = node.member("stringValue") {
        out.bytes(any_value::STRING, value.text()?.as_bytes());
    }
    if let Some(value) = node.member("boolValue") {
        out.varint(any_value::BOOL, u64::from(value.bool()?));
    }
    if let Some(value) = node.member("intValue") {
        out.varint(any_value::INT, value.i64()? as u64);
    }
    if let Some(value) = node.member("doubleValue") {
        out.fixed64(any_value::DOUBLE, value.double()?.to_bits());
    }
    message(node, "arrayValue", any_value::ARRAY, out, |array, out| {
        messages(array, "values", list::VALUES, out, write_any_value)
    })?;
    message(node, "kvlistValue", any_value::KVLIST, out, |map, out| {
        messages(map, "values", list::VALUES, out, write_key_value)
    })?;
    if let Some(value) = node.member("bytesValue") {
        out.bytes(any_value::BYTES, &value.base64()?);
    }
    Ok(())
}

/// A member that is a message.
fn message(
    node: Node<'_>,
    name: &str,
    key: u32,
    out: &mut Writer,
    write: impl Fn(Node<'_>, &mut Writer) -> Written,
) -> Written {
    let Some(member) = node.member(name) else { return Ok(()) };
    member.expect_object()?;
    out.message(key, |out| write(member, out))
}

/// A member that is a list of messages.
fn messages(
    node: Node<'_>,
    name: &str,
    key: u32,
    out: &mut Writer,
    write: impl Fn(Node<'_>, &mut Writer) -> Written,
) -> Written {
    let Some(member) = node.member(name) else { return Ok(()) };
    member.each(|item| {
        item.expect_object()?;
        out.message(key, |out| write(item, out))
    })
}

fn text(node: Node<'_>, name: &str, key: u32, out: &mut Writer) -> Written {
    if let Some(member) = node.member(name) {
        bytes(key, member.text()?.as_bytes(), out);
    }
    Ok(())
}

fn texts(node: Node<'_>, name: &str, key: u32, out: &mut Writer) -> Written {
    let Some(member) = node.member(name) else { return Ok(()) };
    member.each(|item| {
        out.bytes(key, item.text()?.as_bytes());
        Ok(())
    })
}

fn id(node: Node<'_>, name: &str, key: u32, out: &mut Writer) -> Written {
    if let Some(member) = node.member(name) {
        bytes(key, &member.hex()?, out);
    }
    Ok(())
}

fn time(node: Node<'_>, name: &str, key: u32, out: &mut Writer) -> Written {
    match node.member(name).map(|member| member.u64()).transpose()? {
        None | Some(0) => {}
        Some(nanos) => out.fixed64(key, nanos),
    }
    Ok(())
}

fn count(node: Node<'_>, name: &str, key: u32, out: &mut Writer) -> Written {
    if let Some(member) = node.member(name) {
        varint(key, u64::from(member.u32()?), out);
    }
    Ok(())
}

fn flags(node: Node<'_>, key: u32, out: &mut Writer) -> Written {
    match node.member("flags").map(|member| member.u32()).transpose()? {
        None | Some(0) => {}
        Some(flags) => out.fixed32(key, flags),
    }
    Ok(())
}

fn varint(key: u32, value: u64, out: &mut Writer) {
    if value != 0 {
        out.varint(key, value);
    }
}

fn bytes(key: u32, value: &[u8], out: &mut Writer) {
    if !value.is_empty() {
        out.bytes(key, value);
    }
}

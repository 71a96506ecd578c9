//! Zipkin's spans (API v2, JSON), turned into OTLP as the OpenTelemetry Collector turns them.
//!
//! It differs where the Collector would refuse a record or mix up its spans: each span keeps its
//! own resource and scope (there, those of the first with the same service), lists and maps in
//! the attributes of events and links survive, and an annotation, link or address that only looks
//! like one is kept as the text that it is.

mod packed;
mod resource;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::JsonError;
use crate::convert::{Attributes, ERROR, OK, Request, Scope, Span, Text, UNSET, Value};
use crate::json::{Node, parse};
use resource::split_off_resource;

const FORMAT: &str = "Zipkin JSON";
/// So many links are looked for in a span's tags.
const LINKS_MAX: usize = 128;

type Tags<'n> = BTreeMap<&'n str, &'n str>;

/// What becomes of the values of tags, which are texts in Zipkin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagValues {
    /// They stay texts.
    Texts,
    /// Integers, decimal fractions, `true` and `false` become what they look like; those of
    /// resources stay texts.
    Parsed,
}

/// Turns a JSON array of Zipkin spans (encoding `zipkin_json`) into an OTLP request.
///
/// Unknown members are ignored, `null` is as good as absent.
///
/// # Errors
/// If the text is no JSON, nests deeper than 128 levels, or a known member has a value of another
/// kind than Zipkin gives it; the error names the member's path.
pub fn zipkin_to_protobuf(json: &[u8], values: TagValues) -> Result<Vec<u8>, JsonError> {
    let spans = parse(json, FORMAT)?;
    let mut request = Request::default();
    Node::root(&spans, FORMAT)
        .each(|span| if span.is_null() { Ok(()) } else { add_span(span, values, &mut request) })?;
    Ok(request.into_bytes())
}

fn add_span(node: Node<'_>, values: TagValues, request: &mut Request) -> Result<(), JsonError> {
    node.expect_object()?;
    let listed = node.member("tags");
    let mut tags = listed.as_ref().map(Node::texts).transpose()?.unwrap_or_default();
    let local = node.member("localEndpoint");
    let service = member_text(local.as_ref(), "serviceName")?;
    let name = member_text(Some(&node), "name")?;
    let kind = member_text(Some(&node), "kind")?;

    let mut span = Span { name: name.as_bytes().into(), ..Span::default() };
    read_ids(&node, &mut span)?;
    span.trace_state = take(&mut tags, "w3c.tracestate").unwrap_or_default();
    span.kind = take_kind(kind, &mut tags);
    (span.status, span.status_message) = take_status(&mut tags);
    take_links(&mut tags, &mut span);
    read_annotations(&node, &mut span)?;

    let scope = take_scope(&mut tags);
    let resource = split_off_resource(service, &mut tags);
    for (key, text) in tags {
        span.attributes.push(key.as_bytes(), tag_value(text, values));
    }
    if let Some(local) = &local {
        add_address(local, ["network.local.address", "net.host.port"], &mut span.attributes)?;
    }
    let remote = node.member("remoteEndpoint");
    if let Some(remote) = &remote {
        let service = member_text(Some(remote), "serviceName")?;
        if !service.is_empty() {
            span.attributes.push_text("service.peer.name", service.as_bytes());
        }
        add_address(remote, ["network.peer.address", "net.peer.port"], &mut span.attributes)?;
    }
    read_times(&node, &mut span)?;
    span.attributes.settle();
    request.add(&resource, &scope, &span);
    Ok(())
}

fn read_ids(node: &Node<'_>, span: &mut Span<'_>) -> Result<(), JsonError> {
    let id = |name: &'static str, digits: usize, expected| {
        let Some(member) = node.member(name) else { return Ok(0) };
        packed::hex(member.text()?, digits).ok_or_else(|| member.error(expected))
    };
    const SPAN_ID: &str = "an id of 1 to 16 hex digits";
    span.trace_id = id("traceId", 32, "an id of 1 to 32 hex digits")?.to_be_bytes();
    span.span_id = (id("id", 16, SPAN_ID)? as u64).to_be_bytes();
    let parent = (id("parentId", 16, SPAN_ID)? as u64).to_be_bytes();
    if parent != span.span_id {
        span.parent_span_id = parent;
    }
    Ok(())
}

/// A span without a time starts at zero, and says so.
fn read_times(node: &Node<'_>, span: &mut Span<'_>) -> Result<(), JsonError> {
    span.start = nanos(node, "timestamp")?;
    span.end = span.start.saturating_add(nanos(node, "duration")?);
    if span.start == 0 {
        let key = "otel.zipkin.absentField.startTime";
        span.attributes.push(key.as_bytes(), Value::Bool(true));
    }
    Ok(())
}

/// Of a member in microseconds; 0 if it is not there.
fn nanos(node: &Node<'_>, name: &str) -> Result<u64, JsonError> {
    let member = node.member(name);
    let micros = member.as_ref().map(Node::u64).transpose()?;
    Ok(micros.unwrap_or(0).saturating_mul(1000))
}

fn read_annotations(node: &Node<'_>, span: &mut Span<'_>) -> Result<(), JsonError> {
    let Some(annotations) = node.member("annotations") else { return Ok(()) };
    annotations.each(|annotation| {
        annotation.expect_object()?;
        let mut event = packed::event(member_text(Some(&annotation), "value")?);
        event.time = nanos(&annotation, "timestamp")?;
        span.add_event(&event);
        Ok(())
    })
}

fn take_kind(kind: &str, tags: &mut Tags<'_>) -> u64 {
    match kind {
        "SERVER" => 2,
        "CLIENT" => 3,
        "PRODUCER" => 4,
        "CONSUMER" => 5,
        _ => u64::from(tags.remove("span.kind") == Some("internal")),
    }
}

/// Any tag `error` is a failure; it stays if it says more than that.
fn take_status<'n>(tags: &mut Tags<'n>) -> (u64, Text<'n>) {
    let mut status = (UNSET, Text::default());
    if let Some(code) = tags.remove("otel.status_code") {
        status.0 = match code {
            "Ok" | "STATUS_CODE_OK" => OK,
            "Error" | "STATUS_CODE_ERROR" => ERROR,
            _ => UNSET,
        };
        status.1 = take(tags, "otel.status_description").unwrap_or_default();
    }
    match tags.get("error") {
        Some(&"true") => {
            tags.remove("error");
            status.0 = ERROR;
        }
        Some(_) => status.0 = ERROR,
        None => {}
    }
    status
}

fn take_links(tags: &mut Tags<'_>, span: &mut Span<'_>) {
    for number in 0..LINKS_MAX {
        let key = format!("otlp.link.{number}");
        let Some(text) = tags.get(&*key) else { return };
        if let Some(link) = packed::link(text) {
            span.add_link(&link);
            tags.remove(&*key);
        }
    }
}

/// The version counts with a name only.
fn take_scope<'n>(tags: &mut Tags<'n>) -> Scope<'n> {
    let mut either = |new: &str, old: &str| {
        let old = take(tags, old);
        take(tags, new).or(old).unwrap_or_default()
    };
    let name = either("otel.scope.name", "otel.library.name");
    let version = either("otel.scope.version", "otel.library.version");
    if name.is_empty() { Scope::default() } else { Scope { name, version } }
}

fn tag_value(text: &str, values: TagValues) -> Value<'_> {
    let parsed = match values {
        TagValues::Texts => None,
        TagValues::Parsed => parsed(text),
    };
    parsed.unwrap_or_else(|| Value::Text(text.as_bytes().into()))
}

fn parsed(text: &str) -> Option<Value<'static>> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let digits = text.strip_prefix('-').unwrap_or(text);
    match (text, digits.split_once('.')) {
        ("true", _) => Some(Value::Bool(true)),
        ("false", _) => Some(Value::Bool(false)),
        (_, None) if is_digits(digits) => text.parse().ok().map(Value::Int),
        (_, Some((whole, fraction))) if is_digits(whole) && is_digits(fraction) => {
            text.parse().ok().map(Value::Double)
        }
        _ => None,
    }
}

fn add_address(
    endpoint: &Node<'_>,
    [ip, port]: [&'static str; 2],
    attributes: &mut Attributes<'_>,
) -> Result<(), JsonError> {
    for name in ["ipv4", "ipv6"] {
        let text = member_text(Some(endpoint), name)?;
        if !text.is_empty() {
            let known = text.parse().map(|address: IpAddr| address.to_canonical().to_string());
            attributes.push_text(ip, known.unwrap_or_else(|_| text.to_owned()).into_bytes());
        }
    }
    let number = endpoint.member("port").as_ref().map(Node::u32).transpose()?;
    if let Some(number) = number.filter(|number| *number > 0) {
        attributes.push(port.as_bytes(), Value::Int(number.into()));
    }
    Ok(())
}

/// A member of a member, as text; empty if either is not there.
fn member_text<'n>(node: Option<&'n Node<'n>>, name: &'n str) -> Result<&'n str, JsonError> {
    let member = node.and_then(|node| node.member(name));
    Ok(member.as_ref().map(Node::text).transpose()?.unwrap_or_default())
}

fn take<'n>(tags: &mut Tags<'n>, key: &str) -> Option<Text<'n>> {
    tags.remove(key).map(|text| text.as_bytes().into())
}

#[cfg(test)]
mod tests;

//! What the Collector packs into single texts: events with attributes, and links.

use serde_json::{Map, Value as Json};

use crate::convert::{Attributes, Event, Link, Value};

/// Reads an annotation: `name|{attributes}|number dropped`, or else a name.
pub(super) fn event(text: &str) -> Event<'_> {
    let packed = || {
        let (name, rest) = text.split_once('|')?;
        let (attributes, dropped) = attributes_and_dropped(rest)?;
        Some(Event { name: name.as_bytes().into(), attributes, dropped, time: 0 })
    };
    packed().unwrap_or_else(|| Event { name: text.as_bytes().into(), ..Event::default() })
}

/// Reads a link: `trace ID|span ID|trace state|{attributes}|number dropped`.
pub(super) fn link(text: &str) -> Option<Link<'_>> {
    let mut parts = text.splitn(4, '|');
    let mut part = || parts.next();
    let (trace_id, span_id, trace_state, rest) = (part()?, part()?, part()?, part()?);
    let id = |text: &str, digits| match text.len() {
        0 => Some(0),
        len if len == digits => hex(text, digits),
        _ => None,
    };
    let (attributes, dropped) = attributes_and_dropped(rest)?;
    Some(Link {
        trace_id: id(trace_id, 32)?.to_be_bytes(),
        span_id: (id(span_id, 16)? as u64).to_be_bytes(),
        trace_state: trace_state.as_bytes().into(),
        attributes,
        dropped,
    })
}

/// A number of up to so many hex digits, 32 at most.
pub(super) fn hex(text: &str, digits_max: usize) -> Option<u128> {
    let is_hex = text.len() <= digits_max && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

fn attributes_and_dropped(text: &str) -> Option<(Attributes<'static>, u32)> {
    let (json, dropped) = text.rsplit_once('|')?;
    let members: Option<Map<String, Json>> = serde_json::from_str(json).ok()?;
    let mut attributes = Attributes::default();
    for (key, value) in members.unwrap_or_default() {
        attributes.push(key.into_bytes(), Value::Json(value));
    }
    Some((attributes, dropped.parse().ok()?))
}

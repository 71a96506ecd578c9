//! How many bytes messages take as the Collector writes them.
//!
//! It writes ids, a span's status, and the value of an attribute even where they are empty, leaves
//! out what has its default, and knows no other fields. What breaks the encoding deep inside, where
//! the scan does not look either, counts as it came.

use tailsift_trace::{SpanId, TraceId};

use crate::ScanError;
use crate::fields::{any_value, event, key_value, link, list, resource, scope, span, status};
use crate::wire::Cursor;

/// Values within values that are looked into; deeper ones count as they came.
const DEPTH_MAX: usize = 64;

/// A `Span`.
pub(crate) fn of_span(message: Cursor<'_>) -> u32 {
    or_as_it_came(message, span_bytes)
}

/// A `Resource`.
pub(crate) fn of_resource(message: Cursor<'_>) -> u32 {
    or_as_it_came(message, resource_bytes)
}

/// An `InstrumentationScope`.
pub(crate) fn of_scope(message: Cursor<'_>) -> u32 {
    or_as_it_came(message, scope_bytes)
}

type Bytes = Result<u64, ScanError>;

fn or_as_it_came(message: Cursor<'_>, bytes: fn(Cursor<'_>) -> Bytes) -> u32 {
    let bytes = bytes(message).unwrap_or(message.rest().len() as u64);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A varint's length.
fn varint(value: u64) -> u64 {
    u64::from((value | 1).ilog2() / 7) + 1
}

/// A field of a key of one byte: key, length, content.
fn field(content: u64) -> u64 {
    1 + varint(content) + content
}

/// A field that is left out if it is empty.
fn unless_empty(content: usize) -> u64 {
    if content == 0 { 0 } else { field(content as u64) }
}

/// A number that is left out if it is 0.
fn unless_zero(number: u64) -> u64 {
    if number == 0 { 0 } else { 1 + varint(number) }
}

/// A `uint32`: of a longer one its lower half counts.
fn count(number: u64) -> u64 {
    unless_zero(number & u64::from(u32::MAX))
}

/// An `enum`: negative numbers take as many bytes as an `int64`.
fn choice(number: u64) -> u64 {
    unless_zero(i64::from(number as i32) as u64)
}

fn time(nanos: u64) -> u64 {
    if nanos == 0 { 0 } else { 9 }
}

fn trace_id(bytes: &[u8]) -> u64 {
    field(TraceId::from_wire(bytes).map_or(0, |id| id.0.len() as u64))
}

fn span_id(bytes: &[u8]) -> u64 {
    field(SpanId::from_wire(bytes).map_or(0, |id| id.0.len() as u64))
}

/// Of fields that may come once the last one counts, so each has a place of its own.
fn span_bytes(mut fields: Cursor<'_>) -> Bytes {
    let (mut trace, mut own, mut parent) = (field(0), field(0), field(0));
    let (mut state, mut name, mut kind) = (0, 0, 0);
    let (mut start, mut end, mut flags) = (0, 0, 0);
    let mut dropped = [0; 3];
    let mut status = Status::default();
    let mut lists = 0;
    while !fields.is_empty() {
        match fields.key()? {
            span::TRACE_ID => trace = trace_id(fields.delimited()?),
            span::SPAN_ID => own = span_id(fields.delimited()?),
            span::TRACE_STATE => state = unless_empty(fields.delimited()?.len()),
            span::PARENT_SPAN_ID => parent = span_id(fields.delimited()?),
            span::NAME => name = unless_empty(fields.delimited()?.len()),
            span::KIND => kind = choice(fields.varint()?),
            span::START_TIME => start = time(fields.fixed64()?),
            span::END_TIME => end = time(fields.fixed64()?),
            span::ATTRIBUTES => lists += attribute(fields.message()?, 0)?,
            span::DROPPED_ATTRIBUTES_COUNT => dropped[0] = count(fields.varint()?),
            span::EVENTS => lists += field(event_bytes(fields.message()?)?),
            span::DROPPED_EVENTS_COUNT => dropped[1] = count(fields.varint()?),
            span::LINKS => lists += field(link_bytes(fields.message()?)?),
            span::DROPPED_LINKS_COUNT => dropped[2] = count(fields.varint()?),
            span::STATUS => status.read(fields.message()?)?,
            // Its key has two bytes.
            span::FLAGS => flags = if fields.fixed32()? == 0 { 0 } else { 6 },
            other => fields.skip_unknown(other, span::KNOWN)?,
        }
    }
    let status = field(status.message + status.code);
    let fixed = trace + own + state + parent + name + kind + start + end + flags + status;
    Ok(fixed + dropped.iter().sum::<u64>() + lists)
}

/// A `Status`; several of them merge.
#[derive(Default)]
struct Status {
    message: u64,
    code: u64,
}

impl Status {
    fn read(&mut self, mut fields: Cursor<'_>) -> Result<(), ScanError> {
        while !fields.is_empty() {
            match fields.key()? {
                status::MESSAGE => self.message = unless_empty(fields.delimited()?.len()),
                status::CODE => self.code = choice(fields.varint()?),
                other => fields.skip_unknown(other, status::KNOWN)?,
            }
        }
        Ok(())
    }
}

fn event_bytes(mut fields: Cursor<'_>) -> Bytes {
    let (mut at, mut name, mut dropped, mut attributes) = (0, 0, 0, 0);
    while !fields.is_empty() {
        match fields.key()? {
            event::TIME => at = time(fields.fixed64()?),
            event::NAME => name = unless_empty(fields.delimited()?.len()),
            event::ATTRIBUTES => attributes += attribute(fields.message()?, 0)?,
            event::DROPPED_ATTRIBUTES_COUNT => dropped = count(fields.varint()?),
            other => fields.skip_unknown(other, event::KNOWN)?,
        }
    }
    Ok(at + name + dropped + attributes)
}

fn link_bytes(mut fields: Cursor<'_>) -> Bytes {
    let (mut trace, mut own) = (field(0), field(0));
    let (mut state, mut dropped, mut flags, mut attributes) = (0, 0, 0, 0);
    while !fields.is_empty() {
        match fields.key()? {
            link::TRACE_ID => trace = trace_id(fields.delimited()?),
            link::SPAN_ID => own = span_id(fields.delimited()?),
            link::TRACE_STATE => state = unless_empty(fields.delimited()?.len()),
            link::ATTRIBUTES => attributes += attribute(fields.message()?, 0)?,
            link::DROPPED_ATTRIBUTES_COUNT => dropped = count(fields.varint()?),
            link::FLAGS => flags = if fields.fixed32()? == 0 { 0 } else { 5 },
            other => fields.skip_unknown(other, link::KNOWN)?,
        }
    }
    Ok(trace + own + state + dropped + flags + attributes)
}

fn resource_bytes(mut fields: Cursor<'_>) -> Bytes {
    let (mut dropped, mut lists) = (0, 0);
    while !fields.is_empty() {
        match fields.key()? {
            resource::ATTRIBUTES => lists += attribute(fields.message()?, 0)?,
            resource::DROPPED_ATTRIBUTES_COUNT => dropped = count(fields.varint()?),
            resource::ENTITY_REFS => lists += field(fields.delimited()?.len() as u64),
            other => fields.skip_unknown(other, resource::KNOWN)?,
        }
    }
    Ok(dropped + lists)
}

fn scope_bytes(mut fields: Cursor<'_>) -> Bytes {
    let (mut name, mut version, mut dropped, mut attributes) = (0, 0, 0, 0);
    while !fields.is_empty() {
        match fields.key()? {
            scope::NAME => name = unless_empty(fields.delimited()?.len()),
            scope::VERSION => version = unless_empty(fields.delimited()?.len()),
            scope::ATTRIBUTES => attributes += attribute(fields.message()?, 0)?,
            scope::DROPPED_ATTRIBUTES_COUNT => dropped = count(fields.varint()?),
            other => fields.skip_unknown(other, scope::KNOWN)?,
        }
    }
    Ok(name + version + dropped + attributes)
}

/// A field that holds a `KeyValue`.
fn attribute(mut fields: Cursor<'_>, depth: usize) -> Bytes {
    let (mut key, mut content) = (0, 0);
    while !fields.is_empty() {
        match fields.key()? {
            key_value::KEY => key = unless_empty(fields.delimited()?.len()),
            key_value::VALUE => content = value(fields.message()?, depth)?,
            other => fields.skip_unknown(other, key_value::KNOWN)?,
        }
    }
    Ok(field(key + field(content)))
}

/// An `AnyValue`: one of its fields, written even if it holds a default.
fn value(mut fields: Cursor<'_>, depth: usize) -> Bytes {
    if depth == DEPTH_MAX {
        return Ok(fields.rest().len() as u64);
    }
    let mut bytes = 0;
    while !fields.is_empty() {
        bytes = match fields.key()? {
            any_value::STRING | any_value::BYTES => field(fields.delimited()?.len() as u64),
            any_value::BOOL => {
                fields.varint()?;
                2
            }
            any_value::INT => 1 + varint(fields.varint()?),
            any_value::DOUBLE => {
                fields.fixed64()?;
                9
            }
            any_value::ARRAY => {
                field(items(fields.message()?, |item| Ok(field(value(item, depth + 1)?)))?)
            }
            any_value::KVLIST => {
                field(items(fields.message()?, |item| attribute(item, depth + 1))?)
            }
            other => {
                fields.skip_unknown(other, any_value::KNOWN)?;
                bytes
            }
        };
    }
    Ok(bytes)
}

fn items<'p>(mut fields: Cursor<'p>, item: impl Fn(Cursor<'p>) -> Bytes) -> Bytes {
    let mut bytes = 0;
    while !fields.is_empty() {
        match fields.key()? {
            list::VALUES => bytes += item(fields.message()?)?,
            other => fields.skip_unknown(other, list::KNOWN)?,
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

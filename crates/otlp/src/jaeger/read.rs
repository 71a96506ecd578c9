//! A Jaeger span, field by field.

use std::borrow::Cow;

use super::fields::{key_value, log, process, span, span_ref, time};
use super::{HTTP_STATUS, nanos};
use crate::convert::{Attributes, Event, Span, Value};
use crate::wire::Cursor;
use crate::writer::Writer;
use crate::{JaegerError, JaegerFault, ScanError};

const CHILD_OF: i32 = 0;
const FOLLOWS_FROM: i32 = 1;

/// A span as it stands on the wire, events already as OTLP's.
#[derive(Default)]
pub(super) struct Read<'p> {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) name: &'p [u8],
    pub(super) references: Vec<Reference>,
    pub(super) flags: u64,
    /// Nanoseconds since the Unix epoch.
    pub(super) start: i128,
    pub(super) duration: i64,
    pub(super) scope_name: &'p [u8],
    pub(super) scope_version: &'p [u8],
    /// All but the scope's.
    pub(super) tags: Attributes<'p>,
    pub(super) events: Writer,
    pub(super) process: Option<Process<'p>>,
}

#[derive(Default)]
pub(super) struct Process<'p> {
    pub(super) service: &'p [u8],
    pub(super) tags: Attributes<'p>,
}

#[derive(Default)]
pub(super) struct Reference {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    kind: i32,
}

impl Reference {
    pub(super) fn is_child_of(&self) -> bool {
        self.kind == CHILD_OF
    }

    pub(super) fn is_follows_from(&self) -> bool {
        self.kind == FOLLOWS_FROM
    }
}

pub(super) fn span(mut fields: Cursor<'_>) -> Result<Read<'_>, JaegerError> {
    let mut read = Read::default();
    let mut tags = Vec::new();
    let mut events = Span::default();
    while !fields.is_empty() {
        match fields.key()? {
            span::TRACE_ID => read.trace_id = trace_id(&mut fields)?,
            span::SPAN_ID => read.span_id = span_id(&mut fields)?,
            span::OPERATION_NAME => read.name = fields.delimited()?,
            span::REFERENCES => read.references.push(reference(fields.message()?)?),
            span::FLAGS => read.flags = fields.varint()?,
            span::START_TIME => read.start = timestamp(fields.message()?)?,
            span::DURATION => read.duration = duration(fields.message()?)?,
            span::TAGS => tags.push(tag(fields.message()?)?),
            span::LOGS => events.add_event(&event(fields.message()?)?),
            span::PROCESS => {
                read_process(fields.message()?, read.process.get_or_insert_default())?;
            }
            span::PROCESS_ID | span::WARNINGS => drop(fields.delimited()?),
            other => fields.skip_unknown(other, span::KNOWN)?,
        }
    }
    read.events = events.written;
    let mut take = |key: &[u8]| {
        let at = tags.iter().position(|tag: &Tag<'_>| tag.key == key)?;
        Some(tags.remove(at).text)
    };
    if let Some(name) = take(b"otel.scope.name") {
        read.scope_name = name;
        read.scope_version = take(b"otel.scope.version").unwrap_or_default();
    }
    for tag in tags {
        tag.add_to(&mut read.tags);
    }
    Ok(read)
}

/// Two of these in one record are one, as protobuf merges messages.
fn read_process<'p>(mut fields: Cursor<'p>, process: &mut Process<'p>) -> Result<(), JaegerError> {
    while !fields.is_empty() {
        match fields.key()? {
            process::SERVICE_NAME => process.service = fields.delimited()?,
            process::TAGS => tag(fields.message()?)?.add_to(&mut process.tags),
            other => fields.skip_unknown(other, process::KNOWN)?,
        }
    }
    Ok(())
}

fn reference(mut fields: Cursor<'_>) -> Result<Reference, JaegerError> {
    let mut reference = Reference::default();
    while !fields.is_empty() {
        match fields.key()? {
            span_ref::TRACE_ID => reference.trace_id = trace_id(&mut fields)?,
            span_ref::SPAN_ID => reference.span_id = span_id(&mut fields)?,
            span_ref::REF_TYPE => reference.kind = fields.varint()? as i32,
            other => fields.skip_unknown(other, span_ref::KNOWN)?,
        }
    }
    Ok(reference)
}

fn event(mut fields: Cursor<'_>) -> Result<Event<'_>, JaegerError> {
    let mut event = Event::default();
    while !fields.is_empty() {
        match fields.key()? {
            log::TIME => event.time = nanos(timestamp(fields.message()?)?),
            log::FIELDS => tag(fields.message()?)?.add_to(&mut event.attributes),
            other => fields.skip_unknown(other, log::KNOWN)?,
        }
    }
    event.attributes.settle();
    event.name = event.attributes.take("event").map(Value::into_text).unwrap_or_default();
    Ok(event)
}

/// A tag; which of its values counts is said by its type.
#[derive(Default)]
struct Tag<'p> {
    key: &'p [u8],
    kind: i32,
    text: &'p [u8],
    bool: bool,
    int: i64,
    double: f64,
    bytes: &'p [u8],
}

impl<'p> Tag<'p> {
    fn add_to(self, attributes: &mut Attributes<'p>) {
        // One name for both generations of the conventions, as the Collector has it.
        let key = match self.key {
            b"http.response.status_code" => HTTP_STATUS.as_bytes(),
            other => other,
        };
        let value = match self.kind {
            0 => Value::Text(self.text.into()),
            1 => Value::Bool(self.bool),
            2 => Value::Int(self.int),
            3 => Value::Double(self.double),
            4 => Value::Bytes(self.bytes),
            other => {
                let text = format!("<Unknown Jaeger TagType \"{other}\">");
                Value::Text(Cow::Owned(text.into_bytes()))
            }
        };
        attributes.push(key, value);
    }
}

fn tag(mut fields: Cursor<'_>) -> Result<Tag<'_>, ScanError> {
    let mut tag = Tag::default();
    while !fields.is_empty() {
        match fields.key()? {
            key_value::KEY => tag.key = fields.delimited()?,
            key_value::TYPE => tag.kind = fields.varint()? as i32,
            key_value::TEXT => tag.text = fields.delimited()?,
            key_value::BOOL => tag.bool = fields.varint()? != 0,
            key_value::INT => tag.int = fields.varint()? as i64,
            key_value::DOUBLE => tag.double = f64::from_bits(fields.fixed64()?),
            key_value::BYTES => tag.bytes = fields.delimited()?,
            other => fields.skip_unknown(other, key_value::KNOWN)?,
        }
    }
    Ok(tag)
}

/// An ID of 8 bytes is the lower half.
fn trace_id(fields: &mut Cursor<'_>) -> Result<[u8; 16], JaegerError> {
    let offset = fields.position();
    let bytes = fields.delimited()?;
    let mut id = [0; 16];
    match bytes.len() {
        16 => id.copy_from_slice(bytes),
        8 => id[8..].copy_from_slice(bytes),
        other => return Err(JaegerError { offset, what: JaegerFault::TraceId(other) }),
    }
    Ok(id)
}

fn span_id(fields: &mut Cursor<'_>) -> Result<[u8; 8], JaegerError> {
    let offset = fields.position();
    let bytes = fields.delimited()?;
    let what = JaegerFault::SpanId(bytes.len());
    bytes.try_into().map_err(|_| JaegerError { offset, what })
}

/// Nanoseconds since the Unix epoch.
fn timestamp(fields: Cursor<'_>) -> Result<i128, JaegerError> {
    let offset = fields.position();
    let (seconds, nanos) = seconds_and_nanos(fields)?;
    let years = -62_135_596_800..253_402_300_800;
    if !years.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(JaegerError { offset, what: JaegerFault::Time { seconds, nanos } });
    }
    Ok(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
}

/// Nanoseconds.
fn duration(fields: Cursor<'_>) -> Result<i64, JaegerError> {
    let offset = fields.position();
    let (seconds, nanos) = seconds_and_nanos(fields)?;
    let is_one_sign = (seconds >= 0 || nanos <= 0) && (seconds <= 0 || nanos >= 0);
    let is_fraction = nanos.unsigned_abs() < 1_000_000_000;
    let sum = seconds.checked_mul(1_000_000_000).and_then(|sum| sum.checked_add(nanos.into()));
    sum.filter(|_| is_one_sign && is_fraction)
        .ok_or(JaegerError { offset, what: JaegerFault::Duration { seconds, nanos } })
}

fn seconds_and_nanos(mut fields: Cursor<'_>) -> Result<(i64, i32), ScanError> {
    let (mut seconds, mut nanos) = (0, 0);
    while !fields.is_empty() {
        match fields.key()? {
            time::SECONDS => seconds = fields.varint()? as i64,
            time::NANOS => nanos = fields.varint()? as i32,
            other => fields.skip_unknown(other, time::KNOWN)?,
        }
    }
    Ok((seconds, nanos))
}

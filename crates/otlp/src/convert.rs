//! What spans of other formats have in common on their way to OTLP.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::fields::{
    any_value, event, key_value, link, list, request, resource, resource_spans, scope, scope_spans,
    span, status,
};
use crate::writer::Writer;

/// Up to so many attributes, repeated keys are found by comparing each with each.
const COMPARED_MAX: usize = 24;

pub(crate) const ERROR: u64 = 2;
pub(crate) const OK: u64 = 1;
pub(crate) const UNSET: u64 = 0;

/// Text as it came, or made anew.
pub(crate) type Text<'p> = Cow<'p, [u8]>;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'p> {
    Text(Text<'p>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'p [u8]),
    /// Whatever JSON holds: lists and maps become OTLP's, null becomes the empty value.
    Json(Json),
}

impl<'p> Value<'p> {
    /// The text; empty if it is none.
    pub(crate) fn into_text(self) -> Text<'p> {
        match self {
            Self::Text(text) => text,
            Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Bytes(_) | Self::Json(_) => {
                Text::default()
            }
        }
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Text(text) => out.bytes(any_value::STRING, text),
            Self::Bool(value) => out.varint(any_value::BOOL, u64::from(*value)),
            Self::Int(value) => out.varint(any_value::INT, *value as u64),
            Self::Double(value) => out.fixed64(any_value::DOUBLE, value.to_bits()),
            Self::Bytes(bytes) => out.bytes(any_value::BYTES, bytes),
            Self::Json(json) => write_json(json, out),
        }
    }
}

/// Whole numbers are integers, as writers of JSON do not tell 1.0 from 1.
fn write_json(json: &Json, out: &mut Writer) {
    match json {
        Json::Null => {}
        Json::Bool(value) => out.varint(any_value::BOOL, u64::from(*value)),
        Json::String(text) => out.bytes(any_value::STRING, text.as_bytes()),
        Json::Number(number) => {
            let double = number.as_f64().unwrap_or(f64::NAN);
            let is_whole = double.fract() == 0.0 && double.abs() < 2f64.powi(63);
            match number.as_i64().or_else(|| is_whole.then_some(double as i64)) {
                Some(whole) => out.varint(any_value::INT, whole as u64),
                None => out.fixed64(any_value::DOUBLE, double.to_bits()),
            }
        }
        Json::Array(items) => out.nested(any_value::ARRAY, |out| {
            for item in items {
                out.nested(list::VALUES, |out| write_json(item, out));
            }
        }),
        Json::Object(members) => out.nested(any_value::KVLIST, |out| {
            for (key, value) in members {
                out.nested(list::VALUES, |out| {
                    out.bytes(key_value::KEY, key.as_bytes());
                    out.nested(key_value::VALUE, |out| write_json(value, out));
                });
            }
        }),
    }
}

/// Attributes in the order in which they came; a key that is set again keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Attributes<'p> {
    entries: Vec<(Text<'p>, Value<'p>)>,
}

impl<'p> Attributes<'p> {
    /// Adds an attribute that may be there already, until [`settle`](Self::settle).
    pub(crate) fn push(&mut self, key: impl Into<Text<'p>>, value: Value<'p>) {
        self.entries.push((key.into(), value));
    }

    pub(crate) fn push_text(&mut self, key: &'static str, text: impl Into<Text<'p>>) {
        self.push(key.as_bytes(), Value::Text(text.into()));
    }

    /// Adds all of `others` behind these.
    pub(crate) fn append(&mut self, mut others: Self) {
        self.entries.append(&mut others.entries);
    }

    /// Of each key, keeps the first place and the last value.
    pub(crate) fn settle(&mut self) {
        let entries = &mut self.entries;
        if entries.len() <= COMPARED_MAX {
            let mut at = 1;
            while at < entries.len() {
                match entries[..at].iter().position(|(key, _)| *key == entries[at].0) {
                    None => at += 1,
                    Some(first) => entries[first] = entries.remove(at),
                }
            }
            return;
        }
        let mut order: Vec<_> = (0..entries.len()).collect();
        order.sort_unstable_by(|a, b| (&entries[*a].0, a).cmp(&(&entries[*b].0, b)));
        let mut is_first = vec![false; entries.len()];
        let mut rest = &*order;
        while let [first, ..] = *rest {
            let same = rest.iter().take_while(|at| entries[**at].0 == entries[first].0).count();
            entries.swap(first, rest[same - 1]);
            is_first[first] = true;
            rest = &rest[same..];
        }
        let mut is_first = is_first.into_iter();
        entries.retain(|_| is_first.next().unwrap_or(true));
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value<'p>> {
        let entry = self.entries.iter().find(|(name, _)| **name == *key.as_bytes());
        entry.map(|(_, value)| value)
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Value<'p>> {
        let at = self.entries.iter().position(|(name, _)| **name == *key.as_bytes())?;
        Some(self.entries.remove(at).1)
    }

    /// Gives the attribute `from` another name, unless it has that already.
    pub(crate) fn rename(&mut self, from: &str, to: &'static str) {
        if self.get(to).is_none()
            && let Some((name, _)) =
                self.entries.iter_mut().find(|(name, _)| **name == *from.as_bytes())
        {
            *name = to.as_bytes().into();
        }
    }

    /// Writes them as a repeated field.
    pub(crate) fn write(&self, field: u32, out: &mut Writer) {
        for (key, value) in &self.entries {
            out.nested(field, |out| {
                if !key.is_empty() {
                    out.bytes(key_value::KEY, key);
                }
                out.nested(key_value::VALUE, |out| value.write(out));
            });
        }
    }
}

/// A span on its way to OTLP; zero ids are none.
#[derive(Debug, Default)]
pub(crate) struct Span<'p> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent_span_id: [u8; 8],
    pub(crate) trace_state: Text<'p>,
    pub(crate) flags: u32,
    pub(crate) name: Text<'p>,
    pub(crate) kind: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Attributes<'p>,
    pub(crate) status: u64,
    pub(crate) status_message: Text<'p>,
    /// Events and links, written as the span's fields.
    pub(crate) written: Writer,
}

impl Span<'_> {
    fn write(&self, out: &mut Writer) {
        write_id(span::TRACE_ID, &self.trace_id, out);
        write_id(span::SPAN_ID, &self.span_id, out);
        write_text(span::TRACE_STATE, &self.trace_state, out);
        write_id(span::PARENT_SPAN_ID, &self.parent_span_id, out);
        write_text(span::NAME, &self.name, out);
        if self.kind != 0 {
            out.varint(span::KIND, self.kind);
        }
        write_time(span::START_TIME, self.start, out);
        write_time(span::END_TIME, self.end, out);
        self.attributes.write(span::ATTRIBUTES, out);
        out.fields(self.written.as_bytes());
        if self.status != UNSET || !self.status_message.is_empty() {
            out.nested(span::STATUS, |out| {
                write_text(status::MESSAGE, &self.status_message, out);
                if self.status != UNSET {
                    out.varint(status::CODE, self.status);
                }
            });
        }
        if self.flags != 0 {
            out.fixed32(span::FLAGS, self.flags);
        }
    }

    pub(crate) fn add_event(&mut self, event: &Event<'_>) {
        self.written.nested(span::EVENTS, |out| {
            write_time(event::TIME, event.time, out);
            write_text(event::NAME, &event.name, out);
            event.attributes.write(event::ATTRIBUTES, out);
            if event.dropped > 0 {
                out.varint(event::DROPPED_ATTRIBUTES_COUNT, u64::from(event.dropped));
            }
        });
    }

    pub(crate) fn add_link(&mut self, link: &Link<'_>) {
        self.written.nested(span::LINKS, |out| {
            write_id(link::TRACE_ID, &link.trace_id, out);
            write_id(link::SPAN_ID, &link.span_id, out);
            write_text(link::TRACE_STATE, &link.trace_state, out);
            link.attributes.write(link::ATTRIBUTES, out);
            if link.dropped > 0 {
                out.varint(link::DROPPED_ATTRIBUTES_COUNT, u64::from(link.dropped));
            }
        });
    }
}

#[derive(Debug, Default)]
pub(crate) struct Event<'p> {
    pub(crate) time: u64,
    pub(crate) name: Text<'p>,
    pub(crate) attributes: Attributes<'p>,
    pub(crate) dropped: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Link<'p> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) trace_state: Text<'p>,
    pub(crate) attributes: Attributes<'p>,
    pub(crate) dropped: u32,
}

/// Name and version of a scope.
#[derive(Debug, Default)]
pub(crate) struct Scope<'p> {
    pub(crate) name: Text<'p>,
    pub(crate) version: Text<'p>,
}

/// A request in the making: spans of equal resources and scopes stand together.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// By the resource as it is written, then the scope.
    resources: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Writer>>,
}

impl Request {
    pub(crate) fn add(&mut self, resource: &Attributes<'_>, scope: &Scope<'_>, span: &Span<'_>) {
        let mut resource_bytes = Writer::default();
        resource.write(resource::ATTRIBUTES, &mut resource_bytes);
        let mut scope_bytes = Writer::default();
        write_text(scope::NAME, &scope.name, &mut scope_bytes);
        write_text(scope::VERSION, &scope.version, &mut scope_bytes);
        let scopes = self.resources.entry(resource_bytes.into_bytes()).or_default();
        let spans = scopes.entry(scope_bytes.into_bytes()).or_default();
        spans.nested(scope_spans::SPANS, |out| span.write(out));
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut out = Writer::default();
        for (resource, scopes) in self.resources {
            out.nested(request::RESOURCE_SPANS, |out| {
                write_text(resource_spans::RESOURCE, &resource, out);
                for (scope, spans) in scopes {
                    out.nested(resource_spans::SCOPE_SPANS, |out| {
                        write_text(scope_spans::SCOPE, &scope, out);
                        out.fields(spans.as_bytes());
                    });
                }
            });
        }
        out.into_bytes()
    }
}

fn write_text(field: u32, text: &[u8], out: &mut Writer) {
    if !text.is_empty() {
        out.bytes(field, text);
    }
}

fn write_id(field: u32, id: &[u8], out: &mut Writer) {
    if id.iter().any(|byte| *byte != 0) {
        out.bytes(field, id);
    }
}

fn write_time(field: u32, nanos: u64, out: &mut Writer) {
    if nanos != 0 {
        out.fixed64(field, nanos);
    }
}

#[cfg(test)]
mod tests;

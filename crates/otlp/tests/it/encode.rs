//! A protobuf writer that does all that protobuf allows and prost never does: fields in any order,
//! scalars that are overwritten later, messages in parts, unknown fields and groups in between,
//! lengths and numbers in more bytes than they need.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// Encoded fields of one message, in the order in which they are written.
type Fields = Vec<Vec<u8>>;

/// Writes `request` in a way that depends on `seed` alone.
pub(crate) fn encode_oddly(request: &ExportTraceServiceRequest, seed: u64) -> Vec<u8> {
    let mut writer = Writer { state: seed };
    let resource_spans =
        request.resource_spans.iter().map(|item| writer.resource_spans(item)).collect();
    let tracks = vec![writer.messages(1, resource_spans)];
    writer.weave(tracks).concat()
}

/// Gives every message of the request, down to its spans, a field that nobody knows.
pub(crate) fn with_unknown_fields(request: &ExportTraceServiceRequest) -> Vec<u8> {
    use prost::Message;
    let unknown = |number: u32, text: &str| {
        let mut bytes = Vec::new();
        varint(&mut bytes, u64::from(number << 3 | 2));
        varint(&mut bytes, text.len() as u64);
        [bytes, text.as_bytes().to_vec()].concat()
    };
    let framed = |number: u32, content: Vec<u8>| {
        let mut bytes = Vec::new();
        varint(&mut bytes, u64::from(number << 3 | 2));
        varint(&mut bytes, content.len() as u64);
        [bytes, content].concat()
    };
    let mut out = unknown(99, "request");
    for resource_spans in &request.resource_spans {
        let mut content = unknown(98, "before");
        for scope_spans in &resource_spans.scope_spans {
            let mut scope_content = unknown(97, "scope");
            for span in &scope_spans.spans {
                let span = [span.encode_to_vec(), unknown(1000, "span")].concat();
                scope_content.extend(framed(2, span));
            }
            let header = ScopeSpans { spans: Vec::new(), ..scope_spans.clone() };
            scope_content.extend(header.encode_to_vec());
            content.extend(framed(2, scope_content));
        }
        let header = ResourceSpans { scope_spans: Vec::new(), ..resource_spans.clone() };
        content.extend(header.encode_to_vec());
        content.extend(unknown(98, "after"));
        out.extend(framed(1, content));
    }
    out
}

struct Writer {
    state: u64,
}

impl Writer {
    fn resource_spans(&mut self, message: &ResourceSpans) -> Fields {
        let scopes = message.scope_spans.iter().map(|item| self.scope_spans(item)).collect();
        let resource = message.resource.as_ref().map(|resource| self.resource(resource));
        let tracks = vec![
            self.message(1, resource),
            self.messages(2, scopes),
            self.text(3, &message.schema_url),
        ];
        self.weave(tracks)
    }

    fn resource(&mut self, message: &Resource) -> Fields {
        let entity_refs = message.entity_refs.iter().map(|item| self.entity_ref(item)).collect();
        let tracks = vec![
            self.attributes(1, &message.attributes),
            self.number(2, u64::from(message.dropped_attributes_count)),
            self.messages(3, entity_refs),
        ];
        self.weave(tracks)
    }

    fn entity_ref(&mut self, message: &EntityRef) -> Fields {
        let tracks = vec![
            self.text(1, &message.schema_url),
            self.text(2, &message.r#type),
            message.id_keys.iter().map(|key| self.delimited(3, key.as_bytes())).collect(),
            message.description_keys.iter().map(|key| self.delimited(4, key.as_bytes())).collect(),
        ];
        self.weave(tracks)
    }

    fn scope_spans(&mut self, message: &ScopeSpans) -> Fields {
        let spans = message.spans.iter().map(|item| self.span(item)).collect();
        let scope = message.scope.as_ref().map(|scope| self.scope(scope));
        let tracks = vec![
            self.message(1, scope),
            self.messages(2, spans),
            self.text(3, &message.schema_url),
        ];
        self.weave(tracks)
    }

    fn scope(&mut self, message: &InstrumentationScope) -> Fields {
        let tracks = vec![
            self.text(1, &message.name),
            self.text(2, &message.version),
            self.attributes(3, &message.attributes),
            self.number(4, u64::from(message.dropped_attributes_count)),
        ];
        self.weave(tracks)
    }

    fn span(&mut self, message: &Span) -> Fields {
        let events = message.events.iter().map(|item| self.event(item)).collect();
        let links = message.links.iter().map(|item| self.link(item)).collect();
        let status = message.status.as_ref().map(|status| self.status(status));
        let tracks = vec![
            self.bytes(1, &message.trace_id),
            self.bytes(2, &message.span_id),
            self.text(3, &message.trace_state),
            self.bytes(4, &message.parent_span_id),
            self.text(5, &message.name),
            self.number(6, i64::from(message.kind) as u64),
            self.fixed64(7, message.start_time_unix_nano),
            self.fixed64(8, message.end_time_unix_nano),
            self.attributes(9, &message.attributes),
            self.number(10, u64::from(message.dropped_attributes_count)),
            self.messages(11, events),
            self.number(12, u64::from(message.dropped_events_count)),
            self.messages(13, links),
            self.number(14, u64::from(message.dropped_links_count)),
            self.message(15, status),
            self.fixed32(16, message.flags),
        ];
        self.weave(tracks)
    }

    fn event(&mut self, message: &Event) -> Fields {
        let tracks = vec![
            self.fixed64(1, message.time_unix_nano),
            self.text(2, &message.name),
            self.attributes(3, &message.attributes),
            self.number(4, u64::from(message.dropped_attributes_count)),
        ];
        self.weave(tracks)
    }

    fn link(&mut self, message: &Link) -> Fields {
        let tracks = vec![
            self.bytes(1, &message.trace_id),
            self.bytes(2, &message.span_id),
            self.text(3, &message.trace_state),
            self.attributes(4, &message.attributes),
            self.number(5, u64::from(message.dropped_attributes_count)),
            self.fixed32(6, message.flags),
        ];
        self.weave(tracks)
    }

    fn status(&mut self, message: &Status) -> Fields {
        let tracks =
            vec![self.text(2, &message.message), self.number(3, i64::from(message.code) as u64)];
        self.weave(tracks)
    }

    fn attributes(&mut self, number: u32, attributes: &[KeyValue]) -> Fields {
        let items = attributes.iter().map(|item| self.key_value(item)).collect();
        self.messages(number, items)
    }

    fn key_value(&mut self, message: &KeyValue) -> Fields {
        let value = message.value.as_ref().map(|value| self.any_value(value));
        let tracks = vec![
            self.text(1, &message.key),
            self.message(2, value),
            self.number(3, i64::from(message.key_strindex) as u64),
        ];
        self.weave(tracks)
    }

    fn any_value(&mut self, message: &AnyValue) -> Fields {
        let mut track = Fields::new();
        if let Some(value) = &message.value {
            // A member that the next one replaces.
            match self.below(6) {
                0 => track.push(self.delimited(1, b"decoy")),
                1 => track.push(self.varint_field(3, 7)),
                _ => {}
            }
            let real = match value {
                Value::StringValue(text) => self.delimited(1, text.as_bytes()),
                Value::BoolValue(value) => self.varint_field(2, u64::from(*value)),
                Value::IntValue(value) => self.varint_field(3, *value as u64),
                Value::DoubleValue(value) => self.fixed64_field(4, value.to_bits()),
                Value::ArrayValue(array) => {
                    let items = array.values.iter().map(|item| self.any_value(item)).collect();
                    let values = self.messages(1, items);
                    let content = self.weave(vec![values]).concat();
                    self.delimited(5, &content)
                }
                Value::KvlistValue(map) => {
                    let values = self.attributes(1, &map.values);
                    let content = self.weave(vec![values]).concat();
                    self.delimited(6, &content)
                }
                Value::BytesValue(bytes) => self.delimited(7, bytes),
                Value::StringValueStrindex(index) => self.varint_field(8, i64::from(*index) as u64),
            };
            track.push(real);
        }
        self.weave(vec![track])
    }

    /// One message, as up to three fields that merge into it.
    fn message(&mut self, number: u32, fields: Option<Fields>) -> Fields {
        let Some(fields) = fields else { return Fields::new() };
        let cut = if self.below(4) == 0 { self.below(fields.len() as u64 + 1) as usize } else { 0 };
        let (first, second) = fields.split_at(cut);
        let mut parts = vec![self.delimited(number, &second.concat())];
        if cut > 0 {
            parts.insert(0, self.delimited(number, &first.concat()));
        }
        if self.below(10) == 0 {
            parts.push(self.delimited(number, &[]));
        }
        parts
    }

    fn messages(&mut self, number: u32, items: Vec<Fields>) -> Fields {
        items.into_iter().map(|fields| self.delimited(number, &fields.concat())).collect()
    }

    fn text(&mut self, number: u32, text: &str) -> Fields {
        self.bytes(number, text.as_bytes())
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) -> Fields {
        self.scalar(
            bytes.is_empty(),
            |writer| writer.delimited(number, b"decoy"),
            |writer| writer.delimited(number, bytes),
        )
    }

    fn number(&mut self, number: u32, value: u64) -> Fields {
        self.scalar(
            value == 0,
            |writer| writer.varint_field(number, 3),
            |writer| writer.varint_field(number, value),
        )
    }

    fn fixed64(&mut self, number: u32, value: u64) -> Fields {
        self.scalar(
            value == 0,
            |writer| writer.fixed64_field(number, 3),
            |writer| writer.fixed64_field(number, value),
        )
    }

    fn fixed32(&mut self, number: u32, value: u32) -> Fields {
        let field = |writer: &mut Self, value: u32| {
            [writer.key(number, 5), value.to_le_bytes().to_vec()].concat()
        };
        self.scalar(value == 0, |writer| field(writer, 3), |writer| field(writer, value))
    }

    /// A scalar: left out if it may be, or written, or written after another value.
    fn scalar(
        &mut self,
        is_default: bool,
        decoy: impl FnOnce(&mut Self) -> Vec<u8>,
        real: impl FnOnce(&mut Self) -> Vec<u8>,
    ) -> Fields {
        match self.below(8) {
            0 => vec![decoy(self), real(self)],
            1..=6 if is_default => Fields::new(),
            _ => vec![real(self)],
        }
    }

    /// Puts the fields of all tracks in one order that keeps each track's own, with unknown fields
    /// in between.
    fn weave(&mut self, mut tracks: Vec<Fields>) -> Fields {
        let unknown = if self.below(4) == 0 { 1 + self.below(3) } else { 0 };
        tracks.push((0..unknown).map(|_| self.unknown_field(0)).collect());
        if self.below(3) == 0 {
            // The Collector's way: last field first.
            return tracks.into_iter().rev().flatten().collect();
        }
        let mut tracks: Vec<_> = tracks.into_iter().map(|t| t.into_iter().peekable()).collect();
        let mut fields = Fields::new();
        loop {
            tracks.retain_mut(|track| track.peek().is_some());
            if tracks.is_empty() {
                return fields;
            }
            let track = self.below(tracks.len() as u64) as usize;
            fields.extend(tracks[track].next());
        }
    }

    fn unknown_field(&mut self, depth: u32) -> Vec<u8> {
        let number = [17, 100, 20_000, 536_870_911][self.below(4) as usize];
        match self.below(if depth < 4 { 6 } else { 4 }) {
            0 => self.varint_field(number, u64::MAX >> depth),
            1 => self.fixed64_field(number, 1 << 63),
            2 => [self.key(number, 5), vec![0xff; 4]].concat(),
            3 => self.delimited(number, b"unknown"),
            _ => {
                let inner: Vec<u8> =
                    (0..self.below(3)).flat_map(|_| self.unknown_field(depth + 1)).collect();
                [self.key(number, 3), inner, self.key(number, 4)].concat()
            }
        }
    }

    fn varint_field(&mut self, number: u32, value: u64) -> Vec<u8> {
        let mut bytes = self.key(number, 0);
        varint(&mut bytes, value);
        bytes
    }

    fn fixed64_field(&mut self, number: u32, value: u64) -> Vec<u8> {
        [self.key(number, 1), value.to_le_bytes().to_vec()].concat()
    }

    fn delimited(&mut self, number: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = self.key(number, 2);
        varint(&mut bytes, content.len() as u64);
        self.lengthen(&mut bytes);
        [&bytes, content].concat()
    }

    fn key(&mut self, number: u32, wire_type: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        varint(&mut bytes, u64::from(number << 3 | wire_type));
        self.lengthen(&mut bytes);
        bytes
    }

    /// Once in a while, ends a varint in one byte more than it needs.
    fn lengthen(&mut self, bytes: &mut Vec<u8>) {
        if self.below(40) == 0
            && let Some(last) = bytes.last_mut()
        {
            *last |= 0x80;
            bytes.push(0);
        }
    }

    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

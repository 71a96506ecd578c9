//! What a scan shows of a record, and the same as prost decodes it.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValue, KeyValueList};
use prost::Message;
use tailsift_otlp::Scanner;
use tailsift_trace::{Attribute, Batch, Interest, Span, SpanId, TraceId, Value};

/// The keys that the tests ask for: some that real records have, some that generated ones have.
pub(crate) const KEYS: [&str; 6] =
    ["service.name", "prediction_confidence", "model_version", "http.route", "k", ""];

pub(crate) fn scanner() -> Scanner {
    Scanner::new(Interest::new(KEYS))
}

/// One that reads sizes too.
pub(crate) fn sizing_scanner() -> Scanner {
    let mut interest = Interest::new(KEYS);
    interest.ask_for_sizes();
    Scanner::new(interest)
}

#[derive(Debug, PartialEq, Default)]
pub(crate) struct Seen {
    pub(crate) malformed: u32,
    /// By trace, traces in order of appearance.
    pub(crate) traces: Vec<(TraceId, Vec<SeenSpan>)>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct SeenSpan {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: Option<SpanId>,
    pub(crate) parent_span_id: Option<SpanId>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) name: Vec<u8>,
    pub(crate) trace_state: Vec<u8>,
    pub(crate) flags: u32,
    pub(crate) kind: i32,
    pub(crate) status: i32,
    pub(crate) attributes: Vec<SeenAttribute>,
    pub(crate) resource: Vec<SeenAttribute>,
}

pub(crate) type SeenAttribute = (usize, SeenValue);

#[derive(Debug, PartialEq)]
pub(crate) enum SeenValue {
    Empty,
    Text(Vec<u8>),
    Bool(bool),
    Int(i64),
    /// Bits, as NaN is equal to nothing.
    Double(u64),
    Bytes(Vec<u8>),
    /// Items, encoded by prost; `None` if prost refuses them.
    Array(Option<Vec<Vec<u8>>>),
    Map(Option<Vec<Vec<u8>>>),
}

impl Seen {
    pub(crate) fn by_scan(batch: &Batch<'_>) -> Self {
        let traces = batch.chunks.iter().map(|chunk| {
            let spans = batch.spans_of(chunk).iter().map(|span| SeenSpan::by_scan(batch, span));
            (chunk.trace_id, spans.collect())
        });
        Self { malformed: batch.malformed, traces: traces.collect() }
    }

    pub(crate) fn by_prost(request: &ExportTraceServiceRequest) -> Self {
        let mut seen = Self::default();
        for resource_spans in &request.resource_spans {
            let resource = resource_spans.resource.as_ref().map_or(&[][..], |r| &r.attributes);
            for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let Some(trace_id) = TraceId::from_wire(&span.trace_id) else {
                    seen.malformed += 1;
                    continue;
                };
                let span = SeenSpan {
                    trace_id,
                    span_id: SpanId::from_wire(&span.span_id),
                    parent_span_id: SpanId::from_wire(&span.parent_span_id),
                    start: span.start_time_unix_nano,
                    end: span.end_time_unix_nano,
                    name: span.name.clone().into_bytes(),
                    trace_state: span.trace_state.clone().into_bytes(),
                    flags: span.flags,
                    kind: span.kind,
                    status: span.status.as_ref().map_or(0, |status| status.code),
                    attributes: attributes_by_prost(&span.attributes),
                    resource: attributes_by_prost(resource),
                };
                match seen.traces.iter_mut().find(|(id, _)| *id == trace_id) {
                    Some((_, spans)) => spans.push(span),
                    None => seen.traces.push((trace_id, vec![span])),
                }
            }
        }
        seen
    }

    /// Equal, but for two lists of one attribute that protobuf joins and the scan does not.
    pub(crate) fn agrees_with_prost(&self, prost: &Self) -> bool {
        let values_agree = |a: &[SeenAttribute], b: &[SeenAttribute]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1.agrees(&b.1))
        };
        let spans = |seen: &'_ Self| -> Vec<_> {
            seen.traces.iter().flat_map(|(_, spans)| spans).map(SeenSpan::scalars).collect()
        };
        self.malformed == prost.malformed
            && spans(self) == spans(prost)
            && self.traces.iter().zip(&prost.traces).all(|(a, b)| {
                a.0 == b.0
                    && a.1.len() == b.1.len()
                    && a.1.iter().zip(&b.1).all(|(a, b)| {
                        values_agree(&a.attributes, &b.attributes)
                            && values_agree(&a.resource, &b.resource)
                    })
            })
    }
}

impl SeenSpan {
    fn by_scan(batch: &Batch<'_>, span: &Span<'_>) -> Self {
        let seen = |attributes: &[Attribute<'_>]| -> Vec<SeenAttribute> {
            attributes.iter().map(|a| (usize::from(a.key.0), SeenValue::by_scan(a.value))).collect()
        };
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            start: span.start.0,
            end: span.end.0,
            name: span.name.to_vec(),
            trace_state: span.trace_state.to_vec(),
            flags: span.flags,
            kind: span.kind,
            status: span.status.0,
            attributes: seen(batch.attributes_of(span)),
            resource: seen(batch.resource_attributes_of(span)),
        }
    }

    fn scalars(&self) -> Self {
        Self {
            name: self.name.clone(),
            trace_state: self.trace_state.clone(),
            attributes: Vec::new(),
            resource: Vec::new(),
            ..*self
        }
    }
}

impl SeenValue {
    fn by_scan(value: Value<'_>) -> Self {
        match value {
            Value::Empty => Self::Empty,
            Value::Text(bytes) => Self::Text(bytes.to_vec()),
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Double(value) => Self::Double(value.to_bits()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Value::Array(bytes) => {
                Self::Array(ArrayValue::decode(bytes).ok().map(|list| items(&list.values)))
            }
            Value::Map(bytes) => {
                Self::Map(KeyValueList::decode(bytes).ok().map(|list| items(&list.values)))
            }
        }
    }

    fn by_prost(value: Option<&ProtoValue>) -> Self {
        match value {
            None | Some(ProtoValue::StringValueStrindex(_)) => Self::Empty,
            Some(ProtoValue::StringValue(text)) => Self::Text(text.clone().into_bytes()),
            Some(ProtoValue::BoolValue(value)) => Self::Bool(*value),
            Some(ProtoValue::IntValue(value)) => Self::Int(*value),
            Some(ProtoValue::DoubleValue(value)) => Self::Double(value.to_bits()),
            Some(ProtoValue::BytesValue(bytes)) => Self::Bytes(bytes.clone()),
            Some(ProtoValue::ArrayValue(list)) => Self::Array(Some(items(&list.values))),
            Some(ProtoValue::KvlistValue(list)) => Self::Map(Some(items(&list.values))),
        }
    }

    fn agrees(&self, prost: &Self) -> bool {
        match (self, prost) {
            (Self::Array(Some(own)), Self::Array(Some(all)))
            | (Self::Map(Some(own)), Self::Map(Some(all))) => all.ends_with(own),
            _ => self == prost,
        }
    }
}

fn items<M: Message>(list: &[M]) -> Vec<Vec<u8>> {
    list.iter().map(Message::encode_to_vec).collect()
}

fn attributes_by_prost(attributes: &[KeyValue]) -> Vec<SeenAttribute> {
    attributes
        .iter()
        .filter_map(|attribute| {
            let key = KEYS.iter().position(|key| *key == attribute.key)?;
            let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
            Some((key, SeenValue::by_prost(value)))
        })
        .collect()
}

/// Fails unless every byte that the batch shows is one of the payload, and every attribute is
/// someone's.
pub(crate) fn assert_inside(batch: &Batch<'_>, payload: &[u8]) {
    let of_resources = batch.resources.iter().map(|resource| resource.attributes.len());
    let of_spans = batch.spans.iter().map(|span| span.attributes.len());
    assert_eq!(of_resources.chain(of_spans).sum::<usize>(), batch.attributes.len());
    let payload = payload.as_ptr_range();
    let check = |bytes: &[u8]| {
        let range = bytes.as_ptr_range();
        assert!(bytes.is_empty() || payload.start <= range.start && range.end <= payload.end);
    };
    for span in &batch.spans {
        check(span.name);
        check(span.trace_state);
    }
    for attribute in &batch.attributes {
        match attribute.value {
            Value::Text(bytes) | Value::Bytes(bytes) | Value::Array(bytes) | Value::Map(bytes) => {
                check(bytes);
            }
            Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => {}
        }
    }
    batch.shared.iter().for_each(|bytes| check(bytes));
    for piece in &batch.pieces {
        if let tailsift_trace::Piece::Own(bytes) = piece {
            check(bytes);
        }
    }
}

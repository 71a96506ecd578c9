//! Details and trees: what is read only if asked for, against prost.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan};
use proptest::prelude::*;
use prost::Message;
use tailsift_otlp::Scanner;
use tailsift_trace::{
    Batch, Details, Interest, NODE_DEPTH_MAX, Node, Span, SpanId, TraceId, Value, siblings,
};

use crate::encode::encode_oddly;
use crate::generate;
use crate::seen::{KEYS, Seen};

const ALL: Details = Details {
    status_message: true,
    counts: true,
    attributes: true,
    events: true,
    event_attributes: true,
    scope: true,
    resource: true,
};

/// Everything that can be asked for.
pub(crate) fn curious() -> Scanner {
    let mut interest = Interest::default();
    for key in KEYS {
        interest.add_tree(key.as_bytes());
    }
    interest.add_details(ALL);
    Scanner::new(interest)
}

/// A value with what is in it. Doubles by their bits, as NaN is equal to nothing.
#[derive(Debug, PartialEq, Clone)]
enum Tree {
    Empty,
    Text(Vec<u8>),
    Bool(bool),
    Int(i64),
    Double(u64),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Map(Entries),
}

type Entries = Vec<(Vec<u8>, Tree)>;

/// What a batch, or a request, shows of a span beyond scalars.
#[derive(Debug, PartialEq)]
struct More {
    span_id: Option<SpanId>,
    status_message: Vec<u8>,
    counts: [u32; 4],
    attributes: Entries,
    named: Vec<Tree>,
    events: Vec<(u64, Vec<u8>, u32, Entries)>,
    scope: (Vec<u8>, Vec<u8>, u32, Entries),
    resource: (u32, Entries),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn details_are_what_prost_decodes(request in generate::request(), seed: u64) {
        let payload = encode_oddly(&request, seed);
        let mut scanner = curious();
        let batch = scanner.scan(&payload).unwrap();
        prop_assert_eq!(Seen::by_scan(&batch), Seen::by_prost(&request));
        prop_assert_eq!(by_scan(&batch), by_prost(&request));
        assert_consistent(&batch);
    }

    /// What is not asked for is not there, and what is does not hang on the rest.
    #[test]
    fn each_detail_stands_alone(request in generate::request(), which in 0..7usize) {
        let payload = request.encode_to_vec();
        let mut scanner = curious();
        let all = scanner.scan(&payload).unwrap();
        let mut interest = Interest::default();
        interest.add_details(one_of_all(which));
        let mut scanner = Scanner::new(interest);
        let some = scanner.scan(&payload).unwrap();
        prop_assert!(some.detailed.trees.is_empty());
        for (all, some) in by_scan(&all).iter().zip(by_scan_of(&some, which)) {
            prop_assert_eq!(format!("{:?}", part(all, which)), some);
        }
    }
}

#[test]
fn what_lies_too_deep_is_cut() {
    let mut value = AnyValue { value: Some(ProtoValue::IntValue(1)) };
    for _ in 0..NODE_DEPTH_MAX + 9 {
        let list = opentelemetry_proto::tonic::common::v1::ArrayValue { values: vec![value] };
        value = AnyValue { value: Some(ProtoValue::ArrayValue(list)) };
    }
    let span = ProtoSpan {
        trace_id: vec![1; 16],
        attributes: vec![KeyValue { key: "k".into(), value: Some(value), key_strindex: 0 }],
        ..ProtoSpan::default()
    };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let payload = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let mut scanner = curious();
    let batch = scanner.scan(&payload).unwrap();
    let nodes = &batch.detailed.nodes;
    assert_eq!(nodes.iter().filter(|node| node.is_cut).count(), 2, "as attribute and as tree");
    assert_eq!(nodes.len(), 2 * (NODE_DEPTH_MAX as usize + 1));
    assert_consistent(&batch);
}

/// In the steady state details allocate nothing: their vectors come back.
#[test]
fn memory_of_details_goes_round() {
    let text = |text: &str| Some(AnyValue { value: Some(ProtoValue::StringValue(text.into())) });
    let list =
        opentelemetry_proto::tonic::common::v1::ArrayValue { values: vec![AnyValue::default(); 9] };
    let list = Some(AnyValue { value: Some(ProtoValue::ArrayValue(list)) });
    let attribute = |key: &str, value| KeyValue { key: key.into(), value, key_strindex: 0 };
    let event = opentelemetry_proto::tonic::trace::v1::span::Event {
        attributes: vec![attribute("a", text("b"))],
        ..Default::default()
    };
    let span = ProtoSpan {
        trace_id: vec![1; 16],
        attributes: vec![attribute("k", list)],
        events: vec![event],
        ..ProtoSpan::default()
    };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let payload = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let mut scanner = curious();
    let mut places = Vec::new();
    for _ in 0..4 {
        let batch = scanner.scan(&payload).unwrap();
        let detailed = &batch.detailed;
        assert_eq!(detailed.trees.len(), 1);
        places.push([
            detailed.spans.as_ptr() as usize,
            detailed.events.as_ptr() as usize,
            detailed.scopes.as_ptr() as usize,
            detailed.resources.as_ptr() as usize,
            detailed.nodes.as_ptr() as usize,
            detailed.trees.as_ptr() as usize,
        ]);
        scanner.recycle(batch);
    }
    assert_eq!(places[1], places[3]);
}

/// Fails unless ranges lie within what there is, and nodes account for each other.
pub(crate) fn assert_consistent(batch: &Batch<'_>) {
    let detailed = &batch.detailed;
    assert_eq!(detailed.resources.len(), batch.resources.len());
    assert_eq!(detailed.spans.len(), batch.spans.len());
    assert_eq!(siblings_in(&detailed.nodes), detailed.nodes.len());
    for span in &batch.spans {
        let detail = &detailed.spans[span.detail as usize];
        let scope = &detailed.scopes[detail.scope as usize];
        let events = &detailed.events[detail.events.start as usize..detail.events.end as usize];
        let ranges = events.iter().map(|event| &event.attributes);
        for range in ranges.chain([&scope.attributes, &detail.attributes]) {
            let nodes = detailed.nodes_of(range);
            assert_eq!(siblings_in(nodes), nodes.len());
        }
    }
    for tree in &detailed.trees {
        let (Value::Array(_) | Value::Map(_)) = batch.attributes[tree.attribute as usize].value
        else {
            panic!("a tree of a scalar")
        };
        assert!(detailed.tree(tree.attribute).is_some());
    }
}

fn siblings_in(nodes: &[Node<'_>]) -> usize {
    siblings(nodes).map(|(_, within)| 1 + siblings_in(within)).sum()
}

fn one_of_all(which: usize) -> Details {
    let none = Details::default();
    match which {
        0 => Details { status_message: true, ..none },
        1 => Details { counts: true, ..none },
        2 => Details { attributes: true, ..none },
        3 => Details { events: true, ..none },
        4 => Details { events: true, event_attributes: true, ..none },
        5 => Details { scope: true, ..none },
        _ => Details { resource: true, ..none },
    }
}

fn part(more: &More, which: usize) -> Box<dyn std::fmt::Debug + '_> {
    match which {
        0 => Box::new(&more.status_message),
        1 => Box::new(more.counts),
        2 => Box::new(&more.attributes),
        3 => Box::new(more.events.iter().map(|event| &event.1).collect::<Vec<_>>()),
        4 => Box::new(&more.events),
        5 => Box::new(&more.scope),
        _ => Box::new(&more.resource),
    }
}

/// The same part of a batch that has nothing else.
fn by_scan_of(batch: &Batch<'_>, which: usize) -> Vec<String> {
    let detailed = &batch.detailed;
    let entries = |range| entries_of(detailed.nodes_of(range));
    let show = |span: &Span<'_>| {
        if which == 6 {
            let resource = &detailed.resources[span.resource as usize];
            return format!("{:?}", (resource.dropped_attributes, entries(&resource.attributes)));
        }
        let detail = &detailed.spans[span.detail as usize];
        let events = &detailed.events[detail.events.start as usize..detail.events.end as usize];
        match which {
            0 => format!("{:?}", detail.status_message.to_vec()),
            1 => format!(
                "{:?}",
                [
                    detail.dropped_attributes,
                    detail.dropped_events,
                    detail.dropped_links,
                    detail.links
                ]
            ),
            2 => format!("{:?}", entries(&detail.attributes)),
            3 => {
                assert!(events.iter().all(|event| event.attributes.is_empty()));
                format!("{:?}", events.iter().map(|event| event.name.to_vec()).collect::<Vec<_>>())
            }
            4 => format!("{:?}", events_of(batch, span)),
            _ => format!("{:?}", scope_of(batch, span)),
        }
    };
    batch.spans.iter().map(show).collect()
}

fn by_scan(batch: &Batch<'_>) -> Vec<More> {
    let detailed = &batch.detailed;
    let more = |span: &Span<'_>| {
        let detail = &detailed.spans[span.detail as usize];
        let resource = &detailed.resources[span.resource as usize];
        let named = span.attributes.clone().map(|place| {
            let value = batch.attributes[place as usize].value;
            detailed.tree(place).map_or_else(|| scalar(value), |nodes| tree(&nodes[0], &nodes[1..]))
        });
        More {
            span_id: span.span_id,
            status_message: detail.status_message.to_vec(),
            counts: [
                detail.dropped_attributes,
                detail.dropped_events,
                detail.dropped_links,
                detail.links,
            ],
            attributes: entries_of(detailed.nodes_of(&detail.attributes)),
            named: named.collect(),
            events: events_of(batch, span),
            scope: scope_of(batch, span),
            resource: (
                resource.dropped_attributes,
                entries_of(detailed.nodes_of(&resource.attributes)),
            ),
        }
    };
    batch.spans.iter().map(more).collect()
}

fn events_of(batch: &Batch<'_>, span: &Span<'_>) -> Vec<(u64, Vec<u8>, u32, Entries)> {
    let range = &batch.detailed.spans[span.detail as usize].events;
    let events = &batch.detailed.events[range.start as usize..range.end as usize];
    let event = |event: &tailsift_trace::Event<'_>| {
        let entries = entries_of(batch.detailed.nodes_of(&event.attributes));
        (event.time.0, event.name.to_vec(), event.dropped_attributes, entries)
    };
    events.iter().map(event).collect()
}

fn scope_of(batch: &Batch<'_>, span: &Span<'_>) -> (Vec<u8>, Vec<u8>, u32, Entries) {
    let place = batch.detailed.spans[span.detail as usize].scope;
    let scope = &batch.detailed.scopes[place as usize];
    let entries = entries_of(batch.detailed.nodes_of(&scope.attributes));
    (scope.name.to_vec(), scope.version.to_vec(), scope.dropped_attributes, entries)
}

fn entries_of(nodes: &[Node<'_>]) -> Entries {
    siblings(nodes).map(|(node, within)| (node.key.to_vec(), tree(node, within))).collect()
}

fn tree(node: &Node<'_>, within: &[Node<'_>]) -> Tree {
    match node.value {
        Value::Array(_) => Tree::List(siblings(within).map(|(n, w)| tree(n, w)).collect()),
        Value::Map(_) => Tree::Map(entries_of(within)),
        value @ (Value::Empty
        | Value::Text(_)
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Double(_)
        | Value::Bytes(_)) => scalar(value),
    }
}

fn scalar(value: Value<'_>) -> Tree {
    match value {
        Value::Empty => Tree::Empty,
        Value::Text(text) => Tree::Text(text.to_vec()),
        Value::Bool(value) => Tree::Bool(value),
        Value::Int(value) => Tree::Int(value),
        Value::Double(value) => Tree::Double(value.to_bits()),
        Value::Bytes(bytes) => Tree::Bytes(bytes.to_vec()),
        Value::Array(_) | Value::Map(_) => panic!("a list without its items"),
    }
}

fn by_prost(request: &ExportTraceServiceRequest) -> Vec<More> {
    let mut order: Vec<TraceId> = Vec::new();
    let mut found = Vec::new();
    for resource_spans in &request.resource_spans {
        let resource = resource_spans.resource.as_ref();
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans.scope.clone().unwrap_or_default();
            for span in &scope_spans.spans {
                let Some(trace_id) = TraceId::from_wire(&span.trace_id) else { continue };
                let place = order.iter().position(|id| *id == trace_id).unwrap_or_else(|| {
                    order.push(trace_id);
                    order.len() - 1
                });
                let resource = (
                    resource.map_or(0, |resource| resource.dropped_attributes_count),
                    resource
                        .map_or_else(Vec::new, |resource| entries_by_prost(&resource.attributes)),
                );
                let scope = (
                    scope.name.clone().into_bytes(),
                    scope.version.clone().into_bytes(),
                    scope.dropped_attributes_count,
                    entries_by_prost(&scope.attributes),
                );
                found.push((place, of_span(span, scope, resource)));
            }
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, more)| more).collect()
}

fn of_span(
    span: &ProtoSpan,
    scope: (Vec<u8>, Vec<u8>, u32, Entries),
    resource: (u32, Entries),
) -> More {
    let attributes = entries_by_prost(&span.attributes);
    let known = |key: &[u8]| KEYS.iter().any(|known| known.as_bytes() == key);
    let named = attributes.iter().filter(|(key, _)| known(key)).map(|(_, value)| value.clone());
    let events = span.events.iter().map(|event| {
        let entries = entries_by_prost(&event.attributes);
        let name = event.name.clone().into_bytes();
        (event.time_unix_nano, name, event.dropped_attributes_count, entries)
    });
    More {
        span_id: SpanId::from_wire(&span.span_id),
        status_message: span.status.clone().unwrap_or_default().message.into_bytes(),
        counts: [
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
            span.links.len() as u32,
        ],
        named: named.collect(),
        events: events.collect(),
        attributes,
        scope,
        resource,
    }
}

fn entries_by_prost(attributes: &[KeyValue]) -> Entries {
    let entry = |attribute: &KeyValue| {
        (attribute.key.clone().into_bytes(), value_by_prost(attribute.value.as_ref()))
    };
    attributes.iter().map(entry).collect()
}

fn value_by_prost(value: Option<&AnyValue>) -> Tree {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(ProtoValue::StringValueStrindex(_)) => Tree::Empty,
        Some(ProtoValue::StringValue(text)) => Tree::Text(text.clone().into_bytes()),
        Some(ProtoValue::BoolValue(value)) => Tree::Bool(*value),
        Some(ProtoValue::IntValue(value)) => Tree::Int(*value),
        Some(ProtoValue::DoubleValue(value)) => Tree::Double(value.to_bits()),
        Some(ProtoValue::BytesValue(bytes)) => Tree::Bytes(bytes.clone()),
        Some(ProtoValue::ArrayValue(list)) => {
            Tree::List(list.values.iter().map(|value| value_by_prost(Some(value))).collect())
        }
        Some(ProtoValue::KvlistValue(list)) => Tree::Map(entries_by_prost(&list.values)),
    }
}

//! Arbitrary requests.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::seen::KEYS;

/// Requests of a few resources, scopes and traces; now and then a span has no usable trace ID.
pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 0..4)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    (option::of(resource()), vec(scope_spans(), 0..4), text()).prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    let entity_ref = (text(), text(), vec(text(), 0..3), vec(text(), 0..2)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    );
    (attributes(), any::<u32>(), vec(entity_ref, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    let scope = (text(), text(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    (option::of(scope), vec(span(), 0..5), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (trace_id(), span_id(), text(), span_id(), any::<u32>());
    let times = (text(), any::<i32>(), any::<u64>(), any::<u64>());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..2));
    let counts = any::<[u32; 3]>();
    (ids, times, lists, counts, option::of(status())).prop_map(
        |(ids, times, lists, counts, status)| {
            let (trace_id, span_id, trace_state, parent_span_id, flags) = ids;
            let (name, kind, start_time_unix_nano, end_time_unix_nano) = times;
            let (attributes, events, links) = lists;
            Span {
                trace_id,
                span_id,
                trace_state,
                parent_span_id,
                flags,
                name,
                kind,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                dropped_attributes_count: counts[0],
                events,
                dropped_events_count: counts[1],
                links,
                dropped_links_count: counts[2],
                status,
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (trace_id(), span_id(), text(), attributes(), any::<[u32; 2]>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, [dropped_attributes_count, flags])| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    (text(), prop_oneof![0..3i32, any::<i32>()])
        .prop_map(|(message, code)| Status { message, code })
}

fn trace_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => (1..5u8).prop_map(|last| [vec![0; 15], vec![last]].concat()),
        1 => Just(Vec::new()),
        1 => Just(vec![0; 16]),
        1 => Just(vec![7; 15]),
        1 => Just(vec![7; 17]),
    ]
}

fn span_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => any::<[u8; 8]>().prop_map(Vec::from),
        1 => Just(Vec::new()),
        1 => Just(vec![0; 8]),
        1 => Just(vec![7; 9]),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(any_value()), 0..4)
}

fn key_value(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    let key = prop_oneof![proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), text()];
    (key, option::weighted(0.9, value), prop_oneof![9 => Just(0), 1 => any::<i32>()])
        .prop_map(|(key, value, key_strindex)| KeyValue { key, value, key_strindex })
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let scalar = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Value::IntValue(value))),
        any::<u64>().prop_map(|bits| Some(Value::DoubleValue(f64::from_bits(bits)))),
        vec(any::<u8>(), 0..6).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        any::<i32>().prop_map(|index| Some(Value::StringValueStrindex(index))),
    ]
    .prop_map(|value| AnyValue { value });
    scalar.prop_recursive(3, 12, 3, |inner| {
        let array =
            vec(inner.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values }));
        let map = vec(key_value(inner), 0..3)
            .prop_map(|values| Value::KvlistValue(KeyValueList { values }));
        prop_oneof![array, map].prop_map(|value| AnyValue { value: Some(value) })
    })
}

/// Mostly short; sometimes long enough for a length of two bytes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zé]{0,6}",
        1 => (120..140usize).prop_map(|len| "x".repeat(len)),
    ]
}

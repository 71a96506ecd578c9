//! One span with something of everything.

use tailsift_trace::{
    Attribute, Batch, Event, Interest, Node, Resource, ResourceDetail, Scope as OtlpScope, Span,
    SpanDetail, SpanId, StatusCode, TraceId, Tree, UnixNano, Value,
};

use super::Says;
use crate::ottl::{Condition, Scope};

/// A value with what is in it.
#[derive(Clone)]
pub(super) enum V {
    One(Value<'static>),
    List(Vec<V>),
    Map(Vec<(&'static str, V)>),
    /// A list that lies too deep to have been read.
    Cut,
}

fn text(text: &'static str) -> V {
    V::One(Value::Text(text.as_bytes()))
}

fn int(number: i64) -> V {
    V::One(Value::Int(number))
}

fn attributes() -> Vec<(&'static str, V)> {
    vec![
        ("text", text("x")),
        ("int", int(7)),
        ("double", V::One(Value::Double(1.5))),
        ("large", int(9_007_199_254_740_993)),
        ("nan", V::One(Value::Double(f64::NAN))),
        ("true", V::One(Value::Bool(true))),
        ("bytes", V::One(Value::Bytes(&[0xff, 0]))),
        ("empty", V::One(Value::Empty)),
        (
            "list",
            V::List(vec![int(1), text("two"), V::Map(vec![("z", V::One(Value::Bool(true)))])]),
        ),
        ("map", V::Map(vec![("a", V::One(Value::Empty)), ("b", V::List(vec![int(1), int(2)]))])),
        ("shop", text("by name")),
        ("long", V::One(Value::Text(&[b','; (1 << 20) + 1]))),
        ("deep", V::List(vec![V::Cut])),
        ("bad pattern", text("(")),
        // The first of two counts.
        ("int", int(8)),
    ]
}

fn push(key: &'static str, value: &V, nodes: &mut Vec<Node<'static>>) {
    let place = nodes.len();
    let (of_node, is_cut) = match value {
        V::One(value) => (*value, false),
        V::List(_) => (Value::Array(b""), false),
        V::Map(_) => (Value::Map(b""), false),
        V::Cut => (Value::Array(b""), true),
    };
    nodes.push(Node { key: key.as_bytes(), value: of_node, len: 0, is_cut });
    match value {
        V::One(_) | V::Cut => {}
        V::List(items) => items.iter().for_each(|item| push("", item, nodes)),
        V::Map(entries) => entries.iter().for_each(|(key, value)| push(key, value, nodes)),
    }
    nodes[place].len = (nodes.len() - place - 1) as u32;
}

fn entries(entries: &[(&'static str, V)], batch: &mut Batch<'static>) -> std::ops::Range<u32> {
    let nodes = &mut batch.detailed.nodes;
    let start = nodes.len() as u32;
    entries.iter().for_each(|(key, value)| push(key, value, nodes));
    start..nodes.len() as u32
}

fn named(
    entries: &[(&'static str, V)],
    interest: &Interest,
    batch: &mut Batch<'static>,
) -> std::ops::Range<u32> {
    let start = batch.attributes.len() as u32;
    for (name, value) in entries {
        let Some(key) = interest.find(name.as_bytes()) else { continue };
        let place = batch.attributes.len() as u32;
        let node = batch.detailed.nodes.len() as u32;
        let value = match value {
            V::One(value) => *value,
            V::List(_) | V::Map(_) | V::Cut => {
                assert!(interest.wants_tree(key), "{name}");
                push("", value, &mut batch.detailed.nodes);
                batch.detailed.trees.push(Tree { attribute: place, node });
                batch.detailed.nodes[node as usize].value
            }
        };
        batch.attributes.push(Attribute { key, value });
    }
    start..batch.attributes.len() as u32
}

/// A record of one span, of which an interest has been read.
pub(super) fn batch(interest: &Interest) -> Batch<'static> {
    let mut batch = Batch::default();
    let details = interest.details();
    let of_resource = [("service.name", text("shop"))];
    let resource = named(&of_resource, interest, &mut batch);
    batch.resources.push(Resource { attributes: resource });
    if details.resource {
        let attributes = entries(&of_resource, &mut batch);
        batch.detailed.resources.push(ResourceDetail { dropped_attributes: 5, attributes });
    }
    let own = named(&attributes(), interest, &mut batch);
    if details.scope {
        let attributes = entries(&[("k", text("v"))], &mut batch);
        let (name, version) = (&b"lib"[..], &b"1.2"[..]);
        let scope = OtlpScope { name, version, dropped_attributes: 6, attributes };
        batch.detailed.scopes.push(scope);
    }
    if details.of_spans() {
        let mut detail = SpanDetail::default();
        if details.status_message {
            detail.status_message = b"boom";
        }
        if details.counts {
            (detail.dropped_attributes, detail.dropped_events) = (1, 2);
            (detail.dropped_links, detail.links) = (3, 4);
        }
        if details.attributes {
            detail.attributes = entries(&attributes(), &mut batch);
        }
        if details.events {
            let mut attributes = 0..0;
            if details.event_attributes {
                attributes = entries(&[("exception.type", text("E"))], &mut batch);
            }
            let start = UnixNano(1_000_000_010);
            let (exception, log) = (&b"exception"[..], &b"log"[..]);
            batch.detailed.events.extend([
                Event { time: start, name: exception, dropped_attributes: 0, attributes },
                Event { time: UnixNano(0), name: log, dropped_attributes: 9, attributes: 0..0 },
            ]);
            detail.events = 0..2;
        }
        batch.detailed.spans.push(detail);
    }
    batch.spans.push(Span {
        trace_id: TraceId([7; 16]),
        span_id: Some(SpanId([1; 8])),
        parent_span_id: None,
        start: UnixNano(1_000_000_000),
        end: UnixNano(2_500_000_000),
        name: b"op",
        trace_state: b"k=v",
        flags: 257,
        kind: 2,
        status: StatusCode::ERROR,
        resource: 0,
        attributes: own,
        detail: 0,
    });
    batch
}

fn compiled(condition: &str, on_events: bool) -> (Condition, Interest) {
    let mut interest = Interest::default();
    let compiled = Condition::compile(condition, on_events, &mut interest);
    (compiled.unwrap_or_else(|error| panic!("{condition}: {error}")), interest)
}

fn says(condition: &Condition, scope: &Scope<'_>) -> Says {
    match condition.holds(scope) {
        Ok(true) => Says::Yes,
        Ok(false) => Says::No,
        Err(_) => Says::Fails,
    }
}

const NOW: Option<UnixNano> = Some(UnixNano(3_000_000_000));

/// What a condition on spans says of the span.
pub(super) fn holds(condition: &str) -> Says {
    let (condition, interest) = compiled(condition, false);
    let batch = batch(&interest);
    let scope = Scope { span: &batch.spans[0], batch: &batch, event: None, now: NOW };
    says(&condition, &scope)
}

/// What a condition on events says of one of its two.
pub(super) fn holds_for_event(condition: &str, event: usize) -> Says {
    let (condition, mut interest) = compiled(condition, true);
    interest.add_details(tailsift_trace::Details { events: true, ..Default::default() });
    let batch = batch(&interest);
    let event = Some(&batch.events_of(&batch.spans[0])[event]);
    says(&condition, &Scope { span: &batch.spans[0], batch: &batch, event, now: NOW })
}

/// Why a condition is refused.
#[track_caller]
pub(super) fn refusal(condition: &str, on_events: bool) -> String {
    let refused = Condition::compile(condition, on_events, &mut Interest::default());
    refused.expect_err(&format!("{condition} is refused"))
}

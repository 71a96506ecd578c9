//! Jaeger's and Zipkin's spans, as the Collector writes them, against OTLP's of the same run.
//!
//! What the Collector loses on the way into the other formats is listed, and taken from the spans
//! that are expected; all else has to come back.

mod jaeger;
mod zipkin;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::corpus;

/// The document that lists the same losses.
const FORMATS: &str = include_str!("../../../../docs/formats.md");

/// A span with its context.
#[derive(Debug, Clone, PartialEq, Default)]
struct Alone {
    resource: Resource,
    resource_schema: String,
    scope: InstrumentationScope,
    scope_schema: String,
    span: Span,
}

/// Something that does not survive, as `docs/formats.md` has it.
struct Loss {
    what: &'static str,
    /// Takes it from a span that has it; given is also what came back.
    take: fn(&mut Alone, &Alone),
}

/// Every span of these records, by trace and span id.
fn spans<'r>(records: impl IntoIterator<Item = &'r [u8]>) -> BTreeMap<[Vec<u8>; 2], Alone> {
    let mut spans = BTreeMap::new();
    for record in records {
        let request = ExportTraceServiceRequest::decode(record).expect("a record is a request");
        for of_resource in request.resource_spans {
            for of_scope in of_resource.scope_spans {
                for span in of_scope.spans {
                    let id = [span.trace_id.clone(), span.span_id.clone()];
                    let alone = Alone {
                        resource: of_resource.resource.clone().unwrap_or_default(),
                        resource_schema: of_resource.schema_url.clone(),
                        scope: of_scope.scope.clone().unwrap_or_default(),
                        scope_schema: of_scope.schema_url.clone(),
                        span,
                    };
                    spans.insert(id, alone);
                }
            }
        }
    }
    spans
}

/// Compares all spans of a recording with those of OTLP, less the losses. Each loss must show in
/// some span, and stand in the document.
fn assert_lost_no_more(converted: &[Vec<u8>], losses: &[Loss], heading: &str) {
    let converted = spans(converted.iter().map(Vec::as_slice));
    let otlp = corpus::values("otlp_proto_keyed_nobatch.bin");
    let otlp = spans(otlp.iter().map(Vec::as_slice));
    assert_eq!(converted.len(), 907);
    assert!(converted.keys().eq(otlp.keys()));
    let mut shown = vec![false; losses.len()];
    let mut wrong = Vec::new();
    for (id, whole) in &otlp {
        let got = facts(&converted[id]);
        let mut expected = whole.clone();
        for (loss, shown) in losses.iter().zip(&mut shown) {
            let before = facts(&expected);
            (loss.take)(&mut expected, &converted[id]);
            *shown |= facts(&expected) != before;
        }
        let expected = facts(&expected);
        let (lacks, adds) = (without(&expected, &got), without(&got, &expected));
        if got != expected {
            wrong.push(format!("{id:?} lacks {lacks:#?}\nand adds {adds:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} spans differ: {}", wrong.len(), wrong.concat());
    let (_, section) = FORMATS.split_once(heading).expect("the document has the heading");
    for (loss, shown) in losses.iter().zip(shown) {
        assert!(shown, "no recorded span loses: {}", loss.what);
        assert!(section.contains(loss.what), "docs/formats.md lacks: {}", loss.what);
    }
}

/// All that a span says, a line a fact: NaN equals itself, an empty status none, and neither the
/// order of attributes nor that of scopes counts.
fn facts(alone: &Alone) -> Vec<String> {
    let Alone { resource, resource_schema, scope, scope_schema, span } = alone.clone();
    let mut facts = Vec::new();
    let mut list = |of: &str, attributes: Vec<KeyValue>| {
        for KeyValue { key, value, .. } in attributes {
            let value = value.and_then(|value| value.value);
            facts.push(format!("{of} attribute {key} = {value:?}"));
        }
    };
    list("resource", resource.attributes);
    list("scope", scope.attributes);
    list("span", span.attributes);
    let mut rest = vec![];
    for (number, mut event) in span.events.into_iter().enumerate() {
        list(&format!("event {number}"), std::mem::take(&mut event.attributes));
        rest.push(format!("event {number} {event:?}"));
    }
    for (number, mut link) in span.links.into_iter().enumerate() {
        list(&format!("link {number}"), std::mem::take(&mut link.attributes));
        rest.push(format!("link {number} {link:?}"));
    }
    facts.append(&mut rest);
    let resource = Resource { attributes: vec![], ..resource };
    let scope = InstrumentationScope { attributes: vec![], ..scope };
    facts.push(format!("{resource:?} {resource_schema} {scope_schema}"));
    facts.push(format!("{scope:?}"));
    let status = Some(span.status.unwrap_or_default());
    let bare = Span { status, attributes: vec![], events: vec![], links: vec![], ..span };
    facts.extend(format!("{bare:#?}").lines().map(str::to_owned));
    facts.sort();
    facts
}

fn without<'f>(facts: &'f [String], others: &[String]) -> Vec<&'f String> {
    facts.iter().filter(|fact| !others.contains(fact)).collect()
}

fn value_of(attribute: &KeyValue) -> Option<&Value> {
    attribute.value.as_ref()?.value.as_ref()
}

fn text(key: &str, text: &str) -> KeyValue {
    attribute(key, Value::StringValue(text.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A value as the Collector writes it where only text is allowed.
fn as_text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::DoubleValue(number)) if number.is_nan() => "NaN".to_owned(),
        Some(other) => as_json(other).to_string(),
    }
}

fn as_json(value: &Value) -> serde_json::Value {
    let inner = |value: &AnyValue| value.value.as_ref().map_or(serde_json::Value::Null, as_json);
    match value {
        Value::StringValue(text) => text.as_str().into(),
        Value::BoolValue(value) => (*value).into(),
        Value::IntValue(value) => (*value).into(),
        // Whole numbers are written without a fraction.
        Value::DoubleValue(value) if value.fract() == 0.0 => (*value as i64).into(),
        Value::DoubleValue(value) => (*value).into(),
        Value::ArrayValue(array) => array.values.iter().map(inner).collect(),
        Value::KvlistValue(map) => map
            .values
            .iter()
            .map(|pair| {
                (pair.key.clone(), pair.value.as_ref().map_or_else(Default::default, inner))
            })
            .collect(),
        Value::BytesValue(_) | Value::StringValueStrindex(_) => {
            panic!("the corpus has no such value")
        }
    }
}

fn rename(attributes: &mut [KeyValue], from: &str, to: &str) {
    for attribute in attributes.iter_mut().filter(|attribute| attribute.key == from) {
        attribute.key = to.to_owned();
    }
}

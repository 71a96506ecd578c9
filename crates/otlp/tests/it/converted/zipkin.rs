//! The recording in `zipkin_json`.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tailsift_otlp::{TagValues, zipkin_to_protobuf};

use super::{Alone, Loss, as_text, assert_lost_no_more, attribute, text, value_of};
use crate::corpus;

const LOSSES: &[Loss] = &[
    Loss {
        what: "schema URLs",
        take: |alone, _| {
            alone.resource_schema.clear();
            alone.scope_schema.clear();
        },
    },
    Loss {
        what: "entity references of the resource",
        take: |alone, _| alone.resource.entity_refs.clear(),
    },
    Loss {
        what: "all flags, those of links too",
        take: |alone, _| {
            alone.span.flags = 0;
            alone.span.links.iter_mut().for_each(|link| link.flags = 0);
        },
    },
    Loss {
        what: "names in capitals: span and service are written in lower case",
        take: |alone, _| alone.span.name = alone.span.name.to_lowercase(),
    },
    Loss {
        what: "nanoseconds: times are rounded to microseconds",
        take: |alone, _| {
            let span = &mut alone.span;
            let micros = |nanos: u64| (nanos + 500) / 1000 * 1000;
            // A duration is rounded by itself, and not to nothing.
            let duration = span.end_time_unix_nano - span.start_time_unix_nano;
            let duration = micros(duration).max(duration.min(1) * 1000);
            span.start_time_unix_nano = micros(span.start_time_unix_nano);
            span.end_time_unix_nano = span.start_time_unix_nano + duration;
            span.events
                .iter_mut()
                .for_each(|event| event.time_unix_nano = micros(event.time_unix_nano));
        },
    },
    Loss {
        what: "types: attributes of spans and resources become texts",
        take: |alone, _| {
            let Alone { resource, span, .. } = alone;
            for attribute in resource.attributes.iter_mut().chain(&mut span.attributes) {
                *attribute = text(&attribute.key, &as_text(value_of(attribute)));
            }
        },
    },
    Loss {
        what: "attributes of the scope, and of the resource if the Collector does not know them, become the span's",
        take: |alone, _| {
            let Alone { resource, scope, span, .. } = alone;
            let known = |attribute: &KeyValue| !UNKNOWN.contains(&&*attribute.key);
            let (known, unknown): (Vec<_>, _) = resource.attributes.drain(..).partition(known);
            resource.attributes = known;
            let moved: Vec<_> = unknown.into_iter().chain(scope.attributes.drain(..)).collect();
            span.attributes.splice(0..0, moved);
        },
    },
    Loss {
        what: "a scope gets what an earlier one of its resource has: attributes, and a version if it has none",
        take: |alone, got| {
            if alone.scope.version.is_empty() {
                alone.scope.version.clone_from(&got.scope.version);
            }
            let team = |attribute: &&KeyValue| attribute.key == "team";
            let attributes = &mut alone.span.attributes;
            if !attributes.iter().any(|pair| team(&pair)) {
                attributes.extend(got.span.attributes.iter().find(team).cloned());
            }
        },
    },
    Loss {
        what: "`net.host.port` and `net.peer.port` come back as numbers, the latter only beside `network.peer.address` or `peer.service`",
        take: |alone, _| {
            let attributes = &mut alone.span.attributes;
            let has_peer = attributes
                .iter()
                .any(|pair| ["network.peer.address", "peer.service"].contains(&&*pair.key));
            attributes.retain(|pair| has_peer || pair.key != "net.peer.port");
            for pair in attributes
                .iter_mut()
                .filter(|pair| ["net.host.port", "net.peer.port"].contains(&&*pair.key))
            {
                let number = as_text(value_of(pair)).parse().expect("ports are numbers");
                *pair = attribute(&pair.key, Value::IntValue(number));
            }
        },
    },
    Loss {
        what: "`http.response.status_code` comes a second time, as `http.status_code`",
        take: |alone, _| {
            let attributes = &mut alone.span.attributes;
            let code = attributes.iter().find(|pair| pair.key == "http.response.status_code");
            let is_there = attributes.iter().any(|pair| pair.key == "http.status_code");
            if let Some(KeyValue { value, .. }) = code.cloned().filter(|_| !is_there) {
                attributes.push(KeyValue {
                    key: "http.status_code".into(),
                    value,
                    ..KeyValue::default()
                });
            }
        },
    },
];

/// Attributes of the recorded resources that the Collector takes for a span's.
const UNKNOWN: [&str; 4] = [
    "gpu.model",
    "deployment.environment.name",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

#[test]
fn recorded_zipkin_spans_come_back() {
    let converted: Vec<_> = corpus::values("zipkin_json.bin")
        .iter()
        .map(|spans| zipkin_to_protobuf(spans, TagValues::Texts).unwrap())
        .collect();
    assert_lost_no_more(&converted, LOSSES, "\n## `zipkin_json`\n");
}

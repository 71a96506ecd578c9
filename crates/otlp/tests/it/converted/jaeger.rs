//! The recording in `jaeger_proto`.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tailsift_otlp::jaeger_to_protobuf;

use super::{Alone, Loss, as_text, assert_lost_no_more, rename, text, value_of};
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
    Loss { what: "attributes of the scope", take: |alone, _| alone.scope.attributes.clear() },
    Loss { what: "all flags but *sampled*", take: |alone, _| alone.span.flags &= 1 },
    Loss {
        what: "lists and maps become JSON texts",
        take: |alone, _| {
            let Alone { resource, span, .. } = alone;
            let events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
            let all = resource.attributes.iter_mut().chain(&mut span.attributes).chain(events);
            all.filter(|attribute| is_list(attribute)).for_each(|attribute| {
                *attribute = text(&attribute.key, &as_text(value_of(attribute)));
            });
        },
    },
    Loss {
        what: "`http.response.status_code` becomes `http.status_code`",
        take: |alone, _| {
            let attributes = &mut alone.span.attributes;
            rename(attributes, "http.response.status_code", "http.status_code");
        },
    },
    Loss {
        what: "attributes, trace state and flags of links",
        take: |alone, _| {
            for link in &mut alone.span.links {
                link.attributes = vec![text("opentracing.ref_type", "follows_from")];
                link.trace_state.clear();
                link.flags = 0;
            }
        },
    },
];

fn is_list(attribute: &KeyValue) -> bool {
    matches!(value_of(attribute), Some(Value::ArrayValue(_) | Value::KvlistValue(_)))
}

#[test]
fn recorded_jaeger_spans_come_back() {
    let converted: Vec<_> = corpus::values("jaeger_proto.bin")
        .iter()
        .map(|span| jaeger_to_protobuf(span).unwrap())
        .collect();
    assert_lost_no_more(&converted, LOSSES, "\n## `jaeger_proto`\n");
}

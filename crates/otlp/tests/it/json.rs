//! OTLP/JSON as the Collector writes it.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message;
use tailsift_otlp::json_to_protobuf;

use crate::corpus;

/// The same run was recorded in both encodings; requests were cut differently.
#[test]
fn recorded_json_holds_the_spans_of_recorded_protobuf() {
    let from_json = corpus::values("otlp_json_unkeyed.bin")
        .iter()
        .map(|json| json_to_protobuf(json).unwrap())
        .collect::<Vec<_>>();
    let json = spans(&from_json);
    let proto = spans(&corpus::values("otlp_proto_keyed_nobatch.bin"));
    assert_eq!(json.len(), 907);
    assert!(json.keys().eq(proto.keys()));
    for (id, proto) in &proto {
        let decode = |bytes: &[u8]| ResourceSpans::decode(bytes).unwrap();
        let json = &json[id];
        assert!(json == proto, "{:#?}\n{:#?}", decode(json), decode(proto));
    }
}

/// Every span with its context, encoded, by trace and span id.
fn spans(records: &[Vec<u8>]) -> BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>> {
    let mut spans = BTreeMap::new();
    for record in records {
        let request = ExportTraceServiceRequest::decode(&**record).expect("a record is a request");
        for resource_spans in request.resource_spans {
            for scope_spans in &resource_spans.scope_spans {
                for span in &scope_spans.spans {
                    let mut alone = resource_spans.clone();
                    let mut scope = scope_spans.clone();
                    let mut span = span.clone();
                    // An empty status says as much as none.
                    span.status.get_or_insert_default();
                    let id = (span.trace_id.clone(), span.span_id.clone());
                    scope.spans = vec![span];
                    alone.scope_spans = vec![scope];
                    spans.insert(id, alone.encode_to_vec());
                }
            }
        }
    }
    spans
}

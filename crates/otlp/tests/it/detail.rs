//! The reader for people, on recorded requests.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tailsift_otlp::read_spans;

use crate::corpus;

#[test]
fn every_recorded_span_is_shown() {
    for file in ["otlp_proto_unkeyed.bin", "sdk_raw.bin"] {
        for payload in corpus::values(file) {
            let detailed = read_spans(&payload).unwrap();
            let request = ExportTraceServiceRequest::decode(&*payload).unwrap();
            let mut shown = detailed.iter();
            for resource_spans in &request.resource_spans {
                for scope_spans in &resource_spans.scope_spans {
                    for span in &scope_spans.spans {
                        let detail = shown.next().unwrap();
                        assert_eq!(detail.name, span.name);
                        assert_eq!(detail.trace_id.unwrap().0, *span.trace_id);
                        assert_eq!(detail.span_id.unwrap().0, *span.span_id);
                        assert_eq!(detail.start.0, span.start_time_unix_nano);
                        assert_eq!(detail.end.0, span.end_time_unix_nano);
                        assert_eq!(
                            detail.scope,
                            scope_spans.scope.clone().unwrap_or_default().name
                        );
                        assert!(!detail.service.is_empty());
                        let status = span.status.clone().unwrap_or_default();
                        assert_eq!(
                            (detail.status.0, &detail.status_message),
                            (status.code, &status.message)
                        );
                        assert_eq!(detail.events.len(), span.events.len());
                        for (shown, attribute) in detail.attributes.iter().zip(&span.attributes) {
                            assert_eq!(shown.0, attribute.key);
                            let value =
                                attribute.value.as_ref().and_then(|value| value.value.as_ref());
                            if let Some(Value::StringValue(text)) = value {
                                assert_eq!(shown.1, *text);
                            }
                        }
                        assert_eq!(detail.attributes.len(), span.attributes.len());
                    }
                }
            }
            assert!(shown.next().is_none());
        }
    }
}

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter;
use tailsift_kafka::{EmbeddedBroker, Isolation, Reader, Writer, partition_fnv1a};
use tailsift_otlp::read_spans;
use tailsift_trace::{SpanId, StatusCode};
use tokio::runtime::Runtime;

use super::{KafkaExporter, Outlet, Written};
use crate::demo::tests::{at, failed, span, with};
use crate::demo::truth::Truth;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn spans_become_records_by_trace() {
    let broker = EmbeddedBroker::start(1, &[("spans", 4)]).unwrap();
    let writer = Writer::new(&broker.client_settings()).unwrap();
    let outlet = Arc::new(Outlet::new(writer, "spans", Some(Truth::default())));
    let mut exporter = KafkaExporter::new(Arc::clone(&outlet));
    let resource = Resource::builder_empty().with_service_name("model-server").build();
    exporter.set_resource(&resource);

    let batch = vec![
        span(1, 1, "a"),
        failed(span(2, 3, "b")),
        with(at(span(1, 2, "predict"), 5, 9), KeyValue::new("prediction_confidence", 0.25)),
    ];
    Runtime::new().unwrap().block_on(exporter.export(batch)).unwrap();
    outlet.flush(PATIENCE).unwrap();
    assert_eq!(outlet.with_truth(Truth::traces), Some(2));

    let mut records = Reader::open(&broker.client_settings(), "spans", Isolation::Committed)
        .unwrap()
        .read_all(PATIENCE)
        .unwrap();
    records.sort_by(|a, b| a.key.cmp(&b.key));
    let bytes = records.iter().map(|record| record.value.as_ref().unwrap().len() as u64).sum();
    assert_eq!(outlet.written(), Written { records: 2, spans: 3, bytes });

    let keys: Vec<_> = records.iter().map(|record| record.key.clone().unwrap()).collect();
    assert_eq!(keys, [format!("{:032x}", 1).into_bytes(), format!("{:032x}", 2).into_bytes()]);
    for record in &records {
        assert_eq!(record.partition, partition_fnv1a(record.key.as_ref().unwrap(), 4));
    }
    let spans = read_spans(records[0].value.as_ref().unwrap()).unwrap();
    assert_eq!(spans.len(), 2);
    assert_eq!((spans[0].service.as_str(), spans[0].scope.as_str()), ("model-server", "test"));
    assert_eq!(
        (spans[1].name.as_str(), spans[1].span_id),
        ("predict", Some(SpanId([0, 0, 0, 0, 0, 0, 0, 2])))
    );
    assert_eq!(spans[1].end.0 - spans[1].start.0, 4_000);
    assert_eq!(spans[1].attributes, [("prediction_confidence".to_owned(), "0.25".to_owned())]);
    let failed = read_spans(records[1].value.as_ref().unwrap()).unwrap();
    assert_eq!((failed[0].status, failed[0].status_message.as_str()), (StatusCode::ERROR, "no"));
}

#[test]
fn a_record_that_cannot_be_written_is_told() {
    let broker = EmbeddedBroker::start(1, &[("spans", 1)]).unwrap();
    let mut settings = broker.client_settings();
    settings.properties.insert("message.max.bytes".into(), "1000".into());
    let outlet = Arc::new(Outlet::new(Writer::new(&settings).unwrap(), "spans", None));
    let exporter = KafkaExporter::new(Arc::clone(&outlet));
    let huge = with(span(1, 1, "a"), KeyValue::new("prompt", "x".repeat(2_000)));
    assert!(Runtime::new().unwrap().block_on(exporter.export(vec![huge])).is_err());
    let error = outlet.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.starts_with("writing spans: "), "{error}");
    assert_eq!(outlet.written(), Written::default());
    assert_eq!(outlet.with_truth(Truth::traces), None);
}

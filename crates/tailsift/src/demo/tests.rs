//! Spans as the SDK records them, for the tests of the modules below.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};

/// A span of 10 ms at the start of 2026.
pub(super) fn span(trace: u128, id: u64, name: &'static str) -> SpanData {
    let start = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(trace),
            SpanId::from(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: start,
        end_time: start + Duration::from_millis(10),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("test").build(),
    }
}

/// The span between these offsets from its start, in microseconds.
pub(super) fn at(mut span: SpanData, start_us: u64, end_us: u64) -> SpanData {
    let zero: SystemTime = span.start_time;
    span.start_time = zero + Duration::from_micros(start_us);
    span.end_time = zero + Duration::from_micros(end_us);
    span
}

pub(super) fn failed(mut span: SpanData) -> SpanData {
    span.status = Status::error("no");
    span
}

pub(super) fn with(mut span: SpanData, attribute: KeyValue) -> SpanData {
    span.attributes.push(attribute);
    span
}

/// Keeps what services export: the service's name with each span.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {
    service: String,
    pub(super) spans: Arc<Mutex<Vec<(String, SpanData)>>>,
}

impl SpanExporter for Recorder {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let batch = batch.into_iter().map(|span| (self.service.clone(), span));
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.service = resource.get(&"service.name".into()).unwrap().to_string();
    }
}

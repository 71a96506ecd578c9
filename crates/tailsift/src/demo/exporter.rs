//! From the SDK's spans to records of the input topic.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use tailsift_kafka::{Outgoing, WriteError, Writer, WriterReport};
use tailsift_trace::TraceId;

use super::truth::Truth;

#[cfg(test)]
mod tests;

/// The way of all services' spans into Kafka; what goes through is written down in the truth.
pub(super) struct Outlet {
    topic: String,
    writer: Mutex<Writer>,
    /// `None` if nobody will check: an endless load must not remember its traces.
    truth: Option<Mutex<Truth>>,
    records: AtomicU64,
    spans: AtomicU64,
    bytes: AtomicU64,
    first_error: OnceLock<String>,
}

/// What went through an [`Outlet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Written {
    pub(super) records: u64,
    pub(super) spans: u64,
    /// Of the records' values, uncompressed.
    pub(super) bytes: u64,
}

impl Outlet {
    pub(super) fn new(writer: Writer, topic: &str, truth: Option<Truth>) -> Self {
        Self {
            topic: topic.to_owned(),
            writer: Mutex::new(writer),
            truth: truth.map(Mutex::new),
            records: AtomicU64::new(0),
            spans: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            first_error: OnceLock::new(),
        }
    }

    pub(super) fn written(&self) -> Written {
        Written {
            records: self.records.load(Ordering::Relaxed),
            spans: self.spans.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Shows the truth as far as it is known; `None` if it is not written down.
    pub(super) fn with_truth<R>(&self, show: impl FnOnce(&Truth) -> R) -> Option<R> {
        let truth = self.truth.as_ref()?;
        Some(show(&truth.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Tells if writing has failed so far.
    ///
    /// # Errors
    /// If a record could not be handed to the broker's client.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.first_error.get() {
            Some(error) => anyhow::bail!("writing spans: {error}"),
            None => Ok(()),
        }
    }

    /// Waits until the broker has everything.
    ///
    /// # Errors
    /// If it did not take a record, now or before.
    pub(super) fn flush(&self, timeout: Duration) -> anyhow::Result<WriterReport> {
        self.check()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.flush(timeout)?)
    }

    fn write(
        &self,
        batch: Vec<SpanData>,
        resource: &ResourceAttributesWithSchema,
    ) -> Result<(), WriteError> {
        for (trace_id, spans) in by_trace(batch) {
            let recorded = spans.clone();
            let count = spans.len() as u64;
            let value = request(spans, resource);
            let key = trace_id.hex();
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.send(Outgoing {
                topic: &self.topic,
                key: Some(&key),
                value: Some(&value),
                ..Outgoing::default()
            })?;
            drop(writer);
            if let Some(truth) = &self.truth {
                let mut truth = truth.lock().unwrap_or_else(PoisonError::into_inner);
                recorded.iter().for_each(|span| truth.record(span));
            }
            self.records.fetch_add(1, Ordering::Relaxed);
            self.spans.fetch_add(count, Ordering::Relaxed);
            self.bytes.fetch_add(value.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet")
            .field("topic", &self.topic)
            .field("written", &self.written())
            .finish()
    }
}

/// One service's exporter: OTLP records, one per trace of a batch, keyed by the trace's hex ID.
#[derive(Debug)]
pub(super) struct KafkaExporter {
    resource: ResourceAttributesWithSchema,
    outlet: Arc<Outlet>,
}

impl KafkaExporter {
    pub(super) fn new(outlet: Arc<Outlet>) -> Self {
        Self { resource: ResourceAttributesWithSchema::default(), outlet }
    }
}

impl SpanExporter for KafkaExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.outlet.write(batch, &self.resource).map_err(|error| {
            let text = error.to_string();
            let failure = OTelSdkError::InternalFailure(text.clone());
            self.outlet.first_error.get_or_init(|| text);
            failure
        })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

fn by_trace(batch: Vec<SpanData>) -> BTreeMap<TraceId, Vec<SpanData>> {
    let mut traces: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for span in batch {
        let trace_id = TraceId(span.span_context.trace_id().to_bytes());
        traces.entry(trace_id).or_default().push(span);
    }
    traces
}

fn request(spans: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Vec<u8> {
    let resource_spans = group_spans_by_resource_and_scope(spans, resource);
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

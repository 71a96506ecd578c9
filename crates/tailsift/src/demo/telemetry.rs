//! The instrumentation of the demonstration's services: the OpenTelemetry SDK, and W3C trace
//! context in HTTP headers.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanExporter,
};

/// Spans that wait for their export, for one service; more are lost, and never part of the truth.
const QUEUE_SPANS_MAX: usize = 16_384;
/// Spans handed to the exporter at once.
const BATCH_SPANS_MAX: usize = 512;
/// How long finished spans wait for company: short beside the decision wait.
const BATCH_DELAY: Duration = Duration::from_millis(200);

/// A tracer provider that knows no environment variable: the demonstration is the same everywhere.
pub(super) fn provider(
    resource: Resource,
    exporter: impl SpanExporter + 'static,
) -> SdkTracerProvider {
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS_MAX)
        .with_max_export_batch_size(BATCH_SPANS_MAX)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_span_processor(
            BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
        )
        .build()
}

/// What a service says of itself (semantic conventions, "Service").
pub(super) fn resource(service: &'static str, version: &'static str) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", service),
            KeyValue::new("service.version", version),
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("deployment.environment.name", "demo"),
        ])
        .build()
}

/// The spans of one service.
#[derive(Debug, Clone)]
pub(super) struct Telemetry {
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

/// A span at work; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Step {
    context: Context,
}

impl Telemetry {
    pub(super) fn new(provider: &SdkTracerProvider) -> Self {
        Self { tracer: provider.tracer("tailsift.demo"), propagator: TraceContextPropagator::new() }
    }

    /// The span of a request that came in, child of the caller's.
    pub(super) fn serve(&self, headers: &HeaderMap, route: &'static str) -> Step {
        let caller = self.propagator.extract_with_context(&Context::new(), &Incoming(headers));
        let name = format!("POST {route}");
        let attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", route),
            KeyValue::new("url.scheme", "http"),
        ];
        self.start(&caller, name, SpanKind::Server, attributes)
    }

    /// The span of a request that goes out, and the headers that carry it along.
    pub(super) fn request(
        &self,
        parent: &Step,
        peer: &'static str,
        port: u16,
    ) -> (Step, HeaderMap) {
        let attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("server.address", peer),
            KeyValue::new("server.port", i64::from(port)),
        ];
        let step =
            self.start(&parent.context, format!("POST {peer}"), SpanKind::Client, attributes);
        let mut headers = HeaderMap::new();
        self.propagator.inject_context(&step.context, &mut Outgoing(&mut headers));
        (step, headers)
    }

    /// A step within a service.
    pub(super) fn step(&self, parent: &Step, name: &'static str) -> Step {
        self.start(&parent.context, name.to_owned(), SpanKind::Internal, Vec::new())
    }

    /// A call to a database that has no spans of its own.
    pub(super) fn query(&self, parent: &Step, system: &'static str, name: &'static str) -> Step {
        let attributes =
            vec![KeyValue::new("db.system.name", system), KeyValue::new("db.operation.name", name)];
        self.start(&parent.context, name.to_owned(), SpanKind::Client, attributes)
    }

    fn start(
        &self,
        parent: &Context,
        name: String,
        kind: SpanKind,
        attributes: Vec<KeyValue>,
    ) -> Step {
        let builder = self.tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, parent);
        Step { context: parent.with_span(span) }
    }
}

impl Step {
    pub(super) fn set(&self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        self.context.span().set_attribute(KeyValue::new(key, value));
    }

    /// Marks the span as failed.
    pub(super) fn fail(&self, error_type: &'static str, description: impl Into<String>) {
        self.set("error.type", error_type);
        self.context.span().set_status(Status::error(description.into()));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.context.span().end();
    }
}

struct Incoming<'h>(&'h HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'h>(&'h mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        // The propagator writes two names and ASCII values; what is no header is not sent.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Runtime;

use super::{Question, Services};
use crate::demo::tests::Recorder;
use crate::demo::truth::Truth;

/// The statuses of so many answers, and all spans with their services.
fn asked(seed: u64, requests: u64) -> (Vec<StatusCode>, Vec<(String, SpanData)>) {
    let runtime = Runtime::new().unwrap();
    let recorder = Recorder::default();
    let services = runtime.block_on(Services::start(seed, || recorder.clone())).unwrap();
    let user = services.user();
    let answers = runtime.block_on(async {
        let mut open = tokio::task::JoinSet::new();
        for request in 0..requests {
            let user = user.clone();
            open.spawn(async move {
                (request, user.ask(Question { request, user: 1, attempt: 0 }).await.unwrap())
            });
        }
        open.join_all().await.into_iter().collect::<BTreeMap<_, _>>()
    });
    services.stop().unwrap();
    let spans = std::mem::take(&mut *recorder.spans.lock().unwrap());
    (answers.into_values().collect(), spans)
}

fn by_trace(spans: &[(String, SpanData)]) -> BTreeMap<[u8; 16], Vec<&(String, SpanData)>> {
    let mut traces: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.1.span_context.trace_id().to_bytes()).or_default().push(span);
    }
    traces
}

#[test]
fn a_trace_is_one_tree_through_all_services() {
    let (answers, spans) = asked(7, 1);
    assert_eq!(answers, [StatusCode::OK]);
    let services: BTreeSet<_> = spans.iter().map(|(service, _)| service.as_str()).collect();
    let expected = ["embeddings", "feature-store", "gateway", "model-server", "recommendation"];
    assert_eq!(services.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(by_trace(&spans).len(), 1);

    let by_id: BTreeMap<_, _> =
        spans.iter().map(|span| (span.1.span_context.span_id().to_bytes(), span)).collect();
    for (service, span) in &spans {
        if span.parent_span_id == SpanId::INVALID {
            assert_eq!((service.as_str(), span.name.as_ref()), ("gateway", "POST /recommend"));
            continue;
        }
        let (parent_service, parent) = by_id[&span.parent_span_id.to_bytes()];
        assert!(parent.start_time <= span.start_time && span.end_time <= parent.end_time);
        let crosses = parent_service != service;
        assert_eq!(crosses, span.span_kind == SpanKind::Server, "{}", span.name);
        assert_eq!(crosses, span.parent_span_is_remote, "{}", span.name);
    }
    let predict = spans.iter().find(|(_, span)| span.name == "predict").unwrap();
    let keys: Vec<_> = predict.1.attributes.iter().map(|pair| pair.key.as_str()).collect();
    for key in [
        "model_version",
        "preprocessing_version",
        "prediction_confidence",
        "inference_latency",
        "input_token_count",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
}

#[test]
fn things_go_wrong_as_often_as_stated() {
    let (answers, spans) = asked(11, 600);
    let failed = answers.iter().filter(|status| !status.is_success()).count();
    assert!((2..=25).contains(&failed), "expected about 10 of 600 to fail, got {failed}");

    let traces = by_trace(&spans);
    assert_eq!(traces.len(), 600);
    let has_error = |trace: &[&(String, SpanData)]| {
        trace.iter().any(|(_, span)| matches!(span.status, Status::Error { .. }))
    };
    let is_root = |span: &SpanData| span.parent_span_id == SpanId::INVALID;
    let root_failed = |trace: &[&(String, SpanData)]| {
        trace.iter().any(|(_, span)| is_root(span) && matches!(span.status, Status::Error { .. }))
    };
    let fatal = traces.values().filter(|trace| root_failed(trace)).count();
    assert_eq!(fatal, failed, "a failed answer is a failed root");
    let mended = traces.values().filter(|trace| has_error(trace) && !root_failed(trace)).count();
    assert!((1..=18).contains(&mended), "expected about 6 of 600 mended by a retry, got {mended}");

    let mut truth = Truth::default();
    spans.iter().for_each(|(_, span)| truth.record(span));
    let said =
        truth.models().values().fold((0, 0), |sum, said| (sum.0 + said.count, sum.1 + said.unsure));
    assert_eq!(said.0, 600 - failed as u64, "every answer that worked has a prediction");
    assert!((5..=45).contains(&said.1), "expected about 20 of 600 unsure, got {}", said.1);
    let slow = spans
        .iter()
        .filter(|(_, span)| span.name == "Feature Extraction")
        .filter(|(_, span)| {
            span.end_time.duration_since(span.start_time).unwrap().as_millis() > 545
        })
        .count();
    // On a busy machine others are slow as well.
    assert!(slow >= 5, "expected about 18 of 600 slow look-ups or more, got {slow}");
}

#[test]
fn the_seed_decides_what_goes_wrong() {
    let failures = |seed| {
        let (answers, _) = asked(seed, 200);
        answers.iter().map(|status| status.is_success()).collect::<Vec<_>>()
    };
    let first = failures(3);
    assert!(first.contains(&false), "seed 3 has a failure among its first 200 requests");
    assert_eq!(first, failures(3));
    assert_ne!(first, failures(4));
}

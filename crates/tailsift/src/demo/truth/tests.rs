use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;
use tailsift_otlp::DetailedSpan;
use tailsift_trace::{SpanId, TraceId};

use super::{Comparison, Kept, Model, Predictions, Rule, Truth};
use crate::demo::tests::{at, failed, span, with};

const TRACE: u128 = 1;

fn rule_of(spans: impl IntoIterator<Item = SpanData>) -> Option<Rule> {
    let truth = truth(spans);
    truth.traces[&TraceId(TRACE.to_be_bytes())].rule()
}

fn truth(spans: impl IntoIterator<Item = SpanData>) -> Truth {
    let mut truth = Truth::default();
    spans.into_iter().for_each(|span| truth.record(&span));
    truth
}

fn sure(confidence: f64) -> SpanData {
    with(span(TRACE, 1, "predict"), KeyValue::new("prediction_confidence", confidence))
}

fn step(name: &'static str, start_us: u64, end_us: u64) -> SpanData {
    at(span(TRACE, 1, name), start_us, end_us)
}

#[test]
fn each_rule_has_its_bound() {
    let features = "Feature Extraction";
    let cases: [(&str, Vec<SpanData>, Option<Rule>); 12] = [
        ("nothing", vec![span(TRACE, 1, "a")], None),
        ("an error", vec![span(TRACE, 1, "a"), failed(span(TRACE, 2, "b"))], Some(Rule::Errors)),
        ("features of the bound", vec![step(features, 0, 500_000)], None),
        ("features above it", vec![step(features, 0, 500_001)], Some(Rule::SlowFeatures)),
        ("another step above it", vec![step("other", 0, 500_001)], None),
        ("a confidence of the bound", vec![sure(0.5)], None),
        ("a confidence below it", vec![sure(0.499)], Some(Rule::Unsure)),
        ("no number", vec![sure(f64::NAN)], None),
        ("a trace of the bound", vec![step("a", 0, 10), step("b", 400_000, 500_999)], None),
        ("a trace above it", vec![step("a", 0, 10), step("b", 400_000, 501_000)], Some(Rule::Slow)),
        (
            "slow and failed",
            vec![step(features, 0, 900_000), failed(span(TRACE, 2, "b"))],
            Some(Rule::Errors),
        ),
        ("slow and unsure", vec![step("a", 0, 900_000), sure(0.1)], Some(Rule::Unsure)),
    ];
    for (what, spans, expected) in cases {
        assert_eq!(rule_of(spans), expected, "{what}");
    }
}

#[test]
fn models_are_counted_by_both_versions() {
    let said = |confidence: f64, version: &'static str| {
        with(sure(confidence), KeyValue::new("model_version", version))
    };
    let truth = truth([said(0.9, "v2"), said(0.1, "v3"), said(0.8, "v3"), sure(0.2)]);
    let model = |version: &str| Model { version: version.into(), preprocessing: String::new() };
    let expected = [
        (model(""), Predictions { count: 1, unsure: 1 }),
        (model("v2"), Predictions { count: 1, unsure: 0 }),
        (model("v3"), Predictions { count: 2, unsure: 1 }),
    ];
    assert_eq!(truth.models().clone().into_iter().collect::<Vec<_>>(), expected);
}

fn exported(trace: u128, ids: &[u64]) -> Vec<DetailedSpan> {
    let span = |id: &u64| DetailedSpan {
        trace_id: Some(TraceId(trace.to_be_bytes())),
        span_id: Some(SpanId(id.to_be_bytes())),
        ..DetailedSpan::default()
    };
    ids.iter().map(span).collect()
}

/// Two traces to keep, of two spans each, and one to drop.
fn three_traces() -> Truth {
    truth([
        span(1, 1, "a"),
        failed(span(1, 2, "b")),
        span(2, 1, "a"),
        failed(span(2, 2, "b")),
        span(3, 1, "a"),
    ])
}

fn compare(exports: &[(&str, u128, &[u64])]) -> Comparison {
    let mut kept = Kept::default();
    for (policy, trace, ids) in exports {
        kept.record(policy, &exported(*trace, ids));
    }
    three_traces().compare(&kept)
}

#[test]
fn what_is_whole_and_asked_for_holds() {
    let comparison =
        compare(&[("errors", 1, &[1, 2]), ("errors", 2, &[1]), ("errors", 2, &[2, 2])]);
    assert!(comparison.holds());
    assert_eq!((comparison.expected, comparison.kept, comparison.repeats), (2, 2, 1));
    assert_eq!(comparison.by_rule, [(2, 2), (0, 0), (0, 0), (0, 0)]);
}

#[test]
fn what_differs_is_named() {
    let id = |trace: u128| vec![TraceId(trace.to_be_bytes())];

    let missing = compare(&[("errors", 1, &[1, 2])]);
    assert!(!missing.holds());
    assert_eq!((missing.kept, missing.missing), (1, id(2)));

    let partial = compare(&[("errors", 1, &[1, 2]), ("errors", 2, &[2, 2])]);
    assert!(!partial.holds());
    assert_eq!((partial.kept, partial.partial), (1, id(2)));

    let dropped_kept =
        compare(&[("errors", 1, &[1, 2]), ("errors", 2, &[1, 2]), ("errors", 3, &[1])]);
    assert!(!dropped_kept.holds());
    assert_eq!(dropped_kept.unexpected, id(3));

    let never_recorded =
        compare(&[("errors", 1, &[1, 2]), ("errors", 2, &[1, 2]), ("errors", 4, &[1])]);
    assert!(!never_recorded.holds());
    assert_eq!(never_recorded.unexpected, id(4));

    let other_policy = compare(&[("errors", 1, &[1, 2]), ("slow", 2, &[1, 2])]);
    assert!(!other_policy.holds());
    assert_eq!(other_policy.unexpected, id(2));
}

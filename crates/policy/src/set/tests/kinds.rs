//! The kinds that look at spans or budgets, each with its differences from the Collector.

use super::*;
use crate::{BooleanAttribute, BytesLimiting, RateLimiting, SpanCount, TraceState};

fn text(text: &'static str) -> Value<'static> {
    Value::Text(text.as_bytes())
}

#[test]
fn boolean_attribute() {
    let kind = |value, invert_match| {
        Kind::BooleanAttribute(BooleanAttribute { key: "b".into(), value, invert_match })
    };
    let of = |value| [span("a", 1, 2), span("b", 1, 2).with("b", value)];
    let on_resource = |value| [span("a", 1, 2).on_resource("b", value)];
    for (is, wanted, keep) in
        [(true, true, true), (true, false, false), (false, false, true), (false, true, false)]
    {
        check(&kind(wanted, false), &of(Value::Bool(is)), keep);
        check(&kind(wanted, false), &on_resource(Value::Bool(is)), keep);
        check(&kind(wanted, true), &of(Value::Bool(is)), !keep);
        check_collector(&kind(wanted, false), &of(Value::Bool(is)), keep);
    }
    check(&kind(true, false), &[span("a", 1, 2)], false);
    check(&kind(true, true), &[span("a", 1, 2)], true);
    check(&kind(true, true), &[], false);
    // A resource that does not match does not stop the span.
    let both = [span("a", 1, 2).on_resource("b", Value::Bool(false)).with("b", Value::Bool(true))];
    check(&kind(true, false), &both, true);
    // Of repeated keys the first counts.
    let twice = [span("a", 1, 2).with("b", Value::Bool(false)).with("b", Value::Bool(true))];
    check(&kind(true, false), &twice, false);
    let unnamed = BooleanAttribute { key: String::new(), value: true, invert_match: false };
    refused(
        Kind::BooleanAttribute(unnamed),
        "policies[0].boolean_attribute.key: must name an attribute, got \"\"",
    );
}

#[test]
fn other_types_are_false_in_the_collector_only() {
    let kind = |value| {
        Kind::BooleanAttribute(BooleanAttribute { key: "b".into(), value, invert_match: false })
    };
    for value in [text("true"), Value::Int(1), Value::Empty, Value::Array(&[]), Value::Double(1.0)]
    {
        let trace = [span("a", 1, 2).with("b", value)];
        check(&kind(false), &trace, false);
        check_collector(&kind(false), &trace, true);
        check_collector(&kind(true), &trace, false);
    }
}

#[test]
fn trace_state() {
    let kind = |values: &[&str]| {
        let values = values.iter().copied().map(Into::into).collect();
        Kind::TraceState(TraceState { key: "vendor".into(), values })
    };
    let of = |trace_state| [span("a", 1, 2), S { trace_state, ..span("b", 1, 2) }];
    check(&kind(&["x", "y"]), &of("a=1,vendor=y"), true);
    check(&kind(&["x", "y"]), &of("a=1,vendor=z"), false);
    check(&kind(&["x"]), &of("vendor=x,a"), false);
    check(&kind(&["x"]), &of(""), false);
    check_collector(&kind(&["", "x"]), &of("vendor=x"), true);
    check_collector(&kind(&[]), &of("vendor=x"), false);
    let long = "v".repeat(250);
    check_collector(&kind(&[&long]), &of("vendor=x"), false);
    refused(
        kind(&["x", "", &long]),
        "policies[0].trace_state.values[1]: can never match: a value has 1 byte at least, and fewer than 256 together with the key, got 0 and 6\n\
         policies[0].trace_state.values[2]: can never match: a value has 1 byte at least, and fewer than 256 together with the key, got 250 and 6",
    );
    refused(kind(&[]), "policies[0].trace_state.values: must list at least one value");
    let bad_key = TraceState { key: "Vendor".into(), values: vec!["x".into()] };
    refused(
        Kind::TraceState(bad_key),
        "policies[0].trace_state.key: must be a key of a W3C tracestate, such as ot or tenant@vendor, got \"Vendor\"",
    );
}

#[test]
fn values_that_never_match_are_ignored_in_the_collector() {
    // 6 bytes of key and 250 of value: one byte less would match.
    let value: &'static str = "vendor=".to_owned().leak();
    let of = |length: usize| {
        let header: &'static str = format!("{value}{}", "v".repeat(length)).leak();
        [S { trace_state: header, ..span("a", 1, 2) }]
    };
    let kind = |length: usize| {
        Kind::TraceState(TraceState { key: "vendor".into(), values: vec!["v".repeat(length)] })
    };
    check_collector(&kind(249), &of(249), true);
    check_collector(&kind(250), &of(250), false);
}

#[test]
fn trace_flags() {
    let of = |flags| [span("a", 1, 2), S { flags, ..span("b", 1, 2) }];
    for (flags, keep) in [(0, false), (1, true), (2, false), (0x101, true), (0x300, false)] {
        check(&Kind::TraceFlags, &of(flags), keep);
        check_collector(&Kind::TraceFlags, &of(flags), keep);
    }
}

#[test]
fn span_count() {
    let kind = |min_spans, max_spans| Kind::SpanCount(SpanCount { min_spans, max_spans });
    let of = |count| vec![span("a", 1, 2); count];
    for (min, max, count, keep) in [
        (3, 0, 2, false),
        (3, 0, 3, true),
        (3, 0, 300, true),
        (0, 20, 20, true),
        (0, 20, 21, false),
        (2, 4, 1, false),
        (2, 4, 2, true),
        (2, 4, 4, true),
        (2, 4, 5, false),
        (0, 20, 0, false),
        (i32::MAX, i32::MAX, 3, false),
    ] {
        check(&kind(min, max), &of(count), keep);
        check_collector(&kind(min, max), &of(count), keep);
    }
    check_collector(&kind(0, 0), &of(1), true);
    check_collector(&kind(1, -1), &of(1), false);
    check_collector(&kind(-5, 0), &of(1), true);
    refused(
        kind(5, 4),
        "policies[0].span_count.max_spans: must be at least min_spans (5) or 0 for no bound, got 4",
    );
    refused(
        kind(-1, -1),
        "policies[0].span_count.min_spans: must not be negative, got -1\n\
         policies[0].span_count.max_spans: must be at least min_spans (-1) or 0 for no bound, got -1",
    );
    refused(
        kind(1, 0),
        "policies[0].span_count: needs min_spans above 1 or max_spans, or it keeps every trace: use `type: always_sample` for that",
    );
}

/// The verdicts on traces of so many spans, one after the other, at their times.
#[track_caller]
fn check_stream(kind: Kind, compatibility: Compatibility, traces: &[(i64, usize, bool)]) {
    let set = set(kind, compatibility);
    let mut limiters = set.limiters(1);
    for (index, (at, spans, keep)) in traces.iter().enumerate() {
        let facts = fold(&set, &vec![span("a", 1, 2); *spans]).0;
        let outcome = set.judge(ID, &facts, &mut limiters, Millis(*at), &mut Vec::new());
        assert_eq!(outcome.verdict == Verdict::Keep, *keep, "trace {index} at {at} ms");
        assert_eq!(outcome.chance.threshold(), None);
    }
}

#[test]
fn rate_limiting() {
    let kind = |spans_per_second, burst_capacity| {
        Kind::RateLimiting(RateLimiting { spans_per_second, burst_capacity })
    };
    let (yes, no) = (true, false);
    for compatibility in [Compatibility::Tailsift, Compatibility::Collector] {
        check_stream(kind(2, 0), compatibility, &[(0, 5, no), (0, 4, yes), (499, 1, no)]);
        check_stream(kind(2, 3), compatibility, &[(0, 4, no), (0, 3, yes), (1500, 3, yes)]);
    }
    check_stream(kind(0, 3), Compatibility::Collector, &[(0, 3, yes), (99_000, 1, no)]);
    check_stream(kind(0, 0), Compatibility::Collector, &[(0, 1, no)]);
    refused(
        kind(0, -1),
        "policies[0].rate_limiting.spans_per_second: must be at least 1, got 0\n\
         policies[0].rate_limiting.burst_capacity: must be 0 (twice the rate) or more, got -1",
    );
}

/// A span of 50 bytes costs 60: itself, and 2 bytes before each of span, scope, scope's spans,
/// resource and fragment.
#[test]
fn bytes_limiting() {
    let kind = |bytes_per_second, burst_capacity| {
        Kind::BytesLimiting(BytesLimiting { bytes_per_second, burst_capacity })
    };
    let (yes, no) = (true, false);
    for compatibility in [Compatibility::Tailsift, Compatibility::Collector] {
        check_stream(kind(1, 60), compatibility, &[(0, 1, yes), (0, 1, no), (60_000, 1, yes)]);
        check_stream(kind(1, 59), compatibility, &[(0, 1, no)]);
        check_stream(kind(1, 119), compatibility, &[(0, 2, no), (0, 1, yes)]);
        check_stream(kind(60, 0), compatibility, &[(0, 2, yes), (999, 1, no), (1000, 1, yes)]);
    }
    assert!(set(kind(1, 1), Compatibility::Tailsift).interest().wants_sizes());
    refused(kind(-1, 0), "policies[0].bytes_limiting.bytes_per_second: must be at least 1, got -1");
}

#[test]
fn the_collectors_greatest_size_drops_unasked() {
    let compile = |maximum_trace_size_bytes| {
        let semantics = Semantics { maximum_trace_size_bytes, ..Semantics::default() };
        PolicySet::compile(vec![Policy::new("all", Kind::AlwaysSample)], semantics).unwrap()
    };
    for (max, too_large) in [(0, false), (57, true), (58, false)] {
        let set = compile(max);
        let facts = fold(&set, &[span("a", 1, 2)]).0;
        let mut votes = Vec::new();
        let outcome = judge_facts(&set, &facts, &mut votes);
        assert_eq!(outcome.verdict == Verdict::Drop, too_large, "{max}");
        assert_eq!(votes, [(!too_large).then_some(Vote::Sampled)]);
        assert_eq!(facts.bytes, if max > 0 { 58 } else { 0 });
    }
}

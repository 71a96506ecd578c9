//! Where the Collector answers otherwise: a test for each row of the table in docs/policies.md that
//! has none beside its kind.

use super::votes::{both, named};
use super::*;
use crate::{RateLimiting, SpanCount};

fn number(min_value: Option<i64>, max_value: Option<i64>) -> Kind {
    let key = "n".into();
    Kind::NumericAttribute(NumericAttribute { key, min_value, max_value, invert_match: false })
}

fn text(values: &[&str], enabled_regex_matching: bool) -> Kind {
    Kind::StringAttribute(StringAttribute {
        key: "t".into(),
        values: values.iter().copied().map(Into::into).collect(),
        enabled_regex_matching,
        invert_match: false,
    })
}

fn latency(threshold_ms: i64, upper_threshold_ms: i64) -> Kind {
    Kind::Latency(Latency { threshold_ms, upper_threshold_ms })
}

fn of(value: Value<'static>) -> [S; 1] {
    [span("a", 1, 2).with("n", value)]
}

/// A kind that the Collector accepts, and how it votes there on a plain span.
#[track_caller]
fn refused_natively_only(kind: Kind, keep: bool, expect: &str) {
    check_collector(&kind, &[span("a", 1, 2)], keep);
    refused(kind, expect);
}

#[test]
fn zero_is_a_bound_natively_only() {
    check(&number(Some(0), Some(9)), &of(Value::Int(-7)), false);
    check_collector(&number(Some(0), Some(9)), &of(Value::Int(-7)), true);
    check(&number(Some(-9), Some(0)), &of(Value::Int(7)), false);
    check_collector(&number(Some(-9), Some(0)), &of(Value::Int(7)), true);
    let only_zero = |compatibility| {
        let semantics = Semantics { compatibility, ..Semantics::default() };
        PolicySet::compile(named([number(Some(0), None)]), semantics).is_ok()
    };
    assert!(only_zero(Compatibility::Tailsift));
    // There it would crash at the first trace.
    assert!(!only_zero(Compatibility::Collector));
}

#[test]
fn doubles_are_compared_natively_only() {
    check(&number(Some(5), Some(9)), &of(Value::Double(5.5)), true);
    check_collector(&number(Some(5), Some(9)), &of(Value::Double(5.5)), false);
    check(&number(Some(-1), Some(1)), &of(Value::Double(5.5)), false);
    check_collector(&number(Some(-1), Some(1)), &of(Value::Double(5.5)), true);
}

#[test]
fn other_types_read_as_zero_in_the_collector_only() {
    for value in [Value::Text(b"3"), Value::Bool(true), Value::Empty, Value::Map(&[])] {
        check(&number(Some(-5), Some(5)), &of(value), false);
        check_collector(&number(Some(-5), Some(5)), &of(value), true);
        check_collector(&number(Some(1), Some(5)), &of(value), false);
    }
}

#[test]
fn patterns_read_other_types_on_resources_in_the_collector_only() {
    let resource = [span("a", 1, 2).on_resource("t", Value::Int(1))];
    check(&text(&[".*"], true), &resource, false);
    check_collector(&text(&[".*"], true), &resource, true);
    check_collector(&text(&[".+"], true), &resource, false);
    // Neither does so on spans, nor without patterns.
    let own = [span("a", 1, 2).with("t", Value::Int(1))];
    check_collector(&text(&[".*"], true), &own, false);
    check_collector(&text(&["1"], false), &resource, false);
}

#[test]
fn classes_of_patterns_are_unicode_natively_only() {
    let arabic = [span("a", 1, 2).with("t", Value::Text("٣".as_bytes()))];
    check(&text(&[r"^\d$"], true), &arabic, true);
    check_collector(&text(&[r"^\d$"], true), &arabic, false);
}

#[test]
fn the_hash_decides_in_the_collector_only() {
    let chance = |sampling_percentage| {
        let hash_salt = String::new();
        Kind::Probabilistic(Probabilistic { sampling_percentage, hash_salt })
    };
    // The ID's randomness is low, about 2.7 %, and so is its hash, about 8.9 %.
    let trace = [span("a", 1, 2)];
    check(&chance(50.0), &trace, false);
    check_collector(&chance(50.0), &trace, true);
    let set = set(chance(50.0), Compatibility::Collector);
    assert_eq!(judge(&set, &trace).chance, Chance::None);
    refused_natively_only(
        chance(100.5),
        true,
        "policies[0].probabilistic.sampling_percentage: must lie between 0 and 100, got 100.5",
    );
}

#[test]
fn what_can_never_match_is_refused_natively_only() {
    refused_natively_only(
        latency(500, 100),
        false,
        "policies[0].latency.upper_threshold_ms: must be above threshold_ms (500) or 0 for no bound, got 100",
    );
    refused_natively_only(
        number(Some(9), Some(5)),
        false,
        "policies[0].numeric_attribute.min_value: must be at most max_value (5), got 9",
    );
    refused_natively_only(
        text(&[], true),
        false,
        "policies[0].string_attribute.values: must list at least one value",
    );
    refused_natively_only(
        Kind::SpanCount(SpanCount { min_spans: 5, max_spans: 4 }),
        false,
        "policies[0].span_count.max_spans: must be at least min_spans (5) or 0 for no bound, got 4",
    );
    refused_natively_only(
        Kind::RateLimiting(RateLimiting { spans_per_second: 0, burst_capacity: 0 }),
        false,
        "policies[0].rate_limiting.spans_per_second: must be at least 1, got 0",
    );
}

#[test]
fn what_always_matches_by_mistake_is_refused_natively_only() {
    refused_natively_only(
        latency(-1, 0),
        true,
        "policies[0].latency.threshold_ms: must not be negative, got -1",
    );
    refused_natively_only(
        both([]),
        true,
        "policies[0].and.and_sub_policy: must list at least one sub-policy: an empty one would keep every trace",
    );
    refused_natively_only(
        Kind::SpanCount(SpanCount { min_spans: 0, max_spans: 0 }),
        true,
        "policies[0].span_count: needs min_spans above 1 or max_spans, or it keeps every trace: use `type: always_sample` for that",
    );
}

#[test]
fn keys_may_be_empty_in_the_collector_only() {
    let unnamed = |value| [span("a", 1, 2).with("", value)];
    let key = String::new;
    let number = NumericAttribute {
        key: key(),
        min_value: Some(1),
        max_value: Some(5),
        invert_match: false,
    };
    check_collector(&Kind::NumericAttribute(number.clone()), &unnamed(Value::Int(3)), true);
    refused(
        Kind::NumericAttribute(number),
        "policies[0].numeric_attribute.key: must name an attribute, got \"\"",
    );
    let text = StringAttribute {
        key: key(),
        values: vec!["v".into()],
        enabled_regex_matching: false,
        invert_match: false,
    };
    check_collector(&Kind::StringAttribute(text.clone()), &unnamed(Value::Text(b"v")), true);
    refused(
        Kind::StringAttribute(text),
        "policies[0].string_attribute.key: must name an attribute, got \"\"",
    );
}

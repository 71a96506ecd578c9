//! What follows from what: policies of which one wants whatever another does, or nothing of it.
//!
//! All of it errs on one side: what is said to follow does.

use tailsift_policy::{
    BooleanAttribute, Kind, Latency, LowConfidence, NumericAttribute, Policy, SpanCount,
    SpanLatency, StringAttribute,
};
use tailsift_trace::StatusCode;

/// True if every trace that `a` wants is wanted by `b`.
pub(super) fn implied(a: &Kind, b: &Kind, collector: bool) -> bool {
    if let Kind::And(b) = b {
        return !b.policies.is_empty() && all_implied(a, &b.policies, collector);
    }
    if let Kind::Drop(b) = b {
        return !b.0.is_empty() && all_implied(a, &b.0, collector);
    }
    if let Kind::And(a) = a {
        return a.policies.iter().any(|a| implied(&a.kind, b, collector));
    }
    if let Kind::Drop(a) = a {
        return a.0.iter().any(|a| implied(&a.kind, b, collector));
    }
    if let (Kind::Not(a), Kind::Not(b)) = (a, b) {
        return implied(&b.0.kind, &a.0.kind, collector);
    }
    simply_implied(a, b, collector)
}

fn all_implied(a: &Kind, policies: &[Policy], collector: bool) -> bool {
    policies.iter().all(|b| implied(a, &b.kind, collector))
}

fn simply_implied(a: &Kind, b: &Kind, collector: bool) -> bool {
    match (a, b) {
        (Kind::StatusCode(a), Kind::StatusCode(b)) => a.0.iter().all(|code| b.0.contains(code)),
        (Kind::Failure(_), Kind::StatusCode(codes)) => codes.0.contains(&StatusCode::ERROR),
        (Kind::StatusCode(codes), Kind::Failure(failure)) => {
            failure.keep_recovered && codes.0 == [StatusCode::ERROR]
        }
        (Kind::Failure(a), Kind::Failure(b)) => !a.keep_recovered || b.keep_recovered,
        (Kind::Latency(a), Kind::Latency(b)) => {
            // With an upper bound the Collector's answer hangs on the order of spans.
            let is_known = !collector || a.upper_threshold_ms == 0 && b.upper_threshold_ms == 0;
            is_known && a.threshold_ms >= b.threshold_ms && most(a) <= most(b)
        }
        (Kind::SpanCount(a), Kind::SpanCount(b)) => {
            a.min_spans >= b.min_spans && most_spans(a) <= most_spans(b)
        }
        (Kind::NumericAttribute(a), Kind::NumericAttribute(b)) => {
            let (a, b, same) = turned(a, b, a.invert_match, b.invert_match);
            same && a.key == b.key && is_within(range(a, collector), range(b, collector))
        }
        (Kind::StringAttribute(a), Kind::StringAttribute(b)) => {
            let (a, b, same) = turned(a, b, a.invert_match, b.invert_match);
            same && a.key == b.key
                && a.enabled_regex_matching == b.enabled_regex_matching
                && a.values.iter().all(|value| b.values.contains(value))
        }
        (Kind::SpanLatency(a), Kind::SpanLatency(b)) => is_longer(a, b),
        (Kind::LowConfidence(a), Kind::LowConfidence(b)) => is_lower(a, b),
        (Kind::Probabilistic(a), Kind::Probabilistic(b)) => {
            (!collector || a.hash_salt == b.hash_salt)
                && a.sampling_percentage <= b.sampling_percentage
        }
        (Kind::Fragmented(a), Kind::Fragmented(b)) => {
            a.missing_parents_above >= b.missing_parents_above
        }
        (Kind::BooleanAttribute(_), Kind::BooleanAttribute(_))
        | (Kind::TraceState(_), Kind::TraceState(_))
        | (Kind::TraceCondition(_), Kind::TraceCondition(_))
        | (Kind::OttlCondition(_), Kind::OttlCondition(_)) => a == b,
        (Kind::TraceFlags, Kind::TraceFlags) => true,
        // Of budgets each has its own, and nothing else is compared.
        (_, _) => false,
    }
}

/// The two, changed over if both are turned round; true unless only one is.
fn turned<'k, K>(a: &'k K, b: &'k K, of_a: bool, of_b: bool) -> (&'k K, &'k K, bool) {
    if of_a { (b, a, of_b) } else { (a, b, !of_b) }
}

fn most(latency: &Latency) -> i64 {
    if latency.upper_threshold_ms == 0 { i64::MAX } else { latency.upper_threshold_ms }
}

fn most_spans(count: &SpanCount) -> i32 {
    if count.max_spans == 0 { i32::MAX } else { count.max_spans }
}

/// The bounds of a range, inclusive.
pub(super) fn range(kind: &NumericAttribute, collector: bool) -> (i64, i64) {
    let bound = |value: Option<i64>| value.filter(|value| !collector || *value != 0);
    (bound(kind.min_value).unwrap_or(i64::MIN), bound(kind.max_value).unwrap_or(i64::MAX))
}

fn is_within(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 >= b.0 && a.1 <= b.1
}

fn is_longer(a: &SpanLatency, b: &SpanLatency) -> bool {
    a.span_name == b.span_name
        && a.name_match == b.name_match
        && (b.service.is_none() || a.service == b.service)
        && a.above_ns >= b.above_ns
}

fn is_lower(a: &LowConfidence, b: &LowConfidence) -> bool {
    a.below <= b.below
        && a.per_model_version == b.per_model_version
        && (a.scale, a.of_arrays) == (b.scale, b.of_arrays)
}

/// True if no trace is wanted by both.
pub(super) fn excluded(a: &Kind, b: &Kind, collector: bool) -> bool {
    match (a, b) {
        (Kind::Not(not), other) | (other, Kind::Not(not)) => implied(other, &not.0.kind, collector),
        (Kind::Latency(a), Kind::Latency(b)) => {
            !collector && (most(a) <= b.threshold_ms || most(b) <= a.threshold_ms)
        }
        (Kind::SpanCount(a), Kind::SpanCount(b)) => {
            most_spans(a) < b.min_spans || most_spans(b) < a.min_spans
        }
        (Kind::NumericAttribute(a), Kind::NumericAttribute(b)) => {
            let (invert, plain) = if a.invert_match { (a, b) } else { (b, a) };
            invert.invert_match
                && !plain.invert_match
                && a.key == b.key
                && is_within(range(plain, collector), range(invert, collector))
        }
        (Kind::StringAttribute(a), Kind::StringAttribute(b)) => {
            let (invert, plain) = if a.invert_match { (a, b) } else { (b, a) };
            let plainly = StringAttribute { invert_match: false, ..invert.clone() };
            invert.invert_match
                && !plain.invert_match
                && simply_implied(
                    &Kind::StringAttribute(plain.clone()),
                    &Kind::StringAttribute(plainly),
                    collector,
                )
        }
        (Kind::BooleanAttribute(a), Kind::BooleanAttribute(b)) => {
            let BooleanAttribute { key, value, invert_match } = a;
            (key, value) == (&b.key, &b.value) && *invert_match != b.invert_match
        }
        (_, _) => false,
    }
}

/// True if both look at spans one by one, and none is as both say.
pub(super) fn apart(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::StatusCode(a), Kind::StatusCode(b)) => !a.0.iter().any(|code| b.0.contains(code)),
        (Kind::StringAttribute(a), Kind::StringAttribute(b)) => {
            let plain = |kind: &StringAttribute| !kind.invert_match && !kind.enabled_regex_matching;
            plain(a)
                && plain(b)
                && a.key == b.key
                && !a.values.iter().any(|value| b.values.contains(value))
        }
        (Kind::NumericAttribute(a), Kind::NumericAttribute(b)) => {
            // Under the Collector's rules an open end is written as 0, too: either reading will do.
            let (x, y) = (range(a, true), range(b, true));
            !a.invert_match && !b.invert_match && a.key == b.key && (x.1 < y.0 || y.1 < x.0)
        }
        (Kind::BooleanAttribute(a), Kind::BooleanAttribute(b)) => {
            !a.invert_match && !b.invert_match && a.key == b.key && a.value != b.value
        }
        (_, _) => false,
    }
}

//! What late spans say of a dropped trace.

use super::inference::fragmented;
use super::*;
use crate::{BooleanAttribute, DropIf, ErrorMode, Failure, Not, OttlCondition, SpanCount};

/// A failure that comes late counts, unless its own record mends it: what came before is forgotten.
#[test]
fn late_failures_are_told_by_their_own_record() {
    let failure = || Kind::Failure(Failure { keep_recovered: false });
    let and = |kind| {
        let policies = vec![Policy::new("failed", failure()), Policy::new("other", kind)];
        Kind::And(And { policies })
    };
    let fine = span("call", 30, 40).child(4, 1);
    let failed = span("call", 10, 20).child(3, 1).error();
    let slow = |threshold_ms| Kind::Latency(Latency { threshold_ms, upper_threshold_ms: 0 });
    for (kind, late, kept) in [
        (failure(), vec![failed.clone()], true),
        (failure(), vec![fine.clone()], false),
        (failure(), vec![failed.clone(), fine.clone()], false),
        (and(slow(0)), vec![failed.clone()], true),
        (and(slow(50)), vec![failed.clone()], false),
        (Kind::Not(Not(Box::new(Policy::new("failed", failure())))), vec![failed.clone()], false),
        (fragmented(0), vec![failed.clone()], false),
    ] {
        let text = format!("{kind:?}, {} spans", late.len());
        let set = set(kind, Compatibility::Tailsift);
        let (mut facts, _) = fold(&set, std::slice::from_ref(&fine));
        facts.forget_kin();
        fold_into(&set, &mut facts, &late);
        assert_eq!(set.late_keep(ID, &facts).is_some(), kept, "{text}");
        assert_eq!(set.certain_keep(ID, &facts), None, "{text}");
    }
}

/// What other spans could take back is no reason to keep a trace for late spans alone.
#[test]
fn alone_late_spans_keep_only_what_the_rest_cannot_take_back() {
    let named = |kind| Policy::new("inner", kind);
    let not = |kind| Kind::Not(Not(Box::new(named(kind))));
    let and = |kinds: [Kind; 2]| {
        let [first, second] = kinds;
        let policies = vec![Policy::new("first", first), Policy::new("second", second)];
        Kind::And(And { policies })
    };
    let errors = || Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]));
    let slow = |upper_threshold_ms| Kind::Latency(Latency { threshold_ms: 5, upper_threshold_ms });
    let count = |max_spans| Kind::SpanCount(SpanCount { min_spans: 2, max_spans });
    let number = |invert_match| {
        let key = "n".to_owned();
        Kind::NumericAttribute(NumericAttribute {
            key,
            min_value: Some(1),
            max_value: Some(9),
            invert_match,
        })
    };
    let flag = |value, invert_match| {
        Kind::BooleanAttribute(BooleanAttribute { key: "b".to_owned(), value, invert_match })
    };
    let ottl = |error_mode| {
        let span = vec!["name == \"call\"".to_owned()];
        Kind::OttlCondition(OttlCondition { error_mode, span, span_event: Vec::new() })
    };
    let chance = Probabilistic { sampling_percentage: 100.0, hash_salt: String::new() };
    let drops = |kind| Kind::Drop(DropIf(vec![named(kind)]));
    let attributes = vec![("n", Value::Int(5)), ("b", Value::Bool(true))];
    let failed = S { attributes, ..span("call", 10, 20).child(3, 1).error() };
    let late = [failed, span("other", 12, 15).child(4, 1)];
    for (kinds, kept) in [
        (vec![errors()], Some(0)),
        (vec![slow(0)], Some(0)),
        (vec![slow(50)], None),
        (vec![count(0)], Some(0)),
        (vec![count(4)], None),
        (vec![number(false)], Some(0)),
        (vec![number(true)], None),
        (vec![flag(true, false)], Some(0)),
        (vec![flag(false, true)], None),
        (vec![ottl(ErrorMode::Ignore)], Some(0)),
        (vec![ottl(ErrorMode::Propagate)], None),
        (vec![not(flag(false, false))], None),
        (vec![and([errors(), slow(0)])], Some(0)),
        (vec![and([errors(), count(4)])], None),
        (vec![Kind::Failure(Failure { keep_recovered: false })], Some(0)),
        (vec![fragmented(0)], None),
        (vec![Kind::Probabilistic(chance)], None),
        (vec![count(4), errors()], Some(1)),
        (vec![errors(), drops(slow(0))], None),
        (vec![errors(), drops(not(errors()))], Some(0)),
    ] {
        let text = format!("{kinds:?}");
        let named = kinds.into_iter().enumerate();
        let named = named.map(|(name, kind)| Policy::new(name.to_string(), kind)).collect();
        let set = PolicySet::compile(named, Semantics::default()).unwrap();
        let (facts, _) = fold(&set, &late);
        assert_eq!(set.lone_keep(ID, &facts), kept, "{text}");
        assert!(!set.late_drop(ID, &facts) || kept.is_none(), "{text}");
    }
}

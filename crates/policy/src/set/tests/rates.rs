//! `rate_per_key`: what makes a key, and how its traces are kept.

use super::votes::{both, chance, drop_if, errors, gold, named};
use super::*;
use crate::{Chance, DerivedName, KeyPart, RatePerKey};

fn by(parts: &[&str]) -> RatePerKey {
    RatePerKey {
        by: parts.iter().map(|key| KeyPart::Attribute((*key).to_owned())).collect(),
        traces_per_second: 1,
        keys_max: 100,
        interval: Millis(10_000),
    }
}

fn rate(parts: &[&str]) -> PolicySet {
    set(Kind::RatePerKey(by(parts)), Compatibility::Tailsift)
}

fn with_rv(randomness: &'static str) -> S {
    S { trace_state: randomness, ..span("a", 1, 2) }
}

/// So many traces of these spans at an instant, all of the least randomness; how many are kept.
fn kept(set: &PolicySet, limiters: &mut Limiters, at: i64, traces: usize, spans: &[S]) -> usize {
    let facts = fold(set, spans).0;
    let lowest = TraceId([9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut judge = || set.judge(lowest, &facts, limiters, Millis(at), &mut Vec::new()).verdict;
    (0..traces).filter(|_| judge() == Verdict::Keep).count()
}

/// Traces of two sorts: whether they have a key in common.
#[track_caller]
fn check_same(parts: &[&str], one: &[S], other: &[S], expect: bool) {
    let kind = RatePerKey { traces_per_second: 2, ..by(parts) };
    let set = set(Kind::RatePerKey(kind), Compatibility::Tailsift);
    let mut limiters = set.limiters(1);
    // An interval for both to become known; one is frequent then.
    kept(&set, &mut limiters, 0, 1000, one);
    kept(&set, &mut limiters, 0, 1, other);
    let rare = kept(&set, &mut limiters, 10_000, 1, other) == 1;
    assert_eq!(!rare, expect, "{parts:?}");
}

#[test]
fn a_key_is_what_the_root_says_or_else_any_span() {
    let text = |text: &'static str| Value::Text(text.as_bytes());
    let a = || span("a", 1, 2).root(1).with("k", text("a"));
    let b = || span("a", 1, 2).child(2, 1).with("k", text("b"));
    check_same(&["k"], &[a()], &[a()], true);
    check_same(&["k"], &[a()], &[b()], false);
    // The root outranks others, whatever the order.
    check_same(&["k"], &[a(), b()], &[b(), a()], true);
    check_same(&["k"], &[a()], &[b(), a()], true);
    // Without a root that says it one of the others stands for all.
    let c = || span("c", 1, 2).child(3, 1).with("k", text("c"));
    check_same(&["k"], &[b(), c()], &[c(), b()], true);
    check_same(&["k"], &[span("a", 1, 2).root(1), b()], &[b()], true);
    // A resource's counts where a span has none of its own.
    check_same(&["k"], &[a()], &[span("a", 1, 2).root(1).on_resource("k", text("a"))], true);
    check_same(&["k"], &[a()], &[a().on_resource("k", text("b"))], true);
    // None at all is a key, too.
    check_same(&["k"], &[span("a", 1, 2)], &[span("b", 1, 9)], true);
    check_same(&["k"], &[span("a", 1, 2)], &[a()], false);
    // Numbers and truth values do, other types are none.
    let of = |value| [span("a", 1, 2).with("k", value)];
    check_same(&["k"], &of(Value::Int(7)), &of(Value::Text(b"7")), true);
    check_same(&["k"], &of(Value::Bool(true)), &of(Value::Text(b"true")), true);
    check_same(&["k"], &of(Value::Bool(true)), &of(Value::Bool(false)), false);
    check_same(&["k"], &of(Value::Double(1.0)), &[span("a", 1, 2)], true);
}

#[test]
fn several_attributes_make_a_key() {
    let of = |k, l| {
        let span = span("a", 1, 2).with("k", Value::Text(k));
        [span.with("l", Value::Text(l))]
    };
    check_same(&["k", "l"], &of(b"a", b"b"), &of(b"a", b"b"), true);
    check_same(&["k", "l"], &of(b"a", b"b"), &of(b"b", b"a"), false);
    check_same(&["l", "k"], &of(b"a", b"b"), &of(b"a", b"c"), false);
    check_same(&["k", "k"], &of(b"a", b"b"), &of(b"a", b"c"), true);
    let derived = RatePerKey { by: vec![KeyPart::Derived(DerivedName::Model)], ..by(&[]) };
    let set = set(Kind::RatePerKey(derived), Compatibility::Tailsift);
    assert!(set.interest().find(b"gen_ai.request.model").is_some());
}

#[test]
fn what_an_earlier_sampler_let_pass_stands_for_more() {
    let set = rate(&["k"]);
    // 10 an interval: of 20 traces half, of 20 that stand for 4 each an eighth of those 80.
    for (spans, expect) in [
        (&[span("a", 1, 2)][..], 1 << 55),
        (&[with_rv("ot=th:c")], 7 << 53),
        (&[span("a", 1, 2), with_rv("ot=th:c"), with_rv("ot=th:8")], 7 << 53),
        // Nobody stands for more than 1024.
        (&[with_rv("ot=th:ffffffffffffff")], Threshold::RANGE - (Threshold::RANGE >> 11)),
    ] {
        let mut limiters = set.limiters(1);
        kept(&set, &mut limiters, 0, 20, spans);
        kept(&set, &mut limiters, 10_000, 1, spans);
        let one_key = limiters.rate_answered(0);
        // A rest that nobody comes for has a part, too.
        let share = 1.0 - one_key.0 as f64 / Threshold::RANGE as f64;
        let most = 1.0 - expect as f64 / Threshold::RANGE as f64;
        assert!(
            share <= most && share > 0.85 * most,
            "{spans:?}: {share} of {most}",
            spans = spans.len()
        );
    }
}

#[test]
fn the_threshold_says_how_likely_it_was() {
    let set = rate(&["k"]);
    let mut limiters = set.limiters(1);
    kept(&set, &mut limiters, 0, 1000, &[span("a", 1, 2)]);
    let facts = fold(&set, &[with_rv("ot=rv:ffffffffffffff")]).0;
    let outcome = set.judge(ID, &facts, &mut limiters, Millis(10_000), &mut Vec::new());
    let threshold = limiters.rate_answered(0);
    assert!(threshold > Threshold(0xfd << 48), "{threshold}");
    assert_eq!(outcome.chance, Chance::Threshold(threshold));
    // The Collector's semantics leave no threshold.
    let collector = super::set(Kind::RatePerKey(by(&["k"])), Compatibility::Collector);
    let facts = fold(&collector, &[with_rv("ot=rv:ffffffffffffff")]).0;
    assert_eq!(judge_facts(&collector, &facts, &mut Vec::new()).chance, Chance::None);
}

/// Behind a filter, and with another chance: both had to be passed.
#[test]
fn filters_stand_before_it() {
    let policies = named([both([errors(), chance(25.0), Kind::RatePerKey(by(&["k"]))])]);
    let set = PolicySet::compile(policies, Semantics::default()).unwrap();
    let outcome = judge(&set, &[with_rv("ot=rv:ffffffffffffff").error()]);
    assert_eq!(outcome.chance, Chance::Threshold(Threshold(3 << 54)));
    let mut limiters = set.limiters(1);
    assert_eq!(kept(&set, &mut limiters, 0, 50, &[span("a", 1, 2)]), 0);
    assert_eq!(limiters, set.limiters(1), "what the filter holds back is not counted");
}

#[test]
fn it_stands_in_the_list_and_in_and() {
    let kind = || Kind::RatePerKey(by(&["k"]));
    let compiles = |kind| PolicySet::compile(named([kind]), Semantics::default()).is_ok();
    assert!(compiles(kind()) && compiles(both([gold(), kind()])));
    assert!(!compiles(drop_if([kind()])) && !compiles(votes::opposite(kind())));
    assert!(!compiles(votes::share_out(named([kind()]))));
}

#[test]
fn wrong_rates_are_refused() {
    refused(
        Kind::RatePerKey(RatePerKey {
            by: vec![],
            traces_per_second: 0,
            keys_max: 0,
            interval: Millis(999),
        }),
        "policies[0].rate_per_key.by: must list at least one attribute, such as service.name\n\
         policies[0].rate_per_key.traces_per_second: must be at least 1, got 0\n\
         policies[0].rate_per_key.keys_max: must lie between 1 and 100000, got 0\n\
         policies[0].rate_per_key.interval: must be at least 1s, got 999 ms",
    );
    refused(
        Kind::RatePerKey(by(&["k", ""])),
        "policies[0].rate_per_key.by[1]: must name an attribute, got \"\"",
    );
}

#[test]
fn what_is_known_of_keys_outlasts_a_change_of_other_policies() {
    let rate = || Policy::new("rate", Kind::RatePerKey(by(&["k"])));
    let other = Policy::new("errors", errors());
    let before = PolicySet::compile(vec![rate()], Semantics::default()).unwrap();
    let after = PolicySet::compile(vec![other, rate()], Semantics::default()).unwrap();
    let spans = [span("a", 1, 2)];
    let mut limiters = before.limiters(1);
    kept(&before, &mut limiters, 0, 1000, &spans);
    let (mut taken, mut full) = (after.limiters_after(&before, &limiters), after.limiters(1));
    let thinned = kept(&before, &mut limiters, 10_000, 10, &spans);
    assert_eq!(kept(&after, &mut taken, 10_000, 10, &spans), thinned);
    assert!(kept(&after, &mut full, 10_000, 10, &spans) > thinned, "an unknown key is not thinned");
}

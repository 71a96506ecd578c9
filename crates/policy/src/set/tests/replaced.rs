//! What budgets have after policies were replaced, as data.

use super::*;
use crate::{Derive, Derived, DerivedName, Drift, RateLimiting};

fn rate(name: &str, spans_per_second: i64) -> Policy {
    let rate = RateLimiting { spans_per_second, burst_capacity: spans_per_second };
    Policy::new(name, Kind::RateLimiting(rate))
}

fn all_of(name: &str, policies: Vec<Policy>) -> Policy {
    Policy::new(name, Kind::And(And { policies }))
}

fn compiled(policies: Vec<Policy>) -> PolicySet {
    PolicySet::compile(policies, Semantics::default()).unwrap()
}

/// Spends what the first set has for a trace of one span, replaces the policies, and says which of
/// the new ones have something left for another: `+`, or `-`.
fn after(before: Vec<Policy>, policies: Vec<Policy>) -> String {
    replaced(&compiled(before), &compiled(policies))
}

fn replaced(before: &PolicySet, set: &PolicySet) -> String {
    let span = span("predict", 1, 2).with("confidence", Value::Double(0.9));
    let spans = [span.with("model_version", Value::Text(b"1"))];
    let (facts, mut votes) = (fold(before, &spans).0, Vec::new());
    let mut limiters = before.limiters(1);
    before.judge(ID, &facts, &mut limiters, Millis(0), &mut votes);
    let facts = fold(set, &spans).0;
    set.judge(ID, &facts, &mut set.limiters_after(before, &limiters), Millis(0), &mut votes);
    let sign = |vote: &Option<Vote>| if *vote == Some(Vote::Sampled) { '+' } else { '-' };
    votes.iter().map(sign).collect()
}

#[test]
fn a_policy_that_stays_goes_on_with_what_it_had() {
    let one = || rate("one", 1);
    let plain = || Policy::new("all", Kind::AlwaysSample);
    for (before, policies, left) in [
        (vec![one()], vec![one()], "-"),
        (vec![one()], vec![rate("two", 1)], "+"),
        (vec![one()], vec![rate("one", 2)], "+"),
        (vec![one(), plain()], vec![plain(), rate("new", 1), one()], "++-"),
        (vec![one(), rate("two", 2)], vec![rate("two", 2), one()], "+-"),
        (vec![all_of("and", vec![one(), plain()])], vec![all_of("and", vec![one(), plain()])], "-"),
        (vec![all_of("and", vec![one(), plain()])], vec![all_of("and", vec![one()])], "+"),
        (vec![all_of("and", vec![one()])], vec![one()], "+"),
        (vec![rate("x", 3), all_of("and", vec![one()])], vec![all_of("and", vec![one()])], "-"),
        (vec![], vec![one()], "+"),
        (vec![one()], vec![], ""),
    ] {
        assert_eq!(after(before.clone(), policies.clone()), left, "{before:?} then {policies:?}");
    }
}

#[test]
fn what_is_usual_to_a_drift_goes_on_with_it() {
    // Its floor is one trace a minute.
    let drift = |rise| {
        let by = vec![DerivedName::ModelVersion];
        let kind = Drift { by, floor_per_minute: 1, rise, ..super::inference::drift(&[]) };
        Policy::new("drift", Kind::Drift(kind))
    };
    let others = [rate("one", 1), rate("two", 1)];
    assert_eq!(after(vec![drift(2.0)], vec![others[0].clone(), drift(2.0)]), "+-");
    assert_eq!(after(vec![drift(2.0)], vec![drift(3.0)]), "+");
}

#[test]
fn what_is_understood_otherwise_begins_anew() {
    let of = |semantics: Semantics| PolicySet::compile(vec![rate("one", 1)], semantics).unwrap();
    let native = of(Semantics::default());
    let first_match = of(Semantics { sample_on_first_match: true, ..Semantics::default() });
    let collector = Compatibility::Collector;
    let collector = of(Semantics { compatibility: collector, ..Semantics::default() });
    let model = Derived { attributes: vec!["m".into()], pattern: None };
    let derive = Derive { model, ..Derive::default() };
    let derived = of(Semantics { derive, ..Semantics::default() });
    let left = [&native, &first_match, &collector, &derived].map(|set| replaced(&native, set));
    assert_eq!(left, ["-", "-", "+", "+"]);
}

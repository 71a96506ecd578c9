//! Every kind that chance or a budget has a part in.

use tailsift_policy::{
    And, BytesLimiting, Compatibility, Composite, DerivedName, Drift, DropIf, Forced, KeyPart,
    Kind, Not, Probabilistic, RateLimiting, RatePerKey, Scale, StatusCodes, StringAttribute,
};
use tailsift_trace::StatusCode;

use super::*;

fn named(kinds: Vec<Kind>) -> Vec<Policy> {
    let name = |(place, kind)| Policy::new(format!("p{place}"), kind);
    kinds.into_iter().enumerate().map(name).collect()
}

fn chance(sampling_percentage: f64) -> Kind {
    Kind::Probabilistic(Probabilistic { sampling_percentage, hash_salt: String::new() })
}

fn errors() -> Kind {
    Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]))
}

fn route(route: &str) -> Kind {
    Kind::StringAttribute(StringAttribute {
        key: "http.route".into(),
        values: vec![route.into()],
        enabled_regex_matching: false,
        invert_match: false,
    })
}

fn both(kinds: Vec<Kind>) -> Kind {
    Kind::And(And { policies: named(kinds) })
}

fn opposite(kind: Kind) -> Kind {
    Kind::Not(Not(Box::new(Policy::new("inner", kind))))
}

fn rate(traces_per_second: u32) -> Kind {
    Kind::RatePerKey(RatePerKey {
        by: vec![KeyPart::Attribute("http.route".into())],
        traces_per_second,
        keys_max: 100,
        interval: Millis(10_000),
    })
}

#[test]
fn totals_are_estimated_of_probabilistic() {
    for (what, kinds) in [
        ("one", vec![chance(10.0)]),
        ("an odd share", vec![chance(7.3)]),
        ("the likelier counts", vec![chance(5.0), chance(20.0)]),
        ("what is certain counts as one", vec![chance(10.0), errors()]),
        ("several shares", vec![chance(5.0), both(vec![opposite(route("/busy")), chance(50.0)])]),
        ("both", vec![both(vec![chance(50.0), chance(10.0)]), both(vec![errors(), chance(90.0)])]),
    ] {
        for load in [LOAD, Load { seed: 8, has_rv: true, ..LOAD }] {
            let seen = run(named(kinds.clone()), Semantics::default(), &load);
            seen.check_totals();
            assert!(seen.thresholds().any(|th| th.is_some()), "{what}");
            assert_eq!((seen.counts.unreadable, seen.counts.no_room), (0, 0), "{what}");
        }
    }
}

/// The first match ends the asking, and what would have been asked is accounted for.
#[test]
fn totals_are_estimated_of_first_matches() {
    let semantics = Semantics { sample_on_first_match: true, ..Semantics::default() };
    for kinds in [
        vec![chance(10.0), errors(), chance(20.0)],
        vec![chance(10.0), both(vec![route("/seldom"), chance(50.0)])],
        vec![rate(10), errors()],
    ] {
        run(named(kinds), semantics.clone(), &LOAD).check_totals();
    }
}

#[test]
fn totals_are_estimated_of_rates_by_key() {
    for (what, kinds) in [
        ("alone", vec![rate(10)]),
        ("beside a chance", vec![rate(10), chance(10.0)]),
        ("beside what is certain", vec![rate(10), errors()]),
        ("behind a filter", vec![both(vec![route("/busy"), rate(5)]), chance(50.0)]),
    ] {
        for seed in [1, 2, 3] {
            let seen = run(named(kinds.clone()), Semantics::default(), &Load { seed, ..LOAD });
            seen.check_totals();
            assert!(seen.thresholds().any(|th| th.is_some()), "{what}");
        }
    }
}

/// The target holds, but for the first intervals, and the rare are kept.
#[test]
fn rates_by_key_are_fair() {
    // 120 s at 10 a second.
    let seen = run(named(vec![rate(10)]), Semantics::default(), &LOAD);
    let kept = seen.kept.len() as f64;
    assert!((1100.0..1700.0).contains(&kept), "{kept}");
    let share = |route: &str| {
        let kept = seen.kept.values().filter(|kept| kept.route == route).count();
        kept as f64 / seen.truth[route].traces
    };
    let shares = ROUTES.map(|(route, _)| share(route));
    assert!(shares[0] < 0.12 && shares[1] > 1.5 * shares[0], "{shares:?}");
    assert!(shares[2] > 0.6 && shares[3] > 0.6, "{shares:?}");
}

/// What an earlier sampler has let pass stands for more, and stays as strict as it was.
#[test]
fn totals_are_estimated_behind_an_earlier_sampler() {
    let head = 3 << 54;
    for (kinds, lowest) in [
        (vec![chance(50.0)], head),
        (vec![chance(10.0)], head + 1),
        (vec![rate(10)], head),
        (vec![Kind::AlwaysSample], head),
        (vec![errors(), chance(10.0)], head),
    ] {
        for has_rv in [false, true] {
            let load = Load { head, has_rv, ..LOAD };
            let seen = run(named(kinds.clone()), Semantics::default(), &load);
            seen.check_totals();
            assert!(seen.thresholds().all(|th| th.is_some_and(|th| th >= lowest)), "{kinds:?}");
        }
    }
}

/// A budget that is first come, first served has no probability: nothing must claim one.
#[test]
fn what_nobody_knows_is_not_claimed() {
    let drift = Drift {
        by: vec![DerivedName::Model],
        floor_per_minute: 60,
        low_confidence_below: 0.5,
        scale: Scale::Unit,
        of_arrays: None,
        rise: 2.0,
        baseline: Millis(60_000),
    };
    let mut semantics = Semantics::default();
    semantics.derive.model.attributes = vec!["http.route".into()];
    let limit = Kind::RateLimiting(RateLimiting { spans_per_second: 20, burst_capacity: 0 });
    let bytes = BytesLimiting { bytes_per_second: 5000, burst_capacity: 0 };
    let forced = Forced {
        attribute: Some("tokens".into()),
        trace_state: None,
        value: None,
        traces_per_second: 10,
    };
    let composite = Composite {
        max_total_spans_per_second: 20,
        policy_order: Vec::new(),
        sub_policies: named(vec![Kind::AlwaysSample]),
        rate_allocation: Vec::new(),
    };
    let load = Load { head: 1 << 55, traces: 4000, ..LOAD };
    for kinds in [
        vec![limit.clone()],
        vec![Kind::BytesLimiting(bytes)],
        vec![Kind::Forced(forced)],
        vec![Kind::Drift(drift)],
        vec![Kind::Composite(composite)],
        vec![opposite(chance(30.0))],
        vec![Kind::Drop(DropIf(named(vec![chance(30.0)]))), Kind::AlwaysSample],
        vec![limit.clone(), chance(1.0)],
    ] {
        let seen = run(named(kinds.clone()), semantics.clone(), &load);
        let keeps_by_limit = seen.thresholds().filter(|th| th.is_none()).count();
        assert!(keeps_by_limit > 50, "{kinds:?}: {keeps_by_limit}");
        assert!(seen.counts.erased > 50 && seen.counts.unreadable == 0, "{kinds:?}");
        let is_by_limit_alone = !matches!(kinds.last(), Some(Kind::Probabilistic(_)));
        assert!(keeps_by_limit == seen.kept.len() || !is_by_limit_alone, "{kinds:?}");
    }
    // What is certain to be kept is not called in question by them.
    let seen = run(named(vec![limit, Kind::AlwaysSample]), semantics, &load);
    assert!(seen.thresholds().all(|th| th == Some(1 << 55)));
    assert_eq!(seen.counts, ThresholdCounts::default());
}

#[test]
fn the_collectors_semantics_write_nothing() {
    let semantics = Semantics { compatibility: Compatibility::Collector, ..Semantics::default() };
    let load = Load { head: 1 << 55, traces: 2000, ..LOAD };
    for kinds in [vec![chance(10.0)], vec![rate(10)]] {
        let seen = run(named(kinds), semantics.clone(), &load);
        assert!(seen.kept.len() > 20);
        assert!(seen.thresholds().all(|th| th == Some(1 << 55)));
        assert_eq!(seen.counts, ThresholdCounts::default());
    }
}

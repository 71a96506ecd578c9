//! How votes are weighed, and what becomes of budgets and probabilities.

use super::*;
use crate::kind::{and, drop, not};
use crate::{Composite, DropIf, Not, RateLimiting};

pub(super) fn errors() -> Kind {
    Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]))
}

pub(super) fn gold() -> Kind {
    Kind::StringAttribute(StringAttribute {
        key: "tier".into(),
        values: vec!["gold".into()],
        enabled_regex_matching: false,
        invert_match: false,
    })
}

pub(super) fn limit(burst_capacity: i64) -> Kind {
    Kind::RateLimiting(RateLimiting { spans_per_second: 1, burst_capacity })
}

pub(super) fn chance(sampling_percentage: f64) -> Kind {
    Kind::Probabilistic(Probabilistic { sampling_percentage, hash_salt: String::new() })
}

pub(super) fn opposite(kind: Kind) -> Kind {
    Kind::Not(Not(Box::new(Policy::new("inner", kind))))
}

pub(super) fn named<const N: usize>(kinds: [Kind; N]) -> Vec<Policy> {
    let name = |(place, kind)| Policy::new(format!("p{place}"), kind);
    kinds.into_iter().enumerate().map(name).collect()
}

pub(super) fn both<const N: usize>(kinds: [Kind; N]) -> Kind {
    Kind::And(And { policies: named(kinds) })
}

pub(super) fn drop_if<const N: usize>(kinds: [Kind; N]) -> Kind {
    Kind::Drop(DropIf(named(kinds)))
}

pub(super) fn share_out(kinds: Vec<Policy>) -> Kind {
    Kind::Composite(Composite {
        max_total_spans_per_second: 10,
        policy_order: Vec::new(),
        sub_policies: kinds,
        rate_allocation: Vec::new(),
    })
}

fn compile<const N: usize>(kinds: [Kind; N]) -> PolicySet {
    PolicySet::compile(named(kinds), Semantics::default()).unwrap()
}

fn plain() -> [S; 1] {
    [span("a", 1, 2)]
}

fn failed() -> [S; 1] {
    [span("a", 1, 2).error()]
}

fn failed_gold() -> [S; 2] {
    [span("a", 1, 2).error(), span("b", 1, 2).with("tier", Value::Text(b"gold"))]
}

#[test]
fn votes_of_sub_policies() {
    use Vote::{Dropped, Error, NotSampled, Sampled};
    for (votes, of_and, of_drop) in [
        (&[][..], Sampled, Dropped),
        (&[Sampled, Sampled], Sampled, Dropped),
        (&[Sampled, NotSampled, Error], NotSampled, NotSampled),
        (&[Sampled, Error, NotSampled], Error, Error),
    ] {
        assert_eq!(and::all(votes.iter().copied()), of_and, "{votes:?}");
        assert_eq!(drop::dropped(votes.iter().copied()), of_drop, "{votes:?}");
    }
    let opposites = [Sampled, NotSampled, Error].map(not::opposite);
    assert_eq!(opposites, [NotSampled, Sampled, Error]);
}

#[test]
fn the_weightiest_vote_wins_and_its_first_policy_is_named() {
    use Vote::{Dropped, Error, NotSampled, Sampled};
    for (votes, verdict, decider) in [
        (&[][..], Verdict::Drop, None),
        (&[Some(NotSampled), Some(Sampled), Some(Sampled)], Verdict::Keep, Some(1)),
        (&[Some(Sampled), None, Some(Dropped)], Verdict::Drop, Some(2)),
        (&[Some(Error), Some(NotSampled)], Verdict::Drop, None),
        (&[Some(Error), Some(Sampled)], Verdict::Keep, Some(1)),
    ] {
        assert_eq!(decide(votes), (verdict, decider), "{votes:?}");
    }
}

#[test]
fn not_turns_a_vote_round() {
    check(&opposite(errors()), &plain(), true);
    check(&opposite(errors()), &failed(), false);
    check(&both([gold(), opposite(errors())]), &failed_gold(), false);
    let fine_gold = [span("a", 1, 2).with("tier", Value::Text(b"gold"))];
    check(&both([gold(), opposite(errors())]), &fine_gold, true);
    check_collector(&opposite(limit(1)), &[span("a", 1, 2), span("b", 1, 2)], true);
}

#[test]
fn drops_come_first_and_end_it() {
    let set = compile([limit(5), drop_if([errors(), gold()]), Kind::AlwaysSample]);
    let mut votes = Vec::new();
    let dropped = judge_facts(&set, &fold(&set, &failed_gold()).0, &mut votes);
    assert_eq!((dropped.verdict, dropped.policy), (Verdict::Drop, Some(1)));
    assert_eq!(votes, [None, Some(Vote::Dropped), None]);
    let kept = judge_facts(&set, &fold(&set, &failed()).0, &mut votes);
    assert_eq!((kept.verdict, kept.policy), (Verdict::Keep, Some(0)));
    assert_eq!(votes, [Some(Vote::Sampled), Some(Vote::NotSampled), Some(Vote::Sampled)]);
}

#[test]
fn empty_drops_are_refused_natively_only() {
    let semantics = Semantics { compatibility: Compatibility::Collector, ..Semantics::default() };
    let set = PolicySet::compile(named([Kind::AlwaysSample, drop_if([])]), semantics).unwrap();
    let outcome = judge(&set, &plain());
    assert_eq!((outcome.verdict, outcome.policy), (Verdict::Drop, Some(1)));
    refused(
        drop_if([]),
        "policies[0].drop.drop_sub_policy: must list at least one sub-policy: an empty one would drop every trace",
    );
}

/// Every policy is asked even after one said sampled, or budgets would not be charged.
#[test]
fn budgets_are_charged_unless_the_first_match_ends_it() {
    for (sample_on_first_match, second) in [(false, None), (true, Some(1))] {
        let semantics = Semantics { sample_on_first_match, ..Semantics::default() };
        let set = PolicySet::compile(named([gold(), limit(2)]), semantics).unwrap();
        let mut limiters = set.limiters(1);
        let mut judge = |spans: &[S]| {
            let facts = fold(&set, spans).0;
            set.judge(ID, &facts, &mut limiters, Millis(0), &mut Vec::new()).policy
        };
        let golden = [span("a", 1, 2).with("tier", Value::Text(b"gold")), span("b", 1, 2)];
        assert_eq!(judge(&golden), Some(0));
        assert_eq!(judge(&plain()), second);
    }
}

#[test]
fn a_budget_behind_a_filter_pays_for_what_passed_it() {
    let set = compile([both([errors(), limit(1)])]);
    let mut limiters = set.limiters(1);
    let mut judge = |spans: &[S]| {
        let facts = fold(&set, spans).0;
        set.judge(ID, &facts, &mut limiters, Millis(0), &mut Vec::new()).verdict
    };
    assert_eq!(judge(&plain()), Verdict::Drop);
    assert_eq!(judge(&failed()), Verdict::Keep);
    assert_eq!(judge(&failed()), Verdict::Drop);
}

#[test]
fn a_probability_is_known_without_budgets_only() {
    for (kind, expect) in [
        (both([errors(), chance(100.0)]), Chance::Threshold(Threshold(0))),
        (both([errors(), opposite(gold())]), Chance::None),
        (opposite(gold()), Chance::None),
        (both([limit(5), chance(100.0)]), Chance::Unknown),
        (opposite(chance(0.0)), Chance::Unknown),
        (both([chance(100.0), opposite(chance(0.0))]), Chance::Unknown),
        (limit(5), Chance::Unknown),
        (share_out(named([errors()])), Chance::Unknown),
    ] {
        let outcome = judge(&compile([kind.clone()]), &failed());
        assert_eq!((outcome.verdict, outcome.chance), (Verdict::Keep, expect), "{kind:?}");
    }
    // Of several chances the likeliest says it; a budget beside one leaves it unknown.
    let with_rv = [S { trace_state: "ot=rv:ffffffffffffff", ..span("a", 1, 2) }];
    let several = compile([chance(25.0), chance(50.0)]);
    let half = Chance::Threshold(Threshold(1 << 55));
    assert_eq!(judge(&several, &with_rv).chance, half);
    let beside = compile([chance(100.0), limit(5)]);
    assert_eq!(judge(&beside, &with_rv).chance, Chance::Unknown);
    // A certain keep makes it certain, whatever budgets say.
    let certain = compile([chance(100.0), limit(5), Kind::AlwaysSample]);
    assert_eq!(judge(&certain, &with_rv).chance, Chance::None);
    // What chance alone saved from being dropped was not certain to be kept.
    for (drop, expect) in [
        (drop_if([chance(0.0)]), Chance::Unknown),
        (drop_if([errors(), chance(0.0)]), Chance::None),
        (drop_if([opposite(errors()), chance(0.0)]), Chance::Unknown),
        (drop_if([errors()]), Chance::None),
    ] {
        let spared = compile([drop.clone(), Kind::AlwaysSample]);
        assert_eq!(judge(&spared, &with_rv).chance, expect, "{drop:?}");
    }
}

/// Where the first match ends the asking, those behind it have a say in how likely the keep was.
#[test]
fn a_first_match_is_as_likely_as_all_that_would_follow() {
    let semantics = || Semantics { sample_on_first_match: true, ..Semantics::default() };
    let with_rv = [S { trace_state: "ot=rv:ffffffffffffff", ..span("a", 1, 2) }];
    for (behind, expect) in [
        (gold(), Chance::Threshold(Threshold(3 << 54))),
        (chance(50.0), Chance::Threshold(Threshold(1 << 55))),
        (chance(10.0), Chance::Threshold(Threshold(3 << 54))),
        (Kind::AlwaysSample, Chance::None),
        (limit(5), Chance::Unknown),
        (both([gold(), limit(5)]), Chance::Unknown),
    ] {
        let policies = named([chance(25.0), behind.clone()]);
        let set = PolicySet::compile(policies, semantics()).unwrap();
        assert_eq!(judge(&set, &with_rv).chance, expect, "{behind:?}");
    }
}

#[test]
fn only_certain_policies_keep_what_comes_late() {
    let keeper = |policies: Vec<Policy>| {
        let set = PolicySet::compile(policies, Semantics::default()).unwrap();
        set.certain_keep(ID, &fold(&set, &failed()).0)
    };
    let composite = || share_out(named([Kind::AlwaysSample]));
    assert_eq!(keeper(named([limit(5), both([errors(), limit(5)]), errors()])), Some(2));
    assert_eq!(keeper(named([chance(100.0), opposite(limit(5)), composite()])), None);
    assert_eq!(keeper(named([composite(), errors()])), Some(1));
    assert_eq!(keeper(named([opposite(gold())])), Some(0));
    assert_eq!(keeper(named([errors(), drop_if([gold()])])), Some(0));
    assert_eq!(keeper(named([errors(), drop_if([errors()])])), None);
    assert_eq!(keeper(named([errors(), drop_if([chance(100.0)])])), None);
    assert_eq!(keeper(named([errors(), drop_if([chance(0.0)])])), Some(0));
    // Whether a budget would have dropped it, nobody knows.
    assert_eq!(keeper(named([errors(), drop_if([errors(), limit(5)])])), None);
    assert_eq!(keeper(named([errors(), drop_if([errors(), opposite(limit(5))])])), None);
    assert_eq!(keeper(named([errors(), drop_if([gold(), limit(5)])])), Some(0));
}

#[test]
fn policies_stand_where_the_collector_lets_them() {
    let simple = || Kind::AlwaysSample;
    let compiles = |kind| PolicySet::compile(named([kind]), Semantics::default()).is_ok();
    // Within and, not, drop, composite.
    for (kind, expect) in [
        (simple(), [true, true, true, true]),
        (limit(1), [true, true, true, true]),
        (opposite(simple()), [true, false, true, false]),
        (both([simple()]), [false, false, false, true]),
        (drop_if([simple()]), [false; 4]),
        (share_out(named([simple()])), [false; 4]),
    ] {
        let within = [
            both([kind.clone()]),
            opposite(kind.clone()),
            drop_if([kind.clone()]),
            share_out(named([kind.clone()])),
        ];
        assert_eq!(within.map(compiles), expect, "{kind:?}");
    }
    refused(
        both([simple(), drop_if([simple()])]),
        "policies[0].and.and_sub_policy[1]: `drop` cannot stand within `and`, which takes simple kinds and `not`",
    );
    refused(
        opposite(both([simple()])),
        "policies[0].not.not_sub_policy: `and` cannot stand within `not`, which takes simple kinds",
    );
}

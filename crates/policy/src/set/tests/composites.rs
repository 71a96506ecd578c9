//! `composite`: order, shares and totals, natively and as in the Collector.

use super::votes::{errors, named, share_out};
use super::*;
use crate::{Composite, RateAllocation, SubPolicy};

/// Errors before everything else.
fn composite(total: i64, policy_order: &[&str], shares: &[(&str, i64)]) -> Kind {
    let share = |(policy, percent): &(&str, i64)| RateAllocation {
        policy: (*policy).into(),
        percent: *percent,
    };
    Kind::Composite(Composite {
        max_total_spans_per_second: total,
        policy_order: policy_order.iter().copied().map(Into::into).collect(),
        sub_policies: vec![
            Policy::new("failed", errors()),
            Policy::new("rest", Kind::AlwaysSample),
        ],
        rate_allocation: shares.iter().map(share).collect(),
    })
}

/// Traces of so many spans, failed or not, in one second: which sub-policy keeps them.
#[track_caller]
fn check_composite(
    compatibility: Compatibility,
    kind: &Kind,
    traces: &[(usize, bool, Option<&str>)],
) {
    let set = set(kind.clone(), compatibility);
    let mut limiters = set.limiters(1);
    for (index, (spans, failed, expect)) in traces.iter().enumerate() {
        let span = if *failed { span("a", 1, 2).error() } else { span("a", 1, 2) };
        let facts = fold(&set, &vec![span; *spans]).0;
        let outcome = set.judge(ID, &facts, &mut limiters, Millis(0), &mut Vec::new());
        assert_eq!(outcome.composite.map(|sub| set.sub_name(sub)), *expect, "trace {index}");
        assert_eq!(outcome.verdict == Verdict::Keep, expect.is_some(), "trace {index}");
    }
}

fn natively(kind: &Kind, traces: &[(usize, bool, Option<&str>)]) {
    check_composite(Compatibility::Tailsift, kind, traces);
}

fn in_the_collector(kind: &Kind, traces: &[(usize, bool, Option<&str>)]) {
    check_composite(Compatibility::Collector, kind, traces);
}

#[test]
fn order_is_honoured_natively_only() {
    let kind = composite(10, &["rest", "failed"], &[("failed", 50), ("rest", 50)]);
    natively(&kind, &[(1, true, Some("rest"))]);
    in_the_collector(&kind, &[(1, true, Some("failed"))]);
    let as_listed = composite(10, &[], &[("failed", 50), ("rest", 50)]);
    natively(&as_listed, &[(1, true, Some("failed"))]);
}

#[test]
fn shares_are_exact_natively_only() {
    let kind = composite(100, &[], &[("failed", 29), ("rest", 57)]);
    natively(&kind, &[(29, true, Some("failed")), (57, false, Some("rest"))]);
    in_the_collector(&kind, &[(29, true, None), (57, false, None)]);
    in_the_collector(&kind, &[(28, true, Some("failed")), (56, false, Some("rest"))]);
    let quarter = composite(10, &[], &[("failed", 25), ("rest", 75)]);
    in_the_collector(&quarter, &[(2, true, Some("failed")), (8, false, None)]);
}

#[test]
fn children_divide_the_rest_natively_only() {
    let kind = composite(10, &[], &[("failed", 90)]);
    natively(&kind, &[(1, false, Some("rest")), (1, false, None)]);
    in_the_collector(&kind, &[(1, false, None)]);
    let none = composite(10, &[], &[]);
    natively(&none, &[(5, false, Some("rest")), (1, false, None), (5, true, Some("failed"))]);
    // The Collector divides the total only among entries that say 0.
    let zero = composite(9, &[], &[("failed", 0), ("rest", -3)]);
    in_the_collector(
        &zero,
        &[(5, true, None), (4, true, Some("failed")), (4, false, Some("rest"))],
    );
}

#[test]
fn totals_hold_for_all_natively_only() {
    // The Collector accepts more than 100 percent, and holds each child against the total alone.
    let kind = composite(10, &[], &[("failed", 100), ("rest", 100)]);
    in_the_collector(
        &kind,
        &[(10, true, Some("failed")), (10, false, Some("rest")), (1, false, None)],
    );
    let over = composite(4, &[], &[("failed", 500), ("rest", 500)]);
    in_the_collector(&over, &[(5, true, None), (4, true, Some("failed"))]);
    refused(
        kind,
        "policies[0].composite.rate_allocation: must give away 100 percent at most, got 200",
    );
}

#[test]
fn a_trace_is_not_offered_twice() {
    let kind = composite(10, &[], &[("failed", 10), ("rest", 90)]);
    for compatibility in [Compatibility::Tailsift, Compatibility::Collector] {
        check_composite(compatibility, &kind, &[(2, true, None), (2, false, Some("rest"))]);
    }
}

#[test]
fn the_last_entry_counts_in_the_collector() {
    let kind = composite(10, &[], &[("rest", 10), ("nobody", 50), ("rest", 90)]);
    in_the_collector(&kind, &[(9, false, Some("rest"))]);
}

#[test]
fn no_children_keep_nothing() {
    in_the_collector(&share_out(Vec::new()), &[(1, true, None)]);
    refused(
        share_out(Vec::new()),
        "policies[0].composite.composite_sub_policy: must list at least one sub-policy: without one nothing is ever kept",
    );
}

#[test]
fn wrong_composites_are_refused_natively() {
    for (kind, expect) in [
        (composite(0, &[], &[]), "max_total_spans_per_second: must be at least 1, got 0"),
        (
            composite(10, &["rest"], &[]),
            "policy_order: must list every sub-policy, or be left out for the order of composite_sub_policy: \"failed\" is missing",
        ),
        (
            composite(10, &["failed", "rest", "failed"], &[]),
            "policy_order[2]: \"failed\" is listed twice",
        ),
        (
            composite(10, &["failed", "rest", "slow"], &[]),
            "policy_order[2]: \"slow\" is no sub-policy: there are failed, rest",
        ),
        (
            composite(10, &[], &[("slow", 10)]),
            "rate_allocation[0].policy: \"slow\" is no sub-policy: there are failed, rest",
        ),
        (
            composite(10, &[], &[("rest", 10), ("rest", 20)]),
            "rate_allocation[1].policy: \"rest\" has a share already",
        ),
        (
            composite(10, &[], &[("rest", 0), ("failed", 10)]),
            "rate_allocation[0].percent: must lie between 1 and 100, got 0",
        ),
        (
            composite(10, &[], &[("rest", 100)]),
            "rate_allocation: leaves nothing for 1 sub-policies that are not listed: list them",
        ),
    ] {
        refused(kind, &format!("policies[0].composite.{expect}"));
    }
    let alike = ["a", "", "a"].map(|name| Policy::new(name, Kind::AlwaysSample)).to_vec();
    refused(
        share_out(alike),
        "policies[0].composite.composite_sub_policy[1].name: must not be empty: shares and order go by name\n\
         policies[0].composite.composite_sub_policy[2].name: \"a\" is taken by sub-policy 0: shares and order go by name",
    );
}

#[test]
fn the_last_composite_that_sampled_is_told() {
    let kind = || composite(10, &[], &[]);
    let set = PolicySet::compile(named([kind(), kind()]), Semantics::default()).unwrap();
    let outcome = judge(&set, &[span("a", 1, 2).error()]);
    assert_eq!(outcome.policy, Some(0));
    assert_eq!(outcome.composite, Some(SubPolicy { policy: 1, child: 0 }));
    assert_eq!(set.sub_name(SubPolicy { policy: 1, child: 1 }), "rest");
    assert_eq!(set.sub_name(SubPolicy { policy: 7, child: 0 }), "");
}

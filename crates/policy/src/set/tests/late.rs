//! What late spans say of a dropped trace.

use super::inference::fragmented;
use super::*;
use crate::{Failure, Not};

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

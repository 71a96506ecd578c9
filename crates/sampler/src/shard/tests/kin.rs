//! What policies keep of spans as kin goes with the verdict.

use tailsift_policy::{Failure, Fragmented};

use super::*;

#[test]
fn nothing_of_kin_is_remembered_or_written_down() {
    let failure = Policy::new("failed", Kind::Failure(Failure { keep_recovered: false }));
    let fragmented = Fragmented { missing_parents_above: 1 };
    let policies = vec![failure, Policy::new("broken", Kind::Fragmented(fragmented))];
    let set = PolicySet::compile(policies, Semantics::default()).unwrap();
    let mut shard = Shard::new(Arc::new(set), limits());
    shard.handle_assigned(0, Restored::default());
    start(&mut shard);
    feed(&mut shard, &[(0, 100, &[s('a'), s('b').error()]), (1, 2000, &[])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(exported(&part), "b1");
    let facts = |part: &Part| part.entries.iter().find_map(|entry| entry.facts.clone()).unwrap();
    assert_eq!(facts(&part).heap_bytes(), 0);
    // A late error is no reason to say that the trace would have been kept: nobody knows its kin.
    let before = shard.gauges().decision_bytes;
    feed(&mut shard, &[(2, 2100, &[s('a').error()])]);
    commit(&mut shard);
    assert_eq!(shard.stats().late_would_have_kept, 0);
    let after = shard.gauges().decision_bytes;
    assert!(after < before + 64, "{before} and then {after}");
}

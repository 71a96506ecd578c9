//! Budgets of partitions, and the Collector's bound on a trace's size.

use tailsift_policy::{Compatibility, RateLimiting};
use tailsift_trace::SpanSize;

use super::restore::Topic;
use super::*;

/// Two spans a second and at once, over two partitions: half of that for each.
fn limited() -> Shard {
    let rate = RateLimiting { spans_per_second: 2, burst_capacity: 2 };
    let policy = Policy::new("rate", Kind::RateLimiting(rate));
    let set = PolicySet::compile(vec![policy], Semantics::default()).unwrap();
    let decision_wait_after_root = Some(Millis(200));
    let limits = Limits { input_partitions: 2, decision_wait_after_root, ..limits() };
    let mut shard = Shard::new(Arc::new(set), limits);
    for partition in [0, 1] {
        shard.handle_assigned(partition, Restored::default());
        shard.handle_idle(partition, Millis(100), 0);
    }
    shard
}

/// What each partition exports.
fn kept(shard: &mut Shard) -> Vec<String> {
    let mut epoch = shard.poll_epoch().unwrap();
    write(&mut epoch);
    shard.handle_committed(&epoch);
    epoch.parts.iter().map(exported).collect()
}

#[test]
fn partitions_have_budgets_of_their_own() {
    let mut shard = limited();
    feed(&mut shard, &[(0, 100, &[s('a'), s('b')])]);
    let elsewhere = |offset, time| RecordAt { partition: 1, ..at(offset, time) };
    shard.handle_record(&elsewhere(0, 100), &batch(&[s('c'), s('d')]));
    feed(&mut shard, &[(1, 1150, &[s('e')])]);
    shard.handle_record(&elsewhere(1, 5000), &batch(&[s('f')]));
    assert_eq!(kept(&mut shard), ["a1", "c1"]);
    // What time adds on one partition, it adds there alone.
    feed(&mut shard, &[(2, 1160, &[s('g')]), (3, 2160, &[])]);
    assert_eq!(kept(&mut shard)[0], "e1", "g came while nothing was left");
}

#[test]
fn a_new_owner_begins_with_a_full_budget_and_pays_for_no_replay() {
    let mut first = limited();
    let mut topic = Topic::default();
    // b is judged on its root, and uses up the budget while a waits.
    feed(&mut first, &[(0, 100, &[s('a')]), (1, 110, &[s('b').root()]), (2, 400, &[])]);
    topic.commit(&mut first);
    assert_eq!((exported(topic.last()).as_str(), topic.last().commit_offset), ("b1", 0));

    let end: (i64, i64, &[S]) = (3, 1150, &[]);
    let mut second = limited();
    second.handle_revoked(&[0]);
    second.handle_assigned(0, topic.restored());
    feed(&mut second, &[(0, 100, &[s('a')]), (1, 110, &[s('b').root()]), (2, 400, &[]), end]);
    assert_eq!(exported(&commit(&mut second).unwrap()), "a1");
    // The first owner would have dropped it.
    feed(&mut first, &[end]);
    assert_eq!(exported(&commit(&mut first).unwrap()), "");
}

#[test]
fn a_trace_beyond_the_collectors_size_is_dropped_at_once() {
    let semantics = Semantics {
        compatibility: Compatibility::Collector,
        maximum_trace_size_bytes: 100,
        ..Semantics::default()
    };
    let all = Policy::new("all", Kind::AlwaysSample);
    let set = PolicySet::compile(vec![all], semantics).unwrap();
    let mut shard = Shard::new(Arc::new(set), limits());
    shard.handle_assigned(0, Restored::default());
    shard.report_judged(true);
    start(&mut shard);
    let mut send = |offset, trace| {
        let size = SpanSize { span_bytes: 50, ..SpanSize::default() };
        let batch = Batch { sizes: vec![size], ..batch(&[s(trace)]) };
        shard.handle_record(&at(offset, 100), &batch);
        shard.poll_judged()
    };
    assert!(send(0, 'a').is_none() && send(1, 'b').is_none());
    let judged = send(2, 'a').unwrap();
    assert_eq!(judged.decision.close_reason, CloseReason::TooLarge);
    assert_eq!((&*judged.votes, judged.payload), (&[None][..], None));
    assert!(send(3, 'a').is_none(), "it follows the verdict");
    assert_eq!(shard.stats().late_spans_dropped, 1);
    shard.handle_drain();
    assert_eq!(exported(&commit(&mut shard).unwrap()), "b1");
}

//! Other policies take over: what waits is theirs, verdicts stay.

use tailsift_policy::{Compatibility, SpanCount, Verdict};
use tailsift_trace::SpanSize;

use super::restore::Topic;
use super::*;

/// A span's bytes say all that policies see of it: here that it has failed, here that it has not.
const FAILED: S = S { trace: 0, error: true, root: false, bytes: b"!" };
const FINE: S = S { trace: 0, error: false, root: false, bytes: b"." };

fn fine(trace: char) -> S {
    S { trace: trace as u8, ..FINE }
}

fn failed(trace: char) -> S {
    S { trace: trace as u8, ..FAILED }
}

fn errors() -> Policy {
    Policy::new("errors", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])))
}

fn of_two(name: &str) -> Policy {
    Policy::new(name, Kind::SpanCount(SpanCount { min_spans: 2, max_spans: 0 }))
}

fn set(policies: Vec<Policy>) -> Arc<PolicySet> {
    Arc::new(PolicySet::compile(policies, Semantics::default()).unwrap())
}

/// A shard with one partition whose clock stands at 0.
fn of(policies: Vec<Policy>, limits: Limits) -> Shard {
    let mut shard = Shard::new(set(policies), limits);
    shard.handle_assigned(0, Restored::default());
    start(&mut shard);
    shard
}

/// Reads bytes as the spans that they were.
fn rescanned(bytes: &[u8]) -> Batch<'static> {
    let span = |byte: &u8| if *byte == b'!' { failed('?') } else { fine('?') };
    let mut batch = batch(&bytes.iter().map(span).collect::<Vec<_>>());
    batch.sizes = vec![SpanSize { span_bytes: 50, ..SpanSize::default() }; bytes.len()];
    batch
}

/// Replaces the policies; the new ones' places are these.
fn swap_to(shard: &mut Shard, policies: Arc<PolicySet>, places: &[u16]) {
    let places = places.iter().copied().map(Some).collect();
    shard.handle_policies(policies, places, &mut |bytes, take| {
        take(&rescanned(bytes));
        true
    });
    let counted: usize = shard.partitions.values().map(memory).sum();
    // What looking for the oldest trace frees of the ledger is seen a little later.
    assert!((counted..counted + 100).contains(&shard.memory), "{counted}, not {}", shard.memory);
}

/// The exports of partition 0, each with the place of the policy that wanted it.
fn kept(shard: &mut Shard) -> String {
    let Some(part) = commit(shard) else { return String::new() };
    let one = |export: &Export| {
        let (trace, policy) = (export.trace_id.0[0] as char, export.decision.policy);
        format!("{trace}{}:{}", export.spans, policy.map_or("-".into(), |place| place.to_string()))
    };
    part.exports.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_waits_is_judged_by_the_new_policies() {
    let mut shard = of(vec![errors()], limits());
    feed(
        &mut shard,
        &[
            (0, 100, &[failed('a')]),
            (1, 200, &[fine('b'), fine('c')]),
            (2, 300, &[fine('b')]),
            (3, 400, &[failed('d')]),
        ],
    );
    swap_to(&mut shard, set(vec![of_two("two")]), &[1]);
    let stats = shard.stats();
    assert_eq!((stats.policy_swaps, stats.traces_refolded, stats.refold_failures), (1, 4, 0));
    assert_eq!(shard.gauges().spans_open, 5);
    // What comes later adds to what came before.
    feed(&mut shard, &[(4, 900, &[fine('d')]), (5, 2000, &[])]);
    assert_eq!(kept(&mut shard), "b2:1 d2:1");
    assert_eq!(shard.stats().kept_by_policy, [0, 2]);
}

#[test]
fn verdicts_stay() {
    let mut shard = of(vec![errors()], limits());
    feed(&mut shard, &[(0, 100, &[failed('a'), fine('b')]), (1, 1500, &[])]);
    assert_eq!(kept(&mut shard), "a1:0");
    swap_to(&mut shard, set(vec![of_two("two"), errors()]), &[1, 0]);
    feed(&mut shard, &[(2, 1600, &[fine('a')]), (3, 1600, &[failed('b'), failed('b')])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(exported(&part), "a+1");
    assert_eq!(part.exports[0].decision.policy, Some(0), "the place is the name's");
    // What was known of b was in the old policies' words.
    assert_eq!(shard.stats().late_would_have_kept, 0);
    let entries: Vec<_> = part.entries.iter().map(|entry| entry.decision.verdict).collect();
    assert_eq!(entries, [Verdict::Keep, Verdict::Drop]);
    assert!(part.entries.iter().all(|entry| entry.facts.is_none()));
}

#[test]
fn a_verdict_that_is_not_written_down_yet_is_written_as_it_was() {
    let mut shard = of(vec![errors()], limits());
    feed(&mut shard, &[(0, 100, &[fine('a')]), (1, 1500, &[])]);
    swap_to(&mut shard, set(vec![Policy::new("all", Kind::AlwaysSample)]), &[1]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(part.entries[0].decision.verdict, Verdict::Drop);
    assert!(part.entries[0].facts.is_none());
}

#[test]
fn a_policy_without_a_place_names_nobody() {
    let mut shard = of(vec![errors()], limits());
    feed(&mut shard, &[(0, 100, &[fine('a')])]);
    let all = set(vec![Policy::new("all", Kind::AlwaysSample)]);
    shard.handle_policies(all, vec![None], &mut |bytes, take| {
        take(&rescanned(bytes));
        true
    });
    feed(&mut shard, &[(1, 2000, &[])]);
    assert_eq!((kept(&mut shard).as_str(), shard.stats().kept_traces), ("a1:-", 1));
}

#[test]
fn what_cannot_be_read_anew_is_counted() {
    let mut shard = of(vec![errors()], limits());
    feed(&mut shard, &[(0, 100, &[fine('a')]), (1, 100, &[fine('a'), fine('b')])]);
    shard.handle_policies(set(vec![of_two("two")]), vec![Some(1)], &mut |bytes, take| {
        take(&rescanned(bytes));
        false
    });
    assert_eq!((shard.stats().traces_refolded, shard.stats().refold_failures), (2, 3));
}

#[test]
fn the_collectors_bound_on_size_takes_hold_at_once() {
    let mut shard = of(vec![errors()], limits());
    feed(&mut shard, &[(0, 100, &[failed('a'), failed('b'), failed('b')])]);
    let semantics = Semantics {
        compatibility: Compatibility::Collector,
        maximum_trace_size_bytes: 100,
        ..Semantics::default()
    };
    let bounded = PolicySet::compile(vec![errors()], semantics).unwrap();
    swap_to(&mut shard, Arc::new(bounded), &[0]);
    let part = commit(&mut shard).unwrap();
    let closed: Vec<_> = part.entries.iter().map(|entry| entry.decision.close_reason).collect();
    assert_eq!((closed, exported(&part).as_str()), (vec![CloseReason::TooLarge], ""));
    feed(&mut shard, &[(1, 2000, &[])]);
    assert_eq!(kept(&mut shard), "a1:0");
}

#[test]
fn what_is_replayed_waits_for_its_end() {
    let mut first = of(vec![errors()], limits());
    let mut topic = Topic::default();
    feed(&mut first, &[(0, 100, &[fine('a')]), (1, 1050, &[fine('b')]), (2, 1050, &[fine('b')])]);
    topic.commit(&mut first);
    assert_eq!((topic.last().commit_offset, topic.last().next_offset), (0, 3));

    let mut second = of(vec![errors()], limits());
    second.handle_revoked(&[0]);
    second.handle_assigned(0, topic.restored());
    feed(&mut second, &[(0, 100, &[fine('a')]), (1, 1050, &[fine('b')])]);
    let semantics = Semantics {
        compatibility: Compatibility::Collector,
        maximum_trace_size_bytes: 1,
        ..Semantics::default()
    };
    let bounded = PolicySet::compile(vec![errors()], semantics).unwrap();
    swap_to(&mut second, Arc::new(bounded), &[0]);
    assert_eq!(second.records_to_replay(), 1);
    assert!(second.poll_epoch().is_none(), "nothing is judged below the last owner's position");
    feed(&mut second, &[(2, 1050, &[fine('b')])]);
    assert_eq!(commit(&mut second).unwrap().entries.len(), 2);
}

#[test]
fn facts_that_grow_are_held_to_the_memory_bound() {
    let mut shard = of(vec![errors()], limits());
    feed(&mut shard, &[(0, 100, &[fine('a')]), (1, 100, &[fine('b')])]);
    let many: Vec<Policy> =
        (0..1024).map(|name| Policy::new(name.to_string(), errors().kind)).collect();
    let places: Vec<u16> = (0..many.len() as u16).collect();
    feed(&mut shard, &[(2, 100, &[failed('b')])]);
    shard.limits.memory_bytes = shard.memory + 64;
    assert_eq!(shard.gauges().traces_open, 2);
    swap_to(&mut shard, set(many), &places);
    // The failure of b takes all its bits now; a, which is older, made room for it.
    let part = commit(&mut shard).unwrap();
    let closed: Vec<_> = part.entries.iter().map(|entry| entry.decision.close_reason).collect();
    assert_eq!(closed.first(), Some(&CloseReason::MemoryLimit));
}

proptest! {
    /// Policies that take over while a trace waits decide as if they had always been there.
    #[test]
    fn it_is_as_if_they_had_always_been_there(
        spans in prop::collection::vec((0..6u8, any::<bool>()), 1..40),
        swaps in prop::collection::vec(0..40usize, 1..4),
    ) {
        let sets = [set(vec![errors()]), set(vec![of_two("two"), errors()])];
        let places: [&[u16]; 2] = [&[0], &[1, 0]];
        let mut swapped = of(vec![errors()], limits());
        let mut present = 0;
        for (offset, (trace, error)) in spans.iter().enumerate() {
            let span = if *error { FAILED } else { FINE };
            let span = S { trace: b'a' + trace, ..span };
            swapped.handle_record(&at(offset as i64, 100 + offset as i64), &batch(&[span]));
            if swaps.contains(&offset) {
                present = 1 - present;
                swap_to(&mut swapped, Arc::clone(&sets[present]), places[present]);
            }
        }
        let mut steady = Shard::new(Arc::clone(&sets[present]), limits());
        steady.handle_assigned(0, Restored::default());
        start(&mut steady);
        for (offset, (trace, error)) in spans.iter().enumerate() {
            let span = if *error { FAILED } else { FINE };
            let span = S { trace: b'a' + trace, ..span };
            steady.handle_record(&at(offset as i64, 100 + offset as i64), &batch(&[span]));
        }
        for shard in [&mut swapped, &mut steady] {
            feed(shard, &[(spans.len() as i64, 5000, &[])]);
        }
        let (swapped, steady) = (commit(&mut swapped).unwrap(), commit(&mut steady).unwrap());
        prop_assert_eq!(exported(&swapped), exported(&steady));
        let facts = |part: &Part| -> Vec<_> {
            part.entries.iter().map(|entry| (entry.trace_id, entry.facts.clone())).collect()
        };
        prop_assert_eq!(facts(&swapped), facts(&steady));
    }
}

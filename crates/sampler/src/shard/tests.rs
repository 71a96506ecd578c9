//! A shard's life as short stories: records in, epochs out.

use proptest::prelude::*;
use tailsift_policy::{Kind, Latency, Policy, Semantics, StatusCodes};
use tailsift_trace::{
    Chunk, Piece, Resource, Span, SpanId, StatusCode, TraceId, UnixNano, encode_headers,
};

use super::*;
use crate::{Balance, Export, LiveFrom, Part};

mod balance;
mod budgets;
mod chance;
mod forgotten;
mod kin;
mod restore;
mod structural;
mod swap;

const FAR: Millis = Millis(i64::MAX / 4);

/// A span of a trace (by letter): what happens to it, and its bytes.
#[derive(Clone, Copy, Debug)]
struct S {
    trace: u8,
    error: bool,
    root: bool,
    bytes: &'static [u8],
}

fn s(trace: char) -> S {
    S { trace: trace as u8, error: false, root: false, bytes: b"span" }
}

impl S {
    fn error(self) -> Self {
        Self { error: true, ..self }
    }

    fn root(self) -> Self {
        Self { root: true, ..self }
    }
}

/// A record's batch; spans of one trace must be adjacent.
fn batch(spans: &[S]) -> Batch<'static> {
    let mut batch = Batch { resources: vec![Resource::default()], ..Batch::default() };
    for span in spans {
        let trace_id = TraceId([span.trace; 16]);
        let place = batch.spans.len() as u32;
        batch.spans.push(Span {
            trace_id,
            span_id: Some(SpanId([1; 8])),
            parent_span_id: (!span.root).then_some(SpanId([2; 8])),
            start: UnixNano(1_000_000),
            end: UnixNano(2_000_000),
            name: b"",
            trace_state: b"",
            flags: 0,
            kind: 0,
            status: if span.error { StatusCode::ERROR } else { StatusCode::UNSET },
            resource: 0,
            attributes: 0..0,
            detail: 0,
        });
        batch.pieces.push(Piece::Own(span.bytes));
        match batch.chunks.last_mut() {
            Some(chunk) if chunk.trace_id == trace_id => {
                chunk.spans.end += 1;
                chunk.pieces.end += 1;
            }
            Some(_) | None => batch.chunks.push(Chunk {
                trace_id,
                spans: place..place + 1,
                pieces: place..place + 1,
            }),
        }
    }
    batch
}

fn limits() -> Limits {
    Limits {
        decision_wait: Millis(1000),
        remember: Millis(5000),
        idle_grace: Millis(100),
        ..Limits::default()
    }
}

/// A shard that keeps traces with an error, owning partitions 0 and 1 from offset 0.
fn shard(limits: Limits) -> Shard {
    let errors = Policy::new("errors", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])));
    let set = PolicySet::compile(vec![errors], Semantics::default()).unwrap();
    let mut shard = Shard::new(Arc::new(set), limits);
    shard.handle_assigned(0, Restored::default());
    shard.handle_assigned(1, Restored::default());
    start(&mut shard);
    shard
}

/// Starts partition 0's clock at 0.
fn start(shard: &mut Shard) {
    shard.handle_idle(0, Millis(100), 0);
}

fn at(offset: i64, time: i64) -> RecordAt<'static> {
    RecordAt {
        partition: 0,
        offset,
        time: Some(Millis(time)),
        wall_now: FAR,
        headers: b"",
        bytes: 10,
    }
}

fn feed(shard: &mut Shard, records: &[(i64, i64, &[S])]) {
    for (offset, time, spans) in records {
        shard.handle_record(&at(*offset, *time), &batch(spans));
    }
}

/// Commits what there is; the parts of partition 0.
fn commit(shard: &mut Shard) -> Option<Part> {
    let mut epoch = shard.poll_epoch()?;
    write(&mut epoch);
    shard.handle_committed(&epoch);
    epoch.parts.into_iter().find(|part| part.partition == 0)
}

/// Gives each batch an offset: ten times its number.
fn write(epoch: &mut Epoch) {
    for part in &mut epoch.parts {
        part.batch_offset = part.has_batch.then(|| part.checkpoint.sequence as i64 * 10);
    }
}

fn exported(part: &Part) -> String {
    let one = |export: &Export| {
        let late = if export.late { "+" } else { "" };
        format!("{}{late}{}", export.trace_id.0[0] as char, export.spans)
    };
    part.exports.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_trace_is_judged_a_wait_after_its_first_record_on_the_streams_clock() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a')]), (1, 600, &[s('a').error()]), (2, 1099, &[s('b')])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "");
    feed(&mut shard, &[(3, 1100, &[s('b')])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(exported(&part), "a2");
    assert_eq!(*part.exports[0].payload, b"spanspan");
    assert_eq!(part.exports[0].decision.close_reason, CloseReason::DecisionWait);
    assert_eq!((part.commit_offset, part.next_offset), (2, 4));
}

#[test]
fn a_record_is_applied_whole_before_anything_is_judged() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a')]), (1, 5000, &[s('a').error()])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a2");
}

#[test]
fn the_root_may_shorten_the_wait() {
    let root_wait = Limits { decision_wait_after_root: Some(Millis(200)), ..limits() };
    let mut shard = shard(root_wait);
    feed(
        &mut shard,
        &[(0, 100, &[s('a').error()]), (1, 300, &[s('a').root()]), (2, 499, &[s('b')])],
    );
    assert_eq!(exported(&commit(&mut shard).unwrap()), "");
    feed(&mut shard, &[(3, 500, &[s('b')])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(exported(&part), "a2");
    assert_eq!(part.exports[0].decision.close_reason, CloseReason::RootWait);
}

#[test]
fn late_spans_follow_the_verdict() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a').error()]), (1, 100, &[s('b')]), (2, 2000, &[s('c')])]);
    commit(&mut shard);
    feed(&mut shard, &[(3, 2000, &[s('a'), s('a')]), (4, 2000, &[s('b')])]);
    assert_eq!(shard.stats().late_would_have_kept, 0);
    feed(&mut shard, &[(5, 2000, &[s('b').error()]), (6, 2000, &[s('b').error()])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a+2");
    let stats = shard.stats();
    assert_eq!((stats.late_spans_kept, stats.late_spans_dropped), (2, 3));
    assert_eq!(stats.late_would_have_kept, 1, "a trace is counted once");
}

#[test]
fn a_verdict_is_forgotten_once_it_expired_and_nothing_can_replay_it() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a')]), (1, 1200, &[s('b')])]);
    commit(&mut shard);
    assert_eq!(shard.gauges().decisions, 1);
    feed(&mut shard, &[(2, 6300, &[s('c')])]);
    // The expiry has passed, and offset 0 lies below the watermark.
    commit(&mut shard);
    assert_eq!(shard.gauges().decisions, 1, "b was judged in place of a");
    feed(&mut shard, &[(3, 6400, &[s('a')])]);
    assert_eq!(shard.stats().traces_opened, 4, "a is a new trace");
}

#[test]
fn the_watermark_waits_for_the_oldest_undecided_trace() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(5, 100, &[s('a')]), (6, 900, &[s('b')]), (9, 1000, &[s('a')])]);
    assert_eq!(commit(&mut shard).unwrap().commit_offset, 5);
    feed(&mut shard, &[(10, 1200, &[s('c')])]);
    assert_eq!(commit(&mut shard).unwrap().commit_offset, 6);
    shard.handle_idle(0, Millis(9000), 11);
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.commit_offset, part.next_offset), (11, 11));
    assert_eq!(
        part.live_from,
        LiveFrom::Offset(10),
        "verdicts are forgotten once that is committed"
    );
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.has_batch, part.live_from), (false, LiveFrom::Offset(20)));
    assert!(shard.poll_epoch().is_none(), "nothing is left to be committed");
    assert!(shard.is_settled());
}

#[test]
fn only_a_proof_moves_an_idle_partitions_clock() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a').error()])]);
    shard.handle_idle(0, Millis(1_000_000), 2);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "", "offset 1 has not been read");
    shard.handle_idle(0, Millis(1199), 1);
    assert_eq!(commit(&mut shard).map(|part| exported(&part)), None);
    shard.handle_idle(0, Millis(1200), 1);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a1");
}

#[test]
fn limits_judge_early_and_say_so() {
    let mut shard = shard(Limits { spans_per_trace: 3, bytes_per_trace: 30, ..limits() });
    let large = S { bytes: b"a span of more than thirty bytes", ..s('b').error() };
    feed(&mut shard, &[(0, 100, &[s('a').error(), s('a'), s('a'), s('a')]), (1, 100, &[large])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(exported(&part), "a4 b1");
    let reasons: Vec<_> = part.exports.iter().map(|export| export.decision.close_reason).collect();
    assert_eq!(reasons, [CloseReason::SpanLimit, CloseReason::ByteLimit]);
}

#[test]
fn over_the_memory_limit_the_oldest_traces_are_judged_early() {
    let memory_bytes = 2 << 20;
    let mut shard = shard(Limits { memory_bytes, ..limits() });
    let payload: &'static [u8] = vec![b'x'; 10_000].leak();
    for offset in 0..1000 {
        let span = S { trace: 0, error: true, root: true, bytes: payload };
        let mut batch = batch(&[span]);
        let trace_id = TraceId((offset as u128 + 1).to_be_bytes());
        batch.spans[0].trace_id = trace_id;
        batch.chunks[0].trace_id = trace_id;
        shard.handle_record(&at(offset, 100), &batch);
        let gauges = shard.gauges();
        let held = gauges.window_bytes + gauges.decision_bytes;
        assert!(held <= memory_bytes + payload.len(), "{held}");
    }
    assert!(shard.gauges().traces_open > 50);
    let part = commit(&mut shard).unwrap();
    let closed = shard.stats().closed[CloseReason::MemoryLimit as usize];
    assert_eq!(part.exports.len() as u64, closed);
    assert_eq!(closed as usize + shard.gauges().traces_open, 1000, "none is evicted");
    let firsts: Vec<_> =
        part.exports.iter().map(|export| u128::from_be_bytes(export.trace_id.0)).collect();
    assert!(firsts.is_sorted(), "oldest first");
}

#[test]
fn partitions_that_are_given_up_leave_nothing_behind() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a').error(), s('a')]), (1, 1500, &[s('b')])]);
    let epoch = shard.poll_epoch().unwrap();
    shard.handle_revoked(&[0, 7]);
    assert_eq!(shard.stats().spans_given_up, 1);
    assert!(!shard.holds(0, epoch.parts[0].assignment));
    shard.handle_committed(&epoch);
    shard.handle_assigned(0, Restored { offset: 1, ..Restored::default() });
    assert_eq!(shard.gauges().traces_open, 0);
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.commit_offset, exported(&part)), (1, String::new()));
    assert!(part.assignment > epoch.parts[0].assignment);
}

#[test]
fn headers_are_kept_when_all_records_have_them() {
    let mut shard = shard(limits());
    let encoded = |headers: &[(&[u8], Option<&[u8]>)]| {
        let mut bytes = Vec::new();
        encode_headers(headers.iter().copied(), &mut bytes);
        bytes
    };
    let tenant: (&[u8], Option<&[u8]>) = (b"tenant", Some(b"a"));
    let (both, one) = (encoded(&[(b"agent", Some(b"go")), tenant]), encoded(&[tenant]));
    for (offset, headers, trace) in
        [(0, &both, 'a'), (1, &both, 'a'), (2, &both, 'b'), (3, &one, 'b')]
    {
        let at = RecordAt { headers, ..at(offset, 100) };
        shard.handle_record(&at, &batch(&[s(trace).error()]));
    }
    shard.handle_drain();
    let part = commit(&mut shard).unwrap();
    assert_eq!((&*part.exports[0].headers, &*part.exports[1].headers), (&*both, &*one));
    assert_eq!(shard.stats().headers_differed, 1);
}

#[test]
fn poison_moves_the_offset_and_leaves_a_letter() {
    let mut shard = shard(limits());
    let letter = DeadLetter {
        kind: crate::LetterKind::Record,
        offset: 3,
        time: None,
        reason: "why".into(),
        key: None,
        value: None,
        withheld: None,
        headers: Box::default(),
    };
    shard.handle_poison(&at(3, 100), Some(letter.clone()));
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.commit_offset, part.dead_letters), (4, vec![letter]));
}

#[test]
fn a_record_that_is_delivered_twice_counts_once() {
    let mut shard = shard(limits());
    feed(
        &mut shard,
        &[(0, 100, &[s('a').error()]), (1, 100, &[s('b')]), (0, 100, &[s('a').error()])],
    );
    shard.handle_poison(&at(1, 100), None);
    shard.handle_drain();
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a1");
    assert_eq!(shard.stats().repeated_records, 2);
}

#[test]
fn without_any_stamp_the_wall_stands_in_for_the_streams_time() {
    let mut shard = Shard::new(Arc::clone(&shard(limits()).policies), limits());
    shard.handle_assigned(0, Restored::default());
    let unstamped = RecordAt { time: None, wall_now: Millis(7000), ..at(0, 0) };
    shard.handle_record(&unstamped, &batch(&[s('a').error()]));
    assert!(shard.gauges().traces_open == 1, "nobody knows the time");
    shard.handle_drain();
    assert_eq!(commit(&mut shard).unwrap().exports[0].time, Millis(7000));
}

#[test]
fn congestion_ends_with_a_commit() {
    let mut shard = shard(Limits { epoch_bytes: 1000, ..limits() });
    for offset in 0..20 {
        feed(&mut shard, &[(offset, 100, &[S { trace: offset as u8, ..s('a').error() }])]);
    }
    shard.handle_drain();
    assert!(shard.is_congested() && shard.wants_epoch());
    let mut epoch = shard.poll_epoch().unwrap();
    write(&mut epoch);
    assert!(shard.is_congested() && !shard.wants_epoch() && shard.poll_epoch().is_none());
    shard.handle_committed(&epoch);
    assert!(!shard.is_congested());
}

#[test]
fn a_trace_on_two_partitions_is_counted() {
    let mut shard = shard(limits());
    let astray = S { trace: 64, ..s('a') };
    for (offset, partition) in (0..).zip([0, 0, 1]) {
        shard.handle_record(&RecordAt { partition, ..at(offset, 100) }, &batch(&[astray]));
    }
    assert_eq!(shard.stats().traces_on_two_partitions, 1);
}

proptest! {
    /// Whatever the order of records, spans and times: each span of a kept trace leaves once, no
    /// other does, the watermark never passes an undecided trace and never goes back, and the
    /// counters balance.
    #[test]
    fn every_kept_span_leaves_once(
        records in prop::collection::vec((prop::collection::vec((0u8..12, prop::bool::weighted(0.1)), 1..4), 0i64..3000), 1..80),
        cut_every in 1usize..10,
        memory_bytes in prop_oneof![Just(1usize << 30), 2_000usize..20_000],
    ) {
        let mut shard = shard(Limits { memory_bytes, remember: Millis(1_000_000), ..limits() });
        let (mut sent, mut left, mut exported) = (0u64, [0u32; 12], [0u32; 12]);
        let (mut time, mut watermark, mut firsts) = (0, 0, [None; 12]);
        let mut take = |shard: &mut Shard, firsts: &[Option<i64>; 12]| {
            let Some(part) = commit(shard) else { return };
            for export in &part.exports {
                exported[usize::from(export.trace_id.0[0] - b'a')] += export.spans;
            }
            assert!(part.commit_offset >= watermark && part.commit_offset <= part.next_offset);
            watermark = part.commit_offset;
            let undecided = firsts.iter().flatten().filter(|first| **first >= part.commit_offset).count();
            assert!(shard.gauges().traces_open <= undecided, "an undecided trace lies below the watermark");
        };
        for (offset, (mut spans, step)) in records.into_iter().enumerate() {
            spans.sort();
            time += step;
            let spans: Vec<S> = spans.iter().map(|(trace, error)| {
                left[usize::from(*trace)] += 1;
                firsts[usize::from(*trace)].get_or_insert(offset as i64);
                S { trace: b'a' + trace, error: *error, ..s('a') }
            }).collect();
            sent += spans.len() as u64;
            feed(&mut shard, &[(offset as i64, time - 1500 * i64::from(step % 7 == 0), &spans)]);
            if offset % cut_every == 0 {
                take(&mut shard, &firsts);
            }
            let (gauges, stats) = (shard.gauges(), shard.stats());
            prop_assert_eq!(sent, stats.spans);
            prop_assert!(Balance::of(stats, &gauges).is_even());
        }
        shard.handle_drain();
        take(&mut shard, &firsts);
        let mut kept = 0;
        for (all, exported) in left.iter().zip(exported) {
            // An error after the verdict changes nothing, so it is all spans or none, unless a
            // verdict was forgotten for want of memory and the trace began a new life.
            let forgot = shard.stats().decisions_forgotten_early > 0;
            prop_assert!(exported == 0 || exported == *all || forgot && exported < *all, "{} of {} spans", exported, all);
            kept += u64::from(exported);
        }
        prop_assert_eq!(kept, shard.stats().kept_spans);
    }
}

#[test]
fn a_restored_clock_gives_traces_the_deadlines_they_had() {
    let mut shard = shard(limits());
    shard.handle_revoked(&[0]);
    shard.handle_assigned(
        0,
        Restored { offset: 7, stream_time: Some(Millis(5000)), ..Restored::default() },
    );
    feed(&mut shard, &[(7, 5100, &[s('a')]), (8, 6000, &[s('b')]), (9, 6099, &[s('a').error()])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "");
    feed(&mut shard, &[(10, 6100, &[s('c')])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part), part.commit_stream_time), ("a2".into(), Some(Millis(5100))));
}

#[test]
fn a_trace_waits_its_wait_although_the_clock_was_in_doubt() {
    let mut shard = shard(limits());
    let late = 1_000_000;
    // Eight stamps far ahead, spread over more than a wait, before the clock believes them.
    for offset in 0..8 {
        let span = S { trace: b'a' + offset as u8, ..s('a') };
        feed(&mut shard, &[(offset, late + 200 * offset, &[span])]);
    }
    assert_eq!(shard.stats().traces_opened, 8);
    assert_eq!(shard.gauges().traces_open, 8, "none waits from where the clock stood");
    feed(&mut shard, &[(8, late + 2399, &[s('h').error()])]);
    assert_eq!(shard.gauges().traces_open, 8);
    feed(&mut shard, &[(9, late + 2400, &[s('x')])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "h2");
}

#[test]
fn a_trace_waits_its_wait_although_the_clock_starts_far_behind_it() {
    let mut shard = shard(limits());
    shard.handle_revoked(&[0]);
    shard.handle_assigned(0, Restored::default());
    let stamps = [0, 90_000, 90_000, 90_000, 90_000, 90_000, 90_000, 90_000];
    for (offset, stamp) in (0..).zip(stamps) {
        feed(&mut shard, &[(offset, stamp, &[s('a')])]);
    }
    feed(&mut shard, &[(8, 90_000, &[s('b')])]);
    shard.handle_idle(0, Millis(91_000), 9);
    assert_eq!(shard.gauges().traces_open, 1, "a waited since 0, b since 90 000");
    feed(&mut shard, &[(9, 91_999, &[s('b').error()]), (10, 92_000, &[s('c')])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "b2");
}

#[test]
fn a_stamp_ahead_of_the_wall_delays_no_verdict() {
    let mut shard = shard(limits());
    let records = [(50_100, 100, s('a').error()), (200, 200, s('b').error()), (1100, 1100, s('c'))];
    for (offset, (time, wall, span)) in (0..).zip(records) {
        let record = RecordAt { wall_now: Millis(wall), ..at(offset, time) };
        shard.handle_record(&record, &batch(&[span]));
    }
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a1");
    feed(&mut shard, &[(3, 1200, &[s('c')])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "b1");
}

#[test]
fn a_lone_future_stamp_delays_no_verdict() {
    let mut shard = shard(limits());
    feed(&mut shard, &[(0, 100, &[s('a').error()]), (1, 9_000_000, &[s('b').error()])]);
    feed(&mut shard, &[(2, 1100, &[s('c')]), (3, 2100, &[s('c')])]);
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a1 b1");
}

#[test]
fn a_slow_trace_is_judged_on_all_its_spans() {
    let slow =
        Policy::new("slow", Kind::Latency(Latency { threshold_ms: 0, upper_threshold_ms: 0 }));
    let set = PolicySet::compile(vec![slow], Semantics::default()).unwrap();
    let mut shard = Shard::new(Arc::new(set), limits());
    shard.handle_assigned(0, Restored::default());
    shard.report_judged(true);
    feed(&mut shard, &[(0, 100, &[s('a')])]);
    shard.handle_drain();
    let judged = shard.poll_judged().unwrap();
    assert_eq!((judged.duration_ns, judged.votes.len(), judged.spans), (1_000_000, 1, 1));
    assert!(judged.payload.is_some());
}

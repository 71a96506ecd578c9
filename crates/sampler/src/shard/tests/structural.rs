//! Traces that are judged once they are whole.

use tailsift_trace::AttributeKey;

use super::*;
use crate::{RemoteParents, Structural};

/// A span: its ID, its parent's (`/`: in another process), what it is.
#[derive(Clone, Copy)]
struct Part {
    trace: char,
    id: u8,
    parent: u8,
    remote: bool,
    call: Option<&'static str>,
    error: bool,
}

fn part(trace: char, id: u8, parent: u8) -> Part {
    Part { trace, id, parent, remote: false, call: None, error: false }
}

impl Part {
    fn remote(self) -> Self {
        Self { remote: true, ..self }
    }

    fn call(self, name: &'static str) -> Self {
        Self { call: Some(name), ..self }
    }

    fn error(self) -> Self {
        Self { error: true, ..self }
    }
}

fn parts(parts: &[Part]) -> Batch<'static> {
    let id = |id: u8| Some(SpanId([id; 8])).filter(|_| id > 0);
    let spans: Vec<S> = parts
        .iter()
        .map(|part| S { error: part.error, root: part.parent == 0, ..s(part.trace) })
        .collect();
    let mut batch = batch(&spans);
    for (span, part) in batch.spans.iter_mut().zip(parts) {
        span.span_id = id(part.id);
        span.parent_span_id = id(part.parent);
        span.flags = if part.remote { 0x300 } else { 0x100 };
        span.kind = if part.call.is_some() { 3 } else { 2 };
        span.name = part.call.unwrap_or("").as_bytes();
    }
    batch
}

fn structural() -> Limits {
    let remote_parents = RemoteParents::Ignored;
    let structural = Structural { settle: Millis(100), remote_parents, edges_max: 100 };
    Limits { structural: Some(structural), ..limits() }
}

fn play(shard: &mut Shard, records: &[(i64, i64, &[Part])]) {
    for (offset, time, spans) in records {
        shard.handle_record(&at(*offset, *time), &parts(spans));
    }
}

/// What was judged since: trace, close reason and spans.
fn judged(shard: &mut Shard) -> String {
    let mut told: Vec<String> = std::iter::from_fn(|| shard.poll_judged())
        .map(|one| {
            let reason = one.decision.close_reason.name();
            format!("{} {reason} {} {}", one.trace_id.0[0] as char, one.spans, one.held.0)
        })
        .collect();
    told.sort();
    told.join(", ")
}

fn watched(limits: Limits) -> Shard {
    let mut shard = shard(limits);
    shard.report_judged(true);
    shard
}

#[test]
fn a_whole_trace_is_judged_once_it_is_quiet() {
    let mut shard = watched(structural());
    play(&mut shard, &[(0, 100, &[part('a', 2, 1)]), (1, 250, &[part('b', 2, 1)])]);
    assert_eq!(judged(&mut shard), "", "a's root has not come");
    play(&mut shard, &[(2, 300, &[part('a', 1, 0).error()]), (3, 399, &[part('b', 3, 2)])]);
    assert_eq!(judged(&mut shard), "");
    play(&mut shard, &[(4, 400, &[part('b', 4, 2)])]);
    assert_eq!(judged(&mut shard), "a complete 2 300");
    play(&mut shard, &[(5, 1250, &[part('c', 1, 0)])]);
    assert_eq!(judged(&mut shard), "b decision_wait 3 1000");
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part), part.commit_offset), ("a2".into(), 5));
}

#[test]
fn more_of_it_puts_it_off() {
    let mut shard = watched(structural());
    play(&mut shard, &[(0, 100, &[part('a', 1, 0)]), (1, 150, &[part('a', 2, 1)])]);
    // The record that comes when it would have been due is part of it.
    play(&mut shard, &[(2, 250, &[part('a', 3, 1)]), (3, 349, &[part('x', 2, 1)])]);
    assert_eq!(judged(&mut shard), "");
    play(&mut shard, &[(4, 350, &[part('x', 3, 1)])]);
    assert_eq!(judged(&mut shard), "a complete 3 250");
}

#[test]
fn a_part_of_a_trace_needs_no_root_of_its_own() {
    let mut shard = watched(structural());
    let spans = [part('a', 2, 9).remote(), part('a', 3, 2)];
    play(&mut shard, &[(0, 100, &spans), (1, 100, &[part('b', 2, 9)])]);
    play(&mut shard, &[(2, 200, &[part('x', 2, 1)])]);
    assert_eq!(judged(&mut shard), "a complete 2 100");
}

/// Traces of a call, whose child comes after `answer` ms, if it does.
fn calls(shard: &mut Shard, name: &'static str, from: i64, answer: Option<i64>) -> i64 {
    let mut offset = from;
    for _ in 0..4 {
        let trace = char::from(offset as u8);
        let time = from * 100;
        let asks = [part(trace, 1, 0), part(trace, 2, 1).call(name)];
        play(shard, &[(offset, time, &asks)]);
        offset += 1;
        if let Some(answer) = answer {
            play(shard, &[(offset, time + answer, &[part(trace, 3, 2).remote()])]);
            offset += 1;
        }
    }
    offset
}

/// How long a trace with one call is held, after the first four of which it was learned.
fn held_after(name: &'static str, learned: &[(&'static str, Option<i64>)]) -> String {
    let mut shard = watched(structural());
    let mut offset = 0;
    for (name, answer) in learned {
        // Further apart than a wait, so that all that can be known is.
        offset = calls(&mut shard, name, offset + 40, *answer);
    }
    let now = 100 * (offset + 40);
    play(&mut shard, &[(offset, now, &[part('x', 2, 1)])]);
    judged(&mut shard);
    let call = [part('a', 1, 0), part('a', 2, 1).call(name)];
    play(&mut shard, &[(offset + 1, now, &call), (offset + 2, now + 999, &[part('y', 2, 1)])]);
    let early = judged(&mut shard);
    play(&mut shard, &[(offset + 3, now + 1000, &[part('z', 2, 1)])]);
    let late = judged(&mut shard);
    format!("{early}; {late}")
}

#[test]
fn calls_that_usually_have_a_child_are_waited_for() {
    let whole = "a complete 2 999; x decision_wait 1 1000";
    let late = "; a decision_wait 2 1000, x decision_wait 1 1000";
    for (learned, expect) in [
        (&[][..], whole),
        (&[("pay", None)], whole),
        (&[("pay", Some(10))], late),
        // Most came after the verdict: that counts as well.
        (&[("pay", Some(900))], late),
        (&[("log", Some(10))], whole),
        (&[("pay", Some(10)), ("pay", None)], whole),
    ] {
        assert_eq!(held_after("pay", learned), expect, "{learned:?}");
    }
}

#[test]
fn an_edge_is_of_one_service() {
    let with_service = |service: &'static str, mut batch: Batch<'static>| {
        let value = tailsift_trace::Value::Text(service.as_bytes());
        batch.attributes.push(tailsift_trace::Attribute { key: AttributeKey(0), value });
        batch.resources[0].attributes = 0..1;
        batch
    };
    let mut shard = watched(structural());
    assert_eq!(
        shard.limits().interest(&shard.policies).find(b"service.name"),
        Some(AttributeKey(0))
    );
    for (offset, trace) in ('p'..='t').enumerate() {
        let spans = [part(trace, 1, 0), part(trace, 2, 1).call("GET"), part(trace, 3, 2).remote()];
        shard.handle_record(&at(offset as i64, 100), &with_service("shop", parts(&spans)));
    }
    play(&mut shard, &[(5, 200, &[part('x', 2, 1)])]);
    judged(&mut shard);
    for (offset, service, trace) in [(6, "shop", 'a'), (7, "cart", 'b')] {
        let spans = [part(trace, 1, 0), part(trace, 2, 1).call("GET")];
        shard.handle_record(&at(offset, 300), &with_service(service, parts(&spans)));
    }
    play(&mut shard, &[(8, 400, &[part('x', 3, 1)])]);
    assert_eq!(judged(&mut shard), "b complete 2 100");
    assert_eq!(shard.gauges().edges, 2);
}

#[test]
fn callers_that_usually_come_are_waited_for_if_asked() {
    for (remote_parents, expect) in
        [(RemoteParents::Ignored, "a complete 1 100"), (RemoteParents::Learned, "")]
    {
        let limits = structural();
        let structural = limits.structural.map(|one| Structural { remote_parents, ..one });
        let mut shard = watched(Limits { structural, ..limits });
        for (offset, trace) in ('p'..='t').enumerate() {
            play(
                &mut shard,
                &[(offset as i64, 100, &[part(trace, 2, 1).remote(), part(trace, 1, 0)])],
            );
        }
        play(&mut shard, &[(5, 200, &[part('a', 2, 1).remote()])]);
        judged(&mut shard);
        play(&mut shard, &[(6, 300, &[part('x', 2, 1)])]);
        assert_eq!(judged(&mut shard), expect);
    }
}

/// The same traces, before a restart and after.
#[test]
fn nothing_is_judged_in_a_replay_and_what_is_whole_after_it() {
    let mut shard = watched(structural());
    shard.handle_revoked(&[0]);
    let from = Restored {
        offset: 0,
        stream_time: Some(Millis(100)),
        read_to: 3,
        read_stream_time: Some(Millis(250)),
        ..Restored::default()
    };
    shard.handle_assigned(0, from);
    play(&mut shard, &[(0, 100, &[part('a', 1, 0)]), (1, 250, &[part('b', 1, 0)])]);
    assert_eq!(judged(&mut shard), "");
    play(&mut shard, &[(2, 250, &[part('b', 2, 1)])]);
    assert_eq!(judged(&mut shard), "a complete 1 150");
    play(&mut shard, &[(3, 350, &[part('x', 2, 1)])]);
    assert_eq!(judged(&mut shard), "b complete 2 100");
}

#[test]
fn other_policies_change_nothing_of_what_is_waited_for() {
    let mut shard = watched(structural());
    play(&mut shard, &[(0, 100, &[part('a', 2, 1)]), (1, 100, &[part('b', 1, 0)])]);
    let all = Policy::new("all", Kind::AlwaysSample);
    let set = PolicySet::compile(vec![all], Semantics::default()).unwrap();
    let whole = parts(&[part('a', 2, 1)]);
    shard.handle_policies(set.into(), vec![Some(0)], &mut |_, take| {
        take(&whole);
        true
    });
    assert_eq!(judged(&mut shard), "");
    play(&mut shard, &[(2, 200, &[part('x', 2, 1)])]);
    assert_eq!(judged(&mut shard), "b complete 1 100");
    play(&mut shard, &[(3, 200, &[part('a', 1, 0)]), (4, 300, &[part('x', 3, 1)])]);
    assert_eq!(judged(&mut shard), "a complete 2 200");
}

#[test]
fn memory_counts_what_is_known_of_structures() {
    let held = |limits| {
        let mut shard = shard(limits);
        for offset in 0..50 {
            let spans: Vec<Part> = (2..40).map(|id| part('a', id, 1)).collect();
            let mut batch = parts(&spans);
            let trace_id = TraceId((offset as u128 + 1).to_be_bytes());
            batch.chunks[0].trace_id = trace_id;
            shard.handle_record(&at(offset, 100), &batch);
        }
        shard.gauges().window_bytes
    };
    let (plain, with) = (held(limits()), held(structural()));
    let a_trace = (with - plain) / 50;
    assert!((600..2000).contains(&a_trace), "{a_trace} bytes for 39 nodes");
    let left = |limits| {
        let mut shard = shard(limits);
        play(&mut shard, &[(0, 100, &[part('a', 1, 0).call("pay")]), (1, 200, &[part('b', 2, 1)])]);
        shard.handle_idle(0, Millis(5000), 2);
        assert_eq!(shard.gauges().traces_open, 0);
        shard.gauges().window_bytes
    };
    let edge = left(structural()) - left(limits());
    assert!((1..100).contains(&edge), "{edge} bytes of nothing but an edge");
}

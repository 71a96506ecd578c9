//! Finite inputs as text: a batch a line, a span a word: trace, resource, and what it has.

use tailsift_policy::{
    Compatibility, DropIf, Kind, Not, Policy, Semantics, SpanCount, StatusCodes,
};
use tailsift_trace::{Piece, Resource, Span, StatusCode};

use super::*;

/// `a0!` is an error of trace `a` in resource 0; `a0^` a root; `a0>7` has span 7 for a parent.
fn batch(line: &str) -> Batch<'static> {
    let mut spans: Vec<(u8, Span<'static>)> = line.split_whitespace().map(span).collect();
    // As the scan does: by trace, in the order in which traces appear.
    let order: Vec<u8> = spans.iter().map(|(trace, _)| *trace).collect();
    spans.sort_by_key(|(trace, _)| order.iter().position(|other| other == trace));
    let mut batch = Batch { resources: vec![Resource::default(); 10], ..Batch::default() };
    for (trace, span) in spans {
        let place = batch.spans.len() as u32;
        batch.pieces.push(Piece::Own(b"0123456789"));
        let trace_id = TraceId([trace; 16]);
        match batch.chunks.last_mut() {
            Some(chunk) if chunk.trace_id == trace_id => {
                (chunk.spans.end, chunk.pieces.end) = (place + 1, place + 1);
            }
            Some(_) | None => batch.chunks.push(Chunk {
                trace_id,
                spans: place..place + 1,
                pieces: place..place + 1,
            }),
        }
        batch.spans.push(span);
    }
    batch
}

fn span(word: &str) -> (u8, Span<'static>) {
    let bytes = word.as_bytes();
    let id = |byte: u8| SpanId([byte; 8]);
    let parent = word.split_once('>').map(|(_, parent)| id(parent.as_bytes()[0]));
    let span = Span {
        trace_id: TraceId([bytes[0]; 16]),
        span_id: Some(id(bytes.get(2).copied().unwrap_or(b'x'))),
        parent_span_id: if word.contains('^') { None } else { parent.or(Some(id(b'p'))) },
        start: UnixNano(1_000_000),
        end: UnixNano(3_000_000),
        name: b"",
        trace_state: b"",
        flags: 0,
        kind: 0,
        status: if word.contains('!') { StatusCode::ERROR } else { StatusCode::UNSET },
        resource: u32::from(bytes[1] - b'0'),
        detail: 0,
        attributes: 0..0,
    };
    (bytes[0], span)
}

fn errors() -> Kind {
    Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]))
}

/// A line a trace: its name, what became of it, and its votes.
#[track_caller]
fn check(manner: Manner, kinds: &[Kind], batches: &[&str], expect: &[&str]) {
    let policies = kinds.iter().enumerate();
    let policies = policies.map(|(n, kind)| Policy::new(format!("p{n}"), kind.clone())).collect();
    let semantics = Semantics { compatibility: Compatibility::Collector, ..Semantics::default() };
    let set = PolicySet::compile(policies, semantics).unwrap();
    let mut trial = Trial::new(set.into(), manner, Millis(0));
    for line in batches {
        trial.handle_batch(&batch(line));
    }
    let told: Vec<String> = trial.finish().iter().map(told).collect();
    assert_eq!(told, expect);
}

fn told(tried: &Tried) -> String {
    let vote = |vote: &Option<Vote>| match vote {
        None => '-',
        Some(Vote::Sampled) => 's',
        Some(Vote::NotSampled) => 'n',
        Some(Vote::Dropped) => 'd',
        Some(Vote::Error) => 'e',
    };
    let votes: String = tried.votes.iter().map(vote).collect();
    let decider = tried.outcome.policy.map_or(String::new(), |policy| format!(" by p{policy}"));
    format!(
        "{} {:?}{decider}, {}, {votes}, {} of {}",
        char::from(tried.trace_id.0[0]),
        tried.outcome.verdict,
        tried.close_reason.name(),
        tried.exported(),
        tried.spans
    )
}

#[test]
fn whole_traces_are_judged_at_the_end_in_the_order_of_their_first_spans() {
    check(
        Manner::AtEnd,
        &[errors(), Kind::SpanCount(SpanCount { min_spans: 3, max_spans: 0 })],
        &["b0 a0", "a0! c0", "b0 b1"],
        &[
            "b Keep by p1, drain, ns, 3 of 3",
            "a Keep by p0, drain, sn, 2 of 2",
            "c Drop, drain, nn, 0 of 1",
        ],
    );
}

#[test]
fn bounds_of_run_judge_at_once_and_later_spans_follow() {
    let bounded =
        |spans_per_trace, bytes_per_trace| Manner::Bounded { spans_per_trace, bytes_per_trace };
    let batches = ["a0 a0", "a0! b0!"];
    let b = "b Keep by p0, drain, s, 1 of 1";
    check(bounded(9, 900), &[errors()], &batches, &["a Keep by p0, drain, s, 3 of 3", b]);
    check(bounded(2, 900), &[errors()], &batches, &["a Drop, span_limit, n, 0 of 3", b]);
    check(bounded(9, 20), &[errors()], &batches, &["a Drop, byte_limit, n, 0 of 3", b]);
    // A record is applied whole before anything is judged.
    check(
        bounded(3, 900),
        &[errors()],
        &["a0 a0", "a0 a0!"],
        &["a Keep by p0, span_limit, s, 4 of 4"],
    );
}

#[test]
fn fragments_are_judged_alone_and_as_they_arrive() {
    let not_errors = Kind::Not(Not(Box::new(Policy::new("", errors()))));
    let three = Kind::SpanCount(SpanCount { min_spans: 3, max_spans: 0 });
    check(
        Manner::Fragments,
        &[errors()],
        &["a0", "a0 a1!", "a0"],
        &["a Keep by p0, drain, s, 4 of 4"],
    );
    check(Manner::Fragments, &[not_errors], &["a0! a1"], &["a Keep by p0, drain, s, 2 of 2"]);
    check(
        Manner::Fragments,
        std::slice::from_ref(&three),
        &["a0", "a0 a1"],
        &["a Keep by p0, drain, s, 3 of 3"],
    );
    check(Manner::Fragments, &[three], &["a0", "a1"], &["a Drop, drain, n, 0 of 2"]);
}

#[test]
fn a_drop_that_does_not_match_leaves_fragments_undecided() {
    let drop_errors = Kind::Drop(DropIf(vec![Policy::new("", errors())]));
    check(
        Manner::Fragments,
        &[Kind::AlwaysSample, drop_errors],
        &["a0 b0", "b0!", "b0"],
        &["a Drop, drain, sn, 0 of 1", "b Drop by p1, drain, -d, 0 of 3"],
    );
}

#[test]
fn what_is_missing_of_a_trace_is_counted() {
    let set = PolicySet::compile(Vec::new(), Semantics::default()).unwrap();
    let mut trial = Trial::new(set.into(), Manner::AtEnd, Millis(0));
    trial.handle_batch(&batch("a0^ b0>^ b0>7 b0>8"));
    let told: Vec<_> = trial
        .finish()
        .iter()
        .map(|tried| (tried.root_seen, tried.missing_parents, tried.duration_ns))
        .collect();
    assert_eq!(told, [(true, 0, Some(2_000_000)), (true, 2, Some(2_000_000))]);
}

//! What becomes of a trace that nothing is wrong with, by asking the policies themselves.

use tailsift_policy::{Facts, Kind, Policy, Tally, Verdict};
use tailsift_trace::{Batch, Chunk, Millis, Resource, Span, SpanId, StatusCode, TraceId, UnixNano};

use super::children;
use crate::settings::Config;

/// So many traces are tried where chance decides: one in 10 000 is kept by any share above 0.05 %.
const TRIED: u64 = 20_000;

/// True if one quick trace of a span, without error or attributes, is kept now and then.
pub(super) fn is_ever_kept(config: &Config) -> bool {
    let policies = config.policies();
    // Floors are of versions, which this trace has not; a share needs no trace to be tried.
    let is_share = |Policy { kind, .. }: &Policy| {
        matches!(kind, Kind::Drift(drift) if drift.floor_per_minute > 0)
            || matches!(kind, Kind::Probabilistic(chance) if chance.sampling_percentage > 0.0)
    };
    if policies.iter().any(is_share) {
        return true;
    }
    let set = config.policy_set();
    let facts = {
        let (mut facts, batch) = (Facts::default(), quick_trace());
        set.fold_at(
            Some(Millis(2000)),
            &mut facts,
            &batch,
            &batch.chunks[0],
            &mut Tally::default(),
        );
        facts
    };
    let mut limiters = set.limiters(1);
    let mut votes = Vec::new();
    let tried = if policies.iter().any(has_chance) { TRIED } else { 1 };
    (0..tried).any(|number| {
        let outcome = set.judge(id(number), &facts, &mut limiters, Millis(2000), &mut votes);
        outcome.verdict == Verdict::Keep
    })
}

fn has_chance(policy: &Policy) -> bool {
    matches!(policy.kind, Kind::Probabilistic(_))
        || children(&policy.kind).iter().any(|(_, child)| has_chance(child))
}

/// Trace IDs all over (SplitMix64); the first has the greatest randomness of all.
fn id(number: u64) -> TraceId {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mixed = !(mixed ^ (mixed >> 31));
    let mut bytes = [0xff; 16];
    bytes[8..].copy_from_slice(&mixed.to_be_bytes());
    TraceId(bytes)
}

fn quick_trace() -> Batch<'static> {
    const START: u64 = 1_000_000_000;
    let trace_id = id(0);
    let span = Span {
        trace_id,
        span_id: Some(SpanId([1; 8])),
        parent_span_id: None,
        start: UnixNano(START),
        end: UnixNano(START + 1_500_000),
        name: b"GET /",
        trace_state: b"",
        flags: 0,
        kind: 2,
        status: StatusCode::UNSET,
        resource: 0,
        attributes: 0..0,
        detail: 0,
    };
    Batch {
        resources: vec![Resource::default()],
        spans: vec![span],
        chunks: vec![Chunk { trace_id, spans: 0..1, pieces: 0..0 }],
        ..Batch::default()
    }
}

use tailsift_policy::{Chance, CloseReason, Decision, Verdict};
use tailsift_trace::TraceId;

use super::*;
use crate::EntryKind;

const SCOPE: u64 = 5;
const LIFE: u64 = 77;

fn entry(trace: u8) -> Entry {
    Entry {
        trace_id: TraceId([trace; 16]),
        kind: EntryKind::Decide,
        decision: Decision {
            verdict: Verdict::Drop,
            policy: None,
            close_reason: CloseReason::DecisionWait,
            chance: Chance::None,
        },
        through: 0,
        expiry: Millis(0),
        facts: None,
        sources: None,
        source_bytes: 0,
        may_turn: false,
        turned: None,
        missing: None,
    }
}

/// Batch `sequence` of a life, which read to ten times that, and says something of the trace of
/// that number.
fn batch(incarnation: u64, sequence: u64) -> DecisionBatch {
    DecisionBatch {
        scope: SCOPE,
        partition: 1,
        checkpoint: Checkpoint { incarnation, sequence, log_partition: 1 },
        writer: 1,
        slice: 0,
        slices: 1,
        commit_offset: sequence as i64,
        read_to: sequence as i64 * 10,
        stream_time: Some(Millis(1)),
        read_stream_time: Some(Millis(2)),
        config: 0,
        entries: vec![entry(sequence as u8)],
    }
}

fn ours(sequence: u64, live_from: Option<i64>) -> Past {
    let checkpoint = Checkpoint { incarnation: LIFE, sequence, log_partition: 1 };
    let commit = Commit {
        scope: SCOPE,
        checkpoint,
        read_to: 99,
        stream_time: Some(Millis(3)),
        read_stream_time: Some(Millis(4)),
        live_from,
        kept_from: live_from,
        config: 0,
    };
    Past::Ours(40, commit)
}

fn recovery(past: Past) -> Recovery {
    let beginning = Beginning { incarnation: 1, log_partition: 0 };
    Recovery::new(1, past, SCOPE, beginning, true)
}

type Told = (i64, i64, u64, u64, Vec<u8>);

/// Where it is taken up (offset, read to, life, number) and of which traces it knows.
fn told(recovery: &mut Recovery) -> Option<Result<Told, Refusal>> {
    let outcome = recovery.poll()?;
    Some(outcome.map(|restored| {
        let Checkpoint { incarnation, sequence, .. } = restored.checkpoint;
        let traces = restored.decisions.iter().map(|one| one.entry.trace_id.0[0]).collect();
        (restored.offset, restored.read_to, incarnation, sequence, traces)
    }))
}

#[test]
fn the_log_is_read_up_to_the_committed_batch() {
    let mut recovery = recovery(ours(4, Some(20)));
    assert_eq!(recovery.needed(), Needed::From(1, 20));
    recovery.handle_log_start(1, 20);
    for (sequence, offset) in [(2, 20), (3, 30)] {
        recovery.handle_batch(batch(LIFE, sequence), offset, None);
        assert_eq!(told(&mut recovery), None);
    }
    for other in [
        batch(LIFE + 1, 4),
        DecisionBatch { partition: 2, ..batch(LIFE, 4) },
        DecisionBatch { scope: 6, ..batch(LIFE, 4) },
    ] {
        recovery.handle_batch(other, 35, None);
        assert_eq!(told(&mut recovery), None);
    }
    recovery.handle_batch(batch(LIFE, 4), 40, None);
    assert_eq!(recovery.needed(), Needed::Nothing);
    assert_eq!(told(&mut recovery), Some(Ok((40, 99, LIFE, 4, vec![2, 3, 4]))));
}

#[test]
fn a_batch_of_several_slices_needs_all_of_them() {
    let slice = |slice, trace| DecisionBatch {
        slice,
        slices: 2,
        entries: vec![entry(trace)],
        ..batch(LIFE, 4)
    };
    let mut found = recovery(ours(4, Some(20)));
    found.handle_batch(slice(0, 8), 20, None);
    assert_eq!(told(&mut found), None);
    found.handle_batch(slice(1, 9), 21, None);
    assert_eq!(told(&mut found), Some(Ok((40, 99, LIFE, 4, vec![8, 9]))));

    let mut torn = recovery(ours(4, Some(20)));
    torn.handle_batch(slice(0, 8), 20, None);
    torn.handle_log_end();
    let missing = Refusal::BatchMissing { log_partition: 1, sequence: 4 };
    assert_eq!(told(&mut torn), Some(Err(missing)));
}

#[test]
fn a_log_that_lacks_what_is_needed_is_refused() {
    let mut late = recovery(ours(4, Some(20)));
    late.handle_log_start(0, 500);
    late.handle_log_start(1, 21);
    let refusal = Refusal::LogStartsLate { log_partition: 1, needed: 20, start: 21 };
    assert_eq!(told(&mut late), Some(Err(refusal)));
    let without = late.without_log();
    assert_eq!((without.offset, without.read_to, without.checkpoint.incarnation), (40, 40, 1));
    assert_eq!(without.stream_time, Some(Millis(3)));
}

#[test]
fn nothing_is_looked_for_where_nothing_is_remembered() {
    let mut recovery = recovery(ours(4, None));
    assert_eq!(recovery.needed(), Needed::Nothing);
    assert_eq!(told(&mut recovery), Some(Ok((40, 99, LIFE, 4, vec![]))));
}

#[test]
fn an_operators_offset_is_obeyed() {
    let mut recovery = recovery(Past::Foreign(12));
    assert_eq!(told(&mut recovery), Some(Ok((12, 12, 1, 0, vec![]))));
}

#[test]
fn without_a_past_it_is_a_first_start() {
    let mut recovery = recovery(Past::Nothing(3));
    assert_eq!(recovery.needed(), Needed::All);
    recovery.handle_log_end();
    assert!(!recovery.is_from_log_alone());
    assert_eq!(told(&mut recovery), Some(Ok((3, 3, 1, 0, vec![]))));
}

#[test]
fn offsets_that_were_lost_are_found_in_the_newest_batch() {
    let mut recovery = recovery(Past::Nothing(3));
    for (life, sequence, time) in
        [(LIFE, 8, 50), (LIFE, 9, 60), (LIFE + 1, 1, 70), (LIFE + 1, 2, 80)]
    {
        recovery.handle_batch(batch(life, sequence), time, Some(Millis(time)));
    }
    recovery.handle_log_end();
    assert!(recovery.is_from_log_alone());
    assert_eq!(told(&mut recovery), Some(Ok((2, 20, LIFE + 1, 2, vec![1, 2]))));
}

#[test]
fn without_transactions_the_log_may_be_ahead_and_repeat_itself() {
    let beginning = Beginning { incarnation: 1, log_partition: 0 };
    let mut recovery = Recovery::new(1, ours(2, Some(20)), SCOPE, beginning, false);
    let by = |writer, sequence, trace| DecisionBatch {
        writer,
        entries: vec![entry(trace)],
        ..batch(LIFE, sequence)
    };
    recovery.handle_batch(by(1, 2, 2), 20, None);
    recovery.handle_batch(by(1, 3, 3), 30, None);
    recovery.handle_batch(by(2, 3, 30), 31, None);
    assert_eq!(told(&mut recovery), None);
    recovery.handle_log_end();
    assert_eq!(told(&mut recovery), Some(Ok((3, 30, LIFE, 3, vec![2, 3]))));
}

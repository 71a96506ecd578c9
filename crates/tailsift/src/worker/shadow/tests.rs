use std::sync::Arc;

use tailsift_policy::{Chance, CloseReason, Decision, Verdict};
use tailsift_sampler::{Checkpoint, Export, LiveFrom, Part};
use tailsift_trace::{Millis, TraceId};

use super::*;

fn export(late: bool, spans: u32, bytes: usize) -> Export {
    Export {
        trace_id: TraceId([1; 16]),
        decision: Decision {
            verdict: Verdict::Keep,
            policy: None,
            close_reason: CloseReason::DecisionWait,
            chance: Chance::None,
        },
        late,
        turned: None,
        spans,
        time: Millis(1),
        headers: Box::default(),
        payload: Arc::new(vec![0; bytes]),
    }
}

#[test]
fn exports_are_counted_and_none_is_left() {
    let part = Part {
        partition: 0,
        assignment: 1,
        commit_offset: 5,
        next_offset: 6,
        commit_stream_time: None,
        next_stream_time: None,
        checkpoint: Checkpoint::default(),
        has_batch: true,
        entries: Vec::new(),
        live_from: LiveFrom::Nothing,
        kept_from: None,
        batch_offset: None,
        exports: vec![export(false, 5, 100), export(true, 2, 30)],
        dead_letters: Vec::new(),
    };
    let mut epoch = Epoch { parts: vec![part], ..Epoch::default() };
    let mut shadow = Shadow::new();
    shadow.count_traces(&epoch);
    // Cut to size, a trace may take more records than one.
    epoch.parts[0].exports.push(export(false, 5, 7));
    shadow.withhold(&mut epoch);
    assert!(epoch.parts[0].exports.is_empty() && epoch.parts[0].has_batch);
    let expected = Withheld { traces: 1, spans: 7, records: 3, bytes: 137 };
    assert_eq!(shadow.since, expected);
    shadow.tell_now();
    assert_eq!((shadow.since, shadow.total), (Withheld::default(), expected));
}

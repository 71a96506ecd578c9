//! What a shard holds stays within its bounds, but for one record and what it sets free; within
//! twice its bound while it replays what another has left.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::View;
use crate::event::{Violation, What};

/// The largest record of a world and what is remembered of it: records hold a handful of spans.
const ONE_RECORD: usize = 48 << 10;

/// What a cut takes of a partition's memory by itself, at most.
const CUT_BYTES: usize = 64;

/// Outputs that waited when each worker was last seen.
#[derive(Debug, Default)]
pub(crate) struct MemoryBound {
    outputs: BTreeMap<usize, usize>,
    /// Workers that have read nothing since they took up a partition.
    has_taken_up: BTreeSet<usize>,
}

impl MemoryBound {
    pub(crate) fn check(&mut self, what: &What, view: &View<'_>) -> Result<(), Violation> {
        let (gauges, limits) = (&view.gauges, view.limits);
        let window = gauges.window_bytes + gauges.decision_bytes;
        // What is replayed cannot be judged yet: one who takes over from another may have to hold
        // as much again for as long as that takes.
        let replays = view.progress.iter().any(|progress| progress.to_replay > 0);
        // The next record relieves what is taken up without a replay.
        if matches!(what, What::Assigned(_)) {
            self.has_taken_up.insert(view.worker);
        } else if matches!(what, What::Record { .. }) {
            self.has_taken_up.remove(&view.worker);
        }
        let takes_over = replays || self.has_taken_up.contains(&view.worker);
        let memory_bytes = limits.memory_bytes * if takes_over { 2 } else { 1 };
        // A cut notes where its batches are; what that takes is relieved with the next record.
        let noted = CUT_BYTES * view.progress.len();
        if window > memory_bytes + noted {
            let (bound, open) = (memory_bytes, gauges.traces_open);
            return exceeded(format!(
                "window and verdicts take {window} bytes of {bound} with {open} traces open"
            ));
        }
        // One record may have the whole window exported, as copies, while a survivor in each
        // segment keeps the window's bytes allocated.
        let all = window + gauges.epoch_bytes;
        let bound = 2 * memory_bytes + limits.epoch_bytes + ONE_RECORD;
        if all > bound {
            return exceeded(format!("window, verdicts, outputs take {all} bytes of {bound}"));
        }
        let outputs = self.outputs.insert(view.worker, gauges.epoch_bytes).unwrap_or(0);
        if outputs >= limits.epoch_bytes && matches!(what, What::Record { .. }) {
            let bound = limits.epoch_bytes;
            return exceeded(format!(
                "a record is handed in on {outputs} bytes of output, {bound} at most"
            ));
        }
        Ok(())
    }

    pub(crate) fn crashed(&mut self, worker: usize) {
        self.outputs.remove(&worker);
        self.has_taken_up.remove(&worker);
    }
}

fn exceeded(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "memory bound", text })
}

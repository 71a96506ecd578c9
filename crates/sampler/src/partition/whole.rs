//! Where a partition asks whether traces are complete.

use tailsift_policy::CloseReason;
use tailsift_trace::{Batch, Chunk};

use super::{Common, Partition};
use crate::RecordAt;
use crate::completion::Share;
use crate::slab::Key;

impl Partition {
    /// More of a waiting trace came.
    pub(super) fn note_grown(
        &mut self,
        key: Key,
        at: &RecordAt<'_>,
        batch: &Batch<'_>,
        chunk: &Chunk,
        common: &mut Common<'_>,
    ) {
        let Some(completion) = &mut self.completion else { return };
        let share = Share { batch, chunk, service: common.service, stamp: at.stamp() };
        let grown = completion.grow(key, share, &self.clock);
        common.stats.structures_too_large += u64::from(grown.is_too_large);
        common.stats.edges_forgotten += grown.edges_forgotten;
    }

    /// Judges traces that are complete.
    pub(super) fn judge_complete(&mut self, common: &mut Common<'_>) {
        while let Some(key) = self.pop_complete() {
            self.judge(key, CloseReason::Complete, common);
        }
    }

    fn pop_complete(&mut self) -> Option<Key> {
        self.completion.as_mut()?.pop_complete(&self.clock)
    }

    /// How many edges are known.
    pub(crate) fn edges(&self) -> usize {
        self.completion.as_ref().map_or(0, crate::completion::Completion::edges)
    }
}

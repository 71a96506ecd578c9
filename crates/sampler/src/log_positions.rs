//! Where in the decision log the newest entries of remembered traces are.

use std::collections::VecDeque;

use crate::LiveFrom;

/// For each batch that a partition has written, how many remembered traces have their newest
/// entry in it.
#[derive(Debug, Default)]
pub(crate) struct LogPositions {
    /// Without gaps, by sequence number.
    batches: VecDeque<Batch>,
    first: u64,
}

#[derive(Debug)]
struct Batch {
    /// `None` until it is committed.
    offset: Option<i64>,
    live: usize,
}

impl LogPositions {
    /// A batch that was written, or, without an offset, is about to be. Sequence numbers ascend.
    pub(crate) fn add(&mut self, sequence: u64, offset: Option<i64>) {
        if self.batches.is_empty() {
            self.first = sequence;
        }
        // Numbers that are passed over hold nothing; their batches lie before this one.
        while self.first + (self.batches.len() as u64) < sequence {
            self.batches.push_back(Batch { offset, live: 0 });
        }
        if self.first + self.batches.len() as u64 == sequence {
            self.batches.push_back(Batch { offset, live: 0 });
        }
    }

    /// A batch that was added is committed at this offset.
    pub(crate) fn committed(&mut self, sequence: u64, offset: i64) {
        if let Some(batch) = self.batch(sequence) {
            batch.offset = Some(offset);
        }
    }

    /// A trace's newest entry is in this batch now.
    pub(crate) fn enter(&mut self, sequence: u64) {
        if let Some(batch) = self.batch(sequence) {
            batch.live += 1;
        }
    }

    /// A trace's newest entry is in this batch no more.
    pub(crate) fn leave(&mut self, sequence: u64) {
        if let Some(batch) = self.batch(sequence) {
            batch.live -= 1;
        }
        // The last one stays: it may be about to be written.
        while self.batches.len() > 1 && self.batches[0].live == 0 {
            self.batches.pop_front();
            self.first += 1;
        }
    }

    pub(crate) fn live_from(&self) -> LiveFrom {
        let oldest = self.batches.iter().find(|batch| batch.live > 0);
        oldest.map_or(LiveFrom::Nothing, |batch| {
            batch.offset.map_or(LiveFrom::Batch, LiveFrom::Offset)
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.batches.len() * size_of::<Batch>()
    }

    fn batch(&mut self, sequence: u64) -> Option<&mut Batch> {
        let index = sequence.checked_sub(self.first)?;
        self.batches.get_mut(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_needed_from_the_oldest_live_entry_on() {
        let mut positions = LogPositions::default();
        assert_eq!(positions.live_from(), LiveFrom::Nothing);
        positions.add(7, Some(70));
        positions.add(8, Some(80));
        positions.enter(7);
        positions.enter(8);
        positions.enter(8);
        assert_eq!(positions.live_from(), LiveFrom::Offset(70));
        positions.leave(7);
        assert_eq!(positions.live_from(), LiveFrom::Offset(80));
        positions.add(9, None);
        for _ in 0..2 {
            positions.leave(8);
            positions.enter(9);
        }
        assert_eq!(positions.live_from(), LiveFrom::Batch);
        positions.committed(9, 90);
        assert_eq!(positions.live_from(), LiveFrom::Offset(90));
        positions.leave(9);
        positions.leave(9);
        assert_eq!(positions.live_from(), LiveFrom::Nothing);
    }

    #[test]
    fn numbers_that_are_passed_over_hold_nothing() {
        let mut positions = LogPositions::default();
        positions.add(3, Some(30));
        positions.enter(3);
        positions.add(6, Some(60));
        positions.enter(6);
        positions.leave(3);
        assert_eq!(positions.live_from(), LiveFrom::Offset(60));
        positions.leave(6);
        positions.add(9, None);
        positions.enter(9);
        assert_eq!(positions.live_from(), LiveFrom::Batch);
    }
}

//! For each number of a partition's life in the log there is one batch, whole, and what is
//! committed beside the offset names the newest.

use std::collections::BTreeSet;

use tailsift_sampler::Checkpoint;

use crate::checker::Commitment;
use crate::checker::history::History;
use crate::event::Violation;

pub(crate) fn check(commitment: &Commitment<'_>, history: &History) -> Result<(), Violation> {
    for (partition, offset) in commitment.offsets {
        let now = offset.commit.checkpoint;
        let slices: Vec<_> =
            commitment.batches.iter().filter(|batch| batch.partition == *partition).collect();
        if slices.iter().any(|slice| slice.checkpoint != now) {
            return broken(format!("partition {partition}: {now:?} is not what its batch says"));
        }
        let found: BTreeSet<u32> = slices.iter().map(|slice| slice.slice).collect();
        let count = slices.first().map_or(0, |slice| slice.slices);
        if slices.len() != found.len() || !found.into_iter().eq(0..count) {
            return broken(format!("partition {partition}: {} slices of {count}", slices.len()));
        }
        let last = history.last.get(partition).map(|last| last.checkpoint);
        let is_first = last.is_none_or(|last| last.sequence == 0);
        let begun = Checkpoint { sequence: 0, ..now };
        let last = last.filter(|_| !is_first).unwrap_or(begun);
        let next = last.sequence + u64::from(count > 0);
        if (Checkpoint { sequence: next, ..last }) != now {
            return broken(format!("partition {partition}: {now:?} after {last:?}"));
        }
    }
    Ok(())
}

fn broken(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "checkpoints", text })
}

//! How much a producer is given at a time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that were handed over and not acknowledged, held to about one batch for each partition.
///
/// An idempotent librdkafka 2.12 sends nothing to a partition while five of its *records* wait for
/// their acknowledgement (`rd_kafka_toppar_producer_serve` counts `rktp_msgs_inflight`), and its
/// broker thread, as long as a batch is due there, asks again without a pause: a tenth of the CPU
/// time of a backlog. What is not handed over yet cannot be due.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Outstanding>);

#[derive(Debug, Default)]
struct Outstanding {
    /// Bytes by partition.
    bytes: HashMap<i32, usize>,
    /// How many partitions have acknowledged a record, or have one below them that has.
    partitions: i32,
}

/// A record's share of what is outstanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Where it was expected to go.
    partition: i32,
    bytes: usize,
}

impl Pace {
    /// Of how many partitions it is known that they are there; at least 1.
    pub(super) fn partitions(&self) -> i32 {
        self.outstanding().partitions.max(1)
    }

    /// Takes so many bytes for a partition, which may be a guess; `None`: not now. The last record
    /// makes the batch full, so that it is sent at once, and opens the next.
    pub(super) fn take(&self, partition: i32, bytes: usize, batch_size: usize) -> Option<Share> {
        let mut outstanding = self.outstanding();
        let held = outstanding.bytes.entry(partition).or_default();
        if *held >= batch_size.max(1) {
            return None;
        }
        *held = held.saturating_add(bytes);
        Some(Share { partition, bytes })
    }

    /// It was not handed over after all.
    pub(super) fn give_back(&self, share: Share) {
        self.outstanding().give_back(share);
    }

    /// It was acknowledged by this partition, or given up.
    pub(super) fn settle(&self, share: Share, partition: i32) {
        let mut outstanding = self.outstanding();
        outstanding.give_back(share);
        outstanding.partitions = outstanding.partitions.max(partition.saturating_add(1));
    }

    /// Holds plain data: a panic elsewhere leaves nothing half done.
    fn outstanding(&self) -> MutexGuard<'_, Outstanding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outstanding {
    fn give_back(&mut self, share: Share) {
        if let Some(held) = self.bytes.get_mut(&share.partition) {
            *held = held.saturating_sub(share.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_for_each_partition() {
        let pace = Pace::default();
        assert_eq!(pace.partitions(), 1);
        let large = pace.take(0, 5000, 100).unwrap();
        assert_eq!(pace.take(0, 1, 100), None, "one record may be larger than a batch, alone");
        let other = pace.take(3, 60, 100).unwrap();
        let last = pace.take(3, 60, 100).unwrap();
        assert_eq!(pace.take(3, 1, 100), None);
        pace.settle(large, 3);
        assert_eq!(pace.partitions(), 4);
        assert!(pace.take(0, 100, 100).is_some(), "settled where it was expected");
        pace.settle(other, -1);
        pace.give_back(last);
        assert!(pace.take(3, 100, 100).is_some());
        assert_eq!(pace.partitions(), 4);
    }
}

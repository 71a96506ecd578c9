//! Notices an input that is not keyed by trace ID.

use tailsift_trace::TraceId;

/// On which partitions a worker saw some traces: one in 64, by its ID, so that all records of a
/// trace are looked at or none, by all workers the same. 16 KiB; a newer trace takes an older
/// one's place.
#[derive(Debug, Clone)]
pub struct Sightings {
    /// Eight bytes of a trace ID and the partition; 0 for a place that nothing took.
    seen: Box<[(u64, i32)]>,
}

impl Sightings {
    const SLOTS: usize = 1024;

    pub(crate) fn new() -> Self {
        Self { seen: vec![(0, -1); Self::SLOTS].into() }
    }

    /// A trace's spans came; true if it was seen on another partition before.
    #[inline]
    pub(crate) fn is_astray(&mut self, trace_id: TraceId, partition: i32) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace_id.0;
        let fingerprint = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        if fingerprint & 63 != 0 {
            return false;
        }
        let slot = &mut self.seen[(fingerprint >> 6) as usize % Self::SLOTS];
        let astray = slot.0 == fingerprint && slot.1 >= 0 && slot.1 != partition;
        *slot = (fingerprint, partition);
        astray
    }

    /// How many traces another worker saw on another partition. They are forgotten here, so that
    /// none counts twice.
    pub(crate) fn astray_from(&mut self, others: &Self) -> u64 {
        let mut astray = 0;
        for (mine, other) in self.seen.iter_mut().zip(&others.seen) {
            if mine.0 != 0 && mine.0 == other.0 && mine.1 != other.1 {
                *mine = (0, -1);
                astray += 1;
            }
        }
        astray
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_on_two_partitions_is_noticed() {
        let mut seen = Sightings::new();
        let id = TraceId([64; 16]);
        assert_eq!([0, 0, 1].map(|partition| seen.is_astray(id, partition)), [false, false, true]);
        assert!(!seen.is_astray(TraceId([65; 16]), 0) && !seen.is_astray(TraceId([65; 16]), 1));
    }

    #[test]
    fn workers_notice_a_trace_that_each_saw_on_its_own_partition() {
        let [mut one, mut other] = [Sightings::new(), Sightings::new()];
        assert_eq!(one.astray_from(&other), 0);
        for (id, partitions) in [(64, [0, 1]), (128, [0, 0])] {
            one.is_astray(TraceId([id; 16]), partitions[0]);
            other.is_astray(TraceId([id; 16]), partitions[1]);
        }
        assert_eq!([one.astray_from(&other), one.astray_from(&other)], [1, 0]);
    }
}

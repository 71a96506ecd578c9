//! Notices an input that is not keyed by trace ID.

use tailsift_trace::TraceId;

/// Remembers on which partition some traces were seen. One trace in 64 is looked at, by its ID,
/// so that all records of a trace are or none.
#[derive(Debug)]
pub(crate) struct KeyingCheck {
    seen: Box<[(u64, i32)]>,
}

impl KeyingCheck {
    const SLOTS: usize = 1024;

    pub(crate) fn new() -> Self {
        Self { seen: vec![(0, -1); Self::SLOTS].into() }
    }

    /// A trace was opened; true if it was seen on another partition before.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_on_two_partitions_is_noticed() {
        let mut check = KeyingCheck::new();
        let id = TraceId([64; 16]);
        assert_eq!([0, 0, 1].map(|partition| check.is_astray(id, partition)), [false, false, true]);
        assert!(!check.is_astray(TraceId([65; 16]), 0) && !check.is_astray(TraceId([65; 16]), 1));
    }
}

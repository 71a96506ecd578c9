//! Which offsets are still needed.

use std::collections::VecDeque;

use tailsift_trace::Millis;

use crate::slab::Key;

/// A trace's first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) offset: i64,
    pub(crate) key: Key,
    /// Stream time just before that record was applied.
    pub(crate) stream_time: Option<Millis>,
    /// Orders arrivals of all partitions of a shard.
    pub(crate) sequence: u64,
}

/// The undecided traces of a partition in the order of their first offsets.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    arrivals: VecDeque<Arrival>,
}

impl Ledger {
    pub(crate) fn add(&mut self, arrival: Arrival) {
        debug_assert!(self.arrivals.back().is_none_or(|last| last.offset <= arrival.offset));
        self.arrivals.push_back(arrival);
    }

    /// The oldest trace that is still undecided.
    pub(crate) fn oldest(&mut self, is_undecided: impl Fn(Key) -> bool) -> Option<Arrival> {
        while let Some(arrival) = self.arrivals.front() {
            if is_undecided(arrival.key) {
                return Some(*arrival);
            }
            self.arrivals.pop_front();
        }
        None
    }

    pub(crate) fn bytes(&self) -> usize {
        self.arrivals.len() * size_of::<Arrival>()
    }
}

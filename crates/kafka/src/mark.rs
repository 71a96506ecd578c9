//! Which process and which of its epochs committed an offset.

use std::fmt;

/// The metadata that goes with committed offsets: enough to tell, after a commit whose answer
/// was lost, whether it took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetMark {
    /// Drawn at random when the worker starts.
    pub incarnation: u64,
    /// Counts the worker's epochs.
    pub epoch: u64,
}

impl fmt::Display for OffsetMark {
    /// `v1 <incarnation> <epoch>`, both in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1 {:016x} {:x}", self.incarnation, self.epoch)
    }
}

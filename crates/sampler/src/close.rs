//! When a waiting trace stops waiting.

use tailsift_policy::{CloseReason, Facts, PolicySet};
use tailsift_trace::Millis;

use crate::Limits;

/// What ends every trace's wait at the latest: a fixed time from the first record, perhaps a shorter
/// one from the root, and limits of size. `completion: structural` may end it before
/// ([`Completion`](crate::completion::Completion)).
#[derive(Debug, Clone)]
pub(crate) struct CloseRule {
    pub(crate) decision_wait: Millis,
    pub(crate) after_root: Option<Millis>,
    spans: u32,
    bytes: usize,
    /// The Collector's `maximum_trace_size_bytes`; 0 = off.
    size_max: u64,
}

impl CloseRule {
    pub(crate) fn new(limits: &Limits, policies: &PolicySet) -> Self {
        Self {
            decision_wait: limits.decision_wait,
            after_root: limits.decision_wait_after_root,
            spans: limits.spans_per_trace,
            bytes: limits.bytes_per_trace,
            size_max: policies.semantics().maximum_trace_size_bytes,
        }
    }

    /// Goes by the bound on size that other policies come with.
    pub(crate) fn follow(&mut self, policies: &PolicySet) {
        self.size_max = policies.semantics().maximum_trace_size_bytes;
    }

    /// The limit that a trace has reached, if any.
    pub(crate) fn limit_reached(&self, facts: &Facts, bytes: usize) -> Option<CloseReason> {
        if self.size_max > 0 && u64::from(facts.bytes) > self.size_max {
            Some(CloseReason::TooLarge)
        } else if facts.spans >= self.spans {
            Some(CloseReason::SpanLimit)
        } else if bytes >= self.bytes {
            Some(CloseReason::ByteLimit)
        } else {
            None
        }
    }
}

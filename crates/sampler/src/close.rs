//! When a waiting trace stops waiting.

use tailsift_policy::{CloseReason, Facts};
use tailsift_trace::Millis;

use crate::Limits;

/// The rule of `completion: wait`: a fixed wait from the first record, perhaps a shorter one from
/// the root, and limits of size.
#[derive(Debug, Clone)]
pub(crate) struct CloseRule {
    pub(crate) decision_wait: Millis,
    pub(crate) after_root: Option<Millis>,
    spans: u32,
    bytes: usize,
}

impl CloseRule {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            decision_wait: limits.decision_wait,
            after_root: limits.decision_wait_after_root,
            spans: limits.spans_per_trace,
            bytes: limits.bytes_per_trace,
        }
    }

    /// The limit that a trace has reached, if any.
    pub(crate) fn limit_reached(&self, facts: &Facts, bytes: usize) -> Option<CloseReason> {
        if facts.spans >= self.spans {
            Some(CloseReason::SpanLimit)
        } else if bytes >= self.bytes {
            Some(CloseReason::ByteLimit)
        } else {
            None
        }
    }
}

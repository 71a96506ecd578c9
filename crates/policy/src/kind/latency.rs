//! `latency`: the trace took longer than a threshold.

use tailsift_trace::UnixNano;

use crate::Facts;
use crate::compile::Compiler;
use crate::facts::Bit;

/// Whole milliseconds from the earliest start to the latest end, strictly above a threshold.
/// Natively a trace without a start or without an end never counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Milliseconds; a duration equal to it does not count.
    pub threshold_ms: i64,
    /// Milliseconds, inclusive; 0 = no upper bound.
    pub upper_threshold_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Rule {
    bounds: Latency,
    /// Set when the duration so far was in range: the Collector tests an upper bound after
    /// every span and stops at the first hit.
    hit: Option<Bit>,
    /// The Collector takes a time of 0 at its word.
    zero_is_a_time: bool,
}

impl Latency {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let bounded = self.upper_threshold_ms != 0;
        if !compiler.collector() {
            if self.threshold_ms < 0 {
                let message = format!("must not be negative, got {}", self.threshold_ms);
                compiler.refuse(format!("{path}.latency.threshold_ms"), message);
            }
            if bounded && self.upper_threshold_ms <= self.threshold_ms {
                let message = format!(
                    "must be above threshold_ms ({}) or 0 for no bound, got {}",
                    self.threshold_ms, self.upper_threshold_ms
                );
                compiler.refuse(format!("{path}.latency.upper_threshold_ms"), message);
            }
        }
        let order_matters = bounded && compiler.collector();
        Rule {
            bounds: self,
            hit: order_matters.then(|| compiler.bit()),
            zero_is_a_time: compiler.collector(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts) {
        if let Some(hit) = self.hit
            && self.in_range(facts)
        {
            facts.bits.set(hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        match self.hit {
            Some(hit) => facts.bits.get(hit),
            None => facts.spans > 0 && self.in_range(facts),
        }
    }

    /// More spans only make a trace longer.
    pub(crate) fn is_lasting(&self) -> bool {
        self.bounds.upper_threshold_ms == 0
    }

    fn in_range(&self, facts: &Facts) -> bool {
        if !self.zero_is_a_time && (facts.start == UnixNano(0) || facts.end == UnixNano(0)) {
            return false;
        }
        let Latency { threshold_ms, upper_threshold_ms } = self.bounds;
        let duration_ms = facts.duration_ns() / 1_000_000;
        duration_ms > threshold_ms && (upper_threshold_ms == 0 || duration_ms <= upper_threshold_ms)
    }
}

//! What is said of a trace.

use std::fmt;

/// What one policy says of one trace (the Collector's words).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vote {
    /// Keep it.
    Sampled,
    /// No reason to keep it.
    NotSampled,
    /// Drop it, whatever the others say.
    Dropped,
    /// The policy failed on this trace: it has no vote.
    Error,
}

/// What becomes of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Its spans are exported.
    Keep,
    /// Its spans are let go.
    Drop,
}

/// Why a trace stopped waiting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CloseReason {
    /// Its structure was complete.
    Complete,
    /// `decision_wait_after_root_received` passed since its root span.
    RootWait,
    /// `decision_wait` passed since its first span.
    DecisionWait,
    /// It reached `spans_per_trace_limit`.
    SpanLimit,
    /// It reached `bytes_per_trace_limit`.
    ByteLimit,
    /// It was the oldest when `memory_limit` was reached.
    MemoryLimit,
    /// It exceeded the Collector's `maximum_trace_size_bytes`.
    TooLarge,
    /// A finite input ended (demo, explain, backtest; never at SIGTERM).
    Drain,
}

impl CloseReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Complete,
        Self::RootWait,
        Self::DecisionWait,
        Self::SpanLimit,
        Self::ByteLimit,
        Self::MemoryLimit,
        Self::TooLarge,
        Self::Drain,
    ];

    /// The name in headers, metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::RootWait => "root_wait",
            Self::DecisionWait => "decision_wait",
            Self::SpanLimit => "span_limit",
            Self::ByteLimit => "byte_limit",
            Self::MemoryLimit => "memory_limit",
            Self::TooLarge => "too_large",
            Self::Drain => "drain",
        }
    }

    /// True if the trace was judged before its time was up, so that spans may be missing.
    pub const fn is_partial(self) -> bool {
        match self {
            Self::SpanLimit | Self::ByteLimit | Self::MemoryLimit | Self::TooLarge => true,
            Self::Complete | Self::RootWait | Self::DecisionWait | Self::Drain => false,
        }
    }
}

/// A 56-bit rejection threshold: a trace is kept when its randomness is at least this
/// (OpenTelemetry, "TraceState: Probability Sampling"; `ot=th`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Threshold(pub u64);

impl Threshold {
    /// Randomness lies below this: it has 56 bits.
    pub const RANGE: u64 = 1 << 56;
}

impl fmt::Display for Threshold {
    /// The `th` notation: hex without trailing zeros, `0` for "all".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        match digits.trim_end_matches('0') {
            "" => f.write_str("0"),
            trimmed => f.write_str(trimmed),
        }
    }
}

/// What part chance had in a trace's being kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Chance {
    /// None: some policy was certain to keep it. Also said of dropped traces, and of all under
    /// `compatibility: collector`.
    #[default]
    None,
    /// It was as likely as the threshold says.
    Threshold(Threshold),
    /// Some, but how likely it was nobody knows: it hung on what else there was.
    Unknown,
}

impl Chance {
    /// The threshold, if there is one.
    pub const fn threshold(self) -> Option<Threshold> {
        match self {
            Self::Threshold(threshold) => Some(threshold),
            Self::None | Self::Unknown => None,
        }
    }

    /// Of two that both had to agree: the higher threshold is the one that was passed.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::None, other) => other,
            (this, Self::None) => this,
            (Self::Threshold(one), Self::Threshold(other)) => Self::Threshold(one.max(other)),
        }
    }

    /// Of two of which one would have done: the likelier says it.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Threshold(one), Self::Threshold(other)) => Self::Threshold(one.min(other)),
        }
    }
}

/// What the policies together say of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Keep or drop.
    pub verdict: Verdict,
    /// The first policy in configured order whose vote won: one that asked to keep a kept trace, a
    /// `drop` that asked to drop a dropped one. `None` if none asked for anything.
    pub policy: Option<u16>,
    /// How much of the keep was chance, whoever is named as the decider.
    pub chance: Chance,
    /// The sub-policy for which a `composite` said sampled, the last that did.
    pub composite: Option<SubPolicy>,
}

/// A policy within a `composite` of the list
/// ([`PolicySet::sub_name`](crate::PolicySet::sub_name)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubPolicy {
    /// The composite's place in the configured list.
    pub policy: u16,
    /// The sub-policy's place in `composite_sub_policy`.
    pub child: u16,
}

/// The recorded end of a trace's wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Keep or drop.
    pub verdict: Verdict,
    /// The deciding policy's place in the configured list.
    pub policy: Option<u16>,
    /// Why the trace stopped waiting.
    pub close_reason: CloseReason,
    /// How much of the keep was chance.
    pub chance: Chance,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_written_as_the_specification_does() {
        for (threshold, text) in [
            (0, "0"),
            (1 << 55, "8"),
            (3 << 54, "c"),
            (0xfd_70a4_0000_0000, "fd70a4"),
            (1, "00000000000001"),
        ] {
            assert_eq!(Threshold(threshold).to_string(), text);
        }
    }
}

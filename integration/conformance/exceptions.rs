//! Cases whose recorded answer is not given, on purpose.

/// Why.
pub(crate) enum Why {
    /// The configuration is refused.
    Refused(&'static str),
    /// Traces that the Collector loses are kept.
    Kept(&'static str),
}

const MISSPELT: Why =
    Why::Refused("a misspelt body would be ignored silently, with defaults in its place");
const WRAPS: Why = Why::Refused("a number that is too large would wrap around");
const NEVER: Why = Why::Refused("the condition could never hold on any span");
const EVICTED: Why = Why::Kept("no trace is evicted without a verdict");

/// By name; one that is no longer true fails the test.
pub(crate) const EXCEPTIONS: &[(&str, Why)] = &[
    ("config/misspelt-body-key", MISSPELT),
    ("config/misspelt-body-key-status", MISSPELT),
    ("config/max-value-uint64-wraps", WRAPS),
    ("config/min-spans-2-to-32-plus-2-wraps", WRAPS),
    ("latency/unused-extra-mapping", MISSPELT),
    ("limits/num-traces-evicts-oldest", EVICTED),
    ("limits/num-traces-refresh-does-not-help", EVICTED),
    ("ottl_condition/event-index", NEVER),
    ("ottl_condition/event-index-propagate", NEVER),
    ("ottl_condition/late-duration-bad-propagate", NEVER),
    ("ottl_condition/late-int-function-bare", NEVER),
    ("ottl_condition/late-int-function-bare-propagate", NEVER),
];

//! `composite`: policies that share a budget of spans.

use crate::kind::Policy;

/// The first sub-policy that says sampled decides, within its share of a budget of spans for each
/// second of stream time.
///
/// Natively they are asked in `policy_order`, shares are exact, and the total holds for all of
/// them together. Under `compatibility: collector` they are asked as listed, shares are cut to
/// whole spans, and each is held against the total alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// Spans a second for all sub-policies.
    pub max_total_spans_per_second: i64,
    /// The sub-policies' names in the order of asking; natively empty = as listed.
    pub policy_order: Vec<String>,
    /// The sub-policies, of simple kinds or `and`.
    pub sub_policies: Vec<Policy>,
    /// The sub-policies' shares.
    pub rate_allocation: Vec<RateAllocation>,
}

/// A sub-policy's share of a [`Composite`]'s budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateAllocation {
    /// The sub-policy's name.
    pub policy: String,
    /// Its share in percent; under `compatibility: collector` 0 or less = an equal one.
    pub percent: i64,
}

//! What late spans say of a trace that was dropped.

use tailsift_trace::{Millis, TraceId};

use super::PolicySet;
use crate::kind::{Case, Rule};
use crate::limiters::Limiters;
use crate::{Facts, Vote};

impl PolicySet {
    /// The first policy that wants these facts kept without any chance or budget in it, and without
    /// [kin](Facts::forget_kin): what a late span may still say of a dropped trace. `None` if a policy
    /// says Dropped, or may say so if its budget allows.
    pub fn certain_keep(&self, trace_id: TraceId, facts: &Facts) -> Option<u16> {
        self.keeper(trace_id, facts, |rule| rule.is_certain() && !rule.asks_kin())
    }

    /// The same of facts whose kin are those of late spans alone: a late failure counts if no span of
    /// its own record mends it. Whether parents are missing nobody can say by then.
    pub fn late_keep(&self, trace_id: TraceId, facts: &Facts) -> Option<u16> {
        self.keeper(trace_id, facts, is_told_by_late_spans)
    }

    /// The first policy that wants a trace kept for these late spans, whatever else is in it: when
    /// nothing is known of the rest any more. `None` as in [`late_keep`](Self::late_keep).
    pub fn lone_keep(&self, trace_id: TraceId, facts: &Facts) -> Option<u16> {
        self.keeper(trace_id, facts, |rule| is_told_by_late_spans(rule) && is_lasting(rule))
    }

    /// True if a policy says Dropped of these facts, or may say so if its budget allows: for its sake
    /// nothing keeps the trace.
    pub fn late_drop(&self, trace_id: TraceId, facts: &Facts) -> bool {
        let limiters = &mut Limiters::default();
        let mut case = Case { trace_id, facts, now: Millis(0), limiters, marked: None };
        self.rules.iter().any(|rule| may_drop(rule, &mut case))
    }

    fn keeper(
        &self,
        trace_id: TraceId,
        facts: &Facts,
        is_certain: impl Fn(&Rule) -> bool,
    ) -> Option<u16> {
        let limiters = &mut Limiters::default();
        let mut case = Case { trace_id, facts, now: Millis(0), limiters, marked: None };
        let mut keeper = None;
        for (place, rule) in self.rules.iter().enumerate() {
            if may_drop(rule, &mut case) {
                return None;
            }
            let asks = keeper.is_none() && is_certain(rule) && !matches!(rule, Rule::Drop(_));
            if asks && rule.vote(&mut case) == Vote::Sampled {
                keeper = Some(place as u16);
            }
        }
        keeper
    }
}

/// Only rules without a budget are asked: none looks at the limiters.
fn may_drop(rule: &Rule, case: &mut Case<'_>) -> bool {
    let Rule::Drop(rules) = rule else { return false };
    let mut may_agree =
        |rule: &Rule| rule.has_budget() || rule.asks_kin() || rule.vote(case) == Vote::Sampled;
    rules.iter().all(&mut may_agree)
}

/// More late spans never take back what it says.
fn is_told_by_late_spans(rule: &Rule) -> bool {
    if let Rule::Failure(_) = rule {
        return true;
    }
    if let Rule::And(rules) = rule {
        return rules.iter().all(is_told_by_late_spans);
    }
    rule.is_certain() && !rule.asks_kin()
}

/// No span takes back that it wants a trace, wherever that span is. Of `failure` that is true as far
/// as late spans tell.
fn is_lasting(rule: &Rule) -> bool {
    match rule {
        Rule::Latency(rule) => rule.is_lasting(),
        Rule::StringAttribute(rule) => rule.is_lasting(),
        Rule::NumericAttribute(rule) => rule.is_lasting(),
        Rule::BooleanAttribute(rule) => rule.is_lasting(),
        Rule::SpanCount(rule) => rule.is_lasting(),
        Rule::OttlCondition(rule) => rule.is_lasting(),
        Rule::TraceCondition(rule) => rule.is_lasting(),
        Rule::And(rules) => rules.iter().all(is_lasting),
        Rule::AlwaysSample
        | Rule::StatusCode(_)
        | Rule::LowConfidence(_)
        | Rule::SpanLatency(_)
        | Rule::TraceState(_)
        | Rule::TraceFlags(_)
        | Rule::Failure(_) => true,
        Rule::Not(_)
        | Rule::Drop(_)
        | Rule::Composite(_)
        | Rule::Fragmented(_)
        | Rule::Probabilistic(_)
        | Rule::RateLimiting(_)
        | Rule::BytesLimiting(_)
        | Rule::Forced(_)
        | Rule::Drift(_)
        | Rule::RatePerKey(_) => false,
    }
}

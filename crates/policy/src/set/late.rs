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

    fn keeper(
        &self,
        trace_id: TraceId,
        facts: &Facts,
        is_certain: impl Fn(&Rule) -> bool,
    ) -> Option<u16> {
        // Only rules without a budget are asked: none looks at these.
        let limiters = &mut Limiters::default();
        let mut case = Case { trace_id, facts, now: Millis(0), limiters, marked: None };
        let mut sampled = |rule: &Rule| rule.vote(&mut case) == Vote::Sampled;
        let mut keeper = None;
        for (place, rule) in self.rules.iter().enumerate() {
            if let Rule::Drop(rules) = rule {
                let may_agree = |rule: &Rule| rule.has_budget() || rule.asks_kin() || sampled(rule);
                if rules.iter().all(may_agree) {
                    return None;
                }
            } else if keeper.is_none() && is_certain(rule) && sampled(rule) {
                keeper = Some(place as u16);
            }
        }
        keeper
    }
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

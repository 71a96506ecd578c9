//! `and`: all sub-policies say sampled, each perhaps for another span.

use tailsift_trace::TraceId;

use crate::compile::Compiler;
use crate::kind::{Policy, Rule};
use crate::{Facts, Vote};

/// All sub-policies must say sampled. They may match on different spans.
#[derive(Clone, Debug, PartialEq)]
pub struct And {
    /// The sub-policies; natively at least one (under `compatibility: collector` an empty list
    /// keeps everything).
    pub policies: Vec<Policy>,
}

impl And {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Vec<Rule> {
        if self.policies.is_empty() && !compiler.collector() {
            compiler.refuse(
                format!("{path}.and.and_sub_policy"),
                "must list at least one sub-policy: an empty one would keep every trace",
            );
        }
        let children = self.policies.into_iter().enumerate();
        children
            .map(|(index, policy)| {
                policy.kind.compile(&format!("{path}.and.and_sub_policy[{index}]"), compiler)
            })
            .collect()
    }
}

pub(crate) fn sampled(rules: &[Rule], trace_id: TraceId, facts: &Facts) -> bool {
    rules.iter().all(|rule| rule.vote(trace_id, facts) == Vote::Sampled)
}

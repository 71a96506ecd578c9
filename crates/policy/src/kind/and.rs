//! `and`: all sub-policies say sampled, each perhaps for another span.

use crate::Vote;
use crate::compile::{Compiler, Within};
use crate::kind::{Policy, Rule};

/// All sub-policies must say sampled. They may match on different spans. They are asked in order,
/// up to the first that does not, so that a budget behind a filter pays for what passed it alone.
#[derive(Clone, Debug, PartialEq)]
pub struct And {
    /// The sub-policies, of simple kinds or `not`; natively at least one (under `compatibility:
    /// collector` an empty list keeps everything).
    pub policies: Vec<Policy>,
}

impl And {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Vec<Rule> {
        let path = format!("{path}.and.and_sub_policy");
        if self.policies.is_empty() && !compiler.collector() {
            let message = "must list at least one sub-policy: an empty one would keep every trace";
            compiler.refuse(path.as_str(), message);
        }
        compiler.sub_policies(&path, Within::And, self.policies)
    }
}

/// Sampled if all are; the first vote of another sort ends it.
pub(crate) fn all(votes: impl IntoIterator<Item = Vote>) -> Vote {
    votes.into_iter().find(|vote| *vote != Vote::Sampled).unwrap_or(Vote::Sampled)
}

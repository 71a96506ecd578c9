//! `not`: the opposite of a policy's vote.

use crate::Vote;
use crate::compile::{Compiler, Within};
use crate::kind::{Policy, Rule};

/// Sampled where its sub-policy says not sampled, and the other way round.
#[derive(Clone, Debug, PartialEq)]
pub struct Not(
    /// The sub-policy, of a simple kind: none that has sub-policies itself.
    pub Box<Policy>,
);

impl Not {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        self.0.kind.compile(&format!("{path}.not.not_sub_policy"), Within::Not, compiler)
    }
}

/// The opposite. An error stays one, and nothing within a `not` can say dropped.
pub(crate) fn opposite(vote: Vote) -> Vote {
    match vote {
        Vote::Sampled => Vote::NotSampled,
        Vote::NotSampled => Vote::Sampled,
        Vote::Dropped | Vote::Error => vote,
    }
}

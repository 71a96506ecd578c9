//! `not`: the opposite of a policy's vote.

use crate::kind::Policy;

/// Sampled where its sub-policy says not sampled, and the other way round.
#[derive(Clone, Debug, PartialEq)]
pub struct Not(
    /// The sub-policy, of a simple kind: none that has sub-policies itself.
    pub Box<Policy>,
);

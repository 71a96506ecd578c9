//! `drop`: drops a trace for which all sub-policies say sampled.

use crate::Vote;
use crate::compile::{Compiler, Within};
use crate::kind::{Policy, Rule, and};

/// Says dropped, which outweighs every other vote, where all sub-policies say sampled; they may
/// match on different spans. It stands at the top of the list only, and is asked before all others.
#[derive(Clone, Debug, PartialEq)]
pub struct DropIf(
    /// The sub-policies, of simple kinds or `not`; natively at least one (under `compatibility:
    /// collector` an empty list drops everything).
    pub Vec<Policy>,
);

impl DropIf {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Vec<Rule> {
        let path = format!("{path}.drop.drop_sub_policy");
        if self.0.is_empty() && !compiler.collector() {
            let message = "must list at least one sub-policy: an empty one would drop every trace";
            compiler.refuse(path.as_str(), message);
        }
        compiler.sub_policies(&path, Within::Drop, self.0)
    }
}

/// Dropped if all say sampled. One that fails drops nothing.
pub(crate) fn dropped(votes: impl IntoIterator<Item = Vote>) -> Vote {
    match and::all(votes) {
        Vote::Sampled => Vote::Dropped,
        vote @ (Vote::NotSampled | Vote::Dropped | Vote::Error) => vote,
    }
}

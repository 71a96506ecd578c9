//! `fragmented`: parents were named that never came.

use crate::Facts;
use crate::compile::Compiler;

/// More than so many distinct parents are missing when the trace is judged: the context was lost on
/// the way, or a service sends no spans. A trace of more than 4096 spans is never taken for
/// fragmented, and counted ([`Tally::kin_too_many`](crate::Tally)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragmented {
    /// So many may be missing.
    pub missing_parents_above: u32,
}

#[derive(Debug)]
pub(crate) struct Rule {
    above: usize,
}

impl Fragmented {
    pub(crate) fn compile(self, compiler: &mut Compiler<'_>) -> Rule {
        compiler.kin.parents = true;
        Rule { above: self.missing_parents_above as usize }
    }
}

impl Rule {
    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.kin().is_some_and(|kin| kin.missing_parents() > self.above)
    }
}

//! `failure`: errors that matter.

use crate::Facts;
use crate::compile::Compiler;

/// A span failed, and nothing mended it.
///
/// An error is *recovered* if a sibling of the same name, under the same parent, began when the
/// failed one had ended, and did not fail; or if the parent failed as well and was itself recovered
/// so. All others are *fatal*: a root that failed above all. Statuses and times are the spans' own.
/// With more than 256 errors in a trace, or more than 1024 names under parents, any error is taken
/// for fatal, and the trace is counted ([`Tally::kin_too_many`](crate::Tally)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Traces of which all errors were recovered are kept too.
    pub keep_recovered: bool,
}

#[derive(Debug)]
pub(crate) struct Rule {
    keep_recovered: bool,
}

impl Failure {
    pub(crate) fn compile(self, compiler: &mut Compiler<'_>) -> Rule {
        compiler.kin.failures = true;
        Rule { keep_recovered: self.keep_recovered }
    }
}

impl Rule {
    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.kin().is_some_and(|kin| {
            if self.keep_recovered { kin.has_failed() } else { kin.has_failed_for_good() }
        })
    }
}

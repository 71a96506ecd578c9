//! `status_code`: a span has one of the listed status codes.

use tailsift_trace::StatusCode;

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

/// Any span's status code is in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCodes(
    /// At least one code.
    pub Vec<StatusCode>,
);

#[derive(Debug)]
pub(crate) struct Rule {
    codes: Vec<StatusCode>,
    hit: Bit,
}

impl StatusCodes {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        if self.0.is_empty() {
            compiler.refuse(
                format!("{path}.status_code.status_codes"),
                "must list at least one of ERROR, OK, UNSET",
            );
        }
        Rule { codes: self.0, hit: compiler.bit() }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        if self.codes.contains(&context.span.status) {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }
}

//! `trace_flags`: whoever made a span had marked its trace as sampled.

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

/// Bit 0 of the W3C trace flags.
const SAMPLED: u32 = 1;

#[derive(Debug)]
pub(crate) struct Rule {
    hit: Bit,
}

pub(crate) fn compile(compiler: &mut Compiler<'_>) -> Rule {
    Rule { hit: compiler.bit() }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        if context.span.flags & SAMPLED != 0 {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }
}

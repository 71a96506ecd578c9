//! `always_sample`: keeps every trace that has a span.

use crate::Facts;

pub(crate) fn sampled(facts: &Facts) -> bool {
    facts.spans > 0
}

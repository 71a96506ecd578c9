//! `rate_limiting`: so many spans a second.

use crate::compile::Compiler;
use crate::kind::Case;
use crate::limiters::TokenBucket;

/// Keeps whole traces at a rate of spans, by a token bucket that starts full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimiting {
    /// Spans that flow back into the bucket each second; 0 = none.
    pub spans_per_second: i64,
    /// Spans that the bucket holds; 0 = twice the rate. A larger trace never passes.
    pub burst_capacity: i64,
}

#[derive(Debug)]
pub(crate) struct Rule {
    bucket: TokenBucket,
}

impl RateLimiting {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let Self { spans_per_second: rate, burst_capacity: burst } = self;
        compiler.check_bucket(&format!("{path}.rate_limiting"), "spans_per_second", rate, burst);
        Rule { bucket: compiler.budgets.bucket(rate, burst) }
    }
}

impl Rule {
    pub(crate) fn sampled(&self, case: &mut Case<'_>) -> bool {
        self.bucket.take(u64::from(case.facts.spans), case.limiters, case.now)
    }
}

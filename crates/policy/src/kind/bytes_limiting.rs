//! `bytes_limiting`: so many bytes a second.

use crate::compile::Compiler;
use crate::kind::Case;
use crate::limiters::TokenBucket;

/// Keeps whole traces at a rate of bytes, by a token bucket that starts full.
///
/// A trace costs what the Collector would need for it as protobuf: the resource once for each
/// `ResourceSpans` that brought spans of it, schema URLs free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BytesLimiting {
    /// Bytes that flow back into the bucket each second; 0 = none.
    pub bytes_per_second: i64,
    /// Bytes that the bucket holds; 0 = twice the rate. A larger trace never passes.
    pub burst_capacity: i64,
}

#[derive(Debug)]
pub(crate) struct Rule {
    bucket: TokenBucket,
}

impl BytesLimiting {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let Self { bytes_per_second: rate, burst_capacity: burst } = self;
        compiler.check_bucket(&format!("{path}.bytes_limiting"), "bytes_per_second", rate, burst);
        compiler.interest.ask_for_sizes();
        Rule { bucket: compiler.budgets.bucket(rate, burst) }
    }
}

impl Rule {
    pub(crate) fn sampled(&self, case: &mut Case<'_>) -> bool {
        self.bucket.take(u64::from(case.facts.framed_bytes), case.limiters, case.now)
    }
}

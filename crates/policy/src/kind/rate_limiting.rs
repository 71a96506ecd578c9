//! `rate_limiting`: so many spans a second.

/// Keeps whole traces at a rate of spans, by a token bucket that starts full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimiting {
    /// Spans that flow back into the bucket each second; 0 = none.
    pub spans_per_second: i64,
    /// Spans that the bucket holds; 0 = twice the rate. A larger trace never passes.
    pub burst_capacity: i64,
}

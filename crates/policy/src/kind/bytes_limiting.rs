//! `bytes_limiting`: so many bytes a second.

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

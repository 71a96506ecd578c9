//! `trace_state`: a span's W3C tracestate has a member of one of these values.

/// Any span's W3C tracestate has a member of this key with one of these values, exact.
///
/// A header that breaks the W3C rules (a bad member, a repeated key, more than 32 members) has no
/// members at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceState {
    /// The member's key.
    pub key: String,
    /// Its values; empty ones, and those of 256 bytes or more together with the key, never match.
    pub values: Vec<String>,
}

//! `span_count`: a trace of so many spans.

/// The number of spans received, repeats included, lies in an inclusive range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanCount {
    /// The least number of spans.
    pub min_spans: i32,
    /// The greatest number of spans; 0 = unbounded.
    pub max_spans: i32,
}

//! What can be wrong with bytes that should be OTLP.

use thiserror::Error;

/// Bytes that are no OTLP trace request, and the first place where that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not an OTLP trace request: byte {offset}: {what}; check that the producer writes \
     OTLP protobuf (OTLP/JSON has an encoding of its own in the settings)"
)]
pub struct ScanError {
    /// Bytes from the start of the payload.
    pub offset: usize,
    /// What was found there.
    pub what: Fault,
}

/// A breach of the protobuf encoding, or of a field's type in opentelemetry-proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// A field reaches over the end of its message.
    #[error("expected {expected} more bytes in the message, got {got}")]
    Truncated {
        /// How many bytes the field should have.
        expected: u64,
        /// How many its message has left.
        got: usize,
    },
    /// A varint without an end, or over 64 bits.
    #[error("expected a varint of at most 64 bits, got one cut short or longer")]
    Varint,
    /// A field key that protobuf does not allow.
    #[error("expected a field number from 1 to 536870911 and a wire type from 0 to 5, got key {0}")]
    Key(u64),
    /// A field that opentelemetry-proto defines, with another type.
    #[error("expected field {number} in its own wire type, got wire type {wire_type}")]
    WireType {
        /// The field's number.
        number: u32,
        /// The wire type it came with.
        wire_type: u32,
    },
    /// A group that ends without a start, or under another number.
    #[error("expected groups to end as they begin, got an end of group {0}")]
    GroupEnd(u32),
    /// Groups within groups beyond any use.
    #[error("expected groups at most 100 deep, got more")]
    GroupDepth,
    /// A header so interleaved with other fields that a record of many traces is not taken apart.
    #[error(
        "expected the fields of a header in at most 64 runs, got more in a record of many traces"
    )]
    Scattered,
    /// A payload beyond what protobuf allows.
    #[error("expected at most 2147483647 bytes, got {0}")]
    TooLarge(usize),
}

/// A text that is not of the format that it should have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The text is no JSON, or nests deeper than 128 levels.
    #[error("not {format}: {error}")]
    Syntax {
        /// `OTLP/JSON` or `Zipkin JSON`.
        format: &'static str,
        /// What breaks the syntax, and where.
        error: String,
    },
    /// The JSON is of another shape.
    #[error("not {format}: {path}: expected {expected}, got {got}")]
    Shape {
        /// `OTLP/JSON` or `Zipkin JSON`.
        format: &'static str,
        /// Where, as in `resourceSpans[0].scopeSpans[1].spans[7].traceId`.
        path: String,
        /// What would do.
        expected: &'static str,
        /// What is there, cut short.
        got: String,
    },
}

/// Bytes that are no Jaeger span, and the first place where that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not a Jaeger span: byte {offset}: {what}; check that the producer writes jaeger_proto, one \
     model.Span a record"
)]
pub struct JaegerError {
    /// Bytes from the start of the payload.
    pub offset: usize,
    /// What was found there.
    pub what: JaegerFault,
}

impl From<ScanError> for JaegerError {
    fn from(ScanError { offset, what }: ScanError) -> Self {
        Self { offset, what: JaegerFault::Wire(what) }
    }
}

/// A breach of the protobuf encoding, or a value that Jaeger's model does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JaegerFault {
    /// The bytes are no protobuf, or a field has another type.
    #[error(transparent)]
    Wire(Fault),
    /// A trace ID of another length.
    #[error("expected a trace ID of 8 or 16 bytes, got {0}")]
    TraceId(usize),
    /// A span ID of another length.
    #[error("expected a span ID of 8 bytes, got {0}")]
    SpanId(usize),
    /// A time that protobuf's `Timestamp` does not allow.
    #[error(
        "expected a time of the years 1 to 9999 with 0 to 999999999 ns, got {seconds} s and {nanos} ns"
    )]
    Time {
        /// Its whole seconds since the Unix epoch.
        seconds: i64,
        /// What it adds to them.
        nanos: i32,
    },
    /// A duration that is none, or does not fit 64 bits of nanoseconds.
    #[error(
        "expected a duration of at most 292 years, seconds and ns of one sign, got {seconds} s and {nanos} ns"
    )]
    Duration {
        /// Its whole seconds.
        seconds: i64,
        /// What it adds to them.
        nanos: i32,
    },
}

//! What is wrong with a record that cannot be read.

use tailsift_otlp::{Fault, JaegerError, JaegerFault, JsonError, ScanError};

/// What made a record unreadable: an encoding's [`Fault`], without its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoisonReason(&'static str);

impl PoisonReason {
    /// The record has no value at all.
    pub(crate) const NO_VALUE: Self = Self("no_value");

    /// The name in the metric's `reason` label; one of a fixed few.
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }
}

impl From<&ScanError> for PoisonReason {
    fn from(error: &ScanError) -> Self {
        Self::from(error.what)
    }
}

impl From<Fault> for PoisonReason {
    fn from(fault: Fault) -> Self {
        Self(match fault {
            Fault::Truncated { .. } => "truncated",
            Fault::Varint => "varint",
            Fault::Key(_) => "field_key",
            Fault::WireType { .. } => "wire_type",
            Fault::GroupEnd(_) => "group_end",
            Fault::GroupDepth => "group_depth",
            Fault::TooLarge(_) => "too_large",
            Fault::Scattered => "scattered",
        })
    }
}

impl From<&JaegerError> for PoisonReason {
    fn from(error: &JaegerError) -> Self {
        match error.what {
            JaegerFault::Wire(fault) => Self::from(fault),
            JaegerFault::TraceId(_) | JaegerFault::SpanId(_) => Self("id_length"),
            JaegerFault::Time { .. } | JaegerFault::Duration { .. } => Self("time"),
        }
    }
}

impl From<&JsonError> for PoisonReason {
    fn from(error: &JsonError) -> Self {
        Self(match error {
            JsonError::Syntax { .. } => "json_syntax",
            JsonError::Shape { .. } => "json_shape",
        })
    }
}

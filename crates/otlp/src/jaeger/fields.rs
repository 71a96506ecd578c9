//! Field keys of Jaeger's `model.proto` and of the protobuf types that it uses.

use std::ops::RangeInclusive;

use crate::fields::{DELIMITED, FIXED64, VARINT, key};

/// `Span`.
pub(super) mod span {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=12;
    pub(crate) const TRACE_ID: u32 = key(1, DELIMITED);
    pub(crate) const SPAN_ID: u32 = key(2, DELIMITED);
    pub(crate) const OPERATION_NAME: u32 = key(3, DELIMITED);
    pub(crate) const REFERENCES: u32 = key(4, DELIMITED);
    pub(crate) const FLAGS: u32 = key(5, VARINT);
    pub(crate) const START_TIME: u32 = key(6, DELIMITED);
    pub(crate) const DURATION: u32 = key(7, DELIMITED);
    pub(crate) const TAGS: u32 = key(8, DELIMITED);
    pub(crate) const LOGS: u32 = key(9, DELIMITED);
    pub(crate) const PROCESS: u32 = key(10, DELIMITED);
    pub(crate) const PROCESS_ID: u32 = key(11, DELIMITED);
    pub(crate) const WARNINGS: u32 = key(12, DELIMITED);
}

/// `SpanRef`.
pub(super) mod span_ref {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=3;
    pub(crate) const TRACE_ID: u32 = key(1, DELIMITED);
    pub(crate) const SPAN_ID: u32 = key(2, DELIMITED);
    pub(crate) const REF_TYPE: u32 = key(3, VARINT);
}

/// `KeyValue`.
pub(super) mod key_value {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=7;
    pub(crate) const KEY: u32 = key(1, DELIMITED);
    pub(crate) const TYPE: u32 = key(2, VARINT);
    pub(crate) const TEXT: u32 = key(3, DELIMITED);
    pub(crate) const BOOL: u32 = key(4, VARINT);
    pub(crate) const INT: u32 = key(5, VARINT);
    pub(crate) const DOUBLE: u32 = key(6, FIXED64);
    pub(crate) const BYTES: u32 = key(7, DELIMITED);
}

/// `Log`.
pub(super) mod log {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=2;
    pub(crate) const TIME: u32 = key(1, DELIMITED);
    pub(crate) const FIELDS: u32 = key(2, DELIMITED);
}

/// `Process`.
pub(super) mod process {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=2;
    pub(crate) const SERVICE_NAME: u32 = key(1, DELIMITED);
    pub(crate) const TAGS: u32 = key(2, DELIMITED);
}

/// `google.protobuf.Timestamp` and `google.protobuf.Duration`, which look the same.
pub(super) mod time {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=2;
    pub(crate) const SECONDS: u32 = key(1, VARINT);
    pub(crate) const NANOS: u32 = key(2, VARINT);
}

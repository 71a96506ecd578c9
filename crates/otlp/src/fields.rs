//! Field keys of opentelemetry-proto 1.x: `number << 3 | wire type`, as they stand on the wire.

use std::ops::RangeInclusive;

use crate::ScanError;
use crate::wire::Cursor;

pub(crate) const VARINT: u32 = 0;
pub(crate) const FIXED64: u32 = 1;
pub(crate) const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

pub(crate) const fn key(number: u32, wire_type: u32) -> u32 {
    number << 3 | wire_type
}

/// `ExportTraceServiceRequest` and `TracesData`, which are the same on the wire.
pub(crate) mod request {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=1;
    pub(crate) const RESOURCE_SPANS: u32 = key(1, DELIMITED);
}

/// `ResourceSpans`.
pub(crate) mod resource_spans {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=3;
    pub(crate) const RESOURCE: u32 = key(1, DELIMITED);
    pub(crate) const SCOPE_SPANS: u32 = key(2, DELIMITED);
    pub(crate) const SCHEMA_URL: u32 = key(3, DELIMITED);
}

/// `Resource`.
pub(crate) mod resource {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=3;
    pub(crate) const ATTRIBUTES: u32 = key(1, DELIMITED);
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = key(2, VARINT);
    pub(crate) const ENTITY_REFS: u32 = key(3, DELIMITED);
}

/// `EntityRef`.
pub(crate) mod entity_ref {
    use super::*;
    pub(crate) const SCHEMA_URL: u32 = key(1, DELIMITED);
    pub(crate) const TYPE: u32 = key(2, DELIMITED);
    pub(crate) const ID_KEYS: u32 = key(3, DELIMITED);
    pub(crate) const DESCRIPTION_KEYS: u32 = key(4, DELIMITED);
}

/// `ScopeSpans`.
pub(crate) mod scope_spans {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=3;
    pub(crate) const SCOPE: u32 = key(1, DELIMITED);
    pub(crate) const SPANS: u32 = key(2, DELIMITED);
    pub(crate) const SCHEMA_URL: u32 = key(3, DELIMITED);
}

/// `InstrumentationScope`.
pub(crate) mod scope {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=4;
    pub(crate) const NAME: u32 = key(1, DELIMITED);
    pub(crate) const VERSION: u32 = key(2, DELIMITED);
    pub(crate) const ATTRIBUTES: u32 = key(3, DELIMITED);
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = key(4, VARINT);
}

/// `Span`.
pub(crate) mod span {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=16;
    pub(crate) const TRACE_ID: u32 = key(1, DELIMITED);
    pub(crate) const SPAN_ID: u32 = key(2, DELIMITED);
    pub(crate) const TRACE_STATE: u32 = key(3, DELIMITED);
    pub(crate) const PARENT_SPAN_ID: u32 = key(4, DELIMITED);
    pub(crate) const NAME: u32 = key(5, DELIMITED);
    pub(crate) const KIND: u32 = key(6, VARINT);
    pub(crate) const START_TIME: u32 = key(7, FIXED64);
    pub(crate) const END_TIME: u32 = key(8, FIXED64);
    pub(crate) const ATTRIBUTES: u32 = key(9, DELIMITED);
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = key(10, VARINT);
    pub(crate) const EVENTS: u32 = key(11, DELIMITED);
    pub(crate) const DROPPED_EVENTS_COUNT: u32 = key(12, VARINT);
    pub(crate) const LINKS: u32 = key(13, DELIMITED);
    pub(crate) const DROPPED_LINKS_COUNT: u32 = key(14, VARINT);
    pub(crate) const STATUS: u32 = key(15, DELIMITED);
    pub(crate) const FLAGS: u32 = key(16, FIXED32);

    /// Skips a field of a span whose key was read; one of a known number with another wire type is
    /// an error.
    pub(crate) fn skip(fields: &mut Cursor<'_>, key: u32) -> Result<(), ScanError> {
        match key {
            TRACE_ID | SPAN_ID | TRACE_STATE | PARENT_SPAN_ID | NAME | ATTRIBUTES | EVENTS
            | LINKS | STATUS => fields.delimited().map(drop),
            START_TIME | END_TIME => fields.fixed64().map(drop),
            FLAGS => fields.fixed32().map(drop),
            KIND | DROPPED_ATTRIBUTES_COUNT | DROPPED_EVENTS_COUNT | DROPPED_LINKS_COUNT => {
                fields.varint().map(drop)
            }
            other => fields.skip_unknown(other, KNOWN),
        }
    }
}

/// `Span.Event`.
pub(crate) mod event {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=4;
    pub(crate) const TIME: u32 = key(1, FIXED64);
    pub(crate) const NAME: u32 = key(2, DELIMITED);
    pub(crate) const ATTRIBUTES: u32 = key(3, DELIMITED);
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = key(4, VARINT);
}

/// `Span.Link`.
pub(crate) mod link {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=6;
    pub(crate) const TRACE_ID: u32 = key(1, DELIMITED);
    pub(crate) const SPAN_ID: u32 = key(2, DELIMITED);
    pub(crate) const TRACE_STATE: u32 = key(3, DELIMITED);
    pub(crate) const ATTRIBUTES: u32 = key(4, DELIMITED);
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: u32 = key(5, VARINT);
    pub(crate) const FLAGS: u32 = key(6, FIXED32);
}

/// `Status`, whose field 1 is retired.
pub(crate) mod status {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 2..=3;
    pub(crate) const MESSAGE: u32 = key(2, DELIMITED);
    pub(crate) const CODE: u32 = key(3, VARINT);
}

/// `KeyValue`; field 3 serves the profiles' dictionary and means nothing in a trace.
pub(crate) mod key_value {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=3;
    pub(crate) const KEY: u32 = key(1, DELIMITED);
    pub(crate) const VALUE: u32 = key(2, DELIMITED);
    pub(crate) const KEY_STRINDEX: u32 = key(3, VARINT);
}

/// `AnyValue`; field 8 serves the profiles' dictionary and means nothing in a trace.
pub(crate) mod any_value {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=8;
    pub(crate) const STRING: u32 = key(1, DELIMITED);
    pub(crate) const BOOL: u32 = key(2, VARINT);
    pub(crate) const INT: u32 = key(3, VARINT);
    pub(crate) const DOUBLE: u32 = key(4, FIXED64);
    pub(crate) const ARRAY: u32 = key(5, DELIMITED);
    pub(crate) const KVLIST: u32 = key(6, DELIMITED);
    pub(crate) const BYTES: u32 = key(7, DELIMITED);
    pub(crate) const STRING_STRINDEX: u32 = key(8, VARINT);
}

/// `ArrayValue` and `KeyValueList`: one repeated field.
pub(crate) mod list {
    use super::*;
    pub(crate) const KNOWN: RangeInclusive<u32> = 1..=1;
    pub(crate) const VALUES: u32 = key(1, DELIMITED);
}

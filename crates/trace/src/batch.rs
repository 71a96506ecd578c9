//! One record, scanned: spans as views, grouped by trace.

use std::ops::Range;

use crate::{Attribute, Detailed, Event, SpanId, TraceId, UnixNano};

/// One Kafka record after the scan. `'p` is the record's payload.
///
/// Spans are grouped by trace (stable: arrival order within a trace), traces in order of
/// appearance. The vectors are meant to be used again from record to record
/// ([`recycle`](Batch::recycle)), so that scanning allocates nothing in the steady state.
#[derive(Debug, Default)]
pub struct Batch<'p> {
    /// The `ResourceSpans` messages that hold spans.
    pub resources: Vec<Resource>,
    /// All well-formed spans.
    pub spans: Vec<Span<'p>>,
    /// A size for each of [`spans`](Self::spans), if asked for
    /// ([`Interest::ask_for_sizes`](crate::Interest::ask_for_sizes)); else empty.
    pub sizes: Vec<SpanSize>,
    /// Attributes of interest; resources and spans hold ranges into this.
    pub attributes: Vec<Attribute<'p>>,
    /// One per trace.
    pub chunks: Vec<Chunk>,
    /// Bytes that a record's traces share (headers of resources and scopes), each once.
    pub shared: Vec<&'p [u8]>,
    /// The chunks' bytes; chunks hold ranges into this.
    pub pieces: Vec<Piece<'p>>,
    /// Spans that had no usable trace ID and are in no chunk.
    pub malformed: u32,
    /// What an [`Interest`](crate::Interest) asks for beyond spans and named attributes.
    pub detailed: Detailed<'p>,
}

/// One trace's share of a record.
///
/// The pieces, written one after another, are an `ExportTraceServiceRequest` that holds just this
/// trace's spans, each byte for byte as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans in [`Batch::spans`].
    pub spans: Range<u32>,
    /// Its bytes in [`Batch::pieces`].
    pub pieces: Range<u32>,
}

/// A run of a chunk's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'p> {
    /// Bytes of this trace alone, borrowed from the payload.
    Own(&'p [u8]),
    /// A field's tag and a length that had to be written anew (the first `len` bytes count).
    Frame {
        /// The bytes; a tag and a varint of at most 10 bytes.
        bytes: [u8; 12],
        /// How many of them.
        len: u8,
    },
    /// An entry of [`Batch::shared`].
    Shared(u32),
}

/// A `ResourceSpans` message: what policies may see of its resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    /// Its attributes of interest in [`Batch::attributes`], in wire order.
    pub attributes: Range<u32>,
}

/// A span, borrowed from the payload. Fields are OTLP's.
#[derive(Debug, Clone, PartialEq)]
pub struct Span<'p> {
    /// `trace_id`.
    pub trace_id: TraceId,
    /// `span_id`; `None` if absent, of a wrong length or all zeros.
    pub span_id: Option<SpanId>,
    /// `parent_span_id`; `None` on a root.
    pub parent_span_id: Option<SpanId>,
    /// `start_time_unix_nano`.
    pub start: UnixNano,
    /// `end_time_unix_nano`.
    pub end: UnixNano,
    /// `name`.
    pub name: &'p [u8],
    /// `trace_state`, a W3C `tracestate` header.
    pub trace_state: &'p [u8],
    /// `flags`: W3C flags in the low 8 bits, `0x100` has-is-remote, `0x200` is-remote.
    pub flags: u32,
    /// `kind` (0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer).
    pub kind: i32,
    /// `status.code`.
    pub status: StatusCode,
    /// Its `ResourceSpans` in [`Batch::resources`].
    pub resource: u32,
    /// Its attributes of interest in [`Batch::attributes`], in wire order.
    pub attributes: Range<u32>,
    /// What else there is of it in [`Detailed::spans`], if that was asked for.
    pub detail: u32,
}

/// How many bytes a span and its headers need as the Collector writes protobuf: ids and status are
/// always written, schema URLs never. Without the keys and lengths in front of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanSize {
    /// Its `ResourceSpans`, counted over the record.
    pub resource: u32,
    /// Its `ScopeSpans`, counted over the record.
    pub scope: u32,
    /// The `Resource`.
    pub resource_bytes: u32,
    /// The `InstrumentationScope`.
    pub scope_bytes: u32,
    /// The `Span`.
    pub span_bytes: u32,
}

/// An OTLP `Status.StatusCode`: 0 unset, 1 ok, 2 error; other numbers are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StatusCode(pub i32);

impl StatusCode {
    /// `STATUS_CODE_UNSET`.
    pub const UNSET: Self = Self(0);
    /// `STATUS_CODE_OK`.
    pub const OK: Self = Self(1);
    /// `STATUS_CODE_ERROR`.
    pub const ERROR: Self = Self(2);
}

impl Span<'_> {
    /// True if its parent is known to be in another process.
    pub fn has_remote_parent(&self) -> bool {
        const KNOWN: u32 = 0x100;
        const REMOTE: u32 = 0x200;
        self.parent_span_id.is_some() && self.flags & (KNOWN | REMOTE) == KNOWN | REMOTE
    }

    /// True if it asks something of another process: its kind is client or producer.
    pub fn is_call(&self) -> bool {
        const CLIENT: i32 = 3;
        const PRODUCER: i32 = 4;
        matches!(self.kind, CLIENT | PRODUCER)
    }
}

impl Piece<'_> {
    /// The piece's bytes, given [`Batch::shared`].
    pub fn bytes<'a>(&'a self, shared: &[&'a [u8]]) -> &'a [u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Frame { bytes, len } => &bytes[..usize::from(*len)],
            Self::Shared(index) => shared[*index as usize],
        }
    }
}

impl<'p> Batch<'p> {
    /// The spans of a chunk.
    pub fn spans_of(&self, chunk: &Chunk) -> &[Span<'p>] {
        &self.spans[range(&chunk.spans)]
    }

    /// The sizes of a chunk's spans; none if they were not asked for.
    pub fn sizes_of(&self, chunk: &Chunk) -> &[SpanSize] {
        self.sizes.get(range(&chunk.spans)).unwrap_or(&[])
    }

    /// The byte runs of a chunk.
    pub fn pieces_of(&self, chunk: &Chunk) -> &[Piece<'p>] {
        &self.pieces[range(&chunk.pieces)]
    }

    /// The attributes of interest on a span itself.
    pub fn attributes_of(&self, span: &Span<'p>) -> &[Attribute<'p>] {
        &self.attributes[range(&span.attributes)]
    }

    /// The attributes of interest on a span's resource.
    pub fn resource_attributes_of(&self, span: &Span<'p>) -> &[Attribute<'p>] {
        &self.attributes[range(&self.resources[span.resource as usize].attributes)]
    }

    /// A span's events, if they were asked for.
    pub fn events_of(&self, span: &Span<'p>) -> &[Event<'p>] {
        let detail = self.detailed.spans.get(span.detail as usize);
        detail.map_or(&[], |detail| &self.detailed.events[range(&detail.events)])
    }

    /// Empties the batch and frees it from its payload; the vectors keep their capacity.
    pub fn recycle<'q>(self) -> Batch<'q> {
        let Self {
            mut resources,
            spans,
            mut sizes,
            attributes,
            mut chunks,
            shared,
            pieces,
            malformed: _,
            detailed,
        } = self;
        resources.clear();
        sizes.clear();
        chunks.clear();
        Batch {
            resources,
            spans: emptied(spans),
            sizes,
            attributes: emptied(attributes),
            chunks,
            shared: emptied(shared),
            pieces: emptied(pieces),
            malformed: 0,
            detailed: detailed.recycle(),
        }
    }
}

#[inline]
fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// An empty vector of another lifetime in the same allocation: collecting a vector's own
/// iterator into items of equal layout is done in place.
pub(crate) fn emptied<T, U>(mut items: Vec<T>) -> Vec<U> {
    items.clear();
    items.into_iter().map(|_| unreachable!("the vector was cleared")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttributeKey, Value};

    #[test]
    fn recycling_keeps_the_allocation() {
        let payload = vec![7u8; 4];
        let mut batch = Batch::default();
        batch.shared.reserve(100);
        batch.shared.push(&payload);
        batch.attributes.push(Attribute { key: AttributeKey(0), value: Value::Text(&payload) });
        let capacity = batch.shared.capacity();
        let next: Batch<'static> = batch.recycle();
        drop(payload);
        assert!(next.shared.is_empty() && next.attributes.is_empty());
        assert_eq!(next.shared.capacity(), capacity);
    }
}

//! A trace's request, cut into records of a bounded size.

use std::borrow::Cow;
use std::ops::Range;

use crate::ScanError;
use crate::fields::{request, resource_spans, scope_spans};
use crate::wire::{Cursor, framed_len, push_key, push_varint};

/// A request as records that each are a request and within the limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SplitRecords<'r> {
    /// The records, in order; none if the request was empty.
    pub records: Vec<Cow<'r, [u8]>>,
    /// What fits in no record, in order.
    pub oversize: Vec<Oversize>,
}

/// A part of a request that is over the limit alone and cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversize {
    /// A request of its own: one span with the headers it needs; or, without a span, a header or
    /// unknown fields. Its length is what the limit would have to be.
    pub request: Vec<u8>,
    /// The wire bytes of its span alone; 0 if it has none.
    pub span_bytes: usize,
}

/// Cuts `request` into records of at most `max_bytes` each.
///
/// Fields of the request stay whole while they fit. A `ResourceSpans` that is over the limit by
/// itself is cut between spans, and the headers of its resource and scopes are repeated. Every span
/// is in the result once, byte for byte, in its order. A request within the limit is returned as it is.
///
/// # Errors
/// If the request's outer structure (down to the spans' lengths) is no OTLP.
pub fn split_to_size(request: &[u8], max_bytes: usize) -> Result<SplitRecords<'_>, ScanError> {
    if request.is_empty() {
        return Ok(SplitRecords::default());
    }
    if request.len() <= max_bytes {
        return Ok(SplitRecords { records: vec![Cow::Borrowed(request)], oversize: Vec::new() });
    }
    let mut packer =
        Packer { payload: request, max_bytes, record: Vec::new(), out: SplitRecords::default() };
    let mut fields = Cursor::new(request)?;
    while !fields.is_empty() {
        let at = fields.position();
        match fields.key()? {
            request::RESOURCE_SPANS => {
                let message = fields.message()?;
                if fields.position() - at <= max_bytes {
                    packer.push(&request[at..fields.position()]);
                } else {
                    packer.cut(&Outline::read(message)?);
                }
            }
            other => {
                fields.skip_unknown(other, request::KNOWN)?;
                packer.push(&request[at..fields.position()]);
            }
        }
    }
    packer.flush();
    Ok(packer.out)
}

struct Packer<'r> {
    payload: &'r [u8],
    max_bytes: usize,
    record: Vec<u8>,
    out: SplitRecords<'r>,
}

impl Packer<'_> {
    /// Takes a field of the request whole.
    fn push(&mut self, field: &[u8]) {
        if field.len() > self.max_bytes {
            self.out.oversize.push(Oversize { request: field.to_vec(), span_bytes: 0 });
            return;
        }
        if self.record.len() + field.len() > self.max_bytes {
            self.flush();
        }
        self.record.extend_from_slice(field);
    }

    /// Takes a `ResourceSpans` leaf by leaf.
    fn cut(&mut self, outline: &Outline) {
        let mut first = 0;
        let mut size = Size::default();
        for (index, leaf) in outline.leaves.iter().enumerate() {
            let grown = size.with(outline, leaf);
            if self.record.len() + grown.field_len(outline) <= self.max_bytes {
                size = grown;
                continue;
            }
            self.close(outline, first..index);
            let alone = Size::default().with(outline, leaf);
            if alone.field_len(outline) > self.max_bytes {
                let mut request = Vec::with_capacity(alone.field_len(outline));
                outline.write(index..index + 1, self.payload, &mut request);
                self.out.oversize.push(Oversize { request, span_bytes: leaf.span.len() });
                (first, size) = (index + 1, Size::default());
                continue;
            }
            if self.record.len() + alone.field_len(outline) > self.max_bytes {
                self.flush();
            }
            (first, size) = (index, alone);
        }
        self.close(outline, first..outline.leaves.len());
    }

    fn close(&mut self, outline: &Outline, leaves: Range<usize>) {
        if !leaves.is_empty() {
            outline.write(leaves, self.payload, &mut self.record);
        }
    }

    fn flush(&mut self) {
        if !self.record.is_empty() {
            self.out.records.push(Cow::Owned(std::mem::take(&mut self.record)));
        }
    }
}

/// A `ResourceSpans` down to its spans' places.
#[derive(Default)]
struct Outline {
    header: Header,
    scopes: Vec<Header>,
    leaves: Vec<Leaf>,
}

/// What is not cut: a span's field with its key. A scope without spans, or a resource without
/// scopes, is a leaf of no bytes.
struct Leaf {
    scope: Option<usize>,
    span: Range<usize>,
}

/// Every field of a `ResourceSpans` or `ScopeSpans` but its scopes or spans.
#[derive(Default)]
struct Header {
    runs: Vec<Range<usize>>,
    bytes: usize,
}

impl Outline {
    fn read(mut fields: Cursor<'_>) -> Result<Self, ScanError> {
        let mut outline = Self::default();
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                resource_spans::SCOPE_SPANS => {
                    outline.read_scope(fields.message()?)?;
                    continue;
                }
                resource_spans::RESOURCE | resource_spans::SCHEMA_URL => drop(fields.message()?),
                other => fields.skip_unknown(other, resource_spans::KNOWN)?,
            }
            outline.header.push(at..fields.position());
        }
        if outline.leaves.is_empty() {
            outline.leaves.push(Leaf { scope: None, span: 0..0 });
        }
        Ok(outline)
    }

    fn read_scope(&mut self, mut fields: Cursor<'_>) -> Result<(), ScanError> {
        let mut header = Header::default();
        let scope = Some(self.scopes.len());
        let leaves = self.leaves.len();
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                scope_spans::SPANS => {
                    fields.message()?;
                    self.leaves.push(Leaf { scope, span: at..fields.position() });
                    continue;
                }
                scope_spans::SCOPE | scope_spans::SCHEMA_URL => drop(fields.message()?),
                other => fields.skip_unknown(other, scope_spans::KNOWN)?,
            }
            header.push(at..fields.position());
        }
        if self.leaves.len() == leaves {
            self.leaves.push(Leaf { scope, span: 0..0 });
        }
        self.scopes.push(header);
        Ok(())
    }

    /// Writes a `ResourceSpans` field of some of the leaves, with the headers they need.
    fn write(&self, leaves: Range<usize>, payload: &[u8], out: &mut Vec<u8>) {
        let leaves = &self.leaves[leaves];
        let size = leaves.iter().fold(Size::default(), |size, leaf| size.with(self, leaf));
        push_key(out, request::RESOURCE_SPANS);
        push_varint(out, size.content_len(self) as u64);
        self.header.write(payload, out);
        for of_scope in leaves.chunk_by(|a, b| a.scope == b.scope) {
            let Some(scope) = of_scope[0].scope.map(|scope| &self.scopes[scope]) else { continue };
            let spans: usize = of_scope.iter().map(|leaf| leaf.span.len()).sum();
            push_key(out, resource_spans::SCOPE_SPANS);
            push_varint(out, (scope.bytes + spans) as u64);
            scope.write(payload, out);
            for leaf in of_scope {
                out.extend_from_slice(&payload[leaf.span.clone()]);
            }
        }
    }
}

impl Header {
    fn push(&mut self, run: Range<usize>) {
        self.bytes += run.len();
        self.runs.push(run);
    }

    fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        for run in &self.runs {
            out.extend_from_slice(&payload[run.clone()]);
        }
    }
}

/// The size of a `ResourceSpans` that is being gathered from leaves.
#[derive(Clone, Copy, Default)]
struct Size {
    /// All scopes but the last.
    closed_bytes: usize,
    /// The last scope and the length of its content.
    open: Option<(usize, usize)>,
}

impl Size {
    fn with(self, outline: &Outline, leaf: &Leaf) -> Self {
        match (self.open, leaf.scope) {
            (_, None) => self,
            (Some((open, bytes)), Some(scope)) if open == scope => {
                Self { open: Some((open, bytes + leaf.span.len())), ..self }
            }
            (_, Some(scope)) => Self {
                closed_bytes: self.scopes_len(),
                open: Some((scope, outline.scopes[scope].bytes + leaf.span.len())),
            },
        }
    }

    fn scopes_len(self) -> usize {
        self.closed_bytes + self.open.map_or(0, |(_, bytes)| framed_len(bytes))
    }

    fn content_len(self, outline: &Outline) -> usize {
        outline.header.bytes + self.scopes_len()
    }

    fn field_len(self, outline: &Outline) -> usize {
        framed_len(self.content_len(outline))
    }
}

#[cfg(test)]
mod tests;

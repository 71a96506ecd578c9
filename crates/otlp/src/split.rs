//! A record's bytes, shared out among its traces.

use std::ops::Range;

use ahash::RandomState;
use hashbrown::HashMap;
use tailsift_trace::{Batch, Chunk, Piece, Span, TraceId};

use crate::fields::{request, resource_spans};
use crate::wire::encode_varint;
use crate::{Fault, ScanError};

/// Runs of one header. Writers put a header in one run, or in two around its spans; as each run is
/// repeated for each trace, runs without end would make the work quadratic.
const HEADER_RUNS_MAX: usize = 64;

/// What the walk notes for the split; places are offsets in the payload, which is below 2 GiB.
#[derive(Debug)]
pub(crate) struct Split {
    /// Fields of the request that are no `ResourceSpans`.
    request_runs: Vec<Range<u32>>,
    /// Bytes of headers: every field of a `ResourceSpans` or `ScopeSpans` but its scopes or spans.
    runs: Vec<Range<u32>>,
    resources: Vec<Header>,
    scopes: Vec<Header>,
    spans: Vec<Place>,
    /// Chunks by trace, once a record has a second trace.
    chunk_of: HashMap<TraceId, u32, RandomState>,
    last_chunk: u32,
    /// A span came after a span of a later chunk.
    mixed: bool,
    /// Where a header began that is in too many runs.
    scattered: Option<u32>,
    /// Spans by chunk.
    order: Vec<u32>,
    /// Only its memory is used: for spans on their way into that order.
    spare: Batch<'static>,
}

/// The header of a `ResourceSpans` or a `ScopeSpans`.
#[derive(Debug)]
struct Header {
    runs: Range<u32>,
    bytes: u32,
}

/// Where a span was.
#[derive(Debug)]
struct Place {
    chunk: u32,
    resource: u32,
    scope: u32,
    /// The field with its key.
    field: Range<u32>,
}

/// The mark that a header's runs begin at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunsMark(u32);

impl Default for Split {
    fn default() -> Self {
        // Seeds of its own would make no output differ, only running times.
        let hasher = RandomState::with_seeds(0x7461_696c, 0x7369_6674, 0x6f74_6c70, 0x0073_706c);
        Self {
            request_runs: Vec::new(),
            runs: Vec::new(),
            resources: Vec::new(),
            scopes: Vec::new(),
            spans: Vec::new(),
            chunk_of: HashMap::with_hasher(hasher),
            last_chunk: 0,
            mixed: false,
            scattered: None,
            order: Vec::new(),
            spare: Batch::default(),
        }
    }
}

impl Split {
    /// Forgets the last record.
    pub(crate) fn clear(&mut self) {
        self.request_runs.clear();
        self.runs.clear();
        self.resources.clear();
        self.scopes.clear();
        self.spans.clear();
        self.chunk_of.clear();
        self.last_chunk = 0;
        self.mixed = false;
        self.scattered = None;
    }

    /// Notes fields of the request itself, if the run is not empty.
    pub(crate) fn request_run(&mut self, start: usize, end: usize) {
        if start < end {
            self.request_runs.push(start as u32..end as u32);
        }
    }

    /// Begins the header of a message; its runs are noted before any of a message within.
    pub(crate) fn begin_header(&self) -> RunsMark {
        RunsMark(self.runs.len() as u32)
    }

    /// Notes fields of the header begun last, if the run is not empty.
    #[inline]
    pub(crate) fn header_run(&mut self, start: usize, end: usize) {
        if start < end {
            self.runs.push(start as u32..end as u32);
        }
    }

    /// Ends the header of a `ResourceSpans`; scopes that follow are its own.
    pub(crate) fn push_resource(&mut self, mark: RunsMark) {
        let header = self.header(mark);
        self.resources.push(header);
    }

    /// Forgets the last `ResourceSpans`, which had no spans.
    pub(crate) fn pop_resource(&mut self, mark: RunsMark) {
        self.resources.pop();
        self.pop_runs(mark);
    }

    /// Ends the header of a `ScopeSpans`, behind its spans.
    pub(crate) fn push_scope(&mut self, mark: RunsMark) {
        let header = self.header(mark);
        self.scopes.push(header);
    }

    /// Forgets the header runs since `mark`.
    pub(crate) fn pop_runs(&mut self, mark: RunsMark) {
        self.runs.truncate(mark.0 as usize);
    }

    fn header(&mut self, mark: RunsMark) -> Header {
        self.check_runs(mark);
        let bytes = self.runs[mark.0 as usize..].iter().map(|run| run.end - run.start).sum();
        Header { runs: mark.0..self.runs.len() as u32, bytes }
    }

    fn check_runs(&mut self, mark: RunsMark) {
        let runs = &self.runs[mark.0 as usize..];
        if runs.len() > HEADER_RUNS_MAX {
            self.scattered = self.scattered.or(Some(runs[0].start));
        }
    }

    /// The number of the `ScopeSpans` that is being walked.
    pub(crate) fn scope(&self) -> u32 {
        self.scopes.len() as u32
    }

    /// Notes a span of the `ScopeSpans` that is being walked, and counts it in its chunk.
    pub(crate) fn push_span(
        &mut self,
        trace_id: TraceId,
        field: Range<usize>,
        chunks: &mut Vec<Chunk>,
    ) {
        let chunk = self.chunk(trace_id, chunks);
        chunks[chunk as usize].spans.end += 1;
        self.mixed |= chunk < self.last_chunk;
        self.last_chunk = chunk;
        self.spans.push(Place {
            chunk,
            resource: self.resources.len() as u32 - 1,
            scope: self.scope(),
            field: field.start as u32..field.end as u32,
        });
    }

    #[inline]
    fn chunk(&mut self, trace_id: TraceId, chunks: &mut Vec<Chunk>) -> u32 {
        match chunks.get(self.last_chunk as usize) {
            Some(last) if last.trace_id == trace_id => self.last_chunk,
            _ => self.other_chunk(trace_id, chunks),
        }
    }

    fn other_chunk(&mut self, trace_id: TraceId, chunks: &mut Vec<Chunk>) -> u32 {
        let next = chunks.len() as u32;
        if let ([first], true) = (&**chunks, self.chunk_of.is_empty()) {
            self.chunk_of.insert(first.trace_id, 0);
        }
        if next > 0 {
            let chunk = *self.chunk_of.entry(trace_id).or_insert(next);
            if chunk < next {
                return chunk;
            }
        }
        chunks.push(Chunk { trace_id, spans: 0..0, pieces: 0..0 });
        next
    }

    /// Brings the walked spans into their chunks' order and gives each chunk its pieces.
    ///
    /// # Errors
    /// [`Fault::Scattered`], to keep the number of pieces linear in the payload.
    pub(crate) fn finish<'p>(
        &mut self,
        payload: &'p [u8],
        batch: &mut Batch<'p>,
    ) -> Result<(), ScanError> {
        if let ([chunk], 0) = (&mut *batch.chunks, batch.malformed) {
            chunk.pieces = 0..1;
            batch.pieces.push(Piece::Own(payload));
            return Ok(());
        }
        if self.request_runs.len() > HEADER_RUNS_MAX {
            self.scattered = self.scattered.or(self.request_runs.first().map(|run| run.start));
        }
        if let Some(start) = self.scattered {
            return Err(ScanError { offset: start as usize, what: Fault::Scattered });
        }
        self.sort_spans(batch);
        batch
            .shared
            .extend(self.runs.iter().chain(&self.request_runs).map(|run| slice(payload, run)));
        let mut writer = PieceWriter { split: self, payload, pieces: &mut batch.pieces };
        for chunk in &mut batch.chunks {
            let first = writer.pieces.len() as u32;
            writer.request(&chunk.spans);
            chunk.pieces = first..writer.pieces.len() as u32;
        }
        Ok(())
    }

    /// A counting sort: stable, in linear time.
    fn sort_spans(&mut self, batch: &mut Batch<'_>) {
        let mut next = 0;
        for chunk in &mut batch.chunks {
            let count = chunk.spans.end;
            chunk.spans = next..next;
            next += count;
        }
        self.order.clear();
        self.order.resize(self.spans.len(), 0);
        for (span, place) in self.spans.iter().enumerate() {
            let end = &mut batch.chunks[place.chunk as usize].spans.end;
            self.order[*end as usize] = span as u32;
            *end += 1;
        }
        if self.mixed {
            let mut sorted = std::mem::take(&mut self.spare).recycle();
            let spans: &[Span<'_>] = &batch.spans;
            sorted.spans.extend(self.order.iter().map(|&span| spans[span as usize].clone()));
            std::mem::swap(&mut sorted.spans, &mut batch.spans);
            if !batch.sizes.is_empty() {
                let sizes = &batch.sizes;
                sorted.sizes.extend(self.order.iter().map(|&span| sizes[span as usize]));
                std::mem::swap(&mut sorted.sizes, &mut batch.sizes);
            }
            self.spare = sorted.recycle();
        }
    }
}

fn slice<'p>(payload: &'p [u8], range: &Range<u32>) -> &'p [u8] {
    &payload[range.start as usize..range.end as usize]
}

/// Writes chunks as pieces. A frame is pushed before its content and filled in when the content's
/// length is known.
struct PieceWriter<'s, 'p> {
    split: &'s Split,
    payload: &'p [u8],
    pieces: &'s mut Vec<Piece<'p>>,
}

impl PieceWriter<'_, '_> {
    fn request(&mut self, spans: &Range<u32>) {
        let split = self.split;
        let shared = split.runs.len() as u32;
        let request_runs = split.request_runs.len() as u32;
        self.pieces.extend((shared..shared + request_runs).map(Piece::Shared));
        let order = &split.order[spans.start as usize..spans.end as usize];
        let resource = |span: u32| split.spans[span as usize].resource;
        for of_resource in order.chunk_by(|a, b| resource(*a) == resource(*b)) {
            self.resource_spans(of_resource);
        }
    }

    fn resource_spans(&mut self, spans: &[u32]) {
        let split = self.split;
        let frame = self.open_frame();
        let resource = split.spans[spans[0] as usize].resource;
        let mut len = self.header(&split.resources[resource as usize]);
        let scope = |span: u32| split.spans[span as usize].scope;
        for of_scope in spans.chunk_by(|a, b| scope(*a) == scope(*b)) {
            len += self.scope_spans(of_scope);
        }
        self.close_frame(frame, request::RESOURCE_SPANS, len);
    }

    fn scope_spans(&mut self, spans: &[u32]) -> u64 {
        let split = self.split;
        let frame = self.open_frame();
        let scope = split.spans[spans[0] as usize].scope;
        let mut len = self.header(&split.scopes[scope as usize]);
        let mut run = 0..0;
        for &span in spans {
            let field = &split.spans[span as usize].field;
            len += u64::from(field.end - field.start);
            if run.end == field.start {
                run.end = field.end;
            } else {
                self.own(&run);
                run = field.clone();
            }
        }
        self.own(&run);
        self.close_frame(frame, resource_spans::SCOPE_SPANS, len)
    }

    fn header(&mut self, header: &Header) -> u64 {
        self.pieces.extend(header.runs.clone().map(Piece::Shared));
        u64::from(header.bytes)
    }

    fn own(&mut self, run: &Range<u32>) {
        if run.start < run.end {
            self.pieces.push(Piece::Own(slice(self.payload, run)));
        }
    }

    fn open_frame(&mut self) -> usize {
        self.pieces.push(Piece::Frame { bytes: [0; 12], len: 0 });
        self.pieces.len() - 1
    }

    /// Returns the length of the whole field.
    fn close_frame(&mut self, frame: usize, key: u32, content: u64) -> u64 {
        let (varint, varint_len) = encode_varint(content);
        let mut bytes = [0; 12];
        bytes[0] = key as u8;
        bytes[1..=varint_len].copy_from_slice(&varint[..varint_len]);
        let len = 1 + varint_len;
        self.pieces[frame] = Piece::Frame { bytes, len: len as u8 };
        len as u64 + content
    }
}

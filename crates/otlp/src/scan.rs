//! One walk over a record: spans as borrowed views.

mod more;

use std::ops::Range;

use tailsift_trace::{
    Batch, Interest, Resource, Span, SpanId, SpanSize, StatusCode, TraceId, UnixNano,
};

use crate::attribute::read_run_of_interest;
use crate::fields::{request, resource, resource_spans, scope_spans, span, status};
use crate::split::Split;
use crate::wire::Cursor;
use crate::{ScanError, size};

/// Scans records of OTLP protobuf (`ExportTraceServiceRequest` or `TracesData`).
///
/// What it keeps from record to record is memory only; that is as much as the largest record so
/// far needed. One scanner serves one thread.
///
/// The walk follows protobuf: fields in any order, the last of a scalar counts, messages that
/// repeat merge, unknown fields and groups are passed over (and stay in the bytes). A field that
/// opentelemetry-proto defines but that comes in another wire type is an error, as it is to prost.
/// Texts need not be UTF-8. What no one asks for (values of other attributes, events, links, scopes)
/// is passed over by its length, so a breach of the encoding inside it goes unnoticed. Details that
/// are asked for cost a second walk over the messages that they are in, and nothing otherwise.
#[derive(Debug, Default)]
pub struct Scanner {
    interest: Interest,
    spare: Batch<'static>,
    split: Split,
    /// Whose spans those without a trace ID are.
    blank: Option<TraceId>,
}

impl Scanner {
    /// A scanner that reads the attributes of `interest` and no others.
    pub fn new(interest: Interest) -> Self {
        Self { interest, ..Self::default() }
    }

    /// Takes spans whose trace ID is missing or all zeros for those of one trace, with the ID of
    /// zeros, as the Collector does. Otherwise they are malformed.
    #[must_use]
    pub fn with_blank_trace_ids(self) -> Self {
        Self { blank: Some(TraceId::default()), ..self }
    }

    /// The attributes that are read.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// Changes the attributes that are read, from the next record on.
    pub fn set_interest(&mut self, interest: Interest) {
        self.interest = interest;
    }

    /// Takes a batch back, so that the next scan needs no memory of its own.
    pub fn recycle(&mut self, batch: Batch<'_>) {
        self.spare = batch.recycle();
    }

    /// Scans a record, in time linear in its length.
    ///
    /// A span whose trace ID is not 16 bytes, or all zeros, is counted in [`Batch::malformed`] and
    /// is in no chunk. A record of one trace and no such span is one chunk of one piece: the
    /// payload. Otherwise a trace's chunk repeats the headers of its resources and scopes as
    /// shared pieces, with all their fields, known or not; fields that are unknown in the request
    /// itself go to every chunk. An empty payload holds no spans.
    ///
    /// # Errors
    /// At the first breach of the encoding; nothing of the record is used then. Also if a record of
    /// many traces has a header in more than 64 runs, fields of its spans or scopes in between:
    /// protobuf allows it, no writer does it, and the work must stay linear.
    pub fn scan<'p>(&mut self, payload: &'p [u8]) -> Result<Batch<'p>, ScanError> {
        self.scan_in_groups(payload, |trace_id| trace_id)
    }

    /// The same, with a chunk for each group of traces in place of each trace: those for which
    /// `group` gives the same ID, which is the chunk's then. Traces of one group go on sharing the
    /// headers that they share in the record.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub fn scan_in_groups<'p>(
        &mut self,
        payload: &'p [u8],
        group: impl FnMut(TraceId) -> TraceId,
    ) -> Result<Batch<'p>, ScanError> {
        let request = Cursor::new(payload)?;
        self.split.clear();
        let mut walk = Walk {
            interest: &self.interest,
            split: &mut self.split,
            blank: self.blank,
            group,
            resource_bytes: 0,
            batch: std::mem::take(&mut self.spare).recycle(),
        };
        let outcome = walk.request(request);
        let mut batch = walk.batch;
        match outcome.and_then(|()| self.split.finish(payload, &mut batch)) {
            Ok(()) => Ok(batch),
            Err(error) => {
                self.recycle(batch);
                Err(error)
            }
        }
    }
}

struct Walk<'s, 'p, G> {
    interest: &'s Interest,
    split: &'s mut Split,
    blank: Option<TraceId>,
    /// Whose chunk a trace's spans go to.
    group: G,
    /// The size of the present resource, if sizes are asked for.
    resource_bytes: u32,
    batch: Batch<'p>,
}

impl<'p, G: FnMut(TraceId) -> TraceId> Walk<'_, 'p, G> {
    fn request(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        let mut run = fields.position();
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                request::RESOURCE_SPANS => {
                    let message = fields.message()?;
                    self.split.request_run(run, at);
                    run = fields.position();
                    self.resource_spans(message)?;
                }
                other => fields.skip_unknown(other, request::KNOWN)?,
            }
        }
        self.split.request_run(run, fields.position());
        Ok(())
    }

    /// Walks twice: the resource may stand behind the spans that it describes.
    fn resource_spans(&mut self, message: Cursor<'p>) -> Result<(), ScanError> {
        let attributes = self.batch.attributes.len();
        let details = more::Mark::of(&self.batch.detailed);
        let spans = self.batch.spans.len();
        let runs = self.split.begin_header();
        self.resource_bytes = 0;
        let mut fields = message;
        let mut run = fields.position();
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                resource_spans::RESOURCE => self.resource(fields.message()?)?,
                resource_spans::SCOPE_SPANS => {
                    fields.message()?;
                    self.split.header_run(run, at);
                    run = fields.position();
                }
                resource_spans::SCHEMA_URL => drop(fields.delimited()?),
                other => fields.skip_unknown(other, resource_spans::KNOWN)?,
            }
        }
        self.split.header_run(run, fields.position());
        self.batch
            .resources
            .push(Resource { attributes: attributes as u32..self.batch.attributes.len() as u32 });
        self.split.push_resource(runs);
        if self.interest.reads_more() {
            self.more_of_resource(message, attributes)?;
        }

        let mut fields = message;
        while !fields.is_empty() {
            match fields.key()? {
                resource_spans::SCOPE_SPANS => self.scope_spans(fields.message()?)?,
                resource_spans::RESOURCE | resource_spans::SCHEMA_URL => drop(fields.message()?),
                other => fields.skip_unknown(other, resource_spans::KNOWN)?,
            }
        }
        if self.batch.spans.len() == spans {
            self.batch.attributes.truncate(attributes);
            details.restore(&mut self.batch.detailed);
            self.batch.resources.pop();
            self.split.pop_resource(runs);
        }
        Ok(())
    }

    fn resource(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        if self.interest.wants_sizes() {
            self.resource_bytes = self.resource_bytes.saturating_add(size::of_resource(fields));
        }
        while !fields.is_empty() {
            match fields.key()? {
                resource::ATTRIBUTES => {
                    let out = &mut self.batch.attributes;
                    read_run_of_interest(&mut fields, resource::ATTRIBUTES, self.interest, out)?;
                }
                resource::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
                resource::ENTITY_REFS => drop(fields.delimited()?),
                other => fields.skip_unknown(other, resource::KNOWN)?,
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        let details = more::Mark::of(&self.batch.detailed);
        if self.interest.reads_more() {
            self.scope(fields)?;
        }
        let spans = self.batch.spans.len();
        let mut scope_bytes = 0_u32;
        let runs = self.split.begin_header();
        let mut run = fields.position();
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                scope_spans::SPANS => {
                    let message = fields.message()?;
                    self.split.header_run(run, at);
                    run = fields.position();
                    self.span(message, at..run)?;
                }
                scope_spans::SCOPE => {
                    let scope = fields.message()?;
                    if self.interest.wants_sizes() {
                        scope_bytes = scope_bytes.saturating_add(size::of_scope(scope));
                    }
                }
                scope_spans::SCHEMA_URL => drop(fields.delimited()?),
                other => fields.skip_unknown(other, scope_spans::KNOWN)?,
            }
        }
        self.split.header_run(run, fields.position());
        // The scope may stand behind its spans.
        for span in self.batch.sizes.iter_mut().skip(spans) {
            span.scope_bytes = scope_bytes;
        }
        if self.batch.spans.len() == spans {
            details.restore(&mut self.batch.detailed);
            self.split.pop_runs(runs);
        } else {
            self.split.push_scope(runs);
        }
        Ok(())
    }

    fn span(&mut self, message: Cursor<'p>, field: Range<usize>) -> Result<(), ScanError> {
        let mut fields = message;
        let attributes = self.batch.attributes.len();
        let mut trace_id = self.blank;
        let mut span = self.blank_span();
        while !fields.is_empty() {
            match fields.key()? {
                span::TRACE_ID => trace_id = self.trace_id(fields.delimited()?),
                span::SPAN_ID => span.span_id = SpanId::from_wire(fields.delimited()?),
                span::TRACE_STATE => span.trace_state = fields.delimited()?,
                span::PARENT_SPAN_ID => {
                    span.parent_span_id = SpanId::from_wire(fields.delimited()?);
                }
                span::NAME => span.name = fields.delimited()?,
                span::KIND => span.kind = fields.varint()? as i32,
                span::START_TIME => span.start = UnixNano(fields.fixed64()?),
                span::END_TIME => span.end = UnixNano(fields.fixed64()?),
                span::ATTRIBUTES => {
                    let out = &mut self.batch.attributes;
                    read_run_of_interest(&mut fields, span::ATTRIBUTES, self.interest, out)?;
                }
                span::STATUS => read_status(fields.message()?, &mut span.status)?,
                span::FLAGS => span.flags = fields.fixed32()?,
                span::EVENTS | span::LINKS => drop(fields.message()?),
                span::DROPPED_ATTRIBUTES_COUNT
                | span::DROPPED_EVENTS_COUNT
                | span::DROPPED_LINKS_COUNT => drop(fields.varint()?),
                other => fields.skip_unknown(other, span::KNOWN)?,
            }
        }
        match trace_id {
            Some(trace_id) => {
                span.trace_id = trace_id;
                span.attributes.end = self.batch.attributes.len() as u32;
                if self.interest.reads_more() {
                    self.more_of_span(message, &mut span)?;
                }
                if self.interest.wants_sizes() {
                    self.batch.sizes.push(SpanSize {
                        resource: span.resource,
                        scope: self.split.scope(),
                        resource_bytes: self.resource_bytes,
                        scope_bytes: 0,
                        span_bytes: size::of_span(message),
                    });
                }
                self.batch.spans.push(span);
                let group = (self.group)(trace_id);
                self.split.push_span(group, field, &mut self.batch.chunks);
            }
            None => {
                self.batch.attributes.truncate(attributes);
                self.batch.malformed += 1;
            }
        }
        Ok(())
    }

    fn trace_id(&self, bytes: &[u8]) -> Option<TraceId> {
        let is_blank = bytes.is_empty() || bytes == [0; 16];
        if is_blank { self.blank } else { TraceId::from_wire(bytes) }
    }

    fn blank_span(&self) -> Span<'p> {
        let attributes = self.batch.attributes.len() as u32;
        Span {
            trace_id: TraceId::default(),
            span_id: None,
            parent_span_id: None,
            start: UnixNano(0),
            end: UnixNano(0),
            name: &[],
            trace_state: &[],
            flags: 0,
            kind: 0,
            status: StatusCode::UNSET,
            resource: self.batch.resources.len() as u32 - 1,
            attributes: attributes..attributes,
            detail: 0,
        }
    }
}

/// Reads `status.code` over what an earlier `Status` has left.
fn read_status(mut fields: Cursor<'_>, code: &mut StatusCode) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            status::CODE => *code = StatusCode(fields.varint()? as i32),
            status::MESSAGE => drop(fields.delimited()?),
            other => fields.skip_unknown(other, status::KNOWN)?,
        }
    }
    Ok(())
}

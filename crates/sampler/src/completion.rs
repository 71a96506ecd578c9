//! `completion: structural`: a trace stops waiting when its structure is whole and it has been
//! quiet for a while.

use tailsift_trace::{AttributeKey, Batch, Chunk, Millis, Span, SpanId, TraceId, Value};

use crate::deadline::Deadlines;
use crate::edges::{EdgeId, Edges, Towards};
use crate::slab::Key;
use crate::stream_time::StreamTime;
use crate::structure::{Coming, Parent, Structure};
use crate::{Limits, RemoteParents};

/// Which attribute of a resource says what service it is.
pub(crate) const SERVICE_NAME: &[u8] = b"service.name";

/// What is known of a partition's waiting traces beside their facts, and of its edges.
///
/// A trace is looked at when it has been quiet for so long, and again when that has happened after
/// more of it came. What it waits for is what the edges have taught by then.
#[derive(Debug)]
pub(crate) struct Completion {
    quiet: Deadlines,
    /// By the traces' slots in the window.
    structures: Vec<Structure>,
    open: usize,
    /// Heap bytes of their structures.
    heap: usize,
    edges: Edges,
    remote_parents: RemoteParents,
}

/// A trace's share of a record, as it came.
#[derive(Clone, Copy)]
pub(crate) struct Share<'a, 'p> {
    pub(crate) batch: &'a Batch<'p>,
    pub(crate) chunk: &'a Chunk,
    /// Where the batch has the services' names.
    pub(crate) service: Option<AttributeKey>,
    /// The record's stamp.
    pub(crate) stamp: Option<Millis>,
}

/// What is to be counted.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    /// The trace has become too large for its structure to be known.
    pub(crate) is_too_large: bool,
    /// Edges that were forgotten for others.
    pub(crate) edges_forgotten: u64,
}

impl Completion {
    /// `None` unless the limits ask for it.
    pub(crate) fn new(limits: &Limits) -> Option<Self> {
        limits.structural.as_ref().map(|structural| Self {
            quiet: Deadlines::new(structural.settle),
            structures: Vec::new(),
            open: 0,
            heap: 0,
            edges: Edges::new(limits.decision_wait, structural.edges_max),
            remote_parents: structural.remote_parents,
        })
    }

    /// A trace begins to wait.
    pub(crate) fn open(&mut self, key: Key) {
        let slot = key.slot();
        if self.structures.len() <= slot {
            self.structures.resize_with(slot + 1, Structure::default);
        }
        self.structures[slot] = Structure::of(key);
        self.open += 1;
    }

    /// More of a waiting trace came.
    pub(crate) fn grow(&mut self, key: Key, share: Share<'_, '_>, clock: &StreamTime) -> Grown {
        let Self { structures, edges, quiet, heap, remote_parents, .. } = self;
        let Some(structure) = structures.get_mut(key.slot()) else { return Grown::default() };
        let before = (structure.heap_bytes(), structure.is_too_large());
        // While the clock is in doubt nobody knows for how long a lesson would last.
        let learns_parents = *remote_parents == RemoteParents::Learned;
        let mut lessons = Lessons { edges, now: clock.certain(), learns_parents, forgotten: 0 };
        for span in share.batch.spans_of(share.chunk) {
            fold(structure, span, &share, &mut lessons);
        }
        let edges_forgotten = lessons.forgotten;
        *heap = *heap + structure.heap_bytes() - before.0;
        if structure.file(quiet.due(clock, share.stamp)) {
            quiet.file(clock, share.stamp, key);
        }
        Grown { is_too_large: structure.is_too_large() && !before.1, edges_forgotten }
    }

    /// Spans of a trace came, waiting or judged: others may have been looked out for them.
    pub(crate) fn answer(&mut self, batch: &Batch<'_>, chunk: &Chunk) {
        if self.edges.is_idle() {
            return;
        }
        for span in batch.spans_of(chunk) {
            let ends = [(Towards::Parent, span.span_id), (Towards::Child, span.parent_span_id)];
            for (towards, end) in ends {
                if let Some(end) = end {
                    let lesson = self.edges.lesson(towards, chunk.trace_id, end);
                    self.edges.answer(lesson);
                }
            }
        }
    }

    /// A waiting trace was taken out to be judged.
    pub(crate) fn close(&mut self, key: Key) {
        let structure = self.structures.get_mut(key.slot()).filter(|found| found.is_of(key));
        if let Some(structure) = structure {
            self.heap -= structure.heap_bytes();
            self.open -= 1;
            *structure = Structure::default();
        }
    }

    /// Learns from when on traces are quiet that came while the clock was in doubt.
    pub(crate) fn settle_doubt(&mut self, clock: &StreamTime) {
        self.quiet.settle_doubt(clock);
    }

    /// The next trace that is complete and has been quiet.
    pub(crate) fn pop_complete(&mut self, clock: &StreamTime) -> Option<Key> {
        self.edges.expire(clock.now()?);
        while let Some(key) = self.quiet.pop_due(clock) {
            let structure = self.structures.get_mut(key.slot()).filter(|found| found.is_of(key));
            if let Some(structure) = structure
                && structure.comes_up()
                && structure.is_complete(&self.edges)
            {
                return Some(key);
            }
        }
        None
    }

    /// Lets go of filings at the front of traces that were judged for another reason, however long
    /// the clock stands still.
    pub(crate) fn skip_gone(&mut self, is_waiting: impl Fn(Key) -> bool) {
        self.quiet.skip_gone(is_waiting);
    }

    /// How many edges are known.
    pub(crate) fn edges(&self) -> usize {
        self.edges.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let structures = self.open * size_of::<Structure>() + self.heap;
        structures + self.quiet.bytes() + self.edges.bytes()
    }
}

/// Where spans teach.
struct Lessons<'a> {
    edges: &'a mut Edges,
    now: Option<Millis>,
    /// About parents in other processes, too.
    learns_parents: bool,
    forgotten: u64,
}

impl Lessons<'_> {
    fn edge(&self, towards: Towards, span: &Span<'_>, share: &Share<'_, '_>) -> EdgeId {
        self.edges.id(towards, service_of(span, share), span.name)
    }

    fn ask(&mut self, edge: EdgeId, towards: Towards, ends: (TraceId, SpanId), has_come: bool) {
        if let Some(now) = self.now {
            let lesson = self.edges.lesson(towards, ends.0, ends.1);
            self.forgotten += u64::from(self.edges.ask(edge, lesson, has_come, now));
        }
    }
}

fn fold(
    structure: &mut Structure,
    span: &Span<'_>,
    share: &Share<'_, '_>,
    lessons: &mut Lessons<'_>,
) {
    let trace_id = share.chunk.trace_id;
    if let Some(id) = span.span_id {
        let below = span.is_call().then(|| lessons.edge(Towards::Child, span, share));
        let coming = structure.come(id, below);
        if let (Some(below), Coming::First { has_child }) = (below, coming) {
            lessons.ask(below, Towards::Child, (trace_id, id), has_child);
        }
    }
    if let Some(parent) = span.parent_span_id {
        if !span.has_remote_parent() {
            structure.name(parent, Parent::Local);
        } else if lessons.learns_parents {
            let above = lessons.edge(Towards::Parent, span, share);
            let has_come = structure.name(parent, Parent::Usual(above));
            lessons.ask(above, Towards::Parent, (trace_id, parent), has_come);
        } else {
            structure.name(parent, Parent::Elsewhere);
        }
    }
}

/// Empty if the resource does not say.
fn service_of<'p>(span: &Span<'p>, share: &Share<'_, 'p>) -> &'p [u8] {
    let attributes = share.batch.resource_attributes_of(span).iter();
    let mut named = attributes.filter(|attribute| Some(attribute.key) == share.service);
    match named.next().map(|attribute| attribute.value) {
        Some(Value::Text(name)) => name,
        Some(_) | None => b"",
    }
}

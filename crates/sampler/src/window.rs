//! The traces of a partition: those that wait and those whose verdict is remembered.

use ahash::RandomState;
use hashbrown::HashMap;
use tailsift_policy::Facts;
use tailsift_trace::{Millis, TraceId, common_headers};

use crate::decision_cache::{Decided, DecisionCache};
use crate::segment::Stored;
use crate::slab::{Key, Slab};
use crate::{Entry, EntryKind, LiveFrom, Sources};

/// A trace that waits for its verdict.
#[derive(Debug)]
pub(crate) struct OpenTrace {
    pub(crate) trace_id: TraceId,
    pub(crate) facts: Facts,
    pub(crate) chunks: Vec<Stored>,
    pub(crate) sources: Sources,
    /// Bytes of its records' values.
    pub(crate) source_bytes: u64,
    pub(crate) bytes: usize,
    /// Those that all its records have, encoded ([`tailsift_trace::encode_headers`]).
    pub(crate) headers: Box<[u8]>,
    /// Some record had others.
    pub(crate) headers_differ: bool,
    pub(crate) root_filed: bool,
    /// Stream time when its first record was applied.
    pub(crate) opened: Millis,
}

/// Where a trace stands. One look-up tells.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Open(Key),
    Decided(Key),
}

/// An entry and its control byte, in a table that is at most 7/8 full.
const INDEX_ENTRY_BYTES: usize = (size_of::<(TraceId, Place)>() + 1) * 8 / 7;

/// The index of a partition's traces, with both kinds of entries.
#[derive(Debug)]
pub(crate) struct Window {
    index: HashMap<TraceId, Place, RandomState>,
    open: Slab<OpenTrace>,
    decided: DecisionCache,
    /// Heap bytes of open traces beyond their slots.
    open_heap: usize,
    spans_open: u64,
}

impl Window {
    pub(crate) fn new() -> Self {
        // Fixed seeds: the same input takes the same course in every run.
        let hasher = RandomState::with_seeds(0x7461, 0x696c, 0x7369, 0x6674);
        Self {
            index: HashMap::with_hasher(hasher),
            open: Slab::default(),
            decided: DecisionCache::default(),
            open_heap: 0,
            spans_open: 0,
        }
    }

    pub(crate) fn find(&self, trace_id: TraceId) -> Option<Place> {
        self.index.get(&trace_id).copied()
    }

    /// Opens a trace that was not found.
    pub(crate) fn open(&mut self, trace_id: TraceId, headers: &[u8], opened: Millis) -> Key {
        self.open_heap += headers.len();
        let key = self.open.insert(OpenTrace {
            trace_id,
            facts: Facts::default(),
            chunks: Vec::new(),
            sources: Sources::default(),
            source_bytes: 0,
            bytes: 0,
            headers: headers.into(),
            headers_differ: false,
            root_filed: false,
            opened,
        });
        self.index.insert(trace_id, Place::Open(key));
        key
    }

    /// Changes a waiting trace and keeps the books: adds a chunk, meets headers, folds spans.
    pub(crate) fn grow(
        &mut self,
        key: Key,
        offset: i64,
        chunk: Stored,
        headers: &[u8],
        fold: impl FnOnce(&mut Facts),
    ) -> &mut OpenTrace {
        let trace = self.open.get_mut(key).expect("the index names open traces only");
        let (heap, spans) = (heap_bytes(trace), trace.facts.spans);
        trace.chunks.push(chunk);
        trace.sources.push(offset);
        trace.bytes += chunk.len();
        if *trace.headers != *headers {
            trace.headers = common_headers(&trace.headers, headers).into();
            trace.headers_differ = true;
        }
        fold(&mut trace.facts);
        self.open_heap = self.open_heap + heap_bytes(trace) - heap;
        self.spans_open += u64::from(trace.facts.spans - spans);
        trace
    }

    /// Puts other facts in the place of every waiting trace's, and forgets those of judged ones.
    pub(crate) fn refold(&mut self, mut fold: impl FnMut(&OpenTrace) -> Facts) {
        for trace in self.open.iter_mut() {
            let heap = heap_bytes(trace);
            let facts = fold(trace);
            debug_assert_eq!(facts.spans, trace.facts.spans, "the same spans are folded again");
            self.spans_open =
                self.spans_open + u64::from(facts.spans) - u64::from(trace.facts.spans);
            trace.facts = facts;
            self.open_heap = self.open_heap + heap_bytes(trace) - heap;
        }
        self.decided.forget_facts();
    }

    pub(crate) fn is_open(&self, key: Key) -> bool {
        self.open.get(key).is_some()
    }

    pub(crate) fn open_traces_mut(&mut self) -> impl Iterator<Item = &mut OpenTrace> {
        self.open.iter_mut()
    }

    /// Takes a waiting trace out to be judged; [`decide`](Self::decide) must follow.
    pub(crate) fn take(&mut self, key: Key) -> Option<OpenTrace> {
        let trace = self.open.remove(key)?;
        self.open_heap -= heap_bytes(&trace);
        self.spans_open -= u64::from(trace.facts.spans);
        Some(trace)
    }

    /// Remembers a verdict.
    pub(crate) fn decide(&mut self, decided: Decided) {
        let trace_id = decided.trace_id;
        let key = self.decided.insert(decided);
        self.index.insert(trace_id, Place::Decided(key));
    }

    pub(crate) fn decided_mut(&mut self, key: Key) -> Option<&mut Decided> {
        self.decided.get_mut(key)
    }

    /// Forgets verdicts that expired by `now`, as far as the committed offset allows.
    pub(crate) fn forget_expired(&mut self, now: Millis, committed: i64) {
        while self.forget_one(now, committed) {}
    }

    /// Forgets one such verdict, if there is one.
    pub(crate) fn forget_one(&mut self, now: Millis, committed: i64) -> bool {
        let Some(trace_id) = self.decided.pop_expired(now, committed) else { return false };
        self.index.remove(&trace_id);
        true
    }

    /// True if the committing of a cut would let a verdict be forgotten.
    pub(crate) fn has_expired(&mut self, now: Millis, committed: i64) -> bool {
        self.decided.next_expired(now, committed).is_some()
    }

    /// Something happened to this verdict: the next cut writes that down. False if it would anyway.
    pub(crate) fn note(&mut self, key: Key, kind: EntryKind) -> bool {
        self.decided.note(key, kind)
    }

    /// Lets go of what is known of drops whose verdicts expire within `lag`.
    pub(crate) fn let_go(&mut self, now: Millis, lag: Millis) {
        self.decided.let_go(now, lag);
    }

    /// True if the next cut has verdicts to write down.
    pub(crate) fn has_unlogged(&self) -> bool {
        self.decided.has_unlogged()
    }

    /// A batch that was found in the log. Sequence numbers ascend.
    pub(crate) fn add_batch(&mut self, sequence: u64, offset: i64) {
        self.decided.add_batch(sequence, offset);
    }

    /// What a cut writes down as the batch of this number.
    pub(crate) fn cut(
        &mut self,
        sequence: u64,
        through: impl Fn(Option<Key>) -> i64,
    ) -> Vec<Entry> {
        self.decided.cut(sequence, through)
    }

    /// The batch of this number is committed at this offset.
    pub(crate) fn batch_committed(&mut self, sequence: u64, offset: i64) {
        self.decided.batch_committed(sequence, offset);
    }

    /// From where on the log is needed.
    pub(crate) fn live_from(&self) -> LiveFrom {
        self.decided.live_from()
    }

    pub(crate) fn open_traces(&self) -> impl Iterator<Item = (Key, &OpenTrace)> {
        self.open.iter()
    }

    pub(crate) fn traces_open(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn spans_open(&self) -> u64 {
        self.spans_open
    }

    pub(crate) fn decisions(&self) -> usize {
        self.decided.len()
    }

    /// Bytes of waiting traces beside their raw bytes.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open.bytes() + self.open_heap
    }

    /// Bytes of remembered verdicts, the index included: most of it is theirs.
    pub(crate) fn decision_bytes(&self) -> usize {
        self.decided.bytes() + self.index.len() * INDEX_ENTRY_BYTES
    }
}

fn heap_bytes(trace: &OpenTrace) -> usize {
    let chunks = trace.chunks.capacity() * size_of::<Stored>();
    chunks + trace.headers.len() + trace.facts.heap_bytes() + trace.sources.heap_bytes()
}

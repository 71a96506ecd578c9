//! Turns that wait for an answer: the traces that late spans want kept, and what came of them.

use std::collections::VecDeque;

use tailsift_policy::Decision;
use tailsift_trace::{Batch, Chunk, SpanId, TraceId, common_headers};

use crate::ledger::{Arrival, Ledger};
use crate::slab::{Key, Slab};
use crate::{Partial, Sources};

/// A dropped trace that late spans want kept.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) trace_id: TraceId,
    /// Whose verdict it turns.
    pub(crate) decided: Key,
    /// The offset of the late spans that turn it: everything of the trace from here on is met
    /// again by a next owner, unless the turn is committed.
    pub(crate) trigger: i64,
    /// Why it will be kept.
    pub(crate) decision: Decision,
    pub(crate) by: Option<SpanId>,
    /// Where its records are. They are its own: what is known of a drop is forgotten when policies
    /// are replaced, and a turn stands.
    pub(crate) sources: Sources,
    pub(crate) source_bytes: u64,
    /// The late spans, as a request.
    pub(crate) late: Vec<u8>,
    pub(crate) spans: u32,
    /// Those that all late records have, encoded ([`tailsift_trace::encode_headers`]).
    pub(crate) headers: Box<[u8]>,
    pub(crate) headers_differ: bool,
}

/// All turns of a partition.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    slab: Slab<Turn>,
    /// By trigger.
    ledger: Ledger,
    /// Those whose records were not asked for yet.
    unasked: VecDeque<Key>,
    /// Those that are to be exported without having been asked for, once the record is in.
    refused: Vec<(Key, Partial)>,
    heap: usize,
    spans: u64,
}

impl Turn {
    /// Adds late spans.
    pub(crate) fn join(&mut self, headers: &[u8], batch: &Batch<'_>, chunk: &Chunk) {
        for piece in batch.pieces_of(chunk) {
            self.late.extend_from_slice(piece.bytes(&batch.shared));
        }
        self.spans = self.spans.saturating_add(chunk.spans.end - chunk.spans.start);
        if *self.headers != *headers {
            self.headers = common_headers(&self.headers, headers).into();
            self.headers_differ = true;
        }
    }

    fn heap_bytes(&self) -> usize {
        self.late.capacity() + self.headers.len() + self.sources.heap_bytes()
    }
}

impl Turns {
    /// A verdict is to be turned; `arrival` is that of the late spans, whatever its key.
    pub(crate) fn open(&mut self, turn: Turn, arrival: Arrival) -> Key {
        self.heap += turn.heap_bytes();
        self.spans += u64::from(turn.spans);
        let key = self.slab.insert(turn);
        self.ledger.add(Arrival { key, ..arrival });
        self.unasked.push_back(key);
        key
    }

    /// Its records are not to be asked for.
    pub(crate) fn refuse(&mut self, key: Key, why: Partial) {
        self.refused.push((key, why));
        self.unasked.retain(|unasked| *unasked != key);
    }

    pub(crate) fn pop_refused(&mut self) -> Option<(Key, Partial)> {
        self.refused.pop()
    }

    /// Adds late spans to one.
    pub(crate) fn join(&mut self, key: Key, headers: &[u8], batch: &Batch<'_>, chunk: &Chunk) {
        let turn = self.slab.get_mut(key).expect("a verdict names the turn that waits");
        let before = (turn.heap_bytes(), turn.spans);
        turn.join(headers, batch, chunk);
        self.heap = self.heap + turn.heap_bytes() - before.0;
        self.spans += u64::from(turn.spans - before.1);
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Turn> {
        self.slab.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Turn> {
        self.slab.iter().map(|(_, turn)| turn)
    }

    /// The next whose records are to be asked for.
    pub(crate) fn pop_unasked(&mut self) -> Option<&Turn> {
        let key = loop {
            let key = self.unasked.pop_front()?;
            if self.slab.get(key).is_some() {
                break key;
            }
        };
        self.slab.get(key)
    }

    /// It is settled.
    pub(crate) fn close(&mut self, key: Key) -> Option<Turn> {
        let turn = self.slab.remove(key)?;
        self.heap -= turn.heap_bytes();
        self.spans -= u64::from(turn.spans);
        Some(turn)
    }

    /// The one that was triggered first.
    pub(crate) fn oldest(&mut self) -> Option<Arrival> {
        let slab = &self.slab;
        self.ledger.oldest(|key| slab.get(key).is_some())
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Late spans that wait.
    pub(crate) fn spans(&self) -> u64 {
        self.spans
    }

    pub(crate) fn bytes(&self) -> usize {
        let queues = (self.unasked.len() + self.refused.len()) * size_of::<Key>();
        self.slab.bytes() + self.heap + self.ledger.bytes() + queues
    }
}

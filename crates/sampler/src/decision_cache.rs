//! Verdicts, remembered for spans that come late.

use std::collections::VecDeque;

use tailsift_policy::Decision;
use tailsift_trace::{Millis, TraceId};

use crate::known::{Known, Read};
use crate::log_positions::LogPositions;
use crate::slab::{Key, Slab};
use crate::{Entry, EntryKind, LiveFrom, Sources, Turned};

/// A remembered verdict.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) trace_id: TraceId,
    pub(crate) decision: Decision,
    /// Offsets below this are covered by the verdict.
    pub(crate) through: i64,
    pub(crate) expiry: Millis,
    /// Of a dropped trace: what was known, so that late spans can be judged with the rest, and where
    /// its records are. `None` once late spans can change nothing any more.
    pub(crate) known: Option<Known>,
    /// Late spans may turn this drop, on their own if nothing is known of the trace any more: no
    /// policy dropped it, nor would have with what was known of it last.
    pub(crate) may_turn: bool,
    /// Late spans want this dropped trace kept: the turn that waits for its records.
    pub(crate) turn: Option<Key>,
    /// It was dropped before: how it was turned, and which records are missing.
    pub(crate) turned: Option<Box<(Turned, Sources)>>,
    /// The late spans of this dropped trace would have had it kept: counted once.
    pub(crate) would_have_kept: bool,
    /// What the next cut has to write down of it.
    pub(crate) unlogged: Option<EntryKind>,
    /// The batch that holds its newest entry; 0 = none does yet.
    pub(crate) logged: u64,
}

/// The remembered verdicts of a partition, and when they may be forgotten.
#[derive(Debug, Default)]
pub(crate) struct DecisionCache {
    slab: Slab<Decided>,
    /// By expiry as it was when filed. Late spans put an expiry off; such an entry is filed again
    /// at the back, where it is looked at no earlier than due.
    queue: VecDeque<(Millis, Key)>,
    heap: usize,
    /// The verdict lent out last and its heap bytes as counted: it may hold others since.
    lent: Option<(Key, usize)>,
    /// So many at the front of the queue were looked at for what is to be let go.
    let_go: usize,
    /// Those that the next cut writes down.
    unlogged: Vec<Key>,
    positions: LogPositions,
}

impl DecisionCache {
    pub(crate) fn insert(&mut self, decided: Decided) -> Key {
        let expiry = decided.expiry;
        self.heap += heap_bytes(&decided);
        if decided.logged > 0 {
            self.positions.enter(decided.logged);
        }
        let is_unlogged = decided.unlogged.is_some();
        let key = self.slab.insert(decided);
        self.queue.push_back((expiry, key));
        if is_unlogged {
            self.unlogged.push(key);
        }
        key
    }

    /// Spans came after the verdict, or turned it: the next cut writes that down. False if it would
    /// anyway. What was not written down at all is written as if it had always been so.
    pub(crate) fn note(&mut self, key: Key, kind: EntryKind) -> bool {
        let Some(decided) = self.slab.get_mut(key) else { return false };
        match decided.unlogged {
            None => {
                decided.unlogged = Some(kind);
                self.unlogged.push(key);
                return true;
            }
            Some(EntryKind::Late) => decided.unlogged = Some(kind),
            Some(EntryKind::Decide | EntryKind::Turn) => {}
        }
        false
    }

    /// True if the next cut has something to write down.
    pub(crate) fn has_unlogged(&self) -> bool {
        !self.unlogged.is_empty()
    }

    /// A batch that was found in the log. Sequence numbers ascend.
    pub(crate) fn add_batch(&mut self, sequence: u64, offset: i64) {
        self.positions.add(sequence, Some(offset));
    }

    /// Writes down, as the batch of this number, what was not yet. `through` says below which
    /// offset all records have been applied, of verdicts that are being turned by this turn too.
    pub(crate) fn cut(
        &mut self,
        sequence: u64,
        through: impl Fn(Option<Key>) -> i64,
    ) -> Vec<Entry> {
        self.take_back();
        self.positions.add(sequence, None);
        let mut entries = Vec::with_capacity(self.unlogged.len());
        for key in std::mem::take(&mut self.unlogged) {
            let Some(decided) = self.slab.get_mut(key) else { continue };
            let Some(kind) = decided.unlogged.take() else { continue };
            decided.through = through(decided.turn);
            entries.push(decided.entry(kind));
            let earlier = std::mem::replace(&mut decided.logged, sequence);
            self.positions.enter(sequence);
            self.positions.leave(earlier);
        }
        entries
    }

    /// The batch of this number is committed at this offset.
    pub(crate) fn batch_committed(&mut self, sequence: u64, offset: i64) {
        self.positions.committed(sequence, offset);
    }

    /// From where on the log is needed.
    pub(crate) fn live_from(&self) -> LiveFrom {
        self.positions.live_from()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Decided> {
        self.take_back();
        let decided = self.slab.get_mut(key)?;
        self.lent = Some((key, heap_bytes(decided)));
        Some(decided)
    }

    /// Forgets what was known of dropped traces: it means nothing to other policies, which turn
    /// nothing.
    pub(crate) fn forget_facts(&mut self) {
        self.take_back();
        for decided in self.slab.iter_mut() {
            decided.may_turn = false;
            if let Some(known) = decided.known.take() {
                self.heap -= known.heap_bytes();
            }
        }
    }

    /// Lets go of what is known of drops whose verdicts expire within `lag`: their second chance is
    /// over. Those that late spans put off are looked at when they are filed again.
    pub(crate) fn let_go(&mut self, now: Millis, lag: Millis) {
        self.take_back();
        while let Some((filed, key)) = self.queue.get(self.let_go).copied() {
            if filed - lag > now {
                return;
            }
            self.let_go += 1;
            let Some(decided) = self.slab.get_mut(key) else { continue };
            let is_over = decided.expiry - lag <= now && decided.turn.is_none();
            if is_over
                && decided.unlogged.is_none()
                && let Some(known) = decided.known.take()
            {
                self.heap -= known.heap_bytes();
            }
        }
    }

    /// Forgets one verdict that expired by `now` and whose records lie below `committed`, so that
    /// no replay can bring them back; returns whose it was.
    pub(crate) fn pop_expired(&mut self, now: Millis, committed: i64) -> Option<TraceId> {
        let key = self.next_expired(now, committed)?;
        self.pop();
        self.remove(key)
    }

    /// The next verdict that [`pop_expired`](Self::pop_expired) would forget.
    pub(crate) fn next_expired(&mut self, now: Millis, committed: i64) -> Option<Key> {
        while let Some((filed, key)) = self.queue.front().copied() {
            if filed > now {
                return None;
            }
            let Some(decided) = self.slab.get(key) else {
                self.pop();
                continue;
            };
            if decided.expiry > now {
                let expiry = decided.expiry;
                self.pop();
                self.queue.push_back((expiry, key));
                continue;
            }
            // It keeps its place: those behind it came later, so they are hardly covered before it.
            let is_settled = decided.unlogged.is_none() && decided.turn.is_none();
            return (is_settled && decided.through <= committed).then_some(key);
        }
        None
    }

    fn pop(&mut self) {
        self.queue.pop_front();
        self.let_go = self.let_go.saturating_sub(1);
    }

    fn remove(&mut self, key: Key) -> Option<TraceId> {
        self.take_back();
        let decided = self.slab.remove(key)?;
        self.heap -= heap_bytes(&decided);
        self.positions.leave(decided.logged);
        Some(decided.trace_id)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let queue = self.queue.len() * size_of::<(Millis, Key)>();
        let log = self.positions.bytes() + self.unlogged.len() * size_of::<Key>();
        self.slab.bytes() + queue + log + self.held()
    }

    fn take_back(&mut self) {
        self.heap = self.held();
        self.lent = None;
    }

    /// Heap bytes of all verdicts, of the one lent out as it is now.
    fn held(&self) -> usize {
        let Some((key, counted)) = self.lent else { return self.heap };
        self.slab.get(key).map_or(self.heap, |lent| self.heap + heap_bytes(lent) - counted)
    }
}

impl Decided {
    fn entry(&self, kind: EntryKind) -> Entry {
        let known = self.known.as_ref().map(Known::read);
        let (facts, sources, source_bytes) = match known {
            Some(Read { facts, sources, source_bytes }) => {
                (Some(facts), Some(sources), source_bytes)
            }
            None => (None, None, 0),
        };
        let turned = self.turned.as_deref();
        Entry {
            trace_id: self.trace_id,
            kind,
            decision: self.decision,
            through: self.through,
            expiry: self.expiry,
            facts,
            sources,
            source_bytes,
            may_turn: self.may_turn && self.known.is_none(),
            turned: turned.map(|(turned, _)| *turned),
            missing: turned.map(|(_, missing)| missing.clone()).filter(|of| !of.is_empty()),
        }
    }
}

fn heap_bytes(decided: &Decided) -> usize {
    let turned = decided.turned.as_ref();
    decided.known.as_ref().map_or(0, Known::heap_bytes)
        + turned.map_or(0, |of| size_of::<(Turned, Sources)>() + of.1.heap_bytes())
}

#[cfg(test)]
mod tests;

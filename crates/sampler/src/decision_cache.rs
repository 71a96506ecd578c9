//! Verdicts, remembered for spans that come late.

use std::collections::VecDeque;

use tailsift_policy::{Decision, Facts};
use tailsift_trace::{Millis, TraceId};

use crate::log_positions::LogPositions;
use crate::slab::{Key, Slab};
use crate::{Entry, EntryKind, LiveFrom, Sources};

/// A remembered verdict.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) trace_id: TraceId,
    pub(crate) decision: Decision,
    /// Offsets below this are covered by the verdict.
    pub(crate) through: i64,
    pub(crate) expiry: Millis,
    /// Of a dropped trace: what was known, so that late spans can be judged with the rest.
    pub(crate) facts: Option<Facts>,
    /// Of a dropped trace: where its records are.
    pub(crate) sources: Option<Sources>,
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
    /// The verdict lent out last and its heap bytes as counted: it may have grown since.
    lent: Option<(Key, usize)>,
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

    /// Spans came after the verdict: the next cut writes that down. False if it would anyway.
    pub(crate) fn note_late(&mut self, key: Key) -> bool {
        let Some(decided) = self.slab.get_mut(key) else { return false };
        let is_news = decided.unlogged.is_none();
        if is_news {
            decided.unlogged = Some(EntryKind::Late);
            self.unlogged.push(key);
        }
        is_news
    }

    /// True if the next cut has something to write down.
    pub(crate) fn has_unlogged(&self) -> bool {
        !self.unlogged.is_empty()
    }

    /// A batch that was found in the log. Sequence numbers ascend.
    pub(crate) fn add_batch(&mut self, sequence: u64, offset: i64) {
        self.positions.add(sequence, Some(offset));
    }

    /// Writes down, as the batch of this number, what was not yet: all offsets below `through`
    /// have been applied.
    pub(crate) fn cut(&mut self, sequence: u64, through: i64) -> Vec<Entry> {
        self.take_back();
        self.positions.add(sequence, None);
        let mut entries = Vec::with_capacity(self.unlogged.len());
        for key in std::mem::take(&mut self.unlogged) {
            let Some(decided) = self.slab.get_mut(key) else { continue };
            let Some(kind) = decided.unlogged.take() else { continue };
            decided.through = through;
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

    /// Forgets what was known of dropped traces: it means nothing to other policies.
    pub(crate) fn forget_facts(&mut self) {
        self.take_back();
        for decided in self.slab.iter_mut() {
            if let Some(facts) = decided.facts.take() {
                self.heap -= facts.heap_bytes();
            }
        }
    }

    /// Forgets one verdict that expired by `now` and whose records lie below `committed`, so that
    /// no replay can bring them back; returns whose it was.
    pub(crate) fn pop_expired(&mut self, now: Millis, committed: i64) -> Option<TraceId> {
        let key = self.next_expired(now, committed)?;
        self.queue.pop_front();
        self.remove(key)
    }

    /// The next verdict that [`pop_expired`](Self::pop_expired) would forget.
    pub(crate) fn next_expired(&mut self, now: Millis, committed: i64) -> Option<Key> {
        while let Some((filed, key)) = self.queue.front().copied() {
            if filed > now {
                return None;
            }
            let Some(decided) = self.slab.get(key) else {
                self.queue.pop_front();
                continue;
            };
            if decided.expiry > now {
                let expiry = decided.expiry;
                self.queue.pop_front();
                self.queue.push_back((expiry, key));
                continue;
            }
            // It keeps its place: those behind it came later, so they are hardly covered before it.
            let is_covered = decided.through <= committed && decided.unlogged.is_none();
            return is_covered.then_some(key);
        }
        None
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
        self.slab.bytes() + queue + log + self.heap + self.growth()
    }

    fn take_back(&mut self) {
        self.heap += self.growth();
        self.lent = None;
    }

    /// Bytes by which the verdict lent out has grown; what it holds never shrinks.
    fn growth(&self) -> usize {
        let Some((key, counted)) = self.lent else { return 0 };
        self.slab.get(key).map_or(0, |decided| heap_bytes(decided).saturating_sub(counted))
    }
}

impl Decided {
    fn entry(&self, kind: EntryKind) -> Entry {
        Entry {
            trace_id: self.trace_id,
            kind,
            decision: self.decision,
            through: self.through,
            expiry: self.expiry,
            facts: self.facts.clone(),
            sources: self.sources.clone(),
        }
    }
}

fn heap_bytes(decided: &Decided) -> usize {
    let facts = decided.facts.as_ref().map_or(0, Facts::heap_bytes);
    facts + decided.sources.as_ref().map_or(0, Sources::heap_bytes)
}

#[cfg(test)]
mod tests {
    use tailsift_policy::{
        Chance, CloseReason, Kind, Policy, PolicySet, Semantics, StatusCodes, Tally, Verdict,
    };
    use tailsift_trace::{Batch, Chunk, Resource, Span, StatusCode, UnixNano};

    use super::*;

    fn drop_of(trace: u8, through: i64, expiry: i64) -> Decided {
        Decided {
            trace_id: TraceId([trace; 16]),
            decision: Decision {
                verdict: Verdict::Drop,
                policy: None,
                close_reason: CloseReason::DecisionWait,
                chance: Chance::None,
            },
            through,
            expiry: Millis(expiry),
            facts: None,
            sources: None,
            would_have_kept: false,
            unlogged: None,
            logged: 0,
        }
    }

    fn pop(cache: &mut DecisionCache, now: i64, committed: i64) -> Option<u8> {
        cache.pop_expired(Millis(now), committed).map(|trace| trace.0[0])
    }

    #[test]
    fn a_verdict_that_is_not_covered_yet_keeps_its_place() {
        let mut cache = DecisionCache::default();
        for (trace, through) in [(1, 10), (2, 20), (3, 30)] {
            cache.insert(drop_of(trace, through, 100));
        }
        assert_eq!(pop(&mut cache, i64::MAX, 5), None);
        assert_eq!(pop(&mut cache, i64::MAX, 5), None);
        assert_eq!(pop(&mut cache, i64::MAX, 10), Some(1));
        assert_eq!(pop(&mut cache, i64::MAX, 10), None);
        assert_eq!(
            [30, 30, 30].map(|committed| pop(&mut cache, 100, committed)),
            [Some(2), Some(3), None]
        );
    }

    #[test]
    fn a_verdict_that_was_put_off_is_forgotten_last_and_once() {
        let mut cache = DecisionCache::default();
        let first = cache.insert(drop_of(1, 10, 100));
        cache.insert(drop_of(2, 20, 110));
        cache.get_mut(first).unwrap().expiry = Millis(150);
        assert_eq!(pop(&mut cache, 99, 50), None);
        assert_eq!(pop(&mut cache, 149, 50), Some(2));
        assert_eq!(pop(&mut cache, 149, 50), None);
        assert_eq!(pop(&mut cache, 150, 50), Some(1));
        assert_eq!((pop(&mut cache, 150, 50), cache.len(), cache.bytes()), (None, 0, 0));
    }

    #[test]
    fn what_is_not_written_down_is_not_forgotten() {
        let mut cache = DecisionCache::default();
        let key =
            cache.insert(Decided { unlogged: Some(EntryKind::Decide), ..drop_of(1, 10, 100) });
        assert_eq!(pop(&mut cache, 200, 50), None);
        assert!(!cache.note_late(key), "it is written down anyway");
        let kinds =
            |entries: Vec<Entry>| entries.iter().map(|e| (e.kind, e.through)).collect::<Vec<_>>();
        assert_eq!(kinds(cache.cut(1, 40)), [(EntryKind::Decide, 40)]);
        assert_eq!(cache.live_from(), LiveFrom::Batch);
        cache.batch_committed(1, 7);
        assert_eq!(cache.live_from(), LiveFrom::Offset(7));
        assert!(cache.note_late(key) && cache.has_unlogged());
        assert_eq!(pop(&mut cache, 200, 50), None);
        assert_eq!(kinds(cache.cut(2, 45)), [(EntryKind::Late, 45)]);
        assert_eq!((pop(&mut cache, 200, 44), pop(&mut cache, 200, 45)), (None, Some(1)));
        assert_eq!(cache.live_from(), LiveFrom::Nothing);
    }

    /// So many policies that what they know of an error takes memory of its own.
    fn fold_an_error(facts: &mut Facts) {
        let of = |name: usize, code| {
            Policy::new(name.to_string(), Kind::StatusCode(StatusCodes(vec![code])))
        };
        let policies = (0..64).map(|name| of(name, StatusCode::OK));
        let policies = policies.chain([of(64, StatusCode::ERROR)]).collect();
        let set = PolicySet::compile(policies, Semantics::default()).unwrap();
        let span = Span {
            trace_id: TraceId([1; 16]),
            span_id: None,
            parent_span_id: None,
            start: UnixNano(1),
            end: UnixNano(2),
            name: b"",
            trace_state: b"",
            flags: 0,
            kind: 0,
            status: StatusCode::ERROR,
            resource: 0,
            attributes: 0..0,
            detail: 0,
        };
        let batch =
            Batch { resources: vec![Resource::default()], spans: vec![span], ..Batch::default() };
        let chunk = Chunk { trace_id: TraceId([1; 16]), spans: 0..1, pieces: 0..0 };
        set.fold(facts, &batch, &chunk, &mut Tally::default());
    }

    #[test]
    fn facts_that_grow_are_counted_and_given_back() {
        let mut cache = DecisionCache::default();
        for trace in [1, 2] {
            cache.insert(Decided { facts: Some(Facts::default()), ..drop_of(trace, 10, 100) });
        }
        let third = cache.insert(Decided { facts: Some(Facts::default()), ..drop_of(3, 10, 100) });
        let before = cache.bytes();
        fold_an_error(cache.get_mut(third).unwrap().facts.as_mut().unwrap());
        assert_eq!(cache.bytes(), before + 40, "two words, and what holds them");
        assert!(cache.get_mut(third).is_some());
        assert_eq!(cache.bytes(), before + 40, "counted once");
        assert_eq!([(); 4].map(|()| pop(&mut cache, 100, 10)), [Some(1), Some(2), Some(3), None]);
        assert_eq!(cache.bytes(), 0);
    }
}

//! Verdicts, remembered for spans that come late.

use std::collections::VecDeque;

use tailsift_policy::{Decision, Facts};
use tailsift_trace::{Millis, TraceId};

use crate::slab::{Key, Slab};

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
    /// The late spans of this dropped trace would have had it kept: counted once.
    pub(crate) would_have_kept: bool,
}

/// The remembered verdicts of a partition, and when they may be forgotten.
#[derive(Debug, Default)]
pub(crate) struct DecisionCache {
    slab: Slab<Decided>,
    /// By expiry as it was when filed. Late spans put an expiry off; such an entry is filed again
    /// at the back, where it is looked at no earlier than due.
    queue: VecDeque<(Millis, Key)>,
    facts_bytes: usize,
    /// The verdict lent out last and the bytes of its facts as counted: it may have grown since.
    lent: Option<(Key, usize)>,
}

impl DecisionCache {
    pub(crate) fn insert(&mut self, decided: Decided) -> Key {
        let expiry = decided.expiry;
        self.facts_bytes += heap_bytes(&decided);
        let key = self.slab.insert(decided);
        self.queue.push_back((expiry, key));
        key
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Decided> {
        self.take_back();
        let decided = self.slab.get_mut(key)?;
        self.lent = Some((key, heap_bytes(decided)));
        Some(decided)
    }

    /// Forgets one verdict that expired by `now` and whose records lie below `committed`, so that
    /// no replay can bring them back; returns whose it was.
    pub(crate) fn pop_expired(&mut self, now: Millis, committed: i64) -> Option<TraceId> {
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
            if decided.through > committed {
                return None;
            }
            self.queue.pop_front();
            return self.remove(key);
        }
        None
    }

    fn remove(&mut self, key: Key) -> Option<TraceId> {
        self.take_back();
        let decided = self.slab.remove(key)?;
        self.facts_bytes -= heap_bytes(&decided);
        Some(decided.trace_id)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let queue = self.queue.len() * size_of::<(Millis, Key)>();
        self.slab.bytes() + queue + self.facts_bytes + self.growth()
    }

    fn take_back(&mut self) {
        self.facts_bytes += self.growth();
        self.lent = None;
    }

    /// Bytes by which the facts lent out have grown; facts never shrink.
    fn growth(&self) -> usize {
        let Some((key, counted)) = self.lent else { return 0 };
        self.slab.get(key).map_or(0, |decided| heap_bytes(decided).saturating_sub(counted))
    }
}

fn heap_bytes(decided: &Decided) -> usize {
    decided.facts.as_ref().map_or(0, Facts::heap_bytes)
}

#[cfg(test)]
mod tests {
    use tailsift_policy::{
        CloseReason, Kind, Policy, PolicySet, Semantics, StatusCodes, Tally, Verdict,
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
                threshold: None,
            },
            through,
            expiry: Millis(expiry),
            facts: None,
            would_have_kept: false,
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
        assert_eq!(cache.bytes(), before + 16);
        assert!(cache.get_mut(third).is_some());
        assert_eq!(cache.bytes(), before + 16, "counted once");
        assert_eq!([(); 4].map(|()| pop(&mut cache, 100, 10)), [Some(1), Some(2), Some(3), None]);
        assert_eq!(cache.bytes(), 0);
    }
}

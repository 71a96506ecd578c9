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
        self.slab.get_mut(key)
    }

    /// Forgets one verdict that expired by `now` and whose records lie below `committed`, so that
    /// no replay can bring them back; returns whose it was.
    pub(crate) fn pop_expired(&mut self, now: Millis, committed: i64) -> Option<TraceId> {
        while let Some((filed, key)) = self.queue.front().copied() {
            if filed > now {
                return None;
            }
            self.queue.pop_front();
            let Some(decided) = self.slab.get(key) else { continue };
            if decided.expiry > now || decided.through > committed {
                let due = decided.expiry.max(filed);
                self.queue.push_back((due, key));
                if decided.expiry <= now {
                    return None;
                }
                continue;
            }
            return self.remove(key);
        }
        None
    }

    fn remove(&mut self, key: Key) -> Option<TraceId> {
        let decided = self.slab.remove(key)?;
        self.facts_bytes -= heap_bytes(&decided);
        Some(decided.trace_id)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let queue = self.queue.len() * size_of::<(Millis, Key)>();
        self.slab.bytes() + queue + self.facts_bytes
    }
}

fn heap_bytes(decided: &Decided) -> usize {
    decided.facts.as_ref().map_or(0, Facts::heap_bytes)
}

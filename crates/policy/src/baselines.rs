//! What is usual for each of many keys, and what is not: the state of `drift` on one partition.

use std::collections::BTreeMap;

use tailsift_trace::Millis;

/// The most keys that are told apart; beyond that the one not seen for longest is forgotten.
const KEYS_MAX: usize = 1024;

/// Into so many slots a baseline is cut; what is recent are the last two.
const SLOTS: i64 = 12;

/// Counts in a baseline are in this part of a trace, since they fade by fractions.
const SCALE: u64 = 1024;

/// Nothing is said of a key with fewer traces, in its baseline or of late.
const TRACES_MIN: u64 = 20;

/// As if at least this share were usually low: the first low trace of a key is no rise.
const USUAL_MIN: f64 = 0.01;

/// Keys with their floors and baselines, on a partition's stream time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Baselines {
    keys: BTreeMap<u64, Key>,
    forgotten: u64,
}

/// What is asked of every key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Watch {
    pub(crate) floor_per_minute: u32,
    pub(crate) rise: f64,
    pub(crate) baseline: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    seen: Millis,
    /// What is left of the floor: a trace costs `60 000 × partitions`, a millisecond brings the floor.
    left: i64,
    slot: i64,
    /// Of this slot, of the one before it, and of all earlier ones, fading.
    present: Counts,
    before: Counts,
    usual: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    traces: u64,
    low: u64,
}

impl Baselines {
    /// Counts a trace of a key, and says whether to keep it: for the floor, or because more of the
    /// key's traces are low than usual. `low` is unknown of a trace without a confidence.
    pub(crate) fn ask(
        &mut self,
        watch: &Watch,
        key: u64,
        low: Option<bool>,
        now: Millis,
        partitions: u32,
    ) -> bool {
        if !self.keys.contains_key(&key) && self.keys.len() == KEYS_MAX {
            let oldest = self.keys.iter().min_by_key(|(key, found)| (found.seen, **key));
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.keys.remove(&oldest);
                self.forgotten += 1;
            }
        }
        let cost = 60_000 * i64::from(partitions.max(1));
        let found = self.keys.entry(key).or_insert_with(|| Key {
            seen: now,
            left: watch.capacity(cost),
            slot: watch.slot(now),
            present: Counts::default(),
            before: Counts::default(),
            usual: Counts::default(),
        });
        found.pass_time(watch, cost, now);
        if let Some(low) = low {
            found.present.traces += 1;
            found.present.low += u64::from(low);
        }
        // Both are asked: what is kept for the rise fills the floor as well.
        let fills_floor = found.take(cost);
        found.has_risen(watch.rise) || fills_floor
    }

    /// How many keys were forgotten since this was asked last.
    pub(crate) fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }
}

impl Watch {
    fn slot(&self, now: Millis) -> i64 {
        now.0.div_euclid((self.baseline.0 / SLOTS).max(1))
    }

    /// A minute's share, but one trace at least, or a floor shared by many partitions would never
    /// be met; nothing without a floor.
    fn capacity(&self, cost: i64) -> i64 {
        let share = 60_000 * i64::from(self.floor_per_minute);
        if share == 0 { 0 } else { share.max(cost) }
    }
}

impl Key {
    fn pass_time(&mut self, watch: &Watch, cost: i64, now: Millis) {
        let since = now.0.saturating_sub(self.seen.0).max(0);
        self.seen = self.seen.max(now);
        let refill = since.saturating_mul(i64::from(watch.floor_per_minute));
        self.left = self.left.saturating_add(refill).min(watch.capacity(cost));
        let slot = watch.slot(self.seen);
        // After so many slots nothing is left of what there was.
        for _ in 0..slot.saturating_sub(self.slot).clamp(0, 20 * SLOTS) {
            self.usual = Counts {
                traces: faded(self.usual.traces, self.before.traces),
                low: faded(self.usual.low, self.before.low),
            };
            self.before = std::mem::take(&mut self.present);
        }
        self.slot = slot;
    }

    fn take(&mut self, cost: i64) -> bool {
        let passes = self.left >= cost;
        if passes {
            self.left -= cost;
        }
        passes
    }

    /// True if more of the recent traces are low than `rise` times the usual share, and than three
    /// standard deviations of chance would explain.
    fn has_risen(&self, rise: f64) -> bool {
        let traces = self.present.traces + self.before.traces;
        let low = self.present.low + self.before.low;
        if traces < TRACES_MIN || self.usual.traces < TRACES_MIN * SCALE {
            return false;
        }
        let usual = (self.usual.low as f64 / self.usual.traces as f64).max(USUAL_MIN);
        let expected = usual * traces as f64;
        low as f64 > (rise * expected).max(expected + 3.0 * expected.sqrt())
    }
}

fn faded(usual: u64, slot: u64) -> u64 {
    let kept = u128::from(usual) * (SLOTS as u128 - 1) / SLOTS as u128;
    (kept as u64).saturating_add(slot.saturating_mul(SCALE))
}

#[cfg(test)]
mod tests;

//! How often each of many keys comes, and how many of its traces to keep: the state of
//! `rate_per_key` on one partition.
//!
//! In each interval of stream time a budget is divided among the keys by the logarithm of how often
//! they come, as Honeycomb's `EMADynamicSampler` does it (dynsampler-go): a key that comes a
//! thousand times as often as another gets a few times as much. What a rare key leaves of its part
//! goes to the more frequent ones. Whole numbers only, so that every machine answers the same.

use std::collections::BTreeMap;

use tailsift_trace::Millis;

use crate::Threshold;

/// Counts are in this part of a trace, since they fade by halves.
pub(crate) const SCALE: u64 = 1024;

/// The keys of one policy and what each may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rates {
    keys: BTreeMap<u64, Rate>,
    /// All keys that have not been there for an interval, or are too many.
    others: Rate,
    /// Of what is present there, what will not have a rate of its own.
    placeless: u64,
    /// When the present interval began.
    since: Option<Millis>,
    /// What was answered last.
    answered: Threshold,
    crowded: u64,
}

/// What is asked of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) traces_per_second: u32,
    pub(crate) interval: Millis,
    pub(crate) keys_max: usize,
}

/// Traces of a key in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Rate {
    /// A moving average over past intervals, of which each counts for half of all before it; 0
    /// until one has passed.
    usual: u64,
    present: u64,
    /// How many of them the budget has room for.
    share: u64,
}

impl Rates {
    /// Counts a trace, of so many [`SCALE`]ths, and says how its key is sampled at this moment. What
    /// is said does not depend on the trace's randomness, or adjusted counts would be wrong.
    pub(crate) fn ask(
        &mut self,
        goal: &Goal,
        key: u64,
        weight: u64,
        now: Millis,
        partitions: u32,
    ) -> Threshold {
        self.pass_time(goal, now, partitions);
        let has_room = self.keys.len() < goal.keys_max;
        let own = match has_room {
            true => Some(self.keys.entry(key).or_default()),
            false => self.keys.get_mut(&key),
        };
        if own.is_none() {
            self.crowded += 1;
            self.placeless = self.placeless.saturating_add(weight);
        }
        let known = own.and_then(|rate| {
            rate.present = rate.present.saturating_add(weight);
            (rate.usual > 0).then_some(*rate)
        });
        let rate = known.unwrap_or_else(|| {
            self.others.present = self.others.present.saturating_add(weight);
            self.others
        });
        self.answered = rate.threshold();
        self.answered
    }

    /// What was answered last.
    pub(crate) fn answered(&self) -> Threshold {
        self.answered
    }

    /// How many traces had a key for which there was no room, since this was asked last.
    pub(crate) fn take_crowded(&mut self) -> u64 {
        std::mem::take(&mut self.crowded)
    }

    fn pass_time(&mut self, goal: &Goal, now: Millis, partitions: u32) {
        let Some(since) = self.since else {
            self.since = Some(now);
            self.divide(goal.share(partitions));
            return;
        };
        let interval = goal.interval.0.max(1);
        let passed = now.0.saturating_sub(since.0) / interval;
        if passed < 1 {
            return;
        }
        self.since = Some(Millis(since.0 + passed * interval));
        let empty = u32::try_from(passed - 1).unwrap_or(u32::MAX);
        self.keys.values_mut().for_each(|rate| rate.end_interval(empty));
        self.others.present = std::mem::take(&mut self.placeless);
        self.others.end_interval(empty);
        // What comes less than every other interval is new when it comes again.
        self.keys.retain(|_, rate| rate.usual >= SCALE / 2);
        self.divide(goal.share(partitions));
    }

    /// Divides what there is for an interval, the rarest first: a key takes no more than it needs,
    /// and all keys that need more have a part by their logarithms.
    fn divide(&mut self, mut left: u64) {
        let mut rates: Vec<&mut Rate> = self.keys.values_mut().collect();
        rates.push(&mut self.others);
        rates.sort_by_key(|rate| rate.usual);
        let mut weights: u64 = rates.iter().map(|rate| rate.weight()).sum();
        for rate in rates {
            let weight = rate.weight();
            let share = u128::from(left) * u128::from(weight) / u128::from(weights);
            rate.share = share as u64;
            left -= rate.share.min(rate.usual);
            weights -= weight;
        }
    }
}

impl Goal {
    /// For each interval, on one of so many partitions.
    fn share(&self, partitions: u32) -> u64 {
        let rate = u128::from(self.traces_per_second) * u128::from(SCALE);
        let share = rate * u128::from(self.interval.0.max(1).unsigned_abs())
            / (1000 * u128::from(partitions.max(1)));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

impl Rate {
    /// Ends an interval, which so many without any trace followed.
    fn end_interval(&mut self, empty: u32) {
        let present = std::mem::take(&mut self.present);
        // The first is no average yet: half of it would be kept twice too often.
        let usual = if self.usual == 0 { present } else { self.usual / 2 + present / 2 };
        self.usual = usual.checked_shr(empty).unwrap_or(0);
    }

    fn weight(&self) -> u64 {
        log2(SCALE + self.usual.clamp(SCALE / 2, 1 << 60)) - log2(SCALE)
    }

    /// Keeps what the share has room for of the usual number, or of the present one once it is
    /// more: a burst does not wait for the interval's end to be thinned out.
    fn threshold(&self) -> Threshold {
        let count = u128::from(self.usual.max(self.present).max(1));
        let accepted = (u128::from(self.share) << 56) / count;
        let rejected = u128::from(Threshold::RANGE).saturating_sub(accepted.max(1));
        Threshold(rejected as u64)
    }
}

/// The logarithm of `x`, at least 1, to the base of 2, in 65 536ths: by squaring, since a
/// logarithm in floating point differs between platforms.
fn log2(x: u64) -> u64 {
    let whole = x.max(1).ilog2();
    // From 1 to below 2, with 31 bits after the point.
    let mut rest = (x.max(1) << (63 - whole)) >> 32;
    (0..16).fold(u64::from(whole), |log, _| {
        rest = (rest * rest) >> 31;
        let is_two = rest >> 32;
        rest >>= is_two;
        log << 1 | is_two
    })
}

#[cfg(test)]
mod tests;

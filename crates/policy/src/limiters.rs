//! What budgets have left: the only state that judging changes.

use std::ops::Range;

use tailsift_trace::Millis;

use crate::Threshold;
use crate::baselines::{Baselines, Watch};
use crate::rates::{Goal, Rates};

/// What the budgets of a [`PolicySet`](crate::PolicySet) have left on one partition of the input.
///
/// Each partition has a share of every budget, refilled by its own stream time, so that a verdict
/// depends on nothing but the partition's records. Made full by
/// [`PolicySet::limiters`](crate::PolicySet::limiters); at a new owner, or after a restart, budgets
/// are full again. Where policies are replaced,
/// [`PolicySet::limiters_after`](crate::PolicySet::limiters_after) says which go on. Whole numbers only: nothing drifts, however often it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limiters {
    /// Among how many partitions a budget is shared.
    partitions: u32,
    buckets: Vec<Bucket>,
    composites: Vec<Spent>,
    baselines: Vec<Baselines>,
    rates: Vec<Rates>,
}

/// A share of a token bucket. Its unit is the thousandth part of a token, divided by the number of
/// partitions: what flows in within a millisecond is then the rate, a whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bucket {
    /// Below 0 after a trace that was larger than the share.
    left: i128,
    at: Option<Millis>,
}

/// What a composite's policies have spent in the present second.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spent {
    second: Option<i64>,
    total: u128,
    children: Box<[u128]>,
}

/// A token bucket of a compiled policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenBucket {
    place: usize,
    rate: u64,
    burst: u64,
}

/// A budget of spans for each second: `spans × per_span` at most `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) limit: u128,
    pub(crate) per_span: u128,
}

/// The budgets that a set's policies ask for, in the order of their places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budgets {
    buckets: Vec<TokenBucket>,
    /// How many sub-policies each composite has.
    composites: Vec<usize>,
    baselines: usize,
    rates: usize,
}

/// Which budgets are a policy's own, those of its sub-policies included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places {
    buckets: Range<usize>,
    composites: Range<usize>,
    baselines: Range<usize>,
    rates: Range<usize>,
}

impl Budgets {
    /// The places that were given out since `before` were these budgets.
    pub(crate) fn since(&self, before: &Places) -> Places {
        Places {
            buckets: before.buckets.end..self.buckets.len(),
            composites: before.composites.end..self.composites.len(),
            baselines: before.baselines.end..self.baselines,
            rates: before.rates.end..self.rates,
        }
    }

    /// A bucket; a burst of 0 or less is twice the rate, as in the Collector.
    pub(crate) fn bucket(&mut self, rate: i64, burst: i64) -> TokenBucket {
        let rate = u64::try_from(rate).unwrap_or(0);
        let burst = u64::try_from(burst).unwrap_or(0);
        let burst = if burst == 0 { rate.saturating_mul(2) } else { burst };
        let bucket = TokenBucket { place: self.buckets.len(), rate, burst };
        self.buckets.push(bucket);
        bucket
    }

    /// The place of a composite of so many sub-policies.
    pub(crate) fn composite(&mut self, children: usize) -> usize {
        self.composites.push(children);
        self.composites.len() - 1
    }

    /// The place of another set of baselines.
    pub(crate) fn baselines(&mut self) -> usize {
        self.baselines += 1;
        self.baselines - 1
    }

    /// The place of another set of rates by key.
    pub(crate) fn rates(&mut self) -> usize {
        self.rates += 1;
        self.rates - 1
    }

    /// All of them, full.
    pub(crate) fn full(&self, partitions: u32) -> Limiters {
        let bucket = |bucket: &TokenBucket| Bucket { left: bucket.capacity(), at: None };
        let spent = |children: &usize| Spent {
            second: None,
            total: 0,
            children: vec![0; *children].into(),
        };
        Limiters {
            partitions: partitions.max(1),
            buckets: self.buckets.iter().map(bucket).collect(),
            composites: self.composites.iter().map(spent).collect(),
            baselines: vec![Baselines::default(); self.baselines],
            rates: vec![Rates::default(); self.rates],
        }
    }
}

impl TokenBucket {
    /// What a partition's share holds: the burst, in the bucket's unit.
    fn capacity(&self) -> i128 {
        i128::from(self.burst) * 1000
    }

    /// Takes what a trace costs, or nothing if it is not there.
    ///
    /// Nothing passes that is larger than the whole burst. What is larger than the partition's
    /// share of it passes if that share is full, and is paid for by the time that follows: or on
    /// a topic of many partitions no trace would ever pass, and the rate would be a dead letter.
    pub(crate) fn take(&self, cost: u64, limiters: &mut Limiters, now: Millis) -> bool {
        let partitions = i128::from(limiters.partitions);
        let bucket = &mut limiters.buckets[self.place];
        let since = bucket.at.map_or(0, |at| (i128::from(now.0) - i128::from(at.0)).max(0));
        bucket.at = bucket.at.max(Some(now));
        let refilled = bucket.left.saturating_add(i128::from(self.rate).saturating_mul(since));
        bucket.left = refilled.min(self.capacity());
        let needed = i128::from(cost).saturating_mul(1000).saturating_mul(partitions);
        let passes = cost <= self.burst && bucket.left >= needed.min(self.capacity());
        if passes {
            bucket.left = bucket.left.saturating_sub(needed);
        }
        passes
    }
}

impl Limiters {
    /// Among how many partitions budgets are shared.
    pub(crate) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Takes over what a policy had left among other budgets. Both places are of the same policy.
    pub(crate) fn take_over(&mut self, to: &Places, others: &Self, from: &Places) {
        self.buckets[to.buckets.clone()].clone_from_slice(&others.buckets[from.buckets.clone()]);
        self.composites[to.composites.clone()]
            .clone_from_slice(&others.composites[from.composites.clone()]);
        self.baselines[to.baselines.clone()]
            .clone_from_slice(&others.baselines[from.baselines.clone()]);
        self.rates[to.rates.clone()].clone_from_slice(&others.rates[from.rates.clone()]);
    }

    /// Counts a trace of a key, and says whether to keep it.
    pub(crate) fn watch(
        &mut self,
        place: usize,
        watch: &Watch,
        key: u64,
        low: Option<bool>,
        now: Millis,
    ) -> bool {
        self.baselines[place].ask(watch, key, low, now, self.partitions)
    }

    /// Counts a trace of a key, for as many [`SCALE`](crate::rates::SCALE)ths as it stands for, and
    /// says how to sample it.
    pub(crate) fn rate(
        &mut self,
        place: usize,
        goal: &Goal,
        key: u64,
        weight: u64,
        now: Millis,
    ) -> Threshold {
        self.rates[place].ask(goal, key, weight, now, self.partitions)
    }

    /// What [`rate`](Self::rate) said last.
    pub(crate) fn rate_answered(&self, place: usize) -> Threshold {
        self.rates[place].answered()
    }

    /// How many traces of `rate_per_key` policies, since this was asked last, had a key for which
    /// there was no room.
    pub fn take_crowded_keys(&mut self) -> u64 {
        self.rates.iter_mut().map(Rates::take_crowded).sum()
    }

    /// How many keys of `drift` policies were forgotten, since this was asked last, because there
    /// were too many.
    pub fn take_forgotten_keys(&mut self) -> u64 {
        self.baselines.iter_mut().map(Baselines::take_forgotten).sum()
    }

    /// Spends spans of a composite's sub-policy, or nothing if that exceeds its share, or the
    /// total if there is one for all of them. As with a bucket, a trace beyond the partition's
    /// share passes while nothing is spent, and the following seconds pay for it.
    pub(crate) fn spend(
        &mut self,
        (composite, child): (usize, usize),
        spans: u32,
        shares: &[Share],
        total: Option<Share>,
        now: Millis,
    ) -> bool {
        let partitions = u128::from(self.partitions);
        let spent = &mut self.composites[composite];
        let second = now.0.div_euclid(1000);
        let seconds = spent.second.map_or(0, |before| i128::from(second) - i128::from(before));
        spent.second = spent.second.max(Some(second));
        // The total's limit pays for the total, each share's for the share.
        let seconds = u128::try_from(seconds).unwrap_or(0);
        let paid = |share: &Share| share.limit.saturating_mul(seconds);
        for (spent, share) in spent.children.iter_mut().zip(shares) {
            *spent = spent.saturating_sub(paid(share));
        }
        spent.total = spent.total.saturating_sub(total.as_ref().map_or(0, paid));

        let share = shares[child];
        let fits = |share: &Share, spent: u128| {
            let cost = share.cost(spans);
            let of_partition = spent.saturating_add(cost.saturating_mul(partitions));
            of_partition <= share.limit || spent == 0 && cost <= share.limit
        };
        let passes = fits(&share, spent.children[child])
            && total.as_ref().is_none_or(|total| fits(total, spent.total));
        if passes {
            let add = |spent: &mut u128, share: &Share| {
                *spent = spent.saturating_add(share.cost(spans).saturating_mul(partitions));
            };
            add(&mut spent.children[child], &share);
            if let Some(total) = &total {
                add(&mut spent.total, total);
            }
        }
        passes
    }
}

impl Share {
    fn cost(&self, spans: u32) -> u128 {
        u128::from(spans).saturating_mul(self.per_span)
    }
}

#[cfg(test)]
mod tests;

//! How much is read again for second chances.

use tailsift_trace::Millis;

use crate::SecondChance;

/// A partition's share of the budgets, refilled by its stream time, so that what is over them
/// depends on nothing but its records. Full with each new owner, as the budgets of policies are.
#[derive(Debug)]
pub(crate) struct TurnBudget {
    traces: Bucket,
    bytes: Bucket,
    at: Option<Millis>,
}

/// A token bucket that holds [`BURST`] seconds' worth. Its unit is the thousandth part of a token,
/// divided by the number of partitions: what flows in within a millisecond is then the rate, a
/// whole number, and nothing drifts.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    partitions: u32,
    /// Below 0 after what was larger than the share.
    left: i128,
}

/// Failures come in bursts.
const BURST: u64 = 10;

impl TurnBudget {
    pub(crate) fn new(chance: &SecondChance, partitions: u32) -> Self {
        let bucket = |rate| Bucket::new(rate, partitions.max(1));
        let (traces, bytes) = (chance.traces_per_second, chance.bytes_per_second);
        Self { traces: bucket(traces), bytes: bucket(bytes), at: None }
    }

    /// Takes what reading a trace of so many bytes again costs, or nothing if it is not there.
    pub(crate) fn take(&mut self, bytes: u64, now: Millis) -> bool {
        let since = self.at.map_or(0, |at| (i128::from(now.0) - i128::from(at.0)).max(0));
        self.at = self.at.max(Some(now));
        self.traces.refill(since);
        self.bytes.refill(since);
        let passes = self.traces.has(1) && self.bytes.has(bytes);
        if passes {
            self.traces.take(1);
            self.bytes.take(bytes);
        }
        passes
    }
}

impl Bucket {
    fn new(rate: u64, partitions: u32) -> Self {
        let mut bucket = Self { rate, partitions, left: 0 };
        bucket.left = bucket.capacity();
        bucket
    }

    fn capacity(&self) -> i128 {
        i128::from(self.rate) * i128::from(BURST) * 1000
    }

    fn needed(&self, cost: u64) -> i128 {
        i128::from(cost) * 1000 * i128::from(self.partitions)
    }

    fn refill(&mut self, since: i128) {
        let refilled = self.left.saturating_add(i128::from(self.rate).saturating_mul(since));
        self.left = refilled.min(self.capacity());
    }

    /// What is larger than the partition's share passes if that is full, and is paid for by the
    /// time that follows; nothing that is larger than all partitions' together.
    fn has(&self, cost: u64) -> bool {
        cost <= self.rate.saturating_mul(BURST)
            && self.left >= self.needed(cost).min(self.capacity())
    }

    fn take(&mut self, cost: u64) {
        self.left -= self.needed(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(traces_per_second: u64, bytes_per_second: u64, partitions: u32) -> TurnBudget {
        let chance =
            SecondChance { traces_per_second, bytes_per_second, ..SecondChance::default() };
        TurnBudget::new(&chance, partitions)
    }

    /// How many of a thousand that ask at these moments pass.
    fn passing(budget: &mut TurnBudget, bytes: u64, moments: impl Iterator<Item = i64>) -> usize {
        moments.filter(|ms| budget.take(bytes, Millis(*ms))).count()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut ten = budget(10, u64::MAX / BURST, 1);
        assert_eq!(passing(&mut ten, 1, (0..1000).map(|_| 0)), 100);
        assert_eq!(passing(&mut ten, 1, 1..=1000), 10);
        assert_eq!(passing(&mut ten, 1, (1..=1000).map(|ms| 1000 + 10 * ms)), 100);
        assert_eq!(passing(&mut ten, 1, (0..1000).map(|_| 0)), 0, "time does not go back");
    }

    #[test]
    fn partitions_share_it() {
        let mut shared = budget(10, u64::MAX / BURST, 20);
        assert_eq!(passing(&mut shared, 1, (0..1000).map(|_| 0)), 5);
        assert_eq!(passing(&mut shared, 1, (1..=1000).map(|ms| 10 * ms)), 5);
    }

    #[test]
    fn bytes_count_too_and_what_is_larger_than_a_share_is_paid_for_later() {
        let mut bytes = budget(1000, 100, 10);
        assert!(!bytes.take(1001, Millis(0)), "more than all partitions have");
        assert!(bytes.take(1000, Millis(0)));
        assert!(!bytes.take(1, Millis(90_099)));
        assert!(bytes.take(1, Millis(90_100)));
        assert!(!bytes.take(1000, Millis(100_099)));
        assert!(bytes.take(1000, Millis(100_100)));
    }

    #[test]
    fn nothing_passes_without_a_rate() {
        assert!(!budget(0, 100, 1).take(1, Millis(0)));
        assert!(!budget(100, 0, 1).take(1, Millis(1_000_000)));
        assert!(budget(u64::MAX, u64::MAX, u32::MAX).take(u64::MAX, Millis(i64::MAX)));
    }
}

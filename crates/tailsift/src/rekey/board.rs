//! How far input partitions are, in record time: none may run away from the slowest.
//!
//! The processor's clock is driven by what is written here. If one partition of a backlog were
//! read faster than another, traces would be judged before their spans from the slower one came.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tailsift_trace::Millis;
use tracing::warn;

/// How far a partition was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The partition.
    pub(crate) partition: i32,
    /// The next offset to read.
    pub(crate) next_offset: i64,
    /// The highest timestamp that was read or waits; `None` if none is known.
    pub(crate) time: Option<Millis>,
    /// A record of it waits for slower partitions.
    pub(crate) waits: bool,
}

/// The limit while something that has to be known is not.
pub(super) const NOTHING: Millis = Millis(i64::MIN);
/// The limit where nobody has to wait.
const ALL: Millis = Millis(i64::MAX);

/// What the stage's workers, and the group's other members, tell of their partitions.
#[derive(Debug)]
pub(crate) struct RekeyBoard {
    max_skew: Millis,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By worker of this process.
    here: BTreeMap<usize, Vec<Reached>>,
    /// What is committed of every partition of the group, and where they end. `None` until that
    /// was asked.
    group: Option<(Vec<Reached>, BTreeMap<i32, i64>)>,
    /// Waiting, and since when.
    waiting: BTreeMap<i32, Instant>,
    said: Option<Instant>,
}

/// When, and how often, it is said that partitions wait for another one.
const SAY_AFTER: Duration = Duration::from_secs(60);

impl RekeyBoard {
    /// Partitions are held back once they are `max_skew` ahead.
    pub(crate) fn new(max_skew: Millis) -> Self {
        Self { max_skew, state: Mutex::default() }
    }

    /// Where partitions end, and how far the group has committed.
    pub(crate) fn set_committed(&self, committed: Vec<Reached>, ends: BTreeMap<i32, i64>) {
        self.lock().group = Some((committed, ends));
    }

    /// True if partitions of this process wait for slower ones.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// A worker tells how far its partitions are; up to which record time it may read them.
    pub(crate) fn exchange(&self, worker: usize, reached: Vec<Reached>) -> Millis {
        let mut state = self.lock();
        state.here.insert(worker, reached);
        state.note_waiting();
        state.limit(self.max_skew)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// By the slowest partition that is not read to its end. While of one of them nothing is
    /// known, that is nothing at all: its next record may be as old as any.
    fn limit(&self, max_skew: Millis) -> Millis {
        let Some((committed, ends)) = &self.group else { return NOTHING };
        let here: BTreeMap<i32, Reached> =
            self.here.values().flatten().map(|one| (one.partition, *one)).collect();
        let elsewhere = committed.iter().filter(|one| !here.contains_key(&one.partition));
        let is_behind = |one: &&Reached| {
            one.waits || ends.get(&one.partition).is_none_or(|end| one.next_offset < *end)
        };
        let behind = here.values().chain(elsewhere).filter(is_behind).map(|one| one.time);
        match behind.min() {
            None => ALL,
            Some(None) => NOTHING,
            Some(Some(slowest)) => slowest + max_skew,
        }
    }

    fn note_waiting(&mut self) {
        let waiting = self.here.values().flatten().filter(|one| one.waits);
        let waiting = waiting.map(|one| {
            let since = self.waiting.get(&one.partition).copied();
            (one.partition, since.unwrap_or_else(Instant::now))
        });
        self.waiting = waiting.collect();
        let is_due = |since: &Instant| since.elapsed() >= SAY_AFTER;
        let partitions = self.waiting.values().filter(|since| is_due(since)).count();
        if partitions > 0 && self.said.as_ref().is_none_or(is_due) {
            self.said = Some(Instant::now());
            warn!(
                partitions,
                "partitions of the input wait for a slower one, which nobody may be reading: look at tailsift_rekey_lag_records"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(partition: i32, next_offset: i64, time: i64) -> Reached {
        Reached { partition, next_offset, time: Some(Millis(time)), waits: false }
    }

    fn waiting(partition: i32, next_offset: i64, time: i64) -> Reached {
        Reached { waits: true, ..reached(partition, next_offset, time) }
    }

    fn nothing_known(partition: i32) -> Reached {
        Reached { partition, next_offset: 0, time: None, waits: false }
    }

    fn board() -> RekeyBoard {
        let board = RekeyBoard::new(Millis(1000));
        board.set_committed(Vec::new(), (0..3).map(|partition| (partition, 100)).collect());
        board
    }

    fn limit(board: &RekeyBoard, reached: &[Reached]) -> i64 {
        board.exchange(0, reached.to_vec()).0
    }

    #[test]
    fn the_slowest_partition_sets_the_limit() {
        let board = board();
        assert_eq!(limit(&board, &[reached(0, 5, 10_000), reached(1, 5, 11_000)]), 11_000);
    }

    #[test]
    fn nobody_waits_for_a_partition_that_is_read_to_its_end() {
        let board = board();
        assert_eq!(limit(&board, &[reached(0, 100, 10_000), reached(1, 5, 99_000)]), 100_000);
        assert_eq!(limit(&board, &[reached(0, 100, 10_000), reached(1, 100, 99_000)]), i64::MAX);
    }

    #[test]
    fn what_waits_is_no_end_whatever_was_said_of_ends() {
        let board = board();
        assert_eq!(limit(&board, &[waiting(0, 100, 10_000), reached(1, 5, 99_000)]), 11_000);
    }

    #[test]
    fn nothing_is_read_before_something_is_known_of_every_partition() {
        let board = board();
        assert_eq!(limit(&board, &[nothing_known(2), reached(1, 5, 99_000)]), i64::MIN);
        assert_eq!(limit(&board, &[waiting(2, 0, 99_600), reached(1, 5, 99_000)]), 100_000);
    }

    #[test]
    fn nothing_is_read_before_the_group_was_asked() {
        let board = RekeyBoard::new(Millis(1000));
        assert_eq!(limit(&board, &[reached(1, 5, 99_000)]), i64::MIN);
        board.set_committed(Vec::new(), BTreeMap::new());
        assert_eq!(limit(&board, &[reached(1, 5, 99_000)]), 100_000, "an end that is not known");
    }

    #[test]
    fn other_workers_and_other_processes_count() {
        let board = board();
        board.exchange(1, vec![reached(0, 5, 10_000)]);
        assert_eq!(limit(&board, &[reached(1, 5, 20_000)]), 11_000);
        board.exchange(1, Vec::new());
        assert_eq!(limit(&board, &[reached(1, 5, 20_000)]), 21_000);
        let ends = (0..3).map(|partition| (partition, 100)).collect();
        board.set_committed(vec![reached(2, 7, 15_000), reached(1, 3, 1000)], ends);
        assert_eq!(limit(&board, &[reached(1, 5, 20_000)]), 16_000, "what is here is newer");
    }
}

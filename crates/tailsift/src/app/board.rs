//! What workers and the rest of the process tell each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tailsift_kafka::{PartitionOffset, SinkStats};
use tailsift_sampler::{Gauges, Sightings, Stats};
use tailsift_trace::Millis;

use super::Snapshot;
use crate::worker::wall_now;

/// The state of one worker, as it last published it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) stats: Stats,
    pub(crate) gauges: Gauges,
    pub(crate) sink: SinkStats,
    /// It is in the group.
    pub(crate) joined: bool,
    /// Partitions it owns.
    pub(crate) owned: usize,
    /// Set while its partitions are read to their ends, nothing waits and nothing is left to be
    /// committed: when something last happened.
    pub(crate) quiet_since: Option<Instant>,
}

/// Where the input's partitions ended when they were last asked for.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// Counts the answers; 0 = none yet.
    pub(crate) version: u64,
    /// The wall clock before the question.
    pub(crate) asked_at: Millis,
    pub(crate) offsets: Vec<PartitionOffset>,
}

impl Ends {
    pub(crate) fn of(&self, partition: i32) -> Option<i64> {
        self.offsets.iter().find(|end| end.partition == partition).map(|end| end.offset)
    }
}

/// How long workers wait for each other before they read.
const GATHER: Duration = Duration::from_secs(10);
/// How long partitions that no worker here owns may be on their way to one. The group gives out
/// what was taken back once all members have sent a heartbeat, which they do every 3 s; after
/// three of them another process is believed to own it.
const HANDOVER: Duration = Duration::from_secs(10);

/// The board. Its locks are held for a copy, never on the span path.
#[derive(Debug)]
pub(crate) struct Board {
    standings: Vec<Mutex<Standing>>,
    /// What workers did that have been made anew since.
    past: Mutex<Standing>,
    sightings: Vec<Mutex<Option<Sightings>>>,
    ends: Mutex<Arc<Ends>>,
    drain: Mutex<Option<Millis>>,
    started: Instant,
    gathered: AtomicBool,
    /// When a worker last owned more or fewer partitions than before.
    moved: Mutex<Instant>,
}

impl Board {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            standings: (0..workers).map(|_| Mutex::default()).collect(),
            past: Mutex::default(),
            sightings: (0..workers).map(|_| Mutex::default()).collect(),
            ends: Mutex::default(),
            drain: Mutex::default(),
            started: Instant::now(),
            gathered: AtomicBool::new(false),
            moved: Mutex::new(Instant::now()),
        }
    }

    pub(crate) fn set(&self, worker: usize, standing: Standing) {
        let owned = standing.owned;
        let before = std::mem::replace(&mut *lock(&self.standings[worker]), standing);
        self.note_move(before.owned, owned);
    }

    fn note_move(&self, before: usize, now: usize) {
        if before != now {
            *lock(&self.moved) = Instant::now();
        }
    }

    /// Begins a worker's count anew, keeping what it did.
    pub(crate) fn retire(&self, worker: usize) {
        let last = std::mem::take(&mut *lock(&self.standings[worker]));
        self.note_move(last.owned, 0);
        let mut past = lock(&self.past);
        past.stats.add(&last.stats);
        past.sink.committed += last.sink.committed;
    }

    /// Shows the others on which partitions a worker saw traces; `look` gets what workers of lower
    /// numbers have shown.
    pub(crate) fn exchange_sightings(
        &self,
        worker: usize,
        sightings: Sightings,
        mut look: impl FnMut(&Sightings),
    ) {
        *lock(&self.sightings[worker]) = Some(sightings);
        for others in &self.sightings[..worker] {
            // A copy: locks are not held for longer.
            let others = lock(others).clone();
            others.iter().for_each(&mut look);
        }
    }

    /// True once all workers are in the group, or too late to wait for them. Until then none
    /// reads: the group would take partitions away again from those who were first, together
    /// with what they had begun.
    pub(crate) fn have_gathered(&self) -> bool {
        if self.gathered.load(Ordering::Acquire) {
            return true;
        }
        let joined = |standing: &Mutex<Standing>| lock(standing).joined;
        let gathered = self.standings.iter().all(joined) || self.started.elapsed() >= GATHER;
        self.gathered.store(gathered, Ordering::Release);
        gathered
    }

    pub(crate) fn ends(&self) -> Arc<Ends> {
        Arc::clone(&lock(&self.ends))
    }

    pub(crate) fn set_ends(&self, asked_at: Millis, offsets: Vec<PartitionOffset>) {
        let mut ends = lock(&self.ends);
        *ends = Arc::new(Ends { version: ends.version + 1, asked_at, offsets });
    }

    pub(crate) fn ask_to_drain(&self, now: Millis) {
        lock(&self.drain).get_or_insert(now);
    }

    pub(crate) fn drain_asked_at(&self) -> Option<Millis> {
        *lock(&self.drain)
    }

    /// How long all workers had been quiet when it was last known where partitions end, if some own
    /// partitions and none may be on its way from one to another.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        let standings = self.standings.iter().map(|standing| lock(standing).clone());
        let standings: Vec<_> = standings.collect();
        // Who has been given partitions and does not read them yet has work to do.
        if standings.iter().any(|standing| !standing.joined) {
            return None;
        }
        let owned: usize = standings.iter().map(|standing| standing.owned).sum();
        if owned < self.ends().offsets.len() && lock(&self.moved).elapsed() < HANDOVER {
            return None;
        }
        let standings = standings.into_iter();
        let owners: Vec<_> = standings.filter(|standing| standing.owned > 0).collect();
        let quiet: Option<Vec<_>> = owners.iter().map(|standing| standing.quiet_since).collect();
        let age = wall_now().0.saturating_sub(self.ends().asked_at.0);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        quiet?.into_iter().max().map(|since| since.elapsed().saturating_sub(age))
    }

    pub(crate) fn snapshot(&self, policy_names: &[String]) -> Snapshot {
        let mut snapshot = Snapshot {
            stats: Stats::default(),
            gauges: Gauges::default(),
            policy_names: policy_names.to_vec(),
            epochs_committed: 0,
        };
        for standing in self.standings.iter().chain([&self.past]) {
            let standing = lock(standing);
            snapshot.stats.add(&standing.stats);
            snapshot.gauges.add(&standing.gauges);
            snapshot.epochs_committed += standing.sink.committed;
        }
        snapshot
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_worker_did_before_it_was_made_anew_counts() {
        let board = Board::new(1);
        let did = |records, committed| Standing {
            stats: Stats { records, ..Stats::default() },
            sink: SinkStats { committed, ..SinkStats::default() },
            joined: true,
            owned: 1,
            ..Standing::default()
        };
        board.set(0, did(5, 2));
        board.retire(0);
        assert_eq!(board.quiet_for(), None, "it is not in the group");
        board.set(0, did(1, 1));
        let snapshot = board.snapshot(&[]);
        assert_eq!((snapshot.stats.records, snapshot.epochs_committed), (6, 3));
    }

    #[test]
    fn nothing_is_quiet_while_partitions_change_hands() {
        let long_ago = Instant::now().checked_sub(2 * HANDOVER).unwrap();
        let owns = |owned| Standing {
            joined: true,
            owned,
            quiet_since: Some(long_ago),
            ..Standing::default()
        };
        let board = Board::new(2);
        let end = |partition| PartitionOffset { partition, offset: 0 };
        board.set_ends(wall_now(), vec![end(0), end(1)]);
        board.set(0, owns(2));
        board.set(1, owns(0));
        assert!(board.quiet_for().is_some(), "one worker owns all");
        board.set(0, owns(1));
        assert_eq!(board.quiet_for(), None, "the other partition is on its way");
        board.set(1, owns(1));
        assert!(board.quiet_for().is_some(), "it has arrived");
        board.set(1, owns(0));
        *lock(&board.moved) = long_ago;
        assert!(board.quiet_for().is_some(), "another process has it");
    }
}

//! From what is committed and logged to where a partition is taken up.

use std::collections::BTreeMap;

use tailsift_trace::Millis;

use crate::{Checkpoint, Commit, DecisionBatch, Entry, Logged, Restored};

/// What the group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// An offset, and what one of ours committed beside it.
    Ours(i64, Commit),
    /// An offset without anything of ours: somebody set it by hand.
    Foreign(i64),
    /// Nothing; a first start begins at this offset.
    Nothing(i64),
}

/// Where a partition without a past begins in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// Drawn at random.
    pub incarnation: u64,
    /// The partition of the log.
    pub log_partition: i32,
}

/// Which part of the log a recovery needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// Nothing more: [`Recovery::poll`] tells.
    Nothing,
    /// This partition from this offset on.
    From(i32, i64),
    /// All partitions from their starts on.
    All,
}

/// Why a partition cannot be taken up without risking that something is exported twice or judged
/// anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The log begins later than it is needed.
    LogStartsLate {
        /// The log's partition.
        log_partition: i32,
        /// The offset from which on it is needed.
        needed: i64,
        /// Where it begins.
        start: i64,
    },
    /// The last batch is not in the log, and no transaction is open that could bring it.
    BatchMissing {
        /// The log's partition.
        log_partition: i32,
        /// The number of the batch.
        sequence: u64,
    },
}

/// Finds out where one partition is to be taken up: a state machine that is told what is committed
/// and what the log holds, and says what more it must know.
#[derive(Debug)]
pub struct Recovery {
    partition: i32,
    past: Past,
    beginning: Beginning,
    scope: u64,
    /// Without transactions batches may be in the log that no offset speaks of.
    reads_to_end: bool,
    lives: BTreeMap<u64, Life>,
    is_from_log_alone: bool,
    outcome: Option<Result<Restored, Refusal>>,
}

/// The batches of one incarnation.
#[derive(Debug, Default)]
struct Life {
    log_partition: i32,
    batches: BTreeMap<u64, Vec<Copy>>,
}

/// A batch as one writer wrote it.
#[derive(Debug)]
struct Copy {
    writer: u64,
    /// Of its first slice.
    offset: i64,
    time: Option<Millis>,
    head: DecisionBatch,
    slices: BTreeMap<u32, Vec<Entry>>,
}

impl Copy {
    fn is_whole(&self) -> bool {
        self.slices.len() as u64 == u64::from(self.head.slices)
    }
}

impl Recovery {
    /// A recovery of a partition. `is_transactional`: the log and the offsets were always written
    /// in one transaction.
    pub fn new(
        partition: i32,
        past: Past,
        scope: u64,
        beginning: Beginning,
        is_transactional: bool,
    ) -> Self {
        let mut recovery = Self {
            partition,
            past,
            beginning,
            scope,
            reads_to_end: !is_transactional,
            lives: BTreeMap::new(),
            is_from_log_alone: false,
            outcome: None,
        };
        match &recovery.past {
            Past::Ours(_, commit) if commit.live_from.is_none() && is_transactional => {
                recovery.finish_at(commit.checkpoint.incarnation);
            }
            Past::Foreign(offset) => {
                let restored = recovery.fresh(*offset);
                recovery.outcome = Some(Ok(restored));
            }
            Past::Ours(..) | Past::Nothing(_) => {}
        }
        recovery
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Which part of the log has to be read to the end, or until [`poll`](Self::poll) tells.
    pub fn needed(&self) -> Needed {
        match &self.past {
            _ if self.outcome.is_some() => Needed::Nothing,
            Past::Ours(_, commit) => {
                Needed::From(commit.checkpoint.log_partition, commit.live_from.unwrap_or(0))
            }
            Past::Foreign(_) => Needed::Nothing,
            Past::Nothing(_) => Needed::All,
        }
    }

    /// A partition of the log begins at `start`: what was before is deleted.
    pub fn handle_log_start(&mut self, log_partition: i32, start: i64) {
        let Past::Ours(_, commit) = &self.past else { return };
        let Some(needed) = commit.live_from else { return };
        if self.outcome.is_none()
            && commit.checkpoint.log_partition == log_partition
            && start > needed
        {
            self.outcome = Some(Err(Refusal::LogStartsLate { log_partition, needed, start }));
        }
    }

    /// A committed batch was found in the log. Those of one log partition come in its order.
    pub fn handle_batch(&mut self, batch: DecisionBatch, offset: i64, time: Option<Millis>) {
        let is_ours = batch.partition == self.partition && batch.scope == self.scope;
        if self.outcome.is_some() || !is_ours || batch.slice >= batch.slices {
            return;
        }
        let Checkpoint { incarnation, sequence, log_partition } = batch.checkpoint;
        let life = self.lives.entry(incarnation).or_default();
        life.log_partition = log_partition;
        let copies = life.batches.entry(sequence).or_default();
        let known = copies.iter().position(|copy| copy.writer == batch.writer);
        let place = known.unwrap_or_else(|| {
            let head = DecisionBatch { entries: Vec::new(), ..batch.clone() };
            let (writer, slices) = (batch.writer, BTreeMap::new());
            copies.push(Copy { writer, offset, time, head, slices });
            copies.len() - 1
        });
        copies[place].slices.entry(batch.slice).or_insert(batch.entries);
        let is_whole = copies[place].is_whole();
        if let Past::Ours(_, commit) = &self.past
            && !self.reads_to_end
            && is_whole
            && incarnation == commit.checkpoint.incarnation
            && sequence >= commit.checkpoint.sequence
        {
            self.finish_at(incarnation);
        }
    }

    /// All that was [needed](Self::needed) was read, and no transaction is open there: what was
    /// not found will never come.
    pub fn handle_log_end(&mut self) {
        if self.outcome.is_some() {
            return;
        }
        match &self.past {
            Past::Ours(_, commit) => {
                let Checkpoint { incarnation, sequence, log_partition } = commit.checkpoint;
                let newest = self.newest_in(incarnation);
                let is_needed = commit.live_from.is_some();
                if is_needed && newest.is_none_or(|copy| copy.head.checkpoint.sequence < sequence) {
                    let missing = Refusal::BatchMissing { log_partition, sequence };
                    self.outcome = Some(Err(missing));
                } else {
                    self.finish_at(incarnation);
                }
            }
            // The group's offsets expired or were deleted; the log remembers.
            Past::Nothing(start) => {
                let lives = self.lives.keys().filter_map(|life| self.newest_in(*life));
                let newest = lives.max_by_key(|copy| (copy.time, copy.head.checkpoint.sequence));
                match newest.map(|copy| copy.head.checkpoint.incarnation) {
                    Some(incarnation) => {
                        self.is_from_log_alone = true;
                        self.finish_at(incarnation);
                    }
                    None => self.outcome = Some(Ok(self.fresh(*start))),
                }
            }
            Past::Foreign(_) => {}
        }
    }

    /// Where the partition is taken up, once that is known.
    pub fn poll(&mut self) -> Option<Result<Restored, Refusal>> {
        self.outcome.take()
    }

    /// The partition as if its verdicts had never been logged: from the committed offset on, which
    /// may export again what was exported, and judge it anew. For operators who accept that.
    pub fn without_log(&self) -> Restored {
        match &self.past {
            Past::Ours(offset, commit) => {
                Restored { stream_time: commit.stream_time, ..self.fresh(*offset) }
            }
            Past::Foreign(offset) | Past::Nothing(offset) => self.fresh(*offset),
        }
    }

    /// True if the offsets are gone and the log told where to go on.
    pub fn is_from_log_alone(&self) -> bool {
        self.is_from_log_alone
    }

    /// True if somebody set the offset by hand: what was exported from it on is exported again.
    pub fn is_set_by_hand(&self) -> bool {
        matches!(self.past, Past::Foreign(_))
    }

    fn fresh(&self, offset: i64) -> Restored {
        let Beginning { incarnation, log_partition } = self.beginning;
        let checkpoint = Checkpoint { incarnation, sequence: 0, log_partition };
        Restored { offset, read_to: offset, checkpoint, ..Restored::default() }
    }

    /// The newest whole batch of a life.
    fn newest_in(&self, incarnation: u64) -> Option<&Copy> {
        let batches = self.lives.get(&incarnation)?.batches.values().rev();
        batches.filter_map(|copies| copies.iter().find(|copy| copy.is_whole())).next()
    }

    /// What the log alone says: all of it that is there now is to be kept.
    fn taken_up_at(&self, head: &DecisionBatch) -> Restored {
        let life = self.lives.get(&head.checkpoint.incarnation);
        let copies = life.into_iter().flat_map(|life| life.batches.values()).flatten();
        Restored {
            offset: head.commit_offset,
            stream_time: head.stream_time,
            read_to: head.read_to,
            read_stream_time: head.read_stream_time,
            checkpoint: head.checkpoint,
            kept_from: copies.map(|copy| copy.offset).min(),
            decisions: Vec::new(),
        }
    }

    fn finish_at(&mut self, incarnation: u64) {
        let newest = self.newest_in(incarnation).map(|copy| copy.head.clone());
        let mut restored = match (&self.past, newest) {
            // What was committed is the last word, unless the log has come further without it.
            (Past::Ours(offset, commit), newest) => {
                let further = newest
                    .filter(|head| head.checkpoint.sequence > commit.checkpoint.sequence)
                    .map(|head| self.taken_up_at(&head));
                further.unwrap_or_else(|| Restored {
                    offset: *offset,
                    stream_time: commit.stream_time,
                    read_to: commit.read_to,
                    read_stream_time: commit.read_stream_time,
                    checkpoint: commit.checkpoint,
                    kept_from: commit.kept_from,
                    decisions: Vec::new(),
                })
            }
            (Past::Nothing(_) | Past::Foreign(_), Some(head)) => self.taken_up_at(&head),
            (Past::Nothing(start) | Past::Foreign(start), None) => self.fresh(*start),
        };
        let life = self.lives.remove(&incarnation).unwrap_or_default();
        let upto = restored.checkpoint.sequence;
        for (sequence, copies) in life.batches.into_iter().filter(|(number, _)| *number <= upto) {
            let Some(copy) = copies.into_iter().find(Copy::is_whole) else { continue };
            let offset = copy.offset;
            let entries = copy.slices.into_values().flatten();
            let logged = entries.map(|entry| Logged { entry, sequence, offset });
            restored.decisions.extend(logged);
        }
        self.outcome = Some(Ok(restored));
    }
}

#[cfg(test)]
mod tests;

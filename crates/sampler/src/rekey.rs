//! Re-keying: spans of records without a key, brought to the partition of their trace IDs.
//!
//! Nothing is held beyond the next cut: what came out of many records leaves in few, one for each
//! target partition.

mod outbox;

use std::collections::BTreeMap;

use tailsift_trace::{Batch, Chunk, Millis, TraceId};

use crate::{Checkpoint, DeadLetter, Epoch, LiveFrom, Part, RecordAt};
use outbox::{From, Outbox};

/// Bounds of a [`Rekeyer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeyLimits {
    /// A record that is written gets no more once it has so many bytes; what one record brings for
    /// a partition stays together.
    pub record_bytes: usize,
    /// A record that is written holds spans of about so much record time, at least 1 ms, however
    /// much of it is read between two cuts: it bears the smallest timestamp of what it holds, and
    /// its reader waits from there.
    pub record_time: Millis,
    /// Bytes that may wait for their commit: at half of them an epoch is wanted, at all of them no
    /// record should be handed in.
    pub buffer_bytes: usize,
}

/// What was done, all since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RekeyStats {
    /// Records handed in, poison included.
    pub records: u64,
    /// Their payload bytes.
    pub record_bytes: u64,
    /// Spans moved.
    pub spans: u64,
    /// Spans without a usable trace ID.
    pub malformed_spans: u64,
    /// Records that could not be read at all.
    pub poison_records: u64,
    /// Records that the client delivered a second time, ignored.
    pub repeated_records: u64,
    /// Records given out.
    pub moved_records: u64,
    /// Their payload bytes.
    pub moved_bytes: u64,
    /// Times that everything uncommitted was thrown away, to be read again.
    pub restarts: u64,
}

/// How far an input partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeyProgress {
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
    /// What was committed last by this assignment, if anything.
    pub committed: Option<i64>,
    /// The highest timestamp that was read, or is to be read next; by earlier owners too.
    pub reached: Option<Millis>,
}

/// The re-key stage of one worker.
///
/// The shell hands it records that were scanned in groups ([`group_of`] their target), and takes
/// epochs from it that are committed whole or not at all.
#[derive(Debug)]
pub struct Rekeyer {
    limits: RekeyLimits,
    inputs: BTreeMap<i32, Input>,
    assignments: u64,
    outbox: Outbox,
    /// Bytes of the epoch that is being committed.
    in_flight: Option<usize>,
    /// Uncommitted work was thrown away: all that is held has to be read again.
    must_reread: bool,
    stats: RekeyStats,
}

/// A partition that is held.
#[derive(Debug)]
struct Input {
    assignment: u64,
    checkpoint: Checkpoint,
    next_offset: i64,
    committed: Option<i64>,
    reached: Option<Millis>,
    has_news: bool,
    /// The time slice of its last record since the last cut.
    slice: i64,
    dead_letters: Vec<DeadLetter>,
}

/// The ID under which the traces of a target partition are scanned as one group.
pub fn group_of(partition: i32) -> TraceId {
    TraceId(u128::from(partition.unsigned_abs()).to_be_bytes())
}

fn target_of(chunk: &Chunk) -> i32 {
    i32::try_from(u128::from_be_bytes(chunk.trace_id.0)).unwrap_or(0)
}

impl Rekeyer {
    /// One that holds no partition.
    pub fn new(limits: RekeyLimits) -> Self {
        Self {
            limits,
            inputs: BTreeMap::new(),
            assignments: 0,
            outbox: Outbox::default(),
            in_flight: None,
            must_reread: false,
            stats: RekeyStats::default(),
        }
    }

    /// A partition is ours, to be read from `offset` on. `incarnation`, drawn at random, marks the
    /// commits of this assignment. `is_new`: the group has not committed this offset, which has
    /// to be, records or not: where a group began must not depend on when it is asked.
    /// `reached`: the highest timestamp that earlier owners read.
    pub fn handle_assigned(
        &mut self,
        partition: i32,
        offset: i64,
        incarnation: u64,
        is_new: bool,
        reached: Option<Millis>,
    ) {
        self.assignments += 1;
        let input = Input {
            assignment: self.assignments,
            checkpoint: Checkpoint { incarnation, sequence: 0, log_partition: 0 },
            next_offset: offset,
            committed: None,
            reached,
            has_news: is_new,
            slice: i64::MIN,
            dead_letters: Vec::new(),
        };
        self.inputs.insert(partition, input);
    }

    /// A record of this time is to be read next. What is known of it is committed, so that others
    /// can wait for it, or go on.
    pub fn handle_waiting(&mut self, partition: i32, time: Millis) {
        if let Some(input) = self.inputs.get_mut(&partition)
            && input.reached < Some(time)
        {
            input.reached = Some(time);
            input.has_news = true;
        }
    }

    /// A record came, scanned in groups by target.
    pub fn handle_record(&mut self, at: &RecordAt<'_>, batch: &Batch<'_>) {
        if !self.read(at) {
            return;
        }
        self.stats.spans += batch.spans.len() as u64;
        self.stats.malformed_spans += u64::from(batch.malformed);
        let Some(input) = self.inputs.get_mut(&at.partition) else { return };
        let from = From {
            headers: at.headers,
            time: at.stamp(),
            slice: input.slice(at.stamp(), self.limits.record_time),
        };
        for chunk in &batch.chunks {
            let target = target_of(chunk);
            let pieces = batch.pieces_of(chunk).iter().map(|piece| piece.bytes(&batch.shared));
            self.outbox.add(target, &from, pieces, self.limits.record_bytes);
        }
    }

    /// A record came that cannot be read.
    pub fn handle_poison(&mut self, at: &RecordAt<'_>, letter: Option<DeadLetter>) {
        if self.read(at) {
            self.stats.poison_records += 1;
            letter.into_iter().for_each(|letter| self.handle_malformed(at.partition, letter));
        }
    }

    /// The record handed in last has spans without a trace ID.
    pub fn handle_malformed(&mut self, partition: i32, letter: DeadLetter) {
        if let Some(input) = self.inputs.get_mut(&partition) {
            self.outbox.bytes += letter.bytes();
            input.dead_letters.push(letter);
        }
    }

    /// Partitions are someone else's now. If anything is uncommitted, it is thrown away: it may
    /// hold their spans.
    pub fn handle_revoked(&mut self, partitions: &[i32]) {
        let before = self.inputs.len();
        self.inputs.retain(|partition, _| !partitions.contains(partition));
        if self.inputs.len() < before && (self.in_flight.is_some() || self.has_news()) {
            self.throw_away();
        }
    }

    /// The cut: all since the last one. `None` if that is nothing, or while an epoch is being
    /// committed.
    pub fn poll_epoch(&mut self) -> Option<Epoch> {
        if self.in_flight.is_some() || !self.has_news() {
            return None;
        }
        let (moved, bytes) = self.outbox.take();
        self.stats.moved_records += moved.len() as u64;
        self.stats.moved_bytes += moved.iter().map(|moved| moved.payload.len() as u64).sum::<u64>();
        self.in_flight = Some(bytes);
        let news = self.inputs.iter_mut().filter(|(_, input)| input.has_news);
        let parts = news.map(|(partition, input)| input.cut(*partition)).collect();
        Some(Epoch { parts, moved, is_indivisible: true })
    }

    /// The epoch was committed.
    pub fn handle_committed(&mut self, epoch: Epoch) {
        self.in_flight = None;
        self.outbox.recycle(epoch.moved, self.limits.buffer_bytes / 2);
        for part in epoch.parts {
            if let Some(input) = self.inputs.get_mut(&part.partition)
                && input.assignment == part.assignment
            {
                input.committed = Some(part.commit_offset);
            }
        }
    }

    /// The epoch will never be committed: some of its partitions are not ours any more.
    pub fn handle_discarded(&mut self) {
        if self.in_flight.take().is_some() {
            self.throw_away();
        }
    }

    /// True once after uncommitted work was thrown away: all partitions that are held have to be
    /// read again from what is committed, and are forgotten until they are assigned anew.
    pub fn poll_reread(&mut self) -> bool {
        std::mem::take(&mut self.must_reread)
    }

    /// True if a part's assignment is still held.
    pub fn holds(&self, partition: i32, assignment: u64) -> bool {
        self.inputs.get(&partition).is_some_and(|input| input.assignment == assignment)
    }

    /// True if so much waits that a cut should not be put off.
    pub fn wants_epoch(&self) -> bool {
        self.outbox.bytes >= self.limits.buffer_bytes / 2
    }

    /// True if so much waits that nothing more should be read.
    pub fn is_congested(&self) -> bool {
        self.outbox.bytes + self.in_flight.unwrap_or(0) >= self.limits.buffer_bytes
    }

    /// True if all that was handed in is committed.
    pub fn is_settled(&self) -> bool {
        self.in_flight.is_none() && !self.has_news()
    }

    /// What was done so far.
    pub fn stats(&self) -> &RekeyStats {
        &self.stats
    }

    /// How far each partition has come.
    pub fn progress(&self) -> impl Iterator<Item = RekeyProgress> + '_ {
        self.inputs.iter().map(|(partition, input)| RekeyProgress {
            partition: *partition,
            next_offset: input.next_offset,
            committed: input.committed,
            reached: input.reached,
        })
    }

    /// Notes that a record was read; false if it had been before, or its partition is not held.
    fn read(&mut self, at: &RecordAt<'_>) -> bool {
        let Some(input) = self.inputs.get_mut(&at.partition) else { return false };
        if at.offset < input.next_offset {
            self.stats.repeated_records += 1;
            return false;
        }
        input.next_offset = at.offset + 1;
        input.has_news = true;
        let time = at.stamp();
        input.reached = input.reached.max(time);
        self.stats.records += 1;
        self.stats.record_bytes += at.bytes as u64;
        true
    }

    fn has_news(&self) -> bool {
        self.inputs.values().any(|input| input.has_news)
    }

    fn throw_away(&mut self) {
        self.outbox = Outbox::default();
        self.in_flight = None;
        self.must_reread = !self.inputs.is_empty();
        self.stats.restarts += 1;
        self.inputs.clear();
    }
}

impl Input {
    /// The time slice of the next record; never before that of the last one, or spans of a trace
    /// would change places.
    fn slice(&mut self, time: Option<Millis>, length: Millis) -> i64 {
        let slice = time.map_or(self.slice, |time| time.0.div_euclid(length.0.max(1)));
        self.slice = self.slice.max(slice);
        self.slice
    }

    fn cut(&mut self, partition: i32) -> Part {
        self.has_news = false;
        self.slice = i64::MIN;
        self.checkpoint.sequence += 1;
        Part {
            partition,
            assignment: self.assignment,
            commit_offset: self.next_offset,
            next_offset: self.next_offset,
            commit_stream_time: self.reached,
            next_stream_time: self.reached,
            checkpoint: self.checkpoint,
            has_batch: false,
            entries: Vec::new(),
            live_from: LiveFrom::Nothing,
            kept_from: None,
            batch_offset: None,
            exports: Vec::new(),
            dead_letters: std::mem::take(&mut self.dead_letters),
        }
    }
}

#[cfg(test)]
mod tests;

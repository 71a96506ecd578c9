//! What is committed with an offset, and what is written to the decision log beside it.

use tailsift_trace::Millis;

use crate::{Checkpoint, Entry, LiveFrom, Part};

/// What is committed beside a partition's offset: enough to find in the log what a new owner needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Whose it is: group and input topic.
    pub scope: u64,
    /// The last batch that was written.
    pub checkpoint: Checkpoint,
    /// The next offset that the owner would have read.
    pub read_to: i64,
    /// Stream time just before the record at the committed offset was applied.
    pub stream_time: Option<Millis>,
    /// Stream time at the cut.
    pub read_stream_time: Option<Millis>,
    /// The offset in the log's partition from which on it is needed; `None` = not at all.
    pub live_from: Option<i64>,
    /// The offset in the log's partition from which on it is to be kept, at least; `None` = nothing
    /// was written yet. It is below the last batch and all that was needed when that was written:
    /// if the group's offsets are lost, these tell where to go on.
    pub kept_from: Option<i64>,
    /// Fingerprint of the policies by which it was judged.
    pub config: u64,
}

/// One partition's share of an epoch as the decision log has it, or a slice of it if it is large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionBatch {
    /// Whose it is: group and input topic.
    pub scope: u64,
    /// The input partition.
    pub partition: i32,
    /// Which batch.
    pub checkpoint: Checkpoint,
    /// Who wrote it, in which of its assignments. Without transactions a number may be used twice.
    pub writer: u64,
    /// Which slice of the batch, from 0.
    pub slice: u32,
    /// How many slices it has, at least 1.
    pub slices: u32,
    /// The offset committed with it.
    pub commit_offset: i64,
    /// The next offset that the owner would have read.
    pub read_to: i64,
    /// Stream time just before the record at `commit_offset` was applied.
    pub stream_time: Option<Millis>,
    /// Stream time at the cut.
    pub read_stream_time: Option<Millis>,
    /// Fingerprint of the policies by which it was judged.
    pub config: u64,
    /// What it says of traces.
    pub entries: Vec<Entry>,
}

impl Part {
    /// What to commit beside the part's offset, once it is known where its batch was written.
    pub fn commit(&self, scope: u64, config: u64) -> Commit {
        Commit {
            scope,
            checkpoint: self.checkpoint,
            read_to: self.next_offset,
            stream_time: self.commit_stream_time,
            read_stream_time: self.next_stream_time,
            live_from: match self.committed_live_from() {
                LiveFrom::Offset(offset) => Some(offset),
                LiveFrom::Nothing | LiveFrom::Batch => None,
            },
            kept_from: self.committed_kept_from(),
            config,
        }
    }

    /// True if what is committed for the partition shows that this part was: its batch was written,
    /// and the same life of the log has come as far. Asked of a partition held without a break only:
    /// another owner may have used the same number. Parts of an indivisible epoch have no batch, and
    /// their incarnation is that of one assignment.
    pub fn is_committed_in(&self, committed: &Checkpoint, is_indivisible: bool) -> bool {
        (is_indivisible || self.has_batch && self.batch_offset.is_some())
            && committed.incarnation == self.checkpoint.incarnation
            && committed.sequence >= self.checkpoint.sequence
    }
}

//! What is written down of verdicts, and where: the words of the decision log.

use tailsift_policy::{Decision, Facts};
use tailsift_trace::{Millis, TraceId};

use crate::{Sources, Turned};

/// Which life of a partition's log a checkpoint belongs to, and how far that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// Drawn at random when the partition starts without a past.
    pub incarnation: u64,
    /// Counts the batches that this life has written.
    pub sequence: u64,
    /// The partition of the decisions topic that holds them, kept for good.
    pub log_partition: i32,
}

/// The last word on a trace: it replaces all that was written of it before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The trace.
    pub trace_id: TraceId,
    /// What happened to it.
    pub kind: EntryKind,
    /// The verdict and its reasons.
    pub decision: Decision,
    /// Offsets below this are covered by the verdict: their spans are exported or dropped.
    pub through: i64,
    /// Stream time from which on it may be forgotten.
    pub expiry: Millis,
    /// Of a dropped trace: what was known, so that late spans can be judged with the rest.
    pub facts: Option<Facts>,
    /// Of a dropped trace: where its records are.
    pub sources: Option<Sources>,
    /// Bytes of those records' values.
    pub source_bytes: u64,
    /// Of a dropped trace of which nothing is known any more: late spans may still turn it, on their
    /// own. Of any other, false.
    pub may_turn: bool,
    /// Of a trace that was dropped and is kept now: how it was turned.
    pub turned: Option<Turned>,
    /// Of such a trace: where records are that could not be read again.
    pub missing: Option<Sources>,
}

/// What happened to a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// It was judged.
    Decide,
    /// Spans came after its verdict.
    Late,
    /// It was dropped and is kept now, for the sake of late spans.
    Turn,
}

/// An entry as it was found in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The entry.
    pub entry: Entry,
    /// The sequence number of its batch.
    pub sequence: u64,
    /// The offset of its batch (of the first record, if it was split).
    pub offset: i64,
}

/// From where on the log is needed to know all verdicts that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveFrom {
    /// Nothing is remembered: nothing is needed.
    Nothing,
    /// From this offset of the log's partition on.
    Offset(i64),
    /// From the batch on that is about to be written.
    Batch,
}

impl Entry {
    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        let heap = self.facts.as_ref().map_or(0, Facts::heap_bytes)
            + self.sources.as_ref().map_or(0, Sources::heap_bytes)
            + self.missing.as_ref().map_or(0, Sources::heap_bytes);
        size_of::<Self>() + heap
    }
}

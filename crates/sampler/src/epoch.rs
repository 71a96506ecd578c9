//! What a shard wants done: one atomic commit of exports, verdicts and offsets, and news for
//! onlookers.

use std::sync::Arc;

use tailsift_policy::{Decision, SubPolicy, Vote};
use tailsift_trace::{Millis, TraceId};

use crate::{Checkpoint, Entry, LiveFrom, Turned};

/// Everything since the last cut, to be committed as one.
#[derive(Debug, Default)]
pub struct Epoch {
    /// One per partition that has something to commit.
    pub parts: Vec<Part>,
    /// Spans on their way to other partitions, out of the records of all parts.
    pub moved: Vec<Moved>,
    /// Outputs cannot be told apart by part: they are committed together or not at all.
    pub is_indivisible: bool,
}

/// Spans of many traces on their way to the partition of their trace IDs.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The partition that they go to.
    pub partition: i32,
    /// The smallest timestamp of the records that the epoch was read from.
    pub time: Option<Millis>,
    /// The headers that their records had, encoded ([`tailsift_trace::encode_headers`]).
    pub headers: Arc<[u8]>,
    /// An `ExportTraceServiceRequest`.
    pub payload: Vec<u8>,
}

/// One partition's share of an epoch. Its values were taken at one instant, the cut, and are
/// never recomputed.
#[derive(Debug)]
pub struct Part {
    /// The partition.
    pub partition: i32,
    /// Which of its assignments; a part of an assignment no longer held must not be committed.
    pub assignment: u64,
    /// What to commit: the low watermark, below which nothing is needed any more.
    pub commit_offset: i64,
    /// The next offset to read.
    pub next_offset: i64,
    /// Stream time just before the record at `commit_offset` was applied.
    pub commit_stream_time: Option<Millis>,
    /// Stream time at the cut.
    pub next_stream_time: Option<Millis>,
    /// The checkpoint, with the number of the part's batch if it has one.
    pub checkpoint: Checkpoint,
    /// A batch goes to the decision log: there are outputs, or `entries`. Otherwise only offset
    /// and checkpoint are committed.
    pub has_batch: bool,
    /// What the batch says of traces.
    pub entries: Vec<Entry>,
    /// From where on the log is needed once this is committed.
    pub live_from: LiveFrom,
    /// From where on the log is to be kept if this part has no batch.
    pub kept_from: Option<i64>,
    /// Where the batch was written; to be filled in before
    /// [`Shard::handle_committed`](crate::Shard::handle_committed).
    pub batch_offset: Option<i64>,
    /// Kept traces and late spans of kept traces.
    pub exports: Vec<Export>,
    /// Records that nobody could read.
    pub dead_letters: Vec<DeadLetter>,
}

/// A kept trace, or late spans of one.
#[derive(Debug, Clone)]
pub struct Export {
    /// The trace.
    pub trace_id: TraceId,
    /// Why it is kept.
    pub decision: Decision,
    /// These spans came after the verdict.
    pub late: bool,
    /// It was dropped before; this is all of it, late spans included, as far as it was found.
    pub turned: Option<Turned>,
    /// How many spans.
    pub spans: u32,
    /// Stream time of the decision (of its arrival, if late).
    pub time: Millis,
    /// The headers that all input records had, encoded ([`tailsift_trace::encode_headers`]).
    pub headers: Box<[u8]>,
    /// An `ExportTraceServiceRequest` of any size.
    pub payload: Arc<Vec<u8>>,
}

/// What a dead letter holds, and so what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// A record of which nothing could be read.
    Record,
    /// A record of which some spans were read, and others had no usable trace ID.
    PartlyRead,
    /// Spans of kept traces that fit in no record; they may come from several.
    Spans,
}

impl LetterKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Record, Self::PartlyRead, Self::Spans];

    /// The name in headers and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::PartlyRead => "partly_read",
            Self::Spans => "spans",
        }
    }
}

/// A record that could not be read, whole, or of which some spans had no usable trace ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it holds.
    pub kind: LetterKind,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub time: Option<Millis>,
    /// What was wrong with it.
    pub reason: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// The bytes of a value that is left out because it may hold what must not be seen.
    pub withheld: Option<usize>,
    /// Its headers, encoded.
    pub headers: Box<[u8]>,
}

/// A trace was judged.
#[derive(Debug)]
pub struct Judged {
    /// The trace.
    pub trace_id: TraceId,
    /// Its partition.
    pub partition: i32,
    /// What became of it.
    pub decision: Decision,
    /// The policies' votes, in configured order; `None` of those that were not asked.
    pub votes: Box<[Option<Vote>]>,
    /// The sub-policy for which a `composite` said sampled, the last that did.
    pub composite: Option<SubPolicy>,
    /// Spans seen.
    pub spans: u32,
    /// Their bytes.
    pub bytes: usize,
    /// Latest end minus earliest start.
    pub duration_ns: i64,
    /// Stream time of the decision.
    pub time: Millis,
    /// Stream time that passed since the trace's first record.
    pub held: Millis,
    /// What is exported, if it is kept.
    pub payload: Option<Arc<Vec<u8>>>,
}

impl Moved {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.payload.len() + size_of::<Self>()
    }
}

impl Part {
    /// From where on the log is needed once this part is committed, as far as is known by now.
    pub fn committed_live_from(&self) -> LiveFrom {
        match (self.live_from, self.batch_offset) {
            (LiveFrom::Batch, Some(offset)) => LiveFrom::Offset(offset),
            (from, _) => from,
        }
    }

    /// From where on the log is to be kept once this part is committed
    /// ([`Commit::kept_from`](crate::Commit::kept_from)).
    pub fn committed_kept_from(&self) -> Option<i64> {
        match (self.has_batch, self.batch_offset, self.committed_live_from()) {
            (false, ..) => self.kept_from,
            (true, Some(batch), LiveFrom::Offset(live)) => Some(batch.min(live)),
            (true, batch, _) => batch,
        }
    }

    /// Bytes that wait to be written.
    pub fn bytes(&self) -> usize {
        let exports = self.exports.iter().map(Export::bytes).sum::<usize>();
        let letters = self.dead_letters.iter().map(DeadLetter::bytes).sum::<usize>();
        exports + letters + self.entries.iter().map(Entry::bytes).sum::<usize>()
    }
}

impl Export {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.payload.len() + self.headers.len() + size_of::<Self>()
    }
}

impl DeadLetter {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        len(&self.key)
            + len(&self.value)
            + self.headers.len()
            + self.reason.len()
            + size_of::<Self>()
    }
}

//! What happens in a world, as its log and its checkers see it.

use std::fmt;

use tailsift_policy::{CloseReason, Verdict};
use tailsift_sampler::{EntryKind, Partial};
use tailsift_trace::Millis;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The wall clock, ms since the world began.
    pub time: Millis,
    /// Whom it happened to.
    pub worker: usize,
    /// What it was.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The group gave a partition: its past is looked up.
    Given {
        /// Which partition.
        partition: i32,
    },
    /// The committed offset was fetched: the offset, how far its owner had read, and the last
    /// checkpoint.
    Fetched {
        /// Which partition.
        partition: i32,
        /// What was committed.
        committed: Option<(i64, i64, u64)>,
    },
    /// A partition was taken up.
    Assigned(Taken),
    /// A partition cannot be taken up without risk.
    RestoreRefused {
        /// Which partition.
        partition: i32,
        /// Which of its assignments.
        token: u64,
        /// Why.
        why: String,
        /// The log is needed from an offset on that is deleted.
        log_starts_late: bool,
    },
    /// A partition was given up.
    Revoked {
        /// Which partition.
        partition: i32,
        /// Without being asked: another worker holds it already.
        lost: bool,
    },
    /// A record was handed in.
    Record {
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// Its timestamp.
        stamp: Option<Millis>,
        /// Its spans; `None` if nobody can read it.
        spans: Option<Vec<usize>>,
    },
    /// An idle proof was handed in.
    Idle {
        /// Its partition.
        partition: i32,
        /// The end offset it speaks of.
        end_offset: i64,
        /// The wall clock when it was asked for.
        asked_at: Millis,
    },
    /// A trace was judged.
    Judged(Judgement),
    /// The worker's reader was asked for a dropped trace's records.
    Asked {
        /// Their partition.
        partition: i32,
        /// The trace.
        trace: usize,
        /// The offset of the late spans that turn its verdict.
        trigger: i64,
    },
    /// The reader's answer was handed in.
    Answered {
        /// The records' partition.
        partition: i32,
        /// Which of its assignments had asked.
        token: u64,
        /// The trace.
        trace: usize,
        /// Offsets of records that were not found.
        missing: Vec<i64>,
    },
    /// A verdict was turned.
    Turned(Turning),
    /// Records of a partition below this offset are deleted: they were kept long enough.
    Expired {
        /// Which partition.
        partition: i32,
        /// Where it begins now.
        start: i64,
    },
    /// An epoch was cut.
    Cut(Vec<CutPart>),
    /// The worker made a step of a commit.
    Call {
        /// Which.
        call: Call,
        /// How it went.
        reply: Reply,
    },
    /// The outcome of an epoch is known: the transaction was committed, or is made again.
    Resolved {
        /// It was committed.
        committed: bool,
        /// The partition and assignment that told; none that is still held had a batch otherwise.
        asked: Option<(i32, u64)>,
    },
    /// A transaction was committed, or offsets without one: this is what was cut.
    Committed(Vec<CutPart>),
    /// A transaction was aborted, or given up by the broker.
    Aborted {
        /// By the broker, as it was open for too long.
        timed_out: bool,
    },
    /// What was sent without a transaction was written to a log at this offset.
    Written(String, i64),
    /// Everything of a transaction in a log became visible, or is passed over from now on.
    Marked(String),
    /// An epoch was let go, as all its partitions are lost.
    Discarded,
    /// The worker learned that its epoch was committed.
    Acknowledged,
    /// The worker died, and another process took its place.
    Crashed,
    /// The worker stands still.
    Stalled,
    /// The worker goes on while another process has taken its name.
    Replaced,
    /// The worker was put out of the group.
    Kicked,
    /// Partitions are to move.
    Stirred,
    /// A process began: its wait, and whether it knows all policies.
    Started {
        /// How long traces wait, ms.
        wait: Millis,
        /// All policies, or all but the last.
        all_policies: bool,
    },
    /// Other policies took over in a process: all, or all but the last.
    Swapped {
        /// All policies.
        all_policies: bool,
    },
    /// The group's offsets are lost.
    OffsetsLost,
    /// The decisions topic has so many partitions now.
    Grown(i32),
    /// A partition of the decision log begins here now.
    Trimmed {
        /// Which.
        log_partition: i32,
        /// Where it begins.
        start: i64,
    },
}

/// A step of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// A producer is made the only one of its id.
    Init,
    /// A transaction is begun.
    Begin,
    /// Exports, letters and batch of a partition are written.
    Send(i32),
    /// The offsets are sent.
    Offsets,
    /// The transaction is committed.
    Commit,
    /// It is aborted.
    Abort,
    /// The outcome is looked up.
    LookUp,
    /// Without a transaction: exports and letters of a partition are sent.
    Export(i32),
    /// They are all acknowledged.
    AwaitExports,
    /// The batch of a partition is sent.
    Log(i32),
    /// The batches are all acknowledged.
    AwaitBatches,
    /// The offsets are committed.
    CommitPlainly,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// Well.
    Done,
    /// It failed and may be made again.
    Retriable,
    /// It failed, and the transaction with it.
    Abortable,
    /// It failed for good: the producer is no longer the one of its id.
    Fenced,
    /// It went well, and the caller does not know.
    Lost,
}

/// Where a partition was taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The partition.
    pub partition: i32,
    /// Which of its assignments.
    pub token: u64,
    /// Where it is read from.
    pub offset: i64,
    /// What its clock goes on from, ms since the Unix epoch; `None` = it starts anew.
    pub stream_time: Option<Millis>,
    /// How far the last owner had read.
    pub read_to: i64,
    /// Stream time there.
    pub read_stream_time: Option<Millis>,
    /// The last checkpoint.
    pub sequence: u64,
    /// The offsets were lost; the log told.
    pub from_log: bool,
    /// Verdicts that are remembered.
    pub known: Vec<Known>,
}

/// A verdict that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The trace.
    pub trace: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// Offsets below are covered.
    pub through: i64,
    /// Stream time at which it may be forgotten.
    pub expiry: Millis,
    /// Of a dropped trace: where its records are, if it is known what they said.
    pub sources: Option<Vec<i64>>,
    /// Of a dropped trace of which that is not known any more: late spans may turn it on their own.
    pub may_turn: bool,
    /// Of a turned trace: offsets of records that are missing.
    pub missing: Vec<i64>,
    /// Likewise: all below is missing.
    pub missing_below: Option<i64>,
}

/// What a cut writes down of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutEntry {
    /// The trace, its verdict and what of it is covered.
    pub known: Known,
    /// It was judged, or spans came since, or they turned the verdict.
    pub kind: EntryKind,
}

/// A trace was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Its partition.
    pub partition: i32,
    /// The trace.
    pub trace: usize,
    /// What became of it.
    pub verdict: Verdict,
    /// The policy that decided.
    pub policy: Option<u16>,
    /// Why it stopped waiting.
    pub reason: CloseReason,
    /// How many spans were seen.
    pub count: u32,
    /// What is to be exported: places of spans, sorted.
    pub spans: Option<Vec<usize>>,
    /// Stream time.
    pub at: Millis,
}

/// A verdict was turned: a dropped trace is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turning {
    /// Its partition.
    pub partition: i32,
    /// The trace.
    pub trace: usize,
    /// The offset of the late spans that turned it.
    pub trigger: i64,
    /// What is to be exported: places of spans, sorted.
    pub spans: Vec<usize>,
    /// How many spans that is said to be.
    pub count: u32,
    /// Offsets of records that are missing.
    pub missing: Vec<i64>,
    /// Why, if some are.
    pub partial: Option<Partial>,
    /// Stream time.
    pub at: Millis,
}

/// One partition's share of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutPart {
    /// The partition.
    pub partition: i32,
    /// What is to be committed.
    pub commit_offset: i64,
    /// What is to be read next.
    pub next_offset: i64,
    /// Stream time just before the record at `commit_offset`, for the next owner, ms since the
    /// Unix epoch.
    pub commit_stream_time: Option<Millis>,
    /// Stream time at the cut.
    pub next_stream_time: Option<Millis>,
    /// The last checkpoint, this one's if it has a batch.
    pub sequence: u64,
    /// There is a batch.
    pub has_batch: bool,
    /// What it says of traces.
    pub entries: Vec<CutEntry>,
    /// What is to be exported: the trace, its spans (sorted), and whether they are late.
    pub exports: Vec<(usize, Vec<usize>, bool)>,
    /// Offsets of records that nobody could read.
    pub dead_letters: Vec<i64>,
}

/// What a checker found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant that broke.
    pub invariant: &'static str,
    /// How that shows.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.text)
    }
}

impl std::error::Error for Violation {}

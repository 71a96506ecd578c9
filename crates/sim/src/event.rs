//! What happens in a world, as its log and its checkers see it.

use std::fmt;

use tailsift_policy::{CloseReason, Verdict};
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
    /// A partition was assigned, to be read from `offset`.
    Assigned {
        /// Which partition.
        partition: i32,
        /// Where from.
        offset: i64,
        /// What its clock goes on from, ms since the Unix epoch; `None` = it starts anew.
        stream_time: Option<Millis>,
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
    /// An epoch was cut.
    Cut(Vec<CutPart>),
    /// The broker took an epoch.
    Committed(Vec<CutPart>),
    /// The broker refused an epoch: these partitions have another owner.
    Refused(Vec<i32>),
    /// An epoch was let go, as all its partitions are lost.
    Discarded,
    /// The worker learned that its epoch was committed.
    Acknowledged,
    /// The worker died, and another process took its place.
    Crashed,
    /// The worker stands still.
    Stalled,
    /// A partition is to move.
    Moving {
        /// Which partition.
        partition: i32,
        /// Where to.
        to: usize,
        /// Its owner is not asked.
        kicked: bool,
    },
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

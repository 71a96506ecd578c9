//! The second chance: late spans want a dropped trace kept, and its earlier records are read again.

use std::sync::Arc;

use tailsift_policy::Decision;
use tailsift_trace::{Millis, SpanId, TraceId};

/// How dropped traces are given a second chance.
///
/// A late span of a dropped trace that a policy is certain to keep, given all that was known of the
/// trace, *turns* the verdict: what the input topic still has of the trace is [read
/// again](Reread) and exported whole with the late spans. A trace is turned once at most, and
/// never if a `drop` policy dropped it; chance and budgets turn nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondChance {
    /// A trace may be turned this long (stream time) after its verdict or its last late span; at
    /// most [`Limits::remember`](crate::Limits::remember). Late spans that come later, to a verdict
    /// that is still remembered, are judged and exported alone ([`Partial::Forgotten`]).
    pub remember: Millis,
    /// Traces a second, on stream time and all partitions together, for which records are read
    /// again; 0 = none. Of a trace beyond it the late spans alone are exported
    /// ([`Partial::Budget`]).
    pub traces_per_second: u64,
    /// The same in bytes of those records' values.
    pub bytes_per_second: u64,
    /// Turns of a shard that may wait for an answer, at least 1; at so many it is
    /// [congested](crate::Shard::is_congested). A drained backlog comes to this, since stream time
    /// runs ahead of whoever reads; else the budgets are reached first.
    pub pending: usize,
}

impl Default for SecondChance {
    /// The defaults of the configuration file.
    fn default() -> Self {
        Self {
            remember: Millis::from_secs(120),
            traces_per_second: 100,
            bytes_per_second: 20_000_000,
            pending: 10_000,
        }
    }
}

/// A trace's records are to be read again, from the partition that it is read from: each at just
/// this offset, committed ones only.
///
/// It is asked for once in an assignment. The answer may take any time: meanwhile the trace waits,
/// and the partition's committed offset with it. Whoever reads answers in time that a record
/// [could not be had](Missing::Timeout): there is no clock here. What was asked when the partition
/// is given up, or the process dies, is asked again by its next owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reread {
    /// The partition.
    pub partition: i32,
    /// Which of its assignments: the answer to an earlier one changes nothing.
    pub assignment: u64,
    /// The trace.
    pub trace_id: TraceId,
    /// The offset of the late spans that turn it.
    pub trigger: i64,
    /// Where its records are: ascending, distinct, all below `trigger`.
    pub sources: Vec<i64>,
    /// Bytes of the records' values together, as they were when they were read first.
    pub bytes: u64,
}

/// What was found of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RereadAnswer {
    /// What was asked for.
    pub asked: Reread,
    /// One for each of its sources, in any order. Of one that is not here nobody answered in time.
    pub sources: Vec<RereadSource>,
}

/// What was found at one offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RereadSource {
    /// The offset.
    pub offset: i64,
    /// The trace's share of the record, or why there is none.
    pub found: Result<SourceSpans, Missing>,
}

/// A trace's share of a record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SourceSpans {
    /// How many spans.
    pub spans: u32,
    /// The record's headers, encoded ([`tailsift_trace::encode_headers`]).
    pub headers: Box<[u8]>,
    /// An `ExportTraceServiceRequest` with spans of this trace alone: the pieces of its
    /// [`Chunk`](tailsift_trace::Chunk), one after another.
    pub payload: Vec<u8>,
}

/// Why a record could not be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not in the topic any more, or cannot be read.
    Gone,
    /// It did not come in time.
    Timeout,
}

/// Why a turned trace is not exported whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partial {
    /// The budget of traces or of bytes was spent: nothing was read again.
    Budget,
    /// Memory ran out while it waited: nothing was read again.
    Memory,
    /// Records are not in the topic any more.
    Gone,
    /// Records did not come in time.
    Timeout,
    /// It had more records than are [noted](crate::Sources).
    SourcesCapped,
    /// [`SecondChance::remember`] had passed, and with it what was known of the trace: the late spans
    /// were judged alone, and nothing was read again.
    Forgotten,
}

impl Partial {
    /// All reasons, in the order of their declaration. Of several the first is given.
    pub const ALL: [Self; 6] = [
        Self::Budget,
        Self::Memory,
        Self::Gone,
        Self::Timeout,
        Self::SourcesCapped,
        Self::Forgotten,
    ];

    /// The name in headers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Memory => "memory",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
            Self::SourcesCapped => "sources_capped",
            Self::Forgotten => "forgotten",
        }
    }
}

/// How a verdict was turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turned {
    /// The late span that turned it: the first that failed, else the first of its record; `None`
    /// if it has no ID.
    pub by: Option<SpanId>,
    /// Why it is not whole, if it is not.
    pub partial: Option<Partial>,
    /// What is missing of a [forgotten](Partial::Forgotten) trace, of others `None`: all that it has
    /// below this offset.
    pub missing_below: Option<i64>,
}

/// A verdict was turned: what was reported as dropped is kept.
#[derive(Debug)]
pub struct TurnedTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its partition.
    pub partition: i32,
    /// Why it is kept now; its close reason is that of the first verdict.
    pub decision: Decision,
    /// How it was turned.
    pub turned: Turned,
    /// The offset of the late spans that turned it.
    pub trigger: i64,
    /// Offsets of records that are missing; see [`Turned::missing_below`] too.
    pub missing: Vec<i64>,
    /// Spans exported, late ones included.
    pub spans: u32,
    /// Stream time.
    pub time: Millis,
    /// What is exported.
    pub payload: Arc<Vec<u8>>,
}

impl From<Missing> for Partial {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Gone => Self::Gone,
            Missing::Timeout => Self::Timeout,
        }
    }
}

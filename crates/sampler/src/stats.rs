//! What the core counts. The shell exports it.

use tailsift_policy::{CloseReason, Tally};
use tailsift_trace::Millis;

use crate::Partial;

/// A shard's counters, all since its creation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records handed in, poison included.
    pub records: u64,
    /// Their payload bytes.
    pub record_bytes: u64,
    /// Well-formed spans.
    pub spans: u64,
    /// Spans without a usable trace ID.
    pub malformed_spans: u64,
    /// Records that could not be read at all.
    pub poison_records: u64,
    /// Records with no span in their value.
    pub empty_records: u64,
    /// Records that the client delivered a second time, ignored.
    pub repeated_records: u64,
    /// Their spans.
    pub spans_repeated: u64,
    /// Spans that were read again after an owner had settled them: a verdict in the log covers
    /// them, and they are passed over.
    pub spans_covered: u64,
    /// Traces that entered the window.
    pub traces_opened: u64,
    /// Traces judged, by [`CloseReason`] in the order of [`CloseReason::ALL`].
    pub closed: [u64; CloseReason::ALL.len()],
    /// Traces kept, by deciding policy: at its place among the names
    /// ([`Shard::handle_policies`](crate::Shard::handle_policies)), which until policies are
    /// replaced is its place in configured order.
    pub kept_by_policy: Vec<u64>,
    /// Traces kept.
    pub kept_traces: u64,
    /// Traces dropped.
    pub dropped_traces: u64,
    /// Spans exported, late ones included.
    pub kept_spans: u64,
    /// Spans let go, late ones included.
    pub dropped_spans: u64,
    /// Spans that came after their trace was kept: exported at once.
    pub late_spans_kept: u64,
    /// Spans that came after their trace was dropped: let go.
    pub late_spans_dropped: u64,
    /// Dropped traces that their late spans would have had kept, and that had no second chance.
    pub late_would_have_kept: u64,
    /// Late spans that follow a drop though nothing is known of their trace any more: a policy
    /// dropped it, other policies judged it, or its second chance is over and they alone are no
    /// reason to keep it. Nobody can say what they would have changed.
    pub late_spans_unjudged: u64,
    /// Dropped traces that late spans want kept; again by each owner that waits for their records.
    pub turns_asked: u64,
    /// Of those, traces that were kept whole.
    pub turns_whole: u64,
    /// Traces that were kept without some of their records, by [`Partial`] in the order of
    /// [`Partial::ALL`].
    pub turns_partial: [u64; Partial::ALL.len()],
    /// Spans that were dropped, read again, and exported.
    pub turned_spans: u64,
    /// Their bytes.
    pub turned_bytes: u64,
    /// Verdicts read back from the decision log when partitions were given.
    pub decisions_restored: u64,
    /// Verdicts and late spans written to the decision log.
    pub decisions_logged: u64,
    /// Records read again to rebuild what was waiting when their partitions were given.
    pub records_replayed: u64,
    /// Verdicts forgotten before their time, for want of memory.
    pub decisions_forgotten_early: u64,
    /// Kept traces whose records disagreed in some header, which was not copied.
    pub headers_differed: u64,
    /// Traces seen on two partitions: the input is not keyed by trace ID (a sample of one trace
    /// in 64 is looked at).
    pub traces_on_two_partitions: u64,
    /// Spans thrown away undecided, or while they waited for the records of their trace, when their
    /// partition was given up; its next owner replays them.
    pub spans_given_up: u64,
    /// Oddities met in attributes.
    pub tally: Tally,
    /// Traces of more spans than structures hold: none of them is judged as complete.
    pub structures_too_large: u64,
    /// Edges forgotten for others because there were too many.
    pub edges_forgotten: u64,
    /// Times that other policies took over.
    pub policy_swaps: u64,
    /// Traces that waited then, and that the new policies have looked at again.
    pub traces_refolded: u64,
    /// Records' shares of such traces that could not be read as the new policies ask: of their
    /// spans nothing but IDs, times and status is known to these.
    pub refold_failures: u64,
}

/// What a shard holds at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Traces waiting.
    pub traces_open: usize,
    /// Spans of traces waiting.
    pub spans_open: u64,
    /// Bytes of the window: what [`Limits::memory_bytes`](crate::Limits::memory_bytes) bounds,
    /// without remembered decisions.
    pub window_bytes: usize,
    /// Kinds of calls and callers of which something is known.
    pub edges: usize,
    /// Verdicts remembered.
    pub decisions: usize,
    /// Their bytes.
    pub decision_bytes: usize,
    /// Bytes of outputs that wait for a commit.
    pub epoch_bytes: usize,
    /// Dropped traces that wait for their records, to be kept.
    pub turns: usize,
    /// Their late spans.
    pub turn_spans: u64,
    /// Stream time since the first record of the oldest waiting trace.
    pub oldest_open: Millis,
}

/// How far a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
    /// The smallest offset still needed: what may be committed.
    pub low_watermark: i64,
    /// What was committed last by this assignment, if anything.
    pub committed: Option<i64>,
    /// Offsets to read again before anything is judged.
    pub to_replay: i64,
    /// The partition's clock; `None` until it has started.
    pub stream_time: Option<Millis>,
}

impl Stats {
    /// Adds another shard's counters of the same policies.
    pub fn add(&mut self, other: &Self) {
        let Self { closed, kept_by_policy, turns_partial, tally, .. } = self;
        for (sum, more) in turns_partial.iter_mut().zip(other.turns_partial) {
            *sum += more;
        }
        for (sum, more) in closed.iter_mut().zip(other.closed) {
            *sum += more;
        }
        kept_by_policy.resize(kept_by_policy.len().max(other.kept_by_policy.len()), 0);
        for (sum, more) in kept_by_policy.iter_mut().zip(&other.kept_by_policy) {
            *sum += more;
        }
        tally.confidence_unreadable += other.tally.confidence_unreadable;
        tally.ottl_failures += other.tally.ottl_failures;
        tally.numbers_unreadable += other.tally.numbers_unreadable;
        tally.kin_too_many += other.tally.kin_too_many;
        tally.drift_keys_forgotten += other.tally.drift_keys_forgotten;
        tally.rate_keys_crowded += other.tally.rate_keys_crowded;
        self.records += other.records;
        self.record_bytes += other.record_bytes;
        self.spans += other.spans;
        self.malformed_spans += other.malformed_spans;
        self.poison_records += other.poison_records;
        self.empty_records += other.empty_records;
        self.repeated_records += other.repeated_records;
        self.spans_repeated += other.spans_repeated;
        self.spans_covered += other.spans_covered;
        self.traces_opened += other.traces_opened;
        self.kept_traces += other.kept_traces;
        self.dropped_traces += other.dropped_traces;
        self.kept_spans += other.kept_spans;
        self.dropped_spans += other.dropped_spans;
        self.late_spans_kept += other.late_spans_kept;
        self.late_spans_dropped += other.late_spans_dropped;
        self.late_would_have_kept += other.late_would_have_kept;
        self.late_spans_unjudged += other.late_spans_unjudged;
        self.turns_asked += other.turns_asked;
        self.turns_whole += other.turns_whole;
        self.turned_spans += other.turned_spans;
        self.turned_bytes += other.turned_bytes;
        self.decisions_restored += other.decisions_restored;
        self.decisions_logged += other.decisions_logged;
        self.records_replayed += other.records_replayed;
        self.decisions_forgotten_early += other.decisions_forgotten_early;
        self.headers_differed += other.headers_differed;
        self.traces_on_two_partitions += other.traces_on_two_partitions;
        self.spans_given_up += other.spans_given_up;
        self.structures_too_large += other.structures_too_large;
        self.edges_forgotten += other.edges_forgotten;
        self.policy_swaps += other.policy_swaps;
        self.traces_refolded += other.traces_refolded;
        self.refold_failures += other.refold_failures;
    }
}

impl Gauges {
    /// Adds what another shard holds.
    pub fn add(&mut self, other: &Self) {
        self.traces_open += other.traces_open;
        self.spans_open += other.spans_open;
        self.window_bytes += other.window_bytes;
        self.edges += other.edges;
        self.decisions += other.decisions;
        self.decision_bytes += other.decision_bytes;
        self.epoch_bytes += other.epoch_bytes;
        self.turns += other.turns;
        self.turn_spans += other.turn_spans;
        self.oldest_open = self.oldest_open.max(other.oldest_open);
    }
}

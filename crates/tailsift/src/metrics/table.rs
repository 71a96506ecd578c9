//! Every metric that tailsift exports, once.

mod balance;
pub(super) mod chance;
mod process;
mod waiting;

use tailsift_kafka::SinkStats;
use tailsift_sampler::{Gauges, RekeyStats, Stats};

pub(crate) use process::{
    BUILD, CONFIG, RECONNECTS, RELOADS, RESIDENT_MEMORY, SECRETS_RELOADED, UPTIME,
};
pub(crate) use waiting::TRACE_HELD;
use waiting::{EDGES, EDGES_FORGOTTEN, STRUCTURES_TOO_LARGE};

/// Reads a counter of a shard.
pub(crate) type ReadStats = fn(&Stats) -> u64;
/// Reads a counter of a re-key worker.
pub(crate) type ReadRekey = fn(&RekeyStats) -> u64;
/// Reads a counter of a sink.
pub(crate) type ReadSink = fn(&SinkStats) -> u64;
/// Reads what a shard holds.
pub(crate) type ReadGauges = fn(&Gauges) -> f64;

/// One metric, and where its value is read.
pub(crate) struct Metric {
    /// Its full name; words as in the rest of the product, unit last but for `_total`.
    pub(crate) name: &'static str,
    /// Its labels, in the order of their values.
    pub(crate) labels: &'static [&'static str],
    /// What it counts or measures.
    pub(crate) help: &'static str,
    /// Kind and source.
    pub(crate) source: Source,
}

/// What a metric is and where its value comes from.
pub(crate) enum Source {
    /// A counter of a shard.
    Stats(ReadStats),
    /// A counter of a re-key worker.
    Rekey(ReadRekey),
    /// A counter of a sink.
    Sink(ReadSink),
    /// What a shard holds.
    Gauges(ReadGauges),
    /// A counter with labels of its own, or one that the shell counts.
    Counter,
    /// A measure of the shell's.
    Gauge,
    /// A distribution over these upper bounds.
    Histogram(&'static [f64]),
}

impl Metric {
    const fn stats(name: &'static str, read: ReadStats, help: &'static str) -> Self {
        Self { name, labels: &["worker"], help, source: Source::Stats(read) }
    }

    const fn rekey(name: &'static str, read: ReadRekey, help: &'static str) -> Self {
        Self { name, labels: &["worker"], help, source: Source::Rekey(read) }
    }

    const fn sink(name: &'static str, read: ReadSink, help: &'static str) -> Self {
        Self { name, labels: &["worker"], help, source: Source::Sink(read) }
    }

    const fn gauges(name: &'static str, read: ReadGauges, help: &'static str) -> Self {
        Self { name, labels: &["worker"], help, source: Source::Gauges(read) }
    }

    const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, labels, help, source: Source::Counter }
    }

    const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, labels, help, source: Source::Gauge }
    }
}

/// Traces judged, by close reason.
pub(crate) const TRACES_CLOSED: Metric = Metric::counter(
    "tailsift_traces_closed_total",
    &["worker", "reason"],
    "Traces judged, by why they stopped waiting. span_limit, byte_limit and memory_limit are \
     limits at work: such traces were judged on what was there.",
);
/// Traces judged, by verdict and policy.
pub(crate) const VERDICTS: Metric = Metric::counter(
    "tailsift_verdicts_total",
    &["worker", "verdict", "policy"],
    "Traces judged, by verdict (keep, drop) and deciding policy (none for a drop).",
);
/// Records that could not be read.
pub(crate) const POISON_RECORDS: Metric = Metric::counter(
    "tailsift_poison_records_total",
    &["worker", "reason"],
    "Records that could not be read at all, by what is wrong with them.",
);
/// What redaction changed.
pub(crate) const REDACTIONS: Metric = Metric::counter(
    "tailsift_redactions_total",
    &["worker", "action"],
    "Attributes and texts of exports that a rule of redaction changed, by its action. A rule that \
     finds nothing over days may be misspelt.",
);
/// What redaction could not read.
pub(crate) const REDACTION_UNREADABLE: Metric = Metric::counter(
    "tailsift_redaction_unreadable_total",
    &["worker"],
    "Parts of exports (attributes, events, links) that could not be read and so not be redacted: \
     they were left out.",
);
/// What became of spans' sampling thresholds.
pub(crate) const THRESHOLDS: Metric = Metric::counter(
    "tailsift_span_thresholds_total",
    &["worker", "outcome"],
    "Spans of traces that were kept by chance or by a budget, by what became of ot=th in their \
     tracestate: written; kept, for it was as high or higher; erased, for a budget let the trace \
     through and nobody knows how likely that was; left alone because the tracestate is unreadable \
     (against the rules of W3C or OpenTelemetry) or has no_room.",
);
/// Epochs that failed.
pub(crate) const EPOCH_FAILURES: Metric = Metric::counter(
    "tailsift_epoch_failures_total",
    &["worker", "kind"],
    "Epochs that did not commit at once: aborted (sent again), producer_replaced (fenced, timed \
     out or failed for good; sent again if it was not committed), discarded (its partitions went \
     to another owner, who replays them).",
);
/// The time an epoch's commit took. A commit takes some 15 ms on a healthy broker; a transaction
/// times out after 15 s.
pub(crate) const EPOCH_COMMIT: Metric = Metric {
    name: "tailsift_epoch_commit_seconds",
    labels: &["worker"],
    help: "Time from an epoch's cut to its commit, failed attempts included.",
    source: Source::Histogram(&[
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0,
    ]),
};
/// Records that the re-key stage has not committed.
pub(crate) const REKEY_LAG: Metric = Metric::gauge(
    "tailsift_rekey_lag_records",
    &["topic", "partition"],
    "Records of an input partition that the re-key stage, in whichever process, has not committed.",
);
/// What the re-key stage keeps of partitions that are ahead.
pub(crate) const REKEY_HELD: Metric = Metric::gauge(
    "tailsift_rekey_held_bytes",
    &["worker"],
    "What a re-key worker has fetched of input partitions that wait for slower ones (repartition.read_ahead).",
);
/// Records not yet read.
pub(crate) const READ_LAG: Metric = Metric::gauge(
    "tailsift_partition_read_lag_records",
    &["partition"],
    "Records of the input partition not yet read.",
);
/// Records not yet committed.
pub(crate) const SETTLED_LAG: Metric = Metric::gauge(
    "tailsift_partition_settled_lag_records",
    &["partition"],
    "Records above the committed offset: what a restart would replay, and what is still to be \
     read.",
);
/// Records to read again.
pub(crate) const REPLAY: Metric = Metric::gauge(
    "tailsift_partition_replay_records",
    &["partition"],
    "Records that an earlier owner had read, to be read again before anything of the partition is \
     judged.",
);
/// Partitions that are being restored.
pub(crate) const PARTITIONS_RESTORING: Metric = Metric::gauge(
    "tailsift_partitions_restoring",
    &["worker"],
    "Partitions that were assigned and wait for their verdicts to be read from the decision log.",
);
/// Partitions that are not read.
pub(crate) const PARTITIONS_REFUSED: Metric = Metric::gauge(
    "tailsift_partitions_refused",
    &["worker"],
    "Partitions that are not read because the decision log lacks what is needed; the log line says \
     what to do.",
);
/// Records that nobody read.
pub(crate) const RECORDS_MISSING: Metric = Metric::counter(
    "tailsift_records_missing_total",
    &["worker"],
    "Records that were deleted from the input topic before they were read and decided: lost. \
     Lengthen its retention.",
);
/// A partition's clock.
pub(crate) const STREAM_TIME: Metric = Metric::gauge(
    "tailsift_partition_stream_time_seconds",
    &["partition"],
    "The partition's clock, as Unix time.",
);

/// The table: what `/metrics` shows, and what `schemas/metrics.md` is generated from.
pub(crate) const TABLE: &[Metric] = &[
    Metric::stats(
        "tailsift_records_total",
        |stats| stats.records,
        "Records read, poison and replays after a restart or rebalance included.",
    ),
    Metric::stats(
        "tailsift_record_bytes_total",
        |stats| stats.record_bytes,
        "Their payload bytes.",
    ),
    Metric::stats("tailsift_spans_total", |stats| stats.spans, "Well-formed spans read."),
    Metric::stats(
        "tailsift_malformed_spans_total",
        |stats| stats.malformed_spans,
        "Spans without a usable trace ID: 16 bytes of which one is not zero.",
    ),
    POISON_RECORDS,
    REDACTIONS,
    REDACTION_UNREADABLE,
    THRESHOLDS,
    Metric::stats(
        "tailsift_empty_records_total",
        |stats| stats.empty_records,
        "Records whose value holds no span.",
    ),
    Metric::sink(
        "tailsift_dead_letters_total",
        |sink| sink.dead_letters,
        "Records written to the dead-letter topic, in committed epochs.",
    ),
    Metric::stats(
        "tailsift_repeated_records_total",
        |stats| stats.repeated_records,
        "Records that the client delivered a second time, ignored.",
    ),
    Metric::stats(
        "tailsift_traces_opened_total",
        |stats| stats.traces_opened,
        "Traces that entered the window.",
    ),
    TRACES_CLOSED,
    TRACE_HELD,
    STRUCTURES_TOO_LARGE,
    EDGES_FORGOTTEN,
    EDGES,
    VERDICTS,
    Metric::stats(
        "tailsift_spans_kept_total",
        |stats| stats.kept_spans,
        "Spans exported, late ones included.",
    ),
    Metric::stats(
        "tailsift_spans_dropped_total",
        |stats| stats.dropped_spans,
        "Spans let go by a verdict, late ones included.",
    ),
    Metric::stats(
        "tailsift_late_spans_kept_total",
        |stats| stats.late_spans_kept,
        "Spans that came after their trace was kept: exported at once.",
    ),
    Metric::stats(
        "tailsift_late_spans_dropped_total",
        |stats| stats.late_spans_dropped,
        "Spans that came after their trace was dropped: let go.",
    ),
    Metric::stats(
        "tailsift_late_would_have_kept_total",
        |stats| stats.late_would_have_kept,
        "Dropped traces that their late spans would have had kept, without a second chance: the \
         price of the waiting rule.",
    ),
    chance::UNJUDGED,
    chance::ASKED,
    chance::WHOLE,
    chance::PARTIAL,
    chance::SPANS,
    chance::BYTES,
    chance::READ_BYTES,
    chance::WAITING,
    chance::WAITING_SPANS,
    Metric::stats(
        "tailsift_decisions_forgotten_early_total",
        |stats| stats.decisions_forgotten_early,
        "Verdicts forgotten before decisions.remember, for want of memory: later spans of these \
         traces are judged anew.",
    ),
    Metric::stats(
        "tailsift_decisions_logged_total",
        |stats| stats.decisions_logged,
        "Verdicts, and late spans of judged traces, written to the decision log.",
    ),
    Metric::stats(
        "tailsift_decisions_restored_total",
        |stats| stats.decisions_restored,
        "Verdicts read back from the decision log when partitions were assigned.",
    ),
    Metric::sink(
        "tailsift_decision_log_bytes_total",
        |sink| sink.decision_bytes,
        "Bytes written to the decision log in committed epochs, before compression.",
    ),
    Metric::stats(
        "tailsift_records_replayed_total",
        |stats| stats.records_replayed,
        "Records read again to rebuild the windows of partitions that were assigned.",
    ),
    Metric::stats(
        "tailsift_headers_differed_total",
        |stats| stats.headers_differed,
        "Kept traces whose records disagreed in some header, which was not copied.",
    ),
    Metric::stats(
        "tailsift_traces_on_two_partitions_total",
        |stats| stats.traces_on_two_partitions,
        "Traces seen on two partitions, in a sample of one in 64: the input is not keyed by \
         trace ID.",
    ),
    balance::GIVEN_UP,
    balance::COVERED,
    balance::REPEATED,
    Metric::stats(
        "tailsift_confidence_unreadable_total",
        |stats| stats.tally.confidence_unreadable,
        "Confidence attributes that were NaN or no number.",
    ),
    Metric::stats(
        "tailsift_ottl_failures_total",
        |stats| stats.tally.ottl_failures,
        "Conditions of ottl_condition policies that failed on a span or event, such as a division \
         by zero; error_mode says what comes of it.",
    ),
    Metric::stats(
        "tailsift_numbers_unreadable_total",
        |stats| stats.tally.numbers_unreadable,
        "Attributes that a trace_condition calculates with, and that were NaN or no number.",
    ),
    Metric::stats(
        "tailsift_kin_too_many_total",
        |stats| stats.tally.kin_too_many,
        "Traces of too many spans for fragmented, which takes them for whole, or of too many \
         errors or names for failure, which takes any error for fatal.",
    ),
    Metric::stats(
        "tailsift_drift_keys_forgotten_total",
        |stats| stats.tally.drift_keys_forgotten,
        "Keys that a drift policy forgot, with what is usual for them, because there were more \
         than 1024 on a partition.",
    ),
    Metric::stats(
        "tailsift_policy_swaps_total",
        |stats| stats.policy_swaps,
        "Times that a worker went over to other policies.",
    ),
    Metric::stats(
        "tailsift_traces_refolded_total",
        |stats| stats.traces_refolded,
        "Undecided traces that other policies have looked at again when they took over.",
    ),
    Metric::stats(
        "tailsift_refold_failures_total",
        |stats| stats.refold_failures,
        "Records' shares of such traces of which only IDs, times and status could be read: what \
         the new policies ask for is malformed there.",
    ),
    Metric::stats(
        "tailsift_rate_keys_crowded_total",
        |stats| stats.tally.rate_keys_crowded,
        "Traces that rate_per_key policies judged with all others beyond keys_max, because their \
         key was one too many on its partition.",
    ),
    Metric::gauges(
        "tailsift_traces_open",
        |gauges| gauges.traces_open as f64,
        "Traces in the window.",
    ),
    Metric::gauges("tailsift_spans_open", |gauges| gauges.spans_open as f64, "Their spans."),
    Metric::gauges(
        "tailsift_window_bytes",
        |gauges| gauges.window_bytes as f64,
        "Bytes of the window, without remembered verdicts.",
    ),
    Metric::gauges(
        "tailsift_oldest_open_seconds",
        |gauges| gauges.oldest_open.0 as f64 / 1e3,
        "Stream time since the first record of the oldest trace in the window.",
    ),
    Metric::gauges(
        "tailsift_decisions_remembered",
        |gauges| gauges.decisions as f64,
        "Verdicts remembered for late spans.",
    ),
    Metric::gauges(
        "tailsift_decisions_bytes",
        |gauges| gauges.decision_bytes as f64,
        "Their bytes; with tailsift_window_bytes what window.memory_limit bounds.",
    ),
    Metric::gauges(
        "tailsift_epoch_bytes",
        |gauges| gauges.epoch_bytes as f64,
        "Bytes of outputs that wait for a commit.",
    ),
    Metric::sink(
        "tailsift_records_written_total",
        |sink| sink.records,
        "Records written in committed epochs: kept traces, late spans, dead letters.",
    ),
    Metric::rekey(
        "tailsift_rekey_records_total",
        |stats| stats.records,
        "Records read by the re-key stage (input.keyed_by: none), poison included.",
    ),
    Metric::rekey(
        "tailsift_rekey_record_bytes_total",
        |stats| stats.record_bytes,
        "Their payload bytes.",
    ),
    Metric::rekey(
        "tailsift_rekey_spans_total",
        |stats| stats.spans,
        "Spans brought to the partition of their trace.",
    ),
    Metric::rekey(
        "tailsift_rekey_malformed_spans_total",
        |stats| stats.malformed_spans,
        "Spans without a usable trace ID, met by the re-key stage.",
    ),
    Metric::rekey(
        "tailsift_rekey_moved_records_total",
        |stats| stats.moved_records,
        "Records written by the re-key stage.",
    ),
    Metric::rekey(
        "tailsift_rekey_moved_bytes_total",
        |stats| stats.moved_bytes,
        "Their payload bytes.",
    ),
    Metric::rekey(
        "tailsift_rekey_restarts_total",
        |stats| stats.restarts,
        "Times that a re-key worker threw away what was uncommitted, and read it again, because a \
         partition was taken away in the middle.",
    ),
    REKEY_LAG,
    REKEY_HELD,
    Metric::sink("tailsift_epochs_committed_total", |sink| sink.committed, "Epochs committed."),
    EPOCH_FAILURES,
    EPOCH_COMMIT,
    READ_LAG,
    SETTLED_LAG,
    REPLAY,
    STREAM_TIME,
    PARTITIONS_RESTORING,
    PARTITIONS_REFUSED,
    RECORDS_MISSING,
    SECRETS_RELOADED,
    RECONNECTS,
    RELOADS,
    CONFIG,
    BUILD,
    RESIDENT_MEMORY,
    UPTIME,
];

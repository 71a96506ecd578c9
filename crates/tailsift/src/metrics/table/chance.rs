//! Dropped traces that late spans want kept.

use super::Metric;

/// Traces that were read again.
pub(super) const ASKED: Metric = Metric::stats(
    "tailsift_second_chances_total",
    |stats| stats.turns_asked,
    "Dropped traces that late spans want kept (second_chance); again by each owner that waits for \
     their records.",
);
/// With all of their spans.
pub(super) const WHOLE: Metric = Metric::stats(
    "tailsift_second_chances_whole_total",
    |stats| stats.turns_whole,
    "Of those, traces that were kept whole.",
);
/// Without some of them.
pub(crate) const PARTIAL: Metric = Metric::counter(
    "tailsift_second_chances_partial_total",
    &["worker", "reason"],
    "Of those, traces that were kept without some of their records: budget, memory (nothing was \
     read again), gone (not in the topic any more), timeout, sources_capped (too many records), \
     forgotten (second_chance.remember had passed: nothing was read again).",
);
/// What was had back.
pub(super) const SPANS: Metric = Metric::stats(
    "tailsift_second_chance_spans_total",
    |stats| stats.turned_spans,
    "Spans that were dropped, read again and exported.",
);
/// Their bytes.
pub(super) const BYTES: Metric =
    Metric::stats("tailsift_second_chance_bytes_total", |stats| stats.turned_bytes, "Their bytes.");
/// What that took.
pub(crate) const READ_BYTES: Metric = Metric::counter(
    "tailsift_second_chance_read_bytes_total",
    &[],
    "Bytes of keys and values that were read again for it, of records between those that were \
     wanted too.",
);
/// What is under way.
pub(super) const WAITING: Metric = Metric::gauges(
    "tailsift_second_chances_waiting",
    |gauges| gauges.turns as f64,
    "Dropped traces whose records are being read again; their partitions' committed offsets wait.",
);
/// Their late spans.
pub(super) const WAITING_SPANS: Metric = Metric::gauges(
    "tailsift_second_chance_spans_waiting",
    |gauges| gauges.turn_spans as f64,
    "Late spans of those traces.",
);
/// Late spans that nobody judges.
pub(super) const UNJUDGED: Metric = Metric::stats(
    "tailsift_late_spans_unjudged_total",
    |stats| stats.late_spans_unjudged,
    "Late spans that follow a drop though nothing is known of their trace any more: a policy \
     dropped it, other policies judged it, or second_chance.remember has passed and they alone are \
     no certain reason to keep it.",
);

//! Spans that were read and neither judged nor held.

use super::Metric;

/// Let go with their partition.
pub(super) const GIVEN_UP: Metric = Metric::stats(
    "tailsift_spans_given_up_total",
    |stats| stats.spans_given_up,
    "Undecided spans let go with their partition; its next owner replays them.",
);
/// Passed over in a replay.
pub(super) const COVERED: Metric = Metric::stats(
    "tailsift_spans_covered_total",
    |stats| stats.spans_covered,
    "Spans passed over in a replay after a restart or rebalance: an earlier owner settled them.",
);
/// Passed over with a record that was delivered twice.
pub(super) const REPEATED: Metric = Metric::stats(
    "tailsift_spans_repeated_total",
    |stats| stats.spans_repeated,
    "Spans of records that the client delivered a second time, ignored.",
);

//! How long traces wait, and what completion learns.

use super::{Metric, Source};

/// How long a trace was held. Structures are whole after seconds; a fixed wait is usually 30 s.
pub(crate) const TRACE_HELD: Metric = Metric {
    name: "tailsift_trace_held_seconds",
    labels: &["worker", "reason"],
    help: "Stream time from a trace's first record to its verdict, by why it stopped waiting.",
    source: Source::Histogram(&[
        0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0,
        300.0, 900.0,
    ]),
};
/// Traces that completion knows nothing of.
pub(super) const STRUCTURES_TOO_LARGE: Metric = Metric::stats(
    "tailsift_structures_too_large_total",
    |stats| stats.structures_too_large,
    "Traces of more than 4096 spans (completion: structural): they are never complete, and wait \
     their whole wait.",
);
/// Edges that had to go.
pub(super) const EDGES_FORGOTTEN: Metric = Metric::stats(
    "tailsift_edges_forgotten_total",
    |stats| stats.edges_forgotten,
    "Pairs of service and span name that completion forgot for others: more than window.edges_max \
     were met on a partition. Names with IDs in them may be the cause.",
);
/// Edges that are known.
pub(super) const EDGES: Metric = Metric::gauges(
    "tailsift_edges",
    |gauges| gauges.edges as f64,
    "Pairs of service and span name of which completion learns whether their calls usually have a \
     child.",
);

//! Every span that was handed in is somewhere: kept, dropped, waiting or given up.

use tailsift_policy::CloseReason;

use crate::checker::View;
use crate::event::Violation;

pub(crate) fn check(view: &View<'_>) -> Result<(), Violation> {
    let (stats, gauges) = (view.stats, &view.gauges);
    let placed = stats.kept_spans + stats.dropped_spans + gauges.spans_open + stats.spans_given_up;
    same("spans: handed in, and kept + dropped + open + given up", stats.spans, placed)?;
    let judged = stats.kept_traces + stats.dropped_traces;
    same("traces: closed by any reason, and kept + dropped", stats.closed.iter().sum(), judged)?;
    let by_policy = stats.kept_by_policy.iter().sum();
    same("traces: kept, and kept by any policy", stats.kept_traces, by_policy)?;
    same("closed as complete or too large", 0, {
        let of = |reason: CloseReason| stats.closed[reason as usize];
        of(CloseReason::Complete) + of(CloseReason::TooLarge) + of(CloseReason::Drain)
    })
}

fn same(what: &str, left: u64, right: u64) -> Result<(), Violation> {
    if left == right {
        return Ok(());
    }
    Err(Violation { invariant: "counters", text: format!("{what}: {left} and {right}") })
}

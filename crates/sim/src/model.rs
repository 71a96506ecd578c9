//! The reference: slow, obvious, and sure of all spans at once.

use crate::input::{Input, Record, Span};
use crate::plan::{Plan, SLOW_ABOVE_MS, UNSURE_BELOW, WARM_UP};

/// What the input alone says of each trace.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Some policy wants the trace, given all its spans, and none drops it.
    pub(crate) keep: Vec<bool>,
    /// Some policy wants the trace, whether or not another drops it.
    pub(crate) wanted: Vec<bool>,
    /// All its spans come before its deadline, wherever a reader starts and however it lags.
    pub(crate) punctual: Vec<bool>,
    /// How often each span is in the input.
    pub(crate) copies: Vec<usize>,
}

impl Truth {
    pub(crate) fn new(plan: &Plan, input: &Input) -> Self {
        let mut copies = vec![0; input.spans.len()];
        for place in input.logs.iter().flatten().flat_map(|record| record.spans.iter().flatten()) {
            copies[*place] += 1;
        }
        let spans_of = |trace: usize| -> Vec<&Span> {
            input.traces[trace].spans.iter().map(|place| &input.spans[*place]).collect()
        };
        Self {
            keep: (0..input.traces.len()).map(|trace| keeps(&spans_of(trace), true)).collect(),
            wanted: (0..input.traces.len()).map(|trace| wants(&spans_of(trace), true)).collect(),
            punctual: (0..input.traces.len()).map(|t| is_punctual(plan, input, t)).collect(),
            copies,
        }
    }
}

/// What the policies of [`Plan::policies`] mean, or all but the last of them.
pub(crate) fn keeps(spans: &[&Span], all_policies: bool) -> bool {
    wants(spans, all_policies) && !is_vetoed(spans)
}

/// A policy drops it, whatever the others want.
pub(crate) fn is_vetoed(spans: &[&Span]) -> bool {
    spans.iter().any(|span| span.name == WARM_UP && span.end_ns > span.start_ns)
}

fn wants(spans: &[&Span], all_policies: bool) -> bool {
    let start = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end_ns).max().unwrap_or(0);
    let slow = end.saturating_sub(start) / 1_000_000 > SLOW_ABOVE_MS as u64;
    let unsure = |span: &&&Span| span.confidence.is_some_and(|value| value < UNSURE_BELOW);
    slow || spans.iter().any(|span| span.error)
        || all_policies && spans.iter().any(|span| unsure(&span))
}

/// A trace waits from its own first stamp at least, and by its root from that one's, whoever reads
/// it and however often the clock was taken up in between; this takes the highest that stream time
/// can be just before its last record.
fn is_punctual(plan: &Plan, input: &Input, trace: usize) -> bool {
    // Whole traces are judged before: what comes late of them comes late.
    let is_structural = plan.limits.structural.is_some();
    if plan.has_tight_limits() || plan.faults.future > 0 || plan.reconfigures || is_structural {
        return false;
    }
    let log = &input.logs[input.traces[trace].partition as usize];
    let spans_in = |record: &Record| {
        let spans = record.spans.iter().flatten().map(|place| &input.spans[*place]);
        spans.filter(|span| span.trace == trace).collect::<Vec<_>>()
    };
    let has_root = |record: &Record| spans_in(record).iter().any(|span| span.parent.is_none());
    let holds = |record: &Record| !spans_in(record).is_empty();
    let (Some(first), Some(last)) = (log.iter().position(holds), log.iter().rposition(holds))
    else {
        return false;
    };
    let root = log.iter().find(|record| has_root(record)).unwrap_or(&log[last]);
    // A record without a stamp may find a clock that has stood still for any time.
    let (Some(opened), Some(rooted)) = (log[first].time, root.time) else { return false };
    let stamped = log[..last].iter().filter_map(|record| record.time).max();
    let proven = log[last].appended - plan.limits.idle_grace;
    let highest = stamped.map_or(proven, |stamped| stamped.max(proven));
    let after_root = plan.limits.decision_wait_after_root;
    highest < opened + plan.limits.decision_wait
        && after_root.is_none_or(|wait| highest < rooted + wait)
}

#[cfg(test)]
mod tests;

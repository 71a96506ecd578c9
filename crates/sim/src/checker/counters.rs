//! Traces are counted as they are judged, and what waits is what the account says.

use tailsift_policy::CloseReason;

use crate::checker::View;
use crate::checker::book::Book;
use crate::event::Violation;

pub(crate) fn check(view: &View<'_>) -> Result<(), Violation> {
    let stats = view.stats;
    let judged = stats.kept_traces + stats.dropped_traces;
    same("traces: closed by any reason, and kept + dropped", stats.closed.iter().sum(), judged)?;
    let by_policy = stats.kept_by_policy.iter().sum();
    same("traces: kept, and kept by any policy", stats.kept_traces, by_policy)?;
    let of = |reason: CloseReason| stats.closed[reason as usize];
    let complete = if view.limits.structural.is_some() { 0 } else { of(CloseReason::Complete) };
    let never = of(CloseReason::TooLarge) + of(CloseReason::Drain) + complete;
    same("closed for reasons that are not there", 0, never)
}

/// What waits and what is remembered is what the account says, within what the shard is free to
/// have forgotten.
pub(crate) fn check_window(book: &Book, view: &View<'_>) -> Result<(), Violation> {
    if book.of_worker(view.worker).any(|(_, assignment)| assignment.blurred) {
        return Ok(());
    }
    let (mut open, mut spans, mut least, mut most) = (0, 0, 0, 0);
    for (_, assignment) in book.of_worker(view.worker) {
        let now = assignment.clock.now();
        for life in assignment.lives.values() {
            match &life.decided {
                None => (open, spans) = (open + 1, spans + life.spans.len() as u64),
                Some(decided) => {
                    let is_live = now.is_none_or(|now| decided.expiry > now);
                    let is_needed = decided.unlogged.is_some() || decided.turn.is_some();
                    least += usize::from(is_live || is_needed);
                    most += 1;
                }
            }
        }
    }
    same("traces: open, and handed in but not judged", view.gauges.traces_open as u64, open)?;
    same("spans: open, and handed in but not judged", view.gauges.spans_open, spans)?;
    let turns = || book.of_worker(view.worker).flat_map(|(_, assignment)| assignment.turns());
    let late = turns().map(|(_, turn)| turn.late.len() as u64).sum();
    same("spans: late and waiting, and by the book", view.gauges.turn_spans, late)?;
    same("turns: waiting, and by the book", view.gauges.turns as u64, turns().count() as u64)?;
    let known = view.gauges.decisions;
    let least = if view.plan.has_tight_memory() { 0 } else { least };
    if known < least || known > most {
        let text = format!("{known} verdicts are remembered, of {least} to {most}");
        return Err(Violation { invariant: "counters", text });
    }
    Ok(())
}

fn same(what: &str, left: u64, right: u64) -> Result<(), Violation> {
    if left == right {
        return Ok(());
    }
    Err(Violation { invariant: "counters", text: format!("{what}: {left} and {right}") })
}

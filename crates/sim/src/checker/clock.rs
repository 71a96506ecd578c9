//! Stream time never goes back nor past the wall, moves for a reason, and closes traces when their
//! time is up: not before, not after.

use std::collections::BTreeMap;

use tailsift_policy::CloseReason;
use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::book::{Book, Life};
use crate::event::{Judgement, Violation, What};

/// The clocks as they were last seen, by worker and partition.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    last: BTreeMap<(usize, i32), Option<Millis>>,
}

impl Clocks {
    pub(crate) fn crashed(&mut self, worker: usize) {
        self.last.retain(|(held_by, _), _| *held_by != worker);
    }

    pub(crate) fn check(&mut self, what: &What, view: &View<'_>) -> Result<(), Violation> {
        if let What::Assigned { partition, .. } | What::Revoked { partition, .. } = what {
            self.last.remove(&(view.worker, *partition));
        }
        for progress in &view.progress {
            let partition = progress.partition;
            let now = progress.stream_time;
            let before = self.last.insert((view.worker, partition), now).flatten();
            if now < before {
                return clock(format!("partition {partition}: back from {before:?} to {now:?}"));
            }
            if now.is_some_and(|now| now > view.broker.wall) {
                return clock(format!("partition {partition}: {now:?}, ahead of the wall"));
            }
            if now != before && !moves(what, partition) {
                return clock(format!("partition {partition}: {before:?} to {now:?} at {what:?}"));
            }
        }
        Ok(())
    }
}

/// Only records of the partition and proofs about it move its clock.
fn moves(what: &What, of: i32) -> bool {
    match what {
        What::Record { partition, stamp, .. } => *partition == of && stamp.is_some(),
        What::Idle { partition, .. } => *partition == of,
        What::Assigned { .. }
        | What::Revoked { .. }
        | What::Judged(_)
        | What::Cut(_)
        | What::Committed(_)
        | What::Refused(_)
        | What::Discarded
        | What::Acknowledged
        | What::Crashed
        | What::Stalled
        | What::Moving { .. } => false,
    }
}

/// A trace was judged for a reason that holds.
pub(crate) fn check_reason(
    judgement: &Judgement,
    book: &Book,
    view: &View<'_>,
) -> Result<(), Violation> {
    let Judgement { partition, trace, reason, .. } = judgement;
    let assignment = book.assignment(view.worker, *partition);
    let life = assignment.filter(|a| !a.blurred).and_then(|a| a.lives.get(trace));
    let Some(life) = life else { return Ok(()) };
    let now = view.progress_of(*partition).and_then(|progress| progress.stream_time);
    let limits = &view.plan.limits;
    let bytes = || -> usize {
        life.spans.iter().map(|span| view.broker.input.spans[*span].encoded.len() + 100).sum()
    };
    let holds = match reason {
        CloseReason::DecisionWait => due_by_arrival(life, view) <= now,
        CloseReason::RootWait => due_by_root(life, view).is_some_and(|due| Some(due) <= now),
        CloseReason::SpanLimit => life.spans.len() >= limits.spans_per_trace as usize,
        CloseReason::ByteLimit => bytes() >= limits.bytes_per_trace,
        CloseReason::MemoryLimit => view.plan.has_tight_limits(),
        CloseReason::Complete | CloseReason::TooLarge | CloseReason::Drain => false,
    };
    if holds {
        return Ok(());
    }
    clock(format!(
        "trace {trace} is closed by {} at {now:?}, open since {:?}, root {:?}, {} spans",
        reason.name(),
        life.opened,
        life.root,
        life.spans.len()
    ))
}

/// No trace waits longer than it should.
pub(crate) fn check_overdue(book: &Book, view: &View<'_>) -> Result<(), Violation> {
    for (partition, assignment) in book.of_worker(view.worker) {
        let now = view.progress_of(partition).and_then(|progress| progress.stream_time);
        let Some(now) = now.filter(|_| !assignment.blurred) else { continue };
        for (trace, life) in assignment.waiting() {
            let by_arrival = due_by_arrival(life, view);
            let due = by_arrival.into_iter().chain(due_by_root(life, view)).min();
            if due.is_some_and(|due| due <= now) {
                return clock(format!("trace {trace} was due at {due:?}, it is {now:?}"));
            }
            if life.spans.len() >= view.plan.limits.spans_per_trace as usize {
                return clock(format!("trace {trace} waits with {} spans", life.spans.len()));
            }
        }
    }
    Ok(())
}

fn due_by_arrival(life: &Life, view: &View<'_>) -> Option<Millis> {
    life.opened.map(|opened| opened + view.plan.limits.decision_wait)
}

fn due_by_root(life: &Life, view: &View<'_>) -> Option<Millis> {
    let wait = view.plan.limits.decision_wait_after_root?;
    life.root.flatten().map(|root| root + wait)
}

fn clock<T>(text: String) -> Result<T, Violation> {
    Err(Violation { invariant: "clock", text })
}

//! Stream time never goes back nor past the wall, in a replay not past what it was when the last
//! owner had read as far, is what its records and proofs make of it, and closes traces when their time is up: not before,
//! not after.

use std::collections::BTreeMap;

use tailsift_policy::CloseReason;
use tailsift_trace::{Millis, SpanId};

use crate::checker::View;
use crate::checker::book::{Assignment, Book, Life};
use crate::event::{Judgement, Taken, Violation, What};

#[derive(Debug, Default)]
pub(crate) struct Clocks {
    /// The clocks as they were last seen, by worker and partition.
    last: BTreeMap<(usize, i32), Option<Millis>>,
}

impl Clocks {
    pub(crate) fn crashed(&mut self, worker: usize) {
        self.last.retain(|(held_by, _), _| *held_by != worker);
    }

    pub(crate) fn check(
        &mut self,
        what: &What,
        book: &Book,
        view: &View<'_>,
    ) -> Result<(), Violation> {
        if let What::Assigned(Taken { partition, .. }) | What::Revoked { partition, .. } = what {
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
            let replay = book.assignment(view.worker, partition).and_then(|a| a.replay);
            let ceiling = replay.and_then(|replay| replay.stream_time);
            if ceiling.is_some_and(|ceiling| now > Some(ceiling)) {
                return clock(format!(
                    "partition {partition}: {now:?}, past {ceiling:?} in replay"
                ));
            }
            let expected = book.assignment(view.worker, partition).and_then(|a| a.clock.now());
            if now != expected {
                return clock(format!(
                    "partition {partition}: {before:?} to {now:?} at {what:?}, not to {expected:?}"
                ));
            }
        }
        Ok(())
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
    let Some(assignment) = assignment.filter(|a| !a.blurred) else { return Ok(()) };
    let Some(life) = assignment.lives.get(trace) else { return Ok(()) };
    let now = assignment.clock.now();
    let is_due = |due: Option<Millis>| due.is_some() && due <= now;
    let limits = view.limits;
    let bytes = || -> usize {
        life.spans.iter().map(|span| view.broker.input.spans[*span].encoded.len() + 100).sum()
    };
    let holds = match reason {
        CloseReason::DecisionWait => is_due(due_by_arrival(life, view)),
        CloseReason::RootWait => is_due(due_by_root(life, view)),
        CloseReason::SpanLimit => life.spans.len() >= limits.spans_per_trace as usize,
        CloseReason::ByteLimit => bytes() >= limits.bytes_per_trace,
        CloseReason::MemoryLimit => view.plan.has_tight_limits(),
        CloseReason::Complete => is_due(due_by_quiet(life, view)) && is_whole(life, view),
        CloseReason::TooLarge | CloseReason::Drain => false,
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
    // In a replay nothing is judged, due or not.
    let is_told = |a: &Assignment| !a.blurred && a.replay.is_none();
    for (_, assignment) in book.of_worker(view.worker).filter(|(_, a)| is_told(a)) {
        let Some(now) = assignment.clock.now() else { continue };
        for (trace, life) in assignment.waiting() {
            let by_arrival = due_by_arrival(life, view);
            let others = due_by_root(life, view).into_iter().chain(due_as_whole(life, view));
            let due = by_arrival.into_iter().chain(others).min();
            if due.is_some_and(|due| due <= now) {
                return clock(format!("trace {trace} was due at {due:?}, it is {now:?}"));
            }
            if life.spans.len() >= view.limits.spans_per_trace as usize {
                return clock(format!("trace {trace} waits with {} spans", life.spans.len()));
            }
        }
    }
    Ok(())
}

fn due_by_arrival(life: &Life, view: &View<'_>) -> Option<Millis> {
    life.opened.map(|opened| opened + view.limits.decision_wait)
}

fn due_by_root(life: &Life, view: &View<'_>) -> Option<Millis> {
    let wait = view.limits.decision_wait_after_root?;
    life.root.map(|root| root + wait)
}

fn due_by_quiet(life: &Life, view: &View<'_>) -> Option<Millis> {
    Some(life.quiet? + view.limits.structural?.settle)
}

/// Where calls teach, only the shard knows what else is waited for.
fn due_as_whole(life: &Life, view: &View<'_>) -> Option<Millis> {
    let is_told = view.limits.structural.is_some_and(|structural| structural.edges_max == 0);
    due_by_quiet(life, view).filter(|_| is_told && is_whole(life, view))
}

/// All parents have come.
fn is_whole(life: &Life, view: &View<'_>) -> bool {
    let spans = || life.spans.iter().map(|span| &view.broker.input.spans[*span]);
    let has_come = |parent: SpanId| spans().any(|span| span.span_id == parent);
    spans().filter_map(|span| span.parent).all(has_come)
}

fn clock<T>(text: String) -> Result<T, Violation> {
    Err(Violation { invariant: "clock", text })
}

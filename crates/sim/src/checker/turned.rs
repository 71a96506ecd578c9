//! A verdict is turned once its trace's records are there, or are given up for a reason that holds:
//! of a drop that its late spans want kept, by an answer that its owner asked for, with every record
//! that is still to be had and every late span, once. Where nothing is known of the trace any more,
//! they must want that on their own, and are all of it.

use tailsift_policy::Verdict;
use tailsift_sampler::Partial;

use crate::checker::View;
use crate::checker::book::{Assignment, Book};
use crate::checker::late::Turn;
use crate::event::{Turning, Violation, What};

/// `cause` is what happened to the worker.
pub(crate) fn check(
    turning: &Turning,
    cause: &What,
    book: &Book,
    view: &View<'_>,
) -> Result<(), Violation> {
    let Turning { partition, trace, trigger, spans, count, missing, partial, .. } = turning;
    let Some(assignment) = book.assignment(view.worker, *partition) else {
        return wrong(format!("trace {trace} is turned on partition {partition}, not held"));
    };
    if assignment.blurred {
        return Ok(());
    }
    if let Some(replay) = assignment.replay {
        let to = replay.to;
        return wrong(format!("trace {trace} is turned before all up to {to} is read again"));
    }
    let decided = assignment.lives.get(trace).and_then(|life| life.decided.as_ref());
    let Some(decided) = decided.filter(|decided| decided.verdict == Verdict::Drop) else {
        return wrong(format!("trace {trace} is turned, which is not remembered as dropped"));
    };
    let Some(turn) = &decided.turn else {
        return wrong(format!("trace {trace} is turned, but no late spans want it kept"));
    };
    if turn.trigger != *trigger {
        let first = turn.trigger;
        return wrong(format!("trace {trace} is turned by what came at {trigger}, not at {first}"));
    }
    let expected = owed(turn, *partition, *trace, missing, view);
    if *spans != expected || *count as usize != spans.len() {
        return wrong(format!("trace {trace} is turned with {spans:?}, not with {expected:?}"));
    }
    check_reason(*partial, turn, turning, assignment, cause, view)
}

/// The spans of all records that are not missing, and those that came late.
fn owed(turn: &Turn, partition: i32, trace: usize, missing: &[i64], view: &View<'_>) -> Vec<usize> {
    let input = &view.broker.input;
    let log = &input.logs[partition as usize];
    let is_there = |offset: &i64| turn.of.sources.contains(offset) && !missing.contains(offset);
    let records = log.iter().filter(|record| is_there(&record.offset));
    let found = records.flat_map(|record| record.spans.iter().flatten());
    let found = found.filter(|span| input.spans[**span].trace == trace);
    let mut spans: Vec<usize> = found.chain(&turn.late).copied().collect();
    spans.sort_unstable();
    spans
}

fn check_reason(
    partial: Option<Partial>,
    turn: &Turn,
    turning: &Turning,
    assignment: &Assignment,
    cause: &What,
    view: &View<'_>,
) -> Result<(), Violation> {
    let Turning { partition, trace, missing, .. } = turning;
    let is_answered =
        if let What::Answered { token, .. } = cause { *token == assignment.token } else { false };
    let chance = view.limits.second_chance.as_ref();
    let is_short = chance.is_some_and(|chance| chance.traces_per_second < 1000);
    let gone = |offset: &i64| view.broker.record_at(*partition, *offset).is_none();
    let holds = match partial {
        None => is_answered && missing.is_empty(),
        Some(Partial::Gone) => is_answered && missing.iter().any(gone),
        Some(Partial::Timeout) => {
            is_answered && !missing.is_empty() && view.plan.faults.slow_reader > 0
        }
        Some(Partial::Budget) => is_short && *missing == turn.of.sources,
        Some(Partial::Memory) => view.plan.has_tight_memory() && *missing == turn.of.sources,
        Some(Partial::Forgotten) => missing.is_empty(),
        Some(Partial::SourcesCapped) => false,
    };
    if holds && turn.is_forgotten == (partial == Some(Partial::Forgotten)) {
        return Ok(());
    }
    wrong(format!("trace {trace} is turned ({partial:?}, without {missing:?}) by {cause:?}"))
}

fn wrong(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "turned", text })
}

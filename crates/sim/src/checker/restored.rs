//! A new owner that has read as far as the last one knows what that knew: the same traces wait with
//! the same spans, the same verdicts are remembered. Nothing is judged before; and what is read
//! twice is no more than a trace can wait.
//!
//! Verdicts that had expired may be known to either of the two. Where they are forgotten for want of
//! memory, the log knows more than the last owner did, and states are not compared; nor right after
//! the group's offsets were lost, when the log knows less.

use std::collections::BTreeMap;

use tailsift_policy::Verdict;
use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::book::{Assignment, Book, Replay};
use crate::event::{CutPart, Judgement, Taken, Violation, What};

#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// By worker and partition: what it knew at its last cut.
    cuts: BTreeMap<(usize, i32), Snapshot>,
    committed: BTreeMap<i32, Snapshot>,
    /// Partitions being replayed, by worker, with what their last owner knew.
    expected: BTreeMap<(usize, i32), Taken>,
}

#[derive(Debug, Clone)]
struct Snapshot {
    offset: i64,
    now: Option<Millis>,
    /// Traces that wait: where they begin, and their spans.
    waiting: BTreeMap<usize, (i64, Vec<usize>)>,
    /// Verdicts, what they cover and when they expire.
    known: BTreeMap<usize, (Verdict, i64, Millis)>,
    blurred: bool,
}

impl Snapshot {
    fn of(assignment: &Assignment, offset: i64, now: Option<Millis>) -> Self {
        let waiting = assignment.waiting();
        let known = assignment.lives.iter().filter_map(|(trace, life)| {
            let decided = life.decided.as_ref()?;
            Some((*trace, (decided.verdict, decided.through, decided.expiry)))
        });
        Self {
            offset,
            now,
            waiting: waiting.map(|(t, l)| (*t, (l.first_offset, l.spans.clone()))).collect(),
            known: known.collect(),
            blurred: assignment.blurred,
        }
    }

    /// Verdicts that no owner may have forgotten.
    fn live(&self, offset: i64, now: Option<Millis>) -> BTreeMap<usize, (Verdict, i64, Millis)> {
        let is_live = |(_, (_, through, expiry)): &(&usize, &(Verdict, i64, Millis))| {
            now.is_none_or(|now| *expiry > now) || *through > offset
        };
        self.known.iter().filter(is_live).map(|(trace, known)| (*trace, *known)).collect()
    }
}

impl Restored {
    pub(crate) fn crashed(&mut self, worker: usize) {
        self.cuts.retain(|(of, _), _| *of != worker);
        self.expected.retain(|(of, _), _| *of != worker);
    }

    pub(crate) fn offsets_lost(&mut self) {
        self.committed.clear();
    }

    /// After the book has entered a cut.
    pub(crate) fn cut(&mut self, parts: &[CutPart], book: &Book, view: &View<'_>) {
        for part in parts {
            if let Some(assignment) = book.assignment(view.worker, part.partition) {
                let now = part.next_stream_time;
                let snapshot = Snapshot::of(assignment, part.commit_offset, now);
                self.cuts.insert((view.worker, part.partition), snapshot);
            }
        }
    }

    pub(crate) fn committed(&mut self, worker: usize, parts: &[CutPart]) {
        for part in parts {
            if let Some(snapshot) = self.cuts.get(&(worker, part.partition)) {
                self.committed.insert(part.partition, snapshot.clone());
            }
        }
    }

    pub(crate) fn check_judged(
        judgement: &Judgement,
        book: &Book,
        view: &View<'_>,
    ) -> Result<(), Violation> {
        let assignment = book.assignment(view.worker, judgement.partition);
        match assignment.and_then(|assignment| assignment.replay) {
            Some(Replay { to, .. }) => {
                let trace = judgement.trace;
                differs(format!("trace {trace} is judged before all up to {to} is read again"))
            }
            None => Ok(()),
        }
    }

    /// After the book has entered an event, and before the judgements that it led to.
    pub(crate) fn check(
        &mut self,
        what: &What,
        book: &Book,
        view: &View<'_>,
    ) -> Result<(), Violation> {
        if let What::Revoked { partition, .. } = what {
            self.expected.remove(&(view.worker, *partition));
        } else if let What::Assigned(taken) = what {
            self.expected.insert((view.worker, taken.partition), taken.clone());
            return self.check_caught_up(taken.partition, book, view);
        } else if let What::Record { partition, .. } = what {
            return self.check_caught_up(*partition, book, view);
        }
        Ok(())
    }

    fn check_caught_up(
        &mut self,
        partition: i32,
        book: &Book,
        view: &View<'_>,
    ) -> Result<(), Violation> {
        let key = (view.worker, partition);
        let Some(assignment) = book.assignment(view.worker, partition) else { return Ok(()) };
        if assignment.replay.is_some() {
            return Ok(());
        }
        let Some(taken) = self.expected.remove(&key) else { return Ok(()) };
        // What an owner makes of it that the group has passed over meanwhile is of no consequence.
        let is_owner = view.broker.fetched_by.get(&partition) == Some(&taken.token);
        if !is_owner || view.plan.has_tight_memory() {
            return Ok(());
        }
        check_bound(&taken, assignment)?;
        let is_comparable = !taken.from_log;
        match self.committed.get(&partition) {
            Some(snapshot) if is_comparable => compare(snapshot, assignment, partition),
            Some(_) | None => Ok(()),
        }
    }
}

fn compare(snapshot: &Snapshot, assignment: &Assignment, partition: i32) -> Result<(), Violation> {
    let now = Snapshot::of(assignment, snapshot.offset, snapshot.now);
    if snapshot.blurred || now.blurred {
        return Ok(());
    }
    if now.waiting != snapshot.waiting {
        let (then, now) = (&snapshot.waiting, &now.waiting);
        return differs(format!("partition {partition}: {now:?} wait, {then:?} did"));
    }
    let of = |snapshot: &Snapshot, by: &Snapshot| snapshot.live(by.offset, by.now);
    let (then, now) = (of(snapshot, snapshot), of(&now, snapshot));
    if now != then {
        return differs(format!("partition {partition}: {now:?} are remembered, {then:?} were"));
    }
    Ok(())
}

/// What is read again begins with a trace that still waits, and none waits longer than it should:
/// so that is no more than comes in while a trace waits.
fn check_bound(taken: &Taken, assignment: &Assignment) -> Result<(), Violation> {
    let needed = assignment.low_watermark();
    if needed != taken.offset && !assignment.blurred {
        let Taken { partition, offset, .. } = taken;
        let text =
            format!("partition {partition}: {offset} on is read again, {needed} on is needed");
        return Err(Violation { invariant: "replay bound", text });
    }
    Ok(())
}

fn differs(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "restored", text })
}

//! A new owner that has read as far as the last one knows what that knew: the same traces wait with
//! the same spans, the same verdicts are remembered. Nothing is judged before; and what is read
//! twice is no more than a trace can wait.
//!
//! Verdicts that had expired may be known to either of the two. Where they are forgotten for want of
//! memory, the log knows more than the last owner did, and states are not compared; nor right after
//! the group's offsets were lost, when the log knows less.
//!
//! Without transactions the log may be ahead of the offsets, and a new owner begins where it ends.
//! Once an owner that was replaced wrote something, another's batch of the same number is passed over,
//! and states are not compared either.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_policy::Verdict;
use tailsift_sampler::DecisionBatch;
use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::book::{Assignment, Book, Replay};
use crate::checker::copies::Copies;
use crate::event::{CutPart, Judgement, Taken, Violation, What};
use crate::plan::Delivery;

#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// By worker and partition: what it knew at its last cut.
    cuts: BTreeMap<(usize, i32), Snapshot>,
    committed: BTreeMap<i32, Snapshot>,
    /// By partition and number: what its writer knew of a batch that no transaction wrote.
    logged: BTreeMap<(i32, u64), Snapshot>,
    /// By worker and partition: the newest batch in the log when it looked up the offset.
    newest: BTreeMap<(usize, i32), u64>,
    /// Partitions being replayed, by worker, with what their last owner knew.
    expected: BTreeMap<(usize, i32), Taken>,
}

/// Where a cut was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    offset: i64,
    read_to: i64,
    sequence: u64,
    now: Option<Millis>,
}

#[derive(Debug, Clone)]
struct Snapshot {
    at: Place,
    /// Traces that wait: where they begin, and their spans.
    waiting: BTreeMap<usize, (i64, Vec<usize>)>,
    /// Late spans that wait for the other records of their trace: from where on, and which.
    turns: BTreeMap<usize, (i64, Vec<usize>)>,
    /// Verdicts, what they cover and when they expire.
    known: BTreeMap<usize, (Verdict, i64, Millis)>,
    /// Drops that late spans may turn, on their own if need be.
    may_turn: BTreeSet<usize>,
    blurred: bool,
}

impl Snapshot {
    fn of(assignment: &Assignment, at: Place) -> Self {
        let waiting = assignment.waiting();
        let known = assignment.lives.iter().filter_map(|(trace, life)| {
            let decided = life.decided.as_ref()?;
            Some((*trace, (decided.verdict, decided.through, decided.expiry)))
        });
        let turns = assignment.turns();
        let drops = assignment.lives.iter();
        let may_turn = drops.filter(|(_, life)| life.decided.as_ref().is_some_and(|d| d.may_turn));
        Self {
            at,
            may_turn: may_turn.map(|(trace, _)| *trace).collect(),
            turns: turns.map(|(t, turn)| (*t, (turn.trigger, turn.late.clone()))).collect(),
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
        self.expected.retain(|(of, _), _| *of != worker);
        self.newest.retain(|(of, _), _| *of != worker);
    }

    pub(crate) fn offsets_lost(&mut self) {
        self.committed.clear();
    }

    /// After the book has entered a cut.
    pub(crate) fn cut(&mut self, parts: &[CutPart], book: &Book, view: &View<'_>) {
        for part in parts {
            if let Some(assignment) = book.assignment(view.worker, part.partition) {
                let at = Place {
                    offset: part.commit_offset,
                    read_to: part.next_offset,
                    sequence: part.sequence,
                    now: part.next_stream_time,
                };
                let snapshot = Snapshot::of(assignment, at);
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

    /// A batch was written without a transaction, perhaps by a worker that is gone.
    pub(crate) fn logged(&mut self, worker: usize, batch: &DecisionBatch) {
        let at = Place {
            offset: batch.commit_offset,
            read_to: batch.read_to,
            sequence: batch.checkpoint.sequence,
            now: batch.read_stream_time,
        };
        let cut = self.cuts.get(&(worker, batch.partition));
        if let Some(snapshot) = cut.filter(|snapshot| snapshot.at == at) {
            self.logged.insert((batch.partition, at.sequence), snapshot.clone());
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
        copies: &Copies,
        view: &View<'_>,
    ) -> Result<(), Violation> {
        let key = |partition: &i32| (view.worker, *partition);
        if let What::Revoked { partition, .. } = what {
            self.expected.remove(&key(partition));
        } else if let What::Fetched { partition, .. } = what {
            self.newest.insert(key(partition), copies.newest(*partition));
        } else if let What::Assigned(taken) = what {
            let Taken { partition, sequence, .. } = taken;
            let newest = self.newest.get(&key(partition)).copied().unwrap_or(0);
            if *sequence < newest && !may_differ(*partition, copies, view) {
                return differs(format!(
                    "partition {partition} is taken up at #{sequence}, though the log has #{newest}"
                ));
            }
            self.expected.insert(key(partition), taken.clone());
            return self.check_caught_up(*partition, book, copies, view);
        } else if let What::Record { partition, .. } = what {
            return self.check_caught_up(*partition, book, copies, view);
        }
        Ok(())
    }

    /// What is known of the place where a partition was taken up. Where no transaction ties offsets
    /// to the log, that is one of several.
    fn snapshot(&self, taken: &Taken, view: &View<'_>) -> Option<&Snapshot> {
        let committed = self.committed.get(&taken.partition);
        match view.plan.delivery {
            Delivery::ExactlyOnce => committed.filter(|_| !taken.from_log),
            Delivery::AtLeastOnce => {
                let at = Place {
                    offset: taken.offset,
                    read_to: taken.read_to,
                    sequence: taken.sequence,
                    now: taken.read_stream_time,
                };
                let logged = self.logged.get(&(taken.partition, taken.sequence));
                committed.into_iter().chain(logged).find(|snapshot| snapshot.at == at)
            }
        }
    }

    fn check_caught_up(
        &mut self,
        partition: i32,
        book: &Book,
        copies: &Copies,
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
        let may_differ = may_differ(partition, copies, view);
        if !is_owner || view.plan.has_tight_memory() || may_differ {
            return Ok(());
        }
        // Turns that were only asked for follow the policies of whoever is asked again: to others it
        // means nothing what was known of drops.
        let may_not_turn = view.plan.reconfigures && view.limits.second_chance.is_some();
        if !may_not_turn {
            check_bound(&taken, assignment)?;
        }
        match self.snapshot(&taken, view) {
            Some(snapshot) if may_not_turn && !snapshot.turns.is_empty() => Ok(()),
            Some(snapshot) => {
                compare(snapshot, assignment, partition)?;
                // What policies noted means nothing to others.
                match view.plan.reconfigures {
                    true => Ok(()),
                    false => compare_drops(snapshot, assignment, partition),
                }
            }
            None => Ok(()),
        }
    }
}

/// Without transactions a restore may not know of all that the last owner did: after stray batches,
/// or where the log was cut too early and the offset, which is behind it, does not say so.
fn may_differ(partition: i32, copies: &Copies, view: &View<'_>) -> bool {
    let is_plain = view.plan.delivery == Delivery::AtLeastOnce;
    is_plain && (copies.has_strays(partition) || view.plan.faults.hasty_trim > 0)
}

fn compare(snapshot: &Snapshot, assignment: &Assignment, partition: i32) -> Result<(), Violation> {
    let now = Snapshot::of(assignment, snapshot.at);
    if snapshot.blurred || now.blurred {
        return Ok(());
    }
    if now.waiting != snapshot.waiting {
        let (then, now) = (&snapshot.waiting, &now.waiting);
        return differs(format!("partition {partition}: {now:?} wait, {then:?} did"));
    }
    if now.turns != snapshot.turns {
        let (then, now) = (&snapshot.turns, &now.turns);
        return differs(format!("partition {partition}: {now:?} are being turned, {then:?} were"));
    }
    let live = |of: &Snapshot| of.live(snapshot.at.offset, snapshot.at.now);
    let (then, now) = (live(snapshot), live(&now));
    if now != then {
        return differs(format!("partition {partition}: {now:?} are remembered, {then:?} were"));
    }
    Ok(())
}

/// The same of what late spans may turn.
fn compare_drops(
    snapshot: &Snapshot,
    assignment: &Assignment,
    partition: i32,
) -> Result<(), Violation> {
    let now = Snapshot::of(assignment, snapshot.at);
    if snapshot.blurred || now.blurred {
        return Ok(());
    }
    let live = snapshot.live(snapshot.at.offset, snapshot.at.now);
    let of = |of: &Snapshot| -> Vec<usize> {
        of.may_turn.iter().copied().filter(|trace| live.contains_key(trace)).collect()
    };
    let (then, now) = (of(snapshot), of(&now));
    if now != then {
        return differs(format!("partition {partition}: {now:?} may be turned, {then:?} could"));
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

//! An account of every assignment, kept from the log alone: what was handed in, what waits, what
//! is owed to the next cut.

use std::collections::BTreeMap;

use tailsift_policy::Verdict;
use tailsift_trace::Millis;

use crate::checker::View;
use crate::event::{Event, Judgement, What};

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By worker and partition.
    assignments: BTreeMap<(usize, i32), Assignment>,
    /// How often each partition was assigned.
    times_assigned: BTreeMap<i32, usize>,
    /// By worker, as it counted last.
    traces_opened: BTreeMap<usize, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Assignment {
    pub(crate) next_offset: i64,
    /// By trace.
    pub(crate) lives: BTreeMap<usize, Life>,
    /// What the next cut has to export: traces, spans (sorted), late or not.
    pub(crate) owed: Vec<(usize, Vec<usize>, bool)>,
    /// Offsets of the dead letters that it has to hold.
    pub(crate) owed_letters: Vec<i64>,
    /// A verdict may have been forgotten or not, and the log does not tell: what is owed is not
    /// known any more.
    pub(crate) blurred: bool,
}

/// A trace from its first span to the end of its remembered verdict.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) first_offset: i64,
    /// Stream time of its first record; `None` until the clock has started.
    pub(crate) opened: Option<Millis>,
    /// Stream time of its first root span's record, likewise.
    pub(crate) root: Option<Option<Millis>>,
    pub(crate) spans: Vec<usize>,
    pub(crate) decided: Option<Decided>,
}

#[derive(Debug)]
pub(crate) struct Decided {
    verdict: Verdict,
    expiry: Millis,
}

impl Assignment {
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&usize, &Life)> {
        self.lives.iter().filter(|(_, life)| life.decided.is_none())
    }

    /// The smallest offset that is still needed.
    pub(crate) fn low_watermark(&self) -> i64 {
        let first = self.waiting().map(|(_, life)| life.first_offset).min();
        first.unwrap_or(self.next_offset)
    }
}

impl Book {
    pub(crate) fn assignment(&self, worker: usize, partition: i32) -> Option<&Assignment> {
        self.assignments.get(&(worker, partition))
    }

    pub(crate) fn of_worker(&self, worker: usize) -> impl Iterator<Item = (i32, &Assignment)> {
        let ours = self.assignments.range((worker, i32::MIN)..=(worker, i32::MAX));
        ours.map(|((_, partition), assignment)| (*partition, assignment))
    }

    pub(crate) fn times_assigned(&self, partition: i32) -> usize {
        self.times_assigned.get(&partition).copied().unwrap_or(0)
    }

    pub(crate) fn crashed(&mut self, worker: usize) {
        self.assignments.retain(|(held_by, _), _| *held_by != worker);
        self.traces_opened.remove(&worker);
    }

    /// Enters what happened.
    pub(crate) fn enter(&mut self, event: &Event, view: &View<'_>) {
        let key = |partition: &i32| (event.worker, *partition);
        let before = self.traces_opened.insert(event.worker, view.stats.traces_opened);
        let opened = view.stats.traces_opened - before.unwrap_or(0);
        match &event.what {
            What::Assigned { partition, offset } => {
                *self.times_assigned.entry(*partition).or_default() += 1;
                let fresh = Assignment { next_offset: *offset, ..Assignment::default() };
                self.assignments.insert(key(partition), fresh);
            }
            What::Revoked { partition, .. } => {
                self.assignments.remove(&key(partition));
            }
            What::Record { partition, offset, spans, .. } => {
                if let Some(assignment) = self.assignments.get_mut(&key(partition)) {
                    assignment.next_offset = offset + 1;
                    let clock = view.progress_of(*partition).and_then(|p| p.stream_time);
                    match spans {
                        Some(spans) => assignment.add(*offset, spans, clock, opened, view),
                        None => assignment.owed_letters.push(*offset),
                    }
                    assignment.start(clock);
                }
            }
            What::Idle { partition, .. } => {
                if let Some(assignment) = self.assignments.get_mut(&key(partition)) {
                    assignment.start(view.progress_of(*partition).and_then(|p| p.stream_time));
                }
            }
            What::Judged(judgement) => {
                if let Some(assignment) = self.assignments.get_mut(&key(&judgement.partition)) {
                    assignment.judged(judgement, view);
                }
            }
            What::Cut(parts) => {
                for part in parts {
                    if let Some(assignment) = self.assignments.get_mut(&key(&part.partition)) {
                        assignment.owed.clear();
                        assignment.owed_letters.clear();
                    }
                }
            }
            What::Committed(_)
            | What::Refused(_)
            | What::Discarded
            | What::Acknowledged
            | What::Crashed
            | What::Stalled
            | What::Moving { .. } => {}
        }
    }
}

impl Assignment {
    /// Adds a record's spans, each to its trace. `opened` traces came into being with it.
    fn add(
        &mut self,
        offset: i64,
        spans: &[usize],
        clock: Option<Millis>,
        opened: u64,
        view: &View<'_>,
    ) {
        let mut by_trace: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for span in spans {
            by_trace.entry(view.broker.input.spans[*span].trace).or_default().push(*span);
        }
        let now = clock.unwrap_or_default();
        let verdict_of = |trace| self.lives.get(trace).and_then(|life| life.decided.as_ref());
        let doubtful: Vec<usize> = by_trace
            .keys()
            .filter(|trace| verdict_of(trace).is_some_and(|d| d.may_be_forgotten(now, view)))
            .copied()
            .collect();
        let unknown =
            by_trace.keys().filter(|trace| !self.lives.contains_key(trace)).count() as u64;
        let forgotten = opened.saturating_sub(unknown);
        if forgotten == doubtful.len() as u64 {
            self.lives.retain(|trace, _| !doubtful.contains(trace));
        } else if forgotten > 0 {
            self.blurred = true;
        }
        for (trace, mut spans) in by_trace {
            spans.sort_unstable();
            match self.lives.get_mut(&trace).and_then(|life| life.decided.as_mut()) {
                Some(decided) => {
                    decided.expiry = decided.expiry.max(now + view.plan.limits.remember);
                    if decided.verdict == Verdict::Keep {
                        self.owed.push((trace, spans, true));
                    }
                }
                None => self.grow(trace, offset, spans, clock, view),
            }
        }
    }

    fn grow(
        &mut self,
        trace: usize,
        offset: i64,
        spans: Vec<usize>,
        clock: Option<Millis>,
        view: &View<'_>,
    ) {
        let has_root = spans.iter().any(|span| view.broker.input.spans[*span].parent.is_none());
        let life = self.lives.entry(trace).or_insert(Life {
            first_offset: offset,
            opened: clock,
            root: None,
            spans: Vec::new(),
            decided: None,
        });
        if has_root && life.root.is_none() {
            life.root = Some(clock);
        }
        life.spans.extend(spans);
        life.spans.sort_unstable();
    }

    /// The clock runs: traces that came before it started wait from now on.
    fn start(&mut self, clock: Option<Millis>) {
        let Some(now) = clock else { return };
        for life in self.lives.values_mut() {
            life.opened.get_or_insert(now);
            if let Some(root) = &mut life.root {
                root.get_or_insert(now);
            }
        }
    }

    fn judged(&mut self, judgement: &Judgement, view: &View<'_>) {
        let Some(life) = self.lives.get_mut(&judgement.trace) else { return };
        let expiry = judgement.at + view.plan.limits.remember;
        life.decided = Some(Decided { verdict: judgement.verdict, expiry });
        if judgement.verdict == Verdict::Keep {
            self.owed.push((judgement.trace, life.spans.clone(), false));
        }
    }
}

impl Decided {
    /// The shard is free to have forgotten it.
    fn may_be_forgotten(&self, now: Millis, view: &View<'_>) -> bool {
        self.expiry <= now || view.plan.has_tight_limits()
    }
}

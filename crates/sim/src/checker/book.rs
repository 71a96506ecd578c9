//! An account of every assignment, kept from the log alone: what was handed in, what waits, what
//! is owed to the next cut.

use std::collections::BTreeMap;

use tailsift_policy::{CloseReason, Verdict};
use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::stream_time::{Filing, Filings, StreamTime};
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

#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) next_offset: i64,
    pub(crate) clock: StreamTime,
    /// Traces that wait from their arrival on, and from their root's.
    by_arrival: Filings,
    by_root: Filings,
    /// Some trace was judged for want of memory, since the last record or proof.
    short_of_memory: bool,
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
    /// Stream time just before its first record.
    before: Option<Millis>,
    /// From when on it waits; `None` while the clock is in doubt.
    pub(crate) opened: Option<Millis>,
    /// From when on it waits by its root; `None` likewise, or if no root span came.
    pub(crate) root: Option<Millis>,
    has_root: bool,
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

    /// Stream time just before the record there was applied.
    pub(crate) fn clock_at_low_watermark(&self) -> Option<Millis> {
        let first = self.waiting().map(|(_, life)| life).min_by_key(|life| life.first_offset);
        first.map_or(self.clock.now(), |life| life.before)
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
            What::Assigned { partition, offset, stream_time } => {
                *self.times_assigned.entry(*partition).or_default() += 1;
                let clock = StreamTime::new(*stream_time, view.plan.limits.decision_wait);
                self.assignments.insert(key(partition), Assignment::new(*offset, clock));
            }
            What::Revoked { partition, .. } => {
                self.assignments.remove(&key(partition));
            }
            What::Record { partition, offset, stamp, spans } => {
                if let Some(assignment) = self.assignments.get_mut(&key(partition)) {
                    assignment.begin();
                    assignment.next_offset = offset + 1;
                    let before = assignment.clock.now();
                    assignment.clock.see(*stamp, view.broker.wall);
                    // Nobody waits for a producer that is ahead of the wall.
                    let stamp = stamp.map(|stamp| stamp.min(view.broker.wall));
                    let come = Come { offset: *offset, stamp, before };
                    match spans {
                        Some(spans) => assignment.add(&come, spans, opened, view),
                        None => assignment.owed_letters.push(*offset),
                    }
                    assignment.settle();
                }
            }
            What::Idle { partition, end_offset, asked_at } => {
                if let Some(assignment) = self.assignments.get_mut(&key(partition))
                    && assignment.next_offset >= *end_offset
                {
                    assignment.begin();
                    assignment.clock.prove(*asked_at - view.plan.limits.idle_grace);
                    assignment.settle();
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

/// A record as an assignment met it.
struct Come {
    offset: i64,
    stamp: Option<Millis>,
    /// Stream time just before.
    before: Option<Millis>,
}

impl Assignment {
    fn new(next_offset: i64, clock: StreamTime) -> Self {
        Self {
            next_offset,
            clock,
            by_arrival: Filings::default(),
            by_root: Filings::default(),
            short_of_memory: false,
            lives: BTreeMap::new(),
            owed: Vec::new(),
            owed_letters: Vec::new(),
            blurred: false,
        }
    }

    /// Adds a record's spans, each to its trace. `opened` traces came into being with it.
    fn add(&mut self, come: &Come, spans: &[usize], opened: u64, view: &View<'_>) {
        let mut by_trace: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for span in spans {
            by_trace.entry(view.broker.input.spans[*span].trace).or_default().push(*span);
        }
        let now = self.clock.now().unwrap_or_default();
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
                None => self.grow(trace, come, spans, view),
            }
        }
    }

    fn grow(&mut self, trace: usize, come: &Come, spans: Vec<usize>, view: &View<'_>) {
        let has_root = spans.iter().any(|span| view.broker.input.spans[*span].parent.is_none());
        let is_new = !self.lives.contains_key(&trace);
        let life = self.lives.entry(trace).or_insert(Life {
            first_offset: come.offset,
            before: come.before,
            opened: None,
            root: None,
            has_root: false,
            spans: Vec::new(),
            decided: None,
        });
        let filing = || Filing { trace, first_offset: life.first_offset, stamp: come.stamp };
        if is_new {
            self.by_arrival.add(filing());
        }
        if has_root && !life.has_root {
            self.by_root.add(filing());
            life.has_root = true;
        }
        life.spans.extend(spans);
        life.spans.sort_unstable();
    }

    /// What was judged for want of memory stands in nobody's way from the next event on.
    fn begin(&mut self) {
        if std::mem::take(&mut self.short_of_memory) {
            let lives = &self.lives;
            self.by_arrival.skip(|filing| {
                let life = lives.get(&filing.trace);
                life.is_some_and(|life| {
                    life.decided.is_none() && life.first_offset == filing.first_offset
                })
            });
        }
    }

    /// Learns from when on traces wait that came while the clock was in doubt.
    fn settle(&mut self) {
        for (filing, from) in self.by_arrival.settle(&self.clock) {
            if let Some(life) = life_of(&mut self.lives, &filing) {
                life.opened = Some(from);
            }
        }
        for (filing, from) in self.by_root.settle(&self.clock) {
            if let Some(life) = life_of(&mut self.lives, &filing) {
                life.root = Some(from);
            }
        }
    }

    fn judged(&mut self, judgement: &Judgement, view: &View<'_>) {
        let Some(life) = self.lives.get_mut(&judgement.trace) else { return };
        let expiry = judgement.at + view.plan.limits.remember;
        self.short_of_memory |= judgement.reason == CloseReason::MemoryLimit;
        life.decided = Some(Decided { verdict: judgement.verdict, expiry });
        if judgement.verdict == Verdict::Keep {
            self.owed.push((judgement.trace, life.spans.clone(), false));
        }
    }
}

/// The life that was filed, unless its verdict is forgotten.
fn life_of<'a>(lives: &'a mut BTreeMap<usize, Life>, filing: &Filing) -> Option<&'a mut Life> {
    lives.get_mut(&filing.trace).filter(|life| life.first_offset == filing.first_offset)
}

impl Decided {
    /// The shard is free to have forgotten it.
    fn may_be_forgotten(&self, now: Millis, view: &View<'_>) -> bool {
        self.expiry <= now || view.plan.has_tight_limits()
    }
}

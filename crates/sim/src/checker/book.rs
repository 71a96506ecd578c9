//! An account of every assignment, kept from the log alone: what was handed in, what waits, what
//! is owed to the next cut.

use std::collections::BTreeMap;

use tailsift_policy::{CloseReason, Verdict};
use tailsift_sampler::EntryKind;
use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::late::{Dropped, Late, Turn};
use crate::checker::stream_time::{Filing, Filings, StreamTime};
use crate::event::{CutEntry, CutPart, Event, Judgement, Known, Taken, Turning, What};
use crate::model::is_vetoed;

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By worker and partition.
    assignments: BTreeMap<(usize, i32), Assignment>,
    /// By worker, as it counted last.
    traces_opened: BTreeMap<usize, u64>,
    /// By worker: spans that were handed in though a verdict covers them.
    spans_covered: BTreeMap<usize, u64>,
}

#[derive(Debug)]
pub(crate) struct Assignment {
    /// Which of the partition's.
    pub(crate) token: u64,
    pub(crate) next_offset: i64,
    pub(crate) clock: StreamTime,
    /// Until all that the last owner had read is read again.
    pub(crate) replay: Option<Replay>,
    /// Traces that wait from their arrival on, and from their root's.
    by_arrival: Filings,
    by_root: Filings,
    /// Once for each record that brought more of a trace.
    by_quiet: Filings,
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

/// How far records are read for the second time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay {
    pub(crate) to: i64,
    /// Stream time there: the clock goes no further before.
    pub(crate) stream_time: Option<Millis>,
}

/// A trace from its first span to the end of its remembered verdict.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) first_offset: i64,
    /// Stream time just before its first record.
    before: Option<Millis>,
    /// From when on it waits; `None` while the clock is in doubt.
    pub(crate) opened: Option<Millis>,
    /// From when on it waits by its root; `None` likewise, or if no root span came.
    pub(crate) root: Option<Millis>,
    has_root: bool,
    /// From when on nothing more of it came; `None` while that is not known.
    pub(crate) quiet: Option<Millis>,
    /// Records of it that are not known to be the last.
    unsettled: usize,
    pub(crate) spans: Vec<usize>,
    /// Where its records are.
    offsets: Vec<i64>,
    pub(crate) decided: Option<Decided>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) expiry: Millis,
    /// Offsets below are covered.
    pub(crate) through: i64,
    /// The next cut has to write it down, as this.
    pub(crate) unlogged: Option<EntryKind>,
    /// Of a drop, as long as late spans may change it with the rest.
    pub(crate) dropped: Option<Dropped>,
    /// Of a drop that late spans may change, on their own if need be.
    pub(crate) may_turn: bool,
    /// Late spans that wait for the other records of their trace.
    pub(crate) turn: Option<Turn>,
    /// Of a turned trace: records that are missing.
    pub(crate) missing: Vec<i64>,
    /// Likewise: all below.
    pub(crate) missing_below: Option<i64>,
}

impl Assignment {
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&usize, &Life)> {
        self.lives.iter().filter(|(_, life)| life.decided.is_none())
    }

    /// What late spans wait for, by trace.
    pub(crate) fn turns(&self) -> impl Iterator<Item = (&usize, &Turn)> {
        let lives = self.lives.iter();
        lives.filter_map(|(trace, life)| Some((trace, life.decided.as_ref()?.turn.as_ref()?)))
    }

    /// The smallest offset that is still needed.
    pub(crate) fn low_watermark(&self) -> i64 {
        self.first_needed().map_or(self.next_offset, |(offset, _)| offset)
    }

    /// Stream time just before the record there was applied.
    pub(crate) fn clock_at_low_watermark(&self) -> Option<Millis> {
        self.first_needed().map_or(self.clock.now(), |(_, before)| before)
    }

    fn first_needed(&self) -> Option<(i64, Option<Millis>)> {
        let waiting = self.waiting().map(|(_, life)| (life.first_offset, life.before));
        // Where a verdict may have been forgotten, nobody knows what late spans turn.
        let turns = self.turns().filter(|_| !self.blurred);
        let turns = turns.map(|(_, turn)| (turn.trigger, turn.before));
        waiting.chain(turns).min_by_key(|(offset, _)| *offset)
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

    pub(crate) fn crashed(&mut self, worker: usize) {
        self.assignments.retain(|(held_by, _), _| *held_by != worker);
        self.traces_opened.remove(&worker);
        self.spans_covered.remove(&worker);
    }

    pub(crate) fn spans_covered(&self, worker: usize) -> u64 {
        self.spans_covered.get(&worker).copied().unwrap_or(0)
    }

    /// Enters what happened.
    pub(crate) fn enter(&mut self, event: &Event, view: &View<'_>) {
        let key = |partition: &i32| (event.worker, *partition);
        let before = self.traces_opened.insert(event.worker, view.stats.traces_opened);
        let opened = view.stats.traces_opened - before.unwrap_or(0);
        match &event.what {
            What::Assigned(taken) => {
                self.assignments.insert(key(&taken.partition), Assignment::new(taken, view));
            }
            What::Revoked { partition, .. } => {
                self.assignments.remove(&key(partition));
            }
            What::Record { partition, offset, stamp, spans } => {
                if let Some(assignment) = self.assignments.get_mut(&key(partition)) {
                    let covered =
                        assignment.read((*offset, *stamp), spans.as_deref(), opened, view);
                    *self.spans_covered.entry(event.worker).or_default() += covered;
                }
            }
            What::Idle { partition, end_offset, asked_at } => {
                if let Some(assignment) = self.assignments.get_mut(&key(partition))
                    && assignment.next_offset >= *end_offset
                    && assignment.replay.is_none()
                {
                    assignment.begin();
                    assignment.clock.prove(*asked_at - view.limits.idle_grace);
                    assignment.settle();
                }
            }
            What::Judged(judgement) => {
                if let Some(assignment) = self.assignments.get_mut(&key(&judgement.partition)) {
                    assignment.judged(judgement, view);
                }
            }
            What::Turned(turning) => {
                if let Some(assignment) = self.assignments.get_mut(&key(&turning.partition)) {
                    assignment.turned(turning, view);
                }
            }
            What::Swapped { .. } => {
                let ours = self.assignments.iter_mut().filter(|((of, _), _)| *of == event.worker);
                ours.for_each(|(_, assignment)| assignment.forget_drops());
            }
            What::Cut(parts) => self.cut(event.worker, parts, view),
            What::Asked { .. }
            | What::Answered { .. }
            | What::Expired { .. }
            | What::Given { .. }
            | What::Fetched { .. }
            | What::RestoreRefused { .. }
            | What::Call { .. }
            | What::Resolved { .. }
            | What::Committed(_)
            | What::Aborted { .. }
            | What::Marked(_)
            | What::Written(..)
            | What::Discarded
            | What::Acknowledged
            | What::Crashed
            | What::Stalled
            | What::Replaced
            | What::Kicked
            | What::Stirred
            | What::Started { .. }
            | What::OffsetsLost
            | What::Grown(_)
            | What::Trimmed { .. } => {}
        }
    }
}

impl Book {
    fn cut(&mut self, worker: usize, parts: &[CutPart], view: &View<'_>) {
        for part in parts {
            if let Some(assignment) = self.assignments.get_mut(&(worker, part.partition)) {
                assignment.cut(part, view);
            }
        }
    }
}

/// A record as an assignment met it.
pub(crate) struct Come {
    pub(crate) offset: i64,
    stamp: Option<Millis>,
    /// Stream time just before.
    pub(crate) before: Option<Millis>,
}

impl Assignment {
    fn new(taken: &Taken, view: &View<'_>) -> Self {
        let clock = StreamTime::new(taken.stream_time, view.limits.decision_wait);
        let replay = Replay { to: taken.read_to, stream_time: taken.read_stream_time };
        let life = |known: &Known| {
            let decided = Some(Decided::restored(known, taken.partition, view));
            (known.trace, Life { decided, ..Life::default() })
        };
        let mut assignment = Self {
            token: taken.token,
            next_offset: taken.offset,
            clock,
            replay: Some(replay),
            by_arrival: Filings::default(),
            by_root: Filings::default(),
            by_quiet: Filings::default(),
            short_of_memory: false,
            lives: taken.known.iter().map(life).collect(),
            owed: Vec::new(),
            owed_letters: Vec::new(),
            blurred: false,
        };
        assignment.catch_up();
        assignment
    }

    /// Enters a record; returns how many of its spans a verdict covers.
    fn read(
        &mut self,
        (offset, stamp): (i64, Option<Millis>),
        spans: Option<&[usize]>,
        opened: u64,
        view: &View<'_>,
    ) -> u64 {
        self.begin();
        self.next_offset = offset + 1;
        let mut covered = 0;
        let before = self.clock.now();
        // A stamp ahead of the wall was taken for less when it was first read.
        let wall = view.broker.wall;
        let ceiling = self.replay.and_then(|replay| replay.stream_time);
        self.clock.see(stamp, ceiling.map_or(wall, |ceiling| ceiling.min(wall)));
        // Nobody waits for a producer that is ahead of the wall.
        let come = Come { offset, stamp: stamp.map(|stamp| stamp.min(wall)), before };
        match spans {
            Some(spans) => covered = self.add(&come, spans, opened, view),
            None if self.replay.is_none_or(|replay| offset >= replay.to) => {
                self.owed_letters.push(offset);
            }
            None => {}
        }
        self.settle();
        self.catch_up();
        self.settle();
        covered
    }

    fn catch_up(&mut self) {
        let next_offset = self.next_offset;
        if let Some(replay) = self.replay.take_if(|replay| next_offset >= replay.to)
            && let Some(then) = replay.stream_time
        {
            self.clock.catch_up(then);
        }
    }

    fn cut(&mut self, part: &CutPart, view: &View<'_>) {
        self.owed.clear();
        self.owed_letters.clear();
        let now = self.clock.now();
        for decided in self.lives.values_mut().filter_map(|life| life.decided.as_mut()) {
            decided.renew(now, view.limits.remember);
            if decided.unlogged.take().is_some() {
                decided.through = decided.through_at(part.next_offset);
            }
        }
    }

    /// What the next cut has to write down.
    pub(crate) fn owed_entries(&self, view: &View<'_>) -> Vec<CutEntry> {
        let owed = |(trace, life): (&usize, &Life)| {
            let mut decided = life.decided.clone()?;
            decided.renew(self.clock.now(), view.limits.remember);
            let through = decided.through_at(self.next_offset);
            let Decided { verdict, expiry, unlogged, dropped, missing, missing_below, .. } =
                decided;
            let may_turn = decided.may_turn && dropped.is_none();
            let known = Known {
                trace: *trace,
                verdict,
                through,
                expiry,
                sources: dropped.map(|dropped| dropped.sources),
                may_turn,
                missing,
                missing_below,
            };
            unlogged.map(|kind| CutEntry { known, kind })
        };
        self.lives.iter().filter_map(owed).collect()
    }

    /// Adds a record's spans, each to its trace. `opened` traces came into being with it.
    fn add(&mut self, come: &Come, spans: &[usize], opened: u64, view: &View<'_>) -> u64 {
        let mut covered = 0;
        let mut by_trace: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for span in spans {
            by_trace.entry(view.broker.input.spans[*span].trace).or_default().push(*span);
        }
        let now = self.clock.now().unwrap_or(view.broker.wall);
        let in_replay = self.replay.is_some();
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
                Some(decided) if come.offset < decided.through => covered += spans.len() as u64,
                Some(decided) => {
                    let late = Late { come, spans: &spans, now, in_replay };
                    if decided.is_turned_by(&late, view) {
                        continue;
                    }
                    decided.expiry = decided.expiry.max(now + view.limits.remember);
                    decided.unlogged.get_or_insert(EntryKind::Late);
                    if decided.verdict == Verdict::Keep {
                        self.owed.push((trace, spans, true));
                    }
                }
                None => self.grow(trace, come, spans, view),
            }
        }
        covered
    }

    fn grow(&mut self, trace: usize, come: &Come, spans: Vec<usize>, view: &View<'_>) {
        let has_root = spans.iter().any(|span| view.broker.input.spans[*span].parent.is_none());
        let is_new = !self.lives.contains_key(&trace);
        let life = self.lives.entry(trace).or_insert(Life {
            first_offset: come.offset,
            before: come.before,
            ..Life::default()
        });
        let filing = || Filing { trace, first_offset: life.first_offset, stamp: come.stamp };
        if is_new {
            self.by_arrival.add(filing());
        }
        if has_root && !life.has_root {
            self.by_root.add(filing());
            life.has_root = true;
        }
        self.by_quiet.add(filing());
        life.quiet = None;
        life.unsettled += 1;
        life.spans.extend(spans);
        life.spans.sort_unstable();
        life.offsets.push(come.offset);
    }

    /// What was judged for want of memory stands in nobody's way from the next event on.
    fn begin(&mut self) {
        if std::mem::take(&mut self.short_of_memory) {
            let lives = &self.lives;
            let waits = |filing: &Filing| {
                let life = lives.get(&filing.trace);
                life.is_some_and(|life| {
                    life.decided.is_none() && life.first_offset == filing.first_offset
                })
            };
            self.by_arrival.skip(waits);
            self.by_quiet.skip(waits);
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
        for (filing, from) in self.by_quiet.settle(&self.clock) {
            if let Some(life) = life_of(&mut self.lives, &filing) {
                life.unsettled -= 1;
                life.quiet = (life.unsettled == 0).then_some(from);
            }
        }
    }

    fn judged(&mut self, judgement: &Judgement, view: &View<'_>) {
        let Some(life) = self.lives.get_mut(&judgement.trace) else { return };
        let expiry = judgement.at + view.limits.remember;
        self.short_of_memory |= judgement.reason == CloseReason::MemoryLimit;
        let (spans, sources) = (life.spans.clone(), life.offsets.clone());
        let all: Vec<_> = spans.iter().map(|span| &view.broker.input.spans[*span]).collect();
        // What a policy dropped stays dropped.
        let is_drop = judgement.verdict == Verdict::Drop && !is_vetoed(&all);
        life.decided = Some(Decided {
            verdict: judgement.verdict,
            expiry,
            through: self.next_offset,
            unlogged: Some(EntryKind::Decide),
            dropped: is_drop.then_some(Dropped { spans, sources }),
            may_turn: is_drop,
            turn: None,
            missing: Vec::new(),
            missing_below: None,
        });
        if judgement.verdict == Verdict::Keep {
            self.owed.push((judgement.trace, life.spans.clone(), false));
        }
    }
}

impl Assignment {
    /// A verdict is turned: what was found is owed, and that it was.
    fn turned(&mut self, turning: &Turning, view: &View<'_>) {
        let life = self.lives.get_mut(&turning.trace);
        let Some(decided) = life.and_then(|life| life.decided.as_mut()) else { return };
        decided.settle(turning, self.next_offset, view);
        self.owed.push((turning.trace, turning.spans.clone(), false));
    }

    /// What was known of drops means nothing to other policies.
    fn forget_drops(&mut self) {
        for decided in self.lives.values_mut().filter_map(|life| life.decided.as_mut()) {
            (decided.dropped, decided.may_turn) = (None, false);
        }
    }
}

/// The life that was filed, unless its verdict is forgotten.
fn life_of<'a>(lives: &'a mut BTreeMap<usize, Life>, filing: &Filing) -> Option<&'a mut Life> {
    lives.get_mut(&filing.trace).filter(|life| life.first_offset == filing.first_offset)
}

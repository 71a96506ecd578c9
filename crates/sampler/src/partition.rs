//! One partition: its clock, its window, its ledger, and what it wants written.

use std::sync::Arc;

use tailsift_policy::{CloseReason, Decision, Limiters, PolicySet, Verdict, Vote};
use tailsift_trace::{AttributeKey, Batch, Chunk, Millis, TraceId};

use crate::close::CloseRule;
use crate::completion::Completion;
use crate::deadline::Deadlines;
use crate::decision_cache::Decided;
use crate::known::{Known, Read};
use crate::ledger::{Arrival, Ledger};
use crate::segment::Segments;
use crate::slab::Key;
use crate::stream_time::StreamTime;
use crate::turns::Turns;
use crate::window::{OpenTrace, Place, Window};
use crate::{
    Checkpoint, DeadLetter, EntryKind, Export, Judged, LiveFrom, RecordAt, Stats, TurnedTrace,
};

mod cut;
mod late;
mod refold;
mod restore;
mod turn;
mod whole;

use late::Late;
use turn::Chances;

/// What an entry that waits to be written down counts for, about.
const ENTRY_BYTES: usize = 128;

/// What is the same for all partitions of a shard, lent for the length of a call.
pub(crate) struct Common<'a> {
    pub(crate) policies: &'a PolicySet,
    /// Where the policies' names stand; `None` of those that have no room.
    pub(crate) places: &'a [Option<u16>],
    pub(crate) stats: &'a mut Stats,
    /// Where judged traces are reported; `None` if nobody looks.
    pub(crate) judged: Option<&'a mut Vec<Judged>>,
    /// Where turned verdicts are; likewise.
    pub(crate) turned: Option<&'a mut Vec<TurnedTrace>>,
    pub(crate) votes: &'a mut Vec<Option<Vote>>,
    /// Where batches have the services' names, if completion asks.
    pub(crate) service: Option<AttributeKey>,
    pub(crate) sequence: &'a mut u64,
}

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: i32,
    pub(crate) assignment: u64,
    next_offset: i64,
    committed: Option<i64>,
    /// What was committed last of where the log is needed from.
    committed_live_from: LiveFrom,
    checkpoint: Checkpoint,
    /// From where on the log is to be kept.
    kept_from: Option<i64>,
    /// Set until all that the last owner had read is read again.
    replay: Option<Replay>,
    clock: StreamTime,
    /// The wall clock at the last record: stands in until the clock has started.
    wall: Millis,
    window: Window,
    segments: Segments,
    ledger: Ledger,
    rule: CloseRule,
    by_arrival: Deadlines,
    by_root: Option<Deadlines>,
    /// Set if structure ends a trace's wait.
    completion: Option<Completion>,
    remember: Millis,
    /// `None` = late spans follow a drop.
    chances: Option<Chances>,
    /// Dropped traces that late spans want kept.
    turns: Turns,
    /// Traces that reached a limit within the record at hand.
    full: Vec<(Key, CloseReason)>,
    /// What the policies' budgets have left here.
    limiters: Limiters,
    exports: Vec<Export>,
    dead_letters: Vec<DeadLetter>,
    output_bytes: usize,
}

/// How far a partition has to be read again before anything of it is judged.
#[derive(Debug, Clone, Copy)]
struct Replay {
    to: i64,
    /// Stream time there. A stamp ahead of the wall was taken for less when it was first read.
    stream_time: Option<Millis>,
}

impl Partition {
    /// Applies a record. Nothing is judged before all its spans are in.
    pub(crate) fn handle_record(
        &mut self,
        at: &RecordAt<'_>,
        batch: &Batch<'_>,
        common: &mut Common<'_>,
    ) {
        if at.offset < self.next_offset {
            // Applied already: a record that is delivered twice must not count twice.
            common.stats.repeated_records += 1;
            common.stats.spans_repeated += batch.spans.len() as u64;
            return;
        }
        let before = self.clock.now();
        self.read(at, common.stats);
        if !batch.chunks.is_empty() {
            self.segments.begin_record(batch);
        }
        for chunk in &batch.chunks {
            match self.window.find(chunk.trace_id) {
                Some(Place::Open(key)) => self.grow(key, at, batch, chunk, common),
                Some(Place::Decided(key)) => {
                    let now = self.clock.now().unwrap_or(self.wall);
                    self.follow(key, &Late { at, batch, chunk, before, now }, common);
                }
                None => {
                    let key = self.open(at, chunk.trace_id, before, common);
                    self.grow(key, at, batch, chunk, common);
                }
            }
            if let Some(completion) = &mut self.completion {
                completion.answer(batch, chunk);
            }
        }
        self.next_offset = at.offset + 1;
        self.catch_up();
        self.settle(common);
    }

    /// A record that cannot be read: its letter, if it is to be kept, leaves with the next cut.
    pub(crate) fn handle_poison(
        &mut self,
        at: &RecordAt<'_>,
        letter: Option<DeadLetter>,
        common: &mut Common<'_>,
    ) {
        if at.offset < self.next_offset {
            common.stats.repeated_records += 1;
            return;
        }
        self.read(at, common.stats);
        self.add_letter(letter);
        self.next_offset = at.offset + 1;
        self.catch_up();
        self.settle(common);
    }

    /// The last owner has written the letters of what is replayed.
    pub(crate) fn add_letter(&mut self, letter: Option<DeadLetter>) {
        let letter =
            letter.filter(|letter| self.replay.is_none_or(|replay| letter.offset >= replay.to));
        self.output_bytes += letter.as_ref().map_or(0, DeadLetter::bytes);
        self.dead_letters.extend(letter);
    }

    /// An end-offset request asked at `asked_at` answered `end_offset`. If all of that has been
    /// read, nothing older than the grace can still come.
    pub(crate) fn handle_idle(
        &mut self,
        asked_at: Millis,
        end_offset: i64,
        grace: Millis,
        common: &mut Common<'_>,
    ) {
        if self.next_offset >= end_offset && self.is_live() {
            self.clock.handle_idle(asked_at - grace);
            self.settle(common);
        }
    }

    /// Moves the clock by a record's stamp.
    fn read(&mut self, at: &RecordAt<'_>, stats: &mut Stats) {
        let ceiling = self.replay.and_then(|replay| replay.stream_time);
        let wall = ceiling.map_or(at.wall_now, |ceiling| at.wall_now.min(ceiling));
        self.clock.handle_record(at.time, wall);
        self.wall = at.wall_now;
        stats.records_replayed += u64::from(self.replay.is_some());
    }

    fn open(
        &mut self,
        at: &RecordAt<'_>,
        trace_id: TraceId,
        before: Option<Millis>,
        common: &mut Common<'_>,
    ) -> Key {
        let opened = self.clock.now().or(at.stamp()).unwrap_or(at.wall_now);
        let key = self.window.open(trace_id, at.headers, opened);
        if let Some(completion) = &mut self.completion {
            completion.open(key);
        }
        *common.sequence += 1;
        common.stats.traces_opened += 1;
        self.ledger.add(Arrival {
            offset: at.offset,
            key,
            stream_time: before,
            sequence: *common.sequence,
        });
        self.by_arrival.file(&self.clock, at.stamp(), key);
        key
    }

    /// Adds spans to a trace that waits.
    fn grow(
        &mut self,
        key: Key,
        at: &RecordAt<'_>,
        batch: &Batch<'_>,
        chunk: &Chunk,
        common: &mut Common<'_>,
    ) {
        let now = self.clock.now().or(at.stamp());
        let stored = self.segments.store(batch, chunk);
        let trace = self.window.grow(key, at.offset, stored, at.headers, |facts| {
            common.policies.fold_at(now, facts, batch, chunk, &mut common.stats.tally);
        });
        trace.source_bytes = trace.source_bytes.saturating_add(at.bytes as u64);
        if let Some(by_root) = &mut self.by_root
            && trace.facts.root_seen
            && !trace.root_filed
        {
            trace.root_filed = true;
            by_root.file(&self.clock, at.stamp(), key);
        }
        if self.replay.is_none()
            && let Some(reason) = self.rule.limit_reached(&trace.facts, trace.bytes)
        {
            self.full.push((key, reason));
        }
        self.note_grown(key, at, batch, chunk, common);
    }

    /// Judges what is due: limits reached, then what is complete, then deadlines. Nothing while a
    /// replay is under way.
    fn settle(&mut self, common: &mut Common<'_>) {
        if self.replay.is_some() {
            return;
        }
        self.settle_refused(common);
        if let (Some(now), Some(chances)) = (self.clock.now(), &self.chances) {
            self.window.let_go(now, chances.lag);
        }
        while let Some((key, reason)) = self.full.pop() {
            self.judge(key, reason, common);
        }
        self.judge_complete(common);
        while let Some(key) = self.by_root.as_mut().and_then(|roots| roots.pop_due(&self.clock)) {
            self.judge(key, CloseReason::RootWait, common);
        }
        while let Some(key) = self.by_arrival.pop_due(&self.clock) {
            self.judge(key, CloseReason::DecisionWait, common);
        }
        if self.segments.is_sparse() {
            for trace in self.window.open_traces_mut() {
                for chunk in &mut trace.chunks {
                    *chunk = self.segments.settle(*chunk);
                }
            }
        }
    }

    /// Judges the oldest waiting trace now; false if none waits.
    pub(crate) fn judge_oldest(&mut self, reason: CloseReason, common: &mut Common<'_>) -> bool {
        if self.replay.is_some() {
            return false;
        }
        let Some(arrival) = self.oldest() else { return false };
        self.judge(arrival.key, reason, common);
        let window = &self.window;
        self.by_arrival.skip_gone(|key| window.is_open(key));
        if let Some(completion) = &mut self.completion {
            completion.skip_gone(|key| window.is_open(key));
        }
        true
    }

    pub(crate) fn oldest(&mut self) -> Option<Arrival> {
        let window = &self.window;
        self.ledger.oldest(|key| window.is_open(key))
    }

    fn judge(&mut self, key: Key, close_reason: CloseReason, common: &mut Common<'_>) {
        // A trace can be due twice: by a limit and by time, or by root and by arrival.
        let Some(trace) = self.window.take(key) else { return };
        if let Some(completion) = &mut self.completion {
            completion.close(key);
        }
        let time = self.clock.now().unwrap_or(self.wall);
        let limiters = &mut self.limiters;
        let (id, facts) = (trace.trace_id, &trace.facts);
        let outcome = common.policies.judge(id, facts, limiters, time, common.votes);
        common.stats.tally.drift_keys_forgotten += limiters.take_forgotten_keys();
        common.stats.tally.rate_keys_crowded += limiters.take_crowded_keys();
        let decision = Decision {
            verdict: outcome.verdict,
            policy: outcome.policy.and_then(|policy| common.places[usize::from(policy)]),
            close_reason,
            chance: outcome.chance,
        };
        count(common.stats, &decision, trace.facts.spans);
        let payload = match decision.verdict {
            Verdict::Keep => Some(self.export(&trace, decision, time, common.stats)),
            Verdict::Drop => None,
        };
        for chunk in &trace.chunks {
            self.segments.release(*chunk);
        }
        if let Some(judged) = &mut common.judged {
            judged.push(Judged {
                trace_id: trace.trace_id,
                partition: self.id,
                decision,
                votes: common.votes.as_slice().into(),
                composite: outcome.composite,
                spans: trace.facts.spans,
                bytes: trace.bytes,
                duration_ns: trace.facts.duration_ns(),
                time,
                held: Millis((time - trace.opened).0.max(0)),
                payload,
            });
        }
        self.remember(trace, decision, time, common.policies);
    }

    fn remember(
        &mut self,
        trace: OpenTrace,
        decision: Decision,
        time: Millis,
        policies: &PolicySet,
    ) {
        let OpenTrace { trace_id, facts, sources, source_bytes, .. } = trace;
        // What a policy dropped, or the Collector's bound on size, stays dropped.
        let is_nobodys =
            decision.policy.is_none() && decision.close_reason != CloseReason::TooLarge;
        let is_known = decision.verdict == Verdict::Drop && is_nobodys;
        let may_turn = is_known && !policies.late_drop(trace_id, &facts);
        let known = is_known.then(|| Known::new(&Read { facts, sources, source_bytes }));
        self.output_bytes += ENTRY_BYTES;
        self.window.decide(Decided {
            trace_id,
            decision,
            through: self.next_offset,
            expiry: time + self.remember,
            known,
            may_turn,
            turn: None,
            turned: None,
            would_have_kept: false,
            unlogged: Some(EntryKind::Decide),
            logged: 0,
        });
    }

    fn export(
        &mut self,
        trace: &OpenTrace,
        decision: Decision,
        time: Millis,
        stats: &mut Stats,
    ) -> Arc<Vec<u8>> {
        let mut payload = Vec::with_capacity(trace.bytes);
        for chunk in &trace.chunks {
            self.segments.write(*chunk, &mut payload);
        }
        let payload = Arc::new(payload);
        stats.headers_differed += u64::from(trace.headers_differ);
        let export = Export {
            trace_id: trace.trace_id,
            decision,
            late: false,
            turned: None,
            spans: trace.facts.spans,
            time,
            headers: trace.headers.clone(),
            payload: Arc::clone(&payload),
        };
        self.output_bytes += export.bytes();
        self.exports.push(export);
        payload
    }

    /// Forgets one verdict before its time; false if none can be.
    pub(crate) fn forget_early(&mut self) -> bool {
        let committed = self.committed.unwrap_or(i64::MIN);
        self.window.forget_one(Millis(i64::MAX), committed)
    }

    /// The first record that is still needed: of a trace that waits for its verdict, or of late
    /// spans that wait for the rest of theirs.
    fn oldest_needed(&mut self) -> Option<Arrival> {
        let oldest = self.oldest().into_iter().chain(self.turns.oldest());
        oldest.min_by_key(|arrival| arrival.offset)
    }

    pub(crate) fn low_watermark(&mut self) -> i64 {
        self.oldest_needed().map_or(self.next_offset, |arrival| arrival.offset)
    }

    pub(crate) fn oldest_open(&mut self) -> Millis {
        match (self.clock.now(), self.oldest().and_then(|arrival| arrival.stream_time)) {
            (Some(now), Some(opened)) => now - opened,
            (Some(_) | None, _) => Millis(0),
        }
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub(crate) fn committed(&self) -> Option<i64> {
        self.committed
    }

    pub(crate) fn stream_time(&self) -> Option<Millis> {
        self.clock.now()
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    pub(crate) fn window_bytes(&self) -> usize {
        let roots = self.by_root.as_ref().map_or(0, Deadlines::bytes);
        let structures = self.completion.as_ref().map_or(0, Completion::bytes);
        let queues = self.ledger.bytes() + self.by_arrival.bytes() + roots;
        self.segments.bytes() + self.window.open_bytes() + queues + structures + self.turns.bytes()
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) fn output_bytes(&self) -> usize {
        self.output_bytes
    }
}

fn count(stats: &mut Stats, decision: &Decision, spans: u32) {
    stats.closed[decision.close_reason as usize] += 1;
    match decision.verdict {
        Verdict::Keep => {
            stats.kept_traces += 1;
            stats.kept_spans += u64::from(spans);
            if let Some(kept) =
                decision.policy.and_then(|p| stats.kept_by_policy.get_mut(usize::from(p)))
            {
                *kept += 1;
            }
        }
        Verdict::Drop => {
            stats.dropped_traces += 1;
            stats.dropped_spans += u64::from(spans);
        }
    }
}

//! One partition: its clock, its window, its ledger, and what it wants written.

use std::sync::Arc;

use tailsift_policy::{CloseReason, Decision, Facts, PolicySet, Verdict, Vote};
use tailsift_trace::{Batch, Chunk, Millis, TraceId};

use crate::close::CloseRule;
use crate::deadline::Deadlines;
use crate::decision_cache::Decided;
use crate::ledger::{Arrival, Ledger};
use crate::segment::Segments;
use crate::slab::Key;
use crate::stream_time::StreamTime;
use crate::window::{OpenTrace, Place, Window};
use crate::{DeadLetter, Export, Judged, Limits, Part, RecordAt, Restored, Stats};

/// What is the same for all partitions of a shard, lent for the length of a call.
pub(crate) struct Common<'a> {
    pub(crate) policies: &'a PolicySet,
    pub(crate) stats: &'a mut Stats,
    /// Where judged traces are reported; `None` if nobody looks.
    pub(crate) judged: Option<&'a mut Vec<Judged>>,
    pub(crate) votes: &'a mut Vec<Vote>,
    pub(crate) sequence: &'a mut u64,
}

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: i32,
    pub(crate) assignment: u64,
    next_offset: i64,
    committed: Option<i64>,
    clock: StreamTime,
    /// The wall clock at the last record: stands in until the clock has started.
    wall: Millis,
    window: Window,
    segments: Segments,
    ledger: Ledger,
    rule: CloseRule,
    by_arrival: Deadlines,
    by_root: Option<Deadlines>,
    remember: Millis,
    /// Traces that reached a limit within the record at hand.
    full: Vec<(Key, CloseReason)>,
    exports: Vec<Export>,
    dead_letters: Vec<DeadLetter>,
    output_bytes: usize,
}

impl Partition {
    pub(crate) fn new(id: i32, assignment: u64, from: Restored, limits: &Limits) -> Self {
        let rule = CloseRule::new(limits);
        Self {
            id,
            assignment,
            next_offset: from.offset,
            committed: None,
            clock: StreamTime::new(from.stream_time, limits.decision_wait),
            wall: Millis::default(),
            window: Window::new(),
            segments: Segments::default(),
            ledger: Ledger::default(),
            by_arrival: Deadlines::new(rule.decision_wait),
            by_root: rule.after_root.map(Deadlines::new),
            rule,
            remember: limits.remember,
            full: Vec::new(),
            exports: Vec::new(),
            dead_letters: Vec::new(),
            output_bytes: 0,
        }
    }

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
            return;
        }
        let before = self.clock.now();
        self.clock.handle_record(at.time, at.wall_now);
        self.wall = at.wall_now;
        if !batch.chunks.is_empty() {
            self.segments.begin_record(batch);
        }
        for chunk in &batch.chunks {
            match self.window.find(chunk.trace_id) {
                Some(Place::Open(key)) => self.grow(key, at, batch, chunk, common),
                Some(Place::Decided(key)) => self.follow(key, at, batch, chunk, common),
                None => {
                    let key = self.open(at, chunk.trace_id, before, common);
                    self.grow(key, at, batch, chunk, common);
                }
            }
        }
        self.next_offset = at.offset + 1;
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
        self.clock.handle_record(at.time, at.wall_now);
        self.wall = at.wall_now;
        self.add_letter(letter);
        self.next_offset = at.offset + 1;
        self.settle(common);
    }

    pub(crate) fn add_letter(&mut self, letter: Option<DeadLetter>) {
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
        if self.next_offset >= end_offset {
            self.clock.handle_idle(asked_at - grace);
            self.settle(common);
        }
    }

    fn open(
        &mut self,
        at: &RecordAt<'_>,
        trace_id: TraceId,
        before: Option<Millis>,
        common: &mut Common<'_>,
    ) -> Key {
        let key = self.window.open(trace_id, at.headers);
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
        let stored = self.segments.store(batch, chunk);
        let trace = self.window.grow(key, stored, at.headers, |facts| {
            common.policies.fold(facts, batch, chunk, &mut common.stats.tally);
        });
        if let Some(by_root) = &mut self.by_root
            && trace.facts.root_seen
            && !trace.root_filed
        {
            trace.root_filed = true;
            by_root.file(&self.clock, at.stamp(), key);
        }
        if let Some(reason) = self.rule.limit_reached(&trace.facts, trace.bytes) {
            self.full.push((key, reason));
        }
    }

    /// Spans of a trace that was judged: they follow its verdict.
    fn follow(
        &mut self,
        key: Key,
        at: &RecordAt<'_>,
        batch: &Batch<'_>,
        chunk: &Chunk,
        common: &mut Common<'_>,
    ) {
        let now = self.clock.now().unwrap_or(self.wall);
        let decided =
            self.window.decided_mut(key).expect("the index names remembered verdicts only");
        if at.offset < decided.through {
            return;
        }
        decided.expiry = decided.expiry.max(now + self.remember);
        let spans = u64::from(chunk.spans.end - chunk.spans.start);
        match decided.decision.verdict {
            Verdict::Keep => {
                let export = late_export(decided.decision, now, at, batch, chunk);
                common.stats.late_spans_kept += spans;
                common.stats.kept_spans += spans;
                self.output_bytes += export.bytes();
                self.exports.push(export);
            }
            Verdict::Drop => {
                common.stats.late_spans_dropped += spans;
                common.stats.dropped_spans += spans;
                let Some(facts) = &mut decided.facts else { return };
                common.policies.fold(facts, batch, chunk, &mut common.stats.tally);
                if !decided.would_have_kept
                    && common.policies.certain_keep(decided.trace_id, facts).is_some()
                {
                    decided.would_have_kept = true;
                    common.stats.late_would_have_kept += 1;
                }
            }
        }
    }

    /// Judges what is due: limits reached, then deadlines.
    fn settle(&mut self, common: &mut Common<'_>) {
        while let Some((key, reason)) = self.full.pop() {
            self.judge(key, reason, common);
        }
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
        let Some(arrival) = self.oldest() else { return false };
        self.judge(arrival.key, reason, common);
        let window = &self.window;
        self.by_arrival.skip_gone(|key| window.is_open(key));
        true
    }

    pub(crate) fn oldest(&mut self) -> Option<Arrival> {
        let window = &self.window;
        self.ledger.oldest(|key| window.is_open(key))
    }

    fn judge(&mut self, key: Key, close_reason: CloseReason, common: &mut Common<'_>) {
        // A trace can be due twice: by a limit and by time, or by root and by arrival.
        let Some(trace) = self.window.take(key) else { return };
        let outcome = common.policies.judge(trace.trace_id, &trace.facts, common.votes);
        let decision = Decision {
            verdict: outcome.verdict,
            policy: outcome.policy,
            close_reason,
            threshold: outcome.threshold,
        };
        count(common.stats, &decision, trace.facts.spans);
        let time = self.clock.now().unwrap_or(self.wall);
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
                spans: trace.facts.spans,
                bytes: trace.bytes,
                duration_ns: trace.facts.duration_ns(),
                time,
                payload,
            });
        }
        self.remember(trace.trace_id, decision, trace.facts, time);
    }

    fn remember(&mut self, trace_id: TraceId, decision: Decision, facts: Facts, time: Millis) {
        self.window.decide(Decided {
            trace_id,
            decision,
            through: self.next_offset,
            expiry: time + self.remember,
            facts: (decision.verdict == Verdict::Drop).then_some(facts),
            would_have_kept: false,
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
            spans: trace.facts.spans,
            time,
            headers: trace.headers.clone(),
            payload: Arc::clone(&payload),
        };
        self.output_bytes += export.bytes();
        self.exports.push(export);
        payload
    }

    /// The cut: what this partition has to commit, if anything.
    pub(crate) fn cut(&mut self) -> Option<Part> {
        let (commit_offset, commit_stream_time) = match self.oldest() {
            Some(arrival) => (arrival.offset, arrival.stream_time),
            None => (self.next_offset, self.clock.now()),
        };
        let idle = self.exports.is_empty() && self.dead_letters.is_empty();
        if idle && self.committed == Some(commit_offset) {
            return None;
        }
        self.output_bytes = 0;
        Some(Part {
            partition: self.id,
            assignment: self.assignment,
            commit_offset,
            next_offset: self.next_offset,
            commit_stream_time,
            next_stream_time: self.clock.now(),
            exports: std::mem::take(&mut self.exports),
            dead_letters: std::mem::take(&mut self.dead_letters),
        })
    }

    /// A part of this assignment was committed: what it covers may be forgotten.
    pub(crate) fn handle_committed(&mut self, part: &Part) {
        assert!(self.committed <= Some(part.commit_offset), "a low watermark never goes back");
        self.committed = Some(part.commit_offset);
        if let Some(now) = part.next_stream_time {
            self.window.forget_expired(now, part.commit_offset);
        }
    }

    /// Forgets one verdict before its time; false if none can be.
    pub(crate) fn forget_early(&mut self) -> bool {
        let committed = self.committed.unwrap_or(i64::MIN);
        self.window.forget_one(Millis(i64::MAX), committed)
    }

    pub(crate) fn low_watermark(&mut self) -> i64 {
        self.oldest().map_or(self.next_offset, |arrival| arrival.offset)
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
        let queues = self.ledger.bytes() + self.by_arrival.bytes() + roots;
        self.segments.bytes() + self.window.open_bytes() + queues
    }

    pub(crate) fn output_bytes(&self) -> usize {
        self.output_bytes
    }
}

fn late_export(
    decision: Decision,
    now: Millis,
    at: &RecordAt<'_>,
    batch: &Batch<'_>,
    chunk: &Chunk,
) -> Export {
    let pieces = batch.pieces_of(chunk).iter();
    let payload = pieces.flat_map(|piece| piece.bytes(&batch.shared)).copied().collect();
    Export {
        trace_id: chunk.trace_id,
        decision,
        late: true,
        spans: chunk.spans.end - chunk.spans.start,
        time: now,
        headers: at.headers.into(),
        payload: Arc::new(payload),
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

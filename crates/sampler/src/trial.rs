//! A finite input, judged as if the stream ended with it: no clock, no partitions, no offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tailsift_policy::{
    Chance, CloseReason, Facts, Limiters, Outcome, PolicySet, Tally, Verdict, Vote,
};
use tailsift_trace::{Batch, Chunk, Millis, SpanId, TraceId, UnixNano};

/// Judges the traces of a finite input, in the order of their first spans, at one instant and with
/// one share of every budget.
///
/// It holds what policies know of each trace and the IDs of its spans, never their bytes; how much
/// it is given is for the caller to bound.
#[derive(Debug)]
pub struct Trial {
    policies: Arc<PolicySet>,
    manner: Manner,
    now: Millis,
    limiters: Limiters,
    traces: Vec<Trace>,
    places: BTreeMap<TraceId, usize>,
    tally: Tally,
    votes: Vec<Option<Vote>>,
}

/// When traces are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// As `run` does it: a trace with so many spans or bytes at once, all others at the end.
    Bounded {
        /// [`Limits::spans_per_trace`](crate::Limits::spans_per_trace).
        spans_per_trace: u32,
        /// [`Limits::bytes_per_trace`](crate::Limits::bytes_per_trace).
        bytes_per_trace: usize,
    },
    /// As a Collector with `trace-complete`: all of them at the end.
    AtEnd,
    /// As a Collector with `span-ingest`: each `ResourceSpans` of a trace as it arrives and alone,
    /// but for the number of spans and the size, which are those of the trace so far.
    Fragments,
}

/// A trace that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The trace.
    pub trace_id: TraceId,
    /// What became of it.
    pub outcome: Outcome,
    /// What each policy said in the end, in configured order; `None` if it was not asked.
    pub votes: Vec<Option<Vote>>,
    /// How often a policy failed on it.
    pub failures: u32,
    /// Why it stopped waiting.
    pub close_reason: CloseReason,
    /// Its spans, those after the verdict included.
    pub spans: u32,
    /// A span without a parent was seen.
    pub root_seen: bool,
    /// Spans that others name as their parent and that are not there.
    pub missing_parents: usize,
    /// Latest end minus earliest start, in nanoseconds; `None` if a time is missing.
    pub duration_ns: Option<i64>,
}

#[derive(Debug)]
struct Trace {
    trace_id: TraceId,
    facts: Facts,
    /// Spans and bytes of the fragments that were judged.
    arrived: (u32, u32),
    spans: u32,
    bytes: usize,
    ids: BTreeSet<SpanId>,
    parents: BTreeSet<SpanId>,
    failures: u32,
    votes: Vec<Option<Vote>>,
    ended: Option<(Outcome, CloseReason)>,
}

/// What is said of a trace that nobody was asked about.
const NOT_ASKED: Outcome =
    Outcome { verdict: Verdict::Drop, policy: None, chance: Chance::None, composite: None };

impl Trial {
    /// Before the first batch; `now` is the instant at which all of it happens.
    pub fn new(policies: Arc<PolicySet>, manner: Manner, now: Millis) -> Self {
        Self {
            limiters: policies.limiters(1),
            policies,
            manner,
            now,
            traces: Vec::new(),
            places: BTreeMap::new(),
            tally: Tally::default(),
            votes: Vec::new(),
        }
    }

    /// The policies that judge.
    pub fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// Oddities met in spans so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes a batch that arrives.
    pub fn handle_batch(&mut self, batch: &Batch<'_>) {
        let mut touched = Vec::with_capacity(batch.chunks.len());
        for chunk in &batch.chunks {
            let place = self.place(chunk.trace_id);
            touched.push(place);
            let trace = &mut self.traces[place];
            let pieces = batch.pieces_of(chunk);
            trace.bytes +=
                pieces.iter().map(|piece| piece.bytes(&batch.shared).len()).sum::<usize>();
            for span in batch.spans_of(chunk) {
                trace.spans = trace.spans.saturating_add(1);
                trace.ids.extend(span.span_id);
                trace.parents.extend(span.parent_span_id);
            }
            let now = Some(self.now);
            self.policies.fold_at(now, &mut trace.facts, batch, chunk, &mut self.tally);
        }
        match self.manner {
            Manner::AtEnd => {}
            Manner::Bounded { spans_per_trace, bytes_per_trace } => {
                for place in touched {
                    let trace = &self.traces[place];
                    if trace.spans >= spans_per_trace {
                        self.judge(place, CloseReason::SpanLimit);
                    } else if trace.bytes >= bytes_per_trace {
                        self.judge(place, CloseReason::ByteLimit);
                    }
                }
            }
            Manner::Fragments => self.judge_fragments(batch),
        }
    }

    /// Judges all that still waits. Traces are in the order of their first spans.
    pub fn finish(mut self) -> Vec<Tried> {
        for place in 0..self.traces.len() {
            match self.manner {
                Manner::AtEnd | Manner::Bounded { .. } => self.judge(place, CloseReason::Drain),
                // Whoever has not been kept by now has no reason to be.
                Manner::Fragments => {
                    self.traces[place].ended.get_or_insert((NOT_ASKED, CloseReason::Drain));
                }
            }
        }
        self.traces.into_iter().map(Trace::tried).collect()
    }

    fn place(&mut self, trace_id: TraceId) -> usize {
        *self.places.entry(trace_id).or_insert_with(|| {
            self.traces.push(Trace::new(trace_id));
            self.traces.len() - 1
        })
    }

    fn judge(&mut self, place: usize, reason: CloseReason) {
        let trace = &mut self.traces[place];
        if trace.ended.is_some() {
            return;
        }
        let too_large = too_large(&self.policies, &trace.facts);
        let reason = if too_large { CloseReason::TooLarge } else { reason };
        let outcome = self.policies.judge(
            trace.trace_id,
            &trace.facts,
            &mut self.limiters,
            self.now,
            &mut self.votes,
        );
        trace.note(&self.votes);
        trace.ended = Some((outcome, reason));
    }

    fn judge_fragments(&mut self, batch: &Batch<'_>) {
        let mut fragments: Vec<(u32, Chunk)> = Vec::new();
        for chunk in &batch.chunks {
            let mut start = chunk.spans.start;
            for of_resource in batch.spans_of(chunk).chunk_by(|a, b| a.resource == b.resource) {
                let end = start + of_resource.len() as u32;
                let fragment = Chunk { spans: start..end, ..chunk.clone() };
                fragments.push((of_resource[0].resource, fragment));
                start = end;
            }
        }
        fragments.sort_by_key(|(resource, _)| *resource);
        for (_, fragment) in fragments {
            self.judge_fragment(batch, &fragment);
        }
    }

    fn judge_fragment(&mut self, batch: &Batch<'_>, fragment: &Chunk) {
        let place = self.place(fragment.trace_id);
        let trace = &mut self.traces[place];
        if trace.ended.is_some() {
            return;
        }
        let mut facts = Facts::default();
        // The oddities of these spans have been counted.
        let (now, uncounted) = (Some(self.now), &mut Tally::default());
        self.policies.fold_at(now, &mut facts, batch, fragment, uncounted);
        trace.arrived.0 = trace.arrived.0.saturating_add(facts.spans);
        trace.arrived.1 = trace.arrived.1.saturating_add(facts.bytes);
        (facts.spans, facts.bytes) = trace.arrived;
        if too_large(&self.policies, &facts) {
            trace.votes.clear();
            trace.ended = Some((NOT_ASKED, CloseReason::TooLarge));
            return;
        }
        let (id, votes) = (fragment.trace_id, &mut self.votes);
        let outcome = self.policies.judge(id, &facts, &mut self.limiters, self.now, votes);
        trace.note(votes);
        let dropped = votes.contains(&Some(Vote::Dropped));
        // A drop that does not match leaves the trace undecided, whatever others say of it.
        if dropped || outcome.verdict == Verdict::Keep && !self.policies.has_drops() {
            trace.ended = Some((outcome, CloseReason::Drain));
        }
    }
}

/// The Collector's bound, which `judge` keeps, too.
fn too_large(policies: &PolicySet, facts: &Facts) -> bool {
    let max = policies.semantics().maximum_trace_size_bytes;
    max > 0 && u64::from(facts.bytes) > max
}

impl Trace {
    fn new(trace_id: TraceId) -> Self {
        Self {
            trace_id,
            facts: Facts::default(),
            arrived: (0, 0),
            spans: 0,
            bytes: 0,
            ids: BTreeSet::new(),
            parents: BTreeSet::new(),
            failures: 0,
            votes: Vec::new(),
            ended: None,
        }
    }

    fn note(&mut self, votes: &[Option<Vote>]) {
        let failed = votes.iter().filter(|vote| **vote == Some(Vote::Error)).count();
        self.failures = self.failures.saturating_add(failed as u32);
        self.votes = votes.to_vec();
    }

    fn tried(self) -> Tried {
        let has_times = self.facts.start != UnixNano(0) && self.facts.end != UnixNano(0);
        let (outcome, close_reason) = self.ended.unwrap_or((NOT_ASKED, CloseReason::Drain));
        Tried {
            trace_id: self.trace_id,
            outcome,
            votes: self.votes,
            failures: self.failures,
            close_reason,
            spans: self.spans,
            root_seen: self.facts.root_seen,
            missing_parents: self.parents.difference(&self.ids).count(),
            duration_ns: has_times.then(|| self.facts.duration_ns()),
        }
    }
}

impl Tried {
    /// How many of its spans would be exported.
    pub fn exported(&self) -> u32 {
        match self.outcome.verdict {
            Verdict::Keep => self.spans,
            Verdict::Drop => 0,
        }
    }
}

#[cfg(test)]
mod tests;

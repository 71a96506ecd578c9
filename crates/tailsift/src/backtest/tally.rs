//! What policies keep, and what that costs.

use std::collections::BTreeSet;

use tailsift_policy::{CloseReason, Verdict, Vote};
use tailsift_sampler::{Export, Judged};
use tailsift_trace::TraceId;

/// How many traces are named.
const EXAMPLES: usize = 3;

/// Traces, and what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) traces: u64,
    pub(super) spans: u64,
    /// As they came: before redaction and compression.
    pub(super) bytes: u64,
}

/// Traces, some of them by name: those with the smallest IDs, however they were come by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Examples(pub(super) BTreeSet<TraceId>);

/// What one policy does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Kept traces that it wanted.
    pub(super) sampled: Sum,
    /// Kept traces that nobody else wanted.
    pub(super) only: Sum,
    /// Traces that it dropped.
    pub(super) dropped: Sum,
    /// Traces that nobody else wanted.
    pub(super) only_examples: Examples,
    /// Traces that it wanted, or dropped.
    pub(super) examples: Examples,
}

/// What all of them do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) unreadable: u64,
    /// The smallest and the largest timestamp of records.
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    /// By place.
    pub(super) policies: Vec<Row>,
    pub(super) all: Sum,
    pub(super) kept: Sum,
    /// Spans that came after their kept trace's verdict; their traces are among the kept.
    pub(super) late: Sum,
    /// Why traces stopped waiting.
    pub(super) closed: [u64; CloseReason::ALL.len()],
    /// Traces that began before the time that was asked for.
    pub(super) early: u64,
}

impl Sum {
    fn of(judged: &Judged) -> Self {
        Self { traces: 1, spans: judged.spans.into(), bytes: judged.bytes as u64 }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.traces += other.traces;
        self.spans += other.spans;
        self.bytes += other.bytes;
    }
}

impl Examples {
    pub(super) fn note(&mut self, trace_id: TraceId) {
        self.0.insert(trace_id);
        if self.0.len() > EXAMPLES {
            self.0.pop_last();
        }
    }

    pub(super) fn add(&mut self, others: &Self) {
        others.0.iter().for_each(|trace_id| self.note(*trace_id));
    }
}

impl Tally {
    /// Of so many policies.
    pub(super) fn new(policies: usize) -> Self {
        Self { policies: vec![Row::default(); policies], ..Self::default() }
    }

    /// A trace was judged.
    pub(super) fn note(&mut self, judged: &Judged) {
        let sum = Sum::of(judged);
        self.all.add(sum);
        self.closed[judged.decision.close_reason as usize] += 1;
        match judged.decision.verdict {
            Verdict::Keep => self.note_kept(judged, sum),
            Verdict::Drop => {
                let dropper = judged.decision.policy;
                if let Some(row) =
                    dropper.and_then(|place| self.policies.get_mut(usize::from(place)))
                {
                    row.dropped.add(sum);
                    row.examples.note(judged.trace_id);
                }
            }
        }
    }

    fn note_kept(&mut self, judged: &Judged, sum: Sum) {
        self.kept.add(sum);
        let wanted = |vote: &&Option<Vote>| **vote == Some(Vote::Sampled);
        let is_only = judged.votes.iter().filter(wanted).count() == 1;
        for (row, vote) in self.policies.iter_mut().zip(&judged.votes) {
            if *vote != Some(Vote::Sampled) {
                continue;
            }
            row.sampled.add(sum);
            row.examples.note(judged.trace_id);
            if is_only {
                row.only.add(sum);
                row.only_examples.note(judged.trace_id);
            }
        }
    }

    /// Spans came after the verdict of a kept trace.
    pub(super) fn note_late(&mut self, export: &Export) {
        let (spans, bytes) = (export.spans.into(), export.payload.len() as u64);
        self.late.add(Sum { traces: 0, spans, bytes });
    }

    /// Adds what was counted of other partitions.
    pub(super) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.unreadable += other.unreadable;
        self.first_ms = self.first_ms.into_iter().chain(other.first_ms).min();
        self.last_ms = self.last_ms.max(other.last_ms);
        self.all.add(other.all);
        self.kept.add(other.kept);
        self.late.add(other.late);
        self.early += other.early;
        for (mine, theirs) in self.closed.iter_mut().zip(other.closed) {
            *mine += theirs;
        }
        for (mine, theirs) in self.policies.iter_mut().zip(&other.policies) {
            mine.sampled.add(theirs.sampled);
            mine.only.add(theirs.only);
            mine.dropped.add(theirs.dropped);
            mine.only_examples.add(&theirs.only_examples);
            mine.examples.add(&theirs.examples);
        }
    }
}

#[cfg(test)]
mod tests;

//! One thread's partitions, run through the sampler as `run` would.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use tailsift_config::Config;
use tailsift_kafka::{ReadRange, RecordRef};
use tailsift_otlp::Scanner;
use tailsift_policy::{PolicySet, Verdict};
use tailsift_sampler::{DeadLetter, Judged, Limits, RecordAt, Restored, Shard};
use tailsift_trace::{Batch, TraceId};

use super::difference::{Difference, Recorded, Word};
use super::tally::{Sum, Tally};
use crate::app::window_format;
use crate::metrics::PoisonReason;
use crate::worker::{InputRecord, Intake, RecordReader, wall_now};

/// Records between two cuts: what was exported is let go, and old verdicts are forgotten.
const RECORDS_PER_CUT: u32 = 1024;

/// Who judges, and what that is held against.
pub(super) struct Judges<'r> {
    /// Whose topic is read.
    pub(super) source: &'r Config,
    pub(super) here: &'r Config,
    pub(super) there: Option<&'r Config>,
    pub(super) recorded: Option<&'r Recorded>,
    /// Traces with earlier records are not counted.
    pub(super) since_ms: Option<i64>,
    pub(super) threads: usize,
    /// Of the topic: budgets are shared among them.
    pub(super) partitions: i32,
}

/// The partitions of one thread.
pub(super) struct Replay<'r> {
    here: Side,
    there: Option<Side>,
    recorded: Option<&'r Recorded>,
    tally: Tally,
    difference: Difference,
    /// Traces that one side has judged and the other has not: they are in the other's window.
    pending: HashMap<TraceId, Pending>,
    uncut: u32,
}

/// Policies at work.
struct Side {
    policies: Arc<PolicySet>,
    shard: Shard,
    reader: RecordReader,
    marks: Marks,
    batches: i64,
}

/// Traces that began before the time that is asked for, as far as their records are read.
struct Marks {
    since_ms: Option<i64>,
    /// Those of one wait, as many as the window would hold then.
    early: HashSet<TraceId>,
    poison: u64,
}

struct Pending {
    is_here: bool,
    judged: Judged,
}

impl<'r> Judges<'r> {
    /// A thread's replay of these parts of the topic.
    pub(super) fn replay(&self, ranges: &[ReadRange]) -> Replay<'r> {
        let here = self.side(self.here, ranges);
        let policies = here.policies.names().len();
        Replay {
            here,
            there: self.there.map(|config| self.side(config, ranges)),
            recorded: self.recorded,
            tally: Tally::new(policies),
            difference: Difference::default(),
            pending: HashMap::new(),
            uncut: 0,
        }
    }

    fn side(&self, config: &Config, ranges: &[ReadRange]) -> Side {
        let policies: Arc<PolicySet> = config.policy_set().into();
        let input_partitions = u32::try_from(self.partitions).unwrap_or(1).max(1);
        let limits = Limits { input_partitions, ..config.limits(self.threads) };
        let limits = without_turns(limits);
        let scanner = Scanner::new(limits.interest(&policies));
        let mut shard = Shard::new(Arc::clone(&policies), limits);
        shard.report_judged(true);
        for range in ranges {
            let from = Restored { offset: range.start, ..Restored::default() };
            shard.handle_assigned(range.partition, from);
        }
        // The topic is one and the same, whoever judges.
        let reader = RecordReader::new(scanner, window_format(self.source), false)
            .withholding(self.source.has_redaction());
        let marks = Marks { since_ms: self.since_ms, early: HashSet::new(), poison: 0 };
        Side { policies, shard, reader, marks, batches: 0 }
    }
}

impl Replay<'_> {
    /// Takes a record.
    pub(super) fn take(&mut self, record: RecordRef<'_>) -> ControlFlow<()> {
        self.tally.records += 1;
        let time = record.timestamp_ms();
        self.tally.first_ms = self.tally.first_ms.into_iter().chain(time).min();
        self.tally.last_ms = self.tally.last_ms.max(time);
        self.each_side(|side| side.take(&record));
        self.settle();
        self.uncut += 1;
        let mut sides = Some(&self.here).into_iter().chain(&self.there);
        if self.uncut == RECORDS_PER_CUT || sides.any(|side| side.shard.wants_epoch()) {
            self.cut();
        }
        ControlFlow::Continue(())
    }

    /// Judges what still waits; what was counted.
    pub(super) fn finish(mut self) -> (Tally, Difference) {
        self.each_side(Side::end);
        self.settle();
        self.cut();
        for pending in std::mem::take(&mut self.pending).into_values() {
            match pending.is_here {
                true => self.difference.note_alone(&pending.judged),
                false => self.difference.unknown_here += 1,
            }
        }
        self.tally.unreadable = self.here.marks.poison;
        (self.tally, self.difference)
    }

    fn each_side(&mut self, act: impl FnMut(&mut Side)) {
        Some(&mut self.here).into_iter().chain(&mut self.there).for_each(act);
    }

    fn cut(&mut self) {
        self.uncut = 0;
        let tally = &mut self.tally;
        self.here.cut(|export, is_early| {
            if export.late && !is_early {
                tally.note_late(export);
            }
        });
        if let Some(there) = &mut self.there {
            there.cut(|_, _| ());
        }
    }

    /// Counts what was judged.
    fn settle(&mut self) {
        while let Some(judged) = self.here.shard.poll_judged() {
            if self.here.marks.early.contains(&judged.trace_id) {
                self.tally.early += 1;
                continue;
            }
            self.tally.note(&judged);
            self.compare(judged, true);
        }
        while let Some(judged) = self.there.as_mut().and_then(|side| side.shard.poll_judged()) {
            if !self.here.marks.early.contains(&judged.trace_id) {
                self.compare(judged, false);
            }
        }
    }

    fn compare(&mut self, mut judged: Judged, is_here: bool) {
        judged.payload = None;
        if let Some(recorded) = self.recorded {
            let here = self.here.word(&judged);
            match recorded.word(judged.trace_id, judged.partition) {
                Some(there) => self.difference.note(judged.trace_id, sum(&judged), here, there),
                None => self.difference.note_alone(&judged),
            }
        }
        let Some(there) = &self.there else { return };
        let other = self.pending.remove(&judged.trace_id);
        match other.filter(|other| other.is_here != is_here) {
            None => {
                self.pending.insert(judged.trace_id, Pending { is_here, judged });
            }
            Some(other) => {
                let (here, other) =
                    if is_here { (judged, other.judged) } else { (other.judged, judged) };
                let words = (self.here.word(&here), there.word(&other));
                self.difference.note(here.trace_id, sum(&here), words.0, words.1);
            }
        }
    }
}

/// Nobody reads again here. A verdict that late spans may turn ends up as if they had been waited
/// for, so they are.
fn without_turns(limits: Limits) -> Limits {
    match limits.second_chance {
        Some(_) => Limits { second_chance: None, structural: None, ..limits },
        None => limits,
    }
}

fn sum(judged: &Judged) -> Sum {
    Sum { traces: 1, spans: judged.spans.into(), bytes: judged.bytes as u64 }
}

impl Side {
    fn take(&mut self, record: &RecordRef<'_>) {
        self.reader.set_wall_now(wall_now());
        let (shard, marks) = (&mut self.shard, &mut self.marks);
        self.reader.handle(record, &mut Entrance { shard, marks });
    }

    /// The topic has ended: what the clock would have closed by now is closed, the rest is judged
    /// on what is there.
    fn end(&mut self) {
        let progress: Vec<_> = self.shard.progress().collect();
        for progress in progress {
            self.shard.handle_idle(progress.partition, wall_now(), progress.next_offset);
        }
        self.shard.handle_drain();
    }

    fn cut(&mut self, mut visit: impl FnMut(&tailsift_sampler::Export, bool)) {
        let Some(mut epoch) = self.shard.poll_epoch() else { return };
        for part in &mut epoch.parts {
            for export in &part.exports {
                visit(export, self.marks.early.contains(&export.trace_id));
            }
            self.batches += 1;
            part.batch_offset = part.has_batch.then_some(self.batches);
        }
        self.shard.handle_committed(&epoch);
    }

    fn word(&self, judged: &Judged) -> Word<'_> {
        let policy = judged.decision.policy.filter(|_| judged.decision.verdict == Verdict::Keep);
        Word {
            verdict: judged.decision.verdict,
            policy: policy.map(|policy| self.policies.name(policy)),
        }
    }
}

/// Where records go in.
struct Entrance<'s> {
    shard: &'s mut Shard,
    marks: &'s mut Marks,
}

impl Intake for Entrance<'_> {
    fn handle_record(&mut self, at: &RecordAt<'_>, batch: &Batch<'_>) {
        let is_early = |since: i64| at.time.is_some_and(|time| time.0 < since);
        if self.marks.since_ms.is_some_and(is_early) {
            self.marks.early.extend(batch.chunks.iter().map(|chunk| chunk.trace_id));
        }
        self.shard.handle_record(at, batch);
    }

    fn handle_poison(&mut self, at: &RecordAt<'_>, _: PoisonReason, letter: Option<DeadLetter>) {
        self.marks.poison += 1;
        self.shard.handle_poison(at, letter);
    }

    fn handle_malformed(&mut self, partition: i32, letter: DeadLetter) {
        self.shard.handle_malformed(partition, letter);
    }
}

impl InputRecord for RecordRef<'_> {
    fn partition(&self) -> i32 {
        self.partition()
    }

    fn offset(&self) -> i64 {
        self.offset()
    }

    fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms()
    }

    fn key(&self) -> Option<&[u8]> {
        self.key()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value()
    }

    /// Nothing is exported, so nobody asks for them.
    fn headers(&self, out: &mut Vec<u8>) {
        out.clear();
    }
}

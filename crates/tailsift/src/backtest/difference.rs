//! Verdicts held against others.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, ensure};
use tailsift_config::Config;
use tailsift_policy::{CloseReason, Verdict};
use tailsift_sampler::Judged;
use tailsift_trace::TraceId;

use super::tally::{Examples, Sum};
use crate::past::read_log;

/// The most recorded verdicts that are held in memory.
const RECORDED_MAX: usize = 10_000_000;

/// How two sets of verdicts differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) both_kept: u64,
    pub(super) both_dropped: u64,
    /// Kept here, dropped there.
    pub(super) only_here: Changes,
    /// Dropped here, kept there.
    pub(super) only_there: Changes,
    /// Judged here because the topic ended, and not there: it waits.
    pub(super) waiting: u64,
    /// Judged here only, for other reasons: no verdict is known.
    pub(super) unknown_there: u64,
    /// Judged there only: windows of another length judge a trace twice if it comes back late.
    pub(super) unknown_here: u64,
}

/// Traces whose verdict is another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) sum: Sum,
    /// By the policy that keeps them.
    pub(super) by_policy: BTreeMap<String, (u64, Examples)>,
}

/// One side's word on a trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'n> {
    pub(super) verdict: Verdict,
    pub(super) policy: Option<&'n str>,
}

impl Difference {
    /// Both have judged a trace.
    pub(super) fn note(&mut self, trace_id: TraceId, sum: Sum, here: Word<'_>, there: Word<'_>) {
        match (here.verdict, there.verdict) {
            (Verdict::Keep, Verdict::Keep) => self.both_kept += 1,
            (Verdict::Drop, Verdict::Drop) => self.both_dropped += 1,
            (Verdict::Keep, Verdict::Drop) => self.only_here.note(trace_id, sum, here),
            (Verdict::Drop, Verdict::Keep) => self.only_there.note(trace_id, sum, there),
        }
    }

    /// Nothing is known of the other side's verdict.
    pub(super) fn note_alone(&mut self, judged: &Judged) {
        match judged.decision.close_reason {
            CloseReason::Drain => self.waiting += 1,
            CloseReason::Complete
            | CloseReason::RootWait
            | CloseReason::DecisionWait
            | CloseReason::SpanLimit
            | CloseReason::ByteLimit
            | CloseReason::MemoryLimit
            | CloseReason::TooLarge => self.unknown_there += 1,
        }
    }

    /// Adds what was found on other partitions.
    pub(super) fn add(&mut self, other: Self) {
        self.both_kept += other.both_kept;
        self.both_dropped += other.both_dropped;
        self.only_here.add(other.only_here);
        self.only_there.add(other.only_there);
        self.waiting += other.waiting;
        self.unknown_there += other.unknown_there;
        self.unknown_here += other.unknown_here;
    }
}

impl Changes {
    fn note(&mut self, trace_id: TraceId, sum: Sum, keeper: Word<'_>) {
        self.sum.add(sum);
        let policy = keeper.policy.unwrap_or_default();
        if !self.by_policy.contains_key(policy) {
            self.by_policy.insert(policy.to_owned(), Default::default());
        }
        if let Some((traces, examples)) = self.by_policy.get_mut(policy) {
            *traces += 1;
            examples.note(trace_id);
        }
    }

    fn add(&mut self, other: Self) {
        self.sum.add(other.sum);
        for (policy, (more, others)) in other.by_policy {
            let (traces, examples) = self.by_policy.entry(policy).or_default();
            *traces += more;
            examples.add(&others);
        }
    }
}

/// Verdicts of the decision log, by trace and partition of the input.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    names: Vec<String>,
    verdicts: HashMap<(TraceId, i32), (Verdict, Option<u32>)>,
}

impl Recorded {
    /// Those that were written from some time on.
    ///
    /// # Errors
    /// If there is no log, it cannot be read, or it holds too many.
    pub(super) fn read(config: &Config, from_ms: Option<i64>) -> anyhow::Result<Self> {
        let topic = &config.decisions.topic;
        let parts = read_log(
            config,
            from_ms,
            Self::default,
            |_| true,
            |recorded, logged| {
                let policy = logged.policy.map(|name| recorded.name(name));
                // One more than allowed is enough to be found out.
                if recorded.verdicts.len() <= RECORDED_MAX {
                    let key = (logged.trace_id, logged.partition);
                    recorded.verdicts.insert(key, (logged.decision.verdict, policy));
                }
            },
        )?;
        let parts = parts.with_context(|| {
            format!("--against decisions: topic {topic:?} does not exist: nothing was decided yet")
        })?;
        let mut all = Self::default();
        for part in parts {
            let places: Vec<_> = part.names.iter().map(|name| all.name(name)).collect();
            let verdicts = part.verdicts.into_iter();
            all.verdicts.extend(verdicts.map(|(key, (verdict, policy))| {
                (key, (verdict, policy.and_then(|place| places.get(place as usize).copied())))
            }));
        }
        let count = all.verdicts.len();
        ensure!(
            count <= RECORDED_MAX,
            "--against decisions: expected at most {RECORDED_MAX} verdicts in {topic:?}, got \
             {count} or more: look at fewer with --since"
        );
        Ok(all)
    }

    /// What was decided of a trace.
    pub(super) fn word(&self, trace_id: TraceId, partition: i32) -> Option<Word<'_>> {
        let (verdict, policy) = *self.verdicts.get(&(trace_id, partition))?;
        let policy = policy.and_then(|place| self.names.get(place as usize));
        Some(Word { verdict, policy: policy.map(String::as_str) })
    }

    fn name(&mut self, name: &str) -> u32 {
        let known = self.names.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }) as u32
    }
}

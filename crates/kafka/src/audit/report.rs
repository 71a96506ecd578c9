//! What an audit tells.

use std::collections::BTreeMap;

use tailsift_sampler::Verdict;

use super::PartitionEvidence;
use crate::lag::PartitionLag;

mod text;

/// What an audit checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No record is deleted before it is committed.
    I1,
    /// A trace has at most one verdict as long as it is remembered.
    I3,
    /// Committed offset, position and end are in this order.
    I4,
    /// Numbers, offsets and stream times of the log's batches never go back.
    I5,
    /// Each number has one whole batch, and the committed metadata names the greatest.
    I6,
    /// What a restart reads of the log holds all that is remembered.
    I8,
    /// Every span below the committed offset is covered by an entry of its trace.
    I10,
}

impl Invariant {
    /// What it says.
    pub const fn statement(self) -> &'static str {
        match self {
            Self::I1 => "no record is deleted before it is committed",
            Self::I3 => "a trace has one verdict as long as it is remembered",
            Self::I4 => "committed <= position <= end",
            Self::I5 => "numbers, offsets and stream times never go back",
            Self::I6 => "each number has one whole batch, the committed one is the last",
            Self::I8 => "the log is kept from where a restart needs it",
            Self::I10 => "every span below the committed offset is covered by a verdict",
        }
    }

    /// What to do about a breach.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::I1 => {
                "lengthen the topic's retention beyond the decision wait and the longest downtime; \
                 what was deleted is lost, unless a running process still holds it"
            }
            Self::I3 => {
                "raise window.memory_limit if verdicts were forgotten early, and see that one group \
                 alone has this name and log"
            }
            Self::I4 => {
                "the topic was made anew, or the offset set by hand: choose a new group, or reset \
                 the group's offsets"
            }
            Self::I5 => {
                "see that nobody else writes to the decisions topic, and that it is not compacted"
            }
            Self::I6 => {
                "restore the decisions topic, or go on without its lost part: \
                 tailsift run --accept-lost-decisions"
            }
            Self::I8 => "raise window.memory_limit if verdicts were forgotten early",
            Self::I10 => {
                "set the group's offset of the partition back to this record: what was kept since \
                 is exported again"
            }
        }
    }

    /// True if it holds without transactions, too.
    pub const fn holds_at_least_once(self) -> bool {
        match self {
            // A batch may be there twice.
            Self::I3 | Self::I5 | Self::I6 => false,
            Self::I1 | Self::I4 | Self::I8 | Self::I10 => true,
        }
    }
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFinding {
    /// What it breaks.
    pub invariant: Invariant,
    /// The input partition.
    pub partition: i32,
    /// What was expected and what is there.
    pub text: String,
}

/// Findings, all of them counted and the first of each invariant kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    first: Vec<AuditFinding>,
    counts: BTreeMap<Invariant, u64>,
}

impl Findings {
    const KEPT_MAX: u64 = 20;

    pub(super) fn add(
        &mut self,
        invariant: Invariant,
        partition: i32,
        text: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(invariant).or_default();
        *count += 1;
        if *count <= Self::KEPT_MAX {
            self.first.push(AuditFinding { invariant, partition, text: text() });
        }
    }
}

/// What is known of one partition of the input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number.
    pub partition: i32,
    /// The first offset that it still holds.
    pub start: i64,
    /// The committed offset: the low watermark.
    pub committed: Option<i64>,
    /// The position of who committed it.
    pub read_to: Option<i64>,
    /// The partition's end.
    pub end: i64,
    /// Stream time at the position, in milliseconds since the Unix epoch.
    pub stream_time_ms: Option<i64>,
    /// The life of the log that the committed metadata names.
    pub incarnation: Option<u64>,
    /// The last batch that it names.
    pub sequence: Option<u64>,
    /// From where on it says the log is needed.
    pub live_from: Option<i64>,
    /// From where on it says the log is to be kept.
    pub kept_from: Option<i64>,
    /// Batches in the log.
    pub batches: usize,
    /// Their entries.
    pub entries: usize,
    /// Those of them that judged a trace.
    pub verdicts: usize,
    /// Those of the verdicts that keep it.
    pub kept: usize,
    /// Records below the committed offset that were looked at.
    pub records: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    /// Traces in records, and entries, of which the log no longer holds what would tell.
    pub unchecked: usize,
    /// How far the group is behind, if that was asked for.
    pub lag: Option<PartitionLag>,
}

impl AuditRow {
    pub(super) fn new(partition: i32, evidence: &PartitionEvidence) -> Self {
        let committed = evidence.committed.as_ref();
        let commit = committed.and_then(|committed| committed.commit.as_ref());
        Self {
            partition,
            start: evidence.start,
            committed: committed.map(|committed| committed.offset),
            read_to: commit.map(|commit| commit.read_to),
            end: evidence.end,
            stream_time_ms: commit.and_then(|commit| commit.read_stream_time).map(|time| time.0),
            incarnation: commit.map(|commit| commit.checkpoint.incarnation),
            sequence: commit.map(|commit| commit.checkpoint.sequence),
            live_from: commit.and_then(|commit| commit.live_from),
            kept_from: commit.and_then(|commit| commit.kept_from),
            ..Self::default()
        }
    }
}

/// How often the log says that a policy decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictCount {
    /// The policy; `None` where none spoke.
    pub policy: Option<String>,
    /// Traces that it kept, those that were dropped before among them.
    pub kept: u64,
    /// Traces that it dropped.
    pub dropped: u64,
}

/// Verdicts as they are counted: by the place of the policy's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<Option<u16>, (u64, u64)>);

impl Tally {
    pub(super) fn add(&mut self, policy: Option<u16>, verdict: Verdict) {
        let (kept, dropped) = self.0.entry(policy).or_default();
        match verdict {
            Verdict::Keep => *kept += 1,
            Verdict::Drop => *dropped += 1,
        }
    }

    /// By name, the one that decided most often in front.
    pub(super) fn named<'n>(&self, name: impl Fn(u16) -> Option<&'n str>) -> Vec<VerdictCount> {
        let count = |(policy, (kept, dropped)): (&Option<u16>, &(u64, u64))| VerdictCount {
            policy: policy.and_then(&name).map(str::to_owned),
            kept: *kept,
            dropped: *dropped,
        };
        let mut counts: Vec<_> = self.0.iter().map(count).collect();
        counts.sort_by_key(|count| std::cmp::Reverse(count.kept + count.dropped));
        counts
    }
}

/// The outcome of an audit; its text form is two tables, the verdicts and the findings, at most
/// 80 characters wide but for the findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Every partition of the input.
    pub rows: Vec<AuditRow>,
    /// What the log says of policies.
    pub policies: Vec<VerdictCount>,
    pub(super) findings: Findings,
    /// Keys and values of the log's records, before compression.
    pub log_bytes: u64,
    /// Values of the input's records below the committed offsets, before compression.
    pub input_bytes: u64,
}

impl AuditReport {
    /// Leaves out what only holds with transactions.
    #[must_use]
    pub fn at_least_once(mut self) -> Self {
        self.findings.first.retain(|finding| finding.invariant.holds_at_least_once());
        self.findings.counts.retain(|invariant, _| invariant.holds_at_least_once());
        self
    }

    /// True if nothing was found.
    pub fn is_right(&self) -> bool {
        self.findings_count() == 0
    }

    /// How much was found.
    pub fn findings_count(&self) -> u64 {
        self.findings.counts.values().sum()
    }

    /// The first of what was found, of each invariant some.
    pub fn findings(&self) -> &[AuditFinding] {
        &self.findings.first
    }

    /// Bytes of the decision log by bytes of the input that it speaks of.
    pub fn log_ratio(&self) -> f64 {
        self.log_bytes as f64 / self.input_bytes.max(1) as f64
    }

    /// How many verdicts the log holds.
    pub fn verdicts(&self) -> usize {
        self.rows.iter().map(|row| row.verdicts).sum()
    }

    /// How much could not be checked.
    pub fn unchecked(&self) -> usize {
        self.rows.iter().map(|row| row.unchecked).sum()
    }
}

//! Holds what a group has committed, its decision log and its input against each other: what the
//! brokers alone can tell of the delivery invariants.

use std::collections::BTreeMap;

use tailsift_sampler::{Commit, DecisionBatch};
use tailsift_trace::TraceId;

mod lives;
mod read;
mod report;
mod verdicts;

use lives::Life;
pub use read::{AuditError, AuditTarget, audit};
use report::Tally;
pub use report::{AuditFinding, AuditReport, AuditRow, Invariant, VerdictCount};
use verdicts::Verdicts;

/// All that is asked of the brokers but the input's records.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Every partition of the input, in order.
    pub partitions: Vec<PartitionEvidence>,
    /// Where each partition of the decision log begins.
    pub log_starts: Vec<i64>,
    /// The log's batches of this group and input, those of one log partition in its order.
    pub batches: Vec<LoggedBatch>,
    /// The group did not begin at the input's start, or went on without its log: what was covered
    /// before the first batch that is there cannot be checked.
    pub began_late: bool,
}

/// What is committed for one partition of the input.
#[derive(Debug, Clone, Default)]
pub struct PartitionEvidence {
    /// Before the log was read.
    pub committed: Option<Committed>,
    /// After it was read: a group at work comes further meanwhile.
    pub committed_later: Option<Committed>,
    /// The first offset that the partition still holds, asked for before both.
    pub start: i64,
    /// The partition's end, asked for after both.
    pub end: i64,
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    /// What was committed beside it; `None` if that is not of tailsift.
    pub commit: Option<Commit>,
}

/// A record of the decision log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBatch {
    /// The partition of the log that holds it.
    pub log_partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// What it says.
    pub batch: DecisionBatch,
}

/// The audit: takes the evidence, then the input's records below the committed offsets.
#[derive(Debug)]
pub struct Auditor {
    partitions: Vec<Audited>,
    tally: Tally,
    findings: report::Findings,
}

/// One partition of the input.
#[derive(Debug)]
struct Audited {
    row: AuditRow,
    /// Up to which offset each trace's records are covered by what is committed.
    covered: BTreeMap<TraceId, i64>,
    /// Records below this may be covered by batches that are gone.
    horizon: i64,
}

impl Auditor {
    /// Checks all that does not need the input's records.
    pub fn new(evidence: Evidence) -> Self {
        let Evidence { partitions, log_starts, batches, began_late } = evidence;
        let mut by_partition: BTreeMap<i32, Vec<LoggedBatch>> = BTreeMap::new();
        for logged in batches {
            by_partition.entry(logged.batch.partition).or_default().push(logged);
        }
        let (mut findings, mut tally) = (report::Findings::default(), Tally::default());
        let mut audited = Vec::new();
        for (partition, evidence) in (0..).zip(partitions) {
            let batches = by_partition.remove(&partition).unwrap_or_default();
            let log = Log { starts: &log_starts, began_late };
            let (verdicts, findings) = (&mut tally, &mut findings);
            audited.push(log.check(partition, &evidence, batches, verdicts, findings));
        }
        for (partition, batches) in by_partition {
            let count = batches.len();
            findings.add(Invariant::I6, partition, || {
                format!("expected batches of partitions that exist, got {count} of this one")
            });
        }
        Self { partitions: audited, tally, findings }
    }

    /// Takes a record of the input: each trace in it must have an entry that covers it, if the
    /// record lies below the committed offset (I10).
    pub fn record(
        &mut self,
        partition: i32,
        offset: i64,
        traces: impl IntoIterator<Item = TraceId>,
    ) {
        let Some(audited) = place(&mut self.partitions, partition) else { return };
        if audited.row.committed.is_none_or(|committed| offset >= committed) {
            return;
        }
        audited.row.records += 1;
        for trace in traces {
            let through = audited.covered.get(&trace).copied();
            if through.is_some_and(|through| through > offset) {
                continue;
            }
            if offset < audited.horizon {
                audited.row.unchecked += 1;
                continue;
            }
            self.findings.add(Invariant::I10, partition, || {
                let got = through.map_or("none".to_owned(), |through| format!("through {through}"));
                format!(
                    "record {offset}: expected an entry of trace {trace} that covers it, got {got}"
                )
            });
        }
    }

    /// Takes a record that cannot be read: nothing follows from it.
    pub fn unreadable_record(&mut self, partition: i32) {
        if let Some(audited) = place(&mut self.partitions, partition) {
            audited.row.unreadable += 1;
        }
    }

    /// What was found; policies have no names here.
    pub fn finish(self) -> AuditReport {
        self.finish_with(|_| None)
    }

    /// What was found, policies by their name.
    fn finish_with<'n>(self, name: impl Fn(u16) -> Option<&'n str>) -> AuditReport {
        let rows = self.partitions.into_iter().map(|audited| audited.row).collect();
        let (policies, findings) = (self.tally.named(name), self.findings);
        AuditReport { rows, policies, findings, log_bytes: 0, input_bytes: 0 }
    }
}

fn place(partitions: &mut [Audited], partition: i32) -> Option<&mut Audited> {
    partitions.get_mut(usize::try_from(partition).ok()?)
}

/// What is known of the decision log as a whole.
struct Log<'e> {
    starts: &'e [i64],
    began_late: bool,
}

impl Log<'_> {
    fn start(&self, log_partition: i32) -> i64 {
        let place = usize::try_from(log_partition).ok();
        place.and_then(|place| self.starts.get(place)).copied().unwrap_or(0)
    }

    fn check(
        &self,
        partition: i32,
        evidence: &PartitionEvidence,
        batches: Vec<LoggedBatch>,
        tally: &mut Tally,
        findings: &mut report::Findings,
    ) -> Audited {
        let mut row = AuditRow::new(partition, evidence);
        let lives = lives::gather(partition, batches, findings);
        let mut covered = BTreeMap::new();
        let current = evidence.committed.as_ref().and_then(|committed| {
            let commit = committed.commit.as_ref()?;
            Some((committed.offset, commit))
        });
        for life in &lives {
            life.check(self.start(life.log_partition), findings);
            row.batches += life.batches.len();
            row.entries += life.batches.iter().map(|batch| batch.entries.len()).sum::<usize>();
            let of_life =
                current.filter(|(_, commit)| commit.checkpoint.incarnation == life.incarnation);
            let upto = of_life.map_or(u64::MAX, |(_, commit)| commit.checkpoint.sequence);
            let mut verdicts = Verdicts::new(partition, life.is_from_start());
            for batch in life.batches.iter().filter(|batch| batch.sequence() <= upto) {
                verdicts.batch(batch, &mut covered, tally, findings);
            }
            row.verdicts += verdicts.decided;
            row.kept += verdicts.kept;
            row.unchecked += verdicts.unchecked;
            if let Some((offset, commit)) = of_life {
                verdicts.check_needed(offset, commit, findings);
            }
        }
        lives::check_committed(partition, evidence, &lives, self, findings);
        let horizon = self.horizon(&lives);
        Audited { row, covered, horizon }
    }

    /// The offset below which records may be covered by batches that are gone.
    fn horizon(&self, lives: &[Life]) -> i64 {
        let whole = lives.len() <= 1 && lives.iter().all(Life::is_from_start);
        if whole && !self.began_late {
            return 0;
        }
        let firsts = lives.iter().filter_map(|life| life.batches.first());
        firsts.map(|batch| batch.head.read_to).max().unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests;

//! What was committed, as a reader of the logs has it.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_policy::Verdict;
use tailsift_sampler::{Checkpoint, DecisionBatch, EntryKind, Sources};
use tailsift_trace::Millis;

use crate::broker::Broker;
use crate::checker::Commitment;
use crate::event::Violation;
use crate::witness::known;

#[derive(Debug, Default)]
pub(crate) struct History {
    /// By partition.
    pub(crate) last: BTreeMap<i32, Last>,
    /// By partition and trace, in the order of the log.
    pub(crate) entries: BTreeMap<(i32, usize), Vec<Said>>,
    /// Partitions that an owner refused to take up.
    refused: BTreeSet<i32>,
}

/// What was committed last of a partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    /// `None` once the group's offsets were lost: the log may know less.
    pub(crate) at: Option<Position>,
    pub(crate) checkpoint: Checkpoint,
    /// The highest offset ever committed.
    pub(crate) covered_to: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) offset: i64,
    pub(crate) read_to: i64,
    pub(crate) stream_time: Option<Millis>,
    pub(crate) read_stream_time: Option<Millis>,
}

/// What an entry says.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) kind: EntryKind,
    pub(crate) verdict: Verdict,
    /// Of a turned trace: records that are missing.
    pub(crate) missing: Vec<i64>,
    /// Likewise: all below.
    missing_below: Option<i64>,
    pub(crate) through: i64,
    pub(crate) expiry: Millis,
}

impl History {
    /// Enters the entries of batches that became visible.
    pub(crate) fn enter_entries(
        &mut self,
        batches: &[&DecisionBatch],
        broker: &Broker,
    ) -> Result<(), Violation> {
        for batch in batches {
            for entry in &batch.entries {
                let trace = known(entry.trace_id, &broker.input)?;
                self.entries.entry((batch.partition, trace)).or_default().push(Said {
                    kind: entry.kind,
                    verdict: entry.decision.verdict,
                    missing: entry.missing.iter().flat_map(Sources::offsets).collect(),
                    missing_below: entry.turned.and_then(|turned| turned.missing_below),
                    through: entry.through,
                    expiry: entry.expiry,
                });
            }
        }
        Ok(())
    }

    /// Enters its offsets.
    pub(crate) fn enter_offsets(&mut self, commitment: &Commitment<'_>) {
        for (partition, offset) in commitment.offsets {
            let commit = &offset.commit;
            let at = Some(Position {
                offset: offset.offset,
                read_to: commit.read_to,
                stream_time: commit.stream_time,
                read_stream_time: commit.read_stream_time,
            });
            let before = self.last.get(partition).map_or(i64::MIN, |last| last.covered_to);
            let covered_to = before.max(offset.offset);
            self.last.insert(*partition, Last { at, checkpoint: commit.checkpoint, covered_to });
        }
    }

    pub(crate) fn offsets_lost(&mut self) {
        self.last.values_mut().for_each(|last| last.at = None);
    }

    pub(crate) fn refused(&mut self, partition: i32) {
        self.refused.insert(partition);
    }

    pub(crate) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// By span: how often it must be visible by the log.
    pub(crate) fn wanted(&self, broker: &Broker) -> Vec<usize> {
        let mut wanted = vec![0; broker.input.spans.len()];
        for (partition, log) in broker.input.logs.iter().enumerate() {
            for record in log {
                for place in record.spans.iter().flatten() {
                    let trace = broker.input.spans[*place].trace;
                    let is_kept = self.keeps(partition as i32, trace, record.offset);
                    wanted[*place] += usize::from(is_kept);
                }
            }
        }
        wanted
    }

    /// True if the spans of a record are to be visible: the first entry that covers them keeps their
    /// trace, or a later one of the same life turns it, and they were there to be read again.
    fn keeps(&self, partition: i32, trace: usize, offset: i64) -> bool {
        let entries = self.entries.get(&(partition, trace)).map_or(&[][..], Vec::as_slice);
        let Some(first) = entries.iter().position(|said| said.through > offset) else {
            return false;
        };
        let later = entries[first + 1..].iter();
        let life = later.take_while(|said| said.kind != EntryKind::Decide);
        let turned = |said: &&Said| said.kind == EntryKind::Turn;
        let last = life.into_iter().find(turned).unwrap_or(&entries[first]);
        let is_lost = last.missing_below.is_some_and(|below| offset < below);
        last.verdict == Verdict::Keep && !is_lost && !last.missing.contains(&offset)
    }

    /// The newest entry of a trace.
    pub(crate) fn newest(&self, partition: i32, trace: usize) -> Option<&Said> {
        self.entries.get(&(partition, trace))?.last()
    }

    /// The first entry of a trace that covers a record.
    pub(crate) fn covering(&self, partition: i32, trace: usize, offset: i64) -> Option<&Said> {
        self.entries.get(&(partition, trace))?.iter().find(|said| said.through > offset)
    }
}

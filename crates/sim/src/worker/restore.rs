//! A partition is taken up where its last owner left it: the production state machine is told
//! what is committed and what the decision log holds.

use std::collections::BTreeMap;

use tailsift_policy::Verdict;
use tailsift_sampler::{
    Beginning, Checkpoint, Commit, DecisionBatch, Logged, Needed, Past, Recovery, Refusal, Restored,
};
use tailsift_trace::Millis;

use super::Worker;
use crate::broker::{Broker, Topic, Value};
use crate::event::{Violation, What};
use crate::fault::Mutation;
use crate::plan::Delivery;
use crate::random::Random;
use crate::witness::Witness;

/// Whose the decisions are: one group reads one topic.
pub(super) const SCOPE: u64 = 0x7361_6d65;

/// How far a partition has come to being read.
#[derive(Debug)]
pub(super) enum Stage {
    Fetching,
    Recovering(Box<Recovering>),
    /// All is known, but memory is short.
    Waiting(Box<Restored>),
    Reading,
    Refused,
}

#[derive(Debug)]
pub(super) struct Recovering {
    recovery: Recovery,
    /// How far each partition of the log was read; none is before its start was looked at.
    positions: BTreeMap<i32, i64>,
    committed: Option<(i64, Commit)>,
    /// Batches of the partition that were met: for broken workers only.
    met: Vec<(DecisionBatch, i64)>,
}

/// Batches that one step reads.
const BATCHES_A_STEP: usize = 3;

impl Worker {
    /// Goes on with one partition that is not read yet; false if there is none.
    pub(super) fn restore(
        &mut self,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<bool, Violation> {
        let is_due = |stage: &Stage| match stage {
            Stage::Fetching | Stage::Recovering(_) | Stage::Waiting(_) => true,
            Stage::Reading | Stage::Refused => false,
        };
        let due = self.held.iter().filter(|(_, held)| is_due(&held.stage));
        let due: Vec<i32> = due.map(|(partition, _)| *partition).collect();
        if due.is_empty() {
            return Ok(false);
        }
        let partition = due[random.below(due.len())];
        let Some(held) = self.held.get_mut(&partition) else { return Ok(false) };
        let token = held.token;
        let stage = match std::mem::replace(&mut held.stage, Stage::Fetching) {
            Stage::Fetching => self.fetch(partition, token, random, broker, witness)?,
            Stage::Recovering(recovering) => {
                self.recover(partition, token, recovering, broker, witness)?
            }
            Stage::Waiting(restored) => {
                self.take_up(partition, token, restored, broker, witness)?
            }
            stage @ (Stage::Reading | Stage::Refused) => stage,
        };
        if let Some(held) = self.held.get_mut(&partition) {
            held.stage = stage;
        }
        Ok(true)
    }

    fn fetch(
        &mut self,
        partition: i32,
        token: u64,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<Stage, Violation> {
        let stable = !self.is_mutated(Mutation::FetchUnstable);
        let membership = self.client.membership();
        let Ok(offset) = broker.fetch(partition, stable, token, membership) else {
            return Ok(Stage::Fetching);
        };
        let mut committed = offset.map(|offset| (offset.offset, offset.commit));
        let told = committed.as_ref();
        let told =
            told.map(|(offset, commit)| (*offset, commit.read_to, commit.checkpoint.sequence));
        self.tell(What::Fetched { partition, committed: told }, broker, witness)?;
        let by_number = partition % broker.decision_partitions();
        if let Some((offset, commit)) = &mut committed {
            if self.is_mutated(Mutation::StartAtEnd) {
                *offset = broker.end_offset(partition);
            }
            if self.is_mutated(Mutation::ForgetStreamTimes) {
                (commit.stream_time, commit.read_stream_time) = (None, None);
            }
            if self.is_mutated(Mutation::LogPartitionByNumber) {
                commit.checkpoint.log_partition = by_number;
            }
            if self.is_mutated(Mutation::AlwaysNeedsLog) {
                commit.live_from.get_or_insert(0);
            }
        }
        let start = broker.start_offset(partition);
        let past = match committed.clone() {
            Some((offset, commit)) => Past::Ours(offset, commit),
            None if self.is_mutated(Mutation::LostOffsetsAreFirstStart) => Past::Foreign(start),
            None => Past::Nothing(start),
        };
        let beginning = Beginning { incarnation: random.next(), log_partition: by_number };
        let is_transactional = self.settings.delivery == Delivery::ExactlyOnce
            || self.is_mutated(Mutation::DisbelieveLog);
        let recovery = Recovery::new(partition, past, SCOPE, beginning, is_transactional);
        let (positions, met) = (BTreeMap::new(), Vec::new());
        Ok(Stage::Recovering(Box::new(Recovering { recovery, positions, committed, met })))
    }

    /// Reads some of the log.
    fn recover(
        &mut self,
        partition: i32,
        token: u64,
        mut recovering: Box<Recovering>,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<Stage, Violation> {
        let needed: Vec<(i32, i64)> = match recovering.recovery.needed() {
            Needed::Nothing => Vec::new(),
            Needed::From(log_partition, from) => vec![(log_partition, from)],
            Needed::All => (0..broker.decision_partitions()).map(|log| (log, 0)).collect(),
        };
        let isolated = !self.is_mutated(Mutation::ReadDirty);
        let mut is_read = true;
        for (log_partition, from) in needed {
            let topic = Topic::Decisions(log_partition);
            let (start, stable, end) = broker.bounds(topic);
            let position = recovering.positions.entry(log_partition).or_insert(from.max(start));
            if start > *position || *position == from.max(start) {
                if !self.is_mutated(Mutation::SkipLogStart) {
                    recovering.recovery.handle_log_start(log_partition, start);
                }
                *position = start.max(*position);
            }
            let mut count = 0;
            for (offset, value) in broker.visible(topic, *position, isolated) {
                let Value::Batch(batch) = value else { continue };
                count += 1;
                *position = offset + 1;
                if batch.partition == partition {
                    recovering.met.push((batch.clone(), offset));
                }
                let written = broker.logs[&topic].time_of(offset);
                recovering.recovery.handle_batch(self.understood(batch), offset, written);
                if count == BATCHES_A_STEP {
                    break;
                }
            }
            if count < BATCHES_A_STEP {
                *position = (*position).max(if isolated { stable } else { end });
            }
            is_read &= *position == end && stable == end;
            if self.is_mutated(Mutation::SkipCheckpoint)
                && recovering.committed.is_some()
                && *position == stable
            {
                recovering.end_here();
                return self.finish(partition, token, recovering, broker, witness);
            }
        }
        if is_read {
            recovering.recovery.handle_log_end();
        }
        self.finish(partition, token, recovering, broker, witness)
    }

    /// A batch as this worker reads it: what other policies noted means nothing to its own.
    fn understood(&self, batch: &DecisionBatch) -> DecisionBatch {
        let mut batch = batch.clone();
        if batch.config != self.settings.config {
            for entry in &mut batch.entries {
                (entry.facts, entry.may_turn) = (None, false);
            }
        }
        batch
    }

    fn finish(
        &mut self,
        partition: i32,
        token: u64,
        mut recovering: Box<Recovering>,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<Stage, Violation> {
        match recovering.recovery.poll() {
            None => Ok(Stage::Recovering(recovering)),
            Some(Ok(mut restored)) => {
                self.spoil(&mut restored, &recovering);
                if recovering.recovery.is_from_log_alone() {
                    witness.from_log.insert((self.id, partition));
                }
                self.take_up(partition, token, Box::new(restored), broker, witness)
            }
            Some(Err(refusal)) => {
                let why = format!("{refusal:?}");
                let log_starts_late = matches!(refusal, Refusal::LogStartsLate { .. });
                let what = What::RestoreRefused { partition, token, why, log_starts_late };
                self.tell(what, broker, witness)?;
                Ok(Stage::Refused)
            }
        }
    }

    /// What a broken worker makes of what was restored.
    fn spoil(&self, restored: &mut Restored, recovering: &Recovering) {
        let newest = restored.decisions.iter().map(|one| one.sequence).max();
        let expired = restored.read_stream_time;
        match self.settings.mutation {
            Some(Mutation::RestoreNewestOnly) => {
                restored.decisions.retain(|one| Some(one.sequence) == newest);
            }
            Some(Mutation::RestoreUnexpiredOnly) => {
                restored.decisions.retain(|one| expired.is_none_or(|now| one.entry.expiry > now));
            }
            Some(Mutation::SkipCheckpoint) => {
                if let Some((_, commit)) = &recovering.committed {
                    restored.checkpoint = commit.checkpoint;
                }
            }
            Some(Mutation::FlipRestored) => {
                for Logged { entry, .. } in &mut restored.decisions {
                    entry.decision.verdict = match entry.decision.verdict {
                        Verdict::Keep => Verdict::Drop,
                        Verdict::Drop => Verdict::Keep,
                    };
                }
            }
            Some(Mutation::TurnVetoed) => {
                let drops = restored.decisions.iter_mut().map(|one| &mut one.entry);
                for entry in drops.filter(|entry| entry.decision.verdict == Verdict::Drop) {
                    entry.facts.get_or_insert_default();
                    entry.sources.get_or_insert_default();
                }
            }
            Some(_) | None => {}
        }
    }

    fn take_up(
        &mut self,
        partition: i32,
        token: u64,
        restored: Box<Restored>,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<Stage, Violation> {
        if !self.shard.may_restore() {
            return Ok(Stage::Waiting(restored));
        }
        let taken = witness.taken((self.id, partition, token), &restored, &broker.input)?;
        let mut handed = *restored;
        match self.settings.mutation {
            Some(Mutation::JudgeInReplay) => {
                (handed.read_to, handed.read_stream_time) = (handed.offset, None);
            }
            Some(Mutation::FreeClockInReplay) => {
                handed.read_stream_time = handed.read_stream_time.map(|_| Millis(i64::MAX));
            }
            Some(Mutation::PassOver) => {
                handed.decisions.iter_mut().for_each(|one| one.entry.through = i64::MAX);
            }
            Some(_) | None => {}
        }
        if let Some(held) = self.held.get_mut(&partition) {
            held.position = handed.offset;
        }
        self.shard.handle_assigned(partition, handed);
        self.tell(What::Assigned(taken), broker, witness)?;
        Ok(Stage::Reading)
    }
}

impl Recovering {
    /// Ends a recovery with what was met, checkpoint or not: as a broken worker would.
    fn end_here(&mut self) {
        let Some((offset, commit)) = &self.committed else { return };
        let Checkpoint { incarnation, sequence, .. } = commit.checkpoint;
        let is_wanted = |batch: &DecisionBatch| {
            batch.checkpoint.incarnation == incarnation && batch.checkpoint.sequence <= sequence
        };
        let met = self.met.iter().filter(|(batch, _)| is_wanted(batch));
        let newest = met.clone().map(|(batch, _)| batch.checkpoint.sequence).max();
        let commit = Commit {
            checkpoint: Checkpoint { sequence: newest.unwrap_or(0), ..commit.checkpoint },
            live_from: newest.map(|_| 0),
            ..commit.clone()
        };
        let beginning = Beginning { incarnation, log_partition: commit.checkpoint.log_partition };
        let past = Past::Ours(*offset, commit);
        let mut recovery = Recovery::new(self.recovery.partition(), past, SCOPE, beginning, true);
        for (batch, at) in met {
            recovery.handle_batch(batch.clone(), *at, None);
        }
        recovery.handle_log_end();
        self.recovery = recovery;
    }
}

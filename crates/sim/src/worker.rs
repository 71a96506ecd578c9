//! A worker: a process with a shard in it. One micro-step at a time, so that a crash or a stall
//! falls between any two.

use std::collections::BTreeMap;
use std::sync::Arc;

use tailsift_otlp::Scanner;
use tailsift_policy::PolicySet;
use tailsift_sampler::{DeadLetter, Epoch, Limits, RecordAt, Restored, Shard};
use tailsift_trace::Millis;

use crate::broker::Broker;
use crate::event::{Violation, What};
use crate::fault::Mutation;
use crate::input::Record;
use crate::plan::Pace;
use crate::random::Random;
use crate::witness::Witness;

pub(crate) struct Worker {
    pub(crate) id: usize,
    pub(crate) shard: Shard,
    pub(crate) stalled_until: Millis,
    scanner: Scanner,
    held: BTreeMap<i32, Held>,
    in_flight: Option<InFlight>,
    last_cut: Millis,
    epoch: Millis,
    pace: Pace,
    idle_query: Option<IdleQuery>,
    /// Some partition was given up.
    gave_up: bool,
    mutation: Option<Mutation>,
}

/// A partition as its owner sees it.
#[derive(Debug, Clone, Copy)]
struct Held {
    token: u64,
    position: i64,
}

struct InFlight {
    epoch: Epoch,
    /// The broker has taken it; the worker does not know yet.
    taken: bool,
}

struct IdleQuery {
    partition: i32,
    position: i64,
    asked_at: Millis,
    end_offset: i64,
}

/// What all workers of a world have in common.
pub(crate) struct WorkerSettings {
    pub(crate) policies: Arc<PolicySet>,
    pub(crate) limits: Limits,
    pub(crate) epoch: Millis,
    pub(crate) pace: Pace,
    pub(crate) mutation: Option<Mutation>,
}

impl Worker {
    pub(crate) fn new(id: usize, settings: &WorkerSettings, wall: Millis) -> Self {
        let scanner = Scanner::new(settings.policies.interest().clone());
        let mut shard = Shard::new(Arc::clone(&settings.policies), settings.limits.clone());
        shard.report_judged(true);
        Self {
            id,
            shard,
            stalled_until: wall,
            scanner,
            held: BTreeMap::new(),
            in_flight: None,
            last_cut: wall,
            epoch: settings.epoch,
            pace: settings.pace,
            idle_query: None,
            gave_up: false,
            mutation: settings.mutation,
        }
    }

    /// True if nothing is left to do as long as nothing new comes.
    pub(crate) fn is_settled(&self, broker: &Broker) -> bool {
        let at_end = |(partition, held): (&i32, &Held)| {
            broker.read(*partition, held.position).is_none()
                && broker.owner(*partition).is_some_and(|owner| owner.token == held.token)
        };
        self.shard.is_settled() && self.in_flight.is_none() && self.held.iter().all(at_end)
    }

    pub(crate) fn holds(&self, partition: i32) -> bool {
        self.held.contains_key(&partition)
    }

    /// Does one thing, whichever is due.
    pub(crate) fn step(
        &mut self,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        if random.chance(self.pace.serve) && self.serve_group(random, broker, witness)? {
            return Ok(());
        }
        let due = broker.wall >= self.last_cut + self.epoch || self.shard.wants_epoch();
        match &self.in_flight {
            Some(in_flight) if random.chance(self.pace.commit) => {
                if in_flight.taken {
                    return self.acknowledge(broker, witness);
                }
                return self.commit(broker, witness);
            }
            None if due && self.mutation != Some(Mutation::NeverCommit) => {
                self.last_cut = broker.wall;
                if self.cut(broker, witness)? {
                    return Ok(());
                }
            }
            Some(_) | None => {}
        }
        if self.shard.is_congested() && self.mutation != Some(Mutation::IgnoreCongestion) {
            return Ok(());
        }
        let lies = self.mutation == Some(Mutation::FalseIdleProof) && random.chance(200);
        if lies || !self.poll(random, broker, witness)? {
            self.prove_idle(random, broker, witness)?;
        }
        Ok(())
    }

    /// Learns what the group decided, one partition at a time; false if there is nothing new.
    fn serve_group(
        &mut self,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<bool, Violation> {
        for partition in broker.partitions() {
            let ours = broker.owner(partition).filter(|owner| owner.worker == self.id);
            match (self.held.get(&partition).copied(), ours) {
                (Some(held), owner) if owner.is_none_or(|owner| owner.token != held.token) => {
                    self.give_up(partition, true, broker, witness)?;
                    return Ok(true);
                }
                (Some(_), Some(_)) if broker.is_leaving(partition) => {
                    // Over its budget a worker leaves the last epoch to the next owner.
                    if random.chance(700) {
                        self.finish(broker, witness)?;
                    }
                    self.give_up(partition, false, broker, witness)?;
                    broker.release(partition);
                    return Ok(true);
                }
                (None, Some(owner)) => {
                    let mut from = broker.start(partition);
                    let skips = self.mutation == Some(Mutation::StartAtEnd);
                    if skips && broker.committed(partition).is_some() {
                        from.offset = broker.end_offset(partition);
                    }
                    let Restored { offset, stream_time, .. } = from;
                    self.held.insert(partition, Held { token: owner.token, position: offset });
                    self.shard.handle_assigned(partition, from);
                    let what = What::Assigned { partition, offset, stream_time };
                    self.tell(what, broker, witness)?;
                    return Ok(true);
                }
                (Some(_) | None, Some(_) | None) => {}
            }
        }
        Ok(false)
    }

    fn give_up(
        &mut self,
        partition: i32,
        lost: bool,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        self.idle_query = None;
        self.gave_up = true;
        self.held.remove(&partition);
        self.shard.handle_revoked(&[partition]);
        self.tell(What::Revoked { partition, lost }, broker, witness)
    }

    /// Before a partition is let go: the epoch in flight, and one more.
    fn finish(&mut self, broker: &mut Broker, witness: &mut Witness) -> Result<(), Violation> {
        for _ in 0..2 {
            if self.in_flight.as_ref().is_some_and(|in_flight| !in_flight.taken) {
                self.commit(broker, witness)?;
            }
            if self.in_flight.as_ref().is_some_and(|in_flight| in_flight.taken) {
                self.acknowledge(broker, witness)?;
            }
            if self.in_flight.is_none() && self.mutation != Some(Mutation::NeverCommit) {
                self.cut(broker, witness)?;
            }
        }
        if self.in_flight.is_some() {
            self.commit(broker, witness)?;
        }
        Ok(())
    }

    fn cut(&mut self, broker: &Broker, witness: &mut Witness) -> Result<bool, Violation> {
        let Some(mut epoch) = self.shard.poll_epoch() else { return Ok(false) };
        for part in &mut epoch.parts {
            match self.mutation {
                Some(Mutation::CommitNextOffset) => part.commit_offset = part.next_offset,
                Some(Mutation::CommitNextClock) => part.commit_stream_time = part.next_stream_time,
                Some(Mutation::LoseLateSpans) => part.exports.retain(|export| !export.late),
                Some(_) | None => {}
            }
        }
        let what = What::Cut(witness.parts(&epoch.parts, &broker.input)?);
        self.in_flight = Some(InFlight { epoch, taken: false });
        self.tell(what, broker, witness)?;
        Ok(true)
    }

    fn commit(&mut self, broker: &mut Broker, witness: &mut Witness) -> Result<(), Violation> {
        let Some(in_flight) = &mut self.in_flight else { return Ok(()) };
        let held = |partition: i32| self.held.get(&partition).map(|held| held.token);
        let parts: Vec<_> = in_flight
            .epoch
            .parts
            .iter()
            .filter(|part| self.shard.holds(part.partition, part.assignment))
            .filter_map(|part| held(part.partition).map(|token| (part, token)))
            .collect();
        if parts.is_empty() {
            self.in_flight = None;
            self.shard.handle_discarded();
            return self.tell(What::Discarded, broker, witness);
        }
        let what = match broker.commit(&parts) {
            Ok(()) => {
                let told = witness.parts(parts.iter().map(|(part, _)| *part), &broker.input)?;
                in_flight.taken = true;
                What::Committed(told)
            }
            Err(refused) => What::Refused(refused),
        };
        self.tell(what, broker, witness)
    }

    fn acknowledge(&mut self, broker: &Broker, witness: &mut Witness) -> Result<(), Violation> {
        let Some(mut in_flight) = self.in_flight.take() else { return Ok(()) };
        for part in &mut in_flight.epoch.parts {
            part.batch_offset = Some(part.checkpoint.sequence as i64);
        }
        self.shard.handle_committed(&in_flight.epoch);
        self.tell(What::Acknowledged, broker, witness)
    }

    /// Hands in a record; false if there is none.
    fn poll(
        &mut self,
        random: &mut Random,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<bool, Violation> {
        let ready: Vec<(i32, Record)> = self
            .held
            .iter()
            .filter_map(|(partition, held)| {
                broker.read(*partition, held.position).map(|record| (*partition, record.clone()))
            })
            .collect();
        if ready.is_empty() {
            return Ok(false);
        }
        let (partition, record) = &ready[random.below(ready.len())];
        self.hand_in(*partition, record, broker, witness)?;
        Ok(true)
    }

    /// Hands in one record.
    pub(crate) fn hand_in(
        &mut self,
        partition: i32,
        record: &Record,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        if let Some(held) = self.held.get_mut(&partition) {
            held.position = record.offset + 1;
        }
        if self.mutation == Some(Mutation::SkipRecord) && record.offset % 16 == 7 {
            return Ok(());
        }
        self.apply(partition, record, broker);
        let again = record.offset + 1;
        if self.mutation == Some(Mutation::RepeatRecord) && broker.is_gap(partition, again) {
            self.apply(partition, &Record { offset: again, ..record.clone() }, broker);
        }
        let (offset, stamp, spans) = (record.offset, record.time, record.spans.clone());
        self.tell(What::Record { partition, offset, stamp, spans }, broker, witness)
    }

    fn apply(&mut self, partition: i32, record: &Record, broker: &Broker) {
        let ahead = if self.mutation == Some(Mutation::WallAhead) { 30_000 } else { 0 };
        let at = RecordAt {
            partition,
            offset: record.offset,
            time: record.time,
            wall_now: broker.wall + Millis(ahead),
            headers: &[],
            bytes: record.value.len(),
        };
        match self.scanner.scan(&record.value) {
            Ok(batch) => {
                self.shard.handle_record(&at, &batch);
                if self.mutation == Some(Mutation::ReadAfterRevoke) && self.gave_up {
                    self.shard.handle_record(&RecordAt { partition: -1, ..at }, &batch);
                }
                self.scanner.recycle(batch);
            }
            Err(error) => {
                let letter = DeadLetter {
                    offset: record.offset,
                    time: record.time,
                    reason: error.to_string(),
                    key: None,
                    value: Some(record.value.clone()),
                    headers: Box::default(),
                };
                let kept = self.mutation != Some(Mutation::DropDeadLetters);
                self.shard.handle_poison(&at, kept.then_some(letter));
            }
        }
    }

    /// Asks where a partition ends, or handles the answer to an earlier question.
    fn prove_idle(
        &mut self,
        random: &mut Random,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        if let Some(query) = self.idle_query.take() {
            let moved = |held: &Held| held.position != query.position;
            if self.held.get(&query.partition).is_none_or(moved) {
                return Ok(());
            }
            let IdleQuery { partition, asked_at, end_offset, .. } = query;
            self.shard.handle_idle(partition, asked_at, end_offset);
            let what = What::Idle { partition, end_offset, asked_at };
            return self.tell(what, broker, witness);
        }
        let held: Vec<_> = self.held.iter().map(|(p, held)| (*p, held.position)).collect();
        if held.is_empty() || !random.chance(self.pace.ask) {
            return Ok(());
        }
        let (partition, position) = held[random.below(held.len())];
        let lie = self.mutation == Some(Mutation::FalseIdleProof);
        let end_offset = if lie { 0 } else { broker.end_offset(partition) };
        let asked_at = broker.wall;
        self.idle_query = Some(IdleQuery { partition, position, asked_at, end_offset });
        Ok(())
    }

    /// Reports what happened, and all traces that were judged because of it.
    fn tell(
        &mut self,
        what: What,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let mut judged = Vec::new();
        while let Some(one) = self.shard.poll_judged() {
            judged.push(witness.judgement(&one, &broker.input)?);
        }
        judged.sort_by_key(|judgement| (judgement.partition, judgement.trace));
        witness.see(self.id, what, judged, &mut self.shard, broker)
    }
}

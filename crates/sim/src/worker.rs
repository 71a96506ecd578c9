//! A worker: a process with a consumer, a producer and a shard in it. One micro-step at a time, so
//! that a crash, a stall or a loss falls between any two.

mod epoch;
mod outputs;
mod plain;
mod rebalance;
mod reread;
mod restore;
mod swap;

use std::collections::BTreeMap;
use std::sync::Arc;

use tailsift_otlp::Scanner;
use tailsift_policy::PolicySet;
use tailsift_sampler::{DeadLetter, LetterKind, Limits, RecordAt, Shard};
use tailsift_trace::Millis;

use crate::broker::{Broker, Session};
use crate::client::Client;
use crate::event::{Call, Reply, Violation, What};
use crate::fault::Mutation;
use crate::input::Record;
use crate::plan::{Delivery, Pace};
use crate::random::Random;
use crate::witness::Witness;
use crate::worker::epoch::{Phase, Shipment};
use crate::worker::rebalance::Serving;
use crate::worker::reread::Errand;
use crate::worker::restore::Stage;
pub(crate) use crate::worker::swap::config_of;

pub(crate) struct Worker {
    /// Another one for each process.
    pub(crate) id: usize,
    /// Which of the group's places it fills.
    pub(crate) slot: usize,
    pub(crate) shard: Shard,
    pub(crate) stalled_until: Millis,
    pub(crate) client: Client,
    pub(crate) settings: WorkerSettings,
    scanner: Scanner,
    held: BTreeMap<i32, Held>,
    session: Option<Session>,
    serving: Option<Serving>,
    shipment: Option<Shipment>,
    last_cut: Millis,
    idle_query: Option<IdleQuery>,
    /// Some partition was given up.
    gave_up: bool,
    /// What its reader is at.
    errands: Vec<Errand>,
    /// When policies are replaced; `None` = never. Drawn apart, so that nothing else shifts.
    swaps: Option<Random>,
}

/// A partition as its owner sees it.
#[derive(Debug)]
struct Held {
    token: u64,
    position: i64,
    stage: Stage,
    /// Letters of records that were replayed: only a broken worker writes them again.
    replayed_letters: Vec<DeadLetter>,
    /// The first watermark that was cut: only a broken worker keeps to it.
    first_watermark: Option<i64>,
}

struct IdleQuery {
    partition: i32,
    position: i64,
    asked_at: Millis,
    end_offset: i64,
}

/// How a process is set up.
#[derive(Debug, Clone)]
pub(crate) struct WorkerSettings {
    pub(crate) policies: Arc<PolicySet>,
    /// What the shard is given.
    pub(crate) limits: Limits,
    /// What it should be given.
    pub(crate) told: Limits,
    /// It knows all policies, not just the first two.
    pub(crate) all_policies: bool,
    pub(crate) delivery: Delivery,
    pub(crate) epoch: Millis,
    pub(crate) pace: Pace,
    pub(crate) slice_entries: usize,
    pub(crate) message_bytes_max: usize,
    /// How often the reader fails, per mille of the records that it is asked for.
    pub(crate) slow_reader: u64,
    pub(crate) static_members: bool,
    pub(crate) config: u64,
    /// What is drawn from whether policies are replaced at run time; `None` = they are not.
    pub(crate) swaps: Option<u64>,
    pub(crate) mutation: Option<Mutation>,
}

impl WorkerSettings {
    /// What follows when an epoch failed that nobody can have committed.
    fn after_failure(&self) -> Phase {
        match self.delivery {
            Delivery::ExactlyOnce => Phase::Abort,
            Delivery::AtLeastOnce => Phase::Cut,
        }
    }
}

impl Worker {
    pub(crate) fn new(id: usize, slot: usize, settings: WorkerSettings, wall: Millis) -> Self {
        let scanner = Scanner::new(settings.limits.interest(&settings.policies));
        let mut shard = Shard::new(Arc::clone(&settings.policies), settings.limits.clone());
        shard.report_judged(true);
        let swaps = settings.swaps.map(|seed| Random::new(seed ^ id as u64));
        Self {
            id,
            slot,
            shard,
            stalled_until: wall,
            client: Client::new(slot),
            settings,
            scanner,
            held: BTreeMap::new(),
            session: None,
            serving: None,
            shipment: None,
            last_cut: wall,
            idle_query: None,
            gave_up: false,
            errands: Vec::new(),
            swaps,
        }
    }

    /// True if nothing is left to do as long as nothing new comes.
    pub(crate) fn is_settled(&self, broker: &Broker) -> bool {
        let at_end = |(partition, held): (&i32, &Held)| match held.stage {
            Stage::Reading => broker.read(*partition, held.position).is_none(),
            Stage::Refused => true,
            Stage::Fetching | Stage::Recovering(_) | Stage::Waiting(_) => false,
        };
        self.client.callbacks.is_empty()
            && self.serving.is_none()
            && self.shard.is_settled()
            && self.shipment.is_none()
            && self.errands.is_empty()
            && self.held.iter().all(at_end)
    }

    pub(crate) fn holds(&self, partition: i32) -> bool {
        self.held.contains_key(&partition)
    }

    /// It dies: some of what it sent may still be written.
    pub(crate) fn die(&mut self, random: &mut Random, broker: &mut Broker) {
        if self.settings.delivery == Delivery::AtLeastOnce
            && let Some(session) = self.session.take()
        {
            broker.lose_flights(session, random);
        }
    }

    fn is_mutated(&self, by: Mutation) -> bool {
        self.settings.mutation == Some(by)
    }

    /// Does one thing, whichever is due.
    pub(crate) fn step(
        &mut self,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        self.client.step(&mut broker.group);
        let pace = self.settings.pace;
        if self.session.is_none() && (!self.held.is_empty() || self.shipment.is_some()) {
            return self.init_producer(broker, witness);
        }
        if self.serving.is_some() {
            return self.serve_on(random, broker, witness);
        }
        if !self.client.callbacks.is_empty() && random.chance(pace.serve) {
            self.serve(random);
            return Ok(());
        }
        if random.chance(200) && self.restore(random, broker, witness)? {
            return Ok(());
        }
        self.swap(broker, witness)?;
        if self.settings.told.second_chance.is_some()
            && random.chance(self.settings.pace.reread)
            && self.reread(random, broker, witness)?
        {
            return Ok(());
        }
        let due = broker.wall >= self.last_cut + self.settings.epoch || self.shard.wants_epoch();
        if self.shipment.is_some() {
            if random.chance(pace.commit) {
                return self.advance(random, broker, witness);
            }
        } else if due && !self.is_mutated(Mutation::NeverCommit) {
            self.last_cut = broker.wall;
            if self.cut(broker, witness)? {
                return Ok(());
            }
        }
        if self.shard.is_congested() && !self.is_mutated(Mutation::IgnoreCongestion) {
            return Ok(());
        }
        let lies = self.is_mutated(Mutation::FalseIdleProof) && random.chance(200);
        if lies || !self.poll(random, broker, witness)? {
            self.prove_idle(random, broker, witness)?;
        }
        Ok(())
    }

    /// Never before the first partition is given: a process that the group does not want must not
    /// fence another.
    fn init_producer(
        &mut self,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        if self.settings.delivery == Delivery::AtLeastOnce {
            self.session = Some(broker.open_plain_producer());
            return Ok(());
        }
        // A process without a name of its own has a random id, not to be in anybody's way.
        let id = if self.settings.static_members { self.slot } else { self.id };
        let reply = match broker.init_producer(id) {
            Ok(session) => {
                self.session = Some(session);
                Reply::Done
            }
            Err(_) => return Ok(()),
        };
        self.tell(What::Call { call: Call::Init, reply }, broker, witness)
    }

    /// Hands in a record; false if there is none.
    fn poll(
        &mut self,
        random: &mut Random,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<bool, Violation> {
        let next = |(partition, held): (&i32, &Held)| match held.stage {
            Stage::Reading => {
                broker.read(*partition, held.position).map(|record| (*partition, record.clone()))
            }
            Stage::Fetching | Stage::Recovering(_) | Stage::Waiting(_) | Stage::Refused => None,
        };
        let ready: Vec<(i32, Record)> = self.held.iter().filter_map(next).collect();
        if ready.is_empty() {
            return Ok(false);
        }
        let (partition, record) = &ready[random.below(ready.len())];
        self.hand_in(*partition, record, broker, witness)?;
        Ok(true)
    }

    /// Hands in one record.
    fn hand_in(
        &mut self,
        partition: i32,
        record: &Record,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        if let Some(held) = self.held.get_mut(&partition) {
            held.position = record.offset + 1;
        }
        if self.is_mutated(Mutation::SkipRecord) && record.offset % 16 == 7 {
            return Ok(());
        }
        self.apply(partition, record, broker);
        let again = record.offset + 1;
        if self.is_mutated(Mutation::RepeatRecord) && broker.is_gap(partition, again) {
            self.apply(partition, &Record { offset: again, ..record.clone() }, broker);
        }
        let (offset, stamp, spans) = (record.offset, record.time, record.spans.clone());
        self.tell(What::Record { partition, offset, stamp, spans }, broker, witness)
    }

    fn apply(&mut self, partition: i32, record: &Record, broker: &Broker) {
        let ahead = if self.is_mutated(Mutation::WallAhead) { 30_000 } else { 0 };
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
                if self.is_mutated(Mutation::ReadAfterRevoke) && self.gave_up {
                    self.shard.handle_record(&RecordAt { partition: -1, ..at }, &batch);
                }
                self.scanner.recycle(batch);
            }
            Err(error) => {
                let letter = DeadLetter {
                    kind: LetterKind::Record,
                    offset: record.offset,
                    time: record.time,
                    reason: error.to_string(),
                    key: None,
                    value: Some(record.value.clone()),
                    withheld: None,
                    headers: Box::default(),
                };
                if self.is_mutated(Mutation::LettersInReplay)
                    && self.shard.records_to_replay() > 0
                    && let Some(held) = self.held.get_mut(&partition)
                {
                    held.replayed_letters.push(letter.clone());
                }
                let kept = !self.is_mutated(Mutation::DropDeadLetters);
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
        let reads = |held: &Held| matches!(held.stage, Stage::Reading);
        let held = self.held.iter().filter(|(_, held)| reads(held));
        let held: Vec<_> = held.map(|(p, held)| (*p, held.position)).collect();
        if held.is_empty() || !random.chance(self.settings.pace.ask) {
            return Ok(());
        }
        let (partition, position) = held[random.below(held.len())];
        let lie = self.is_mutated(Mutation::FalseIdleProof);
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
        let mut turned = Vec::new();
        while let Some(one) = self.shard.poll_turned() {
            turned.push(witness.turning(&one, &broker.input)?);
        }
        turned.sort_by_key(|turning| (turning.partition, turning.trace));
        let judged = judged.into_iter().map(What::Judged);
        witness.see(
            self,
            what,
            judged.chain(turned.into_iter().map(What::Turned)).collect(),
            broker,
        )
    }
}

//! The commit of an epoch: one transaction with exports, letters, batches and offsets, made again
//! until it is known to have been committed.

use std::collections::BTreeMap;

use tailsift_otlp::split_to_size;
use tailsift_sampler::{DecisionBatch, EntryKind, Epoch, Export, Part, Verdict};

use super::Worker;
use super::restore::SCOPE;
use crate::broker::{Broker, Failure, Membership, Offset, Outcome, Session, Topic, Value};
use crate::event::{Call, Reply, Violation, What};
use crate::fault::Mutation;
use crate::random::Random;
use crate::witness::Witness;

/// An epoch on its way.
#[derive(Debug)]
pub(super) struct Shipment {
    epoch: Epoch,
    /// By partition: where its batch was written in the transaction at hand.
    written: BTreeMap<i32, i64>,
    /// The assignments at the cut.
    tokens: BTreeMap<i32, u64>,
    /// What was said of the membership before the transaction was begun.
    membership: Membership,
    pub(super) phase: Phase,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Parts that are no longer held are left out, and a transaction is begun.
    Cut,
    /// The outputs of the part at this place are written.
    Send(usize),
    Offsets,
    End,
    Abort,
    /// Nobody knows whether the transaction was committed.
    Doubt,
}

/// What a step led to.
#[derive(Clone, Copy)]
enum Next {
    Go(Phase),
    Committed,
    /// All that it was made of is someone else's.
    Gone,
    /// It made nothing known.
    Wait,
}

impl Worker {
    /// Takes an epoch from the shard; false if there is none.
    pub(super) fn cut(
        &mut self,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<bool, Violation> {
        let Some(mut epoch) = self.shard.poll_epoch() else { return Ok(false) };
        let what = What::Cut(witness.parts(&epoch.parts, &broker.input)?);
        self.tell(what, broker, witness)?;
        for part in &mut epoch.parts {
            self.spoil_part(part);
        }
        let tokens = self.held.iter().map(|(partition, held)| (*partition, held.token)).collect();
        let (membership, phase) = (Membership::NONE, Phase::Cut);
        let written = BTreeMap::new();
        self.shipment = Some(Shipment { epoch, written, tokens, membership, phase });
        Ok(true)
    }

    /// What a broken worker makes of its own cut.
    fn spoil_part(&mut self, part: &mut Part) {
        let late = |kind: EntryKind| kind == EntryKind::Late;
        match self.settings.mutation {
            Some(Mutation::CommitNextOffset) => part.commit_offset = part.next_offset,
            Some(Mutation::CommitNextClock) => part.commit_stream_time = part.next_stream_time,
            Some(Mutation::LoseLateSpans) => part.exports.retain(|export| !export.late),
            Some(Mutation::LoseLateEntriesOfKept) => part
                .entries
                .retain(|entry| !late(entry.kind) || entry.decision.verdict == Verdict::Drop),
            Some(Mutation::LoseLateEntriesOfDropped) => part
                .entries
                .retain(|entry| !late(entry.kind) || entry.decision.verdict == Verdict::Keep),
            Some(Mutation::LettersInReplay) => {
                if let Some(held) = self.held.get_mut(&part.partition)
                    && part.has_batch
                {
                    part.dead_letters.append(&mut held.replayed_letters);
                }
            }
            Some(Mutation::HoldWatermark) => {
                if let Some(held) = self.held.get_mut(&part.partition) {
                    let first = held.first_watermark.get_or_insert(part.commit_offset);
                    part.commit_offset = *first;
                }
            }
            Some(Mutation::DropExport) => drop(part.exports.pop()),
            Some(Mutation::RepeatExport) => part.exports.extend(part.exports.last().cloned()),
            Some(_) | None => {}
        }
    }

    /// The next step of the epoch's commit.
    pub(super) fn advance(
        &mut self,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let Some(mut shipment) = self.shipment.take() else { return Ok(()) };
        let Some(session) = self.session else {
            self.shipment = Some(shipment);
            return Ok(());
        };
        let phase = shipment.phase;
        let (call, next) = match phase {
            Phase::Cut => (Call::Begin, self.begin(&mut shipment, session, broker)),
            Phase::Send(place) => {
                let partition = shipment.epoch.parts[place].partition;
                (Call::Send(partition), self.send(&mut shipment, place, session, random, broker))
            }
            Phase::Offsets => (Call::Offsets, self.offsets(&shipment, session, random, broker)),
            Phase::End => (Call::Commit, self.end(session, random, broker)),
            Phase::Abort => {
                let next = match fault(random, broker) {
                    Some(Reply::Retriable) => Err(Reply::Retriable),
                    Some(_) | None => broker
                        .end(session, Outcome::Aborted)
                        .map(|()| Next::Go(Phase::Cut))
                        .map_err(reply_of),
                };
                (Call::Abort, next)
            }
            Phase::Doubt => (Call::LookUp, Ok(self.look_up(&shipment, broker, witness)?)),
        };
        self.go_on(shipment, call, next, broker, witness)
    }

    fn go_on(
        &mut self,
        mut shipment: Shipment,
        call: Call,
        next: Result<Next, Reply>,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let mut reply = Reply::Done;
        match next {
            Ok(Next::Wait) => {
                self.shipment = Some(shipment);
                return Ok(());
            }
            Ok(Next::Go(phase)) => shipment.phase = phase,
            Ok(Next::Gone) => {
                self.shard.handle_discarded();
                return self.tell(What::Discarded, broker, witness);
            }
            Ok(Next::Committed) => {
                let assumed = self.is_mutated(Mutation::DoubtAssume);
                for part in shipment.epoch.parts.iter_mut().filter(|_| assumed) {
                    part.batch_offset.get_or_insert(0);
                }
                self.shard.handle_committed(&shipment.epoch);
                return self.tell(What::Acknowledged, broker, witness);
            }
            Err(failed) => {
                reply = failed;
                match failed {
                    Reply::Retriable | Reply::Done => {}
                    Reply::Abortable => shipment.phase = Phase::Abort,
                    Reply::Fenced | Reply::Lost => {
                        self.session = None;
                        shipment.phase = match shipment.phase {
                            // Nothing was begun: there is nothing to be in doubt of.
                            Phase::Cut => Phase::Cut,
                            Phase::Send(_)
                            | Phase::Offsets
                            | Phase::End
                            | Phase::Abort
                            | Phase::Doubt => Phase::Doubt,
                        };
                    }
                }
            }
        }
        self.shipment = Some(shipment);
        self.tell(What::Call { call, reply }, broker, witness)
    }

    /// Leaves out what is no longer held and begins a transaction. The membership is looked at
    /// first: it cannot become whole again before a callback is served, so what is whole now was
    /// whole when the parts were looked at.
    fn begin(
        &self,
        shipment: &mut Shipment,
        session: Session,
        broker: &mut Broker,
    ) -> Result<Next, Reply> {
        let shard = &self.shard;
        if !self.is_mutated(Mutation::CommitRevoked) {
            shipment.epoch.parts.retain(|part| shard.holds(part.partition, part.assignment));
        }
        if shipment.epoch.parts.is_empty() {
            return Ok(Next::Gone);
        }
        shipment.written.clear();
        for part in &mut shipment.epoch.parts {
            part.batch_offset = None;
        }
        let membership = self.client.membership();
        if !membership.is_whole() && !self.is_mutated(Mutation::MetadataUnchecked) {
            return Ok(Next::Wait);
        }
        if self.is_mutated(Mutation::CommitPlainly) {
            let parts = &shipment.epoch.parts;
            let before = |part: &&Part| {
                broker.committed(part.partition, false).ok().flatten().map(|offset| {
                    let moved = Offset { offset: part.commit_offset, ..offset.clone() };
                    (part.partition, moved)
                })
            };
            let offsets = parts.iter().filter_map(|part| before(&part)).collect();
            broker.commit_plainly(membership, offsets);
        }
        shipment.membership = membership;
        broker.begin(session, self.id).map_err(reply_of)?;
        Ok(Next::Go(Phase::Send(0)))
    }

    /// Writes one part's exports, letters and batch.
    fn send(
        &self,
        shipment: &mut Shipment,
        place: usize,
        session: Session,
        random: &mut Random,
        broker: &mut Broker,
    ) -> Result<Next, Reply> {
        let is_lost = reply_is_lost(random, broker)?;
        let (mutation, bytes_max) = (self.settings.mutation, self.settings.message_bytes_max);
        let part = &mut shipment.epoch.parts[place];
        let mut written = Vec::new();
        for export in &part.exports {
            let records = records_of(export, bytes_max, mutation);
            let topic = Topic::Exports(i32::from(export.trace_id.0[15] % 2));
            let value = |value| (topic, Value::Export { key: export.trace_id, value });
            written.extend(records.into_iter().map(value));
        }
        let partition = part.partition;
        let letter = |offset| (Topic::Letters, Value::Letter { partition, offset });
        written.extend(part.dead_letters.iter().map(|one| letter(one.offset)));
        for (topic, value) in written {
            broker.produce(session, topic, value).map_err(reply_of)?;
        }
        if part.has_batch {
            let times = if mutation == Some(Mutation::RepeatBatch) { 2 } else { 1 };
            for _ in 0..times {
                let offset = self.write_batch(part, session, broker).map_err(reply_of)?;
                shipment.written.insert(partition, offset);
            }
        }
        if is_lost {
            // The delivery reports never came.
            return Err(Reply::Abortable);
        }
        let is_last = place + 1 == shipment.epoch.parts.len();
        if is_last {
            // Where batches went is known once everything is acknowledged.
            for part in shipment.epoch.parts.iter_mut().filter(|part| part.has_batch) {
                part.batch_offset = shipment.written.get(&part.partition).copied();
            }
        }
        Ok(Next::Go(if is_last { Phase::Offsets } else { Phase::Send(place + 1) }))
    }

    /// Writes a batch, in slices if it is large; returns the offset of the first.
    fn write_batch(
        &self,
        part: &Part,
        session: Session,
        broker: &mut Broker,
    ) -> Result<i64, Failure> {
        let topic = Topic::Decisions(part.checkpoint.log_partition);
        let chunks: Vec<_> = part.entries.chunks(self.settings.slice_entries).collect();
        let slices = chunks.len().max(1);
        let mut first = None;
        for slice in 0..slices {
            let batch = DecisionBatch {
                scope: SCOPE,
                partition: part.partition,
                checkpoint: part.checkpoint,
                writer: self.id as u64,
                slice: slice as u32,
                slices: slices as u32,
                commit_offset: part.commit_offset,
                read_to: part.next_offset,
                stream_time: part.commit_stream_time,
                read_stream_time: part.next_stream_time,
                config: self.settings.config,
                entries: chunks.get(slice).map(|entries| entries.to_vec()).unwrap_or_default(),
            };
            let offset = broker.produce(session, topic, Value::Batch(batch))?;
            first.get_or_insert(offset);
        }
        Ok(first.unwrap_or(0))
    }

    fn offsets(
        &mut self,
        shipment: &Shipment,
        session: Session,
        random: &mut Random,
        broker: &mut Broker,
    ) -> Result<Next, Reply> {
        let is_lost = reply_is_lost(random, broker)?;
        let late = [Mutation::MetadataLate, Mutation::MetadataUnchecked];
        let is_late = self.settings.mutation.is_some_and(|mutation| late.contains(&mutation));
        let membership = if is_late { self.client.membership() } else { shipment.membership };
        let mut offsets = BTreeMap::new();
        for part in &shipment.epoch.parts {
            let mut commit = part.commit(SCOPE, self.settings.config);
            let mut offset = part.commit_offset;
            if self.is_mutated(Mutation::ForgetClock) {
                commit.stream_time = None;
            }
            if self.is_mutated(Mutation::CommitLateWatermark) {
                let mut now = self.shard.progress();
                let now = now.find(|progress| progress.partition == part.partition);
                offset = now.map_or(offset, |progress| progress.low_watermark);
            }
            offsets.insert(part.partition, Offset { offset, commit });
        }
        broker.send_offsets(session, membership, offsets, &shipment.tokens).map_err(reply_of)?;
        if is_lost {
            // The same call again does no harm.
            return Err(Reply::Retriable);
        }
        Ok(Next::Go(Phase::End))
    }

    fn end(
        &self,
        session: Session,
        random: &mut Random,
        broker: &mut Broker,
    ) -> Result<Next, Reply> {
        let is_lost = reply_is_lost(random, broker)?;
        broker.end(session, Outcome::Committed).map_err(reply_of)?;
        match is_lost {
            // The client tries again by itself, or gives up without having learned anything.
            true if random.chance(500) => Err(Reply::Retriable),
            true => Err(Reply::Lost),
            false => Ok(Next::Committed),
        }
    }

    /// Whether an epoch in doubt was committed: only what is committed for a partition that was
    /// held without a break can tell, once no transaction is pending there.
    fn look_up(
        &mut self,
        shipment: &Shipment,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<Next, Violation> {
        let is_held = |part: &&Part| self.shard.holds(part.partition, part.assignment);
        let known = shipment.epoch.parts.iter().find(|part| part.has_batch && is_held(part));
        let mut committed = false;
        if let Some(part) = known {
            let Ok(offset) = broker.committed(part.partition, true) else { return Ok(Next::Wait) };
            committed =
                offset.is_some_and(|offset| part.is_committed_in(&offset.commit.checkpoint));
        }
        committed |= self.is_mutated(Mutation::DoubtAssume);
        committed &= !self.is_mutated(Mutation::DoubtResend);
        let asked = known.map(|part| (part.partition, shipment.tokens[&part.partition]));
        self.tell(What::Resolved { committed, asked }, broker, witness)?;
        Ok(if committed { Next::Committed } else { Next::Go(Phase::Cut) })
    }
}

/// What goes wrong with a call, if anything does.
fn fault(random: &mut Random, broker: &Broker) -> Option<Reply> {
    let calls = broker.calls;
    let draw = random.below(1000) as u64;
    let abortable = calls.retriable + calls.abortable;
    if draw < calls.retriable {
        Some(Reply::Retriable)
    } else if draw < abortable {
        Some(Reply::Abortable)
    } else if draw < abortable + calls.reply_lost {
        Some(Reply::Lost)
    } else {
        None
    }
}

/// Whether a call that has its effect loses its reply.
///
/// # Errors
/// What it failed with, if it has none.
fn reply_is_lost(random: &mut Random, broker: &Broker) -> Result<bool, Reply> {
    match fault(random, broker) {
        Some(failed @ (Reply::Retriable | Reply::Abortable)) => Err(failed),
        fault => Ok(fault == Some(Reply::Lost)),
    }
}

fn reply_of(failure: Failure) -> Reply {
    match failure {
        Failure::Retriable => Reply::Retriable,
        Failure::Abortable => Reply::Abortable,
        Failure::Fenced => Reply::Fenced,
    }
}

/// An export in records of a size. What cannot be split is written as it came: the checkers then
/// judge its bytes.
fn records_of(export: &Export, bytes_max: usize, mutation: Option<Mutation>) -> Vec<Vec<u8>> {
    let split = split_to_size(&export.payload, bytes_max).unwrap_or_default();
    let records = split.records.into_iter().map(|record| record.into_owned());
    let oversize = split.oversize.into_iter().map(|oversize| oversize.request);
    let mut values: Vec<Vec<u8>> = records.chain(oversize).collect();
    if mutation == Some(Mutation::FlipByte) {
        for byte in values.iter_mut().filter_map(|value| value.last_mut()) {
            *byte ^= 1;
        }
    }
    values
}

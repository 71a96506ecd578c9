//! The commit of an epoch: one transaction with exports, letters, batches and offsets, made again
//! until it is known to have been committed; or the same without a transaction.

use std::collections::BTreeMap;

use tailsift_sampler::{Entry, EntryKind, Epoch, Part, Verdict};

use super::Worker;
use super::outputs::{batch_of, outputs_of};
use super::plain::Step;
use super::restore::SCOPE;
use crate::broker::{Broker, Failure, Membership, Offset, Outcome, Session};
use crate::event::{Call, Reply, Violation, What};
use crate::fault::Mutation;
use crate::plan::Delivery;
use crate::random::Random;
use crate::witness::Witness;

/// An epoch on its way.
#[derive(Debug)]
pub(super) struct Shipment {
    pub(super) epoch: Epoch,
    /// By partition: where its batch was written in the transaction at hand.
    written: BTreeMap<i32, i64>,
    /// The assignments at the cut.
    pub(super) tokens: BTreeMap<i32, u64>,
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
    /// Without a transaction.
    Plain(Step),
}

/// What a step led to.
#[derive(Clone, Copy)]
pub(super) enum Next {
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
            Some(Mutation::CommitPastTriggers) => self.pass_triggers(part),
            Some(Mutation::CoverTriggers) => {
                let covered = part.next_offset;
                part.entries.iter_mut().for_each(|entry| entry.through = covered);
            }
            Some(Mutation::LoseEntriesOfTurns) => {
                let covered = part.next_offset;
                part.entries.retain(|entry| entry.through == covered);
            }
            Some(Mutation::TurnKept) => {
                let kept = |entry: &&mut Entry| {
                    late(entry.kind) && entry.decision.verdict == Verdict::Keep
                };
                part.entries.iter_mut().filter(kept).for_each(|entry| entry.kind = EntryKind::Turn);
            }
            Some(Mutation::ForgetMissing) => {
                part.entries.iter_mut().for_each(|entry| entry.missing = None);
            }
            Some(Mutation::ForgetMissingBelow) => {
                let turned = part.entries.iter_mut().filter_map(|entry| entry.turned.as_mut());
                turned.for_each(|turned| turned.missing_below = None);
            }
            Some(Mutation::ForgetMayTurn) => {
                part.entries.iter_mut().for_each(|entry| entry.may_turn = false);
            }
            Some(Mutation::DropExport) => drop(part.exports.pop()),
            Some(Mutation::RepeatExport) => part.exports.extend(part.exports.last().cloned()),
            Some(_) | None => {}
        }
    }

    /// Commits what was read if nothing but late spans is waited for.
    fn pass_triggers(&mut self, part: &mut Part) {
        if self.shard.gauges().traces_open == 0 {
            part.commit_offset = part.next_offset;
            part.commit_stream_time = part.next_stream_time;
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
            Phase::Plain(step) => self.go_plainly(step, &mut shipment, session, random, broker),
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
                let assumed = self.settings.mutation.is_some_and(Mutation::assumes_batches);
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
                    // Offsets alone may be committed again; nothing else was tried.
                    Reply::Lost if shipment.phase == Phase::Plain(Step::Commit) => {}
                    Reply::Abortable => shipment.phase = self.settings.after_failure(),
                    Reply::Fenced | Reply::Lost => {
                        self.session = None;
                        shipment.phase = match shipment.phase {
                            // Nothing was begun: there is nothing to be in doubt of.
                            Phase::Cut => Phase::Cut,
                            Phase::Send(_)
                            | Phase::Offsets
                            | Phase::End
                            | Phase::Abort
                            | Phase::Doubt
                            | Phase::Plain(_) => Phase::Doubt,
                        };
                    }
                }
            }
        }
        self.shipment = Some(shipment);
        self.tell(What::Call { call, reply }, broker, witness)
    }

    /// Leaves out what is no longer held; false if nothing is left.
    pub(super) fn has_parts_held(&self, shipment: &mut Shipment) -> bool {
        let shard = &self.shard;
        if !self.is_mutated(Mutation::CommitRevoked) {
            shipment.epoch.parts.retain(|part| shard.holds(part.partition, part.assignment));
        }
        !shipment.epoch.parts.is_empty()
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
        if !self.has_parts_held(shipment) {
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
            // What became of it is of no interest.
            let _ = broker.commit_plainly(self.id, membership, offsets, &shipment.tokens);
        }
        if self.settings.delivery == Delivery::AtLeastOnce {
            broker.forget_reports(session);
            return Ok(Next::Go(Phase::Plain(self.first_plain_step())));
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
        let part = &shipment.epoch.parts[place];
        for (topic, value) in outputs_of(part, &self.settings) {
            broker.produce(session, topic, value).map_err(reply_of)?;
        }
        let times = if self.is_mutated(Mutation::RepeatBatch) { 2 } else { 1 };
        for _ in 0..times {
            let mut first = None;
            for (topic, value) in batch_of(part, self.writer(part), &self.settings) {
                let offset = broker.produce(session, topic, value).map_err(reply_of)?;
                first.get_or_insert(offset);
            }
            shipment.written.extend(first.map(|first| (part.partition, first)));
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
        let offsets = self.offsets_of(&shipment.epoch);
        broker.send_offsets(session, membership, offsets, &shipment.tokens).map_err(reply_of)?;
        if is_lost {
            // The same call again does no harm.
            return Err(Reply::Retriable);
        }
        Ok(Next::Go(Phase::End))
    }

    /// Who writes a part's batch: an assignment of a process, not of what it held before.
    pub(super) fn writer(&self, part: &Part) -> u64 {
        let assignment = if self.is_mutated(Mutation::OneWriter) { 0 } else { part.assignment };
        ((self.id as u64) << 32) + assignment
    }

    /// What is committed for each part.
    pub(super) fn offsets_of(&mut self, epoch: &Epoch) -> BTreeMap<i32, Offset> {
        let mut offsets = BTreeMap::new();
        for part in &epoch.parts {
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
        offsets
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
                offset.is_some_and(|offset| part.is_committed_in(&offset.commit.checkpoint, false));
        }
        committed |= self.is_mutated(Mutation::DoubtAssume);
        committed &= !self.is_mutated(Mutation::DoubtResend);
        let asked = known.map(|part| (part.partition, shipment.tokens[&part.partition]));
        self.tell(What::Resolved { committed, asked }, broker, witness)?;
        Ok(if committed { Next::Committed } else { Next::Go(Phase::Cut) })
    }
}

/// What goes wrong with a call, if anything does.
pub(super) fn fault(random: &mut Random, broker: &Broker) -> Option<Reply> {
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
pub(super) fn reply_is_lost(random: &mut Random, broker: &Broker) -> Result<bool, Reply> {
    match fault(random, broker) {
        Some(failed @ (Reply::Retriable | Reply::Abortable)) => Err(failed),
        fault => Ok(fault == Some(Reply::Lost)),
    }
}

pub(super) fn reply_of(failure: Failure) -> Reply {
    match failure {
        Failure::Retriable => Reply::Retriable,
        Failure::Abortable => Reply::Abortable,
        Failure::Fenced => Reply::Fenced,
    }
}

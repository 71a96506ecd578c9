//! The commit of an epoch without a transaction: exports and letters are acknowledged, then batches
//! are, then offsets are committed. So a crash can leave behind what is done again, and nothing that
//! is taken as done too early.

use super::Worker;
use super::epoch::{Next, Phase, Shipment, fault, reply_is_lost, reply_of};
use super::outputs::{batch_of, outputs_of};
use crate::broker::{Broker, Flight, Session, Topic, Value};
use crate::event::{Call, Reply};
use crate::fault::Mutation;
use crate::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Exports and letters of the part at this place are sent.
    Exports(usize),
    ExportsAwaited,
    /// The batch of the part at this place is sent.
    Batch(usize),
    BatchesAwaited,
    Commit,
}

impl Worker {
    pub(super) fn first_plain_step(&self) -> Step {
        match self.settings.mutation {
            Some(Mutation::BatchesBeforeExports) => Step::Batch(0),
            Some(_) | None => Step::Exports(0),
        }
    }

    pub(super) fn go_plainly(
        &mut self,
        step: Step,
        shipment: &mut Shipment,
        session: Session,
        random: &mut Random,
        broker: &mut Broker,
    ) -> (Call, Result<Next, Reply>) {
        let parts = &shipment.epoch.parts;
        match step {
            Step::Exports(place) => {
                let part = &parts[place];
                let source = (part.partition, shipment.tokens[&part.partition]);
                self.send_plainly(outputs_of(part, &self.settings), source, session, broker);
                let is_last = place + 1 == parts.len();
                let next = if is_last { Step::ExportsAwaited } else { Step::Exports(place + 1) };
                (Call::Export(part.partition), Ok(Next::Go(Phase::Plain(next))))
            }
            Step::ExportsAwaited => {
                (Call::AwaitExports, self.await_all(step, session, random, broker))
            }
            Step::Batch(place) => {
                let part = &parts[place];
                let source = (part.partition, shipment.tokens[&part.partition]);
                let batch = batch_of(part, self.writer(part), &self.settings);
                self.send_plainly(batch, source, session, broker);
                let is_last = place + 1 == parts.len();
                let next = if is_last { Step::BatchesAwaited } else { Step::Batch(place + 1) };
                (Call::Log(part.partition), Ok(Next::Go(Phase::Plain(next))))
            }
            Step::BatchesAwaited => {
                let reply = self.await_all(step, session, random, broker);
                for part in shipment.epoch.parts.iter_mut().filter(|part| part.has_batch) {
                    part.batch_offset = broker.batch_offset(session, part.partition);
                }
                (Call::AwaitBatches, reply)
            }
            Step::Commit => (Call::CommitPlainly, self.commit_plainly(shipment, random, broker)),
        }
    }

    /// What follows once all that was sent is acknowledged.
    fn after(&self, awaited: Step) -> Step {
        let batches_first = self.is_mutated(Mutation::BatchesBeforeExports);
        match (awaited, batches_first) {
            (Step::BatchesAwaited, true) => Step::Exports(0),
            (Step::ExportsAwaited, false) => Step::Batch(0),
            (Step::BatchesAwaited, false) | (Step::ExportsAwaited, true) => Step::Commit,
            (step @ (Step::Exports(_) | Step::Batch(_) | Step::Commit), _) => step,
        }
    }

    fn send_plainly(
        &self,
        records: Vec<(Topic, Value)>,
        source: (i32, u64),
        session: Session,
        broker: &mut Broker,
    ) {
        for (topic, value) in records {
            let reports = matches!(&value, Value::Batch(batch) if batch.slice == 0);
            let flight = Flight { worker: self.id, source, value, reports };
            broker.send_plainly(session, topic, flight);
        }
    }

    /// Goes on once the brokers have acknowledged all that was sent, also by earlier attempts.
    fn await_all(
        &self,
        awaited: Step,
        session: Session,
        random: &mut Random,
        broker: &mut Broker,
    ) -> Result<Next, Reply> {
        let next = Ok(Next::Go(Phase::Plain(self.after(awaited))));
        if !broker.is_in_flight(session) {
            // What was written may be reported as lost.
            return if fault(random, broker) == Some(Reply::Lost) {
                Err(Reply::Lost)
            } else {
                next
            };
        }
        let hurries = match self.settings.mutation {
            Some(Mutation::CommitUnacknowledged) => true,
            Some(Mutation::CommitBeforeBatches) => awaited == Step::BatchesAwaited,
            Some(_) | None => false,
        };
        if hurries {
            return next;
        }
        // It fails as a whole, not whenever somebody looks.
        let failed = if random.chance(100) { fault(random, broker) } else { None };
        match failed {
            Some(failed @ (Reply::Abortable | Reply::Lost)) => {
                broker.lose_flights(session, random);
                Err(failed)
            }
            Some(_) | None => Ok(Next::Wait),
        }
    }

    /// Commits what is still held then, as whoever the client says it is.
    fn commit_plainly(
        &mut self,
        shipment: &mut Shipment,
        random: &mut Random,
        broker: &mut Broker,
    ) -> Result<Next, Reply> {
        if !self.has_parts_held(shipment) {
            return Ok(Next::Gone);
        }
        let membership = self.client.membership();
        if !membership.is_whole() {
            return Ok(Next::Wait);
        }
        let is_lost = reply_is_lost(random, broker).map_err(|_| Reply::Retriable)?;
        let offsets = self.offsets_of(&shipment.epoch);
        let tokens = &shipment.tokens;
        broker.commit_plainly(self.id, membership, offsets, tokens).map_err(reply_of)?;
        if is_lost { Err(Reply::Lost) } else { Ok(Next::Committed) }
    }
}

//! Transactional producers: what a client can ask of the transaction coordinator.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_sampler::Commit;
use tailsift_trace::Millis;

use super::{Broker, Membership, Topic, Value};
use crate::broker::log::Written;
use crate::fault::Mutation;

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing happened, as far as the reply tells: the same call may be made again.
    Retriable,
    /// The transaction cannot commit; the producer lives on after an abort.
    Abortable,
    /// A newer producer has this id, or the broker gave the transaction up: for good.
    Fenced,
}

/// A producer as its client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: usize,
    pub(crate) epoch: u64,
}

/// An offset that a group commits, and what is beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) offset: i64,
    pub(crate) commit: Commit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    Aborted,
}

#[derive(Debug)]
pub(crate) struct Transaction {
    /// Which worker began it.
    pub(crate) worker: usize,
    pub(crate) born: Millis,
    pub(crate) outcome: Option<Outcome>,
    /// Logs whose marker is missing.
    pub(crate) pending: BTreeSet<Topic>,
    pub(crate) offsets: BTreeMap<i32, Offset>,
    /// Where its records are.
    pub(crate) records: Vec<(Topic, i64)>,
    producer: usize,
}

/// Something happened to a transaction, given by its place.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Accepted(Vec<Accepted>),
    Committed(usize),
    Aborted(usize),
    TimedOut(usize),
    /// A log's marker was written.
    Marked(usize, Topic),
    /// A worker's record was written outside of any transaction; the partition that it came of is
    /// another assignment's by now if it is stray.
    Written {
        worker: usize,
        topic: Topic,
        offset: i64,
        is_stray: bool,
    },
    /// A worker's offsets were committed outside of any transaction.
    Plain(usize, BTreeMap<i32, Offset>),
}

/// An offset was taken into a transaction, or committed outside of any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) partition: i32,
    /// The assignment that sent it.
    pub(crate) token: u64,
    /// The assignment that fetched the partition's offset last.
    pub(crate) fetched_by: Option<u64>,
}

impl Broker {
    /// Makes a producer the only one of its id: an older one's transaction is aborted.
    pub(crate) fn init_producer(&mut self, id: usize) -> Result<Session, Failure> {
        let producer = self.producers.entry(id).or_default();
        if let Some(place) = producer.transaction {
            if self.transactions[place].outcome.is_none() {
                producer.epoch += 1;
                self.finish(place, Outcome::Aborted);
            }
            if self.is_being_marked(place) {
                return Err(Failure::Retriable);
            }
        }
        let producer = self.producers.entry(id).or_default();
        producer.epoch += 1;
        producer.transaction = None;
        Ok(Session { id, epoch: producer.epoch })
    }

    pub(crate) fn begin(&mut self, session: Session, worker: usize) -> Result<(), Failure> {
        let last = self.transaction_of(session)?;
        if last.is_some_and(|place| self.is_being_marked(place)) {
            return Err(Failure::Retriable);
        }
        let place = self.transactions.len();
        self.transactions.push(Transaction {
            worker,
            born: self.wall,
            outcome: None,
            pending: BTreeSet::new(),
            offsets: BTreeMap::new(),
            records: Vec::new(),
            producer: session.id,
        });
        self.unfinished.push(place);
        self.producers.entry(session.id).or_default().transaction = Some(place);
        Ok(())
    }

    pub(crate) fn produce(
        &mut self,
        session: Session,
        topic: Topic,
        value: Value,
    ) -> Result<i64, Failure> {
        let place = self.open_transaction(session)?;
        let written = Written { transaction: Some(place), time: self.wall, value: Some(value) };
        let offset = self.logs.entry(topic).or_default().push(written);
        let transaction = &mut self.transactions[place];
        transaction.pending.insert(topic);
        transaction.records.push((topic, offset));
        Ok(offset)
    }

    /// `tokens` are the assignments that send the offsets: for those who look on, not for the
    /// broker, which sees whose membership is whole but not who holds a partition.
    pub(crate) fn send_offsets(
        &mut self,
        session: Session,
        membership: Membership,
        offsets: BTreeMap<i32, Offset>,
        tokens: &BTreeMap<i32, u64>,
    ) -> Result<(), Failure> {
        let place = self.open_transaction(session)?;
        let strangers_too = self.mutation == Some(Mutation::AcceptStrangers);
        if !strangers_too && !self.group.accepts(membership) {
            return Err(Failure::Abortable);
        }
        self.note_accepted(&offsets, tokens);
        if self.mutation != Some(Mutation::ForgetOffsets) {
            let transaction = &mut self.transactions[place];
            transaction.pending.insert(Topic::Offsets);
            transaction.offsets.extend(offsets);
        }
        Ok(())
    }

    pub(crate) fn end(&mut self, session: Session, how: Outcome) -> Result<(), Failure> {
        let place = self.transaction_of(session)?.ok_or(Failure::Fenced)?;
        match self.transactions[place].outcome {
            None => self.finish(place, how),
            Some(outcome) if outcome == how => {}
            Some(Outcome::Committed | Outcome::Aborted) => return Err(Failure::Fenced),
        }
        Ok(())
    }

    pub(super) fn note_accepted(
        &mut self,
        offsets: &BTreeMap<i32, Offset>,
        tokens: &BTreeMap<i32, u64>,
    ) {
        let accepted = offsets.keys().map(|partition| Accepted {
            partition: *partition,
            token: tokens.get(partition).copied().unwrap_or(0),
            fetched_by: self.fetched_by.get(partition).copied(),
        });
        self.news.push(News::Accepted(accepted.collect()));
    }

    /// What became of the last transaction that a worker began.
    pub(crate) fn last_of(&self, worker: usize) -> Option<&Transaction> {
        self.transactions.iter().rfind(|transaction| transaction.worker == worker)
    }

    pub(super) fn time_out(&mut self, place: usize) {
        let id = self.transactions[place].producer;
        let producer = self.producers.entry(id).or_default();
        if producer.transaction == Some(place) {
            producer.epoch += 1;
        }
        self.transactions[place].outcome = Some(Outcome::Aborted);
        self.news.push(News::TimedOut(place));
    }

    pub(super) fn write_marker(&mut self, place: usize, topic: Topic) {
        // The group's offsets are one log: what was written there first is marked first.
        let offsets = &self.transactions[place].offsets;
        let comes_before = |earlier: &usize| {
            let earlier = &self.transactions[*earlier];
            let is_pending = earlier.pending.contains(&Topic::Offsets);
            is_pending && earlier.offsets.keys().any(|partition| offsets.contains_key(partition))
        };
        let mut earlier = self.unfinished.iter().take_while(|other| **other != place);
        if topic == Topic::Offsets && earlier.any(comes_before) {
            return;
        }
        let transaction = &mut self.transactions[place];
        transaction.pending.remove(&topic);
        self.news.push(News::Marked(place, topic));
        if topic != Topic::Offsets {
            let marker = Written { transaction: Some(place), time: self.wall, value: None };
            self.logs.entry(topic).or_default().push(marker);
            return;
        }
        if transaction.outcome == Some(Outcome::Committed) {
            for (partition, offset) in transaction.offsets.clone() {
                self.offsets.insert(partition, offset);
            }
        }
    }

    pub(super) fn forget_finished(&mut self) {
        let transactions = &self.transactions;
        self.unfinished.retain(|place| {
            let transaction = &transactions[*place];
            transaction.outcome.is_none() || !transaction.pending.is_empty()
        });
    }

    fn finish(&mut self, place: usize, how: Outcome) {
        self.transactions[place].outcome = Some(how);
        self.news.push(match how {
            Outcome::Committed => News::Committed(place),
            Outcome::Aborted => News::Aborted(place),
        });
    }

    /// The broker answers CONCURRENT_TRANSACTIONS until the last transaction's markers are there.
    fn is_being_marked(&self, place: usize) -> bool {
        self.transactions[place].pending.iter().any(|topic| *topic != Topic::Offsets)
    }

    fn transaction_of(&self, session: Session) -> Result<Option<usize>, Failure> {
        let producer = self.producers.get(&session.id).ok_or(Failure::Fenced)?;
        if producer.epoch == session.epoch {
            Ok(producer.transaction)
        } else {
            Err(Failure::Fenced)
        }
    }

    fn open_transaction(&self, session: Session) -> Result<usize, Failure> {
        let place = self.transaction_of(session)?;
        let is_open = |place: &usize| self.transactions[*place].outcome.is_none();
        place.filter(is_open).ok_or(Failure::Fenced)
    }
}

//! Producers without transactions: what they send is written log by log, each log's in order, some
//! time later, and visible at once; also what was sent by one that is gone meanwhile.

use std::collections::{BTreeMap, VecDeque};

use super::{Broker, Membership, Offset, Session, Topic, Value};
use crate::broker::log::Written;
use crate::broker::transaction::{Failure, News};
use crate::fault::Mutation;
use crate::random::Random;

/// What was sent and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// How many producers there were.
    producers: usize,
    /// By producer and log.
    queues: BTreeMap<(usize, Topic), VecDeque<Flight>>,
    /// By producer and input partition: where the batch begins that was written last.
    reports: BTreeMap<(usize, i32), i64>,
}

/// A record on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) worker: usize,
    /// The input partition that it came of, and the assignment: for those who look on.
    pub(crate) source: (i32, u64),
    pub(crate) value: Value,
    /// The batch begins with it.
    pub(crate) reports: bool,
}

impl Broker {
    /// A producer without a name: it fences nobody.
    pub(crate) fn open_plain_producer(&mut self) -> Session {
        self.flights.producers += 1;
        Session { id: self.flights.producers, epoch: 0 }
    }

    pub(crate) fn send_plainly(&mut self, session: Session, topic: Topic, flight: Flight) {
        self.flights.queues.entry((session.id, topic)).or_default().push_back(flight);
    }

    /// True until everything that the producer sent is acknowledged or given up.
    pub(crate) fn is_in_flight(&self, session: Session) -> bool {
        self.flights.queues.keys().any(|(id, _)| *id == session.id)
    }

    /// Where the first record of an input partition's batch was written.
    pub(crate) fn batch_offset(&self, session: Session, partition: i32) -> Option<i64> {
        self.flights.reports.get(&(session.id, partition)).copied()
    }

    pub(crate) fn forget_reports(&mut self, session: Session) {
        self.flights.reports.retain(|(id, _), _| *id != session.id);
    }

    /// Some of what the producer sent is never written: what was sent first or last, of each log.
    pub(crate) fn lose_flights(&mut self, session: Session, random: &mut Random) {
        for ((id, _), queue) in &mut self.flights.queues {
            if *id == session.id {
                let at = random.below(queue.len() + 1);
                let last = queue.split_off(at);
                if random.chance(300) {
                    *queue = last;
                }
            }
        }
        self.flights.queues.retain(|_, queue| !queue.is_empty());
    }

    /// Writes some of what is on its way.
    pub(super) fn write_some_flights(&mut self, random: &mut Random) {
        for key in self.flights.queues.keys().copied().collect::<Vec<_>>() {
            if random.chance(self.markers) {
                let count = 1 + random.below(self.flights.queues[&key].len());
                self.write_flights(key, count);
            }
        }
    }

    pub(super) fn write_all_flights(&mut self) {
        for key in self.flights.queues.keys().copied().collect::<Vec<_>>() {
            self.write_flights(key, usize::MAX);
        }
    }

    pub(super) fn has_flights(&self) -> bool {
        !self.flights.queues.is_empty()
    }

    fn write_flights(&mut self, key: (usize, Topic), count: usize) {
        let Some(mut queue) = self.flights.queues.remove(&key) else { return };
        let later = queue.split_off(count.min(queue.len()));
        let (id, topic) = key;
        for Flight { worker, source, value, reports } in queue {
            let written = Written { transaction: None, time: self.wall, value: Some(value) };
            let offset = self.logs.entry(topic).or_default().push(written);
            let (partition, token) = source;
            if reports {
                self.flights.reports.insert((id, partition), offset);
            }
            let is_stray = self.fetched_by.get(&partition) != Some(&token);
            self.news.push(News::Written { worker, topic, offset, is_stray });
        }
        if !later.is_empty() {
            self.flights.queues.insert(key, later);
        }
    }

    /// Offsets outside of any transaction. The group looks at who sends them, not at what it holds:
    /// `tokens` are for those who look on.
    pub(crate) fn commit_plainly(
        &mut self,
        worker: usize,
        membership: Membership,
        offsets: BTreeMap<i32, Offset>,
        tokens: &BTreeMap<i32, u64>,
    ) -> Result<(), Failure> {
        let strangers_too = self.mutation == Some(Mutation::AcceptStrangers);
        if !strangers_too && !self.group.has_member(membership) {
            return Err(Failure::Retriable);
        }
        self.note_accepted(&offsets, tokens);
        self.offsets.extend(offsets.clone());
        self.news.push(News::Plain(worker, offsets));
        Ok(())
    }
}

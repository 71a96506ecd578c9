//! A Kafka of a few maps, as far as a protocol can tell it from the real one, and nothing kinder.
//!
//! What a transaction wrote becomes visible log by log, when that log's marker is written: markers
//! of one transaction come in any order, that of the offsets among them. A reader that isolates
//! stops at the first record whose marker is missing, and passes over what was aborted. Markers
//! take up offsets. What is sent without a transaction is visible once it is written.

mod group;
mod log;
mod plain;
mod transaction;

use std::collections::BTreeMap;

use tailsift_trace::Millis;

pub(crate) use crate::broker::group::{Group, Membership};
pub(crate) use crate::broker::log::{Log, Topic, Value};
pub(crate) use crate::broker::plain::Flight;
pub(crate) use crate::broker::transaction::{
    Accepted, Failure, News, Offset, Outcome, Session, Transaction,
};

use crate::broker::plain::Flights;
use crate::fault::Mutation;
use crate::input::{Input, Record};
use crate::plan::{Calls, Delivery, Plan};
use crate::random::Random;

/// A transactional offset of this partition is pending: ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unstable;

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) input: Input,
    pub(crate) wall: Millis,
    pub(crate) group: Group,
    pub(crate) logs: BTreeMap<Topic, Log>,
    /// All transactions that ever began.
    pub(crate) transactions: Vec<Transaction>,
    /// What happened to transactions, in order, for those who look on.
    pub(crate) news: Vec<News>,
    /// How often calls fail.
    pub(crate) calls: Calls,
    /// Which assignment was the last to fetch each partition's offset while the group gave it the
    /// partition.
    pub(crate) fetched_by: BTreeMap<i32, u64>,
    offsets: BTreeMap<i32, Offset>,
    /// Where partitions of the input begin of which something was deleted.
    input_starts: BTreeMap<i32, i64>,
    /// By transactional id.
    producers: BTreeMap<usize, Producer>,
    /// Transactions that are open or of which a marker is missing.
    unfinished: Vec<usize>,
    flights: Flights,
    /// A batch is in the log before an offset speaks of it.
    first_batch_may_be_unknown: bool,
    transaction_timeout: Millis,
    markers: u64,
    mutation: Option<Mutation>,
}

#[derive(Debug, Default)]
struct Producer {
    epoch: u64,
    transaction: Option<usize>,
}

/// Partitions of the export topic.
const EXPORT_PARTITIONS: i32 = 2;

impl Broker {
    pub(crate) fn new(input: Input, wall: Millis, plan: &Plan, mutation: Option<Mutation>) -> Self {
        let exports = (0..EXPORT_PARTITIONS).map(Topic::Exports);
        let decisions = (0..plan.decision_partitions).map(Topic::Decisions);
        let topics = exports.chain(decisions).chain([Topic::Letters]);
        Self {
            input,
            wall,
            group: Group::new(plan.partitions, plan.static_members),
            logs: topics.map(|topic| (topic, Log::default())).collect(),
            transactions: Vec::new(),
            news: Vec::new(),
            calls: plan.calls,
            fetched_by: BTreeMap::new(),
            offsets: BTreeMap::new(),
            input_starts: BTreeMap::new(),
            producers: BTreeMap::new(),
            unfinished: Vec::new(),
            flights: Flights::default(),
            first_batch_may_be_unknown: plan.delivery == Delivery::AtLeastOnce
                && mutation != Some(Mutation::TrimUnseen),
            transaction_timeout: plan.transaction_timeout,
            markers: plan.pace.markers,
            mutation,
        }
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = i32> + use<> {
        0..self.input.logs.len() as i32
    }

    pub(crate) fn decision_partitions(&self) -> i32 {
        self.logs.keys().filter(|topic| matches!(topic, Topic::Decisions(_))).count() as i32
    }

    /// The next record from `position` on that can be read by now.
    pub(crate) fn read(&self, partition: i32, position: i64) -> Option<&Record> {
        let log = &self.input.logs[partition as usize];
        let next = log.partition_point(|record| record.offset < position);
        log.get(next).filter(|record| record.appended <= self.wall)
    }

    /// The record at just this offset, unless it is deleted.
    pub(crate) fn record_at(&self, partition: i32, offset: i64) -> Option<&Record> {
        let start = self.input_starts.get(&partition).copied().unwrap_or(i64::MIN);
        let mut log = self.input.logs[partition as usize].iter();
        log.find(|record| record.offset == offset && offset >= start)
    }

    /// Deletes what lies so many records below what the group has committed; where the partition
    /// begins now, if that is further on.
    pub(crate) fn expire_input(&mut self, partition: i32, behind: usize) -> Option<i64> {
        let committed = self.offsets.get(&partition)?.offset;
        let log = &self.input.logs[partition as usize];
        let below = log.partition_point(|record| record.offset < committed);
        let start = log.get(below.checked_sub(behind)?)?.offset;
        let begins = self.input_starts.entry(partition).or_insert(i64::MIN);
        if start <= *begins {
            return None;
        }
        *begins = start;
        Some(start)
    }

    /// True if no record ever has this offset.
    pub(crate) fn is_gap(&self, partition: i32, offset: i64) -> bool {
        self.input.logs[partition as usize].iter().all(|record| record.offset != offset)
    }

    /// One past the last record that can be read by now.
    pub(crate) fn end_offset(&self, partition: i32) -> i64 {
        let log = &self.input.logs[partition as usize];
        let readable = log.partition_point(|record| record.appended <= self.wall);
        log[..readable].last().map_or(0, |record| record.offset + 1)
    }

    /// Where a group starts that never committed.
    pub(crate) fn start_offset(&self, partition: i32) -> i64 {
        self.input.logs[partition as usize].first().map_or(0, |record| record.offset)
    }

    /// Where a log begins, up to where it can be read in isolation, and where it ends.
    pub(crate) fn bounds(&self, topic: Topic) -> (i64, i64, i64) {
        let log = &self.logs[&topic];
        let first_of = |place: &usize| {
            let transaction = &self.transactions[*place];
            let is_pending = transaction.pending.contains(&topic);
            transaction.records.iter().find(|(of, _)| is_pending && *of == topic).map(|(_, at)| *at)
        };
        let open = self.unfinished.iter().filter_map(first_of).min();
        (log.start, open.unwrap_or(log.end()), log.end())
    }

    /// What can be read of a log from an offset on; without isolation, all there is.
    pub(crate) fn visible(
        &self,
        topic: Topic,
        from: i64,
        isolated: bool,
    ) -> impl Iterator<Item = (i64, &Value)> {
        let (start, stable, end) = self.bounds(topic);
        let upto = if isolated { stable } else { end };
        self.logs[&topic].range(from.max(start), upto).filter_map(move |(offset, record)| {
            let Some(place) = record.transaction else {
                let loses = self.mutation == Some(Mutation::LoseAcknowledged);
                let is_lost = loses && matches!(topic, Topic::Exports(_)) && offset % 8 == 3;
                return record.value.as_ref().filter(|_| !is_lost).map(|value| (offset, value));
            };
            let transaction = &self.transactions[place];
            let shows_aborted = self.mutation == Some(Mutation::ShowAborted);
            let is_shown = !isolated || shows_aborted && matches!(topic, Topic::Exports(_));
            let is_shown = is_shown || transaction.outcome == Some(Outcome::Committed);
            record.value.as_ref().filter(|_| is_shown).map(|value| (offset, value))
        })
    }

    /// What the group has committed for a partition.
    pub(crate) fn committed(
        &self,
        partition: i32,
        stable: bool,
    ) -> Result<Option<&Offset>, Unstable> {
        let is_pending = |place: &usize| {
            let transaction = &self.transactions[*place];
            transaction.pending.contains(&Topic::Offsets)
                && transaction.offsets.contains_key(&partition)
        };
        if stable && self.unfinished.iter().any(is_pending) {
            return Err(Unstable);
        }
        Ok(self.offsets.get(&partition))
    }

    /// A new owner's fetch of a committed offset.
    pub(crate) fn fetch(
        &mut self,
        partition: i32,
        stable: bool,
        token: u64,
        membership: Membership,
    ) -> Result<Option<Offset>, Unstable> {
        let offset = self.committed(partition, stable)?.cloned();
        // What is answered to one whom the group has passed over changes nothing.
        if self.group.is_owner(membership, partition) {
            self.fetched_by.insert(partition, token);
        }
        Ok(offset)
    }

    /// Time-outs, markers and rebalances go on behind everybody's back.
    pub(crate) fn step(&mut self, random: &mut Random) {
        for place in self.unfinished.clone() {
            let transaction = &self.transactions[place];
            if transaction.outcome.is_none() {
                if (self.wall - transaction.born).0 > self.transaction_timeout.0 {
                    self.time_out(place);
                }
            } else if !transaction.pending.is_empty() && random.chance(self.markers) {
                let topic = random.below(transaction.pending.len());
                let topic = transaction.pending.iter().nth(topic).copied();
                topic.into_iter().for_each(|topic| self.write_marker(place, topic));
            }
        }
        self.forget_finished();
        self.write_some_flights(random);
        self.group.step(random);
    }

    /// Writes all markers that are due, and all that is on its way.
    pub(crate) fn settle(&mut self) {
        for place in self.unfinished.clone() {
            if self.transactions[place].outcome.is_some() {
                for topic in self.transactions[place].pending.clone() {
                    self.write_marker(place, topic);
                }
            }
        }
        self.forget_finished();
        self.write_all_flights();
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.unfinished.is_empty() && !self.has_flights()
    }

    /// The decisions topic gets one more partition.
    pub(crate) fn grow_decisions(&mut self) {
        let topic = Topic::Decisions(self.decision_partitions());
        self.logs.insert(topic, Log::default());
    }

    /// Where each partition of the decision log ends for a reader that isolates.
    pub(crate) fn decision_ends(&self) -> BTreeMap<i32, i64> {
        let end = |log_partition| (log_partition, self.bounds(Topic::Decisions(log_partition)).1);
        (0..self.decision_partitions()).map(end).collect()
    }

    /// Below which offsets the decision log is not needed, given where it ended before: `None`
    /// while a partition has committed nothing, or nothing that is certain.
    pub(crate) fn log_needed_from(&self, ends: &BTreeMap<i32, i64>) -> Option<BTreeMap<i32, i64>> {
        let careless = self.mutation == Some(Mutation::TrimByLastCommit);
        let all = self.first_batch_may_be_unknown.then_some(0);
        let mut lowest = ends.clone();
        for partition in self.partitions() {
            let commit = &self.committed(partition, true).ok()??.commit;
            let kept = if careless { commit.live_from } else { commit.kept_from.or(all) };
            if let Some(kept) = kept
                && let Some(lowest) = lowest.get_mut(&commit.checkpoint.log_partition)
            {
                *lowest = kept.min(*lowest);
            }
        }
        Some(lowest)
    }

    /// Deletes what is old of a log, needed or not.
    pub(crate) fn delete_below(&mut self, topic: Topic, offset: i64) -> i64 {
        let (_, stable, _) = self.bounds(topic);
        let log = self.logs.entry(topic).or_default();
        log.start = log.start.max(offset.min(stable));
        log.start
    }

    /// The group stood empty until its offsets expired: nobody is left, no transaction is open.
    pub(crate) fn lose_offsets(&mut self) {
        for place in self.unfinished.clone() {
            if self.transactions[place].outcome.is_none() {
                self.time_out(place);
            }
        }
        while !self.is_settled() {
            self.settle();
        }
        self.offsets.clear();
        self.group.empty();
    }
}

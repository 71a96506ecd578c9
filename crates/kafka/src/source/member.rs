//! The member of a group: what it is given, what is taken back, and its right to commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata, RebalanceProtocol,
};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use tracing::{info, warn};

use crate::client::{log_error, log_line};
use crate::error::describe;
use crate::ffi::{self, PendingCommit};
use crate::topic_set::Topics;

/// Who is told that partitions are taken away, while they still are ours.
pub trait RevokeHandler: Send + Sync + 'static {
    /// Partitions are about to go to another member: commit what can be, within a budget of
    /// seconds, then forget them. Runs inside [`Source::poll`](crate::Source::poll).
    fn handle_revoked(&self, membership: &Membership<'_>, partitions: &[i32]);

    /// Partitions are gone already: nothing of them may be committed any more.
    fn handle_lost(&self, partitions: &[i32]);
}

/// The right to commit for a group, valid while partitions are held.
pub struct Membership<'a> {
    pub(super) consumer: &'a BaseConsumer<Context>,
}

pub(crate) struct Context {
    pub(super) handler: Box<dyn RevokeHandler>,
    topics: Topics,
    /// Given by the group, not yet resolved to offsets. Only the polling thread touches it.
    pub(super) given: Mutex<Vec<i32>>,
    pub(super) member: Mutex<Standing>,
    /// What is not read for the moment.
    pub(super) gate: Mutex<Gate>,
    /// Taken back or lost, while records of them may have been taken from the client.
    pub(super) gone: Mutex<Vec<i32>>,
    /// The last commit outside a transaction. Empty whenever the consumer may be destroyed.
    pub(super) commit: Mutex<Option<PendingCommit>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The group has assigned something, if only an empty list.
    pub(super) joined: bool,
    /// That it has given partitions has been told.
    told: bool,
}

/// Which partitions are held but not read.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Not started yet, and where they would be read from.
    pub(super) shut: BTreeMap<i32, i64>,
    /// Started, but too far ahead of others.
    pub(super) held_back: BTreeSet<i32>,
    /// None is read.
    pub(super) is_paused: bool,
}

impl Membership<'_> {
    /// The group's metadata for a transaction, or `None` if the membership is not valid now.
    ///
    /// An empty member id is accepted by brokers unchecked (classic protocol), and librdkafka
    /// empties id and generation one by one after a loss. So two snapshots are taken: if the
    /// second still shows both, the first was valid, since they cannot come back before a
    /// callback is served on this thread.
    pub(crate) fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        let metadata = self.consumer.group_metadata()?;
        let (member, generation) = ffi::group_member(self.consumer.client())?;
        (!member.is_empty() && generation >= 0).then_some(metadata)
    }

    /// Commits offsets outside a transaction, with the group's own check of the member; the
    /// answer comes with [`commit_outcome`](Self::commit_outcome).
    ///
    /// Waiting for it would hold up the very poll that lets a rebalance end, while the broker
    /// refuses commits until it has.
    pub(crate) fn begin_commit(&self, offsets: &TopicPartitionList) -> KafkaResult<()> {
        let pending = PendingCommit::begin(self.consumer.client(), offsets)?;
        *lock(&self.consumer.context().commit) = Some(pending);
        Ok(())
    }

    /// How the commit that was begun last ended, once it has; cancelled if there is none.
    pub(crate) fn commit_outcome(&self) -> Option<KafkaResult<()>> {
        let pending = lock(&self.consumer.context().commit);
        pending.as_ref().map_or(Some(Err(KafkaError::Canceled)), PendingCommit::poll)
    }

    /// The stable committed offsets of partitions, with their metadata.
    pub(crate) fn committed(
        &self,
        question: TopicPartitionList,
        patience: Duration,
    ) -> KafkaResult<TopicPartitionList> {
        self.consumer.committed_offsets(question, patience)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    /// Runs inside `poll`, on its thread. Partitions that are given are only noted: where to
    /// start is asked for after the callback, since a stable answer may take a while.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let number = |element: &TopicPartitionListElem<'_>| {
            self.topics.number(element.topic(), element.partition())
        };
        let partitions: Vec<i32> = list.elements().iter().map(number).collect();
        let done = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            info!(?partitions, "given by the group");
            lock(&self.member).joined = true;
            if partitions.is_empty() {
                assign(consumer, list)
            } else {
                lock(&self.given).extend(partitions);
                Ok(())
            }
        } else {
            if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                self.handle_revoked(consumer, &partitions);
            } else {
                let error = RDKafkaErrorCode::from(code);
                warn!(%error, "rebalance failed; partitions are given up until the next one");
                self.handle_lost(&partitions);
            }
            // The consumer may be closing.
            *lock(&self.commit) = None;
            unassign(consumer, list)
        };
        if let Err(error) = done {
            warn!(error = %describe(&error), "the assignment could not be changed");
        }
    }
}

impl Context {
    pub(super) fn new(handler: Box<dyn RevokeHandler>, topics: Topics) -> Self {
        Self {
            handler,
            topics,
            given: Mutex::default(),
            member: Mutex::default(),
            gate: Mutex::default(),
            gone: Mutex::default(),
            commit: Mutex::default(),
        }
    }

    /// True once, when the group has given partitions for the first time.
    pub(super) fn take_first_gift(&self) -> bool {
        let mut member = lock(&self.member);
        let is_first = !member.told && !lock(&self.given).is_empty();
        member.told |= is_first;
        is_first
    }

    fn handle_revoked(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        if consumer.assignment_lost() {
            return self.handle_lost(partitions);
        }
        info!(?partitions, "taken back by the group");
        let held = self.forget_given(partitions);
        self.handler.handle_revoked(&Membership { consumer }, &held);
    }

    fn handle_lost(&self, partitions: &[i32]) {
        if !partitions.is_empty() {
            warn!(?partitions, "lost: the group has given them to others without asking");
        }
        let held = self.forget_given(partitions);
        self.handler.handle_lost(&held);
    }

    /// Those of the partitions that were not merely noted.
    fn forget_given(&self, partitions: &[i32]) -> Vec<i32> {
        lock(&self.gone).extend(partitions);
        let mut given = lock(&self.given);
        let held = partitions.iter().copied().filter(|partition| !given.contains(partition));
        let held = held.collect();
        given.retain(|partition| !partitions.contains(partition));
        let mut gate = lock(&self.gate);
        gate.shut.retain(|partition, _| !partitions.contains(partition));
        gate.held_back.retain(|partition| !partitions.contains(partition));
        held
    }
}

pub(super) fn assign(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
    }
}

/// Has partitions that are held read from elsewhere: a seek takes only those that are being read.
pub(super) fn reassign(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> KafkaResult<()> {
    if let RebalanceProtocol::Cooperative = consumer.rebalance_protocol() {
        consumer.incremental_unassign(list)?;
        return consumer.incremental_assign(list);
    }
    let mut all = consumer.assignment()?;
    for element in list.elements() {
        all.set_partition_offset(element.topic(), element.partition(), element.offset())?;
    }
    consumer.assign(&all)
}

pub(super) fn unassign(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

/// The lock is never contended (one thread polls) and holds plain data, so a panic elsewhere
/// leaves nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A worker's membership in the consumer group, and the records it is given.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, RebalanceProtocol,
};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{debug, info, warn};

use crate::client::{ClientSettings, log_error, log_line};
use crate::error::{ClientError, SourceError, describe};
use crate::ffi;
use crate::headers::encode_headers;

/// Where a group that never committed starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the first record there is.
    #[default]
    Earliest,
    /// At the next record that comes.
    Latest,
}

/// What a worker consumes, as whom.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// How to reach the cluster.
    pub client: ClientSettings,
    /// The consumer group.
    pub group: String,
    /// Static membership under this id (`group.instance.id`); `None` = dynamic.
    pub instance: Option<String>,
    /// The input topic.
    pub topic: String,
    /// Where a new group starts.
    pub start: Start,
}

/// The user's properties override these.
const DEFAULTS: &[(&str, &str)] = &[
    // A full prefetch queue would otherwise idle its partition for a second.
    ("fetch.queue.backoff.ms", "20"),
    ("fetch.wait.max.ms", "100"),
    ("queued.max.messages.kbytes", "32768"),
    ("check.crcs", "true"),
];

/// Who is told that partitions are taken away, while they still are ours.
pub trait RevokeHandler: Send + Sync + 'static {
    /// Partitions are about to go to another member: commit what can be, within a budget of
    /// seconds, then forget them. Runs inside [`Source::poll`].
    fn handle_revoked(&self, membership: &Membership<'_>, partitions: &[i32]);

    /// Partitions are gone already: nothing of them may be committed any more.
    fn handle_lost(&self, partitions: &[i32]);
}

/// What [`Source::poll`] brought.
#[derive(Debug)]
pub enum SourceEvent<'a> {
    /// A record of an assigned partition.
    Record(SourceRecord<'a>),
    /// Partitions are ours, each to be read from its offset.
    Assigned(Vec<Assigned>),
    /// Nothing this time.
    Idle,
}

/// A record in the client's buffer.
#[derive(Debug)]
pub struct SourceRecord<'a>(BorrowedMessage<'a>);

impl SourceRecord<'_> {
    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// CreateTime or LogAppendTime in milliseconds since the Unix epoch, if it has one.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.0.timestamp().to_millis().filter(|time| *time >= 0)
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// Its value.
    pub fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Its headers, encoded (see [`encode_headers`](crate::encode_headers)), in place of what
    /// `out` held.
    pub fn headers(&self, out: &mut Vec<u8>) {
        out.clear();
        let headers = (0..).map_while(|index| ffi::header(&self.0, index));
        encode_headers(headers.map(|header| (header.name, header.value)), out);
    }
}

/// A partition given to this member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// The partition.
    pub partition: i32,
    /// Where to read on.
    pub offset: i64,
    /// False if the group had committed nothing here, so that this is where it starts.
    pub committed: bool,
    /// Records between the committed offset and the log's start: deleted before they were read.
    pub missing: i64,
}

/// A consumer in a group, polled by one thread.
pub struct Source {
    consumer: BaseConsumer<Context>,
    settings: SourceSettings,
}

struct Context {
    handler: Box<dyn RevokeHandler>,
    /// Given by the group, not yet resolved to offsets. Only the polling thread touches it.
    given: Mutex<Vec<i32>>,
    member: Mutex<Standing>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// The group has assigned something, if only an empty list.
    joined: bool,
}

/// The right to commit for a group, valid while partitions are held.
pub struct Membership<'a> {
    consumer: &'a BaseConsumer<Context>,
}

impl Source {
    /// Joins the group; nothing is read before [`poll`](Self::poll).
    ///
    /// # Errors
    /// If librdkafka refuses the settings or the topic's name.
    pub fn join(
        settings: SourceSettings,
        handler: Box<dyn RevokeHandler>,
    ) -> Result<Self, SourceError> {
        let mut owned = vec![
            ("group.id", settings.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            // Offsets are always given. That one is out of range must never go unnoticed.
            ("auto.offset.reset", "error"),
        ];
        let properties = &settings.client.properties;
        let classic = properties.get("group.protocol").is_none_or(|protocol| protocol == "classic");
        if classic && !properties.contains_key("partition.assignment.strategy") {
            owned.push(("partition.assignment.strategy", "cooperative-sticky"));
        }
        if let Some(instance) = &settings.instance {
            owned.push(("group.instance.id", instance));
        }
        let config = settings.client.config_with(DEFAULTS, &owned);
        let context = Context { handler, given: Mutex::default(), member: Mutex::default() };
        let consumer: BaseConsumer<Context> = settings.client.client(&config, context)?;
        consumer
            .subscribe(&[&settings.topic])
            .map_err(|error| settings.trouble("subscribing", &error))?;
        Ok(Self { consumer, settings })
    }

    /// The next record or change; serves the group, so it must be called every few seconds.
    ///
    /// # Errors
    /// If this member cannot go on: its id is taken, access is refused, or an offset is out of
    /// range.
    pub fn poll(&self, timeout: Duration) -> Result<SourceEvent<'_>, SourceError> {
        if let Some(assigned) = self.resolve()? {
            return Ok(SourceEvent::Assigned(assigned));
        }
        match self.consumer.poll(timeout) {
            None => Ok(SourceEvent::Idle),
            Some(Ok(message)) => Ok(SourceEvent::Record(SourceRecord(message))),
            Some(Err(error)) if is_passing(&error) => {
                warn!(topic = self.settings.topic, error = %describe(&error), "consuming is held up");
                Ok(SourceEvent::Idle)
            }
            Some(Err(error)) => Err(self.settings.trouble("consuming", &error)),
        }
    }

    /// The right to commit for the group.
    pub fn membership(&self) -> Membership<'_> {
        Membership { consumer: &self.consumer }
    }

    /// True once the group has assigned partitions, or none.
    pub fn has_joined(&self) -> bool {
        lock(&self.consumer.context().member).joined
    }

    /// Stops and starts fetching: while paused, [`poll`](Self::poll) serves the group alone.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn set_paused(&self, paused: bool) -> Result<(), SourceError> {
        let change = self.consumer.assignment().and_then(|held| {
            if paused { self.consumer.pause(&held) } else { self.consumer.resume(&held) }
        });
        change.map_err(|error| self.settings.trouble("pausing", &error))
    }

    /// Finds out where to read the partitions that the group gave us, then takes them. The group
    /// waits for that; `None` = nothing was given, or the broker has no stable answer yet.
    fn resolve(&self) -> Result<Option<Vec<Assigned>>, SourceError> {
        let given = lock(&self.consumer.context().given).clone();
        if given.is_empty() {
            return Ok(None);
        }
        let resolved = match self.starts(&given) {
            Ok(resolved) => resolved,
            Err(error) if is_passing(&error) => {
                debug!(error = %describe(&error), "committed offsets are not known yet");
                return Ok(None);
            }
            Err(error) => {
                return Err(self.settings.trouble("asking for committed offsets", &error));
            }
        };
        let mut list = TopicPartitionList::new();
        for assigned in &resolved {
            list.add_partition_offset(
                &self.settings.topic,
                assigned.partition,
                Offset::Offset(assigned.offset),
            )
            .map_err(|error| self.settings.trouble("assigning", &error))?;
        }
        lock(&self.consumer.context().given).clear();
        assign(&self.consumer, &list)
            .map_err(|error| self.settings.trouble("assigning", &error))?;
        Ok(Some(resolved))
    }

    /// The stable committed offset of each partition, or where the group is to start.
    fn starts(&self, partitions: &[i32]) -> KafkaResult<Vec<Assigned>> {
        /// The broker may be waiting for an open transaction: asked again, so that the group is
        /// served in between.
        const PATIENCE: Duration = Duration::from_millis(500);
        let topic = &self.settings.topic;
        let mut question = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            question.add_partition(topic, *partition);
        }
        let committed = self.consumer.committed_offsets(question, PATIENCE)?;
        let at = |wanted| {
            let mut question = TopicPartitionList::with_capacity(partitions.len());
            for partition in partitions {
                question.add_partition_offset(topic, *partition, wanted)?;
            }
            self.consumer.offsets_for_times(question, PATIENCE)
        };
        let log_starts = at(Offset::Beginning)?;
        let news = match self.settings.start {
            Start::Earliest => at(Offset::Beginning)?,
            Start::Latest => at(Offset::End)?,
        };
        let find = |list: &TopicPartitionList, partition| -> KafkaResult<Offset> {
            let missing = KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition);
            let element = list.find_partition(topic, partition).ok_or(missing)?;
            element.error()?;
            Ok(element.offset())
        };
        let mut starts = Vec::with_capacity(partitions.len());
        for partition in partitions.iter().copied() {
            let none = KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset);
            let Offset::Offset(log_start) = find(&log_starts, partition)? else { return Err(none) };
            let (offset, committed) = match (find(&committed, partition)?, find(&news, partition)?)
            {
                (Offset::Offset(offset), _) => (offset, true),
                (_, Offset::Offset(offset)) => (offset, false),
                (_, _) => return Err(none),
            };
            let missing = (log_start - offset).max(0);
            starts.push(Assigned { partition, offset: offset.max(log_start), committed, missing });
        }
        Ok(starts)
    }
}

impl Drop for Source {
    /// Leaves the group, which takes partitions back through the handler.
    fn drop(&mut self) {
        // A group that waits for us to take what it gave would not let us go.
        let given = std::mem::take(&mut *lock(&self.consumer.context().given));
        if !given.is_empty() {
            let mut list = TopicPartitionList::new();
            for partition in given {
                list.add_partition(&self.settings.topic, partition);
            }
            if let Err(error) = assign(&self.consumer, &list) {
                warn!(error = %describe(&error), "partitions could not be taken before leaving the group");
            }
        }
    }
}

impl SourceSettings {
    fn trouble(&self, what: &'static str, error: &KafkaError) -> SourceError {
        SourceError::Refused {
            topic: self.topic.clone(),
            group: self.group.clone(),
            what,
            reason: describe(error),
            remedy: remedy(error),
        }
    }
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

    /// Commits offsets outside a transaction, with the group's own check of the member.
    pub(crate) fn commit(&self, offsets: &TopicPartitionList) -> KafkaResult<()> {
        self.consumer.commit(offsets, CommitMode::Sync)
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
        let partitions: Vec<i32> =
            list.elements().iter().map(|element| element.partition()).collect();
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
            unassign(consumer, list)
        };
        if let Err(error) = done {
            warn!(error = %describe(&error), "the assignment could not be changed");
        }
    }
}

impl Context {
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
        let mut given = lock(&self.given);
        let held = partitions.iter().copied().filter(|partition| !given.contains(partition));
        let held = held.collect();
        given.retain(|partition| !partitions.contains(partition));
        held
    }
}

fn assign(consumer: &BaseConsumer<Context>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
    }
}

fn unassign(consumer: &BaseConsumer<Context>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

/// Troubles that librdkafka works on by itself, or that asking again may end.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    if matches!(error, KafkaError::PartitionEOF(_)) {
        return true;
    }
    let stays = matches!(
        error.rdkafka_error_code(),
        Some(
            Code::Fatal
                | Code::AutoOffsetReset
                | Code::OffsetOutOfRange
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::FencedInstanceId
                | Code::UnreleasedInstanceId
                | Code::InvalidTopic
                | Code::UnsupportedVersion
        )
    );
    !stays
}

fn remedy(error: &KafkaError) -> &'static str {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => {
            "create it with `tailsift topics`"
        }
        Some(Code::FencedInstanceId | Code::UnreleasedInstanceId) => {
            "another process runs under the same `instance`: give each its own"
        }
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
            "records were deleted before they were read: lengthen the topic's retention, then start again to go on at the log's start"
        }
        Some(Code::TopicAuthorizationFailed) => "grant Read and Describe on the topic",
        Some(Code::GroupAuthorizationFailed) => "grant Read on the group",
        Some(_) | None => "check that the brokers answer and that access is granted",
    }
}

/// The lock is never contended (one thread polls) and holds plain data, so a panic elsewhere
/// leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<ClientError> for SourceError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

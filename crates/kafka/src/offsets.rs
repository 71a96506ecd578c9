//! Partitions and offsets of topics, asked of the brokers.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{ClientSettings, LogBridge};
use crate::error::{ClientError, TopicError};

/// Which records of transactions a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Those of committed transactions; reading stops before the first open one.
    Committed,
    /// All, those of aborted and open transactions too.
    Uncommitted,
}

/// An offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionOffset {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// How long a question may take, retries included, unless told otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long brokers may not know of a topic that others know of.
const HEARSAY: Duration = Duration::from_secs(5);
const RETRY_EVERY: Duration = Duration::from_millis(50);

impl Isolation {
    pub(crate) fn property(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }
}

/// Which offset of each partition is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// The log's first record.
    Start,
    /// The end as the consumer's isolation level sees it.
    End,
    /// The first record with at least this timestamp.
    AtTime(i64),
}

/// Refuses names that no broker takes (Apache Kafka, `Topic.validate`).
pub(crate) fn check_topic_name(topic: &str) -> Result<(), TopicError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let well_formed = (1..=249).contains(&topic.len()) && topic.chars().all(legal);
    if well_formed && !matches!(topic, "." | "..") {
        return Ok(());
    }
    Err(TopicError::Name { topic: topic.chars().take(300).collect() })
}

/// A consumer that only asks.
pub(crate) fn asking_consumer(
    settings: &ClientSettings,
    isolation: Isolation,
) -> Result<BaseConsumer<LogBridge>, ClientError> {
    let config = settings.config_with(&[], &[("isolation.level", isolation.property())]);
    settings.client(&config, LogBridge)
}

/// How many partitions the topic has; `None` if it does not exist.
pub(crate) fn partition_count(
    consumer: &BaseConsumer<LogBridge>,
    topic: &str,
    patience: Duration,
) -> Result<Option<i32>, TopicError> {
    check_topic_name(topic)?;
    retrying(topic, "asking for its partitions", patience, |patience| {
        let metadata = consumer.fetch_metadata(Some(topic), patience)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(Some(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX))),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Ok(None)
            }
            Some(code) => Err(KafkaError::MetadataFetch(code)),
        }
    })
}

/// The same, where a missing topic is an error. Brokers are believed only after a while that there
/// is none: they hear of a new topic, or, after their start, of all, some time later than others.
pub(crate) fn existing_partitions(
    consumer: &BaseConsumer<LogBridge>,
    topic: &str,
    patience: Duration,
) -> Result<i32, TopicError> {
    let deadline = Instant::now() + patience.min(HEARSAY);
    loop {
        match partition_count(consumer, topic, patience)? {
            Some(count) if count > 0 => return Ok(count),
            _ if Instant::now() >= deadline => {
                return Err(TopicError::Missing { topic: topic.to_owned() });
            }
            _ => std::thread::sleep(RETRY_EVERY),
        }
    }
}

/// The wanted offset of each partition in `0..partitions`; with [`Wanted::AtTime`], `None` where
/// all records are older.
pub(crate) fn list_offsets(
    consumer: &BaseConsumer<LogBridge>,
    topic: &str,
    partitions: i32,
    wanted: Wanted,
    patience: Duration,
) -> Result<Vec<Option<i64>>, TopicError> {
    // The protocol's ListOffsets takes -2 and -1 for start and end in place of a timestamp.
    let timestamp = match wanted {
        Wanted::Start => Offset::Beginning,
        Wanted::End => Offset::End,
        Wanted::AtTime(ms) => Offset::Offset(ms.max(0)),
    };
    retrying(topic, "asking for its offsets", patience, |patience| {
        let mut question = TopicPartitionList::with_capacity(partitions.max(0) as usize);
        for partition in 0..partitions {
            question.add_partition_offset(topic, partition, timestamp)?;
        }
        let answer = consumer.offsets_for_times(question, patience)?;
        (0..partitions)
            .map(|partition| {
                let unknown = KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition);
                let element = answer.find_partition(topic, partition).ok_or(unknown)?;
                element.error()?;
                match (element.offset(), wanted) {
                    (Offset::Offset(offset), _) => Ok(Some(offset)),
                    (_, Wanted::AtTime(_)) => Ok(None),
                    (_, Wanted::Start | Wanted::End) => {
                        Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))
                    }
                }
            })
            .collect()
    })
}

/// Asks until it is answered, the patience is over or the error is one that stays.
pub(crate) fn retrying<R>(
    topic: &str,
    what: &'static str,
    patience: Duration,
    mut ask: impl FnMut(Duration) -> KafkaResult<R>,
) -> Result<R, TopicError> {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match ask(left.max(RETRY_EVERY)) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !passes(&error) || left <= RETRY_EVERY {
            return Err(TopicError::of(topic, what, &error));
        }
        std::thread::sleep(RETRY_EVERY);
    }
}

/// True for troubles that pass by themselves: elections, restarts, stale metadata.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::ReplicaNotAvailable
                | Code::BrokerNotAvailable
                | Code::BrokerTransportFailure
                | Code::NetworkException
                | Code::RequestTimedOut
                | Code::OperationTimedOut
                | Code::UnknownPartition
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition
                | Code::OffsetNotAvailable
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::WaitingForCoordinator
                | Code::UnstableOffsetCommit
        )
    )
}

//! What can go wrong at the client's side of a broker.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tailsift_sampler::Refusal;

use crate::decision_log::DecisionLogError;

/// A client could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "kafka client for {bootstrap_servers:?} could not be created: {reason}; \
     check kafka.bootstrap_servers and kafka.properties"
)]
pub struct ClientError {
    /// The brokers it was meant for.
    pub bootstrap_servers: String,
    /// librdkafka's reason; never holds a property's value.
    pub reason: String,
}

/// A record could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No producer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The broker took nothing for too long while the local queue was full.
    #[error(
        "topic {topic}: the producer's queue stayed full for {waited:?}; \
         check that the brokers answer, or raise queue.buffering.max.kbytes"
    )]
    QueueFull {
        /// Where the record was meant to go.
        topic: String,
        /// How long the send waited.
        waited: Duration,
    },
    /// The client refused the record at once.
    #[error(
        "topic {topic}: record of {bytes} bytes was refused: {reason}; \
         check the topic's name and partition, and message.max.bytes"
    )]
    Refused {
        /// Where the record was meant to go.
        topic: String,
        /// Key, value and headers, uncompressed.
        bytes: usize,
        /// librdkafka's reason.
        reason: String,
    },
    /// Some records were given up.
    #[error(
        "{failed} of {total} records were not written, the first because: {first}; \
         records that were acknowledged stay written"
    )]
    Undelivered {
        /// Records given up.
        failed: u64,
        /// Records sent.
        total: u64,
        /// Topic, partition and reason of the first.
        first: String,
    },
    /// The flush did not end in time.
    #[error(
        "{outstanding} records were not acknowledged within {waited:?}; \
         check that the brokers answer, or allow more time"
    )]
    FlushTimeout {
        /// Records whose fate is open.
        outstanding: u64,
        /// How long the flush waited.
        waited: Duration,
    },
}

/// A topic could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No consumer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Its partitions or offsets could not be learned.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A partition cannot be read on.
    #[error("topic {topic}: reading stopped: {reason}; {remedy}")]
    Refused {
        /// The topic.
        topic: String,
        /// The broker's or the client's reason.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Nothing came for too long although the end was not reached.
    #[error(
        "topic {topic} partition {partition}: expected records up to offset {end}, \
         got nothing beyond {position} for {waited:?}{last}; check that its leader answers"
    )]
    Stalled {
        /// The topic.
        topic: String,
        /// The first partition that is not read to its end.
        partition: i32,
        /// The next offset that was expected.
        position: i64,
        /// The end that was to be reached (exclusive).
        end: i64,
        /// How long nothing came.
        waited: Duration,
        /// The last trouble the client reported, or nothing.
        last: String,
    },
}

/// A worker cannot go on consuming.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No consumer.
    #[error(transparent)]
    Client(ClientError),
    /// The broker or the client refused.
    #[error("topic {topic}, group {group}, as {principal}: {what} failed: {reason}; {remedy}")]
    Refused {
        /// The input topic.
        topic: String,
        /// The consumer group.
        group: String,
        /// Who we are to the brokers.
        principal: Box<str>,
        /// What was tried.
        what: &'static str,
        /// The broker's or the client's reason.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

/// A worker cannot go on committing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// No producer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The transactional id is not granted.
    #[error(
        "transactional id {transactional_id}: Write is not granted to {principal}; grant it: \
         `tailsift topics --acls -c FILE` prints what is needed (the broker says: {reason})"
    )]
    Denied {
        /// The producer's identity.
        transactional_id: String,
        /// Who needs it.
        principal: String,
        /// The broker's reason.
        reason: String,
    },
    /// Transactions could not be initialised.
    #[error(
        "transactional id {transactional_id}: transactions could not be initialised within \
         {waited:?}: {reason}; check that the brokers answer"
    )]
    Initialise {
        /// The producer's identity.
        transactional_id: String,
        /// How long it was tried.
        waited: Duration,
        /// The broker's or the client's reason.
        reason: String,
    },
    /// The producer was fenced again and again.
    #[error(
        "transactional id {transactional_id}: the producer was lost {times} times within ten \
         minutes, last because: {reason}; another process probably runs under the same \
         `instance`: give each its own"
    )]
    Twin {
        /// The producer's identity.
        transactional_id: String,
        /// How often.
        times: usize,
        /// The last reason.
        reason: String,
    },
    /// An offset that cannot be committed.
    #[error("partition {partition}: offset {offset} cannot be committed: {reason}")]
    Offset {
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// The client's reason.
        reason: String,
    },
    /// The operating system gives no thread.
    #[error("no thread to commit offsets from: {reason}; check the limit on threads (ulimit -u)")]
    Thread {
        /// The system's reason.
        reason: String,
    },
}

/// What an operator can do about a decision log that lacks what is needed.
const WITHOUT_LOG: &str = "bring the log back, or start once with --accept-lost-decisions: then \
     what was exported since the committed offset may be exported again, and late spans are judged \
     anew";

/// A partition cannot be taken up without risking that something is exported twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The log begins later than it is needed.
    #[error(
        "the decision log is needed from offset {needed} of its partition {log_partition} on and \
         begins at {start}: it was deleted too early; {WITHOUT_LOG}, and see that the decisions \
         topic keeps its records for as long as the input topic does"
    )]
    LogStartsLate {
        /// The log's partition.
        log_partition: i32,
        /// The offset from which on it is needed.
        needed: i64,
        /// Where it begins.
        start: i64,
    },
    /// The last batch is not there.
    #[error(
        "batch {sequence} is committed, but is not in partition {log_partition} of the decision \
         log: the topic was truncated or made anew; {WITHOUT_LOG}"
    )]
    BatchMissing {
        /// The log's partition.
        log_partition: i32,
        /// The number of the batch.
        sequence: u64,
    },
    /// The topic is not there.
    #[error("the decisions topic {topic} does not exist; create it with `tailsift topics`")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// A record of the log cannot be read.
    #[error(
        "topic {topic} partition {log_partition}: the record at offset {offset} cannot be read: \
         {source}"
    )]
    Unreadable {
        /// The topic.
        topic: String,
        /// The log's partition.
        log_partition: i32,
        /// The record.
        offset: i64,
        /// What is wrong with it.
        source: DecisionLogError,
    },
}

impl From<Refusal> for RestoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LogStartsLate { log_partition, needed, start } => {
                Self::LogStartsLate { log_partition, needed, start }
            }
            Refusal::BatchMissing { log_partition, sequence } => {
                Self::BatchMissing { log_partition, sequence }
            }
        }
    }
}

/// A question about a topic, or its creation, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A name that no broker takes.
    #[error(
        "topic {topic:?}: expected 1 to 249 letters, digits, dots, underscores or hyphens; \
         choose another name"
    )]
    Name {
        /// The name, at most its first 300 characters.
        topic: String,
    },
    /// The topic is not there.
    #[error("topic {topic} does not exist; create it with `tailsift topics`")]
    Missing {
        /// The topic.
        topic: String,
    },
    /// The broker did not answer as needed.
    #[error("topic {topic}: {what} failed: {reason}; {remedy}")]
    Request {
        /// The topic.
        topic: String,
        /// What was asked.
        what: &'static str,
        /// The broker's or the client's reason.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The broker says that a grant is missing.
    #[error("topic {topic}: {what} is not allowed: {reason}; {remedy}")]
    Denied {
        /// The topic.
        topic: String,
        /// What was asked.
        what: &'static str,
        /// The broker's reason.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Created, but not seen by the brokers in time.
    #[error(
        "topic {topic}: expected {partitions} partitions with a leader within {waited:?}, \
         got {got}; check the brokers' health"
    )]
    NotVisible {
        /// The topic.
        topic: String,
        /// Partitions asked for.
        partitions: i32,
        /// What metadata said last.
        got: String,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl TopicError {
    /// A question that was not answered as needed.
    pub(crate) fn of(topic: &str, what: &'static str, error: &KafkaError) -> Self {
        let (topic, reason) = (topic.to_owned(), describe(error));
        match denial(error) {
            Some(remedy) => Self::Denied { topic, what, reason, remedy },
            None => {
                let remedy = "check that the brokers answer and that access is granted";
                Self::Request { topic, what, reason, remedy }
            }
        }
    }
}

/// What to do about an error that says that a grant is missing; `None` of all others.
pub(crate) fn denial(error: &KafkaError) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::TopicAuthorizationFailed) => Some(
            "grant access to the topic: `tailsift topics --acls -c FILE` prints what is needed",
        ),
        Some(Code::GroupAuthorizationFailed) => {
            Some("grant Read on the group: `tailsift topics --acls -c FILE` prints what is needed")
        }
        Some(Code::TransactionalIdAuthorizationFailed) => Some(
            "grant Write on the transactional id: `tailsift topics --acls -c FILE` prints what is \
             needed",
        ),
        Some(Code::ClusterAuthorizationFailed) => Some(
            "grant access to the cluster: `tailsift topics --acls -c FILE` prints what is needed",
        ),
        Some(_) | None => None,
    }
}

/// The embedded broker did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("embedded broker: {what} failed: {reason}; it needs free loopback ports and sound topics")]
pub struct EmbeddedError {
    /// The step.
    pub what: String,
    /// librdkafka's reason.
    pub reason: String,
}

/// What to do about an error of a reading client that stays; `None` of one that passes by itself.
pub(crate) fn remedy_for_reading(error: &KafkaError) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::TopicAuthorizationFailed) => Some("grant Read on the topic"),
        Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL) => {
            Some("check the credentials in kafka.properties")
        }
        Some(Code::Fatal) => Some("read again"),
        _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Some("read again"),
        _ => None,
    }
}

/// The text of an error without the value of any property (the wrapper's own text holds it).
pub(crate) fn describe(error: &KafkaError) -> String {
    if let KafkaError::ClientConfig(_, reason, key, value) = error {
        let reason = if value.is_empty() { reason.clone() } else { reason.replace(value, "…") };
        return format!("property {key}: {reason}");
    }
    error.to_string()
}

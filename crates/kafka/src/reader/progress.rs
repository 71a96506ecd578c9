//! How far a reader has come, partition by partition.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::LogBridge;
use crate::error::{ReadError, describe, remedy_for_reading};

/// How far each partition is read.
pub(super) struct Progress {
    topic: String,
    /// By partition; `None` is not read.
    partitions: Vec<Option<PartitionProgress>>,
    unfinished: usize,
    trouble: Option<String>,
}

/// How far one partition is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartitionProgress {
    pub(super) position: i64,
    /// Exclusive; `None` is followed.
    end: Option<i64>,
    done: bool,
}

impl PartitionProgress {
    pub(super) fn new(position: i64, end: Option<i64>) -> Self {
        Self { position, end, done: end.is_some_and(|end| position >= end) }
    }
}

impl Progress {
    pub(super) fn new(topic: &str, partitions: Vec<Option<PartitionProgress>>) -> Self {
        let unfinished = partitions.iter().flatten().filter(|at| !at.done).count();
        Self { topic: topic.to_owned(), partitions, unfinished, trouble: None }
    }

    /// Has the consumer fetch what is still to be read.
    pub(super) fn assign_to(&self, consumer: &BaseConsumer<LogBridge>) -> Result<(), ReadError> {
        let refused = |error: &KafkaError| ReadError::Refused {
            topic: self.topic.clone(),
            reason: describe(error),
            remedy: "check that the brokers answer",
        };
        let mut list = TopicPartitionList::new();
        for (partition, at) in self.each().filter(|(_, at)| !at.done) {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(at.position))
                .map_err(|error| refused(&error))?;
        }
        consumer.assign(&list).map_err(|error| refused(&error))
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (i32, &PartitionProgress)> {
        (0..).zip(&self.partitions).filter_map(|(partition, at)| Some((partition, at.as_ref()?)))
    }

    pub(super) fn at_end(&self) -> bool {
        self.unfinished == 0
    }

    pub(super) fn follows(&self) -> bool {
        self.each().all(|(_, at)| at.done || at.end.is_none())
    }

    /// The next record within the ranges.
    pub(super) fn poll<'c>(
        &mut self,
        consumer: &'c BaseConsumer<LogBridge>,
        timeout: Duration,
    ) -> Result<Option<BorrowedMessage<'c>>, ReadError> {
        let mut deadline = None;
        let mut left = timeout;
        while !self.at_end() {
            match consumer.poll(left) {
                Some(Ok(message)) => {
                    let wanted = self.advance(consumer, message.partition(), message.offset());
                    if wanted {
                        return Ok(Some(message));
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => self.log_end(partition),
                Some(Err(error)) => self.note(&error)?,
                None => {}
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + timeout);
            left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
        }
        Ok(None)
    }

    /// Counts a record; false if it lies beyond what was asked for.
    fn advance(&mut self, consumer: &BaseConsumer<LogBridge>, partition: i32, offset: i64) -> bool {
        let Some(at) = self.at(partition).filter(|at| !at.done) else {
            return false;
        };
        let wanted = at.end.is_none_or(|end| offset < end);
        at.position = if wanted { offset + 1 } else { at.end.unwrap_or(offset) };
        if at.end.is_some_and(|end| at.position >= end) {
            self.finish(partition);
            self.stop_fetching(consumer, partition);
        }
        wanted
    }

    /// The log's end lies at or beyond every end that was asked for, so nothing more is to come.
    fn log_end(&mut self, partition: i32) {
        if let Some(at) = self.at(partition)
            && let Some(end) = at.end
            && !at.done
        {
            at.position = end;
            self.finish(partition);
        }
    }

    fn finish(&mut self, partition: i32) {
        if let Some(at) = self.at(partition) {
            at.done = true;
            self.unfinished -= 1;
        }
    }

    /// Keeps a finished partition of a growing topic from filling the queue.
    fn stop_fetching(&self, consumer: &BaseConsumer<LogBridge>, partition: i32) {
        if self.at_end() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.topic, partition);
        if let Err(error) = consumer.pause(&list) {
            // Its records are passed over one by one instead.
            tracing::debug!(topic = self.topic, partition, error = %describe(&error), "not paused");
        }
    }

    fn at(&mut self, partition: i32) -> Option<&mut PartitionProgress> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)?.as_mut()
    }

    /// Gives up on errors that stay; remembers the others.
    fn note(&mut self, error: &KafkaError) -> Result<(), ReadError> {
        use RDKafkaErrorCode as Code;
        let remedy = match error.rdkafka_error_code() {
            // Nothing is asked of the group.
            Some(Code::GroupAuthorizationFailed) => return Ok(()),
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => Some(
                "the offset is not in the log (any more): raise the topic's retention, or read again",
            ),
            Some(_) | None => remedy_for_reading(error),
        };
        let reason = describe(error);
        let Some(remedy) = remedy else {
            self.trouble = Some(reason);
            return Ok(());
        };
        Err(ReadError::Refused { topic: self.topic.clone(), reason, remedy })
    }

    pub(super) fn stalled(&self, waited: Duration) -> ReadError {
        let unfinished = self.each().find(|(_, at)| !at.done);
        let (partition, position, end) = unfinished
            .map_or((-1, -1, -1), |(partition, at)| (partition, at.position, at.end.unwrap_or(-1)));
        let last = self.trouble.as_ref().map(|trouble| format!(" ({trouble})"));
        ReadError::Stalled {
            topic: self.topic.clone(),
            partition,
            position,
            end,
            waited,
            last: last.unwrap_or_default(),
        }
    }
}

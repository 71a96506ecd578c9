//! What is committed for each part: its offset, and beside it its checkpoint.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaResult;
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};
use tailsift_sampler::Epoch;

use super::Sink;
use super::produce::Transactional;
use super::step::{Next, Step, is_retriable};
use crate::decision_log::CommitMetadata;
use crate::error::{SinkError, describe};

/// Offsets on their way into a transaction.
///
/// The call has a thread to itself, because librdkafka may not return from it: when the group's
/// coordinator is gone for good, it waits for that broker to come back, whatever the time-out
/// (issues 5456 and 5511 of librdkafka). A thread that hangs keeps its producer, which a new one
/// has fenced by then, until the call returns after all.
pub(super) struct Adding {
    answer: Receiver<(ConsumerGroupMetadata, KafkaResult<()>)>,
    since: Instant,
}

impl Adding {
    /// Longer than a coordinator takes to move; shorter than a transaction may stay open.
    const HUNG_AFTER: Duration = Duration::from_secs(10);

    fn begin(
        producer: &Transactional,
        offsets: TopicPartitionList,
        metadata: ConsumerGroupMetadata,
    ) -> std::io::Result<Self> {
        let (sender, answer) = sync_channel(1);
        let producer = producer.handle().share();
        let call = move || {
            let result = producer.send_offsets_to_transaction(&offsets, &metadata, Sink::STEP);
            // Whoever asked may have given up.
            let _ = sender.send((metadata, result));
        };
        std::thread::Builder::new().name("add-offsets".into()).spawn(call)?;
        Ok(Self { answer, since: Instant::now() })
    }

    fn is_hung(&self) -> bool {
        self.since.elapsed() >= Self::HUNG_AFTER
    }

    /// Waits for the call to return: nothing else may be asked of the producer before.
    pub(super) fn has_returned_within(&self, budget: Duration) -> bool {
        self.answer.recv_timeout(budget).is_ok()
    }
}

impl Sink {
    pub(super) fn offsets(&self, epoch: &Epoch) -> Result<TopicPartitionList, SinkError> {
        let mut list = TopicPartitionList::with_capacity(epoch.parts.len());
        for part in &epoch.parts {
            let (topic, partition) = self.settings.input_topics.place(part.partition);
            let mut element = list.add_partition(&topic, partition);
            element.set_offset(Offset::Offset(part.commit_offset)).map_err(|error| {
                SinkError::Offset {
                    partition: part.partition,
                    offset: part.commit_offset,
                    reason: describe(&error),
                }
            })?;
            let commit = part.commit(self.settings.scope, self.settings.config);
            element.set_metadata(CommitMetadata(commit).to_string());
        }
        Ok(list)
    }

    /// Begins to add offsets to the transaction.
    pub(super) fn add_offsets(
        &self,
        epoch: &Epoch,
        metadata: ConsumerGroupMetadata,
    ) -> Result<Step, SinkError> {
        let adding = Adding::begin(self.producer(), self.offsets(epoch)?, metadata);
        let adding = adding.map_err(|error| SinkError::Thread { reason: error.to_string() })?;
        Ok(Step::Offsets { adding })
    }

    /// Looks whether offsets have been added.
    pub(super) fn added(&mut self, adding: Adding, epoch: &Epoch) -> Result<Next, SinkError> {
        let (metadata, result) = match adding.answer.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) if !adding.is_hung() => {
                return Ok(Next::Later(Step::Offsets { adding }));
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                self.replace("the client does not return from adding offsets to a transaction")?;
                return Ok(Next::Again(Step::Doubt));
            }
        };
        match result {
            Ok(()) => Ok(Next::Step(Step::Commit)),
            Err(error) if is_retriable(&error) => {
                Ok(Next::Later(self.add_offsets(epoch, metadata)?))
            }
            Err(error) => self.failed("adding offsets to the transaction", &error, None),
        }
    }
}

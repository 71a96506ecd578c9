//! Where partitions end, asked from a connection of its own.

use std::time::Duration;

use rdkafka::consumer::BaseConsumer;

use crate::client::{ClientSettings, LogBridge};
use crate::error::TopicError;
use crate::offsets::{
    Isolation, PartitionOffset, Wanted, asking_consumer, existing_partitions, list_offsets,
};

/// Asks for end offsets, those of open transactions included: the proof that a partition is idle.
pub struct Observer {
    consumer: BaseConsumer<LogBridge>,
    topic: String,
}

impl Observer {
    /// An observer of one topic; connects at the first question.
    ///
    /// # Errors
    /// If librdkafka refuses the settings.
    pub fn new(settings: &ClientSettings, topic: &str) -> Result<Self, TopicError> {
        let consumer = asking_consumer(settings, Isolation::Uncommitted)?;
        Ok(Self { consumer, topic: topic.to_owned() })
    }

    /// The end of every partition: the offset that the next record will get.
    ///
    /// # Errors
    /// If the topic is missing or the brokers do not answer within `patience`.
    pub fn end_offsets(&self, patience: Duration) -> Result<Vec<PartitionOffset>, TopicError> {
        let partitions = existing_partitions(&self.consumer, &self.topic, patience)?;
        let ends = list_offsets(&self.consumer, &self.topic, partitions, Wanted::End, patience)?;
        let ends = (0..).zip(ends).filter_map(|(partition, offset)| Some((partition, offset?)));
        Ok(ends.map(|(partition, offset)| PartitionOffset { partition, offset }).collect())
    }
}

//! What is committed for each part: its offset, and beside it its checkpoint.

use rdkafka::{Offset, TopicPartitionList};
use tailsift_sampler::Epoch;

use super::Sink;
use crate::decision_log::CommitMetadata;
use crate::error::{SinkError, describe};

impl Sink {
    pub(super) fn offsets(&self, epoch: &Epoch) -> Result<TopicPartitionList, SinkError> {
        let mut list = TopicPartitionList::with_capacity(epoch.parts.len());
        for part in &epoch.parts {
            let mut element = list.add_partition(&self.settings.input_topic, part.partition);
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
}

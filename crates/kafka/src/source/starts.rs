//! Where to read partitions that the group has given.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tailsift_sampler::Past;

use super::{Assigned, Source, Start};
use crate::decision_log::CommitMetadata;
use crate::error::SourceError;
use crate::ffi;

impl Source {
    /// True if the group has an offset for any partition of the topic.
    fn has_committed_anywhere(&self, topic: &str, patience: Duration) -> KafkaResult<bool> {
        let metadata = self.consumer.fetch_metadata(Some(topic), patience)?;
        let mut question = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            question.add_partition(topic, partition.id());
        }
        let committed = self.consumer.committed_offsets(question, patience)?;
        let is_offset = |offset| matches!(offset, Offset::Offset(_));
        Ok(committed.elements().iter().any(|element| is_offset(element.offset())))
    }

    /// The stable committed offset of each partition, or where the group is to start.
    pub(super) fn starts(
        &self,
        partitions: &[i32],
    ) -> KafkaResult<Result<Vec<Assigned>, SourceError>> {
        /// The broker may be waiting for an open transaction: asked again, so that the group is
        /// served in between.
        const PATIENCE: Duration = Duration::from_millis(200);
        let places: Vec<_> =
            partitions.iter().map(|partition| self.settings.topics.place(*partition)).collect();
        let mut question = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in &places {
            question.add_partition(topic, *partition);
        }
        let last = self.consumer.committed_offsets(question, PATIENCE)?;
        let at = |wanted| {
            let mut question = TopicPartitionList::with_capacity(partitions.len());
            for (topic, partition) in &places {
                question.add_partition_offset(topic, *partition, wanted)?;
            }
            self.consumer.offsets_for_times(question, PATIENCE)
        };
        let log_starts = at(Offset::Beginning)?;
        // A partition that is younger than the group was empty when the group first looked.
        let mut new_topics = BTreeSet::new();
        let news = match self.settings.start {
            Start::Latest => {
                for topic in places.iter().map(|(topic, _)| topic).collect::<BTreeSet<_>>() {
                    if !self.has_committed_anywhere(topic, PATIENCE)? {
                        new_topics.insert(topic.clone());
                    }
                }
                at(Offset::End)?
            }
            Start::Earliest => log_starts.clone(),
        };
        let mut starts = Vec::with_capacity(partitions.len());
        for (number, (topic, partition)) in partitions.iter().copied().zip(&places) {
            let find = |list: &TopicPartitionList| -> KafkaResult<Offset> {
                let missing = KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition);
                let element = list.find_partition(topic, *partition).ok_or(missing)?;
                element.error()?;
                Ok(element.offset())
            };
            let none = KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset);
            let Offset::Offset(log_start) = find(&log_starts)? else { return Err(none) };
            let begin = if new_topics.contains(topic) { &news } else { &log_starts };
            let past = match (find(&last)?, find(begin)?) {
                (Offset::Offset(offset), _) => match self.past(&last, topic, *partition, offset) {
                    Ok(past) => past,
                    Err(error) => return Ok(Err(error)),
                },
                (_, Offset::Offset(offset)) => Past::Nothing(offset),
                (_, _) => return Err(none),
            };
            starts.push(Assigned { partition: number, past, log_start });
        }
        Ok(Ok(starts))
    }

    /// What a committed offset and its metadata say.
    fn past(
        &self,
        committed: &TopicPartitionList,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Past, SourceError> {
        let mut elements = committed.elements().into_iter();
        let index = elements
            .position(|element| element.topic() == topic && element.partition() == partition);
        let metadata = index.map_or(&[][..], |index| ffi::committed_metadata(committed, index));
        let commit = CommitMetadata::parse(metadata).map_err(|error| SourceError::Refused {
            topic: topic.to_owned(),
            group: self.settings.group.clone(),
            principal: self.settings.client.principal().into(),
            what: "reading what was committed",
            reason: format!("partition {partition}: {error}"),
            remedy: "start the release that committed it, or reset the group's offsets",
        })?;
        Ok(match commit.filter(|commit| commit.scope == self.settings.scope) {
            Some(commit) => Past::Ours(offset, commit),
            None => Past::Foreign(offset),
        })
    }
}

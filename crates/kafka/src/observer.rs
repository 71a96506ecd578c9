//! Where partitions end, and how far a group has come, asked from connections of their own.

mod tail;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use regex::Regex;

use crate::client::{ClientSettings, LogBridge};
use crate::error::TopicError;
use crate::ffi;
use crate::offsets::{
    Isolation, PartitionOffset, Wanted, asking_consumer, existing_partitions, list_offsets,
    retrying,
};
use tail::Tails;

/// Asks for end offsets, those of open transactions included: the proof that a partition is idle.
pub struct Observer {
    consumer: BaseConsumer<LogBridge>,
    tails: Tails,
}

impl Observer {
    /// An observer; connects at the first question.
    ///
    /// # Errors
    /// If librdkafka refuses the settings.
    pub fn new(settings: &ClientSettings) -> Result<Self, TopicError> {
        let consumer = asking_consumer(settings, Isolation::Uncommitted)?;
        Ok(Self { consumer, tails: Tails::new(settings.clone()) })
    }

    /// The end of every partition: the offset that the next record will get, or, once a partition
    /// was found unchanged, the offset behind its last record. Behind that there may be markers of
    /// transactions, which nobody is given.
    ///
    /// # Errors
    /// If the topic is missing or the brokers do not answer within `patience`.
    pub fn end_offsets(
        &mut self,
        topic: &str,
        patience: Duration,
    ) -> Result<Vec<PartitionOffset>, TopicError> {
        let partitions = existing_partitions(&self.consumer, topic, patience)?;
        let ends = list_offsets(&self.consumer, topic, partitions, Wanted::End, patience)?;
        let ends = (0..).zip(ends).filter_map(|(partition, offset)| Some((partition, offset?)));
        let mut ends: Vec<_> =
            ends.map(|(partition, offset)| PartitionOffset { partition, offset }).collect();
        self.tails.cut_off(topic, &mut ends)?;
        Ok(ends)
    }
}

/// How far a group has come in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where it ends ([`Observer::end_offsets`]); asked for before the rest.
    pub end: i64,
    /// The stable committed offset, if there is one.
    pub committed: Option<i64>,
    /// What was committed beside it.
    pub metadata: Vec<u8>,
}

/// Asks how far a group has come in what it reads.
pub struct GroupObserver {
    observer: Observer,
    /// Of the group, to ask for its offsets; no member.
    asking: BaseConsumer<LogBridge>,
    topics: Vec<String>,
    patterns: Vec<Regex>,
}

impl GroupObserver {
    /// An observer of a group and what it subscribes to: topics, and patterns that begin with `^`.
    ///
    /// # Errors
    /// If librdkafka refuses the settings, or a pattern is none.
    pub fn new(
        settings: &ClientSettings,
        group: &str,
        subscription: &[String],
    ) -> Result<Self, TopicError> {
        let owned = [
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("isolation.level", Isolation::Committed.property()),
        ];
        let asking = settings.client(&settings.config_with(&[], &owned), LogBridge)?;
        let is_pattern = |topic: &&String| topic.starts_with('^');
        let pattern = |topic: &String| {
            Regex::new(topic).map_err(|_| TopicError::Name { topic: topic.clone() })
        };
        let patterns = subscription.iter().filter(is_pattern).map(pattern);
        Ok(Self {
            observer: Observer::new(settings)?,
            asking,
            patterns: patterns.collect::<Result<_, _>>()?,
            topics: subscription.iter().filter(|topic| !is_pattern(topic)).cloned().collect(),
        })
    }

    /// The topics there are of those that the group reads.
    ///
    /// # Errors
    /// If the brokers do not answer within `patience`.
    pub fn topics(&self, patience: Duration) -> Result<Vec<String>, TopicError> {
        let mut topics = self.topics.clone();
        if !self.patterns.is_empty() {
            let all = retrying("(all)", "listing topics", patience, |patience| {
                self.asking.fetch_metadata(None, patience)
            })?;
            let matching = all.topics().iter().map(|topic| topic.name()).filter(|name| {
                !name.starts_with("__") && self.patterns.iter().any(|one| one.is_match(name))
            });
            topics.extend(matching.map(str::to_owned));
            topics.sort_unstable();
            topics.dedup();
        }
        Ok(topics)
    }

    /// Every partition of all topics: first where it ends, then what the group has committed.
    ///
    /// # Errors
    /// If a topic is missing, or the brokers do not answer within `patience`.
    pub fn positions(&mut self, patience: Duration) -> Result<Vec<GroupPosition>, TopicError> {
        // Log lines and errors are read off.
        while self.asking.poll(Duration::from_millis(1)).is_some() {}
        let mut ends = BTreeMap::new();
        for topic in self.topics(patience)? {
            for end in self.observer.end_offsets(&topic, patience)? {
                ends.insert((topic.clone(), end.partition), end.offset);
            }
        }
        let Some(((first, _), _)) = ends.first_key_value() else { return Ok(Vec::new()) };
        retrying(first, "asking for the group's offsets", patience, |patience| {
            let mut question = TopicPartitionList::with_capacity(ends.len());
            for (topic, partition) in ends.keys() {
                question.add_partition(topic, *partition);
            }
            let answer = self.asking.committed_offsets(question, patience)?;
            let mut positions = Vec::with_capacity(ends.len());
            for (index, element) in answer.elements().iter().enumerate() {
                element.error()?;
                let (topic, partition) = (element.topic().to_owned(), element.partition());
                let Some(end) = ends.get(&(topic.clone(), partition)).copied() else { continue };
                positions.push(GroupPosition {
                    topic,
                    partition,
                    end,
                    committed: element.offset().to_raw().filter(|offset| *offset >= 0),
                    metadata: ffi::committed_metadata(&answer, index).to_vec(),
                });
            }
            Ok(positions)
        })
    }
}

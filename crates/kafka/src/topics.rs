//! Making topics, and checking that they are as needed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::Offset;

use crate::client::{ClientSettings, LogBridge};
use crate::error::{ClientError, TopicError, describe};
use crate::ffi;
use crate::offsets::{
    Isolation, PATIENCE, PartitionOffset, Wanted, asking_consumer, check_topic_name,
    existing_partitions, list_offsets, partition_count, retrying,
};

mod allowed;
mod plan;
mod remove;
#[cfg(test)]
mod tests;

pub use allowed::Operation;
pub use plan::{Finding, TopicDescription, TopicPlan};

/// What [`Admin::ensure`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ensured {
    /// The topic was made and is ready.
    Created,
    /// The topic was there; how it differs from the plan.
    Existed(Vec<Finding>),
}

/// What a group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The partition.
    pub partition: i32,
    /// The next offset to read; `None` if nothing is committed.
    pub offset: Option<i64>,
    /// What the committer wrote beside it.
    pub metadata: Vec<u8>,
}

/// Asks brokers about topics and makes them. A question waits for its answer at most 30 s
/// ([`with_patience`](Self::with_patience)).
pub struct Admin {
    settings: ClientSettings,
    patience: Duration,
    committed: BaseConsumer<LogBridge>,
    uncommitted: BaseConsumer<LogBridge>,
}

const DEFAULT_REPLICAS_MAX: usize = 3;
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Admin {
    /// An administrator of the cluster.
    ///
    /// # Errors
    /// If librdkafka refuses the settings. That the brokers answer shows at the first question.
    pub fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        Ok(Self {
            settings: settings.clone(),
            patience: PATIENCE,
            committed: asking_consumer(settings, Isolation::Committed)?,
            uncommitted: asking_consumer(settings, Isolation::Uncommitted)?,
        })
    }

    /// Sets how long a question may take, retries included.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Waits until some broker answers; how many brokers there are.
    ///
    /// # Errors
    /// If none does in time.
    pub fn brokers(&self) -> Result<usize, TopicError> {
        let consumer = self.asking(Isolation::Uncommitted);
        match consumer.fetch_metadata(None, self.patience) {
            Ok(metadata) => Ok(metadata.brokers().len()),
            Err(error) => Err(TopicError::of("(all)", "asking for the brokers", &error)),
        }
    }

    /// How many partitions the topic has; `None` if it does not exist.
    ///
    /// # Errors
    /// If the name is impossible or the brokers do not answer.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, TopicError> {
        partition_count(self.asking(Isolation::Uncommitted), topic, self.patience)
    }

    /// How many partitions a topic has that ought to exist: it may take a moment until brokers
    /// have heard of it.
    ///
    /// # Errors
    /// If none of them has after some seconds, or as [`partitions`](Self::partitions).
    pub fn existing_partitions(&self, topic: &str) -> Result<i32, TopicError> {
        existing_partitions(self.asking(Isolation::Uncommitted), topic, self.patience)
    }

    /// The end (exclusive) of each partition: with [`Isolation::Committed`] the last stable
    /// offset, where the first open transaction begins.
    ///
    /// # Errors
    /// If the topic does not exist or the brokers do not answer.
    pub fn end_offsets(
        &self,
        topic: &str,
        isolation: Isolation,
    ) -> Result<Vec<PartitionOffset>, TopicError> {
        let offsets = self.offsets(topic, isolation, Wanted::End)?;
        Ok(offsets.into_iter().flatten().collect())
    }

    /// The first offset that each partition still holds.
    ///
    /// # Errors
    /// As [`end_offsets`](Self::end_offsets).
    pub fn log_starts(&self, topic: &str) -> Result<Vec<PartitionOffset>, TopicError> {
        let offsets = self.offsets(topic, Isolation::Uncommitted, Wanted::Start)?;
        Ok(offsets.into_iter().flatten().collect())
    }

    /// The first offset of each partition whose record's timestamp is at least `timestamp_ms`;
    /// `None` where all are older.
    ///
    /// # Errors
    /// As [`end_offsets`](Self::end_offsets).
    pub fn offsets_at(
        &self,
        topic: &str,
        timestamp_ms: i64,
    ) -> Result<Vec<Option<PartitionOffset>>, TopicError> {
        self.offsets(topic, Isolation::Uncommitted, Wanted::AtTime(timestamp_ms))
    }

    /// What `group` has committed for each partition; waits for open transactions that hold
    /// offsets of the group.
    ///
    /// # Errors
    /// If the topic does not exist, or a transaction stays open or the brokers silent for 30 s.
    pub fn committed_offsets(
        &self,
        group: &str,
        topic: &str,
    ) -> Result<Vec<CommittedOffset>, TopicError> {
        let asking = self.asking(Isolation::Uncommitted);
        let partitions = existing_partitions(asking, topic, self.patience)?;
        let owned = [
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("isolation.level", Isolation::Committed.property()),
        ];
        let config = self.settings.config_with(&[], &owned);
        let consumer: BaseConsumer<LogBridge> = self.settings.client(&config, LogBridge)?;
        retrying(topic, "asking for the group's offsets", self.patience, |patience| {
            let mut question = TopicPartitionList::new();
            question.add_partition_range(topic, 0, partitions - 1);
            let answer = consumer.committed_offsets(question, patience)?;
            let committed = |(index, element): (usize, _)| {
                let element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_> = element;
                element.error()?;
                Ok(CommittedOffset {
                    partition: element.partition(),
                    offset: element.offset().to_raw().filter(|offset| *offset >= 0),
                    metadata: ffi::committed_metadata(&answer, index).to_vec(),
                })
            };
            answer.elements().iter().enumerate().map(committed).collect()
        })
    }

    /// Deletes the records below each offset, so that the log starts there.
    ///
    /// # Errors
    /// If the brokers refuse (`Delete` on the topic is needed) or do not answer.
    pub fn delete_records_below(
        &self,
        topic: &str,
        offsets: &[PartitionOffset],
    ) -> Result<(), TopicError> {
        const WHAT: &str = "deleting records";
        check_topic_name(topic)?;
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for PartitionOffset { partition, offset } in offsets {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
                .map_err(|error| TopicError::of(topic, WHAT, &error))?;
        }
        let client = self.admin_client()?;
        let answer = block_on(client.delete_records(&list, &self.options()))
            .map_err(|error| TopicError::of(topic, WHAT, &error))?;
        for element in answer.elements() {
            element.error().map_err(|error| TopicError::of(topic, WHAT, &error))?;
        }
        Ok(())
    }

    /// What the topic is; `None` if it does not exist.
    ///
    /// # Errors
    /// If the brokers do not answer. That they refuse to tell the settings is no error
    /// ([`TopicDescription::configs`]).
    pub fn describe(&self, topic: &str) -> Result<Option<TopicDescription>, TopicError> {
        let consumer = self.asking(Isolation::Uncommitted);
        let Some(partitions) = partition_count(consumer, topic, self.patience)? else {
            return Ok(None);
        };
        let metadata = consumer
            .fetch_metadata(Some(topic), self.patience)
            .map_err(|error| TopicError::of(topic, "asking for its replicas", &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let replicas = found.and_then(|found| {
            found.partitions().iter().map(|partition| partition.replicas().len()).min()
        });
        Ok(Some(TopicDescription {
            partitions,
            replication_factor: i32::try_from(replicas.unwrap_or(0)).unwrap_or(i32::MAX),
            configs: self.configs(topic),
        }))
    }

    /// How the topic differs from the plan; nothing if it is as planned.
    ///
    /// # Errors
    /// If the brokers do not answer.
    pub fn verify(&self, plan: &TopicPlan) -> Result<Vec<Finding>, TopicError> {
        Ok(plan.compare(self.describe(&plan.name)?.as_ref()))
    }

    /// Makes the topic unless it is there, and waits until all its partitions have leaders.
    ///
    /// # Errors
    /// If the brokers refuse to make it or do not answer.
    pub fn ensure(&self, plan: &TopicPlan) -> Result<Ensured, TopicError> {
        if self.partitions(&plan.name)?.is_some() {
            return Ok(Ensured::Existed(self.verify(plan)?));
        }
        if self.create(plan)? {
            self.await_leaders(&plan.name, plan.partitions)?;
            return Ok(Ensured::Created);
        }
        self.await_leaders(&plan.name, 1)?;
        Ok(Ensured::Existed(self.verify(plan)?))
    }

    /// Waits until at least `partitions` partitions exist and all have leaders.
    ///
    /// # Errors
    /// If that does not come to be in time.
    pub fn await_leaders(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        let patience = self.patience;
        let started = Instant::now();
        let consumer = self.asking(Isolation::Uncommitted);
        loop {
            let got = match consumer.fetch_metadata(Some(topic), patience) {
                Err(error) => describe(&error),
                Ok(metadata) => {
                    let found = metadata.topics().iter().find(|found| found.name() == topic);
                    let all = found.map_or(&[][..], |found| found.partitions());
                    let led = all.iter().filter(|p| p.leader() >= 0 && p.error().is_none()).count();
                    if led == all.len() && led >= usize::try_from(partitions.max(1)).unwrap_or(1) {
                        return Ok(());
                    }
                    format!("{led} of {} with a leader", all.len())
                }
            };
            let waited = started.elapsed();
            if waited >= patience {
                let topic = topic.to_owned();
                return Err(TopicError::NotVisible { topic, partitions, got, waited });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// True if the topic was made, false if somebody else was faster.
    fn create(&self, plan: &TopicPlan) -> Result<bool, TopicError> {
        check_topic_name(&plan.name)?;
        let replicas = match plan.replication_factor {
            Some(replicas) => replicas,
            None => self.brokers()?.clamp(1, DEFAULT_REPLICAS_MAX) as i32,
        };
        let mut topic =
            NewTopic::new(&plan.name, plan.partitions, TopicReplication::Fixed(replicas));
        let settings = plan.settings();
        for (key, value) in &settings {
            topic = topic.set(key, value);
        }
        let client = self.admin_client()?;
        let refused = |reason: String| TopicError::Request {
            topic: plan.name.clone(),
            what: "creating it",
            reason: format!("{reason} (partitions {}, replicas {replicas})", plan.partitions),
            remedy: "grant Create on the topic, check the plan against the brokers, or make it by \
                     hand",
        };
        let results = block_on(client.create_topics([&topic], &self.options()))
            .map_err(|error| refused(describe(&error)))?;
        match results.into_iter().next() {
            Some(Ok(_)) => Ok(true),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(refused(code.to_string())),
            None => Err(refused("the broker's answer is empty".to_owned())),
        }
    }

    fn configs(&self, topic: &str) -> Result<BTreeMap<String, String>, String> {
        let client = self.admin_client().map_err(|error| error.to_string())?;
        let resource = ResourceSpecifier::Topic(topic);
        let results = block_on(client.describe_configs([&resource], &self.options()))
            .map_err(|error| describe(&error))?;
        let entries: BTreeMap<_, _> = results
            .into_iter()
            .flatten()
            .flat_map(|resource| resource.entries)
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect();
        // The wrapper drops the error of a single resource and leaves it without entries.
        if entries.is_empty() { Err("the broker told no settings".to_owned()) } else { Ok(entries) }
    }

    fn offsets(
        &self,
        topic: &str,
        isolation: Isolation,
        wanted: Wanted,
    ) -> Result<Vec<Option<PartitionOffset>>, TopicError> {
        let consumer = self.asking(isolation);
        let partitions = existing_partitions(consumer, topic, self.patience)?;
        let offsets = list_offsets(consumer, topic, partitions, wanted, self.patience)?;
        let of = |(partition, offset): (i32, Option<i64>)| {
            offset.map(|offset| PartitionOffset { partition, offset })
        };
        Ok((0..partitions).zip(offsets).map(of).collect())
    }

    /// The consumer of that isolation, its log lines and errors read off.
    fn asking(&self, isolation: Isolation) -> &BaseConsumer<LogBridge> {
        let consumer = match isolation {
            Isolation::Committed => &self.committed,
            Isolation::Uncommitted => &self.uncommitted,
        };
        while consumer.poll(Duration::from_millis(1)).is_some() {}
        consumer
    }

    fn options(&self) -> AdminOptions {
        let patience = Some(self.patience);
        AdminOptions::new().request_timeout(patience).operation_timeout(patience)
    }

    /// Made for each use: its log lines gather unread as long as it lives.
    fn admin_client(&self) -> Result<AdminClient<LogBridge>, ClientError> {
        self.settings.client(&self.settings.config(), LogBridge)
    }
}

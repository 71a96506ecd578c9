//! Removing topics and groups for good: for tests and experiments.

use std::time::Instant;

use futures_executor::block_on;
use rdkafka::error::RDKafkaErrorCode;

use super::{Admin, LOOK_EVERY, TopicError, check_topic_name, partition_count};
use crate::offsets::Isolation;

impl Admin {
    /// Deletes the topic if it is there, and waits until it is gone.
    ///
    /// # Errors
    /// If the brokers refuse (`Delete` on the topic is needed) or do not answer.
    pub fn delete_topic(&self, topic: &str) -> Result<(), TopicError> {
        const WHAT: &str = "deleting it";
        check_topic_name(topic)?;
        let client = self.admin_client()?;
        let results = block_on(client.delete_topics(&[topic], &self.options()))
            .map_err(|error| TopicError::of(topic, WHAT, &error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((_, code)) => return Err(refused(topic, WHAT, code.to_string())),
            }
        }
        let deadline = Instant::now() + self.patience;
        let consumer = self.asking(Isolation::Uncommitted);
        while partition_count(consumer, topic, self.patience)?.is_some() {
            if Instant::now() >= deadline {
                return Err(refused(topic, WHAT, "it is still there".to_owned()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Deletes a group without members, and so what it has committed.
    ///
    /// # Errors
    /// If it has members, the brokers refuse (`Delete` on the group is needed) or do not answer.
    pub fn delete_group(&self, group: &str) -> Result<(), TopicError> {
        const WHAT: &str = "deleting the group";
        let client = self.admin_client()?;
        let results = block_on(client.delete_groups(&[group], &self.options()))
            .map_err(|error| TopicError::of(group, WHAT, &error))?;
        for result in results {
            if let Err((_, code)) = result {
                return Err(refused(group, WHAT, code.to_string()));
            }
        }
        Ok(())
    }
}

fn refused(name: &str, what: &'static str, reason: String) -> TopicError {
    TopicError::Request {
        topic: name.to_owned(),
        what,
        reason,
        remedy: "check that the brokers answer, that access is granted and that nothing uses it",
    }
}

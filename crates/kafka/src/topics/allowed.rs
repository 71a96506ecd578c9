//! What an authorizer lets us do with topics.

use std::collections::BTreeMap;
use std::ffi::CString;

use rdkafka::error::RDKafkaErrorCode;

use super::Admin;
use crate::client::LogBridge;
use crate::error::TopicError;
use crate::ffi::{self, Allowed};
use crate::offsets::check_topic_name;

/// An operation on a topic that needs a grant of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Records are read, offsets committed.
    Read,
    /// Records are written.
    Write,
    /// The topic is made.
    Create,
    /// Records, or the topic, are deleted.
    Delete,
    /// Its settings are read.
    DescribeConfigs,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Read, Self::Write, Self::Create, Self::Delete, Self::DescribeConfigs];

    /// Its name in Kafka's tools.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Create => "Create",
            Self::Delete => "Delete",
            Self::DescribeConfigs => "DescribeConfigs",
        }
    }

    /// Its number in the protocol (KIP-140, `AclOperation`).
    fn code(self) -> u32 {
        match self {
            Self::Read => 3,
            Self::Write => 4,
            Self::Create => 5,
            Self::Delete => 6,
            Self::DescribeConfigs => 10,
        }
    }
}

impl Admin {
    /// What we may do with these topics; of those that do not exist, or of which the brokers do not
    /// tell (before Kafka 2.3, and some others), nothing is said.
    ///
    /// # Errors
    /// If a name is impossible or the brokers do not answer.
    pub fn allowed(&self, topics: &[&str]) -> Result<BTreeMap<String, Vec<Operation>>, TopicError> {
        const WHAT: &str = "asking what is granted";
        let mut names = Vec::with_capacity(topics.len());
        for topic in topics {
            check_topic_name(topic)?;
            let name = CString::new(*topic);
            names.push(name.map_err(|_| TopicError::Name { topic: (*topic).to_owned() })?);
        }
        let client: rdkafka::admin::AdminClient<LogBridge> = self.admin_client()?;
        let answer = ffi::allowed_operations(client.inner(), &names, self.patience);
        let answer = answer.map_err(|reason| TopicError::Request {
            topic: topics.join(", "),
            what: WHAT,
            reason,
            remedy: "check that the brokers answer",
        })?;
        let operations = |allowed| match allowed {
            Allowed::Operations(codes) => {
                let is_allowed = |operation: &Operation| codes.contains(&operation.code());
                Some(Operation::ALL.into_iter().filter(is_allowed).collect())
            }
            Allowed::Refused(RDKafkaErrorCode::TopicAuthorizationFailed) => Some(Vec::new()),
            Allowed::Refused(_) | Allowed::Untold => None,
        };
        let told = answer.into_iter().filter_map(|(topic, allowed)| {
            operations(allowed).map(|operations| (topic, operations))
        });
        Ok(told.collect())
    }
}

//! What goes wrong with a membership: what passes by itself, and what to do about the rest.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::SourceSettings;
use crate::error::{ClientError, SourceError, describe};

impl SourceSettings {
    /// What is read, for messages.
    pub(super) fn subscribed(&self) -> String {
        self.subscription.join(", ")
    }

    pub(super) fn trouble(&self, what: &'static str, error: &KafkaError) -> SourceError {
        SourceError::Refused {
            topic: self.subscribed(),
            group: self.group.clone(),
            principal: self.client.principal().into(),
            what,
            reason: describe(error),
            remedy: remedy(error),
        }
    }
}

/// Troubles that librdkafka works on by itself, or that asking again may end.
pub(super) fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let stays = matches!(
        error.rdkafka_error_code(),
        Some(
            Code::Fatal
                | Code::AutoOffsetReset
                | Code::OffsetOutOfRange
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::FencedInstanceId
                | Code::UnreleasedInstanceId
                | Code::InvalidTopic
                // The client would go on behind records that it could not read.
                | Code::BadMessage
                | Code::BadCompression
                | Code::NotImplemented
                | Code::UnsupportedVersion
        )
    );
    !stays
}

fn remedy(error: &KafkaError) -> &'static str {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => {
            "create it with `tailsift topics`"
        }
        Some(Code::FencedInstanceId | Code::UnreleasedInstanceId) => {
            "another process runs under the same `instance`: give each its own"
        }
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
            "records were deleted before they were read, or the topic was made anew: lengthen its retention and start again to go on at the log's start, or reset the group's offsets"
        }
        Some(Code::BadMessage | Code::BadCompression | Code::NotImplemented) => {
            "records arrive damaged or in a compression that is not built in: check the brokers' disks and the network, then start again"
        }
        Some(Code::TopicAuthorizationFailed) => {
            "grant Read on the topic: `tailsift topics --acls -c FILE` prints what is needed"
        }
        Some(Code::GroupAuthorizationFailed) => {
            "grant Read on the group: `tailsift topics --acls -c FILE` prints what is needed"
        }
        Some(_) | None => "check that the brokers answer and that access is granted",
    }
}

impl From<ClientError> for SourceError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

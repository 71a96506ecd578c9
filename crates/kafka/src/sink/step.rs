//! The steps in which an epoch is committed.

use std::time::Duration;

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::offsets::Adding;
use super::records::{Cursor, Stage};

/// Where an epoch stands. Each step may be repeated with the same arguments.
pub(super) enum Step {
    /// Nothing of it is open: (again) from the start.
    Start,
    /// Records are handed to the producer.
    Send {
        metadata: Option<ConsumerGroupMetadata>,
        cursor: Cursor,
    },
    /// The brokers acknowledge them.
    Acknowledge {
        metadata: Option<ConsumerGroupMetadata>,
        /// What was handed over.
        stage: Stage,
    },
    /// Offsets join the transaction.
    Offsets {
        adding: Adding,
    },
    Commit,
    /// Offsets are committed without a transaction; `asked`: the answer is awaited.
    CommitPlainly {
        asked: bool,
    },
    Abort,
    /// The producer is gone, and with it the answer whether the epoch was committed.
    Doubt,
}

impl Step {
    /// What an operator would call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Start => "about to begin (again)",
            Self::Send { .. } => "handing records to the producer",
            Self::Acknowledge { .. } => "waiting for brokers to acknowledge records",
            Self::Offsets { .. } => "adding offsets to the transaction",
            Self::Commit => "committing the transaction",
            Self::CommitPlainly { .. } => "committing offsets",
            Self::Abort => "aborting the transaction",
            Self::Doubt => "asking whether the transaction was committed",
        }
    }
}

/// What follows a step.
pub(super) enum Next {
    /// Go on at once.
    Step(Step),
    /// It failed: go on with this, and do not start again at once.
    Again(Step),
    /// Go on at the next poll.
    Later(Step),
    /// Over: committed, or nothing of it is ours.
    Done(bool),
}

/// 50 ms, doubled with each failure, at most 5 s.
pub(super) fn backoff(failures: u32) -> Duration {
    Duration::from_millis(25 << failures.min(8)).min(Duration::from_secs(5))
}

pub(super) fn is_retriable(error: &KafkaError) -> bool {
    if let KafkaError::Transaction(error) = error {
        return error.is_retriable() && !error.txn_requires_abort();
    }
    // The commit flushes first; it was not even asked for, and may be repeated.
    matches!(error, KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut))
}

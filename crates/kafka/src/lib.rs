//! Kafka: source, transactional sink, topics, embedded broker.

mod access;
mod audit;
mod client;
mod dead_letters;
mod decision_log;
mod embedded;
mod error;
mod ffi;
mod lag;
mod observer;
mod offsets;
mod partitioner;
mod polled;
mod reader;
mod restorer;
mod seeker;
mod sink;
mod source;
mod text;
mod topic_set;
mod topics;
mod writer;

pub use access::{AccessError, check_access};
pub use audit::{
    AuditError, AuditFinding, AuditReport, AuditRow, AuditTarget, Auditor, Committed, Evidence,
    Invariant, LoggedBatch, PartitionEvidence, VerdictCount, audit,
};
pub use client::{ClientSettings, LatestClient, PropertyError, is_login, validate_properties};
pub use dead_letters::{
    DeadLetters, Letter, LetterRef, Origin, RedriveError, RedriveSettings, Redriven, Redriver,
    Refusal, Sent, StoredLetter,
};
pub use decision_log::{
    CommitMetadata, DecisionLogError, EncodedSlice, PolicyNames, SharedPolicyNames, UnknownVersion,
    decode_batch, encode_batch, parse_batch_key, scope_of,
};
pub use embedded::EmbeddedBroker;
pub use error::{
    ClientError, EmbeddedError, ReadError, RestoreError, SinkError, SourceError, TopicError,
    WriteError,
};
pub use ffi::fit_memory;
pub use lag::{PartitionLag, group_lag};
pub use observer::{GroupObserver, GroupPosition, Observer};
pub use offsets::{Isolation, PartitionOffset};
pub use partitioner::{Partitioner, partition_fnv1a, partition_murmur2};
pub use reader::{ReadRange, Reader, RecordRef, StoredRecord};
pub use restorer::{Recovered, RestoreSettings, Restorer};
pub use seeker::{Offsets, Seeker, Sought};
pub use sink::{Delivery, Sink, SinkEvent, SinkSettings, SinkStats};
pub use source::{
    Assigned, Membership, RevokeHandler, Source, SourceEvent, SourceRecord, SourceSettings, Start,
};
pub use text::{Elapsed, Table};
pub use topic_set::Topics;
pub use topics::{
    Admin, CommittedOffset, Ensured, Finding, Operation, TopicDescription, TopicPlan,
};
pub use writer::{Outgoing, Writer, WriterReport};

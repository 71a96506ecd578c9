//! Kafka: source, transactional sink, topics, embedded broker.

mod client;
mod embedded;
mod error;
mod ffi;
mod mark;
mod observer;
mod offsets;
mod partitioner;
mod reader;
mod sink;
mod source;
mod topics;
mod writer;

pub use client::{ClientSettings, PropertyError, validate_properties};
pub use embedded::EmbeddedBroker;
pub use error::{
    ClientError, EmbeddedError, ReadError, SinkError, SourceError, TopicError, WriteError,
};
pub use mark::OffsetMark;
pub use observer::Observer;
pub use offsets::{Isolation, PartitionOffset};
pub use partitioner::{Partitioner, partition_fnv1a, partition_murmur2};
pub use reader::{ReadRange, Reader, RecordRef, StoredRecord};
pub use sink::{Delivery, Sink, SinkEvent, SinkSettings, SinkStats};
pub use source::{
    Assigned, Membership, RevokeHandler, Source, SourceEvent, SourceRecord, SourceSettings, Start,
};
pub use topics::{Admin, CommittedOffset, Ensured, Finding, TopicDescription, TopicPlan};
pub use writer::{Outgoing, Writer, WriterReport};

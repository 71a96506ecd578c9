//! Reading topics from offset to offset, without a group.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{BorrowedMessage, Message};
use tailsift_trace::encode_headers;

use crate::client::{ClientSettings, LogBridge};
use crate::error::{ClientError, ReadError};
use crate::ffi;
use crate::offsets::{
    Isolation, PATIENCE, PartitionOffset, Wanted, existing_partitions, list_offsets,
};

use progress::{PartitionProgress, Progress};

mod progress;
#[cfg(test)]
mod tests;

/// Reads partitions of one topic between two offsets each, or on and on. Within a partition
/// records come in the order of the log; gaps (control records, aborted transactions, compaction)
/// are passed over.
pub struct Reader {
    consumer: BaseConsumer<LogBridge>,
    progress: Progress,
}

/// A part of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRange {
    /// The partition.
    pub partition: i32,
    /// The first offset to read. Below the log's start is the log's start.
    pub start: i64,
    /// The end (exclusive), at most the log's end when the reader is opened; `None` reads on as
    /// records come.
    pub end: Option<i64>,
}

/// A record as it is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// CreateTime or LogAppendTime in milliseconds since the Unix epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers in order; bytes of names that are not UTF-8 are replaced.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A record in the client's buffer.
#[derive(Clone, Copy)]
pub struct RecordRef<'a>(&'a BorrowedMessage<'a>);

const DEFAULTS: &[(&str, &str)] = &[
    ("fetch.wait.max.ms", "100"),
    ("fetch.queue.backoff.ms", "20"),
    ("queued.max.messages.kbytes", "65536"),
    ("check.crcs", "true"),
];

/// A consumer that is told what to read. The client wants a group before it takes an assignment;
/// nothing joins it and nothing is committed.
pub(crate) fn lone_consumer(
    settings: &ClientSettings,
    group: &str,
    defaults: &[(&str, &str)],
    isolation: Isolation,
) -> Result<BaseConsumer<LogBridge>, ClientError> {
    let owned = [
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "error"),
        ("isolation.level", isolation.property()),
    ];
    settings.client(&settings.config_with(defaults, &owned), LogBridge)
}

impl Reader {
    /// Reads the whole topic, from its start to its end as it is now.
    ///
    /// # Errors
    /// If the topic does not exist or the brokers do not answer.
    pub fn open(
        settings: &ClientSettings,
        topic: &str,
        isolation: Isolation,
    ) -> Result<Self, ReadError> {
        Self::open_with(settings, topic, isolation, |partitions| {
            let whole = |partition| ReadRange { partition, start: 0, end: Some(i64::MAX) };
            (0..partitions).map(whole).collect()
        })
    }

    /// Reads the whole topic from its start, and on as records come; not partitions that are
    /// added later.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn follow(
        settings: &ClientSettings,
        topic: &str,
        isolation: Isolation,
    ) -> Result<Self, ReadError> {
        Self::open_with(settings, topic, isolation, |partitions| {
            let whole = |partition| ReadRange { partition, start: 0, end: None };
            (0..partitions).map(whole).collect()
        })
    }

    /// Reads these parts of the topic (of each partition the last one given).
    ///
    /// # Errors
    /// As [`open`](Self::open), or if a partition does not exist.
    pub fn open_ranges(
        settings: &ClientSettings,
        topic: &str,
        isolation: Isolation,
        ranges: &[ReadRange],
    ) -> Result<Self, ReadError> {
        Self::open_with(settings, topic, isolation, |_| ranges.to_vec())
    }

    fn open_with(
        settings: &ClientSettings,
        topic: &str,
        isolation: Isolation,
        ranges: impl FnOnce(i32) -> Vec<ReadRange>,
    ) -> Result<Self, ReadError> {
        let consumer = lone_consumer(settings, "tailsift-reader", DEFAULTS, isolation)?;

        let partitions = existing_partitions(&consumer, topic, PATIENCE)?;
        let starts = list_offsets(&consumer, topic, partitions, Wanted::Start, PATIENCE)?;
        let ends = list_offsets(&consumer, topic, partitions, Wanted::End, PATIENCE)?;
        let mut parts = vec![None; starts.len()];
        for range in ranges(partitions) {
            let index = usize::try_from(range.partition).unwrap_or(usize::MAX);
            let (Some(Some(start)), Some(Some(end))) = (starts.get(index), ends.get(index)) else {
                return Err(ReadError::Refused {
                    topic: topic.to_owned(),
                    reason: format!("partition {} of {partitions}", range.partition),
                    remedy: "read partitions that exist",
                });
            };
            let position = range.start.max(*start);
            let end = range.end.map(|wanted| wanted.min(*end));
            parts[index] = Some(PartitionProgress::new(position, end));
        }
        let progress = Progress::new(topic, parts);
        progress.assign_to(&consumer)?;
        Ok(Self { consumer, progress })
    }

    /// The next record; `None` if none came in time or the end is reached
    /// ([`at_end`](Self::at_end) tells).
    ///
    /// # Errors
    /// If a partition cannot be read on. Brokers that are away are waited for.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<StoredRecord>, ReadError> {
        let Self { consumer, progress } = self;
        let message = progress.poll(consumer, timeout)?;
        Ok(message.as_ref().map(|message| RecordRef(message).to_stored()))
    }

    /// All records to the end.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    pub fn read_all(&mut self, patience: Duration) -> Result<Vec<StoredRecord>, ReadError> {
        let mut records = Vec::new();
        self.for_each(patience, |record| {
            records.push(record.to_stored());
            ControlFlow::Continue(())
        })?;
        Ok(records)
    }

    /// Shows each record to `visit`, without copying it, until the end or until `visit` breaks;
    /// how many were shown. Goes on where the last call stopped.
    ///
    /// # Errors
    /// If a partition cannot be read on, or nothing came for `patience` before the end (a reader
    /// that follows has no end and stops with what came).
    pub fn for_each(
        &mut self,
        patience: Duration,
        mut visit: impl FnMut(RecordRef<'_>) -> ControlFlow<()>,
    ) -> Result<u64, ReadError> {
        let Self { consumer, progress } = self;
        let mut visited = 0;
        while !progress.at_end() {
            let Some(message) = progress.poll(consumer, patience)? else {
                if progress.at_end() || progress.follows() {
                    break;
                }
                return Err(progress.stalled(patience));
            };
            visited += 1;
            if visit(RecordRef(&message)).is_break() {
                break;
            }
        }
        Ok(visited)
    }

    /// True once every partition is read to its end; never for partitions that are followed.
    pub fn at_end(&self) -> bool {
        self.progress.at_end()
    }

    /// The next offset of each partition that is read.
    pub fn positions(&self) -> Vec<PartitionOffset> {
        self.progress
            .each()
            .map(|(partition, at)| PartitionOffset { partition, offset: at.position })
            .collect()
    }
}

impl<'a> RecordRef<'a> {
    pub(crate) fn new(message: &'a BorrowedMessage<'a>) -> Self {
        Self(message)
    }

    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// CreateTime or LogAppendTime in milliseconds since the Unix epoch, if it has one.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.0.timestamp().to_millis()
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// Its value.
    pub fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Its headers in order; bytes of names that are not UTF-8 are replaced.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Option<&[u8]>)> {
        ffi::headers(self.0).map(|header| (String::from_utf8_lossy(header.name), header.value))
    }

    /// Its headers, encoded, in place of what `out` held.
    pub fn encoded_headers(&self, out: &mut Vec<u8>) {
        out.clear();
        let headers = ffi::headers(self.0);
        encode_headers(headers.map(|header| (header.name, header.value)), out);
    }

    /// A copy of its own.
    pub fn to_stored(&self) -> StoredRecord {
        StoredRecord {
            partition: self.partition(),
            offset: self.offset(),
            timestamp_ms: self.timestamp_ms(),
            key: self.key().map(<[u8]>::to_vec),
            value: self.value().map(<[u8]>::to_vec),
            headers: self
                .headers()
                .map(|(name, value)| (name.into_owned(), value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

impl StoredRecord {
    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name)?;
        value.as_deref()
    }
}

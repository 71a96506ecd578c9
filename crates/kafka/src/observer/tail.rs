//! What lies behind the last record: markers of transactions, and records of aborted ones.
//!
//! They have offsets, so a partition that was written in transactions seems never to be read to
//! its end. Nothing but reading tells that there is no record among them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{ClientSettings, LogBridge};
use crate::error::{ClientError, TopicError, describe};
use crate::offsets::{Isolation, PartitionOffset};

/// Partitions whose tails are read in one go; the others follow.
const AT_ONCE: usize = 16;
/// How long reading one tail may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far back the last record is looked for.
const LOOK_BACK_MAX: i64 = 1024;

/// The tails of partitions, read once each time that a partition rests.
pub(super) struct Tails {
    settings: ClientSettings,
    /// Made when it is needed first.
    reader: Option<BaseConsumer<LogBridge>>,
    known: BTreeMap<(String, i32), Tail>,
}

struct Tail {
    end: i64,
    /// The offset behind the last record below `end`, once it was looked for.
    last: Option<i64>,
}

impl Tails {
    pub(super) fn new(settings: ClientSettings) -> Self {
        Self { settings, reader: None, known: BTreeMap::new() }
    }

    /// Lowers the ends that have not changed since the last call to what is behind the last record.
    ///
    /// # Errors
    /// If no consumer can be made. A tail that cannot be read stays as it is.
    pub(super) fn cut_off(
        &mut self,
        topic: &str,
        ends: &mut [PartitionOffset],
    ) -> Result<(), TopicError> {
        let mut left = AT_ONCE;
        for end in ends {
            let key = (topic.to_owned(), end.partition);
            match self.known.get(&key) {
                Some(Tail { end: known, last }) if *known == end.offset => {
                    let last = *last;
                    if let Some(last) = last {
                        end.offset = last;
                    } else if left > 0 && end.offset > 0 {
                        left -= 1;
                        let last = self.read(topic, *end)?;
                        self.known.insert(key, Tail { end: end.offset, last });
                        end.offset = last.unwrap_or(end.offset);
                    }
                }
                Some(_) | None => {
                    self.known.insert(key, Tail { end: end.offset, last: None });
                }
            }
        }
        Ok(())
    }

    /// The offset behind the last record below `end`; `None` if that cannot be told now.
    fn read(&mut self, topic: &str, end: PartitionOffset) -> Result<Option<i64>, ClientError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => reader(&self.settings)?,
        };
        let mut back = 1;
        let found = loop {
            let from = (end.offset - back).max(0);
            match last_record(&reader, topic, end, from) {
                Ok(Found::Record(offset)) => break Some(offset + 1),
                Ok(Found::Nothing) if from == 0 || back >= LOOK_BACK_MAX => break Some(from),
                Ok(Found::Nothing) => back *= 8,
                Ok(Found::Unknown) => break None,
                Err(error) => {
                    tracing::debug!(topic, error = %describe(&error), "a tail is not known");
                    break None;
                }
            }
        };
        let _ = reader.unassign();
        self.reader = Some(reader);
        Ok(found)
    }
}

enum Found {
    /// The last one is at this offset.
    Record(i64),
    /// There is none.
    Nothing,
    /// A transaction is open, or no answer came in time.
    Unknown,
}

fn reader(settings: &ClientSettings) -> Result<BaseConsumer<LogBridge>, ClientError> {
    let owned = [
        ("isolation.level", Isolation::Committed.property()),
        ("enable.partition.eof", "true"),
        // Where the log begins further up, that is where to look.
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("group.id", "tailsift-observer"),
        ("fetch.wait.max.ms", "100"),
    ];
    settings.client(&settings.config_with(&[], &owned), LogBridge)
}

/// Reads a partition from `from` to its end as readers of committed records see it.
fn last_record(
    reader: &BaseConsumer<LogBridge>,
    topic: &str,
    end: PartitionOffset,
    from: i64,
) -> Result<Found, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(topic, end.partition, Offset::Offset(from))?;
    reader.assign(&list)?;
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < deadline {
        match reader.poll(Duration::from_millis(50)) {
            None => {}
            Some(Ok(message)) => last = Some(message.offset()),
            Some(Err(KafkaError::PartitionEOF(partition))) if partition == end.partition => {
                // Below the end there may be a transaction that is open: that is no end.
                let (_, stable) = reader.fetch_watermarks(topic, end.partition, PATIENCE)?;
                return Ok(match last {
                    _ if stable < end.offset => Found::Unknown,
                    Some(offset) => Found::Record(offset),
                    None => Found::Nothing,
                });
            }
            Some(Err(error)) => return Err(error),
        }
    }
    Ok(Found::Unknown)
}

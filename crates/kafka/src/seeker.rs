//! Reading single records again, by their offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{ClientSettings, LogBridge};
use crate::error::{ReadError, describe, remedy_for_reading};
use crate::offsets::{Isolation, Wanted, existing_partitions, list_offsets};
use crate::reader::{RecordRef, lone_consumer};

#[cfg(test)]
mod tests;

/// Offsets by partition.
pub type Offsets = BTreeMap<i32, BTreeSet<i64>>;

/// Reads records of one topic by their offsets, without a group: those of committed transactions
/// alone. What lies close together is read in one go.
pub struct Seeker {
    consumer: BaseConsumer<LogBridge>,
    topic: String,
    /// As many as are known of.
    partitions: i32,
    bytes_read: u64,
}

/// What became of offsets that were asked for; those of neither list were shown.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sought {
    /// No record is there (any more), or none that was committed.
    pub gone: Offsets,
    /// Not read in time.
    pub unread: Offsets,
}

/// So many records more are rather read and passed over than a fetch be asked for anew: that takes
/// about as long as reading half a megabyte.
const GAP: i64 = 256;

/// A single trace is not worth reading far ahead.
const DEFAULTS: &[(&str, &str)] = &[
    ("fetch.wait.max.ms", "20"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.message.max.bytes", "262144"),
    ("queued.max.messages.kbytes", "4096"),
    ("check.crcs", "true"),
];

impl Seeker {
    /// For this topic. Nothing is asked of the brokers yet.
    ///
    /// # Errors
    /// If there is no client to be had.
    pub fn open(settings: &ClientSettings, topic: &str) -> Result<Self, ReadError> {
        let consumer = lone_consumer(settings, "tailsift-seeker", DEFAULTS, Isolation::Committed)?;
        Ok(Self { consumer, topic: topic.to_owned(), partitions: 0, bytes_read: 0 })
    }

    /// Shows each of these records once to `visit`, within a partition in the order of the log,
    /// and takes about `patience` at most, questions to the brokers included.
    ///
    /// # Errors
    /// If the topic does not exist or may not be read, the client is of no more use, or the brokers
    /// did not answer questions in time. Once those are answered, brokers that are away are waited
    /// for.
    pub fn read(
        &mut self,
        wanted: Offsets,
        patience: Duration,
        mut visit: impl FnMut(RecordRef<'_>),
    ) -> Result<Sought, ReadError> {
        let deadline = Instant::now() + patience;
        let mut sought = Sought { gone: Offsets::new(), unread: wanted };
        let mut starts_are_known = false;
        while !sought.unread.is_empty() && Instant::now() < deadline {
            if !starts_are_known {
                self.give_up_deleted(&mut sought, deadline)?;
            }
            let mut runs = sought.next_runs();
            self.assign(&runs)?;
            starts_are_known = self.read_runs(&mut runs, &mut sought, deadline, &mut visit)?;
        }
        self.assign(&Runs::new())?;
        Ok(sought)
    }

    /// Bytes of keys and values that came, those that were passed over included.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// What lies below the logs' starts will not come.
    fn give_up_deleted(&mut self, sought: &mut Sought, deadline: Instant) -> Result<(), ReadError> {
        let patience = deadline.saturating_duration_since(Instant::now());
        let (consumer, topic) = (&self.consumer, self.topic.as_str());
        if sought.unread.last_key_value().is_some_and(|(last, _)| *last >= self.partitions) {
            self.partitions = existing_partitions(consumer, topic, patience)?;
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        let starts = list_offsets(consumer, topic, self.partitions, Wanted::Start, patience)?;
        let partitions: Vec<i32> = sought.unread.keys().copied().collect();
        for partition in partitions {
            let start = usize::try_from(partition).ok().and_then(|index| *starts.get(index)?);
            sought.give_up_below(partition, start.unwrap_or(i64::MAX));
        }
        Ok(())
    }

    /// Reads until all runs are through; false if the logs' starts have moved meanwhile.
    fn read_runs(
        &mut self,
        runs: &mut Runs,
        sought: &mut Sought,
        deadline: Instant,
        visit: &mut impl FnMut(RecordRef<'_>),
    ) -> Result<bool, ReadError> {
        use RDKafkaErrorCode as Code;
        while !runs.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    self.bytes_read += (message.key_len() + message.payload_len()) as u64;
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(run) = runs.get(&partition).copied() else { continue };
                    if sought.reach(partition, offset, run.last) {
                        visit(RecordRef::new(&message));
                    }
                    if offset >= run.last {
                        runs.remove(&partition);
                        self.stop_fetching(partition);
                    }
                }
                // The last committed record was before this, so what is left was never one.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if let Some(run) = runs.remove(&partition) {
                        sought.give_up_below(partition, run.last + 1);
                    }
                }
                Some(Err(error)) => match error.rdkafka_error_code() {
                    Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => return Ok(false),
                    Some(_) | None => self.note(&error)?,
                },
                None => {}
            }
        }
        Ok(true)
    }

    fn assign(&self, runs: &Runs) -> Result<(), ReadError> {
        let mut list = TopicPartitionList::with_capacity(runs.len());
        for (partition, run) in runs {
            let at = Offset::Offset(run.first);
            list.add_partition_offset(&self.topic, *partition, at)
                .map_err(|error| self.refused(&error, "read again"))?;
        }
        let assigned = self.consumer.assign(&list);
        assigned.map_err(|error| self.refused(&error, "check that the brokers answer"))
    }

    fn stop_fetching(&self, partition: i32) {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.topic, partition);
        // Not paused: a pause would outlast the assignment.
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            // Its records are passed over one by one instead.
            let (topic, error) = (&self.topic, describe(&error));
            tracing::debug!(topic, partition, error, "still read");
        }
    }

    fn note(&self, error: &KafkaError) -> Result<(), ReadError> {
        if let Some(remedy) = remedy_for_reading(error) {
            return Err(self.refused(error, remedy));
        }
        // Nothing is asked of the group, and brokers that are away come back.
        tracing::debug!(topic = self.topic, error = describe(error), "seeking goes on");
        Ok(())
    }

    fn refused(&self, error: &KafkaError, remedy: &'static str) -> ReadError {
        ReadError::Refused { topic: self.topic.clone(), reason: describe(error), remedy }
    }
}

/// What is read in one go, by partition.
type Runs = BTreeMap<i32, Run>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    last: i64,
}

impl Sought {
    /// The first run of each partition.
    fn next_runs(&self) -> Runs {
        let run = |offsets: &BTreeSet<i64>| {
            let first = *offsets.first()?;
            let close = |last: i64, offset: &i64| (*offset - last <= GAP).then_some(*offset);
            let last =
                offsets.iter().try_fold(first, |last, offset| close(last, offset).ok_or(last));
            Some(Run { first, last: last.unwrap_or_else(|last| last) })
        };
        let runs = self.unread.iter();
        runs.filter_map(|(partition, offsets)| Some((*partition, run(offsets)?))).collect()
    }

    /// A record of a run came, of which `last` is the end: true if it is wanted. Those that should
    /// have come before it are not there.
    fn reach(&mut self, partition: i32, offset: i64, last: i64) -> bool {
        self.give_up_below(partition, offset.min(last + 1));
        let Some(offsets) = self.unread.get_mut(&partition) else { return false };
        let is_wanted = offsets.remove(&offset);
        if offsets.is_empty() {
            self.unread.remove(&partition);
        }
        is_wanted
    }

    fn give_up_below(&mut self, partition: i32, end: i64) {
        let Some(offsets) = self.unread.get_mut(&partition) else { return };
        let left = offsets.split_off(&end);
        let gone = std::mem::replace(offsets, left);
        if offsets.is_empty() {
            self.unread.remove(&partition);
        }
        if !gone.is_empty() {
            self.gone.entry(partition).or_default().extend(gone);
        }
    }
}

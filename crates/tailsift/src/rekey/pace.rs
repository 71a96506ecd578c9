//! What a worker has fetched and may not read yet, since its partition is ahead of others.
//!
//! It is kept rather than fetched again: to stop and go costs a fetch, and with it the time that a
//! fetch under way for other partitions waits for records.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tailsift_kafka::SourceRecord;
use tailsift_trace::Millis;

use super::board::NOTHING;
use crate::worker::InputRecord;

/// A record that waits, in memory of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HeldRecord {
    partition: i32,
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    /// Encoded.
    headers: Vec<u8>,
}

impl From<&SourceRecord<'_>> for HeldRecord {
    fn from(record: &SourceRecord<'_>) -> Self {
        let mut headers = Vec::new();
        record.headers(&mut headers);
        Self {
            partition: record.partition(),
            offset: record.offset(),
            timestamp_ms: record.timestamp_ms(),
            key: record.key().map(Into::into),
            value: record.value().map(Into::into),
            headers,
        }
    }
}

impl InputRecord for HeldRecord {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms
    }

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn headers(&self, out: &mut Vec<u8>) {
        out.clone_from(&self.headers);
    }
}

impl HeldRecord {
    fn bytes(&self) -> usize {
        let payload = self.key.as_deref().map_or(0, <[u8]>::len)
            + self.value.as_deref().map_or(0, <[u8]>::len);
        size_of::<(Millis, Self)>() + self.headers.len() + payload
    }
}

/// Records that wait, by partition.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: Millis,
    bytes_max: usize,
    held: BTreeMap<i32, Waiting>,
    bytes: usize,
    /// Partitions that are not fetched until half of what they hold is read.
    full: BTreeSet<i32>,
}

/// Of one partition, in its order.
#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<(Millis, HeldRecord)>,
    bytes: usize,
}

impl Pace {
    /// Holds not much more than so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { limit: NOTHING, bytes_max, held: BTreeMap::new(), bytes: 0, full: BTreeSet::new() }
    }

    /// Records up to this time may be read.
    pub(crate) fn set_limit(&mut self, limit: Millis) {
        self.limit = limit;
    }

    /// True if records of it wait.
    pub(crate) fn holds(&self, partition: i32) -> bool {
        self.held.contains_key(&partition)
    }

    /// True if a record that comes from the client may be read at once.
    pub(crate) fn admits(&self, partition: i32, time: Millis) -> bool {
        time <= self.limit && !self.holds(partition)
    }

    /// Keeps a record; true if it is the first of its partition.
    pub(crate) fn hold(&mut self, time: Millis, record: HeldRecord) -> bool {
        let (partition, bytes) = (record.partition, record.bytes());
        let waiting = self.held.entry(partition).or_default();
        waiting.records.push_back((time, record));
        waiting.bytes += bytes;
        self.bytes += bytes;
        if waiting.bytes >= self.bytes_max / self.held.len() {
            self.full.insert(partition);
        }
        self.held[&partition].records.len() == 1
    }

    /// The next record that may be read, the oldest of those at the head of their partitions, and
    /// the time of the one behind it.
    pub(crate) fn poll_record(&mut self) -> Option<(HeldRecord, Option<Millis>)> {
        let heads = self.held.iter().filter_map(|(partition, waiting)| {
            waiting.records.front().map(|(time, _)| (*time, *partition))
        });
        let (_, partition) = heads.min().filter(|(time, _)| *time <= self.limit)?;
        let waiting = self.held.get_mut(&partition)?;
        let (_, record) = waiting.records.pop_front()?;
        waiting.bytes -= record.bytes();
        self.bytes -= record.bytes();
        let next = waiting.records.front().map(|(time, _)| *time);
        if waiting.bytes <= self.bytes_max / self.held.len() / 2 {
            self.full.remove(&partition);
        }
        if next.is_none() {
            self.held.remove(&partition);
        }
        Some((record, next))
    }

    /// Partitions that hold enough: they are not to be fetched.
    pub(crate) fn full(&self) -> &BTreeSet<i32> {
        &self.full
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Partitions begin anew, or are gone.
    pub(crate) fn forget(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.full.remove(partition);
            let waiting = self.held.remove(partition);
            self.bytes -= waiting.map_or(0, |waiting| waiting.bytes);
        }
    }

    /// All partitions begin anew.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: i32, offset: i64) -> HeldRecord {
        HeldRecord { partition, offset, value: Some(vec![0; 1000].into()), ..HeldRecord::default() }
    }

    fn read(pace: &mut Pace) -> Vec<(i32, i64)> {
        std::iter::from_fn(|| pace.poll_record())
            .map(|(record, _)| (record.partition, record.offset))
            .collect()
    }

    #[test]
    fn a_partition_waits_from_the_record_that_is_too_far_ahead() {
        let mut pace = Pace::new(1 << 20);
        assert!(!pace.admits(1, Millis(0)), "no limit is known");
        pace.set_limit(Millis(10));
        assert!(pace.admits(1, Millis(10)) && !pace.admits(1, Millis(11)));
        assert!(pace.hold(Millis(11), record(1, 8)));
        assert!(!pace.admits(1, Millis(3)), "order within a partition");
        assert!(!pace.hold(Millis(3), record(1, 9)));
        assert_eq!(read(&mut pace), []);
        pace.set_limit(Millis(11));
        assert_eq!(read(&mut pace), [(1, 8), (1, 9)]);
        assert_eq!((pace.bytes(), pace.holds(1)), (0, false));
    }

    #[test]
    fn the_oldest_of_all_heads_is_next() {
        let mut pace = Pace::new(1 << 20);
        for (partition, offset, time) in [(1, 0, 5), (1, 1, 9), (2, 0, 7), (3, 0, 6), (3, 1, 6)] {
            pace.hold(Millis(time), record(partition, offset));
        }
        pace.set_limit(Millis(8));
        assert_eq!(pace.poll_record().and_then(|(_, next)| next), Some(Millis(9)));
        assert_eq!(read(&mut pace), [(3, 0), (3, 1), (2, 0)]);
    }

    #[test]
    fn a_partition_is_full_until_half_of_its_share_is_read() {
        let mut pace = Pace::new(10_000);
        for offset in 0..5 {
            pace.hold(Millis(offset), record(1, offset));
            pace.hold(Millis(100), record(2, offset));
        }
        assert_eq!(pace.full().iter().collect::<Vec<_>>(), [&1, &2], "each has half of the room");
        pace.set_limit(Millis(1));
        assert_eq!(read(&mut pace).len(), 2);
        assert!(pace.full().contains(&1));
        pace.set_limit(Millis(2));
        assert_eq!(read(&mut pace).len(), 1);
        assert!(!pace.full().contains(&1));
        pace.forget(&[2]);
        assert!(pace.full().is_empty());
        pace.clear();
        assert_eq!((pace.bytes(), pace.full().len()), (0, 0));
    }
}

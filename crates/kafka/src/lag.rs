//! How far a group is behind, in records and in time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::client::ClientSettings;
use crate::decision_log::CommitMetadata;
use crate::error::ReadError;
use crate::observer::GroupObserver;
use crate::offsets::{Isolation, PartitionOffset};
use crate::reader::{ReadRange, Reader};
use crate::topics::{Admin, CommittedOffset};

/// How far a group is behind in one partition, as a reader of committed records sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset that it still holds.
    pub start: i64,
    /// The committed offset; `None` if nothing is committed.
    pub committed: Option<i64>,
    /// The position of who committed it, if that was a tailsift.
    pub read_to: Option<i64>,
    /// The offset behind the last record that can be read.
    pub end: i64,
    /// The offset that the next record will get.
    pub log_end: i64,
    /// The first offset of the first transaction that is open, else `log_end`.
    pub stable_end: i64,
    /// The timestamp of the first record that is not committed, in milliseconds since the Unix
    /// epoch; `None` if there is none, or it has none.
    pub oldest_ms: Option<i64>,
    /// The newest timestamp at the end.
    pub newest_ms: Option<i64>,
}

/// How long a question or a record may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl PartitionLag {
    /// How many offsets are not committed yet. Nothing committed: all that are there.
    pub fn records(&self) -> i64 {
        (self.end - self.next()).max(0)
    }

    /// How far, in record time, the first record that is not committed is behind the newest.
    pub fn behind_ms(&self) -> Option<i64> {
        if self.records() == 0 {
            return Some(0);
        }
        Some((self.newest_ms? - self.oldest_ms?).max(0))
    }

    /// How many offsets are not read yet, if it is known how far was read.
    pub fn unread(&self) -> Option<i64> {
        Some((self.end - self.read_to?).max(0))
    }

    /// How many offsets were deleted although they are not committed.
    pub fn deleted(&self) -> i64 {
        (self.start - self.committed.unwrap_or(self.start)).max(0)
    }

    /// How many offsets an open transaction hides.
    pub fn hidden(&self) -> i64 {
        (self.log_end - self.stable_end).max(0)
    }

    /// The first offset that is there and not committed.
    fn next(&self) -> i64 {
        self.committed.unwrap_or(self.start).max(self.start)
    }
}

/// How far `group` is behind in each partition of what it subscribes to: topics, and patterns
/// that begin with `^`. No topic matches: nothing.
///
/// # Errors
/// If a topic is missing, the brokers do not answer, or a transaction of the group stays open.
pub fn group_lag(
    settings: &ClientSettings,
    group: &str,
    subscription: &[String],
) -> Result<Vec<PartitionLag>, ReadError> {
    let admin = Admin::new(settings)?;
    let topics = GroupObserver::new(settings, group, subscription)?.topics(PATIENCE)?;
    let mut lags = Vec::new();
    for topic in &topics {
        lags.extend(topic_lag(settings, &admin, group, topic)?);
    }
    Ok(lags)
}

/// The same for one topic.
pub(crate) fn topic_lag(
    settings: &ClientSettings,
    admin: &Admin,
    group: &str,
    topic: &str,
) -> Result<Vec<PartitionLag>, ReadError> {
    let committed = admin.committed_offsets(group, topic)?;
    let ends = admin.end_offsets(topic, Isolation::Uncommitted)?;
    let stable = admin.end_offsets(topic, Isolation::Committed)?;
    let starts = admin.log_starts(topic)?;
    let offsets = committed.into_iter().zip(starts).zip(ends.into_iter().zip(stable));
    let mut lags: Vec<_> = offsets
        .map(|((committed, start), (end, stable))| {
            let PartitionOffset { partition, offset: log_end } = end;
            PartitionLag {
                topic: topic.to_owned(),
                partition,
                start: start.offset,
                committed: committed.offset,
                read_to: read_to(&committed),
                end: stable.offset,
                log_end,
                stable_end: stable.offset,
                ..PartitionLag::default()
            }
        })
        .collect();
    let scout = Scout { settings, topic };
    scout.find_ends(&mut lags)?;
    scout.find_oldest(&mut lags)?;
    Ok(lags)
}

fn read_to(committed: &CommittedOffset) -> Option<i64> {
    let commit = CommitMetadata::parse(&committed.metadata).ok().flatten()?;
    Some(commit.read_to)
}

/// Looks at single records.
struct Scout<'s> {
    settings: &'s ClientSettings,
    topic: &'s str,
}

impl Scout<'_> {
    /// How far back the last record is looked for at first, and how much further each time:
    /// markers of transactions have offsets, too.
    const FIRST: i64 = 8;
    const GROWTH: i64 = 16;

    /// Where the last record is, and what time it is there.
    fn find_ends(&self, lags: &mut [PartitionLag]) -> Result<(), ReadError> {
        let mut back = Self::FIRST;
        let mut open: Vec<usize> = (0..lags.len()).collect();
        loop {
            open.retain(|index| lags[*index].start < lags[*index].stable_end);
            if open.is_empty() {
                return Ok(());
            }
            let range = |lag: &PartitionLag| ReadRange {
                partition: lag.partition,
                start: (lag.stable_end - back).max(lag.start),
                end: Some(lag.stable_end),
            };
            let ranges: Vec<_> = open.iter().map(|index| range(&lags[*index])).collect();
            let mut found: BTreeMap<i32, (i64, Option<i64>)> = BTreeMap::new();
            self.read(&ranges, |partition, offset, time| {
                let newest = found.entry(partition).or_default();
                *newest = (offset + 1, newest.1.max(time));
            })?;
            open.retain(|index| {
                let lag = &mut lags[*index];
                match found.get(&lag.partition) {
                    Some((end, newest)) => (lag.end, lag.newest_ms) = (*end, *newest),
                    None if lag.stable_end - back > lag.start => return true,
                    // Markers only.
                    None => lag.end = lag.start,
                }
                false
            });
            back = back.saturating_mul(Self::GROWTH);
        }
    }

    /// What time it is at the first record that is not committed.
    fn find_oldest(&self, lags: &mut [PartitionLag]) -> Result<(), ReadError> {
        let mut width = 1;
        let mut open: Vec<usize> = (0..lags.len()).collect();
        loop {
            open.retain(|index| lags[*index].oldest_ms.is_none() && lags[*index].records() > 0);
            if open.is_empty() {
                return Ok(());
            }
            let range = |lag: &PartitionLag| ReadRange {
                partition: lag.partition,
                start: lag.next(),
                end: Some(lag.next().saturating_add(width).min(lag.end)),
            };
            let ranges: Vec<_> = open.iter().map(|index| range(&lags[*index])).collect();
            let mut found: BTreeMap<i32, Option<i64>> = BTreeMap::new();
            self.read(&ranges, |partition, _, time| {
                found.entry(partition).or_insert(time);
            })?;
            open.retain(|index| {
                let lag = &mut lags[*index];
                lag.oldest_ms = found.get(&lag.partition).copied().flatten();
                let is_found = found.contains_key(&lag.partition);
                !is_found && lag.next().saturating_add(width) < lag.end
            });
            width = width.saturating_mul(Self::GROWTH);
        }
    }

    fn read(
        &self,
        ranges: &[ReadRange],
        mut see: impl FnMut(i32, i64, Option<i64>),
    ) -> Result<(), ReadError> {
        let isolation = Isolation::Committed;
        let mut reader = Reader::open_ranges(self.settings, self.topic, isolation, ranges)?;
        reader.for_each(PATIENCE, |record| {
            see(record.partition(), record.offset(), record.timestamp_ms());
            ControlFlow::Continue(())
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lag(committed: Option<i64>) -> PartitionLag {
        PartitionLag {
            start: 10,
            committed,
            read_to: committed.map(|offset| offset + 5),
            end: 100,
            log_end: 120,
            stable_end: 102,
            oldest_ms: Some(1000),
            newest_ms: Some(61_000),
            ..PartitionLag::default()
        }
    }

    #[test]
    fn lag_counts_from_what_is_committed_and_there() {
        let told = |committed| {
            let lag = lag(committed);
            (lag.records(), lag.behind_ms(), lag.unread(), lag.deleted())
        };
        assert_eq!(told(Some(40)), (60, Some(60_000), Some(55), 0));
        assert_eq!(told(None), (90, Some(60_000), None, 0), "nothing is committed");
        assert_eq!(told(Some(4)), (90, Some(60_000), Some(91), 6), "six were deleted");
        assert_eq!(told(Some(100)), (0, Some(0), Some(0), 0));
        assert_eq!(told(Some(101)), (0, Some(0), Some(0), 0), "behind a marker");
        assert_eq!(lag(None).hidden(), 18);
    }

    #[test]
    fn records_without_a_time_are_not_late() {
        assert_eq!(PartitionLag { oldest_ms: None, ..lag(Some(40)) }.behind_ms(), None);
        assert_eq!(PartitionLag { newest_ms: Some(0), ..lag(Some(40)) }.behind_ms(), Some(0));
    }
}

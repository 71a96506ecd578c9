//! Reading the topic.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tailsift_sampler::LetterKind;

use super::letter::{Letter, Origin, Parsed, parse};
use crate::client::ClientSettings;
use crate::error::ReadError;
use crate::offsets::Isolation;
use crate::reader::{ReadRange, Reader, RecordRef, StoredRecord};
use crate::topics::Admin;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The dead letters as they are when this is made: what comes later is not seen.
pub struct DeadLetters {
    settings: ClientSettings,
    topic: String,
    admin: Admin,
    ranges: Vec<ReadRange>,
}

/// A letter in the client's buffer.
pub struct LetterRef<'r> {
    /// What our headers say.
    pub letter: Letter,
    /// The record that holds it.
    pub record: RecordRef<'r>,
}

/// A letter of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    /// What our headers said.
    pub letter: Letter,
    /// The record that holds it, without those headers.
    pub record: StoredRecord,
}

/// What was re-driven already.
#[derive(Debug, Clone, Default)]
pub struct Redriven {
    letters: BTreeSet<(i32, i64)>,
    origins: BTreeSet<Origin>,
}

/// Why a letter cannot be re-driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The record had no value.
    Tombstone,
    /// Its other spans were read.
    PartlyRead,
    /// Spans that were not kept, which may lie in several records.
    SpansNotKept,
    /// The record was not kept, and is not in its topic any more.
    Gone(Origin),
    /// Where it should go does not exist.
    NoTarget {
        /// The topic.
        topic: String,
        /// The partition, if there are others.
        partition: Option<i32>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tombstone => f.write_str("it has no value: it would be a dead letter again"),
            Self::PartlyRead => f.write_str(
                "its other spans were read and would be repeated; mend it elsewhere (--to TOPIC)",
            ),
            Self::SpansNotKept => f.write_str(
                "its spans were not kept here, and the records that hold them hold \
                 others that were exported",
            ),
            Self::Gone(Origin { topic, partition, offset }) => write!(
                f,
                "it was not kept here, and {topic} partition {partition} does not hold \
                 offset {offset} any more"
            ),
            Self::NoTarget { topic, partition: None } => {
                write!(f, "topic {topic} does not exist; make it, or use --to TOPIC")
            }
            Self::NoTarget { topic, partition: Some(partition) } => {
                write!(f, "topic {topic} has no partition {partition}; use --to TOPIC")
            }
        }
    }
}

impl Redriven {
    /// True if a letter, or another one of the same record, was re-driven.
    pub fn contains(&self, letter: &LetterRef<'_>) -> bool {
        let LetterRef { letter, record } = letter;
        // Spans have the offset of a record that is not theirs.
        let is_record = letter.kind != LetterKind::Spans;
        self.has(record.partition(), record.offset())
            || is_record && self.origins.contains(&letter.origin)
    }

    /// True if the letter at this place was re-driven.
    pub fn has(&self, partition: i32, offset: i64) -> bool {
        self.letters.contains(&(partition, offset))
    }

    /// Notes a letter that is about to be re-driven: another one of the same record is not.
    pub fn insert(&mut self, letter: &StoredLetter) {
        self.letters.insert((letter.record.partition, letter.record.offset));
        self.origins.insert(letter.letter.origin.clone());
    }
}

impl DeadLetters {
    /// Looks where the topic begins and ends; waits until all of that can be read.
    ///
    /// # Errors
    /// If the topic does not exist, a transaction stays open for a minute or brokers do not answer.
    pub fn open(settings: &ClientSettings, topic: &str) -> Result<Self, ReadError> {
        let admin = Admin::new(settings)?;
        let ends = admin.end_offsets(topic, Isolation::Uncommitted)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stable = admin.end_offsets(topic, Isolation::Committed)?;
            let hidden = stable.iter().zip(&ends).find(|(stable, end)| stable.offset < end.offset);
            let Some((stable, end)) = hidden else { break };
            if Instant::now() >= deadline {
                return Err(ReadError::Stalled {
                    topic: topic.to_owned(),
                    partition: end.partition,
                    position: stable.offset,
                    end: end.offset,
                    waited: PATIENCE,
                    last: "; a transaction stays open there".to_owned(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let range = |end: crate::offsets::PartitionOffset| ReadRange {
            partition: end.partition,
            start: 0,
            end: Some(end.offset),
        };
        let ranges = ends.into_iter().map(range).collect();
        Ok(Self { settings: settings.clone(), topic: topic.to_owned(), admin, ranges })
    }

    /// What was re-driven: 12 bytes and the origin's place are held for each.
    ///
    /// # Errors
    /// If a partition cannot be read.
    pub fn redriven(&self) -> Result<Redriven, ReadError> {
        let mut redriven = Redriven::default();
        self.reader()?.for_each(PATIENCE, |record| {
            if let Parsed::Marker { offset, origin } = parse(record.headers()) {
                redriven.letters.insert((record.partition(), offset));
                redriven.origins.insert(origin);
            }
            ControlFlow::Continue(())
        })?;
        Ok(redriven)
    }

    /// Shows each letter, those of a partition in its order.
    ///
    /// # Errors
    /// If a partition cannot be read.
    pub fn for_each(
        &self,
        mut visit: impl FnMut(LetterRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.reader()?.for_each(PATIENCE, |record| match parse(record.headers()) {
            Parsed::Letter(letter) => visit(LetterRef { letter, record }),
            Parsed::Marker { .. } | Parsed::Foreign => ControlFlow::Continue(()),
        })?;
        Ok(())
    }

    /// The letter at a place; `None` if there is none.
    ///
    /// # Errors
    /// If the partition cannot be read.
    pub fn at(&self, partition: i32, offset: i64) -> Result<Option<StoredLetter>, ReadError> {
        let mut found = None;
        self.record(&self.topic, partition, offset, |record| {
            if let Parsed::Letter(letter) = parse(record.headers()) {
                found = Some(LetterRef { letter, record }.to_stored());
            }
        })?;
        Ok(found)
    }

    /// The letter's record as it was, from where it was if it was not kept.
    ///
    /// # Errors
    /// If the partition cannot be read.
    pub fn original(
        &self,
        stored: &StoredLetter,
    ) -> Result<Result<StoredRecord, Refusal>, ReadError> {
        let StoredLetter { letter, record } = stored;
        match (letter.kind, &letter.left_out) {
            (_, None) if record.value.is_none() => return Ok(Err(Refusal::Tombstone)),
            (_, None) => return Ok(Ok(record.clone())),
            (LetterKind::Spans, Some(_)) => return Ok(Err(Refusal::SpansNotKept)),
            (LetterKind::Record | LetterKind::PartlyRead, Some(_)) => {}
        }
        let Origin { topic, partition, offset } = &letter.origin;
        let is_there = self.admin.partitions(topic)?.is_some_and(|count| *partition < count);
        let mut found = None;
        if is_there {
            self.record(topic, *partition, *offset, |record| found = Some(record.to_stored()))?;
        }
        Ok(found.ok_or_else(|| Refusal::Gone(letter.origin.clone())))
    }

    /// How many partitions a topic of the same cluster has, if it is there.
    ///
    /// # Errors
    /// If the brokers do not answer.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, ReadError> {
        Ok(self.admin.partitions(topic)?)
    }

    fn reader(&self) -> Result<Reader, ReadError> {
        Reader::open_ranges(&self.settings, &self.topic, Isolation::Committed, &self.ranges)
    }

    fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        mut see: impl FnMut(RecordRef<'_>),
    ) -> Result<(), ReadError> {
        let end = Some(offset.saturating_add(1));
        let range = ReadRange { partition, start: offset, end };
        let committed = Isolation::Committed;
        Reader::open_ranges(&self.settings, topic, committed, &[range])?.for_each(
            PATIENCE,
            |record| {
                // Where the log begins further up, that is another one.
                if record.offset() == offset {
                    see(record);
                }
                ControlFlow::Continue(())
            },
        )?;
        Ok(())
    }
}

impl LetterRef<'_> {
    /// A copy of its own.
    pub fn to_stored(&self) -> StoredLetter {
        let mut record = self.record.to_stored();
        record.headers.truncate(self.letter.own_headers);
        StoredLetter { letter: self.letter.clone(), record }
    }
}

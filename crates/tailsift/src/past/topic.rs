//! A topic from some time on, to its end as it is now.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use tailsift_kafka::{Admin, ClientSettings, Isolation, ReadRange, Reader, RecordRef};

use super::Progress;

/// How long nothing may come before the end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records between two looks at the progress.
const TELL_EVERY: u64 = 256;

/// What a topic holds, from some time on to its end when that was asked for. Read as those who
/// wait for transactions see it.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    settings: ClientSettings,
    topic: String,
    partitions: i32,
    /// Those with something in them.
    ranges: Vec<ReadRange>,
}

/// How many threads read at once.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Past {
    /// All of a topic, or records with at least this timestamp (milliseconds since the Unix epoch)
    /// and all behind them. `None` if there is no such topic.
    ///
    /// # Errors
    /// If the brokers do not answer.
    pub(crate) fn of(
        settings: &ClientSettings,
        topic: &str,
        from_ms: Option<i64>,
    ) -> anyhow::Result<Option<Self>> {
        let admin = Admin::new(settings)?;
        let Some(partitions) = admin.partitions(topic)? else { return Ok(None) };
        let starts: Vec<_> = match from_ms {
            None => admin.log_starts(topic)?,
            Some(time) => admin.offsets_at(topic, time)?.into_iter().flatten().collect(),
        };
        let ends = admin.end_offsets(topic, Isolation::Committed)?;
        let range = |start: tailsift_kafka::PartitionOffset| {
            let end = ends.iter().find(|end| end.partition == start.partition)?.offset;
            let range =
                ReadRange { partition: start.partition, start: start.offset, end: Some(end) };
            (start.offset < end).then_some(range)
        };
        let ranges = starts.into_iter().filter_map(range).collect();
        Ok(Some(Self { settings: settings.clone(), topic: topic.to_owned(), partitions, ranges }))
    }

    /// How many partitions the topic has.
    pub(crate) fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Only partitions that are wanted.
    pub(crate) fn only(&self, wanted: impl Fn(i32) -> bool) -> Self {
        let ranges = self.ranges.iter().filter(|range| wanted(range.partition));
        Self { ranges: ranges.copied().collect(), ..self.clone() }
    }

    /// The parts that are read.
    pub(crate) fn ranges(&self) -> &[ReadRange] {
        &self.ranges
    }

    /// How many offsets they are; gaps are among them.
    pub(crate) fn offsets(&self) -> u64 {
        let lengths =
            self.ranges.iter().map(|range| range.end.unwrap_or(range.start) - range.start);
        lengths.map(i64::unsigned_abs).sum()
    }

    /// The share of one of so many threads.
    pub(crate) fn share(&self, number: usize, of: usize) -> Vec<ReadRange> {
        self.ranges.iter().skip(number).step_by(of).copied().collect()
    }

    /// Shows every record to one of the visitors, each of which has a thread and partitions of its
    /// own; within a partition in the order of the log. A visitor that breaks ends its share.
    ///
    /// # Errors
    /// If a partition cannot be read to its end.
    pub(crate) fn read<V: Send>(
        &self,
        visitors: Vec<V>,
        progress: &Progress,
        visit: impl Fn(&mut V, RecordRef<'_>) -> ControlFlow<()> + Sync,
    ) -> anyhow::Result<Vec<V>> {
        let of = visitors.len();
        let work = |number: usize, mut visitor: V| -> anyhow::Result<V> {
            let share = self.share(number, of);
            if share.is_empty() {
                return Ok(visitor);
            }
            let mut reader =
                Reader::open_ranges(&self.settings, &self.topic, Isolation::Committed, &share)?;
            let mut untold = 0;
            reader.for_each(PATIENCE, |record| {
                untold += 1;
                if untold == TELL_EVERY {
                    progress.advance(untold);
                    untold = 0;
                }
                visit(&mut visitor, record)
            })?;
            progress.advance(untold);
            Ok(visitor)
        };
        std::thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = visitors
                .into_iter()
                .enumerate()
                .map(|(number, visitor)| scope.spawn(move || work(number, visitor)))
                .collect();
            // All are waited for, whatever becomes of the first.
            let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            ended
                .into_iter()
                .map(|ended| {
                    ended
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                        .with_context(|| format!("reading topic {:?}", self.topic))
                })
                .collect()
        })
    }
}

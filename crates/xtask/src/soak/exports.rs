//! The export as it grows, read before the topic lets go of it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tailsift_fixture::Exported;
use tailsift_kafka::{ClientSettings, Isolation, PartitionOffset, ReadRange, Reader};

use super::PATIENCE;

/// The follower looks so often whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Follows the export on a thread of its own.
pub(super) struct Exports {
    topic: String,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<(Exported, Vec<PartitionOffset>)>>,
}

impl Exports {
    pub(super) fn follow(settings: &ClientSettings, topic: &str) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut reader = Reader::follow(settings, topic, Isolation::Committed)?;
        let is_over = Arc::clone(&stop);
        let follow = move || {
            let mut exported = Exported::default();
            while !is_over.load(Ordering::Relaxed) {
                reader.for_each(LOOK_EVERY, |record| {
                    exported.record(record.key(), record.value().unwrap_or_default());
                    match is_over.load(Ordering::Relaxed) {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                })?;
            }
            Ok((exported, reader.positions()))
        };
        let thread = std::thread::Builder::new().name("exports".into()).spawn(follow);
        let thread = thread.context("starting to read the export")?;
        Ok(Self { topic: topic.to_owned(), stop, thread })
    }

    /// # Errors
    /// If the export cannot be read any more; [`finish`](Self::finish) says why.
    pub(super) fn ensure_running(&self) -> anyhow::Result<()> {
        ensure!(!self.thread.is_finished(), "the export cannot be read on");
        Ok(())
    }

    /// All of the export, to its end as it is now.
    pub(super) fn finish(self, settings: &ClientSettings) -> anyhow::Result<Exported> {
        self.stop.store(true, Ordering::Relaxed);
        let followed = self.thread.join().map_err(|_| anyhow!("the export's reader panicked"))?;
        let (mut exported, positions) = followed?;
        let rest = |at: &PartitionOffset| ReadRange {
            partition: at.partition,
            start: at.offset,
            end: Some(i64::MAX),
        };
        let ranges: Vec<_> = positions.iter().map(rest).collect();
        let mut reader = Reader::open_ranges(settings, &self.topic, Isolation::Committed, &ranges)?;
        reader.for_each(PATIENCE, |record| {
            exported.record(record.key(), record.value().unwrap_or_default());
            ControlFlow::Continue(())
        })?;
        Ok(exported)
    }
}

/// How many committed records a topic holds.
pub(super) fn count_records(settings: &ClientSettings, topic: &str) -> anyhow::Result<u64> {
    let mut reader = Reader::open(settings, topic, Isolation::Committed)?;
    Ok(reader.for_each(PATIENCE, |_| ControlFlow::Continue(()))?)
}

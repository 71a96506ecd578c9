//! A worker that decides and exports nothing.

use std::time::{Duration, Instant};

use tailsift_sampler::Epoch;
use tracing::info;

/// How often it is told what would have been exported.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Takes exports out of epochs, and counts them.
#[derive(Debug)]
pub(crate) struct Shadow {
    told: Instant,
    since: Withheld,
    total: Withheld,
}

/// What was not exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Withheld {
    traces: u64,
    /// Those that came after their trace's verdict included.
    spans: u64,
    records: u64,
    /// Of records' values, redacted and not compressed.
    bytes: u64,
}

impl Shadow {
    /// Nothing was withheld yet.
    pub(crate) fn new() -> Self {
        Self { told: Instant::now(), since: Withheld::default(), total: Withheld::default() }
    }

    /// Looks at an epoch as it was cut.
    pub(crate) fn count_traces(&mut self, epoch: &Epoch) {
        for export in epoch.parts.iter().flat_map(|part| &part.exports) {
            self.since.traces += u64::from(!export.late);
            self.since.spans += u64::from(export.spans);
        }
    }

    /// Takes out what would be written now that it is fit for that. Verdicts stay.
    pub(crate) fn withhold(&mut self, epoch: &mut Epoch) {
        for part in &mut epoch.parts {
            for export in std::mem::take(&mut part.exports) {
                self.since.records += 1;
                self.since.bytes += export.payload.len() as u64;
            }
        }
    }

    /// Tells now and then.
    pub(crate) fn tell(&mut self) {
        if self.told.elapsed() >= TELL_EVERY {
            self.tell_now();
        }
    }

    /// Tells what was withheld since the last time, and in all.
    pub(crate) fn tell_now(&mut self) {
        let Withheld { traces, spans, records, bytes } = self.since;
        self.total.add(self.since);
        info!(
            traces,
            spans,
            records,
            bytes,
            seconds = self.told.elapsed().as_secs(),
            traces_in_all = self.total.traces,
            bytes_in_all = self.total.bytes,
            "shadow: would have exported"
        );
        self.since = Withheld::default();
        self.told = Instant::now();
    }
}

impl Withheld {
    fn add(&mut self, other: Self) {
        self.traces += other.traces;
        self.spans += other.spans;
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests;

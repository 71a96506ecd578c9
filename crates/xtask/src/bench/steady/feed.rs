//! Records that are produced when their time has come.

use std::collections::BTreeMap;
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use tailsift_fixture::{LoadRecord, LoadShape, LoadSpec};
use tailsift_kafka::{ClientSettings, Writer};

use crate::cluster::{now_ms, outgoing};

/// All of a load is held in memory, so that feeding it takes as little as it can of the machine
/// that is shared with what is measured.
const SPANS_MAX: u64 = 8_000_000;
const SPANS_PER_TRACE: u64 = 12;
/// From the start of the feeder to the first record.
const LEAD_MS: i64 = 500;
const TICK: Duration = Duration::from_millis(1);
const FLUSHED_WITHIN: Duration = Duration::from_secs(60);

/// Records, and what is to come of them.
pub(super) struct Load {
    records: Vec<LoadRecord>,
    spans: u64,
    bytes: u64,
    first_ms: i64,
    /// By key, the traces worth keeping.
    worthy: BTreeMap<Vec<u8>, Times>,
}

/// When a trace's first record is produced, and its last, in ms since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

/// A load on its way.
pub(super) struct Feed {
    first_ms: i64,
    thread: JoinHandle<anyhow::Result<(Load, i64)>>,
}

impl Load {
    /// Makes what a rate takes for so long.
    pub(super) fn prepare(rate: u32, length_ms: i64, partitions: u32) -> anyhow::Result<Self> {
        let spans = u64::from(rate) * length_ms.unsigned_abs() / 1000;
        ensure!(
            spans <= SPANS_MAX,
            "--rate, --wait and --seconds: expected at most {SPANS_MAX} spans in all, which are \
             held in memory, got {spans}; lower one of them"
        );
        let spec = LoadSpec {
            traces: u32::try_from(spans.div_ceil(SPANS_PER_TRACE))?,
            shape: LoadShape::Keyed,
            seed: 1,
            partitions,
            spans_per_second: rate,
            end_ms: now_ms(),
        };
        let expected = spec.expected();
        let ids = [expected.errors, expected.slow, expected.low_confidence];
        let none = Times { first_ms: i64::MAX, last_ms: i64::MIN };
        let worthy = ids.iter().flatten().map(|id| (id.hex().to_vec(), none)).collect();
        Ok(Self::of(spec.records().collect(), worthy))
    }

    fn of(records: Vec<LoadRecord>, mut worthy: BTreeMap<Vec<u8>, Times>) -> Self {
        for record in &records {
            let Some(times) = record.key.as_ref().and_then(|key| worthy.get_mut(key)) else {
                continue;
            };
            times.first_ms = times.first_ms.min(record.timestamp_ms);
            times.last_ms = times.last_ms.max(record.timestamp_ms);
        }
        Self {
            spans: records.iter().map(|record| u64::from(record.spans)).sum(),
            bytes: records.iter().map(|record| record.value.len() as u64).sum(),
            first_ms: records.first().map_or(0, |record| record.timestamp_ms),
            records,
            worthy,
        }
    }

    /// Has it begin at another time.
    fn shift_to(&mut self, first_ms: i64) {
        let by = first_ms - self.first_ms;
        self.first_ms = first_ms;
        self.records.iter_mut().for_each(|record| record.timestamp_ms += by);
        for times in self.worthy.values_mut() {
            times.first_ms += by;
            times.last_ms += by;
        }
    }

    /// By key, the traces worth keeping.
    pub(super) fn worthy(&self) -> &BTreeMap<Vec<u8>, Times> {
        &self.worthy
    }

    /// Bytes of the records' values for each span.
    pub(super) fn bytes_per_span(&self) -> f64 {
        self.bytes as f64 / self.spans.max(1) as f64
    }

    /// How late the latest record was, in ms.
    fn feed(&self, writer: &mut Writer, topic: &str) -> anyhow::Result<i64> {
        let mut late_ms = 0;
        for record in &self.records {
            loop {
                let left = record.timestamp_ms - now_ms();
                if left <= 0 {
                    late_ms = late_ms.max(-left);
                    break;
                }
                sleep(TICK);
            }
            writer.send(outgoing(topic, record))?;
        }
        writer.flush(FLUSHED_WITHIN)?;
        Ok(late_ms)
    }
}

impl Feed {
    /// Begins in a moment.
    pub(super) fn start(
        mut load: Load,
        settings: &ClientSettings,
        topic: &'static str,
    ) -> anyhow::Result<Self> {
        let mut writer = Writer::new(settings)?;
        let first_ms = now_ms() + LEAD_MS;
        load.shift_to(first_ms);
        let feed = move || {
            let late_ms = load.feed(&mut writer, topic)?;
            Ok((load, late_ms))
        };
        let thread = std::thread::Builder::new().name("feed".to_owned()).spawn(feed);
        Ok(Self { first_ms, thread: thread.context("starting the feeder")? })
    }

    /// When the first record is produced.
    pub(super) fn first_ms(&self) -> i64 {
        self.first_ms
    }

    /// Waits for the last record. Also says how late the latest was, in ms.
    pub(super) fn finish(self) -> anyhow::Result<(Load, i64)> {
        self.thread.join().map_err(|_| anyhow!("the feeder panicked"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_shifted_whole() {
        let mut load = Load::prepare(1200, 2000, 4).unwrap();
        assert_eq!((load.spans, load.records.len(), load.worthy.len()), (2400, 600, 12));
        load.shift_to(5000);
        assert_eq!(load.records[0].timestamp_ms, 5000);
        let of = |key: &[u8]| {
            let records = load.records.iter().filter(|record| record.key.as_deref() == Some(key));
            let times: Vec<_> = records.map(|record| record.timestamp_ms).collect();
            Times { first_ms: times[0], last_ms: times[2] }
        };
        assert!(load.worthy.iter().all(|(key, times)| of(key) == *times), "{:?}", load.worthy);
    }

    #[test]
    fn a_load_that_does_not_fit_is_refused() {
        let error = Load::prepare(1_000_000, 600_000, 8).err().unwrap().to_string();
        assert!(error.contains("at most 8000000 spans") && error.contains("got 600000000"));
    }
}

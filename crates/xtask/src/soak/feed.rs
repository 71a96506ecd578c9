//! The load: produced live, on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tailsift_fixture::{Churn, LoadRecord, LoadShape, LoadSpec, NamedPolicy, ReferenceTrace};
use tailsift_kafka::Writer;
use tailsift_trace::TraceId;

use super::{INPUT, PARTITIONS, PATIENCE};
use crate::cluster::{Cluster, now_ms, outgoing};

/// Spans of a trace of the even load.
const TRACE_SPANS: u32 = 12;
/// A load that falls behind its own timestamps by more is judged by other waits than it should be.
const BEHIND_MAX: Duration = Duration::from_secs(3);

/// A running feed.
pub(super) struct Feed {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<Fed>>>,
}

/// What was produced.
pub(super) struct Fed {
    pub(super) records: u64,
    pub(super) spans: u64,
    pub(super) expected: BTreeMap<TraceId, ReferenceTrace>,
    /// Records that are to be dead letters.
    pub(super) unreadable: u64,
    /// How far it was behind its own time, at most.
    pub(super) behind: Duration,
}

/// The even load, which begins now: new traces all the time.
pub(super) fn spec(rate: u32, seed: u64, length: Duration) -> anyhow::Result<LoadSpec> {
    let traces = u64::from(rate) * length.as_secs() / u64::from(TRACE_SPANS);
    Ok(LoadSpec {
        traces: u32::try_from(traces).context("--rate and --minutes: too many traces")?,
        shape: LoadShape::Keyed,
        seed,
        partitions: PARTITIONS,
        spans_per_second: rate,
        // The last trace's records are spread over one more second.
        end_ms: now_ms() + i64::try_from(length.as_millis())? + 1000,
    })
}

impl Feed {
    pub(super) fn start(
        cluster: &Cluster,
        policies: Vec<NamedPolicy>,
        spec: LoadSpec,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut feeding = Feeding {
            writer: Writer::new(&cluster.settings())?,
            churn: Churn::new(spec.seed, spec.partitions, policies.clone()),
            next_second_ms: now_ms(),
            records: 0,
            spans: 0,
            behind_ms: 0,
            stop: Arc::clone(&stop),
        };
        let feed = move || {
            feeding.run(spec)?;
            let Feeding { churn, records, spans, behind_ms, .. } = feeding;
            let unreadable = churn.unreadable();
            let mut expected = spec.judged(&policies)?;
            expected.extend(churn.finish()?);
            let behind = Duration::from_millis(behind_ms);
            ensure!(
                behind <= BEHIND_MAX,
                "the load fell behind by {behind:.1?}: this machine is too slow for it; give a lower --rate"
            );
            Ok(Fed { records, spans, expected, unreadable, behind })
        };
        let thread = std::thread::Builder::new().name("feed".into()).spawn(feed);
        Ok(Self { stop, thread: Some(thread.context("starting the feed")?) })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What was produced, once it is finished.
    pub(super) fn finish(mut self) -> anyhow::Result<Fed> {
        let thread = self.thread.take().context("the feed was finished before")?;
        thread.join().map_err(|_| anyhow!("the feed panicked"))?
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Something else went wrong, which is being told.
            let _ = thread.join();
        }
    }
}

struct Feeding {
    writer: Writer,
    churn: Churn,
    next_second_ms: i64,
    records: u64,
    spans: u64,
    behind_ms: u64,
    stop: Arc<AtomicBool>,
}

impl Feeding {
    fn run(&mut self, spec: LoadSpec) -> anyhow::Result<()> {
        for record in spec.records() {
            self.churn_until(record.timestamp_ms, true)?;
            self.wait_until(record.timestamp_ms)?;
            self.send(&record)?;
        }
        // What has begun is finished.
        while !self.churn.is_over() {
            self.churn_until(self.next_second_ms, false)?;
        }
        self.writer.flush(PATIENCE)?;
        Ok(())
    }

    /// Writes all of it that is due by then.
    fn churn_until(&mut self, time_ms: i64, begins: bool) -> anyhow::Result<()> {
        while self.next_second_ms <= time_ms {
            self.wait_until(self.next_second_ms)?;
            for record in self.churn.next_second(self.next_second_ms, begins)? {
                self.send(&record)?;
            }
            self.next_second_ms += 1000;
        }
        Ok(())
    }

    /// The pace of the load: nothing else is waited for.
    fn wait_until(&mut self, time_ms: i64) -> anyhow::Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "the load was stopped");
        let ahead_ms = time_ms - now_ms();
        match u64::try_from(ahead_ms) {
            Ok(ahead_ms) => std::thread::sleep(Duration::from_millis(ahead_ms)),
            Err(_) => self.behind_ms = self.behind_ms.max(ahead_ms.unsigned_abs()),
        }
        Ok(())
    }

    fn send(&mut self, record: &LoadRecord) -> anyhow::Result<()> {
        self.writer.send(outgoing(INPUT, record))?;
        self.records += 1;
        self.spans += u64::from(record.spans);
        Ok(())
    }
}

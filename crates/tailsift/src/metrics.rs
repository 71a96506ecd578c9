//! Own metrics: the core's counters and the shell's, in Prometheus' text format.
//!
//! [`install`] makes the process's exporter, workers publish through [`WorkerMetrics`], and
//! `/metrics` shows [`Exposition::render`]. Where nothing was installed (`http: off`) publishing
//! goes nowhere. The names are in [`table`], from which `schemas/metrics.md` is generated.

mod poison;
mod table;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::{PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tailsift_kafka::SinkStats;
use tailsift_otlp::{RedactionCounts, ThresholdCounts};
use tailsift_policy::CloseReason;
use tailsift_sampler::{Gauges, Partial, RekeyStats, Stats};
use tailsift_trace::Millis;

pub(crate) use poison::PoisonReason;
use table::{Metric, ReadGauges, ReadRekey, ReadSink, ReadStats, Source, TABLE};

/// Workers publish under a share of it, and a scrape is written under the whole: it shows what each
/// worker counted and held at one moment.
static PUBLISHING: RwLock<()> = RwLock::new(());

/// The process's metrics, for rendering.
#[derive(Clone)]
pub(crate) struct Exposition {
    handle: PrometheusHandle,
    started: Instant,
    uptime: Gauge,
    resident_memory: Gauge,
}

/// Makes the process's exporter. Once per process.
///
/// # Errors
/// If one was installed already.
pub(crate) fn install() -> anyhow::Result<Exposition> {
    let (recorder, exposition) = build()?;
    metrics::set_global_recorder(recorder)
        .context("metrics: a second exporter in one process; install it once")?;
    Ok(exposition)
}

fn build() -> anyhow::Result<(PrometheusRecorder, Exposition)> {
    let mut builder = PrometheusBuilder::new();
    for metric in TABLE {
        if let Source::Histogram(bounds) = metric.source {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                .with_context(|| format!("metrics: buckets of {}", metric.name))?;
        }
    }
    let recorder = builder.build_recorder();
    let exposition = metrics::with_local_recorder(&recorder, || {
        for metric in TABLE {
            describe(metric);
        }
        gauge_of(&table::BUILD, &[env!("CARGO_PKG_VERSION")]).set(1.0);
        Exposition {
            handle: recorder.handle(),
            started: Instant::now(),
            uptime: gauge_of(&table::UPTIME, &[]),
            resident_memory: gauge_of(&table::RESIDENT_MEMORY, &[]),
        }
    });
    Ok((recorder, exposition))
}

fn describe(metric: &Metric) {
    match metric.source {
        Source::Stats(_) | Source::Rekey(_) | Source::Sink(_) | Source::Counter => {
            metrics::describe_counter!(metric.name, metric.help);
        }
        Source::Gauges(_) | Source::Gauge => metrics::describe_gauge!(metric.name, metric.help),
        Source::Histogram(_) => metrics::describe_histogram!(metric.name, metric.help),
    }
}

fn counter_of(metric: &Metric, values: &[&str]) -> Counter {
    counter!(metric.name, labels(metric, values))
}

fn gauge_of(metric: &Metric, values: &[&str]) -> Gauge {
    gauge!(metric.name, labels(metric, values))
}

fn histogram_of(metric: &Metric, values: &[&str]) -> Histogram {
    histogram!(metric.name, labels(metric, values))
}

fn labels(metric: &Metric, values: &[&str]) -> Vec<Label> {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let pairs = metric.labels.iter().zip(values);
    pairs.map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

impl Exposition {
    /// The text of `/metrics`: Prometheus' text format 0.0.4.
    pub(crate) fn render(&self) -> String {
        self.uptime.set(self.started.elapsed().as_secs_f64());
        self.resident_memory.set(resident_bytes().map_or(f64::NAN, |bytes| bytes as f64));
        // The exporter can delete single series only after a time without updates, so a series
        // that has ended holds NaN, which no metric of ours ever is, and is left out here.
        let mut text = {
            let _all = PUBLISHING.write().unwrap_or_else(PoisonError::into_inner);
            self.handle.render()
        };
        if text.contains(" NaN\n") {
            text = text.split_inclusive('\n').filter(|line| !line.ends_with(" NaN\n")).collect();
        }
        text
    }

    /// Folds buffered samples into the histograms. The buffers grow until this or
    /// [`render`](Self::render) is called, so call it every few seconds.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Resident memory, from the kernel's `/proc/self/status` (`VmRSS`, in KiB).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What one worker exports. Handles are resolved once, so publishing is a few atomic stores.
pub(crate) struct WorkerMetrics {
    worker: String,
    stats: Vec<(ReadStats, Total)>,
    closed: Vec<Total>,
    turns_partial: Vec<Total>,
    held: Vec<Histogram>,
    /// By the place that decisions name; `None` of names that never judged here.
    kept: Vec<Option<Total>>,
    dropped: Total,
    gauges: Vec<(ReadGauges, Gauge)>,
    sink: Vec<(ReadSink, Total)>,
    aborted: Total,
    producers_replaced: Total,
    discarded: Counter,
    epoch_commit: Histogram,
    restoring: Gauge,
    refused: Gauge,
    records_missing: Total,
    redactions: [Counter; 5],
    redaction_unreadable: Counter,
    thresholds: [Counter; 5],
}

impl WorkerMetrics {
    /// The metrics of worker number `worker`; `policies` are the names in configured order.
    /// After [`install`].
    pub(crate) fn new(worker: usize, policies: &[String]) -> Self {
        let worker = worker.to_string();
        let mut stats = Vec::new();
        let mut sink = Vec::new();
        let mut gauges = Vec::new();
        for metric in TABLE {
            let total = || Total::new(counter_of(metric, &[&worker]));
            match metric.source {
                Source::Stats(read) => stats.push((read, total())),
                Source::Sink(read) => sink.push((read, total())),
                Source::Gauges(read) => gauges.push((read, gauge_of(metric, &[&worker]))),
                Source::Rekey(_) | Source::Counter | Source::Gauge | Source::Histogram(_) => {}
            }
        }
        let closed = |reason: CloseReason| {
            Total::new(counter_of(&table::TRACES_CLOSED, &[&worker, reason.name()]))
        };
        let partial = |reason: Partial| {
            Total::new(counter_of(&table::chance::PARTIAL, &[&worker, reason.name()]))
        };
        let held =
            |reason: CloseReason| histogram_of(&table::TRACE_HELD, &[&worker, reason.name()]);
        let verdict = |verdict: &str, policy: &str| {
            Total::new(counter_of(&table::VERDICTS, &[&worker, verdict, policy]))
        };
        let failures = |kind: &str| counter_of(&table::EPOCH_FAILURES, &[&worker, kind]);
        Self {
            stats,
            closed: CloseReason::ALL.into_iter().map(closed).collect(),
            turns_partial: Partial::ALL.into_iter().map(partial).collect(),
            held: CloseReason::ALL.into_iter().map(held).collect(),
            kept: policies.iter().map(|policy| Some(verdict("keep", policy))).collect(),
            dropped: verdict("drop", "none"),
            gauges,
            sink,
            aborted: Total::new(failures("aborted")),
            producers_replaced: Total::new(failures("producer_replaced")),
            discarded: failures("discarded"),
            epoch_commit: histogram_of(&table::EPOCH_COMMIT, &[&worker]),
            restoring: gauge_of(&table::PARTITIONS_RESTORING, &[&worker]),
            refused: gauge_of(&table::PARTITIONS_REFUSED, &[&worker]),
            records_missing: Total::new(counter_of(&table::RECORDS_MISSING, &[&worker])),
            redactions: RedactionCounts::default()
                .by_action()
                .map(|(action, _)| counter_of(&table::REDACTIONS, &[&worker, action])),
            redaction_unreadable: counter_of(&table::REDACTION_UNREADABLE, &[&worker]),
            thresholds: ThresholdCounts::default()
                .by_outcome()
                .map(|(outcome, _)| counter_of(&table::THRESHOLDS, &[&worker, outcome])),
            worker,
        }
    }

    /// Publishes what a shard and a sink counted and hold, all of it at once. Meant to be called
    /// about once per epoch. False if a scrape is being written: nothing is published, and nobody
    /// has waited.
    pub(crate) fn try_publish(&mut self, stats: &Stats, gauges: &Gauges, sink: &SinkStats) -> bool {
        let _share = match PUBLISHING.try_read() {
            Ok(share) => share,
            Err(TryLockError::Poisoned(share)) => share.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.set(stats, gauges, sink);
        true
    }

    /// The same for the last time, after a scrape that is being written.
    pub(crate) fn publish(&mut self, stats: &Stats, gauges: &Gauges, sink: &SinkStats) {
        let _share = PUBLISHING.read().unwrap_or_else(PoisonError::into_inner);
        self.set(stats, gauges, sink);
    }

    /// Counters may start over (a new shard in place of the old one): the exported ones go on.
    fn set(&mut self, stats: &Stats, gauges: &Gauges, sink: &SinkStats) {
        for (read, total) in &mut self.stats {
            total.advance(read(stats));
        }
        for (total, value) in self.closed.iter_mut().zip(stats.closed) {
            total.advance(value);
        }
        for (total, value) in self.turns_partial.iter_mut().zip(stats.turns_partial) {
            total.advance(value);
        }
        for (total, value) in self.kept.iter_mut().zip(&stats.kept_by_policy) {
            if let Some(total) = total {
                total.advance(*value);
            }
        }
        self.dropped.advance(stats.dropped_traces);
        for (read, gauge) in &self.gauges {
            gauge.set(read(gauges));
        }
        for (read, total) in &mut self.sink {
            total.advance(read(sink));
        }
        self.aborted.advance(sink.aborted);
        self.producers_replaced.advance(sink.rebuilt);
    }

    /// Counts keeps of other policies too, with the places that decisions name.
    pub(crate) fn name_policies(&mut self, names: &[String], places: &[Option<u16>]) {
        for (name, place) in names.iter().zip(places) {
            let Some(place) = place.map(usize::from) else { continue };
            while self.kept.len() <= place {
                self.kept.push(None);
            }
            let total = || Total::new(counter_of(&table::VERDICTS, &[&self.worker, "keep", name]));
            self.kept[place].get_or_insert_with(total);
        }
    }

    /// Publishes what is not read yet, or never will be.
    pub(crate) fn publish_restoring(&mut self, standing: RestoreStanding) {
        self.restoring.set(standing.pending as f64);
        self.refused.set(standing.refused as f64);
        self.records_missing.advance(standing.records_missing);
    }

    /// Counts a record that could not be read.
    pub(crate) fn poison_record(&self, reason: PoisonReason) {
        counter_of(&table::POISON_RECORDS, &[&self.worker, reason.name()]).increment(1);
    }

    /// Counts what was taken out of an epoch's exports.
    pub(crate) fn redacted(&self, counts: &RedactionCounts) {
        for (counter, (_, count)) in self.redactions.iter().zip(counts.by_action()) {
            counter.increment(count);
        }
        self.redaction_unreadable.increment(counts.unreadable);
    }

    /// Counts what became of spans' thresholds in an epoch's exports.
    pub(crate) fn thresholds(&self, counts: &ThresholdCounts) {
        for (counter, (_, count)) in self.thresholds.iter().zip(counts.by_outcome()) {
            counter.increment(count);
        }
    }

    /// Measures how long a judged trace was held.
    pub(crate) fn trace_held(&self, reason: CloseReason, held: Millis) {
        self.held[reason as usize].record(held.0 as f64 / 1e3);
    }

    /// Measures a committed epoch: the time from its cut to its commit.
    pub(crate) fn epoch_committed(&self, took: Duration) {
        self.epoch_commit.record(took.as_secs_f64());
    }

    /// Counts an epoch of which nothing was this worker's any more.
    pub(crate) fn epoch_discarded(&self) {
        self.discarded.increment(1);
    }
}

/// What one worker of the re-key stage exports.
pub(crate) struct RekeyMetrics {
    worker: String,
    stats: Vec<(ReadRekey, Total)>,
    aborted: Total,
    producers_replaced: Total,
    epoch_commit: Histogram,
    held: Gauge,
}

impl RekeyMetrics {
    /// The metrics of worker number `worker`. After [`install`].
    pub(crate) fn new(worker: usize) -> Self {
        let worker = worker.to_string();
        let stats = TABLE.iter().filter_map(|metric| {
            let Source::Rekey(read) = metric.source else { return None };
            Some((read, Total::new(counter_of(metric, &[&worker]))))
        });
        let failures =
            |kind: &str| Total::new(counter_of(&table::EPOCH_FAILURES, &[&worker, kind]));
        Self {
            stats: stats.collect(),
            aborted: failures("aborted"),
            producers_replaced: failures("producer_replaced"),
            epoch_commit: histogram_of(&table::EPOCH_COMMIT, &[&worker]),
            held: gauge_of(&table::REKEY_HELD, &[&worker]),
            worker,
        }
    }

    /// Publishes what was counted, and how many bytes wait for slower partitions.
    pub(crate) fn publish(&mut self, stats: &RekeyStats, sink: &SinkStats, held: usize) {
        self.held.set(held as f64);
        for (read, total) in &mut self.stats {
            total.advance(read(stats));
        }
        self.aborted.advance(sink.aborted);
        self.producers_replaced.advance(sink.rebuilt);
    }

    /// Counts a record that could not be read.
    pub(crate) fn poison_record(&self, reason: PoisonReason) {
        counter_of(&table::POISON_RECORDS, &[&self.worker, reason.name()]).increment(1);
    }

    /// Measures a committed epoch.
    pub(crate) fn epoch_committed(&self, took: Duration) {
        self.epoch_commit.record(took.as_secs_f64());
    }
}

/// Counts bytes that were read again.
pub(crate) fn reread_bytes(bytes: u64) {
    counter_of(&table::chance::READ_BYTES, &[]).increment(bytes);
}

/// Counts replaced secrets that were `taken`, or `refused` so that older ones stay in use.
pub(crate) fn count_reload(outcome: &str) {
    counter_of(&table::SECRETS_RELOADED, &[outcome]).increment(1);
}

/// Counts looks at the configuration file by what came of them: `taken`, `unchanged`, `refused`.
pub(crate) fn count_rules_reload(outcome: &str) {
    counter_of(&table::RELOADS, &[outcome]).increment(1);
}

/// Says which rules are in force, in place of those that were.
pub(crate) fn publish_config(before: Option<&str>, fingerprint: &str) {
    if let Some(before) = before.filter(|before| *before != fingerprint) {
        gauge_of(&table::CONFIG, &[before]).set(f64::NAN);
    }
    gauge_of(&table::CONFIG, &[fingerprint]).set(1.0);
}

/// Counts a worker that makes its clients anew.
pub(crate) fn count_reconnect(worker: usize) {
    counter_of(&table::RECONNECTS, &[&worker.to_string()]).increment(1);
}

/// Publishes how far the re-key stage's group is behind in a partition.
pub(crate) fn publish_rekey_lag(topic: &str, partition: i32, records: i64) {
    gauge_of(&table::REKEY_LAG, &[topic, &partition.to_string()]).set(records as f64);
}

/// What a worker was given and does not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RestoreStanding {
    /// Partitions that are being restored.
    pub(crate) pending: usize,
    /// Partitions that cannot be taken up.
    pub(crate) refused: usize,
    /// Records that were deleted before anyone read them, so far.
    pub(crate) records_missing: u64,
}

/// How far an assigned partition is behind; what is not known is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionLag {
    /// End offset minus next offset to read, in records.
    pub(crate) read: Option<i64>,
    /// End offset minus committed offset, in records.
    pub(crate) settled: Option<i64>,
    /// Records to read again before anything is judged.
    pub(crate) replay: Option<i64>,
    /// The partition's clock.
    pub(crate) stream_time: Option<Millis>,
}

/// Publishes how far a partition is behind.
pub(crate) fn publish_partition(partition: i32, lag: PartitionLag) {
    let partition = partition.to_string();
    let set = |metric: &Metric, value: Option<f64>| {
        gauge_of(metric, &[&partition]).set(value.unwrap_or(f64::NAN));
    };
    set(&table::READ_LAG, lag.read.map(|records| records as f64));
    set(&table::SETTLED_LAG, lag.settled.map(|records| records as f64));
    set(&table::REPLAY, lag.replay.map(|records| records as f64));
    set(&table::STREAM_TIME, lag.stream_time.map(|time| time.0 as f64 / 1e3));
}

/// Ends the series of a partition that was given up: the next scrape does not show them.
pub(crate) fn forget_partition(partition: i32) {
    publish_partition(partition, PartitionLag::default());
}

/// An exported counter that follows a count which may start over.
struct Total {
    counter: Counter,
    seen: u64,
}

impl Total {
    fn new(counter: Counter) -> Self {
        Self { counter, seen: 0 }
    }

    fn advance(&mut self, count: u64) {
        // A smaller count has started over: all of it is new (Prometheus' own rule for resets).
        let new = count.checked_sub(self.seen).unwrap_or(count);
        self.counter.increment(new);
        self.seen = count;
    }
}

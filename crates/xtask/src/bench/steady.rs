//! `cargo xtask bench steady`: a live load at a constant rate, and a window that is full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use tailsift_fixture::{KafkaBroker, Tailsift, eventually};
use tailsift_kafka::Isolation;

use crate::bench::usage::{Usage, usage_of};
use crate::cluster::{Cluster, now_ms};
use crate::repository::{cargo, root};
use crate::surface::{Metrics, Surface};

use feed::{Feed, Load};
use latency::Latencies;
use watch::Watcher;

mod feed;
mod latency;
mod table;
mod watch;

const INPUT: &str = "steady";
const OUTPUT: &str = "steady-kept";
const PARTITIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(60);
/// How long memory is looked at before anything comes.
const IDLE: Duration = Duration::from_secs(3);
/// From the first record until the first traces have been judged for a while, beyond the wait.
const RAMP_MS: i64 = 3000;
/// What a trace may need to become visible after its wait and still count.
const GRACE_MS: i64 = 3000;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Metrics cost the process that tells them a little.
const ASK_EVERY: u32 = 10;

/// Feeds tailsift a live load at a constant rate over a Kafka of its own, and prints what a full
/// window takes in memory, what a span costs, and how soon kept traces are visible
#[derive(Debug, Args)]
pub(crate) struct Steady {
    /// Spans a second, 12 to a trace, 4 to a record
    #[arg(long, default_value_t = 20_400, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// How long each trace waits, in s (window.decision_wait)
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..))]
    wait: u32,
    /// How long the full window is looked at, in s
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..))]
    seconds: u32,
    /// Another tailsift to measure, in place of this source's release build
    #[arg(long, value_name = "FILE")]
    tailsift: Option<PathBuf>,
    /// A setting of tailsift's, as KEY=VALUE; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// What was seen.
struct Seen {
    load: Load,
    idle_bytes: u64,
    full: Full,
    latencies: Latencies,
    /// How late records were fed, at most.
    fed_late_ms: i64,
    wait_ms: i64,
}

/// While the window was full.
#[derive(Debug, Default)]
struct Full {
    /// Of the whole process; the median.
    resident_bytes: u64,
    /// As the process tells it; medians.
    spans_held: f64,
    window_bytes: f64,
    /// From the first look to the last.
    cpu: Duration,
    spans: f64,
    commits: f64,
    commit_seconds: f64,
}

impl Steady {
    /// A small load, and a short wait.
    pub(crate) fn in_little(tailsift: &Path) -> Self {
        Self {
            rate: 2400,
            wait: 2,
            seconds: 6,
            tailsift: Some(tailsift.to_owned()),
            overrides: Vec::new(),
        }
    }

    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.tailsift.is_none() {
            cargo(&["build", "--release", "-p", "tailsift"], &[])?;
        }
        let kafka = KafkaBroker::start("steady")?;
        let cluster = Cluster::at(&kafka.bootstrap_servers());
        for topic in [INPUT, OUTPUT] {
            cluster.make_topic_of_large_records(topic, PARTITIONS)?;
        }
        let load = Load::prepare(self.rate, self.fed_ms(), PARTITIONS)?;
        let mut process = self.spawn(&kafka.bootstrap_servers())?;
        let seen = self.watch(load, &cluster, &mut process);
        let seen = seen.with_context(|| process.stderr())?;
        process.sigterm()?;
        let status = process.wait(PATIENCE)?;
        ensure!(status.success(), "tailsift: {status}\n{}", process.stderr());
        table::write(out, &seen)?;
        ensure!(seen.latencies.seen > 0, "no trace that is worth keeping was exported");
        Ok(())
    }

    /// How long records are fed.
    fn fed_ms(&self) -> i64 {
        self.full_from_ms() + i64::from(self.seconds) * 1000
    }

    /// From when on the window is full, counted from the first record.
    fn full_from_ms(&self) -> i64 {
        i64::from(self.wait) * 1000 + RAMP_MS
    }

    fn spawn(&self, bootstrap: &str) -> anyhow::Result<Tailsift> {
        let config = root().join("config/peers.yaml");
        let mut arguments: Vec<String> =
            ["--log", "json", "run", "-c", &config.to_string_lossy()].map(String::from).into();
        let fixed = [
            format!("kafka.bootstrap_servers={bootstrap}"),
            "group=steady".to_owned(),
            format!("input.topic={INPUT}"),
            format!("output.topic={OUTPUT}"),
            format!("window.decision_wait={}s", self.wait),
            "window.memory_limit=4GiB".to_owned(),
            "http.listen=127.0.0.1:0".to_owned(),
        ];
        for pair in fixed.iter().chain(&self.overrides) {
            arguments.extend(["--set".to_owned(), pair.clone()]);
        }
        let built = root().join("target/release/tailsift");
        Tailsift::spawn(self.tailsift.as_deref().unwrap_or(&built), &arguments, &[])
    }

    fn watch(&self, load: Load, cluster: &Cluster, process: &mut Tailsift) -> anyhow::Result<Seen> {
        let surface = Surface::of(process)?;
        // It is ready once it has its partitions.
        eventually("/readyz", PATIENCE, || Ok(surface.get("/readyz").ok()))?;
        let idle_bytes = idle(process.id())?;
        let settings = cluster.settings();
        let watchers = [Isolation::Uncommitted, Isolation::Committed]
            .map(|isolation| Watcher::start(&settings, OUTPUT, isolation));
        let feed = Feed::start(load, &settings, INPUT)?;
        let full_from = feed.first_ms() + self.full_from_ms();
        sleep(until(full_from));
        let full_to = full_from + i64::from(self.seconds) * 1000;
        let full = look(process.id(), &surface, full_to)?;
        let (load, fed_late_ms) = feed.finish()?;
        let [uncommitted, committed] = watchers.map(|watcher| watcher?.stop());
        let wait_ms = i64::from(self.wait) * 1000;
        let due = full_from..full_to - GRACE_MS;
        let latencies = Latencies::of(&load, wait_ms, due, &uncommitted?, &committed?);
        Ok(Seen { load, idle_bytes, full, latencies, fed_late_ms, wait_ms })
    }
}

fn until(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms - now_ms()).unwrap_or(0))
}

fn used(process: u32) -> anyhow::Result<Usage> {
    usage_of(process).context("tailsift has ended")
}

fn idle(process: u32) -> anyhow::Result<u64> {
    let mut resident = Vec::new();
    for _ in 0..IDLE.as_millis() / LOOK_EVERY.as_millis() {
        resident.push(used(process)?.resident_bytes);
        sleep(LOOK_EVERY);
    }
    median(resident).context("no look")
}

/// Looks at the process until then.
fn look(process: u32, surface: &Surface, until_ms: i64) -> anyhow::Result<Full> {
    let before = (used(process)?, surface.metrics()?);
    let (mut resident, mut held, mut window) = (Vec::new(), Vec::new(), Vec::new());
    let mut ask = |metrics: &Metrics| {
        held.push(metrics.sum("tailsift_spans_open"));
        window.push(metrics.sum("tailsift_window_bytes"));
    };
    ask(&before.1);
    let mut looks = 0;
    while now_ms() < until_ms {
        looks += 1;
        resident.push(used(process)?.resident_bytes);
        if looks % ASK_EVERY == 0 {
            ask(&surface.metrics()?);
        }
        sleep(LOOK_EVERY);
    }
    let after = (used(process)?, surface.metrics()?);
    let grown = |name: &str| after.1.sum(name) - before.1.sum(name);
    Ok(Full {
        resident_bytes: median(resident).context("no look")?,
        spans_held: median(held).context("no look")?,
        window_bytes: median(window).context("no look")?,
        cpu: after.0.cpu.saturating_sub(before.0.cpu),
        spans: grown("tailsift_spans_total"),
        commits: grown("tailsift_epoch_commit_seconds_count"),
        commit_seconds: grown("tailsift_epoch_commit_seconds_sum"),
    })
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied()
}

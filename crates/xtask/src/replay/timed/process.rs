//! One run of the processor over the recording: until all of it is committed, killed on the way or
//! not.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::Tailsift;
use tailsift_kafka::{Admin, Isolation};

use super::held::Decided;
use super::{INPUT, PATIENCE};
use crate::bench::usage::{Usage, usage_of};
use crate::cluster::Cluster;
use crate::repository::root;
use crate::surface::{Metrics, Surface};

/// For a whole run.
const DONE_WITHIN: Duration = Duration::from_secs(1800);
/// How often the group's offsets are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is run, on what.
pub(super) struct Run<'a> {
    pub(super) binary: &'a Path,
    pub(super) cluster: &'a Cluster,
    pub(super) bootstrap: &'a str,
    /// Of group and export topic.
    pub(super) name: String,
    pub(super) partitions: u32,
    /// As `KEY=VALUE`.
    pub(super) settings: Vec<String>,
    pub(super) kills: u32,
    pub(super) seed: u64,
}

/// What came of it.
pub(super) struct Done {
    pub(super) killed: u32,
    /// `None` if it was killed: what a process knows of its traces is gone with it.
    pub(super) decided: Option<Vec<Decided>>,
    pub(super) took: Duration,
    /// Of the last process.
    pub(super) usage: Usage,
    pub(super) turns: Turns,
}

/// What became of dropped traces in the last process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turns {
    pub(super) whole: u64,
    pub(super) partial: u64,
    /// Bytes read again, and in all.
    pub(super) read_again: u64,
    pub(super) read: u64,
}

impl Run<'_> {
    pub(super) fn run(&self) -> anyhow::Result<Done> {
        let admin = Admin::new(&self.cluster.settings())?;
        self.cluster.make_topic_of_large_records(&self.name, self.partitions)?;
        let ends = admin.end_offsets(INPUT, Isolation::Uncommitted)?;
        let ends = ends.iter().map(|end| end.offset).sum();
        let started = Instant::now();
        let mut process = self.spawn()?;
        let mut killed = 0;
        for at in self.kills_at(ends) {
            self.until_committed(&admin, at, &mut process)?;
            process.kill9()?;
            killed += 1;
            process = self.spawn()?;
        }
        self.until_committed(&admin, ends, &mut process)?;
        let took = started.elapsed();
        let usage = usage_of(process.id()).unwrap_or_default();
        let turns = Turns::of(&metrics(&mut process)?);
        let decided = if killed == 0 { Some(decided(&mut process)?) } else { None };
        process.sigterm()?;
        let status = process.wait(PATIENCE)?;
        ensure!(status.success(), "tailsift: {status}\n{}", process.stderr());
        Ok(Done { killed, decided, took, usage, turns })
    }

    /// How much is committed when the process is killed: drawn, ascending.
    fn kills_at(&self, ends: i64) -> Vec<i64> {
        let drawn = |number: u32| {
            let mut hasher = DefaultHasher::new();
            (self.seed, number).hash(&mut hasher);
            ((i128::from(hasher.finish()) * i128::from(ends)) >> 64) as i64
        };
        let mut at: Vec<i64> = (0..self.kills).map(drawn).collect();
        at.sort_unstable();
        at
    }

    fn until_committed(
        &self,
        admin: &Admin,
        offsets: i64,
        process: &mut Tailsift,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + DONE_WITHIN;
        loop {
            let committed = admin.committed_offsets(&self.name, INPUT)?;
            let committed: i64 = committed.iter().filter_map(|one| one.offset).sum();
            if committed >= offsets {
                return Ok(());
            }
            let ended = process.try_wait()?;
            ensure!(
                ended.is_none() && Instant::now() < deadline,
                "{committed} of {offsets} offsets committed; tailsift ended: {ended:?}\n{}",
                process.stderr()
            );
            sleep(LOOK_EVERY);
        }
    }

    fn spawn(&self) -> anyhow::Result<Tailsift> {
        let config = root().join("config/peers.yaml");
        let config = config.to_string_lossy();
        let mut arguments: Vec<String> =
            ["--log", "json", "run", "-c", &config].map(String::from).into();
        let fixed = [
            format!("kafka.bootstrap_servers={}", self.bootstrap),
            format!("group={}", self.name),
            format!("instance={}", self.name),
            format!("input.topic={INPUT}"),
            format!("output.topic={}", self.name),
            "http.listen=127.0.0.1:0".to_owned(),
            "http.recent_traces=1000000".to_owned(),
            "http.recent_bytes=4GiB".to_owned(),
        ];
        for pair in fixed.iter().chain(&self.settings) {
            arguments.extend(["--set".to_owned(), pair.clone()]);
        }
        Tailsift::spawn(self.binary, &arguments, &[])
    }
}

impl Turns {
    /// From a process's metrics.
    fn of(metrics: &Metrics) -> Self {
        let sum = |name: &str| metrics.sum(name) as u64;
        Self {
            whole: sum("tailsift_second_chances_whole_total"),
            partial: sum("tailsift_second_chances_partial_total"),
            read_again: sum("tailsift_second_chance_read_bytes_total"),
            read: sum("tailsift_record_bytes_total"),
        }
    }
}

fn metrics(process: &mut Tailsift) -> anyhow::Result<Metrics> {
    // They are published five times a second.
    sleep(Duration::from_millis(500));
    Surface::of(process)?.metrics()
}

/// All traces that a process has judged.
fn decided(process: &mut Tailsift) -> anyhow::Result<Vec<Decided>> {
    let surface = Surface::of(process)?;
    let (mut decided, mut before) = (Vec::new(), String::new());
    loop {
        let page = surface.get(&format!("/api/v1/traces?limit=1000{before}"))?;
        let page: Value = serde_json::from_str(&page)?;
        for trace in page["traces"].as_array().context("no list of traces")? {
            decided.push(Decided::of(trace).with_context(|| trace.to_string())?);
        }
        match page["next_before"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return Ok(decided),
        }
    }
}

//! Runs one program over a load, and measures it.

use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use tailsift_fixture::{Collector, GuardedChild, Tailsift};
use tailsift_kafka::{Admin, Isolation};

use super::{Arena, PARTITIONS};
use crate::bench::usage::{Usage, usage_of};
use crate::collector::configured;
use crate::repository::root;

/// For anything that should take a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// For a whole run.
const DONE_WITHIN: Duration = Duration::from_secs(1200);
/// How often a process is looked at; what it uses after the last look is not seen.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) cpu: Duration,
    pub(super) peak_bytes: u64,
    /// Until the last export, or the end of the process less its idle time.
    pub(super) wall: Duration,
}

/// What of tailsift is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// `tailsift run` on a keyed topic.
    Processor,
    /// `tailsift run` on one without keys.
    Both,
}

/// How tailsift is set where peers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Setting {
    /// As it is without a word in the configuration: `delivery: exactly_once`, and
    /// `output.compression: zstd`
    Default,
    /// `output.compression: none`, which the Collector's exporter has, too
    Uncompressed,
    /// `delivery: at_least_once`
    AtLeastOnce,
}

impl Setting {
    /// What its rows are called by beyond `tailsift`.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Uncompressed => ", uncompressed",
            Self::AtLeastOnce => ", at least once",
        }
    }

    /// Of its topics and groups.
    fn name(self) -> &'static str {
        match self {
            Self::Default => "tailsift",
            Self::Uncompressed => "tailsift-uncompressed",
            Self::AtLeastOnce => "tailsift-at-least-once",
        }
    }

    fn pair(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Default => None,
            Self::Uncompressed => Some(("output.compression", "none")),
            Self::AtLeastOnce => Some(("delivery", "at_least_once")),
        }
    }
}

/// One run over an arena's load.
pub(super) struct Contender<'a> {
    pub(super) arena: &'a Arena<'a>,
    /// Which.
    pub(super) run: u32,
}

/// Where a run's exports are.
pub(super) struct Exported {
    pub(super) topic: String,
    /// Its spans are not byte for byte as they came.
    pub(super) is_encoded_anew: bool,
}

/// What a run took, and what it exported, if anything.
type Outcome = anyhow::Result<(Spent, Option<Exported>)>;

impl Contender<'_> {
    /// Only reads.
    pub(super) fn floor(&self) -> Outcome {
        let mut command = Command::new(self.arena.xtask);
        command
            .args(["bench", "floor", "--bootstrap", &self.arena.bootstrap])
            .args(["--topic", &self.arena.topic])
            .stdout(Stdio::null());
        let mut process = GuardedChild::spawn(&mut command)?;
        let id = process.id();
        let (spent, status) = until_ended(id, || process.try_wait())?;
        ensure!(status.success(), "{status}");
        Ok((spent, None))
    }

    pub(super) fn tailsift(&self, stage: Stage, setting: Setting) -> Outcome {
        const IDLE: Duration = Duration::from_secs(5);
        let out = self.make_topic(setting.name())?;
        let config = root().join("config/peers.yaml");
        let mut arguments: Vec<String> =
            ["run", "-c", &config.to_string_lossy()].map(String::from).into();
        arguments.push(format!("--exit-when-idle={}s", IDLE.as_secs()));
        let mut set = |key: &str, value: &str| {
            arguments.extend(["--set".to_owned(), format!("{key}={value}")])
        };
        set("kafka.bootstrap_servers", &self.arena.bootstrap);
        set("group", &out);
        set("input.topic", &self.arena.topic);
        set("output.topic", &out);
        set("window.decision_wait", &format!("{}s", self.arena.load.wait_s()));
        set("window.memory_limit", "4GiB");
        set("http", "off");
        if stage == Stage::Both {
            set("input.keyed_by", "none");
        }
        if let Some((key, value)) = setting.pair() {
            set(key, value);
        }
        for pair in self.arena.overrides {
            arguments.extend(["--set".to_owned(), pair.clone()]);
        }
        let mut process = Tailsift::spawn(self.arena.tailsift, &arguments, &[])?;
        let id = process.id();
        let ended = until_ended(id, || process.try_wait());
        let (mut spent, status) = ended.with_context(|| process.stderr())?;
        ensure!(status.success(), "tailsift: {status}\n{}", process.stderr());
        spent.wall = spent.wall.saturating_sub(IDLE);
        Ok((spent, Some(Exported { topic: out, is_encoded_anew: false })))
    }

    /// It never ends by itself: it is done when its group has committed all of the input and its
    /// export has not grown for longer than it lets traces wait. What it used until the export
    /// grew last counts.
    pub(super) fn collector(&self) -> Outcome {
        let out = self.make_topic("collector")?;
        let binary = self.arena.collector.context("no Collector")?;
        let mut process = Collector::start(binary, &self.collector_config(&out))?;
        let admin = Admin::new(&self.arena.cluster.settings())?;
        let quiet = Duration::from_secs(u64::from(self.arena.load.wait_s()) + 5);
        let started = Instant::now();
        let mut last = (0, Instant::now(), Spent::default());
        loop {
            process.ensure_running()?;
            let usage = usage_of(process.id()).context("the Collector's use")?;
            let exported = total(&admin, &out)?;
            let behind =
                total(&admin, &self.arena.topic)? - committed(&admin, &out, &self.arena.topic)?;
            if exported > last.0 || behind > 0 {
                last = (exported, Instant::now(), spent(usage, started.elapsed()));
            } else if last.1.elapsed() > quiet {
                process.stop()?;
                return Ok((last.2, Some(Exported { topic: out, is_encoded_anew: true })));
            }
            ensure!(
                started.elapsed() < DONE_WITHIN,
                "not done within {DONE_WITHIN:?}\n{}",
                process.log()
            );
            sleep(Duration::from_millis(250));
        }
    }

    fn collector_config(&self, out: &str) -> String {
        let wait = format!("{}s", self.arena.load.wait_s());
        let values = [
            ("BROKERS", self.arena.bootstrap.as_str()),
            ("IN", &self.arena.topic),
            ("OUT", out),
            ("WAIT", &wait),
        ];
        configured(include_str!("collector.yaml"), &values)
    }

    fn make_topic(&self, whose: &str) -> anyhow::Result<String> {
        let name = format!("{}-{whose}-{}", self.arena.topic, self.run);
        self.arena.cluster.make_topic_of_large_records(&name, PARTITIONS)?;
        Ok(name)
    }
}

/// Looks at a process until it has ended: what it took, and how it ended.
fn until_ended(
    process: u32,
    mut try_wait: impl FnMut() -> anyhow::Result<Option<ExitStatus>>,
) -> anyhow::Result<(Spent, ExitStatus)> {
    let started = Instant::now();
    let mut usage = Usage::default();
    loop {
        usage = usage_of(process).unwrap_or(usage);
        if let Some(status) = try_wait()? {
            return Ok((spent(usage, started.elapsed()), status));
        }
        ensure!(started.elapsed() < DONE_WITHIN, "not done within {DONE_WITHIN:?}");
        sleep(LOOK_EVERY);
    }
}

fn spent(usage: Usage, wall: Duration) -> Spent {
    Spent { cpu: usage.cpu, peak_bytes: usage.peak_bytes, wall }
}

fn total(admin: &Admin, topic: &str) -> anyhow::Result<i64> {
    let ends = admin.end_offsets(topic, Isolation::Uncommitted)?;
    Ok(ends.iter().map(|end| end.offset).sum())
}

fn committed(admin: &Admin, group: &str, topic: &str) -> anyhow::Result<i64> {
    let committed = admin.committed_offsets(group, topic)?;
    Ok(committed.iter().filter_map(|one| one.offset).sum())
}

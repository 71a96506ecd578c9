//! A member of the group: a process, and what is seen of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tailsift_fixture::{BalanceWatch, Look, Tailsift, last_balance};
use tailsift_sampler::Balance;

use super::{INPUT, PATIENCE, export_of, letters_of};
use crate::bench::usage::{Usage, usage_of};
use crate::repository::root;

/// What is run, and on which cluster.
pub(super) struct Program<'a> {
    pub(super) binary: &'a Path,
    pub(super) bootstrap: &'a str,
    /// More settings, as `KEY=VALUE`.
    pub(super) overrides: &'a [String],
}

impl Program<'_> {
    /// Starts a member of the group that reads a topic, and writes to those that belong to it.
    pub(super) fn spawn(&self, topic: &str, arguments: &[&str]) -> anyhow::Result<Tailsift> {
        let config = root().join("config/peers.yaml");
        let config = config.to_string_lossy();
        let mut all: Vec<String> = ["--log", "json", "run", "-c", &config].map(String::from).into();
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let fixed = [
            format!("kafka.bootstrap_servers={}", self.bootstrap),
            format!("group={topic}"),
            format!("input.topic={topic}"),
            format!("output.topic={}", export_of(topic)),
            format!("dead_letters.topic={}", letters_of(topic)),
            "http.listen=127.0.0.1:0".to_owned(),
            // Late spans come after 8 s.
            "window.decision_wait=5s".to_owned(),
            "decisions.remember=1m".to_owned(),
            "second_chance.enabled=true".to_owned(),
            "second_chance.remember=1m".to_owned(),
        ];
        for pair in fixed.iter().chain(self.overrides) {
            all.extend(["--set".to_owned(), pair.clone()]);
        }
        Tailsift::spawn(self.binary, &all, &[("RUST_LOG", "info")])
    }
}

/// True once it has been given a partition and begins to read it.
pub(super) fn reads(log: &str) -> bool {
    log.contains("\"restored\"")
}

/// A running member.
pub(super) struct Member {
    process: Tailsift,
    watch: BalanceWatch,
    started: Instant,
    usage: Usage,
}

/// What was seen of a member, over one or more lives.
#[derive(Debug, Default)]
pub(super) struct Lived {
    pub(super) lives: u32,
    pub(super) time: Duration,
    pub(super) cpu: Duration,
    pub(super) looks: usize,
    /// In the end.
    pub(super) balance: Balance,
    /// After the warm-up: seconds from the start, and bytes of resident memory.
    pub(super) resident: Vec<(f64, f64)>,
    pub(super) peak_bytes: u64,
}

impl Member {
    pub(super) fn start(program: &Program<'_>) -> anyhow::Result<Self> {
        let process = program.spawn(INPUT, &[])?;
        let watch = BalanceWatch::start(&process)?;
        Ok(Self { process, watch, started: Instant::now(), usage: Usage::default() })
    }

    pub(super) fn wait_until_it_reads(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.process.wait_for_stderr("it has partitions", patience, reads)
    }

    /// # Errors
    /// If it has ended, or its figures were uneven.
    pub(super) fn look(&mut self) -> anyhow::Result<()> {
        let ended = self.process.try_wait()?;
        ensure!(ended.is_none(), "tailsift ended: {ended:?}\n{}", self.process.stderr());
        self.usage = usage_of(self.process.id()).unwrap_or(self.usage);
        self.watch.ensure_even()
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(mut self, warm_up: Duration) -> anyhow::Result<Lived> {
        self.look()?;
        self.process.sigterm()?;
        let status = self.process.wait(PATIENCE)?;
        let log = self.process.stderr();
        ensure!(status.success(), "tailsift: {status}\n{log}");
        let looks = self.watch.finish()?;
        ensure!(!looks.is_empty(), "nothing was seen of the figures\n{log}");
        let balance = last_balance(&log)?.context("it did not say how it stopped")?;
        let warm = looks.iter().filter(|look| look.at >= warm_up);
        let point = |look: &Look| (look.at.as_secs_f64(), look.figures.resident_bytes as f64);
        Ok(Lived {
            lives: 1,
            time: self.started.elapsed(),
            cpu: self.usage.cpu,
            looks: looks.len(),
            balance,
            resident: warm.map(point).collect(),
            peak_bytes: self.usage.peak_bytes,
        })
    }
}

impl Lived {
    /// Another life of the same member. Its memory began anew: that is not one line.
    pub(super) fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        self.time += other.time;
        self.cpu += other.cpu;
        self.looks += other.looks;
        self.balance.add(&other.balance);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}

//! `cargo xtask replay`: writes a recorded load many times over.

mod timed;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tailsift_fixture::{ReplaySpec, corpus_path, read_corpus};

use crate::cluster::{Cluster, now_ms};
use timed::Timed;

/// Writes a recorded load to a topic many times over, under other trace IDs each time, as if it
/// had just been produced live. With --original-times: has tailsift judge it by its own timestamps,
/// on a Kafka of its own, by each rule of waiting in turn, and prints what each missed and how long
/// it held traces
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A corpus file of OTLP in protobuf: a path, or a name in integration/corpus
    corpus: PathBuf,
    #[command(flatten)]
    cluster: Option<Cluster>,
    /// The topic; made if it is missing
    #[arg(long, required_unless_present = "original_times")]
    topic: Option<String>,
    /// How many times [default: 100, with --original-times 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    times: Option<u32>,
    /// What the copies' trace IDs are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Partitions of the topic
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    partitions: u32,
    /// The rate at which the records pretend to have been produced; each copy keeps its own pace
    #[arg(long, default_value_t = 20_400, value_parser = clap::value_parser!(u32).range(1..))]
    spans_per_second: u32,
    /// When they pretend to end, in ms since the Unix epoch [default: now]
    #[arg(long, value_name = "MS")]
    end: Option<i64>,
    /// Records keep their timestamps, all of them are written first, and every rule of waiting is
    /// tried on them
    #[arg(long, conflicts_with_all = ["Cluster", "topic", "spans_per_second", "end"])]
    original_times: bool,
    #[command(flatten)]
    trial: Trial,
}

/// How rules are tried, with --original-times.
#[derive(Debug, Default, PartialEq, Args)]
struct Trial {
    /// Only rules whose names begin so; may be repeated
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Kills the processor so many times (SIGKILL) in each run, at random progress
    #[arg(long, value_name = "TIMES", default_value_t = 0)]
    kill: u32,
    /// Adds a failure to one in so many of all traces, 5 s after the rest of each: they are to be
    /// turned
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    late_failures: u32,
    /// A setting of tailsift's, as KEY=VALUE; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Build with optimisations
    #[arg(long)]
    release: bool,
}

impl Replay {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if self.original_times {
            let is_right = self.timed().run(out)?;
            return Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if self.trial != Trial::default() {
            bail!("--rule, --kill, --late-failures, --set and --release need --original-times");
        }
        self.write(out).map(|()| ExitCode::SUCCESS)
    }

    fn timed(&self) -> Timed<'_> {
        let Trial { rule, kill, late_failures, overrides, release } = &self.trial;
        Timed {
            corpus: &self.corpus,
            times: self.times.unwrap_or(1),
            seed: self.seed,
            partitions: self.partitions,
            rules: rule,
            overrides,
            kills: *kill,
            late_failures: *late_failures,
            release: *release,
        }
    }

    fn write(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let times = self.times.unwrap_or(100);
        let spec = ReplaySpec {
            times,
            seed: self.seed,
            partitions: self.partitions,
            spans_per_second: self.spans_per_second,
            end_ms: self.end.unwrap_or_else(now_ms),
        };
        let replay = prepare(&self.corpus, spec)?;
        let cluster = self.cluster.as_ref().context("--bootstrap: expected host:port")?;
        let topic = self.topic.as_deref().context("--topic: expected a topic")?;
        let written = cluster.write(topic, self.partitions, replay.records())?;
        writeln!(out, "{written}")?;
        let seed = self.seed;
        let corpus = self.corpus.display();
        writeln!(
            out,
            "judge it with window.decision_wait: 30s: records of some traces lie more than 10 s apart"
        )?;
        writeln!(out, "verify   --corpus {corpus} --times {times} --seed {seed}")?;
        Ok(())
    }
}

/// Reads a recording, by path or else by name.
pub(crate) fn prepare(corpus: &Path, spec: ReplaySpec) -> anyhow::Result<tailsift_fixture::Replay> {
    let path = path_of(corpus);
    let records = read_corpus(&path)?;
    tailsift_fixture::Replay::new(records, spec)
        .with_context(|| format!("recording {}", path.display()))
}

/// A recording, by path or else by its name in the corpus.
pub(crate) fn path_of(corpus: &Path) -> PathBuf {
    let named = corpus.to_str().map(corpus_path).filter(|_| !corpus.exists());
    named.unwrap_or_else(|| corpus.to_owned())
}

//! `cargo xtask replay`: writes a recorded load many times over.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use tailsift_fixture::{ReplaySpec, corpus_path, read_corpus};

use crate::cluster::{Cluster, now_ms};

/// Writes a recorded load to a topic many times over, under other trace IDs each time, as if it
/// had just been produced live
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A corpus file of OTLP in protobuf: a path, or a name in integration/corpus
    corpus: PathBuf,
    #[command(flatten)]
    cluster: Cluster,
    /// The topic; made if it is missing
    #[arg(long)]
    topic: String,
    /// How many times
    #[arg(long, default_value_t = 100)]
    times: u32,
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
}

impl Replay {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let spec = ReplaySpec {
            times: self.times,
            seed: self.seed,
            partitions: self.partitions,
            spans_per_second: self.spans_per_second,
            end_ms: self.end.unwrap_or_else(now_ms),
        };
        let replay = prepare(&self.corpus, spec)?;
        let written = self.cluster.write(&self.topic, self.partitions, replay.records())?;
        writeln!(out, "{written}")?;
        let Self { times, seed, .. } = self;
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
    let named = corpus.to_str().map(corpus_path).filter(|_| !corpus.exists());
    let path = named.as_deref().unwrap_or(corpus);
    let records = read_corpus(path)?;
    tailsift_fixture::Replay::new(records, spec)
        .with_context(|| format!("recording {}", path.display()))
}

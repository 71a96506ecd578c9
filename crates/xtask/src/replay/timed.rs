//! `cargo xtask replay --original-times`: what each rule of waiting keeps, misses and costs.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tailsift_fixture::{
    Comparer, Comparison, KafkaBroker, NamedPolicy, ReferenceTrace, Replay, ReplaySpec,
    add_late_failures, read_corpus,
};
use tailsift_kafka::{Isolation, Reader};
use tailsift_trace::TraceId;

use super::path_of;
use crate::bench::usage::Usage;
use crate::cluster::Cluster;
use crate::repository::{cargo, root};

use held::{Held, Stream};
use process::{Run, Turns};

mod held;
mod process;
mod table;

/// What the policies of `config/peers.yaml` are to the reference.
const POLICIES: &str = "error,latency=500,confidence=0.5";
/// The topic that all runs read.
const INPUT: &str = "recorded";
/// For anything that should take a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// When traces stop waiting: settings beside those that all runs have.
struct Rule {
    name: &'static str,
    settings: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        name: "structural, settle 1 s, second chance",
        settings: &[
            "window.completion=structural",
            "window.settle=1s",
            "second_chance.enabled=true",
        ],
    },
    Rule {
        name: "structural, settle 1 s, alone",
        settings: &["window.completion=structural", "window.settle=1s"],
    },
    Rule {
        name: "structural, callers learned, alone",
        settings: &[
            "window.completion=structural",
            "window.settle=1s",
            "window.remote_parents=learned",
        ],
    },
    Rule { name: "wait 30 s", settings: &[] },
    Rule { name: "root + 0.5 s", settings: &["window.decision_wait_after_root_received=500ms"] },
    Rule { name: "root + 2 s", settings: &["window.decision_wait_after_root_received=2s"] },
    Rule { name: "root + 4 s", settings: &["window.decision_wait_after_root_received=4s"] },
    Rule { name: "root + 6 s", settings: &["window.decision_wait_after_root_received=6s"] },
];

/// What every run has.
const COMMON: &[&str] =
    &["window.decision_wait=30s", "window.completion=wait", "second_chance.enabled=false"];

/// How long after the rest of its trace an added failure comes.
const LATE_MS: i64 = 5000;

/// What is played, and by which rules it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a> {
    pub(super) corpus: &'a Path,
    pub(super) times: u32,
    pub(super) seed: u64,
    pub(super) partitions: u32,
    /// Only rules whose names begin so; all if empty.
    pub(super) rules: &'a [String],
    /// More settings of every run.
    pub(super) overrides: &'a [String],
    /// How often each run is killed.
    pub(super) kills: u32,
    /// To so many of a hundred traces a failure is added that comes late.
    pub(super) late_failures: u32,
    pub(super) release: bool,
}

/// What one rule came to.
struct Row {
    name: &'static str,
    comparison: Comparison,
    /// `None` after kills.
    held: Option<Held>,
    took: Duration,
    /// Of the last process that worked on it.
    usage: Usage,
    turns: Turns,
    killed: u32,
}

impl Timed<'_> {
    /// Prints the table. False if anything else is wrong than that traces were missed: no rule may
    /// show a part of a trace, one that should not be kept, or a span twice.
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let rules = self.rules()?;
        let binary = self.build()?;
        let policies: Vec<NamedPolicy> =
            POLICIES.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let replay = self.replay(&policies)?;
        let expected = replay.judged(&policies)?;
        let stream = Stream::of(replay.records());
        let kafka = KafkaBroker::start("replay")?;
        let bootstrap = kafka.bootstrap_servers();
        let cluster = Cluster::at(&bootstrap);
        let written = cluster.write(INPUT, self.partitions, replay.records())?;
        writeln!(out, "{written}\n{stream}\n")?;
        let mut rows = Vec::new();
        for (number, rule) in rules.into_iter().enumerate() {
            let run = Run {
                binary: &binary,
                cluster: &cluster,
                bootstrap: &bootstrap,
                name: format!("kept-{number}"),
                partitions: self.partitions,
                settings: self.settings(rule),
                kills: self.kills,
                seed: self.seed,
            };
            let done = run.run().with_context(|| rule.name.to_owned())?;
            rows.push(Row {
                name: rule.name,
                comparison: compare(&cluster, &run.name, &expected)?,
                held: done.decided.map(|decided| Held::of(&decided, &stream)),
                took: done.took,
                usage: done.usage,
                turns: done.turns,
                killed: done.killed,
            });
        }
        table::write(out, &rows)?;
        Ok(rows.iter().all(|row| has_shortfall_at_most(row.comparison)))
    }

    fn rules(&self) -> anyhow::Result<Vec<&'static Rule>> {
        let is_chosen = |rule: &&Rule| {
            self.rules.is_empty() || self.rules.iter().any(|begin| rule.name.starts_with(&**begin))
        };
        let rules: Vec<_> = RULES.iter().filter(is_chosen).collect();
        if rules.is_empty() {
            let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
            bail!("--rule: expected the beginning of {}, got {:?}", names.join(", "), self.rules);
        }
        Ok(rules)
    }

    fn settings(&self, rule: &Rule) -> Vec<String> {
        let fixed = COMMON.iter().chain(rule.settings).map(|pair| (*pair).to_owned());
        fixed.chain(self.overrides.iter().cloned()).collect()
    }

    fn build(&self) -> anyhow::Result<PathBuf> {
        let (profile, arguments) = match self.release {
            true => ("release", &["build", "-p", "tailsift", "--release"][..]),
            false => ("debug", &["build", "-p", "tailsift"][..]),
        };
        cargo(arguments, &[])?;
        Ok(root().join("target").join(profile).join("tailsift"))
    }

    /// All copies begin at once, when the recording did, so that each record keeps its timestamp.
    fn replay(&self, policies: &[NamedPolicy]) -> anyhow::Result<Replay> {
        let path = path_of(self.corpus);
        let mut records = read_corpus(&path)?;
        add_late_failures(&mut records, policies, self.late_failures, LATE_MS)?;
        let last = records.iter().map(|record| record.timestamp_ms).max();
        let spec = ReplaySpec {
            times: self.times,
            seed: self.seed,
            partitions: self.partitions,
            spans_per_second: u32::MAX,
            end_ms: last.context("the recording holds no record")?,
        };
        Replay::new(records, spec).with_context(|| format!("recording {}", path.display()))
    }
}

/// True if traces were missed, but nothing else was done that should not be.
fn has_shortfall_at_most(comparison: Comparison) -> bool {
    let Comparison { complete, missing, .. } = comparison;
    Comparison { complete: complete + missing, missing: 0, ..comparison }.is_exact()
}

/// Holds an export against what should be there.
fn compare(
    cluster: &Cluster,
    topic: &str,
    expected: &BTreeMap<TraceId, ReferenceTrace>,
) -> anyhow::Result<Comparison> {
    let mut comparer = Comparer::new(expected);
    let mut reader = Reader::open(&cluster.settings(), topic, Isolation::Committed)?;
    reader.for_each(PATIENCE, |record| {
        comparer.record(record.key(), record.value().unwrap_or_default());
        ControlFlow::Continue(())
    })?;
    Ok(comparer.finish())
}

#[cfg(test)]
mod tests;

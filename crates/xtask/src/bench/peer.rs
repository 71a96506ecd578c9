//! `cargo xtask bench peer`: the whole program beside the Collector, on the same topics.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use tailsift_fixture::{
    Collector, CollectorUnavailable, Comparer, Comparison, KafkaBroker, LoadShape, LoadSpec,
    NamedPolicy, ReferenceTrace, ReplaySpec,
};
use tailsift_kafka::{Isolation, Reader};
use tailsift_trace::TraceId;

use crate::cluster::{Cluster, now_ms};
use crate::collector::find;
use crate::replay::prepare;
use crate::repository::{cargo, root};

use contender::{Contender, Setting, Stage};
use table::Row;

mod contender;
mod table;

/// What the policies of `config/peers.yaml` are to the reference.
const POLICIES: &str = "error,latency=500,confidence=0.5";
const PARTITIONS: u32 = 8;
const SPANS_PER_SECOND: u32 = 20_400;
/// As much as the recording has, played 100 times.
const RECORDING: &str = "bulk_otlp_proto_keyed.bin.gz";

/// Has tailsift and the OpenTelemetry Collector work through the same topics of a Kafka of their
/// own, verifies what each exported, and prints CPU, memory and ratios as a table. The Collector
/// is built from its modules (Go), once, or given by --collector
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Only this load; may be repeated
    #[arg(long, value_enum)]
    load: Vec<Load>,
    /// Traces of a synthetic load, of 12 spans each
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    traces: u32,
    /// How many times the recording is played
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Only tailsift so set; may be repeated
    #[arg(long, value_enum)]
    setting: Vec<Setting>,
    /// How often each does its work, in turn; the median counts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// A Collector's binary, in place of one that is built
    #[arg(long, value_name = "FILE")]
    collector: Option<PathBuf>,
    /// Leave the Collector out
    #[arg(long, conflicts_with = "collector")]
    without_collector: bool,
    /// Another tailsift to measure, in place of this source's release build; then nothing is built,
    /// and the read loop is this very program's
    #[arg(long, value_name = "FILE")]
    tailsift: Option<PathBuf>,
    /// A setting of tailsift's, as KEY=VALUE; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Load {
    /// A recording of real SDKs, played again and again
    Real,
    /// 4 spans of one trace to a record, keyed
    Keyed,
    /// 20 traces to a record
    Bulk,
    /// 4 spans to a record, without keys, dealt out to all partitions
    Unkeyed,
}

/// What all contenders work on.
struct Arena<'a> {
    bootstrap: String,
    cluster: Cluster,
    topic: String,
    load: Load,
    spans: u64,
    expected: BTreeMap<TraceId, ReferenceTrace>,
    /// What has the read loop.
    xtask: &'a Path,
    tailsift: &'a Path,
    settings: &'a [Setting],
    collector: Option<&'a Path>,
    overrides: &'a [String],
}

impl Peer {
    /// One small load, in which traces wait for as little as it takes, and no Collector.
    pub(crate) fn in_little(tailsift: &Path) -> Self {
        Self {
            load: vec![Load::Keyed],
            setting: vec![Setting::Default],
            traces: 500,
            times: 1,
            runs: 1,
            collector: None,
            without_collector: true,
            tailsift: Some(tailsift.to_owned()),
            overrides: vec!["window.decision_wait=2s".to_owned()],
        }
    }

    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.tailsift.is_none() {
            cargo(&["build", "--release", "-p", "tailsift", "-p", "xtask"], &[])?;
        }
        let built = root().join("target/release/tailsift");
        let xtask = match self.tailsift {
            Some(_) => std::env::current_exe()?,
            None => root().join("target/release/xtask"),
        };
        let collector = self.find_collector(out)?;
        let kafka = KafkaBroker::start("bench")?;
        let mut loads = self.load.clone();
        if loads.is_empty() {
            loads = Load::value_variants().to_vec();
        }
        let mut wrong = Vec::new();
        let settings = match &self.setting[..] {
            [] => Setting::value_variants(),
            some => some,
        };
        for load in loads {
            let (topic, cluster) =
                (format!("in-{}", load.name()), Cluster::at(&kafka.bootstrap_servers()));
            let (spans, expected) = self.write(load, &cluster, &topic)?;
            let arena = Arena {
                bootstrap: kafka.bootstrap_servers(),
                cluster,
                topic,
                load,
                spans,
                expected,
                xtask: &xtask,
                tailsift: self.tailsift.as_deref().unwrap_or(&built),
                settings,
                collector: collector.as_deref(),
                overrides: &self.overrides,
            };
            let rows = arena.measure(self.runs)?;
            table::write(out, &format!("{}: {spans} spans", load.name()), &rows)?;
            wrong.extend(
                rows.iter()
                    .filter(|row| !row.is_right())
                    .map(|row| format!("{}, {} load", row.name, load.name())),
            );
        }
        ensure!(wrong.is_empty(), "not what should have been exported: {}", wrong.join("; "));
        Ok(())
    }

    fn find_collector(&self, out: &mut dyn Write) -> anyhow::Result<Option<PathBuf>> {
        if self.without_collector {
            return Ok(None);
        }
        match find(self.collector.as_deref()) {
            Ok(binary) => Ok(Some(binary)),
            Err(error) if error.is::<CollectorUnavailable>() => {
                writeln!(out, "{error}; its rows are left out")?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a load as if it had just been produced live; its spans, and what is to be kept.
    fn write(
        &self,
        load: Load,
        cluster: &Cluster,
        topic: &str,
    ) -> anyhow::Result<(u64, BTreeMap<TraceId, ReferenceTrace>)> {
        let policies =
            POLICIES.split(',').map(str::parse).collect::<Result<Vec<NamedPolicy>, _>>()?;
        let Some(shape) = load.shape() else {
            let spec = ReplaySpec {
                times: self.times,
                seed: 1,
                partitions: PARTITIONS,
                spans_per_second: SPANS_PER_SECOND,
                end_ms: now_ms(),
            };
            let replay = prepare(Path::new(RECORDING), spec)?;
            let written = cluster.write(topic, PARTITIONS, replay.records())?;
            return Ok((written.spans(), replay.judged(&policies)?));
        };
        let spec = LoadSpec {
            traces: self.traces,
            shape,
            seed: 1,
            partitions: PARTITIONS,
            spans_per_second: SPANS_PER_SECOND,
            end_ms: now_ms(),
        };
        let written = cluster.write(topic, PARTITIONS, spec.records())?;
        Ok((written.spans(), spec.judged(&policies)?))
    }
}

impl Load {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// `None`: it is the recording.
    fn shape(self) -> Option<LoadShape> {
        match self {
            Self::Real => None,
            Self::Keyed => Some(LoadShape::Keyed),
            Self::Bulk => Some(LoadShape::Bulk),
            Self::Unkeyed => Some(LoadShape::Unkeyed),
        }
    }

    /// How long a trace may have to be waited for, in s: records of some of the recording's lie
    /// more than 10 s apart.
    fn wait_s(self) -> u32 {
        if self == Self::Real { 30 } else { 10 }
    }

    fn is_keyed(self) -> bool {
        self != Self::Unkeyed
    }
}

/// One of those that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    ReadLoop,
    Collector,
    Tailsift(Stage, Setting),
}

impl Who {
    fn name(self) -> String {
        match self {
            Self::ReadLoop => "read loop".to_owned(),
            Self::Collector => format!("Collector {}", Collector::VERSION),
            Self::Tailsift(stage, setting) => {
                let stages = match stage {
                    Stage::Processor => "",
                    Stage::Both => ", both stages",
                };
                format!("tailsift{stages}{}", setting.suffix())
            }
        }
    }
}

impl Arena<'_> {
    /// All take turns, so that a machine that gets slower or faster does so for all of them.
    fn measure(&self, runs: u32) -> anyhow::Result<Vec<Row>> {
        let stage = if self.load.is_keyed() { Stage::Processor } else { Stage::Both };
        let mut all = vec![Who::ReadLoop];
        all.extend(self.collector.map(|_| Who::Collector));
        all.extend(self.settings.iter().map(|setting| Who::Tailsift(stage, *setting)));
        let mut rows: Vec<Vec<Row>> = all.iter().map(|_| Vec::new()).collect();
        for run in 0..runs {
            for (who, rows) in all.iter().zip(&mut rows) {
                let row = self.run(*who, run);
                let on = || format!("{}, {} load", who.name(), self.load.name());
                rows.push(row.with_context(on)?);
            }
        }
        Ok(rows.into_iter().filter_map(median).collect())
    }

    fn run(&self, who: Who, run: u32) -> anyhow::Result<Row> {
        let contender = Contender { arena: self, run };
        let (spent, exported) = match who {
            Who::ReadLoop => contender.floor()?,
            Who::Collector => contender.collector()?,
            Who::Tailsift(stage, setting) => contender.tailsift(stage, setting)?,
        };
        let comparison = exported.map(|exported| self.verify(&exported)).transpose()?;
        Ok(Row { name: who.name(), spans: self.spans, spent, comparison })
    }

    fn verify(&self, exported: &contender::Exported) -> anyhow::Result<Comparison> {
        let mut comparer = Comparer::new(&self.expected);
        if exported.is_encoded_anew {
            comparer = comparer.by_id();
        }
        let mut reader =
            Reader::open(&self.cluster.settings(), &exported.topic, Isolation::Committed)?;
        reader.for_each(contender::PATIENCE, |record| {
            comparer.record(record.key(), record.value().unwrap_or_default());
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(comparer.finish())
    }
}

/// The run in the middle, by CPU, with what the worst of them exported.
fn median(mut rows: Vec<Row>) -> Option<Row> {
    rows.sort_by_key(|row| row.spent.cpu);
    let worst = rows.iter().find(|row| row.comparison.is_some_and(|found| !found.is_exact()));
    let worst = worst.map(|row| row.comparison);
    let middle = rows.len() / 2;
    let mut median = rows.into_iter().nth(middle)?;
    median.comparison = worst.unwrap_or(median.comparison);
    Some(median)
}

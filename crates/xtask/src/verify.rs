//! `cargo xtask verify`: holds an export topic against what should be in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tailsift_fixture::{Comparer, Comparison, LoadSpec, NamedPolicy, ReferenceTrace, ReplaySpec};
use tailsift_kafka::{Isolation, Reader};
use tailsift_trace::TraceId;

use crate::cluster::Cluster;
use crate::replay;

const READ_PATIENCE: Duration = Duration::from_secs(30);
/// How many missing traces are named.
const MISSING_SHOWN: usize = 5;

/// Reads an export topic (committed records only) and compares it with what the policies must
/// have kept of a load; fails unless every span of every such trace is there once, and no other
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    cluster: Cluster,
    /// The export topic
    #[arg(long)]
    topic: String,
    #[command(flatten)]
    load: LoadChoice,
    /// How many times the recording was played
    #[arg(long, default_value_t = 1, requires = "corpus")]
    times: u32,
    /// The seed with which it was played
    #[arg(long, default_value_t = 1, requires = "corpus")]
    seed: u64,
    /// error, latency=MS, confidence=BOUND, slower=SPAN NAME:MS or always
    #[arg(long, value_delimiter = ',', default_value = "error,latency=500,confidence=0.5")]
    policies: Vec<NamedPolicy>,
    /// Let spans be there more than once, as under at_least_once
    #[arg(long)]
    repeats_allowed: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct LoadChoice {
    /// A synthetic load: the line that `load` printed
    #[arg(long, value_name = "SPEC")]
    load_spec: Option<LoadSpec>,
    /// A recording that was replayed: a path, or a name in integration/corpus
    #[arg(long)]
    corpus: Option<PathBuf>,
}

impl Verify {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let expected = self.expected()?;
        let mut comparer = Comparer::new(&expected);
        let mut reader = Reader::open(&self.cluster.settings(), &self.topic, Isolation::Committed)?;
        let records = reader.for_each(READ_PATIENCE, |record| {
            comparer.record(record.key(), record.value().unwrap_or_default());
            ControlFlow::Continue(())
        })?;
        let missing: Vec<TraceId> = comparer.missing().take(MISSING_SHOWN).collect();
        let comparison = comparer.finish();
        for policy in &self.policies {
            let count = expected.values().filter(|trace| trace.keep.contains(&policy.name)).count();
            writeln!(out, "{:<24} {count:>10}", policy.name)?;
        }
        writeln!(out, "{:<24} {records:>10}\n", "records read")?;
        write_table(out, &comparison)?;
        for trace in missing {
            writeln!(out, "missing                  {trace}")?;
        }
        let right = if self.repeats_allowed {
            comparison.is_exact_but_for_repeats()
        } else {
            comparison.is_exact()
        };
        writeln!(out, "\n{}", if right { "all right" } else { "NOT RIGHT" })?;
        Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn expected(&self) -> anyhow::Result<BTreeMap<TraceId, ReferenceTrace>> {
        if let Some(corpus) = &self.load.corpus {
            // Times and partitions of the records play no part in what is kept.
            let spec = ReplaySpec {
                times: self.times,
                seed: self.seed,
                partitions: 1,
                spans_per_second: 1,
                end_ms: 0,
            };
            return Ok(replay::prepare(corpus, spec)?.judged(&self.policies)?);
        }
        let spec = self.load.load_spec.unwrap_or_default();
        Ok(spec.judged(&self.policies)?)
    }
}

fn write_table(out: &mut dyn Write, comparison: &Comparison) -> std::io::Result<()> {
    let Comparison {
        expected,
        complete,
        partial,
        missing,
        unexpected,
        repeated,
        repeated_spans,
        foreign_spans,
        wrong_key,
        undecodable,
    } = *comparison;
    for (what, count) in [
        ("expected traces", expected),
        ("  complete", complete),
        ("  partial", partial),
        ("  missing", missing),
        ("  repeated", repeated),
        ("unexpected traces", unexpected),
        ("repeated spans", repeated_spans),
        ("changed spans", foreign_spans),
        ("records wrongly keyed", wrong_key),
        ("records undecodable", undecodable),
    ] {
        writeln!(out, "{what:<24} {count:>10}")?;
    }
    Ok(())
}

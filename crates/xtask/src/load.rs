//! `cargo xtask load`: writes a synthetic load.

use std::io::Write;

use clap::Args;
use tailsift_fixture::{LoadShape, LoadSpec};

use crate::cluster::{Cluster, now_ms};

/// Writes a synthetic load of inference traces to a topic, as if it had just been produced live
#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    cluster: Cluster,
    /// The topic; made if it is missing
    #[arg(long)]
    topic: String,
    /// How many traces, of 12 spans each
    #[arg(long, default_value_t = 200_000)]
    traces: u32,
    /// keyed: 4 spans of one trace a record; bulk: 20 traces a record
    #[arg(long, default_value_t = LoadShape::Keyed)]
    shape: LoadShape,
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Partitions of the topic
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    partitions: u32,
    /// The rate at which the records pretend to have been produced
    #[arg(long, default_value_t = 20_400, value_parser = clap::value_parser!(u32).range(1..))]
    spans_per_second: u32,
    /// When they pretend to end, in ms since the Unix epoch [default: now]
    #[arg(long, value_name = "MS")]
    end: Option<i64>,
}

impl Load {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let spec = LoadSpec {
            traces: self.traces,
            shape: self.shape,
            seed: self.seed,
            partitions: self.partitions,
            spans_per_second: self.spans_per_second,
            end_ms: self.end.unwrap_or_else(now_ms),
        };
        let written = self.cluster.write(&self.topic, self.partitions, spec.records())?;
        let expected = spec.expected();
        writeln!(out, "{written}")?;
        writeln!(
            out,
            "to keep  {} of {} traces: {} errors, {} slow, {} of low confidence",
            expected.total(),
            spec.traces,
            expected.errors.len(),
            expected.slow.len(),
            expected.low_confidence.len()
        )?;
        writeln!(out, "verify   --load-spec {spec}")?;
        Ok(())
    }
}

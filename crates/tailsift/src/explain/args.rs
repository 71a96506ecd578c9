//! Its command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tailsift_trace::TraceId;

use crate::cli::past_time;

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) policies: PoliciesArgs,
    /// The spans: OTLP/JSON, OTLP/JSON lines (each line is a batch that arrives), or OTLP
    /// protobuf; at most 64 MiB
    #[arg(long, value_name = "FILE", required_unless_present = "trace_id")]
    pub(crate) spans: Option<PathBuf>,
    /// A trace, 32 hexadecimal digits: its spans are read from the topic that `run` judges, as long
    /// as that holds them, without the group; what was decided and exported is told beside
    #[arg(long, value_name = "ID", conflicts_with_all = ["spans", "tail_sampling"])]
    pub(crate) trace_id: Option<TraceId>,
    /// Look only at records that were written within this time, such as 1h or 7d [default: all]
    #[arg(long, value_name = "TIME", value_parser = past_time, requires = "trace_id")]
    pub(crate) since: Option<Duration>,
    /// Look at all partitions, even if the trace is on the one where its key belongs
    #[arg(long, requires = "trace_id")]
    pub(crate) all_partitions: bool,
    /// How it is told
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: Format,
}

/// Whose policies: a file of ours, or a Collector's.
#[derive(Debug, Args)]
pub(crate) struct PoliciesArgs {
    /// The configuration file
    #[arg(short, long = "config", value_name = "FILE")]
    #[arg(required_unless_present = "tail_sampling", conflicts_with = "tail_sampling")]
    pub(crate) config: Option<PathBuf>,
    /// Override a key of the file, such as --set window.decision_wait=10s
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", conflicts_with = "tail_sampling")]
    pub(crate) overrides: Vec<String>,
    /// A Collector's configuration, whole or the body of `tail_sampling:`, judged as it would
    #[arg(long, value_name = "FILE")]
    pub(crate) tail_sampling: Option<PathBuf>,
    /// Which tail_sampling processor of a whole configuration, if there are several
    #[arg(long, value_name = "NAME", requires = "tail_sampling")]
    pub(crate) processor: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// One array, an object for each trace
    Json,
}

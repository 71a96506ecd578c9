//! Its command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) policies: PoliciesArgs,
    /// The spans: OTLP/JSON, OTLP/JSON lines (each line is a batch that arrives), or OTLP
    /// protobuf; at most 64 MiB
    #[arg(long, value_name = "FILE", required_unless_present = "trace_id")]
    pub(crate) spans: Option<PathBuf>,
    /// A trace to be read from the topics; not in this version, which says what to do in its place
    #[arg(long, value_name = "ID", conflicts_with = "spans")]
    pub(crate) trace_id: Option<String>,
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

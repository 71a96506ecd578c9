//! Their command lines.

use clap::Args;

use crate::cli::ConfigArgs;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Look only at so many records of each partition, the newest that are committed [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) records: Option<u64>,
    /// The group did not begin at the input's start, or went on without its log: records that
    /// earlier batches covered are counted, not checked. Follows from `input.start: latest`
    #[arg(long)]
    pub(crate) began_late: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LagArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

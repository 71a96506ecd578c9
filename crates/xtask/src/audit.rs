//! `cargo xtask audit`: holds what a group has committed, logged and read against each other.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use tailsift_fixture::{AuditTarget, audit};

use crate::cluster::Cluster;

/// Checks the committed offsets of a group, their metadata, its decision log and its input against
/// each other, at work or not; fails if anything is there that exactly-once delivery forbids
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    cluster: Cluster,
    /// The consumer group
    #[arg(long)]
    group: String,
    /// The topic that it reads
    #[arg(long, value_name = "TOPIC")]
    input: String,
    /// Its decision log [default: GROUP.decisions]
    #[arg(long, value_name = "TOPIC")]
    decisions: Option<String>,
    /// The group did not begin at the input's start, or went on without its log: records that
    /// earlier batches covered are counted, not checked
    #[arg(long)]
    began_late: bool,
}

impl Audit {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Self { cluster, group, input, decisions, began_late } = self;
        let own = format!("{group}.decisions");
        let report = audit(AuditTarget {
            settings: &cluster.settings(),
            group,
            input,
            decisions: decisions.as_ref().unwrap_or(&own),
            began_late: *began_late,
        })?;
        writeln!(out, "{report}")?;
        Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

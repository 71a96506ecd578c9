//! What reading a topic costs by itself.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use tailsift_kafka::{Isolation, Reader};

use crate::cluster::Cluster;

const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a topic to its end and looks at each record's first and last byte: the floor under
/// anything that reads it
#[derive(Debug, Args)]
pub(crate) struct Floor {
    #[command(flatten)]
    cluster: Cluster,
    /// The topic
    #[arg(long)]
    topic: String,
}

impl Floor {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut reader = Reader::open(&self.cluster.settings(), &self.topic, Isolation::Committed)?;
        let (mut bytes, mut touched) = (0, 0u64);
        let records = reader.for_each(PATIENCE, |record| {
            let value = record.value().unwrap_or_default();
            bytes += value.len();
            touched += [value.first(), value.last()]
                .into_iter()
                .flatten()
                .map(|byte| u64::from(*byte))
                .sum::<u64>();
            ControlFlow::Continue(())
        })?;
        Ok(writeln!(out, "read {records} records, {bytes} bytes, check sum {touched}")?)
    }
}

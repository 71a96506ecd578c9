//! `cargo xtask bench`: measures.

use clap::Args;

use crate::repository::cargo;

/// Runs the benchmarks; the README quotes no other numbers
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Only those whose name contains this
    filter: Option<String>,
}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut arguments = vec!["bench", "--workspace", "--bench", "*"];
        arguments.extend(self.filter.iter().flat_map(|filter| ["--", filter]));
        cargo(&arguments, &[])
    }
}

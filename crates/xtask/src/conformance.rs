//! `cargo xtask conformance`: what a Collector did, and what tailsift does.

use clap::Args;

use crate::repository::cargo;

/// Every recorded answer of a Collector's tail_sampling, held against ours: a table by family
#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// Only cases whose name holds one of these, such as latency/
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Conformance {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut arguments = vec!["test", "-p", "tailsift", "--test", "conformance", "--"];
        arguments.extend(self.names.iter().map(String::as_str));
        cargo(&arguments, &[])
    }
}

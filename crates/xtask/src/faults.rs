//! `cargo xtask faults`: the fault suite in its long form.

use std::process::ExitCode;

use clap::Args;

use crate::repository::cargo;

/// Crashes, stalls and restarts of processors and brokers under a live load on a real Kafka, at
/// length; prints what was lost and repeated (nothing must be) in one table
#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// How often a fault strikes; the slow ones strike a fifth as often
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What load and faults are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One scenario only; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Build with optimisations: for what is measured
    #[arg(long)]
    release: bool,
}

impl Faults {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let form = format!("rounds={},seed={}", self.rounds, self.seed);
        let mut arguments = vec!["test", "-p", "tailsift", "--test", "faults"];
        if self.release {
            arguments.push("--release");
        }
        arguments.push("--");
        arguments.extend(self.only.iter().map(String::as_str));
        cargo(&arguments, &[("TAILSIFT_FAULTS", &form)])?;
        Ok(ExitCode::SUCCESS)
    }
}

//! `cargo xtask check`: what a change must pass.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use crate::repository::cargo;
use crate::sim::Sim;

/// Formatting, lints, documentation, all tests less those that start a real Kafka, and fresh worlds
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Run the tests that start a real Kafka too
    #[arg(long)]
    with_kafka: bool,
    /// How many worlds to run beside those of the tests
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
}

impl Check {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let skip: &[(&str, &str)] =
            if self.with_kafka { &[] } else { &[("TAILSIFT_SKIP_KAFKA", "1")] };
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) >> 32;
        let denied = ("RUSTDOCFLAGS", "-D warnings");
        let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        for (name, arguments, environment) in [
            ("format", &["fmt", "--all", "--check"][..], &[][..]),
            ("lints", &lints, &[]),
            ("documentation", &["doc", "--workspace", "--no-deps"], &[denied]),
            ("tests", &["test", "--workspace"], skip),
        ] {
            writeln!(out, "== {name}: cargo {}", arguments.join(" "))?;
            cargo(arguments, environment)?;
        }
        writeln!(out, "== worlds from seed {seed} on")?;
        let code = Sim::worlds(seed, self.seeds).run(out)?;
        if code == ExitCode::SUCCESS {
            writeln!(out, "== all right")?;
        }
        Ok(code)
    }
}

//! `cargo xtask bench`: measures.

use std::io::Write;

use clap::{Args, Subcommand};

mod floor;
mod micro;
mod once;
mod peer;
mod steady;
pub(crate) mod usage;

/// Runs the benchmarks; the README quotes no other numbers
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    /// Only those whose name contains this
    filter: Option<String>,
    /// Run all of them once, in little, as tests are built: it says whether they work, not what
    /// they measure
    #[arg(long, conflicts_with = "filter")]
    once: bool,
    #[command(subcommand)]
    whole: Option<Whole>,
}

/// Benchmarks of whole programs.
#[derive(Debug, Subcommand)]
enum Whole {
    Peer(peer::Peer),
    Floor(floor::Floor),
    Steady(steady::Steady),
}

impl Bench {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        match &self.whole {
            Some(Whole::Peer(peer)) => peer.run(out),
            Some(Whole::Floor(floor)) => floor.run(out),
            Some(Whole::Steady(steady)) => steady.run(out),
            None if self.once => once::run(out),
            None => micro::run(self.filter.as_deref(), out),
        }
    }
}

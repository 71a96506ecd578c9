//! `cargo xtask bench`: measures.

use std::io::Write;

use clap::{Args, Subcommand};

use crate::repository::cargo;

mod floor;
mod peer;
pub(crate) mod usage;

/// Runs the benchmarks; the README quotes no other numbers
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    /// Only those whose name contains this
    filter: Option<String>,
    #[command(subcommand)]
    whole: Option<Whole>,
}

/// Benchmarks of whole programs.
#[derive(Debug, Subcommand)]
enum Whole {
    Peer(peer::Peer),
    Floor(floor::Floor),
}

impl Bench {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        match &self.whole {
            Some(Whole::Peer(peer)) => return peer.run(out),
            Some(Whole::Floor(floor)) => return floor.run(out),
            None => {}
        }
        let mut arguments = vec!["bench", "--workspace", "--bench", "*"];
        arguments.extend(self.filter.iter().flat_map(|filter| ["--", filter]));
        cargo(&arguments, &[])
    }
}

//! `cargo xtask sim`: runs the seeded world.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use tailsift_sim::{Outcome, Plan, Timeline, run};

/// Runs the sampler in a seeded world of crashes, rebalances and late spans, and shows what happened
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// The world's seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run so many worlds from that seed on, and show only one that breaks an invariant
    #[arg(long, value_name = "K")]
    seeds: Option<u64>,
    /// Leave out all that makes a partition be read twice
    #[arg(long)]
    no_crashes: bool,
}

impl Sim {
    /// So many worlds from a seed on.
    pub(crate) fn worlds(seed: u64, seeds: u64) -> Self {
        Self { seed, seeds: Some(seeds), no_crashes: false }
    }

    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Some(seeds) = self.seeds else {
            let outcome = self.world(self.seed);
            show(&outcome, out)?;
            return Ok(exit_code(&outcome));
        };
        let (mut events, mut judged) = (0, 0);
        for seed in self.seed..self.seed.saturating_add(seeds) {
            let outcome = self.world(seed);
            if outcome.violation.is_some() {
                show(&outcome, out)?;
                return Ok(ExitCode::FAILURE);
            }
            events += outcome.events.len();
            judged += outcome.traces_judged();
        }
        writeln!(
            out,
            "{seeds} worlds, {events} events, {judged} traces judged: all invariants held"
        )?;
        Ok(ExitCode::SUCCESS)
    }

    fn world(&self, seed: u64) -> Outcome {
        let plan = Plan::new(seed);
        run(&if self.no_crashes { plan.without_crashes() } else { plan })
    }
}

fn show(outcome: &Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    write!(out, "{}", Timeline::new(outcome, std::io::stdout().is_terminal()))
}

fn exit_code(outcome: &Outcome) -> ExitCode {
    if outcome.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

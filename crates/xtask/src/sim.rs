//! `cargo xtask sim`: runs the seeded world.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use tailsift_sim::{Delivery, Outcome, Plan, Timeline, run};

/// How often a soak says how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Runs the sampler in a seeded world of crashes, rebalances and late spans, and shows what happened
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// The world's seed, or the first one's; one is drawn for a soak if none is given
    #[arg(long)]
    seed: Option<u64>,
    /// Run so many worlds from that seed on, and show only one that breaks an invariant
    #[arg(long, value_name = "K")]
    seeds: Option<u64>,
    /// Run fresh worlds for so long (90s, 30m, 8h), show the seeds of those that break an invariant,
    /// and go on
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "seeds")]
    soak: Option<Duration>,
    /// Leave out all that makes a partition be read twice
    #[arg(long)]
    no_crashes: bool,
    /// Commit epochs in this way (exactly-once, at-least-once), not in the one that the seed draws
    #[arg(long, value_parser = delivery)]
    delivery: Option<Delivery>,
}

impl Sim {
    /// So many worlds from a seed on.
    pub(crate) fn worlds(seed: u64, seeds: u64) -> Self {
        Self { seed: Some(seed), seeds: Some(seeds), soak: None, no_crashes: false, delivery: None }
    }

    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if let Some(soak) = self.soak {
            return self.soak(soak, out);
        }
        let seed = self.seed.unwrap_or(1);
        let Some(seeds) = self.seeds else {
            let outcome = self.world(seed);
            show(&outcome, out)?;
            return Ok(exit_code(&outcome));
        };
        let (mut steps, mut judged) = (0, 0);
        for seed in seed..seed.saturating_add(seeds) {
            let outcome = self.world(seed);
            if outcome.violation.is_some() {
                show(&outcome, out)?;
                return Ok(ExitCode::FAILURE);
            }
            steps += outcome.steps;
            judged += outcome.traces_judged();
        }
        writeln!(
            out,
            "{seeds} worlds, {steps} steps, {judged} traces judged: all invariants held"
        )?;
        Ok(ExitCode::SUCCESS)
    }

    /// Runs one world after the other until the time is up.
    fn soak(&self, soak: Duration, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let drawn = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) >> 32;
        let first = self.seed.unwrap_or_else(drawn);
        writeln!(out, "worlds from seed {first} on, for {soak:?}")?;
        let (began, mut told) = (Instant::now(), Duration::ZERO);
        let (mut seed, mut steps, mut broken) = (first, 0, 0);
        while began.elapsed() < soak {
            let outcome = self.world(seed);
            steps += outcome.steps;
            if let Some(violation) = &outcome.violation {
                broken += 1;
                writeln!(out, "seed {seed}: {violation}")?;
            }
            seed += 1;
            if began.elapsed() >= told + TOLD_EVERY {
                told = began.elapsed();
                writeln!(out, "{} worlds, {steps} steps, {broken} broken", seed - first)?;
            }
        }
        writeln!(out, "{} worlds, {steps} steps, {broken} broken: the end", seed - first)?;
        Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn world(&self, seed: u64) -> Outcome {
        let plan = Plan::new(seed);
        let delivery = self.delivery.unwrap_or(plan.delivery);
        let plan = plan.with_delivery(delivery);
        run(&if self.no_crashes { plan.without_crashes() } else { plan })
    }
}

fn delivery(text: &str) -> Result<Delivery, String> {
    let named = Delivery::ALL.into_iter().find(|delivery| delivery.name() == text);
    named.ok_or_else(|| format!("expected exactly-once or at-least-once, got {text:?}"))
}

/// A number and its unit: `90s`, `30m`, `8h`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.chars().last().unwrap_or(' ');
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        other => return Err(format!("expected a number and s, m or h, got {other:?} at its end")),
    };
    let number = text.trim_end_matches(unit).parse::<u32>();
    let number = number.map_err(|error| format!("expected a number before {unit}: {error}"))?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

fn show(outcome: &Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    write!(out, "{}", Timeline::new(outcome, std::io::stdout().is_terminal()))
}

fn exit_code(outcome: &Outcome) -> ExitCode {
    if outcome.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

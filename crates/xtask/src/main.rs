//! Development only: the tools of the trade, as `cargo xtask COMMAND`.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod audit;
mod bench;
mod check;
mod cluster;
mod collector;
mod conformance;
mod faults;
mod generate;
mod interop;
mod load;
mod replay;
mod repository;
mod sim;
mod soak;
mod surface;
#[cfg(test)]
mod tidy;
mod verify;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The tools of the trade")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(audit::Audit),
    Bench(bench::Bench),
    Check(check::Check),
    Conformance(conformance::Conformance),
    Faults(faults::Faults),
    #[command(name = "gen")]
    Generate(generate::Generate),
    Interop(interop::Interop),
    Load(load::Load),
    Replay(replay::Replay),
    Sim(sim::Sim),
    Soak(soak::Soak),
    Verify(verify::Verify),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    run(&cli.command, &mut std::io::stdout().lock()).unwrap_or_else(|error| {
        // Where even this cannot be written, the exit code is all that is left to say.
        writeln!(std::io::stderr(), "error: {error:#}").ok();
        ExitCode::FAILURE
    })
}

fn run(command: &Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Audit(audit) => audit.run(out),
        Command::Bench(bench) => bench.run(out).map(|()| ExitCode::SUCCESS),
        Command::Check(check) => check.run(out),
        Command::Conformance(conformance) => conformance.run().map(|()| ExitCode::SUCCESS),
        Command::Faults(faults) => faults.run(),
        Command::Generate(generate) => generate.run(out).map(|()| ExitCode::SUCCESS),
        Command::Interop(interop) => interop.run(out),
        Command::Load(load) => load.run(out).map(|()| ExitCode::SUCCESS),
        Command::Replay(replay) => replay.run(out),
        Command::Sim(sim) => sim.run(out),
        Command::Soak(soak) => soak.run(out),
        Command::Verify(verify) => verify.run(out),
    }
}

#[cfg(test)]
mod tests;

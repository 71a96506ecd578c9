//! The `tailsift` command.

mod admin;
mod app;
mod backtest;
mod cli;
mod command;
mod demo;
mod explain;
mod handover;
mod live;
mod logging;
mod metrics;
mod operations;
mod past;
mod rekey;
mod reload;
mod reread;
mod secrets;
mod shutdown;
mod worker;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to be told if stderr is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            command::exit_code(&error)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    logging::init(cli.log, cli.command.log_level())?;
    match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Run(args) => {
            let (path, overrides) = (&args.file.config, &args.file.overrides);
            let (config, file) = match args.shadow {
                true => command::load_shadow(path, overrides)?,
                false => command::load_with_file(path, overrides)?,
            };
            if args.without_rekey {
                command::needs_rekeying(&config)?;
            }
            let wishes = app::Wishes {
                exit_when_idle: args.exit_when_idle,
                accept_lost_decisions: args.accept_lost_decisions,
                topics_are_made: false,
                shadow: args.shadow,
                role: if args.without_rekey { app::Role::Processor } else { app::Role::Both },
            };
            app::run(&config, file, wishes)
        }
        Command::Rekey(args) => {
            let (config, file) = command::load_with_file(&args.file.config, &args.file.overrides)?;
            command::needs_rekeying(&config)?;
            let role = app::Role::Rekey;
            let exit_when_idle = args.exit_when_idle;
            app::run(&config, file, app::Wishes { exit_when_idle, role, ..app::Wishes::default() })
        }
        Command::Check(args) => command::check(args),
        Command::Explain(args) => explain::explain(args),
        Command::Backtest(args) => backtest::backtest(args),
        Command::Topics(args) => command::topics(args),
        Command::Audit(args) => operations::audit(args),
        Command::Lag(args) => operations::lag(args),
        Command::DeadLetters(args) => operations::dead_letters(args),
        Command::Schema => command::schema(),
    }
}

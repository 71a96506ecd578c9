//! Where the repository is, and how `cargo` is run in it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).unwrap_or(Path::new("."))
}

/// Runs `cargo` with some arguments and environment; its output is the caller's.
pub(crate) fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.envs(environment.iter().copied());
    finish(command, "cargo", arguments)
}

/// Runs a program with some arguments; its output is the caller's.
pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    finish(Command::new(program), program, arguments)
}

fn finish(mut command: Command, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let line = arguments.join(" ");
    let status = command.args(arguments).current_dir(root()).status();
    let status = status.with_context(|| format!("{name} {line}"))?;
    if !status.success() {
        bail!("{name} {line}: {status}");
    }
    Ok(())
}

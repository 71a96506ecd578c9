//! Where the repository is, and how `cargo` is run in it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).unwrap_or(Path::new("."))
}

/// Runs `cargo` with some arguments and environment; its output is the caller's.
pub(crate) fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut command = cargo_command();
    command.envs(environment.iter().copied());
    finish(command, "cargo", arguments)
}

/// Runs `cargo` and shows each line of its standard output; its standard error is the caller's.
pub(crate) fn read_cargo(
    arguments: &[&str],
    mut see: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let line = arguments.join(" ");
    let mut command = cargo_command();
    command.args(arguments).current_dir(root()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cargo {line}"))?;
    let output = child.stdout.take().context("its output is not captured")?;
    for read in BufReader::new(output).lines() {
        see(&read.with_context(|| format!("reading what cargo {line} prints"))?)?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo {line}: {status}");
    }
    Ok(())
}

fn cargo_command() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
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

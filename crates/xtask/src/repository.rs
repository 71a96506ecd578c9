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
    command.args(arguments).envs(environment.iter().copied()).current_dir(root());
    let line = arguments.join(" ");
    let status = command.status().with_context(|| format!("cargo {line}"))?;
    if !status.success() {
        bail!("cargo {line}: {status}");
    }
    Ok(())
}

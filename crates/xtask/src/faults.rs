//! `cargo xtask faults`: the fault suite in its long form.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::repository::{cargo, root, run};

/// Crashes, stalls and restarts of processors and brokers under a live load on a real Kafka, at
/// length; prints what was lost and repeated (nothing must be) in one table
#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// How often a fault strikes; the slow ones strike a fifth as often
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What load and faults are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One scenario only; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Also upgrade from the build of this git revision, under load, and roll back to it
    #[arg(long, value_name = "REVISION")]
    from: Option<String>,
    /// Build with optimisations: for what is measured
    #[arg(long)]
    release: bool,
}

impl Faults {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let form = format!("rounds={},seed={}", self.rounds, self.seed);
        let other = self.from.as_deref().map(build_of).transpose()?;
        let other = other.map(|path| path.to_string_lossy().into_owned());
        let mut arguments = vec!["test", "-p", "tailsift", "--test", "faults"];
        if self.release {
            arguments.push("--release");
        }
        arguments.push("--");
        arguments.extend(self.only.iter().map(String::as_str));
        let mut environment = vec![("TAILSIFT_FAULTS", form.as_str())];
        environment.extend(other.as_deref().map(|path| ("TAILSIFT_OTHER_BUILD", path)));
        cargo(&arguments, &environment)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the program of another revision beside this one's; where its binary is.
fn build_of(revision: &str) -> anyhow::Result<PathBuf> {
    let place = root().join("target/other");
    let source = place.join("source");
    if source.exists() {
        std::fs::remove_dir_all(&source)?;
    }
    std::fs::create_dir_all(&source)?;
    let (archive, build) = (place.join("source.tar"), place.join("build"));
    let [source, archive, build] = [&source, &archive, &build].map(|path| path.to_string_lossy());
    run("git", &["archive", "--output", &archive, revision])?;
    run("tar", &["-xf", &archive, "-C", &source])?;
    let manifest = format!("{source}/Cargo.toml");
    let arguments = ["build", "-p", "tailsift", "--manifest-path", &manifest];
    cargo(&arguments, &[("CARGO_TARGET_DIR", &build)])?;
    Ok(place.join("build/debug/tailsift"))
}

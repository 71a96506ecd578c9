//! `cargo xtask gen`: writes the files that are made from code.

use std::io::Write;

use anyhow::Context;
use clap::Args;

use crate::repository::{cargo, root};

/// Writes schemas/, config/reference.yaml and docs/policy-kinds.md anew
#[derive(Debug, Args)]
pub(crate) struct Generate;

/// Paths and texts of the files that are made from the table of configuration keys.
pub(crate) fn configuration() -> [(&'static str, String); 4] {
    [
        ("schemas/config.schema.json", tailsift_config::json_schema()),
        ("schemas/config.md", tailsift_config::reference()),
        ("config/reference.yaml", tailsift_config::reference_yaml()),
        ("docs/policy-kinds.md", tailsift_config::policy_kinds()),
    ]
}

impl Generate {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for (path, text) in configuration() {
            let full = root().join(path);
            let changed = std::fs::read_to_string(&full).ok().as_ref() != Some(&text);
            if changed {
                std::fs::write(&full, text).with_context(|| format!("writing {path}"))?;
            }
            writeln!(out, "{:<10} {path}", if changed { "written" } else { "fresh" })?;
        }
        // The table of metrics lives in the binary: its test writes the file.
        let test = ["test", "--quiet", "--package", "tailsift", "--bin", "tailsift", "metrics::"];
        cargo(&test, &[("UPDATE_EXPECT", "1")])?;
        writeln!(out, "{:<10} schemas/metrics.md", "written")?;
        Ok(())
    }
}

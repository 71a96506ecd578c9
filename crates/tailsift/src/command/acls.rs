//! `tailsift topics --acls`.

use std::io::Write as _;
use std::process::ExitCode;

use tailsift_config::Config;

use crate::app::grants::{Grant, grants};

/// Who is granted; to be replaced.
const PRINCIPAL: &str = "User:tailsift";

/// Prints the grants that the configuration needs as commands, without asking any broker.
pub(super) fn print(config: &Config) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Replace {PRINCIPAL} by the principal that tailsift runs as.")?;
    let mut last = None;
    for Grant { kafka, resource, operation, purpose, .. } in grants(config) {
        let servers = &kafka.bootstrap_servers;
        if last.as_ref() != Some(&resource) {
            writeln!(out)?;
        }
        writeln!(
            out,
            "# {purpose}\nkafka-acls.sh --bootstrap-server {servers} --add \
             --allow-principal {PRINCIPAL} --operation {operation} {resource}"
        )?;
        last = Some(resource);
    }
    Ok(ExitCode::SUCCESS)
}

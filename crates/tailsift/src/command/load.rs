//! Configuration files, as commands read them.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use tailsift_config::{Config, Report, load_file};

/// A configuration that is not right: exit code 2.
#[derive(Debug)]
struct WrongConfiguration(String);

impl fmt::Display for WrongConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongConfiguration {}

/// Loads a file and checks what only the Kafka client knows.
///
/// # Errors
/// All that is wrong, in one error that [`exit_code`] tells from failures while running.
pub(crate) fn load(path: &Path, overrides: &[String]) -> anyhow::Result<Config> {
    let config = load_file(path, overrides).map_err(|errors| {
        WrongConfiguration(format!("{}:\n{}", path.display(), Report(&errors)))
    })?;
    tailsift_kafka::validate_properties(&config.kafka.properties).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        WrongConfiguration(format!("{}:\n{}", path.display(), lines.join("\n")))
    })?;
    Ok(config)
}

/// 2 for usage and configuration, 1 for everything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.is::<WrongConfiguration>() { 2 } else { 1 })
}

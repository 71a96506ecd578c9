//! Configuration files, as commands read them.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use tailsift_config::{
    Config, ConfigError, ConfigFile, Import, Report, SamplingStrategy, import_collector_file,
};
use tracing_subscriber::filter::ParseError;

/// A configuration or a command line that is not right: exit code 2.
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
    Ok(load_with_file(path, overrides)?.0)
}

/// The same, and the file as it was read, for those who look again at what it refers to.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_with_file(
    path: &Path,
    overrides: &[String],
) -> anyhow::Result<(Config, ConfigFile)> {
    let wrong = |errors: Vec<ConfigError>| {
        WrongConfiguration(format!("{}:\n{}", path.display(), Report(&errors)))
    };
    let file = ConfigFile::read(path, overrides).map_err(wrong)?;
    let config = file.load().map_err(wrong)?;
    let elsewhere = config.output.kafka.as_ref().map(|kafka| ("output.", kafka));
    let mut lines = Vec::new();
    for (section, kafka) in [("", &config.kafka)].into_iter().chain(elsewhere) {
        if let Err(errors) = tailsift_kafka::validate_properties(&kafka.properties) {
            lines.extend(errors.iter().map(|error| format!("{section}{error}")));
        }
    }
    if !lines.is_empty() {
        let text = format!("{}:\n{}", path.display(), lines.join("\n"));
        return Err(WrongConfiguration(text).into());
    }
    Ok((config, file))
}

/// Loads a configuration as that of its shadow: another group, with a log of verdicts and, if the
/// input has no keys, a re-key stage of its own. Unreadable records are only counted.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_shadow(
    path: &Path,
    overrides: &[String],
) -> anyhow::Result<(Config, ConfigFile)> {
    let config = load(path, overrides)?;
    let group = format!("{}-shadow", config.group);
    let mut all = overrides.to_vec();
    all.extend([
        format!("group={group}"),
        format!("decisions.topic={group}.decisions"),
        "dead_letters=off".to_owned(),
        "output.kafka=off".to_owned(),
    ]);
    if config.repartition.is_some() {
        all.push(format!("repartition.topic={group}.repartition"));
    }
    load_with_file(path, &all)
}

/// Loads a Collector's configuration.
///
/// # Errors
/// All that is refused, in one error that [`exit_code`] tells from failures while running.
pub(crate) fn import(path: &Path, processor: Option<&str>) -> anyhow::Result<Import> {
    import_collector_file(path, processor).map_err(|errors| {
        WrongConfiguration(format!("{}:\n{}", path.display(), Report(&errors))).into()
    })
}

/// The same, for commands that judge traces only once they are whole.
///
/// # Errors
/// As [`import`], and if the Collector judges spans as they arrive.
pub(crate) fn import_whole(path: &Path, processor: Option<&str>) -> anyhow::Result<Import> {
    let import = import(path, processor)?;
    match import.strategy {
        SamplingStrategy::TraceComplete => Ok(import),
        SamplingStrategy::SpanIngest => {
            let text = format!(
                "{}: sampling_strategy: expected trace-complete, got span-ingest: whole traces are \
                 judged here; only `explain --spans` judges as spans arrive",
                path.display()
            );
            Err(WrongConfiguration(text).into())
        }
    }
}

/// Refuses a configuration that has no re-key stage.
///
/// # Errors
/// If its input is keyed by trace ID.
pub(crate) fn needs_rekeying(config: &Config) -> anyhow::Result<()> {
    if config.repartition.is_some() {
        return Ok(());
    }
    let text = "input.keyed_by: expected none, got trace_id: there is nothing to re-key";
    Err(WrongConfiguration(text.to_owned()).into())
}

/// The topic of dead letters.
///
/// # Errors
/// If there is none.
pub(crate) fn needs_dead_letters(config: &Config) -> anyhow::Result<&str> {
    let text = "dead_letters: expected a topic, got off: records that cannot be read are not kept";
    config.dead_letters.as_deref().ok_or_else(|| WrongConfiguration(text.to_owned()).into())
}

/// 2 for usage and configuration, 1 for everything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    // What RUST_LOG says is configuration, too.
    let is_usage = error.is::<WrongConfiguration>() || error.is::<ParseError>();
    ExitCode::from(if is_usage { 2 } else { 1 })
}

//! `tailsift check`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use tailsift_config::Config;

use crate::cli::CheckArgs;
use crate::command::{import, live, load_with_file};

/// Says what the file means, or all that is wrong with it.
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if let Some(path) = &args.tail_sampling {
        let import = import(path, args.processor.as_deref())?;
        out.write_all(import.text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = args.config.as_deref().unwrap_or(Path::new(""));
    let (config, file) = load_with_file(path, &args.overrides)?;
    writeln!(out, "{} is right.", path.display())?;
    for (name, value) in summary(&config) {
        writeln!(out, "  {name:<12} {value}")?;
    }
    for advice in file.advice(&config) {
        writeln!(out, "{advice}")?;
    }
    let fits = !args.live || live::look(&config, &mut out)?;
    Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(config: &Config) -> Vec<(&'static str, String)> {
    let window = &config.window;
    let root = match window.decision_wait_after_root_received {
        Some(wait) => format!(", or {wait:?} after its root span"),
        None => String::new(),
    };
    let names: Vec<_> = config.policies().iter().map(|policy| policy.name.as_str()).collect();
    let letters = config.dead_letters.as_deref().unwrap_or("off: counted and logged only");
    vec![
        ("kafka", config.kafka.bootstrap_servers.clone()),
        ("group", config.group.clone()),
        ("input", format!("{} ({})", config.input.topics.join(", "), config.input.encoding.name())),
        ("output", config.output.topic.clone()),
        ("dead letters", letters.to_owned()),
        ("delivery", format!("{}, an epoch every {:?}", config.delivery.name(), config.epoch)),
        ("judged", format!("{:?} after a trace's first record{root}", window.decision_wait)),
        ("policies", names.join(", ")),
        ("fingerprint", config.fingerprint()),
    ]
}

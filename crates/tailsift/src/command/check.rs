//! `tailsift check`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use tailsift_config::{Completion, Config, ConfigFile};

use crate::cli::CheckArgs;
use crate::command::{import, live, load_with_file};

/// Says what the file means, or all that is wrong with it.
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if let Some(path) = &args.tail_sampling {
        let import = import(path, args.processor.as_deref())?;
        out.write_all(import.text.as_bytes())?;
        // Beside the file, which usually goes somewhere else.
        for advice in import.advice() {
            writeln!(std::io::stderr(), "{advice}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let path = args.config.as_deref().unwrap_or(Path::new(""));
    let (config, file) = load_with_file(path, &args.overrides)?;
    tell(&mut out, path, &config, &file)?;
    let fits = !args.live || live::look(&config, &mut out)?;
    Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(
    out: &mut dyn Write,
    path: &Path,
    config: &Config,
    file: &ConfigFile,
) -> std::io::Result<()> {
    writeln!(out, "{} is right.", path.display())?;
    for (name, value) in summary(config) {
        writeln!(out, "  {name:<12} {value}")?;
    }
    for advice in file.advice(config) {
        writeln!(out, "{advice}")?;
    }
    Ok(())
}

fn summary(config: &Config) -> Vec<(&'static str, String)> {
    let window = &config.window;
    let root = match window.decision_wait_after_root_received {
        Some(wait) => format!(", or {wait:?} after its root span"),
        None => String::new(),
    };
    let whole = match window.completion {
        Completion::Wait => String::new(),
        Completion::Structural { settle, .. } => {
            format!(
                ", or once its structure is whole and {settle:?} have passed without more of it"
            )
        }
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
        ("judged", format!("{:?} after a trace's first record{root}{whole}", window.decision_wait)),
        ("late spans", late_spans(config)),
        ("policies", names.join(", ")),
        ("fingerprint", config.fingerprint()),
    ]
}

/// What becomes of spans that come after their trace was judged: the price of judging early.
fn late_spans(config: &Config) -> String {
    match config.second_chance {
        Some(chance) => format!(
            "follow the verdict; one that a policy is certain to keep has a dropped trace read \
             again and kept whole, for {:?}",
            chance.remember
        ),
        None => "follow the verdict: a failure that comes after its trace was dropped is lost, \
                 and counted"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_odd_about_a_file_is_told_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tailsift.yaml");
        let text = "\
kafka: {bootstrap_servers: localhost:9092}
window:
  decision_wait: 2s
policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: none, type: probabilistic, probabilistic: {sampling_percentage: 10}}
";
        std::fs::write(&path, text).unwrap();
        let overrides = ["policies[1].probabilistic.sampling_percentage=0".to_owned()];
        let (config, file) = load_with_file(&path, &overrides).unwrap();
        let mut out = Vec::new();
        tell(&mut out, &path, &config, &file).unwrap();
        let told = String::from_utf8(out).unwrap();
        let lines: Vec<_> = told.lines().skip(11).collect();
        let expect = [
            "warning: line 3: window.decision_wait: 2s is less than the 5s that SDKs hold",
            "warning: line 6: policies[1]: never keeps a trace: its share is 0 percent",
            "note: line 5: policies: nothing keeps an ordinary trace",
        ];
        assert_eq!(lines.len(), expect.len(), "{told}");
        for (line, expect) in lines.iter().zip(expect) {
            assert!(line.starts_with(expect), "{line}");
        }
    }
}

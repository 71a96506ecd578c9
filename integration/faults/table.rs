//! The long form: one scenario after the other, then a table of all.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use tailsift_fixture::SharedKafka;

use crate::SCENARIOS;
use crate::form::Form;
use crate::stage::Outcome;

/// What the OpenTelemetry Collector v0.158 (Kafka receiver, tail sampling, Kafka exporter) made of
/// the same fault once: 500 traces/s, a wait of 10 s, 1 200 traces to be kept.
fn collector(scenario: &str) -> &'static str {
    match scenario {
        "kill9" | "kill9_static" | "kill9_kip848" => "285 of 1200 missing, 16 partial (1 kill)",
        "scale" | "rolling" => "23 of 1200 partial (scale out, stop)",
        _ => "-",
    }
}

/// Runs the scenarios that the arguments name, all without one.
pub(crate) fn run(form: &Form) -> ExitCode {
    let only: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_known = |word: &&String| SCENARIOS.iter().any(|(name, _)| *name == word.as_str());
    if let Some(unknown) = only.iter().find(|word| !is_known(word)) {
        let names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        return failed(&anyhow::anyhow!("expected one of {}, got {unknown}", names.join(", ")));
    }
    let mut rows = Vec::new();
    let mut is_right = true;
    for (name, scenario) in SCENARIOS {
        let is_named = only.iter().any(|only| name == only);
        // That one needs another build.
        if !is_named && (!only.is_empty() || *name == "upgrade") {
            continue;
        }
        print(&format!("== {name}"));
        let began = Instant::now();
        let outcome = scenario(form);
        let took = began.elapsed().as_secs();
        match outcome {
            Ok(outcome) => {
                let judged = outcome.ensure_right();
                outcome.notes.iter().for_each(|note| print(note));
                print(&outcome.audit.to_string());
                if let Err(error) = &judged {
                    print(&format!("NOT RIGHT: {error:#}"));
                }
                is_right &= judged.is_ok();
                rows.push(row(name, &outcome, took, judged.is_ok()));
            }
            Err(error) => {
                print(&format!("FAILED: {error:?}"));
                rows.push(format!("{name:<14} failed after {took} s"));
                is_right = false;
            }
        }
    }
    SharedKafka::stop();
    print(&format!(
        "\n{:<14}{:>7}{:>9}{:>9}{:>9}{:>9}{:>9}{:>11}{:>8}{:>8}{:>6}  {:<5} Collector",
        "scenario",
        "rounds",
        "traces",
        "expected",
        "missing",
        "partial",
        "repeated",
        "unexpected",
        "audit",
        "log",
        "s",
        ""
    ));
    rows.iter().for_each(|row| print(row));
    print(&format!("seed {}: {}", form.seed, if is_right { "all right" } else { "NOT RIGHT" }));
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn row(name: &str, outcome: &Outcome, took: u64, is_right: bool) -> String {
    let Outcome { rounds, traces, comparison, audit, .. } = outcome;
    format!(
        "{name:<14}{rounds:>7}{traces:>9}{:>9}{:>9}{:>9}{:>9}{:>11}{:>8}{:>7.2}%{took:>6}  {:<5} {}",
        comparison.expected,
        comparison.missing,
        comparison.partial,
        comparison.repeated_spans,
        comparison.unexpected,
        audit.findings_count(),
        audit.log_ratio() * 100.0,
        if is_right { "right" } else { "WRONG" },
        collector(name),
    )
}

pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    print(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

fn print(line: &str) {
    // Nothing is left to do about a closed standard output.
    let _ = writeln!(std::io::stdout(), "{line}");
}

//! Our answer to a case, by the program and by the crates behind it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tailsift_config::{
    Import, Report, SamplingStrategy, import_collector, load as load_configuration,
};
use tailsift_otlp::{Scanner, json_to_protobuf};
use tailsift_policy::{PolicySet, Verdict};
use tailsift_sampler::{Manner, Trial, Tried};
use tailsift_trace::Millis;

use crate::case::{Case, Expectation, Judged, Names};

/// Late enough for every recorded span, in 2026.
const NOW: Millis = Millis(1_780_000_000_000);

/// What does not agree.
type Held = Result<(), String>;

/// A trace as `explain --format json` prints it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    trace_id: String,
    verdict: String,
    policy: Option<String>,
    votes: Vec<PrintedVote>,
    close_reason: String,
    spans: u32,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrintedVote {
    policy: String,
    vote: String,
}

/// Holds a case against the program and, for what that does not print, the crates behind it.
///
/// # Errors
/// If the harness fails; that the answers differ is what it returns.
pub(crate) fn hold(case: &Case, show: bool, directory: &Path) -> anyhow::Result<Held> {
    let (config, spans) = (directory.join("config.json"), directory.join("spans.jsonl"));
    let text = serde_json::to_string(&case.config)?;
    std::fs::write(&config, &text)?;
    let mut lines = String::new();
    for batch in &case.batches {
        lines.push_str(&serde_json::to_string(batch)?);
        lines.push('\n');
    }
    std::fs::write(&spans, lines)?;
    let [config, spans] = [&config, &spans].map(|path| path.to_string_lossy().into_owned());
    let explained =
        tailsift(&["explain", "--tail-sampling", &config, "--spans", &spans, "--format", "json"])?;
    let import = import_collector(&text, None, &|name| std::env::var(name).ok());
    match &case.expect {
        Expectation::Refused => {
            let checked = tailsift(&["check", "--tail-sampling", &config])?;
            Ok(refused(&explained).and(refused(&checked)).and(match import {
                Ok(_) => Err("expected a refusal, got an import".into()),
                Err(_) => Ok(()),
            }))
        }
        Expectation::Judged(judged) => {
            let import = match import {
                Ok(import) => import,
                Err(errors) => return Ok(Err(format!("refused: {}", Report(&errors)))),
            };
            if show {
                let checked = tailsift(&["check", "--tail-sampling", &config])?;
                if checked.stdout != import.text.as_bytes() {
                    return Ok(Err("check prints another file than it imports".into()));
                }
            }
            Ok(round_trip(&import).and_then(|()| answers(case, judged, &import, &explained)))
        }
    }
}

fn tailsift(arguments: &[&str]) -> anyhow::Result<Output> {
    let program = env!("CARGO_BIN_EXE_tailsift");
    let output = Command::new(program).args(arguments).output().context("starting tailsift")?;
    ensure!(output.status.code().is_some(), "tailsift {arguments:?} was killed");
    Ok(output)
}

fn refused(output: &Output) -> Held {
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(2) if said.len() > "error: ".len() => Ok(()),
        code => Err(format!("expected exit code 2 and an error, got {code:?}: {said}")),
    }
}

/// The printed file means what was imported.
fn round_trip(import: &Import) -> Held {
    let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let environment = |name: &str| std::env::var(name).ok();
    match load_configuration(&import.text, &[], &environment, &no_file) {
        Err(errors) => {
            Err(format!("the printed file does not load: {}\n{}", Report(&errors), import.text))
        }
        Ok(config) if config.fingerprint() != import.config.fingerprint() => {
            Err(format!("the printed file means something else:\n{}", import.text))
        }
        Ok(_) => Ok(()),
    }
}

fn answers(case: &Case, judged: &Judged, import: &Import, explained: &Output) -> Held {
    if !explained.status.success() {
        return Err(format!("explain fails: {}", String::from_utf8_lossy(&explained.stderr)));
    }
    let printed: Vec<Printed> =
        serde_json::from_slice(&explained.stdout).map_err(|error| error.to_string())?;
    let policies = import.config.policy_set();
    let tried = tried(case, import).map_err(|error| format!("{error:#}"))?;
    same(&printed, &tried, &policies)?;
    kept(judged, &printed)?;
    let dropped = names_of(&printed, |trace| {
        trace.votes.iter().any(|vote| vote.vote == "dropped").then(|| trace.policy.clone())?
    });
    equal("dropped", &judged.dropped, &dropped)?;
    let marked: Names = tried
        .iter()
        .filter(|tried| tried.outcome.verdict == Verdict::Keep)
        .filter_map(|tried| {
            let sub = tried.outcome.composite?;
            Some((tried.trace_id.to_string(), policies.sub_name(sub).to_owned()))
        })
        .collect();
    if let Some(expected) = &judged.composite_policy {
        equal("composite_policy", expected, &marked)?;
    }
    let errors: u32 = tried.iter().map(|tried| tried.failures).sum();
    equal("policy_errors", &judged.policy_errors.unwrap_or(0), &errors)
}

/// The same by the crates: composites' marks and failures are not printed.
fn tried(case: &Case, import: &Import) -> anyhow::Result<Vec<Tried>> {
    let manner = match import.strategy {
        SamplingStrategy::TraceComplete => Manner::AtEnd,
        SamplingStrategy::SpanIngest => Manner::Fragments,
    };
    let policies = import.config.policy_set();
    let mut scanner = Scanner::new(policies.interest().clone()).with_blank_trace_ids();
    let mut trial = Trial::new(policies.into(), manner, NOW);
    for batch in &case.batches {
        let payload = json_to_protobuf(serde_json::to_string(batch)?.as_bytes())?;
        let batch = scanner.scan(&payload)?;
        trial.handle_batch(&batch);
        scanner.recycle(batch);
    }
    Ok(trial.finish())
}

fn same(printed: &[Printed], tried: &[Tried], policies: &PolicySet) -> Held {
    let brief = |tried: &Tried| {
        let keep = tried.outcome.verdict == Verdict::Keep;
        let policy = tried.outcome.policy.map(|policy| policies.name(policy).to_owned());
        (tried.trace_id.to_string(), keep, policy, tried.exported())
    };
    let by_crates: Vec<_> = tried.iter().map(brief).collect();
    let brief = |trace: &Printed| {
        (trace.trace_id.clone(), trace.verdict == "keep", trace.policy.clone(), trace.spans)
    };
    let by_program: Vec<_> = printed.iter().map(brief).collect();
    equal("the program and its crates", &by_crates, &by_program)
}

fn kept(judged: &Judged, printed: &[Printed]) -> Held {
    let kept: BTreeSet<String> = printed
        .iter()
        .filter(|trace| trace.verdict == "keep")
        .map(|trace| trace.trace_id.clone())
        .collect();
    match &judged.others {
        None => equal("kept", &judged.kept, &kept)?,
        Some((count, others)) => {
            if !judged.kept.is_subset(&kept)
                || !kept.iter().all(|id| judged.kept.contains(id) || others.contains(id))
            {
                return Err(format!("kept {kept:?}: not all or not only of what may be"));
            }
            equal("kept_count", count, &kept.len())?;
        }
    }
    let deciders =
        names_of(printed, |trace| trace.policy.clone().filter(|_| trace.verdict == "keep"));
    let expected: Names = judged
        .policy
        .iter()
        .filter(|(id, _)| kept.contains(*id))
        .map(|(id, name)| (id.clone(), name.clone()))
        .collect();
    equal("policy", &expected, &deciders)?;
    for (id, spans) in &judged.kept_spans {
        let found = printed.iter().find(|trace| trace.trace_id == *id).map(|trace| trace.spans);
        equal("kept_spans", &Some(*spans), &found)?;
    }
    Ok(())
}

fn names_of(printed: &[Printed], name: impl Fn(&Printed) -> Option<String>) -> Names {
    printed.iter().filter_map(|trace| Some((trace.trace_id.clone(), name(trace)?))).collect()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, got: &T) -> Held {
    if expected == got {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, got {got:?}"))
}

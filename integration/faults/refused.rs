//! A decision log, or offsets, that are gone while the group is down.

use anyhow::{Context as _, ensure};
use tailsift_fixture::{Comparison, LoadShape, LoadSpec, eventually};
use tailsift_kafka::Ensured;

use crate::form::Form;
use crate::http::Surface;
use crate::life::{Life, Watched};
use crate::rig::{HOLDING, Logged, PATIENCE, Record, Rig, UNTIL_IDLE, log_tail};
use crate::stage::{Outcome, plan};

const ACCEPT: &[&str] = &["--accept-lost-decisions"];

/// A rig with a whole load, and what must be kept of it.
fn loaded(form: &Form) -> anyhow::Result<(Rig, LoadSpec, Vec<Record>)> {
    let rig = Rig::new(plan(form))?;
    let traces = 3000;
    let spec = LoadSpec {
        traces,
        shape: LoadShape::Keyed,
        seed: form.seed,
        partitions: rig.plan.partitions,
        spans_per_second: traces * 12 / (7 * u32::try_from(form.decision_wait.as_secs())?.max(1)),
        end_ms: rig.end_ms(),
    };
    let records = spec.records().map(Record::from).collect();
    Ok((rig, spec, records))
}

/// Runs on the first half of a load until it exports, and stops there.
fn run_half(rig: &Rig, records: &[Record]) -> anyhow::Result<Watched> {
    rig.produce(&records[..records.len() / 2])?;
    let mut life = Life::run(rig, &[HOLDING])?;
    rig.wait_for_exports_beyond(0, &mut life.child)?;
    let (_, watched) = life.stop()?;
    rig.produce(&records[records.len() / 2..])?;
    Ok(watched)
}

/// The log is deleted and made anew: nothing is read, loudly, until somebody accepts the loss.
pub(crate) fn log_made_anew(form: &Form) -> anyhow::Result<Outcome> {
    let (rig, spec, records) = loaded(form)?;
    let mut watched = run_half(&rig, &records)?;
    let log = format!("{}.decisions", rig.group);
    let before = rig.committed()?;
    rig.admin.delete_topic(&log)?;
    let plan = tailsift_kafka::TopicPlan {
        name: log,
        partitions: i32::try_from(rig.plan.partitions)?,
        ..tailsift_kafka::TopicPlan::default()
    };
    let made = rig.admin.ensure(&plan)?;
    ensure!(made == Ensured::Created, "expected to make the log anew, got {made:?}");

    let mut refusing = Life::run(&rig, &[])?;
    let says = ["\"ERROR\"", "the partition is not read", "--accept-lost-decisions"];
    refusing.child.wait_for_stderr("it refuses, with a remedy", PATIENCE, |log| {
        let refusals = log.lines().filter(|line| says.iter().all(|says| line.contains(says)));
        refusals.count() == before.len()
    })?;
    let surface = Surface::of(&mut refusing.child)?;
    let body = eventually("/readyz says that it is not ready", PATIENCE, || {
        let (status, body) = surface.get("/readyz")?;
        Ok((status == 503 && body.contains("refused")).then_some(body))
    })?;
    ensure!(surface.get("/healthz")?.0 == 200, "it must stay up: {body}");
    ensure!(rig.committed()? == before, "what is refused commits nothing");
    watched.add(refusing.stop()?.1);

    let (logged, looks) = Life::run(&rig, &[UNTIL_IDLE, ACCEPT])?.finished()?;
    watched.add(looks);
    let accepted = logged.0.matches("without the verdicts of earlier owners").count();
    ensure!(accepted == before.len(), "{accepted} of {}\n{}", before.len(), log_tail(&logged.0));
    let comparison = judged(&rig, &spec)?;
    // What is read again is judged anew, and so may be exported again: nothing may be missing.
    let expected = comparison.expected;
    let (missing, unexpected) = (comparison.missing, comparison.unexpected);
    ensure!(missing == 0 && unexpected == 0 && comparison.partial == 0, "{comparison:?}");
    let outcome = Outcome::of(&rig, comparison, u64::from(spec.traces), true)?;
    let note = format!(
        "went on without its log: {} of {expected} expected traces repeated",
        outcome.comparison.repeated
    );
    // Repeats are what was accepted; of all else the outcome is judged as usual.
    let comparison = Comparison { expected, complete: expected, ..Comparison::default() };
    Ok(Outcome { comparison, notes: vec![note, watched.note()?], ..outcome })
}

/// The group is deleted, and its offsets with it: the log alone says where to go on.
pub(crate) fn offsets_deleted(form: &Form) -> anyhow::Result<Outcome> {
    let (rig, spec, records) = loaded(form)?;
    let mut watched = run_half(&rig, &records)?;
    let before = rig.committed()?;
    rig.admin.delete_group(&rig.group)?;
    let gone = rig.admin.committed_offsets(&rig.group, &rig.input)?;
    ensure!(gone.iter().all(|one| one.offset.is_none()), "offsets are still there: {gone:?}");
    let (logged, looks) = Life::run(&rig, &[UNTIL_IDLE])?.finished()?;
    watched.add(looks);
    let Logged(log) = &logged;
    let went_on = log.matches("going on where the decision log ends").count();
    ensure!(went_on == before.len(), "{went_on} of {}\n{}", before.len(), log_tail(log));
    let comparison = judged(&rig, &spec)?;
    let outcome = Outcome::of(&rig, comparison, u64::from(spec.traces), false);
    let outcome = outcome.context("after the loss")?;
    Ok(Outcome { notes: vec![watched.note()?], ..outcome })
}

fn judged(rig: &Rig, spec: &LoadSpec) -> anyhow::Result<Comparison> {
    rig.compare(&spec.judged(&rig.plan.policies.reference())?)
}

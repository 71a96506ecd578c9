//! Members of the group that die, come, go, freeze and restart while the load goes on.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::form::Form;
use crate::rig::{PATIENCE, Rig};
use crate::stage::{CLASSIC, Outcome, Stage, plan};

/// KIP-848: the broker says how long sessions last.
const CONSUMER: &[&str] = &["kafka.properties={group.protocol: consumer}", "input.idle_grace=2s"];
const MEMBERS: usize = 3;
/// Longer than a transaction may stay open (15 s) and a session may be silent (6 s), together.
const FROZEN_FOR: Duration = Duration::from_secs(22);
/// A fault strikes after at most so many more records of the export.
const EXPORTS_MAX: usize = 40;

pub(crate) fn kill9(form: &Form) -> anyhow::Result<Outcome> {
    killed(form, CLASSIC, |_| None)
}

pub(crate) fn kill9_static(form: &Form) -> anyhow::Result<Outcome> {
    killed(form, CLASSIC, |number| Some(format!("instance-{number}")))
}

pub(crate) fn kill9_kip848(form: &Form) -> anyhow::Result<Outcome> {
    killed(form, CONSUMER, |_| None)
}

/// A stage with some members, all of which have partitions.
fn staffed(
    form: &Form,
    settings: &[&str],
    instance: impl Fn(usize) -> Option<String>,
) -> anyhow::Result<Stage> {
    let mut stage = Stage::open(Rig::new(plan(form))?, form, settings)?;
    for number in 0..MEMBERS {
        stage.start(instance(number))?;
    }
    for number in 0..MEMBERS {
        let assigned = |log: &str| log.contains("\"assigned\"");
        stage.member(number).wait_for_stderr("it has partitions", PATIENCE, assigned)?;
    }
    stage.wait_for_progress()?;
    Ok(stage)
}

/// Kills one of three again and again, and starts it at once.
fn killed(
    form: &Form,
    settings: &[&str],
    instance: impl Fn(usize) -> Option<String>,
) -> anyhow::Result<Outcome> {
    let mut stage = staffed(form, settings, instance)?;
    let mut dice = form.dice();
    for round in 0..form.rounds {
        stage.wait_for_exports(dice.below(EXPORTS_MAX))?;
        stage.kill_and_restart(dice.below(MEMBERS))?;
        stage.wait_for_progress().with_context(|| format!("after kill {round}"))?;
    }
    stage.close(form.rounds)
}

/// One member, then three, then one: those that leave are asked to.
pub(crate) fn scale(form: &Form) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(Rig::new(plan(form))?, form, CLASSIC)?;
    let mut dice = form.dice();
    stage.start(None)?;
    stage.wait_for_progress()?;
    for _ in 0..form.few_rounds() {
        while stage.members() < MEMBERS {
            let number = stage.start(None)?;
            let assigned = |log: &str| log.contains("\"restored\"");
            stage.member(number).wait_for_stderr("it has partitions", PATIENCE, assigned)?;
        }
        stage.wait_for_progress()?;
        stage.wait_for_exports(dice.below(EXPORTS_MAX))?;
        while stage.members() > 1 {
            stage.stop(dice.below(stage.members()))?;
        }
        stage.wait_for_progress()?;
    }
    stage.close(form.few_rounds())
}

/// Freezes one of three until its transaction and its session are over, and lets it go on.
pub(crate) fn stopped(form: &Form) -> anyhow::Result<Outcome> {
    let mut stage = staffed(form, CLASSIC, |_| None)?;
    let mut dice = form.dice();
    for _ in 0..form.few_rounds() {
        stage.wait_for_exports(dice.below(EXPORTS_MAX))?;
        let number = dice.below(MEMBERS);
        stage.member(number).set_frozen(true)?;
        let since = Instant::now();
        stage.wait_for_progress()?;
        stage.wait_for(FROZEN_FOR.saturating_sub(since.elapsed()))?;
        let losses = |log: &str| log.matches("lost: ").count();
        let before = losses(&stage.member(number).stderr());
        stage.member(number).set_frozen(false)?;
        let learns = |log: &str| losses(log) > before;
        stage.member(number).wait_for_stderr("it learns of its loss", PATIENCE, learns)?;
        stage.wait_for_progress()?;
    }
    stage.close(form.few_rounds())
}

/// Restarts three members one after the other, as an upgrade does.
pub(crate) fn rolling(form: &Form) -> anyhow::Result<Outcome> {
    let mut stage = staffed(form, CLASSIC, |_| None)?;
    for _ in 0..form.few_rounds() {
        for number in 0..MEMBERS {
            stage.stop_and_restart(number)?;
            stage.wait_for_progress()?;
        }
    }
    stage.close(form.few_rounds())
}

//! Input without keys: stages and processors, each in processes of their own, die under load.

use anyhow::Context as _;

use crate::form::Form;
use crate::rig::{PATIENCE, Plan, Rig};
use crate::stage::{CLASSIC, Outcome, Post, Stage, plan};

/// Two of each: partitions move whenever one dies.
const EACH: usize = 2;
const EXPORTS_MAX: usize = 20;

/// Kills a stage or a processor again and again, and starts it at once.
pub(crate) fn killed(form: &Form) -> anyhow::Result<Outcome> {
    let rig = Rig::new(Plan { is_unkeyed: true, ..plan(form) })?;
    let mut stage = Stage::open(rig, form, CLASSIC)?;
    let rekey = Post { command: "rekey", ..Post::default() };
    let processor = Post { arguments: &["--without-rekey"], ..Post::default() };
    for (post, sign) in [(rekey, "\"re-keying\""), (processor, "\"assigned\"")] {
        for _ in 0..EACH {
            let number = stage.start_as(post.clone(), None)?;
            let assigned = |log: &str| log.contains(sign);
            stage.member(number).wait_for_stderr("it has partitions", PATIENCE, assigned)?;
        }
    }
    stage.wait_for_progress()?;
    let mut dice = form.dice();
    for round in 0..form.rounds {
        stage.wait_for_exports(dice.below(EXPORTS_MAX))?;
        // Stages and processors take turns: with three rounds, two stages die.
        let number = dice.below(EACH) + EACH * (round % 2) as usize;
        stage.kill_and_restart(number)?;
        stage.wait_for_progress().with_context(|| format!("after kill {round}"))?;
    }
    stage.close(form.rounds)
}

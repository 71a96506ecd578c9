//! Another build of the program takes over, and gives back.

use anyhow::Context as _;

use crate::form::Form;
use crate::rig::{PATIENCE, Rig, THIS_BUILD};
use crate::stage::{CLASSIC, Outcome, Post, Stage, plan};

/// Names the other build's binary.
const OTHER: &str = "TAILSIFT_OTHER_BUILD";
const MEMBERS: usize = 3;

/// Three members of the other build are replaced by this one, one after the other, and back again.
pub(crate) fn there_and_back(form: &Form) -> anyhow::Result<Outcome> {
    let other = std::env::var(OTHER).with_context(|| {
        format!("{OTHER}: expected the path of another build's binary; `cargo xtask faults --only upgrade --from REVISION` makes one")
    })?;
    let mut stage = Stage::open(Rig::new(plan(form))?, form, CLASSIC)?;
    for _ in 0..MEMBERS {
        let number = stage.start_as(Post { binary: other.clone(), ..Post::default() }, None)?;
        let assigned = |log: &str| log.contains("\"assigned\"");
        stage.member(number).wait_for_stderr("it has partitions", PATIENCE, assigned)?;
    }
    stage.wait_for_progress()?;
    for _ in 0..form.few_rounds() {
        for build in [THIS_BUILD, &other] {
            for number in 0..MEMBERS {
                stage.replace(number, build)?;
                stage.wait_for_progress().with_context(|| format!("with {build}"))?;
            }
        }
    }
    stage.close(form.few_rounds())
}

//! A broker that crashes under load and comes back on the same directory.

use anyhow::{Context as _, bail};
use tailsift_fixture::KafkaBroker;

use crate::form::Form;
use crate::rig::Rig;
use crate::stage::{Outcome, Stage, plan};

/// Producers wait for the broker too: their records come as late as it does. Sessions outlast the
/// broker's absence, as those that nobody has shortened do.
const SETTINGS: &[&str] = &[
    "kafka.properties={session.timeout.ms: \"45000\", heartbeat.interval.ms: \"500\"}",
    "input.idle_grace=1m",
];
const EXPORTS_MAX: usize = 40;

/// A broker that ends transactions without their markers proves nothing: another is tried.
const ATTEMPTS_MAX: u32 = 6;

pub(crate) fn killed(form: &Form) -> anyhow::Result<Outcome> {
    for attempt in 0..ATTEMPTS_MAX {
        let mut broker = KafkaBroker::start("faults")?;
        let outcome = attempted(form, &mut broker);
        if !broker.has_skipped_markers() {
            let note = format!("brokers that skipped markers, and prove nothing: {attempt}");
            return outcome.map(|outcome| Outcome { notes: vec![note], ..outcome });
        }
    }
    bail!("expected a broker that keeps its transactions, got {ATTEMPTS_MAX} that skipped markers")
}

fn attempted(form: &Form, broker: &mut KafkaBroker) -> anyhow::Result<Outcome> {
    let rig = Rig::without_topics(broker.client_settings(), plan(form))?;
    rig.make_topics()?;
    let mut stage = Stage::open(rig, form, SETTINGS)?;
    let mut dice = form.dice();
    for _ in 0..2 {
        stage.start(None)?;
    }
    stage.wait_for_progress()?;
    for _ in 0..form.few_rounds() {
        stage.wait_for_exports(dice.below(EXPORTS_MAX))?;
        broker.kill9()?;
        broker.restart()?;
        stage.wait_for_progress().with_context(|| broker.log_tail())?;
    }
    stage.close(form.few_rounds()).with_context(|| broker.log_tail())
}

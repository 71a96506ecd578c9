//! Brokers that crash, stop and freeze under load.

use anyhow::Context as _;
use tailsift_fixture::KafkaCluster;

use crate::form::{Dice, Form};
use crate::rig::Rig;
use crate::stage::{Outcome, Stage, plan};

/// Producers wait for the broker too: their records come as late as it does. Sessions outlast the
/// broker's absence, as those that nobody has shortened do.
const SETTINGS: &[&str] = &[
    "kafka.properties={session.timeout.ms: \"45000\", heartbeat.interval.ms: \"500\"}",
    "input.idle_grace=1m",
];
const EXPORTS_MAX: usize = 40;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Stopped,
    /// Until its partitions have moved to others.
    Frozen,
}

/// The only broker crashes and comes back on the same directory.
pub(crate) fn only_one(form: &Form) -> anyhow::Result<Outcome> {
    under_load(form, KafkaCluster::start("broker", 1)?, form.few_rounds(), |stage, cluster, _| {
        cluster.kill9(0)?;
        cluster.restart(0)?;
        stage.wait_for_progress()
    })
}

/// Three brokers are taken away one after the other: killed, stopped, frozen until they are given
/// up. Each leads some partitions and coordinates some transactions and groups, so leaders and
/// coordinators move, there and back.
pub(crate) fn one_of_three(form: &Form) -> anyhow::Result<Outcome> {
    let rounds = 3 * form.few_rounds();
    let (mut order, mut faults) = (Vec::new(), Vec::new());
    under_load(form, KafkaCluster::start("brokers", 3)?, rounds, move |stage, cluster, dice| {
        if order.is_empty() {
            order.extend(0..cluster.brokers());
            faults.extend([Fault::Killed, Fault::Stopped, Fault::Frozen]);
        }
        let broker = order.swap_remove(dice.below(order.len()));
        let fault = faults.swap_remove(dice.below(faults.len()));
        match fault {
            Fault::Killed => cluster.kill9(broker)?,
            Fault::Stopped => cluster.stop(broker)?,
            Fault::Frozen => cluster.sigstop(broker)?,
        }
        stage.wait_for_progress().with_context(|| format!("without broker {broker}, {fault:?}"))?;
        match fault {
            Fault::Killed | Fault::Stopped => cluster.restart(broker)?,
            Fault::Frozen => cluster.sigcont(broker)?,
        }
        stage.wait_for_progress().with_context(|| format!("with broker {broker} again"))
    })
}

fn under_load(
    form: &Form,
    mut cluster: KafkaCluster,
    rounds: u32,
    mut strike: impl FnMut(&mut Stage, &mut KafkaCluster, &mut Dice) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let rig = Rig::without_topics(cluster.client_settings(), plan(form))?;
    rig.make_topics()?;
    let mut stage = Stage::open(rig, form, SETTINGS)?;
    let mut dice = form.dice();
    for _ in 0..2 {
        stage.start(None)?;
    }
    stage.wait_for_progress()?;
    for _ in 0..rounds {
        stage.wait_for_exports(dice.below(EXPORTS_MAX))?;
        strike(&mut stage, &mut cluster, &mut dice).with_context(|| cluster.log_tail())?;
    }
    stage.close(rounds).with_context(|| cluster.log_tail())
}

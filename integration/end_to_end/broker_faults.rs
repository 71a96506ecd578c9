//! A broker that crashes or hangs while transactions are open.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, KafkaBroker, LoadShape, Tailsift, eventually};

use crate::lifecycle::Load;
use crate::rig::{PATIENCE, Plan, Policies, Rig, UNTIL_IDLE, ensure_exact, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("broker_faults::a_hung_broker_outlives_the_transaction", a_hung_broker),
    ("broker_faults::a_crashed_broker_comes_back", a_crashed_broker_comes_back),
];

/// Keeps all of a load, so that transactions are large and often open.
fn rig(broker: &KafkaBroker) -> anyhow::Result<(Rig, Load)> {
    let plan = Plan {
        policies: Policies::Everything,
        // A member that is silent for as long as the broker is stays a member.
        session_timeout: Duration::from_secs(45),
        ..Plan::default()
    };
    let rig = Rig::without_topics(broker.client_settings(), plan)?;
    rig.make_topics()?;
    let load = Load::new(&rig, LoadShape::Bulk, 20_000)?;
    Ok((rig, load))
}

/// Starts on a load, and waits for a transaction to be open.
fn in_the_middle(rig: &Rig, load: &Load) -> anyhow::Result<Tailsift> {
    rig.produce(&load.records)?;
    let child = rig.run(&[UNTIL_IDLE])?;
    rig.wait_for_open_transaction().with_context(|| log_tail(&child.stderr()))?;
    Ok(child)
}

fn a_crashed_broker_comes_back() -> anyhow::Result<()> {
    let mut broker = KafkaBroker::start("crashing")?;
    let (rig, load) = rig(&broker)?;
    let child = in_the_middle(&rig, &load)?;
    broker.kill9()?;
    broker.restart()?;
    let logged = finished(child)?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// The broker answers nothing for longer than it keeps a transaction open, and then has to end
/// this one: the process makes a new producer and finds out what became of the epoch.
fn a_hung_broker() -> anyhow::Result<()> {
    const HUNG_FOR: Duration = Duration::from_secs(20);
    let broker = KafkaBroker::start("hanging")?;
    let (rig, load) = rig(&broker)?;
    let mut child = in_the_middle(&rig, &load)?;
    broker.sigstop()?;
    let since = Instant::now();
    let over = eventually("the broker has hung for long enough", 2 * HUNG_FOR, || {
        ensure!(child.try_wait()?.is_none(), "the process gave up");
        Ok((since.elapsed() >= HUNG_FOR).then_some(()))
    });
    broker.sigcont()?;
    over.with_context(|| log_tail(&child.stderr()))?;
    child.wait_for_stderr("it noticed", PATIENCE, |log| log.contains("making a new producer"))?;
    let logged = finished(child)?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

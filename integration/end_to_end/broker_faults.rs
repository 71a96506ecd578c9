//! A broker that crashes or hangs while transactions are open.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, KafkaBroker, LoadShape, Tailsift, eventually};

use crate::lifecycle::Load;
use crate::policies::Policies;
use crate::rig::{PATIENCE, Plan, Rig, UNTIL_IDLE, ensure_exact, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("broker_faults::a_hung_broker_outlives_the_transaction", a_hung_broker),
    ("broker_faults::a_process_outlives_its_transaction", a_process_outlives_its_transaction),
    ("broker_faults::a_crashed_broker_comes_back", a_crashed_broker_comes_back),
];

/// Keeps all of a load, so that transactions are large and often open; who is silent for a while
/// stays a member.
fn plan() -> Plan {
    Plan {
        policies: Policies::Everything,
        session_timeout: Duration::from_secs(45),
        ..Plan::default()
    }
}

fn rig(broker: &KafkaBroker) -> anyhow::Result<(Rig, Load)> {
    let rig = Rig::without_topics(broker.client_settings(), plan())?;
    rig.make_topics()?;
    let load = Load::new(&rig, LoadShape::Bulk, 12_000)?;
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

/// The broker answers nothing for longer than records may take and transactions may stay open.
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
    let logged = finished(child)?;
    logged.event("writing failed; the epoch will be sent again")?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// A process that is frozen for longer than its transaction may stay open finds it ended: it makes
/// a new producer, and finds out what became of the epoch.
fn a_process_outlives_its_transaction() -> anyhow::Result<()> {
    /// Transactions end after 15 s; one that ended sooner was committed.
    const SOONEST: Duration = Duration::from_secs(10);
    let rig = Rig::new(plan())?;
    let load = Load::new(&rig, LoadShape::Bulk, 12_000)?;
    let child = in_the_middle(&rig, &load)?;
    loop {
        child.set_frozen(true)?;
        let since = Instant::now();
        eventually("the broker ends the transaction", PATIENCE, || {
            Ok((!rig.is_transaction_open()?).then_some(()))
        })?;
        child.set_frozen(false)?;
        if since.elapsed() >= SOONEST {
            break;
        }
        rig.wait_for_open_transaction().with_context(|| log_tail(&child.stderr()))?;
    }
    let logged = finished(child)?;
    logged.event("making a new producer")?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

//! A broker that crashes or hangs while transactions are open.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{
    IntegrationTest, KafkaBroker, KafkaCluster, LoadShape, Tailsift, eventually,
};
use tailsift_kafka::ClientSettings;

use crate::lifecycle::Load;
use crate::policies::Policies;
use crate::rig::{PATIENCE, Plan, Rig, UNTIL_IDLE, ensure_exact, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("broker_faults::a_hung_broker_outlives_the_transaction", a_hung_broker),
    ("broker_faults::a_process_outlives_its_transaction", a_process_outlives_its_transaction),
    ("broker_faults::a_crashed_broker_comes_back", a_crashed_broker_comes_back),
    ("broker_faults::an_epoch_that_never_fits_goes_on_in_parts", an_epoch_that_never_fits),
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

fn rig(settings: ClientSettings) -> anyhow::Result<(Rig, Load)> {
    let rig = Rig::without_topics(settings, plan())?;
    rig.make_topics()?;
    let load = Load::new(&rig, LoadShape::Bulk, 12_000)?;
    Ok((rig, load))
}

/// Starts on a load, and waits for a transaction to be open.
fn in_the_middle(rig: &Rig, load: &Load, arguments: &[&str]) -> anyhow::Result<Tailsift> {
    rig.produce(&load.records)?;
    let child = rig.run(&[UNTIL_IDLE, arguments])?;
    rig.wait_for_open_transaction().with_context(|| log_tail(&child.stderr()))?;
    Ok(child)
}

fn a_crashed_broker_comes_back() -> anyhow::Result<()> {
    let mut broker = KafkaCluster::start("crashing", 1)?;
    let (rig, load) = rig(broker.client_settings())?;
    let child = in_the_middle(&rig, &load, &[])?;
    broker.kill9(0)?;
    broker.restart(0)?;
    let logged = finished(child)?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// The broker answers nothing for longer than records may take and transactions may stay open.
fn a_hung_broker() -> anyhow::Result<()> {
    const HUNG_FOR: Duration = Duration::from_secs(20);
    let broker = KafkaBroker::start("hanging")?;
    let (rig, load) = rig(broker.client_settings())?;
    let mut child = in_the_middle(&rig, &load, &[])?;
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
    let child = in_the_middle(&rig, &load, &[])?;
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

/// A process that is frozen with the same epoch until its transaction times out, and again: the
/// epoch goes on as one transaction for each partition.
fn an_epoch_that_never_fits() -> anyhow::Result<()> {
    /// Whoever lingers has its transaction open for that long: time enough to be frozen in it.
    const ARGUMENTS: &[&str] =
        &["--set", "kafka.properties={session.timeout.ms: \"45000\", linger.ms: \"1000\"}"];
    let rig = Rig::new(plan())?;
    let load = Load::new(&rig, LoadShape::Bulk, 12_000)?;
    let child = in_the_middle(&rig, &load, ARGUMENTS)?;
    let in_parts = || child.stderr().contains("committing an epoch part by part");
    let mut frozen = 0;
    while !in_parts() {
        frozen += 1;
        ensure!(frozen <= 4, "frozen again and again\n{}", log_tail(&child.stderr()));
        child.set_frozen(true)?;
        eventually("the transaction ends", PATIENCE, || {
            Ok((!rig.is_transaction_open()?).then_some(()))
        })?;
        child.set_frozen(false)?;
        let looks = eventually("another one is open, or it goes on in parts", PATIENCE, || {
            Ok((in_parts() || rig.is_transaction_open()?).then_some(()))
        });
        looks.with_context(|| log_tail(&child.stderr()))?;
    }
    let logged = finished(child)?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

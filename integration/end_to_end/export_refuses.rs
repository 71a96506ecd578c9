//! An export topic that takes nothing for a while: reading stops once the buffer is full, the log
//! says why, and nothing is lost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, KafkaBroker, LoadShape, Tailsift, compare, eventually};

use crate::http::Surface;
use crate::lifecycle::Load;
use crate::policies::Policies;
use crate::rig::{HOLDING, PATIENCE, Plan, Rig, ensure_exact, finished, key_and_value, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("export_refuses::without_the_right_to_write", without_the_right_to_write),
    ("export_refuses::records_of_that_size", records_of_that_size),
    ("export_refuses::while_it_is_missing", while_it_is_missing),
];

const ARGUMENTS: &[&str] =
    &["--set", "http={listen: \"127.0.0.1:0\"}", "--set", "output.buffer_limit=1MiB"];

/// Keeps all of a load, so that the buffer is soon full.
fn plan() -> Plan {
    Plan { policies: Policies::Everything, ..Plan::default() }
}

/// What is done to the export topic, what the log then says, and how it is mended.
struct Refusal<'a> {
    begin: &'a dyn Fn(&Rig) -> anyhow::Result<()>,
    /// One of these.
    says: &'a [&'a str],
    end: &'a dyn Fn(&Rig) -> anyhow::Result<()>,
    /// What was exported before is still there.
    keeps: bool,
}

/// Runs over a load whose second half meets the refusal.
fn outlived(rig: &Rig, refusal: &Refusal<'_>) -> anyhow::Result<()> {
    let load = Load::new(rig, LoadShape::Bulk, 4000)?;
    let (first, second) = load.records.split_at(load.records.len() / 2);
    rig.produce(first)?;
    let mut child = rig.run(&[HOLDING, ARGUMENTS])?;
    rig.wait_for_exports_beyond(0, &mut child)?;
    let surface = Surface::of(&mut child)?;
    wait_for_standstill(rig, &child, &surface, false)?;
    let before = rig.read(&rig.export)?;
    (refusal.begin)(rig)?;
    rig.produce(second)?;
    child.wait_for_stderr("the refusal is told", PATIENCE, |log| {
        let is_told = |line: &str| refusal.says.iter().any(|says| line.contains(says));
        log.lines().any(|line| line.contains("will be sent again") && is_told(line))
    })?;
    ensure_held_up(rig, &child, &surface)?;
    (refusal.end)(rig)?;
    child.sigterm()?;
    let logged = finished(child)?;
    let rest = rig.run_until_idle(&[])?;
    let after = rig.read(&rig.export)?;
    let exports = before.iter().filter(|_| !refusal.keeps).chain(&after);
    let comparison = compare(&load.expected, exports.map(key_and_value));
    ensure_exact(comparison, &format!("{}\n{}", logged.0, rest.0))
}

fn lag(surface: &Surface) -> anyhow::Result<f64> {
    let metrics = surface.metrics()?;
    let lags = metrics.iter().filter(|(name, _)| name.starts_with("tailsift_partition_read_lag"));
    Ok(lags.map(|(_, lag)| lag).sum())
}

/// Waits until neither position nor offsets move any more, with something left to read or not.
fn wait_for_standstill(
    rig: &Rig,
    child: &Tailsift,
    surface: &Surface,
    behind: bool,
) -> anyhow::Result<()> {
    /// Five epochs.
    const LONG: Duration = Duration::from_secs(1);
    let state = || anyhow::Ok((lag(surface)?, rig.committed()?));
    let (mut last, mut since) = (state()?, Instant::now());
    let stands_still = eventually("it stands still", PATIENCE, || {
        let now = state()?;
        if now != last || (now.0 > 0.0) != behind {
            (last, since) = (now, Instant::now());
        }
        Ok((since.elapsed() >= LONG).then_some(()))
    });
    stands_still.with_context(|| log_tail(&child.stderr()))
}

/// The process is up and counts its failures; its position and its offsets stand still.
fn ensure_held_up(rig: &Rig, child: &Tailsift, surface: &Surface) -> anyhow::Result<()> {
    wait_for_standstill(rig, child, surface, true)?;
    let metrics = surface.metrics()?;
    let failures = metrics.iter().filter(|(name, _)| name.contains("epoch_failures_total"));
    ensure!(failures.map(|(_, count)| count).sum::<f64>() > 0.0, "no failure is counted");
    ensure!(surface.get("/healthz")?.0 == 200, "it must stay up");
    Ok(())
}

fn records_of_that_size() -> anyhow::Result<()> {
    let refusal = Refusal {
        begin: &|rig| rig.alter_topic(&rig.export, "max.message.bytes=100"),
        says: &["Message size too large"],
        end: &|rig| rig.alter_topic(&rig.export, "max.message.bytes=2000000"),
        keeps: true,
    };
    outlived(&Rig::new(plan())?, &refusal)
}

fn while_it_is_missing() -> anyhow::Result<()> {
    let refusal = Refusal {
        begin: &|rig| Ok(rig.admin.delete_topic(&rig.export)?),
        // The coordinator may be asked before the client knows, or not.
        says: &["Unknown topic", "Message timed out"],
        end: &|rig| rig.make_topic(&rig.export, 4),
        keeps: false,
    };
    outlived(&Rig::new(plan())?, &refusal)
}

fn without_the_right_to_write() -> anyhow::Result<()> {
    let broker = KafkaBroker::start_with(
        "acl",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         allow.everyone.if.no.acl.found=true\n",
    )?;
    let rig = Rig::without_topics(broker.client_settings(), plan())?;
    rig.make_topics()?;
    let rule = |rig: &Rig, arguments: &[&str]| {
        let arguments = [&["--topic", &rig.export], arguments].concat();
        rig.tool("org.apache.kafka.tools.AclCommand", &arguments)
    };
    let denied = ["--deny-principal", "User:ANONYMOUS", "--operation", "Write"];
    let refusal = Refusal {
        begin: &|rig| {
            rule(rig, &["--add", "--allow-principal", "User:ANONYMOUS", "--operation", "All"])?;
            rule(rig, &[&["--add"], &denied[..]].concat())
        },
        says: &["Topic authorization failed"],
        end: &|rig| rule(rig, &[&["--remove", "--force"], &denied[..]].concat()),
        keeps: true,
    };
    outlived(&rig, &refusal)
}

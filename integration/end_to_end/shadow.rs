//! Runs that decide and export nothing.

use anyhow::ensure;
use tailsift_fixture::{AuditTarget, IntegrationTest, LoadShape, audit};

use crate::lifecycle::Load;
use crate::rig::{PATIENCE, Plan, Rig, UNTIL_IDLE, ensure_exact, finished};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("shadow::beside_a_real_run_it_decides_the_same_and_writes_nothing", beside_a_real_run),
    ("shadow::it_needs_no_export_topic", it_needs_no_export_topic),
    ("shadow::without_keys_it_has_a_stage_of_its_own", without_keys),
];

const SHADOW: &[&str] = &["--shadow"];
const TOLD: &str = "shadow: would have exported";

fn beside_a_real_run() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 2000)?;
    rig.produce(&load.records)?;
    let shadow = rig.run(&[UNTIL_IDLE, SHADOW])?;
    let real = rig.run(&[UNTIL_IDLE])?;
    let (shadow, real) = (finished(shadow)?, finished(real)?);
    // What the shadow had written would be repeated.
    ensure_exact(rig.compare(&load.expected)?, &real.0)?;
    for count in ["records", "spans", "kept_traces", "dropped_traces"] {
        let (one, other) = (shadow.number("stopped", count)?, real.number("stopped", count)?);
        ensure!(one == other && one > 0, "{count}: {one} in the shadow, {other} in earnest");
    }
    let kept = load.expected.len() as u64;
    ensure!(shadow.number(TOLD, "traces_in_all")? == kept, "{}", shadow.0);
    ensure!(shadow.number(TOLD, "bytes_in_all")? > 0, "{}", shadow.0);
    ensure!(real.event(TOLD).is_err(), "{}", real.0);
    ensure!(rig.committed()? == rig.input_ends()?, "{}", real.0);
    let group = format!("{}-shadow", rig.group);
    for group in [&rig.group, &group] {
        let report = audit(AuditTarget {
            settings: &rig.settings,
            group,
            input: &rig.input,
            decisions: &format!("{group}.decisions"),
            began_late: false,
        })?;
        ensure!(report.is_right() && report.verdicts() == 2000, "{group}: {report}");
    }
    // It goes on where it was, as any group does.
    let again = finished(rig.run(&[UNTIL_IDLE, SHADOW])?)?;
    ensure!(again.number("stopped", "kept_traces")? == 0, "{}", again.0);
    ensure_exact(rig.compare(&load.expected)?, &again.0)
}

fn it_needs_no_export_topic() -> anyhow::Result<()> {
    let settings = tailsift_fixture::SharedKafka::require()?.client_settings();
    let rig = Rig::without_topics(settings, Plan::default())?;
    rig.make_topic(&rig.input, rig.plan.partitions)?;
    let load = Load::new(&rig, LoadShape::Bulk, 500)?;
    rig.produce(&load.records)?;
    let logged = finished(rig.run(&[UNTIL_IDLE, SHADOW])?)?;
    let kept = logged.number("stopped", "kept_traces")?;
    ensure!(kept == load.expected.len() as u64 && kept > 0, "{kept}\n{}", logged.0);
    for topic in [&rig.export, &rig.dead_letters, &format!("{}.decisions", rig.group)] {
        ensure!(rig.admin.partitions(topic)?.is_none(), "{topic} was made");
    }
    // In earnest that is an error.
    let mut real = rig.run(&[UNTIL_IDLE])?;
    ensure!(real.wait(PATIENCE)?.code() == Some(1), "{}", real.stderr());
    ensure!(real.stderr().contains(&rig.export), "{}", real.stderr());
    Ok(())
}

fn without_keys() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { is_unkeyed: true, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 500)?;
    rig.produce(&load.records)?;
    let logged = finished(rig.run(&[UNTIL_IDLE, SHADOW])?)?;
    let kept = logged.number("stopped", "kept_traces")?;
    ensure!(kept == load.expected.len() as u64 && kept > 0, "{kept}\n{}", logged.0);
    let made = |topic: String| Ok(rig.admin.partitions(&topic)?.is_some());
    let made: anyhow::Result<Vec<_>> = [
        made(format!("{}-shadow.repartition", rig.group)),
        made(format!("{}.repartition", rig.group)),
    ]
    .into_iter()
    .collect();
    ensure!(made? == [true, false], "a shadow has a topic of its own");
    ensure!(rig.exports()?.is_empty(), "something was exported");
    Ok(())
}

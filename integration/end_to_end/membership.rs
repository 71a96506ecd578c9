//! Several processes of one group.

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, LoadShape, Tailsift};

use crate::lifecycle::{Load, ensure_complete_with};
use crate::payload::record;
use crate::policies::Policies;
use crate::rig::{HOLDING, PATIENCE, Plan, Rig, UNTIL_IDLE, ensure_exact, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("membership::a_second_process_takes_its_share_of_whole_records", || {
        a_second_process_takes_its_share(LoadShape::Bulk)
    }),
    ("membership::a_second_process_takes_its_share_of_scattered_traces", || {
        a_second_process_takes_its_share(LoadShape::Keyed)
    }),
    ("membership::a_killed_members_partitions_go_to_the_others", a_killed_members_partitions),
    ("membership::a_frozen_member_that_wakes_up_repeats_nothing", a_frozen_member_wakes_up),
    ("membership::a_twin_ends_the_older_process", a_twin_ends_the_older_process),
    ("membership::who_owns_nothing_stops_when_the_group_is_done", who_owns_nothing_stops),
];

/// Waits until a process has partitions.
fn wait_until_assigned(child: &mut Tailsift) -> anyhow::Result<()> {
    child.wait_for_stderr("it has partitions", PATIENCE, |log| log.contains("\"assigned\""))
}

/// A second process joins in the middle of a load, then the first one leaves, then a third
/// finishes: a hand-over loses nothing, and repeats nothing but late parts of decided traces.
fn a_second_process_takes_its_share(shape: LoadShape) -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 16, ..Plan::default() })?;
    let load = Load::new(&rig, shape, 3000)?;
    let third = load.records.len().div_ceil(3);
    let mut parts = load.records.chunks(third);
    let mut next_part = || parts.next().context("a load too small");

    rig.produce(next_part()?)?;
    let mut first = rig.run(&[HOLDING])?;
    rig.wait_for_exports_beyond(0, &mut first)?;
    let mut second = rig.run(&[HOLDING])?;
    wait_until_assigned(&mut second)?;

    let before = rig.visible()?;
    rig.produce(next_part()?)?;
    rig.wait_for_exports_beyond(before, &mut second)?;
    first.sigterm()?;
    let first = finished(first)?;
    rig.produce(next_part()?)?;
    second.sigterm()?;
    let second = finished(second)?;
    ensure!(first.number("stopped", "records")? > 0 && second.number("stopped", "records")? > 0);

    let last = rig.run_until_idle(&[])?;
    let comparison = rig.compare(&load.expected)?;
    match shape {
        LoadShape::Bulk => ensure_exact(comparison, &last.0),
        LoadShape::Keyed | LoadShape::Unkeyed => ensure_complete_with(comparison, &last.0),
    }
}

fn a_killed_members_partitions() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 16, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 3000)?;
    let (early, late) = load.records.split_at(load.records.len() / 2);
    let mut first = rig.run(&[HOLDING])?;
    wait_until_assigned(&mut first)?;
    let mut second = rig.run(&[])?;
    wait_until_assigned(&mut second)?;
    rig.produce(early)?;
    rig.wait_for_exports_beyond(0, &mut first)?;
    first.kill9()?;
    rig.produce(late)?;
    rig.wait_until_all_is_committed(&mut second)?;
    second.sigterm()?;
    ensure_exact(rig.compare(&load.expected)?, &finished(second)?.0)
}

/// A process is frozen with a transaction open, loses its partitions to another, and wakes up.
fn a_frozen_member_wakes_up() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { policies: Policies::Everything, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 10_000)?;
    rig.produce(&load.records)?;
    let mut zombie = rig.run(&[])?;
    rig.wait_for_open_transaction().with_context(|| log_tail(&zombie.stderr()))?;
    zombie.set_frozen(true)?;
    let mut heir = rig.run(&[])?;
    rig.wait_until_all_is_committed(&mut heir)?;
    zombie.set_frozen(false)?;
    zombie.wait_for_stderr("it learns of its loss", PATIENCE, |log| log.contains("lost: "))?;
    for process in [zombie, heir] {
        process.sigterm()?;
        finished(process)?;
    }
    ensure_exact(rig.compare(&load.expected)?, "")
}

/// It waits as long as the owner holds undecided traces, and stops when it has decided them.
fn who_owns_nothing_stops() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 1, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 1000)?;
    rig.produce(&load.records)?;
    let mut owner = rig.run(&[HOLDING])?;
    rig.wait_for_exports_beyond(0, &mut owner)?;
    let mut idle = rig.run(&[UNTIL_IDLE])?;
    idle.wait_for_stderr("it is in the group", PATIENCE, |log| log.contains("given by the group"))?;
    ensure!(idle.try_wait()?.is_none(), "it stopped with undecided traces in the group");
    // A tombstone holds no trace, and moves the owner's clock past all that it holds.
    rig.produce(&[record("now", None)])?;
    let logged = finished(idle)?;
    ensure!(rig.committed()? == rig.input_ends()?, "{}", log_tail(&logged.0));
    ensure!(logged.number("stopped", "records")? == 0, "{}", log_tail(&logged.0));
    ensure_exact(rig.compare(&load.expected)?, &owner.stderr())?;
    owner.sigterm()?;
    finished(owner)?;
    Ok(())
}

fn a_twin_ends_the_older_process() -> anyhow::Result<()> {
    const SAME: &[&str] = &["--set", "instance=twin"];
    let rig = Rig::new(Plan::default())?;
    let mut older = rig.run(&[SAME])?;
    wait_until_assigned(&mut older)?;
    let mut newer = rig.run(&[SAME])?;
    wait_until_assigned(&mut newer)?;
    let status = older.wait(PATIENCE)?;
    let log = older.stderr();
    ensure!(status.code() == Some(1) && log.contains("give each its own"), "{status}\n{log}");
    let load = Load::new(&rig, LoadShape::Bulk, 1000)?;
    rig.produce(&load.records)?;
    rig.wait_until_all_is_committed(&mut newer)?;
    newer.sigterm()?;
    ensure_exact(rig.compare(&load.expected)?, &finished(newer)?.0)
}

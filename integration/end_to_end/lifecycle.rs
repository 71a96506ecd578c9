//! Processes that stop, are killed and go on: nothing is lost, and what may repeat is known.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use tailsift_fixture::{
    Comparison, IntegrationTest, LoadShape, LoadSpec, ReferenceTrace, Tailsift, spans,
};
use tailsift_kafka::PartitionOffset;
use tailsift_trace::TraceId;

use crate::payload::{failed, record, request};
use crate::policies::Policies;
use crate::rig::{HOLDING, Logged, PATIENCE, Plan, Record, Rig, ensure_exact, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("lifecycle::a_run_is_exact", || plain_run(&[])),
    ("lifecycle::a_run_at_least_once_is_exact_if_nothing_fails", || plain_run(AT_LEAST_ONCE)),
    ("lifecycle::two_workers_share_sixteen_partitions", two_workers_share_sixteen_partitions),
    ("lifecycle::killed_processes_lose_and_repeat_no_whole_records", || {
        ensure_exact(killed_again_and_again(LoadShape::Bulk, &[])?, "")
    }),
    ("lifecycle::killed_processes_lose_and_repeat_no_scattered_traces", || {
        ensure_exact(killed_again_and_again(LoadShape::Keyed, &[])?, "")
    }),
    ("lifecycle::killed_at_least_once_loses_nothing", || {
        ensure_complete(killed_again_and_again(LoadShape::Keyed, AT_LEAST_ONCE)?)
    }),
    ("lifecycle::an_open_transaction_ends_with_its_process", an_open_transaction_ends),
    ("lifecycle::sigterm_commits_what_is_decided", sigterm_commits_what_is_decided),
    ("lifecycle::sigterm_leaves_the_rest_to_the_next_owner", sigterm_leaves_the_rest),
    ("lifecycle::a_new_group_may_start_at_the_end", a_new_group_may_start_at_the_end),
    ("lifecycle::records_deleted_before_they_were_read_are_missed", deleted_records_are_missed),
];

const AT_LEAST_ONCE: &[&str] = &["--set", "delivery=at_least_once"];
const INSTANCE: &[&str] = &["--set", "instance=one"];

/// A load of fifteen seconds, a decision wait of two: at every point of it some traces are decided
/// and some are not.
pub(crate) struct Load {
    pub(crate) records: Vec<Record>,
    pub(crate) expected: BTreeMap<TraceId, ReferenceTrace>,
}

impl Load {
    pub(crate) fn new(rig: &Rig, shape: LoadShape, traces: u32) -> anyhow::Result<Self> {
        let spec = LoadSpec {
            traces,
            shape,
            seed: 7,
            partitions: rig.plan.partitions,
            spans_per_second: traces * 12 / 15,
            end_ms: rig.end_ms(),
        };
        let expected = spec.judged(&rig.plan.policies.reference())?;
        Ok(Self { records: spec.records().map(Record::from).collect(), expected })
    }

    /// The load in so many successive parts.
    pub(crate) fn parts(&self, count: usize) -> std::slice::Chunks<'_, Record> {
        self.records.chunks(self.records.len().div_ceil(count).max(1))
    }
}

fn plain_run(arguments: &[&str]) -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 3000)?;
    rig.produce(&load.records)?;
    let logged = rig.run_until_idle(&[arguments])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    ensure!(rig.committed()? == rig.input_ends()?, "{}", log_tail(&logged.0));
    let kept = logged.number("stopped", "kept_traces")?;
    let dropped = logged.number("stopped", "dropped_traces")?;
    ensure!(kept == load.expected.len() as u64 && kept + dropped == 3000, "{kept} + {dropped}");
    ensure!(logged.number("stopped", "spans")? == 36_000, "{}", log_tail(&logged.0));
    Ok(())
}

fn two_workers_share_sixteen_partitions() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 16, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 3000)?;
    let mut child = rig.run(&[&["--set", "workers=2"]])?;
    child.wait_for_stderr("both workers have partitions", PATIENCE, |log| {
        let is_assigned = |worker| {
            let worker = format!("\"worker\":{worker}");
            log.lines().any(|line| line.contains("\"assigned\"") && line.contains(&worker))
        };
        is_assigned(0) && is_assigned(1)
    })?;
    rig.produce(&load.records)?;
    rig.wait_until_all_is_committed(&mut child)?;
    child.sigterm()?;
    let logged = finished(child)?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    let records = load.records.len() as u64;
    ensure!(logged.number("stopped", "records")? == records, "{}", log_tail(&logged.0));
    Ok(())
}

/// Starts a process on each of three parts of a load, kills it as soon as it exports something,
/// and lets a last one finish.
///
/// Of a trace that is scattered over records, those beyond the committed offset are read again
/// after its verdict: the decision log says that they are covered.
fn killed_again_and_again(shape: LoadShape, arguments: &[&str]) -> anyhow::Result<Comparison> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, shape, 3000)?;
    for part in load.parts(3) {
        rig.produce(part)?;
        let before = rig.visible()?;
        let mut child = rig.run(&[HOLDING, INSTANCE, arguments])?;
        rig.wait_for_exports_beyond(before, &mut child)?;
        child.kill9()?;
    }
    rig.run_until_idle(&[INSTANCE, arguments])?;
    rig.compare(&load.expected)
}

fn ensure_complete(comparison: Comparison) -> anyhow::Result<()> {
    ensure_complete_with(comparison, "")
}

pub(crate) fn ensure_complete_with(comparison: Comparison, log: &str) -> anyhow::Result<()> {
    ensure!(comparison.expected > 0, "nothing was to be kept: the test proves nothing");
    ensure!(comparison.is_exact_but_for_repeats(), "{comparison:?}\n{}", log_tail(log));
    Ok(())
}

fn an_open_transaction_ends() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { policies: Policies::Everything, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 6000)?;
    rig.produce(&load.records)?;
    let mut child = rig.run(&[INSTANCE])?;
    let open = rig.wait_for_open_transaction();
    child.kill9()?;
    open.with_context(|| log_tail(&child.stderr()))?;
    let logged = rig.run_until_idle(&[INSTANCE])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// Runs on the first half of a load, and stops it after its first exports.
fn stopped_half_way(rig: &Rig, load: &Load) -> anyhow::Result<Logged> {
    let part = load.parts(2).next().context("an empty load")?;
    rig.produce(part)?;
    let mut child: Tailsift = rig.run(&[HOLDING])?;
    rig.wait_for_exports_beyond(0, &mut child)?;
    child.sigterm()?;
    finished(child)
}

fn sigterm_commits_what_is_decided() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Bulk, 9000)?;
    let logged = stopped_half_way(&rig, &load)?;
    let comparison = rig.compare(&load.expected)?;
    let kept = logged.number("stopped", "kept_traces")?;
    let whole = Comparison {
        expected: comparison.expected,
        missing: comparison.expected - kept,
        complete: kept,
        ..Default::default()
    };
    ensure!(comparison == whole && kept > 0, "{comparison:?}\n{}", log_tail(&logged.0));
    let decided = kept + logged.number("stopped", "dropped_traces")?;
    ensure!(decided < 4500, "undecided traces were judged for the stop");
    // Offsets went with the exports: below them nothing is undecided, above them everything.
    let read: i64 = rig.committed()?.iter().sum();
    ensure!(read * 20 == i64::try_from(decided)?, "{read} records, {decided} decided traces");

    let second = load.parts(2).nth(1).context("one half only")?;
    rig.produce(second)?;
    let logged = rig.run_until_idle(&[])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

fn sigterm_leaves_the_rest() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 3000)?;
    stopped_half_way(&rig, &load)?;
    let second = load.parts(2).nth(1).context("one half only")?;
    rig.produce(second)?;
    let logged = rig.run_until_idle(&[])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// Records of one failed trace each, of these numbers.
fn failures(numbers: std::ops::Range<u8>) -> Vec<Record> {
    let failure = |number| record("failed", Some(request(vec![failed(number, 1)])));
    numbers.map(failure).collect()
}

/// The numbers of the failed traces that were exported, in order.
fn exported_failures(rig: &Rig) -> anyhow::Result<Vec<u8>> {
    let exports = rig.exports()?;
    let mut numbers = Vec::new();
    for export in &exports {
        let found = spans(export.value.as_deref().unwrap_or_default())?;
        numbers.extend(found.iter().filter_map(|span| Some(span.trace_id?.0[0])));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// "Latest" is used once: what comes while no process runs is read by the next.
fn a_new_group_may_start_at_the_end() -> anyhow::Result<()> {
    const LATEST: &[&str] = &["--set", "input.start=latest"];
    let rig = Rig::new(Plan { partitions: 1, ..Plan::default() })?;
    rig.produce(&failures(1..3))?;
    rig.run_until_idle(&[LATEST])?;
    rig.produce(&failures(3..5))?;
    rig.run_until_idle(&[LATEST])?;
    ensure!(exported_failures(&rig)? == [3, 4], "{:?}", exported_failures(&rig)?);
    Ok(())
}

fn deleted_records_are_missed() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 1, ..Plan::default() })?;
    rig.produce(&failures(1..4))?;
    rig.run_until_idle(&[])?;
    rig.produce(&failures(4..8))?;
    let start = PartitionOffset { partition: 0, offset: 5 };
    rig.admin.delete_records_below(&rig.input, &[start])?;
    let logged = rig.run_until_idle(&[])?;
    ensure!(exported_failures(&rig)? == [1, 2, 3, 6, 7], "{:?}", exported_failures(&rig)?);
    let loss = logged.0.lines().find(|line| line.contains("\"missing\":2"));
    ensure!(loss.is_some_and(|line| line.contains("\"ERROR\"")), "{}", log_tail(&logged.0));
    Ok(())
}

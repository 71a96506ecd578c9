//! Traces whose spans lie on both sides of a crash, of a rebalance and of their own verdict.

use std::collections::BTreeMap;

use anyhow::ensure;
use tailsift_fixture::{ReferenceTrace, eventually, reference};
use tailsift_trace::TraceId;

use crate::form::Form;
use crate::life::{Life, Watched};
use crate::payload::{failed, request, span};
use crate::rig::{HOLDING, PATIENCE, Record, Rig, UNTIL_IDLE, log_tail, now_ms};
use crate::stage::{CLASSIC, Outcome, clocks, plan};

/// Traces of each kind, spread over the partitions.
const TRACES: u8 = 40;
/// From one step to the next in stream time: less than the wait.
const STEP_MS: i64 = 500;

/// Records of one span each, by number of the span: every trace has one of each number.
struct Spans {
    partitions: u8,
    start_ms: i64,
    records: Vec<Record>,
}

impl Spans {
    /// The spans of this number, one of each trace. Traces below [`TRACES`] have an error in their
    /// second span, the others in their third, which comes after their verdict.
    fn next(&mut self, number: u8, at_ms: i64) -> Vec<Record> {
        let of = |trace: u8| {
            let is_failed = number == if trace < TRACES { 2 } else { 3 };
            let made = if is_failed { failed(trace + 1, number) } else { span(trace + 1, number) };
            Record {
                key: Some(vec![trace]),
                value: Some(request(vec![made])),
                partition: i32::from(trace % self.partitions),
                timestamp_ms: self.start_ms + at_ms,
                headers: Vec::new(),
            }
        };
        let records: Vec<_> = (0..2 * TRACES).map(of).collect();
        self.records.extend(records.iter().cloned());
        records
    }
}

/// Waits until the processes have committed a batch with verdicts on every partition.
fn wait_until_committed_to(rig: &Rig, least: i64, life: &mut Life) -> anyhow::Result<()> {
    eventually("all verdicts are committed", PATIENCE, || {
        let child = &mut life.child;
        ensure!(child.try_wait()?.is_none(), "it ended\n{}", log_tail(&child.stderr()));
        Ok(rig.committed()?.iter().all(|committed| *committed >= least).then_some(()))
    })
}

pub(crate) fn verdicts(form: &Form) -> anyhow::Result<Outcome> {
    let rig = Rig::new(plan(form))?;
    let wait_ms = i64::try_from(form.decision_wait.as_millis())?;
    let partitions = u8::try_from(rig.plan.partitions)?;
    // Stamped in the past, so that records alone move the clock.
    let start_ms = now_ms() - 10 * wait_ms;
    let mut spans = Spans { partitions, start_ms, records: Vec::new() };
    let run = || Life::run(&rig, &[HOLDING, &["--set", CLASSIC[0]]]);
    let assigned = |log: &str| log.contains("\"restored\"");
    let mut watched = Watched::default();

    // The first spans are read by a process that crashes, which commits where it began.
    rig.produce(&spans.next(1, 0))?;
    let mut first = run()?;
    first.child.wait_for_stderr("it reads", PATIENCE, assigned)?;
    rig.produce(&spans.next(2, STEP_MS))?;
    watched.add(first.kill9()?);

    // Two processes share the partitions when the wait is over.
    let mut second = run()?;
    second.child.wait_for_stderr("it reads", PATIENCE, assigned)?;
    let mut third = run()?;
    third.child.wait_for_stderr("it reads", PATIENCE, assigned)?;
    let mut clock = clocks(rig.plan.partitions)?;
    clock.iter_mut().for_each(|record| record.timestamp_ms = start_ms + wait_ms + 2 * STEP_MS);
    rig.produce(&clock)?;
    // Of each partition, the two records of its traces and the clock's.
    let undecided = i64::from(2 * TRACES / partitions) * 2;
    wait_until_committed_to(&rig, undecided + 1, &mut third)?;

    // Late spans come while nobody runs, and again after a stop that was asked for.
    for life in [second, third] {
        watched.add(life.kill9()?);
    }
    rig.produce(&spans.next(3, wait_ms + 3 * STEP_MS))?;
    let mut fourth = run()?;
    wait_until_committed_to(&rig, undecided / 2 * 3 + 1, &mut fourth)?;
    watched.add(fourth.stop()?.1);
    rig.produce(&spans.next(4, wait_ms + 4 * STEP_MS))?;
    watched.add(Life::run(&rig, &[UNTIL_IDLE])?.finished()?.1);

    let comparison = rig.compare(&expected(&rig, &spans.records)?)?;
    let mut outcome = Outcome::of(&rig, comparison, u64::from(2 * TRACES), false)?;
    outcome.notes.push(watched.note()?);
    let verdicts = outcome.audit.verdicts();
    ensure!(
        verdicts == usize::from(2 * TRACES),
        "expected one verdict for each of {} traces, got {verdicts}\n{}",
        2 * TRACES,
        outcome.audit
    );
    Ok(outcome)
}

/// All spans of the traces that had an error before their verdict.
fn expected(rig: &Rig, records: &[Record]) -> anyhow::Result<BTreeMap<TraceId, ReferenceTrace>> {
    let payloads = records.iter().filter_map(|record| record.value.as_deref());
    let mut traces = reference(&rig.plan.policies.reference(), payloads)?;
    traces.retain(|trace, _| trace.0[0] <= TRACES);
    Ok(traces)
}

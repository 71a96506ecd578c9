//! One input, drained at different speeds.

use std::collections::BTreeMap;

use tailsift_otlp::Scanner;
use tailsift_policy::{CloseReason, PolicySet, Semantics, Verdict};
use tailsift_sampler::{RecordAt, Restored, Shard};
use tailsift_trace::Millis;

use crate::input::{Input, Record};
use crate::plan::Plan;
use crate::random::Random;

/// How fast an input is read.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Records that are read of one partition before it is another's turn.
    pub burst: usize,
    /// Records between cuts, each committed at once.
    pub cut_every: usize,
    /// Records are read only when everything has been written, not as they come.
    pub behind: bool,
}

/// What became of a trace: verdict, close reason, spans, and stream time of the decision.
pub type Judged = (Verdict, CloseReason, u32, Millis);

/// Reads the input of a plan's world at some speed by one worker without faults, and returns what
/// became of each trace, once per life.
///
/// Speed must not matter as long as the wall clock has no say: no stamps of the future, limits of
/// memory or verdicts forgotten in between.
pub fn drain(plan: &Plan, how: Drain) -> BTreeMap<usize, Vec<Judged>> {
    let input = Input::new(plan, &mut Random::new(plan.seed));
    let policies = PolicySet::compile(Plan::policies(), Semantics::default())
        .expect("the plan's policies are valid");
    let mut scanner = Scanner::new(plan.limits.interest(&policies));
    let mut shard = Shard::new(policies.into(), plan.limits.clone());
    shard.report_judged(true);
    let mut judged: BTreeMap<usize, Vec<Judged>> = BTreeMap::new();
    for (partition, log) in input.logs.iter().enumerate() {
        let offset = log.first().map_or(0, |record| record.offset);
        shard.handle_assigned(partition as i32, Restored { offset, ..Restored::default() });
    }
    let ends = input.ends();
    for (count, (partition, record)) in order(&input, how.burst).into_iter().enumerate() {
        let at = RecordAt {
            partition,
            offset: record.offset,
            time: record.time,
            wall_now: if how.behind { ends } else { record.appended },
            headers: &[],
            bytes: record.value.len(),
        };
        match scanner.scan(&record.value) {
            Ok(batch) => {
                shard.handle_record(&at, &batch);
                scanner.recycle(batch);
            }
            Err(_) => shard.handle_poison(&at, None),
        }
        collect(&mut shard, &input, &mut judged);
        if count % how.cut_every == 0
            && let Some(mut epoch) = shard.poll_epoch()
        {
            epoch.parts.iter_mut().for_each(|part| part.batch_offset = Some(count as i64));
            shard.handle_committed(&epoch);
        }
    }
    let late_enough = ends + plan.limits.decision_wait + plan.limits.idle_grace;
    for (partition, log) in input.logs.iter().enumerate() {
        let end = log.last().map_or(0, |record| record.offset + 1);
        shard.handle_idle(partition as i32, late_enough + Millis(1), end);
        collect(&mut shard, &input, &mut judged);
    }
    judged
}

/// All records, in turns of the partitions.
fn order(input: &Input, burst: usize) -> Vec<(i32, &Record)> {
    let mut logs: Vec<_> = input.logs.iter().map(|log| log.chunks(burst)).collect();
    let mut order = Vec::new();
    loop {
        let before = order.len();
        for (partition, chunks) in logs.iter_mut().enumerate() {
            let records = chunks.next().unwrap_or_default();
            order.extend(records.iter().map(|record| (partition as i32, record)));
        }
        if order.len() == before {
            return order;
        }
    }
}

fn collect(shard: &mut Shard, input: &Input, into: &mut BTreeMap<usize, Vec<Judged>>) {
    while let Some(one) = shard.poll_judged() {
        if let Some(trace) = input.trace(one.trace_id) {
            let decision = one.decision;
            let life = (decision.verdict, decision.close_reason, one.spans, one.time);
            into.entry(trace).or_default().push(life);
        }
    }
}

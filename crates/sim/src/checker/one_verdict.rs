//! At most one verdict in a trace's life, whoever owns its partition and however it is configured:
//! a trace is judged again only once the committed cut says that its last verdict had expired, and
//! late spans are entered under the verdict that was. Late spans turn it once at most, from drop to
//! keep.
//!
//! Where verdicts are forgotten for want of memory, a trace may be judged again before that; late
//! spans follow the last verdict even there.

use tailsift_policy::Verdict;
use tailsift_sampler::EntryKind;
use tailsift_trace::Millis;

use crate::broker::Broker;
use crate::checker::Commitment;
use crate::checker::history::History;
use crate::event::Violation;
use crate::plan::Plan;
use crate::witness::known;

pub(crate) fn check(
    commitment: &Commitment<'_>,
    history: &History,
    plan: &Plan,
    broker: &Broker,
) -> Result<(), Violation> {
    for batch in &commitment.batches {
        let now = batch.read_stream_time.unwrap_or(Millis(i64::MIN));
        for entry in &batch.entries {
            let trace = known(entry.trace_id, &broker.input)?;
            let newest = history.newest(batch.partition, trace);
            let verdict = entry.decision.verdict;
            match (entry.kind, newest) {
                (EntryKind::Decide, None) => {}
                (EntryKind::Decide, Some(last)) => {
                    if last.expiry > now && !plan.has_tight_memory() {
                        return twice(trace, last.verdict, verdict);
                    }
                }
                (EntryKind::Late, Some(last)) if last.verdict == verdict => {
                    if entry.through < last.through {
                        return one(format!("trace {trace}: less is covered than was"));
                    }
                }
                (EntryKind::Late, Some(last)) => return twice(trace, last.verdict, verdict),
                (EntryKind::Late, None) => {
                    return one(format!("late spans of trace {trace}, which was never judged"));
                }
                (EntryKind::Turn, Some(last)) => {
                    if (last.verdict, verdict) != (Verdict::Drop, Verdict::Keep) {
                        return twice(trace, last.verdict, verdict);
                    }
                    if entry.through < last.through {
                        return one(format!("trace {trace}: less is covered than was"));
                    }
                }
                (EntryKind::Turn, None) => {
                    return one(format!("trace {trace} is turned, which was never judged"));
                }
            }
        }
    }
    Ok(())
}

fn twice(trace: usize, first: Verdict, second: Verdict) -> Result<(), Violation> {
    one(format!("trace {trace} has two verdicts in one life: {first:?}, then {second:?}"))
}

fn one(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "one verdict", text })
}

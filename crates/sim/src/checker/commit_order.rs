//! The committed offset never passes an undecided trace, never goes back, and moves as far as it
//! may; so does the stream time beside it; exports become visible with it or not at all.

use std::collections::BTreeMap;

use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::book::Book;
use crate::event::{CutPart, Violation};

#[derive(Debug, Default)]
pub(crate) struct CommitOrder {
    /// Each worker's last cut.
    cuts: BTreeMap<usize, Vec<CutPart>>,
    /// The last offset and the stream time beside it, by partition.
    committed: BTreeMap<i32, (i64, Option<Millis>)>,
}

impl CommitOrder {
    pub(crate) fn crashed(&mut self, worker: usize) {
        self.cuts.remove(&worker);
    }

    pub(crate) fn check_cut(
        &mut self,
        parts: &[CutPart],
        book: &Book,
        view: &View<'_>,
    ) -> Result<(), Violation> {
        for part in parts {
            let CutPart { partition, commit_offset, next_offset, commit_stream_time, .. } = part;
            let Some(assignment) = book.assignment(view.worker, *partition) else {
                return order(format!("partition {partition} is cut, but not held"));
            };
            let low = assignment.low_watermark();
            let exact = *commit_offset == low && *next_offset == assignment.next_offset;
            if *commit_offset > low || !exact && !assignment.blurred {
                return order(format!(
                    "partition {partition} is cut at {commit_offset} of {next_offset}, \
                     but needs {low} of {}",
                    assignment.next_offset
                ));
            }
            let clock = assignment.clock_at_low_watermark();
            if *commit_stream_time != clock && !assignment.blurred {
                return order(format!(
                    "partition {partition} is cut at {commit_offset} with {commit_stream_time:?} \
                     on its clock, which was {clock:?} there"
                ));
            }
        }
        self.cuts.insert(view.worker, parts.to_vec());
        Ok(())
    }

    pub(crate) fn check_commit(
        &mut self,
        parts: &[CutPart],
        view: &View<'_>,
    ) -> Result<(), Violation> {
        let cut = self.cuts.remove(&view.worker).unwrap_or_default();
        for part in parts {
            let CutPart { partition, commit_offset, commit_stream_time, .. } = part;
            if !cut.contains(part) {
                return order(format!("what is committed of partition {partition} was never cut"));
            }
            let accepted = view.broker.committed(*partition);
            if accepted != Some(*commit_offset) {
                return order(format!(
                    "partition {partition} is cut at {commit_offset}, the group has {accepted:?}"
                ));
            }
            let now = (*commit_offset, *commit_stream_time);
            let before = self.committed.insert(*partition, now);
            if before.is_some_and(|(offset, clock)| offset > now.0 || clock > now.1) {
                return order(format!("partition {partition}: back from {before:?} to {now:?}"));
            }
            let owner = view.broker.owner(*partition);
            if owner.is_none_or(|owner| owner.worker != view.worker) {
                return order(format!("partition {partition} is committed by a stranger"));
            }
        }
        Ok(())
    }
}

fn order(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "commit order", text })
}

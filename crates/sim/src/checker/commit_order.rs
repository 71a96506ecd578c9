//! The low watermark: never past an undecided trace, and as far as it may be; so the stream time
//! beside it. What is committed is what was cut.

use crate::checker::book::Book;
use crate::checker::{Commitment, View};
use crate::event::{CutPart, Violation};

pub(crate) fn check_cut(parts: &[CutPart], book: &Book, view: &View<'_>) -> Result<(), Violation> {
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
    Ok(())
}

/// Values are taken once, at the cut.
pub(crate) fn check_commit(
    commitment: &Commitment<'_>,
    claimed: &[CutPart],
) -> Result<(), Violation> {
    for (partition, offset) in commitment.offsets {
        let Some(part) = claimed.iter().find(|part| part.partition == *partition) else {
            return order(format!("partition {partition} is committed, but was never cut"));
        };
        let commit = &offset.commit;
        let committed = (offset.offset, commit.read_to, commit.stream_time);
        let cut = (part.commit_offset, part.next_offset, part.commit_stream_time);
        let beside = (commit.read_stream_time, commit.checkpoint.sequence);
        if committed != cut || beside != (part.next_stream_time, part.sequence) {
            return order(format!(
                "partition {partition}: {cut:?} was cut, {committed:?} is committed"
            ));
        }
    }
    Ok(())
}

fn order(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "commit order", text })
}

//! Over the committed history, whoever owns the partition: offset, read position, checkpoint number
//! and both stream times never go back, and what is needed is never ahead of what was read.
//!
//! A group that lost its offsets goes on from its last batch, whose offset and times may be lower.
//! So does an owner that finds a stray batch (only without transactions).

use crate::checker::Commitment;
use crate::checker::history::{History, Position};
use crate::event::Violation;

pub(crate) fn check(
    commitment: &Commitment<'_>,
    history: &History,
    may_go_back: impl Fn(i32) -> bool,
) -> Result<(), Violation> {
    for (partition, offset) in commitment.offsets {
        let commit = &offset.commit;
        let now = (offset.offset, commit.read_to);
        let clock = (commit.stream_time, commit.read_stream_time);
        if now.0 > now.1 || clock.0 > clock.1 {
            return back(format!("partition {partition}: {now:?} at {clock:?}"));
        }
        let Some(last) = history.last.get(partition) else { continue };
        let (number, last_number) = (commit.checkpoint.sequence, last.checkpoint.sequence);
        if number < last_number {
            return back(format!("partition {partition}: checkpoint {number} after {last_number}"));
        }
        let Some(Position { offset, read_to, stream_time, read_stream_time }) = last.at else {
            continue;
        };
        if may_go_back(*partition) {
            continue;
        }
        if now.0 < offset || now.1 < read_to {
            let before = (offset, read_to);
            return back(format!("partition {partition}: back from {before:?} to {now:?}"));
        }
        if clock.0 < stream_time || clock.1 < read_stream_time {
            let before = (stream_time, read_stream_time);
            return back(format!("partition {partition}: back from {before:?} to {clock:?}"));
        }
    }
    Ok(())
}

fn back(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "monotone", text })
}

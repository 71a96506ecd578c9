//! Offsets of a partition are only ever accepted from the assignment that fetched them last: so no
//! two owners commit one checkpoint, and nothing becomes visible for a partition after it was given
//! up or lost, unless its offset was accepted before the next owner's fetch was answered.

use crate::broker::Accepted;
use crate::event::Violation;

pub(crate) fn check(accepted: &[Accepted]) -> Result<(), Violation> {
    for Accepted { partition, token, fetched_by } in accepted {
        if Some(*token) != *fetched_by {
            let text = format!(
                "partition {partition}: offsets of assignment {token} are accepted, though \
                 {fetched_by:?} has fetched them since"
            );
            return Err(Violation { invariant: "owners", text });
        }
    }
    Ok(())
}

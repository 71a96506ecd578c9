//! Exports, letters, verdicts and offsets become visible together: a transaction that holds some
//! holds all that belong to them.

use std::collections::BTreeSet;

use tailsift_policy::Verdict;

use crate::checker::Commitment;
use crate::event::{CutPart, Violation};

pub(crate) fn check(commitment: &Commitment<'_>, claimed: &[CutPart]) -> Result<(), Violation> {
    let offsets = commitment.offsets;
    let batches = || commitment.batches.iter();
    if let Some(batch) = batches().find(|batch| !offsets.contains_key(&batch.partition)) {
        return torn(format!("a batch of partition {} without its offset", batch.partition));
    }
    for (partition, offset) in &commitment.letters {
        if !offsets.contains_key(partition) {
            return torn(format!("a letter of {offset} of partition {partition} without offset"));
        }
    }
    let entries = batches().flat_map(|batch| &batch.entries);
    let kept = entries.filter(|entry| entry.decision.verdict == Verdict::Keep);
    let kept: BTreeSet<_> = kept.map(|entry| entry.trace_id).collect();
    if let Some((key, _)) = commitment.exports.iter().find(|(key, _)| !kept.contains(key)) {
        return torn(format!("spans of {key} without their verdict"));
    }
    for part in claimed.iter().filter(|part| part.has_batch) {
        if batches().all(|batch| batch.partition != part.partition) {
            return torn(format!("the offset of partition {} without its batch", part.partition));
        }
    }
    Ok(())
}

fn torn(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "atomic", text })
}

//! Without transactions it is the order that loses nothing: an entry that says keep is written only
//! when all spans that it covers are visible, and an offset is committed only when exports, letters
//! and batch of its cut are written. So no committed offset passes a kept trace whose export may
//! yet be lost.

use std::collections::BTreeSet;

use tailsift_policy::Verdict;
use tailsift_sampler::{DecisionBatch, Sources};

use crate::broker::Broker;
use crate::checker::copies::Copies;
use crate::checker::history::History;
use crate::checker::letters::Letters;
use crate::event::{CutPart, Violation};
use crate::witness::known;

/// A slice of a batch was written; `history` has none of its batch yet.
pub(crate) fn check_batch(
    batch: &DecisionBatch,
    exported: &BTreeSet<usize>,
    history: &History,
    broker: &Broker,
) -> Result<(), Violation> {
    let input = &broker.input;
    let kept = batch.entries.iter().filter(|entry| entry.decision.verdict == Verdict::Keep);
    for entry in kept {
        let trace = known(entry.trace_id, input)?;
        if input.traces[trace].spans.iter().all(|span| exported.contains(span)) {
            continue;
        }
        let log = &input.logs[batch.partition as usize];
        for record in log.iter().take_while(|record| record.offset < entry.through) {
            let spans = record.spans.iter().flatten();
            let mut missing = spans
                .filter(|span| input.spans[**span].trace == trace && !exported.contains(*span));
            // Records that a turn could not read again are in no export.
            let mut left_out = entry.missing.iter().flat_map(Sources::offsets);
            let below = entry.turned.and_then(|turned| turned.missing_below);
            let is_forgotten = below.is_some_and(|below| record.offset < below);
            if is_forgotten || left_out.any(|offset| offset == record.offset) {
                continue;
            }
            if let Some(span) = missing.next()
                && history.covering(batch.partition, trace, record.offset).is_none()
            {
                return early(format!(
                    "trace {trace} is logged as kept through {}, but span {span} at {} is not \
                     written",
                    entry.through, record.offset
                ));
            }
        }
    }
    Ok(())
}

/// Offsets of these parts are committed.
pub(crate) fn check_commit(
    claimed: &[CutPart],
    exported: &BTreeSet<usize>,
    letters: &Letters,
    copies: &Copies,
) -> Result<(), Violation> {
    for part in claimed {
        let CutPart { partition, commit_offset, sequence, .. } = part;
        let what = format!("offset {commit_offset} of partition {partition} is committed, but");
        let spans = part.exports.iter().flat_map(|(_, spans, _)| spans);
        if let Some(span) = spans.clone().find(|span| !exported.contains(span)) {
            return early(format!("{what} span {span} is not written"));
        }
        let mut offsets = part.dead_letters.iter();
        if let Some(offset) = offsets.find(|offset| !letters.has(*partition, **offset)) {
            return early(format!("{what} the letter of {offset} is not written"));
        }
        if part.has_batch && !copies.has(part) {
            return early(format!("{what} its batch #{sequence} is not written"));
        }
    }
    Ok(())
}

fn early(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "acknowledged", text })
}

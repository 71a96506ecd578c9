//! What became visible is what was committed: each span byte for byte, under its resource and
//! scope, in records of its own trace.

use std::collections::BTreeSet;

use tailsift_trace::TraceId;

use crate::broker::Broker;
use crate::checker::Commitment;
use crate::event::{CutPart, Violation};
use crate::plan::Plan;
use crate::witness::identify;

pub(crate) fn check_commit(
    commitment: &Commitment<'_>,
    claimed: &[CutPart],
    plan: &Plan,
    broker: &Broker,
) -> Result<(), Violation> {
    let mut visible = Vec::new();
    for (key, value) in &commitment.exports {
        visible.extend(spans_of(*key, value, plan, broker)?);
    }
    visible.sort_unstable();
    let exports = claimed.iter().flat_map(|part| &part.exports);
    let mut committed: Vec<usize> = exports.flat_map(|(_, spans, _)| spans).copied().collect();
    committed.sort_unstable();
    if visible != committed {
        return broken(format!("spans {committed:?} are committed, {visible:?} become visible"));
    }
    Ok(())
}

/// The spans of an exported record.
pub(crate) fn spans_of(
    key: TraceId,
    value: &[u8],
    plan: &Plan,
    broker: &Broker,
) -> Result<Vec<usize>, Violation> {
    let spans = identify(key, value, &broker.input)?;
    if value.len() > plan.message_bytes_max && spans.len() > 1 {
        return broken(format!("{} spans in {} bytes", spans.len(), value.len()));
    }
    Ok(spans)
}

/// A record was written without a transaction: the spans of which were once cut by its worker.
pub(crate) fn check_written(spans: &[usize], cut: &BTreeSet<usize>) -> Result<(), Violation> {
    match spans.iter().find(|span| !cut.contains(span)) {
        Some(span) => broken(format!("span {span} is written, but was never cut")),
        None => Ok(()),
    }
}

fn broken<T>(text: String) -> Result<T, Violation> {
    Err(Violation { invariant: "intact", text })
}

//! What became visible is what was committed: each span byte for byte, under its resource and
//! scope, in records of its own trace.

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
        let spans = identify(*key, value, &broker.input)?;
        if value.len() > plan.message_bytes_max && spans.len() > 1 {
            let text = format!("{} spans in {} bytes", spans.len(), value.len());
            return Err(Violation { invariant: "intact", text });
        }
        visible.extend(spans);
    }
    visible.sort_unstable();
    let exports = claimed.iter().flat_map(|part| &part.exports);
    let mut committed: Vec<usize> = exports.flat_map(|(_, spans, _)| spans).copied().collect();
    committed.sort_unstable();
    if visible != committed {
        let text = format!("spans {committed:?} are committed, {visible:?} become visible");
        return Err(Violation { invariant: "intact", text });
    }
    Ok(())
}

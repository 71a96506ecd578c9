//! What became visible is what was committed: each span byte for byte, under its resource and
//! scope, in records of its own trace.

use crate::checker::View;
use crate::event::{CutPart, Violation};
use crate::witness::identify;

/// `seen` records were visible before this commit.
pub(crate) fn check_commit(
    parts: &[CutPart],
    seen: usize,
    view: &View<'_>,
) -> Result<(), Violation> {
    let mut visible = Vec::new();
    for record in &view.broker.published[seen..] {
        let spans = identify(record.key, &record.value, &view.broker.input)?;
        if record.value.len() > view.plan.message_bytes_max && spans.len() > 1 {
            let text = format!("{} spans in {} bytes", spans.len(), record.value.len());
            return Err(Violation { invariant: "intact", text });
        }
        visible.extend(spans);
    }
    visible.sort_unstable();
    let mut committed: Vec<usize> =
        parts.iter().flat_map(|part| &part.exports).fold(Vec::new(), |mut all, (_, spans, _)| {
            all.extend(spans);
            all
        });
    committed.sort_unstable();
    if visible != committed {
        let text = format!("spans {committed:?} are committed, {visible:?} become visible");
        return Err(Violation { invariant: "intact", text });
    }
    Ok(())
}

//! At least once: every span of a kept trace is visible, as often as it is in the input or more
//! often, and none of a trace that nobody kept.
//!
//! A trace may be visible though the log says drop: its owner died between export and verdict, and
//! the next one, whose clock went another way, dropped it.

use std::collections::BTreeSet;

use crate::broker::Broker;
use crate::checker::history::History;
use crate::event::Violation;
use crate::model::Truth;

/// `kept`: the traces that some owner ever judged so.
pub(crate) fn check_end(
    truth: &Truth,
    visible: &[usize],
    kept: &BTreeSet<usize>,
    history: &History,
    broker: &Broker,
) -> Result<(), Violation> {
    let wanted = history.wanted(broker);
    for (place, span) in broker.input.spans.iter().enumerate() {
        let (times, copies) = (visible[place], truth.copies[place]);
        let (keep, punctual) = (truth.keep[span.trace], truth.punctual[span.trace]);
        let is_short = times < wanted[place] || keep && punctual && times < copies;
        let is_lost = is_short && !history.has_refused();
        if is_lost || times > 0 && !(keep && kept.contains(&span.trace)) {
            let text = format!(
                "span {place} of trace {} (keep: {keep}, punctual: {punctual}) is {copies} times in \
                 the input, {times} times visible, {} times by the log",
                span.trace, wanted[place],
            );
            return Err(Violation { invariant: "at least once", text });
        }
    }
    Ok(())
}

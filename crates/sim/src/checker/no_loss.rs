//! Exactly once: every span of a kept trace is visible once for each time that it is in the input,
//! no span of a dropped one is; and each cut holds what it owes.

use crate::broker::Broker;
use crate::checker::View;
use crate::checker::book::{Assignment, Book};
use crate::checker::history::History;
use crate::checker::shown::{self, Shown};
use crate::event::{CutPart, Violation};
use crate::model::Truth;
use crate::plan::Delivery;

/// A cut holds what was kept since the last one, late spans included, and nothing else. What is read
/// again is not cut; it owes nothing, unless another's batch of a number was passed over, or the
/// turns that the last owner asked for mean nothing to other policies.
pub(crate) fn check_cut(parts: &[CutPart], book: &Book, view: &View<'_>) -> Result<(), Violation> {
    let may_owe = view.plan.delivery == Delivery::AtLeastOnce || view.plan.reconfigures;
    let is_due =
        |assignment: &Assignment| !(assignment.blurred || may_owe && assignment.replay.is_some());
    for (partition, assignment) in book.of_worker(view.worker).filter(|(_, a)| is_due(a)) {
        let part = parts.iter().find(|part| part.partition == partition);
        let mut owed = assignment.owed.clone();
        owed.sort();
        let exports = part.map_or(&[][..], |part| &part.exports);
        if owed != exports {
            let text = format!("partition {partition}: {owed:?} is owed, {exports:?} is cut");
            return Err(Violation { invariant: "exactly once", text });
        }
        let entries = part.map_or(&[][..], |part| &part.entries);
        let owed = assignment.owed_entries(view);
        if owed != entries {
            let text =
                format!("partition {partition}: {owed:?} is owed to the log, {entries:?} cut");
            return Err(Violation { invariant: "exactly once", text });
        }
        let letters = part.map_or(&[][..], |part| &part.dead_letters);
        if assignment.owed_letters != letters {
            let owed = &assignment.owed_letters;
            let text = format!("partition {partition}: letters {owed:?}, cut {letters:?}");
            return Err(Violation { invariant: "exactly once", text });
        }
    }
    Ok(())
}

/// At rest, the export topic is held against the committed log, span by span: each follows the
/// first entry of its trace that covers it. And against the input: a trace that all its spans want
/// kept, and that came in time, is visible whole; one that no policy wants is not.
///
/// Where an owner refused, nothing is owed any more, but nothing shows twice.
pub(crate) fn check_end(
    truth: &Truth,
    visible: &[usize],
    history: &History,
    broker: &Broker,
) -> Result<(), Violation> {
    shown::check("exactly once", truth, visible, history, broker, |shown| {
        let Shown { times, copies, wanted, keep, is_wanted, punctual, .. } = *shown;
        let is_off = times != wanted || keep && punctual && times != copies;
        let is_lost = is_off && !history.has_refused();
        is_lost || times > copies || times > 0 && (!is_wanted || punctual && !keep)
    })
}

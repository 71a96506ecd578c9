//! No span of a kept trace is lost, none of a dropped one shows.

use crate::broker::Broker;
use crate::checker::View;
use crate::checker::book::Book;
use crate::event::{CutPart, Violation};
use crate::model::Truth;
use crate::plan::Plan;
use crate::witness::identify;

/// A cut holds what was kept since the last one, late spans included, and nothing else.
pub(crate) fn check_cut(parts: &[CutPart], book: &Book, view: &View<'_>) -> Result<(), Violation> {
    for (partition, assignment) in book.of_worker(view.worker).filter(|(_, a)| !a.blurred) {
        let part = parts.iter().find(|part| part.partition == partition);
        let mut owed = assignment.owed.clone();
        owed.sort();
        let exports = part.map_or(&[][..], |part| &part.exports);
        if owed != exports {
            let text = format!("partition {partition}: {owed:?} is owed, {exports:?} is cut");
            return Err(Violation { invariant: "no loss", text });
        }
        let letters = part.map_or(&[][..], |part| &part.dead_letters);
        if assignment.owed_letters != letters {
            let owed = &assignment.owed_letters;
            let text = format!("partition {partition}: letters {owed:?}, cut {letters:?}");
            return Err(Violation { invariant: "no loss", text });
        }
    }
    Ok(())
}

/// At rest, the export topic is held against the whole input.
///
/// A trace that all its spans want kept and that came in time is visible whole, wherever a worker
/// died: once if partitions were read once, at least once otherwise. Late spans are a matter of
/// each assignment alone ([`check_cut`]): until verdicts are logged, a new owner that reads only
/// the end of a trace judges that end alone.
pub(crate) fn check_end(
    truth: &Truth,
    book: &Book,
    plan: &Plan,
    broker: &Broker,
) -> Result<(), Violation> {
    let mut times_visible = vec![0; broker.input.spans.len()];
    for record in &broker.published {
        for span in identify(record.key, &record.value, &broker.input)? {
            times_visible[span] += 1;
        }
    }
    for (place, span) in broker.input.spans.iter().enumerate() {
        let (times, copies) = (times_visible[place], truth.copies[place]);
        let partition = broker.input.traces[span.trace].partition;
        let readings = book.times_assigned(partition).max(1);
        let lost = truth.keep[span.trace] && truth.punctual[span.trace] && times < copies;
        let repeated = times > copies * readings;
        let unjustified = times > 0 && !truth.keep[span.trace];
        if lost || repeated || unjustified {
            let text = format!(
                "span {place} of trace {} (keep: {}, punctual: {}) is {copies} times in the input, \
                 {times} times visible; its partition was assigned {readings} times",
                span.trace, truth.keep[span.trace], truth.punctual[span.trace],
            );
            return Err(Violation { invariant: "no loss", text });
        }
    }
    check_letters(book, plan, broker)
}

fn check_letters(book: &Book, plan: &Plan, broker: &Broker) -> Result<(), Violation> {
    for (partition, log) in broker.input.logs.iter().enumerate() {
        for record in log.iter().filter(|record| record.spans.is_none()) {
            let key = (partition as i32, record.offset);
            let times = broker.dead_letters.get(&key).copied().unwrap_or(0);
            let readings = book.times_assigned(key.0).max(1);
            let once = plan.faults.spare_workers() && times != 1;
            if times == 0 || times > readings || once {
                let text = format!("poison at {key:?} has {times} dead letters");
                return Err(Violation { invariant: "no loss", text });
            }
        }
    }
    Ok(())
}

//! Every span below a committed offset is covered by an entry of its trace: seen from the logs and
//! the offsets alone, which is all that a new owner has.

use crate::broker::Broker;
use crate::checker::Commitment;
use crate::checker::history::History;
use crate::event::Violation;

/// `history` has the commitment's entries already, but not its offsets.
pub(crate) fn check(
    partition: i32,
    offset: i64,
    history: &History,
    broker: &Broker,
) -> Result<(), Violation> {
    let from = history.last.get(&partition).map_or(i64::MIN, |last| last.covered_to);
    let log = &broker.input.logs[partition as usize];
    let records = log.iter().filter(|record| from <= record.offset && record.offset < offset);
    for record in records {
        for place in record.spans.iter().flatten() {
            let trace = broker.input.spans[*place].trace;
            if history.covering(partition, trace, record.offset).is_none() {
                let text = format!(
                    "offset {offset} of partition {partition} is committed, but no entry covers \
                     trace {trace} at {}",
                    record.offset
                );
                return Err(Violation { invariant: "covered", text });
            }
        }
    }
    Ok(())
}

pub(crate) fn check_all(
    commitment: &Commitment<'_>,
    history: &History,
    broker: &Broker,
) -> Result<(), Violation> {
    let mut offsets = commitment.offsets.iter();
    offsets.try_for_each(|(p, offset)| check(*p, offset.offset, history, broker))
}

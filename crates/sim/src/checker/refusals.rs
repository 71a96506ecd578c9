//! A restore ends: it finds what it needs, or that there is nothing, or it refuses, and that only
//! where the log was cut too early. (That none waits for ever is seen by worlds coming to rest.)

use crate::checker::View;
use crate::checker::history::History;
use crate::event::{Violation, What};

pub(crate) fn check(what: &What, history: &mut History, view: &View<'_>) -> Result<(), Violation> {
    let What::RestoreRefused { partition, token, why, log_starts_late } = what else {
        return Ok(());
    };
    // One whom the group has passed over may find the log cut by its successor.
    if view.broker.fetched_by.get(partition) != Some(token) {
        return Ok(());
    }
    if view.plan.faults.hasty_trim == 0 || !log_starts_late {
        let text = format!("partition {partition} is refused without need: {why}");
        return Err(Violation { invariant: "refusals", text });
    }
    history.refused(*partition);
    Ok(())
}

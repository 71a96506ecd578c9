//! An epoch in doubt ends in one of two ways: it was committed and is taken as that, or it was not
//! and is sent again.
//!
//! One whose partitions are another's by then may be wrong about it: it has lost all of them, and
//! learns that before it commits anything else.

use std::collections::BTreeSet;

use crate::broker::Outcome;
use crate::checker::View;
use crate::event::{Violation, What};
use crate::plan::Delivery;

/// `done`: workers whose last cut was committed without a transaction.
pub(crate) fn check(what: &What, done: &BTreeSet<usize>, view: &View<'_>) -> Result<(), Violation> {
    let What::Resolved { committed, asked } = what else { return Ok(()) };
    // Offsets alone may be sent again without harm, and nobody can tell whether they were.
    let Some((partition, token)) = asked else { return Ok(()) };
    if view.broker.fetched_by.get(partition) != Some(token) {
        return Ok(());
    }
    let last = view.broker.last_of(view.worker);
    let was_committed = match view.plan.delivery {
        Delivery::ExactlyOnce => last.is_some_and(|l| l.outcome == Some(Outcome::Committed)),
        Delivery::AtLeastOnce => done.contains(&view.worker),
    };
    if *committed != was_committed {
        let text = format!("it is taken as committed: {committed}, it was: {was_committed}");
        return Err(Violation { invariant: "doubt", text });
    }
    Ok(())
}

//! An epoch in doubt ends in one of two ways: it was committed and is taken as that, or it was not
//! and is sent again.
//!
//! One whose partitions are another's by then may be wrong about it: it has lost all of them, and
//! learns that before it commits anything else.

use crate::broker::Outcome;
use crate::checker::View;
use crate::checker::plain::Plain;
use crate::event::{Violation, What};
use crate::plan::Delivery;

pub(crate) fn check(what: &What, plain: &Plain, view: &View<'_>) -> Result<(), Violation> {
    let What::Resolved { committed, asked } = what else { return Ok(()) };
    // Offsets alone may be sent again without harm, and nobody can tell whether they were.
    let Some((partition, token)) = asked else { return Ok(()) };
    if view.broker.fetched_by.get(partition) != Some(token) {
        return Ok(());
    }
    let last = view.broker.last_of(view.worker);
    let was_committed = match view.plan.delivery {
        Delivery::ExactlyOnce => last.is_some_and(|l| l.outcome == Some(Outcome::Committed)),
        // Outputs that are on their way a second time are repeats already, which this delivery allows.
        Delivery::AtLeastOnce if plain.begun_again.contains(&view.worker) => return Ok(()),
        Delivery::AtLeastOnce => plain.done.contains(&view.worker),
    };
    if *committed != was_committed {
        let text = format!("it is taken as committed: {committed}, it was: {was_committed}");
        return Err(Violation { invariant: "doubt", text });
    }
    Ok(())
}

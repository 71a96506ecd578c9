//! Where nothing is forgotten or left out, what is visible in the end follows from the input alone,
//! whatever broke on the way: a trace is visible whole if all its spans together satisfy a policy,
//! and not at all if they do not.

use crate::broker::Broker;
use crate::checker::history::History;
use crate::checker::shown::{self, Shown};
use crate::event::Violation;
use crate::model::Truth;
use crate::plan::Plan;

pub(crate) fn check_end(
    truth: &Truth,
    visible: &[usize],
    history: &History,
    plan: &Plan,
    broker: &Broker,
) -> Result<(), Violation> {
    if !plan.is_confluent() || history.has_refused() {
        return Ok(());
    }
    shown::check("whole", truth, visible, history, broker, |shown| {
        let Shown { times, copies, keep, .. } = *shown;
        times != if keep { copies } else { 0 }
    })
}

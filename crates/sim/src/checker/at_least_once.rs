//! At least once: every span of a kept trace is visible, as often as it is in the input or more
//! often, and none of a trace that nobody kept.
//!
//! A trace may be visible though the log says drop: its owner died between export and verdict, and
//! the next one, whose clock went another way, dropped it.

use std::collections::BTreeSet;

use crate::broker::Broker;
use crate::checker::history::History;
use crate::checker::shown::{self, Shown};
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
    shown::check("at least once", truth, visible, history, broker, |shown| {
        let Shown { times, copies, wanted, keep, is_wanted, punctual, .. } = *shown;
        let is_short = times < wanted || keep && punctual && times < copies;
        let is_lost = is_short && !history.has_refused();
        is_lost || times > 0 && !(is_wanted && kept.contains(&shown.trace))
    })
}

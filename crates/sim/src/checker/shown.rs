//! At rest, how often each span is visible, beside how often it should be.

use crate::broker::Broker;
use crate::checker::history::History;
use crate::event::Violation;
use crate::model::Truth;

/// One span.
pub(crate) struct Shown {
    pub(crate) trace: usize,
    /// How often it is visible.
    pub(crate) times: usize,
    /// How often it is in the input.
    pub(crate) copies: usize,
    /// How often the log wants it to be visible.
    pub(crate) wanted: usize,
    /// All spans of its trace want it kept.
    pub(crate) keep: bool,
    /// Some of them do.
    pub(crate) is_wanted: bool,
    /// And came in time.
    pub(crate) punctual: bool,
}

/// Looks for a span that `is_wrong`.
pub(crate) fn check(
    invariant: &'static str,
    truth: &Truth,
    visible: &[usize],
    history: &History,
    broker: &Broker,
    is_wrong: impl Fn(&Shown) -> bool,
) -> Result<(), Violation> {
    let wanted = history.wanted(broker);
    for (place, span) in broker.input.spans.iter().enumerate() {
        let trace = span.trace;
        let (times, copies, wanted) = (visible[place], truth.copies[place], wanted[place]);
        let (keep, punctual) = (truth.keep[trace], truth.punctual[trace]);
        let is_wanted = truth.wanted[trace];
        if is_wrong(&Shown { trace, times, copies, wanted, keep, is_wanted, punctual }) {
            let text = format!(
                "span {place} of trace {trace} (keep: {keep}, punctual: {punctual}) is {copies} times in \
                 the input, {times} times visible, {wanted} times by the log",
            );
            return Err(Violation { invariant, text });
        }
    }
    Ok(())
}

//! When traces count as complete.

use std::time::Duration;

use tailsift_sampler::RemoteParents;

use crate::check::Check;
use crate::settings::Completion;
use crate::table::{COMPLETION, REMOTE_PARENTS};
use crate::view::View;

/// A Collector waits for so long and no shorter, so that is the default `compatibility: collector`
/// has.
pub(super) fn completion(
    view: &View<'_>,
    decision_wait: Option<Duration>,
    is_collectors: bool,
    check: &mut Check,
) -> Option<Completion> {
    let mut settle = view.duration("settle")?;
    if view.own("settle").is_none() {
        settle = settle.min(decision_wait?);
    }
    let remote_parents = [RemoteParents::Ignored, RemoteParents::Learned];
    let structural = Completion::Structural {
        settle,
        remote_parents: view.choice("remote_parents", &REMOTE_PARENTS, remote_parents)?,
        edges_max: usize::try_from(view.integer("edges_max")?).ok()?,
    };
    let completion = view.choice("completion", &COMPLETION, [Completion::Wait, structural])?;
    if is_collectors && view.own("completion").is_none() {
        return Some(Completion::Wait);
    }
    if completion == structural && decision_wait.is_some_and(|wait| settle > wait) {
        let message = format!(
            "must be at most window.decision_wait ({}), got {}: no trace would be judged before it",
            view.given("decision_wait"),
            view.given("settle"),
        );
        check.error(view.place("settle"), "window.settle", message);
    }
    Some(completion)
}

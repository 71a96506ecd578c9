//! Traces that got a second chance.

use std::sync::Arc;

use tailsift_otlp::Redactor;
use tailsift_policy::Verdict;
use tailsift_sampler::TurnedTrace;

use super::{LiveView, Names, RecentTrace};

impl LiveView {
    /// Shows a trace that was dropped as one that is kept; its votes and how long it was held stay
    /// those of the first verdict, if that is still on show.
    pub(crate) fn turn(
        &self,
        turned: TurnedTrace,
        names: &Names,
        redactor: Option<&Arc<Redactor>>,
    ) {
        let before = self.get(turned.trace_id);
        let before = before.as_deref();
        self.record(RecentTrace {
            trace_id: turned.trace_id,
            decided_at: turned.time,
            verdict: Verdict::Keep,
            policy: turned.decision.policy.and_then(|place| names.at(place)),
            close_reason: turned.decision.close_reason,
            partial: turned.turned.partial.is_some(),
            votes: before.map_or_else(Vec::new, |before| before.votes.clone()),
            spans: u64::from(turned.spans),
            bytes: turned.payload.len() as u64,
            duration_ns: before.map_or(0, |before| before.duration_ns),
            held: before.map_or_else(Default::default, |before| before.held),
            threshold: None,
            turned: Some(turned.turned),
            partition: turned.partition,
            export: Some(turned.payload),
            redactor: redactor.cloned(),
        });
    }
}

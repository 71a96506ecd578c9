//! The view in JSON.

use serde::Serialize;
use tailsift_otlp::read_spans;
use tailsift_policy::{CloseReason, Verdict, Vote};

use super::waterfall::{ROWS_MAX, Waterfall};
use super::{Page, RecentTrace};

/// The list of recent traces.
#[derive(Serialize)]
pub(crate) struct Summaries<'t> {
    traces: Vec<Summary<'t>>,
    next_before: Option<u64>,
}

/// What the list says of a trace.
#[derive(Serialize)]
struct Summary<'t> {
    trace_id: String,
    decided_at_ms: i64,
    held_ms: i64,
    verdict: &'static str,
    policy: Option<&'t str>,
    close_reason: &'static str,
    partial: bool,
    spans: u64,
    bytes: u64,
    duration_ms: f64,
    threshold: Option<String>,
    /// The late span that had a dropped trace kept; empty if it has no ID.
    turned_by: Option<String>,
    partition: i32,
}

/// All that is known of a trace.
#[derive(Serialize)]
pub(crate) struct Document<'t> {
    #[serde(flatten)]
    summary: Summary<'t>,
    votes: Vec<PolicyVote<'t>>,
    waterfall: Option<Waterfall>,
    /// Why the waterfall is null or has fewer rows than spans.
    waterfall_note: Option<String>,
}

#[derive(Serialize)]
struct PolicyVote<'t> {
    policy: &'t str,
    vote: &'static str,
}

impl<'t> Summaries<'t> {
    /// The list in JSON.
    pub(crate) fn new(page: &'t Page) -> Self {
        Self {
            traces: page.traces.iter().map(|trace| Summary::new(trace)).collect(),
            next_before: page.next_before,
        }
    }
}

impl<'t> Summary<'t> {
    fn new(trace: &'t RecentTrace) -> Self {
        Self {
            trace_id: trace.trace_id.to_string(),
            decided_at_ms: trace.decided_at.0,
            held_ms: trace.held.0,
            verdict: verdict_name(trace.verdict),
            policy: trace.policy.as_deref(),
            close_reason: trace.close_reason.name(),
            partial: trace.partial,
            spans: trace.spans,
            bytes: trace.bytes,
            duration_ms: trace.duration_ns as f64 / 1e6,
            threshold: trace.threshold.map(|threshold| threshold.to_string()),
            turned_by: trace
                .turned
                .map(|turned| turned.by.map_or_else(String::new, |by| by.to_string())),
            partition: trace.partition,
        }
    }
}

impl<'t> Document<'t> {
    /// The trace in JSON. Decodes its spans, so it may take a while.
    pub(crate) fn new(trace: &'t RecentTrace) -> Self {
        let (waterfall, waterfall_note) = waterfall(trace);
        let votes = trace.votes.iter();
        Self {
            summary: Summary::new(trace),
            votes: votes
                .map(|(policy, vote)| PolicyVote { policy, vote: vote_name(*vote) })
                .collect(),
            waterfall,
            waterfall_note,
        }
    }
}

fn waterfall(trace: &RecentTrace) -> (Option<Waterfall>, Option<String>) {
    match (trace.request(), trace.verdict) {
        (Some(request), _) => match request.and_then(|request| read_spans(&request)) {
            Ok(spans) => {
                let waterfall = Waterfall::new(spans);
                let note = waterfall.left_out().map(|left_out| {
                    format!("the first {ROWS_MAX} rows are shown, {left_out} more were left out")
                });
                (Some(waterfall), note)
            }
            Err(error) => (None, Some(format!("its spans could not be read: {error}"))),
        },
        (None, Verdict::Keep) => {
            (None, Some("its spans are too large for the live view; see the kept topic".to_owned()))
        }
        (None, Verdict::Drop) => (
            None,
            Some("the trace was dropped: its spans are not held after the decision".to_owned()),
        ),
    }
}

const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Keep => "keep",
        Verdict::Drop => "drop",
    }
}

const fn vote_name(vote: Vote) -> &'static str {
    match vote {
        Vote::Sampled => "sampled",
        Vote::NotSampled => "not_sampled",
        Vote::Dropped => "dropped",
        Vote::Error => "error",
    }
}

/// The verdict of this name in the JSON.
pub(crate) fn verdict_from_name(name: &str) -> Option<Verdict> {
    [Verdict::Keep, Verdict::Drop].into_iter().find(|verdict| verdict_name(*verdict) == name)
}

/// The close reason of this name in the JSON.
pub(crate) fn close_reason_from_name(name: &str) -> Option<CloseReason> {
    CloseReason::ALL.into_iter().find(|reason| reason.name() == name)
}

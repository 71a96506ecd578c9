//! The live view: traces that were decided lately, for people to look at.
//!
//! Workers [`record`](LiveView::record) a [`RecentTrace`] when they decide, never per span; HTTP
//! reads. Bounded by count and by bytes: the oldest trace makes room.

mod json;
mod names;
#[cfg(test)]
pub(crate) mod tests;
mod turned;
mod waterfall;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tailsift_otlp::{Redactor, ScanError};
use tailsift_policy::{CloseReason, Threshold, Verdict, Vote};
use tailsift_sampler::{Judged, Turned};
use tailsift_trace::{Millis, TraceId};

pub(crate) use json::{Document, Summaries, close_reason_from_name, verdict_from_name};
pub(crate) use names::Names;

/// An export takes at most this share of the view's bytes: a giant must not sweep the others out.
const EXPORT_SHARE: usize = 8;

/// A decided trace.
#[derive(Clone, Debug)]
pub(crate) struct RecentTrace {
    /// The trace.
    pub(crate) trace_id: TraceId,
    /// Stream time of the decision.
    pub(crate) decided_at: Millis,
    /// Stream time from its first record to then.
    pub(crate) held: Millis,
    /// Keep or drop.
    pub(crate) verdict: Verdict,
    /// The deciding policy's name; `None` if none asked to keep the trace.
    pub(crate) policy: Option<Arc<str>>,
    /// Why it stopped waiting.
    pub(crate) close_reason: CloseReason,
    /// Judged before its time was up, so that spans may be missing.
    pub(crate) partial: bool,
    /// What each evaluated policy said, in configured order.
    pub(crate) votes: Vec<(Arc<str>, Vote)>,
    /// Its spans at the decision.
    pub(crate) spans: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Latest end minus earliest start, in nanoseconds; negative if spans end before they start.
    pub(crate) duration_ns: i64,
    /// The threshold, if the keep was a matter of chance alone.
    pub(crate) threshold: Option<Threshold>,
    /// How its verdict was turned, if it was.
    pub(crate) turned: Option<Turned>,
    /// The input partition.
    pub(crate) partition: i32,
    /// What a kept trace holds, not redacted: an `ExportTraceServiceRequest`. Nobody sees it but
    /// through [`request`](Self::request).
    export: Option<Arc<Vec<u8>>>,
    redactor: Option<Arc<Redactor>>,
}

impl RecentTrace {
    /// What the shard says of a judged trace; `names` are those of the policies that judged it,
    /// `redactor` takes out what must not be seen.
    pub(crate) fn new(judged: Judged, names: &Names, redactor: Option<&Arc<Redactor>>) -> Self {
        let Judged {
            trace_id,
            partition,
            decision,
            votes,
            spans,
            bytes,
            duration_ns,
            time,
            held,
            payload,
            composite: _,
        } = judged;
        Self {
            trace_id,
            decided_at: time,
            held,
            verdict: decision.verdict,
            policy: decision.policy.and_then(|place| names.at(place)),
            close_reason: decision.close_reason,
            partial: decision.close_reason.is_partial(),
            votes: names
                .voters()
                .iter()
                .zip(votes)
                .filter_map(|(policy, vote)| Some((Arc::clone(policy), vote?)))
                .collect(),
            spans: u64::from(spans),
            bytes: bytes as u64,
            duration_ns,
            threshold: decision.chance.threshold(),
            turned: None,
            partition,
            export: payload,
            redactor: redactor.cloned(),
        }
    }

    /// What was exported of a kept trace. It is redacted when somebody looks: most traces nobody
    /// looks at.
    fn request(&self) -> Option<Result<Cow<'_, [u8]>, ScanError>> {
        let export = self.export.as_ref()?;
        Some(match &self.redactor {
            Some(redactor) => redactor.rewrite(export).map(|redacted| redacted.request),
            None => Ok(Cow::Borrowed(export)),
        })
    }
}

/// Which traces are listed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Only these.
    pub(crate) verdict: Option<Verdict>,
    /// Only those that the policy of this name decided.
    pub(crate) policy: Option<String>,
    /// Only those that closed so.
    pub(crate) close_reason: Option<CloseReason>,
    /// Only those that were recorded before this one: a [`Page::next_before`].
    pub(crate) before: Option<u64>,
}

/// A part of the list, newest first.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The traces.
    pub(crate) traces: Vec<Arc<RecentTrace>>,
    /// The [`Filter::before`] that goes on from here, if there is more.
    pub(crate) next_before: Option<u64>,
}

/// Traces decided lately.
pub(crate) struct LiveView {
    traces: DashMap<TraceId, Entry>,
    /// Taken by workers alone, once per decision: readers need only the map.
    ring: Mutex<Ring>,
    traces_max: usize,
    bytes_max: usize,
}

struct Entry {
    sequence: u64,
    footprint: usize,
    trace: Arc<RecentTrace>,
}

/// What was recorded, oldest first. An entry whose trace was recorded again is stale: its
/// sequence number is no longer the map's.
#[derive(Default)]
struct Ring {
    recorded: VecDeque<(u64, TraceId)>,
    bytes: usize,
    next_sequence: u64,
}

impl LiveView {
    /// A view of at most `traces_max` traces and `bytes_max` bytes; with either at 0 it stays
    /// empty.
    pub(crate) fn new(traces_max: usize, bytes_max: usize) -> Self {
        Self { traces: DashMap::new(), ring: Mutex::default(), traces_max, bytes_max }
    }

    /// Shows a decided trace, in place of an earlier record of the same trace.
    ///
    /// An export of more than an eighth of the view's bytes is not held: the trace is shown
    /// without its spans.
    pub(crate) fn record(&self, mut trace: RecentTrace) {
        if self.traces_max == 0 {
            return;
        }
        let export_max = self.bytes_max / EXPORT_SHARE;
        trace.export = trace.export.filter(|export| export.capacity() <= export_max);
        let footprint = footprint(&trace);
        if footprint > self.bytes_max {
            return;
        }
        let trace_id = trace.trace_id;
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = ring.next_sequence;
        ring.next_sequence += 1;
        ring.recorded.push_back((sequence, trace_id));
        ring.bytes += footprint;
        let entry = Entry { sequence, footprint, trace: Arc::new(trace) };
        if let Some(earlier) = self.traces.insert(trace_id, entry) {
            ring.bytes -= earlier.footprint;
        }
        while ring.recorded.len() > self.traces_max || ring.bytes > self.bytes_max {
            let Some((sequence, trace_id)) = ring.recorded.pop_front() else { break };
            let oldest = self.traces.remove_if(&trace_id, |_, entry| entry.sequence == sequence);
            if let Some((_, oldest)) = oldest {
                ring.bytes -= oldest.footprint;
            }
        }
    }

    /// At most `limit` traces that pass the filter, newest first.
    pub(crate) fn list(&self, filter: &Filter, limit: usize) -> Page {
        let mut found: Vec<_> = self
            .traces
            .iter()
            .filter(|entry| filter.passes(entry))
            .map(|entry| (entry.sequence, Arc::clone(&entry.trace)))
            .collect();
        found.sort_unstable_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
        let more = found.len() > limit;
        found.truncate(limit);
        let next_before = found.last().filter(|_| more).map(|(sequence, _)| *sequence);
        Page { traces: found.into_iter().map(|(_, trace)| trace).collect(), next_before }
    }

    /// The trace, if it was decided lately.
    pub(crate) fn get(&self, trace_id: TraceId) -> Option<Arc<RecentTrace>> {
        self.traces.get(&trace_id).map(|entry| Arc::clone(&entry.trace))
    }
}

impl Filter {
    fn passes(&self, entry: &Entry) -> bool {
        let trace = &entry.trace;
        self.before.is_none_or(|before| entry.sequence < before)
            && self.verdict.is_none_or(|verdict| trace.verdict == verdict)
            && self.close_reason.is_none_or(|reason| trace.close_reason == reason)
            && self.policy.as_deref().is_none_or(|name| trace.policy.as_deref() == Some(name))
    }
}

/// What a trace costs the view: the entry in map and ring, the votes, the export. Policy names
/// are shared.
fn footprint(trace: &RecentTrace) -> usize {
    const FIXED: usize = size_of::<RecentTrace>() + size_of::<(TraceId, Entry)>() * 2 + 64;
    FIXED
        + trace.votes.capacity() * size_of::<(Arc<str>, Vote)>()
        + trace.export.as_ref().map_or(0, |export| export.capacity())
}

//! Writes down what happens, and shows it to the checkers.

use tailsift_fixture::spans as raw_spans;
use tailsift_otlp::read_spans;
use tailsift_sampler::{Judged, Part, Shard};
use tailsift_trace::TraceId;

use crate::broker::Broker;
use crate::checker::{Checkers, View};
use crate::event::{CutPart, Event, Judgement, Violation, What};
use crate::input::{BEGIN, Input};
use crate::plan::Plan;

pub(crate) struct Witness {
    pub(crate) plan: Plan,
    pub(crate) events: Vec<Event>,
    pub(crate) checkers: Checkers,
}

impl Witness {
    pub(crate) fn new(plan: Plan, input: &Input) -> Self {
        let checkers = Checkers::new(&plan, input);
        Self { plan, events: Vec::new(), checkers }
    }

    /// Something happened to a worker, and these traces were judged because of it.
    pub(crate) fn see(
        &mut self,
        worker: usize,
        what: What,
        judged: Vec<Judgement>,
        shard: &mut Shard,
        broker: &Broker,
    ) -> Result<(), Violation> {
        let view = View {
            worker,
            gauges: shard.gauges(),
            progress: shard.progress().collect(),
            stats: shard.stats(),
            plan: &self.plan,
            broker,
        };
        let time = broker.wall - BEGIN;
        self.events.push(Event { time, worker, what });
        let first = self.events.len();
        let judged = judged.into_iter().map(|one| Event { time, worker, what: What::Judged(one) });
        self.events.extend(judged);
        self.checkers.see(&self.events[first - 1..], &view)
    }

    /// Something happened around the workers.
    pub(crate) fn note(&mut self, worker: usize, what: What, broker: &Broker) {
        if what == What::Crashed {
            self.checkers.crashed(worker);
        }
        self.events.push(Event { time: broker.wall - BEGIN, worker, what });
    }

    /// An epoch's parts in the words of the log.
    pub(crate) fn parts<'a>(
        &self,
        parts: impl IntoIterator<Item = &'a Part>,
        input: &Input,
    ) -> Result<Vec<CutPart>, Violation> {
        let told = |part: &Part| {
            let mut exports = Vec::new();
            for export in &part.exports {
                let trace = known(export.trace_id, input)?;
                let spans = identify(export.trace_id, &export.payload, input)?;
                exports.push((trace, spans, export.late));
            }
            exports.sort();
            Ok(CutPart {
                partition: part.partition,
                commit_offset: part.commit_offset,
                next_offset: part.next_offset,
                commit_stream_time: part.commit_stream_time,
                exports,
                dead_letters: part.dead_letters.iter().map(|letter| letter.offset).collect(),
            })
        };
        parts.into_iter().map(told).collect()
    }

    /// A judged trace in the words of the log.
    pub(crate) fn judgement(&self, judged: &Judged, input: &Input) -> Result<Judgement, Violation> {
        let payload = judged.payload.as_ref();
        Ok(Judgement {
            partition: judged.partition,
            trace: known(judged.trace_id, input)?,
            verdict: judged.decision.verdict,
            policy: judged.decision.policy,
            reason: judged.decision.close_reason,
            count: judged.spans,
            spans: payload.map(|bytes| identify(judged.trace_id, bytes, input)).transpose()?,
            at: judged.time,
        })
    }
}

fn known(id: TraceId, input: &Input) -> Result<usize, Violation> {
    input.trace(id).ok_or_else(|| intact(format!("trace {id} is not in the input")))
}

/// The spans of a payload, sorted: each must be one of the trace's, byte for byte, under its own
/// resource and scope.
pub(crate) fn identify(
    id: TraceId,
    payload: &[u8],
    input: &Input,
) -> Result<Vec<usize>, Violation> {
    let raw = raw_spans(payload).map_err(|error| intact(format!("an export: {error}")))?;
    let read = read_spans(payload).map_err(|error| intact(format!("an export: {error}")))?;
    let mut places = Vec::new();
    for (raw, read) in raw.iter().zip(&read) {
        let place = read.span_id.and_then(|id| input.span(id));
        let place = place.ok_or_else(|| intact(format!("a span of {id} is not in the input")))?;
        let span = &input.spans[place];
        if span.trace_id != id || raw.bytes != span.encoded {
            return Err(intact(format!("span {place} is exported under {id} or with other bytes")));
        }
        if read.service != span.service || read.scope != span.scope() {
            let (service, scope) = (&read.service, &read.scope);
            return Err(intact(format!("span {place} is exported under {service}, {scope}")));
        }
        places.push(place);
    }
    places.sort_unstable();
    Ok(places)
}

fn intact(text: String) -> Violation {
    Violation { invariant: "intact", text }
}

//! Writes down what happens, and shows it to the checkers.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_fixture::spans as raw_spans;
use tailsift_otlp::read_spans;
use tailsift_policy::Verdict;
use tailsift_sampler::{Entry, Judged, Part, Restored, Sources, TurnedTrace};
use tailsift_trace::TraceId;

use crate::broker::{Broker, News, Offset, Topic, Value};
use crate::checker::{Checkers, Commitment, View};
use crate::event::{CutEntry, CutPart, Event, Judgement, Known, Taken, Turning, Violation, What};
use crate::fault::Mutation;
use crate::input::{BEGIN, Input};
use crate::plan::{Delivery, Plan};
use crate::worker::Worker;

pub(crate) struct Witness {
    pub(crate) plan: Plan,
    pub(crate) events: Vec<Event>,
    pub(crate) checkers: Checkers,
    /// Workers and partitions that are taken up from the log alone.
    pub(crate) from_log: BTreeSet<(usize, i32)>,
    /// Each worker's last cut.
    cuts: BTreeMap<usize, Vec<CutPart>>,
    tokens: u64,
    news_heard: usize,
}

impl Witness {
    pub(crate) fn new(plan: Plan, input: &Input, mutation: Option<Mutation>) -> Self {
        let compares_cuts = mutation.is_none_or(Mutation::compares_cuts);
        let checkers = Checkers::new(&plan, input, compares_cuts);
        Self {
            plan,
            events: Vec::new(),
            checkers,
            from_log: BTreeSet::new(),
            cuts: BTreeMap::new(),
            tokens: 0,
            news_heard: 0,
        }
    }

    /// A number that no other assignment has.
    pub(crate) fn next_token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// Something happened to a worker, and these traces were judged or turned because of it.
    pub(crate) fn see(
        &mut self,
        worker: &mut Worker,
        what: What,
        came_of_it: Vec<What>,
        broker: &Broker,
    ) -> Result<(), Violation> {
        self.hear(broker)?;
        if let What::Cut(parts) = &what {
            self.cuts.insert(worker.id, parts.clone());
        }
        let view = View {
            worker: worker.id,
            gauges: worker.shard.gauges(),
            progress: worker.shard.progress().collect(),
            stats: worker.shard.stats(),
            limits: &worker.settings.told,
            all_policies: worker.settings.all_policies,
            plan: &self.plan,
            broker,
        };
        let (time, worker) = (broker.wall - BEGIN, worker.id);
        self.events.push(Event { time, worker, what });
        let first = self.events.len();
        self.events.extend(came_of_it.into_iter().map(|what| Event { time, worker, what }));
        self.checkers.see(&self.events[first - 1..], &view)
    }

    /// Something happened around the workers.
    pub(crate) fn note(&mut self, worker: usize, what: What, broker: &Broker) {
        if what == What::Crashed {
            self.checkers.crashed(worker);
        }
        self.events.push(Event { time: broker.wall - BEGIN, worker, what });
    }

    /// What became of transactions meanwhile.
    pub(crate) fn hear(&mut self, broker: &Broker) -> Result<(), Violation> {
        while let Some(news) = broker.news.get(self.news_heard) {
            self.news_heard += 1;
            match news {
                News::Accepted(accepted) => self.checkers.accepted(accepted)?,
                News::Committed(place) => self.committed(*place, broker)?,
                News::Aborted(place) => {
                    let what = What::Aborted { timed_out: false };
                    self.note(broker.transactions[*place].worker, what, broker);
                }
                News::TimedOut(place) => {
                    let what = What::Aborted { timed_out: true };
                    self.note(broker.transactions[*place].worker, what, broker);
                }
                News::Marked(place, topic) => {
                    let what = What::Marked(name(*topic));
                    self.note(broker.transactions[*place].worker, what, broker);
                }
                News::Written { worker, topic, offset, is_stray } => {
                    self.note(*worker, What::Written(name(*topic), *offset), broker);
                    if let Some(value) = broker.logs[topic].at(*offset) {
                        let by = (*worker, *is_stray);
                        self.checkers.written(by, value, &self.plan, broker)?;
                    }
                }
                News::Plain(worker, offsets) => self.committed_plainly(*worker, offsets, broker)?,
            }
        }
        Ok(())
    }

    fn committed(&mut self, place: usize, broker: &Broker) -> Result<(), Violation> {
        let transaction = &broker.transactions[place];
        let offsets: &BTreeMap<i32, Offset> = &transaction.offsets;
        let mut commitment = Commitment {
            worker: transaction.worker,
            offsets,
            batches: Vec::new(),
            exports: Vec::new(),
            letters: Vec::new(),
        };
        for (topic, offset) in &transaction.records {
            match broker.logs[topic].at(*offset) {
                Some(Value::Export { key, value }) => commitment.exports.push((*key, value)),
                Some(Value::Letter { partition, offset }) => {
                    commitment.letters.push((*partition, *offset));
                }
                Some(Value::Batch(batch)) => commitment.batches.push(batch),
                None => {}
            }
        }
        let claimed = self.claimed(transaction.worker, offsets);
        self.note(transaction.worker, What::Committed(claimed.clone()), broker);
        self.checkers.committed(&commitment, &claimed, &self.plan, broker)
    }

    fn committed_plainly(
        &mut self,
        worker: usize,
        offsets: &BTreeMap<i32, Offset>,
        broker: &Broker,
    ) -> Result<(), Violation> {
        if self.plan.delivery == Delivery::ExactlyOnce {
            return self.checkers.beside(offsets, broker);
        }
        let claimed = self.claimed(worker, offsets);
        self.note(worker, What::Committed(claimed.clone()), broker);
        self.checkers.committed_plainly(worker, offsets, &claimed, broker)
    }

    /// What a worker cut last of these partitions.
    fn claimed(&self, worker: usize, offsets: &BTreeMap<i32, Offset>) -> Vec<CutPart> {
        let cut = self.cuts.get(&worker).map_or(&[][..], Vec::as_slice);
        cut.iter().filter(|part| offsets.contains_key(&part.partition)).cloned().collect()
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
            let entries = part
                .entries
                .iter()
                .map(|entry| Ok(CutEntry { known: known_of(entry, input)?, kind: entry.kind }));
            let mut entries = entries.collect::<Result<Vec<_>, Violation>>()?;
            entries.sort_by_key(|entry| entry.known.trace);
            Ok(CutPart {
                partition: part.partition,
                commit_offset: part.commit_offset,
                next_offset: part.next_offset,
                commit_stream_time: part.commit_stream_time,
                next_stream_time: part.next_stream_time,
                sequence: part.checkpoint.sequence,
                has_batch: part.has_batch,
                entries,
                exports,
                dead_letters: part.dead_letters.iter().map(|letter| letter.offset).collect(),
            })
        };
        parts.into_iter().map(told).collect()
    }

    /// What is taken up, in the words of the log: of each trace the newest entry that is of use.
    pub(crate) fn taken(
        &self,
        (worker, partition, token): (usize, i32, u64),
        restored: &Restored,
        input: &Input,
    ) -> Result<Taken, Violation> {
        let is_live = |known: &Known| {
            let is_remembered = restored.read_stream_time.is_none_or(|now| known.expiry > now);
            is_remembered || known.through > restored.offset
        };
        let mut newest: BTreeMap<usize, (u64, Known)> = BTreeMap::new();
        for one in &restored.decisions {
            let known = known_of(&one.entry, input)?;
            let trace = known.trace;
            let is_newest =
                newest.get(&trace).is_none_or(|(sequence, _)| *sequence <= one.sequence);
            if is_newest && is_live(&known) {
                newest.insert(trace, (one.sequence, known));
            }
        }
        Ok(Taken {
            partition,
            token,
            offset: restored.offset,
            stream_time: restored.stream_time,
            read_to: restored.read_to,
            read_stream_time: restored.read_stream_time,
            sequence: restored.checkpoint.sequence,
            from_log: self.from_log.contains(&(worker, partition)),
            known: newest.into_values().map(|(_, known)| known).collect(),
        })
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

    /// A turned trace in the words of the log.
    pub(crate) fn turning(
        &self,
        turned: &TurnedTrace,
        input: &Input,
    ) -> Result<Turning, Violation> {
        Ok(Turning {
            partition: turned.partition,
            trace: known(turned.trace_id, input)?,
            trigger: turned.trigger,
            spans: identify(turned.trace_id, &turned.payload, input)?,
            count: turned.spans,
            missing: turned.missing.clone(),
            partial: turned.turned.partial,
            at: turned.time,
        })
    }
}

fn name(topic: Topic) -> String {
    match topic {
        Topic::Exports(partition) => format!("exports {partition}"),
        Topic::Decisions(partition) => format!("decisions {partition}"),
        Topic::Letters => "dead letters".to_owned(),
        Topic::Offsets => "offsets".to_owned(),
    }
}

fn known_of(entry: &Entry, input: &Input) -> Result<Known, Violation> {
    Ok(Known {
        trace: known(entry.trace_id, input)?,
        verdict: entry.decision.verdict,
        through: entry.through,
        expiry: entry.expiry,
        sources: entry
            .sources
            .as_ref()
            .filter(|_| entry.facts.is_some() && entry.decision.verdict == Verdict::Drop)
            .map(|sources| sources.offsets().collect()),
        may_turn: entry.may_turn,
        missing: entry.missing.iter().flat_map(Sources::offsets).collect(),
        missing_below: entry.turned.and_then(|turned| turned.missing_below),
    })
}

pub(crate) fn known(id: TraceId, input: &Input) -> Result<usize, Violation> {
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

//! The input topic of a world, all of it, made before anything runs.

use std::collections::BTreeMap;

use tailsift_trace::{Millis, SpanId, TraceId};

use crate::encode;
use crate::plan::{Plan, UNSURE_BELOW, WARM_UP};
use crate::random::Random;

/// When every world begins, ms since the Unix epoch.
pub(crate) const BEGIN: Millis = Millis(1_700_000_000_000);

/// A span of the input; a span that a producer wrote twice is one span.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) trace: usize,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) kind: u64,
    pub(crate) name: &'static str,
    pub(crate) service: &'static str,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) error: bool,
    pub(crate) confidence: Option<f64>,
    /// Its `Span` message.
    pub(crate) encoded: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: TraceId,
    pub(crate) partition: i32,
    /// Places in [`Input::spans`].
    pub(crate) spans: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// When it can be read.
    pub(crate) appended: Millis,
    pub(crate) offset: i64,
    pub(crate) time: Option<Millis>,
    pub(crate) value: Vec<u8>,
    /// Places in [`Input::spans`]; none if nobody can read it.
    pub(crate) spans: Option<Vec<usize>>,
}

/// All that is ever written to the input topic.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) spans: Vec<Span>,
    pub(crate) traces: Vec<Trace>,
    /// By partition, in the order of offsets.
    pub(crate) logs: Vec<Vec<Record>>,
    by_trace_id: BTreeMap<TraceId, usize>,
    by_span_id: BTreeMap<SpanId, usize>,
}

/// A record before it has an offset.
#[derive(Debug, Clone)]
struct Sent {
    appended: Millis,
    time: Millis,
    spans: Vec<usize>,
}

impl Input {
    pub(crate) fn new(plan: &Plan, random: &mut Random) -> Self {
        let mut input = Self {
            spans: Vec::new(),
            traces: Vec::new(),
            logs: Vec::new(),
            by_trace_id: BTreeMap::new(),
            by_span_id: BTreeMap::new(),
        };
        let mut sent: Vec<Vec<Sent>> = vec![Vec::new(); plan.partitions as usize];
        let quiet: Vec<bool> = sent.iter().map(|_| random.chance(250)).collect();
        for trace in 0..plan.traces {
            let partition = random.below(sent.len());
            // A partition that falls silent is what idle proofs are for.
            let horizon = if quiet[partition] { plan.horizon.0 / 4 } else { plan.horizon.0 };
            let begin = BEGIN + Millis(random.between(0, horizon));
            let id = trace_id(trace, random);
            input.by_trace_id.insert(id, trace);
            input.traces.push(Trace { id, partition: partition as i32, spans: Vec::new() });
            input.add_spans(plan, trace, begin, &mut sent[partition], random);
        }
        for records in sent {
            input.logs.push(log(plan, &input.spans, records, random));
        }
        input
    }

    /// The place of a trace, if it is one of the input's.
    pub(crate) fn trace(&self, id: TraceId) -> Option<usize> {
        self.by_trace_id.get(&id).copied()
    }

    /// The place of a span, if it is one of the input's.
    pub(crate) fn span(&self, id: SpanId) -> Option<usize> {
        self.by_span_id.get(&id).copied()
    }

    /// When the last record can be read.
    pub(crate) fn ends(&self) -> Millis {
        self.logs.iter().flatten().map(|record| record.appended).max().unwrap_or(BEGIN)
    }

    fn add_spans(
        &mut self,
        plan: &Plan,
        trace: usize,
        begin: Millis,
        sent: &mut Vec<Sent>,
        random: &mut Random,
    ) {
        let (error, slow, unsure) = (random.chance(120), random.chance(120), random.chance(120));
        let count = random.between(1, 8) as usize;
        let odd = random.below(count);
        let root = self.spans.len() as u64 + 1;
        // Drawn apart, so that nothing else shifts.
        let apart = plan.seed ^ 0x7761_726d_0000 ^ trace as u64;
        let warms_up = plan.vetoes && Random::new(apart).chance(200);
        let mut emitted = begin;
        for index in 0..count {
            let (name, service) = random.pick(&[
                ("predict", "model-server"),
                ("Feature Extraction", "features"),
                ("recommend", "recommender"),
            ]);
            let start_ns = (begin.0 as u64) * 1_000_000 + random.below(40_000_000) as u64;
            let long = if slow && index == odd { 900_000_000 } else { 0 };
            let sure = if unsure { UNSURE_BELOW - 0.25 } else { UNSURE_BELOW };
            let confidence = (name == "predict" || unsure && index == odd).then_some(sure);
            let name = if warms_up && index == odd { WARM_UP } else { name };
            let mut span = Span {
                trace,
                trace_id: self.traces[trace].id,
                span_id: SpanId((self.spans.len() as u64 + 1).to_be_bytes()),
                parent: (index > 0).then(|| SpanId(parent_of(root, index).to_be_bytes())),
                kind: kind_of(index),
                name,
                service,
                start_ns,
                end_ns: start_ns + random.below(30_000_000) as u64 + long,
                error: error && index == odd,
                confidence,
                encoded: Vec::new(),
            };
            span.encoded = encode::span(&span, random.below(plan.padding_max + 1));
            let late = index > 0 && random.chance(plan.faults.late);
            emitted = emitted + Millis(random.between(0, 1200));
            let behind =
                if late { plan.limits.decision_wait.0 + random.between(0, 40_000) } else { 0 };
            let time = emitted + Millis(behind);
            let place = self.spans.len();
            self.by_span_id.insert(span.span_id, place);
            self.traces[trace].spans.push(place);
            self.spans.push(span);
            let appended = time + Millis(random.between(0, 1500));
            let one = Sent { appended, time, spans: vec![place] };
            if random.chance(plan.faults.duplicate) {
                let again = Millis(random.pick(&[0, 1000, 5000]));
                sent.push(Sent { appended: appended + again, ..one.clone() });
            }
            sent.push(one);
        }
    }
}

impl Span {
    pub(crate) fn scope(&self) -> &'static str {
        match self.service {
            "model-server" => "ml",
            _ => "web",
        }
    }
}

/// Every other span is a call of the root's, and the next one answers it, all but the last.
fn parent_of(root: u64, index: usize) -> u64 {
    match index % 3 {
        2 => root + index as u64 - 1,
        _ => root,
    }
}

/// OTLP's: 3 is a call, 2 what answers.
fn kind_of(index: usize) -> u64 {
    if index % 3 == 1 { 3 } else { 2 }
}

fn trace_id(trace: usize, random: &mut Random) -> TraceId {
    let high = u128::from(random.next()) << 64;
    TraceId((high | u128::from(random.next()) << 16 | trace as u128).to_be_bytes())
}

/// Puts records in the order in which they are appended; some become one, some are odd.
fn log(plan: &Plan, spans: &[Span], mut sent: Vec<Sent>, random: &mut Random) -> Vec<Record> {
    sent.sort_by_key(|record| record.appended);
    let mut merged: Vec<Sent> = Vec::new();
    for record in sent {
        match merged.last_mut() {
            Some(last) if (record.appended - last.appended).0 < 300 && random.chance(350) => {
                last.appended = record.appended;
                last.spans.extend(record.spans);
            }
            Some(_) | None => merged.push(record),
        }
    }
    let mut offset = random.between(0, 1000);
    let mut log = Vec::new();
    for record in merged {
        let faults = &plan.faults;
        let time = if random.chance(faults.unstamped) {
            None
        } else if random.chance(faults.future) {
            Some(record.appended + Millis(random.pick(&[30_000, 3_600_000, 864_000_000])))
        } else {
            Some(record.time)
        };
        if random.chance(faults.poison) {
            let value = vec![0x0a, 0x7f, 0x01];
            log.push(Record { appended: record.appended, offset, time, value, spans: None });
            offset += 1;
        }
        let value = encode::request(record.spans.iter().map(|place| &spans[*place]));
        let spans = Some(record.spans);
        log.push(Record { appended: record.appended, offset, time, value, spans });
        offset += 1;
        if random.chance(faults.gap) {
            offset += random.between(1, 3);
        }
    }
    log
}

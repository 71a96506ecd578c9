//! Kept spans stand for all: from what is exported, the totals of the input are estimated as any
//! reader of OpenTelemetry's `ot=th` would, and held against the truth.

use std::collections::{BTreeMap, VecDeque};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tailsift_otlp::Scanner;
use tailsift_policy::{Policy, PolicySet, Semantics};
use tailsift_sampler::{Limits, RecordAt, Restored, Shard};
use tailsift_trace::Millis;

use super::*;
use crate::worker::Fit;

mod kinds;

/// Randomness is below this.
const FULL: u64 = 1 << 56;

/// How far an estimate may be from the truth, in standard deviations of the sampling: one run of
/// a million is farther. The seeds are fixed, so that a run that passes passes again.
const SIGMAS: f64 = 5.0;

/// The fewest kept traces of a route that an estimate is made from.
const KEPT_MIN: usize = 100;

const PARTITIONS: i32 = 4;

/// What comes in.
#[derive(Clone, Copy)]
struct Load {
    seed: u64,
    traces: u64,
    /// So many of 2^56 traces an earlier sampler has rejected, and says so.
    head: u64,
    /// Bits of their own (`ot=rv`) decide, not those of the trace ID.
    has_rv: bool,
}

const LOAD: Load = Load { seed: 7, traces: 12_000, head: 0, has_rv: false };

/// Routes, and of 1000 traces how many each has.
const ROUTES: [(&str, u64); 4] = [("/busy", 800), ("/usual", 180), ("/seldom", 18), ("/rare", 2)];

/// Traces a second over all partitions.
const RATE: u64 = 100;

/// Of one trace, or the sum of many.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
struct Sums {
    traces: f64,
    spans: f64,
    tokens: f64,
}

/// A name, and what it is of a trace.
type Measure = (&'static str, fn(&Sums) -> f64);

/// What is estimated.
const MEASURES: [Measure; 3] =
    [("traces", |sums| sums.traces), ("spans", |sums| sums.spans), ("tokens", |sums| sums.tokens)];

/// What is counted, by route.
type Totals = BTreeMap<String, Sums>;

/// What was exported of a trace.
#[derive(Default)]
struct Kept {
    route: String,
    sums: Sums,
    /// `th` of its spans, the same on all of them.
    threshold: Option<u64>,
}

struct Seen {
    truth: Totals,
    kept: BTreeMap<Vec<u8>, Kept>,
    counts: ThresholdCounts,
}

/// Steele, Lea and Flood's splitmix64: the tests need numbers that look like chance.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// A trace as its services made it.
struct Made {
    spans: Vec<Span>,
    route: &'static str,
    tokens: u64,
    /// The earlier sampler has let it pass.
    comes: bool,
}

/// A root and up to three steps.
fn make(load: &Load, random: &mut Random) -> Made {
    let low = random.next();
    let trace_id = [random.next().to_be_bytes(), low.to_be_bytes()].concat();
    let randomness = if load.has_rv { random.next() } else { low } % FULL;
    let draw = random.next() % 1000;
    let mut below = 0;
    let found = ROUTES.iter().find(|(_, share)| {
        below += share;
        draw < below
    });
    let route = found.map_or("", |(route, _)| *route);
    let (tokens, steps, fails) =
        (random.next() % 500, random.next() % 4, random.next().is_multiple_of(50));
    let mut fields = Vec::new();
    if load.head > 0 {
        fields.push(format!("th:{}", Threshold(load.head)));
    }
    if load.has_rv {
        fields.push(format!("rv:{randomness:014x}"));
    }
    let ot = if fields.is_empty() { String::new() } else { format!(",ot={}", fields.join(";")) };
    let span = |number: u64| Span {
        trace_id: trace_id.clone(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        parent_span_id: if number == 0 { Vec::new() } else { 1_u64.to_be_bytes().to_vec() },
        trace_state: format!("a=1{ot}"),
        start_time_unix_nano: 1_000_000,
        end_time_unix_nano: 2_000_000,
        status: fails.then(|| Status { code: 2, ..Status::default() }),
        attributes: vec![
            attribute("http.route", Value::StringValue(route.into())),
            attribute("tokens", Value::IntValue(if number == 0 { tokens as i64 } else { 0 })),
        ],
        ..Span::default()
    };
    Made { spans: (0..=steps).map(span).collect(), route, tokens, comes: randomness >= load.head }
}

/// What a load goes through.
struct Path {
    scanner: Scanner,
    shard: Shard,
    offsets: [i64; PARTITIONS as usize],
    kept: BTreeMap<Vec<u8>, Kept>,
    counts: ThresholdCounts,
}

impl Path {
    fn new(policies: Vec<Policy>, semantics: Semantics) -> Self {
        let policies = Arc::new(PolicySet::compile(policies, semantics).unwrap());
        let limits = Limits {
            decision_wait: Millis(1000),
            input_partitions: PARTITIONS as u32,
            ..Limits::default()
        };
        let scanner = Scanner::new(policies.interest().clone());
        let mut shard = Shard::new(policies, limits);
        (0..PARTITIONS).for_each(|partition| shard.handle_assigned(partition, Restored::default()));
        let counts = ThresholdCounts::default();
        Self { scanner, shard, offsets: [0; PARTITIONS as usize], kept: BTreeMap::new(), counts }
    }

    fn feed(&mut self, partition: usize, time: i64, spans: Vec<Span>) {
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let payload = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let batch = self.scanner.scan(&payload).unwrap();
        let at = RecordAt {
            partition: partition as i32,
            offset: self.offsets[partition],
            time: Some(Millis(time)),
            wall_now: Millis(i64::MAX / 4),
            headers: b"",
            bytes: payload.len(),
        };
        self.shard.handle_record(&at, &batch);
        self.offsets[partition] += 1;
        self.scanner.recycle(batch);
    }

    fn export(&mut self) {
        let Some(mut epoch) = self.shard.poll_epoch() else { return };
        self.counts += write_thresholds(&mut epoch);
        let fit = Fit { max_message_bytes: 1_000_000, keeps_dead_letters: false, redactor: None };
        fit.fit(&mut epoch);
        for export in epoch.parts.iter().flat_map(|part| &part.exports) {
            read(&export.payload, &mut self.kept);
        }
        for part in &mut epoch.parts {
            part.batch_offset = part.has_batch.then_some(part.checkpoint.sequence as i64);
        }
        self.shard.handle_committed(&epoch);
    }
}

/// As a reader downstream: knows protobuf and the specification, and nothing of the product.
fn read(payload: &[u8], kept: &mut BTreeMap<Vec<u8>, Kept>) {
    let request = ExportTraceServiceRequest::decode(payload).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    for span in scopes.flat_map(|scope| scope.spans) {
        let ot = span.trace_state.split(',').find_map(|member| member.strip_prefix("ot="));
        let threshold = ot.and_then(|ot| ot.split(';').find_map(|field| field.strip_prefix("th:")));
        let threshold =
            threshold.map(|digits| u64::from_str_radix(&format!("{digits:0<14}"), 16).unwrap());
        let of = |key: &str| {
            let found = span.attributes.iter().find(|attribute| attribute.key == key);
            found.and_then(|found| found.value.clone()?.value)
        };
        let Some(Value::StringValue(route)) = of("http.route") else { panic!("a route") };
        let Some(Value::IntValue(tokens)) = of("tokens") else { panic!("tokens") };
        assert!(span.trace_state.ends_with("a=1") || span.trace_state.contains("a=1,"));
        let is_new = !kept.contains_key(&span.trace_id);
        let trace = kept.entry(span.trace_id).or_default();
        assert!(is_new || trace.threshold == threshold, "a trace's spans, late ones too, agree");
        (trace.route, trace.threshold) = (route, threshold);
        trace.sums.traces = 1.0;
        trace.sums.spans += 1.0;
        trace.sums.tokens += tokens as f64;
    }
}

/// Lets a load through scanner, shard, thresholds and fit, as `run` does.
fn run(policies: Vec<Policy>, semantics: Semantics, load: &Load) -> Seen {
    let mut path = Path::new(policies, semantics);
    let mut random = Random(load.seed);
    let mut truth = Totals::new();
    let mut late = VecDeque::new();
    for number in 0..load.traces {
        let time = (number * 1000 / RATE) as i64;
        let partition = number as usize % PARTITIONS as usize;
        let Made { mut spans, route, tokens, comes } = make(load, &mut random);
        let sum = truth.entry(route.to_owned()).or_default();
        sum.traces += 1.0;
        sum.spans += spans.len() as f64;
        sum.tokens += tokens as f64;
        if comes {
            if spans.len() > 3 {
                late.extend(spans.pop().map(|span| (partition, time + 3000, span)));
            }
            path.feed(partition, time, spans);
        }
        while late.front().is_some_and(|(_, at, _)| *at <= time) {
            let next = late.pop_front();
            next.into_iter()
                .for_each(|(partition, _, span)| path.feed(partition, time, vec![span]));
        }
        if number % 100 == 99 {
            path.export();
        }
    }
    path.shard.handle_drain();
    for (partition, at, span) in late {
        path.feed(partition, at, vec![span]);
    }
    path.export();
    Seen { truth, kept: path.kept, counts: path.counts }
}

impl Seen {
    /// Every total, by route and over all, estimated from what was kept. The bound is
    /// [`SIGMAS`] standard deviations; a kept trace of probability p stands for 1/p and adds
    /// (1 − p)/p² to the variance (Horvitz and Thompson 1952).
    #[track_caller]
    fn check_totals(&self) {
        let routes = ROUTES.iter().map(|(route, _)| Some(*route)).chain([None]);
        for route in routes {
            let is_in = |other: &str| route.is_none_or(|route| route == other);
            // Of fewer the variance cannot be told: the unlikeliest may all be missing.
            if self.kept.values().filter(|kept| is_in(&kept.route)).count() < KEPT_MIN {
                assert!(route.is_some_and(|route| route != "/busy"));
                continue;
            }
            for (what, of) in MEASURES {
                let truth: f64 = self
                    .truth
                    .iter()
                    .filter(|(route, _)| is_in(route))
                    .map(|(_, sums)| of(sums))
                    .sum();
                let (mut estimate, mut variance) = (0.0, 0.0);
                for kept in self.kept.values().filter(|kept| is_in(&kept.route)) {
                    let share = 1.0 - kept.threshold.unwrap_or(0) as f64 / FULL as f64;
                    estimate += of(&kept.sums) / share;
                    variance += of(&kept.sums).powi(2) * (1.0 - share) / share.powi(2);
                }
                let bound = SIGMAS * variance.sqrt() + 1e-6 * truth;
                let place = route.unwrap_or("all");
                assert!(truth > 0.0, "{place}: a load without {what} shows nothing");
                let off = (estimate - truth).abs();
                assert!(
                    off <= bound,
                    "{what} of {place}: {estimate} for {truth}, may be off by {bound}"
                );
                // A bound that allows everything would show nothing.
                if route.is_none() {
                    assert!(bound < 0.25 * truth, "{what} of {place}: {bound} of {truth}");
                }
            }
        }
    }

    fn thresholds(&self) -> impl Iterator<Item = Option<u64>> {
        self.kept.values().map(|kept| kept.threshold)
    }
}

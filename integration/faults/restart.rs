//! How long a process with many remembered verdicts takes to be ready again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tailsift_fixture::{eventually, reference};
use tailsift_trace::TraceId;

use crate::form::Form;
use crate::http::Surface;
use crate::life::{Life, Watched};
use crate::rig::{HOLDING, Logged, PATIENCE, Plan, Record, Rig, UNTIL_IDLE};
use crate::stage::{Outcome, clocks};

/// A restart may take so long beyond what the broker takes; told, never asserted.
const ACCEPTED: Duration = Duration::from_secs(3);
/// Ten minutes of 1 000 traces a second.
const LONG_TRACES: u32 = 600_000;
const SHORT_TRACES: u32 = 20_000;
/// Traces of one span each that share a record.
const RECORD_TRACES: u32 = 200;
/// One in so many has an error.
const FAILED_IN: u32 = 100;
/// One name, told to stay: a restart moves nothing.
const SETTINGS: &[&str] = &["--set", "instance=one", "--set", "decisions.remember=2h"];

/// Records of tiny traces, stamped over the ten minutes that ended just now.
fn records(traces: u32, partitions: u32, end_ms: i64) -> Vec<Record> {
    let count = traces / RECORD_TRACES;
    let record = |number: u32| {
        let of = |place: u32| tiny(number * RECORD_TRACES + place);
        let scope_spans = vec![ScopeSpans {
            spans: (0..RECORD_TRACES).map(of).collect(),
            ..ScopeSpans::default()
        }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let back_ms = i64::from(count - number) * 600_000 / i64::from(count);
        Record {
            key: None,
            value: Some(ExportTraceServiceRequest { resource_spans }.encode_to_vec()),
            partition: (number % partitions) as i32,
            timestamp_ms: end_ms - back_ms,
            headers: Vec::new(),
        }
    };
    (0..count).map(record).collect()
}

fn tiny(number: u32) -> Span {
    let mut trace_id = [0; 16];
    trace_id[..4].copy_from_slice(&(number + 1).to_be_bytes());
    trace_id[8..12].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    let code = if number.is_multiple_of(FAILED_IN) { 2 } else { 0 };
    Span {
        trace_id: trace_id.to_vec(),
        span_id: vec![1; 8],
        status: Some(Status { code, ..Status::default() }),
        ..Span::default()
    }
}

pub(crate) fn readiness(form: &Form) -> anyhow::Result<Outcome> {
    let traces = if form.is_long { LONG_TRACES } else { SHORT_TRACES };
    let rig = Rig::new(Plan { decision_wait: Duration::from_secs(1), ..Plan::default() })?;
    let mut records = records(traces, rig.plan.partitions, rig.end_ms());
    rig.produce(&records)?;
    let mut watched = Watched::default();
    watched.add(Life::run(&rig, &[UNTIL_IDLE, SETTINGS])?.finished()?.1);

    // One more record waits for the process that starts now.
    let mut last = clocks(rig.plan.partitions)?;
    last.truncate(1);
    let spans = vec![ScopeSpans { spans: vec![tiny(traces)], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans: spans, ..ResourceSpans::default() }];
    last[0].value = Some(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
    rig.produce(&last)?;
    let began = Instant::now();
    let mut life = Life::run(&rig, &[HOLDING, SETTINGS])?;
    let surface = Surface::of(&mut life.child)?;
    eventually("it is ready", 2 * PATIENCE, || {
        Ok((surface.get("/readyz")?.0 == 200).then_some(()))
    })?;
    let ready = began.elapsed();
    eventually("it reads", PATIENCE, || {
        let read = surface.metrics()?.get("tailsift_records_total").copied().unwrap_or(0.0);
        Ok((read >= 1.0).then_some(()))
    })?;
    let reads = began.elapsed();
    let (Logged(log), looks) = life.stop()?;
    watched.add(looks);
    let restored: u64 = events(&log, "restored", "decisions").iter().sum();
    let slowest = events(&log, "restored", "took_ms").into_iter().max();
    ensure!(restored == u64::from(traces), "expected {traces} restored, got {restored}");
    watched.add(Life::run(&rig, &[UNTIL_IDLE, SETTINGS])?.finished()?.1);

    records.extend(last);
    let payloads = records.iter().filter_map(|record| record.value.as_deref());
    let mut expected = reference(&rig.plan.policies.reference(), payloads)?;
    expected.retain(|_: &TraceId, trace| !trace.keep.is_empty());
    let comparison = rig.compare(&expected)?;
    let outcome = Outcome::of(&rig, comparison, u64::from(traces) + 1, false)?;
    let note = format!(
        "restart with {restored} remembered verdicts: ready after {ready:.2?}, first record after \
         {reads:.2?} (accepted: {ACCEPTED:?}); slowest partition restored in {} ms; {} MB of log",
        slowest.context("nothing was restored")?,
        outcome.audit.log_bytes / 1_000_000
    );
    Ok(Outcome { notes: vec![note, watched.note()?], ..outcome })
}

/// A number in each event of a message; those of 128 bits are written as text.
fn events(log: &str, message: &str, field: &str) -> Vec<u64> {
    let events = log.lines().filter_map(|line| Logged(line.to_owned()).event(message).ok());
    let number = |event: serde_json::Value| {
        let value = &event[field];
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    events.filter_map(number).collect()
}

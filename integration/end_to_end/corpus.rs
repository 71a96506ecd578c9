//! Recorded traces, replayed: what is exported must be what the reference would keep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tailsift_fixture::{
    IntegrationTest, NamedPolicy, ReferenceTrace, compare, corpus_path, read_corpus, reference,
    sort_by_arrival, spans,
};
use tailsift_kafka::StoredRecord;
use tailsift_otlp::{TagValues, jaeger_to_protobuf, zipkin_to_protobuf};
use tailsift_trace::TraceId;

use crate::policies::Policies;
use crate::rig::{Plan, Record, Rig, ensure_exact, header, key_and_value};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("corpus::keyed_by_trace", || some_are_kept_and_some_are_not(KEYED)),
    ("corpus::keyed_and_unbatched", || some_are_kept_and_some_are_not(KEYED_UNBATCHED)),
    ("corpus::a_long_recording", || some_are_kept_and_some_are_not(LONG)),
    ("corpus::judged_once_it_is_whole", judged_once_it_is_whole),
    ("corpus::judged_early_and_nothing_missed", judged_early_and_nothing_missed),
    ("corpus::many_traces_in_a_record", || some_are_kept_and_some_are_not(UNKEYED)),
    ("corpus::unkeyed_with_headers", || some_are_kept_and_some_are_not(WITH_HEADERS)),
    ("corpus::straight_from_sdks", || some_are_kept_and_some_are_not(FROM_SDKS)),
    ("corpus::headers_are_copied_where_they_agree", headers_are_copied_where_they_agree),
    ("corpus::json_is_judged_as_protobuf", json_is_judged_as_protobuf),
    ("corpus::jaeger_is_judged_as_otlp", || judged_as_otlp(JAEGER, jaeger)),
    ("corpus::zipkin_is_judged_as_otlp", || judged_as_otlp(ZIPKIN, zipkin)),
];

/// A recording, and how to replay it.
#[derive(Clone, Copy)]
struct Recording {
    file: &'static str,
    partitions: u32,
    /// Longer than its traces take to arrive.
    wait: Duration,
    encoding: &'static str,
    policies: Policies,
}

const WAIT: Duration = Duration::from_secs(30);
const KEYED: Recording = Recording {
    file: "otlp_proto_keyed.bin",
    partitions: 4,
    wait: WAIT,
    encoding: "input.encoding=otlp_proto",
    policies: Policies::Corpus,
};
const KEYED_UNBATCHED: Recording = Recording { file: "otlp_proto_keyed_nobatch.bin", ..KEYED };
const LONG: Recording =
    Recording { file: "bulk_otlp_proto_keyed.bin.gz", wait: Duration::from_secs(120), ..KEYED };
// Without a key the records of a trace would lie on all partitions.
const UNKEYED: Recording = Recording { file: "otlp_proto_unkeyed.bin", partitions: 1, ..KEYED };
const FROM_SDKS: Recording = Recording { file: "sdk_raw.bin", ..UNKEYED };
const WITH_HEADERS: Recording = Recording { file: "otlp_proto_headers.bin", ..UNKEYED };
// Its records are one SDK's each, so that only small traces have the same headers throughout.
const ALL_WITH_HEADERS: Recording = Recording { policies: Policies::Everything, ..WITH_HEADERS };
const JSON: Recording =
    Recording { file: "otlp_json_unkeyed.bin", encoding: "input.encoding=otlp_json", ..UNKEYED };
const JAEGER: Recording =
    Recording { file: "jaeger_proto.bin", encoding: "input.encoding=jaeger_proto", ..KEYED };
const ZIPKIN: Recording =
    Recording { file: "zipkin_json.bin", encoding: "input.encoding=zipkin_json", ..UNKEYED };

/// What came of a replay.
struct Replayed {
    records: Vec<Record>,
    expected: BTreeMap<TraceId, ReferenceTrace>,
    exports: Vec<StoredRecord>,
    log: String,
}

fn some_are_kept_and_some_are_not(recording: Recording) -> anyhow::Result<()> {
    let Replayed { expected, .. } = replayed(recording)?;
    ensure!(expected.values().any(|trace| trace.keep.is_empty()), "every trace was to be kept");
    Ok(())
}

/// Replays a recording in protobuf and compares, span by span and byte by byte.
fn replayed(recording: Recording) -> anyhow::Result<Replayed> {
    let (records, exports, log) = replay(recording)?;
    let values = records.iter().filter_map(|record| record.value.as_deref());
    let policies = recording.policies.reference();
    let expected = reference(&policies, values)?;
    ensure_exact(compare(&expected, exports.iter().map(key_and_value)), &log)?;
    ensure_headers_tell(&policies, &expected, &exports)?;
    Ok(Replayed { records, expected, exports, log })
}

fn replay(recording: Recording) -> anyhow::Result<(Vec<Record>, Vec<StoredRecord>, String)> {
    replay_with(recording, &[])
}

fn replay_with(
    recording: Recording,
    extra: &[&str],
) -> anyhow::Result<(Vec<Record>, Vec<StoredRecord>, String)> {
    let Recording { file, partitions, wait, encoding, policies } = recording;
    let rig = Rig::new(Plan { partitions, decision_wait: wait, policies, ..Plan::default() })?;
    let records = recorded(file, partitions, rig.end_ms())?;
    rig.produce(&records)?;
    let logged = rig.run_until_idle(&[&["--set", encoding], extra])?;
    ensure!(rig.committed()? == rig.input_ends()?, "something was left undecided");
    Ok((records, rig.exports()?, logged.0))
}

/// The records of a file in the order and at the pace of their arrival, ending at `end_ms`.
fn recorded(file: &str, partitions: u32, end_ms: i64) -> anyhow::Result<Vec<Record>> {
    let mut records = read_corpus(&corpus_path(file))?;
    sort_by_arrival(&mut records);
    let last = records.last().context("the recording is empty")?.timestamp_ms;
    let moved = records.into_iter().map(|mut record| {
        record.timestamp_ms += end_ms - last;
        Record::recorded(record, partitions)
    });
    Ok(moved.collect())
}

/// Whatever comes of a trace after its verdict follows that: each span is visible once, though most
/// traces are judged long before their wait is over.
fn judged_once_it_is_whole() -> anyhow::Result<()> {
    let recording = Recording { policies: Policies::Everything, ..KEYED };
    let structural = ["--set", "window.completion=structural"];
    let (records, exports, log) = replay_with(recording, &structural)?;
    let values = records.iter().filter_map(|record| record.value.as_deref());
    let expected = reference(&recording.policies.reference(), values)?;
    ensure_exact(compare(&expected, exports.iter().map(key_and_value)), &log)?;
    let mut complete = BTreeSet::new();
    for export in &exports {
        match header(export, "tailsift.close_reason") {
            Some("complete") => drop(complete.insert(trace_id(export)?)),
            Some("decision_wait") => {}
            other => bail!("closed by {other:?}"),
        }
    }
    let (complete, all) = (complete.len(), expected.len());
    ensure!(complete * 10 > all * 8, "{complete} of {all} were judged as complete");
    Ok(())
}

/// Real traces fail seconds after they look complete; a second chance has them back.
fn judged_early_and_nothing_missed() -> anyhow::Result<()> {
    let early = ["--set", "window.completion=structural", "--set", "second_chance.enabled=true"];
    for recording in [LONG, KEYED] {
        let (records, exports, log) = replay_with(recording, &early)?;
        let values = records.iter().filter_map(|record| record.value.as_deref());
        let expected = reference(&recording.policies.reference(), values)?;
        ensure_exact(compare(&expected, exports.iter().map(key_and_value)), &log)?;
        let turned = |export: &&StoredRecord| header(export, "tailsift.turned_by").is_some();
        ensure!(exports.iter().filter(turned).count() > 0, "nothing was turned");
    }
    Ok(())
}

/// Every record names the policy that decided (the first that wants the trace), why the trace
/// stopped waiting, and the configuration.
fn ensure_headers_tell(
    policies: &[NamedPolicy],
    expected: &BTreeMap<TraceId, ReferenceTrace>,
    exports: &[StoredRecord],
) -> anyhow::Result<()> {
    let mut configs = BTreeSet::new();
    for export in exports {
        let id = trace_id(export)?;
        let keep = &expected.get(&id).context("an unknown trace")?.keep;
        let first = policies.iter().find(|policy| keep.contains(&policy.name));
        ensure!(header(export, "tailsift.policy") == first.map(|policy| &*policy.name), "{id}");
        ensure!(header(export, "tailsift.close_reason") == Some("decision_wait"), "{id}");
        ensure!(header(export, "tailsift.partial").is_none(), "{id}");
        configs.insert(header(export, "tailsift.config").unwrap_or_default());
    }
    ensure!(configs.len() == 1 && !configs.contains(""), "{configs:?}");
    Ok(())
}

type Headers = [(String, Vec<u8>)];

fn headers_are_copied_where_they_agree() -> anyhow::Result<()> {
    let Replayed { records, exports, log, .. } = replayed(ALL_WITH_HEADERS)?;
    let mut by_trace: BTreeMap<_, BTreeSet<&Headers>> = BTreeMap::new();
    for record in &records {
        for span in spans(record.value.as_deref().unwrap_or_default())? {
            let id = span.trace_id.context("a span without a trace")?;
            by_trace.entry(id).or_default().insert(&record.headers);
        }
    }
    let mut copied = 0;
    for export in &exports {
        let id = trace_id(export)?;
        let others = export.headers.iter().filter(|(name, _)| !name.starts_with("tailsift."));
        let others: Vec<_> =
            others.map(|(name, value)| (name.clone(), value.clone().unwrap_or_default())).collect();
        let came = &by_trace[&id];
        let in_all = |header: &&_| came.iter().all(|headers| headers.contains(header));
        let first = came.first().copied().unwrap_or_default().iter();
        let agreed: Vec<_> = first.filter(in_all).cloned().collect();
        ensure!(others == agreed, "{id}: expected {agreed:?}, got {others:?}\n{log}");
        copied += usize::from(others.iter().any(|(name, _)| name == "x-tenant-id"));
    }
    let differing = by_trace.values().filter(|came| came.len() > 1).count();
    ensure!(copied > 0 && differing > 0, "{copied} copied, {differing} differing");
    Ok(())
}

/// The recording in JSON holds the very spans of one in protobuf. Their encodings differ in the
/// order of fields, so both sides are encoded anew before they are compared.
fn json_is_judged_as_protobuf() -> anyhow::Result<()> {
    let (_, exports, log) = replay(JSON)?;
    let protobuf = recorded(KEYED_UNBATCHED.file, 1, 0)?;
    let values: anyhow::Result<Vec<_>> =
        protobuf.iter().map(|record| encoded_anew(record.value.as_deref())).collect();
    let policies = JSON.policies.reference();
    let expected = reference(&policies, values?.iter().map(Vec::as_slice))?;
    let values: anyhow::Result<Vec<_>> =
        exports.iter().map(|export| encoded_anew(export.value.as_deref())).collect();
    let values = values?;
    let keys = exports.iter().map(|export| export.key.as_deref());
    ensure_exact(compare(&expected, keys.zip(values.iter().map(Vec::as_slice))), &log)?;
    ensure_headers_tell(&policies, &expected, &exports)
}

/// The recording holds the spans of one in OTLP: the same traces are kept, with the converted
/// spans, all of them and none twice.
fn judged_as_otlp(
    recording: Recording,
    convert: fn(&[u8]) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    let extra: &[&str] = match recording.file == ZIPKIN.file {
        true => &["--set", "input.parse_string_tags=true"],
        false => &[],
    };
    let (records, exports, log) = replay_with(recording, extra)?;
    let values = records.iter().filter_map(|record| record.value.as_deref());
    let converted: Vec<_> = values.map(convert).collect::<anyhow::Result<_>>()?;
    let policies = recording.policies.reference();
    let expected = reference(&policies, converted.iter().map(Vec::as_slice))?;
    ensure_exact(compare(&expected, exports.iter().map(key_and_value)), &log)?;
    ensure_headers_tell(&policies, &expected, &exports)?;
    let otlp = recorded(KEYED_UNBATCHED.file, 1, 0)?;
    let otlp = reference(&policies, otlp.iter().filter_map(|record| record.value.as_deref()))?;
    let kept = |traces: &BTreeMap<TraceId, ReferenceTrace>| -> BTreeMap<_, _> {
        traces.iter().map(|(id, trace)| (*id, trace.keep.clone())).collect()
    };
    let (expected, mut otlp) = (kept(&expected), kept(&otlp));
    if recording.file == ZIPKIN.file {
        lose_as_zipkin(&mut otlp)?;
    }
    ensure!(expected == otlp, "expected {otlp:?}, got {expected:?}");
    ensure!(otlp.values().any(|keep| keep.is_empty()), "every trace was to be kept");
    Ok(())
}

/// Names are in lower case, so none is that of the slow step, and the one confidence that was a
/// text looks like a number.
fn lose_as_zipkin(kept: &mut BTreeMap<TraceId, BTreeSet<String>>) -> anyhow::Result<()> {
    for policies in kept.values_mut() {
        policies.remove("slow-features");
    }
    let text_as_number: TraceId = "9a992b24163b71494ff04c7b83042edf".parse()?;
    let policies = kept.get_mut(&text_as_number).context("the trace is not there")?;
    ensure!(policies.insert("unsure".to_owned()), "its confidence was a number already");
    Ok(())
}

fn jaeger(value: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(jaeger_to_protobuf(value)?)
}

fn zipkin(value: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(zipkin_to_protobuf(value, TagValues::Parsed)?)
}

fn encoded_anew(value: Option<&[u8]>) -> anyhow::Result<Vec<u8>> {
    Ok(ExportTraceServiceRequest::decode(value.unwrap_or_default())?.encode_to_vec())
}

fn trace_id(export: &StoredRecord) -> anyhow::Result<TraceId> {
    let key = export.key.as_deref().context("an export without a key")?;
    Ok(std::str::from_utf8(key)?.parse()?)
}

//! Records that are not as they should be: poison, nothing, too much.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, LoadShape, ReferenceTrace, reference};
use tailsift_kafka::StoredRecord;
use tailsift_trace::TraceId;

use crate::lifecycle::Load;
use crate::payload::{failed, large, record, request, span};
use crate::policies::Policies;
use crate::rig::{HOLDING, Logged, PATIENCE, Plan, Record, Rig, ensure_exact, finished, header};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("records::poison_becomes_dead_letters", poison_becomes_dead_letters),
    ("records::dead_letters_can_be_off", dead_letters_can_be_off),
    ("records::poison_is_a_dead_letter_once", poison_is_a_dead_letter_once),
    ("records::batches_keep_to_a_small_record_limit", batches_keep_to_a_small_limit),
    ("records::mixed_keys_are_told", mixed_keys_are_told),
    ("records::a_broken_json_record_is_poison", a_broken_json_record_is_poison),
    ("records::what_is_not_of_the_format_is_poison", what_is_not_of_the_format_is_poison),
    ("records::a_large_trace_takes_several_records", a_large_trace_takes_several_records),
    ("records::a_span_that_fits_no_record_is_a_dead_letter", a_span_that_fits_no_record),
];

const GOOD: [&str; 4] = ["good", "two traces", "some malformed", "last"];

/// One partition: what comes after a bad record must be read all the same.
fn rig() -> anyhow::Result<Rig> {
    Rig::new(Plan { partitions: 1, ..Plan::default() })
}

/// Good records and bad ones, by key.
fn mixture() -> Vec<Record> {
    let good = request(vec![failed(1, 1), span(1, 2)]);
    let mut truncated = request(vec![failed(2, 1), span(2, 2)]);
    truncated.truncate(truncated.len() - 5);
    let mut nameless = failed(4, 2);
    nameless.trace_id = vec![0; 16];
    let mut short = failed(4, 3);
    short.trace_id.truncate(8);
    vec![
        record("good", Some(good)),
        record("garbage", Some(b"\xff\xff\xffgarbage".to_vec())),
        record("truncated", Some(truncated)),
        record("tombstone", None),
        record("empty", Some(Vec::new())),
        record("two traces", Some(request(vec![failed(3, 1), span(5, 1), span(3, 2), span(5, 2)]))),
        record("some malformed", Some(request(vec![failed(4, 1), nameless, short, span(4, 4)]))),
        record("last", Some(request(vec![span(6, 1)]))),
    ]
}

fn expected(records: &[Record]) -> anyhow::Result<BTreeMap<TraceId, ReferenceTrace>> {
    let good = records.iter().filter(|record| GOOD.map(str::as_bytes).contains(&key(record)));
    let values = good.filter_map(|record| record.value.as_deref());
    Ok(reference(&Plan::default().policies.reference(), values)?)
}

fn key(record: &Record) -> &[u8] {
    record.key.as_deref().unwrap_or_default()
}

/// Runs on the mixture: good spans must come through, and every offset be committed.
fn run_on_mixture(rig: &Rig, arguments: &[&str]) -> anyhow::Result<(Vec<Record>, Logged)> {
    let records = mixture();
    rig.produce(&records)?;
    let logged = rig.run_until_idle(&[arguments])?;
    ensure_exact(rig.compare(&expected(&records)?)?, &logged.0)?;
    ensure!(rig.committed()? == rig.input_ends()?, "an offset was held back");
    Ok((records, logged))
}

fn poison_becomes_dead_letters() -> anyhow::Result<()> {
    let rig = rig()?;
    let (records, _) = run_on_mixture(&rig, &[])?;
    let letters = rig.read(&rig.dead_letters)?;
    let bad = ["garbage", "truncated", "tombstone", "some malformed"];
    ensure!(letters.len() == bad.len(), "{letters:?}");
    for (letter, bad) in letters.iter().zip(bad) {
        let place = records.iter().position(|record| key(record) == bad.as_bytes());
        let place = place.context("not in the mixture")?;
        ensure_is_letter_of(letter, &records[place], place, &rig)?;
    }
    let reason = header(&letters[3], "tailsift.reason").unwrap_or_default();
    ensure!(reason.starts_with("2 spans have no usable trace ID"), "{reason}");
    Ok(())
}

/// The record as it was, and where it was.
fn ensure_is_letter_of(
    letter: &StoredRecord,
    record: &Record,
    offset: usize,
    rig: &Rig,
) -> anyhow::Result<()> {
    ensure!(letter.key == record.key && letter.value == record.value, "{letter:?}");
    ensure!(letter.timestamp_ms == Some(record.timestamp_ms), "{letter:?}");
    let origin = std::str::from_utf8(key(record))?;
    let offset = offset.to_string();
    let headers = [
        ("origin", origin),
        ("tailsift.topic", &rig.input),
        ("tailsift.partition", "0"),
        ("tailsift.offset", &offset),
    ];
    for (name, value) in headers {
        ensure!(header(letter, name) == Some(value), "{name}: expected {value}, got {letter:?}");
    }
    ensure!(header(letter, "tailsift.reason").is_some_and(|reason| !reason.is_empty()));
    Ok(())
}

fn dead_letters_can_be_off() -> anyhow::Result<()> {
    let rig = rig()?;
    let (_, logged) = run_on_mixture(&rig, &["--set", "dead_letters=off"])?;
    ensure!(rig.admin.partitions(&rig.dead_letters)?.is_none(), "the topic was made");
    logged.event("a record cannot be read")?;
    Ok(())
}

/// The letter leaves with the offset of its record, so whoever comes next writes no second one.
fn poison_is_a_dead_letter_once() -> anyhow::Result<()> {
    let rig = rig()?;
    run_on_mixture(&rig, &[])?;
    rig.produce(&[record("more", Some(request(vec![span(9, 1)])))])?;
    rig.run_until_idle(&[])?;
    ensure!(rig.read(&rig.dead_letters)?.len() == 4);
    Ok(())
}

fn a_broken_json_record_is_poison() -> anyhow::Result<()> {
    let rig = rig()?;
    let good = br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "0123456789abcdef0123456789abcdef", "spanId": "0123456789abcdef",
        "name": "predict", "status": {"code": 2}}]}]}]}"#;
    let records = [
        record("broken", Some(b"{\"resourceSpans\": [".to_vec())),
        record("good", Some(good.into())),
    ];
    rig.produce(&records)?;
    rig.run_until_idle(&[&["--set", "input.encoding=otlp_json"]])?;
    let letters = rig.read(&rig.dead_letters)?;
    ensure!(letters.len() == 1, "{letters:?}");
    ensure_is_letter_of(&letters[0], &records[0], 0, &rig)?;
    let exports = rig.exports()?;
    let keys: Vec<_> = exports.iter().filter_map(|export| export.key.as_deref()).collect();
    ensure!(keys == [b"0123456789abcdef0123456789abcdef"], "{exports:?}");
    Ok(())
}

/// The reason names the format that was expected.
fn what_is_not_of_the_format_is_poison() -> anyhow::Result<()> {
    for (encoding, format) in [("jaeger_proto", "a Jaeger span"), ("zipkin_json", "Zipkin JSON")] {
        let rig = rig()?;
        let records = [record("otlp", Some(request(vec![span(1, 1)])))];
        rig.produce(&records)?;
        rig.run_until_idle(&[&["--set", &format!("input.encoding={encoding}")]])?;
        let letters = rig.read(&rig.dead_letters)?;
        ensure!(letters.len() == 1, "{letters:?}");
        ensure_is_letter_of(&letters[0], &records[0], 0, &rig)?;
        let reason = header(&letters[0], "tailsift.reason").unwrap_or_default();
        ensure!(reason.starts_with(&format!("not {format}: ")), "{reason}");
    }
    Ok(())
}

fn a_large_trace_takes_several_records() -> anyhow::Result<()> {
    const LIMIT: usize = 1_000_000;
    let rig = rig()?;
    let spans = (1..=60).map(|number| large(1, number, 50_000));
    let mut records: Vec<_> =
        spans.map(|span| record("large", Some(request(vec![span])))).collect();
    records.push(record("good", Some(request(vec![failed(2, 1)]))));
    rig.produce(&records)?;
    let logged = rig.run_until_idle(&[])?;
    let values = records.iter().filter_map(|record| record.value.as_deref());
    let expected = reference(&rig.plan.policies.reference(), values)?;
    ensure_exact(rig.compare(&expected)?, &logged.0)?;
    let exports = rig.exports()?;
    ensure!(exports.iter().all(|export| bytes(export) <= LIMIT), "a record is above the limit");
    // Three megabytes in records of one: not one per span, nor more than needed.
    ensure!((4..=6).contains(&exports.len()), "{} records", exports.len());
    Ok(())
}

/// Key, value and headers.
fn bytes(record: &StoredRecord) -> usize {
    let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + len(value));
    len(&record.key) + len(&record.value) + headers.sum::<usize>()
}

fn a_span_that_fits_no_record() -> anyhow::Result<()> {
    let rig = rig()?;
    let limit = &["--set", "output.max_message_bytes=100KB"];
    let rest = [failed(1, 1), span(1, 3)];
    let with_giant = [rest[0].clone(), large(1, 2, 150_000), rest[1].clone()];
    rig.produce(&[record("large", Some(request(with_giant.to_vec())))])?;
    let logged = rig.run_until_idle(&[limit])?;
    let without = request(rest.to_vec());
    let expected = reference(&rig.plan.policies.reference(), [&*without])?;
    ensure_exact(rig.compare(&expected)?, &logged.0)?;
    let letters = rig.read(&rig.dead_letters)?;
    ensure!(letters.len() == 1, "{letters:?}");
    let letter = &letters[0];
    ensure!(letter.key == Some(b"01".repeat(16)), "{letter:?}");
    ensure!(letter.value.is_none(), "a value of 150 kB was written");
    ensure!(
        header(letter, "tailsift.left_out").is_some_and(|what| what.starts_with("value of ")),
        "{letter:?}"
    );
    let reason = header(letter, "tailsift.reason").unwrap_or_default();
    ensure!(reason.contains("output.max_message_bytes is 100000"), "{reason}");
    Ok(())
}

/// Two workers own a partition each, and each trace has a record on both: neither sees both.
fn mixed_keys_are_told() -> anyhow::Result<()> {
    /// One trace in 64 is looked at, by the end of its ID.
    const LOOKED_AT: [u8; 3] = [64, 128, 192];
    let rig = Rig::new(Plan { partitions: 2, ..Plan::default() })?;
    let mut child = rig.run(&[HOLDING, &["--set", "workers=2"]])?;
    let on_both = |trace: u8| {
        [(0, 1), (1, 2)].map(|(partition, number)| {
            let value = request(vec![span(trace, number)]);
            Record { partition, ..record("any", Some(value)) }
        })
    };
    rig.produce(&LOOKED_AT.into_iter().flat_map(on_both).collect::<Vec<_>>())?;
    child.wait_for_stderr("mixed keys are told, with the remedy", PATIENCE, |log| {
        log.contains("traces have records on two partitions")
            && log.contains("partition_traces_by_id")
    })?;
    child.sigterm()?;
    finished(child)?;
    Ok(())
}

/// A topic may take small records only: several of them sent together must not be too large either.
/// That the limits do not fit each other is told at the start.
fn batches_keep_to_a_small_limit() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { policies: Policies::Everything, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Bulk, 1000)?;
    rig.produce(&load.records)?;
    rig.alter_topic(&rig.export, "max.message.bytes=20000")?;
    let mut refused = rig.run(&[])?;
    let says = ["a topic is not as it should be", "max.message.bytes", "20000"];
    refused.wait_for_stderr("the limit is told", PATIENCE, |log| {
        log.lines().any(|line| says.iter().all(|says| line.contains(says)))
    })?;
    refused.kill9()?;
    let logged = rig.run_until_idle(&[&["--set", "output.max_message_bytes=16KiB"]])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    ensure!(!logged.0.contains("will be sent again"), "{}", logged.0);
    Ok(())
}

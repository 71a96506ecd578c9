//! Dead letters: listed, shown, and brought back once their cause is mended.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{IntegrationTest, unique_name};
use tailsift_kafka::{PartitionOffset, StoredRecord};

use crate::operations::{told, told_json};
use crate::payload::{failed, large, record, request, span};
use crate::policies::Policies;
use crate::rig::{PATIENCE, Plan, Record, Rig, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("dead_letters::a_mended_cause_brings_them_back_once", a_mended_cause_brings_them_back_once),
    ("dead_letters::a_killed_redrive_repeats_nothing", a_killed_redrive_repeats_nothing),
    ("dead_letters::two_redrives_at_once_repeat_nothing", two_redrives_at_once_repeat_nothing),
    ("dead_letters::what_cannot_go_back_is_refused", what_cannot_go_back_is_refused),
    ("dead_letters::filters_and_another_topic", filters_and_another_topic),
    ("dead_letters::wrong_usage_is_told", wrong_usage_is_told),
];

const JSON_INPUT: &[&str] = &["--set", "input.encoding=otlp_json"];

/// `dead-letters` and one of its commands.
fn letters(rig: &Rig, command: &str, more: &[&str], code: i32) -> anyhow::Result<String> {
    told(rig, &["dead-letters", command], &[more], code)
}

fn letters_json(rig: &Rig, command: &str, more: &[&str]) -> anyhow::Result<Value> {
    told_json(rig, &["dead-letters", command], &[more], 0)
}

fn rig(partitions: u32) -> anyhow::Result<Rig> {
    Rig::new(Plan { partitions, policies: Policies::Everything, ..Plan::default() })
}

/// A trace of one span as JSON.
fn json_trace(number: u8) -> Vec<u8> {
    let trace = format!("{number:02x}").repeat(16);
    format!(
        "{{\"resourceSpans\": [{{\"scopeSpans\": [{{\"spans\": [{{\"traceId\": \"{trace}\", \
         \"spanId\": \"0123456789abcdef\", \"name\": \"predict\"}}]}}]}}]}}"
    )
    .into_bytes()
}

fn content(record: &StoredRecord) -> impl Ord + std::fmt::Debug + use<> {
    (record.partition, record.key.clone(), record.value.clone(), record.headers.clone())
}

/// JSON is read as protobuf, until somebody looks at the letters and sets the encoding right.
fn a_mended_cause_brings_them_back_once() -> anyhow::Result<()> {
    let rig = rig(2)?;
    let poison: Vec<_> = (1..=5)
        .map(|number| Record {
            partition: i32::from(number % 2),
            ..record(&format!("key {number}"), Some(json_trace(number)))
        })
        .collect();
    rig.produce(&poison)?;
    rig.run_until_idle(&[])?;
    ensure!(rig.exports()?.is_empty());
    let list = letters_json(&rig, "list", &[])?;
    ensure!(list["matching"] == 5, "{list}");
    let first = &list["letters"][0];
    ensure!(first["letter"]["kind"] == "record" && first["redriven"] == false, "{list}");
    let text = letters(&rig, "list", &["--limit", "2"], 0)?;
    ensure!(text.trim_end().ends_with(&format!("2 of 5 dead letters in {}", rig.dead_letters)));

    let place = format!("{}:{}", first["partition"], first["offset"]);
    let shown = letters(&rig, "show", &[&place], 0)?;
    for says in ["state     pending", "\"traceId\"", &rig.input, "header    origin = key"] {
        ensure!(shown.contains(says), "expected {says:?} in\n{shown}");
    }
    let raw = letters(&rig, "show", &[&place, "--raw"], 0)?;
    ensure!(poison.iter().any(|one| one.value.as_deref() == Some(raw.as_bytes())), "{raw}");

    let (originals, before) = (rig.read(&rig.input)?, rig.read(&rig.dead_letters)?.len());
    let dry = letters(&rig, "redrive", &["--dry-run"], 0)?;
    ensure!(dry.contains("5 would be re-driven, 0 refused"), "{dry}");
    ensure!(rig.read(&rig.input)?.len() == 5 && rig.read(&rig.dead_letters)?.len() == before);

    let done = letters(&rig, "redrive", &[], 0)?;
    ensure!(done.contains("5 re-driven, 0 refused, 0 failed, 0 re-driven before"), "{done}");
    let input = rig.read(&rig.input)?;
    let mut expected: Vec<_> = originals.iter().chain(&originals).map(content).collect();
    let mut got: Vec<_> = input.iter().map(content).collect();
    expected.sort();
    got.sort();
    ensure!(got == expected, "keys, values, headers and partitions came back: {got:?}");

    rig.run_until_idle(&[JSON_INPUT])?;
    ensure!(rig.exports()?.len() == 5, "each trace once");
    let again = letters_json(&rig, "redrive", &[])?;
    ensure!(again["redriven"] == 0 && again["redriven_before"] == 5, "{again}");
    ensure!(rig.read(&rig.input)?.len() == 10);
    ensure!(letters_json(&rig, "list", &["--pending"])?["matching"] == 0);
    ensure!(letters(&rig, "show", &[&place], 0)?.contains("state     redriven"));
    told(&rig, &["audit"], &[JSON_INPUT], 0)?;
    Ok(())
}

/// Bad records, each with a number in its value.
fn numbered(rig: &Rig, count: u32) -> anyhow::Result<()> {
    let bad = |number: u32| {
        let value = [&[0xff, 0xff, 0xff][..], &number.to_be_bytes()].concat();
        Record { partition: (number % 4) as i32, ..record("bad", Some(value)) }
    };
    rig.produce(&(0..count).map(bad).collect::<Vec<_>>())?;
    rig.run_until_idle(&[])?;
    ensure!(letters_json(rig, "list", &[])?["matching"] == count);
    Ok(())
}

/// Each bad record is in the input so often.
fn ensure_each_is_there(rig: &Rig, times: usize) -> anyhow::Result<()> {
    let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for record in rig.read(&rig.input)? {
        *counts.entry(record.value.unwrap_or_default()).or_default() += 1;
    }
    let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != times).collect();
    ensure!(wrong.is_empty(), "expected each {times} times, got {wrong:?}");
    Ok(())
}

fn a_killed_redrive_repeats_nothing() -> anyhow::Result<()> {
    const COUNT: u32 = 6000;
    let rig = rig(4)?;
    numbered(&rig, COUNT)?;
    let visible = |rig: &Rig| anyhow::Ok(rig.input_ends()?.iter().sum::<i64>());
    let mut cut_short = 0;
    for _ in 0..3 {
        let before = visible(&rig)?;
        let mut child = rig.command_of(&["dead-letters", "redrive"], &[])?;
        // Any moment will do: some of it is written, and perhaps not committed.
        let deadline = std::time::Instant::now() + PATIENCE;
        while child.try_wait()?.is_none() && visible(&rig)? <= before {
            ensure!(std::time::Instant::now() < deadline, "{}", log_tail(&child.stderr()));
        }
        if child.try_wait()?.is_none() {
            child.kill9()?;
            cut_short += 1;
        }
    }
    ensure!(cut_short > 0, "no process was killed at work: the test proves nothing");
    letters(&rig, "redrive", &[], 0)?;
    ensure_each_is_there(&rig, 2)?;
    ensure!(letters_json(&rig, "list", &["--pending"])?["matching"] == 0);
    Ok(())
}

/// The later one fences the earlier one, and sees what that has done.
fn two_redrives_at_once_repeat_nothing() -> anyhow::Result<()> {
    let rig = rig(4)?;
    numbered(&rig, 3000)?;
    let start = || rig.command_of(&["dead-letters", "redrive"], &[]);
    let mut both = [start()?, start()?];
    for child in &mut both {
        let status = child.wait(2 * PATIENCE)?;
        let (told, log) = (child.stdout(), child.stderr());
        let is_fenced = status.code() == Some(1) && log.contains("run it again");
        ensure!(status.success() || is_fenced, "{status}: {}\n{log}", log_tail(&told));
    }
    letters(&rig, "redrive", &[], 0)?;
    ensure_each_is_there(&rig, 2)
}

fn what_cannot_go_back_is_refused() -> anyhow::Result<()> {
    let rig = rig(1)?;
    let mut nameless = failed(4, 2);
    nameless.trace_id = vec![0; 16];
    let bulk = |byte: u8| [vec![0xff; 3], vec![byte; 150_000]].concat();
    rig.produce(&[
        record("gone", Some(bulk(1))),
        record("large", Some(bulk(2))),
        record("tombstone", None),
        record("partly", Some(request(vec![failed(4, 1), nameless]))),
    ])?;
    rig.run_until_idle(&[&["--set", "output.max_message_bytes=100KB"]])?;
    rig.admin.delete_records_below(&rig.input, &[PartitionOffset { partition: 0, offset: 1 }])?;

    let done = letters_json(&rig, "redrive", &[])?;
    ensure!(done["redriven"] == 1 && done["refused"] == 3 && done["failed"] == 0, "{done}");
    let fates: Vec<_> = done["letters"].as_array().into_iter().flatten().collect();
    let why = |offset: i64| {
        let fate = fates.iter().find(|fate| fate["letter"]["offset"] == offset);
        fate.and_then(|fate| fate["why"].as_str()).unwrap_or_default()
    };
    ensure!(why(0).contains("does not hold offset 0 any more"), "{done}");
    ensure!(why(2).contains("it has no value"), "{done}");
    ensure!(why(3).contains("its other spans were read"), "{done}");
    let input = rig.read(&rig.input)?;
    let last = input.last().context("the input is empty")?;
    ensure!(last.key.as_deref() == Some(b"large") && last.value == Some(bulk(2)));
    let list = letters_json(&rig, "list", &["--pending"])?;
    ensure!(list["matching"] == 3, "{list}");

    // Elsewhere nothing is repeated.
    let elsewhere = unique_name("mend");
    let to = ["--to", &elsewhere];
    let refused = letters_json(&rig, "redrive", &to)?;
    ensure!(refused["redriven"] == 0 && refused["refused"] == 3, "{refused}");
    rig.make_topic(&elsewhere, 2)?;
    let done = letters_json(&rig, "redrive", &to)?;
    ensure!(done["redriven"] == 1 && done["refused"] == 2, "{done}");
    let there = rig.read(&elsewhere)?;
    ensure!(there.len() == 1 && there[0].key.as_deref() == Some(b"partly"), "{there:?}");
    Ok(())
}

fn filters_and_another_topic() -> anyhow::Result<()> {
    let rig = rig(4)?;
    numbered(&rig, 20)?;
    rig.produce(&[record("tombstone", None)])?;
    rig.run_until_idle(&[])?;
    let count = |more: &[&str]| anyhow::Ok(letters_json(&rig, "list", more)?["matching"].clone());
    ensure!(count(&["--partition", "2"])? == 5 && count(&["--topic", "other"])? == 0);
    ensure!(count(&["--reason", "tombstone"])? == 1 && count(&["--since", "1h"])? == 21);
    ensure!(count(&["--topic", &rig.input, "--partition", "0"])? == 6);

    let elsewhere = unique_name("elsewhere");
    rig.make_topic(&elsewhere, 1)?;
    let some = ["--partition", "3", "--limit", "2", "--to", &elsewhere];
    let done = letters_json(&rig, "redrive", &some)?;
    ensure!(done["redriven"] == 2, "{done}");
    ensure!(rig.read(&elsewhere)?.len() == 2);
    let one = letters_json(&rig, "list", &["--pending", "--limit", "1"])?["letters"][0].clone();
    let place = format!("{}:{}", one["partition"], one["offset"]);
    let done = letters_json(&rig, "redrive", &["--at", &place, "--to", &elsewhere])?;
    ensure!(done["redriven"] == 1 || done["refused"] == 1, "{done}");
    // A topic that takes small records only fails those, and the next run goes on.
    let small = unique_name("small");
    rig.make_topic(&small, 1)?;
    let bulky = [vec![0xff; 3], request(vec![large(1, 1, 9000)])].concat();
    rig.produce(&[Record { partition: 1, ..record("bulky", Some(bulky)) }])?;
    rig.run_until_idle(&[])?;
    rig.alter_topic(&small, "max.message.bytes=4000")?;
    let to = ["--to", &small, "--partition", "1", "--json"];
    let done: Value = serde_json::from_str(&letters(&rig, "redrive", &to, 1)?)?;
    ensure!(done["failed"] == 1 && done["redriven"] == 5, "{done}");
    ensure!(rig.read(&small)?.len() == 5);
    rig.alter_topic(&small, "max.message.bytes=20000")?;
    let done = letters_json(&rig, "redrive", &to[..4])?;
    ensure!(done["failed"] == 0 && done["redriven"] == 1, "{done}");
    Ok(())
}

fn wrong_usage_is_told() -> anyhow::Result<()> {
    let rig = rig(1)?;
    let off = ["--set", "dead_letters=off"];
    for command in ["list", "redrive"] {
        letters(&rig, command, &off, 2)?;
        // Nothing was ever written: the topic is not there.
        letters(&rig, command, &[], 1)?;
    }
    rig.produce(&[record("tombstone", None), record("good", Some(request(vec![span(1, 1)])))])?;
    rig.run_until_idle(&[])?;
    letters(&rig, "show", &["7"], 2)?;
    let mut child = rig.command_of(&["dead-letters", "show"], &[&["0:99"]])?;
    let status = child.wait(PATIENCE)?;
    let log = child.stderr();
    ensure!(status.code() == Some(1) && log.contains("no dead letter at 0:99"), "{status}: {log}");
    Ok(())
}

//! Commands that look at what the brokers hold: audit, lag, dead letters.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{IntegrationTest, LoadShape, unique_name};
use tailsift_kafka::{Outgoing, PartitionOffset, Writer};

use crate::lifecycle::Load;
use crate::payload::{record, request, span};
use crate::rig::{PATIENCE, Plan, Record, Rig, ensure_exact, tailsift};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("operations::a_sound_group_is_all_right", a_sound_group_is_all_right),
    ("operations::lag_counts_records_and_time", lag_counts_records_and_time),
    ("operations::a_log_with_a_hole_is_found", a_log_with_a_hole_is_found),
    ("operations::what_was_deleted_is_found", what_was_deleted_is_found),
    ("operations::a_rekey_stage_is_told_apart", a_rekey_stage_is_told_apart),
    ("operations::wrong_usage_is_told_apart", wrong_usage_is_told_apart),
];

const JSON: &[&str] = &["--json"];
const UNKEYED: &[&str] = &["--set", "input.keyed_by=none"];

/// What a command tells that must end with this code.
pub(crate) fn told(
    rig: &Rig,
    command: &[&str],
    arguments: &[&[&str]],
    code: i32,
) -> anyhow::Result<String> {
    let mut child = rig.command_of(command, arguments)?;
    let status = child.wait(PATIENCE)?;
    let (told, log) = (child.stdout(), child.stderr());
    ensure!(status.code() == Some(code), "expected exit code {code}, got {status}\n{told}{log}");
    Ok(told)
}

/// The same as JSON.
pub(crate) fn told_json(
    rig: &Rig,
    command: &[&str],
    arguments: &[&[&str]],
    code: i32,
) -> anyhow::Result<Value> {
    let told = told(rig, command, &[arguments, &[JSON]].concat(), code)?;
    serde_json::from_str(&told).with_context(|| told)
}

fn sum(rows: &Value, field: &str) -> i64 {
    rows.as_array().into_iter().flatten().filter_map(|row| row[field].as_i64()).sum()
}

/// A group that has decided all of its load.
fn decided() -> anyhow::Result<(Rig, Load)> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 2000)?;
    rig.produce(&load.records)?;
    let logged = rig.run_until_idle(&[])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    Ok((rig, load))
}

fn a_sound_group_is_all_right() -> anyhow::Result<()> {
    let (rig, load) = decided()?;
    let audit = told_json(&rig, &["audit"], &[], 0)?;
    ensure!(audit["right"] == true && audit["findings_total"] == 0, "{audit}");
    ensure!(audit["rekey_stage"].is_null(), "{audit}");
    let rows = &audit["partitions"];
    let kept = i64::try_from(load.expected.len())?;
    ensure!(sum(rows, "kept") == kept && sum(rows, "dropped") == 2000 - kept, "{audit}");
    ensure!(sum(rows, "records_checked") == i64::try_from(load.records.len())?, "{audit}");
    ensure!(sum(rows, "watermark") == rig.input_ends()?.iter().sum::<i64>(), "{audit}");
    ensure!(sum(rows, "unchecked") == 0 && sum(rows, "batches") > 0, "{audit}");
    let by_policy = &audit["policies"];
    ensure!(sum(by_policy, "kept") == kept, "{audit}");
    let names: Vec<_> = rig.plan.policies.reference().into_iter().map(|one| one.name).collect();
    for count in by_policy.as_array().into_iter().flatten().filter(|one| one["kept"] != 0) {
        let name = count["policy"].as_str().unwrap_or_default();
        ensure!(names.iter().any(|known| known == name), "{name} is none of {names:?}");
    }
    let some = told_json(&rig, &["audit"], &[&["--records", "3"]], 0)?;
    ensure!(sum(&some["partitions"], "records_checked") == 3 * 8, "{some}");
    let text = told(&rig, &["audit"], &[], 0)?;
    ensure!(
        text.trim_end().ends_with("all right") && text.contains("verdicts by policy"),
        "{text}"
    );
    ensure!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    Ok(())
}

/// Records of known times on two partitions, which nobody has read.
fn lag_counts_records_and_time() -> anyhow::Result<()> {
    let (rig, _) = decided()?;
    let lag = told_json(&rig, &["lag"], &[], 0)?;
    let total = &lag["groups"][0]["total"];
    ensure!(total["records"] == 0 && total["behind_ms"] == 0 && total["unread"] == 0, "{lag}");
    let start = rig.end_ms();
    let late = |partition: i32, number: u8, after_ms: i64| Record {
        partition,
        timestamp_ms: start + after_ms,
        ..record("late", Some(request(vec![span(200 + partition as u8, number)])))
    };
    rig.produce(&[late(0, 1, 0), late(0, 2, 400), late(0, 3, 1700), late(3, 1, 100)])?;
    let lag = told_json(&rig, &["lag"], &[], 0)?;
    let group = &lag["groups"][0];
    let of = |partition: usize, field: &str| group["partitions"][partition][field].as_i64();
    ensure!(of(0, "records") == Some(3) && of(0, "behind_ms") == Some(1700), "{lag}");
    ensure!(of(3, "records") == Some(1) && of(3, "behind_ms") == Some(0), "{lag}");
    ensure!(of(1, "records") == Some(0) && of(1, "behind_ms") == Some(0), "{lag}");
    ensure!(of(0, "end") == Some(rig.input_ends()?[0]) && of(0, "unread") == Some(3), "{lag}");
    let total = &group["total"];
    ensure!(total["records"] == 4 && total["behind_ms"] == 1700, "{lag}");
    let text = told(&rig, &["lag"], &[], 0)?;
    ensure!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let says = "total: 4 records not committed, 4 of them unread, 1.7s behind";
    ensure!(text.lines().any(|line| line == says), "{text}");
    Ok(())
}

/// A copy of the log of which one batch is missing.
fn a_log_with_a_hole_is_found() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 2000)?;
    // Each run commits a batch with verdicts, if not more.
    for part in load.parts(3) {
        rig.produce(part)?;
        rig.run_until_idle(&[])?;
    }
    let log = format!("{}.decisions", rig.group);
    let batches = rig.read(&log)?;
    let copy = unique_name("copy");
    rig.make_topic(&copy, u32::try_from(rig.admin.partitions(&log)?.unwrap_or(1))?)?;
    // Of input partition 0 neither the first batch nor the last: those between hold verdicts, too.
    let of_zero = |key: &Option<Vec<u8>>| key.as_ref().is_some_and(|key| key.ends_with(b"/0"));
    let holes: Vec<_> = batches.iter().filter(|batch| of_zero(&batch.key)).collect();
    let between = holes.iter().skip(1).rev().skip(1);
    let largest = between.max_by_key(|batch| batch.value.as_ref().map(Vec::len));
    let hole = largest.context("no batch of partition 0")?.offset;
    let mut writer = Writer::new(&rig.settings)?;
    for batch in batches.iter().filter(|batch| !(of_zero(&batch.key) && batch.offset == hole)) {
        writer.send(Outgoing {
            topic: &copy,
            partition: Some(batch.partition),
            key: batch.key.as_deref(),
            value: batch.value.as_deref(),
            ..Outgoing::default()
        })?;
    }
    writer.flush(PATIENCE)?;
    let elsewhere: &[&str] = &["--set", &format!("decisions.topic={copy}")];
    let audit = told_json(&rig, &["audit"], &[elsewhere], 1)?;
    ensure!(audit["right"] == false, "{audit}");
    let found: Vec<_> = audit["findings"].as_array().into_iter().flatten().collect();
    let uncovered = found.iter().find(|found| found["invariant"] == "I10");
    let uncovered = uncovered.with_context(|| audit.to_string())?;
    ensure!(uncovered["partition"] == 0 && uncovered["topic"] == *rig.input, "{uncovered}");
    let text = uncovered["text"].as_str().unwrap_or_default();
    ensure!(text.starts_with("record ") && text.contains("expected an entry of trace"), "{text}");
    let mut places = BTreeMap::new();
    for one in &found {
        *places.entry(one["partition"].as_i64()).or_insert(0) += 1;
    }
    ensure!(places.keys().eq([&Some(0)]), "only partition 0 was harmed: {audit}");
    let text = told(&rig, &["audit"], &[elsewhere], 1)?;
    for says in ["I10  partition 0: record ", "remedy: set the group's offset", "NOT RIGHT: "] {
        ensure!(text.contains(says), "expected {says:?} in\n{text}");
    }
    Ok(())
}

/// Records and batches that are needed still.
fn what_was_deleted_is_found() -> anyhow::Result<()> {
    let (rig, _) = decided()?;
    let ends = rig.input_ends()?;
    let more =
        |number| Record { partition: 2, ..record("more", Some(request(vec![span(1, number)]))) };
    rig.produce(&[more(1), more(2), more(3)])?;
    rig.admin.delete_records_below(
        &rig.input,
        &[PartitionOffset { partition: 2, offset: ends[2] + 2 }],
    )?;
    let text = told(&rig, &["audit"], &[], 1)?;
    let (committed, start) = (ends[2], ends[2] + 2);
    for says in [
        &*format!("I1  partition 2: expected records from the committed offset {committed} on"),
        &*format!("got them from {start} on"),
        "remedy: lengthen the topic's retention",
    ] {
        ensure!(text.contains(says), "expected {says:?} in\n{text}");
    }
    let lag = told(&rig, &["lag"], &[], 0)?;
    ensure!(lag.contains("partition 2: 2 offsets were deleted before"), "{lag}");
    Ok(())
}

fn a_rekey_stage_is_told_apart() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 4, ..Plan::default() })?;
    let load = Load::new(&rig, LoadShape::Unkeyed, 1000)?;
    rig.produce(&load.records)?;
    let logged = rig.run_until_idle(&[UNKEYED])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    let audit = told_json(&rig, &["audit"], &[UNKEYED], 0)?;
    let stage = &audit["rekey_stage"];
    ensure!(stage["group"] == format!("{}.rekey", rig.group), "{audit}");
    ensure!(stage["total"]["records"] == 0, "{audit}");
    ensure!(audit["topic"] == format!("{}.repartition", rig.group), "{audit}");
    let kept = i64::try_from(load.expected.len())?;
    ensure!(sum(&audit["partitions"], "kept") == kept, "{audit}");
    ensure!(sum(&audit["partitions"], "records_checked") > 0, "{audit}");

    rig.produce(&[record("late", Some(request(vec![span(9, 1)])))])?;
    let lag = told_json(&rig, &["lag"], &[UNKEYED], 0)?;
    let [stage, processor] = [0, 1].map(|number| lag["groups"][number].clone());
    ensure!(stage["role"] == "re-key stage" && stage["total"]["records"] == 1, "{lag}");
    ensure!(processor["role"] == "processor" && processor["total"]["records"] == 0, "{lag}");
    let text = told(&rig, &["lag"], &[UNKEYED], 0)?;
    ensure!(text.lines().filter(|line| line.starts_with("total: ")).count() == 2, "{text}");
    Ok(())
}

fn wrong_usage_is_told_apart() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 1, ..Plan::default() })?;
    told(&rig, &["audit"], &[&["--set", "epoch=soon"]], 2)?;
    told(&rig, &["lag"], &[&["--what"]], 2)?;
    for command in ["audit", "lag"] {
        let mut child = tailsift(&[command, "-c", "/nonexistent.yaml"])?;
        let status = child.wait(PATIENCE)?;
        ensure!(status.code() == Some(2), "{command}: {status}\n{}", child.stderr());
    }
    // Nothing has run: there is no log to audit, but what is there can be counted.
    let mut child = rig.command("audit", &[])?;
    let status = child.wait(PATIENCE)?;
    let log = child.stderr();
    ensure!(status.code() == Some(1) && log.contains(".decisions"), "{status}: {log}");
    let lag = told(&rig, &["lag"], &[], 0)?;
    ensure!(lag.contains("total: 0 records not committed"), "{lag}");
    Ok(())
}

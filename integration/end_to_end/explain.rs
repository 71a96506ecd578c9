//! A trace as the topics tell of it.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{IntegrationTest, LoadShape, fnv1a_partition};

use crate::lifecycle::Load;
use crate::operations::told;
use crate::payload::{record, request, span};
use crate::rig::{PATIENCE, Plan, Record, Rig, UNTIL_IDLE, ensure_exact, finished};

pub(crate) const TESTS: &[IntegrationTest] =
    &[("explain::a_trace_is_found_with_its_verdict_and_exports", a_trace_is_found)];

/// A trace that no policy wants.
const DULL: u8 = 0x77;

fn explained(rig: &Rig, id: &str, more: &[&str]) -> anyhow::Result<Value> {
    let arguments = ["--trace-id", id, "--format", "json"];
    let told = told(rig, &["explain"], &[&arguments, more], 0)?;
    let told: Value = serde_json::from_str(&told).with_context(|| told.clone())?;
    ensure!(told.as_array().is_some_and(|traces| traces.len() == 1), "{told}");
    Ok(told[0].clone())
}

fn a_trace_is_found() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 600)?;
    let dull = format!("{DULL:02x}").repeat(16);
    let partition = fnv1a_partition(dull.as_bytes(), rig.plan.partitions);
    let dull_record = Record {
        partition,
        timestamp_ms: rig.end_ms(),
        ..record(&dull, Some(request(vec![span(DULL, 1), span(DULL, 2)])))
    };
    rig.produce(&load.records)?;
    rig.produce(&[dull_record])?;

    let waiting = explained(&rig, &dull, &[])?;
    ensure!(waiting["recorded"].is_null() && waiting["output"]["holds"] == "none", "{waiting}");
    let logged = rig.run_until_idle(&[])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    let committed = rig.committed()?;

    let (id, kept) = load.expected.first_key_value().context("nothing is kept")?;
    let found = explained(&rig, &id.to_string(), &[])?;
    ensure!(found["verdict"] == "keep" && found["recorded"]["verdict"] == "keep", "{found}");
    ensure!(found["recorded"]["policy"] == found["policy"], "{found}");
    ensure!(found["recorded"]["same_policies"] == true, "{found}");
    ensure!(found["recorded"]["close_reason"] == "decision_wait", "{found}");
    ensure!(found["spans"] == kept.span_count(), "{found}");
    ensure!(found["output"]["holds"] == "whole", "{found}");
    ensure!(found["output"]["spans"] == kept.span_count(), "{found}");
    ensure!(found["input"]["partitions"].as_array().is_some_and(|all| all.len() == 1), "{found}");
    let searched = |told: &Value| told["input"]["records_searched"].as_u64();
    let everywhere = explained(&rig, &id.to_string(), &["--all-partitions", "--since", "1h"])?;
    let all = load.records.len() as u64 + 1;
    ensure!(searched(&everywhere) == Some(all), "{everywhere}");
    ensure!(searched(&found) < Some(all), "{found}");
    ensure!(everywhere["votes"] == found["votes"], "{everywhere}");

    let dropped = explained(&rig, &dull, &[])?;
    ensure!(dropped["verdict"] == "drop" && dropped["recorded"]["verdict"] == "drop", "{dropped}");
    ensure!(dropped["policy"].is_null() && dropped["output"]["holds"] == "none", "{dropped}");
    let text = told(&rig, &["explain"], &[&["--trace-id", &dull]], 0)?;
    ensure!(text.lines().any(|line| line.starts_with("  recorded    drop")), "{text}");

    rig.replace_in_config("status_codes: [ERROR]", "status_codes: [ERROR, UNSET]")?;
    let other = explained(&rig, &dull, &[])?;
    ensure!(other["verdict"] == "keep" && other["recorded"]["verdict"] == "drop", "{other}");
    ensure!(other["recorded"]["same_policies"] == false, "{other}");
    ensure!(rig.committed()? == committed, "the group was disturbed");
    nowhere(&rig)
}

/// Of a trace that is nowhere it is said what was searched.
fn nowhere(rig: &Rig) -> anyhow::Result<()> {
    let mut child = rig.command("explain", &[&["--trace-id", &"ee".repeat(16)]])?;
    let status = child.wait(PATIENCE)?;
    let log = child.stderr();
    ensure!(status.code() == Some(1), "{status}\n{log}");
    let says = [rig.input.as_str(), &format!("{}.decisions", rig.group), " UTC"];
    ensure!(says.iter().all(|part| log.contains(part)), "expected {says:?} in\n{log}");
    let mut child = rig.command("explain", &[&["--trace-id", "xyz"]])?;
    ensure!(child.wait(PATIENCE)?.code() == Some(2), "{}", child.stderr());
    // Nothing of that keeps the next run from anything.
    finished(rig.run(&[UNTIL_IDLE])?).map(drop)
}

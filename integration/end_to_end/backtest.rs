//! Policies tried on what a topic still holds.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{IntegrationTest, LoadShape};

use crate::lifecycle::Load;
use crate::operations::told;
use crate::rig::{PATIENCE, Plan, Rig, ensure_exact, now_ms};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("backtest::its_verdicts_are_those_of_a_run", its_verdicts_are_those_of_a_run),
    ("backtest::what_would_change_is_told", what_would_change_is_told),
    ("backtest::a_collectors_policies_are_tried", a_collectors_policies_are_tried),
    ("backtest::traces_that_began_earlier_are_left_out", traces_that_began_earlier_are_left_out),
    ("backtest::what_is_missing_is_told", what_is_missing_is_told),
];

const JSON: &[&str] = &["--format", "json"];
const DECISIONS: &[&str] = &["--against", "decisions"];

fn tested(rig: &Rig, arguments: &[&[&str]]) -> anyhow::Result<Value> {
    let told = told(rig, &["backtest"], &[arguments, &[JSON]].concat(), 0)?;
    serde_json::from_str(&told).with_context(|| told.clone())
}

/// A rig whose load was judged and exported.
fn decided(shape: LoadShape) -> anyhow::Result<(Rig, Load)> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, shape, 2000)?;
    rig.produce(&load.records)?;
    let logged = rig.run_until_idle(&[])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    Ok((rig, load))
}

/// The export topic holds what had to be kept, and the log of verdicts says the same of each trace.
fn its_verdicts_are_those_of_a_run() -> anyhow::Result<()> {
    for shape in [LoadShape::Keyed, LoadShape::Bulk] {
        let (rig, load) = decided(shape)?;
        let committed = rig.committed()?;
        let report = tested(&rig, &[DECISIONS])?;
        let kept = load.expected.len();
        ensure!(report["kept"]["traces"] == kept && report["all"]["traces"] == 2000, "{report}");
        let spans: u64 = load.expected.values().map(|trace| trace.span_count()).sum();
        let late = report["late"]["spans"].as_u64().unwrap_or_default();
        let exported = report["kept"]["spans"].as_u64().unwrap_or_default() + late;
        ensure!(exported == spans, "{spans} spans are exported, {report}");
        let against = &report["against"];
        ensure!(against["both_kept"] == kept && against["both_dropped"] == 2000 - kept, "{report}");
        for none in ["waiting_there", "unknown_there", "unknown_here"] {
            ensure!(against[none] == 0, "{none}: {report}");
        }
        ensure!(report["records"] == load.records.len(), "{report}");
        for policy in rig.plan.policies.reference() {
            let traces = load.expected.values();
            let wanted = traces.filter(|trace| trace.keep.contains(&policy.name)).count();
            let row = report["policies"]
                .as_array()
                .and_then(|rows| rows.iter().find(|row| row["policy"] == policy.name.as_str()));
            let row = row.with_context(|| format!("no row of {}: {report}", policy.name))?;
            ensure!(row["sampled"]["traces"] == wanted, "{}: {wanted}, {report}", policy.name);
        }
        ensure!(rig.committed()? == committed, "the group was disturbed");
        ensure_exact(rig.compare(&load.expected)?, "")?;
    }
    Ok(())
}

/// Without one policy, what only that one wanted is kept only there.
fn what_would_change_is_told() -> anyhow::Result<()> {
    let (rig, _) = decided(LoadShape::Keyed)?;
    let before = tested(&rig, &[])?;
    let only = &before["policies"][0]["only"];
    let lost = only["traces"].as_u64().unwrap_or_default();
    ensure!(lost > 0, "no trace is wanted by the first policy alone: {before}");
    let original = rig.config_path().with_extension("original");
    std::fs::copy(rig.config_path(), &original)?;
    rig.replace_in_config("status_codes: [ERROR]", "status_codes: [OK]")?;
    let file = original.to_string_lossy().into_owned();
    for against in [&["--against", &file][..], DECISIONS] {
        let report = tested(&rig, &[against])?;
        let changes = &report["against"]["only_there"];
        ensure!(changes["traces"] == lost && changes["bytes"] == only["bytes"], "{report}");
        let policies = &changes["policies"];
        ensure!(policies[0]["policy"] == "errors" && policies[0]["traces"] == lost, "{report}");
        let examples = policies[0]["examples"].as_array().map_or(0, Vec::len) as u64;
        ensure!(examples == lost.min(3), "{report}");
        ensure!(report["against"]["only_here"]["traces"].as_u64().is_some(), "{report}");
    }
    let text = told(&rig, &["backtest"], &[DECISIONS], 0)?;
    ensure!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    ensure!(text.contains(&format!("kept only there: {lost} traces")), "{text}");
    Ok(())
}

/// A Collector's block beside the same policies as a file of ours: no trace differs.
fn a_collectors_policies_are_tried() -> anyhow::Result<()> {
    let (rig, load) = decided(LoadShape::Keyed)?;
    let block = |strategy: &str| {
        let policy = "{name: failed, type: status_code, status_code: {status_codes: [ERROR]}}";
        format!("tail_sampling:\n  decision_wait: 2s\n{strategy}  policies: [{policy}]\n")
    };
    let collector = rig.config_path().with_extension("collector");
    std::fs::write(&collector, block(""))?;
    let file = collector.to_string_lossy().into_owned();
    let tried: &[&str] = &["--tail-sampling", &file];
    let failed = load.expected.values();
    let failed = failed.filter(|trace| trace.keep.iter().any(|name| name == "errors")).count();
    let report = tested(&rig, &[tried, DECISIONS])?;
    ensure!(report["policies"][0]["policy"] == "failed", "{report}");
    ensure!(failed > 0 && report["kept"]["traces"] == failed, "{failed} failed: {report}");
    ensure!(report["against"]["both_kept"] == failed, "{report}");
    ensure!(report["against"]["only_here"]["traces"] == 0, "{report}");
    std::fs::write(&collector, block("  sampling_strategy: span-ingest\n"))?;
    let mut child = rig.command("backtest", &[tried])?;
    let (status, log) = (child.wait(PATIENCE)?, child.stderr());
    let says = "sampling_strategy: expected trace-complete, got span-ingest";
    ensure!(status.code() == Some(2) && log.contains(says), "{status}: {log}");
    Ok(())
}

/// Of the second half of a load, what began in the first is left out, and nothing is judged by a
/// part of its spans.
fn traces_that_began_earlier_are_left_out() -> anyhow::Result<()> {
    let (rig, load) = decided(LoadShape::Keyed)?;
    let all = tested(&rig, &[&["--since", "1h"]])?;
    ensure!(all["all"]["traces"] == 2000 && all["began_earlier"] == 0, "{all}");
    let middle = load.records[load.records.len() / 2].timestamp_ms;
    let since = format!("{}ms", now_ms() - middle);
    let half = tested(&rig, &[DECISIONS, &["--since", &since]])?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (counted, kept) = (number(&half["all"]["traces"]), number(&half["kept"]["traces"]));
    ensure!((100..1500).contains(&counted) && kept > 0, "{half}");
    ensure!(number(&half["began_earlier"]) > 0, "{half}");
    let against = &half["against"];
    ensure!(against["both_kept"] == kept && against["both_dropped"] == counted - kept, "{half}");
    Ok(())
}

fn what_is_missing_is_told() -> anyhow::Result<()> {
    let settings = tailsift_fixture::SharedKafka::require()?.client_settings();
    let rig = Rig::without_topics(settings, Plan::default())?;
    let refused = |arguments: &[&[&str]], says: &str| {
        let mut child = rig.command("backtest", arguments)?;
        let status = child.wait(PATIENCE)?;
        let log = child.stderr();
        ensure!(status.code() == Some(1) && log.contains(says), "{status}, {says}: {log}");
        anyhow::Ok(())
    };
    refused(&[], &rig.input)?;
    rig.make_topics()?;
    refused(&[DECISIONS], "nothing was decided yet")?;
    let empty = tested(&rig, &[])?;
    ensure!(empty["all"]["traces"] == 0 && empty["records"] == 0, "{empty}");
    Ok(())
}

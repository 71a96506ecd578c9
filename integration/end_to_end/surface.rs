//! What a running process tells over HTTP.

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, LoadShape, eventually};

use crate::http::Surface;
use crate::lifecycle::Load;
use crate::rig::{HOLDING, PATIENCE, Plan, Rig, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] =
    &[("surface::a_running_process_tells_what_it_does", a_running_process_tells_what_it_does)];

const LISTEN: &[&str] = &["--set", "http={listen: \"127.0.0.1:0\", recent_traces: 10000}"];

fn a_running_process_tells_what_it_does() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 3000)?;
    rig.produce(&load.records)?;
    let mut child = rig.run(&[HOLDING, LISTEN])?;
    let surface = Surface::of(&mut child)?;
    let told = ask(&surface).with_context(|| log_tail(&child.stderr()));
    child.sigterm()?;
    finished(child)?;
    told
}

fn ask(surface: &Surface) -> anyhow::Result<()> {
    ensure!(surface.get("/healthz")?.0 == 200);
    eventually("/readyz", PATIENCE, || Ok((surface.get("/readyz")?.0 == 200).then_some(())))?;
    let metrics = eventually("all spans are read and some traces exported", PATIENCE, || {
        let metrics = surface.metrics()?;
        let of = |name: &str| metrics.get(name).copied().unwrap_or(0.0);
        let done = of("tailsift_spans_total") == 36_000.0
            && of("tailsift_records_written_total") > 0.0
            && of("tailsift_epoch_bytes") == 0.0;
        Ok(done.then_some(metrics))
    })?;
    let of = |name: &str| {
        metrics.get(name).copied().with_context(|| format!("{name} is not in {metrics:?}"))
    };
    let (kept, dropped) = (of("tailsift_spans_kept_total")?, of("tailsift_spans_dropped_total")?);
    let open = of("tailsift_spans_open")?;
    ensure!(kept > 0.0 && dropped > 0.0 && open > 0.0, "{kept} + {dropped} + {open}");
    ensure!(kept + dropped + open == 36_000.0, "{kept} + {dropped} + {open}");
    let closed = of("tailsift_traces_closed_total")?;
    ensure!(closed + of("tailsift_traces_open")? == of("tailsift_traces_opened_total")?);
    ensure!(of("tailsift_verdicts_total")? == closed, "{metrics:?}");
    ensure!(of("tailsift_trace_held_seconds_count")? == closed, "{metrics:?}");
    ensure!(of("tailsift_records_total")? == 9000.0);
    ensure!(of("tailsift_epochs_committed_total")? >= 1.0);
    ensure!(of("tailsift_partition_settled_lag_records")? > 0.0, "open traces hold offsets back");

    let (status, list) = surface.json("/api/v1/traces?verdict=keep&limit=1000")?;
    ensure!(status == 200);
    let traces = list["traces"].as_array().context("no list of traces")?;
    ensure!(traces.len() as f64 * 12.0 == kept, "{} traces, {kept} spans kept", traces.len());
    let summary = traces.first().context("no kept trace")?;
    let id = summary["trace_id"].as_str().context("no trace ID")?;
    let (status, trace) = surface.json(&format!("/api/v1/traces/{id}"))?;
    ensure!(status == 200 && trace["verdict"] == "keep" && trace["spans"] == 12, "{trace}");
    let rows = trace["waterfall"].as_array().context("no waterfall")?;
    ensure!(rows.len() == 12, "{trace}");
    let policy = &trace["policy"];
    let votes = trace["votes"].as_array().context("no votes")?;
    let deciding = votes.iter().find(|vote| vote["policy"] == *policy);
    ensure!(deciding.is_some_and(|vote| vote["vote"] == "sampled"), "{trace}");
    let (status, problem) = surface.json(&format!("/api/v1/traces/{}", "ef".repeat(16)))?;
    ensure!(status == 404 && problem["remedy"].is_string(), "{status}: {problem}");
    Ok(())
}

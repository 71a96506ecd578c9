//! What a running process tells over HTTP.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{IntegrationTest, LoadShape, Tailsift, eventually};

use crate::lifecycle::Load;
use crate::rig::{HOLDING, PATIENCE, Plan, Rig, finished, log_tail};

pub(crate) const TESTS: &[IntegrationTest] =
    &[("surface::a_running_process_tells_what_it_does", a_running_process_tells_what_it_does)];

const LISTEN: &[&str] = &["--set", "http={listen: \"127.0.0.1:0\", recent_traces: 10000}"];

/// An HTTP surface.
struct Surface {
    address: String,
}

impl Surface {
    /// The surface that a process says it serves.
    fn of(child: &mut Tailsift) -> anyhow::Result<Self> {
        child.wait_for_stderr("http is up", PATIENCE, |log| address(log).is_some())?;
        Ok(Self { address: address(&child.stderr()).context("no address")? })
    }

    /// Status and body.
    fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).context("connecting")?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let address = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).with_context(|| format!("reading {path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of headers")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    fn json(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        let (status, body) = self.get(path)?;
        Ok((status, serde_json::from_str(&body).with_context(|| format!("{path}: {body}"))?))
    }

    /// The sum of each metric over its labels.
    fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let (status, body) = self.get("/metrics")?;
        ensure!(status == 200, "/metrics: {status}");
        let mut sums = BTreeMap::new();
        for line in body.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (series, value) = line.rsplit_once(' ').context("a line without a value")?;
            let name = series.split('{').next().unwrap_or_default();
            *sums.entry(name.to_owned()).or_default() += value.parse::<f64>()?;
        }
        Ok(sums)
    }
}

fn address(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("\"url\":\"http://")?;
    Some(rest.split_once('"')?.0.to_owned())
}

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

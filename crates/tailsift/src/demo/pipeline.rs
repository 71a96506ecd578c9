//! The embedded broker and the pipeline on it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tailsift_config::{Config, Report};
use tailsift_kafka::{ClientSettings, EmbeddedBroker};

use super::truth::Rule;
use super::view::PipelineState;
use crate::app::{App, Running, Snapshot};

#[cfg(test)]
mod tests;

/// The topics.
pub(super) const INPUT: &str = "otlp_spans";
pub(super) const OUTPUT: &str = "otlp_spans_kept";

/// A partition of the embedded broker keeps 5 MiB: enough partitions keep a whole demonstration.
const PARTITIONS: i32 = 32;
/// What else the pipeline writes to; the embedded broker makes no topics on request.
const INTERNAL: [&str; 2] = ["demo.decisions", "demo.dead_letters"];

/// Broker and pipeline, stopped when dropped.
pub(super) struct Pipeline {
    running: Running,
    // After the pipeline: fields are dropped in their order.
    broker: EmbeddedBroker,
}

impl Pipeline {
    /// Starts both.
    ///
    /// # Errors
    /// If there is no free port, or the pipeline does not start.
    pub(super) fn start() -> anyhow::Result<Self> {
        let topics = [INPUT, OUTPUT, INTERNAL[0], INTERNAL[1]].map(|topic| (topic, PARTITIONS));
        let broker = EmbeddedBroker::start(1, &topics)?;
        let config = load(&configuration(broker.bootstrap_servers()))?;
        let running = App::start(&config).context("starting the pipeline")?;
        Ok(Self { running, broker })
    }

    /// How to reach the broker.
    pub(super) fn settings(&self) -> ClientSettings {
        self.broker.client_settings()
    }

    /// What the pipeline says of itself.
    pub(super) fn state(&self) -> PipelineState {
        state_of(&self.running.snapshot())
    }

    /// Judges what is open, commits and stops.
    ///
    /// # Errors
    /// If that takes longer than `patience`, or a worker failed.
    pub(super) fn drain(&mut self, patience: Duration) -> anyhow::Result<PipelineState> {
        self.running.drain(patience)?;
        Ok(self.state())
    }
}

/// Loads what was written here: it reads no variable and no file.
fn load(text: &str) -> anyhow::Result<Config> {
    let no_file = |_: &Path| Err(ErrorKind::NotFound.into());
    tailsift_config::load(text, &[], &|_| None, &no_file)
        .map_err(|errors| anyhow!("the demonstration's configuration: {}", Report(&errors)))
}

fn state_of(snapshot: &Snapshot) -> PipelineState {
    let Snapshot { stats, gauges, policy_names, epochs_committed } = snapshot;
    let kept_by_rule = Rule::ALL.map(|rule| {
        let place = policy_names.iter().position(|name| name == rule.policy());
        place.and_then(|place| stats.kept_by_policy.get(place)).copied().unwrap_or(0)
    });
    PipelineState {
        records: stats.records,
        traces_open: gauges.traces_open as u64,
        window_bytes: (gauges.window_bytes + gauges.decision_bytes) as u64,
        kept_by_rule,
        kept: stats.kept_traces,
        dropped: stats.dropped_traces,
        epochs: *epochs_committed,
    }
}

/// The configuration file: what a user would write, but for a short wait and a broker without
/// transactions.
fn configuration(bootstrap_servers: &str) -> String {
    format!(
        r#"
kafka: {{bootstrap_servers: "{bootstrap_servers}"}}
group: demo
workers: 1
delivery: at_least_once
input: {{topic: {INPUT}, idle_grace: 500ms}}
output: {{topic: {OUTPUT}}}
window: {{decision_wait: 3s, memory_limit: 128MiB}}
policies:
  - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
  - name: slow-features
    type: span_latency
    span_latency: {{span_name: "Feature Extraction", above: 500ms}}
  - {{name: unsure, type: low_confidence, low_confidence: {{below: 0.5}}}}
  - {{name: slow, type: latency, latency: {{threshold_ms: 500}}}}
http: off
"#
    )
}

//! Services and users at work, from the first request to the last span.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tailsift_kafka::{ClientSettings, Writer};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::args::DemoArgs;
use super::exporter::{KafkaExporter, Outlet, Written};
use super::load::{RequestCounts, Requests, drive};
use super::services::Services;
use super::truth::Truth;
use super::view::{Frame, Phase, PipelineState};

#[cfg(test)]
mod tests;

/// Between two looks at everything.
pub(super) const FRAME: Duration = Duration::from_millis(100);
/// The broker takes the last records within this time.
const FLUSH_PATIENCE: Duration = Duration::from_secs(15);

/// The load.
pub(super) struct Session {
    started: Instant,
    requests: Arc<Requests>,
    outlet: Arc<Outlet>,
    services: Option<Services>,
    users: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Session {
    /// Starts services and users; spans go to `topic`.
    ///
    /// # Errors
    /// If librdkafka refuses the settings, or there is no free port.
    pub(super) fn start(
        runtime: &Runtime,
        args: &DemoArgs,
        settings: &ClientSettings,
        topic: &str,
        requests_max: u64,
        truth: Option<Truth>,
    ) -> anyhow::Result<Self> {
        let outlet = Arc::new(Outlet::new(Writer::new(settings)?, topic, truth));
        let exporter = || KafkaExporter::new(Arc::clone(&outlet));
        let services = runtime.block_on(Services::start(args.seed, exporter))?;
        let requests = Arc::new(Requests::default());
        let (stop, stopping) = watch::channel(false);
        let users = runtime.spawn(drive(
            services.user(),
            args.seed,
            args.rate,
            requests_max,
            Arc::clone(&requests),
            stopping,
        ));
        let services = Some(services);
        Ok(Self { started: Instant::now(), requests, outlet, services, users, stop })
    }

    /// Since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the users have seen.
    pub(super) fn requests(&self) -> RequestCounts {
        self.requests.counts()
    }

    /// Shows the truth as far as it is known; `None` if it is not written down.
    pub(super) fn with_truth<R>(&self, show: impl FnOnce(&Truth) -> R) -> Option<R> {
        self.outlet.with_truth(show)
    }

    /// Waits for [`FRAME`]; false once the users have asked all they may.
    pub(super) fn goes_on(&mut self, runtime: &Runtime) -> bool {
        runtime.block_on(async { timeout(FRAME, &mut self.users).await.is_err() })
    }

    /// Tells if writing has failed so far.
    ///
    /// # Errors
    /// If a record could not be handed to the broker's client.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.outlet.check()
    }

    /// Ends the load: users, then services, then the writer. Calls `meanwhile` while it waits.
    ///
    /// # Errors
    /// If a span could not be written, or `meanwhile` fails.
    pub(super) fn finish(
        &mut self,
        runtime: &Runtime,
        mut meanwhile: impl FnMut(&Self) -> std::io::Result<()>,
    ) -> anyhow::Result<Written> {
        self.stop.send_replace(true);
        while !self.users.is_finished() {
            self.goes_on(runtime);
            meanwhile(self)?;
        }
        if let Some(services) = self.services.take() {
            services.stop()?;
        }
        self.outlet.flush(FLUSH_PATIENCE).context("handing the last spans to the broker")?;
        Ok(self.outlet.written())
    }

    /// Everything to be shown.
    pub(super) fn frame(
        &self,
        phase: Phase,
        speed: &mut Speed,
        total: Option<Duration>,
        pipeline: Option<PipelineState>,
    ) -> Frame {
        let (requests, written) = (self.requests.counts(), self.outlet.written());
        let (requests_per_second, spans_per_second) =
            speed.note(Instant::now(), requests.sent, written.spans);
        Frame {
            phase,
            elapsed: self.elapsed(),
            total,
            requests_per_second,
            spans_per_second,
            requests,
            written,
            pipeline,
        }
    }
}

/// Counts of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Speed(VecDeque<(Instant, u64, u64)>);

impl Speed {
    /// How far back speeds look.
    const SPAN: Duration = Duration::from_secs(2);

    /// Notes two counts; their growth per second.
    pub(super) fn note(&mut self, now: Instant, first: u64, second: u64) -> (f64, f64) {
        self.0.push_back((now, first, second));
        while let Some((at, ..)) = self.0.front()
            && now.duration_since(*at) > Self::SPAN
        {
            self.0.pop_front();
        }
        let Some((at, first_then, second_then)) = self.0.front() else { return (0.0, 0.0) };
        let seconds = now.duration_since(*at).as_secs_f64();
        if seconds == 0.0 {
            return (0.0, 0.0);
        }
        let growth = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        (growth(first, *first_then), growth(second, *second_then))
    }
}

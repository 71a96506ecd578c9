//! The processor, put together: configuration → workers, their watchers, and the way to stop them.

mod again;
pub(crate) mod board;
mod build;
pub(crate) mod grants;
mod retention;
mod stage;
pub(crate) mod topics;
mod upstream;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tailsift_config::{Config, ConfigFile};
use tailsift_kafka::{check_access, fit_memory};
use tailsift_sampler::{Balance, Gauges, Stats};
use tokio::runtime::Runtime;
use tokio::sync::watch as flag;
use tracing::{error, info};

use crate::admin::{self, Health, Surface};
use crate::live::LiveView;
use crate::logging::worker_span;
use crate::metrics;
use crate::reload::{Desk, Reloader, on_hangup};
use crate::reread::Rereader;
use crate::secrets::{Secrets, Watch};
use crate::shutdown::{Stop, on_signals};
use crate::worker::wall_now;
pub(crate) use again::Works;
use again::keep_working;
use board::Board;
pub(crate) use build::{
    client_settings, cluster_settings, export_client_settings, format_of, partitioner,
    policies_fingerprint, window_format,
};

/// How long brokers are asked to let us in before questions with more patience are.
const KNOCK: Duration = Duration::from_secs(10);
/// How long stopping may take before it is given up.
const STOP_BUDGET: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The processor of one process.
pub(crate) struct App;

/// What is asked of one run, beside the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// Stop once there has been nothing to do for so long.
    pub(crate) exit_when_idle: Option<Duration>,
    /// Take up partitions whose decision log lacks what is needed, as if it had never been.
    pub(crate) accept_lost_decisions: bool,
    /// The internal topics are there and as they should be.
    pub(crate) topics_are_made: bool,
    /// Decide, log verdicts, and export nothing.
    pub(crate) shadow: bool,
    /// What this process does for an input without keys.
    pub(crate) role: Role,
}

/// What a process does for an input that is not keyed by trace ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// The re-key stage and the processor.
    #[default]
    Both,
    /// The processor: other processes re-key.
    Processor,
    /// The re-key stage.
    Rekey,
}

impl Role {
    /// How many workers of each kind: processors, then re-key workers. Both kinds share the cores,
    /// where a number is not asked for: more threads than cores get nothing done sooner, and each
    /// costs a consumer, a producer and what those hold.
    pub(crate) fn workers(self, config: &Config) -> (usize, usize) {
        let rekeys = config.repartition.is_some() && self != Self::Processor;
        let processes = self != Self::Rekey;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let each = match config.workers {
            0 if processes && rekeys => return Self::share(cores()),
            0 => cores(),
            asked => asked,
        };
        (each * usize::from(processes), each * usize::from(rekeys))
    }

    /// Cores shared between processors and re-key workers, one each at least.
    fn share(cores: usize) -> (usize, usize) {
        ((cores / 2).max(1), cores.div_ceil(2).max(1))
    }
}

/// A processor that runs; stopped when dropped.
pub(crate) struct Running {
    workers: Vec<JoinHandle<anyhow::Result<()>>>,
    watcher: Option<JoinHandle<()>>,
    stop: Arc<Stop>,
    board: Arc<Board>,
    policy_names: Vec<String>,
}

/// What a running processor has done, over all its workers.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) stats: Stats,
    pub(crate) gauges: Gauges,
    pub(crate) policy_names: Vec<String>,
    pub(crate) epochs_committed: u64,
}

/// `tailsift run`: until a signal, a failure, or idleness.
pub(crate) fn run(config: &Config, file: ConfigFile, wishes: Wishes) -> anyhow::Result<ExitCode> {
    let (workers, rekeys) = wishes.role.workers(config);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        bootstrap_servers = config.kafka.bootstrap_servers,
        group = config.group,
        input = config.input.topics.join(","),
        repartition = config.repartition.as_ref().map(|repartition| &repartition.topic),
        output = config.output.topic,
        workers,
        rekey_workers = rekeys,
        "starting"
    );
    if wishes.shadow {
        let (group, decisions) = (&config.group, &config.decisions.topic);
        info!(group, decisions, "a shadow: verdicts are made and logged, and nothing is exported");
    }
    fit_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("http")
        .enable_all()
        .build()
        .context("starting the HTTP runtime")?;
    let stop = Arc::new(Stop::default());
    on_signals(runtime.handle(), Arc::clone(&stop))?;
    let health = Arc::new(Health::new(workers + rekeys).shadowing(wishes.shadow));
    let live = Arc::new(live_view(config));
    let (desk, requests) = Desk::new(config.reload.token.clone(), config.fingerprint());
    let desk = Arc::new(desk);
    on_hangup(runtime.handle(), Arc::clone(&desk))?;
    let surface = Http::start(&runtime, config, &health, &live, &desk)?;
    let secrets = Arc::new(Secrets::new(config.clone()));
    let watch = Watch::new(file.clone(), Arc::clone(&secrets));
    let reloader = Reloader::new(file, Arc::clone(&secrets), desk, requests);
    knock(config)?;
    watch.start(Arc::clone(&stop))?;
    reloader.start(Arc::clone(&stop))?;
    let mut running = App::start_with(&secrets, stop, &health, &live, wishes)?;
    running.wait()?;
    let snapshot = running.snapshot();
    surface.end(runtime);
    tell_end(&snapshot);
    Ok(ExitCode::SUCCESS)
}

/// The last line of the log: traces, and where the spans are.
fn tell_end(Snapshot { stats, gauges, .. }: &Snapshot) {
    let Stats { records, kept_traces, dropped_traces, .. } = *stats;
    let Balance { read, kept, dropped, open, turning, given_up, covered, repeated } =
        Balance::of(stats, gauges);
    info!(
        records,
        spans = read,
        kept_traces,
        dropped_traces,
        turned_traces = stats.turns_whole + stats.turns_partial.iter().sum::<u64>(),
        kept_spans = kept,
        dropped_spans = dropped,
        open_spans = open,
        turning_spans = turning,
        given_up_spans = given_up,
        covered_spans = covered,
        repeated_spans = repeated,
        "stopped"
    );
}

impl App {
    /// Starts a processor without HTTP surface or signal handling, on topics that are all there.
    ///
    /// # Errors
    /// If topics are missing or Kafka does not answer.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Running> {
        let health = Arc::new(Health::new(Role::default().workers(config).0));
        let live = Arc::new(live_view(config));
        let wishes = Wishes { topics_are_made: true, ..Wishes::default() };
        let secrets = Arc::new(Secrets::new(config.clone()));
        Self::start_with(&secrets, Arc::default(), &health, &live, wishes)
    }

    fn start_with(
        secrets: &Arc<Secrets>,
        stop: Arc<Stop>,
        health: &Arc<Health>,
        live: &Arc<LiveView>,
        wishes: Wishes,
    ) -> anyhow::Result<Running> {
        let config = &*secrets.config();
        let (workers, rekeys) = wishes.role.workers(config);
        let repartitioned = config.repartition.as_ref();
        let repartitioned =
            repartitioned.map(|topic| topics::prepare_stage(config, topic)).transpose()?;
        let stage = repartitioned.filter(|_| rekeys > 0).and_then(|target| {
            let (secrets, stop) = (Arc::clone(secrets), Arc::clone(&stop));
            stage::Stage::new(secrets, target, stop, Arc::clone(health)).map(Arc::new)
        });
        let upstream = config.repartition.as_ref().map(|_| {
            let stage = stage.as_ref();
            upstream::Upstream::new(
                config,
                stage.map(|stage| (Arc::clone(&stage.board), stage.topics.clone())),
            )
        });
        let upstream = upstream.transpose()?;
        let board = Arc::new(Board::new(workers));
        let rereader = config
            .second_chance
            .filter(|_| workers > 0)
            .map(|chance| Rereader::start(Arc::clone(secrets), chance.timeout, workers));
        let rereader = rereader.transpose()?;
        let parts = Arc::new(build::Parts::new(
            Arc::clone(secrets),
            wishes,
            rereader,
            Arc::clone(&stop),
            Arc::clone(&board),
            Arc::clone(health),
            Arc::clone(live),
        ));
        let partitions = match wishes.role {
            Role::Rekey => 0,
            Role::Both | Role::Processor => topics::prepare(config, wishes)?,
        };
        if !wishes.topics_are_made {
            grants::warn_of_missing(config, wishes);
        }
        let start = |number| {
            let parts = Arc::clone(&parts);
            spawn(move |number| parts.worker(number, partitions), number, health, &stop)
        };
        let start_stage = |number| {
            let stage = Arc::clone(stage.as_ref().expect("there are re-key workers"));
            spawn(move |number| stage.worker(number), number, health, &stop)
        };
        let all = (0..workers).map(start).chain((workers..workers + rekeys).map(start_stage));
        let workers: anyhow::Result<Vec<_>> = all.collect();
        let workers = workers.inspect_err(|_| stop.set())?;
        let (watched, idle) = (Arc::clone(&board), wishes.exit_when_idle);
        // The embedded broker deletes nothing.
        let processes = wishes.role != Role::Rekey;
        let may_shorten = processes && !wishes.topics_are_made && config.has_log_of_its_own();
        let retention = may_shorten.then(|| retention::Retention::new(config));
        let (secrets, stopped) = (Arc::clone(secrets), Arc::clone(&stop));
        let watcher = match (processes, upstream) {
            (false, Some(upstream)) => watch::start_rekey(secrets, upstream, stopped, idle),
            (_, upstream) => {
                watch::start(secrets, upstream, partitions, watched, stopped, idle, retention)
            }
        };
        let watcher = watcher.inspect_err(|_| stop.set())?;
        Ok(Running {
            workers,
            watcher: Some(watcher),
            stop,
            board,
            policy_names: parts.policy_names(),
        })
    }
}

impl Running {
    /// Waits until all workers have ended.
    ///
    /// # Errors
    /// The first failure of a worker.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for worker in self.workers.drain(..) {
            let ended = worker
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a worker panicked; its message is above")));
            outcome = outcome.and(ended);
        }
        self.stop.set();
        if let Some(watcher) = self.watcher.take() {
            // It only asks questions: how it ends changes nothing.
            let _ = watcher.join();
        }
        outcome
    }

    /// What was done so far.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.board.snapshot(&self.policy_names)
    }

    /// Reads to the end of the input as it is now, judges all that waits, commits and stops.
    ///
    /// # Errors
    /// If that takes longer than `patience`, or a worker failed.
    pub(crate) fn drain(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.board.ask_to_drain(wall_now());
        let deadline = Instant::now() + patience;
        while self.workers.iter().any(|worker| !worker.is_finished()) {
            if Instant::now() >= deadline {
                return Err(anyhow!("the pipeline was not drained within {patience:?}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.set();
        let deadline = Instant::now() + STOP_BUDGET;
        while self.workers.iter().any(|worker| !worker.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Finds out whether Kafka lets us in. That no broker answers is told, and no error yet.
///
/// # Errors
/// If certificates or passwords are not accepted: waiting would not mend that.
pub(crate) fn knock(config: &Config) -> anyhow::Result<()> {
    check_access(&client_settings(config), KNOCK)?;
    if let Some(settings) = build::export_client_settings(config) {
        check_access(&settings, KNOCK).context("output.kafka")?;
    }
    Ok(())
}

/// Without HTTP nobody looks.
fn live_view(config: &Config) -> LiveView {
    let (traces, bytes) =
        config.http.as_ref().map_or((0, 0), |http| (http.recent_traces, http.recent_bytes));
    LiveView::new(traces, bytes)
}

/// Makes a worker, and starts its thread.
fn spawn<W: Works + Send + 'static>(
    make: impl Fn(usize) -> anyhow::Result<W> + Send + 'static,
    number: usize,
    health: &Arc<Health>,
    stop: &Arc<Stop>,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let first = make(number)?;
    let (health, stop) = (Arc::clone(health), Arc::clone(stop));
    let worker = move || {
        let _span = worker_span(number).entered();
        let _stop_with_me = StopOnPanic(Arc::clone(&stop));
        health.worker_started(number);
        let outcome = keep_working(first, || make(number), number, &health, &stop);
        match &outcome {
            Ok(()) => health.worker_finished(number),
            Err(failure) => {
                error!(
                    error = format!("{failure:#}"),
                    "the worker cannot go on; the process stops"
                );
                health.worker_stopped(number, &format!("{failure:#}"));
                stop.set();
            }
        }
        outcome
    };
    let builder = std::thread::Builder::new().name(format!("worker-{number}"));
    builder.spawn(worker).with_context(|| format!("starting worker {number}"))
}

/// Stops the process when its worker panics.
struct StopOnPanic(Arc<Stop>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set();
        }
    }
}

/// The HTTP surface, if configured.
struct Http(Option<flag::Sender<bool>>);

impl Http {
    fn start(
        runtime: &Runtime,
        config: &Config,
        health: &Arc<Health>,
        live: &Arc<LiveView>,
        desk: &Arc<Desk>,
    ) -> anyhow::Result<Self> {
        let Some(http) = &config.http else { return Ok(Self(None)) };
        let exposition = metrics::install()?;
        let listener = admin::bind(http.listen, http.explicit)?;
        let surface = Arc::new(Surface::new(
            Arc::clone(health),
            Arc::clone(live),
            exposition,
            Arc::clone(desk),
        ));
        let (sender, receiver) = flag::channel(false);
        runtime.spawn(async move {
            if let Err(failure) = admin::serve(listener, surface, receiver).await {
                error!(%failure, "http stopped");
            }
        });
        Ok(Self(Some(sender)))
    }

    fn end(self, runtime: Runtime) {
        if let Some(sender) = self.0 {
            sender.send_replace(true);
        }
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_and_rekey_workers_share_the_cores() {
        assert_eq!([1, 2, 3, 4, 16].map(Role::share), [(1, 1), (1, 1), (1, 2), (2, 2), (8, 8)]);
    }
}

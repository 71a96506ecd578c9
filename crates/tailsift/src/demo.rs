//! `tailsift demo`: an instrumented recommender, an embedded broker and the pipeline in one
//! process, and a check that what was kept is what had to be.

mod args;
mod dice;
mod exporter;
mod harvest;
mod load;
mod pipeline;
mod report;
mod services;
mod session;
mod telemetry;
#[cfg(test)]
mod tests;
mod text;
mod truth;
mod view;
mod waterfall;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tailsift_kafka::{Admin, ClientSettings};
use tokio::runtime::Runtime;

use crate::shutdown::{Stop, on_signals};

pub(crate) use args::DemoArgs;
use harvest::Harvest;
use pipeline::Pipeline;
use report::Totals;
use session::{Session, Speed};
pub(crate) use text::{bytes, percent};
use truth::Truth;
use view::{Phase, View, write_lines};

/// The load's length beside the pipeline, unless it is given. A load alone has no end.
const DURATION: Duration = Duration::from_secs(20);
/// Requests of one demonstration: the truth remembers every trace, and the embedded broker keeps
/// only the newest 5 MiB of a partition, which has to hold all that was kept.
const REQUESTS_MAX: u64 = 100_000;
/// The last records reach the pipeline, and its last verdicts the topic, within this time.
const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// Runs the demonstration, or its load alone against a real topic.
///
/// # Errors
/// If a part of it cannot be started or fails. That something was not kept as it should is exit
/// code 1.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("demo")
        .enable_all()
        .build()
        .context("starting the demonstration's runtime")?;
    let stop = Arc::new(Stop::default());
    on_signals(runtime.handle(), Arc::clone(&stop))?;
    stop_at_enter(&stop)?;
    match &args.bootstrap {
        Some(bootstrap) => load_alone(&runtime, args, bootstrap, &stop),
        None => everything(&runtime, args, &stop),
    }
}

fn everything(runtime: &Runtime, args: &DemoArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let mut view = View::of_stdout();
    let total = args.duration.unwrap_or(DURATION);
    let mut pipeline = Pipeline::start()?;
    let mut session = Session::start(
        runtime,
        args,
        &pipeline.settings(),
        pipeline::INPUT,
        REQUESTS_MAX,
        Some(Truth::default()),
    )?;
    let mut speed = Speed::default();
    let mut window_bytes = 0;
    let mut show = |session: &Session, phase| {
        let state = pipeline.state();
        window_bytes = window_bytes.max(state.window_bytes);
        view.show(&session.frame(phase, &mut speed, Some(total), Some(state)))
    };
    while !stop.is_set() && session.elapsed() < total && session.goes_on(runtime) {
        show(&session, Phase::Load)?;
    }
    let written = session.finish(runtime, |session| show(session, Phase::Drain))?;
    let state = pipeline.drain(DRAIN_PATIENCE)?;
    let harvest = Harvest::read(&pipeline.settings(), pipeline::OUTPUT)?;
    view.clear();

    let totals = session.with_truth(|truth| Totals {
        requests: session.requests(),
        written,
        traces: truth.traces() as u64,
        window_bytes: window_bytes.max(state.window_bytes),
        epochs: state.epochs,
        models: truth.models().iter().map(|(model, said)| (model.clone(), *said)).collect(),
        comparison: truth.compare(&harvest.kept),
    });
    let totals = totals.context("the session writes the truth down, for it was given one")?;
    let (width, paint) = view.page();
    write_lines(report::examples(&harvest, width, paint))?;
    write_lines(report::summary(&totals, width, paint))?;
    Ok(if totals.comparison.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load_alone(
    runtime: &Runtime,
    args: &DemoArgs,
    bootstrap: &str,
    stop: &Stop,
) -> anyhow::Result<ExitCode> {
    let settings = ClientSettings::new(bootstrap);
    let partitions = Admin::new(&settings)?.partitions(&args.topic)?.with_context(|| {
        format!(
            "expected a topic {} at {bootstrap}, there is none; make it with `tailsift topics`",
            args.topic
        )
    })?;
    let mut view = View::of_stdout();
    let (_, paint) = view.page();
    write_lines([paint.dim(&format!(
        "writing to topic {} ({partitions} partitions) at {bootstrap}",
        args.topic
    ))])?;
    let mut session = Session::start(runtime, args, &settings, &args.topic, u64::MAX, None)?;
    let mut speed = Speed::default();
    let mut show = |session: &Session, phase| {
        view.show(&session.frame(phase, &mut speed, args.duration, None))
    };
    let goes_on = |session: &Session| args.duration.is_none_or(|total| session.elapsed() < total);
    while !stop.is_set() && goes_on(&session) && session.goes_on(runtime) {
        session.check()?;
        show(&session, Phase::Load)?;
    }
    let written = session.finish(runtime, |session| show(session, Phase::Drain))?;
    view.clear();
    write_lines(report::load(&session.requests(), &written))?;
    Ok(ExitCode::SUCCESS)
}

/// Ends the load when a person hits Enter. Its thread ends with the process.
fn stop_at_enter(stop: &Arc<Stop>) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let stop = Arc::clone(stop);
    std::thread::Builder::new()
        .name("demo-enter".into())
        .spawn(move || {
            let mut line = String::new();
            if io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                stop.set();
            }
        })
        .context("starting the thread that waits for Enter")?;
    Ok(())
}

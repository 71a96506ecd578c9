//! A backlog judges as the live stream would have, in the same memory.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{LoadShape, LoadSpec, Tailsift, eventually};

use crate::feed::Feed;
use crate::form::Form;
use crate::http::Surface;
use crate::life::{Life, Watched};
use crate::rig::{PATIENCE, Record, Rig, UNTIL_IDLE, log_tail};
use crate::stage::{Outcome, plan};

const LIVE: &[&str] = &["--set", "input.idle_grace=2s"];
/// The window may grow by so much while a backlog is drained; told, never asserted.
const ACCEPTED: f64 = 1.2;
/// Records written at once while a backlog is made.
const CHUNK: usize = 10_000;

pub(crate) fn drained(form: &Form) -> anyhow::Result<Outcome> {
    let mut watched = Watched::default();
    let steady = steady_window(form, &mut watched)?;
    let rig = Rig::new(plan(form))?;
    let length_s = if form.is_long { 600 } else { 30 };
    let spec = LoadSpec {
        traces: form.traces_per_second * length_s,
        shape: LoadShape::Keyed,
        seed: form.seed,
        partitions: rig.plan.partitions,
        spans_per_second: form.traces_per_second * 12,
        end_ms: rig.end_ms(),
    };
    let mut records = spec.records().map(Record::from);
    loop {
        let chunk: Vec<_> = records.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        rig.produce(&chunk)?;
    }
    let began = Instant::now();
    let mut life = Life::run(&rig, &[UNTIL_IDLE])?;
    let surface = Surface::of(&mut life.child)?;
    let most = most_window_bytes(&surface, &mut life.child, 10 * PATIENCE, |child| {
        Ok(child.try_wait()?.is_some())
    })?;
    let took = began.elapsed();
    watched.add(life.finished()?.1);
    let comparison = rig.compare(&spec.judged(&rig.plan.policies.reference())?)?;
    let outcome = Outcome::of(&rig, comparison, u64::from(spec.traces), false)?;
    let note = format!(
        "backlog of {length_s} s drained in {took:.1?}: window at most {most:.0} bytes, steady \
         {steady:.0}: {:.2} x (accepted: {ACCEPTED} x)",
        most / steady.max(1.0)
    );
    Ok(Outcome { notes: vec![note, watched.note()?], ..outcome })
}

/// The largest window of a process that follows the live stream for three waits.
fn steady_window(form: &Form, watched: &mut Watched) -> anyhow::Result<f64> {
    let rig = Rig::new(plan(form))?;
    let mut life = Life::run(&rig, &[LIVE])?;
    let surface = Surface::of(&mut life.child)?;
    let feed = Feed::start(&rig, form)?;
    let (since, time) = (Instant::now(), 3 * form.decision_wait);
    let most =
        most_window_bytes(
            &surface,
            &mut life.child,
            10 * PATIENCE,
            |_| Ok(since.elapsed() > time),
        )?;
    feed.finish()?;
    watched.add(life.stop()?.1);
    ensure!(most > 0.0, "expected a window, got none");
    Ok(most)
}

/// The largest window seen until something is so.
fn most_window_bytes(
    surface: &Surface,
    child: &mut Tailsift,
    patience: Duration,
    mut is_over: impl FnMut(&mut Tailsift) -> anyhow::Result<bool>,
) -> anyhow::Result<f64> {
    let mut most: f64 = 0.0;
    let result = eventually("the window was watched for long enough", patience, || {
        if is_over(child)? {
            return Ok(Some(()));
        }
        // A process that ends serves no more.
        if let Ok(metrics) = surface.metrics() {
            most = most.max(metrics.get("tailsift_window_bytes").copied().unwrap_or(0.0));
        }
        Ok(None)
    });
    result.with_context(|| log_tail(&child.stderr()))?;
    Ok(most)
}

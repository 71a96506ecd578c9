//! How the workers are: written by them, shown at `/healthz` and `/readyz`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The state of every worker of the process.
#[derive(Debug)]
pub(crate) struct Health {
    workers: Mutex<Vec<State>>,
    /// Nothing is exported.
    is_shadow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    NotStarted,
    NotReady(String),
    Ready,
    Finished,
    Died(String),
}

/// What `/healthz` and `/readyz` answer.
#[derive(Serialize)]
pub(super) struct Report {
    /// The answer to the question that was asked.
    #[serde(skip)]
    pub(super) good: bool,
    status: &'static str,
    /// Said of a shadow alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    workers: Vec<WorkerReport>,
}

#[derive(Serialize)]
struct WorkerReport {
    worker: usize,
    state: &'static str,
    reason: Option<String>,
}

impl Health {
    /// The health of workers 0 to `workers - 1`, none of which has started.
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers: Mutex::new(vec![State::NotStarted; workers]), is_shadow: false }
    }

    /// Says whether nothing is exported.
    pub(crate) fn shadowing(self, is_shadow: bool) -> Self {
        Self { is_shadow, ..self }
    }

    /// The worker's thread runs; it is not in the group yet.
    pub(crate) fn worker_started(&self, worker: usize) {
        self.set(worker, State::NotReady("joining the consumer group".to_owned()));
    }

    /// The worker is in the group and every assigned partition is restored, or not, and why.
    pub(crate) fn worker_ready(&self, worker: usize, ready: bool, reason: &str) {
        self.set(worker, if ready { State::Ready } else { State::NotReady(reason.to_owned()) });
    }

    /// The worker ended as it was asked to.
    pub(crate) fn worker_finished(&self, worker: usize) {
        self.set(worker, State::Finished);
    }

    /// The worker died.
    pub(crate) fn worker_stopped(&self, worker: usize, reason: &str) {
        self.set(worker, State::Died(reason.to_owned()));
    }

    fn set(&self, worker: usize, state: State) {
        if let Some(place) = self.states().get_mut(worker) {
            *place = state;
        }
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Good as long as no worker has died.
    pub(super) fn alive(&self) -> Report {
        let states = self.states().clone();
        let good = states.iter().all(|state| match state {
            State::NotStarted | State::NotReady(_) | State::Ready | State::Finished => true,
            State::Died(_) => false,
        });
        self.report(good, if good { "alive" } else { "not alive" }, states)
    }

    /// Good once every worker is ready.
    pub(super) fn ready(&self) -> Report {
        let states = self.states().clone();
        let good = states.iter().all(|state| *state == State::Ready);
        self.report(good, if good { "ready" } else { "not ready" }, states)
    }

    fn report(&self, good: bool, status: &'static str, states: Vec<State>) -> Report {
        let workers = states.into_iter().enumerate().map(|(worker, state)| {
            let (state, reason) = match state {
                State::NotStarted => ("not_started", None),
                State::NotReady(reason) => ("not_ready", Some(reason)),
                State::Ready => ("ready", None),
                State::Finished => ("finished", None),
                State::Died(reason) => ("died", Some(reason)),
            };
            WorkerReport { worker, state, reason }
        });
        let mode = self.is_shadow.then_some("shadow");
        Report { good, status, mode, workers: workers.collect() }
    }
}

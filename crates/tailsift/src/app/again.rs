//! Workers that are made anew while the process runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::admin::Health;
use crate::metrics::count_reconnect;
use crate::secrets::{Ended, Ticket};
use crate::shutdown::Stop;

/// How often it is tried to make clients, which fails while files are being replaced.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// How often the same trouble is told.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What a thread works as.
pub(crate) trait Works: Sized {
    /// Works until it is asked to stop, is done, or is to be made anew, and leaves the group.
    ///
    /// # Errors
    /// If Kafka refuses something that trying again would not mend.
    fn run(self, ticket: Option<Ticket>) -> anyhow::Result<Ended>;
}

/// Runs a worker, and another one in its place whenever it ends to be made anew.
///
/// # Errors
/// As [`Works::run`].
pub(super) fn keep_working<W: Works>(
    mut worker: W,
    make: impl Fn() -> anyhow::Result<W>,
    number: usize,
    health: &Arc<Health>,
    stop: &Arc<Stop>,
) -> anyhow::Result<()> {
    let mut ticket = None;
    loop {
        match worker.run(ticket.take())? {
            Ended::Stopped => return Ok(()),
            Ended::ToReconnect(held) => ticket = Some(held),
        }
        info!("making this worker's clients anew");
        count_reconnect(number);
        health.worker_started(number);
        match make_in_time(&make, number, health, stop) {
            Some(new) => worker = new,
            None => return Ok(()),
        }
    }
}

/// Tries until it succeeds; `None` if the process is to stop. Other workers go on meanwhile with
/// the clients that they have.
fn make_in_time<W>(
    make: &impl Fn() -> anyhow::Result<W>,
    number: usize,
    health: &Health,
    stop: &Stop,
) -> Option<W> {
    let mut told: Option<Instant> = None;
    while !stop.is_set() {
        let error = match make() {
            Ok(worker) => return Some(worker),
            Err(error) => format!("{error:#}"),
        };
        if told.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            told = Some(Instant::now());
            warn!(error, "this worker's clients cannot be made anew; trying again");
        }
        health.worker_ready(number, false, &error);
        std::thread::sleep(TRY_EVERY);
    }
    None
}

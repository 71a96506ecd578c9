//! The users: so many requests a second, until told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::dice::Dice;
use super::services::{Question, User};

#[cfg(test)]
mod tests;

/// Requests under way at once; at more the users wait.
const REQUESTS_OPEN_MAX: usize = 512;
/// A user's patience: several times the slowest answer of services that work.
const PATIENCE: Duration = Duration::from_secs(10);
/// The users.
const USERS: u64 = 400;

/// What the users have seen.
#[derive(Debug, Default)]
pub(super) struct Requests {
    sent: AtomicU64,
    failed: AtomicU64,
    unanswered: AtomicU64,
}

/// [`Requests`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RequestCounts {
    pub(super) sent: u64,
    /// Answered with an error of the gateway.
    pub(super) failed: u64,
    /// Not answered at all: the demonstration itself is in trouble.
    pub(super) unanswered: u64,
}

impl Requests {
    pub(super) fn counts(&self) -> RequestCounts {
        RequestCounts {
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
        }
    }
}

/// Sends at most `requests_max` requests, `per_second` of them each second, until `stop` turns
/// true or its sender is gone; then waits for the answers.
pub(super) async fn drive(
    user: User,
    seed: u64,
    per_second: u32,
    requests_max: u64,
    requests: Arc<Requests>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(Duration::from_secs(1) / per_second.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = JoinSet::new();
    for request in 0..requests_max {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => {}
        }
        while open.len() >= REQUESTS_OPEN_MAX {
            open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        let question =
            Question { request, user: Dice::new(seed, request, "user").below(USERS), attempt: 0 };
        open.spawn(ask(user.clone(), question, Arc::clone(&requests)));
    }
    while open.join_next().await.is_some() {}
}

async fn ask(user: User, question: Question, requests: Arc<Requests>) {
    requests.sent.fetch_add(1, Ordering::Relaxed);
    match timeout(PATIENCE, user.ask(question)).await {
        Ok(Ok(status)) if status.is_success() => {}
        Ok(Ok(_)) => {
            requests.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Err(error)) => {
            requests.unanswered.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(request = question.request, error = format!("{error:#}"), "no answer");
        }
        Err(_) => {
            requests.unanswered.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(request = question.request, patience = ?PATIENCE, "no answer in time");
        }
    }
}

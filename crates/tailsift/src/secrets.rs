//! Certificates and passwords, which may be replaced while the process runs.
//!
//! A thread ([`Watch`]) looks at the files they are in and puts what it found, once a broker has
//! accepted it, into [`Secrets`]. Whoever has Kafka clients follows: a login is given to clients
//! that run, anything else takes new ones, and workers make theirs one after another.

mod prints;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailsift_config::Config;

pub(crate) use watch::Watch;

/// The configuration, with the secrets that are in use now.
pub(crate) struct Secrets {
    /// Counts the times that secrets were replaced.
    edition: AtomicU64,
    state: Mutex<State>,
}

struct State {
    config: Arc<Config>,
    /// The last edition that clients cannot take up while they run.
    clients_from: u64,
    /// A worker is making its clients anew.
    is_taken: bool,
}

impl Secrets {
    pub(crate) fn new(config: Config) -> Self {
        let state = State { config: Arc::new(config), clients_from: 0, is_taken: false };
        Self { edition: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.state().config)
    }

    /// The configuration, if it is of another edition than `seen`, which becomes that one.
    pub(crate) fn newer_than(&self, seen: &mut u64) -> Option<Arc<Config>> {
        if self.edition.load(Ordering::Acquire) == *seen {
            return None;
        }
        let state = self.state();
        *seen = self.edition.load(Ordering::Acquire);
        Some(Arc::clone(&state.config))
    }

    /// Puts a configuration with other secrets in the place of this one. `is_login`: only users
    /// and passwords differ.
    fn replace(&self, config: Config, is_login: bool) {
        let mut state = self.state();
        let edition = self.edition.load(Ordering::Acquire) + 1;
        state.config = Arc::new(config);
        if !is_login {
            state.clients_from = edition;
        }
        self.edition.store(edition, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make clients anew, which one worker of the process has at a time; given back when
/// it is dropped.
pub(crate) struct Ticket(Arc<Secrets>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.state().is_taken = false;
    }
}

/// What a worker has to do about secrets.
pub(crate) enum News {
    Nothing,
    /// Log in as this configuration says.
    Login(Arc<Config>),
    /// End in order, to be made anew.
    Reconnect(Ticket),
}

/// How a worker ended.
pub(crate) enum Ended {
    /// It was asked to stop, or is done.
    Stopped,
    /// It is to be made anew.
    ToReconnect(Ticket),
}

/// Follows the secrets for one worker.
pub(crate) struct Follower {
    secrets: Arc<Secrets>,
    seen: u64,
    /// Held from the end of the last worker until this one works.
    ticket: Option<Ticket>,
}

impl Follower {
    /// For a worker whose clients are made with what this gives as the configuration, or newer.
    pub(crate) fn new(secrets: &Arc<Secrets>) -> (Self, Arc<Config>) {
        let state = secrets.state();
        let seen = secrets.edition.load(Ordering::Acquire);
        let config = Arc::clone(&state.config);
        (Self { secrets: Arc::clone(secrets), seen, ticket: None }, config)
    }

    /// Keeps the ticket until the worker works again.
    pub(crate) fn hold(&mut self, ticket: Option<Ticket>) {
        self.ticket = ticket;
    }

    /// The worker works: the next one may be made anew.
    pub(crate) fn settle(&mut self) {
        self.ticket = None;
    }

    /// True until the worker has [settled](Self::settle).
    pub(crate) fn is_settling(&self) -> bool {
        self.ticket.is_some()
    }

    /// What is to be done; cheap enough for every turn of a loop.
    pub(crate) fn news(&mut self) -> News {
        let edition = self.secrets.edition.load(Ordering::Acquire);
        if edition == self.seen || self.is_settling() {
            return News::Nothing;
        }
        let mut state = self.secrets.state();
        if state.clients_from <= self.seen {
            self.seen = edition;
            return News::Login(Arc::clone(&state.config));
        }
        if std::mem::replace(&mut state.is_taken, true) {
            return News::Nothing;
        }
        News::Reconnect(Ticket(Arc::clone(&self.secrets)))
    }
}

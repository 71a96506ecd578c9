//! Certificates and passwords, which may be replaced while the process runs, and the rest of what
//! is in force.
//!
//! A thread ([`Watch`]) looks at the files they are in and puts what it found, once a broker has
//! accepted it, into [`Secrets`]. Whoever has Kafka clients follows: a login is given to clients
//! that run, anything else takes new ones, and workers make theirs one after another. Policies and
//! redaction, which [`Reloader`](crate::reload::Reloader) replaces, lie beside them.

mod prints;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailsift_config::Config;
use tailsift_policy::PolicySet;

pub(crate) use watch::Watch;

/// The configuration, with the secrets and the rules that are in use now.
pub(crate) struct Secrets {
    /// Counts the times that secrets were replaced.
    edition: AtomicU64,
    /// Counts the times that rules were replaced.
    rules_edition: AtomicU64,
    state: Mutex<State>,
}

/// By what traces are judged and exports redacted.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) config: Arc<Config>,
    /// Its policies, compiled.
    pub(crate) policies: Arc<PolicySet>,
}

/// Rules that take over.
pub(crate) struct NewRules {
    pub(crate) rules: Rules,
    /// They judge as the last ones did.
    pub(crate) judge_alike: bool,
}

struct State {
    rules: Rules,
    /// The last edition that clients cannot take up while they run.
    clients_from: u64,
    /// A worker is making its clients anew.
    is_taken: bool,
}

impl Secrets {
    pub(crate) fn new(config: Config) -> Self {
        let policies = Arc::new(config.policy_set());
        let rules = Rules { config: Arc::new(config), policies };
        let state = State { rules, clients_from: 0, is_taken: false };
        let (edition, rules_edition) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { edition, rules_edition, state: Mutex::new(state) }
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.state().rules.config)
    }

    /// The configuration, if it is of another edition than `seen`, which becomes that one.
    pub(crate) fn newer_than(&self, seen: &mut u64) -> Option<Arc<Config>> {
        if self.edition.load(Ordering::Acquire) == *seen {
            return None;
        }
        let state = self.state();
        *seen = self.edition.load(Ordering::Acquire);
        Some(Arc::clone(&state.rules.config))
    }

    /// Puts the secrets of a configuration in the place of these. `is_login`: only users and
    /// passwords differ.
    fn replace(&self, found: &Config, is_login: bool) {
        let mut state = self.state();
        let edition = self.edition.load(Ordering::Acquire) + 1;
        // Rules may have been replaced since it was read.
        state.rules.config = Arc::new(found.with_rules_of(&state.rules.config));
        if !is_login {
            state.clients_from = edition;
        }
        self.edition.store(edition, Ordering::Release);
    }

    /// Puts the rules of a configuration in the place of these.
    pub(crate) fn replace_rules(&self, found: &Config) {
        let policies = Arc::new(found.policy_set());
        let mut state = self.state();
        let judge_alike = state.rules.config.judges_like(found);
        state.rules.config = Arc::new(state.rules.config.with_rules_of(found));
        if !judge_alike {
            state.rules.policies = policies;
        }
        self.rules_edition.fetch_add(1, Ordering::AcqRel);
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

/// Follows secrets and rules for one worker.
pub(crate) struct Follower {
    secrets: Arc<Secrets>,
    seen: u64,
    /// By which the worker goes, and which edition that is.
    rules: Rules,
    rules_seen: u64,
    /// Held from the end of the last worker until this one works.
    ticket: Option<Ticket>,
}

impl Follower {
    /// For a worker whose clients are made with what this gives as the configuration, or newer.
    pub(crate) fn new(secrets: &Arc<Secrets>) -> (Self, Arc<Config>) {
        let state = secrets.state();
        let seen = secrets.edition.load(Ordering::Acquire);
        let rules_seen = secrets.rules_edition.load(Ordering::Acquire);
        let rules = state.rules.clone();
        let config = Arc::clone(&rules.config);
        drop(state);
        (Self { secrets: Arc::clone(secrets), seen, rules, rules_seen, ticket: None }, config)
    }

    /// The policies by which the worker goes.
    pub(crate) fn policies(&self) -> &Arc<PolicySet> {
        &self.rules.policies
    }

    /// True if there are other rules; cheap enough for every turn of a loop.
    pub(crate) fn has_new_rules(&self) -> bool {
        self.secrets.rules_edition.load(Ordering::Acquire) != self.rules_seen
    }

    /// The rules in force, if they are others: the worker goes by them from now on.
    pub(crate) fn take_rules(&mut self) -> Option<NewRules> {
        if !self.has_new_rules() {
            return None;
        }
        let state = self.secrets.state();
        self.rules_seen = self.secrets.rules_edition.load(Ordering::Acquire);
        let before = std::mem::replace(&mut self.rules, state.rules.clone());
        let judge_alike = Arc::ptr_eq(&before.policies, &self.rules.policies);
        Some(NewRules { rules: self.rules.clone(), judge_alike })
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
            return News::Login(Arc::clone(&state.rules.config));
        }
        if std::mem::replace(&mut state.is_taken, true) {
            return News::Nothing;
        }
        News::Reconnect(Ticket(Arc::clone(&self.secrets)))
    }
}

//! Where a reload is asked for, and what is told of it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use serde::Serialize;
use tailsift_config::Token;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::warn;

use crate::worker::wall_now;

/// Requests that wait; one more is refused.
const REQUESTS_MAX: usize = 8;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asker {
    /// Nobody: the file was looked at.
    Interval,
    Signal,
    Http,
}

/// What came of looking at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Its rules are in force.
    Taken,
    /// Its rules were in force.
    Unchanged,
    /// Nothing of it was taken.
    Refused,
}

impl Outcome {
    /// The name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// What is said of one look at the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) asked_by: Asker,
    /// Unix time in milliseconds.
    pub(crate) at_ms: i64,
    /// Of the rules that are in force by then.
    pub(crate) fingerprint: String,
    /// Why it was refused, and what to do.
    pub(crate) reason: Option<String>,
}

impl Answer {
    pub(crate) fn now(asked_by: Asker, fingerprint: String, found: Result<bool, String>) -> Self {
        let (outcome, reason) = match found {
            Ok(true) => (Outcome::Taken, None),
            Ok(false) => (Outcome::Unchanged, None),
            Err(reason) => (Outcome::Refused, Some(reason)),
        };
        Self { outcome, asked_by, at_ms: wall_now().0, fingerprint, reason }
    }
}

/// What is in force, and what became of the last file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    /// Of policies and redaction.
    pub(crate) fingerprint: String,
    /// How often rules were replaced since the start.
    pub(crate) taken: u64,
    /// How often a file was refused.
    pub(crate) refused: u64,
    /// The last file that was taken or refused, or the last answer to who asked.
    pub(crate) last: Option<Answer>,
}

impl Standing {
    /// The same without the lines of the file that errors quote: indented, below what is said.
    pub(crate) fn without_quotes(mut self) -> Self {
        if let Some(reason) = self.last.as_mut().and_then(|last| last.reason.as_mut()) {
            let said = reason.lines().filter(|line| !line.starts_with(' '));
            *reason = said.collect::<Vec<_>>().join("\n");
        }
        self
    }
}

/// A wish to have the file looked at.
pub(crate) enum Request {
    Signal,
    Http(oneshot::Sender<Answer>),
}

/// Requests as they come.
pub(crate) struct Requests(pub(crate) Receiver<Request>);

/// Where a reload is asked for.
pub(crate) struct Desk {
    requests: SyncSender<Request>,
    token: Option<Token>,
    standing: Mutex<Standing>,
}

impl Desk {
    /// A desk for callers that show this token, and what comes in over it.
    pub(crate) fn new(token: Option<Token>, fingerprint: String) -> (Self, Requests) {
        let (requests, receiver) = sync_channel(REQUESTS_MAX);
        let standing = Mutex::new(Standing { fingerprint, taken: 0, refused: 0, last: None });
        (Self { requests, token, standing }, Requests(receiver))
    }

    /// What callers must show; `None` if nobody may ask over HTTP.
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Asks for a look at the file; `None` if too many have asked, or nobody looks any more.
    pub(crate) fn ask(&self) -> Option<oneshot::Receiver<Answer>> {
        let (sender, receiver) = oneshot::channel();
        self.requests.try_send(Request::Http(sender)).ok().map(|()| receiver)
    }

    fn hang_up(&self) {
        if self.requests.try_send(Request::Signal).is_err() {
            warn!("SIGHUP is passed over: the configuration file is about to be looked at anyway");
        }
    }

    pub(super) fn tell(&self, answer: &Answer) {
        let mut standing = self.lock();
        standing.fingerprint.clone_from(&answer.fingerprint);
        match answer.outcome {
            Outcome::Taken => standing.taken += 1,
            Outcome::Refused => standing.refused += 1,
            Outcome::Unchanged => {}
        }
        standing.last = Some(answer.clone());
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the file looked at whenever SIGHUP comes.
///
/// # Errors
/// If the process may not listen for signals.
pub(crate) fn on_hangup(runtime: &Handle, desk: Arc<Desk>) -> anyhow::Result<()> {
    let mut hangup = {
        let _runtime = runtime.enter();
        signal(SignalKind::hangup()).context("cannot listen for SIGHUP; check system limits")?
    };
    runtime.spawn(async move {
        while hangup.recv().await.is_some() {
            desk.hang_up();
        }
    });
    Ok(())
}

//! Looks at the configuration file, and takes its rules up or refuses it whole.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tailsift_config::{Config, ConfigError, ConfigFile, Report};
use tracing::{info, warn};

use super::desk::{Answer, Asker, Desk, Outcome, Request, Requests};
use crate::metrics::{count_rules_reload, publish_config};
use crate::secrets::Secrets;
use crate::shutdown::Stop;

/// How long a file must stand still before it counts as written, and how often that is tried.
const SETTLE: Duration = Duration::from_millis(50);
const SETTLES_MAX: usize = 20;
/// How soon the thread ends once the process stops.
const NAP: Duration = Duration::from_millis(500);

/// Takes up files.
pub(crate) struct Reloader {
    /// The file whose rules are in force.
    file: ConfigFile,
    secrets: Arc<Secrets>,
    desk: Arc<Desk>,
    requests: Requests,
    /// Why the file as it is was refused, if that was told.
    told: Option<String>,
}

impl Reloader {
    /// For a process that began with this file.
    pub(crate) fn new(
        file: ConfigFile,
        secrets: Arc<Secrets>,
        desk: Arc<Desk>,
        requests: Requests,
    ) -> Self {
        publish_config(None, &secrets.config().fingerprint());
        Self { file, secrets, desk, requests, told: None }
    }

    /// Starts the thread. Nobody waits for its end: it only reads files.
    ///
    /// # Errors
    /// If no thread can be made.
    pub(crate) fn start(self, stop: Arc<Stop>) -> anyhow::Result<()> {
        let interval = self.secrets.config().reload.interval;
        let work = move || self.work(interval, &stop);
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(work);
        thread.map(drop).context("starting the thread that looks at the configuration file")
    }

    fn work(mut self, interval: Option<Duration>, stop: &Stop) {
        let mut next = interval.map(|interval| Instant::now() + interval);
        while !stop.is_set() {
            let left = next.map_or(NAP, |next| next.saturating_duration_since(Instant::now()));
            match self.requests.0.recv_timeout(left.min(NAP)) {
                Ok(Request::Signal) => drop(self.look(Asker::Signal)),
                Ok(Request::Http(answer)) => {
                    // Whoever asked may have left.
                    let _ = answer.send(self.look(Asker::Http));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let (Some(at), Some(interval)) = (next, interval)
                && Instant::now() >= at
            {
                self.watch();
                next = Some(Instant::now() + interval);
            }
        }
    }

    /// Looks at the file because it is time to. What was said of it is not said again.
    pub(super) fn watch(&mut self) {
        let Some(found) = self.settled() else { return };
        let is_known = found.as_ref().is_ok_and(|found| found.has_text_of(&self.file));
        if is_known && !self.file.has_file_references() {
            self.told = None;
            return;
        }
        match self.take_up(found) {
            Ok(false) => self.told = None,
            Err(reason) if self.told.as_ref() == Some(&reason) => {}
            news => drop(self.tell(Asker::Interval, news)),
        }
    }

    /// Looks at the file as it is now, for somebody who waits for an answer.
    pub(super) fn look(&mut self, asked_by: Asker) -> Answer {
        let found = self.take_up(self.file.read_again());
        self.tell(asked_by, found)
    }

    /// The file once it is as it was a moment ago: somebody may be writing it. `None` if it does
    /// not come to rest.
    fn settled(&self) -> Option<Result<ConfigFile, Vec<ConfigError>>> {
        let mut found = self.file.read_again();
        if found.as_ref().is_ok_and(|found| found.has_text_of(&self.file)) {
            return Some(found);
        }
        for _ in 0..SETTLES_MAX {
            std::thread::sleep(SETTLE);
            let again = self.file.read_again();
            let is_same = match (&found, &again) {
                (Ok(found), Ok(again)) => found.has_text_of(again),
                (Err(_), Err(_)) => true,
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
            };
            found = again;
            if is_same {
                return Some(found);
            }
        }
        None
    }

    /// True if the file's rules are others than those in force, which they are from now on.
    ///
    /// # Errors
    /// Why nothing of it is taken.
    fn take_up(&mut self, found: Result<ConfigFile, Vec<ConfigError>>) -> Result<bool, String> {
        let explain = |errors: Vec<ConfigError>| Report(&errors).to_string().trim().to_owned();
        let file = found.map_err(explain)?;
        let loaded = file.load().map_err(explain)?;
        let in_force = self.secrets.config();
        // What the old text says by now: passwords and certificates that were replaced since are
        // no change of the file.
        let before = self.file.load().unwrap_or_else(|_| Config::clone(&in_force));
        let fixed = before.fixed_differences(&loaded);
        if !fixed.is_empty() {
            return Err(format!(
                "{} differ from what this process began with: restart to apply; until then policies and redaction are not taken from this file either",
                fixed.join(", ")
            ));
        }
        self.file = file;
        if in_force.judges_like(&loaded) && in_force.redacts_like(&loaded) {
            return Ok(false);
        }
        self.secrets.replace_rules(&loaded);
        Ok(true)
    }

    fn tell(&mut self, asked_by: Asker, found: Result<bool, String>) -> Answer {
        let config = self.secrets.config();
        let before = self.desk.standing().fingerprint;
        let answer = Answer::now(asked_by, config.fingerprint(), found);
        count_rules_reload(answer.outcome.name());
        match answer.outcome {
            Outcome::Taken => info!(
                ?asked_by,
                fingerprint = answer.fingerprint,
                before,
                policies = config.policies().len(),
                "the file's rules were taken: each worker goes by them from its next record on"
            ),
            Outcome::Unchanged => info!(?asked_by, "the file's rules are those in force"),
            Outcome::Refused => warn!(
                ?asked_by,
                reason = answer.reason,
                "the configuration file is refused; the rules from before stay in force"
            ),
        }
        publish_config(Some(&before), &answer.fingerprint);
        self.told.clone_from(&answer.reason);
        self.desk.tell(&answer);
        answer
    }
}

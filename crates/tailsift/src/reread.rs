//! Reads the records of dropped traces again, for a second chance.
//!
//! One thread for all workers of the process, so that the span path waits for nothing: a worker
//! asks ([`RereadDesk::ask`]) and goes on, and takes what was found between two records. What is
//! asked for at one time is read together.

mod found;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tailsift_config::Config;
use tailsift_kafka::{ReadError, Seeker, Sought};
use tailsift_sampler::{Missing, Reread, RereadAnswer};
use tracing::{debug, warn};

use crate::app::{client_settings, window_format};
use crate::metrics::reread_bytes;
use crate::secrets::Secrets;
use found::Found;

/// Traces that a worker asks for at a time, and that are read for in one go.
const TRACES_AT_ONCE: usize = 1000;
/// Before the brokers are asked again after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How often the same trouble is told.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Where one worker asks.
pub(crate) struct RereadDesk {
    requests: SyncSender<Request>,
    answer: SyncSender<RereadAnswer>,
    answers: Receiver<RereadAnswer>,
    /// Asked for and not answered.
    open: usize,
}

/// A trace that a worker asks for.
struct Request {
    reread: Reread,
    since: Instant,
    answer: SyncSender<RereadAnswer>,
}

/// Whom workers ask.
pub(crate) struct Rereader {
    requests: SyncSender<Request>,
}

/// The thread that reads.
struct Reading {
    secrets: Arc<Secrets>,
    timeout: Duration,
    seeker: Option<(Arc<Config>, Seeker)>,
    waiting: Vec<Request>,
    said: Option<Instant>,
}

impl Rereader {
    /// Starts the thread, which ends with the last one that may ask. Kafka is asked for nothing
    /// before one of so many workers does. `timeout`: after which a record counts as not to be had.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(crate) fn start(
        secrets: Arc<Secrets>,
        timeout: Duration,
        workers: usize,
    ) -> anyhow::Result<Self> {
        // Room for all that may be asked for, by workers that are made anew too: none waits.
        let (requests, queue) = sync_channel(2 * workers * TRACES_AT_ONCE);
        let reading = Reading { secrets, timeout, seeker: None, waiting: Vec::new(), said: None };
        thread::Builder::new()
            .name("rereader".to_owned())
            .spawn(move || reading.run(&queue))
            .context("starting the thread that reads dropped traces again")?;
        Ok(Self { requests })
    }

    /// For one worker.
    pub(crate) fn desk(&self) -> RereadDesk {
        let (answer, answers) = sync_channel(TRACES_AT_ONCE);
        RereadDesk { requests: self.requests.clone(), answer, answers, open: 0 }
    }
}

impl RereadDesk {
    /// True if more may be asked for; else some answer is to come first.
    pub(crate) fn has_room(&self) -> bool {
        self.open < TRACES_AT_ONCE
    }

    /// Asks for a trace's records, if there is [room](Self::has_room).
    pub(crate) fn ask(&mut self, reread: Reread) {
        self.open += 1;
        let (since, answer) = (Instant::now(), self.answer.clone());
        // The thread ends after all that may ask.
        let _ = self.requests.send(Request { reread, since, answer });
    }

    /// What was found meanwhile.
    pub(crate) fn poll(&mut self) -> Option<RereadAnswer> {
        let answer = self.answers.try_recv().ok()?;
        self.open -= 1;
        Some(answer)
    }
}

impl Reading {
    fn run(mut self, queue: &Receiver<Request>) {
        loop {
            if self.waiting.is_empty() {
                let Ok(request) = queue.recv() else { return };
                self.waiting.push(request);
            }
            let room = TRACES_AT_ONCE.saturating_sub(self.waiting.len());
            self.waiting.extend(queue.try_iter().take(room));
            if let Err(error) = self.read() {
                self.seeker = None;
                self.say(&error);
                self.answer_late(&Sought::default());
                thread::sleep(RETRY_AFTER);
            }
        }
    }

    /// Reads for all that wait. What does not come in time of the first of them stays for the next
    /// go, unless its own time is over.
    fn read(&mut self) -> Result<(), ReadError> {
        let (timeout, now) = (self.timeout, Instant::now());
        let oldest = self.waiting.iter().map(|request| request.since).min().unwrap_or(now);
        let patience = (oldest + timeout).saturating_duration_since(now);
        let mut found = Found::new(self.waiting.iter().map(|request| &request.reread));
        let config = self.secrets.config();
        let format = window_format(&config);
        let seeker = self.seeker(config)?;
        let before = seeker.bytes_read();
        let sought = seeker.read(found.offsets(), patience, |record| found.take(record, format))?;
        reread_bytes(seeker.bytes_read() - before);
        self.waiting.retain(|request| match found.answer(&request.reread, &sought) {
            Some(answer) => {
                // A worker that has ended left its partitions, and what it asked for.
                let _ = request.answer.send(answer);
                false
            }
            None => true,
        });
        self.answer_late(&sought);
        Ok(())
    }

    /// Those whose time is over get to know that nothing came.
    fn answer_late(&mut self, sought: &Sought) {
        let timeout = self.timeout;
        self.waiting.retain(|request| {
            if request.since.elapsed() < timeout {
                return true;
            }
            debug!(trace = %request.reread.trace_id, ?sought, "records did not come in time");
            let _ = request.answer.send(found::missing(&request.reread, Missing::Timeout));
            false
        });
    }

    /// A client of the cluster with the secrets that are in force.
    fn seeker(&mut self, config: Arc<Config>) -> Result<&mut Seeker, ReadError> {
        let open = match self.seeker.take() {
            Some((known, seeker)) if Arc::ptr_eq(&known, &config) => (known, seeker),
            Some(_) | None => {
                let seeker = Seeker::open(&client_settings(&config), config.window_topic())?;
                (config, seeker)
            }
        };
        Ok(&mut self.seeker.insert(open).1)
    }

    fn say(&mut self, error: &ReadError) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            self.said = Some(Instant::now());
            warn!(%error, waiting = self.waiting.len(), "records of dropped traces cannot be read again; trying on");
        }
    }
}

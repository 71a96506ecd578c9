//! Reads back from the decision log what a worker must know before it reads its partitions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tailsift_sampler::{Beginning, Needed, Recovery, Restored};
use tailsift_trace::Millis;
use tracing::warn;

use crate::client::{ClientSettings, TRANSACTION_TIMEOUT_MS};
use crate::decision_log::{SharedPolicyNames, decode_batch, parse_batch_key};
use crate::error::{ReadError, RestoreError, TopicError};
use crate::offsets::Isolation;
use crate::reader::{ReadRange, Reader, StoredRecord};
use crate::source::Assigned;
use crate::topics::Admin;

/// Where verdicts are logged, and as what they are read.
#[derive(Debug, Clone)]
pub struct RestoreSettings {
    /// How to reach the cluster.
    pub client: ClientSettings,
    /// The decisions topic.
    pub topic: String,
    /// Marks this group's and input topic's batches ([`scope_of`](crate::scope_of)).
    pub scope: u64,
    /// Fingerprint of the policies: facts folded under others mean nothing.
    pub config: u64,
    /// Log and offsets were always written in one transaction.
    pub is_transactional: bool,
}

/// Restores partitions, many in one pass over the log, in short steps between which the group can
/// be served.
pub struct Restorer {
    settings: RestoreSettings,
    names: SharedPolicyNames,
    admin: Admin,
    /// Assigned, and not looked at yet; with the random part of their beginnings.
    assigned: Vec<(Assigned, u64)>,
    waiting: Vec<Job>,
    pass: Option<Pass>,
    done: VecDeque<Recovered>,
    not_before: Instant,
    /// Since when open transactions have been waited for, or that was last said.
    hidden_since: Option<Instant>,
}

/// A partition whose past is known, or cannot be known.
#[derive(Debug)]
pub struct Recovered {
    /// The partition.
    pub partition: i32,
    /// The first offset that its input log still holds.
    pub log_start: i64,
    /// Where it is taken up.
    pub outcome: Result<Restored, RestoreError>,
    /// The same without its verdicts, for operators who accept repeats.
    pub without_log: Restored,
    /// The group's offsets are gone, and the log told where to go on.
    pub from_log_alone: bool,
    /// Somebody set the offset by hand: what was exported from it on is exported again.
    pub set_by_hand: bool,
    /// From assignment to now.
    pub took: Duration,
}

struct Job {
    recovery: Recovery,
    log_start: i64,
    began: Instant,
}

/// One reading of the log for all jobs that were there when it began.
struct Pass {
    reader: Reader,
    /// By log partition: no transaction is open below the end that is read to.
    stable: Vec<bool>,
    jobs: Vec<Job>,
}

/// How long a question to the brokers may hold up the worker.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for open transactions or absent brokers before looking again.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a step may read.
const STEP: Duration = Duration::from_millis(50);
/// Twice the time-out of a transaction, unless that is set.
const HIDDEN_FOR_LONG: Duration = Duration::from_millis(2 * TRANSACTION_TIMEOUT_MS);
const NAP: Duration = Duration::from_millis(5);

impl Restorer {
    /// A restorer that has nothing to do; connects when it has.
    ///
    /// # Errors
    /// If librdkafka refuses the settings.
    pub fn new(settings: RestoreSettings, names: SharedPolicyNames) -> Result<Self, TopicError> {
        let admin = Admin::new(&settings.client)?.with_patience(PATIENCE);
        Ok(Self {
            settings,
            names,
            admin,
            assigned: Vec::new(),
            waiting: Vec::new(),
            pass: None,
            done: VecDeque::new(),
            not_before: Instant::now(),
            hidden_since: None,
        })
    }

    /// Asks and reads with these settings from now on; what is being read is begun again.
    ///
    /// # Errors
    /// If librdkafka refuses the settings.
    pub fn connect_anew(&mut self, client: &ClientSettings) -> Result<(), TopicError> {
        self.admin = Admin::new(client)?.with_patience(PATIENCE);
        self.settings.client = client.clone();
        self.give_up_pass();
        Ok(())
    }

    /// A partition was assigned. `incarnation` is drawn at random, in case it has no past.
    pub fn begin(&mut self, assigned: Assigned, incarnation: u64) {
        self.assigned.push((assigned, incarnation));
    }

    /// Partitions were taken away: nothing is told of them any more.
    pub fn forget(&mut self, partitions: &[i32]) {
        let gone = |partition: i32| partitions.contains(&partition);
        self.assigned.retain(|(assigned, _)| !gone(assigned.partition));
        self.waiting.retain(|job| !gone(job.recovery.partition()));
        self.done.retain(|done| !gone(done.partition));
        if let Some(pass) = &mut self.pass {
            pass.jobs.retain(|job| !gone(job.recovery.partition()));
        }
    }

    /// The partitions that are not done.
    pub fn pending(&self) -> impl Iterator<Item = i32> {
        let assigned = self.assigned.iter().map(|(assigned, _)| assigned.partition);
        let in_pass = self.pass.iter().flat_map(|pass| &pass.jobs);
        let jobs = self.waiting.iter().chain(in_pass).map(|job| job.recovery.partition());
        assigned.chain(jobs).chain(self.done.iter().map(|done| done.partition))
    }

    /// True if there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.pending().next().is_none()
    }

    /// Goes by other policies, of this fingerprint.
    ///
    /// # Panics
    /// Unless [idle](Self::is_idle): what was read for the old ones means nothing to the new.
    pub fn set_config(&mut self, config: u64) {
        assert!(self.is_idle(), "facts of other policies are about to be handed over");
        self.settings.config = config;
    }

    /// The next partition that is done, after some reading if need be.
    pub fn poll(&mut self) -> Option<Recovered> {
        if self.done.is_empty() && !self.is_idle() && Instant::now() >= self.not_before {
            let outcome = self.advance();
            if let Err(error) = outcome {
                warn!(%error, "the decision log cannot be read; trying again");
                self.give_up_pass();
                self.not_before = Instant::now() + LOOK_EVERY;
            }
        }
        self.done.pop_front()
    }

    fn advance(&mut self) -> Result<(), ReadError> {
        self.open_jobs()?;
        if self.pass.is_none() {
            self.open_pass()?;
        }
        let Some(pass) = &mut self.pass else { return Ok(()) };
        let deadline = Instant::now() + STEP;
        while Instant::now() < deadline && !pass.reader.at_end() && !pass.jobs.is_empty() {
            let Some(record) = pass.reader.next(NAP)? else { continue };
            if let Some((job, error)) = pass.handle(&record, &self.settings, &self.names) {
                self.done.push_back(job.recovered(Err(error)));
            }
        }
        let is_over = pass.reader.at_end();
        if is_over {
            pass.end();
        }
        collect_done(&mut pass.jobs, &mut self.done);
        if is_over || pass.jobs.is_empty() {
            let is_hidden = !pass.jobs.is_empty();
            self.give_up_pass();
            self.note_hidden(is_hidden);
        }
        Ok(())
    }

    /// An open transaction hides the end of the log, or nothing does. It ends by itself, unless a
    /// broker lost it: then only an operator can end it, and has to be told.
    fn note_hidden(&mut self, is_hidden: bool) {
        let now = Instant::now();
        if !is_hidden {
            self.hidden_since = None;
            return;
        }
        self.not_before = now + LOOK_EVERY;
        let since = *self.hidden_since.get_or_insert(now);
        if now.duration_since(since) >= HIDDEN_FOR_LONG {
            self.hidden_since = Some(now);
            warn!(
                topic = self.settings.topic,
                waited = ?HIDDEN_FOR_LONG,
                "an open transaction hides the end of the decision log for longer than any may be \
                 open: if it hangs, find and abort it (kafka-transactions.sh find-hanging, abort)"
            );
        }
    }

    /// Makes a job of each partition that was assigned since.
    fn open_jobs(&mut self) -> Result<(), ReadError> {
        if self.assigned.is_empty() {
            return Ok(());
        }
        let topic = &self.settings.topic;
        let partitions = self.admin.partitions(topic)?.unwrap_or(0);
        for (assigned, incarnation) in std::mem::take(&mut self.assigned) {
            let Assigned { partition, past, log_start } = assigned;
            let log_partition = if partitions > 0 { partition % partitions } else { 0 };
            let beginning = Beginning { incarnation, log_partition };
            let RestoreSettings { scope, is_transactional, .. } = self.settings;
            let recovery = Recovery::new(partition, past, scope, beginning, is_transactional);
            let job = Job { recovery, log_start, began: Instant::now() };
            if partitions > 0 {
                self.waiting.push(job);
            } else {
                let missing = RestoreError::NoTopic { topic: topic.clone() };
                self.done.push_back(job.recovered(Err(missing)));
            }
        }
        collect_done(&mut self.waiting, &mut self.done);
        Ok(())
    }

    /// Opens a reader for all that the waiting jobs need.
    fn open_pass(&mut self) -> Result<(), ReadError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let topic = &self.settings.topic;
        // In this order: what is below the first of these ends is below the reader's, too.
        let ends = self.admin.end_offsets(topic, Isolation::Uncommitted)?;
        let stable_ends = self.admin.end_offsets(topic, Isolation::Committed)?;
        let stable: Vec<bool> = ends
            .iter()
            .zip(&stable_ends)
            .map(|(end, stable)| stable.offset >= end.offset)
            .collect();
        let starts = self.admin.log_starts(topic)?;
        for job in &mut self.waiting {
            for start in &starts {
                job.recovery.handle_log_start(start.partition, start.offset);
            }
        }
        collect_done(&mut self.waiting, &mut self.done);
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut from: Vec<Option<i64>> = vec![None; starts.len()];
        let mut lower = |partition: usize, offset: i64| {
            if let Some(slot) = from.get_mut(partition) {
                *slot = Some(slot.map_or(offset, |known| known.min(offset)));
            }
        };
        for job in &self.waiting {
            match job.recovery.needed() {
                Needed::Nothing => {}
                Needed::From(partition, offset) => {
                    lower(usize::try_from(partition).unwrap_or(usize::MAX), offset);
                }
                Needed::All => (0..starts.len()).for_each(|partition| lower(partition, 0)),
            }
        }
        let ranges = (0..).zip(from).filter_map(|(partition, start)| {
            Some(ReadRange { partition, start: start?, end: Some(i64::MAX) })
        });
        let ranges: Vec<_> = ranges.collect();
        let client = &self.settings.client;
        let reader = Reader::open_ranges(client, topic, Isolation::Committed, &ranges)?;
        self.pass = Some(Pass { reader, stable, jobs: std::mem::take(&mut self.waiting) });
        Ok(())
    }

    fn give_up_pass(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.waiting.extend(pass.jobs);
        }
    }
}

impl Pass {
    /// Shows a record to its job, which is given back if it cannot read it.
    fn handle(
        &mut self,
        record: &StoredRecord,
        settings: &RestoreSettings,
        names: &SharedPolicyNames,
    ) -> Option<(Job, RestoreError)> {
        let (scope, partition) = parse_batch_key(record.key.as_deref()?)?;
        if scope != settings.scope {
            return None;
        }
        let place = self.jobs.iter().position(|job| job.recovery.partition() == partition)?;
        let decoded = {
            let mut names = names.lock();
            decode_batch(record.value.as_deref().unwrap_or_default(), &mut names, settings.config)
        };
        match decoded {
            Ok(batch) => {
                let time = record.timestamp_ms.map(Millis);
                self.jobs[place].recovery.handle_batch(batch, record.offset, time);
                None
            }
            Err(source) => {
                let error = RestoreError::Unreadable {
                    topic: settings.topic.clone(),
                    log_partition: record.partition,
                    offset: record.offset,
                    source,
                };
                Some((self.jobs.swap_remove(place), error))
            }
        }
    }

    /// All was read: what was not found is not there, unless a transaction may still bring it.
    fn end(&mut self) {
        for job in &mut self.jobs {
            let is_stable = match job.recovery.needed() {
                Needed::Nothing => true,
                Needed::From(partition, _) => usize::try_from(partition)
                    .ok()
                    .and_then(|partition| self.stable.get(partition))
                    // A partition that does not exist holds nothing.
                    .is_none_or(|stable| *stable),
                Needed::All => self.stable.iter().all(|stable| *stable),
            };
            if is_stable {
                job.recovery.handle_log_end();
            }
        }
    }
}

fn collect_done(jobs: &mut Vec<Job>, done: &mut VecDeque<Recovered>) {
    let mut place = 0;
    while place < jobs.len() {
        match jobs[place].recovery.poll() {
            None => place += 1,
            Some(outcome) => {
                let outcome = outcome.map_err(RestoreError::from);
                done.push_back(jobs.swap_remove(place).recovered(outcome));
            }
        }
    }
}

impl Job {
    fn recovered(self, outcome: Result<Restored, RestoreError>) -> Recovered {
        Recovered {
            partition: self.recovery.partition(),
            log_start: self.log_start,
            outcome,
            without_log: self.recovery.without_log(),
            from_log_alone: self.recovery.is_from_log_alone(),
            set_by_hand: self.recovery.is_set_by_hand(),
            took: self.began.elapsed(),
        }
    }
}

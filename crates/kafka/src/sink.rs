//! Epochs, written: exports, verdicts, dead letters and offsets, all or nothing.

mod doubt;
mod failure;
mod offsets;
mod pace;
mod produce;
mod records;
mod step;
mod work;

use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer;
use tailsift_sampler::Epoch;
use tracing::warn;

use crate::Partitioner;
use crate::client::{ClientSettings, LatestClient};
use crate::decision_log::SharedPolicyNames;
use crate::error::{SinkError, describe};
use crate::source::Membership;
use crate::topic_set::Topics;
use produce::{Failure, Producers, Transactional, TrySend};
use records::{Cursor, Stage};
use step::{Next, Step, backoff, is_retriable};
use work::Work;

/// When exports and offsets count as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Exports and offsets commit in one transaction.
    #[default]
    ExactlyOnce,
    /// Exports are acknowledged before offsets are committed.
    AtLeastOnce,
}

/// Where a worker writes, as whom.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// How to reach the cluster.
    pub client: ClientSettings,
    /// Whom to ask for a newer login while transactions are being initialised; `None` = it stays.
    pub latest_client: Option<LatestClient>,
    /// Another cluster for exports; `None` = the same. At least once only.
    pub export_client: Option<ClientSettings>,
    /// When exports and offsets count as done.
    pub delivery: Delivery,
    /// The producer's identity (`transactional.id`): two producers of one name fence each other.
    pub transactional_id: String,
    /// The topics whose offsets are committed.
    pub input_topics: Topics,
    /// Where kept traces go.
    pub export_topic: String,
    /// Where unreadable records go; `None` = nowhere.
    pub dead_letter_topic: Option<String>,
    /// Where verdicts are logged.
    pub decisions_topic: String,
    /// Marks this group's and input topic's commits and batches
    /// ([`scope_of`](crate::scope_of)).
    pub scope: u64,
    /// The most bytes of a record: key, value and headers, uncompressed.
    pub max_message_bytes: usize,
    /// `compression.type`: `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: String,
    /// How a trace's partition is chosen.
    pub partitioner: Partitioner,
    /// The policies' names, also those that only the log knows.
    pub policy_names: SharedPolicyNames,
    /// The configuration's fingerprint, written with each export.
    pub fingerprint: String,
    /// The policies' fingerprint, written with each batch of verdicts.
    pub config: u64,
    /// Tells the batches of this producer, with an assignment's number added, from those of others.
    pub writer: u64,
}

impl SinkSettings {
    /// As whom the topic is written, or offsets are committed.
    fn principal(&self, topic: Option<&str>) -> String {
        let exports = topic.is_some_and(|topic| topic == self.export_topic);
        self.export_client.as_ref().filter(|_| exports).unwrap_or(&self.client).principal()
    }
}

/// What became of an epoch that was [begun](Sink::begin).
#[derive(Debug)]
pub enum SinkEvent {
    /// It is under way; poll again soon.
    Busy,
    /// All of it that was still ours is committed.
    Committed(Epoch),
    /// Nothing of it is ours any more; nothing was committed.
    Discarded,
}

/// What the sink has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkStats {
    /// Epochs committed.
    pub committed: u64,
    /// Transactions aborted, to be sent again (at least once: sends that failed).
    pub aborted: u64,
    /// Producers made anew after a fatal error.
    pub rebuilt: u64,
    /// Records written in committed epochs.
    pub records: u64,
    /// Dead letters among them.
    pub dead_letters: u64,
    /// Bytes of verdicts written in committed epochs, uncompressed.
    pub decision_bytes: u64,
    /// From cut to commit of the last epoch, in microseconds.
    pub last_epoch_us: u64,
}

/// A transactional producer that commits one epoch at a time, in steps of at most
/// [`Sink::STEP`], so that the thread which polls the consumer can drive it.
pub struct Sink {
    settings: SinkSettings,
    /// `None` until [`make_ready`](Self::make_ready).
    producers: Option<Producers>,
    state: State,
    stats: SinkStats,
    /// The fingerprints that the next epoch is written with, if they are others.
    relabelled: Option<(String, u64)>,
    /// When producers were fenced, of late.
    fencings: Vec<Instant>,
}

enum State {
    Idle,
    Working(Box<Work>),
}

impl Sink {
    /// The longest a single step may take.
    pub const STEP: Duration = Duration::from_millis(100);

    /// A sink that is not connected yet.
    pub fn new(settings: SinkSettings) -> Self {
        Self {
            settings,
            producers: None,
            state: State::Idle,
            stats: SinkStats::default(),
            relabelled: None,
            fencings: Vec::new(),
        }
    }

    /// Connects. With exactly-once delivery any transaction that an earlier producer of this
    /// identity left open is ended, which may take some seconds, and a living one is fenced: so
    /// not before the group has given this member something, which a refused twin never gets.
    ///
    /// # Errors
    /// If librdkafka refuses the settings, or transactions could not be initialised.
    pub fn make_ready(&mut self) -> Result<(), SinkError> {
        if self.producers.is_none() {
            self.producers = Some(Producers::open(&self.settings)?);
        }
        Ok(())
    }

    /// Logs in as these settings say, the next time that a broker asks; also with producers that
    /// are made later.
    ///
    /// # Errors
    /// If a client refuses.
    pub fn log_in(
        &mut self,
        client: &ClientSettings,
        export_client: Option<&ClientSettings>,
    ) -> Result<(), SinkError> {
        if let Some(producers) = &self.producers {
            producers.log_in(client, export_client)?;
        }
        self.settings.client = client.clone();
        self.settings.export_client = export_client.cloned();
        Ok(())
    }

    /// Starts to commit an epoch, whose exports fit the record limit.
    ///
    /// # Panics
    /// If one is under way, or the sink is not [ready](Self::make_ready).
    pub fn begin(&mut self, epoch: Epoch) {
        assert!(self.is_idle(), "one epoch at a time");
        assert!(self.producers.is_some(), "parts come of partitions that were given");
        if let Some((fingerprint, config)) = self.relabelled.take() {
            self.settings.fingerprint = fingerprint;
            self.settings.config = config;
        }
        self.state = State::Working(Box::new(Work::new(&self.settings, epoch)));
    }

    /// Writes these fingerprints, of the configuration and of its policies, with epochs that are
    /// begun from now on. One that is under way was made under the old ones.
    pub fn relabel(&mut self, fingerprint: String, config: u64) {
        self.relabelled = Some((fingerprint, config));
    }

    /// True if no epoch is under way.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// True if exports and offsets commit in one transaction.
    pub fn is_transactional(&self) -> bool {
        self.settings.delivery == Delivery::ExactlyOnce
    }

    /// The producer of verdicts and dead letters, and of exports unless these go elsewhere.
    fn producer(&self) -> &Transactional {
        &self.producers().own
    }

    fn producers(&self) -> &Producers {
        self.producers.as_ref().expect("an epoch was begun, so the sink is ready")
    }

    /// What was done so far.
    pub fn stats(&self) -> SinkStats {
        self.stats
    }

    /// Takes the epoch some steps further, without waiting longer than a step.
    ///
    /// `holds` says of a partition and its assignment whether it is still held.
    ///
    /// # Errors
    /// If this producer cannot go on, and a new one would not do better.
    pub fn poll(
        &mut self,
        membership: &Membership<'_>,
        holds: impl Fn(i32, u64) -> bool,
    ) -> Result<SinkEvent, SinkError> {
        let State::Working(mut work) = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(SinkEvent::Busy);
        };
        loop {
            let may_wait = matches!(work.step, Step::Start | Step::CommitPlainly { asked: false });
            if may_wait && Instant::now() < work.not_before {
                work.complain_if_slow();
                self.state = State::Working(work);
                return Ok(SinkEvent::Busy);
            }
            let step = std::mem::replace(&mut work.step, Step::Start);
            let rebuilt = self.stats.rebuilt;
            let next = self.advance(step, &mut work, membership, &holds)?;
            work.lost_producers += self.stats.rebuilt - rebuilt;
            match next {
                Next::Step(step) => work.step = step,
                Next::Later(step) => {
                    work.step = step;
                    work.complain_if_slow();
                    self.state = State::Working(work);
                    return Ok(SinkEvent::Busy);
                }
                Next::Again(step) => {
                    work.step = step;
                    work.failures += 1;
                    work.not_before = Instant::now() + backoff(work.failures);
                }
                Next::Done(committed) => {
                    if !work.finish_parts(committed) {
                        return Ok(match work.done.is_empty() {
                            true => SinkEvent::Discarded,
                            false => self.committed(work),
                        });
                    }
                }
            }
        }
    }

    fn advance(
        &mut self,
        step: Step,
        work: &mut Work,
        membership: &Membership<'_>,
        holds: &impl Fn(i32, u64) -> bool,
    ) -> Result<Next, SinkError> {
        match step {
            Step::Start => {
                work.split_if_it_does_not_fit();
                self.start(&mut work.epoch, membership, holds)
            }
            Step::Send { metadata, cursor } => self.send(metadata, cursor, work),
            Step::Acknowledge { metadata, stage } => self.acknowledged(metadata, stage, work),
            Step::CommitPlainly { asked } => {
                self.commit_plainly(asked, &mut work.epoch, membership, holds)
            }
            Step::Offsets { adding } => self.added(adding, &work.epoch),
            Step::Commit => match self.producer().handle().commit_transaction(Self::STEP) {
                Ok(()) => Ok(Next::Done(true)),
                Err(error) if is_retriable(&error) => Ok(Next::Later(Step::Commit)),
                Err(error) => self.failed("committing the transaction", &error, None),
            },
            Step::Abort => match self.producer().handle().abort_transaction(Self::STEP) {
                Ok(()) if self.producers().may_arrive() => self.outrun(),
                Ok(()) => Ok(Next::Step(Step::Start)),
                Err(error) if is_retriable(&error) => Ok(Next::Later(Step::Abort)),
                Err(error) => {
                    self.rebuild(&error)?;
                    Ok(Next::Step(Step::Doubt))
                }
            },
            Step::Doubt => Ok(self.resolve(&work.epoch, membership, holds)),
        }
    }

    /// Hands records to the producer: all of them at once under a transaction; else verdicts only
    /// after exports are acknowledged, so that no verdict can cover spans that were not written.
    fn send(
        &mut self,
        metadata: Option<ConsumerGroupMetadata>,
        mut cursor: Cursor,
        work: &Work,
    ) -> Result<Next, SinkError> {
        while let Some(record) = cursor.next(&self.settings, &work.epoch, &work.batches) {
            match self.producers().of(record.is_export).try_send(&record) {
                TrySend::Sent => cursor.advance(&work.epoch),
                refused @ (TrySend::Full | TrySend::Refused(_)) => {
                    let topic = record.topic.to_owned();
                    // The reason may be what became of earlier records. The count first: a failure
                    // is noted before its record leaves the count.
                    let in_flight = self.producers().in_flight_count();
                    if let Some(Failure { error, topic }) = self.producers().first_failure() {
                        return self.failed("writing", &error, topic.as_deref());
                    }
                    if let TrySend::Refused(error) = refused
                        && in_flight == 0
                    {
                        return self.failed("sending", &error, Some(&topic));
                    }
                    return Ok(Next::Later(Step::Send { metadata, cursor }));
                }
            }
        }
        let stage = cursor.stage();
        Ok(Next::Step(Step::Acknowledge { metadata, stage }))
    }

    /// Leaves out parts that are no longer held; opens the transaction with a membership that is
    /// known to be valid.
    fn start(
        &mut self,
        epoch: &mut Epoch,
        membership: &Membership<'_>,
        holds: &impl Fn(i32, u64) -> bool,
    ) -> Result<Next, SinkError> {
        leave_out(epoch, holds);
        if epoch.parts.is_empty() {
            return Ok(Next::Done(false));
        }
        let Some(metadata) = membership.group_metadata() else {
            // Out of the group for the moment: the callback that says so has not been served.
            return Ok(Next::Later(Step::Start));
        };
        self.producers().forget_reports();
        for part in &mut epoch.parts {
            part.batch_offset = None;
        }
        if !self.is_transactional() {
            let cursor = Cursor::new(Stage::Exports);
            return Ok(Next::Step(Step::Send { metadata: None, cursor }));
        }
        match self.producer().handle().begin_transaction() {
            Ok(()) => {
                let cursor = Cursor::new(Stage::All);
                Ok(Next::Step(Step::Send { metadata: Some(metadata), cursor }))
            }
            Err(error) => self.failed("opening a transaction", &error, None),
        }
    }

    fn acknowledged(
        &mut self,
        metadata: Option<ConsumerGroupMetadata>,
        stage: Stage,
        work: &mut Work,
    ) -> Result<Next, SinkError> {
        // The count first: a failure is noted before its record leaves the count.
        let in_flight = self.producers().in_flight_count();
        if let Some(Failure { error, topic }) = self.producers().first_failure() {
            return self.failed("writing", &error, topic.as_deref());
        }
        if in_flight > 0 {
            return Ok(Next::Later(Step::Acknowledge { metadata, stage }));
        }
        if stage == Stage::Exports {
            let cursor = Cursor::new(Stage::Verdicts);
            return Ok(Next::Step(Step::Send { metadata, cursor }));
        }
        for part in work.epoch.parts.iter_mut().filter(|part| part.has_batch) {
            part.batch_offset = self.producer().batch_offset(part.partition);
        }
        Ok(Next::Step(match metadata {
            Some(metadata) => self.add_offsets(&work.epoch, metadata)?,
            None => Step::CommitPlainly { asked: false },
        }))
    }

    /// Commits without a transaction. The exports are acknowledged, so only this is tried again,
    /// with whatever is still held then: brokers check the member, not what it owns.
    fn commit_plainly(
        &mut self,
        asked: bool,
        epoch: &mut Epoch,
        membership: &Membership<'_>,
        holds: &impl Fn(i32, u64) -> bool,
    ) -> Result<Next, SinkError> {
        if !asked {
            leave_out(epoch, holds);
            if epoch.parts.is_empty() {
                return Ok(Next::Done(false));
            }
            if membership.group_metadata().is_none() {
                return Ok(Next::Later(Step::CommitPlainly { asked: false }));
            }
            if let Err(error) = membership.begin_commit(&self.offsets(epoch)?) {
                return Ok(self.commit_refused(&error));
            }
        }
        Ok(match membership.commit_outcome() {
            None => Next::Later(Step::CommitPlainly { asked: true }),
            Some(Ok(())) => Next::Done(true),
            Some(Err(error)) => self.commit_refused(&error),
        })
    }

    fn commit_refused(&mut self, error: &KafkaError) -> Next {
        warn!(error = %describe(error), "offsets were not committed; trying again");
        self.stats.aborted += 1;
        Next::Again(Step::CommitPlainly { asked: false })
    }

    fn committed(&mut self, mut work: Box<Work>) -> SinkEvent {
        work.epoch.parts = std::mem::take(&mut work.done);
        let parts = work.epoch.parts.iter();
        let letters: usize = parts.clone().map(|part| part.dead_letters.len()).sum();
        let exports: usize = parts.map(|part| part.exports.len()).sum();
        self.stats.committed += 1;
        self.stats.records += (letters + exports + work.epoch.moved.len()) as u64;
        self.stats.dead_letters += letters as u64;
        self.stats.decision_bytes += work.batches.bytes(&work.epoch);
        self.stats.last_epoch_us = work.begun.elapsed().as_micros() as u64;
        SinkEvent::Committed(work.epoch)
    }
}

/// Leaves out parts that are no longer held; all of them if they cannot be told apart.
fn leave_out(epoch: &mut Epoch, holds: &impl Fn(i32, u64) -> bool) {
    let before = epoch.parts.len();
    epoch.parts.retain(|part| holds(part.partition, part.assignment));
    if epoch.is_indivisible && epoch.parts.len() < before {
        epoch.parts.clear();
    }
}

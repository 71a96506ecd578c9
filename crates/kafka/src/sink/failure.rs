//! What is done when an epoch cannot be committed, or is taken back.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use tracing::warn;

use super::produce::{Producers, is_without_answer};
use super::step::{Next, Step, is_retriable};
use super::{Sink, State};
use crate::error::{SinkError, denial, describe};

impl Sink {
    /// A producer that was fenced this often within [`FENCING_WINDOW`](Self::FENCING_WINDOW) has
    /// a twin.
    const FENCINGS_MAX: usize = 3;
    const FENCING_WINDOW: Duration = Duration::from_secs(600);

    /// Takes back what is open, within `budget`: nothing of it becomes visible unless its offsets
    /// were accepted already. The epoch stays, and at the next [`poll`](Self::poll) begins anew
    /// with the parts that are still held.
    ///
    /// # Errors
    /// If the open transaction could not be ended and no new producer could be made.
    pub fn retract(&mut self, budget: Duration) -> Result<(), SinkError> {
        let State::Working(work) = &mut self.state else { return Ok(()) };
        let deadline = Instant::now() + budget;
        let may_abort = match &work.step {
            Step::Start | Step::Doubt => return Ok(()),
            Step::Send { .. }
            | Step::Acknowledge { .. }
            | Step::CommitPlainly { .. }
            | Step::Abort => true,
            Step::Offsets { adding } => adding.has_returned_within(budget),
            // A commit that was asked for may be repeated, but not aborted.
            Step::Commit => false,
        };
        work.step = Step::Start;
        if !self.is_transactional() || may_abort && self.aborted_before(deadline) {
            return Ok(());
        }
        // A new producer of the same identity ends what the old one left open.
        if let State::Working(work) = &mut self.state {
            work.step = Step::Doubt;
        }
        self.replace("a transaction could not be taken back in time")
    }

    fn aborted_before(&self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            match self.producer().handle().abort_transaction(Self::STEP) {
                Ok(()) => return !self.producers().may_arrive(),
                Err(error) if is_retriable(&error) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// After a failure: abort and start again, or, if the producer is beyond that, make a new one
    /// and find out what became of the epoch.
    pub(super) fn failed(
        &mut self,
        what: &'static str,
        error: &KafkaError,
        topic: Option<&str>,
    ) -> Result<Next, SinkError> {
        let remedy = match topic {
            Some(_) if denial(error).is_some() => Some("grant Write on the topic"),
            Some(_) | None => denial(error),
        };
        warn!(
            error = %describe(error),
            topic,
            principal = remedy.map(|_| self.settings.principal(topic)),
            remedy,
            "{what} failed; the epoch will be sent again"
        );
        self.stats.aborted += 1;
        if self.producers().is_fatal(error) {
            self.rebuild(error)?;
            return Ok(Next::Again(Step::Doubt));
        }
        if !self.is_transactional() {
            return Ok(Next::Again(Step::Start));
        }
        if is_without_answer(error) || self.producers().may_arrive() {
            return self.outrun();
        }
        Ok(Next::Again(Step::Abort))
    }

    /// What a broker has not answered may arrive there after the abort, and would become part of
    /// the producer's next transaction. A new producer's epoch is higher: it is refused.
    pub(super) fn outrun(&mut self) -> Result<Next, SinkError> {
        self.replace("a broker has not answered: what it was sent may still arrive")?;
        Ok(Next::Again(Step::Doubt))
    }

    /// Makes a new producer after this error, unless it was fenced so often that it has a twin.
    /// Brokers call a producer fenced whose transaction timed out, too.
    pub(super) fn rebuild(&mut self, error: &KafkaError) -> Result<(), SinkError> {
        let reason = describe(error);
        if !self.producers().is_fenced(error) {
            return self.replace(&reason);
        }
        let now = Instant::now();
        self.fencings.retain(|at| now.duration_since(*at) < Self::FENCING_WINDOW);
        if self.fencings.len() >= Self::FENCINGS_MAX {
            return Err(SinkError::Twin {
                transactional_id: self.settings.transactional_id.clone(),
                times: self.fencings.len(),
                reason,
            });
        }
        self.fencings.push(now);
        self.replace(&reason)
    }

    /// Makes a new producer, which fences the old one.
    pub(super) fn replace(&mut self, reason: &str) -> Result<(), SinkError> {
        self.stats.rebuilt += 1;
        warn!(reason, "making a new producer");
        self.producers = Some(Producers::open(&self.settings)?);
        Ok(())
    }
}

//! What a worker's loop and its group's callbacks share, and how partitions are handed over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tailsift_kafka::{Membership, RevokeHandler, Sink};
use tracing::warn;

/// How long partitions that are taken away may be held up by their last epoch.
const HANDOVER_BUDGET: Duration = Duration::from_secs(5);
/// How long taking an epoch back may take.
pub(crate) const RETRACT_BUDGET: Duration = Duration::from_secs(1);

/// What can hand partitions over.
pub(crate) trait HandsOver: Send + 'static {
    /// What is read again by the next owner if it is not committed.
    const HELD: &'static str;

    /// Takes the epoch under way further, and cuts the next one if there is none; false once
    /// nothing is left.
    ///
    /// # Errors
    /// If Kafka refuses something that trying again would not mend.
    fn advance(&mut self, membership: &Membership<'_>) -> anyhow::Result<bool>;

    /// What commits.
    fn sink(&mut self) -> &mut Sink;

    /// Cuts and commits until nothing is left, or the deadline.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    fn finish(&mut self, membership: &Membership<'_>, deadline: Instant) -> anyhow::Result<()> {
        while self.advance(membership)? {
            if Instant::now() >= deadline {
                let held = Self::HELD;
                warn!(
                    "the last epoch was not committed in time; its {held} are read again by their next owner"
                );
                return Ok(self.sink().retract(RETRACT_BUDGET)?);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Partitions are not ours any more.
    fn give_up(&mut self, partitions: &[i32]);

    /// Keeps an error that a callback cannot return, for the loop to find.
    fn note(&mut self, outcome: anyhow::Result<()>);
}

/// A worker's core behind a lock that is never contended: the callbacks run inside the worker's own
/// `poll`, when the loop does not hold it.
pub(crate) struct SharedCore<C>(Arc<Mutex<C>>);

impl<C> Clone for SharedCore<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> SharedCore<C> {
    pub(crate) fn new(core: C) -> Self {
        Self(Arc::new(Mutex::new(core)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, C> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands partitions over when the group takes them back.
pub(crate) struct Handover<C>(pub(crate) SharedCore<C>);

impl<C: HandsOver> RevokeHandler for Handover<C> {
    fn handle_revoked(&self, membership: &Membership<'_>, partitions: &[i32]) {
        let mut core = self.0.lock();
        // What a panic left half done must not be committed: the next owner reads it again.
        if std::thread::panicking() {
            return core.give_up(partitions);
        }
        let committed = core.finish(membership, Instant::now() + HANDOVER_BUDGET);
        core.note(committed);
        core.give_up(partitions);
    }

    fn handle_lost(&self, partitions: &[i32]) {
        self.0.lock().give_up(partitions);
    }
}

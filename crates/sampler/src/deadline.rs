//! Deadlines of one length, in order.

use std::collections::VecDeque;

use tailsift_trace::Millis;

use crate::slab::Key;
use crate::stream_time::StreamTime;

/// Traces that are due a fixed wait after they were filed. Stream time never goes back, so a
/// queue is in order by construction; a trace that is gone is skipped when its turn comes.
#[derive(Debug)]
pub(crate) struct Deadlines {
    wait: Millis,
    queue: VecDeque<(Millis, Key)>,
    /// The latest deadline that was ever filed.
    last: Millis,
    /// Filed while the clock was in doubt, with the stamps of their records.
    in_doubt: VecDeque<(Option<Millis>, Key)>,
}

impl Deadlines {
    pub(crate) fn new(wait: Millis) -> Self {
        Self { wait, queue: VecDeque::new(), last: Millis(i64::MIN), in_doubt: VecDeque::new() }
    }

    /// Files a trace with a record stamped `stamp`, which the clock has seen.
    pub(crate) fn file(&mut self, clock: &StreamTime, stamp: Option<Millis>, key: Key) {
        match clock.certain() {
            Some(now) if self.in_doubt.is_empty() => self.push(clock, now, stamp, key),
            Some(_) | None => self.in_doubt.push_back((stamp, key)),
        }
    }

    /// When a trace would be due that is filed now; `None` while the clock is in doubt.
    pub(crate) fn due(&self, clock: &StreamTime, stamp: Option<Millis>) -> Option<Millis> {
        let now = clock.certain().filter(|_| self.in_doubt.is_empty())?;
        Some(self.due_from(clock, now, stamp))
    }

    /// Files what was in doubt and is no more.
    ///
    /// It waits from its own stamp on, once the clock believes it: counted from where the clock
    /// stood before it moved on, a wait could be over at once.
    pub(crate) fn settle_doubt(&mut self, clock: &StreamTime) {
        let Some(now) = clock.now() else { return };
        let is_certain = clock.certain().is_some();
        while let Some((stamp, key)) = self.in_doubt.front().copied()
            && (is_certain || stamp.is_some_and(|stamp| clock.is_near(stamp)))
        {
            self.in_doubt.pop_front();
            self.push(clock, now, stamp, key);
        }
    }

    /// The next trace that is due.
    pub(crate) fn pop_due(&mut self, clock: &StreamTime) -> Option<Key> {
        self.settle_doubt(clock);
        let now = clock.now()?;
        let (due, key) = *self.queue.front()?;
        (due <= now).then(|| {
            self.queue.pop_front();
            key
        })
    }

    /// Lets go of traces at the front that were judged before they were due, however long the
    /// clock stands still.
    pub(crate) fn skip_gone(&mut self, is_waiting: impl Fn(Key) -> bool) {
        while self.queue.front().is_some_and(|(_, key)| !is_waiting(*key)) {
            self.queue.pop_front();
        }
        while self.in_doubt.front().is_some_and(|(_, key)| !is_waiting(*key)) {
            self.in_doubt.pop_front();
        }
    }

    fn push(&mut self, clock: &StreamTime, now: Millis, stamp: Option<Millis>, key: Key) {
        self.last = self.due_from(clock, now, stamp);
        self.queue.push_back((self.last, key));
    }

    /// The clock is behind a stamp that it believes just after it moved on.
    fn due_from(&self, clock: &StreamTime, now: Millis, stamp: Option<Millis>) -> Millis {
        let believed = stamp.filter(|stamp| clock.is_near(*stamp));
        let from = believed.map_or(now, |stamp| stamp.max(now));
        self.last.max(from + self.wait)
    }

    pub(crate) fn bytes(&self) -> usize {
        let doubt = self.in_doubt.len() * size_of::<(Option<Millis>, Key)>();
        self.queue.len() * size_of::<(Millis, Key)>() + doubt
    }
}

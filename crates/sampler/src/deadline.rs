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
    /// Filed while the clock was in doubt, with the stamps of their records.
    in_doubt: Vec<(Option<Millis>, Key)>,
}

impl Deadlines {
    pub(crate) fn new(wait: Millis) -> Self {
        Self { wait, queue: VecDeque::new(), in_doubt: Vec::new() }
    }

    /// Files a trace with a record stamped `stamp`, which the clock has seen.
    pub(crate) fn file(&mut self, clock: &StreamTime, stamp: Option<Millis>, key: Key) {
        match clock.certain() {
            Some(now) if self.in_doubt.is_empty() => self.push(clock, now, stamp, key),
            Some(_) | None => self.in_doubt.push((stamp, key)),
        }
    }

    /// The next trace that is due.
    ///
    /// What was filed in doubt waits from its own stamp on: counted from where the clock stood
    /// before it moved on, a wait could be over at once.
    pub(crate) fn pop_due(&mut self, clock: &StreamTime) -> Option<Key> {
        let now = clock.certain()?;
        for (stamp, key) in std::mem::take(&mut self.in_doubt) {
            self.push(clock, now, stamp, key);
        }
        let (due, key) = *self.queue.front()?;
        (due <= now).then(|| {
            self.queue.pop_front();
            key
        })
    }

    /// The clock is behind a stamp that it believes just after it moved on.
    fn push(&mut self, clock: &StreamTime, now: Millis, stamp: Option<Millis>, key: Key) {
        let believed = stamp.filter(|stamp| clock.is_near(*stamp));
        let from = believed.map_or(now, |stamp| stamp.max(now));
        let last = self.queue.back().map_or(Millis(i64::MIN), |(due, _)| *due);
        self.queue.push_back((last.max(from + self.wait), key));
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.queue.len() + self.in_doubt.len()) * size_of::<(Millis, Key)>()
    }
}

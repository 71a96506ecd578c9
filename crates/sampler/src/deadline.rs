//! Deadlines of one length, in order.

use std::collections::VecDeque;

use tailsift_trace::Millis;

use crate::slab::Key;

/// Traces that are due a fixed wait after they were filed. Stream time never goes back, so a
/// queue is in order by construction; a trace that is gone is skipped when its turn comes.
#[derive(Debug)]
pub(crate) struct Deadlines {
    wait: Millis,
    queue: VecDeque<(Millis, Key)>,
    /// Filed before the clock had started.
    unstarted: Vec<Key>,
}

impl Deadlines {
    pub(crate) fn new(wait: Millis) -> Self {
        Self { wait, queue: VecDeque::new(), unstarted: Vec::new() }
    }

    /// Files a trace at stream time `now`.
    pub(crate) fn file(&mut self, now: Option<Millis>, key: Key) {
        let Some(now) = now else {
            self.unstarted.push(key);
            return;
        };
        let due = now + self.wait;
        debug_assert!(self.queue.back().is_none_or(|(last, _)| *last <= due));
        self.queue.push_back((due, key));
    }

    /// The next trace that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<Key> {
        for key in std::mem::take(&mut self.unstarted) {
            self.file(Some(now), key);
        }
        let (due, key) = *self.queue.front()?;
        (due <= now).then(|| {
            self.queue.pop_front();
            key
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.queue.len() * size_of::<(Millis, Key)>()
    }
}

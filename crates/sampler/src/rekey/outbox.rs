//! What is on its way, gathered by target partition and headers.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashMap;
use tailsift_trace::Millis;

use crate::Moved;

/// Spans since the last cut, in as few records as will do.
#[derive(Debug)]
pub(super) struct Outbox {
    moved: Vec<Moved>,
    /// Each different set of headers since the last cut.
    headers: HashMap<Arc<[u8]>, u32, RandomState>,
    /// The headers that came last, and their number.
    last: (Arc<[u8]>, u32),
    /// By target and headers: the record that takes more.
    open: HashMap<(i32, u32), usize, RandomState>,
    /// The smallest timestamp that came.
    time: Option<Millis>,
    /// Bytes held, dead letters included.
    pub(super) bytes: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        // Seeds of its own would make no output differ, only running times.
        let hasher = || RandomState::with_seeds(0x7265_6b65, 0x796f_7574, 0x626f_7820, 0x6d61_7073);
        Self {
            moved: Vec::new(),
            headers: HashMap::with_hasher(hasher()),
            last: (Arc::from([]), u32::MAX),
            open: HashMap::with_hasher(hasher()),
            time: None,
            bytes: 0,
        }
    }
}

impl Outbox {
    pub(super) fn note_time(&mut self, time: Option<Millis>) {
        self.time = match (self.time, time) {
            (Some(least), Some(time)) => Some(least.min(time)),
            (least, time) => least.or(time),
        };
    }

    /// Adds a request's bytes to the record for that target and those headers.
    pub(super) fn add<'b>(
        &mut self,
        target: i32,
        headers: &[u8],
        pieces: impl Iterator<Item = &'b [u8]> + Clone,
        record_bytes: usize,
    ) {
        let len: usize = pieces.clone().map(<[u8]>::len).sum();
        let number = self.number(headers);
        let index = match self.open.get(&(target, number)) {
            Some(open) if self.moved[*open].payload.len() + len <= record_bytes => *open,
            Some(_) | None => {
                let headers = Arc::clone(&self.last.0);
                let moved = Moved { partition: target, time: None, headers, payload: Vec::new() };
                self.bytes += moved.bytes();
                self.open.insert((target, number), self.moved.len());
                self.moved.push(moved);
                self.moved.len() - 1
            }
        };
        let payload = &mut self.moved[index].payload;
        payload.reserve(len);
        pieces.for_each(|piece| payload.extend_from_slice(piece));
        self.bytes += len;
    }

    /// All of it, in the order of its beginnings, and how many bytes it was.
    pub(super) fn take(&mut self) -> (Vec<Moved>, usize) {
        let mut moved = std::mem::take(&mut self.moved);
        let time = self.time.take();
        moved.iter_mut().for_each(|moved| moved.time = time);
        self.open.clear();
        self.headers.clear();
        self.last.1 = u32::MAX;
        (moved, std::mem::take(&mut self.bytes))
    }

    /// The number of these headers, which are the last ones then.
    fn number(&mut self, headers: &[u8]) -> u32 {
        if self.last.1 != u32::MAX && *self.last.0 == *headers {
            return self.last.1;
        }
        let next = self.headers.len() as u32;
        let known = self.headers.get_key_value(headers);
        self.last = match known {
            Some((known, number)) => (Arc::clone(known), *number),
            None => {
                let new: Arc<[u8]> = Arc::from(headers);
                self.headers.insert(Arc::clone(&new), next);
                (new, next)
            }
        };
        self.last.1
    }
}

//! What is on its way, gathered by target partition and headers.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashMap;
use tailsift_trace::Millis;

use crate::Moved;

/// Spans since the last cut, in as few records as will do.
#[derive(Debug)]
pub(super) struct Outbox {
    /// With the time slice of each.
    moved: Vec<(i64, Moved)>,
    /// Each different set of headers since the last cut.
    headers: HashMap<Arc<[u8]>, u32, RandomState>,
    /// The headers that came last, and their number.
    last: (Arc<[u8]>, u32),
    /// By target, headers and time slice: the record that takes more.
    open: HashMap<(i32, u32, i64), usize, RandomState>,
    /// Bytes held, dead letters included.
    pub(super) bytes: usize,
    /// Buffers of records that are committed.
    spare: Vec<Vec<u8>>,
    /// Bytes of the largest record of the last cut: what a new buffer makes room for at once.
    usual: usize,
}

/// Where shares come from.
pub(super) struct From<'r> {
    /// The record's headers, encoded.
    pub(super) headers: &'r [u8],
    /// Its timestamp.
    pub(super) time: Option<Millis>,
    /// The number of the stretch of record time that it belongs to.
    pub(super) slice: i64,
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
            bytes: 0,
            spare: Vec::new(),
            usual: 0,
        }
    }
}

impl Outbox {
    /// Adds what a request brings for a target to the record for that target, those headers and
    /// that time slice.
    pub(super) fn add<'b>(
        &mut self,
        target: i32,
        from: &From<'_>,
        pieces: impl Iterator<Item = &'b [u8]> + Clone,
        record_bytes: usize,
    ) {
        let len: usize = pieces.clone().map(<[u8]>::len).sum();
        let place = (target, self.number(from.headers), from.slice);
        let index = match self.open.get(&place) {
            Some(open) if self.moved[*open].1.payload.len() + len <= record_bytes => *open,
            Some(_) | None => {
                let headers = Arc::clone(&self.last.0);
                let new = || Vec::with_capacity(self.usual);
                let payload = self.spare.pop().unwrap_or_else(new);
                let moved = Moved { partition: target, time: from.time, headers, payload };
                self.bytes += moved.bytes();
                self.open.insert(place, self.moved.len());
                self.moved.push((from.slice, moved));
                self.moved.len() - 1
            }
        };
        let moved = &mut self.moved[index].1;
        moved.time = match (moved.time, from.time) {
            (Some(least), Some(time)) => Some(least.min(time)),
            (least, time) => least.or(time),
        };
        moved.payload.reserve(len);
        pieces.for_each(|piece| moved.payload.extend_from_slice(piece));
        self.bytes += len;
    }

    /// All of it, by time slice and in the order of its beginnings, and how many bytes it was.
    pub(super) fn take(&mut self) -> (Vec<Moved>, usize) {
        let mut moved = std::mem::take(&mut self.moved);
        moved.sort_by_key(|(slice, _)| *slice);
        self.open.clear();
        self.headers.clear();
        self.last.1 = u32::MAX;
        let moved: Vec<Moved> = moved.into_iter().map(|(_, moved)| moved).collect();
        self.usual = moved.iter().map(|moved| moved.payload.len()).max().unwrap_or(0);
        (moved, std::mem::take(&mut self.bytes))
    }

    /// Takes back the buffers of a committed epoch, up to so many bytes in all: new ones would have
    /// to be cleared page by page.
    pub(super) fn recycle(&mut self, moved: Vec<Moved>, bytes_max: usize) {
        let kept: usize = self.spare.iter().map(Vec::capacity).sum();
        let mut room = bytes_max.saturating_sub(kept);
        for mut payload in moved.into_iter().map(|moved| moved.payload) {
            let Some(left) = room.checked_sub(payload.capacity()) else { break };
            room = left;
            payload.clear();
            self.spare.push(payload);
        }
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

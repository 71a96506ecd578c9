//! The window's raw bytes: append-only segments, released when their last chunk is.

use std::collections::VecDeque;

use tailsift_trace::{Batch, Chunk, Piece};

/// A trace's share of one record, stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    segment: u32,
    start: u32,
    /// Bytes when written out.
    len: u32,
    /// 0 = the bytes lie at `start`; else so many runs, listed at `start`.
    runs: u32,
}

impl Stored {
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }
}

#[derive(Debug, Default)]
struct Segment {
    bytes: Vec<u8>,
    chunks: u32,
    live: usize,
}

/// A partition's segments, oldest first. Only the last is written to.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    list: VecDeque<Segment>,
    /// The id of the oldest; ids wrap.
    first: u32,
    capacity: usize,
    live: usize,
    /// Bytes let go since chunks were last moved together.
    released: usize,
    /// Where the current record's shared bytes went, by place in `Batch::shared`.
    shared_at: Vec<Option<u32>>,
    directory: Vec<(u32, u32)>,
}

/// A run's start and length in a directory, little-endian.
const RUN_BYTES: usize = 8;

impl Segments {
    const SIZE_MIN: usize = 16 << 10;
    const SIZE_MAX: usize = 256 << 10;

    /// Allocated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.capacity
    }

    /// Makes room for a record, so that its chunks and what they share lie in one segment.
    pub(crate) fn begin_record(&mut self, batch: &Batch<'_>) {
        self.shared_at.clear();
        self.shared_at.resize(batch.shared.len(), None);
        let shared: usize = batch.shared.iter().map(|bytes| bytes.len()).sum();
        let pieces = batch.pieces.iter().map(|piece| match piece {
            Piece::Own(bytes) => bytes.len() + RUN_BYTES,
            Piece::Frame { bytes, .. } => bytes.len() + RUN_BYTES,
            Piece::Shared(_) => RUN_BYTES,
        });
        self.make_room(shared + pieces.sum::<usize>());
    }

    /// Stores a chunk of the record that was begun.
    pub(crate) fn store(&mut self, batch: &Batch<'_>, chunk: &Chunk) -> Stored {
        match batch.pieces_of(chunk) {
            [Piece::Own(bytes)] => self.store_whole(bytes),
            pieces => self.store_split(batch, pieces),
        }
    }

    fn store_whole(&mut self, bytes: &[u8]) -> Stored {
        let (segment, start) = self.append(bytes);
        self.count(Stored { segment, start, len: bytes.len() as u32, runs: 0 })
    }

    /// The directory comes first, then the chunk's own bytes; shared ones lie wherever the first
    /// chunk that needed them put them.
    fn store_split(&mut self, batch: &Batch<'_>, pieces: &[Piece<'_>]) -> Stored {
        let mut runs = std::mem::take(&mut self.directory);
        runs.clear();
        let mut own = None;
        for piece in pieces {
            if let Piece::Shared(index) = piece {
                let bytes = batch.shared[*index as usize];
                let start = match self.shared_at[*index as usize] {
                    Some(start) => start,
                    None => self.append(bytes).1,
                };
                self.shared_at[*index as usize] = Some(start);
                runs.push((start, bytes.len() as u32));
                own = None;
                continue;
            }
            let bytes = piece.bytes(&batch.shared);
            let (_, start) = self.append(bytes);
            match own.and_then(|run: usize| runs.get_mut(run)) {
                Some((from, len)) if *from + *len == start => *len += bytes.len() as u32,
                Some(_) | None => {
                    own = Some(runs.len());
                    runs.push((start, bytes.len() as u32));
                }
            }
        }
        let len = runs.iter().map(|(_, len)| len).sum();
        let (mut place, mut count) = (None, 0);
        for (start, len) in &runs {
            let mut entry = [0; RUN_BYTES];
            entry[..4].copy_from_slice(&start.to_le_bytes());
            entry[4..].copy_from_slice(&len.to_le_bytes());
            let at = self.append(&entry);
            place.get_or_insert(at);
            count += 1;
        }
        let (segment, start) = place.unwrap_or_else(|| self.append(&[]));
        self.directory = runs;
        self.count(Stored { segment, start, len, runs: count })
    }

    fn count(&mut self, stored: Stored) -> Stored {
        let len = stored.len();
        let segment = self.segment_mut(stored);
        segment.chunks += 1;
        segment.live += len;
        self.live += len;
        stored
    }

    /// Writes a chunk's bytes to the end of `out`.
    pub(crate) fn write(&self, stored: Stored, out: &mut Vec<u8>) {
        let bytes = &self.list[self.place(stored)].bytes;
        let start = stored.start as usize;
        if stored.runs == 0 {
            out.extend_from_slice(&bytes[start..start + stored.len()]);
            return;
        }
        let directory = &bytes[start..start + stored.runs as usize * RUN_BYTES];
        for entry in directory.chunks_exact(RUN_BYTES) {
            let number = |at: usize| {
                let digits = entry[at..at + 4].try_into().expect("four bytes were taken");
                u32::from_le_bytes(digits) as usize
            };
            let (start, len) = (number(0), number(4));
            out.extend_from_slice(&bytes[start..start + len]);
        }
    }

    /// Lets a chunk go, and its segment with it if it was the last one there.
    pub(crate) fn release(&mut self, stored: Stored) {
        let place = self.place(stored);
        let len = stored.len();
        self.live -= len;
        self.released += len;
        let is_current = place + 1 == self.list.len();
        let segment = &mut self.list[place];
        segment.live -= len;
        segment.chunks -= 1;
        if segment.chunks > 0 {
            return;
        }
        if is_current {
            segment.bytes.clear();
            return;
        }
        self.capacity -= segment.bytes.capacity();
        segment.bytes = Vec::new();
        while self.list.len() > 1 && self.list[0].chunks == 0 {
            self.capacity -= self.list[0].bytes.capacity();
            self.list.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// True if most of the allocated bytes belong to chunks that are gone. Says so once for as
    /// many bytes as were let go, so that moving the rest costs less than storing it did.
    pub(crate) fn is_sparse(&mut self) -> bool {
        let sparse = self.capacity > 2 * self.live + 4 * Self::SIZE_MAX;
        let due = sparse && self.released >= self.capacity / 2;
        if due {
            self.released = 0;
        }
        due
    }

    /// Moves a chunk out of a segment that is mostly dead, so that one slow trace does not hold
    /// the bytes of many.
    pub(crate) fn settle(&mut self, stored: Stored) -> Stored {
        let place = self.place(stored);
        let segment = &self.list[place];
        if place + 1 == self.list.len() || segment.live * 2 > segment.bytes.len() {
            return stored;
        }
        let mut bytes = Vec::with_capacity(stored.len());
        self.write(stored, &mut bytes);
        self.make_room(bytes.len());
        let moved = self.store_whole(&bytes);
        self.release(stored);
        moved
    }

    fn make_room(&mut self, bytes: usize) {
        let fits = self.list.back().is_some_and(|s| s.bytes.capacity() - s.bytes.len() >= bytes);
        if fits {
            return;
        }
        // An idle partition should not hold a full-sized segment.
        let size = (self.live / 8).clamp(Self::SIZE_MIN, Self::SIZE_MAX).max(bytes);
        if let Some(current) = self.list.back_mut() {
            if current.chunks == 0 {
                self.capacity -= current.bytes.capacity();
                current.bytes = Vec::new();
            } else if current.bytes.len() < current.bytes.capacity() / 8 * 7 {
                let before = current.bytes.capacity();
                current.bytes.shrink_to_fit();
                self.capacity -= before - current.bytes.capacity();
            }
        }
        let bytes = Vec::with_capacity(size);
        self.capacity += bytes.capacity();
        self.list.push_back(Segment { bytes, chunks: 0, live: 0 });
    }

    fn append(&mut self, bytes: &[u8]) -> (u32, u32) {
        let id = self.first.wrapping_add(self.list.len() as u32 - 1);
        let segment = self.list.back_mut().expect("make_room left a segment");
        debug_assert!(segment.bytes.capacity() - segment.bytes.len() >= bytes.len());
        let start = segment.bytes.len() as u32;
        segment.bytes.extend_from_slice(bytes);
        (id, start)
    }

    fn place(&self, stored: Stored) -> usize {
        stored.segment.wrapping_sub(self.first) as usize
    }

    fn segment_mut(&mut self, stored: Stored) -> &mut Segment {
        let place = self.place(stored);
        &mut self.list[place]
    }
}

#[cfg(test)]
mod tests;

//! What changes of a request, in the order of its bytes.

use std::borrow::Cow;
use std::ops::Range;

use crate::wire::{encode_varint, push_varint};

/// Edits of a payload. A message's length is noted before what is within it, and taken back if
/// nothing there changed.
pub(crate) struct Edits<'p> {
    payload: &'p [u8],
    edits: Vec<Edit>,
    /// The new bytes of all edits.
    new: Vec<u8>,
    /// How many bytes all edits add, less what they remove.
    growth: isize,
}

struct Edit {
    old: Range<usize>,
    new: Range<usize>,
}

/// Where the edits stood at some time.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    edits: usize,
    new: usize,
    growth: isize,
}

impl<'p> Edits<'p> {
    pub(crate) fn new(payload: &'p [u8]) -> Self {
        Self { payload, edits: Vec::new(), new: Vec::new(), growth: 0 }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { edits: self.edits.len(), new: self.new.len(), growth: self.growth }
    }

    /// Begins a message whose length is at this place.
    pub(crate) fn open(&mut self, length: Range<usize>) -> Mark {
        let mark = self.mark();
        self.edits.push(Edit { old: length, new: 0..0 });
        mark
    }

    /// Ends the message that was begun at `mark`, of `len` bytes before anything changed.
    pub(crate) fn close(&mut self, mark: Mark, len: usize) {
        if self.edits.len() == mark.edits + 1 {
            self.edits.truncate(mark.edits);
            return;
        }
        let len = len.wrapping_add_signed(self.growth - mark.growth);
        let (varint, varint_len) = encode_varint(len as u64);
        let start = self.new.len();
        self.new.extend_from_slice(&varint[..varint_len]);
        let frame = &mut self.edits[mark.edits];
        frame.new = start..start + varint_len;
        self.growth += varint_len as isize - frame.old.len() as isize;
    }

    /// Forgets what was noted since `mark`.
    pub(crate) fn roll_back(&mut self, mark: Mark) {
        self.edits.truncate(mark.edits);
        self.new.truncate(mark.new);
        self.growth = mark.growth;
    }

    /// Takes bytes out.
    pub(crate) fn remove(&mut self, old: Range<usize>) {
        self.growth -= old.len() as isize;
        self.edits.push(Edit { old, new: 0..0 });
    }

    /// Puts a length-delimited field in place of bytes. `key` takes one byte.
    pub(crate) fn put(&mut self, old: Range<usize>, key: u32, content: &[u8]) {
        let start = self.new.len();
        self.new.push(key as u8);
        push_varint(&mut self.new, content.len() as u64);
        self.new.extend_from_slice(content);
        let new = start..self.new.len();
        self.growth += new.len() as isize - old.len() as isize;
        self.edits.push(Edit { old, new });
    }

    /// The payload with all edits.
    pub(crate) fn apply(&self) -> Cow<'p, [u8]> {
        if self.edits.is_empty() {
            return Cow::Borrowed(self.payload);
        }
        let mut out = Vec::with_capacity(self.payload.len().saturating_add_signed(self.growth));
        let mut done = 0;
        for Edit { old, new } in &self.edits {
            out.extend_from_slice(&self.payload[done..old.start]);
            out.extend_from_slice(&self.new[new.clone()]);
            done = old.end;
        }
        out.extend_from_slice(&self.payload[done..]);
        Cow::Owned(out)
    }
}

//! Where a trace's records are.

/// Offsets of a trace's records, ascending, as differences: a byte or two each.
///
/// Bounded: beyond [`Sources::BYTES_MAX`] further offsets are not noted, and
/// [`is_complete`](Self::is_complete) says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    last: i64,
    /// LEB128 of the first offset, then of each difference.
    deltas: Vec<u8>,
    is_capped: bool,
}

impl Sources {
    /// The most bytes that are noted of a trace: some 250 records or more.
    pub const BYTES_MAX: usize = 512;
    /// The longest encoding of one number.
    const NUMBER_BYTES_MAX: usize = 10;

    /// Notes a record. Offsets come in ascending order; the last one again changes nothing.
    ///
    /// # Panics
    /// In debug builds if the offset is negative or below the last.
    pub fn push(&mut self, offset: i64) {
        if self.is_capped || !self.deltas.is_empty() && offset == self.last {
            return;
        }
        debug_assert!(offset >= self.last, "{offset} after {}", self.last);
        if self.deltas.len() + Self::NUMBER_BYTES_MAX > Self::BYTES_MAX {
            self.is_capped = true;
            return;
        }
        put_number(offset.wrapping_sub(self.last) as u64, &mut self.deltas);
        self.last = offset;
    }

    /// False if there were more than are noted.
    pub fn is_complete(&self) -> bool {
        !self.is_capped
    }

    /// The offsets, ascending.
    pub fn offsets(&self) -> impl Iterator<Item = i64> + '_ {
        let mut rest = self.deltas.as_slice();
        let mut at = 0i64;
        std::iter::from_fn(move || {
            at = at.checked_add(i64::try_from(number(&mut rest)?).ok()?)?;
            Some(at)
        })
    }

    /// The offsets as bytes, for [`from_bytes`](Self::from_bytes).
    pub fn as_bytes(&self) -> &[u8] {
        &self.deltas
    }

    /// Reads what [`as_bytes`](Self::as_bytes) gave; `None` if the bytes are nothing of the kind.
    pub fn from_bytes(bytes: &[u8], is_complete: bool) -> Option<Self> {
        if bytes.len() > Self::BYTES_MAX {
            return None;
        }
        let mut rest = bytes;
        let mut last = 0i64;
        while !rest.is_empty() {
            last = last.checked_add(i64::try_from(number(&mut rest)?).ok()?)?;
        }
        Some(Self { last, deltas: bytes.to_vec(), is_capped: !is_complete })
    }

    /// Bytes on the heap beyond the struct itself.
    pub fn heap_bytes(&self) -> usize {
        self.deltas.capacity()
    }

    /// True if none is noted.
    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }
}

/// Writes a number as LEB128.
pub(crate) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes one LEB128 number off the front; `None` at the end or if it is malformed.
pub(crate) fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (index, byte) in rest.iter().enumerate().take(Sources::NUMBER_BYTES_MAX) {
        let bits = u64::from(byte & 0x7f);
        value |=
            bits.checked_shl(7 * index as u32).filter(|shifted| shifted >> (7 * index) == bits)?;
        if byte & 0x80 == 0 {
            *rest = &rest[index + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_record_is_noted_once() {
        let mut sources = Sources::default();
        for offset in [0, 0, 3, 3, 400, 1 << 40] {
            sources.push(offset);
        }
        assert_eq!(sources.offsets().collect::<Vec<_>>(), [0, 3, 400, 1 << 40]);
        assert!(sources.is_complete());
    }

    #[test]
    fn more_than_the_bound_is_not_noted_and_said_so() {
        let mut sources = Sources::default();
        (0..10_000).for_each(|offset| sources.push(offset));
        assert!(!sources.is_complete() && sources.as_bytes().len() <= Sources::BYTES_MAX);
        let noted: Vec<_> = sources.offsets().collect();
        assert!(noted.len() > 250 && noted.iter().copied().eq(0..noted.len() as i64));
        let back = Sources::from_bytes(sources.as_bytes(), sources.is_complete()).unwrap();
        assert_eq!(back.offsets().count(), noted.len());
        assert!(!back.is_complete());
    }

    #[test]
    fn bytes_that_are_no_offsets_are_refused() {
        for bytes in [
            &[0x80][..],
            &[0xff; 11],
            &[0; 513],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(Sources::from_bytes(bytes, true), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn offsets_come_back(deltas in prop::collection::vec(0i64..1 << 30, 0..40)) {
            let mut sources = Sources::default();
            let mut offset = 0;
            for delta in deltas {
                offset += delta;
                sources.push(offset);
            }
            let back = Sources::from_bytes(sources.as_bytes(), true).unwrap();
            prop_assert_eq!(&back, &sources);
            let offsets: Vec<_> = back.offsets().collect();
            prop_assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(offsets.last().copied().unwrap_or(0), offset * i64::from(!offsets.is_empty()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(sources) = Sources::from_bytes(&bytes, true) {
                prop_assert!(sources.offsets().count() <= bytes.len());
            }
        }
    }
}

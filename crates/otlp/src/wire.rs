//! The protobuf encoding: fields read in place, keys and lengths written.

use std::ops::RangeInclusive;

use crate::{Fault, ScanError};

/// Nested groups that are skipped; as many as prost skips.
const GROUP_DEPTH_MAX: usize = 100;

const WIRE_VARINT: u32 = 0;
const WIRE_FIXED64: u32 = 1;
const WIRE_DELIMITED: u32 = 2;
const WIRE_GROUP_START: u32 = 3;
const WIRE_GROUP_END: u32 = 4;
const WIRE_FIXED32: u32 = 5;

/// A message whose fields are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'p> {
    /// What is left of the message, within the payload.
    rest: &'p [u8],
    /// The payload's address: places are differences to it.
    base: usize,
}

impl<'p> Cursor<'p> {
    /// The whole payload as one message.
    pub(crate) fn new(payload: &'p [u8]) -> Result<Self, ScanError> {
        if i32::try_from(payload.len()).is_err() {
            return Err(ScanError { offset: 0, what: Fault::TooLarge(payload.len()) });
        }
        Ok(Self { rest: payload, base: payload.as_ptr().addr() })
    }

    /// Where the next byte is in the payload.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.rest.as_ptr().addr() - self.base
    }

    /// True if no field is left.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left of the message.
    #[inline]
    pub(crate) fn rest(&self) -> &'p [u8] {
        self.rest
    }

    /// A message among what is left of this one.
    #[inline]
    pub(crate) fn within(&self, rest: &'p [u8]) -> Self {
        Self { rest, base: self.base }
    }

    /// A field's key, unchecked unless it is unknown (then [`skip_unknown`](Self::skip_unknown) does).
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<u32, ScanError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u32::from(*low & 0x7f) | u32::from(*high) << 7)
            }
            _ => self.key_long(),
        }
    }

    /// Reads the next key if it is `key` in its one byte.
    #[inline(always)]
    pub(crate) fn next_key_is(&mut self, key: u32) -> bool {
        match self.rest {
            [byte, rest @ ..] if u32::from(*byte) == key => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[cold]
    #[inline(never)]
    fn key_long(&mut self) -> Result<u32, ScanError> {
        let start = *self;
        let key = self.varint_long()?;
        u32::try_from(key).map_err(|_| start.fault(Fault::Key(key)))
    }

    /// A varint.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, ScanError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.varint_long(),
        }
    }

    #[inline(never)]
    fn varint_long(&mut self) -> Result<u64, ScanError> {
        let mut value = 0u64;
        for (place, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (place * 7);
            if byte < 0x80 {
                if place == 9 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(self.fault(Fault::Varint))
    }

    /// A length-delimited field's bytes.
    #[inline(always)]
    pub(crate) fn delimited(&mut self) -> Result<&'p [u8], ScanError> {
        let len = self.varint()?;
        self.take(len)
    }

    /// A length-delimited field as a message.
    #[inline(always)]
    pub(crate) fn message(&mut self) -> Result<Self, ScanError> {
        let rest = self.delimited()?;
        Ok(self.within(rest))
    }

    /// A `fixed64` or `double`.
    #[inline(always)]
    pub(crate) fn fixed64(&mut self) -> Result<u64, ScanError> {
        self.fixed().map(u64::from_le_bytes)
    }

    /// A `fixed32`.
    #[inline(always)]
    pub(crate) fn fixed32(&mut self) -> Result<u32, ScanError> {
        self.fixed().map(u32::from_le_bytes)
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ScanError> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.truncated(N as u64)),
        }
    }

    #[inline(always)]
    fn take(&mut self, len: u64) -> Result<&'p [u8], ScanError> {
        match usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.truncated(len)),
        }
    }

    /// Skips a field that the caller does not read: one that opentelemetry-proto does not define,
    /// or (an error) one of the `known` numbers with another wire type than its own.
    #[cold]
    #[inline(never)]
    pub(crate) fn skip_unknown(
        &mut self,
        key: u32,
        known: RangeInclusive<u32>,
    ) -> Result<(), ScanError> {
        let number = key >> 3;
        if known.contains(&number) {
            return Err(self.fault(Fault::WireType { number, wire_type: key & 7 }));
        }
        let mut open = [0u32; GROUP_DEPTH_MAX];
        let mut depth = 0;
        self.skip_one(key, &mut open, &mut depth)?;
        while depth > 0 {
            let key = self.key()?;
            self.skip_one(key, &mut open, &mut depth)?;
        }
        Ok(())
    }

    /// Skips one field, or opens or closes one group.
    fn skip_one(
        &mut self,
        key: u32,
        open: &mut [u32; GROUP_DEPTH_MAX],
        depth: &mut usize,
    ) -> Result<(), ScanError> {
        let number = key >> 3;
        if number == 0 {
            return Err(self.fault(Fault::Key(u64::from(key))));
        }
        match key & 7 {
            WIRE_VARINT => self.varint().map(drop),
            WIRE_FIXED64 => self.take(8).map(drop),
            WIRE_FIXED32 => self.take(4).map(drop),
            WIRE_DELIMITED => self.delimited().map(drop),
            WIRE_GROUP_START => {
                let Some(slot) = open.get_mut(*depth) else {
                    return Err(self.fault(Fault::GroupDepth));
                };
                *slot = number;
                *depth += 1;
                Ok(())
            }
            WIRE_GROUP_END => {
                if *depth == 0 || open[*depth - 1] != number {
                    return Err(self.fault(Fault::GroupEnd(number)));
                }
                *depth -= 1;
                Ok(())
            }
            _ => Err(self.fault(Fault::Key(u64::from(key)))),
        }
    }

    #[cold]
    #[inline(never)]
    fn truncated(&self, expected: u64) -> ScanError {
        self.fault(Fault::Truncated { expected, got: self.rest.len() })
    }

    #[cold]
    #[inline(never)]
    fn fault(&self, what: Fault) -> ScanError {
        ScanError { offset: self.position(), what }
    }
}

/// A varint as it is written: the first `len` bytes count.
pub(crate) fn encode_varint(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut len = 0;
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    (bytes, len + 1)
}

/// Appends a field's key.
pub(crate) fn push_key(out: &mut Vec<u8>, key: u32) {
    push_varint(out, u64::from(key));
}

/// Appends a varint.
pub(crate) fn push_varint(out: &mut Vec<u8>, value: u64) {
    let (bytes, len) = encode_varint(value);
    out.extend_from_slice(&bytes[..len]);
}

/// The bytes a length-delimited field takes under a key of one byte.
pub(crate) fn framed_len(content: usize) -> usize {
    1 + encode_varint(content as u64).1 + content
}

#[cfg(test)]
mod tests;

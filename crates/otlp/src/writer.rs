//! Protobuf, written field by field.

use std::convert::Infallible;

use crate::wire::{encode_varint, push_key, push_varint};

/// A message in the making. Scalars that hold protobuf's default should not be given to it.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What is written so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends fields that are written already.
    pub(crate) fn fields(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    pub(crate) fn varint(&mut self, key: u32, value: u64) {
        push_key(&mut self.bytes, key);
        push_varint(&mut self.bytes, value);
    }

    pub(crate) fn fixed64(&mut self, key: u32, value: u64) {
        push_key(&mut self.bytes, key);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn fixed32(&mut self, key: u32, value: u32) {
        push_key(&mut self.bytes, key);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, key: u32, value: &[u8]) {
        push_key(&mut self.bytes, key);
        push_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Writes a message whose content cannot fail.
    pub(crate) fn nested(&mut self, key: u32, content: impl FnOnce(&mut Self)) {
        let written = self.message(key, |out| {
            content(out);
            Ok::<_, Infallible>(())
        });
        match written {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// Writes a message; its length is put in front once its content is there.
    pub(crate) fn message<E>(
        &mut self,
        key: u32,
        content: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        push_key(&mut self.bytes, key);
        let start = self.bytes.len();
        content(self)?;
        let (varint, len) = encode_varint((self.bytes.len() - start) as u64);
        self.bytes.extend_from_slice(&varint[..len]);
        self.bytes[start..].rotate_right(len);
        Ok(())
    }
}

//! `KeyValue` and `AnyValue`, read in place.

use tailsift_trace::{Attribute, AttributeKey, Interest, Value};

use crate::ScanError;
use crate::fields::{any_value, key_value};
use crate::wire::Cursor;

/// Reads attributes that follow each other, from behind the first one's field key on. They are most
/// of a span's fields: staying here saves the jump by field key for each.
#[inline(always)]
pub(crate) fn read_run_of_interest<'p>(
    fields: &mut Cursor<'p>,
    field_key: u32,
    interest: &Interest,
    out: &mut Vec<Attribute<'p>>,
) -> Result<(), ScanError> {
    loop {
        read_of_interest(fields.message()?, interest, out)?;
        if !fields.next_key_is(field_key) {
            return Ok(());
        }
    }
}

/// Reads a `KeyValue`, its value only if someone asked for the key.
#[inline(always)]
fn read_of_interest<'p>(
    message: Cursor<'p>,
    interest: &Interest,
    out: &mut Vec<Attribute<'p>>,
) -> Result<(), ScanError> {
    match split_usual(message.rest()) {
        Some((key, value)) => match interest.find(key) {
            Some(key) => push_value(key, message.within(value), out),
            None => Ok(()),
        },
        None => read_unusual(message, interest, out),
    }
}

/// Key and value of the two encodings that writers make of short ones: SDKs put the key first, the
/// Collector the value.
#[inline(always)]
fn split_usual(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[first_key, first_len], rest) = bytes.split_first_chunk()?;
    if first_len >= 0x80 {
        return None;
    }
    let (first, rest) = rest.split_at_checked(usize::from(first_len))?;
    let (&[second_key, second_len], second) = rest.split_first_chunk()?;
    if second_len >= 0x80 || second.len() != usize::from(second_len) {
        return None;
    }
    match (u32::from(first_key), u32::from(second_key)) {
        (key_value::KEY, key_value::VALUE) => Some((first, second)),
        (key_value::VALUE, key_value::KEY) => Some((second, first)),
        _ => None,
    }
}

#[inline(never)]
fn push_value<'p>(
    key: AttributeKey,
    message: Cursor<'p>,
    out: &mut Vec<Attribute<'p>>,
) -> Result<(), ScanError> {
    let mut value = Value::Empty;
    merge_any_value(message, &mut value)?;
    out.push(Attribute { key, value });
    Ok(())
}

#[inline(never)]
fn read_unusual<'p>(
    message: Cursor<'p>,
    interest: &Interest,
    out: &mut Vec<Attribute<'p>>,
) -> Result<(), ScanError> {
    let pair = Pair::read(message)?;
    if let Some(key) = interest.find(pair.key) {
        out.push(Attribute { key, value: pair.value()? });
    }
    Ok(())
}

/// The key of a `KeyValue`.
pub(crate) fn key_of<'p>(message: Cursor<'p>) -> Result<&'p [u8], ScanError> {
    match split_usual(message.rest()) {
        Some((key, _)) => Ok(key),
        None => Ok(Pair::read(message)?.key),
    }
}

/// A `KeyValue` whose value is yet to be read.
pub(crate) struct Pair<'p> {
    /// `key`.
    pub(crate) key: &'p [u8],
    message: Cursor<'p>,
    value: Option<Cursor<'p>>,
    value_repeats: bool,
}

impl<'p> Pair<'p> {
    /// Finds key and value, which come in any order (the Collector writes the value first).
    pub(crate) fn read(message: Cursor<'p>) -> Result<Self, ScanError> {
        let mut pair = Self { key: &[], message, value: None, value_repeats: false };
        let mut fields = message;
        while !fields.is_empty() {
            match fields.key()? {
                key_value::KEY => pair.key = fields.delimited()?,
                key_value::VALUE => {
                    let value = fields.message()?;
                    pair.value_repeats |= pair.value.replace(value).is_some();
                }
                key_value::KEY_STRINDEX => drop(fields.varint()?),
                other => fields.skip_unknown(other, key_value::KNOWN)?,
            }
        }
        Ok(pair)
    }

    /// Reads the value. Several `value` fields merge: the last member that any of them sets counts.
    pub(crate) fn value(&self) -> Result<Value<'p>, ScanError> {
        let mut value = Value::Empty;
        if self.value_repeats {
            let mut fields = self.message;
            while !fields.is_empty() {
                match fields.key()? {
                    key_value::VALUE => merge_any_value(fields.message()?, &mut value)?,
                    key_value::KEY => drop(fields.delimited()?),
                    key_value::KEY_STRINDEX => drop(fields.varint()?),
                    other => fields.skip_unknown(other, key_value::KNOWN)?,
                }
            }
        } else if let Some(message) = self.value {
            merge_any_value(message, &mut value)?;
        }
        Ok(value)
    }
}

/// Reads an `AnyValue` over what an earlier one has left.
///
/// The last member of the `oneof` counts. Protobuf would join two arrays (or two maps) in a row
/// into one; no writer makes such, and here the last stands alone.
pub(crate) fn merge_any_value<'p>(
    mut fields: Cursor<'p>,
    value: &mut Value<'p>,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        *value = match fields.key()? {
            any_value::STRING => Value::Text(fields.delimited()?),
            any_value::BOOL => Value::Bool(fields.varint()? != 0),
            any_value::INT => Value::Int(fields.varint()? as i64),
            any_value::DOUBLE => Value::Double(f64::from_bits(fields.fixed64()?)),
            any_value::ARRAY => Value::Array(fields.delimited()?),
            any_value::KVLIST => Value::Map(fields.delimited()?),
            any_value::BYTES => Value::Bytes(fields.delimited()?),
            any_value::STRING_STRINDEX => {
                fields.varint()?;
                Value::Empty
            }
            other => {
                fields.skip_unknown(other, any_value::KNOWN)?;
                continue;
            }
        };
    }
    Ok(())
}

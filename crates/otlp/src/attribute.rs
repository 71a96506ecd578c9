//! `KeyValue` and `AnyValue`, read in place.

use tailsift_trace::{Attribute, Interest, Value};

use crate::ScanError;
use crate::fields::{any_value, key_value};
use crate::wire::Cursor;

/// Reads a `KeyValue`, its value only if someone asked for the key.
#[inline]
pub(crate) fn read_of_interest<'p>(
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
    #[inline(always)]
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

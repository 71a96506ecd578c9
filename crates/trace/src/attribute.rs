//! Attribute values, borrowed from the record.

use crate::AttributeKey;

/// An attribute that some policy asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attribute<'p> {
    /// Which of the [`Interest`](crate::Interest)'s keys.
    pub key: AttributeKey,
    /// Its value.
    pub value: Value<'p>,
}

/// An OTLP `AnyValue`. Texts are bytes: the wire promises UTF-8, nobody checks it for us.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'p> {
    /// No value was set.
    Empty,
    /// `string_value`.
    Text(&'p [u8]),
    /// `bool_value`.
    Bool(bool),
    /// `int_value`.
    Int(i64),
    /// `double_value`.
    Double(f64),
    /// `bytes_value`.
    Bytes(&'p [u8]),
    /// `array_value`: the encoded `ArrayValue`.
    Array(&'p [u8]),
    /// `kvlist_value`: the encoded `KeyValueList`.
    Map(&'p [u8]),
}

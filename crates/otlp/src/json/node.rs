//! A JSON value that knows where it is, and the scalars of ProtoJSON.

use std::fmt::{self, Write as _};

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::JsonError;

/// Characters of a wrong value that an error shows.
const SHOWN_MAX: usize = 60;

/// A value on its way from the root; the path is only written out for an error.
#[derive(Clone, Copy)]
pub(super) struct Node<'n> {
    value: &'n Value,
    step: Step<'n>,
    parent: Option<&'n Node<'n>>,
}

#[derive(Clone, Copy)]
enum Step<'n> {
    Root,
    Member(&'n str),
    Item(usize),
}

impl<'n> Node<'n> {
    pub(super) fn root(value: &'n Value) -> Self {
        Self { value, step: Step::Root, parent: None }
    }

    /// Fails unless this is an object.
    pub(super) fn expect_object(&self) -> Result<(), JsonError> {
        if self.value.is_object() { Ok(()) } else { Err(self.error("an object")) }
    }

    /// A member that is there and not null.
    pub(super) fn member(&'n self, name: &'n str) -> Option<Node<'n>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Node { value, step: Step::Member(name), parent: Some(self) })
    }

    /// Calls `each` with a list's items.
    pub(super) fn each(
        &self,
        mut each: impl FnMut(Node<'_>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        let Value::Array(items) = self.value else { return Err(self.error("an array")) };
        for (index, value) in items.iter().enumerate() {
            each(Node { value, step: Step::Item(index), parent: Some(self) })?;
        }
        Ok(())
    }

    pub(super) fn text(&self) -> Result<&'n str, JsonError> {
        self.value.as_str().ok_or_else(|| self.error("a string"))
    }

    pub(super) fn bool(&self) -> Result<bool, JsonError> {
        self.value.as_bool().ok_or_else(|| self.error("true or false"))
    }

    /// Hex digits of either case, as OTLP writes ids.
    pub(super) fn hex(&self) -> Result<Vec<u8>, JsonError> {
        let decode = |text: &str| {
            let (pairs, rest) = text.as_bytes().as_chunks::<2>();
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let bytes =
                pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8));
            if rest.is_empty() { bytes.collect() } else { None }
        };
        self.value.as_str().and_then(decode).ok_or_else(|| self.error("an id in hex digits"))
    }

    /// Base64 in either alphabet, padded or not.
    pub(super) fn base64(&self) -> Result<Vec<u8>, JsonError> {
        let config =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decode = |text: &str| {
            let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
            GeneralPurpose::new(alphabet, config).decode(text).ok()
        };
        self.value.as_str().and_then(decode).ok_or_else(|| self.error("bytes in base64"))
    }

    pub(super) fn u64(&self) -> Result<u64, JsonError> {
        self.integer()
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error("an integer from 0 to 2^64-1, as a number or a string"))
    }

    pub(super) fn i64(&self) -> Result<i64, JsonError> {
        self.integer()
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error("an integer from -2^63 to 2^63-1, as a number or a string"))
    }

    pub(super) fn u32(&self) -> Result<u32, JsonError> {
        self.integer()
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error("an integer from 0 to 2^32-1"))
    }

    /// An enum's number, given as it is or as one of `names` (in the order of their numbers).
    pub(super) fn enumeration(
        &self,
        names: &[&str],
        expected: &'static str,
    ) -> Result<i32, JsonError> {
        let named =
            self.value.as_str().and_then(|text| names.iter().position(|name| *name == text));
        named
            .map(|number| number as i128)
            .or_else(|| self.integer())
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error(expected))
    }

    pub(super) fn double(&self) -> Result<f64, JsonError> {
        let parsed = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                number => parse_number(number).and_then(|number| number.as_f64()),
            },
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        parsed.ok_or_else(|| {
            self.error("a number, or \"NaN\", \"Infinity\" or \"-Infinity\" as a string")
        })
    }

    /// An integer, however it is written, as long as it is one (`1e3` and `2.0` are).
    fn integer(&self) -> Option<i128> {
        let parsed;
        let number = match self.value {
            Value::Number(number) => number,
            Value::String(text) => {
                parsed = parse_number(text)?;
                &parsed
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        exact.or_else(|| {
            let double = number.as_f64()?;
            (double.fract() == 0.0 && double.abs() < 2f64.powi(64)).then_some(double as i128)
        })
    }

    /// An error that says where this value is.
    pub(super) fn error(&self, expected: &'static str) -> JsonError {
        let mut got: String = self.value.to_string();
        if let Some((end, _)) = got.char_indices().nth(SHOWN_MAX) {
            got.truncate(end);
            got.push('…');
        }
        let mut path = String::new();
        self.write_path(&mut path).expect("a string takes every character");
        if path.is_empty() {
            path.push_str("the whole");
        }
        JsonError::Shape { path, expected, got }
    }

    fn write_path(&self, path: &mut String) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.write_path(path)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) if path.is_empty() => path.write_str(name),
            Step::Member(name) => write!(path, ".{name}"),
            Step::Item(index) => write!(path, "[{index}]"),
        }
    }
}

fn parse_number(text: &str) -> Option<serde_json::Number> {
    text.parse().ok()
}

//! A JSON value that knows where it is, and the scalars of ProtoJSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::JsonError;

/// Characters of a wrong value that an error shows.
const SHOWN_MAX: usize = 60;

/// A value on its way from the root; the path is only written out for an error.
#[derive(Clone, Copy)]
pub(crate) struct Node<'n> {
    value: &'n Value,
    step: Step<'n>,
    parent: Option<&'n Node<'n>>,
}

#[derive(Clone, Copy)]
enum Step<'n> {
    /// The whole, and what it should be.
    Root(&'static str),
    Member(&'n str),
    Item(usize),
}

impl<'n> Node<'n> {
    /// The whole of a text that should be of this format.
    pub(crate) fn root(value: &'n Value, format: &'static str) -> Self {
        Self { value, step: Step::Root(format), parent: None }
    }

    /// Fails unless this is an object.
    pub(crate) fn expect_object(&self) -> Result<(), JsonError> {
        if self.value.is_object() { Ok(()) } else { Err(self.error("an object")) }
    }

    /// A member that is there and not null.
    pub(crate) fn member(&'n self, name: &'n str) -> Option<Node<'n>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Node { value, step: Step::Member(name), parent: Some(self) })
    }

    /// Calls `each` with a list's items.
    pub(crate) fn each(
        &self,
        mut each: impl FnMut(Node<'_>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        let Value::Array(items) = self.value else { return Err(self.error("an array")) };
        for (index, value) in items.iter().enumerate() {
            each(Node { value, step: Step::Item(index), parent: Some(self) })?;
        }
        Ok(())
    }

    /// True for null.
    pub(crate) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// An object's members, which are strings; those that are null are as good as absent.
    pub(crate) fn texts(&self) -> Result<BTreeMap<&'n str, &'n str>, JsonError> {
        let Value::Object(members) = self.value else { return Err(self.error("an object")) };
        let mut texts = BTreeMap::new();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().ok_or_else(|| {
                Node { value, step: Step::Member(name), parent: Some(self) }.error("a string")
            })?;
            texts.insert(name.as_str(), text);
        }
        Ok(texts)
    }

    pub(crate) fn text(&self) -> Result<&'n str, JsonError> {
        self.value.as_str().ok_or_else(|| self.error("a string"))
    }

    pub(crate) fn bool(&self) -> Result<bool, JsonError> {
        self.value.as_bool().ok_or_else(|| self.error("true or false"))
    }

    /// Hex digits of either case, as OTLP writes ids.
    pub(crate) fn hex(&self) -> Result<Vec<u8>, JsonError> {
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
    pub(crate) fn base64(&self) -> Result<Vec<u8>, JsonError> {
        let config =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decode = |text: &str| {
            let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
            GeneralPurpose::new(alphabet, config).decode(text).ok()
        };
        self.value.as_str().and_then(decode).ok_or_else(|| self.error("bytes in base64"))
    }

    pub(crate) fn u64(&self) -> Result<u64, JsonError> {
        self.integer()
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error("an integer from 0 to 2^64-1, as a number or a string"))
    }

    pub(crate) fn i64(&self) -> Result<i64, JsonError> {
        self.integer()
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error("an integer from -2^63 to 2^63-1, as a number or a string"))
    }

    pub(crate) fn u32(&self) -> Result<u32, JsonError> {
        self.integer()
            .and_then(|integer| integer.try_into().ok())
            .ok_or_else(|| self.error("an integer from 0 to 2^32-1"))
    }

    /// An enum's number, given as it is or as one of `names` (in the order of their numbers).
    pub(crate) fn enumeration(
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

    pub(crate) fn double(&self) -> Result<f64, JsonError> {
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
    pub(crate) fn error(&self, expected: &'static str) -> JsonError {
        let mut got: String = self.value.to_string();
        if let Some((end, _)) = got.char_indices().nth(SHOWN_MAX) {
            got.truncate(end);
            got.push('…');
        }
        let mut path = String::new();
        let format = self.write_path(&mut path);
        if path.is_empty() {
            path.push_str("the whole");
        }
        JsonError::Shape { format, path, expected, got }
    }

    /// Writes where this value is, and says what the whole should be.
    fn write_path(&self, path: &mut String) -> &'static str {
        let format = self.parent.map_or("", |parent| parent.write_path(path));
        let written = match self.step {
            Step::Root(format) => return format,
            Step::Member(name) if path.is_empty() => path.write_str(name),
            Step::Member(name) => write!(path, ".{name}"),
            Step::Item(index) => write!(path, "[{index}]"),
        };
        written.expect("a string takes every character");
        format
    }
}

fn parse_number(text: &str) -> Option<serde_json::Number> {
    text.parse().ok()
}

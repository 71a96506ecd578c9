//! Scalars as values of a type: the one reading of a value, for checks, settings and defaults.

use std::net::SocketAddr;
use std::time::Duration;

use crate::key::Choice;
use crate::node::{Form, Node, Scalar, Value};
use crate::quantity::{self, ShowDuration, ShowSize};

/// What came instead of what was expected.
type Mismatch = String;

fn expected<T>(what: &str, node: &Node) -> Result<T, Mismatch> {
    Err(format!("expected {what}, got {}", node.given()))
}

pub(crate) fn scalar(node: &Node) -> Option<&Scalar> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => None,
    }
}

/// Any text. What YAML takes for a number or a truth value must be quoted.
pub(crate) fn any_text(node: &Node) -> Result<&str, Mismatch> {
    let Some(scalar) = scalar(node) else { return expected("text", node) };
    let what = match scalar.form {
        Form::Quoted | Form::Untyped | Form::Filled(_) | Form::FilledText(_) => None,
        Form::Plain if parse_boolean(&scalar.text).is_some() => Some("truth value"),
        Form::Plain if parse_number(&scalar.text).is_some() => Some("number"),
        Form::Plain => None,
    };
    match what {
        None => Ok(&scalar.text),
        Some(what) => {
            Err(format!("expected text, got the {what} {}: put it in quotes", node.given()))
        }
    }
}

pub(crate) fn text(node: &Node) -> Result<&str, Mismatch> {
    match any_text(node)? {
        "" => expected("text that is not empty", node),
        text => Ok(text),
    }
}

/// A name by Kafka's rules for topics, which also hold for a group's instances.
pub(crate) fn name(node: &Node, max: usize) -> Result<&str, Mismatch> {
    // A number is a fine name: nobody means anything else by it here.
    let name = match scalar(node) {
        Some(scalar) => scalar.text.as_str(),
        None => any_text(node)?,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > max || !name.chars().all(allowed) {
        let what = format!("1 to {max} of the characters a-z A-Z 0-9 . _ -");
        return expected(&what, node);
    }
    if matches!(name, "." | "..") {
        return expected("a name other than . and ..", node);
    }
    Ok(name)
}

pub(crate) fn name_or_empty(node: &Node, max: usize) -> Result<&str, Mismatch> {
    if scalar(node).is_some_and(|scalar| scalar.text.is_empty()) { Ok("") } else { name(node, max) }
}

pub(crate) fn boolean(node: &Node) -> Result<bool, Mismatch> {
    let value = unquoted(node).and_then(parse_boolean);
    value.map_or_else(|| expected("true or false", node), Ok)
}

pub(crate) fn integer(node: &Node, min: i64, max: i64) -> Result<i64, Mismatch> {
    let Some(value) = unquoted(node).and_then(parse_integer) else {
        let with_unit = unquoted(node).is_some_and(|text| {
            quantity::duration(text).is_some() || quantity::size(text).is_some()
        });
        let what = if with_unit { "a whole number without a unit" } else { "a whole number" };
        return expected(what, node);
    };
    if (min..=max).contains(&value) {
        Ok(value)
    } else if max == i64::MAX {
        expected(&format!("a whole number of at least {min}"), node)
    } else {
        expected(&format!("a whole number between {min} and {max}"), node)
    }
}

pub(crate) fn number(node: &Node) -> Result<f64, Mismatch> {
    let value = unquoted(node).and_then(parse_number);
    value.map_or_else(|| expected("a number", node), Ok)
}

/// A duration in whole milliseconds.
pub(crate) fn duration(node: &Node, min: Duration, max: Duration) -> Result<Duration, Mismatch> {
    let value = fine_duration(node)?;
    if !(min..=max).contains(&value) {
        let bounds = format!("a duration between {} and {}", ShowDuration(min), ShowDuration(max));
        return expected(&bounds, node);
    }
    if !value.as_nanos().is_multiple_of(1_000_000) {
        return expected("a duration of whole milliseconds", node);
    }
    Ok(value)
}

pub(crate) fn fine_duration(node: &Node) -> Result<Duration, Mismatch> {
    let value = scalar(node).and_then(|scalar| quantity::duration(&scalar.text));
    value.map_or_else(|| expected("a duration with a unit (ms, s, m, h) such as 30s", node), Ok)
}

pub(crate) fn size(node: &Node, min: u64, max: u64) -> Result<u64, Mismatch> {
    let value = scalar(node).and_then(|scalar| quantity::size(&scalar.text));
    let Some(value) = value else {
        return expected("a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB", node);
    };
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        expected(&format!("a size between {} and {}", ShowSize(min), ShowSize(max)), node)
    }
}

pub(crate) fn address(node: &Node) -> Result<SocketAddr, Mismatch> {
    let value = scalar(node).and_then(|scalar| scalar.text.parse().ok());
    value.map_or_else(
        || expected("an IP address and a port such as 127.0.0.1:8080 or 0.0.0.0:8080", node),
        Ok,
    )
}

/// The place of a word among the choices.
pub(crate) fn choice(node: &Node, here: &[Choice], later: &[&str]) -> Result<usize, Mismatch> {
    let word = scalar(node).map(|scalar| scalar.text.as_str());
    if let Some(place) = here.iter().position(|choice| Some(choice.name) == word) {
        return Ok(place);
    }
    let names: Vec<_> = here.iter().map(|choice| choice.name).collect();
    let names = one_of(&names);
    if later.iter().any(|later| Some(*later) == word) {
        let message = format!("{} is not supported by this version: use {names}", node.given());
        return Err(message);
    }
    expected(&names, node)
}

pub(crate) fn is_off(node: &Node) -> bool {
    scalar(node).is_some_and(|scalar| scalar.text == "off")
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".into(),
        [only] => (*only).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The text of a scalar that may be a number.
fn unquoted(node: &Node) -> Option<&str> {
    let number = |scalar: &&Scalar| !matches!(scalar.form, Form::Quoted | Form::FilledText(_));
    scalar(node).filter(number).map(|scalar| scalar.text.as_str())
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// YAML's integers, and doubles without a fraction (`100.0`).
fn parse_integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with(['+', '-']));
    }
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

fn parse_number(text: &str) -> Option<f64> {
    if let Some(integer) = parse_integer(text) {
        return Some(integer as f64);
    }
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    let number = text.chars().all(numeric).then(|| text.parse().ok())?;
    number.filter(|number: &f64| number.is_finite())
}

//! Values as a Collector reads them: YAML's scalars by Go's rules, and Go's durations.

use crate::node::{Entry, Form, Node, Value};

/// A value by the notation that it is written in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Typed<'n> {
    Null,
    Boolean(bool),
    /// Fits in 64 bits, with or without a sign.
    Integer(i128),
    Float(f64),
    Text(&'n str),
    List,
    Map,
    /// Already reported.
    Broken,
}

/// What a node holds.
pub(super) fn typed(node: &Node) -> Typed<'_> {
    match &node.value {
        Value::Null => Typed::Null,
        Value::List(_) => Typed::List,
        Value::Map(_) => Typed::Map,
        Value::Broken => Typed::Broken,
        Value::Scalar(scalar) => match scalar.form {
            Form::Quoted | Form::FilledText(_) => Typed::Text(&scalar.text),
            Form::Plain | Form::Untyped | Form::Filled(_) => plain(&scalar.text),
        },
    }
}

/// The entries of a mapping.
pub(super) fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Null | Value::Scalar(_) | Value::List(_) | Value::Broken => &[],
    }
}

/// The items of a list.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Null | Value::Scalar(_) | Value::Map(_) | Value::Broken => &[],
    }
}

fn plain(text: &str) -> Typed<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Typed::Null,
        "true" | "True" | "TRUE" => return Typed::Boolean(true),
        "false" | "False" | "FALSE" => return Typed::Boolean(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Typed::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Typed::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Typed::Float(f64::NAN),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Typed::Text(text);
    }
    let number = text.replace('_', "");
    if let Some(integer) = integer(&number) {
        return Typed::Integer(integer);
    }
    float(&number).map_or(Typed::Text(text), Typed::Float)
}

/// With a prefix of 0x, 0o or 0b, or octal after a plain 0.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefix = digits.get(..2).unwrap_or("").to_ascii_lowercase();
    let (radix, digits) = match prefix.as_str() {
        "0x" => (16, &digits[2..]),
        "0o" => (8, &digits[2..]),
        "0b" => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    (value >= i128::from(i64::MIN)).then_some(value)
}

fn float(text: &str) -> Option<f64> {
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    let value: f64 = text.chars().all(numeric).then(|| text.parse().ok())??;
    value.is_finite().then_some(value)
}

/// Nanoseconds of a duration such as `1m30s`, `-5s`, `1.5h` or `0`; fractions of a nanosecond are
/// cut. `None` if Go refuses it.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        nanos = nanos.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        rest = after;
    }
    if text.len() <= 1 && text.starts_with(['-', '+']) || nanos > 1 << 63 {
        return None;
    }
    if negative { Some((nanos as i64).wrapping_neg()) } else { i64::try_from(nanos).ok() }
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More digits are below any unit's nanosecond.
    let digits = &fraction[..fraction.len().min(18)];
    let parts = if digits.is_empty() { 0 } else { digits.parse::<u64>().ok()? };
    let part = u128::from(parts) * u128::from(unit) / 10_u128.pow(digits.len() as u32);
    whole.checked_mul(unit)?.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests;

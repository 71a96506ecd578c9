//! Values as texts and numbers.

use std::borrow::Cow;

use super::json;
use super::value::{Answer, Failure, Val};

/// The text form of a value: texts as they are, bytes in hexadecimal digits, all else as in JSON.
/// Nil has none.
pub(super) fn text_form<'a>(value: &'a Val<'_>) -> Answer<Option<Cow<'a, [u8]>>> {
    Ok(Some(match value {
        Val::Nil => return Ok(None),
        Val::Text(text) => Cow::Borrowed(text),
        Val::Bytes(bytes) => Cow::Owned(hex(bytes)),
        Val::Bool(_) | Val::Int(_) | Val::Double(_) | Val::List(_) | Val::Map(_) => {
            let mut out = Vec::new();
            json::write(value, &mut out)?;
            Cow::Owned(out)
        }
        Val::Time(_) | Val::Duration(_) | Val::TraceId(_) | Val::SpanId(_) => return Err(Failure),
    }))
}

pub(super) fn hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Texts and bytes as they are, numbers from their highest byte on, in hexadecimal digits.
pub(super) fn to_hex<'v>(value: &Val<'_>) -> Answer<Val<'v>> {
    Ok(Val::text(match value {
        Val::Nil => return Ok(Val::Nil),
        Val::Text(bytes) | Val::Bytes(bytes) => hex(bytes),
        Val::Int(number) => hex(&number.to_be_bytes()),
        Val::Double(number) => hex(&number.to_bits().to_be_bytes()),
        Val::Bool(value) => hex(&[u8::from(*value)]),
        Val::Time(_)
        | Val::Duration(_)
        | Val::TraceId(_)
        | Val::SpanId(_)
        | Val::List(_)
        | Val::Map(_) => return Err(Failure),
    }))
}

pub(super) fn to_bool<'v>(value: &Val<'_>) -> Answer<Val<'v>> {
    Ok(Val::Bool(match value {
        Val::Nil => return Ok(Val::Nil),
        Val::Bool(value) => *value,
        Val::Int(number) => *number != 0,
        Val::Double(number) => *number != 0.0,
        Val::Text(text) => match &**text {
            b"1" | b"t" | b"T" | b"true" | b"True" | b"TRUE" => true,
            b"0" | b"f" | b"F" | b"false" | b"False" | b"FALSE" => false,
            _ => return Err(Failure),
        },
        Val::Bytes(_)
        | Val::Time(_)
        | Val::Duration(_)
        | Val::TraceId(_)
        | Val::SpanId(_)
        | Val::List(_)
        | Val::Map(_) => return Err(Failure),
    }))
}

/// A text that is no plain integer is nil, not a failure.
pub(super) fn to_int<'v>(value: &Val<'_>) -> Answer<Val<'v>> {
    Ok(Val::Int(match value {
        Val::Nil => return Ok(Val::Nil),
        Val::Int(number) => *number,
        Val::Bool(value) => i64::from(*value),
        Val::Double(number) => truncated(*number),
        Val::Text(text) => match parse_digits(text, 10) {
            Ok(number) => number,
            Err(Failure) => return Ok(Val::Nil),
        },
        Val::Bytes(_)
        | Val::Time(_)
        | Val::Duration(_)
        | Val::TraceId(_)
        | Val::SpanId(_)
        | Val::List(_)
        | Val::Map(_) => return Err(Failure),
    }))
}

/// What does not fit becomes the least integer, as the Collector's machines have it.
fn truncated(number: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    if fits { number as i64 } else { i64::MIN }
}

/// A text that is no number fails.
pub(super) fn to_double<'v>(value: &Val<'_>) -> Answer<Val<'v>> {
    Ok(Val::Double(match value {
        Val::Nil => return Ok(Val::Nil),
        Val::Int(number) => *number as f64,
        Val::Double(number) => *number,
        Val::Bool(value) => f64::from(u8::from(*value)),
        Val::Text(text) => parse_double(text).ok_or(Failure)?,
        Val::Bytes(_)
        | Val::Time(_)
        | Val::Duration(_)
        | Val::TraceId(_)
        | Val::SpanId(_)
        | Val::List(_)
        | Val::Map(_) => return Err(Failure),
    }))
}

/// An integer in a base of 2 to 36; with base 0 its prefix says which.
pub(super) fn parse_int(text: &[u8], base: i64) -> Answer<i64> {
    match base {
        0 => parse_prefixed(text),
        2..=36 => parse_digits(text, base as u32),
        _ => Err(Failure),
    }
}

fn parse_digits(text: &[u8], base: u32) -> Answer<i64> {
    let text = std::str::from_utf8(text).map_err(|_| Failure)?;
    i64::from_str_radix(text, base).map_err(|_| Failure)
}

fn parse_prefixed(text: &[u8]) -> Answer<i64> {
    let (sign, digits) = match text {
        [sign @ (b'+' | b'-'), rest @ ..] => (*sign, rest),
        _ => (b'+', text),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    };
    // A prefix counts as a digit before an underscore.
    let plain = without_underscores(digits, base != 10).ok_or(Failure)?;
    if !plain.first().is_some_and(u8::is_ascii_alphanumeric) {
        return Err(Failure);
    }
    parse_digits(&[&[sign], &*plain].concat(), base)
}

/// Digits without the underscores between them; `None` if one stands elsewhere.
fn without_underscores(digits: &[u8], after_prefix: bool) -> Option<Cow<'_, [u8]>> {
    if !digits.contains(&b'_') {
        return Some(Cow::Borrowed(digits));
    }
    let mut previous_is_digit = after_prefix;
    let mut plain = Vec::with_capacity(digits.len());
    for (place, byte) in digits.iter().enumerate() {
        if *byte == b'_' {
            let next_is_digit = digits.get(place + 1).is_some_and(u8::is_ascii_hexdigit);
            if !previous_is_digit || !next_is_digit {
                return None;
            }
        } else {
            plain.push(*byte);
        }
        previous_is_digit = byte.is_ascii_hexdigit();
    }
    Some(Cow::Owned(plain))
}

/// A number as Go reads one: decimal or hexadecimal, infinities, not-a-number.
fn parse_double(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let number =
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            f64::INFINITY
        } else if text.eq_ignore_ascii_case(b"nan") {
            f64::NAN
        } else if let [b'0', b'x' | b'X', digits @ ..] = unsigned {
            parse_hexadecimal(&without_underscores(digits, true)?)?
        } else {
            if !unsigned.first().is_some_and(|first| first.is_ascii_digit() || *first == b'.') {
                return None;
            }
            let plain = without_underscores(unsigned, false)?;
            let number: f64 = std::str::from_utf8(&plain).ok()?.parse().ok()?;
            Some(number).filter(|number| number.is_finite())?
        };
    Some(if negative { -number } else { number })
}

/// Digits of a mantissa, perhaps with a point, and the exponent of two that must follow.
fn parse_hexadecimal(digits: &[u8]) -> Option<f64> {
    let at = digits.iter().position(|byte| byte.eq_ignore_ascii_case(&b'p'))?;
    let (mantissa, exponent) = (&digits[..at], std::str::from_utf8(&digits[at + 1..]).ok()?);
    let exponent: i64 = exponent.parse().ok()?;
    let (mut value, mut shift, mut seen, mut point) = (0u64, 0i64, false, false);
    for byte in mantissa {
        if *byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = u64::from(char::from(*byte).to_digit(16)?);
        seen = true;
        if value >> 60 == 0 {
            value = value << 4 | digit;
            shift -= if point { 4 } else { 0 };
        } else {
            // What no longer fits only matters for rounding.
            value |= u64::from(digit != 0);
            shift += if point { 0 } else { 4 };
        }
    }
    if !seen {
        return None;
    }
    let scale = exponent.saturating_add(shift).clamp(-2_200, 2_200) as i32;
    // In two steps, as either alone may leave the range of a double.
    let number = value as f64 * 2f64.powi(scale / 2) * 2f64.powi(scale - scale / 2);
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_read_as_in_go() {
        for (text, expect) in [
            ("5", Some(5.0)),
            ("+5.5", Some(5.5)),
            ("-.5", Some(-0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("0x10p0", Some(16.0)),
            ("0x1.8p1", Some(3.0)),
            ("-0x.8p-1", Some(-0.25)),
            ("0x10", None),
            ("1_000", Some(1000.0)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("0x_1p0", Some(1.0)),
            (" 5", None),
            ("", None),
            (".", None),
            ("+", None),
            ("--5", None),
            ("1,5", None),
            ("1e400", None),
            ("-Inf", Some(f64::NEG_INFINITY)),
            ("+infinity", Some(f64::INFINITY)),
            ("+nan", None),
            ("0x1p99999999999", None),
            ("0x123456789abcdef01p0", Some(0x1234_5678_9abc_def0_u64 as f64 * 16.0)),
        ] {
            assert_eq!(parse_double(text.as_bytes()), expect, "{text:?}");
        }
        assert!(parse_double(b"NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn integers_are_read_in_any_base() {
        for (text, base, expect) in [
            ("ff", 16, Some(255)),
            ("-007", 10, Some(-7)),
            ("+7", 10, Some(7)),
            ("0x1F", 0, Some(31)),
            ("017", 0, Some(15)),
            ("-0b101", 0, Some(-5)),
            ("1_000", 0, Some(1000)),
            ("1_000", 10, None),
            ("0x", 0, None),
            ("0x-1", 0, None),
            ("", 10, None),
            ("5", 1, None),
            ("9223372036854775808", 10, None),
        ] {
            assert_eq!(parse_int(text.as_bytes(), base).ok(), expect, "{text:?} in {base}");
        }
    }

    #[test]
    fn doubles_become_integers() {
        for (number, expect) in
            [(5.9, 5), (-5.9, -5), (1e19, i64::MIN), (f64::NAN, i64::MIN), (-1e19, i64::MIN)]
        {
            assert_eq!(truncated(number), expect, "{number}");
        }
    }
}

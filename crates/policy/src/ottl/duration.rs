//! Durations as texts, such as `1m0.5s`.

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds; `None` for what is no duration, or beyond 292 years.
pub(super) fn parse_duration(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0u64;
    loop {
        let number = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let (digits, after) = rest.split_at(number);
        let unit = after.find(|char: char| char.is_ascii_digit() || char == '.');
        let (name, next) = after.split_at(unit.unwrap_or(after.len()));
        let (_, nanos) = UNITS.iter().find(|(known, _)| *known == name)?;
        total = total.checked_add(times(digits, *nanos)?)?;
        if next.is_empty() {
            break;
        }
        rest = next;
    }
    // One more fits below zero than above.
    let signed = if negative { -i128::from(total) } else { i128::from(total) };
    i64::try_from(signed).ok()
}

/// A decimal number of units, in nanoseconds, cut below them.
fn times(digits: &str, nanos: u64) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut part = 0;
    let mut unit = u128::from(nanos) * 1_000_000_000;
    for digit in fraction.bytes().take(24) {
        unit /= 10;
        part += u128::from(digit - b'0') * unit;
    }
    whole.checked_mul(nanos)?.checked_add(u64::try_from(part / 1_000_000_000).ok()?)
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn durations() {
        for (text, expect) in [
            ("1s", Some(1_000_000_000)),
            ("1m0.5s", Some(60_500_000_000)),
            ("-1.5h", Some(-5_400_000_000_000)),
            ("+100ms", Some(100_000_000)),
            (".5us", Some(500)),
            ("1.ns", Some(1)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("1.999999999999ns", Some(1)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("-9223372036854775808ns", Some(i64::MIN)),
            ("9223372036854775808ns", None),
            ("9999999h", None),
            ("5 parsecs", None),
            ("5", None),
            ("", None),
            ("-", None),
            (".s", None),
            ("1.2.3s", None),
            ("s", None),
            ("1s ", None),
        ] {
            assert_eq!(parse_duration(text.as_bytes()), expect, "{text:?}");
        }
    }
}

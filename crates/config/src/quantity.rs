//! Numbers with units: durations and sizes.

use std::fmt;
use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads `30s`, `500ms`, `1m30s`, `1.5h`. `None` if it is no duration, or longer than 584 years.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        nanos = nanos.checked_add(scaled(number, unit_of(unit, &DURATION_UNITS)?)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_nanos(nanos))
}

/// Reads `64MiB`, `1MB`, `1.5GiB`. `None` if it is no size, no whole number of bytes, or too large.
pub(crate) fn size(text: &str) -> Option<u64> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(number_end);
    scaled(number, unit_of(unit.trim_start_matches(' '), &SIZE_UNITS)?)
}

fn unit_of(name: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find(|(unit, _)| *unit == name).map(|(_, scale)| *scale)
}

/// An unsigned decimal times a unit, if that is a whole number.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    const FRACTION_DIGITS_MAX: usize = 9;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let parts_per_unit = 10_u128.pow(fraction.len() as u32);
    let parts = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit);
    let fraction = (parts % parts_per_unit == 0).then_some(parts / parts_per_unit)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    whole.checked_add(u64::try_from(fraction).ok()?)
}

/// A duration as [`duration`] reads it.
pub(crate) struct ShowDuration(pub(crate) Duration);

impl fmt::Display for ShowDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, nanos) in DURATION_UNITS {
            let count = rest / u128::from(nanos);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
            rest %= u128::from(nanos);
        }
        Ok(())
    }
}

/// A size as [`size`] reads it.
pub(crate) struct ShowSize(pub(crate) u64);

impl fmt::Display for ShowSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, bytes): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = SIZE_UNITS.iter().find(whole).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("0s", Some(0)),
            ("30s", Some(30_000_000_000)),
            ("500ms", Some(500_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1h", Some(3_600_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("0.25ms", Some(250_000)),
            ("7us3ns", Some(7_003)),
            ("0.5ns", None),
            ("30", None),
            ("", None),
            ("s", None),
            (".s", None),
            ("1.s", None),
            ("-5s", None),
            ("5 s", None),
            ("5sec", None),
            ("1.2.3s", None),
            ("5S", None),
            ("99999999999999h", None),
            ("١s", None),
        ] {
            assert_eq!(duration(text), nanos.map(Duration::from_nanos), "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512KiB", Some(512 << 10)),
            ("64MiB", Some(64 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1MB", Some(1_000_000)),
            ("2KB", Some(2_000)),
            ("3GB", Some(3_000_000_000)),
            ("0B", Some(0)),
            ("1 GiB", Some(1 << 30)),
            ("1.5GiB", Some(3 << 29)),
            ("0.0001KB", None),
            ("64", None),
            ("64M", None),
            ("64mib", None),
            ("MiB", None),
            ("", None),
            ("99999999999999999GB", None),
        ] {
            assert_eq!(size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for nanos in [0, 1, 999, 90_000_000_000, 3_601_000_000_001] {
            let shown = ShowDuration(Duration::from_nanos(nanos)).to_string();
            assert_eq!(duration(&shown), Some(Duration::from_nanos(nanos)), "{shown}");
        }
        for bytes in [0, 1, 1024, 1_000_000, 1 << 30, 12_345] {
            let shown = ShowSize(bytes).to_string();
            assert_eq!(size(&shown), Some(bytes), "{shown}");
        }
    }
}

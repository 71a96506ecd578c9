//! Bytes and times as people read them.

use std::fmt::Write as _;

/// Bytes on one line: text with its control characters escaped, or hexadecimal digits.
pub(super) fn on_a_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => escaped(text),
        Err(_) => format!("0x{}", hex(bytes)),
    }
}

/// A text that cannot move a terminal's cursor.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            escaped.extend(letter.escape_default());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Offset, sixteen bytes, and what of them can be shown.
pub(super) fn hexdump(bytes: &[u8]) -> String {
    let mut dump = String::new();
    for (number, line) in bytes.chunks(16).enumerate() {
        let mut digits = String::new();
        for (place, byte) in line.iter().enumerate() {
            let gap = if place == 8 { " " } else { "" };
            let _ = write!(digits, "{gap}{byte:02x} ");
        }
        let shown = line.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        let shown: String = shown.collect();
        let _ = writeln!(dump, "{:08x}  {digits:<49} |{shown}|", number * 16);
    }
    dump
}

/// A time in milliseconds since the Unix epoch, in UTC: `2026-11-28 01:09:19`.
pub(crate) fn utc(ms: i64) -> String {
    let (days, second) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}", second % 60)
}

/// Year, month and day of a number of days since 1970-01-01, counted in years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_772_323_199_999, "2026-02-28 23:59:59"),
            (1_772_323_200_000, "2026-03-01 00:00:00"),
            (1_795_828_159_000, "2026-11-28 01:09:19"),
        ] {
            assert_eq!(utc(ms), text);
        }
    }

    #[test]
    fn bytes_cannot_move_the_cursor() {
        assert_eq!(on_a_line(b"a\x1b[2J\n\xc3\xa9"), "a\\u{1b}[2J\\né");
        assert_eq!(on_a_line(&[0xff, 0x0a]), "0xff0a");
    }

    #[test]
    fn dumps_have_sixteen_bytes_a_line() {
        let dump = hexdump(b"0123456789abcdef\xff");
        assert_eq!(
            dump,
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
             00000010  ff                                                |.|\n"
        );
    }
}

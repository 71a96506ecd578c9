//! Text for a terminal: columns, colours, bars and numbers as people read them.

use std::time::Duration;

use console::Style;

#[cfg(test)]
mod tests;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Colour,
    Plain,
}

impl Paint {
    pub(super) fn title(self, text: &str) -> String {
        self.apply(&Style::new().bold(), text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.apply(&Style::new().dim(), text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.apply(&Style::new().green(), text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.apply(&Style::new().red(), text)
    }

    pub(super) fn accent(self, text: &str) -> String {
        self.apply(&Style::new().cyan(), text)
    }

    fn apply(self, style: &Style, text: &str) -> String {
        match self {
            Self::Colour => style.clone().force_styling(true).apply_to(text).to_string(),
            Self::Plain => text.to_owned(),
        }
    }
}

/// Exactly `width` columns: cut with `…`, or filled with spaces on the right.
pub(super) fn left(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Left, Some("…")).into_owned()
}

/// Exactly `width` columns, filled on the left.
pub(super) fn right(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Right, Some("…")).into_owned()
}

/// At most `width` columns; colours do not count.
pub(super) fn cut(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// A horizontal bar for `value` of `whole`, in eighths of a column, at most `width` columns.
pub(super) fn bar(value: f64, whole: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if whole > 0.0 { (value / whole).clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * (width * 8) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A whole number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the binary unit that suits them.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", number as f64 / size as f64),
        None => format!("{number} B"),
    }
}

/// Milliseconds with one decimal.
pub(super) fn milliseconds(nanoseconds: u64) -> String {
    format!("{:.1} ms", nanoseconds as f64 / 1e6)
}

/// Seconds with one decimal.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// `part` of `whole` in per cent, with one decimal.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    format!("{:.1} %", share * 100.0)
}

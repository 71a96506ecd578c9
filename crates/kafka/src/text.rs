//! Tables for terminals, 80 characters wide.

use std::fmt;

/// Columns of fixed width, under their names: numbers to the right, texts (a negative width) to
/// the left. What is too long for its column pushes the rest aside.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, i16)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&'static str, i16)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn line<'c>(
        &self,
        f: &mut fmt::Formatter<'_>,
        cells: impl Iterator<Item = &'c str>,
    ) -> fmt::Result {
        let mut line = String::new();
        for ((_, width), cell) in self.columns.iter().zip(cells) {
            let (width, is_text) = (usize::from(width.unsigned_abs()), *width < 0);
            if !line.is_empty() && (is_text || cell.chars().count() >= width) {
                line.push(' ');
            }
            let padding = width.saturating_sub(cell.chars().count());
            let padding = " ".repeat(padding);
            let (before, after) = if is_text { ("", &*padding) } else { (&*padding, "") };
            line.extend([before, cell, after]);
        }
        writeln!(f, "{}", line.trim_end())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f, self.columns.iter().map(|(name, _)| *name))?;
        for row in &self.rows {
            self.line(f, row.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

/// A value, or `-`.
pub(crate) struct OrDash<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// Milliseconds as people say them: `0ms`, `1.5s`, `12m03s`, `5h07m`, `3d04h`.
pub struct Elapsed(pub i64);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.max(0);
        let (seconds, minutes, hours, days) =
            (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
        match () {
            () if ms < 1000 => write!(f, "{ms}ms"),
            () if minutes < 1 => write!(f, "{}.{}s", seconds, ms % 1000 / 100),
            () if hours < 1 => write!(f, "{minutes}m{:02}s", seconds % 60),
            () if days < 1 => write!(f, "{hours}h{:02}m", minutes % 60),
            () => write!(f, "{days}d{:02}h", hours % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_places() {
        for (ms, text) in [
            (-5, "0ms"),
            (999, "999ms"),
            (1500, "1.5s"),
            (59_999, "59.9s"),
            (723_000, "12m03s"),
            (18_420_000, "5h07m"),
            (273_600_000, "3d04h"),
        ] {
            assert_eq!(Elapsed(ms).to_string(), text);
        }
    }

    #[test]
    fn columns_keep_apart() {
        let mut table = Table::new(&[("topic", -6), ("p", 3), ("lag", 5)]);
        table.row(["in".into(), "0".into(), "12".into()]);
        table.row(["too long".into(), "1".into(), "1234567".into()]);
        assert_eq!(table.to_string(), "topic   p  lag\nin      0   12\ntoo long  1 1234567\n");
    }
}

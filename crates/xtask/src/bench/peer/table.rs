//! The table that is printed.

use std::io::Write;

use tailsift_fixture::Comparison;

use super::contender::{Setting, Spent};

/// One contender's figures.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) spans: u64,
    pub(super) spent: Spent,
    /// What it exported, unless it only reads.
    pub(super) comparison: Option<Comparison>,
}

impl Row {
    /// False if it is tailsift and exported anything but what it should have. Nothing fails here,
    /// so `at_least_once` has no reason to repeat anything either.
    pub(super) fn is_right(&self) -> bool {
        let is_ours = self.name.starts_with("tailsift");
        !is_ours || self.comparison.is_some_and(|found| found.is_exact())
    }

    fn micros_per_span(&self) -> f64 {
        self.spent.cpu.as_secs_f64() * 1e6 / self.spans.max(1) as f64
    }
}

/// A table in Markdown. Each is held against the first row (the read loop) and the Collector.
pub(super) fn write(out: &mut dyn Write, title: &str, rows: &[Row]) -> std::io::Result<()> {
    writeln!(out, "\n### {title}\n")?;
    writeln!(
        out,
        "| {:<37} | CPU µs/span | of Collector | × read loop | spans/s per core | wall s | peak MiB | exported traces |",
        ""
    )?;
    writeln!(
        out,
        "| {:-<37} | ----------: | -----------: | ----------: | ---------------: | -----: | -------: | --- |",
        ""
    )?;
    let floor = rows.first().map_or(0.0, Row::micros_per_span);
    let collector = rows.iter().find(|row| row.name.starts_with("Collector"));
    for row in rows {
        let micros = row.micros_per_span();
        let of_collector = collector.map_or_else(
            || "–".to_owned(),
            |collector| format!("1/{:.1}", collector.micros_per_span() / micros),
        );
        writeln!(
            out,
            "| {:<37} | {micros:>11.2} | {of_collector:>12} | {:>11.1} | {:>16.0} | {:>6.1} | {:>8} | {} |",
            row.name,
            micros / floor,
            1e6 / micros,
            row.spent.wall.as_secs_f64(),
            row.spent.peak_bytes >> 20,
            row.comparison.map_or_else(|| "–".to_owned(), |found| found.to_string()),
        )?;
    }
    writeln!(out)?;
    exactly_once(out, rows)
}

/// What transactions cost, if both were measured.
fn exactly_once(out: &mut dyn Write, rows: &[Row]) -> std::io::Result<()> {
    let suffix = Setting::AtLeastOnce.suffix();
    let pair = rows.iter().find_map(|without| {
        let name = without.name.strip_suffix(suffix)?;
        Some((rows.iter().find(|row| row.name == name)?, without))
    });
    let Some((with, without)) = pair else { return Ok(()) };
    let more = with.micros_per_span() / without.micros_per_span() - 1.0;
    writeln!(out, "Exactly once takes {:+.0} % CPU beside at least once.", more * 100.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ratios_are_those_of_one_table() {
        let row = |name: &str, cpu: u64, comparison| Row {
            name: name.to_owned(),
            spans: 1_000_000,
            spent: Spent {
                cpu: Duration::from_millis(cpu),
                peak_bytes: 3 << 20,
                wall: Duration::from_secs(2),
            },
            comparison,
        };
        let right = Comparison { expected: 5, complete: 5, ..Comparison::default() };
        let wrong = Comparison { expected: 5, complete: 4, missing: 1, ..Comparison::default() };
        let rows = [
            row("read loop", 500, None),
            row("Collector 1", 16_000, Some(wrong)),
            row("tailsift", 1_000, Some(right)),
            row("tailsift, at least once", 800, Some(right)),
        ];
        let mut out = Vec::new();
        write(&mut out, "keyed", &rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line =
            |name: &str| text.lines().find(|line| line.starts_with(&format!("| {name}"))).unwrap();
        assert!(text.ends_with("\nExactly once takes +25 % CPU beside at least once.\n"), "{text}");
        assert!(line("tailsift").contains(" 1/16.0 |"), "{text}");
        assert!(line("tailsift").contains(" 2.0 |"), "{text}");
        assert!(line("tailsift").ends_with("| all 5 whole, no other, none twice |"), "{text}");
        assert!(
            line("Collector")
                .ends_with("of 5: 4 whole, 0 partial, 1 missing, 0 repeated; 0 unexpected |"),
            "{text}"
        );
    }
}

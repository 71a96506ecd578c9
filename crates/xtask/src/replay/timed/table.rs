//! The table that is printed.

use std::io::Write;

use super::Row;

/// A table in Markdown, and below it why traces closed.
pub(super) fn write(out: &mut dyn Write, rows: &[Row]) -> std::io::Result<()> {
    let heads = [
        "rule",
        "worthy traces",
        "missed",
        "partial",
        "repeated",
        "unexpected",
        "held p50, s",
        "held p90, s",
        "spans held at most",
        "kills",
        "took, s",
        "CPU, s",
        "peak MiB",
        "turned",
        "turned in part",
        "read again",
    ];
    writeln!(out, "| {} |", heads.join(" | "))?;
    writeln!(out, "| --- |{}", " ---: |".repeat(heads.len() - 1))?;
    for row in rows {
        let Row { name, comparison: found, held, took, usage, turns, killed } = row;
        let seconds = |ms: Option<i64>| {
            ms.map_or_else(|| "–".to_owned(), |ms| format!("{:.2}", ms as f64 / 1e3))
        };
        // A process that was killed takes with it what it has counted.
        let [p50, p90, spans, cpu, peak, whole, in_part, again] = match held {
            Some(held) => [
                seconds(held.p50_ms),
                seconds(held.p90_ms),
                held.spans_at_most.to_string(),
                format!("{:.2}", usage.cpu.as_secs_f64()),
                (usage.peak_bytes >> 20).to_string(),
                turns.whole.to_string(),
                turns.partial.to_string(),
                format!("{:.1} %", 100.0 * turns.read_again as f64 / turns.read.max(1) as f64),
            ],
            None => ["–"; 8].map(str::to_owned),
        };
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {p50} | {p90} | {spans} | {killed} | {:.1} | {cpu} | {peak} | {whole} | {in_part} | {again} |",
            found.expected,
            found.missing,
            found.partial,
            found.repeated_spans,
            found.unexpected,
            took.as_secs_f64(),
        )?;
    }
    writeln!(out)?;
    for (row, held) in rows.iter().filter_map(|row| Some((row, row.held.as_ref()?))) {
        let reasons = held.reasons.iter().map(|(reason, count)| format!("{count} {reason}"));
        let reasons: Vec<_> = reasons.collect();
        writeln!(
            out,
            "{}: {} traces count ({}); {} of the warm-up and {} that closed at the end do not",
            row.name,
            held.traces,
            reasons.join(", "),
            held.left_out.0,
            held.left_out.1,
        )?;
    }
    Ok(())
}

//! The tables that are printed.

use std::io::Write;

use super::Seen;
use super::latency::Percentiles;

/// A feeder that is later than this did not make the load that it says.
const FED_LATE_MS_MAX: i64 = 250;

/// Tables in Markdown.
pub(super) fn write(out: &mut dyn Write, seen: &Seen) -> std::io::Result<()> {
    let Seen { load, idle_bytes, full, latencies, fed_late_ms, wait_ms } = seen;
    let wire = load.bytes_per_span();
    let held = full.spans_held.max(1.0);
    let resident = full.resident_bytes.saturating_sub(*idle_bytes) as f64 / held;
    let window = full.window_bytes / held;
    let mib = |bytes: u64| bytes >> 20;
    writeln!(out, "\n### steady: {:.0} spans held for {} s\n", full.spans_held, wait_ms / 1000)?;
    writeln!(out, "| memory and processor time | |\n| --- | ---: |")?;
    writeln!(out, "| bytes of a span on the wire | {wire:.0} |")?;
    writeln!(out, "| resident when idle, MiB | {} |", mib(*idle_bytes))?;
    writeln!(out, "| resident with the window full, MiB | {} |", mib(full.resident_bytes))?;
    writeln!(out, "| resident above idle, bytes a span held | {resident:.0} |")?;
    writeln!(out, "| of its bytes on the wire | {:.2} × |", resident / wire)?;
    writeln!(out, "| as `window.memory_limit` counts it | {:.2} × |", window / wire)?;
    let micros = full.cpu.as_secs_f64() * 1e6 / full.spans.max(1.0);
    writeln!(out, "| CPU, µs a span | {micros:.2} |")?;
    let commit_ms = full.commit_seconds * 1000.0 / full.commits.max(1.0);
    writeln!(out, "| an epoch, from its cut to its commit, mean in ms | {commit_ms:.0} |")?;
    writeln!(out, "\n| {} kept traces became visible, ms | p50 | p99 | most |", latencies.seen)?;
    writeln!(out, "| --- | ---: | ---: | ---: |")?;
    for (name, Percentiles { p50, p99, most }) in [
        ("since the last record", latencies.since_last),
        ("beyond the wait", latencies.beyond_wait),
        ("of that: settling, the epoch's cut, writing", latencies.written),
        ("of that: the transaction's commit", latencies.committed),
    ] {
        writeln!(out, "| {name} | {p50} | {p99} | {most} |")?;
    }
    writeln!(out)?;
    if latencies.seen < latencies.due {
        let missed = latencies.due - latencies.seen;
        writeln!(out, "{missed} of {} kept traces were not visible in time", latencies.due)?;
    }
    if *fed_late_ms > FED_LATE_MS_MAX {
        writeln!(out, "records were fed up to {fed_late_ms} ms late: this machine is too busy")?;
    }
    Ok(())
}

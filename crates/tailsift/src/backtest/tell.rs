//! What came of it, for people and for programs.

use std::io::{self, Write};

use console::truncate_str;
use serde_json::{Value, json};
use tailsift_kafka::Table;
use tailsift_policy::CloseReason;

use super::Report;
use super::difference::{Changes, Difference};
use super::tally::{Examples, Row, Sum};
use crate::demo::{bytes, percent};
use crate::explain::{counted, shown};
use crate::operations::{escaped, utc};

/// Columns of a policy's name.
const NAME: i16 = -26;

/// One object.
pub(super) fn json(report: &Report) -> Value {
    let tally = &report.tally;
    let names = report.policies.names().iter();
    let asks_all = asks_all(report);
    let policies: Vec<_> = names
        .zip(&tally.policies)
        .map(|(name, row)| {
            json!({
                "policy": name,
                "sampled": sum_json(row.sampled),
                "only": asks_all.then(|| sum_json(row.only)),
                "dropped": sum_json(row.dropped),
                "examples": examples_json(examples(row)),
            })
        })
        .collect();
    let closed = CloseReason::ALL.into_iter().zip(tally.closed);
    let closed: serde_json::Map<_, _> =
        closed.map(|(reason, count)| (reason.name().to_owned(), count.into())).collect();
    json!({
        "topic": report.topic,
        "partitions": report.partitions,
        "since_ms": report.since_ms,
        "took_ms": report.took.as_millis() as u64,
        "records": tally.records,
        "records_unreadable": tally.unreadable,
        "first_ms": tally.first_ms,
        "last_ms": tally.last_ms,
        "all": sum_json(tally.all),
        "kept": sum_json(tally.kept),
        "late": { "spans": tally.late.spans, "bytes": tally.late.bytes },
        "closed": closed,
        "began_earlier": tally.early,
        "policies": policies,
        "against": report.against.as_ref().map(|(what, difference)| {
            difference_json(what, difference)
        }),
    })
}

/// Not every policy was asked if the first that wants a trace ends the matter.
fn asks_all(report: &Report) -> bool {
    !report.policies.semantics().sample_on_first_match
}

fn sum_json(sum: Sum) -> Value {
    json!({ "traces": sum.traces, "spans": sum.spans, "bytes": sum.bytes })
}

fn examples_json(examples: &Examples) -> Value {
    examples.0.iter().map(ToString::to_string).collect()
}

fn difference_json(what: &str, difference: &Difference) -> Value {
    let changes = |changes: &Changes| {
        let by_policy = changes.by_policy.iter().map(|(policy, (traces, examples))| {
            json!({ "policy": policy, "traces": traces, "examples": examples_json(examples) })
        });
        let mut value = sum_json(changes.sum);
        value["policies"] = by_policy.collect();
        value
    };
    json!({
        "what": what,
        "both_kept": difference.both_kept,
        "both_dropped": difference.both_dropped,
        "only_here": changes(&difference.only_here),
        "only_there": changes(&difference.only_there),
        "waiting_there": difference.waiting,
        "unknown_there": difference.unknown_there,
        "unknown_here": difference.unknown_here,
    })
}

/// What is shown of a policy: what only it wants, else anything.
fn examples(row: &Row) -> &Examples {
    if row.only_examples.0.is_empty() { &row.examples } else { &row.only_examples }
}

/// Tables of at most 100 columns.
pub(super) fn text(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let tally = &report.tally;
    writeln!(out, "topic {}, {} partitions", report.topic, report.partitions)?;
    let span = match (tally.first_ms, tally.last_ms) {
        (Some(first), Some(last)) => format!(", {} to {} UTC", utc(first), utc(last)),
        _ => String::new(),
    };
    let (took, traces) = (report.took.as_secs_f64(), tally.all.traces + tally.early);
    writeln!(out, "{}{span}", counted(tally.records, "record"))?;
    writeln!(out, "{} judged in {took:.1} s", counted(traces, "trace"))?;
    let notes = [
        (tally.early, "began before the time asked for and are left out"),
        (
            tally.closed[CloseReason::Drain as usize],
            "still waited at the end: judged on what is there",
        ),
        (
            tally.closed[CloseReason::MemoryLimit as usize],
            "were judged early for window.memory_limit",
        ),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "{count} {what}")?;
    }
    if tally.unreadable > 0 {
        writeln!(out, "{} unreadable", counted(tally.unreadable, "record"))?;
    }
    writeln!(out)?;
    policies(out, report)?;
    if !asks_all(report) {
        writeln!(out, "sample_on_first_match: who else wanted a trace is not known")?;
    }
    if let Some((what, against)) = &report.against {
        difference(out, what, against)?;
    }
    Ok(())
}

fn policies(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let tally = &report.tally;
    let columns = [
        ("policy", NAME),
        ("traces", 10),
        ("share", 9),
        ("spans", 11),
        ("bytes", 12),
        ("share", 9),
        ("no other", 10),
    ];
    let mut table = Table::new(&columns);
    let mut row = |name: String, sum: Sum, only: String| {
        table.row([
            name,
            sum.traces.to_string(),
            percent(sum.traces, tally.all.traces),
            sum.spans.to_string(),
            bytes(sum.bytes),
            percent(sum.bytes, tally.all.bytes),
            only,
        ]);
    };
    let mut below = Vec::new();
    for (name, policy) in report.policies.names().iter().zip(&tally.policies) {
        let drops = policy.dropped.traces > 0;
        let (sum, word) = if drops { (policy.dropped, " (drops)") } else { (policy.sampled, "") };
        let only = match asks_all(report) && !drops {
            true => policy.only.traces.to_string(),
            false => "-".to_owned(),
        };
        let room = usize::from(NAME.unsigned_abs()) - word.len();
        row(format!("{}{word}", truncate_str(&escaped(name), room, "…")), sum, only);
        below.push(line_of(examples(policy)));
    }
    let dropped = Sum {
        traces: tally.all.traces - tally.kept.traces,
        spans: tally.all.spans - tally.kept.spans,
        bytes: tally.all.bytes - tally.kept.bytes,
    };
    row("kept".to_owned(), tally.kept, String::new());
    row("dropped".to_owned(), dropped, String::new());
    row("all".to_owned(), tally.all, String::new());
    let table = table.to_string();
    let mut rows = table.lines();
    writeln!(out, "{}", rows.next().unwrap_or_default())?;
    for (number, row) in rows.enumerate() {
        writeln!(out, "{row}")?;
        if let Some(Some(examples)) = below.get(number) {
            writeln!(out, "{examples}")?;
        }
    }
    if tally.late.spans > 0 {
        let late = tally.late;
        writeln!(out, "and {} late spans of kept traces, {}", late.spans, bytes(late.bytes))?;
    }
    Ok(())
}

fn line_of(examples: &Examples) -> Option<String> {
    let ids: Vec<_> = examples.0.iter().map(ToString::to_string).collect();
    (!ids.is_empty()).then(|| format!("  {}", ids.join(" ")))
}

fn difference(out: &mut impl Write, what: &str, difference: &Difference) -> io::Result<()> {
    let Difference { both_kept, both_dropped, only_here, only_there, .. } = difference;
    writeln!(out, "\nagainst {}", escaped(what))?;
    writeln!(out, "kept by both {both_kept}, dropped by both {both_dropped}")?;
    changes(out, "kept only here", only_here)?;
    changes(out, "kept only there", only_there)?;
    let notes = [
        (difference.waiting, "still waited at the end and have no verdict there"),
        (difference.unknown_there, "have no verdict there"),
        (difference.unknown_here, "have a verdict there only"),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "{count} {what}")?;
    }
    Ok(())
}

fn changes(out: &mut impl Write, what: &str, changes: &Changes) -> io::Result<()> {
    let Sum { traces, spans, bytes: size } = changes.sum;
    let (traces, spans) = (counted(traces, "trace"), counted(spans, "span"));
    writeln!(out, "{what}: {traces}, {spans}, {}", bytes(size))?;
    for (policy, (traces, examples)) in &changes.by_policy {
        writeln!(out, "  {traces} by {}", shown(policy))?;
        if let Some(line) = line_of(examples) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

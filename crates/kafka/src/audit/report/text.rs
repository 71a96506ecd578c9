//! An audit as people read it.

use std::fmt;

use super::{AuditFinding, AuditReport, AuditRow};
use crate::text::{Elapsed, OrDash, Table};

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", offsets(&self.rows), log(&self.rows))?;
        if !self.policies.is_empty() {
            let mut table =
                Table::new(&[("verdicts by policy", -40), ("kept", 12), ("dropped", 12)]);
            for count in &self.policies {
                let name = count.policy.as_deref().unwrap_or("(none)");
                table.row([name.into(), count.kept.to_string(), count.dropped.to_string()]);
            }
            write!(f, "\n{table}")?;
        }
        let sum = |of: fn(&AuditRow) -> u64| self.rows.iter().map(of).sum::<u64>();
        let (records, unreadable) = (sum(|row| row.records), sum(|row| row.unreadable));
        writeln!(f, "\ncoverage: {records} records looked at, {unreadable} unreadable,")?;
        writeln!(f, "          {} traces or entries not checkable any more", self.unchecked())?;
        writeln!(
            f,
            "log:      {} bytes, and {} bytes of input looked at",
            self.log_bytes, self.input_bytes
        )?;
        for AuditFinding { invariant, partition, text } in &self.findings.first {
            writeln!(f, "{invariant:?}  partition {partition}: {text}")?;
        }
        for (invariant, count) in &self.findings.counts {
            writeln!(f, "{invariant:?}  ({}): {count} findings", invariant.statement())?;
            writeln!(f, "    remedy: {}", invariant.remedy())?;
        }
        match self.findings_count() {
            0 => write!(f, "all right"),
            count => write!(f, "NOT RIGHT: {count} findings"),
        }
    }
}

fn offsets(rows: &[AuditRow]) -> Table {
    let mut table = Table::new(&[
        ("p", 4),
        ("log start", 12),
        ("committed", 12),
        ("position", 12),
        ("end", 12),
        ("lag", 11),
        ("in time", 10),
    ]);
    for row in rows {
        let lag = row.lag.as_ref();
        let records = lag.map_or(row.end - row.committed.unwrap_or(row.start), |lag| lag.records());
        table.row([
            row.partition.to_string(),
            row.start.to_string(),
            OrDash(row.committed).to_string(),
            OrDash(row.read_to).to_string(),
            row.end.to_string(),
            records.to_string(),
            OrDash(lag.and_then(|lag| lag.behind_ms()).map(Elapsed)).to_string(),
        ]);
    }
    table
}

fn log(rows: &[AuditRow]) -> Table {
    let mut table = Table::new(&[
        ("p", 4),
        ("life", 17),
        ("seq", 8),
        ("needed from", 12),
        ("batches", 8),
        ("kept", 9),
        ("dropped", 9),
        ("unchecked", 10),
    ]);
    for row in rows {
        table.row([
            row.partition.to_string(),
            OrDash(row.incarnation.map(|life| format!("{life:016x}"))).to_string(),
            OrDash(row.sequence).to_string(),
            OrDash(row.live_from).to_string(),
            row.batches.to_string(),
            row.kept.to_string(),
            (row.verdicts - row.kept).to_string(),
            row.unchecked.to_string(),
        ]);
    }
    table
}

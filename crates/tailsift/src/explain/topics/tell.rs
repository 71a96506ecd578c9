//! What the topics say of a trace, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use tailsift_sampler::{Partial, Turned};

use super::super::json::object;
use super::super::text::{chance, closed, counted, shown, trace, verdict_word};
use super::{Recorded, Report};
use crate::operations::utc;

/// One object: what `explain` says of any trace, and what the topics hold.
pub(super) fn json(report: &Report) -> Value {
    let tried = report.told.as_ref().and_then(|told| Some((told.traces.first()?, &told.names)));
    let mut object = match tried {
        Some((tried, names)) => object(tried, names),
        None => json!({
            "trace_id": report.trace_id.to_string(),
            "verdict": null,
            "policy": null,
            "votes": [],
            "close_reason": null,
            "spans": 0,
        }),
    };
    let gathered = &report.gathered;
    object["input"] = json!({
        "topic": report.input,
        "partitions": gathered.partitions(),
        "records": gathered.records.len(),
        "first_ms": gathered.records.iter().filter_map(|record| record.time_ms).min(),
        "last_ms": gathered.records.iter().filter_map(|record| record.time_ms).max(),
        "records_searched": gathered.searched,
        "records_unreadable": gathered.unreadable,
    });
    object["recorded"] = report.recorded.as_ref().map_or(Value::Null, |recorded| {
        json!({
            "verdict": verdict_word(recorded.verdict),
            "policy": recorded.policy,
            "close_reason": recorded.close_reason.name(),
            "threshold": recorded.chance.threshold().map(|threshold| threshold.to_string()),
            "partition": recorded.partition,
            "at_ms": recorded.at_ms,
            "stream_time_ms": recorded.stream_time_ms,
            "late": recorded.late,
            "turned": recorded.turned.map(|turned| turned_json(turned, recorded.missing)),
            "config": format!("{:016x}", recorded.config),
            "same_policies": recorded.config == report.config,
        })
    });
    object["output"] = json!({
        "topic": report.output,
        "holds": report.exported.word(),
        "records": report.exported.records,
        "spans": report.exported.spans,
        "spans_missing": report.exported.missing,
    });
    object
}

/// How many records are missing is not known where all below an offset are.
fn turned_json(turned: Turned, missing: usize) -> Value {
    let mut object = json!({
        "by": turned.by.map(|by| by.to_string()),
        "partial": turned.partial.map(Partial::name),
        "records_missing": missing,
    });
    if let Some(below) = turned.missing_below {
        object["missing_below"] = below.into();
        object["records_missing"] = Value::Null;
    }
    object
}

/// The same by lines of at most 100 columns, but for topics with long names.
pub(super) fn text(out: &mut impl Write, report: &Report) -> io::Result<()> {
    match report.told.as_ref().and_then(|told| Some((told.traces.first()?, told))) {
        Some((tried, told)) => trace(out, tried, told)?,
        None => writeln!(out, "trace {}", report.trace_id)?,
    }
    writeln!(out, "  spans from  {}", origin(report))?;
    if report.gathered.partitions().len() > 1 {
        let hint = "the records of a trace must be on one partition: run judges each part alone";
        writeln!(out, "              {hint}")?;
    }
    match &report.recorded {
        None => {
            writeln!(out, "  recorded    no verdict: it waits, or the log was not kept so long")?
        }
        Some(recorded) => decided(out, recorded, recorded.config == report.config)?,
    }
    let exported = &report.exported;
    let (spans, records) = (counted(exported.spans, "span"), counted(exported.records, "record"));
    let holds = match exported.word() {
        "none" => "nothing of it".to_owned(),
        "part" => format!(
            "a part: {spans} in {records}, {} of the input missing",
            counted(exported.missing, "span")
        ),
        _ if report.told.is_none() => format!("{spans} in {records}"),
        whole => format!("{whole}: {spans} in {records}"),
    };
    writeln!(out, "  output      {} holds {holds}", report.output)
}

fn origin(report: &Report) -> String {
    let gathered = &report.gathered;
    let (topic, searched) = (&report.input, gathered.searched);
    if gathered.records.is_empty() {
        return format!("nowhere: {searched} records of {topic} hold none, they may be deleted");
    }
    let places: Vec<_> = gathered.partitions().iter().map(i32::to_string).collect();
    let count = counted(gathered.records.len() as u64, "record");
    let times = gathered.records.iter().filter_map(|record| record.time_ms);
    let span = match (times.clone().min(), times.max()) {
        (Some(first), Some(last)) => format!(", {} to {} UTC", utc(first), utc(last)),
        _ => String::new(),
    };
    format!("{topic}, partition {}: {count}{span}", places.join(", "))
}

fn decided(out: &mut impl Write, recorded: &Recorded, same: bool) -> io::Result<()> {
    let by =
        recorded.policy.as_deref().map_or(String::new(), |name| format!(" by {}", shown(name)));
    writeln!(out, "  recorded    {}{by}", verdict_word(recorded.verdict))?;
    writeln!(out, "              {}", closed(recorded.close_reason, "the input ended"))?;
    if let Some(chance) = chance(recorded.chance) {
        writeln!(out, "              chance: {chance}")?;
    }
    let at = recorded.at_ms.map_or(String::new(), |at| format!("at {} UTC, ", utc(at)));
    let whose = if same { "these" } else { "other" };
    writeln!(out, "              {at}by {whose} policies ({:016x})", recorded.config)?;
    if let Some(turned) = recorded.turned {
        let by = turned.by.map_or_else(|| "one without an ID".to_owned(), |by| by.to_string());
        writeln!(
            out,
            "              turned: it was dropped, until a late span wanted it kept ({by})"
        )?;
        if let Some(partial) = turned.partial {
            let what = match turned.missing_below {
                Some(below) => format!("what it has below offset {below} was not read again"),
                None => {
                    let records = counted(recorded.missing as u64, "record");
                    format!("{records} could not be read again")
                }
            };
            writeln!(out, "              partial: {}, {what}", partial.name())?;
        }
    }
    if recorded.late > 0 {
        let times = counted(recorded.late, "time");
        writeln!(out, "              spans came after the verdict and followed it, {times}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

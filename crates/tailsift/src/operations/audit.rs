//! `tailsift audit`.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};
use tailsift_config::{Config, Delivery, Start};
use tailsift_kafka::{AuditReport, AuditRow, AuditTarget, Invariant, PartitionLag};
use tailsift_otlp::Scanner;
use tailsift_trace::{Batch, Interest, TraceId};

use super::AuditArgs;
use super::lag::{GroupLag, partition_json, stage};
use crate::app::{client_settings, window_format};
use crate::command::load;

/// Holds what the group has committed, its log and its input against each other.
pub(crate) fn audit(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let stage = stage(&config)?;
    let breaches = stage.as_ref().map_or(Vec::new(), |stage| breaches(&stage.partitions));
    let report = report(&config, args)?;
    let is_right = report.is_right() && breaches.is_empty();
    let mut out = std::io::stdout().lock();
    if args.json {
        let value = json(&config, stage.as_ref(), &breaches, &report, is_right);
        writeln!(out, "{value:#}")?;
    } else {
        if let Some(stage) = &stage {
            stage.write(&mut out)?;
            for Breach { invariant, lag, text } in &breaches {
                let (place, remedy) = (lag.partition, invariant.remedy());
                writeln!(out, "{invariant:?}  {} partition {place}: {text}", lag.topic)?;
                writeln!(out, "    remedy: {remedy}")?;
            }
            writeln!(out)?;
        }
        let (topic, log) = (config.window_topic(), &config.decisions.topic);
        writeln!(out, "processor (group {})\ntopic {topic}, log {log}", config.group)?;
        if !is_transactional(&config) {
            writeln!(out, "delivery: at_least_once: I3, I5 and I6 need not hold")?;
        }
        writeln!(out, "{report}")?;
    }
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_transactional(config: &Config) -> bool {
    match config.delivery {
        Delivery::ExactlyOnce => true,
        Delivery::AtLeastOnce => false,
    }
}

fn report(config: &Config, args: &AuditArgs) -> anyhow::Result<AuditReport> {
    // Where a new group begins, its re-key stage has decided.
    let starts_late = config.input.start == Start::Latest && config.repartition.is_none();
    let target = AuditTarget {
        settings: &client_settings(config),
        group: &config.group,
        input: config.window_topic(),
        decisions: &config.decisions.topic,
        began_late: args.began_late || starts_late,
        records_max: args.records,
    };
    let format = window_format(config);
    let mut scanner = Scanner::new(Interest::default());
    let report =
        tailsift_kafka::audit(target, |value| traces(&mut scanner, &format.convert(value).ok()?))?;
    Ok(if is_transactional(config) { report } else { report.at_least_once() })
}

/// The traces that have spans in a record.
fn traces(scanner: &mut Scanner, payload: &[u8]) -> Option<Vec<TraceId>> {
    let batch: Batch<'_> = scanner.scan(payload).ok()?;
    let traces = batch.chunks.iter().map(|chunk| chunk.trace_id).collect();
    scanner.recycle(batch);
    Some(traces)
}

/// Something that must not be, in what the re-key stage reads. It has no log.
struct Breach<'l> {
    invariant: Invariant,
    lag: &'l PartitionLag,
    text: String,
}

fn breaches(partitions: &[PartitionLag]) -> Vec<Breach<'_>> {
    let mut breaches = Vec::new();
    for lag in partitions {
        let committed = lag.committed.unwrap_or(lag.start);
        if lag.deleted() > 0 {
            let start = lag.start;
            let text = format!(
                "expected records from the committed offset {committed} on, got them from {start} on"
            );
            breaches.push(Breach { invariant: Invariant::I1, lag, text });
        }
        if committed > lag.log_end {
            let text = format!("expected committed <= end, got {committed} and {}", lag.log_end);
            breaches.push(Breach { invariant: Invariant::I4, lag, text });
        }
    }
    breaches
}

fn json(
    config: &Config,
    stage: Option<&GroupLag>,
    breaches: &[Breach<'_>],
    report: &AuditReport,
    is_right: bool,
) -> Value {
    let finding = |invariant: Invariant, topic: &str, partition: i32, text: &str| {
        json!({
            "invariant": format!("{invariant:?}"),
            "statement": invariant.statement(),
            "topic": topic,
            "partition": partition,
            "text": text,
            "remedy": invariant.remedy(),
        })
    };
    let of_stage = breaches.iter().map(|breach| {
        let Breach { invariant, lag, text } = breach;
        finding(*invariant, &lag.topic, lag.partition, text)
    });
    let topic = config.window_topic();
    let of_group = report.findings().iter();
    let of_group =
        of_group.map(|found| finding(found.invariant, topic, found.partition, &found.text));
    let count = report.findings_count() + breaches.len() as u64;
    let policies = report.policies.iter().map(
        |count| json!({ "policy": count.policy, "kept": count.kept, "dropped": count.dropped }),
    );
    json!({
        "right": is_right,
        "group": config.group,
        "topic": topic,
        "decisions": config.decisions.topic,
        "rekey_stage": stage.map(GroupLag::json),
        "partitions": report.rows.iter().map(row).collect::<Vec<_>>(),
        "policies": policies.collect::<Vec<_>>(),
        "log_bytes": report.log_bytes,
        "input_bytes": report.input_bytes,
        "findings_total": count,
        "findings": of_stage.chain(of_group).collect::<Vec<_>>(),
    })
}

fn row(row: &AuditRow) -> Value {
    json!({
        "partition": row.partition,
        "log_start": row.start,
        "watermark": row.committed,
        "position": row.read_to,
        "end": row.end,
        "stream_time_ms": row.stream_time_ms,
        "life": row.incarnation.map(|life| format!("{life:016x}")),
        "sequence": row.sequence,
        "log_needed_from": row.live_from,
        "log_kept_from": row.kept_from,
        "batches": row.batches,
        "entries": row.entries,
        "verdicts": row.verdicts,
        "kept": row.kept,
        "dropped": row.verdicts - row.kept,
        "records_checked": row.records,
        "records_unreadable": row.unreadable,
        "unchecked": row.unchecked,
        "lag": row.lag.as_ref().map(partition_json),
    })
}

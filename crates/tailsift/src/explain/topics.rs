//! A trace from the topics: its spans, what was decided, and what was exported.

mod exported;
mod gather;
mod recorded;
mod tell;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::Value;
use tailsift_config::Config;
use tailsift_kafka::{Partitioner, partition_fnv1a, partition_murmur2};
use tailsift_otlp::{ScanError, Scanner};
use tailsift_policy::Verdict;
use tailsift_trace::{Interest, SpanId, TraceId};

use super::args::Format;
use super::{ExplainArgs, Judge, Told};
use crate::app::{client_settings, partitioner, policies_fingerprint};
use crate::command::load;
use crate::operations::utc;
use crate::past::Past;
use crate::worker::wall_now;
use exported::Exported;
use gather::Gathered;
use recorded::Recorded;

/// What the topics say of a trace.
struct Report {
    trace_id: TraceId,
    input: String,
    gathered: Gathered,
    /// What the policies say; `None` if there are no spans.
    told: Option<Told>,
    recorded: Option<Recorded>,
    /// By these policies it is judged now.
    config: u64,
    output: String,
    exported: Exported,
}

/// Prints what the topics say of a trace.
pub(super) fn explain(args: &ExplainArgs, trace_id: TraceId) -> anyhow::Result<ExitCode> {
    let path = args.policies.config.as_deref().unwrap_or(std::path::Path::new(""));
    let config = load(path, &args.policies.overrides)?;
    let from_ms = args.since.map(|since| {
        wall_now().0.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    });
    let gathered = gather(&config, trace_id, from_ms, args.all_partitions)?;
    let recorded = recorded::read(&config, trace_id, from_ms)?;
    if gathered.records.is_empty() && recorded.is_none() {
        return Err(unknown(&config, trace_id, from_ms, &gathered));
    }
    let spans = gathered.span_ids()?;
    let kept = recorded.as_ref().is_some_and(|recorded| recorded.verdict == Verdict::Keep);
    let exported = exported::read(&config, trace_id, from_ms, kept || args.all_partitions)?;
    let exported = Exported::new(&spans, &exported)?;
    let told = (!gathered.records.is_empty()).then(|| judge(&config, &gathered)).transpose()?;
    let report = Report {
        trace_id,
        input: config.window_topic().to_owned(),
        gathered,
        told,
        recorded,
        config: policies_fingerprint(&config),
        output: config.output.topic.clone(),
        exported,
    };
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", Value::Array(vec![tell::json(&report)]))?,
        Format::Text => tell::text(&mut out, &report)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks where the trace's key belongs, and only if it is not there at all other partitions.
fn gather(
    config: &Config,
    trace_id: TraceId,
    from_ms: Option<i64>,
    everywhere: bool,
) -> anyhow::Result<Gathered> {
    let topic = config.window_topic();
    let past = Past::of(&client_settings(config), topic, from_ms)?;
    let past = past.ok_or_else(|| {
        anyhow!("input.topic: topic {topic:?} does not exist at {}", config.kafka.bootstrap_servers)
    })?;
    if everywhere {
        return gather::read(config, &past, trace_id);
    }
    let places = places(config, trace_id, past.partitions());
    let is_place = |partition| places.contains(&partition);
    let found = gather::read(config, &past.only(is_place), trace_id)?;
    if !found.records.is_empty() {
        return Ok(found);
    }
    let others = gather::read(config, &past.only(|partition| !is_place(partition)), trace_id)?;
    Ok(found.and(others))
}

/// Where the key of a trace belongs: producers have one of two rules, the re-key stage one.
fn places(config: &Config, trace_id: TraceId, partitions: i32) -> BTreeSet<i32> {
    let (key, partitions) = (trace_id.hex(), partitions.max(1));
    match config.repartition {
        Some(_) => [partition_of(partitioner(config), &key, partitions)].into(),
        None => [partition_fnv1a(&key, partitions), partition_murmur2(&key, partitions)].into(),
    }
}

fn partition_of(partitioner: Partitioner, key: &[u8], partitions: i32) -> i32 {
    partitioner.partition(key, partitions)
}

/// What is said of a trace that is nowhere: what was searched.
fn unknown(
    config: &Config,
    trace_id: TraceId,
    from_ms: Option<i64>,
    gathered: &Gathered,
) -> anyhow::Error {
    let (topic, log) = (config.window_topic(), &config.decisions.topic);
    let span = match (gathered.first_ms, gathered.last_ms) {
        (Some(first), Some(last)) => format!(" from {} to {} UTC", utc(first), utc(last)),
        _ => String::new(),
    };
    let since = from_ms.map_or(String::new(), |from| format!(" written since {} UTC", utc(from)));
    let unreadable = match gathered.unreadable {
        0 => String::new(),
        count => format!(" ({count} of them cannot be read)"),
    };
    let searched = gathered.searched;
    let remedy = match from_ms {
        Some(_) => "look further back with a longer --since",
        None => "they may have been deleted by the topic's retention, or never have come",
    };
    anyhow!(
        "trace {trace_id}: expected spans of it in topic {topic:?}, found none in {searched} \
         records{since}{span}{unreadable}, and no verdict in {log:?}: {remedy}"
    )
}

fn judge(config: &Config, gathered: &Gathered) -> Result<Told, ScanError> {
    Judge::of_run(config).batches("the topic was read to its end", |take| {
        gathered.records.iter().try_for_each(|record| take(&record.payload))
    })
}

/// The IDs of a payload's spans.
fn span_ids(payload: &[u8]) -> Result<Vec<Option<SpanId>>, ScanError> {
    let mut scanner = Scanner::new(Interest::default());
    Ok(scanner.scan(payload)?.spans.iter().map(|span| span.span_id).collect())
}

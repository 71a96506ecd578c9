//! What the output topic holds of a trace.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use tailsift_config::Config;
use tailsift_kafka::RecordRef;
use tailsift_otlp::ScanError;
use tailsift_trace::{SpanId, TraceId};

use super::{partition_of, span_ids};
use crate::app::{client_settings, export_client_settings, partitioner};
use crate::past::{Past, Progress, threads};

/// How much of a trace is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exported {
    pub(super) records: u64,
    /// Its spans, repeats included.
    pub(super) spans: u64,
    /// Spans of the input that are not among them.
    pub(super) missing: u64,
}

impl Exported {
    /// Holds exported records against the spans of the input.
    pub(super) fn new(spans: &[Option<SpanId>], records: &[Vec<u8>]) -> Result<Self, ScanError> {
        let mut exported = Vec::new();
        for record in records {
            exported.extend(span_ids(record)?);
        }
        let nameless = |ids: &[Option<SpanId>]| ids.iter().filter(|id| id.is_none()).count();
        let there: BTreeSet<_> = exported.iter().flatten().collect();
        let wanted: BTreeSet<_> = spans.iter().flatten().collect();
        let missing =
            wanted.difference(&there).count() + nameless(spans).saturating_sub(nameless(&exported));
        Ok(Self {
            records: records.len() as u64,
            spans: exported.len() as u64,
            missing: missing as u64,
        })
    }

    /// `whole`, `part` or `none`.
    pub(super) fn word(&self) -> &'static str {
        match (self.spans, self.missing) {
            (0, _) => "none",
            (_, 0) => "whole",
            (_, _) => "part",
        }
    }
}

/// The values of the trace's records, where its key belongs; if there are none and `everywhere`,
/// on all other partitions.
///
/// # Errors
/// If the topic cannot be read to its end.
pub(super) fn read(
    config: &Config,
    trace_id: TraceId,
    from_ms: Option<i64>,
    everywhere: bool,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let settings = export_client_settings(config).unwrap_or_else(|| client_settings(config));
    let Some(past) = Past::of(&settings, &config.output.topic, from_ms)? else {
        return Ok(Vec::new());
    };
    let key = trace_id.hex();
    let place = partition_of(partitioner(config), &key, past.partitions().max(1));
    let found = values(&past.only(|partition| partition == place), &key)?;
    if !found.is_empty() || !everywhere {
        return Ok(found);
    }
    values(&past.only(|partition| partition != place), &key)
}

fn values(past: &Past, key: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let progress = Progress::new("looking for exports", past.offsets());
    let found = past.read(vec![Vec::new(); threads()], &progress, |found, record| {
        take(found, record, key);
        ControlFlow::Continue(())
    })?;
    Ok(found.into_iter().flatten().collect())
}

fn take(found: &mut Vec<Vec<u8>>, record: RecordRef<'_>, key: &[u8]) {
    if record.key() == Some(key) {
        found.extend(record.value().map(<[u8]>::to_vec));
    }
}

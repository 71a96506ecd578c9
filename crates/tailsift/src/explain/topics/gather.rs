//! The spans of a trace, out of the topic that holds them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use tailsift_config::Config;
use tailsift_kafka::RecordRef;
use tailsift_otlp::{ScanError, Scanner};
use tailsift_trace::{Interest, SpanId, TraceId};

use super::span_ids;
use crate::app::window_format;
use crate::past::{Past, Progress, threads};
use crate::worker::Format;

/// The most bytes of spans that are gathered.
const BYTES_MAX: usize = 64 << 20;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Those that hold spans of the trace, in the order in which they are judged.
    pub(super) records: Vec<Found>,
    /// How many were looked at.
    pub(super) searched: u64,
    /// How many of these cannot be read.
    pub(super) unreadable: u64,
    /// The smallest and the largest timestamp of those that were looked at.
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
}

/// A record that holds spans of the trace.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) time_ms: Option<i64>,
    /// Only the trace's own spans.
    pub(super) payload: Vec<u8>,
}

/// Looks for the trace in all that is there.
///
/// # Errors
/// If the topic cannot be read to its end, or holds too much of the trace.
pub(super) fn read(config: &Config, past: &Past, trace_id: TraceId) -> anyhow::Result<Gathered> {
    let format = window_format(config);
    let held = AtomicUsize::new(0);
    let progress = Progress::new("looking for spans", past.offsets());
    let searchers =
        (0..threads()).map(|_| (Scanner::new(Interest::default()), Gathered::default()));
    let searched = past.read(searchers.collect(), &progress, |(scanner, gathered), record| {
        gathered.look(record, format, scanner, trace_id, &held);
        match held.load(Ordering::Relaxed) > BYTES_MAX {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    ensure!(
        held.into_inner() <= BYTES_MAX,
        "trace {trace_id}: expected at most {BYTES_MAX} bytes of spans, got more: look at a part of \
         it with --since"
    );
    let all = searched.into_iter().map(|(_, gathered)| gathered);
    Ok(all.fold(Gathered::default(), Gathered::and))
}

impl Gathered {
    fn look(
        &mut self,
        record: RecordRef<'_>,
        format: Format,
        scanner: &mut Scanner,
        trace_id: TraceId,
        held: &AtomicUsize,
    ) {
        self.searched += 1;
        let time_ms = record.timestamp_ms();
        self.first_ms = self.first_ms.into_iter().chain(time_ms).min();
        self.last_ms = self.last_ms.max(time_ms);
        let value = record.value().map(|value| format.convert(value).ok());
        let Some(Some(value)) = value else {
            self.unreadable += 1;
            return;
        };
        let Ok(batch) = scanner.scan(&value) else {
            self.unreadable += 1;
            return;
        };
        if let Some(chunk) = batch.chunks.iter().find(|chunk| chunk.trace_id == trace_id) {
            let pieces = batch.pieces_of(chunk).iter();
            let payload: Vec<u8> =
                pieces.flat_map(|piece| piece.bytes(&batch.shared)).copied().collect();
            held.fetch_add(payload.len(), Ordering::Relaxed);
            let (partition, offset) = (record.partition(), record.offset());
            self.records.push(Found { partition, offset, time_ms, payload });
        }
        scanner.recycle(batch);
    }

    /// Both together. Records of one partition keep its order; where there are several, time is
    /// all there is to go by.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.records.extend(other.records);
        let partitions = self.partitions().len();
        self.records.sort_by_key(|found| {
            (found.time_ms.filter(|_| partitions > 1), found.partition, found.offset)
        });
        Self {
            records: self.records,
            searched: self.searched + other.searched,
            unreadable: self.unreadable + other.unreadable,
            first_ms: self.first_ms.into_iter().chain(other.first_ms).min(),
            last_ms: self.last_ms.max(other.last_ms),
        }
    }

    /// The partitions that hold spans of the trace.
    pub(super) fn partitions(&self) -> BTreeSet<i32> {
        self.records.iter().map(|found| found.partition).collect()
    }

    /// The IDs of all spans.
    pub(super) fn span_ids(&self) -> Result<Vec<Option<SpanId>>, ScanError> {
        let mut ids = Vec::new();
        for record in &self.records {
            ids.extend(span_ids(&record.payload)?);
        }
        Ok(ids)
    }
}

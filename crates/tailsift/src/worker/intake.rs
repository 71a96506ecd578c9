//! From a record in the client's buffer to what the core takes.

use std::borrow::Cow;
use std::fmt::Display;

use tailsift_kafka::{Partitioner, SourceRecord};
use tailsift_otlp::{Scanner, TagValues, jaeger_to_protobuf, json_to_protobuf, zipkin_to_protobuf};
use tailsift_sampler::{DeadLetter, LetterKind, RecordAt, group_of};
use tailsift_trace::{Batch, Interest, Millis, TraceId};
use tracing::warn;

use super::wall_now;
use crate::metrics::PoisonReason;

/// A record as it came from the input.
pub(crate) trait InputRecord {
    /// Its partition, as `Topics` numbers it.
    fn partition(&self) -> i32;
    /// Its offset.
    fn offset(&self) -> i64;
    /// In milliseconds since the Unix epoch, if it has a timestamp.
    fn timestamp_ms(&self) -> Option<i64>;
    /// Its key.
    fn key(&self) -> Option<&[u8]>;
    /// Its value.
    fn value(&self) -> Option<&[u8]>;
    /// Its headers, encoded, in place of what `out` held.
    fn headers(&self, out: &mut Vec<u8>);
}

impl InputRecord for SourceRecord<'_> {
    fn partition(&self) -> i32 {
        self.partition()
    }

    fn offset(&self) -> i64 {
        self.offset()
    }

    fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms()
    }

    fn key(&self) -> Option<&[u8]> {
        self.key()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value()
    }

    fn headers(&self, out: &mut Vec<u8>) {
        self.headers(out);
    }
}

/// What takes records once they are read.
pub(crate) trait Intake {
    /// A record was scanned.
    fn handle_record(&mut self, at: &RecordAt<'_>, batch: &Batch<'_>);

    /// A record cannot be read.
    fn handle_poison(&mut self, at: &RecordAt<'_>, kind: PoisonReason, letter: Option<DeadLetter>);

    /// The record handed in last has spans without a trace ID.
    fn handle_malformed(&mut self, partition: i32, letter: DeadLetter);
}

/// The partition that a trace is to go to.
#[derive(Debug)]
pub(crate) struct Target {
    partitioner: Partitioner,
    partitions: i32,
    /// The trace that was asked for last, and its group: spans of one trace come together.
    last: (TraceId, TraceId),
}

impl Target {
    /// One of so many partitions, at least 1.
    pub(crate) fn new(partitioner: Partitioner, partitions: i32) -> Self {
        let trace = TraceId::default();
        let group = group_of(partitioner.partition(&trace.hex(), partitions));
        Self { partitioner, partitions, last: (trace, group) }
    }

    fn group(&mut self, trace: TraceId) -> TraceId {
        if trace != self.last.0 {
            let partition = self.partitioner.partition(&trace.hex(), self.partitions);
            self.last = (trace, group_of(partition));
        }
        self.last.1
    }
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    OtlpProto,
    OtlpJson,
    JaegerProto,
    ZipkinJson(TagValues),
}

impl Format {
    /// Turns a value into OTLP protobuf, if it is not that already.
    pub(crate) fn convert<'v>(
        self,
        value: &'v [u8],
    ) -> Result<Cow<'v, [u8]>, (PoisonReason, String)> {
        // Nothing is as good as no spans, whoever wrote it.
        if value.is_empty() {
            return Ok(Cow::Borrowed(value));
        }
        let converted = match self {
            Self::OtlpProto => return Ok(Cow::Borrowed(value)),
            Self::OtlpJson => json_to_protobuf(value).map_err(|error| why(&error)),
            Self::JaegerProto => jaeger_to_protobuf(value).map_err(|error| why(&error)),
            Self::ZipkinJson(tags) => zipkin_to_protobuf(value, tags).map_err(|error| why(&error)),
        };
        converted.map(Cow::Owned)
    }
}

impl Format {
    /// Why a value cannot be converted, without the part of it that shows that.
    fn without_content(self, kind: PoisonReason) -> String {
        let format = match self {
            Self::OtlpProto => "OTLP",
            Self::OtlpJson => "OTLP/JSON",
            Self::JaegerProto => "a Jaeger span",
            Self::ZipkinJson(_) => "Zipkin JSON",
        };
        let kind = kind.name();
        format!(
            "not {format}: {kind}; what came is not shown, as there is a redaction: look at the record in its topic"
        )
    }
}

fn why<'e, E: Display>(error: &'e E) -> (PoisonReason, String)
where
    PoisonReason: From<&'e E>,
{
    (PoisonReason::from(error), error.to_string())
}

/// Turns records into what a shard or a re-key stage takes.
pub(crate) struct RecordReader {
    scanner: Scanner,
    /// Where traces are to go, if that is what records are read for.
    target: Option<Target>,
    format: Format,
    keeps_dead_letters: bool,
    /// Nothing of a value may leave but through redaction.
    withholds: bool,
    headers: Vec<u8>,
    wall_now: Millis,
    /// Records with something wrong: the first ten are logged, then ever fewer.
    faults: u64,
}

impl RecordReader {
    pub(crate) fn new(scanner: Scanner, format: Format, keeps_dead_letters: bool) -> Self {
        Self {
            scanner,
            target: None,
            format,
            keeps_dead_letters,
            withholds: false,
            headers: Vec::new(),
            wall_now: wall_now(),
            faults: 0,
        }
    }

    /// Has records shared out by target partition instead of by trace.
    pub(crate) fn with_target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// What cannot be read cannot be redacted either: if `withholds`, dead letters and logs hold
    /// nothing of it.
    pub(crate) fn withholding(mut self, withholds: bool) -> Self {
        self.withholds = withholds;
        self
    }

    /// The same, from now on.
    pub(crate) fn set_withholding(&mut self, withholds: bool) {
        self.withholds = withholds;
    }

    /// Has other attributes read, from the next record on.
    pub(crate) fn set_interest(&mut self, interest: &Interest) {
        self.scanner.set_interest(interest.clone());
    }

    /// Shows what was scanned before, when other attributes were of interest. What nobody had asked
    /// for then was passed over, and may prove unreadable now: false if only the IDs, times and
    /// status of spans are shown.
    pub(crate) fn rescan(&mut self, protobuf: &[u8], take: &mut dyn FnMut(&Batch<'_>)) -> bool {
        if let Ok(batch) = self.scanner.scan(protobuf) {
            take(&batch);
            self.scanner.recycle(batch);
            return true;
        }
        if let Ok(batch) = Scanner::default().scan(protobuf) {
            take(&batch);
        }
        false
    }

    /// The time at which records are read from now on.
    pub(crate) fn set_wall_now(&mut self, now: Millis) {
        self.wall_now = now;
    }

    /// Hands a record in, or why it cannot be read.
    pub(crate) fn handle(&mut self, record: &impl InputRecord, intake: &mut impl Intake) {
        let mut headers = std::mem::take(&mut self.headers);
        record.headers(&mut headers);
        let value = record.value();
        let at = RecordAt {
            partition: record.partition(),
            offset: record.offset(),
            time: record.timestamp_ms().map(Millis),
            wall_now: self.wall_now,
            headers: &headers,
            bytes: value.map_or(0, <[u8]>::len),
        };
        match value {
            None => {
                let reason = "expected a value, got none: a tombstone holds no span".to_owned();
                self.poison(record, &at, PoisonReason::NO_VALUE, reason, intake);
            }
            Some(value) => match self.format.convert(value) {
                Ok(protobuf) => self.scan(record, &at, &protobuf, intake),
                Err((kind, reason)) => {
                    let reason =
                        if self.withholds { self.format.without_content(kind) } else { reason };
                    self.poison(record, &at, kind, reason, intake);
                }
            },
        }
        self.headers = headers;
    }

    fn scan(
        &mut self,
        record: &impl InputRecord,
        at: &RecordAt<'_>,
        payload: &[u8],
        intake: &mut impl Intake,
    ) {
        let scanned = match &mut self.target {
            None => self.scanner.scan(payload),
            Some(target) => self.scanner.scan_in_groups(payload, |trace| target.group(trace)),
        };
        match scanned {
            Ok(batch) => {
                intake.handle_record(at, &batch);
                if batch.malformed > 0 {
                    let reason = format!(
                        "{} spans have no usable trace ID: expected 16 bytes of which one is not zero",
                        batch.malformed
                    );
                    self.warn(at, &reason, "a record has malformed spans");
                    if let Some(letter) = self.letter(record, at, LetterKind::PartlyRead, reason) {
                        intake.handle_malformed(at.partition, letter);
                    }
                }
                self.scanner.recycle(batch);
            }
            Err(error) => {
                let (kind, reason) = why(&error);
                self.poison(record, at, kind, reason, intake);
            }
        }
    }

    /// Logs the first ten faults, then those numbered by powers of two: all are counted.
    fn warn(&mut self, at: &RecordAt<'_>, reason: &str, what: &str) {
        self.faults += 1;
        if self.faults <= 10 || self.faults.is_power_of_two() {
            let RecordAt { partition, offset, .. } = *at;
            warn!(partition, offset, reason, faults = self.faults, "{what}");
        }
    }

    fn poison(
        &mut self,
        record: &impl InputRecord,
        at: &RecordAt<'_>,
        kind: PoisonReason,
        reason: String,
        intake: &mut impl Intake,
    ) {
        self.warn(at, &reason, "a record cannot be read");
        let letter = self.letter(record, at, LetterKind::Record, reason);
        intake.handle_poison(at, kind, letter);
    }

    fn letter(
        &self,
        record: &impl InputRecord,
        at: &RecordAt<'_>,
        kind: LetterKind,
        reason: String,
    ) -> Option<DeadLetter> {
        self.keeps_dead_letters.then(|| DeadLetter {
            kind,
            offset: at.offset,
            time: at.time,
            reason,
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().filter(|_| !self.withholds).map(<[u8]>::to_vec),
            withheld: record.value().filter(|_| self.withholds).map(<[u8]>::len),
            headers: at.headers.into(),
        })
    }
}

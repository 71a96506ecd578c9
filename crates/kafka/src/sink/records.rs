//! An epoch's exports, dead letters and verdicts as Kafka records.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tailsift_sampler::{CloseReason, DeadLetter, Epoch, Export, Moved, Part, Partial};
use tailsift_trace::{Millis, decode_headers};

use super::SinkSettings;
use crate::dead_letters::{KIND, LEFT_OUT, OFFSET, PARTITION, REASON, TOPIC};
use crate::decision_log::{EncodedSlice, encode_batch};

/// The most bytes of a record of the decision log: brokers take 1 MiB unless told otherwise.
pub(super) const BATCH_BYTES_MAX: usize = 900_000;

/// A record on its way out.
pub(super) struct OutgoingRecord<'a> {
    pub(super) topic: &'a str,
    /// It is a kept trace, or late spans of one.
    pub(super) is_export: bool,
    /// Where it must go; `None` leaves it to the key.
    pub(super) partition: Option<i32>,
    /// 0, or one more than the input partition whose batch begins with it.
    pub(super) reports: usize,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) time: Option<Millis>,
    pub(super) headers: Vec<OutgoingHeader<'a>>,
}

/// A header's name and value.
pub(super) type OutgoingHeader<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// Which records of an epoch are handed over at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// All.
    All,
    /// Exports and dead letters.
    Exports,
    /// Verdicts, once those are acknowledged.
    Verdicts,
}

/// The verdicts of an epoch, encoded once, by partition.
pub(super) struct Batches(BTreeMap<i32, Vec<EncodedSlice>>);

impl Batches {
    pub(super) fn new(settings: &SinkSettings, epoch: &Epoch) -> Self {
        let names = settings.policy_names.lock();
        let SinkSettings { writer, scope, config, .. } = *settings;
        let parts = epoch.parts.iter().filter(|part| part.has_batch);
        let encoded = parts.map(|part| {
            // Without transactions an earlier assignment may have left some slices of a batch of
            // this number in the log, or be about to: the two must not be taken for one.
            let writer = writer.wrapping_add(part.assignment);
            let slices = encode_batch(part, writer, scope, config, &names, BATCH_BYTES_MAX);
            (part.partition, slices)
        });
        Self(encoded.collect())
    }

    /// Bytes of what an epoch, or the parts that are left of it, wrote.
    pub(super) fn bytes(&self, epoch: &Epoch) -> u64 {
        let slices = epoch.parts.iter().filter_map(|part| self.0.get(&part.partition)).flatten();
        slices.map(|slice| (slice.key.len() + slice.value.len()) as u64).sum()
    }

    fn slice(&self, part: &Part, index: usize) -> Option<&EncodedSlice> {
        self.0.get(&part.partition).filter(|_| part.has_batch)?.get(index)
    }
}

/// How far an epoch has been handed to the producer: the first record of each part, then the second
/// of each, so that all partitions get something to write at once.
pub(super) struct Cursor {
    stage: Stage,
    moved: usize,
    round: usize,
    part: usize,
    /// A part had a record in this round.
    any: bool,
    key: [u8; 32],
}

impl Cursor {
    pub(super) fn new(stage: Stage) -> Self {
        Self { stage, moved: 0, round: 0, part: 0, any: false, key: [0; 32] }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// The next record to send; [`advance`](Self::advance) once it is.
    pub(super) fn next<'a>(
        &'a mut self,
        settings: &'a SinkSettings,
        epoch: &'a Epoch,
        batches: &'a Batches,
    ) -> Option<OutgoingRecord<'a>> {
        if self.stage != Stage::Verdicts
            && let Some(moved) = epoch.moved.get(self.moved)
        {
            return Some(moved_record(settings, moved));
        }
        self.moved = epoch.moved.len();
        loop {
            let Some(part) = epoch.parts.get(self.part) else {
                if !std::mem::take(&mut self.any) {
                    return None;
                }
                self.round += 1;
                self.part = 0;
                continue;
            };
            let mut index = self.round;
            if self.stage != Stage::Verdicts {
                if let Some(export) = part.exports.get(index) {
                    self.any = true;
                    self.key = export.trace_id.hex();
                    return Some(export_record(settings, export, &self.key));
                }
                index -= part.exports.len();
                if let Some(topic) = &settings.dead_letter_topic {
                    if let Some(letter) = part.dead_letters.get(index) {
                        self.any = true;
                        return Some(letter_record(settings, topic, part, letter));
                    }
                    index -= part.dead_letters.len();
                }
            }
            let batch = batches.slice(part, index).filter(|_| self.stage != Stage::Exports);
            if let Some(slice) = batch {
                self.any = true;
                return Some(batch_record(settings, part, slice, index));
            }
            self.part += 1;
        }
    }

    /// The record is sent.
    pub(super) fn advance(&mut self, epoch: &Epoch) {
        if self.moved < epoch.moved.len() {
            self.moved += 1;
        } else {
            self.part += 1;
        }
    }
}

fn moved_record<'a>(settings: &'a SinkSettings, moved: &'a Moved) -> OutgoingRecord<'a> {
    OutgoingRecord {
        topic: &settings.export_topic,
        is_export: true,
        partition: Some(moved.partition),
        reports: 0,
        key: None,
        value: Some(&moved.payload),
        time: moved.time,
        headers: copied(&moved.headers).collect(),
    }
}

fn batch_record<'a>(
    settings: &'a SinkSettings,
    part: &Part,
    slice: &'a EncodedSlice,
    index: usize,
) -> OutgoingRecord<'a> {
    let reports = usize::try_from(part.partition).map_or(0, |partition| partition + 1);
    OutgoingRecord {
        topic: &settings.decisions_topic,
        is_export: false,
        partition: Some(part.checkpoint.log_partition),
        reports: if index == 0 { reports } else { 0 },
        key: Some(&slice.key),
        value: Some(&slice.value),
        time: None,
        headers: Vec::new(),
    }
}

fn export_record<'a>(
    settings: &'a SinkSettings,
    export: &'a Export,
    key: &'a [u8],
) -> OutgoingRecord<'a> {
    let decision = &export.decision;
    let policy = decision.policy.and_then(|policy| settings.policy_names.name(policy));
    let mut headers = Vec::with_capacity(7);
    let mut add =
        |name: &'static str, value: Cow<'a, [u8]>| headers.push((Cow::Borrowed(name), Some(value)));
    let policy = policy.map_or_else(Vec::new, |name| name.as_bytes().to_vec());
    add("tailsift.policy", Cow::Owned(policy));
    add("tailsift.close_reason", Cow::Borrowed(decision.close_reason.name().as_bytes()));
    add("tailsift.config", Cow::Borrowed(settings.fingerprint.as_bytes()));
    if let Some(threshold) = decision.chance.threshold() {
        add("tailsift.threshold", Cow::Owned(threshold.to_string().into_bytes()));
    }
    let partial = match export.turned {
        // All its records were asked for again, also those that came after it had been closed.
        Some(turned) => turned.partial.map(Partial::name),
        None => Some(decision.close_reason).filter(|why| why.is_partial()).map(CloseReason::name),
    };
    if let Some(reason) = partial {
        add("tailsift.partial", Cow::Borrowed(reason.as_bytes()));
    }
    if let Some(turned) = export.turned {
        let by = turned.by.map_or_else(Vec::new, |by| by.to_string().into_bytes());
        add("tailsift.turned_by", Cow::Owned(by));
    }
    headers.extend(copied(&export.headers));
    OutgoingRecord {
        topic: &settings.export_topic,
        is_export: true,
        partition: None,
        reports: 0,
        key: Some(key),
        value: Some(&export.payload),
        time: Some(export.time),
        headers,
    }
}

/// The record as it came, and where it came from. What does not fit is left out and said so:
/// the value first, then the headers, then the key; and so is a value that is withheld.
fn letter_record<'a>(
    settings: &'a SinkSettings,
    topic: &'a str,
    part: &'a Part,
    letter: &'a DeadLetter,
) -> OutgoingRecord<'a> {
    let mut room = settings.max_message_bytes.saturating_sub(LETTER_BYTES);
    let mut left_out = Vec::new();
    let mut fits = |what: &str, bytes: usize| {
        let fits = bytes <= room;
        if fits {
            room -= bytes;
        } else {
            left_out.push(format!("{what} of {bytes} bytes"));
        }
        fits
    };
    let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let has_key = fits("key", len(&letter.key));
    let has_headers = fits("headers", letter.headers.len());
    let has_value = fits("value", len(&letter.value));
    left_out.extend(letter.withheld.map(|bytes| format!("value of {bytes} bytes, for redaction")));

    let mut headers: Vec<_> =
        if has_headers { copied(&letter.headers).collect() } else { Vec::new() };
    let mut add = |name: &'static str, value: Cow<'a, [u8]>| {
        headers.push((Cow::Borrowed(name), Some(value)));
    };
    let reason = letter.reason.as_bytes();
    let (origin, partition) = settings.input_topics.place(part.partition);
    add(TOPIC, Cow::Owned(origin.as_bytes().to_vec()));
    add(PARTITION, Cow::Owned(partition.to_string().into_bytes()));
    add(OFFSET, Cow::Owned(letter.offset.to_string().into_bytes()));
    add(KIND, Cow::Borrowed(letter.kind.name().as_bytes()));
    add(REASON, Cow::Borrowed(&reason[..reason.len().min(REASON_BYTES_MAX)]));
    if !left_out.is_empty() {
        add(LEFT_OUT, Cow::Owned(left_out.join(", ").into_bytes()));
    }
    OutgoingRecord {
        topic,
        is_export: false,
        partition: None,
        reports: 0,
        key: letter.key.as_deref().filter(|_| has_key),
        value: letter.value.as_deref().filter(|_| has_value),
        time: letter.time,
        headers,
    }
}

/// The most bytes of a reason.
const REASON_BYTES_MAX: usize = 2048;
/// Room for our own headers and the record's framing.
const LETTER_BYTES: usize = REASON_BYTES_MAX + 1024;

fn copied(headers: &[u8]) -> impl Iterator<Item = OutgoingHeader<'_>> {
    decode_headers(headers)
        .map(|(name, value)| (String::from_utf8_lossy(name), value.map(Cow::Borrowed)))
}

#[cfg(test)]
mod tests;

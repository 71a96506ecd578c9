//! An epoch's exports and dead letters as Kafka records.

use std::borrow::Cow;

use tailsift_sampler::{DeadLetter, Epoch, Export, Part};
use tailsift_trace::{Millis, decode_headers};

use super::SinkSettings;

/// A record on its way out.
pub(super) struct OutgoingRecord<'a> {
    pub(super) topic: &'a str,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) time: Option<Millis>,
    pub(super) headers: Vec<OutgoingHeader<'a>>,
}

/// A header's name and value.
pub(super) type OutgoingHeader<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// How far an epoch has been handed to the producer.
#[derive(Default)]
pub(super) struct Cursor {
    part: usize,
    record: usize,
    key: [u8; 32],
}

impl Cursor {
    /// The next record to send; [`advance`](Self::advance) once it is.
    pub(super) fn next<'a>(
        &'a mut self,
        settings: &'a SinkSettings,
        epoch: &'a Epoch,
    ) -> Option<OutgoingRecord<'a>> {
        loop {
            let part = epoch.parts.get(self.part)?;
            if let Some(export) = part.exports.get(self.record) {
                self.key = export.trace_id.hex();
                return Some(export_record(settings, export, &self.key));
            }
            let letter = part.dead_letters.get(self.record - part.exports.len());
            if let (Some(letter), Some(topic)) = (letter, &settings.dead_letter_topic) {
                return Some(letter_record(settings, topic, part, letter));
            }
            self.part += 1;
            self.record = 0;
        }
    }

    pub(super) fn advance(&mut self) {
        self.record += 1;
    }
}

fn export_record<'a>(
    settings: &'a SinkSettings,
    export: &'a Export,
    key: &'a [u8],
) -> OutgoingRecord<'a> {
    let decision = &export.decision;
    let policy = decision.policy.and_then(|policy| settings.policy_names.get(usize::from(policy)));
    let mut headers = Vec::with_capacity(6);
    let mut add =
        |name: &'static str, value: Cow<'a, [u8]>| headers.push((Cow::Borrowed(name), Some(value)));
    add("tailsift.policy", Cow::Borrowed(policy.map_or(b"", |name| name.as_bytes())));
    add("tailsift.close_reason", Cow::Borrowed(decision.close_reason.name().as_bytes()));
    add("tailsift.config", Cow::Borrowed(settings.fingerprint.as_bytes()));
    if let Some(threshold) = decision.threshold {
        add("tailsift.threshold", Cow::Owned(threshold.to_string().into_bytes()));
    }
    if decision.close_reason.is_partial() {
        add("tailsift.partial", Cow::Borrowed(decision.close_reason.name().as_bytes()));
    }
    headers.extend(copied(&export.headers));
    OutgoingRecord {
        topic: &settings.export_topic,
        key: Some(key),
        value: Some(&export.payload),
        time: Some(export.time),
        headers,
    }
}

/// The record as it came, and where it came from. What does not fit is left out and said so:
/// the value first, then the headers, then the key.
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

    let mut headers: Vec<_> =
        if has_headers { copied(&letter.headers).collect() } else { Vec::new() };
    let mut add = |name: &'static str, value: Cow<'a, [u8]>| {
        headers.push((Cow::Borrowed(name), Some(value)));
    };
    let reason = letter.reason.as_bytes();
    add("tailsift.topic", Cow::Borrowed(settings.input_topic.as_bytes()));
    add("tailsift.partition", Cow::Owned(part.partition.to_string().into_bytes()));
    add("tailsift.offset", Cow::Owned(letter.offset.to_string().into_bytes()));
    add("tailsift.reason", Cow::Borrowed(&reason[..reason.len().min(REASON_BYTES_MAX)]));
    if !left_out.is_empty() {
        add("tailsift.left_out", Cow::Owned(left_out.join(", ").into_bytes()));
    }
    OutgoingRecord {
        topic,
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

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

/// The record as it came, and where it came from. A value that would not fit is left out.
fn letter_record<'a>(
    settings: &'a SinkSettings,
    topic: &'a str,
    part: &'a Part,
    letter: &'a DeadLetter,
) -> OutgoingRecord<'a> {
    let fits = letter.bytes() <= settings.max_message_bytes;
    let mut headers: Vec<_> = copied(&letter.headers).collect();
    let mut add =
        |name: &'static str, value: Cow<'a, [u8]>| headers.push((Cow::Borrowed(name), Some(value)));
    add("tailsift.topic", Cow::Borrowed(settings.input_topic.as_bytes()));
    add("tailsift.partition", Cow::Owned(part.partition.to_string().into_bytes()));
    add("tailsift.offset", Cow::Owned(letter.offset.to_string().into_bytes()));
    add("tailsift.reason", Cow::Borrowed(letter.reason.as_bytes()));
    if !fits {
        let size = letter.value.as_ref().map_or(0, Vec::len);
        add("tailsift.value_left_out", Cow::Owned(format!("{size} bytes").into_bytes()));
    }
    OutgoingRecord {
        topic,
        key: letter.key.as_deref(),
        value: letter.value.as_deref().filter(|_| fits),
        time: letter.time,
        headers,
    }
}

fn copied(headers: &[u8]) -> impl Iterator<Item = OutgoingHeader<'_>> {
    decode_headers(headers)
        .map(|(name, value)| (String::from_utf8_lossy(name), value.map(Cow::Borrowed)))
}

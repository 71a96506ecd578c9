//! From a part to records of the decision log.

use std::collections::BTreeMap;

use prost::Message;
use tailsift_sampler::{
    Chance, CloseReason, Entry, EntryKind, Facts, Part, Partial, Sources, Turned, Verdict,
};
use tailsift_trace::Millis;

use super::key::batch_key;
use super::{PolicyNames, VERSION, wire};

/// A record of the decision log: one slice of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSlice {
    /// Whose it is ([`parse_batch_key`](crate::parse_batch_key)).
    pub key: Vec<u8>,
    /// A `DecisionBatch` of `schemas/decisions.proto`.
    pub value: Vec<u8>,
}

/// The part's batch as records, in the order of their slices: at least one, whose values have at
/// most `max_bytes`, unless a single entry needs more.
///
/// Policies are recorded by name. A place beyond `names` is recorded as no policy.
pub fn encode_batch(
    part: &Part,
    writer: u64,
    scope: u64,
    config: u64,
    names: &PolicyNames,
    max_bytes: usize,
) -> Vec<EncodedSlice> {
    let base_expiry = part.entries.iter().map(|entry| entry.expiry).min().unwrap_or_default();
    let head = wire::DecisionBatch {
        version: VERSION,
        scope,
        incarnation: part.checkpoint.incarnation,
        partition: part.partition,
        sequence: part.checkpoint.sequence,
        log_partition: part.checkpoint.log_partition,
        writer,
        // The longest that they can get.
        slice: u32::MAX,
        slices: u32::MAX,
        commit_offset: part.commit_offset,
        read_to: part.next_offset,
        stream_time: part.commit_stream_time.map(|time| time.0),
        read_stream_time: part.next_stream_time.map(|time| time.0),
        config,
        entries: Vec::new(),
        base_expiry: base_expiry.0,
        policies: Vec::new(),
    };
    let slices = cut(part, base_expiry, names, max_bytes.saturating_sub(head.encoded_len()));
    let count = slices.len() as u32;
    let key = batch_key(scope, part.partition);
    let numbered = (0..count).zip(slices);
    let encoded = numbered.map(|(slice, Slice { policies, entries, .. })| {
        let batch = wire::DecisionBatch { slice, slices: count, entries, policies, ..head.clone() };
        EncodedSlice { key: key.clone().into_bytes(), value: batch.encode_to_vec() }
    });
    encoded.collect()
}

/// The part's entries in slices of at most `bytes_max`, but of at least one entry.
fn cut<'a>(
    part: &Part,
    base_expiry: Millis,
    names: &'a PolicyNames,
    bytes_max: usize,
) -> Vec<Slice<'a>> {
    let mut full = Vec::new();
    let mut slice = Slice::default();
    for entry in &part.entries {
        let message = message(entry, part.next_offset, base_expiry);
        let policy = entry.decision.policy;
        let name = policy.and_then(|policy| names.name(policy));
        debug_assert_eq!(name.is_some(), policy.is_some(), "{policy:?} has no name");
        if !slice.entries.is_empty() && slice.bytes_with(&message, name) > bytes_max {
            full.push(std::mem::take(&mut slice));
        }
        slice.push(message, name);
    }
    full.push(slice);
    full
}

/// A slice while it fills.
#[derive(Default)]
struct Slice<'a> {
    policies: Vec<String>,
    /// Of the policies' names, from 1.
    places: BTreeMap<&'a str, u32>,
    entries: Vec<wire::Entry>,
    bytes: usize,
}

impl<'a> Slice<'a> {
    /// Of a place among the policies: they are at most 65,536.
    const PLACE_BYTES_MAX: usize = 4;

    /// Bytes at most once the entry is in, without the head.
    fn bytes_with(&self, entry: &wire::Entry, policy: Option<&str>) -> usize {
        let name = match policy {
            Some(name) if self.places.contains_key(name) => Self::PLACE_BYTES_MAX,
            Some(name) => Self::PLACE_BYTES_MAX + framed(name.len()),
            None => 0,
        };
        self.bytes + framed(entry.encoded_len()) + name
    }

    fn push(&mut self, mut entry: wire::Entry, policy: Option<&'a str>) {
        self.bytes = self.bytes_with(&entry, policy);
        if let Some(name) = policy {
            let next = self.places.len() as u32 + 1;
            entry.policy = *self.places.entry(name).or_insert(next);
            if entry.policy == next {
                self.policies.push(name.to_owned());
            }
        }
        self.entries.push(entry);
    }
}

/// Bytes at most of a field of `bytes` within a batch: its tag, its length, itself.
fn framed(bytes: usize) -> usize {
    const TAG_BYTES_MAX: usize = 2;
    // The place of the policy is not in an entry's bytes yet and may lengthen its length.
    const LENGTH_MARGIN: usize = 1;
    TAG_BYTES_MAX + prost::length_delimiter_len(bytes) + LENGTH_MARGIN + bytes
}

/// The entry without its policy, whose place its slice knows.
fn message(entry: &Entry, read_to: i64, base_expiry: Millis) -> wire::Entry {
    let decision = entry.decision;
    let kind = match entry.kind {
        EntryKind::Decide => wire::EntryKind::Decide,
        EntryKind::Late => wire::EntryKind::Late,
        EntryKind::Turn => wire::EntryKind::Turn,
    };
    let verdict = match decision.verdict {
        Verdict::Drop => wire::Verdict::Drop,
        Verdict::Keep => wire::Verdict::Keep,
    };
    wire::Entry {
        trace_id: entry.trace_id.0.to_vec(),
        kind: kind.into(),
        verdict: verdict.into(),
        close_reason: close_reason(decision.close_reason).into(),
        policy: 0,
        threshold: decision.chance.threshold().map(|threshold| threshold.0),
        chance_unknown: decision.chance == Chance::Unknown,
        through_back: read_to.wrapping_sub(entry.through),
        expiry_after: entry.expiry.0.wrapping_sub(base_expiry.0).cast_unsigned(),
        facts: entry.facts.as_ref().map(facts),
        sources: entry.sources.as_ref().map(|sources| sources.as_bytes().to_vec()),
        sources_capped: entry
            .sources
            .as_ref()
            .is_some_and(|sources| !Sources::is_complete(sources)),
        source_bytes: entry.source_bytes,
        may_turn: entry.may_turn,
        turned: entry.turned.map(turned),
        missing: entry.missing.as_ref().map(|missing| missing.as_bytes().to_vec()),
    }
}

fn turned(turned: Turned) -> wire::Turned {
    let partial = match turned.partial {
        None => wire::Partial::None,
        Some(Partial::Budget) => wire::Partial::Budget,
        Some(Partial::Memory) => wire::Partial::Memory,
        Some(Partial::Gone) => wire::Partial::Gone,
        Some(Partial::Timeout) => wire::Partial::Timeout,
        // A reader that does not know of `missing_below` would refuse a reason that it does not know.
        Some(Partial::SourcesCapped | Partial::Forgotten) => wire::Partial::SourcesCapped,
    };
    wire::Turned {
        by: turned.by.map(|by| by.0.to_vec()),
        partial: partial.into(),
        missing_below: turned.missing_below,
    }
}

fn close_reason(reason: CloseReason) -> wire::CloseReason {
    match reason {
        CloseReason::Complete => wire::CloseReason::Complete,
        CloseReason::RootWait => wire::CloseReason::RootWait,
        CloseReason::DecisionWait => wire::CloseReason::DecisionWait,
        CloseReason::SpanLimit => wire::CloseReason::SpanLimit,
        CloseReason::ByteLimit => wire::CloseReason::ByteLimit,
        CloseReason::MemoryLimit => wire::CloseReason::MemoryLimit,
        CloseReason::TooLarge => wire::CloseReason::TooLarge,
        CloseReason::Drain => wire::CloseReason::Drain,
    }
}

fn facts(facts: &Facts) -> wire::Facts {
    wire::Facts {
        spans: facts.spans,
        root_seen: facts.root_seen,
        start: facts.start.0,
        length: facts.end.0.wrapping_sub(facts.start.0).cast_signed(),
        randomness: facts.randomness,
        words: facts.words().to_vec(),
    }
}

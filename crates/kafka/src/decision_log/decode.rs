//! From a record of the decision log to what it says.

use std::fmt::Display;

use prost::Message;
use tailsift_sampler::{
    Chance, Checkpoint, CloseReason, Decision, DecisionBatch, Entry, EntryKind, Facts, Partial,
    Sources, Threshold, Turned, Verdict,
};
use tailsift_trace::{Millis, SpanId, TraceId, UnixNano};

use super::{DecisionLogError, PolicyNames, VERSION, wire};

/// Reads the value of a record of the decision log. Names of policies that are not in `names` are
/// appended; if it is full, an entry has no policy.
///
/// Facts are left out if the batch was judged by other policies than those of the fingerprint
/// `config`: what they noted would mean something else now. Nor may their drops be turned.
///
/// # Errors
/// If it is not protobuf, of an unknown version, or a field says what cannot be.
pub fn decode_batch(
    value: &[u8],
    names: &mut PolicyNames,
    config: u64,
) -> Result<DecisionBatch, DecisionLogError> {
    let Versioned { version } = message(value)?;
    if version != VERSION {
        return Err(DecisionLogError::UnknownVersion { version });
    }
    let batch: wire::DecisionBatch = message(value)?;
    if batch.slice >= batch.slices {
        let slices = batch.slices;
        return Err(field("slice", format!("a number below slices ({slices})"), batch.slice));
    }
    let reader = EntryReader {
        read_to: not_negative("read_to", batch.read_to)?,
        base_expiry: batch.base_expiry,
        policies: batch.policies.iter().map(|name| names.intern(name)).collect(),
        takes_facts: batch.config == config,
    };
    let entries = batch.entries.into_iter().enumerate();
    Ok(DecisionBatch {
        scope: batch.scope,
        partition: not_negative("partition", batch.partition)?,
        checkpoint: Checkpoint {
            incarnation: batch.incarnation,
            sequence: batch.sequence,
            log_partition: not_negative("log_partition", batch.log_partition)?,
        },
        writer: batch.writer,
        slice: batch.slice,
        slices: batch.slices,
        commit_offset: not_negative("commit_offset", batch.commit_offset)?,
        read_to: reader.read_to,
        stream_time: batch.stream_time.map(Millis),
        read_stream_time: batch.read_stream_time.map(Millis),
        config: batch.config,
        entries: entries
            .map(|(index, entry)| reader.read(index, entry))
            .collect::<Result<_, _>>()?,
    })
}

/// What every version of a batch begins with.
#[derive(Clone, PartialEq, prost::Message)]
struct Versioned {
    #[prost(uint32, tag = "1")]
    version: u32,
}

fn message<M: Message + Default>(value: &[u8]) -> Result<M, DecisionLogError> {
    M::decode(value).map_err(|error| DecisionLogError::NotProtobuf {
        bytes: value.len(),
        reason: error.to_string(),
    })
}

fn field(
    field: impl Into<String>,
    expected: impl Into<String>,
    got: impl Display,
) -> DecisionLogError {
    DecisionLogError::Field { field: field.into(), expected: expected.into(), got: got.to_string() }
}

fn not_negative<N: Display + Default + PartialOrd>(
    name: &str,
    number: N,
) -> Result<N, DecisionLogError> {
    if number < N::default() {
        return Err(field(name, "0 or more", number));
    }
    Ok(number)
}

/// Reads the entries of one slice.
struct EntryReader {
    read_to: i64,
    base_expiry: i64,
    policies: Vec<Option<u16>>,
    takes_facts: bool,
}

impl EntryReader {
    fn read(&self, index: usize, entry: wire::Entry) -> Result<Entry, DecisionLogError> {
        let wrong = |name: &str, expected: &str, got: &dyn Display| {
            field(format!("entries[{index}].{name}"), expected, got)
        };
        let trace_id = TraceId::from_wire(&entry.trace_id)
            .ok_or_else(|| wrong("trace_id", "16 bytes, not all zero", &shown(&entry.trace_id)))?;
        let kind =
            kind(entry.kind).ok_or_else(|| wrong("kind", "a known kind of entry", &entry.kind))?;
        let verdict = verdict(entry.verdict)
            .ok_or_else(|| wrong("verdict", "a known verdict", &entry.verdict))?;
        let close_reason = close_reason(entry.close_reason)
            .ok_or_else(|| wrong("close_reason", "a known reason", &entry.close_reason))?;
        let policy = self
            .policy(entry.policy)
            .ok_or_else(|| wrong("policy", "0 or a place in policies", &entry.policy))?;
        let through = self.read_to.checked_sub(entry.through_back).filter(|offset| *offset >= 0);
        let through = through.ok_or_else(|| {
            wrong("through_back", "a distance from read_to to an offset", &entry.through_back)
        })?;
        let expiry =
            self.base_expiry.checked_add_unsigned(entry.expiry_after).ok_or_else(|| {
                wrong("expiry_after", "milliseconds from base_expiry on", &entry.expiry_after)
            })?;
        let offsets = |name: &str, bytes: Option<&Vec<u8>>, is_complete: bool| match bytes {
            None => Ok(None),
            Some(bytes) => Sources::from_bytes(bytes, is_complete)
                .ok_or_else(|| wrong(name, "LEB128 offsets", &shown(bytes)))
                .map(Some),
        };
        let sources = offsets("sources", entry.sources.as_ref(), !entry.sources_capped)?;
        let missing = offsets("missing", entry.missing.as_ref(), true)?;
        let turned = match &entry.turned {
            None => None,
            Some(message) => Some(turned(message).map_err(|(name, expected, got)| {
                wrong(&format!("turned.{name}"), expected, &got)
            })?),
        };
        Ok(Entry {
            trace_id,
            kind,
            decision: Decision {
                verdict,
                policy,
                close_reason,
                chance: match entry.threshold {
                    Some(threshold) => Chance::Threshold(Threshold(threshold)),
                    None if entry.chance_unknown => Chance::Unknown,
                    None => Chance::None,
                },
            },
            through,
            expiry: Millis(expiry),
            facts: entry.facts.filter(|_| self.takes_facts).map(|message| facts(&message)),
            sources,
            source_bytes: entry.source_bytes,
            may_turn: entry.may_turn && self.takes_facts,
            turned,
            missing,
        })
    }

    /// The policy at a place, if it has one and the table of names took it; `None` if there is no
    /// such place.
    fn policy(&self, place: u32) -> Option<Option<u16>> {
        match place.checked_sub(1) {
            None => Some(None),
            Some(index) => self.policies.get(usize::try_from(index).ok()?).copied(),
        }
    }
}

fn kind(number: i32) -> Option<EntryKind> {
    Some(match wire::EntryKind::try_from(number).ok()? {
        wire::EntryKind::Decide => EntryKind::Decide,
        wire::EntryKind::Late => EntryKind::Late,
        wire::EntryKind::Turn => EntryKind::Turn,
    })
}

fn verdict(number: i32) -> Option<Verdict> {
    Some(match wire::Verdict::try_from(number).ok()? {
        wire::Verdict::Drop => Verdict::Drop,
        wire::Verdict::Keep => Verdict::Keep,
    })
}

fn close_reason(number: i32) -> Option<CloseReason> {
    Some(match wire::CloseReason::try_from(number).ok()? {
        wire::CloseReason::Unspecified => return None,
        wire::CloseReason::Complete => CloseReason::Complete,
        wire::CloseReason::RootWait => CloseReason::RootWait,
        wire::CloseReason::DecisionWait => CloseReason::DecisionWait,
        wire::CloseReason::SpanLimit => CloseReason::SpanLimit,
        wire::CloseReason::ByteLimit => CloseReason::ByteLimit,
        wire::CloseReason::MemoryLimit => CloseReason::MemoryLimit,
        wire::CloseReason::TooLarge => CloseReason::TooLarge,
        wire::CloseReason::Drain => CloseReason::Drain,
    })
}

/// The field that is wrong, what it may be, and what it is.
fn turned(message: &wire::Turned) -> Result<Turned, (&'static str, &'static str, String)> {
    let by = match &message.by {
        None => None,
        Some(bytes) => Some(
            SpanId::from_wire(bytes)
                .ok_or_else(|| ("by", "8 bytes, not all zero", shown(bytes)))?,
        ),
    };
    let partial = wire::Partial::try_from(message.partial)
        .map_err(|_| ("partial", "a known reason", message.partial.to_string()))?;
    let partial = match partial {
        wire::Partial::None => None,
        wire::Partial::Budget => Some(Partial::Budget),
        wire::Partial::Memory => Some(Partial::Memory),
        wire::Partial::Gone => Some(Partial::Gone),
        wire::Partial::Timeout => Some(Partial::Timeout),
        wire::Partial::SourcesCapped if message.missing_below.is_some() => Some(Partial::Forgotten),
        wire::Partial::SourcesCapped => Some(Partial::SourcesCapped),
    };
    let missing_below = message.missing_below.filter(|_| partial == Some(Partial::Forgotten));
    if let Some(offset @ ..0) = missing_below {
        return Err(("missing_below", "0 or more", offset.to_string()));
    }
    Ok(Turned { by, partial, missing_below })
}

fn facts(message: &wire::Facts) -> Facts {
    let mut facts = Facts::default().with_words(&message.words);
    facts.spans = message.spans;
    facts.root_seen = message.root_seen;
    facts.start = UnixNano(message.start);
    facts.end = UnixNano(message.start.wrapping_add_signed(message.length));
    facts.randomness = message.randomness;
    facts
}

/// Bytes for an error: their number, and the first in hex.
fn shown(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > 32 { "…" } else { "" };
    format!("{} bytes ({hex}{more})", bytes.len())
}

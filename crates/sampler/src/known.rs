//! What is kept of a dropped trace, so that late spans can be judged with the rest.

use tailsift_policy::Facts;
use tailsift_trace::UnixNano;

use crate::Sources;
use crate::sources::{number, put_number};

/// Facts and sources as a few bytes: most dropped traces never get another span, and a million of
/// them are remembered.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Known(Box<[u8]>);

/// The same to work with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Read {
    /// Without kin.
    pub(crate) facts: Facts,
    pub(crate) sources: Sources,
    /// Bytes of the sources' values.
    pub(crate) source_bytes: u64,
}

const ROOT_SEEN: u8 = 1;
const HAS_RANDOMNESS: u8 = 2;
const HAS_SIZES: u8 = 4;
const SOURCES_CAPPED: u8 = 8;

impl Known {
    /// Keeps the facts, but for kin, and the sources.
    pub(crate) fn new(Read { facts, sources, source_bytes }: &Read) -> Self {
        let has_sizes = facts.bytes > 0 || facts.framed_bytes > 0;
        let mut flags = 0;
        for (flag, is_set) in [
            (ROOT_SEEN, facts.root_seen),
            (HAS_RANDOMNESS, facts.randomness.is_some()),
            (HAS_SIZES, has_sizes),
            (SOURCES_CAPPED, !sources.is_complete()),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        let mut out = Vec::with_capacity(64);
        out.push(flags);
        out.extend_from_slice(&facts.start.0.to_le_bytes());
        put_number(facts.end.0.wrapping_sub(facts.start.0), &mut out);
        put_number(u64::from(facts.spans), &mut out);
        if let Some(randomness) = facts.randomness {
            put_number(randomness, &mut out);
        }
        if has_sizes {
            put_number(u64::from(facts.bytes), &mut out);
            put_number(u64::from(facts.framed_bytes), &mut out);
        }
        put_number(*source_bytes, &mut out);
        let words = facts.words();
        put_number(words.len() as u64, &mut out);
        words.iter().for_each(|word| put_number(*word, &mut out));
        out.extend_from_slice(sources.as_bytes());
        Self(out.into())
    }

    pub(crate) fn read(&self) -> Read {
        self.try_read().expect("these bytes were written by `new`")
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.len()
    }

    fn try_read(&self) -> Option<Read> {
        let (flags, rest) = self.0.split_first()?;
        let (start, mut rest) = rest.split_first_chunk()?;
        let has = |flag: u8| flags & flag != 0;
        let start = u64::from_le_bytes(*start);
        let end = start.wrapping_add(number(&mut rest)?);
        let spans = u32::try_from(number(&mut rest)?).ok()?;
        let randomness = if has(HAS_RANDOMNESS) { Some(number(&mut rest)?) } else { None };
        let mut size = || match has(HAS_SIZES) {
            true => u32::try_from(number(&mut rest)?).ok(),
            false => Some(0),
        };
        let (bytes, framed_bytes) = (size()?, size()?);
        let source_bytes = number(&mut rest)?;
        let words = (0..number(&mut rest)?).map(|_| number(&mut rest));
        let words = words.collect::<Option<Vec<u64>>>()?;
        let mut facts = Facts::default().with_words(&words);
        (facts.spans, facts.bytes, facts.framed_bytes) = (spans, bytes, framed_bytes);
        (facts.start, facts.end) = (UnixNano(start), UnixNano(end));
        (facts.root_seen, facts.randomness) = (has(ROOT_SEEN), randomness);
        let sources = Sources::from_bytes(rest, !has(SOURCES_CAPPED))?;
        Some(Read { facts, sources, source_bytes })
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.read().fmt(f)
    }
}

#[cfg(test)]
mod tests;

//! `trace_state`: a span's W3C tracestate has a member of one of these values.

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

/// The most members of a header (W3C Trace Context, 3.3.1.1).
const MEMBERS_MAX: usize = 32;

/// From this length on, key and value together, the Collector ignores what is configured.
const MEMBER_BYTES_MAX: usize = 256;

/// Any span's W3C tracestate has a member of this key with one of these values, exact.
///
/// A header that breaks the W3C rules (a bad member, a repeated key, more than 32 members) has no
/// members at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceState {
    /// The member's key.
    pub key: String,
    /// Its values; empty ones, and those of 256 bytes or more together with the key, never match:
    /// natively they are refused.
    pub values: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    key: Box<[u8]>,
    values: Vec<Box<[u8]>>,
    hit: Bit,
}

impl TraceState {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.trace_state");
        let can_match =
            |value: &str| !value.is_empty() && self.key.len() + value.len() < MEMBER_BYTES_MAX;
        if !compiler.collector() {
            if !is_key(self.key.as_bytes()) {
                let message = format!(
                    "must be a key of a W3C tracestate, such as ot or tenant@vendor, got {:?}",
                    self.key
                );
                compiler.refuse(format!("{path}.key"), message);
            }
            if self.values.is_empty() {
                compiler.refuse(format!("{path}.values"), "must list at least one value");
            }
            for (index, value) in self.values.iter().enumerate() {
                if !can_match(value) {
                    let message = format!(
                        "can never match: a value has 1 byte at least, and fewer than \
                         {MEMBER_BYTES_MAX} together with the key, got {} and {}",
                        value.len(),
                        self.key.len()
                    );
                    compiler.refuse(format!("{path}.values[{index}]"), message);
                }
            }
        }
        let values = self.values.iter().filter(|value| can_match(value));
        Rule {
            values: values.map(|value| value.as_bytes().into()).collect(),
            key: self.key.into_bytes().into(),
            hit: compiler.bit(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        let header = context.span.trace_state;
        if header.is_empty() || facts.bits.get(self.hit) {
            return;
        }
        if let Some(Some(value)) = member(header, &self.key)
            && self.values.iter().any(|wanted| **wanted == *value)
        {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }
}

/// The value of a member, if there is one; `None` unless all of the header is in order.
pub(crate) fn member<'h>(header: &'h [u8], wanted: &[u8]) -> Option<Option<&'h [u8]>> {
    let mut keys: [&[u8]; MEMBERS_MAX] = [&[]; MEMBERS_MAX];
    let mut found = None;
    let members = header.split(|byte| *byte == b',').filter(|member| !member.is_empty());
    for (index, member) in members.enumerate() {
        let equals = member.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (trim_start(&member[..equals]), trim_end(&member[equals + 1..]));
        let (known, free) = keys.split_at_mut_checked(index)?;
        if known.contains(&key) || !is_key(key) || !is_value(value) {
            return None;
        }
        *free.first_mut()? = key;
        if key == wanted {
            found = Some(value);
        }
    }
    Some(found)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    &text[blanks..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
    &text[..text.len() - blanks]
}

/// A simple key, or a tenant's at a system.
pub(crate) fn is_key(key: &[u8]) -> bool {
    let part = |part: &[u8], max: usize, may_begin_with_digit: bool| {
        let Some((first, rest)) = part.split_first() else { return false };
        let begins = first.is_ascii_lowercase() || may_begin_with_digit && first.is_ascii_digit();
        let follows = |byte: &u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'*' | b'/')
        };
        begins && part.len() <= max && rest.iter().all(follows)
    };
    match key.iter().position(|byte| *byte == b'@') {
        Some(at) => part(&key[..at], 241, true) && part(&key[at + 1..], 14, false),
        None => part(key, 256, false),
    }
}

fn is_value(value: &[u8]) -> bool {
    let allowed = |byte: &u8| (b' '..=b'~').contains(byte) && !matches!(byte, b',' | b'=');
    let last = value.last().is_some_and(|byte| *byte != b' ');
    last && value.len() <= 256 && value.iter().all(allowed)
}

#[cfg(test)]
mod tests;

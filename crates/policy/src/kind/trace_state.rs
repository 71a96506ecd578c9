//! `trace_state`: a span's W3C tracestate has a member of one of these values.

use tailsift_trace::{is_trace_state_key, trace_state_member};

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

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
            if !is_trace_state_key(self.key.as_bytes()) {
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
        if let Some(Some(value)) = trace_state_member(header, &self.key)
            && self.values.iter().any(|wanted| **wanted == *value)
        {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }
}

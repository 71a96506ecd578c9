//! `span_latency`: a named step took longer than a threshold.

use tailsift_trace::{AttributeKey, Value};

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;
use crate::kind::span_match::Name;

/// A span of this name took strictly longer than a threshold. Spans without a start do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanLatency {
    /// The span's name, a prefix of it, or a pattern, unanchored.
    pub span_name: String,
    /// How names are compared.
    pub name_match: NameMatch,
    /// Only spans whose resource has this `service.name`.
    pub service: Option<String>,
    /// Nanoseconds; a span of just this length does not count.
    pub above_ns: u64,
}

/// How a span's name is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NameMatch {
    /// Byte for byte.
    #[default]
    Exact,
    /// The name starts so.
    Prefix,
    /// The name holds a match of the pattern.
    Regex,
}

#[derive(Debug)]
pub(crate) struct Rule {
    name: Name,
    service: Option<(AttributeKey, Box<[u8]>)>,
    above_ns: u64,
    hit: Bit,
}

impl SpanLatency {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.span_latency");
        let place = format!("{path}.span_name");
        let name = Name::compile(&self.span_name, self.name_match, place, compiler);
        let service = self.service.map(|service| {
            (compiler.read("service.name"), service.into_bytes().into_boxed_slice())
        });
        Rule { name, service, above_ns: self.above_ns, hit: compiler.bit() }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        let span = context.span;
        let timed = span.start.0 != 0;
        let took = span.end.0.saturating_sub(span.start.0);
        if timed && took > self.above_ns && self.name.is(span.name) && self.is_of_service(context) {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }

    fn is_of_service(&self, context: &SpanContext<'_, '_>) -> bool {
        let Some((key, wanted)) = &self.service else { return true };
        let found = context.resource.iter().find(|attribute| attribute.key == *key);
        found.is_some_and(|attribute| attribute.value == Value::Text(wanted))
    }
}

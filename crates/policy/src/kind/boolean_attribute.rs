//! `boolean_attribute`: a truth value of a span or its resource.

use tailsift_trace::{AttributeKey, Value};

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

/// A truth value, on the resource or on a span, is this one.
///
/// Natively other types never match; under `compatibility: collector` they read as false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BooleanAttribute {
    /// The attribute's name, exact.
    pub key: String,
    /// The wanted value.
    pub value: bool,
    /// Sampled unless some span or resource has the value.
    pub invert_match: bool,
}

#[derive(Debug)]
pub(crate) struct Rule {
    key: AttributeKey,
    value: bool,
    invert: bool,
    /// The Collector reads every value of another type as false.
    others_read_false: bool,
    hit: Bit,
}

impl BooleanAttribute {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        if self.key.is_empty() && !compiler.collector() {
            let path = format!("{path}.boolean_attribute.key");
            compiler.refuse(path, "must name an attribute, got \"\"");
        }
        Rule {
            key: compiler.read(&self.key),
            value: self.value,
            invert: self.invert_match,
            others_read_false: compiler.collector(),
            hit: compiler.bit(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        if !facts.bits.get(self.hit) && context.has(self.key, |value| self.matches(value)) {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.spans > 0 && facts.bits.get(self.hit) != self.invert
    }

    /// A match stays one, whatever other spans have; that there is none does not.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.invert
    }

    fn matches(&self, value: Value<'_>) -> bool {
        match value {
            Value::Bool(value) => value == self.value,
            Value::Empty
            | Value::Text(_)
            | Value::Int(_)
            | Value::Double(_)
            | Value::Bytes(_)
            | Value::Array(_)
            | Value::Map(_) => self.others_read_false && !self.value,
        }
    }
}

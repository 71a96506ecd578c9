//! `string_attribute`: a text attribute of a span or its resource has one of the listed values.

use regex::bytes::Regex;
use tailsift_trace::{AttributeKey, Value};

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

/// A text attribute, on the resource or on a span, equals a value or matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringAttribute {
    /// The attribute's name, exact.
    pub key: String,
    /// Values compared byte for byte (empty ones never match), or patterns, unanchored.
    pub values: Vec<String>,
    /// The values are patterns.
    pub enabled_regex_matching: bool,
    /// Sampled unless some span or resource matches.
    pub invert_match: bool,
}

#[derive(Debug)]
pub(crate) struct Rule {
    key: AttributeKey,
    values: Values,
    invert: bool,
    /// The Collector matches a resource's non-text value as if it were "".
    any_resource_value_is_text: bool,
    hit: Bit,
}

#[derive(Debug)]
enum Values {
    Exact(Vec<Box<[u8]>>),
    Patterns(Vec<Regex>),
}

impl StringAttribute {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.string_attribute");
        if !compiler.collector() {
            if self.key.is_empty() {
                compiler.refuse(format!("{path}.key"), "must name an attribute, got \"\"");
            }
            if self.values.is_empty() {
                compiler.refuse(format!("{path}.values"), "must list at least one value");
            }
        }
        let values = if self.enabled_regex_matching {
            Values::Patterns(self.patterns(&path, compiler))
        } else {
            let non_empty = self.values.iter().filter(|value| !value.is_empty());
            Values::Exact(non_empty.map(|value| value.as_bytes().into()).collect())
        };
        Rule {
            key: compiler.read(&self.key),
            any_resource_value_is_text: self.enabled_regex_matching && compiler.collector(),
            values,
            invert: self.invert_match,
            hit: compiler.bit(),
        }
    }

    fn patterns(&self, path: &str, compiler: &mut Compiler<'_>) -> Vec<Regex> {
        let values = self.values.iter().enumerate();
        values
            .filter_map(|(index, value)| compiler.pattern(format!("{path}.values[{index}]"), value))
            .collect()
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        if facts.bits.get(self.hit) {
            return;
        }
        if self.on_resource(context) || self.on_span(context) {
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

    fn on_resource(&self, context: &SpanContext<'_, '_>) -> bool {
        match context.resource.iter().find(|attribute| attribute.key == self.key) {
            Some(attribute) => match text(attribute.value) {
                Some(text) => self.matches(text),
                None => self.any_resource_value_is_text && self.matches(b""),
            },
            None => false,
        }
    }

    fn on_span(&self, context: &SpanContext<'_, '_>) -> bool {
        let found = context.attributes.iter().find(|attribute| attribute.key == self.key);
        let text = found.and_then(|attribute| text(attribute.value));
        text.is_some_and(|text| !text.is_empty() && self.matches(text))
    }

    fn matches(&self, text: &[u8]) -> bool {
        match &self.values {
            Values::Exact(values) => values.iter().any(|value| **value == *text),
            Values::Patterns(patterns) => patterns.iter().any(|pattern| pattern.is_match(text)),
        }
    }
}

fn text(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Text(text) => Some(text),
        Value::Empty
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Double(_)
        | Value::Bytes(_)
        | Value::Array(_)
        | Value::Map(_) => None,
    }
}

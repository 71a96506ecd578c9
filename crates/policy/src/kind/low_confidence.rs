//! `low_confidence`: a model was not sure of its answer.

use std::collections::BTreeMap;

use tailsift_trace::{AttributeKey, Value};

use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;
use crate::{Facts, Tally};

/// Any span's confidence, a double or an integer, is strictly below a bound.
///
/// Confidence is read from the attributes listed in [`Derive::confidence`](crate::Derive); each
/// one that a span carries is looked at. NaN and values that are no numbers never match and are
/// counted.
#[derive(Clone, Debug, PartialEq)]
pub struct LowConfidence {
    /// The bound, a confidence between 0 and 1; a value equal to it is not below.
    pub below: f64,
    /// Other bounds for spans of these model versions. The version is the span's own, else its
    /// resource's (see [`Derive::model_version`](crate::Derive)); integers are compared in decimal.
    pub per_model_version: BTreeMap<String, f64>,
    /// How the attributes' values are to be read.
    pub scale: Scale,
}

/// How a confidence is written in attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scale {
    /// Between 0 and 1.
    #[default]
    Unit,
    /// Between 0 and 100.
    Percent,
}

#[derive(Debug)]
pub(crate) struct Rule {
    confidence: Vec<AttributeKey>,
    model_version: Vec<AttributeKey>,
    /// Bounds in the attributes' own scale.
    below: f64,
    per_model_version: BTreeMap<Box<[u8]>, f64>,
    hit: Bit,
}

impl LowConfidence {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.low_confidence");
        let mut check = |place: String, bound: f64| {
            if !(bound > 0.0 && bound <= 1.0) {
                let message = format!(
                    "must lie above 0 and at most at 1 (also with `scale: percent`), got {bound}"
                );
                compiler.refuse(place, message);
            }
        };
        check(format!("{path}.below"), self.below);
        for (version, bound) in &self.per_model_version {
            check(format!("{path}.per_model_version.{version}"), *bound);
        }
        let factor = match self.scale {
            Scale::Unit => 1.0,
            Scale::Percent => 100.0,
        };
        let derive = &compiler.semantics.derive;
        let per_version = self.per_model_version.into_iter();
        Rule {
            confidence: derive.confidence.iter().map(|key| compiler.read(key)).collect(),
            model_version: derive.model_version.iter().map(|key| compiler.read(key)).collect(),
            below: self.below * factor,
            per_model_version: per_version
                .map(|(version, bound)| (version.into_bytes().into(), bound * factor))
                .collect(),
            hit: compiler.bit(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        for attribute in context.attributes {
            if !self.confidence.contains(&attribute.key) {
                continue;
            }
            match number(attribute.value) {
                Some(confidence) if confidence < self.bound(context) => facts.bits.set(self.hit),
                Some(_) => {}
                None => tally.confidence_unreadable += 1,
            }
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }

    fn bound(&self, context: &SpanContext<'_, '_>) -> f64 {
        if self.per_model_version.is_empty() {
            return self.below;
        }
        let version = [context.attributes, context.resource].into_iter().find_map(|attributes| {
            let aliases = self.model_version.iter();
            aliases.flat_map(|key| attributes.iter().find(|a| a.key == *key)).next()
        });
        let bound = version.and_then(|attribute| match attribute.value {
            Value::Text(text) => self.per_model_version.get(text),
            Value::Int(version) => self.per_model_version.get(version.to_string().as_bytes()),
            Value::Empty
            | Value::Bool(_)
            | Value::Double(_)
            | Value::Bytes(_)
            | Value::Array(_)
            | Value::Map(_) => None,
        });
        bound.copied().unwrap_or(self.below)
    }
}

fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Double(number) => Some(number).filter(|number| !number.is_nan()),
        Value::Int(number) => Some(number as f64),
        Value::Empty
        | Value::Text(_)
        | Value::Bool(_)
        | Value::Bytes(_)
        | Value::Array(_)
        | Value::Map(_) => None,
    }
}

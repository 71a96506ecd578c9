//! `low_confidence`: a model was not sure of its answer.

use std::collections::BTreeMap;

use tailsift_trace::{Attribute, Node, Value, siblings};

use crate::compile::{Compiler, SpanContext};
use crate::derive::{DerivedName, Source, with_text};
use crate::facts::Bit;
use crate::{Facts, Tally};

/// Any span's confidence, a double or an integer, is strictly below a bound.
///
/// Confidence is read from the attributes listed in [`Derive::confidence`](crate::Derive); each
/// one that a span carries is looked at, and if it carries none, what the pattern finds. NaN and
/// values that are no numbers never match and are counted; so are lists, unless `of_arrays` says
/// how they are read.
#[derive(Clone, Debug, PartialEq)]
pub struct LowConfidence {
    /// The bound, a confidence between 0 and 1; a value equal to it is not below.
    pub below: f64,
    /// Other bounds for spans of these model versions. The version is the span's own, else its
    /// resource's (see [`Derive::model_version`](crate::Derive)); integers are compared in decimal.
    pub per_model_version: BTreeMap<String, f64>,
    /// How the attributes' values are to be read.
    pub scale: Scale,
    /// Which confidence a list of numbers stands for; `None` = none.
    pub of_arrays: Option<OfArrays>,
}

/// Which confidence a list of confidences stands for. A list without items, or with one that is no
/// number, stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OfArrays {
    /// The least of them.
    Min,
    /// The greatest of them.
    Max,
    /// Their sum, divided by how many they are.
    Mean,
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
    confidence: Source,
    model_version: Option<Source>,
    /// Bounds in the attributes' own scale.
    below: f64,
    per_model_version: BTreeMap<Box<[u8]>, f64>,
    of_arrays: Option<OfArrays>,
    hit: Bit,
}

impl Scale {
    /// What stands for 1.
    pub(crate) fn factor(self) -> f64 {
        match self {
            Self::Unit => 1.0,
            Self::Percent => 100.0,
        }
    }
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
        let factor = self.scale.factor();
        let by_version = !self.per_model_version.is_empty();
        let per_version = self.per_model_version.into_iter();
        Rule {
            confidence: compiler.confidence(self.of_arrays.is_some()),
            model_version: by_version.then(|| compiler.derived(DerivedName::ModelVersion)),
            below: self.below * factor,
            per_model_version: per_version
                .map(|(version, bound)| (version.into_bytes().into(), bound * factor))
                .collect(),
            of_arrays: self.of_arrays,
            hit: compiler.bit(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        each_confidence(&self.confidence, self.of_arrays, context, |confidence| match confidence {
            Some(confidence) if confidence < self.bound(context) => facts.bits.set(self.hit),
            Some(_) => {}
            None => tally.confidence_unreadable += 1,
        });
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.bits.get(self.hit)
    }

    fn bound(&self, context: &SpanContext<'_, '_>) -> f64 {
        let version = self.model_version.as_ref().and_then(|version| version.of(context));
        let bound = version
            .and_then(|version| with_text(version, |text| self.per_model_version.get(text)))
            .flatten();
        bound.copied().unwrap_or(self.below)
    }
}

/// Hands over each confidence that a span carries; `None` for one that cannot be read.
#[inline]
pub(crate) fn each_confidence(
    source: &Source,
    of_arrays: Option<OfArrays>,
    context: &SpanContext<'_, '_>,
    mut use_it: impl FnMut(Option<f64>),
) {
    let mut named = false;
    for (place, attribute) in context.attributes.iter().enumerate() {
        if source.is_alias(attribute.key) {
            named = true;
            use_it(confidence(attribute, place, of_arrays, context));
        }
    }
    if !named && let Some(part) = source.part(context.attributes) {
        let text = std::str::from_utf8(part).ok();
        let number = text.and_then(|text| text.parse().ok());
        use_it(number.filter(|number: &f64| !number.is_nan()));
    }
}

fn confidence(
    attribute: &Attribute<'_>,
    place: usize,
    of_arrays: Option<OfArrays>,
    context: &SpanContext<'_, '_>,
) -> Option<f64> {
    match (attribute.value, of_arrays) {
        (Value::Array(_), Some(of_arrays)) => {
            let tree = context.batch.detailed.tree(context.span.attributes.start + place as u32)?;
            of_arrays.of(tree.get(1..)?)
        }
        (value, _) => number(value),
    }
}

impl OfArrays {
    fn of(self, items: &[Node<'_>]) -> Option<f64> {
        let mut numbers = siblings(items).map(|(item, _)| number(item.value));
        let first = numbers.next()??;
        let (mut count, mut found) = (1.0, first);
        for number in numbers {
            let number = number?;
            count += 1.0;
            found = match self {
                Self::Min => found.min(number),
                Self::Max => found.max(number),
                Self::Mean => found + number,
            };
        }
        Some(if self == Self::Mean { found / count } else { found })
    }
}

/// A number, as far as it is one.
pub(crate) fn number(value: Value<'_>) -> Option<f64> {
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

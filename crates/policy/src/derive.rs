//! Derived attributes, compiled: what a span says under whichever name it says it.

use regex::bytes::Regex;
use tailsift_trace::{Attribute, AttributeKey, Value};

use crate::compile::{Compiler, SpanContext};
use crate::semantics::{Derive, DerivePattern, Derived};

/// Where a derived attribute is read from.
#[derive(Debug)]
pub(crate) struct Source {
    aliases: Vec<AttributeKey>,
    pattern: Option<(AttributeKey, Regex)>,
}

/// One of the [`Derive`](crate::Derive)d attributes that name something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DerivedName {
    /// [`Derive::model`](crate::Derive::model).
    Model,
    /// [`Derive::model_version`](crate::Derive::model_version).
    ModelVersion,
    /// [`Derive::preprocessing_version`](crate::Derive::preprocessing_version).
    PreprocessingVersion,
}

impl DerivedName {
    /// Its name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::ModelVersion => "model_version",
            Self::PreprocessingVersion => "preprocessing_version",
        }
    }
}

impl Compiler<'_> {
    /// Asks for a derived attribute that names something to be read.
    pub(crate) fn derived(&mut self, name: DerivedName) -> Source {
        let derive = &self.semantics.derive;
        let from = match name {
            DerivedName::Model => &derive.model,
            DerivedName::ModelVersion => &derive.model_version,
            DerivedName::PreprocessingVersion => &derive.preprocessing_version,
        };
        self.source(name.name(), from)
    }

    /// Asks for a confidence to be read; with the items of its lists, if they are looked at.
    pub(crate) fn confidence(&mut self, with_items: bool) -> Source {
        let from = &self.semantics.derive.confidence;
        if with_items {
            from.attributes.iter().for_each(|key| {
                self.interest.add_tree(key.as_bytes());
            });
        }
        self.source("confidence", from)
    }

    /// Refuses patterns that do not parse, whether a policy reads them or not.
    pub(crate) fn check_derive(&mut self) {
        let Derive { model, model_version, preprocessing_version, confidence } =
            &self.semantics.derive;
        for (name, from) in [
            ("model", model),
            ("model_version", model_version),
            ("preprocessing_version", preprocessing_version),
            ("confidence", confidence),
        ] {
            if let Some(DerivePattern { regex, .. }) = &from.pattern {
                self.pattern(format!("derive.{name}.pattern.regex"), regex);
            }
        }
    }

    fn source(&mut self, name: &str, from: &Derived) -> Source {
        let pattern = from.pattern.as_ref().and_then(|DerivePattern { from, regex }| {
            // What is wrong with it has been said.
            let errors = self.errors.len();
            let compiled = self.pattern(format!("derive.{name}.pattern.regex"), regex);
            self.errors.truncate(errors);
            Some((self.read(from), compiled?))
        });
        Source { aliases: from.attributes.iter().map(|key| self.read(key)).collect(), pattern }
    }
}

impl Source {
    /// True if it is one of the attributes that hold it.
    #[inline]
    pub(crate) fn is_alias(&self, key: AttributeKey) -> bool {
        self.aliases.contains(&key)
    }

    /// Its value: the span's own, else its resource's.
    pub(crate) fn of<'p>(&self, context: &SpanContext<'_, 'p>) -> Option<Value<'p>> {
        self.among(context.attributes).or_else(|| self.among(context.resource))
    }

    /// The part that the pattern finds, where none of the attributes is.
    pub(crate) fn part<'p>(&self, attributes: &[Attribute<'p>]) -> Option<&'p [u8]> {
        let (from, regex) = self.pattern.as_ref()?;
        let attribute = attributes.iter().find(|attribute| attribute.key == *from)?;
        let Value::Text(text) = attribute.value else { return None };
        if regex.captures_len() == 1 {
            return regex.find(text).map(|found| found.as_bytes());
        }
        regex.captures(text)?.get(1).map(|found| found.as_bytes())
    }

    /// Its value among some attributes alone.
    pub(crate) fn among<'p>(&self, attributes: &[Attribute<'p>]) -> Option<Value<'p>> {
        let alias = |key: &AttributeKey| attributes.iter().find(|found| found.key == *key);
        let named = self.aliases.iter().find_map(alias).map(|found| found.value);
        named.or_else(|| self.part(attributes).map(Value::Text))
    }
}

/// A name in text: a text itself, or an integer in decimal.
pub(crate) fn with_text<T>(value: Value<'_>, use_text: impl FnOnce(&[u8]) -> T) -> Option<T> {
    match value {
        Value::Text(text) => Some(use_text(text)),
        Value::Int(number) => Some(use_text(number.to_string().as_bytes())),
        Value::Empty
        | Value::Bool(_)
        | Value::Double(_)
        | Value::Bytes(_)
        | Value::Array(_)
        | Value::Map(_) => None,
    }
}

//! Derived attributes, compiled: what a span says under whichever name it says it.

use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use tailsift_trace::{Attribute, AttributeKey, Value};

use crate::compile::{Compiler, SpanContext};
use crate::pattern::PATTERN_BYTES_MAX;
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

    /// Asks for an attribute of a span, or else of its resource.
    pub(crate) fn attribute(&mut self, key: &str) -> Source {
        Source { aliases: vec![self.read(key)], pattern: None }
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
            // The same engine at a lower level, where groups are found without an allocation.
            let regex = Regex::builder()
                .configure(
                    Regex::config().utf8_empty(false).nfa_size_limit(Some(PATTERN_BYTES_MAX)),
                )
                .syntax(syntax::Config::new().utf8(false))
                .build(compiled?.as_str());
            Some((self.read(from), regex.ok()?))
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
        let mut ends = [None; 4];
        regex.search_slots(&Input::new(text), &mut ends)?;
        let [start, end] = if regex.captures_len() == 1 { [0, 1] } else { [2, 3] };
        text.get(ends[start]?.get()..ends[end]?.get())
    }

    /// Its value among some attributes alone.
    pub(crate) fn among<'p>(&self, attributes: &[Attribute<'p>]) -> Option<Value<'p>> {
        let alias = |key: &AttributeKey| attributes.iter().find(|found| found.key == *key);
        let named = self.aliases.iter().find_map(alias).map(|found| found.value);
        named.or_else(|| self.part(attributes).map(Value::Text))
    }
}

/// An integer in decimal, without an allocation: spans write versions so.
fn in_decimal<T>(number: i64, use_text: impl FnOnce(&[u8]) -> T) -> T {
    // As long as the least of them, its sign included.
    let mut digits = [0; 20];
    let (mut place, mut rest) = (digits.len(), number.unsigned_abs());
    loop {
        place -= 1;
        digits[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        place -= 1;
        digits[place] = b'-';
    }
    use_text(&digits[place..])
}

/// A name in text: a text itself, or an integer in decimal.
pub(crate) fn with_text<T>(value: Value<'_>, use_text: impl FnOnce(&[u8]) -> T) -> Option<T> {
    match value {
        Value::Text(text) => Some(use_text(text)),
        Value::Int(number) => Some(in_decimal(number, use_text)),
        Value::Empty
        | Value::Bool(_)
        | Value::Double(_)
        | Value::Bytes(_)
        | Value::Array(_)
        | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_in_decimal() {
        for number in [0, 7, -7, 10, 20_260_301, i64::MAX, i64::MIN] {
            let text = with_text(Value::Int(number), <[u8]>::to_vec);
            assert_eq!(text, Some(number.to_string().into_bytes()));
        }
    }
}

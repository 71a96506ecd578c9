//! Which spans a test means: what they are called, of what kind they are, what they carry.

use regex::bytes::Regex;
use tailsift_trace::{AttributeKey, StatusCode, Value, siblings};

use crate::compile::{Compiler, SpanContext};
use crate::derive::{DerivedName, Source, with_text};
use crate::kind::span_latency::NameMatch;

/// Spans of which all that is said here holds; without anything said, all spans.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SpanMatch {
    /// The span's name, a prefix of it, or a pattern, unanchored.
    pub span_name: Option<String>,
    /// How names are compared.
    pub name_match: NameMatch,
    /// The resource's `service.name`.
    pub service: Option<String>,
    /// OTLP's number of the span's kind (1 internal, 2 server, 3 client, 4 producer, 5 consumer).
    pub kind: Option<i32>,
    /// The status.
    pub status: Option<StatusCode>,
    /// An attribute that the span itself has, whatever its value, unless there are `values`.
    pub attribute: Option<String>,
    /// Texts, exact, one of which the attribute is, or as a list has. Integers are compared in
    /// decimal, truth values as `true` and `false`. Empty = any value will do.
    pub values: Vec<String>,
    /// Derived attributes with their values, exact.
    pub derived: Vec<(DerivedName, String)>,
}

/// How a span's name is compared, compiled.
#[derive(Debug)]
pub(crate) enum Name {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Pattern(Regex),
}

#[derive(Debug)]
pub(crate) struct Matcher {
    name: Option<Name>,
    service: Option<(AttributeKey, Box<[u8]>)>,
    kind: Option<i32>,
    status: Option<StatusCode>,
    attribute: Option<(AttributeKey, Vec<Box<[u8]>>)>,
    derived: Vec<(Source, Box<[u8]>)>,
}

impl Name {
    /// Compiles a name that stands at `path`, or refuses it.
    pub(crate) fn compile(
        name: &str,
        name_match: NameMatch,
        path: String,
        compiler: &mut Compiler<'_>,
    ) -> Self {
        let bytes = || name.as_bytes().into();
        if name.is_empty() {
            compiler.refuse(path.as_str(), "must not be empty");
        }
        match name_match {
            NameMatch::Exact => Self::Exact(bytes()),
            NameMatch::Prefix => Self::Prefix(bytes()),
            NameMatch::Regex => match compiler.pattern(path, name) {
                Some(pattern) => Self::Pattern(pattern),
                None => Self::Exact(bytes()),
            },
        }
    }

    #[inline]
    pub(crate) fn is(&self, name: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => **wanted == *name,
            Self::Prefix(wanted) => name.starts_with(wanted),
            Self::Pattern(pattern) => pattern.is_match(name),
        }
    }
}

impl SpanMatch {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Matcher {
        let name = self.span_name.as_deref().map(|name| {
            Name::compile(name, self.name_match, format!("{path}.span_name"), compiler)
        });
        if name.is_none() && self.name_match != NameMatch::Exact {
            compiler.refuse(format!("{path}.match"), "says how span_name is compared: give one");
        }
        if self.attribute.as_ref().is_some_and(String::is_empty) {
            compiler.refuse(format!("{path}.attribute"), "must name an attribute, got \"\"");
        }
        if self.attribute.is_none() && !self.values.is_empty() {
            compiler.refuse(format!("{path}.values"), "are of an attribute: name one");
        }
        let bytes = |text: String| text.into_bytes().into_boxed_slice();
        let values: Vec<_> = self.values.into_iter().map(bytes).collect();
        let attribute = self.attribute.map(|key| {
            // Presence is seen without looking into a list.
            let key = if values.is_empty() {
                compiler.read(&key)
            } else {
                compiler.interest.add_tree(key.as_bytes())
            };
            (key, values)
        });
        let service = self.service.map(|service| (compiler.read("service.name"), bytes(service)));
        let derived = self.derived.into_iter();
        Matcher {
            name,
            service,
            kind: self.kind,
            status: self.status,
            attribute,
            derived: derived.map(|(name, value)| (compiler.derived(name), bytes(value))).collect(),
        }
    }
}

impl Matcher {
    #[inline]
    pub(crate) fn matches(&self, context: &SpanContext<'_, '_>) -> bool {
        let span = context.span;
        self.kind.is_none_or(|kind| span.kind == kind)
            && self.status.is_none_or(|status| span.status == status)
            && self.name.as_ref().is_none_or(|name| name.is(span.name))
            && self.service.as_ref().is_none_or(|(key, wanted)| {
                let found = context.resource.iter().find(|attribute| attribute.key == *key);
                found.is_some_and(|attribute| attribute.value == Value::Text(wanted))
            })
            && self.attribute.as_ref().is_none_or(|(key, values)| carries(*key, values, context))
            && self.derived.iter().all(|(source, wanted)| {
                let value = source.of(context);
                value.and_then(|value| with_text(value, |text| *text == **wanted)) == Some(true)
            })
    }
}

fn carries(key: AttributeKey, values: &[Box<[u8]>], context: &SpanContext<'_, '_>) -> bool {
    let mut attributes = context.attributes.iter().enumerate();
    let Some((place, attribute)) = attributes.find(|(_, attribute)| attribute.key == key) else {
        return false;
    };
    if values.is_empty() {
        return true;
    }
    if let Value::Array(_) = attribute.value {
        let tree = context.batch.detailed.tree(context.span.attributes.start + place as u32);
        let items = tree.and_then(|tree| tree.get(1..)).unwrap_or(&[]);
        return siblings(items).any(|(item, _)| is_one_of(item.value, values));
    }
    is_one_of(attribute.value, values)
}

pub(crate) fn is_one_of(value: Value<'_>, values: &[Box<[u8]>]) -> bool {
    let is = |text: &[u8]| values.iter().any(|wanted| **wanted == *text);
    if let Value::Bool(value) = value {
        return is(if value { b"true" } else { b"false" });
    }
    with_text(value, is) == Some(true)
}

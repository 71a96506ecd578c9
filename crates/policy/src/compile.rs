//! What kinds need of the set that they become part of: bits, attributes, patterns, refusals.

use regex::bytes::{Regex, RegexBuilder};
use tailsift_trace::{Attribute, AttributeKey, Interest, Span};

use crate::facts::Bit;
use crate::pattern::from_collector;
use crate::{Compatibility, PolicyError, Semantics};

/// The most memory a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// What a kind needs while it is compiled.
pub(crate) struct Compiler<'a> {
    pub(crate) semantics: &'a Semantics,
    pub(crate) errors: Vec<PolicyError>,
    pub(crate) reads_randomness: bool,
    pub(crate) interest: Interest,
    bits: u16,
}

/// One span with what a policy may see of it.
pub(crate) struct SpanContext<'a, 'p> {
    pub(crate) span: &'a Span<'p>,
    pub(crate) attributes: &'a [Attribute<'p>],
    pub(crate) resource: &'a [Attribute<'p>],
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(semantics: &'a Semantics) -> Self {
        Self {
            semantics,
            errors: Vec::new(),
            reads_randomness: false,
            interest: Interest::default(),
            bits: 0,
        }
    }

    pub(crate) fn collector(&self) -> bool {
        self.semantics.compatibility == Compatibility::Collector
    }

    /// Asks for an attribute to be read.
    pub(crate) fn read(&mut self, key: &str) -> AttributeKey {
        self.interest.add(key.as_bytes())
    }

    /// A bit of a trace's facts.
    pub(crate) fn bit(&mut self) -> Bit {
        let bit = Bit(self.bits);
        self.bits += 1;
        bit
    }

    /// Compiles a regular expression, in the Collector's dialect if need be, or refuses it.
    pub(crate) fn pattern(&mut self, path: String, pattern: &str) -> Option<Regex> {
        let translated = self.collector().then(|| from_collector(pattern));
        let source = translated.as_deref().unwrap_or(pattern);
        match RegexBuilder::new(source).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.refuse(path, format!("{pattern:?} is no regular expression: {error}"));
                None
            }
        }
    }

    pub(crate) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(PolicyError::new(path, message));
    }
}

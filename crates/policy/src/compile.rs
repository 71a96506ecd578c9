//! What kinds need of the set that they become part of: bits, attributes, patterns, refusals.

use regex::bytes::{Regex, RegexBuilder};
use tailsift_trace::{Attribute, AttributeKey, Batch, Interest, Span, UnixNano, Value};

use crate::facts::{Bit, Word};
use crate::kin::Wanted;
use crate::kind::{Kind, Policy, Rule};
use crate::limiters::Budgets;
use crate::pattern::{self, PATTERN_BYTES_MAX};
use crate::{Compatibility, PolicyError, Semantics};

/// What a kind needs while it is compiled.
pub(crate) struct Compiler<'a> {
    pub(crate) semantics: &'a Semantics,
    pub(crate) errors: Vec<PolicyError>,
    pub(crate) reads_randomness: bool,
    pub(crate) interest: Interest,
    pub(crate) budgets: Budgets,
    pub(crate) kin: Wanted,
    /// The next free bit, or the end of a full word.
    bit: usize,
    /// The next free word; the first is for bits, since it needs no heap.
    word: usize,
    /// Up to here there are words with numbers; 0 without any.
    numbers: usize,
}

/// The most words of bits and numbers that a set notes of a trace: 8 KiB.
const WORDS_MAX: usize = 1024;

/// Where a policy stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Within {
    Set,
    And,
    Not,
    Drop,
    Composite,
}

/// One span with what a policy may see of it.
pub(crate) struct SpanContext<'a, 'p> {
    pub(crate) span: &'a Span<'p>,
    pub(crate) attributes: &'a [Attribute<'p>],
    pub(crate) resource: &'a [Attribute<'p>],
    /// All of the record.
    pub(crate) batch: &'a Batch<'p>,
    /// Stream time, if whoever folds knows it.
    pub(crate) now: Option<UnixNano>,
}

impl SpanContext<'_, '_> {
    /// True if the first attribute of this key on the span's resource, or the first on the span
    /// itself, has such a value.
    #[inline]
    pub(crate) fn has(&self, key: AttributeKey, matches: impl Fn(Value<'_>) -> bool) -> bool {
        [self.resource, self.attributes].iter().any(|attributes| {
            let found = attributes.iter().find(|attribute| attribute.key == key);
            found.is_some_and(|attribute| matches(attribute.value))
        })
    }
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(semantics: &'a Semantics) -> Self {
        Self {
            semantics,
            errors: Vec::new(),
            reads_randomness: false,
            interest: Interest::default(),
            budgets: Budgets::default(),
            kin: Wanted::default(),
            bit: 0,
            word: 1,
            numbers: 0,
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
        if self.bit > 0 && self.bit.is_multiple_of(64) {
            self.bit = 64 * self.next_word();
        }
        let bit = Bit(self.bit as u16);
        self.bit += 1;
        bit
    }

    /// A number of a trace's facts.
    pub(crate) fn word(&mut self) -> Word {
        let word = Word(self.next_word() as u16);
        self.numbers = self.word;
        word
    }

    fn next_word(&mut self) -> usize {
        if self.word == WORDS_MAX {
            let message = format!(
                "note more than {WORDS_MAX} words of a trace: have fewer counts, sums and policies"
            );
            if !self.errors.iter().any(|error| error.message == message) {
                self.refuse("policies", message);
            }
            return 0;
        }
        self.word += 1;
        self.word - 1
    }

    /// How many words to make room for in each trace.
    pub(crate) fn words(&self) -> usize {
        self.numbers
    }

    /// Compiles a regular expression, in the Collector's dialect if need be, or refuses it.
    pub(crate) fn pattern(&mut self, path: String, pattern: &str) -> Option<Regex> {
        let compiled = if self.collector() {
            pattern::of_collector(pattern).map(pattern::Pattern::into_regex)
        } else {
            let builder = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
            builder.map_err(|error| error.to_string())
        };
        match compiled {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.refuse(path, format!("{pattern:?} is no regular expression: {error}"));
                None
            }
        }
    }

    /// Compiles the policies within another.
    pub(crate) fn sub_policies(
        &mut self,
        path: &str,
        within: Within,
        policies: Vec<Policy>,
    ) -> Vec<Rule> {
        let children = policies.into_iter().enumerate();
        children
            .map(|(index, sub)| sub.kind.compile(&format!("{path}[{index}]"), within, self))
            .collect()
    }

    /// Natively a bucket has a rate, since one that is never filled again keeps nothing soon.
    pub(crate) fn check_bucket(&mut self, path: &str, rate_key: &str, rate: i64, burst: i64) {
        if self.collector() {
            return;
        }
        if rate < 1 {
            self.refuse(format!("{path}.{rate_key}"), format!("must be at least 1, got {rate}"));
        }
        if burst < 0 {
            let message = format!("must be 0 (twice the rate) or more, got {burst}");
            self.refuse(format!("{path}.burst_capacity"), message);
        }
    }

    pub(crate) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(PolicyError::new(path, message));
    }
}

impl Within {
    /// True if a policy of that kind may stand here.
    pub(crate) fn takes(self, kind: &Kind) -> bool {
        match kind {
            Kind::And(_) => matches!(self, Self::Set | Self::Composite),
            Kind::Not(_) => matches!(self, Self::Set | Self::And | Self::Drop),
            Kind::Drop(_) | Kind::Composite(_) | Kind::Drift(_) => self == Self::Set,
            Kind::RatePerKey(_) => matches!(self, Self::Set | Self::And),
            Kind::AlwaysSample
            | Kind::Latency(_)
            | Kind::StatusCode(_)
            | Kind::StringAttribute(_)
            | Kind::NumericAttribute(_)
            | Kind::Probabilistic(_)
            | Kind::LowConfidence(_)
            | Kind::SpanLatency(_)
            | Kind::BooleanAttribute(_)
            | Kind::TraceState(_)
            | Kind::TraceFlags
            | Kind::SpanCount(_)
            | Kind::RateLimiting(_)
            | Kind::BytesLimiting(_)
            | Kind::TraceCondition(_)
            | Kind::Fragmented(_)
            | Kind::Failure(_)
            | Kind::Forced(_)
            | Kind::OttlCondition(_) => true,
        }
    }

    pub(crate) fn refusal(self, kind: &Kind) -> String {
        let (place, takes) = match self {
            Self::Set => ("the list", "all kinds"),
            Self::And => ("`and`", "simple kinds and `not`"),
            Self::Not => ("`not`", "simple kinds"),
            Self::Drop => ("`drop`", "simple kinds and `not`"),
            Self::Composite => ("`composite`", "simple kinds and `and`"),
        };
        format!("`{}` cannot stand within {place}, which takes {takes}", kind.name())
    }
}

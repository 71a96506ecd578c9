//! `rate_per_key`: so many traces a second, of rare keys a larger part.

use tailsift_trace::{Millis, Value};

use crate::compile::{Compiler, SpanContext};
use crate::derive::{DerivedName, Source, with_text};
use crate::facts::Word;
use crate::fnv::{FNV_START, fnv};
use crate::kind::Case;
use crate::randomness::explicit_threshold;
use crate::rates::{Goal, SCALE};
use crate::{Facts, Limiters, Threshold};

/// Keeps so many traces a second in all, and of those whose key is rare a larger part.
///
/// A trace's key are its attributes `by`: the root's, or its resource's, else those of any span; of
/// several values always the same one stands for all, whatever their order. Traces without any of
/// them have a key of their own. For each key the number of traces in an interval is known as a
/// moving average, and the budget is divided by the logarithm of it, as in Honeycomb's
/// `EMADynamicSampler`: frequent keys are thinned out, rare ones kept whole.
///
/// The decision is the trace's randomness (`ot=rv`, else the low 56 bits of its ID) against the
/// threshold that the key has at that moment, so the probability of each kept trace is known. A
/// trace that comes with an `ot=th` counts as the many that it stands for.
///
/// What is usual is counted for each partition, on its stream time, and begins anew with each owner.
/// Until a key has been there for an interval it shares a part with all new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatePerKey {
    /// What makes a key; one at least.
    pub by: Vec<KeyPart>,
    /// Traces that are kept each second, of all keys and over all partitions; at least 1.
    pub traces_per_second: u32,
    /// So many keys are told apart on each partition, 1 to 100 000; all others share one part.
    pub keys_max: u32,
    /// How often the budget is divided anew; at least a second.
    pub interval: Millis,
}

/// One of the attributes that make a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPart {
    /// A derived attribute.
    Derived(DerivedName),
    /// An attribute of a span or its resource: a text, an integer or a truth value.
    Attribute(String),
}

#[derive(Debug)]
pub(crate) struct Rule {
    by: Vec<(Source, Word)>,
    /// The highest `ot=th` of the trace's spans.
    upstream: Word,
    goal: Goal,
    place: usize,
}

/// A trace stands for this many at most: a hostile `ot=th` must not outweigh everything else.
const STANDS_FOR_MAX: u64 = 1024;

impl RatePerKey {
    /// The most keys that are told apart.
    pub const KEYS_MAX: u32 = 100_000;

    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.rate_per_key");
        if self.by.is_empty() {
            let message = "must list at least one attribute, such as service.name";
            compiler.refuse(format!("{path}.by"), message);
        }
        if self.traces_per_second < 1 {
            let message = format!("must be at least 1, got {}", self.traces_per_second);
            compiler.refuse(format!("{path}.traces_per_second"), message);
        }
        if !(1..=Self::KEYS_MAX).contains(&self.keys_max) {
            let message =
                format!("must lie between 1 and {}, got {}", Self::KEYS_MAX, self.keys_max);
            compiler.refuse(format!("{path}.keys_max"), message);
        }
        if self.interval < Millis(1000) {
            let message = format!("must be at least 1s, got {} ms", self.interval.0);
            compiler.refuse(format!("{path}.interval"), message);
        }
        for (index, part) in self.by.iter().enumerate() {
            if *part == KeyPart::Attribute(String::new()) {
                let message = "must name an attribute, got \"\"";
                compiler.refuse(format!("{path}.by[{index}]"), message);
            }
        }
        compiler.reads_randomness = true;
        let mut by = self.by;
        by.sort_unstable();
        by.dedup();
        let source = |part| {
            let source = match part {
                KeyPart::Derived(name) => compiler.derived(name),
                KeyPart::Attribute(key) => compiler.attribute(&key),
            };
            (source, compiler.word())
        };
        Rule {
            by: by.into_iter().map(source).collect(),
            upstream: compiler.word(),
            goal: Goal {
                traces_per_second: self.traces_per_second,
                interval: self.interval,
                keys_max: self.keys_max as usize,
            },
            place: compiler.budgets.rates(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        let is_root = context.span.parent_span_id.is_none();
        for (source, word) in &self.by {
            if let Some(hash) = source.of(context).and_then(hash) {
                // A root's value outranks any other.
                let ranked = u64::from(is_root) << 63 | hash >> 1;
                let word = facts.bits.number_mut(*word);
                *word = ranked.max(*word);
            }
        }
        if let Some(threshold) = explicit_threshold(context.span.trace_state) {
            let word = facts.bits.number_mut(self.upstream);
            *word = threshold.max(*word);
        }
    }

    pub(crate) fn sampled(&self, case: &mut Case<'_>) -> bool {
        let bits = &case.facts.bits;
        let key = self.by.iter().fold(FNV_START, |key, (_, word)| {
            // Whether a root has said it does not make another key.
            fnv(key, &(bits.number(*word) & !(1 << 63)).to_le_bytes())
        });
        let weight = weight(bits.number(self.upstream));
        let threshold = case.limiters.rate(self.place, &self.goal, key, weight, case.now);
        let randomness = case.facts.randomness.unwrap_or_else(|| case.trace_id.randomness());
        randomness >= threshold.0
    }

    /// How the trace that was asked about last had to be sampled.
    pub(crate) fn threshold(&self, limiters: &Limiters) -> Threshold {
        limiters.rate_answered(self.place)
    }
}

fn hash(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Bool(truth) => Some(fnv(FNV_START, if truth { b"true" } else { b"false" })),
        Value::Text(_)
        | Value::Int(_)
        | Value::Empty
        | Value::Double(_)
        | Value::Bytes(_)
        | Value::Array(_)
        | Value::Map(_) => with_text(value, |text| fnv(FNV_START, text)),
    }
    .map(|hash| hash.max(2))
}

/// How many traces it stands for, as an earlier sampler has let so many of them pass.
fn weight(upstream: u64) -> u64 {
    let accepted = Threshold::RANGE.saturating_sub(upstream).max(1);
    let stands_for = u128::from(SCALE) * u128::from(Threshold::RANGE) / u128::from(accepted);
    stands_for.min(u128::from(SCALE * STANDS_FOR_MAX)) as u64
}

//! `drift`: some traces of every version, and all of one whose model grows unsure.

use tailsift_trace::{Millis, Value};

use crate::baselines::Watch;
use crate::compile::{Compiler, SpanContext};
use crate::derive::{DerivedName, Source, with_text};
use crate::facts::{Bit, Word};
use crate::fnv::{FNV_START, fnv};
use crate::kind::Case;
use crate::kind::low_confidence::{OfArrays, Scale, each_confidence};
use crate::{Facts, Tally};

/// Keeps a floor of traces for each key, and all of a key while more of its traces are of low
/// confidence than usual.
///
/// A trace's key are its derived attributes `by`: of spans that carry a confidence, else of spans
/// that carry the attribute themselves. Where several spans disagree, one of their values stands
/// for all, the same whatever their order. A trace without any has no key and is not sampled.
///
/// What is usual is counted for each partition, on its stream time, and begins anew with each
/// owner: at first sight of a key, each partition keeps one trace of it. At most 1024 keys are told
/// apart; for one more, the one not seen for longest is forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// What makes a key.
    pub by: Vec<DerivedName>,
    /// Traces that are kept of each key each minute, over all partitions.
    pub floor_per_minute: u32,
    /// A trace is low if a confidence is strictly below this, between 0 and 1.
    pub low_confidence_below: f64,
    /// How confidences are written.
    pub scale: Scale,
    /// Which confidence a list stands for; `None` = none.
    pub of_arrays: Option<OfArrays>,
    /// All are kept while the share of low traces, over the last two twelfths of `baseline`, is more
    /// than this many times the usual one, and more than chance explains; above 1.
    pub rise: f64,
    /// How far back what is usual goes; older traces fade. At least a minute.
    pub baseline: Millis,
}

#[derive(Debug)]
pub(crate) struct Rule {
    by: Vec<(Source, Word)>,
    confidence: Source,
    of_arrays: Option<OfArrays>,
    /// In the attributes' own scale.
    below: f64,
    measured: Bit,
    low: Bit,
    watch: Watch,
    place: usize,
}

impl Drift {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.drift");
        let below = self.low_confidence_below;
        if self.by.is_empty() {
            let message = "must list at least one of model, model_version, preprocessing_version";
            compiler.refuse(format!("{path}.by"), message);
        }
        if !(below > 0.0 && below <= 1.0) {
            let message = format!(
                "must lie above 0 and at most at 1 (also with `scale: percent`), got {below}"
            );
            compiler.refuse(format!("{path}.low_confidence_below"), message);
        }
        if !(self.rise > 1.0 && self.rise.is_finite()) {
            compiler.refuse(format!("{path}.rise"), format!("must be above 1, got {}", self.rise));
        }
        if self.baseline < Millis(60_000) {
            let message = format!("must be at least 1m, got {} ms", self.baseline.0);
            compiler.refuse(format!("{path}.baseline"), message);
        }
        let mut names = self.by;
        names.sort_unstable();
        names.dedup();
        Rule {
            by: names.into_iter().map(|name| (compiler.derived(name), compiler.word())).collect(),
            confidence: compiler.confidence(self.of_arrays.is_some()),
            of_arrays: self.of_arrays,
            below: below * self.scale.factor(),
            measured: compiler.bit(),
            low: compiler.bit(),
            watch: Watch {
                floor_per_minute: self.floor_per_minute,
                rise: self.rise,
                baseline: self.baseline,
            },
            place: compiler.budgets.baselines(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        let mut measures = false;
        each_confidence(&self.confidence, self.of_arrays, context, |confidence| {
            measures |= confidence.is_some();
            match confidence {
                Some(confidence) if confidence < self.below => facts.bits.set(self.low),
                Some(_) => {}
                None => tally.confidence_unreadable += 1,
            }
        });
        if measures {
            facts.bits.set(self.measured);
        }
        for (source, word) in &self.by {
            // Any span has a version of its service: only those that predict speak by their resource.
            let own = source.among(context.attributes);
            let value = own.or_else(|| if measures { source.of(context) } else { None });
            if let Some(hash) = value.and_then(hash) {
                let rank = if measures { 1 << 63 } else { 0 };
                let word = facts.bits.number_mut(*word);
                *word = (rank | hash >> 1).max(*word);
            }
        }
    }

    pub(crate) fn sampled(&self, case: &mut Case<'_>) -> bool {
        let mut has_key = false;
        let mut key = FNV_START;
        for (_, word) in &self.by {
            // Whether a span that predicts has said it does not make another version.
            let value = case.facts.bits.number(*word) & !(1 << 63);
            has_key |= value != 0;
            key = fnv(key, &value.to_le_bytes());
        }
        if !has_key {
            return false;
        }
        let bits = &case.facts.bits;
        let low = bits.get(self.measured).then(|| bits.get(self.low));
        case.limiters.watch(self.place, &self.watch, key, low, case.now)
    }
}

fn hash(value: Value<'_>) -> Option<u64> {
    with_text(value, |text| fnv(FNV_START, text).max(2))
}
